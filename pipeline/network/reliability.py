"""How reliable weekly scores are: what two random halves of an agent's messages say about the error of the whole.

What belongs here: reliability and error variance from `Panel.halves`. What does not: correcting an estimate for them.

The error is that of which messages an agent happened to write in the week. What both halves share and is still wrong
(a word list that measures something else) is no error here: reliability is not validity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.network.panel import Panel

FloatArray = NDArray[np.float64]

MIN_CELLS = 30
"""With fewer agent-weeks that have both halves there is no reliability."""
MIN_AGENTS = 20
"""With fewer agents that have both halves there is no standard error of it."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Reliability of a weekly score, from split halves.

    Attributes
    ----------
    reliability
        Spearman-Brown of the correlation of the halves, 2r / (1 + r): the share of the variance of the score that is
        no error. None when it cannot be had; 0 when the halves agree less than by chance.
    std_error
        Jackknife over agents, None with fewer than `MIN_AGENTS`.
    error_variance
        Mean variance of the error of a score, in squared units of the score: mean (half 1 − half 2)² / 4.
    error_variance_se
        Its standard error, clustered by agent.
    n_cells, n_agents
        Agent-weeks with both halves, and their agents.
    warning
        ``no_halves`` (messages are not halved), ``few_agents``, ``no_variation`` or None.
    """

    reliability: float | None
    std_error: float | None
    error_variance: float | None
    error_variance_se: float | None
    n_cells: int
    n_agents: int
    warning: str | None = None


def split_half(panel: Panel, *, within: bool = False) -> Reliability:
    """Estimate the reliability of the weekly scores of a panel from its halves.

    Parameters
    ----------
    panel
        With `halves`; without them the result is null.
    within
        Take the mean of each agent, then of each week, out of both halves first: the reliability of what an estimator
        with agent and week effects sees, which is lower than that of the scores. The error variance stays that of the
        scores.

    Notes
    -----
    Spearman (1910) and Brown (1910): r of two halves becomes 2r / (1 + r) for their mean.
    """
    if panel.halves is None:
        return Reliability(None, None, None, None, 0, 0, "no_halves")
    both = np.isfinite(panel.halves).all(axis=0)
    agent, week = np.nonzero(both)
    n_cells, n_agents = len(agent), len(np.unique(agent))
    if n_cells < MIN_CELLS:
        return Reliability(None, None, None, None, n_cells, n_agents, "few_agents")
    first, second = panel.halves[0][both], panel.halves[1][both]
    squares = (first - second) ** 2 / 4
    variance = float(squares.mean())
    sums = np.bincount(agent, weights=squares - variance, minlength=panel.n_agents)
    variance_se = float(np.sqrt(np.sum(sums**2)) / n_cells) if n_agents >= MIN_AGENTS else None
    if within:
        first, second = (_two_way_centred(values, agent, week) for values in (first, second))
    if min(first.std(), second.std()) < 1e-12:
        return Reliability(None, None, variance, variance_se, n_cells, n_agents, "no_variation")
    value, error = _spearman_brown(first, second, agent)
    return Reliability(value, error if n_agents >= MIN_AGENTS else None, variance, variance_se, n_cells, n_agents)


def error_variances(panel: Panel) -> FloatArray | None:
    """Return the error variance of each score, shape (agents, weeks), in squared units of the score, or None.

    With `Panel.weight` a message has the variance σ², estimated by the mean of n (half 1 − half 2)² / 4 over
    agent-weeks with both halves, and a score of n messages σ² / n; without, all scores have the mean error variance.
    """
    found = split_half(panel)
    if panel.halves is None or found.error_variance is None:
        return None
    if panel.weight is None:
        return np.full(panel.scores.shape, found.error_variance)
    both = np.isfinite(panel.halves).all(axis=0) & (panel.weight > 0)
    per_message = float(np.mean(panel.weight[both] * (panel.halves[0][both] - panel.halves[1][both]) ** 2 / 4))
    known = np.isfinite(panel.weight) & (panel.weight > 0)
    return np.where(known, per_message / np.where(known, panel.weight, 1.0), np.nan)


def _two_way_centred(values: FloatArray, agent: NDArray[np.int64], week: NDArray[np.int64]) -> FloatArray:
    """Take agent and week means out by turns (unbalanced, so not in one go), 20 times."""
    out = values
    for _ in range(20):
        for code in (agent, week):
            n = np.maximum(np.bincount(code), 1)
            out = out - (np.bincount(code, weights=out) / n)[code]
    return out


def _spearman_brown(first: FloatArray, second: FloatArray, agent: NDArray[np.int64]) -> tuple[float, float]:
    """Return 2r / (1 + r) and its jackknife error over agents, from sums per agent."""
    columns = (np.ones_like(first), first, second, first * first, second * second, first * second)
    sums = np.column_stack([np.bincount(agent, weights=column) for column in columns])
    sums = sums[sums[:, 0] > 0]
    total = sums.sum(axis=0)
    values = _from_sums(np.vstack([total, total - sums]))
    draws, units = values[1:], len(sums)
    return float(values[0]), float(np.sqrt((units - 1) / units * np.sum((draws - draws.mean()) ** 2)))


def _from_sums(sums: FloatArray) -> FloatArray:
    n, a, b, aa, bb, ab = sums.T
    n = np.maximum(n, 1)
    spread = np.sqrt(np.maximum((aa - a * a / n) * (bb - b * b / n), 1e-300))
    r = np.maximum((ab - a * b / n) / spread, 0.0)
    out: FloatArray = 2 * r / (1 + r)
    return out
