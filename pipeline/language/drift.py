"""What follows an agent's highest-voted post: placebo events at matched places, and the curve around the event.

What belongs here: pure functions on arrays. An agent's posts are a series y in their order; the event is the post with
the most votes. As published, all posts after it are set against all before it, which takes a trend over an agent's life
for an effect, and whatever is special about the post with the most votes. Here

- windows are as wide before the event as after it and leave the event itself out, so that what makes a post win votes
  and lasts for a while (regression to the mean) raises both sides alike, as long as it is as quick to come as to go;
- from the change at the event is subtracted what the *same* agent's posts do at the places where other agents with as
  many posts have their event: a trend over the life of agents, common or an agent's own, is in both;
- a window at a placebo place near the event holds part of a true effect, so the difference is divided by the share of
  a lasting change of level that it keeps.

What is left to chance is the places: they are taken as exchangeable among agents with equally many posts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.inference.result import Fit, wald

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_AGENTS = 20
"""With fewer agents a mean over agents has neither test nor interval."""
MOST_PAIRS = 1_000_000
"""Agents and placebo places that are held at once."""
EXACT_SIZE = 12
"""Up to so many posts, agents are matched on the very number; above, on quarters of a doubling."""


@dataclass(frozen=True, slots=True)
class Series:
    """Posts in their order, agent by agent.

    Attributes
    ----------
    values
        Shape (n,): outcome of each post.
    starts, sizes, event
        Shape (agents,): first post of each agent, number of posts, and place of the event, from 0.
    """

    values: Floats
    starts: Ints
    sizes: Ints
    event: Ints

    def of(self, agents: Ints) -> Series:
        """Return the series of some agents; `values` stay as they are."""
        return Series(self.values, self.starts[agents], self.sizes[agents], self.event[agents])

    def at(self, event: Ints) -> Series:
        """Return the same series with events at other places."""
        return Series(self.values, self.starts, self.sizes, event)


@dataclass(frozen=True, slots=True)
class Matched:
    """The change at each event net of the placebo places of the same agent.

    Attributes
    ----------
    agents
        Shape (m,): which agents have an event with room on both sides and a partner.
    change
        Shape (m,): change at the event, mean of the window after less mean of that before.
    net
        Shape (m,): the same less the mean change at the placebo places.
    kept
        Shape (m,): share of a lasting change of level that `net` keeps.
    """

    agents: Ints
    change: Floats
    net: Floats
    kept: Floats


def change_at(series: Series, agents: Ints, place: Ints, window: int, total: Floats | None = None) -> Floats:
    """Return the mean of the `window` posts after a place less that of those before; nan without room.

    `total` is the running sum of all values from 0 on, where it is at hand.
    """
    if total is None:
        total = np.concatenate([[0.0], np.cumsum(series.values)])
    room = (place >= window) & (place + window < series.sizes[agents])
    at = np.where(room, series.starts[agents] + place, 0)
    low, high = np.where(room, at - window, 0), np.where(room, at + window + 1, 0)
    change = (total[high] - total[np.where(room, at + 1, 0)] - (total[at] - total[low])) / window
    return np.where(room, change, np.nan)


def strata(sizes: Ints) -> Ints:
    """Return the stratum of agents by their number of posts."""
    wide = EXACT_SIZE + np.floor(4 * np.log2(np.maximum(sizes, 1) / EXACT_SIZE)).astype(np.int64) + 1
    return np.where(sizes <= EXACT_SIZE, sizes, wide)


def usable(series: Series, window: int) -> Ints:
    """Return the agents whose event has room on both sides and who have at least two places with room."""
    has_room = (series.event >= window) & (series.event + window < series.sizes)
    return np.flatnonzero(has_room & (series.sizes >= 2 * window + 2)).astype(np.int64)


def donor_places(event: Ints, sizes: Ints, to_sizes: Ints, window: int) -> Ints:
    """Return where events lie in series of other sizes: at the same share of the places with room."""
    share = (event - window) / np.maximum(sizes - 1 - 2 * window, 1)
    return (window + np.floor(share * (to_sizes - 1 - 2 * window) + 0.5)).astype(np.int64)


def pairs(series: Series, window: int) -> Iterator[tuple[Ints, Ints]]:
    """Yield agent and place of every placebo, each agent with each other one of its stratum, some agents at a time.

    Strata of a large corpus have thousands of agents, so that all pairs at once would not fit into memory; all those of
    an agent are in one part.
    """
    chosen = usable(series, window)
    groups = strata(series.sizes[chosen])
    for group in np.unique(groups):
        members = chosen[groups == group]
        at_once = max(1, MOST_PAIRS // len(members))
        for start in range(0, len(members), at_once):
            own, donor = (
                side.ravel() for side in np.meshgrid(members[start : start + at_once], members, indexing="ij")
            )
            own, donor = own[own != donor], donor[own != donor]
            yield own, donor_places(series.event[donor], series.sizes[donor], series.sizes[own], window)


def matched(series: Series, window: int) -> Matched:
    """Return the change at each event net of the mean change at the placebo places of the same agent.

    Parameters
    ----------
    series
        The posts, with an event for each agent.
    window
        Posts on each side.
    """
    total = np.concatenate([[0.0], np.cumsum(series.values)])
    counts = np.zeros(len(series.sizes), dtype=np.int64)
    placebo, leaked = np.zeros(len(counts)), np.zeros(len(counts))
    for own, place in pairs(series, window):
        counts += np.bincount(own, minlength=len(counts))
        changes = change_at(series, own, place, window, total)
        placebo += np.bincount(own, weights=changes, minlength=len(counts))
        leaked += np.bincount(own, weights=step_at(place - series.event[own], window), minlength=len(counts))
    agents = np.flatnonzero(counts).astype(np.int64)
    change = change_at(series, agents, series.event[agents], window, total)
    return Matched(agents, change, change - placebo[agents] / counts[agents], 1 - leaked[agents] / counts[agents])


def step_at(distance: Ints, window: int) -> Floats:
    """Return the change that a step just after the event makes at a place `distance` posts behind it."""
    after = np.clip(window + np.minimum(distance, 0), 0, window)
    before = np.clip(distance - 1, 0, window)
    change: Floats = (after - before) / window
    return change


def matched_effect(found: Matched, ci_level: float) -> Fit:
    """Return the lasting change of level at the event: Σ net / Σ kept, with a t-test over agents.

    Given the places, agents are independent, so the error is that of a ratio of means (delta method).
    """
    n, kept = len(found.net), float(found.kept.sum())
    few = Fit(n_obs=n, n_agents=n, n_clusters=n, n_events=n, warnings=("few_events",))
    if n < FEWEST_AGENTS or kept <= 0:
        return few
    effect = float(found.net.sum()) / kept
    rest = found.net - effect * found.kept
    error = float(np.sqrt(rest @ rest * n / (n - 1))) / kept
    return _tested(effect, error, n, n - 1, ci_level)


def matched_dose(found: Matched, dose: Floats, ci_level: float) -> Fit:
    """Return how the effect grows with a dose: slope per standard deviation, errors robust to unequal variance.

    Parameters
    ----------
    found
        The changes.
    dose
        Shape (m,): dose of each of `found.agents`, such as the logarithm of the votes.
    """
    n, spread = len(found.net), float(dose.std()) if len(dose) else 0.0
    if n < FEWEST_AGENTS or spread == 0 or not found.kept.any():
        word = "few_events" if n < FEWEST_AGENTS else "no_variation"
        return Fit(n_obs=n, n_agents=n, n_clusters=n, n_events=n, warnings=(word,))
    x = np.column_stack([found.kept, found.kept * (dose - dose.mean()) / spread])
    bread = np.linalg.pinv(x.T @ x)
    beta = bread @ x.T @ found.net
    scores = x * (found.net - x @ beta)[:, None]
    variance = (bread @ (scores.T @ scores) @ bread)[1, 1] * n / (n - 2)
    return _tested(float(beta[1]), float(np.sqrt(variance)), n, n - 2, ci_level)


def one_placebo(series: Series, window: int, rng: np.random.Generator) -> Series:
    """Return the series with each event moved to one placebo place, drawn among those of its stratum.

    Agents without a partner keep no room for an event, so that they drop out.
    """
    event = np.full(len(series.sizes), -1, dtype=np.int64)
    for own, place in pairs(series, window):
        order = np.lexsort((rng.random(len(own)), own))
        first = np.unique(own[order], return_index=True)[1]
        event[own[order][first]] = place[order][first]
    return series.at(event)


def whole_changes(series: Series) -> tuple[Floats, Floats]:
    """Return the mean of all posts before and of all after the event of each agent, nan where there are none."""
    total = np.concatenate([[0.0], np.cumsum(series.values)])
    at, end = series.starts + series.event, series.starts + series.sizes
    with np.errstate(invalid="ignore", divide="ignore"):
        before = (total[at] - total[series.starts]) / (at - series.starts)
        after = (total[end] - total[at + 1]) / (end - at - 1)
    return before, after


def paired_t(difference: Floats, ci_level: float) -> Fit:
    """Return the mean of a difference with a t-test over agents."""
    n = len(difference)
    if n < FEWEST_AGENTS:
        return Fit(n_obs=n, n_agents=n, n_clusters=n, n_events=n, warnings=("few_events",))
    error = float(difference.std(ddof=1) / np.sqrt(n))
    return _tested(float(difference.mean()), error, n, n - 1, ci_level)


def sign_share(difference: Floats, ci_level: float) -> Fit:
    """Return the share of agents whose value falls less one half, with the exact sign test; ties are left out."""
    below, above = int((difference < 0).sum()), int((difference > 0).sum())
    n = below + above
    if n < FEWEST_AGENTS:
        return Fit(n_obs=n, n_agents=n, n_clusters=n, n_events=n, warnings=("few_events",))
    test = stats.binomtest(below, n, 0.5)
    low, high = test.proportion_ci(ci_level, method="exact")
    return Fit(
        estimate=below / n - 0.5, p_value=float(test.pvalue), conf_low=float(low) - 0.5, conf_high=float(high) - 0.5,
        n_obs=n, n_agents=n, n_clusters=n, n_events=n,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One place of the event-time curve: mean and standard error over agents of y less y at the placebo places."""

    offset: int
    mean: float
    error: float
    agents: int


def event_curve(series: Series, reach: int, window: int) -> list[CurvePoint]:
    """Return the outcome at every distance from the event, less that at the same distance from placebo places.

    Parameters
    ----------
    series
        The posts.
    reach
        Posts on each side that the curve shows; where an agent has fewer, it is not in those points.
    window
        Room that an event needs, as in `matched`.
    """
    offsets = range(-reach, reach + 1)
    n_agents = len(series.sizes)
    paired = np.zeros(n_agents, dtype=np.bool_)
    sums, counts = np.zeros((len(offsets), n_agents)), np.zeros((len(offsets), n_agents), dtype=np.int64)
    for own, place in pairs(series, window):
        paired[own] = True
        for row, offset in enumerate(offsets):
            placebo = _value_at(series, own, place + offset)
            is_there = np.isfinite(placebo)
            counts[row] += np.bincount(own[is_there], minlength=n_agents)
            sums[row] += np.bincount(own[is_there], weights=placebo[is_there], minlength=n_agents)
    agents, points = np.flatnonzero(paired), []
    for row, offset in enumerate(offsets):
        real = _value_at(series, agents, series.event[agents] + offset)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums[row, agents] / counts[row, agents]
        net = (real - mean)[np.isfinite(real) & np.isfinite(mean)]
        if len(net) >= FEWEST_AGENTS:
            error = float(net.std(ddof=1) / np.sqrt(len(net)))
            points.append(CurvePoint(offset, float(net.mean()), error, len(net)))
    return points


def _value_at(series: Series, agents: Ints, place: Ints) -> Floats:
    inside = (place >= 0) & (place < series.sizes[agents])
    return np.where(inside, series.values[np.where(inside, series.starts[agents] + place, 0)], np.nan)


def _tested(estimate: float, error: float, n: int, df: int, ci_level: float) -> Fit:
    counted = Fit(estimate=estimate, n_obs=n, n_agents=n, n_clusters=n, n_events=n)
    if error <= 1e-12 * max(1.0, abs(estimate)):
        return replace(counted, warnings=("no_variation",))
    test = wald(estimate, error, ci_level, df)
    return replace(
        counted,
        std_error=error,
        statistic=test.statistic,
        df=float(df),
        p_value=test.p_value,
        conf_low=test.low,
        conf_high=test.high,
    )
