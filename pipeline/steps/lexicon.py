"""The step of lexicon measures: how often the categories of all cards occur."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.lexicon.measures import FAMILY, lexicon_measures
from pipeline.schema import measure_frame
from pipeline.steps.feature import lexicon_cards
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data


def _measure(context: StepContext) -> Mapping[str, Data]:
    rows = lexicon_measures(context.con, context.state, level=context.settings.ci_level)
    return {"measure": measure_frame(rows)}


LEXICON_STEPS = (
    Step(
        key="analysis/measure/lexicon",
        tables=("measure",),
        reads=("message", "text", "lexicon_score"),
        family=FAMILY,
        compute=_measure,
        modules=(
            "pipeline.steps.lexicon",
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
