"""The steps of decomposition: what changed homophily week by week, and how much of it each process makes."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.language.covered import corpus_coverage, refused, warned
from pipeline.language.covered_estimates import with_language
from pipeline.schema import estimate_frame, measure_frame
from pipeline.steps.languages import COVERED
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data


def _measure(context: StepContext) -> Mapping[str, Data]:
    from pipeline.decomposition.rows import decomposition_measures
    from pipeline.gender.measures import axis_warned

    rows = decomposition_measures(context.con, level=context.settings.ci_level, progress=context.progress)
    covered = corpus_coverage(context.con)
    axis = [row for row in rows if row.unit_id.endswith("/gender_axis")]
    counted = [row for row in rows if row.unit_id.endswith(("/airs_share", "/gender_lexicon"))]  # English word lists
    others = [row for row in rows if row not in axis and row not in counted]
    gaps = read_gaps(context.con).of("post", "comment")
    axis = refused(axis_warned(context.con, axis), covered)
    return {"measure": measure_frame(warn_periods([*others, *warned(counted, covered), *axis], gaps))}


def _estimate(context: StepContext) -> Mapping[str, Data]:
    from pipeline.decomposition.rows import Options, decomposition_estimates

    options = Options(seed=context.settings.seed, level=context.settings.ci_level)
    rows = decomposition_estimates(context.con, options, progress=context.progress)
    return {"estimate": estimate_frame(with_language(rows, corpus_coverage(context.con)))}


_READS = ("agent", "message", "text", "lexicon_score", "gender_score", "interaction", "tie_event")
_MODULES = (
    "pipeline.steps.decomposition",
    "pipeline.decomposition",
    "pipeline.network",
    "pipeline.selection",
    "pipeline.inference",
    *COVERED,
    "pipeline.language.covered_estimates",
    "pipeline.activity.resampling",
    "pipeline.activity.row",
    "pipeline.schema.tidy",
)
_LIBRARIES = ("duckdb", "polars", "numpy", "scipy", "numba")

DECOMPOSITION_STEPS = (
    Step(
        key="analysis/measure/decomposition",
        tables=("measure",),
        reads=(*_READS, "embedding", "collection_gap"),
        family="decomposition",
        compute=_measure,
        modules=(*_MODULES, "pipeline.gender.measures", "pipeline.activity.gaps"),
        libraries=_LIBRARIES,
        description="What changed the homophily of ties week by week: ties that came and went, scores, agents.",
    ),
    Step(
        key="analysis/estimate/decomposition",
        tables=("estimate",),
        reads=_READS,
        family="decomposition",
        compute=_estimate,
        modules=(*_MODULES, "pipeline.influence", "pipeline.simulation.coevolution_kernels"),
        libraries=_LIBRARIES,
        description="How much of homophily selection, influence and structure make, by runs with each switched off.",
    ),
)
