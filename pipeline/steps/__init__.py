"""The steps of the pipeline: what each reads, what computes it, what it writes. No Dagster here.

A step is current when its fingerprint is: inputs, configuration, source of what computes it, versions of the
libraries named. Assets, the command line and benchmarks all run the same steps. What computes a step is imported
when it runs, so that importing the steps loads none of the libraries of statistics (docs/decisions.md).
"""

from pipeline.steps.airs import AIRS_STEPS
from pipeline.steps.analysis import ANALYSIS_STEPS
from pipeline.steps.comparison import COMPARISON_STEPS
from pipeline.steps.contagion import CONTAGION_STEPS
from pipeline.steps.convergence import CONVERGENCE_STEPS
from pipeline.steps.conversation import CONVERSATION_STEPS
from pipeline.steps.coordination import COORDINATION_STEPS
from pipeline.steps.corpus import CORPUS_STEPS
from pipeline.steps.decomposition import DECOMPOSITION_STEPS
from pipeline.steps.embedding import EMBEDDING_STEPS
from pipeline.steps.feature import FEATURE_STEPS
from pipeline.steps.gender import GENDER_SCORE_STEPS, GENDER_STEPS
from pipeline.steps.homophily import HOMOPHILY_STEPS
from pipeline.steps.influence import INFLUENCE_STEPS
from pipeline.steps.languages import LANGUAGE_STEPS
from pipeline.steps.lexicon import LEXICON_STEPS
from pipeline.steps.minting import MINTING_STEPS
from pipeline.steps.norms import NORM_STEPS
from pipeline.steps.persona import PERSONA_STEPS
from pipeline.steps.selection import SELECTION_STEPS
from pipeline.steps.socialisation import SOCIALISATION_STEPS
from pipeline.steps.statements import STATEMENT_STEPS
from pipeline.steps.step import Check, Outcome, Progress, Step, StepContext, run_step
from pipeline.steps.structure import STRUCTURE_STEPS
from pipeline.steps.topics import TOPIC_STEPS
from pipeline.steps.transfer import TRANSFER_STEPS

_IN_ORDER = (
    *CORPUS_STEPS,
    *FEATURE_STEPS,
    *LANGUAGE_STEPS,
    *EMBEDDING_STEPS,
    *GENDER_SCORE_STEPS,
    *HOMOPHILY_STEPS,
    *STRUCTURE_STEPS,
    *GENDER_STEPS,
    *SELECTION_STEPS,
    *INFLUENCE_STEPS,
    *DECOMPOSITION_STEPS,
    *CONVERGENCE_STEPS,
    *COORDINATION_STEPS,
    *NORM_STEPS,
    *MINTING_STEPS,
    *CONVERSATION_STEPS,
    *TOPIC_STEPS,
    *LEXICON_STEPS,
    *PERSONA_STEPS,
    *SOCIALISATION_STEPS,
    *STATEMENT_STEPS,
    *TRANSFER_STEPS,
    *CONTAGION_STEPS,
    *AIRS_STEPS,
    *ANALYSIS_STEPS,
    *COMPARISON_STEPS,
)
STEPS: dict[str, Step] = {step.key: step for step in _IN_ORDER}
"""All steps by key, in an order in which each comes after what it reads."""

__all__ = ["STEPS", "Check", "Outcome", "Progress", "Step", "StepContext", "run_step"]
