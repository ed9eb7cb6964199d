"""Does an outcome rise or fall with time: within agents, or over all messages.

What belongs here: pure functions on arrays. The headline is the slope within agents, so that a change of who writes is
no trend; its error is clustered by agent. The slope over all messages is what a mean by day shows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.inference.result import FEW_CLUSTERS, Fit, wald

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_AGENTS = 10


def slope(values: Floats, times: Floats, agent: Ints, ci_level: float, *, within: bool, clustered: bool = True) -> Fit:
    """Return the least-squares slope of values on times.

    Parameters
    ----------
    values, times, agent
        Shape (n,): outcome, time in the unit of the slope, code of the author.
    ci_level
        Level of the interval.
    within
        True takes the mean of each agent from both sides.
    clustered
        True clusters the error by agent (CR1, t with one degree of freedom less than agents); False takes messages for
        independent.
    """
    codes = np.unique(agent, return_inverse=True)[1]
    groups = int(codes.max(initial=-1)) + 1
    x, y = times.astype(np.float64), values.astype(np.float64)
    if within:
        counts = np.bincount(codes)
        x = x - (np.bincount(codes, weights=x) / counts)[codes]
        y = y - (np.bincount(codes, weights=y) / counts)[codes]
        moving = np.bincount(codes, weights=x * x) > 0
        groups, n = int(moving.sum()), int(counts[moving].sum())
    else:
        x, y, n = x - x.mean() if x.size else x, y - y.mean() if y.size else y, len(y)
    if groups < FEWEST_AGENTS:
        return Fit(n_obs=n, n_agents=groups, n_clusters=groups, warnings=("few_agents",))
    spread = float(x @ x)
    if spread <= 0 or float(y @ y) <= 0:
        return Fit(n_obs=n, n_agents=groups, n_clusters=groups, warnings=("no_variation",))
    found = float(x @ y) / spread
    rest = y - found * x
    if clustered:
        scores = np.bincount(codes, weights=x * rest)
        error, df = float(np.sqrt(scores @ scores * groups / (groups - 1))) / spread, groups - 1
    else:
        df = n - 2
        error = float(np.sqrt(rest @ rest / df / spread))
    test = wald(found, error, ci_level, df)
    return Fit(
        estimate=found,
        std_error=error,
        statistic=test.statistic,
        df=float(df),
        p_value=test.p_value,
        conf_low=test.low,
        conf_high=test.high,
        n_obs=n,
        n_agents=groups,
        n_clusters=groups if clustered else None,
        warnings=("few_clusters",) if clustered and groups < FEW_CLUSTERS else (),
    )


def rank_correlation(one: Floats, other: Floats, ci_level: float) -> Fit:
    """Return Spearman's correlation of two numbers of agents, with Fisher's interval (Bonett & Wright 2000)."""
    n = len(one)
    if n < FEWEST_AGENTS:
        return Fit(n_obs=n, n_agents=n, n_clusters=n, warnings=("few_agents",))
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return Fit(n_obs=n, n_agents=n, n_clusters=n, warnings=("no_variation",))
    test = stats.spearmanr(one, other)
    rho = float(test.statistic)
    half = float(stats.norm.ppf(0.5 + ci_level / 2)) * np.sqrt((1 + rho * rho / 2) / (n - 3))
    low, high = (float(np.tanh(np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12)) + end)) for end in (-half, half))
    return Fit(
        estimate=rho, p_value=float(test.pvalue), conf_low=low, conf_high=high, n_obs=n, n_agents=n, n_clusters=n
    )


def dealt_anew(times: Floats, agent: Ints, order: Floats) -> Floats:
    """Return the times of each agent's messages dealt out among them in the order of some numbers, such as hashes."""
    was = np.lexsort((np.arange(len(times)), agent))
    anew = np.lexsort((order, agent))
    out = np.empty_like(times)
    out[anew] = times[was]
    return out
