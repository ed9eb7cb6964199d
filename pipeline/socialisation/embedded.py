"""The measures that need vectors: which rung, and what is refused.

What belongs here: the conditions under which vectors mean anything. Vectors are those of the dearest rung that every
text has; where most texts are of a language that its teacher does not cover, the measures are null.
"""

from __future__ import annotations

import duckdb

from pipeline.activity.row import Sampling, row
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import find_embedding
from pipeline.language.covered import corpus_coverage, refused
from pipeline.schema import Measure
from pipeline.socialisation.correction import NAMES as CORRECTION
from pipeline.socialisation.correction import correction_measures
from pipeline.socialisation.drift import NAMES as DRIFT
from pipeline.socialisation.drift import drift_measures
from pipeline.socialisation.inertia import adaptation_measure, inertia_measure
from pipeline.socialisation.vocabulary import FAMILY

ALL = (*DRIFT, "agent_inertia", "feedback_adaptation", *CORRECTION)


def embedded_measures(
    con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute drift, cohesion, inertia, adaptation and uptake of corrections.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text``, ``embedding`` and ``reply_class`` of one corpus.
    clock
        Its period.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        Null rows where there is no clock, no vector or no language that the model covers.
    """
    embedding, covered = find_embedding(con), corpus_coverage(con)
    if clock.period is None or embedding is None or covered.is_refused:
        reasons = [str(clock.refusal)] if clock.period is None else []
        reasons += ["model_unavailable"] if clock.period and embedding is None else []
        empty = [row(FAMILY, name, None, 0, "texts", level=sampling.level, warnings=[*words, *reasons]) for name in ALL]
        return refused(empty, covered)
    return refused(
        [
            *drift_measures(con, embedding, clock, sampling, words),
            inertia_measure(con, embedding, clock, sampling, words),
            adaptation_measure(con, embedding, clock, sampling, words),
            *correction_measures(con, embedding, clock, sampling, words),
        ],
        covered,
    )
