"""Homophily of a panel divided among selection, influence and structure, with intervals.

What belongs here: how many runs are made, from which start, and how their spread becomes an interval.

Two starts: ties as observed, so that inertia holds what an earlier selection left; and ties at random with the same
degrees, so that all homophily is made within the window. A sample of agents has the second only: the ties of its start
are drawn. The interval adds the spread over processes drawn from the
sampling distribution of the coefficients (parametric bootstrap), less what chance alone gives, to the error of a mean
over runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.decomposition.accounting import excess_similarity
from pipeline.decomposition.coalitions import SHARES, STATISTICS, coalition_runs
from pipeline.decomposition.fitting import MOST_WEEKS, Fitted, Refused, drawn, fit_process
from pipeline.decomposition.forward import COALITIONS, Process
from pipeline.network.panel import Panel

Floats = NDArray[np.float64]

STARTS = ("rewired", "observed")
FEWEST_RUNS, MOST_RUNS = 8, 40
"""Replications of the fitted process, and as many drawn processes, from each start."""
AGENT_STEPS = (120, 300, 600, 1200)
"""Agents of the process at most: the largest that the budget allows `FEWEST_RUNS` of."""
_SECONDS_PER_WEEK, _SECONDS_PER_PAIR = 2e-4, 1.5e-8
"""What one week of one run costs, as a formula: a clock would make results depend on the machine."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How large the counterfactual runs are.

    Attributes
    ----------
    agents
        Agents of the process at most.
    runs
        Replications, and drawn processes.
    """

    agents: int
    runs: int


@dataclass(frozen=True, slots=True)
class Share:
    """What each part leaves of homophily at the end, from one start.

    Attributes
    ----------
    start
        Of `STARTS`.
    value, error, low, high
        By `SHARES` and `STATISTICS`, shape (5, 2).
    p_value
        Of zero, shape (5, 2), not-a-number where there is no error.
    """

    start: str
    value: Floats
    error: Floats
    low: Floats
    high: Floats
    p_value: Floats


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The fit, its shares by start, what was observed at the end by `STATISTICS`, and the plan."""

    fitted: Fitted
    shares: tuple[Share, ...]
    observed: Floats
    plan: Plan


def plan(panel: Panel, seconds: float) -> Plan:
    """Return how many agents and runs a budget allows, by a formula of agents and weeks."""
    agents = int(np.count_nonzero(np.isfinite(panel.scores).sum(axis=1) >= 2))
    chosen, runs = AGENT_STEPS[0], FEWEST_RUNS
    for most in AGENT_STEPS:
        n = min(agents, most)
        per_run = len(COALITIONS) * min(panel.n_weeks, MOST_WEEKS) * (_SECONDS_PER_WEEK + _SECONDS_PER_PAIR * n * n)
        affordable = int(seconds / (2 * (len(STARTS) if n == agents else 1) * per_run))
        if most == AGENT_STEPS[0] or affordable >= FEWEST_RUNS:
            chosen, runs = most, min(max(affordable, FEWEST_RUNS), MOST_RUNS)
    return Plan(chosen, runs)


def decompose(panel: Panel, *, seed: int, ci_level: float, seconds: float) -> Decomposition | Refused:
    """Divide the homophily of the last week of a panel.

    Parameters
    ----------
    panel
        The panel.
    seed
        Seed of samples, runs and drawn processes.
    ci_level
        Level of the intervals.
    seconds
        About what the runs may take on one quiet core; decides agents and runs, by a formula.
    """
    chosen = plan(panel, seconds)
    fitted = fit_process(panel, seed=seed, most_agents=chosen.agents)
    if isinstance(fitted, Refused):
        return fitted
    starts = STARTS[:1] if fitted.basis.is_sample else STARTS
    shares = tuple(_share(fitted, start, chosen.runs, seed, ci_level) for start in starts)
    standard = panel.standardised()
    return Decomposition(fitted, shares, _observed(standard), chosen)


def _share(fitted: Fitted, start: str, runs: int, seed: int, ci_level: float) -> Share:
    is_rewired = start == "rewired"
    found = coalition_runs(fitted.process, runs, seed, is_rewired=is_rewired).shares
    value, chance = found.mean(axis=1), found.var(axis=1, ddof=1)
    rng = np.random.default_rng([seed, 7])
    others = [_one(drawn(fitted, rng), seed + 1 + draw, is_rewired) for draw in range(runs)]
    between = np.var(others, axis=0, ddof=1)
    error = np.sqrt(np.maximum(between - chance, 0.0) + chance / runs)
    law = stats.t(runs - 1)
    reach = law.ppf(0.5 + ci_level / 2) * error
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = np.where(error > 0, 2 * law.sf(np.abs(value) / error), np.nan)
    return Share(start, value, error, value - reach, value + reach, p_value)


def _one(process: Process, seed: int, is_rewired: bool) -> Floats:
    shares: Floats = coalition_runs(process, 1, seed, is_rewired=is_rewired).shares[:, 0]
    return shares


def _observed(panel: Panel) -> Floats:
    """Return assortativity and excess similarity of the last week, not-a-number where they are not defined."""
    y = panel.scores[:, -1]
    shot = panel.ties.at(panel.first_week + panel.n_weeks - 1)
    known = np.isfinite(y[shot.source]) & np.isfinite(y[shot.target])
    source, target = shot.source[known], shot.target[known]
    if len(source) < 2 or not (np.ptp(y[source]) > 0 and np.ptp(y[target]) > 0):
        return np.full(len(STATISTICS), np.nan)
    return np.array([np.corrcoef(y[source], y[target])[0, 1], excess_similarity(y, source, target)])


__all__ = ["SHARES", "STARTS", "STATISTICS", "Decomposition", "Plan", "Refused", "Share", "decompose", "plan"]
