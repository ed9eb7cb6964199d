"""Resampling for ratios: draws of bootstrap weights, and draws from jackknife errors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.activity.resampling import FloatArray, IntArray

_CHUNK = 100
FEWEST_GROUPS = 10  # below this a jackknife error is too unsure, as in `pipeline.activity.resampling`


def weighted_totals(copies: IntArray, *, draws: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield how often each kind of cluster is drawn, shape (at most 100, kinds), `draws` rows in all.

    Parameters
    ----------
    copies
        How many clusters there are of each kind (clusters with equal totals are of one kind), shape (kinds,).
    draws, rng
        Number of draws and their stream.
    """
    share = copies / copies.sum()
    for start in range(0, draws, _CHUNK):
        yield rng.multinomial(int(copies.sum()), share, size=min(_CHUNK, draws - start)).astype(np.float64)


def share_draws(value: float, left_out: tuple[FloatArray, ...], *, draws: int, rng: np.random.Generator) -> FloatArray:
    """Return draws of the logarithm of a share with the largest of several jackknife errors.

    Parameters
    ----------
    value
        The share.
    left_out
        For each way of grouping, the share without each group, shape (groups,).
    draws, rng
        Number of draws and their stream.

    Returns
    -------
    ndarray
        ``log value + error · t`` with t on groups − 1 degrees of freedom, shape (draws,); empty where the share is
        zero, falls to zero without some group, or there are fewer than ten groups.
    """
    if not value > 0:
        return np.zeros(0)
    best, df = -1.0, 0
    for shares in left_out:
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = np.log(shares)
        if logs.size < FEWEST_GROUPS or not np.isfinite(logs).all():  # log 0 is the largest deviation of all
            return np.zeros(0)
        error = float(np.sqrt((logs.size - 1) / logs.size * np.square(logs - logs.mean()).sum()))
        if error > best:
            best, df = error, logs.size - 1
    return np.asarray(np.log(value) + best * rng.standard_t(df, size=draws))
