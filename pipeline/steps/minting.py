"""The step of token-mint protocol posts: where they are, and whether they draw corrections and complaints."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.language.clock import read_clock, warn_coarse
from pipeline.language.covered import corpus_coverage, warned
from pipeline.schema import estimate_frame, measure_frame
from pipeline.steps.analysis import _sampling
from pipeline.steps.languages import COVERED
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data

MOST_DRAWS = 499
"""Draws of each permutation: six of them on replies."""


def _minting(context: StepContext) -> Mapping[str, Data]:
    from pipeline.inference.minting import minting_measures
    from pipeline.inference.minting_estimates import minting_estimates
    from pipeline.inference.minting_frames import read_minting

    con, clock, sampling = context.con, read_clock(context.con), _sampling(context.settings)
    minting = read_minting(con)
    measures = warned(minting_measures(minting, clock, sampling), corpus_coverage(con))
    estimates = minting_estimates(minting, clock, sampling, n_draws=min(context.settings.permutation_draws, MOST_DRAWS))
    rows = warn_periods(warn_coarse(con, measures, ("post",)), read_gaps(con).of("post"))
    return {"measure": measure_frame(rows), "estimate": estimate_frame(estimates)}


MINTING_STEPS = (
    Step(
        key="analysis/token_mint",
        tables=("measure", "estimate"),
        reads=("message", "text", "lexicon_score", "reply_class", "collection_gap"),
        family="token_mint",
        compute=_minting,
        modules=(
            "pipeline.activity.gaps",
            "pipeline.activity.resampling",
            "pipeline.activity.row",
            "pipeline.inference",
            "pipeline.language.clock",
            *COVERED,
            "pipeline.schema.tidy",
            "pipeline.steps.analysis",
            "pipeline.steps.minting",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy"),
        description="Token-mint protocol posts by community and day, corrections under them, complaints about them.",
    ),
)
