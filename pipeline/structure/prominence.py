"""Prominence: whom a directed network points at, over paths of any length, and whether the same agents stay on top.

What belongs here: PageRank and HITS from ties, how unequal they are, and the overlap of top lists of neighbouring
windows, as pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.network.edges import IntArray
from pipeline.structure.degrees import FloatArray

DAMPING = 0.85
TOLERANCE = 1e-12
"""Largest sum of absolute changes of scores, which sum to one, at which an iteration stops."""
MOST_ITERATIONS = 1000
TOP_SHARE = 0.01
TOP = 10
"""Agents of a top list: the supernodes of a window."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Hubs and authorities: scores that sum to one, shape (nodes,), and whether the iteration settled."""

    hub: FloatArray
    authority: FloatArray
    is_settled: bool


def pagerank(source: IntArray, target: IntArray, n_nodes: int) -> FloatArray:
    """Return PageRank of each node: how often a walker along ties, who starts anew with 15 %, is there.

    Parameters
    ----------
    source, target
        Distinct directed ties, shape (ties,); an ego points at the alter.
    n_nodes
        Number of nodes.

    Returns
    -------
    ndarray
        Scores that sum to one, shape (nodes,). A node that points at nobody sends the walker anywhere (Brin & Page
        1998).
    """
    if n_nodes == 0:
        return np.zeros(0)
    out = np.bincount(source, minlength=n_nodes)
    is_dangling, links = out == 0, _links(target, source, n_nodes)
    share = 1 / np.maximum(out, 1)
    score = np.full(n_nodes, 1 / n_nodes)
    for _ in range(MOST_ITERATIONS):
        spread = DAMPING * score[is_dangling].sum() / n_nodes + (1 - DAMPING) / n_nodes
        following = DAMPING * (links @ (score * share)) + spread
        change = float(np.abs(following - score).sum())
        score = following
        if change < TOLERANCE:
            break
    return np.asarray(score, dtype=np.float64)


def hits(source: IntArray, target: IntArray, n_nodes: int) -> Hits:
    """Return hubs and authorities (Kleinberg 1999): who points at those who are pointed at.

    Returns
    -------
    Hits
        From equal scores, each side in turn the sum of the other's over ties. The iteration may need long where two
        parts of a network rival each other; after `MOST_ITERATIONS` it is taken as it stands.
    """
    hub = np.full(n_nodes, 1 / max(n_nodes, 1))
    authority = hub
    into, out = _links(target, source, n_nodes), _links(source, target, n_nodes)
    if not len(source):
        return Hits(hub, authority, is_settled=True)
    for _ in range(MOST_ITERATIONS):
        authority = into @ hub
        authority /= authority.sum()
        following = out @ authority
        following /= following.sum()
        change = float(np.abs(following - hub).sum())
        hub = following
        if change < TOLERANCE:
            return Hits(hub, authority, is_settled=True)
    return Hits(hub, authority, is_settled=False)


def _links(row: IntArray, column: IntArray, n_nodes: int):  # type: ignore[no-untyped-def]  # scipy has no types
    from scipy import sparse

    return sparse.csr_array((np.ones(len(row)), (row, column)), shape=(n_nodes, n_nodes))


def prominence(source: IntArray, target: IntArray, n_nodes: int) -> dict[str, float]:
    """Return how unequal PageRank, hubs and authorities of a network are.

    Returns
    -------
    dict of float
        Shares that the top 1 % of the nodes hold (at least one node), and Gini's coefficient of PageRank.
    """
    rank, found = pagerank(source, target, n_nodes), hits(source, target, n_nodes)
    return {
        "pagerank_gini": _gini(rank),
        "pagerank_top1_share": _held_by_top(rank),
        "hits_authority_top1_share": _held_by_top(found.authority),
        "hits_hub_top1_share": _held_by_top(found.hub),
    }


def _gini(score: FloatArray) -> float:
    n = len(score)
    weight = (2 * np.arange(1, n + 1) - n - 1) / max(n, 1)
    return float((np.sort(score) * weight).sum()) if n else float("nan")


def _held_by_top(score: FloatArray) -> float:
    if not len(score):
        return float("nan")
    most = max(1, int(np.ceil(TOP_SHARE * len(score))))
    return float(np.sort(score)[::-1][:most].sum() / score.sum())


@dataclass(frozen=True, slots=True)
class Window:
    """Agents of one window, best first.

    Attributes
    ----------
    ranked
        Node numbers, those of the highest PageRank first, equal ones by number, shape (agents of the window,).
    """

    ranked: IntArray

    def top(self, kept: NDArray[np.bool_] | None = None) -> IntArray:
        """Return the first `TOP` nodes, among those that the mask over all node numbers keeps."""
        chosen = self.ranked if kept is None else self.ranked[kept[self.ranked]]
        return chosen[:TOP]


def ranked_window(source: IntArray, target: IntArray) -> Window:
    """Rank the agents of a window by PageRank; scores that differ by less than the iteration leaves are equal."""
    nodes, codes = np.unique(np.concatenate([source, target]), return_inverse=True)
    score = pagerank(codes[: len(source)], codes[len(source) :], len(nodes))
    rounded = np.round(score, 7)
    return Window(nodes[np.lexsort((nodes, -rounded))])


def stayed(first: Window, second: Window, kept: NDArray[np.bool_] | None = None) -> tuple[int, int]:
    """Return how many of the top of one window are in the top of the next, and how many there were."""
    before = first.top(kept)
    return len(np.intersect1d(before, second.top(kept), assume_unique=True)), len(before)


def stayed_by_chance(pairs: Sequence[tuple[Window, Window]], draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw the share that stays when the top of the later window is any of its agents.

    Returns
    -------
    ndarray
        Pooled shares, shape (draws,): of the earlier top those who are active in the later window are drawn into its
        top like every other agent there, so that staying active alone explains them.
    """
    stays, before = np.zeros(draws), 0
    for first, second in pairs:
        top = first.top()
        active = int(np.isin(top, second.ranked).sum())
        stays += rng.hypergeometric(active, len(second.ranked) - active, len(second.top()), size=draws)
        before += len(top)
    return np.asarray(stays / max(before, 1), dtype=np.float64)
