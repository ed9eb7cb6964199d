"""The step of selection: whom agents tie themselves to, and which ties last, by how alike their scores are."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.language.covered import corpus_coverage
from pipeline.language.covered_estimates import with_language
from pipeline.schema import estimate_frame
from pipeline.steps.languages import COVERED
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data


def _selection(context: StepContext) -> Mapping[str, Data]:
    from pipeline.selection.estimates import selection_estimates

    settings = context.settings
    rows = selection_estimates(context.con, seed=settings.seed, level=settings.ci_level, progress=context.progress)
    return {"estimate": estimate_frame(with_language(rows, corpus_coverage(context.con)))}


SELECTION_STEPS = (
    Step(
        key="analysis/estimate/selection",
        tables=("estimate",),
        reads=("agent", "message", "text", "lexicon_score", "gender_score", "interaction", "tie_event"),
        family="selection",
        compute=_selection,
        modules=(
            "pipeline.steps.selection",
            "pipeline.selection",
            "pipeline.influence.communities",
            "pipeline.structure.communities",
            "pipeline.structure.degrees",
            "pipeline.network",
            "pipeline.inference",
            *COVERED,
            "pipeline.language.covered_estimates",
            "pipeline.activity.resampling",
            "pipeline.schema.tidy",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy", "numba", "networkit"),
        description="Do agents tie themselves to their like, and keep such ties: choices of alters, with placebos.",
    ),
)
