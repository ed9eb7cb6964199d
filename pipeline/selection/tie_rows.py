"""Rows of models of ties: standing ties that last or end, and pairs that become tied or do not.

What belongs here: which pairs are rows, and their outcome. The two are the persistence and the formation of a separable
temporal ERGM (Krivitsky & Handcock 2014), whose dyads are independent given the network of the week before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.network.edges import are_among
from pipeline.network.panel import Panel
from pipeline.selection.adjacency import (
    Adjacency,
    BoolArray,
    FloatArray,
    HashArray,
    NodeArray,
    adjacency,
    pair_hash,
    structure,
)
from pipeline.selection.risk_set import new_intervals, new_ties
from pipeline.selection.terms import Pairs

MOST_ROWS = 200_000
"""More ties that last, or open pairs, are sampled by hash."""
_SPARE = 1.3  # draws of open pairs per pair wanted; some are tied, or drawn twice


@dataclass(frozen=True, slots=True)
class TieRows:
    """Pairs with their outcome.

    Attributes
    ----------
    pairs
        Ends, week and state before it.
    outcome
        Whether the tie lasts to the end of the week, or is formed in it, shape (rows,).
    sampling
        How rows were drawn, in words.
    """

    pairs: Pairs
    outcome: BoolArray
    sampling: str

    def where(self, kept: BoolArray) -> TieRows:
        """Return some of the rows."""
        p = self.pairs
        pairs = Pairs(p.ego[kept], p.alter[kept], p.column[kept], p.structure[kept], p.out_degree[kept])
        return TieRows(pairs, self.outcome[kept], self.sampling)


def standing_ties(panel: Panel, *, seed: int = 0, most_rows: int = MOST_ROWS) -> TieRows:
    """Return the ties between agents with scores at the end of a week, and whether they last through the next.

    All ties that end are kept; those that last are sampled by hash, which moves intercepts only.
    """
    drawn, n_lasting, n_ended = [], 0, 0
    after = adjacency(panel.ties, panel.first_week, panel.n_agents)
    for column in range(1, panel.n_weeks):
        network, after = after, adjacency(panel.ties, panel.first_week + column, panel.n_agents)
        ego, alter = _scored(panel, column, network.source, network.out)
        lasts = _is_tied(after, ego, alter)
        keys = pair_hash(seed, panel.first_week + column, ego, alter)
        n_lasting, n_ended = n_lasting + int(lasts.sum()), n_ended + int((~lasts).sum())
        drawn.append((column, ego, alter, lasts, keys))
    cut = _cut([keys[lasts] for *_, lasts, keys in drawn], most_rows)
    parts = []
    for column, ego, alter, lasts, keys in drawn:
        kept = ~lasts | (keys <= cut)
        network = adjacency(panel.ties, panel.first_week + column - 1, panel.n_agents)
        parts.append(_part(network, column, ego[kept], alter[kept], lasts[kept]))
    words = f"{n_ended} ties that end, {min(n_lasting, most_rows)} of {n_lasting} that last"
    return _stacked(parts, f"{words} by hash, seed {seed}")


def open_pairs(panel: Panel, *, per_event: int = 10, seed: int = 0, most_events: int = MOST_ROWS // 10) -> TieRows:
    """Return new ties of a week beside pairs of agents with scores that were not tied before it and do not become so.

    Pairs are drawn by hash, so many per new tie, from all pairs of the week, whoever the ego is.
    """
    begins = new_intervals(panel.ties)
    events = []
    for column in range(1, panel.n_weeks):
        ego, alter = new_ties(panel, column, begins)
        seen_ego, seen_alter = _scored(panel, column, ego, alter)
        events.append((column, ego, alter, seen_ego, seen_alter))
    keys = [pair_hash(seed, panel.first_week + column, ego, alter) for column, _, _, ego, alter in events]
    cut, parts = _cut(keys, most_events), []
    for (column, new_ego, new_alter, ego, alter), key in zip(events, keys, strict=True):
        kept = key <= cut
        ego, alter = ego[kept], alter[kept]
        network = adjacency(panel.ties, panel.first_week + column - 1, panel.n_agents)
        other = _drawn_pairs(panel, column, network, (new_ego, new_alter), per_event * len(ego), seed)
        outcome = np.r_[np.ones(len(ego), dtype=np.bool_), np.zeros(len(other[0]), dtype=np.bool_)]
        parts.append(_part(network, column, np.r_[ego, other[0]], np.r_[alter, other[1]], outcome))
    n_events = sum(int(outcome.sum()) for *_, outcome in parts)
    n_all = sum(len(ego) for _, ego, *_ in events)
    return _stacked(
        parts, f"{n_events} of {n_all} new ties, {per_event} open pairs of the week each by hash, seed {seed}"
    )


_Part = tuple[NodeArray, NodeArray, NodeArray, FloatArray, FloatArray, BoolArray]


def _part(network: Adjacency, column: int, ego: NodeArray, alter: NodeArray, outcome: BoolArray) -> _Part:
    columns = np.full(len(ego), column, dtype=np.int32)
    return ego, alter, columns, structure(network, ego, alter), np.log1p(network.out_degree[ego]), outcome


def _stacked(parts: list[_Part], sampling: str) -> TieRows:
    if not parts:
        none, real = np.zeros(0, dtype=np.int32), np.zeros(0)
        return TieRows(Pairs(none, none, none, np.zeros((0, 3)), real), np.zeros(0, dtype=np.bool_), sampling)
    ego, alter, column, found, degree, outcome = (np.concatenate(list(p)) for p in zip(*parts, strict=True))
    return TieRows(Pairs(ego, alter, column, found, degree), outcome, sampling)


def _scored(panel: Panel, column: int, ego: NodeArray, alter: NodeArray) -> tuple[NodeArray, NodeArray]:
    has = np.isfinite(panel.scores[:, column - 1])
    both = has[ego] & has[alter]
    return ego[both], alter[both]


def _is_tied(network: Adjacency, ego: NodeArray, alter: NodeArray) -> BoolArray:
    n = len(network.out_start) - 1
    return are_among(ego.astype(np.int64) * n + alter, network.source.astype(np.int64) * n + network.out)


def _cut(keys: list[HashArray], most: int) -> np.uint64:
    """Return the hash up to which rows are kept."""
    top = np.uint64(np.iinfo(np.uint64).max)
    if sum(len(key) for key in keys) <= most:
        return top
    return np.uint64(np.partition(np.concatenate(keys), most - 1)[most - 1])


def _drawn_pairs(
    panel: Panel, column: int, network: Adjacency, new: tuple[NodeArray, NodeArray], wanted: int, seed: int
) -> tuple[NodeArray, NodeArray]:
    """Draw pairs of agents with scores that are not tied before and do not become so; each at most once."""
    nodes = np.flatnonzero(np.isfinite(panel.scores[:, column - 1])).astype(np.int32)
    if len(nodes) < 2 or not wanted:
        return nodes[:0], nodes[:0]
    place: NDArray[np.int64] = np.arange(int(_SPARE * wanted) + 10)
    week = panel.first_week + column
    ego = nodes[(pair_hash(seed, week, place, place * 0 + 1) % np.uint64(len(nodes))).astype(np.int64)]
    alter = nodes[(pair_hash(seed, week, place, place * 0 + 2) % np.uint64(len(nodes))).astype(np.int64)]
    n = panel.n_agents
    keys = ego.astype(np.int64) * n + alter
    first = np.zeros(len(keys), dtype=np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    fits = (ego != alter) & first & ~_is_tied(network, ego, alter)
    fits &= ~are_among(keys, new[0].astype(np.int64) * n + new[1])
    kept = np.flatnonzero(fits)[:wanted]
    return ego[kept], alter[kept]
