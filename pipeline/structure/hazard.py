"""How fast a comment is answered, if it is: two models of the time to the first answer, with censoring.

What belongs here: maximum likelihood by one dimension at a time, and standard errors that let answers within a thread
hang together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from pipeline.activity.resampling import NO_INTERVAL, Interval
from pipeline.network.edges import IntArray
from pipeline.structure.degrees import FloatArray

BoolArray = NDArray[np.bool_]

MIN_EVENTS = 30
MIN_THREADS = 20


@dataclass(frozen=True, slots=True)
class Waits:
    """Times under observation.

    Attributes
    ----------
    time
        Time to the first answer, or to the end of the observation, in hours, positive, shape (comments,).
    is_answered
        Whether an answer came, shape (comments,).
    thread
        Number of the thread of each comment, shape (comments,).
    claim
        Whether a human claimed the account of the author, as in `Threads`, shape (comments,); ``None``: not asked.
    """

    time: FloatArray
    is_answered: BoolArray
    thread: IntArray
    claim: IntArray | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """A positive parameter, and the standard error of its logarithm with comments clustered by thread."""

    value: float
    log_error: float

    def interval(self, level: float, scale: float = 1.0, power: int = 1) -> Interval:
        """Return the interval of ``scale · value^power``, symmetric in the logarithm."""
        if not np.isfinite(self.log_error):
            return NO_INTERVAL
        reach = float(stats.norm.ppf((1 + level) / 2)) * self.log_error
        ends = sorted(float(scale * self.value**power * np.exp(sign * reach)) for sign in (-1, 1))
        return Interval(ends[0], ends[1], "sandwich_threads")


def kernel(waits: Waits) -> Rate | None:
    """Fit an exponential kernel: the hazard of an answer is ``α e^(−β t)``.

    Returns
    -------
    Rate or None
        β per hour. An answer may never come: the whole hazard is α / β. ``log L = Σ_answered (ln α − β t) −
        Σ (α / β)(1 − e^(−β t))``; α given β is in closed form. ``None`` with too few answers, or when no
        decay fits better than none.
    """
    t, event = waits.time, waits.is_answered
    n = int(event.sum())
    if n < MIN_EVENTS:
        return None
    waited = float(t[event].sum())

    def loss(log_beta: float) -> float:
        beta = np.exp(log_beta)
        return float(beta * waited - n * np.log(n * beta / -np.expm1(-beta * t).sum()))

    middle = float(np.log(np.log(2) / np.median(t[event])))
    grid = middle + np.linspace(-16, 6, 45)
    values = [loss(x) for x in grid]
    best = int(np.argmin(values))
    if best in (0, len(grid) - 1):
        return None
    bounds = (grid[best - 1], grid[best + 1])
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-10})
    beta = float(np.exp(found.x))
    gone = -np.expm1(-beta * t)
    alpha = n * beta / float(gone.sum())
    left = np.exp(-beta * t)
    score = np.column_stack([
        event - alpha / beta * gone,  # with respect to ln α
        -beta * t * event + alpha / beta * gone - alpha * t * left,  # with respect to ln β
    ])  # fmt: skip
    whole = alpha / beta * gone
    mixed = whole - alpha * t * left
    second = -beta * t * event - whole + alpha * t * left + alpha * beta * np.square(t) * left
    information = -np.array([[-whole.sum(), mixed.sum()], [mixed.sum(), second.sum()]])
    return Rate(beta, _sandwich(score, information, waits.thread, 1))


def weibull(waits: Waits) -> Rate | None:
    """Fit the shape k of Weibull's distribution to censored times: below 1 the hazard falls.

    Returns
    -------
    Rate or None
        Maximum likelihood; ``None`` with too few answers.
    """
    t, event = waits.time, waits.is_answered
    n = int(event.sum())
    if n < MIN_EVENTS or len(np.unique(t[event])) < 3:
        return None
    log_t = np.log(t)
    highest = float(log_t.max())
    logs = float(log_t[event].sum())

    def slope(k: float) -> float:
        power = np.exp(k * (log_t - highest))
        return float(n / k + logs - n * (power * log_t).sum() / power.sum())

    low, high = 1e-3, 1.0
    while slope(high) > 0 and high < 1e3:
        high *= 2
    if slope(low) < 0 or slope(high) > 0:
        return None
    k = float(optimize.brentq(slope, low, high, xtol=1e-12))
    shift = np.log(n) - np.log(np.exp(k * (log_t - highest)).sum()) - k * highest
    log_u = k * log_t + shift
    u = np.exp(log_u)
    score = np.column_stack([event - u, event * (1 + k * log_t) - k * log_t * u])  # of the shift, of ln k
    cross = -(k * log_t * u).sum()
    second = (event * k * log_t - k * log_t * u - np.square(k * log_t) * u).sum()
    information = -np.array([[-u.sum(), cross], [cross, second]])
    return Rate(k, _sandwich(score, information, waits.thread, 1))


def _sandwich(score: FloatArray, information: FloatArray, thread: IntArray, place: int) -> float:
    """Return the standard error of one parameter, scores summed within threads; not-a-number with too few of them."""
    _, code = np.unique(thread, return_inverse=True)
    clusters = int(code.max(initial=-1)) + 1
    if clusters < MIN_THREADS:
        return float("nan")
    sums = np.column_stack([np.bincount(code, weights=column, minlength=clusters) for column in score.T])
    try:
        bread = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        return float("nan")
    variance = (bread @ (sums.T @ sums) @ bread)[place, place] * clusters / (clusters - 1)
    return float(np.sqrt(variance)) if variance > 0 else float("nan")
