"""What a statistic would be by chance: draws of null models of timing, and a value set against draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from pipeline.activity.resampling import FloatArray, Null
from pipeline.coordination.posts import Posts
from pipeline.coordination.timing import MIN_INTERVALS, Intervals, coefficients, intervals, ordered_within
from pipeline.schema import Measure

MEMORYLESS, PERMUTED = "memoryless_posting", "permuted_authors"
_MOST_VALUES = 40_000_000
LEAST_DRAWS = 100


def affordable(draws: int, size: int) -> int:
    """Return how many draws of `size` values are made: all of them, fewer in large corpora, at least 100."""
    return min(draws, max(LEAST_DRAWS, _MOST_VALUES // max(size, 1)))


def memoryless(
    counts: FloatArray, statistic: Callable[[FloatArray], FloatArray], draws: int, rng: np.random.Generator
) -> FloatArray:
    """Draw a statistic of coefficients of variation of agents that post at random moments.

    Parameters
    ----------
    counts
        Intervals of each agent, shape (agents,).
    statistic
        Maps coefficients of variation, shape (agents,), to values, shape (k,).
    draws, rng
        Number of draws and their random stream.

    Returns
    -------
    ndarray
        Shape (draws, k): every agent keeps its number of intervals, and they are exponential.
    """
    n = counts.astype(np.int64)
    agent = np.repeat(np.arange(len(n)), n)
    drawn = (Intervals(agent, rng.exponential(size=len(agent))) for _ in range(draws))
    return np.stack([statistic(coefficients(found)[1]) for found in drawn])


def permuted(
    posts: Posts, statistic: Callable[[FloatArray], FloatArray], draws: int, rng: np.random.Generator
) -> FloatArray:
    """Draw the statistic with the times of all posts dealt anew among them, shape (draws, k).

    Every agent keeps its number of posts and the platform its rhythm; what agents do with their own time is lost.
    """
    result = []
    for _ in range(draws):
        at = ordered_within(posts.agent, rng.permutation(posts.at))
        n, cov = coefficients(intervals(posts.agent, at, posts.gaps))
        result.append(statistic(cov[n >= MIN_INTERVALS]))
    return np.stack(result)


def against(model: str, value: float, draws: FloatArray) -> Null | None:
    """Set a value against draws: their mean and spread, and the share at least as far from the mean.

    Parameters
    ----------
    model
        Name of the null model; the number of draws is added to it.
    value
        The observed value.
    draws
        Values under the null, shape (draws,); not-a-number where undefined.
    """
    finite = draws[np.isfinite(draws)]
    if finite.size < 2 or not np.isfinite(value):
        return None
    mean = float(finite.mean())
    # The last digits of equal sums may differ; a draw as far as the value up to rounding counts as one.
    reach = abs(value - mean) * (1 - 1e-12)
    further = np.count_nonzero(np.abs(finite - mean) >= reach)
    return Null(f"{model}({finite.size})", mean, float(finite.std(ddof=1)), (1 + int(further)) / (1 + finite.size))


def once(rows: Iterable[Measure]) -> list[Measure]:
    """Return the rows without those that repeat a measure and its null model: without a null, two rows are one."""
    return list({(row.measure_id, row.null_model): row for row in rows}.values())
