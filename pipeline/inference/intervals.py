"""Intervals of shares and means: Wilson, and the bootstrap that resamples clusters."""

from __future__ import annotations

import numpy as np
from scipy import stats

from pipeline.inference.result import Floats, Ints

_GATHER_LIMIT = 4_000_000
"""Largest number of resampled cluster indices held at once; bounds memory, not the result."""


def wilson(k: int, n: int, ci_level: float) -> tuple[float, float] | tuple[None, None]:
    """Return the Wilson score interval of `k` successes in `n` trials.

    Parameters
    ----------
    k, n
        Counts, ``0 <= k <= n``.
    ci_level
        Level, for instance 0.95.

    Returns
    -------
    tuple
        Lower and upper end; ``(None, None)`` when there are no trials.

    Notes
    -----
    Wilson (1927). It treats the trials as independent.
    """
    if n == 0:
        return None, None
    z = float(stats.norm.ppf(0.5 + ci_level / 2))
    share = k / n
    centre = share + z * z / (2 * n)
    half = z * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    scale = 1 + z * z / n
    # At the ends the formula is exactly 0 or 1; rounding must not leave it a hair outside or inside.
    low = 0.0 if k == 0 else (centre - half) / scale
    high = 1.0 if k == n else (centre + half) / scale
    return low, high


def cluster_bootstrap_means(values: Floats, clusters: Ints, *, n_draws: int, rng: np.random.Generator) -> Floats:
    """Return bootstrap draws of column means, resampling whole clusters.

    Parameters
    ----------
    values
        Shape (n, m): one row per observation, one column per variable.
    clusters
        Shape (n,): codes from 0; each cluster is drawn with all its rows.
    n_draws
        Number of draws B.
    rng
        Generator; the same generator state gives the same draws.

    Returns
    -------
    numpy.ndarray
        Shape (B, m): each draw is a ratio of resampled sums to the resampled number of rows.
    """
    n_clusters = int(clusters.max()) + 1
    sums = np.column_stack(
        [
            np.bincount(clusters, minlength=n_clusters),
            *(np.bincount(clusters, weights=column, minlength=n_clusters) for column in values.T),
        ]
    )
    chunk = max(1, _GATHER_LIMIT // n_clusters)
    totals = [
        sums[rng.integers(0, n_clusters, (min(chunk, n_draws - first), n_clusters))].sum(axis=1)
        for first in range(0, n_draws, chunk)
    ]
    stacked = np.concatenate(totals)
    means: Floats = stacked[:, 1:] / stacked[:, :1]
    return means
