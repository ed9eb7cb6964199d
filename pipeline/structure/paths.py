"""Distances in networks: breadth-first search from many nodes at once.

What belongs here: connected components, distances within the largest one, their mean and maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats
from scipy.sparse import csgraph

from pipeline.activity.resampling import NO_INTERVAL, Interval
from pipeline.network.edges import IntArray
from pipeline.structure.kernels import WORD, search

MOST_EXACT = 10_000
"""Nodes of the largest component up to which distances are taken from every node."""
SAMPLED = 1_024
"""Nodes that a larger component is sampled by."""


@dataclass(frozen=True, slots=True)
class Distances:
    """Distances from some or all nodes of the largest component.

    Attributes
    ----------
    total, reached, farthest
        Sum of the distances from each source to the nodes that it reaches, their number, and the largest distance,
        shape (sources,).
    nodes
        Nodes of the component.
    is_exact
        True when every node is a source.
    """

    total: IntArray
    reached: IntArray
    farthest: IntArray
    nodes: int
    is_exact: bool

    @property
    def mean(self) -> float:
        """Mean distance over ordered pairs that are connected, not-a-number without any."""
        pairs = int(self.reached.sum())
        return int(self.total.sum()) / pairs if pairs else float("nan")

    @property
    def longest(self) -> float:
        """Largest distance: the diameter, or a lower bound of it when sources are sampled."""
        return float(self.farthest.max()) if len(self.farthest) else float("nan")

    def interval(self, level: float) -> Interval:
        """Return the interval of the mean from sampled sources: a ratio of means with finite-population correction."""
        n = len(self.total)
        if self.is_exact or n < 20 or not self.reached.sum():
            return NO_INTERVAL
        residual = self.total - self.mean * self.reached
        error = residual.std(ddof=1) / np.sqrt(n) / self.reached.mean() * np.sqrt(1 - n / self.nodes)
        reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * float(error)
        return Interval(self.mean - reach, self.mean + reach, "sampled_sources")


def largest_component(source: IntArray, target: IntArray, n_nodes: int) -> tuple[IntArray, IntArray, int]:
    """Return the ties of the largest weakly connected component, its nodes renumbered in order, and their number."""
    if n_nodes == 0:
        return source, target, 0
    links = sparse.coo_array((np.ones(len(source), dtype=np.int8), (source, target)), shape=(n_nodes, n_nodes))
    _, label = csgraph.connected_components(links.tocsr(), directed=False)
    members = np.flatnonzero(label == np.bincount(label).argmax())
    codes = np.full(n_nodes, -1, dtype=np.int64)
    codes[members] = np.arange(len(members))
    kept = codes[source] >= 0
    return codes[source[kept]], codes[target[kept]], len(members)


def distances(
    source: IntArray, target: IntArray, n_nodes: int, rng: np.random.Generator, sources: int | None = None
) -> Distances:
    """Measure distances from all nodes, or from a random sample of them.

    Parameters
    ----------
    source, target, n_nodes
        Arcs along which a path may go, and the nodes of a component.
    rng
        Draws the sample.
    sources
        How many nodes to start from; all of a component of at most `MOST_EXACT` nodes and `SAMPLED` of a larger one
        when omitted.

    Notes
    -----
    64 searches share a machine word: a step of all of them is one bitwise "or" over the arcs.
    """
    wanted = sources or (n_nodes if n_nodes <= MOST_EXACT else SAMPLED)
    is_exact = wanted >= n_nodes
    starts = np.arange(n_nodes) if is_exact else np.sort(rng.choice(n_nodes, wanted, replace=False))
    order = np.argsort(target, kind="stable")
    into, first = source[order], np.searchsorted(target[order], np.arange(n_nodes + 1))
    parts = [search(first, into, starts[i : i + WORD * _AT_ONCE]) for i in range(0, len(starts), WORD * _AT_ONCE)]
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return Distances(none, none, none, n_nodes, is_exact)
    total, reached, farthest = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Distances(total, reached, farthest, n_nodes, is_exact)


_AT_ONCE = 8  # words per node and step: the arcs of 100,000 ties fit into the cache
