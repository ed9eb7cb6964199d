"""The step of norm clusters: which communities have texts that gather around a norm."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.schema import estimate_frame, measure_frame
from pipeline.steps.analysis import _sampling
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data


def _norms(context: StepContext) -> Mapping[str, Data]:
    from pipeline.language.norms import norm_rows

    measures, estimates = norm_rows(context.con, _sampling(context.settings), context.progress)
    return {"measure": measure_frame(measures), "estimate": estimate_frame(estimates)}


_LANGUAGE = tuple(
    f"pipeline.language.{name}"
    for name in (
        *("convergence_sample", "covered", "identify", "norm_clusters", "norm_sample", "norm_specification", "norms"),
        *("rungs", "similarity", "xmeans"),
    )
)

NORM_STEPS = (
    Step(
        key="analysis/norms",
        tables=("measure", "estimate"),
        reads=("message", "text", "template", "embedding"),
        family="norms",
        compute=_norms,
        modules=(
            *_LANGUAGE,
            "pipeline.activity.resampling",
            "pipeline.activity.row",
            "pipeline.inference",
            "pipeline.schema.tidy",
            "pipeline.steps.norms",
            "pipeline.steps.analysis",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy", "scikit-learn"),
        description="Coherent norm clusters by community: X-means and HDBSCAN, against texts dealt out anew.",
    ),
)
