"""From a number, its interval and its null to a row of ``analysis.measure``; what all families here share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.activity.resampling import NO_INTERVAL, Interval, Null
from pipeline.schema import Measure, join_warnings

CENSUS = Interval(None, None, "census")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How intervals and nulls are drawn.

    Attributes
    ----------
    seed
        Seed of the run.
    bootstrap_draws, null_draws, clustering_draws
        Draws of each bootstrap, of each null model, and of the null of clustering, which is the dearest.
    level
        Level of the intervals.
    """

    seed: int
    bootstrap_draws: int = 1000
    null_draws: int = 200
    clustering_draws: int = 40
    level: float = 0.95


def row(
    family: str,
    measure_id: str,
    value: float | None,
    n: int,
    n_unit: str,
    *,
    level: float,
    interval: Interval = NO_INTERVAL,
    null: Null | None = None,
    warnings: Iterable[str] = (),
    is_discrete: bool = False,
) -> Measure:
    """Build one row for the whole corpus in slice ``all``.

    Parameters
    ----------
    family, measure_id, value, n, n_unit
        As in ``analysis.measure``; a value that is not finite becomes null, and so do its interval and null
        model.
    level
        Level of the interval.
    interval, null
        What stands beside the value. `CENSUS` marks a count of what is there: nothing was sampled, so it has
        no interval.
    warnings
        Words of the warning vocabulary.
    is_discrete
        True for a statistic that may stand still although the data vary, such as a quantile of whole numbers.
    """
    if value is None or not math.isfinite(value):
        value, interval, null = None, NO_INTERVAL, None
    words = list(warnings)
    if interval.low is not None and interval.low == interval.high and _is_resampled(interval) and not is_discrete:
        # Resampling that never moves the value says that the data hold no variation, not that it is certain.
        interval = NO_INTERVAL
        words.append("no_variation")
    if value is not None and null is None and interval == NO_INTERVAL and not words:
        words.append("few_agents")  # what is drawn with replacement was too little to draw from
    return Measure(
        family=family,
        measure_id=measure_id,
        value=None if value is None else float(value),
        n=int(n),
        n_unit=n_unit,
        ci_low=interval.low,
        ci_high=interval.high,
        ci_level=None if interval.low is None else level,
        ci_method=interval.method,
        null_model=null.model if null else None,
        null_mean=null.mean if null else None,
        null_sd=null.sd if null else None,
        p_value=null.p_value if null else None,
        warnings=join_warnings(words),
    )


def _is_resampled(interval: Interval) -> bool:
    return interval.method is not None and interval.method.startswith(("jackknife", "cluster_bootstrap", "bootstrap"))
