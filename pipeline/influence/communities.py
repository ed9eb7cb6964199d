"""Latent communities of a network that changes: who belongs together, and whether another run would say so.

What belongs here: a partition of the network pooled over the weeks of a panel. Effects of community and week take out
shocks that a community shares, which otherwise look like influence (STATISTICS 3.3). A partition that is finer than
the communities takes influence out with them, so that the resolution is modularity's own and is not tuned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from pipeline.network.panel import IntArray, Panel
from pipeline.structure.communities import agreement, louvain

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
    """Return the weeks that each pair was tied in either direction, an upper triangle (agents, agents)."""
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
    Louvain (Blondel et al. 2008) of `pipeline.structure.communities`: the same seed gives the same partition.
    """
    network = pooled_network(panel).tocoo()
    rng = np.random.default_rng([seed, 2008])
    ends = (network.row.astype(np.int64), network.col.astype(np.int64))
    found = louvain(*ends, network.data.astype(np.int64), panel.n_agents, rng, runs)
    tied = np.zeros(panel.n_agents, dtype=np.bool_)
    tied[network.row] = tied[network.col] = True
    number = np.where(tied, np.unique(found[0], return_inverse=True)[1], -1).astype(np.int64)
    sizes = np.bincount(number[tied]) if tied.any() else np.zeros(0, dtype=np.int64)
    count = int(np.count_nonzero(sizes >= 2))
    if count < 2 or runs < 2:
        return Communities(number, count, None)
    return Communities(number, count, float(np.mean(agreement(found[:, tied])[0])))
