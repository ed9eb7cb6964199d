"""Statistics of networks as pure functions on arrays of node numbers.

What belongs here: definitions, each checked in the tests against networkx. Sums are of integers, so values
are the same whatever the order of the ties.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.network.edges import IntArray, are_among
from pipeline.network.kernels import Places, closed_paths, repeats

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def reciprocated(source: IntArray, target: IntArray, n_nodes: int) -> BoolArray:
    """Return for each distinct directed tie whether the tie in the other direction exists, shape (ties,)."""
    return are_among(target * n_nodes + source, np.sort(source * n_nodes + target))


def reciprocity(source: IntArray, target: IntArray, n_nodes: int) -> float:
    """Return the share of distinct directed ties that are answered; the mean of `reciprocated`, without a sort."""
    if source.size == 0:
        return float("nan")
    return repeats(np.concatenate([source * n_nodes + target, target * n_nodes + source])) / source.size


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
    squares = [(d, d * d * c) for d, c in zip(values.tolist(), copies.tolist(), strict=True)]
    square, cube = sum(part for _, part in squares), sum(d * part for d, part in squares)
    product = 2 * int((degree[u] * degree[v]).sum()) if len(u) else 0
    spread = ends * cube - square**2
    return (ends * product - square**2) / spread if spread > 0 else float("nan")


Corners = tuple[IntArray, IntArray, IntArray]


def triangles(u: IntArray, v: IntArray, n_nodes: int) -> Corners:
    """List every triangle of a simple undirected network once.

    Ties are directed from lower to higher degree, so no node has more than sqrt(2 · ties) successors and hubs
    cost little (Chiba & Nishizeki 1985); the successors of a successor are looked up among a node's own.

    Returns
    -------
    tuple of ndarray
        The three nodes of each triangle, each of shape (triangles,).
    """
    return _triangles(u, v, n_nodes)[0]


def triangles_with_ties(u: IntArray, v: IntArray, n_nodes: int) -> tuple[Corners, Corners]:
    """List every triangle of a simple undirected network once, with the places of its ties.

    Returns
    -------
    tuple of tuple of ndarray
        The three nodes a, b, c of each triangle, and the places among the ties of a-b, b-c and c-a, each of shape
        (triangles,).
    """
    corners, (ab, bc, ac), place = _triangles(u, v, n_nodes)
    return corners, (place[ab], place[bc], place[ac])


def _triangles(u: IntArray, v: IntArray, n_nodes: int) -> tuple[Corners, tuple[Places, Places, Places], IntArray]:
    """Return corners, ties in the order of ranks, and the place of each of these among the ties that are given."""
    degree = np.bincount(u, minlength=n_nodes) + np.bincount(v, minlength=n_nodes)
    order = np.lexsort((np.arange(n_nodes), degree))
    rank = np.empty(n_nodes, dtype=np.int64)
    rank[order] = np.arange(n_nodes)
    keys = np.minimum(rank[u], rank[v]) * n_nodes + np.maximum(rank[u], rank[v])
    place = np.argsort(keys)
    keys = keys[place]
    head, tail = keys // max(n_nodes, 1), keys % max(n_nodes, 1)
    ties = closed_paths(head, tail, n_nodes)
    ab, bc, _ = ties
    return (order[head[ab]], order[tail[ab]], order[tail[bc]]), ties, place


def clustering(u: IntArray, v: IntArray, n_nodes: int, corners: Corners) -> tuple[float, float]:
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
    return clustering_of(u, v, n_nodes, closed_at(corners, n_nodes))


def closed_at(corners: Corners, n_nodes: int) -> IntArray:
    """Return the number of triangles at each node, shape (nodes,)."""
    return sum((np.bincount(corner, minlength=n_nodes) for corner in corners), np.zeros(n_nodes, dtype=np.int64))


def clustering_of(u: IntArray, v: IntArray, n_nodes: int, closed: IntArray) -> tuple[float, float]:
    """Global and mean local clustering from the number of triangles at each node; see `clustering`."""
    degree = np.bincount(u, minlength=n_nodes) + np.bincount(v, minlength=n_nodes)
    pairs = degree * (degree - 1) // 2
    triples = int(pairs.sum())
    transitivity = int(closed.sum()) / triples if triples else float("nan")
    local = np.divide(closed, pairs, out=np.zeros(n_nodes), where=pairs > 0)
    nodes = int((degree > 0).sum())
    return transitivity, float(local.sum() / nodes) if nodes else float("nan")
