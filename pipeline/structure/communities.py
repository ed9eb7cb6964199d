"""Communities: modularity over many seeds, and whether the seeds agree.

What belongs here: Louvain partitions by networkit, their modularity, and agreement between partitions. networkit is
imported when it is used, as it takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Any

import numpy as np

from pipeline.network.edges import IntArray
from pipeline.structure.degrees import FloatArray

SEEDS = 20


@contextmanager
def _one_thread() -> Iterator[Any]:
    """Lend networkit with one thread, so that a seed decides the result."""
    import networkit

    before = networkit.getMaxNumberOfThreads()
    networkit.setNumberOfThreads(1)
    try:
        yield networkit
    finally:
        networkit.setNumberOfThreads(before)


def louvain(
    u: IntArray, v: IntArray, weight: IntArray | None, n_nodes: int, rng: np.random.Generator, seeds: int = SEEDS
) -> IntArray:
    """Partition an undirected network by Louvain's method, several times.

    Parameters
    ----------
    u, v, n_nodes
        Distinct undirected ties.
    weight
        Weight of each tie; None for 1.
    rng
        Draws the order of the nodes of each run: the method visits nodes in turn, so the order is its only chance.
    seeds
        Number of runs.

    Returns
    -------
    ndarray
        Number of the community of each node in each run, shape (seeds, nodes); Blondel, Guillaume, Lambiotte & Lefebvre
        2008, resolution 1, as networkit's ``PLM`` does it on one thread.
    """
    found = np.empty((seeds, n_nodes), dtype=np.int64)
    weights = np.ones(len(u)) if weight is None else weight.astype(np.float64)
    with _one_thread() as networkit:
        for run in range(seeds):
            place = rng.permutation(n_nodes)
            order = np.argsort(np.minimum(place[u], place[v]) * n_nodes + np.maximum(place[u], place[v]))
            ends = (place[u][order], place[v][order])
            graph = networkit.GraphFromCoo((weights[order], ends), n=n_nodes, weighted=weight is not None)
            partition = networkit.community.PLM(graph, refine=False, gamma=1.0, par="none").run().getPartition()
            found[run] = np.array(partition.getVector(), dtype=np.int64)[place]
    return found


def modularity(u: IntArray, v: IntArray, weight: IntArray | None, label: IntArray) -> float:
    """Newman's modularity of a partition of an undirected network, not-a-number without ties.

    Returns
    -------
    float
        ``Σ_c (e_cc − a_c²)`` with e_cc the share of the weight inside community c and a_c its share of the ends (Newman
        & Girvan 2004); resolution 1.
    """
    w = np.ones(len(u), dtype=np.int64) if weight is None else weight
    total = int(w.sum())
    if total == 0:
        return float("nan")
    inside = int(w[label[u] == label[v]].sum())
    ends = np.bincount(np.concatenate([label[u], label[v]]), weights=np.tile(w, 2))
    return inside / total - float(np.square(ends / (2 * total)).sum())


def agreement(labels: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the adjusted Rand index and the normalised mutual information of each pair of partitions.

    Parameters
    ----------
    labels
        Partitions, shape (runs, nodes).

    Returns
    -------
    tuple of ndarray
        Both of shape (pairs,): Hubert & Arabie 1985, and mutual information over the mean of both entropies. Two
        partitions into a single community, or into single nodes, agree in full.
    """
    dense = [np.unique(label, return_inverse=True)[1] for label in labels]
    sizes = [np.bincount(label) for label in dense]
    found = [_agreement(dense[a], dense[b], sizes[a], sizes[b]) for a, b in combinations(range(len(labels)), 2)]
    rand, shared = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return rand, shared


def _agreement(a: IntArray, b: IntArray, size_a: IntArray, size_b: IntArray) -> tuple[float, float]:
    n = len(a)
    cells = np.bincount(a * len(size_b) + b, minlength=len(size_a) * len(size_b))
    together, first, second = (float((part * (part - 1)).sum()) / 2 for part in (cells, size_a, size_b))
    expected = first * second / (n * (n - 1) / 2) if n > 1 else 0.0
    most = (first + second) / 2
    rand = (together - expected) / (most - expected) if most != expected else 1.0
    joint, left, right = (_entropy(part, n) for part in (cells, size_a, size_b))
    shared = (left + right - joint) / ((left + right) / 2) if left + right > 0 else 1.0
    return rand, shared


def _entropy(counts: IntArray, n: int) -> float:
    share = counts[counts > 0] / n
    return float(-(share * np.log(share)).sum())


def category_assortativity(u: IntArray, v: IntArray, weight: IntArray | None, label: IntArray) -> float:
    """Newman's assortativity of a category on an undirected network (2003, Phys. Rev. E 67, 026126)."""
    w = np.ones(len(u), dtype=np.int64) if weight is None else weight
    total = int(w.sum())
    if total == 0:
        return float("nan")
    inside = int(w[label[u] == label[v]].sum()) / total
    ends = np.bincount(np.concatenate([label[u], label[v]]), weights=np.tile(w, 2)) / (2 * total)
    expected = float(np.square(ends).sum())
    return (inside - expected) / (1 - expected) if expected < 1 else float("nan")
