"""The step of lexicon measures: how often the categories of all cards occur."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.lexicon.measures import FAMILY, lexicon_measures
from pipeline.schema import measure_frame
from pipeline.steps.feature import lexicon_cards
from pipeline.steps.languages import MODULES as _LANGUAGES
from pipeline.steps.languages import per_language
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data


def _measure(context: StepContext) -> Mapping[str, Data]:
    compute = per_language(lambda c: lexicon_measures(c.con, c.state, level=c.settings.ci_level))
    return {"measure": measure_frame(compute(context))}


LEXICON_STEPS = (
    Step(
        key="analysis/measure/lexicon",
        tables=("measure",),
        reads=("message", "text", "lexicon_score", "slice"),
        family=FAMILY,
        compute=_measure,
        modules=(
            "pipeline.steps.lexicon",
            *_LANGUAGES,
            "pipeline.lexicon.measures",
            "pipeline.language.covered",
            "pipeline.activity.row",
            "pipeline.activity.resampling",
            "pipeline.schema.tidy",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy"),
        prepare=lexicon_cards,
        description="How often the categories of all lexicons occur: shares of messages, texts and tokens.",
    ),
)
