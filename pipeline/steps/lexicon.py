"""The step of lexicon measures: how often the categories of all cards occur."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.language.clock import read_clock, warn_coarse
from pipeline.schema import measure_frame
from pipeline.steps.feature import lexicon_cards
from pipeline.steps.languages import COVERED, per_language
from pipeline.steps.languages import MODULES as _LANGUAGES
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data


def _measure(context: StepContext) -> Mapping[str, Data]:
    from pipeline.lexicon.measures import lexicon_measures
    from pipeline.lexicon.periods import period_measures

    level = context.settings.ci_level
    rows = per_language(lambda c: lexicon_measures(c.con, c.state, level=level))(context)
    timed = period_measures(context.con, context.state, read_clock(context.con), level=level)
    timed = warn_coarse(context.con, timed)
    gaps = read_gaps(context.con).of("post", "comment")
    return {"measure": measure_frame([*rows, *warn_periods(timed, gaps)])}


LEXICON_STEPS = (
    Step(
        key="analysis/measure/lexicon",
        tables=("measure",),
        reads=("message", "text", "lexicon_score", "slice", "collection_gap"),
        family="lexicon",
        compute=_measure,
        modules=(
            "pipeline.steps.lexicon",
            "pipeline.steps.feature",
            *_LANGUAGES,
            *COVERED,
            "pipeline.lexicon",
            "pipeline.language.clock",
            "pipeline.activity.gaps",
            "pipeline.activity.row",
            "pipeline.activity.resampling",
            "pipeline.schema.tidy",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy"),
        prepare=lexicon_cards,
        description="How often categories of lexicons occur: shares of messages, texts and tokens, and by period.",
    ),
)
