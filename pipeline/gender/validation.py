"""Does a score tell apart agents that declare a gender? The area under the ROC curve, with its interval and its null.

What belongs here: small pure functions on arrays.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, Interval, Null
from pipeline.gender.variance import Found

LEAST_OF_A_KIND = 10
"""With fewer agents of either gender there is no interval and no null."""


def area(feminine: FloatArray, masculine: FloatArray, *, level: float) -> Found:
    """Return the probability that a feminine agent scores above a masculine one, ties counting half.

    Parameters
    ----------
    feminine, masculine
        Scores of the agents that declare either.
    level
        Level of the interval.

    Returns
    -------
    Found
        Interval of DeLong, DeLong & Clarke-Pearson 1988 on the log-odds scale; null: labels dealt anew, mean 1/2 and
        the variance of the rank sum with ties, two-sided p of the normal distribution; n counts the agents.
    """
    n, m = len(feminine), len(masculine)
    if not n or not m:
        return Found(math.nan, NO_INTERVAL, n + m)
    ranks = stats.rankdata(np.concatenate([feminine, masculine]))
    above = ranks[:n] - stats.rankdata(feminine)  # masculine agents below each feminine one
    below = ranks[n:] - stats.rankdata(masculine)  # feminine agents below each masculine one
    value = float(above.sum() / (n * m))
    if min(n, m) < LEAST_OF_A_KIND:
        return Found(value, NO_INTERVAL, n + m)
    variance = float(np.var(above / m, ddof=1) / n + np.var(1 - below / n, ddof=1) / m)
    _, ties = np.unique(ranks, return_counts=True)
    tied = float((ties**3 - ties).sum()) / ((n + m) * (n + m - 1))
    chance = math.sqrt((n + m + 1 - tied) / (12 * n * m)) if n + m + 1 > tied else 0.0
    null = None
    if chance > 0:
        null = Null("label_permutation", 0.5, chance, math.erfc(abs(value - 0.5) / chance / math.sqrt(2)))
    return Found(value, _interval(value, variance, level), n + m, null)


def _interval(value: float, variance: float, level: float) -> Interval:
    if variance <= 0 or not 0 < value < 1:
        return NO_INTERVAL
    reach = float(stats.norm.ppf((1 + level) / 2)) * math.sqrt(variance) / (value * (1 - value))
    middle = math.log(value / (1 - value))
    low, high = (1 / (1 + math.exp(-(middle + sign * reach))) for sign in (-1, 1))
    return Interval(low, high, "delong_logit")
