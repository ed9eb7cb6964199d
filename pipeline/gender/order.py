"""Whether the order of an agent's weeks matters: lag-1 autocorrelation and transitions between terciles.

What belongs here: small pure functions on panels. Agents differ in level, so the scores of consecutive weeks are alike
even where the order of the weeks means nothing, and a wave that all share makes neighbouring weeks alike. So the mean
of each week is taken off first, and the null puts the scores of each agent into random order over its own weeks: what
exceeds it is persistence from week to week.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, Null, cluster_bootstrap
from pipeline.gender.panel import Panel
from pipeline.gender.variance import LEAST_AGENTS, Found, null_of, pair_correlation, pair_totals

TERCILES = ("low", "middle", "high")
Statistic = Callable[[FloatArray], FloatArray]
MODEL = "week_permutation_within_agent"


@dataclass(frozen=True, slots=True)
class Transitions:
    """Share of steps that stay in their tercile, and the matrix of shares by tercile of the first week."""

    stay: Found
    matrix: dict[tuple[str, str], Found]


def lag_correlation(panel: Panel, *, draws: int, null_draws: int, rng: np.random.Generator, level: float) -> Found:
    """Return the correlation of an agent's scores, off the mean of their week, in consecutive weeks; n counts pairs."""
    at, value_of = panel.consecutive(), off_weeks(panel)
    x, y, agent = value_of[at], value_of[at + 1], panel.agent[at]
    agent = np.unique(agent, return_inverse=True)[1].astype(np.int64)
    sums = pair_totals(agent, x, y)
    if not len(sums):
        return Found(np.nan, NO_INTERVAL, 0)
    value = float(pair_correlation(sums.sum(axis=0, keepdims=True))[0])
    if len(sums) < LEAST_AGENTS or not np.isfinite(value):
        return Found(value, NO_INTERVAL, len(at))
    interval = cluster_bootstrap(
        sums,
        pair_correlation,
        draws=draws,
        rng=rng,
        level=level,
        method="cluster_bootstrap_agents",
    )
    drawn = np.empty(null_draws)
    for i, shuffled in enumerate(_orders(panel, value_of, null_draws, rng)):
        x, y = shuffled[at], shuffled[at + 1]
        drawn[i] = pair_correlation(
            np.array([[len(at), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()]])
        )[0]
    return Found(value, interval, len(at), null_of(MODEL, value, drawn))


def off_weeks(panel: Panel) -> FloatArray:
    """Return the scores without the mean of their week, rounded so that equal ones stay equal."""
    week = panel.week - panel.week.min() if panel.week.size else panel.week
    means = np.bincount(week, panel.value) / np.maximum(np.bincount(week), 1)
    return np.asarray(np.round(panel.value - means[week], 12), dtype=np.float64)


def terciles(values: FloatArray) -> IntArray | None:
    """Return the tercile of each score (0, 1, 2) by bounds over all weeks; None where ties leave fewer.

    A score equal to the lower bound is low, one equal to the upper bound is high.
    """
    if not values.size:
        return None
    low, high = np.quantile(values, [1 / 3, 2 / 3], method="inverted_cdf")
    cut = np.where(values <= low, 0, np.where(values >= high, 2, 1)).astype(np.int64)
    return cut if low < high and np.bincount(cut, minlength=3).all() else None


def transitions(
    panel: Panel, *, draws: int, null_draws: int, rng: np.random.Generator, level: float
) -> Transitions | None:
    """Return how often agents stay in their tercile from week to week; None where there are no terciles or steps."""
    cut, at = terciles(off_weeks(panel)), panel.consecutive()
    if cut is None or not len(at):
        return None
    agent = np.unique(panel.agent[at], return_inverse=True)[1].astype(np.int64)
    cell = cut[at] * 3 + cut[at + 1]
    counts = np.bincount(agent * 9 + cell, minlength=9 * (int(agent.max()) + 1)).reshape(-1, 9).astype(np.int64)
    observed = counts.sum(axis=0)
    is_enough = len(counts) >= LEAST_AGENTS
    null = None
    if is_enough:
        drawn = np.array([(s[at] == s[at + 1]).mean() for s in _orders(panel, cut.astype(np.float64), null_draws, rng)])
        null = null_of(MODEL, _stays(observed[None, :].astype(float))[0], drawn)
    matrix = {}
    for start, name in enumerate(TERCILES):
        for end, other in enumerate(TERCILES):
            share = _share(start, end)
            matrix[name, other] = _found(counts, share, int(observed[3 * start : 3 * start + 3].sum()), None,
                                         draws if is_enough else 0, rng, level)  # fmt: skip
    stay = _found(counts, _stays, len(at), null, draws if is_enough else 0, rng, level)
    return Transitions(stay, matrix)


def _found(
    counts: IntArray,
    statistic: Statistic,
    n: int,
    null: Null | None,
    draws: int,
    rng: np.random.Generator,
    level: float,
) -> Found:
    value = float(statistic(counts.sum(axis=0, keepdims=True).astype(np.float64))[0])
    interval: Interval = NO_INTERVAL
    if draws and np.isfinite(value):
        interval = cluster_bootstrap(
            counts, statistic, draws=draws, rng=rng, level=level, method="cluster_bootstrap_agents"
        )
    return Found(value, interval, n, null)


def _stays(summed: FloatArray) -> FloatArray:
    return np.asarray((summed[:, 0] + summed[:, 4] + summed[:, 8]) / summed.sum(axis=1), dtype=np.float64)


def _share(start: int, end: int) -> Statistic:
    def share(summed: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(summed[:, 3 * start + end] / summed[:, 3 * start : 3 * start + 3].sum(axis=1))

    return share


def _orders(panel: Panel, values: FloatArray, draws: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield the values of each agent in random order over its own weeks."""
    for _ in range(draws):
        yield values[np.argsort(panel.agent + rng.random(len(values)))]
