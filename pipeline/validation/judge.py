"""From draws to verdicts: coverage, size, bias, and whether the standard error is the spread.

What belongs here: sums over the runs of a scenario. Definitions are those of STATISTICS 2.7: coverage is the share
of runs whose interval holds the truth; size (where the truth is zero) and power (where it is not) the share that
rejects zero at 5 %; bias is in units of the standard deviation of the estimates over the runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipeline.validation.region import Region, region

LEVEL = 0.95
MOST_BIAS = 0.25
"""Largest bias of a held estimator, in standard deviations of its estimates."""
FEWEST_RUNS = 200
"""With fewer runs the error of the mean is more than a quarter of `MOST_BIAS`: bias is shown, not held."""
_KEYS = ["scenario", "estimator", "role", "term"]


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions of coverage and size of a scenario."""

    coverage: Region
    size: Region


def regions(runs: int, checks: int, alpha: float) -> Regions:
    """Return the regions for `runs` runs, of which `checks` checks are made together."""
    return Regions(region(runs, LEVEL, checks, alpha), region(runs, 1 - LEVEL, checks, alpha))


def summarise(draws: pl.DataFrame) -> pl.DataFrame:
    """Return one row per scenario, estimator and term.

    Parameters
    ----------
    draws
        Columns of `pipeline.validation.draw.SCHEMA`.

    Returns
    -------
    pl.DataFrame
        scenario, estimator, role, term, runs, refused (runs without an estimate), truth, mean, bias (mean minus truth),
        bias_in_sd, sd (over runs), sd_over_se (sd over the mean standard error), coverage, rejected (share at 5 %).
    """
    given = pl.col("estimate").is_not_null()
    truth, estimate = pl.col("truth").first(), pl.col("estimate")
    held = (pl.col("conf_low") <= pl.col("truth")) & (pl.col("truth") <= pl.col("conf_high"))
    frame = draws.group_by(_KEYS, maintain_order=True).agg(
        runs=pl.len(),
        refused=(~given).sum(),
        truth=truth,
        mean=estimate.mean(),
        sd=estimate.std(),
        mean_se=pl.col("std_error").mean(),
        coverage=held.filter(given).mean(),
        rejected=(pl.col("p_value") < 1 - LEVEL).filter(given).mean(),
    )
    return frame.with_columns(
        bias=pl.col("mean") - pl.col("truth"),
        bias_in_sd=(pl.col("mean") - pl.col("truth")) / pl.col("sd"),
        sd_over_se=pl.col("sd") / pl.col("mean_se"),
    ).select(
        *_KEYS, "runs", "refused", "truth", "mean", "bias", "bias_in_sd", "sd", "sd_over_se", "coverage", "rejected"
    )


def judged(summary: pl.DataFrame, held: Regions) -> pl.DataFrame:
    """Add the verdict on each row of primary estimators and placebos; contrasts get none.

    Returns
    -------
    pl.DataFrame
        The rows with columns coverage_held, size_held and bias_held: true, false, or null where nothing is held
        (other roles; coverage and bias without a truth; size where the truth is not zero; bias with fewer than
        `FEWEST_RUNS` runs).
    """
    is_held = pl.col("role").is_in(["primary", "placebo"])
    has_truth = is_held & pl.col("truth").is_not_null()
    is_null = is_held & (pl.col("truth").is_null() | (pl.col("truth") == 0))
    tiny = 1e-12
    coverage, size = held.coverage, held.size
    return summary.with_columns(
        coverage_held=pl.when(has_truth).then(pl.col("coverage").is_between(coverage.low - tiny, coverage.high + tiny)),
        size_held=pl.when(is_null).then(pl.col("rejected").is_between(size.low - tiny, size.high + tiny)),
        bias_held=pl.when(has_truth & (pl.col("runs") >= FEWEST_RUNS)).then(pl.col("bias_in_sd").abs() < MOST_BIAS),
    )
