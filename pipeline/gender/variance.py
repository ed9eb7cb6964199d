"""How much of a weekly score lies between agents and how much within, and how much of it is more than noise.

What belongs here: small pure functions on panels. Components are those of one-way analysis of variance with unequal
group sizes (Searle, Casella & McCulloch 1992, 3.6); intervals draw agents with replacement, each with all its weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, Null, cluster_bootstrap
from pipeline.gender.panel import Halves, Panel

NAMES = ("gender_mean", "gender_between_sd", "gender_within_sd", "gender_icc")
LEAST_AGENTS = 20
"""With fewer agents that have two weeks (or two halves) there is no interval and no null."""
TOLERANCE = 1e-12  # of a variance of scores in [-1, 1]: below it they do not vary


@dataclass(frozen=True, slots=True)
class Found:
    """A statistic with its interval, its null where there is one, and the units that it rests on."""

    value: float
    interval: Interval
    n: int
    null: Null | None = None


def totals(panel: Panel) -> FloatArray:
    """Return per agent: 1, weeks, weeks squared, sum, squared sum over weeks, sum of squares; shape (agents, 6)."""
    weeks = np.bincount(panel.agent, minlength=panel.agents).astype(np.float64)
    sums = np.bincount(panel.agent, panel.value, panel.agents)
    squares = np.bincount(panel.agent, np.square(panel.value), panel.agents)
    return np.column_stack([np.ones_like(weeks), weeks, weeks**2, sums, sums**2 / weeks, squares])


def components(summed: FloatArray) -> FloatArray:
    """Return mean, between-agent sd, within-agent sd and intraclass correlation of summed `totals`.

    Parameters
    ----------
    summed
        Shape (draws, 6).

    Returns
    -------
    ndarray
        Shape (draws, 4). A negative component counts as 0 in its standard deviation; the intraclass correlation keeps
        its sign. Not-a-number without an agent that has two weeks, or without variation.
    """
    agents, weeks, squared_weeks, total, between, squares = summed.T
    with np.errstate(invalid="ignore", divide="ignore"):
        within_mean = (squares - between) / np.where(weeks > agents, weeks - agents, np.nan)
        within_mean = np.where(np.abs(within_mean) < TOLERANCE, 0, within_mean)  # what rounding leaves
        between_mean = (between - total**2 / weeks) / np.where(agents > 1, agents - 1, np.nan)
        size = (weeks - squared_weeks / weeks) / (agents - 1)
        component = (between_mean - within_mean) / size
        whole = component + within_mean
        correlation = np.where(np.abs(whole) > TOLERANCE, component / whole, np.nan)
    between_sd, within_sd = np.sqrt(np.maximum(component, 0)), np.sqrt(np.maximum(within_mean, 0))
    mean = total / np.where(weeks > 0, weeks, np.nan)
    return np.column_stack([mean, between_sd, within_sd, np.clip(correlation, -1, 1)])


def variance_components(
    panel: Panel, *, draws: int, null_draws: int, rng: np.random.Generator, level: float
) -> dict[str, Found]:
    """Return the four of `NAMES`; the null of the correlation deals the scores of each week anew among its agents.

    Estimated components can add up to a correlation of -1 and less, where nearly all agents have one week; that is no
    correlation, and not-a-number. What all agents share in a week stays in it; under the null an agent has no level of
    its own.
    """
    per_agent = totals(panel)
    values = components(per_agent.sum(axis=0, keepdims=True))[0]
    if values[3] <= -1:  # the negative component outweighs the whole variance: agents have too few weeks
        values[3] = np.nan
    repeated = int((per_agent[:, 1] >= 2).sum())
    is_enough = repeated >= LEAST_AGENTS
    found = {}
    for place, name in enumerate(NAMES):
        interval = NO_INTERVAL
        if np.isfinite(values[place]) and (panel.agents >= LEAST_AGENTS if name == "gender_mean" else is_enough):
            interval = cluster_bootstrap(
                per_agent,
                lambda summed, place=place: components(summed)[:, place],  # type: ignore[misc]
                draws=draws,
                rng=rng,
                level=level,
                method="cluster_bootstrap_agents",
            )
        null = None
        if name == "gender_icc" and is_enough and np.isfinite(values[place]):
            null = _dealt_anew(panel, per_agent, float(values[place]), null_draws, rng)
        found[name] = Found(float(values[place]), interval, len(panel.value), null)
    return found


def _dealt_anew(
    panel: Panel, per_agent: FloatArray, observed: float, draws: int, rng: np.random.Generator
) -> Null | None:
    by_week = np.lexsort((panel.agent, panel.week))
    week = panel.week[by_week] - panel.week.min()
    drawn = np.empty(draws)
    summed = per_agent.sum(axis=0)
    for i in range(draws):
        shuffled = np.empty_like(panel.value)
        shuffled[by_week] = panel.value[by_week][np.argsort(week + rng.random(len(week)))]
        sums = np.bincount(panel.agent, shuffled, panel.agents)
        summed[4] = (sums**2 / per_agent[:, 1]).sum()
        drawn[i] = components(summed[None, :])[0, 3]
    return null_of("score_permutation_within_week", observed, drawn, is_two_sided=False)


def null_of(model: str, observed: float, drawn: FloatArray, *, is_two_sided: bool = True) -> Null | None:
    """Return mean, sd and the share of draws at least as far out, the observed value counted among them."""
    kept = drawn[np.isfinite(drawn)]
    if kept.size < len(drawn) or not np.isfinite(observed) or float(np.ptp(kept)) < TOLERANCE:
        return None
    mean = float(kept.mean())
    slack = 1e-9 * max(1.0, abs(observed))  # equal values that were summed in another order
    extreme = np.abs(kept - mean) >= abs(observed - mean) - slack if is_two_sided else kept >= observed - slack
    return Null(model, mean, float(kept.std(ddof=1)), float((1 + extreme.sum()) / (len(kept) + 1)))


def reliability(halves: Halves, *, is_within: bool, draws: int, rng: np.random.Generator, level: float) -> Found:
    """Return the reliability of a weekly score from its halves, stepped up by Spearman and Brown.

    Parameters
    ----------
    halves
        Scores of both halves.
    is_within
        True for the reliability of the changes of an agent: halves are taken off the agent's own mean of each, and
        only agents with two such weeks count.
    draws, rng, level
        As for `cluster_bootstrap`.

    Returns
    -------
    Found
        ``2 r / (1 + r)`` with r the correlation of the halves; n counts the agent-weeks.
    """
    agent, first, second = halves.agent, halves.first, halves.second
    if is_within:
        kept = np.bincount(agent)[agent] >= 2 if agent.size else np.zeros(0, dtype=bool)
        agent, first, second = agent[kept], first[kept], second[kept]
        agent = np.unique(agent, return_inverse=True)[1].astype(np.int64)
        first, second = _off_means(agent, first), _off_means(agent, second)
    sums = pair_totals(agent, first, second)
    value = float(spearman_brown(pair_correlation(sums.sum(axis=0, keepdims=True)))[0]) if len(sums) else np.nan
    interval = NO_INTERVAL
    if len(sums) >= LEAST_AGENTS:
        interval = cluster_bootstrap(
            sums,
            lambda summed: spearman_brown(pair_correlation(summed)),
            draws=draws,
            rng=rng,
            level=level,
            method="cluster_bootstrap_agents",
        )
    return Found(value, interval, len(first))


def _off_means(agent: IntArray, values: FloatArray) -> FloatArray:
    return np.asarray(values - (np.bincount(agent, values) / np.bincount(agent))[agent], dtype=np.float64)


def spearman_brown(correlation: FloatArray) -> FloatArray:
    """Return the reliability of a whole from the correlation of its halves; a negative one stays as it is."""
    stepped = 2 * correlation / (1 + np.maximum(correlation, 0))
    return np.where(correlation < 0, correlation, stepped)


def pair_totals(agent: IntArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Return per agent: pairs, Σx, Σy, Σx², Σy², Σxy; shape (agents, 6)."""
    size = int(agent.max()) + 1 if agent.size else 0
    parts = (np.ones_like(x), x, y, x * x, y * y, x * y)
    return np.column_stack([np.bincount(agent, part, size) for part in parts])


def pair_correlation(summed: FloatArray) -> FloatArray:
    """Return Pearson correlations of summed `pair_totals`, shape (draws,); not-a-number without variation."""
    n, x, y, xx, yy, xy = summed.T
    with np.errstate(invalid="ignore", divide="ignore"):
        spread_x, spread_y = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2
        product = np.where((spread_x > TOLERANCE) & (spread_y > TOLERANCE), spread_x * spread_y, np.nan)
        return np.asarray(np.clip((xy / n - x * y / n**2) / np.sqrt(product), -1, 1), dtype=np.float64)
