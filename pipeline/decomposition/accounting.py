"""The exact account of a change of homophily: ties that came and went, scores that moved, agents that came and went.

What belongs here: arithmetic on two weeks of a panel, and its intervals. It describes; it explains nothing. That
behaviour made tied agents less alike may be nothing but regression to the mean of agents who tied themselves to their
like when both were far from their own level, and that it made them more alike may be influence, or a shock that both
felt.

Homophily of a week is excess similarity H = G - D: G the mean of |y_i - y_j| over all pairs of agents with a score
(Gini's mean difference), D its mean over ties between them. With S the agents with a score in both weeks, A_0 and A_1
the ties among S before and after,

    leaving    H of the week before among S, less H of that week
    new_ties   -(N_new / N_1) (D_new - D_0)      averaged over scores before and after
    lost_ties  +(N_lost / N_1) (D_lost - D_0)    averaged over scores before and after
    behaviour  change of H as scores of S move   averaged over ties A_0 and A_1
    entering   H of the week after, less H of that week among S

which add up to the change of H. An agent without a score in one of the weeks has left or entered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.network.panel import Panel
from pipeline.network.snapshots import TieIntervals

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

PARTS = ("leaving", "new_ties", "lost_ties", "behaviour", "entering")
"""Parts of a change, in the order of the columns."""
LEAVING, NEW, LOST, BEHAVIOUR, ENTERING = range(len(PARTS))
FEWEST_TIES = 30
"""With fewer ties in either week, among all with scores or among those with scores in both, a week has no account."""
FEWEST_AGENTS = 20
"""With fewer agents an interval over agents is not to be trusted, and there is none."""


@dataclass(frozen=True, slots=True)
class Linear:
    """What agents and pairs of agents add to the errors of numbers, one column per number.

    Attributes
    ----------
    agent
        Sum of what an agent and its ties add, shape (agents, k).
    pair
        What the ties of an unordered pair add, by the smaller number of its ordered pairs, shape (pairs, k).
    """

    agent: Floats
    pair: Floats

    def errors(self) -> Floats:
        """Return standard errors, shape (k,): pairs that share an agent depend on each other, others do not.

        Sum over agents of their squares, less that over pairs, which are in it twice (Aronow, Samii & Assenova 2015).
        """
        moved = int(np.count_nonzero(self.agent.any(axis=1)))
        variance = np.square(self.agent).sum(axis=0) - np.square(self.pair).sum(axis=0)
        errors: Floats = np.sqrt(np.maximum(variance, 0.0) * moved / max(moved - 1, 1))
        return errors


@dataclass(frozen=True, slots=True)
class WeekAccount:
    """The account of one week against the week before.

    Attributes
    ----------
    week
        Number of the later week.
    before, after
        Excess similarity H of the two weeks.
    parts
        The change by `PARTS`, shape (5,); their sum is ``after - before``.
    new, lost, standing
        Ties among agents with scores in both weeks that came, went and stood.
    agents, left, entered
        Agents with scores in both weeks, in the first only, in the second only.
    errors
        Standard errors of the parts and of their sum, shape (6,).
    """

    week: int
    before: float
    after: float
    parts: Floats
    new: int
    lost: int
    standing: int
    agents: int
    left: int
    entered: int
    errors: Floats


@dataclass(frozen=True, slots=True)
class Account:
    """The change over a run of consecutive weeks: its parts with standard errors, the sum as the last of each.

    Attributes
    ----------
    first_week, last_week
        The change is from the end of the first to the end of the last.
    before, after
        Excess similarity of these weeks.
    values, errors
        By `PARTS` and their sum, shape (6,).
    agents
        Agents that add to the account.
    """

    first_week: int
    last_week: int
    before: float
    after: float
    values: Floats
    errors: Floats
    agents: int


def mean_distance(scores: Floats) -> tuple[float, Floats]:
    """Return Gini's mean difference of scores, and the mean distance of each to the others, shape (n,)."""
    n = len(scores)
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    below = np.cumsum(ranked) - ranked
    above = ranked.sum() - below - ranked
    place = np.arange(n)
    to_others = np.empty(n)
    to_others[order] = (place * ranked - below + above - (n - 1 - place) * ranked) / (n - 1)
    return float(to_others.mean()), to_others


def excess_similarity(scores: Floats, source: Ints, target: Ints) -> float:
    """Return H = G - D over the agents with a score and the ties between them; not-a-number without ties."""
    is_known = np.isfinite(scores)
    both = is_known[source] & is_known[target]
    if is_known.sum() < 2 or not both.any():
        return float("nan")
    distance = np.abs(scores[source[both]] - scores[target[both]])
    return mean_distance(scores[is_known])[0] - float(distance.mean())


class _Week:
    """Numbers of two weeks and the linear terms of the parts as they are added up."""

    def __init__(self, panel: Panel, column: int) -> None:
        ties, week = panel.ties, panel.first_week + column
        y0, y1 = panel.scores[:, column - 1], panel.scores[:, column]
        self.y = (np.nan_to_num(y0), np.nan_to_num(y1))
        self.known = (np.isfinite(y0), np.isfinite(y1))
        self.stay = self.known[0] & self.known[1]
        self.source, self.target = _ends(ties)
        before, after = (_standing(ties, w) for w in (week - 1, week))
        among = self.stay[self.source] & self.stay[self.target]
        self.all = tuple(
            np.flatnonzero(stands & known[self.source] & known[self.target])
            for stands, known in zip((before, after), self.known, strict=True)
        )
        self.old, self.now = np.flatnonzero(before & among), np.flatnonzero(after & among)
        self.came, self.went = np.flatnonzero(after & ~before & among), np.flatnonzero(before & ~after & among)
        self.linear = Linear(np.zeros((panel.n_agents, 6)), np.zeros((ties.n_pairs, 6)))
        self.dyad = np.minimum(np.arange(ties.n_pairs), ties.mirror)

    def has_enough(self) -> bool:
        return min(len(part) for part in (*self.all, self.old, self.now)) >= FEWEST_TIES

    def gini(self, known: Bools, side: int, part: int, weight: float) -> float:
        """Add `weight` times G of some agents to a part."""
        chosen = np.flatnonzero(known)
        mean, each = mean_distance(self.y[side][chosen])
        self.linear.agent[chosen, part] += weight * 2 * (each - mean) / len(chosen)
        return weight * mean

    def distances(self, pairs: Ints, side: int) -> Floats:
        found: Floats = np.abs(self.y[side][self.source[pairs]] - self.y[side][self.target[pairs]])
        return found

    def mean(self, pairs: Ints, side: int, part: int, weight: float) -> float:
        """Add `weight` times D of some ties to a part."""
        distance = self.distances(pairs, side)
        mean = float(distance.mean())
        self.add(pairs, weight * (distance - mean) / len(pairs), part)
        return weight * mean

    def turnover(self, moved: Ints, side: int, part: int, weight: float) -> float:
        """Add `weight` times (N_m / N_1) (D_m - D_0) to a part, m the ties that came or went."""
        n = len(self.now)
        old = self.distances(self.old, side)
        standard = float(old.mean())
        away = self.distances(moved, side) - standard
        value = float(away.sum()) / n
        self.add(moved, weight * away / n, part)
        self.add(self.now, np.full(n, -weight * value / n), part)
        self.add(self.old, -weight * len(moved) / n * (old - standard) / len(old), part)
        return weight * value

    def add(self, pairs: Ints, values: Floats, part: int) -> None:
        for end in (self.source, self.target):
            self.linear.agent[:, part] += np.bincount(end[pairs], weights=values, minlength=len(self.linear.agent))
        self.linear.pair[:, part] += np.bincount(self.dyad[pairs], weights=values, minlength=len(self.linear.pair))


def _ends(ties: TieIntervals) -> tuple[Ints, Ints]:
    """Return source and target of each ordered pair, shape (pairs,)."""
    opens = np.ones(len(ties.pair), dtype=np.bool_)
    opens[1:] = ties.pair[1:] != ties.pair[:-1]
    return ties.source[opens], ties.target[opens]


def _standing(ties: TieIntervals, week: int) -> Bools:
    """Return whether each ordered pair is tied at the end of a week, shape (pairs,)."""
    stands = np.zeros(ties.n_pairs, dtype=np.bool_)
    stands[ties.pair[(ties.start <= week) & (week < ties.end)]] = True
    return stands


def week_account(panel: Panel, column: int) -> tuple[WeekAccount, Linear] | None:
    """Return the account of a column against the one before, None with fewer than `FEWEST_TIES` ties in either.

    With it comes what agents and pairs add to the errors of the parts and, as the last column, of their sum.

    Parameters
    ----------
    panel
        The panel; on `Panel.standardised` scores the account is in standard deviations of the score.
    column
        Column of the later week, at least 1.
    """
    week = _Week(panel, column)
    if not week.has_enough():
        return None
    parts = np.zeros(len(PARTS))
    before = week.gini(week.known[0], 0, LEAVING, -1.0) + week.mean(week.all[0], 0, LEAVING, 1.0)
    parts[LEAVING] = before + week.gini(week.stay, 0, LEAVING, 1.0) + week.mean(week.old, 0, LEAVING, -1.0)
    after = week.gini(week.known[1], 1, ENTERING, 1.0) + week.mean(week.all[1], 1, ENTERING, -1.0)
    parts[ENTERING] = after + week.gini(week.stay, 1, ENTERING, -1.0) + week.mean(week.now, 1, ENTERING, 1.0)
    for side, sign in ((0, -1.0), (1, 1.0)):
        parts[NEW] += week.turnover(week.came, side, NEW, -0.5)
        parts[LOST] += week.turnover(week.went, side, LOST, 0.5)
        parts[BEHAVIOUR] += week.gini(week.stay, side, BEHAVIOUR, sign)
        parts[BEHAVIOUR] += week.mean(week.old, side, BEHAVIOUR, -sign / 2)
        parts[BEHAVIOUR] += week.mean(week.now, side, BEHAVIOUR, -sign / 2)
    for table in (week.linear.agent, week.linear.pair):
        table[:, -1] = table[:, :-1].sum(axis=1)
    left, entered = (int((known & ~week.stay).sum()) for known in week.known)
    account = WeekAccount(
        panel.first_week + column, -before, after, parts, len(week.came), len(week.went),
        len(week.now) - len(week.came), int(week.stay.sum()), left, entered, week.linear.errors(),
    )  # fmt: skip
    return account, week.linear


def accounts(panel: Panel) -> tuple[list[WeekAccount], Account | None]:
    """Return the account of every week that has one, and that of the longest run of consecutive weeks.

    Of runs of the same length it is the first. Errors of its sums take into account that an agent, and a tie, add to
    many weeks.
    """
    weeks: list[WeekAccount] = []
    best: Account | None = None
    run: list[WeekAccount] = []
    linear: Linear | None = None
    for column in range(1, panel.n_weeks):
        found = week_account(panel, column)
        if found is None:
            run, linear = [], None
            continue
        weeks.append(found[0])
        run.append(found[0])
        if linear is None:
            linear = found[1]
        else:
            linear.agent[:] += found[1].agent
            linear.pair[:] += found[1].pair
        if best is None or len(run) > best.last_week - best.first_week:
            best = _sum(run, linear)
    return weeks, best


def _sum(run: list[WeekAccount], linear: Linear) -> Account:
    values = np.sum([account.parts for account in run], axis=0)
    return Account(
        run[0].week - 1, run[-1].week, run[0].before, run[-1].after, np.append(values, values.sum()), linear.errors(),
        int(np.count_nonzero(linear.agent.any(axis=1))),
    )  # fmt: skip
