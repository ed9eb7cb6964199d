"""Networks as arrays: distinct directed pairs of agents under one interaction rule.

What belongs here: reading ties from view ``interaction`` and turning directed ties into undirected ones. A
tie is a distinct pair (source, target) with source ≠ target; nodes are the agents with at least one tie.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

# Agents are put into 256 groups by two hex digits of a hash of their id: the same groups on every machine and
# engine.
_TIES = """
SELECT source_id, target_id, left(sha256(source_id), 2) AS source_group, left(sha256(target_id), 2) AS
target_group FROM (SELECT DISTINCT source_id, target_id FROM interaction WHERE rule = ? AND source_id <>
target_id) AS tie ORDER BY source_id, target_id
"""


def are_among(wanted: IntArray, ascending: IntArray) -> NDArray[np.bool_]:
    """Tell which keys are among ascending ones, by search: `numpy.isin` would sort or hash what is in order already."""
    if not len(ascending):
        return np.zeros(len(wanted), dtype=np.bool_)
    place = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return np.asarray(ascending[place] == wanted)


@dataclass(frozen=True, slots=True)
class Network:
    """Distinct directed ties without self-ties, nodes numbered in the order of their ids.

    Attributes
    ----------
    source, target
        Node numbers of each tie, shape (ties,), sorted by source and target.
    n_nodes
        Number of nodes.
    group
        Hash group of each node, 0 to 255, shape (n_nodes,).
    ids
        Ids of the nodes.
    """

    source: IntArray
    target: IntArray
    n_nodes: int
    group: IntArray
    ids: pl.Series

    def undirected(self) -> tuple[IntArray, IntArray]:
        """Return both ends of each distinct undirected tie, the smaller node number first."""
        return undirected_ties(self.source, self.target, self.n_nodes)


def load_network(con: duckdb.DuckDBPyConnection, rule: str) -> Network:
    """Read the network of one rule.

    Parameters
    ----------
    con
        Connection with view ``interaction`` of one corpus.
    rule
        A rule of `pipeline.network.interactions.RULES`.
    """
    ties = con.sql(_TIES, params=[rule]).pl()
    ends = pl.concat([ties["source_id"], ties["target_id"]])
    nodes = ends.unique().sort()
    codes = ends.cast(pl.Enum(nodes)).to_physical().cast(pl.Int64).to_numpy()
    groups = pl.concat([ties["source_group"], ties["target_group"]]).str.to_integer(base=16)
    group = np.zeros(len(nodes), dtype=np.int64)
    group[codes] = groups.to_numpy()
    return Network(codes[: len(ties)], codes[len(ties) :], len(nodes), group, nodes)


def undirected_ties(source: IntArray, target: IntArray, n_nodes: int) -> tuple[IntArray, IntArray]:
    """Collapse directed pairs to distinct undirected pairs without self-pairs, smaller node first."""
    low, high = np.minimum(source, target), np.maximum(source, target)
    apart = low != high
    keys = distinct(low[apart] * n_nodes + high[apart])
    return keys // max(n_nodes, 1), keys % max(n_nodes, 1)


def directed_ties(source: IntArray, target: IntArray, n_nodes: int) -> tuple[IntArray, IntArray]:
    """Collapse directed pairs to distinct ones without self-pairs."""
    apart = source != target
    keys = distinct(source[apart] * n_nodes + target[apart])
    return keys // max(n_nodes, 1), keys % max(n_nodes, 1)


def distinct(keys: IntArray) -> IntArray:
    """Sort and drop repeats: `np.unique`, which hashes first and takes ten times as long on such keys."""
    if keys.size == 0:
        return keys
    ordered = np.sort(keys)
    return np.asarray(ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])])
