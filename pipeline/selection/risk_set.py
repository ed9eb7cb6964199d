"""Choices of alters: each new tie beside ties that its ego could have formed in the same week and did not.

What belongs here: which ties are events, who could have been picked, and the state of the network before. What does
not: scores and models; the same risk set serves every score, its placebos and its errors.

All states are those at the end of the week before: the network A(t − 1) and the scores y(t − 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.network.panel import Panel
from pipeline.network.snapshots import TieIntervals
from pipeline.selection.adjacency import (
    STRUCTURE,
    Adjacency,
    BoolArray,
    FloatArray,
    NodeArray,
    adjacency,
    draw_alters,
    pair_hash,
    structure,
)

CONTROLS_PER_EVENT = 10
"""Standard errors of β at 3, 10 and 50: .028, .025, .023 (STATISTICS 2.2)."""
MOST_EVENTS = 450_000
"""More new ties than these are sampled by hash."""


@dataclass(frozen=True, slots=True)
class RiskSet:
    """Rows of choices, those of one choice together, its case first.

    Attributes
    ----------
    ego, alter, column
        Ends of each row and column of the panel of its week t, shape (rows,).
    case
        Whether the tie was formed, shape (rows,).
    start
        First row of each choice, shape (choices,).
    structure
        Columns of `pipeline.selection.adjacency.STRUCTURE`, shape (rows, 3).
    out_degree
        log(1 + ties of the ego), shape (rows,).
    n_new
        New ties of the weeks: those not of the week before, known to the week.
    n_unseen
        New ties left out because an end has no score in the week before.
    n_alone
        New ties left out because nobody else could have been picked.
    n_ties
        Ties at the end of the week before, mean over the weeks.
    n_weeks
        Weeks whose new ties were looked at.
    controls, seed
        Alters drawn per choice at most, and the seed of the hash.
    is_sampled
        Whether new ties are a sample.
    """

    ego: NodeArray
    alter: NodeArray
    column: NodeArray
    case: BoolArray
    start: NDArray[np.int64]
    structure: FloatArray
    out_degree: FloatArray
    n_new: int
    n_unseen: int
    n_alone: int
    n_ties: float
    n_weeks: int
    controls: int
    seed: int
    is_sampled: bool

    @property
    def n_events(self) -> int:
        """Number of choices."""
        return len(self.start)

    @property
    def choice(self) -> NDArray[np.int64]:
        """Number of the choice of each row."""
        return np.repeat(np.arange(self.n_events), np.diff(np.r_[self.start, len(self.ego)]))

    def within(self, first: int, last: int) -> RiskSet:
        """Return the choices of columns `first` to `last` (excluded); counts that are not of choices stay."""
        low, high = (int(row) for row in np.searchsorted(self.column, [first, last]))
        start = self.start[(self.start >= low) & (self.start < high)] - low
        cut = slice(low, high)
        return replace(
            self, ego=self.ego[cut], alter=self.alter[cut], column=self.column[cut], case=self.case[cut], start=start,
            structure=self.structure[cut], out_degree=self.out_degree[cut],
        )  # fmt: skip

    @property
    def sampling(self) -> str:
        """How rows were drawn, in words."""
        part = f"{self.n_events} of {self.n_new} new ties" + (" by hash" if self.is_sampled else "")
        return f"{part}; at most {self.controls} alters of the risk set by hash, seed {self.seed}"


def new_intervals(ties: TieIntervals) -> BoolArray:
    """Say of each interval whether a tie begins with it; an interval that adjoins the one before continues its tie."""
    begins = np.ones(len(ties.start), dtype=np.bool_)
    begins[1:] = (ties.pair[1:] != ties.pair[:-1]) | (ties.start[1:] > ties.end[:-1])
    return begins


def risk_set(
    panel: Panel,
    *,
    controls: int = CONTROLS_PER_EVENT,
    seed: int = 0,
    most_events: int = MOST_EVENTS,
    columns: range | None = None,
) -> RiskSet:
    """Set each new tie of a panel beside ties that could have been formed instead.

    Parameters
    ----------
    panel
        Ties and scores. A score in the week before is what makes an agent present.
    controls
        Alters drawn per new tie, uniformly without replacement: no offset is needed (McFadden 1978).
    seed
        Of the hash. Draws depend on seed, week, ego and alter only, not on the order of ties or on threads.
    most_events
        More new ties are sampled by hash.
    columns
        Weeks whose new ties are taken, all but the first by default: the ties of the first are where the panel starts.

    Notes
    -----
    Case-control sampling of the risk set: Borgan, Goldstein & Langholz (1995); of relational events: Lerner & Lomi
    (2020, arXiv 1905.00630). Could have been formed: to an agent with a score in the week before, no tie of the ego in
    the week before, no other pick of the ego in the week.
    """
    weeks = range(1, panel.n_weeks) if columns is None else columns
    is_present = np.isfinite(panel.scores)
    counts, events = _events(panel, weeks, is_present)
    cut = _hash_cut(events, panel.first_week, seed, most_events)
    parts, alone, ties = [], 0, []
    for column, ego, alter, new in events:
        key = pair_hash(seed, panel.first_week + column, ego, alter)
        kept = key <= cut
        network = adjacency(panel.ties, panel.first_week + column - 1, panel.n_agents)
        ties.append(network.n_ties)
        drawn = draw_alters(network, new, is_present[:, column - 1], ego[kept], key[kept], controls)
        lonely = drawn[:, 0] < 0 if controls else np.ones(len(drawn), dtype=np.bool_)
        alone += int(lonely.sum())
        if not lonely.all():
            parts.append(_rows(network, column, ego[kept][~lonely], alter[kept][~lonely], drawn[~lonely]))
    rows = _stacked(parts)
    return RiskSet(
        *rows,
        n_new=counts[0],
        n_unseen=counts[1],
        n_alone=alone,
        n_ties=float(np.mean(ties)) if ties else 0.0,
        n_weeks=len(ties),
        controls=controls,
        seed=seed,
        is_sampled=bool(cut < np.iinfo(np.uint64).max),
    )


_Event = tuple[int, NodeArray, NodeArray, Adjacency]


def new_ties(panel: Panel, column: int, begins: BoolArray) -> tuple[NodeArray, NodeArray]:
    """Return ego and alter of the ties that begin in the week of a column and stand at its end."""
    here = begins & (panel.ties.start == panel.first_week + column)
    return panel.ties.source[here].astype(np.int32), panel.ties.target[here].astype(np.int32)


def _events(panel: Panel, weeks: range, is_present: BoolArray) -> tuple[tuple[int, int], list[_Event]]:
    begins, n_new, n_unseen = new_intervals(panel.ties), 0, 0
    events = []
    for column in weeks:
        ego, alter = new_ties(panel, column, begins)
        seen = is_present[ego, column - 1] & is_present[alter, column - 1]
        n_new, n_unseen = n_new + len(ego), n_unseen + int(np.count_nonzero(~seen))
        start = np.r_[0, np.cumsum(np.bincount(ego, minlength=panel.n_agents))]
        none = np.zeros(0, dtype=np.int32)
        events.append((column, ego[seen], alter[seen], Adjacency(start, alter, np.zeros(0, dtype=np.int64), none)))
    return (n_new, n_unseen), events


def _hash_cut(events: list[_Event], first_week: int, seed: int, most: int) -> np.uint64:
    """Return the hash up to which events are kept, so that there are `most` of them at most."""
    top = np.uint64(np.iinfo(np.uint64).max)
    if sum(len(ego) for _, ego, _, _ in events) <= most:
        return top
    keys = np.concatenate([pair_hash(seed, first_week + week, ego, alter) for week, ego, alter, _ in events])
    return np.uint64(np.partition(keys, most - 1)[most - 1])


_Rows = tuple[NodeArray, NodeArray, NodeArray, BoolArray, NDArray[np.int64], FloatArray, FloatArray]


def _rows(network: Adjacency, column: int, ego: NodeArray, alter: NodeArray, drawn: NodeArray) -> _Rows:
    """Stack the case and the drawn alters of each choice of a week."""
    table = np.column_stack([alter, drawn])
    kept = table >= 0
    sizes = kept.sum(axis=1)
    egos, alters = np.repeat(ego, sizes), table[kept]
    start = np.r_[0, np.cumsum(sizes)[:-1]]
    case = np.zeros(len(egos), dtype=np.bool_)
    case[start] = True
    degree = np.log1p(network.out_degree[egos])
    columns = np.full(len(egos), column, dtype=np.int32)
    return egos, alters, columns, case, start, structure(network, egos, alters), degree


def _stacked(parts: list[_Rows]) -> _Rows:
    if not parts:
        none = np.zeros(0, dtype=np.int32)
        empty = np.zeros((0, len(STRUCTURE)))
        return none, none, none, np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.int64), empty, np.zeros(0)
    shifts = np.cumsum([0, *(len(part[0]) for part in parts[:-1])])
    starts = np.concatenate([part[4] + shift for part, shift in zip(parts, shifts, strict=True)])
    stacked: list[Any] = list(_joined(parts))
    stacked[4] = starts
    return tuple(stacked)


def _joined(parts: list[_Rows]) -> Iterator[NDArray[Any]]:
    for place in range(len(parts[0])):
        yield np.concatenate([part[place] for part in parts])
