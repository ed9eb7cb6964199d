"""Statistics of networks as pure functions on arrays of node numbers.

What belongs here: definitions, each checked in the tests against networkx. Sums are of integers, so values
are the same whatever the order of the ties.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.network.edges import IntArray, are_among

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_WEDGES_AT_ONCE = 4_000_000  # bounds the memory of the triangle listing at about 200 MB


def reciprocated(source: IntArray, target: IntArray, n_nodes: int) -> BoolArray:
    """Return for each distinct directed tie whether the tie in the other direction exists, shape (ties,)."""
    return are_among(target * n_nodes + source, np.sort(source * n_nodes + target))


def reciprocity(source: IntArray, target: IntArray, n_nodes: int) -> float:
    """Return the share of distinct directed ties that are answered; the mean of `reciprocated`, with one sort."""
    if source.size == 0:
        return float("nan")
    keys = np.sort(np.concatenate([source * n_nodes + target, target * n_nodes + source]))
    return int((keys[1:] == keys[:-1]).sum()) / source.size


def degree_assortativity(u: IntArray, v: IntArray, n_nodes: int) -> float:
    """Degree assortativity of a simple undirected network.

    Parameters
    ----------
    u, v
        The ends of each distinct tie, shape (ties,).
    n_nodes
        Number of nodes.

    Returns
    -------
    float
        Pearson correlation of the degrees at the two ends over ties in both directions (Newman 2003, Phys.
        Rev. E 67, 026126); not-a-number where degrees do not vary. Exact until the last division.
    """
    degree = np.bincount(u, minlength=n_nodes) + np.bincount(v, minlength=n_nodes)
    values, copies = np.unique(degree, return_counts=True)
    ends = 2 * len(u)
    square = sum(int(d) ** 2 * int(c) for d, c in zip(values, copies, strict=True))
    cube = sum(int(d) ** 3 * int(c) for d, c in zip(values, copies, strict=True))
    product = 2 * int((degree[u] * degree[v]).sum()) if len(u) else 0
    spread = ends * cube - square**2
    return (ends * product - square**2) / spread if spread > 0 else float("nan")


def triangles(u: IntArray, v: IntArray, n_nodes: int) -> tuple[IntArray, IntArray, IntArray]:
    """List every triangle of a simple undirected network once.

    Ties are directed from lower to higher degree, so no node has more than sqrt(2 · ties) successors and hubs
    cost little (Chiba & Nishizeki 1985); each pair of successors is looked up among the ties.

    Returns
    -------
    tuple of ndarray
        The three nodes of each triangle, each of shape (triangles,).
    """
    degree = np.bincount(u, minlength=n_nodes) + np.bincount(v, minlength=n_nodes)
    order = np.lexsort((np.arange(n_nodes), degree))
    rank = np.empty(n_nodes, dtype=np.int64)
    rank[order] = np.arange(n_nodes)
    keys = np.sort(np.minimum(rank[u], rank[v]) * n_nodes + np.maximum(rank[u], rank[v]))
    head, tail = keys // max(n_nodes, 1), keys % max(n_nodes, 1)
    last = np.searchsorted(head, head, side="right")  # end of the block of ties that leave the same node
    after = last - np.arange(len(keys)) - 1  # ties of that block behind this one
    found: list[tuple[IntArray, IntArray, IntArray]] = []
    limits = np.concatenate([[0], np.cumsum(after)])
    start = 0
    while start < len(keys):
        stop = max(start + 1, int(np.searchsorted(limits, limits[start] + _WEDGES_AT_ONCE, side="right")) - 1)
        first = np.repeat(np.arange(start, stop), after[start:stop])
        offset = np.arange(len(first)) - np.repeat(limits[start:stop] - limits[start], after[start:stop])
        second = first + 1 + offset
        closed = are_among(tail[first] * n_nodes + tail[second], keys)
        found.append((head[first[closed]], tail[first[closed]], tail[second[closed]]))
        start = stop
    if not found:
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty, empty
    a, b, c = (np.concatenate(part) for part in zip(*found, strict=True))
    return order[a], order[b], order[c]


def clustering(
    u: IntArray, v: IntArray, n_nodes: int, corners: tuple[IntArray, IntArray, IntArray]
) -> tuple[float, float]:
    """Global and mean local clustering of a simple undirected network.

    Parameters
    ----------
    u, v, n_nodes
        The ties.
    corners
        The triangles of these ties, as `triangles` lists them.

    Returns
    -------
    tuple of float
        Transitivity (3 · triangles / connected triples) and the mean over all nodes of the local coefficient
        (0 for nodes with fewer than two neighbours: Watts & Strogatz 1998); not-a-number without triples or
        without nodes.
    """
    degree = np.bincount(u, minlength=n_nodes) + np.bincount(v, minlength=n_nodes)
    pairs = degree * (degree - 1) // 2
    closed = sum((np.bincount(corner, minlength=n_nodes) for corner in corners), np.zeros(n_nodes, dtype=np.int64))
    triples = int(pairs.sum())
    transitivity = int(closed.sum()) / triples if triples else float("nan")
    local = np.divide(closed, pairs, out=np.zeros(n_nodes), where=pairs > 0)
    nodes = int((degree > 0).sum())
    return transitivity, float(local.sum() / nodes) if nodes else float("nan")
