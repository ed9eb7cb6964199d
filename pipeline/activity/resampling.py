"""Intervals by resampling that respect how the data hang together.

What belongs here: small pure functions on arrays. Resampling draws agents or threads, never messages, since
messages of one agent or thread are not independent. Clusters that contribute the same totals are
interchangeable, so draws are multinomial over distinct totals: exactly the cluster bootstrap, at a fraction
of its cost.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_CHUNK = 100  # draws held in memory at a time


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval with the way in which it was made; the ends are ``None`` when it could not be made."""

    low: float | None
    high: float | None
    method: str | None


NO_INTERVAL = Interval(None, None, None)


@dataclass(frozen=True, slots=True)
class Null:
    """A value set against draws of a null model."""

    model: str
    mean: float
    sd: float
    p_value: float


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream of one measure, so that adding a measure does not move the others.

    Parameters
    ----------
    seed
        Seed of the run, not negative.
    name
        Name of the measure.
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def cluster_bootstrap(
    totals: IntArray | FloatArray,
    statistic: Callable[[FloatArray], FloatArray],
    *,
    draws: int,
    rng: np.random.Generator,
    level: float,
    method: str,
) -> Interval:
    """Percentile interval of a statistic of totals over clusters drawn with replacement.

    Parameters
    ----------
    totals
        Totals of each cluster, shape (clusters, k).
    statistic
        Maps summed totals, shape (draws, k), to values, shape (draws,); not-a-number where undefined.
    draws, rng, level
        Number of draws, their random stream, level of the interval.
    method
        Name of the interval in the result.

    Returns
    -------
    Interval
        Empty when there are fewer than two clusters or no draw is defined.
    """
    if len(totals) < 2:
        return NO_INTERVAL
    rows, copies = np.unique(totals, axis=0, return_counts=True)
    share = copies / copies.sum()
    values = []
    for start in range(0, draws, _CHUNK):
        weights = rng.multinomial(len(totals), share, size=min(_CHUNK, draws - start))
        values.append(statistic(weights.astype(np.float64) @ rows.astype(np.float64)))
    return _percentile(np.concatenate(values), level, method)


def _percentile(values: FloatArray, level: float, method: str) -> Interval:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return NO_INTERVAL
    tail = (1 - level) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return Interval(float(low), float(high), method)


def gini(values: IntArray, copies: IntArray | FloatArray) -> FloatArray:
    """Gini coefficient of values held by many, for one or many sets of copies.

    Parameters
    ----------
    values
        Distinct non-negative values in ascending order, shape (k,).
    copies
        How many units hold each value, shape (k,) or (draws, k).

    Returns
    -------
    ndarray
        ``2 Σ rank·x / (n Σ x) − (n + 1) / n`` with ranks from 1; shape () or (draws,); not-a-number when Σ x
        = 0.
    """
    weights = np.asarray(copies, dtype=np.float64)
    below = np.cumsum(weights, axis=-1) - weights
    rank_sums = weights * below + weights * (weights + 1) / 2
    n = weights.sum(axis=-1)
    total = (weights * values).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        result = 2 * (rank_sums * values).sum(axis=-1) / (n * total) - (n + 1) / n
    return np.asarray(result, dtype=np.float64)


def gini_interval(counts: IntArray, *, draws: int, rng: np.random.Generator, level: float) -> Interval:
    """Percentile interval of the Gini coefficient of `counts` (one per agent), agents drawn with replacement."""
    if len(counts) < 2:
        return NO_INTERVAL
    values, copies = np.unique(counts, return_counts=True)
    share = copies / copies.sum()
    parts = [
        gini(values, rng.multinomial(len(counts), share, size=min(_CHUNK, draws - start)))
        for start in range(0, draws, _CHUNK)
    ]
    return _percentile(np.concatenate(parts), level, "bootstrap_agents")


def ratio(sums: FloatArray) -> FloatArray:
    """Return the first total over the second, from sums of shape (draws, 2 or more); not-a-number over nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def jackknife_interval(
    estimate: float,
    left_out: FloatArray,
    *,
    level: float,
    method: str,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Delete-a-group jackknife interval of an estimate.

    Parameters
    ----------
    estimate
        The estimate on everything.
    left_out
        The estimate without each group, shape (groups,); groups of agents by a hash of their id, so that
        agents are exchangeable.
    level, method
        Level and name of the interval.
    bounds
        Range of the statistic; the interval is cut to it.

    Returns
    -------
    Interval
        ``estimate ± t · sqrt((G − 1)/G Σ (θ_g − mean)²)`` with t on G − 1 degrees of freedom. For statistics
        of networks the jackknife over nodes is conservative (Lin, Lunde & Sarkar 2020, arXiv 2004.08935).
    """
    from scipy import stats

    finite = left_out[np.isfinite(left_out)]
    groups = finite.size
    if groups < 10 or not np.isfinite(estimate):
        return NO_INTERVAL
    error = float(np.sqrt((groups - 1) / groups * np.square(finite - finite.mean()).sum()))
    reach = float(stats.t.ppf((1 + level) / 2, groups - 1)) * error
    low, high = max(bounds[0], estimate - reach), min(bounds[1], estimate + reach)
    return Interval(low, high, method)


def median_interval(ordered: FloatArray, *, level: float) -> Interval:
    """Exact order-statistic interval of the median of independent values.

    Parameters
    ----------
    ordered
        Values in ascending order, shape (n,).
    level
        Level; the interval covers with at least this probability whatever the distribution.

    Returns
    -------
    Interval
        From the r-th smallest to the r-th largest value with the largest r for which
        ``P(Binomial(n, 1/2) < r) ≤ (1 − level)/2``; empty when n is too small for that (n < 6 at 95 %).
    """
    from scipy import stats

    n = len(ordered)
    tail = (1 - level) / 2
    rank = int(stats.binom.ppf(tail, n, 0.5))
    if rank < 1:
        return NO_INTERVAL
    return Interval(float(ordered[rank - 1]), float(ordered[n - rank]), "order_statistics")
