"""The steps of influence: exposures to alters, and whether agents become like those whom they follow."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from pipeline.language.covered import corpus_coverage
from pipeline.language.covered_estimates import with_language
from pipeline.schema import estimate_frame, measure_frame
from pipeline.steps.languages import COVERED
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Warehouse


def _grid(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    del warehouse, corpus_id
    # As `grid_text` reads it; only what computes needs the module.
    return {"grid": files("pipeline.influence").joinpath("grid.toml").read_text(encoding="utf-8")}, None


def _exposure(context: StepContext) -> Mapping[str, Data]:
    from pipeline.influence.specification import load_influence_grid
    from pipeline.influence.weekly import exposure_frame

    return {"exposure_week": exposure_frame(context.con, load_influence_grid().variables)}


def _estimate(context: StepContext) -> Mapping[str, Data]:
    from pipeline.influence.estimates import influence_estimates
    from pipeline.influence.specification import load_influence_grid

    settings = context.settings
    rows = influence_estimates(
        context.con, load_influence_grid(), seed=settings.seed, level=settings.ci_level, progress=context.progress
    )
    return {"estimate": estimate_frame(with_language(rows, corpus_coverage(context.con)))}


def _measure(context: StepContext) -> Mapping[str, Data]:
    from pipeline.influence.specification import load_influence_grid
    from pipeline.influence.weekly import influence_measures

    settings = context.settings
    rows = influence_measures(context.con, load_influence_grid(), seed=settings.seed, level=settings.ci_level)
    return {"measure": measure_frame(rows)}


_READS = ("agent", "message", "text", "lexicon_score", "gender_score", "interaction", "tie_event")
_MODULES = (
    "pipeline.steps.influence",
    "pipeline.influence",
    "pipeline.network",
    "pipeline.inference",
    "pipeline.decomposition.scale",
    "pipeline.structure.communities",
    "pipeline.structure.degrees",
    *COVERED,
    "pipeline.language.covered_estimates",
    "pipeline.schema.tidy",
)
_LIBRARIES = ("duckdb", "polars", "numpy", "scipy", "numba", "networkit")

INFLUENCE_STEPS = (
    Step(
        key="feature/exposure_week",
        tables=("exposure_week",),
        reads=_READS,
        compute=_exposure,
        modules=(
            "pipeline.steps.influence",
            "pipeline.influence",
            "pipeline.network",
            "pipeline.inference.specification",
        ),
        libraries=("duckdb", "polars", "numpy", "numba"),
        prepare=_grid,
        description="What the alters of each agent scored, week by week: mean, number and dispersion.",
    ),
    Step(
        key="analysis/estimate/influence",
        tables=("estimate",),
        reads=_READS,
        family="influence",
        compute=_estimate,
        modules=_MODULES,
        libraries=_LIBRARIES,
        prepare=_grid,
        description="Do agents become like those whom they follow: a dynamic panel, its contrasts and its placebos.",
    ),
    Step(
        key="analysis/measure/influence",
        tables=("measure",),
        reads=_READS,
        family="influence",
        compute=_measure,
        modules=_MODULES,
        libraries=_LIBRARIES,
        prepare=_grid,
        description="The weeks in which influence shows itself.",
    ),
)
