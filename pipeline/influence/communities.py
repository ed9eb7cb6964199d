"""Latent communities of a network that changes: who belongs together, and whether another run would say so.

What belongs here: a partition of the network pooled over the weeks of a panel. Effects of community and week take out
shocks that a community shares, which otherwise look like influence (STATISTICS 3.3). A partition that is finer than
the communities takes influence out with them, so that the resolution is modularity's own and is not tuned.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import networkit
import numpy as np
from scipy import sparse

from pipeline.network.panel import FloatArray, IntArray, Panel

RUNS = 5


@dataclass(frozen=True, slots=True)
class Communities:
    """A partition of the agents.

    Attributes
    ----------
    number
        Community of each agent, −1 of those without a tie, shape (agents,).
    count
        Communities with two agents or more.
    stability
        Mean adjusted Rand index over pairs of runs, each with the agents in another order; None with one community.
    """

    number: IntArray
    count: int
    stability: float | None


def pooled_network(panel: Panel) -> sparse.csr_array:
    """Return the weeks that each pair was tied in the panel, in either direction, an upper triangle (agents, agents)."""
    first, last = panel.first_week, panel.first_week + panel.n_weeks
    ties = panel.ties
    stood = np.minimum(ties.end, last).astype(np.int64) - np.maximum(ties.start, first)
    kept = stood > 0
    low, high = np.minimum(ties.source, ties.target)[kept], np.maximum(ties.source, ties.target)[kept]
    shape = (panel.n_agents, panel.n_agents)
    return sparse.csr_array((stood[kept].astype(np.float64), (low, high)), shape=shape)


def communities(panel: Panel, seed: int, runs: int = RUNS) -> Communities:
    """Partition the pooled network of a panel by modularity.

    Parameters
    ----------
    panel
        Ties of all its weeks count, each pair by the weeks that it stood.
    seed
        Orders the agents of each run; the partition is that of the first.
    runs
        Partitions that are compared.

    Notes
    -----
    Louvain with refinement (Blondel et al. 2008; PLM of networkit), one thread: the same seed gives the same partition.
    """
    network = pooled_network(panel).tocoo()
    rng = np.random.default_rng([seed, 2008])
    found = [_partition(network, panel.n_agents, rng.permutation(panel.n_agents)) for _ in range(runs)]
    tied = np.zeros(panel.n_agents, dtype=np.bool_)
    tied[network.row] = tied[network.col] = True
    number = np.where(tied, np.unique(found[0], return_inverse=True)[1], -1).astype(np.int64)
    sizes = np.bincount(number[tied]) if tied.any() else np.zeros(0, dtype=np.int64)
    count = int(np.count_nonzero(sizes >= 2))
    pairs = [adjusted_rand(a[tied], b[tied]) for a, b in combinations(found, 2)] if count > 1 else []
    return Communities(number, count, float(np.mean(pairs)) if pairs else None)


def _partition(network: Any, agents: int, order: IntArray) -> IntArray:
    """Return the community of each agent, found with the agents in another order."""
    threads = networkit.getMaxNumberOfThreads()
    networkit.setNumberOfThreads(1)
    try:
        networkit.setSeed(1, False)
        ends = (order[network.row], order[network.col])
        graph = networkit.GraphFromCoo((network.data, ends), n=agents, weighted=True, directed=False)
        labels = networkit.community.PLM(graph, refine=True, par="none").run().getPartition().getVector()
    finally:
        networkit.setNumberOfThreads(threads)
    return np.asarray(labels, dtype=np.int64)[order]


def adjusted_rand(first: IntArray, second: IntArray) -> float:
    """Return the adjusted Rand index of two partitions (Hubert and Arabie 1985): 1 the same, 0 as by chance."""
    n = len(first)
    a, b = np.unique(first, return_inverse=True)[1], np.unique(second, return_inverse=True)[1]
    table = sparse.coo_array((np.ones(n), (a, b))).tocsr()
    both, rows, columns = (_pairs(part) for part in (table.data, table.sum(axis=1), table.sum(axis=0)))
    expected = rows * columns / _pairs(np.array([float(n)])) if n > 1 else 0.0
    most = (rows + columns) / 2
    return 1.0 if most == expected else float((both - expected) / (most - expected))


def _pairs(counts: FloatArray) -> float:
    return float(np.sum(counts * (counts - 1) / 2))
