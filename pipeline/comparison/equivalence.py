"""Tests on the replicates of two sides: equivalence by two one-sided tests, difference by permutation of labels.

What belongs here: pure functions on the logarithms of a measure, one value per run or window.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import stats

from pipeline.activity.resampling import FloatArray

MARGIN = math.log(1.25)
"""The margin of equivalence, stated before any result: two values within a factor of 1.25 count as equivalent."""

_ALWAYS_APART = 1e12  # statistic of two samples that do not vary and differ


class Welch(NamedTuple):
    """Difference of two means, its standard error and its degrees of freedom (Welch–Satterthwaite)."""

    difference: float
    error: float
    df: float


def welch(a: FloatArray, b: FloatArray, shared: tuple[float, float] = (0.0, 0.0)) -> Welch:
    """Return the difference of the means of `a` and `b` with its error.

    Parameters
    ----------
    a, b
        Logarithms of the measure, one per replicate, each at least 2.
    shared
        Standard error of what all replicates of a side have in common, added to that of their mean. Windows of one
        society have the same members, and their spread does not show what another draw of members would give; the
        error of resampled members does. Part of the noise is then counted twice, on the safe side.
    """
    part_a = float(a.var(ddof=1)) / a.size + shared[0] ** 2
    part_b = float(b.var(ddof=1)) / b.size + shared[1] ** 2
    total = part_a + part_b
    df = total**2 / (part_a**2 / (a.size - 1) + part_b**2 / (b.size - 1)) if total > 0 else float(a.size + b.size - 2)
    return Welch(float(a.mean() - b.mean()), math.sqrt(total), df)


def equivalence_p(result: Welch, margin: float = MARGIN) -> float:
    """P-value of equivalence by two one-sided tests.

    Parameters
    ----------
    result
        The difference of means.
    margin
        The means count as equivalent when they differ by less than this.

    Returns
    -------
    float
        The larger p of the tests of ``μ_a − μ_b ≤ −margin`` and ``μ_a − μ_b ≥ margin`` (Schuirmann 1987).
    """
    if result.error == 0:
        return 0.0 if abs(result.difference) < margin else 1.0
    below = stats.t.sf((result.difference + margin) / result.error, result.df)
    above = stats.t.cdf((result.difference - margin) / result.error, result.df)
    return float(max(below, above))


def difference_p(result: Welch) -> float:
    """Two-sided p of a difference of means."""
    if result.error == 0:
        return 1.0 if result.difference == 0 else 0.0
    return float(2 * stats.t.sf(abs(result.difference) / result.error, result.df))


def permutation_p(a: FloatArray, b: FloatArray, *, draws: int, rng: np.random.Generator) -> float:
    """Two-sided p of a difference of means by permutation of the labels of replicates.

    Parameters
    ----------
    a, b
        One value per replicate.
    draws, rng
        Random relabellings when there are more than `draws` of them; otherwise all are used, the observed one
        among them, and nothing is drawn.

    Returns
    -------
    float
        Share of relabellings whose Welch statistic is at least as far from zero as the observed one (Janssen 1997:
        valid also for unequal variances when there are many replicates); with random ones the observed counts too.
    """
    pooled = np.concatenate([a, b])
    size, first = pooled.size, a.size
    if math.comb(size, first) <= draws:
        chosen = np.array(list(combinations(range(size), first)), dtype=np.int64)
    else:
        chosen = np.argsort(rng.random((draws, size)), axis=1)[:, :first]
    is_first = np.zeros((len(chosen), size), dtype=np.bool_)
    np.put_along_axis(is_first, chosen, True, axis=1)
    observed = np.arange(size) < first
    null = np.abs(_statistics(pooled, is_first))
    reached = null >= abs(float(_statistics(pooled, observed[None, :])[0])) - 1e-9
    if math.comb(size, first) <= draws:
        return float(reached.mean())
    return float((1 + reached.sum()) / (draws + 1))


def _statistics(pooled: FloatArray, is_first: np.ndarray) -> FloatArray:
    """Welch statistics of many labellings, shape (draws,)."""
    centred = pooled - pooled.mean()
    n_a, n_b = is_first.sum(axis=1), (~is_first).sum(axis=1)
    sum_a, square_a = is_first @ centred, is_first @ centred**2
    sum_b, square_b = centred.sum() - sum_a, (centred**2).sum() - square_a
    mean_a, mean_b = sum_a / n_a, sum_b / n_b
    part_a = np.maximum(square_a - n_a * mean_a**2, 0) / (n_a - 1) / n_a
    part_b = np.maximum(square_b - n_b * mean_b**2, 0) / (n_b - 1) / n_b
    difference, error = mean_a - mean_b, np.sqrt(part_a + part_b)
    scale = float(np.abs(centred).max()) or 1.0
    is_flat = error <= 1e-12 * scale
    flat = np.where(np.abs(difference) <= 1e-12 * scale, 0.0, _ALWAYS_APART)
    return np.asarray(np.where(is_flat, flat, difference / np.where(is_flat, 1.0, error)), dtype=np.float64)
