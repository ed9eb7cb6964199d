"""Networks whose ties and scores shape each other, with planted selection and influence: the process itself.

What belongs here: the draw of a truth, week by week, and what an observer sees of it as a
`pipeline.network.panel.Panel`. Estimators do not belong here, nor texts: those are written by the Chirper modules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.network.panel import Panel
from pipeline.network.snapshots import NEVER, TieIntervals, tie_intervals
from pipeline.simulation.coevolution_kernels import mutual, pick_by_sums, pick_directly, transposed
from pipeline.simulation.coevolution_truth import CoevolutionTruth

__all__ = ["FIRST_WEEK", "CoevolutionTruth", "CoevolutionWorld", "TieEvents", "simulate"]

FIRST_WEEK = 2870  # the week of Monday 6 January 2025
MOST_DIRECT = 2_000  # agents up to whom choices add up the weights of all
SHOCK_PERSISTENCE = 0.8  # of the shocks of a community; 0.6 of what is new keeps their variance at 1

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
NodeArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]

_STREAMS = ("agents", "start", "shocks", "innovations", "counts", "picks", "ends", "presence", "observation")


@dataclass(frozen=True, slots=True)
class TieEvents:
    """Ties that were formed, or that ended, in the observed weeks, in the order of weeks and egos.

    Attributes
    ----------
    ego, alter
        Agents, shape (events,).
    week
        Number of the week, shape (events,): a tie formed in it stands at its end, one ended in it does not.
    place
        Place among the ego's events of the week, from 0, shape (events,). Of ended ties the place tells nothing.
    """

    ego: NodeArray
    alter: NodeArray
    week: NodeArray
    place: NodeArray


@dataclass(frozen=True, slots=True)
class CoevolutionWorld:
    """A simulated world: what an observer sees, and what is behind it.

    Attributes
    ----------
    truth
        What was planted.
    panel
        What is observed: ties as weeks, scores with error and gaps, halves where there is an error. Communities are
        latent; its group is −1.
    ties
        All ties, also those that the observer misses.
    latent
        True scores, shape (agents, weeks).
    is_present
        Whether an agent has entered and not left, shape (agents, weeks).
    community, level, slope, trait
        Community, level mu, own selection and stable trait z of each agent, shape (agents,).
    formed, ended
        True events of the observed weeks.
    """

    truth: CoevolutionTruth
    panel: Panel
    ties: TieIntervals
    latent: FloatArray
    is_present: BoolArray
    community: IntArray
    level: FloatArray
    slope: FloatArray
    trait: FloatArray
    formed: TieEvents
    ended: TieEvents

    def with_communities(self) -> Panel:
        """Return the panel with the latent communities as observed groups."""
        return replace(self.panel, group=self.community)


@dataclass(frozen=True, slots=True)
class _Agents:
    level: FloatArray
    rate: FloatArray
    community: IntArray
    fitness: FloatArray
    slope: FloatArray
    trait: FloatArray
    entry: IntArray
    exit: IntArray


@dataclass(slots=True)
class _State:
    """The network and the scores at the end of a week; ties sorted by ego and alter."""

    key: IntArray  # ego · n + alter
    since: NodeArray
    y: FloatArray
    before: FloatArray  # scores a week earlier


@dataclass(frozen=True, slots=True)
class _Log:
    """Ended intervals and events, a list entry per week."""

    key: list[IntArray]
    since: list[NodeArray]
    until: list[int]
    picks: list[tuple[int, IntArray, NodeArray]]


def simulate(truth: CoevolutionTruth, *, is_direct: bool | None = None) -> CoevolutionWorld:
    """Draw a world of `truth`; the same truth always gives the same world.

    Parameters
    ----------
    truth
        What is planted.
    is_direct
        Whether choices add up the weights of all agents. By default they do up to 2,000 agents; above, prefix sums
        give draws with the same odds, though other draws, in time that grows as agents times log agents.

    Notes
    -----
    In week t, everything on the right is of the end of week t − 1, after `initial_ties` random ties and scores
    y = mu + 0.5 e, e standard normal, before the first week of the burn-in:

        x_i = mean of y_j over ties i → j;  gap_i = x_i − y_i, 0 without ties
        y_it = (1 − rho − rho_2) mu_i + rho y_i + rho_2 y_i,t−2 + beta_i gap_i + gamma h_c,t + tau_t + 0.5 e
        i forms Poisson(lam_i) ties, one after the other among all j to whom it has none, j with the odds
            exp(−(beta_s + v_i)|y_i − y_j| + b_rec [j → i] + b_tri log(1 + two-paths i → k → j)
                + b_pop log(1 + in-degree of j) + b_alt y_j + b_com [c_i = c_j] + f_j − b_trait |z_i − z_j|)
        each tie ends with the log odds d0 + d_s |y_i − y_j| − d_rec [j → i]

    A tie that ends in a week is not formed anew in it. lam_i is log-normal with mean `lam`, mu, v, f, z, tau and
    the shocks h are normal. It is a stochastic actor-oriented reading of selection and influence in discrete time
    (Steglich, Snijders & Pearson 2010, doi:10.1111/j.1467-9531.2010.01225.x, study the continuous one).
    """
    seeds = np.random.SeedSequence(truth.seed).spawn(len(_STREAMS))
    rng = {name: np.random.default_rng(seed) for name, seed in zip(_STREAMS, seeds, strict=True)}
    agents = _draw_agents(truth, rng["agents"], rng["presence"])
    seen = rng["presence"].random((truth.n_agents, truth.n_weeks)) >= truth.missing_share
    is_direct = truth.n_agents <= MOST_DIRECT if is_direct is None else is_direct
    state = _start(truth, agents, rng["start"])
    log = _Log([], [], [], [])
    shock = rng["shocks"].standard_normal(truth.n_communities)
    latent = np.empty((truth.n_agents, truth.n_weeks))
    for t in range(-truth.burn_in, truth.n_weeks):
        fresh = np.sqrt(1 - SHOCK_PERSISTENCE**2) * rng["shocks"].standard_normal(truth.n_communities)
        shock = SHOCK_PERSISTENCE * shock + fresh
        is_seen = seen[:, t - 1] if truth.is_missing_silent and t > 0 else np.ones(truth.n_agents, dtype=np.bool_)
        _week(truth, agents, state, log, t, shock, is_seen, is_direct, rng)
        if t >= 0:
            latent[:, t] = state.y
    columns = np.arange(truth.n_weeks)
    present = (agents.entry[:, None] <= columns) & (columns < agents.exit[:, None])
    return _observed(truth, agents, state, log, latent, present, present & seen, rng["observation"])


def _draw_agents(truth: CoevolutionTruth, rng: Generator, presence: Generator) -> _Agents:
    n, weeks = truth.n_agents, truth.n_weeks
    enters = (presence.random(n) < truth.entry_share) & (weeks > 1)
    entry = np.where(enters, presence.integers(1, max(weeks, 2), n), -truth.burn_in - 1)
    leaves = (presence.random(n) < truth.exit_share) & (entry < weeks - 1)
    first = np.minimum(np.maximum(entry, 0) + 1, weeks)
    return _Agents(
        level=truth.level_sd * rng.standard_normal(n),
        rate=truth.lam * np.exp(truth.rate_sd * rng.standard_normal(n) - truth.rate_sd**2 / 2),
        community=_communities(truth, rng),
        fitness=truth.fitness_sd * rng.standard_normal(n),
        slope=truth.beta_s + truth.slope_sd * rng.standard_normal(n),
        trait=rng.standard_normal(n),
        entry=entry,
        exit=np.where(leaves, presence.integers(first, weeks + (first == weeks)), weeks),
    )


def _communities(truth: CoevolutionTruth, rng: Generator) -> IntArray:
    if not truth.community_weights:
        return rng.integers(0, truth.n_communities, truth.n_agents)
    ends = np.rint(np.cumsum(truth.community_weights) / sum(truth.community_weights) * truth.n_agents)
    return rng.permutation(np.searchsorted(ends, np.arange(truth.n_agents), side="right"))


def _start(truth: CoevolutionTruth, agents: _Agents, rng: Generator) -> _State:
    """Return the week before the burn-in: random ties of the early agents, scores around their levels."""
    n, k = truth.n_agents, truth.initial_ties
    ego = np.repeat(np.arange(n), k)
    alter = (ego + 1 + rng.integers(0, n - 1, n * k)) % n  # a tie drawn twice counts once
    early = agents.entry < 0
    key = np.unique((ego * n + alter)[early[ego] & early[alter]])
    y = agents.level + truth.innovation_sd * rng.standard_normal(n)
    since = np.full(len(key), FIRST_WEEK - truth.burn_in - 1, dtype=np.int32)
    return _State(key, since, y, y.copy())


def _week(
    truth: CoevolutionTruth,
    agents: _Agents,
    state: _State,
    log: _Log,
    t: int,
    shock: FloatArray,
    is_seen: BoolArray,
    is_direct: bool,
    rng: dict[str, Generator],
) -> None:
    """Move the state from the end of week t − 1 to the end of week t, t = 0 the first observed week."""
    n, week = truth.n_agents, FIRST_WEEK + t
    was_present = (agents.entry <= t - 1) & (t - 1 < agents.exit)
    is_active = was_present & (agents.entry <= t) & (t < agents.exit)
    source, target = np.divmod(state.key, n)
    starts = np.searchsorted(state.key, np.arange(n + 1) * n)
    alters = target.astype(np.int32)
    turned, follower = transposed(starts, alters)
    scores = _scores(truth, agents, state, source, target, was_present & is_seen, shock, rng["innovations"])

    base = truth.b_pop * np.log1p(np.diff(turned)) + truth.b_alt * state.y + agents.fitness
    count = rng["counts"].poisson(agents.rate) * is_active
    pick = pick_directly if is_direct else pick_by_sums
    picks = pick(
        (starts, alters, turned, follower),
        (np.exp(base) * is_active, state.y, agents.slope, agents.community, agents.trait),
        count,
        np.array([truth.b_rec, truth.b_tri, truth.b_com, truth.b_trait]),
        rng["picks"].integers(0, 2**64, dtype=np.uint64),
    )
    egos = np.repeat(np.arange(n), count)

    odds = truth.d0 + truth.d_s * np.abs(state.y[source] - state.y[target])
    odds -= truth.d_rec * mutual(starts, alters, turned, follower)
    ends = (rng["ends"].random(len(source)) < 1 / (1 + np.exp(-odds))) & is_active[source]

    log.key.append(state.key[ends])
    log.since.append(state.since[ends])
    log.until.append(week)
    log.picks.append((week, egos[picks >= 0], picks[picks >= 0]))
    new = np.sort(egos[picks >= 0] * n + picks[picks >= 0])
    kept = state.key[~ends]
    place = np.searchsorted(kept, new)
    state.key = np.insert(kept, place, new)
    state.since = np.insert(state.since[~ends], place, np.int32(week))
    state.before, state.y = state.y, scores


def _scores(
    truth: CoevolutionTruth,
    agents: _Agents,
    state: _State,
    source: IntArray,
    target: IntArray,
    is_visible: BoolArray,
    shock: FloatArray,
    rng: Generator,
) -> FloatArray:
    """Return the scores of the next week."""
    n = truth.n_agents
    heard = np.bincount(source, weights=is_visible[target].astype(np.float64), minlength=n)
    total = np.bincount(source, weights=np.where(is_visible, state.y, 0.0)[target], minlength=n)
    gap = np.where(heard > 0, total / np.maximum(heard, 1.0) - state.y, 0.0)
    fresh = truth.trend_sd * rng.standard_normal() + truth.innovation_sd * rng.standard_normal(n)
    own = (1 - truth.rho - truth.rho_2) * agents.level + truth.rho * state.y + truth.rho_2 * state.before
    return np.asarray(own + truth.beta_i * gap + truth.gamma * shock[agents.community] + fresh, dtype=np.float64)


def _observed(
    truth: CoevolutionTruth,
    agents: _Agents,
    state: _State,
    log: _Log,
    latent: FloatArray,
    present: BoolArray,
    is_seen: BoolArray,
    rng: Generator,
) -> CoevolutionWorld:
    n = truth.n_agents
    key = np.concatenate([*log.key, state.key])
    start = np.concatenate([*log.since, state.since])
    until = np.repeat(np.array([*log.until, NEVER]), [*(len(part) for part in log.key), len(state.key)])
    kept = until >= FIRST_WEEK  # those that stand at the end of the week before the first, or later
    key, start, until = key[kept], start[kept], until[kept]
    ties = tie_intervals(key // n, key % n, start, until, n)
    scores, halves = _measured(truth, latent, is_seen, rng)
    panel = Panel(
        ties=_seen_ties(truth, ties, rng),
        scores=scores,
        first_week=FIRST_WEEK,
        group=np.full(n, -1, dtype=np.int64),
        halves=halves,
    )
    return CoevolutionWorld(
        truth, panel, ties, latent, present, agents.community, agents.level, agents.slope, agents.trait,
        formed=_events([pick for pick in log.picks if pick[0] >= FIRST_WEEK]),
        ended=_events([
            (week, part // n, (part % n).astype(np.int32))
            for week, part in zip(log.until, log.key, strict=True) if week >= FIRST_WEEK
        ]),
    )  # fmt: skip


def _events(weeks: list[tuple[int, IntArray, NodeArray]]) -> TieEvents:
    """Return the events of weeks whose egos are in ascending order."""
    ego = np.concatenate([part[1] for part in weeks]).astype(np.int32)
    week = np.repeat(np.array([part[0] for part in weeks], dtype=np.int32), [len(part[1]) for part in weeks])
    number = np.arange(len(ego))
    opens = np.ones(len(ego), dtype=np.bool_)
    opens[1:] = (ego[1:] != ego[:-1]) | (week[1:] != week[:-1])
    place = number - np.maximum.accumulate(np.where(opens, number, 0))
    return TieEvents(ego, np.concatenate([part[2] for part in weeks]), week, place.astype(np.int32))


def _measured(
    truth: CoevolutionTruth, latent: FloatArray, is_seen: BoolArray, rng: Generator
) -> tuple[FloatArray, FloatArray | None]:
    """Return observed scores, and two halves, of which they are the mean, with independent errors."""
    if truth.noise == 0.0:
        return np.where(is_seen, latent, np.nan), None
    common, apart = truth.noise * rng.standard_normal((2, *latent.shape))
    scores = np.where(is_seen, latent + common, np.nan)
    return scores, np.stack([scores + apart, scores - apart])


def _seen_ties(truth: CoevolutionTruth, ties: TieIntervals, rng: Generator) -> TieIntervals:
    """Return the intervals that the observer sees; what begins and ends between two snapshots is not seen."""
    if truth.unseen_share == 0.0 and truth.weeks_between_snapshots == 1:
        return ties
    kept = rng.random(len(ties.source)) >= truth.unseen_share
    start = _next_snapshot(ties.start[kept], truth.weeks_between_snapshots)
    end = np.where(ties.end == NEVER, NEVER, _next_snapshot(ties.end, truth.weeks_between_snapshots))[kept]
    return tie_intervals(ties.source[kept], ties.target[kept], start, end, truth.n_agents)


def _next_snapshot(week: NodeArray, apart: int) -> IntArray:
    """Return the first week not before `week` with a snapshot; the first observed week has one."""
    return np.asarray(FIRST_WEEK + -((FIRST_WEEK - week.astype(np.int64)) // apart) * apart, dtype=np.int64)
