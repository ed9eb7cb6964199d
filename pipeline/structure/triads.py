"""Triads of directed networks: the census of their sixteen classes, and directed clustering.

What belongs here: counts in closed form from degrees and the list of triangles, so that no triad is visited that has
fewer than three ties. Tests hold them against networkx.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.network.edges import IntArray
from pipeline.network.structure import triangles_with_ties

TRIADS = (
    "003", "012", "102", "021D", "021U", "021C", "111D", "111U", "030T", "030C", "201", "120D", "120U", "120C", "210",
    "300",
)  # fmt: skip
"""The classes of Holland & Leinhardt 1970, in the customary order."""

Corners = tuple[IntArray, IntArray, IntArray]


@dataclass(frozen=True, slots=True)
class Dyads:
    """Connected pairs of a directed network.

    Attributes
    ----------
    low, high
        Both nodes of each pair, the smaller first, sorted, shape (pairs,).
    kind
        1: only low to high; 2: only high to low; 3: both, shape (pairs,).
    """

    low: IntArray
    high: IntArray
    kind: IntArray


def dyads(source: IntArray, target: IntArray, n_nodes: int) -> Dyads:
    """Return the connected pairs of distinct directed ties without self-ties, and how each is tied."""
    size = max(n_nodes, 1)
    keys = np.minimum(source, target) * size + np.maximum(source, target)
    order = np.argsort(keys, kind="stable")
    keys, code = keys[order], np.where(source < target, 1, 2)[order]
    first = np.ones(len(keys), dtype=np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    places = np.flatnonzero(first)
    kind = np.add.reduceat(code, places) if len(places) else code
    return Dyads(keys[places] // size, keys[places] % size, kind.astype(np.int64))


def _kinds(pairs: Dyads, tie: IntArray, a: IntArray, b: IntArray) -> IntArray:
    """How a is tied to b, as seen from a: 1 sends, 2 receives, 3 both; `tie` is the place of their pair."""
    kind = pairs.kind[tie]
    return np.where((a > b) & (kind < 3), 3 - kind, kind)


@dataclass(frozen=True, slots=True)
class Triangles:
    """Triangles of connected pairs.

    Attributes
    ----------
    corners
        The three nodes of each, each of shape (triangles,).
    kinds
        How each corner is tied to the next one, as seen from it: 1 sends, 2 receives, 3 both.
    """

    corners: Corners
    kinds: Corners


def list_triangles(pairs: Dyads, n_nodes: int) -> Triangles:
    """List the triangles of the connected pairs of a network."""
    corners, ties = triangles_with_ties(pairs.low, pairs.high, n_nodes)
    a, b, c = corners
    kinds = (_kinds(pairs, ties[0], a, b), _kinds(pairs, ties[1], b, c), _kinds(pairs, ties[2], c, a))
    return Triangles(corners, kinds)


def triad_census(pairs: Dyads, n_nodes: int, listed: Triangles) -> dict[str, int]:
    """Count the triads of each class.

    Parameters
    ----------
    pairs, n_nodes
        The connected pairs of the network, and its number of nodes.
    listed
        The triangles of the pairs.

    Returns
    -------
    dict of int
        A count per class of `TRIADS` (Holland & Leinhardt 1970); exact integers. Triads with two connected pairs are
        the paths of two pairs less those that a triangle closes; with one, the nodes tied to neither end.
    """
    counts = dict.fromkeys(TRIADS, 0)
    a, b, c = listed.kinds
    # Every triangle is one of 64: the kinds of its three pairs, read round.
    closed = np.bincount(16 * a + 4 * b + c, minlength=64)
    _closed_triads(counts, closed)
    _open_triads(counts, pairs, n_nodes, closed)
    mutual = sum(int(copies) * _code(code).count(3) for code, copies in enumerate(closed))
    degree = np.bincount(np.concatenate([pairs.low, pairs.high]), minlength=n_nodes)
    for name, mask in (("012", pairs.kind < 3), ("102", pairs.kind == 3)):
        around = int((degree[pairs.low[mask]] + degree[pairs.high[mask]]).sum())
        inside = mutual if name == "102" else 3 * int(closed.sum()) - mutual
        counts[name] = int(mask.sum()) * n_nodes - around + inside
    counts["003"] = n_nodes * (n_nodes - 1) * (n_nodes - 2) // 6 - sum(counts.values())
    return counts


def _code(code: int) -> tuple[int, int, int]:
    return code // 16, code // 4 % 4, code % 4


def _closed_triads(counts: dict[str, int], closed: IntArray) -> None:
    """Count triangles by the kinds of their three pairs, read round the triangle."""
    for code, copies in enumerate(closed.tolist()):
        kinds = _code(code)
        mutual = kinds.count(3)
        if mutual > 1:
            name = "300" if mutual == 3 else "210"
        elif mutual == 0:
            name = "030C" if len(set(kinds)) == 1 else "030T"
        else:  # the two pairs after the mutual one lead to the third corner and away from it
            place = kinds.index(3)
            into, out = kinds[(place + 1) % 3], kinds[(place + 2) % 3]
            name = "120C" if into == out else "120U" if into == 1 else "120D"
        counts[name] += copies


_OPEN = {(1, 1): "021D", (2, 2): "021U", (1, 2): "021C", (1, 3): "111U", (2, 3): "111D", (3, 3): "201"}


def _open_triads(counts: dict[str, int], pairs: Dyads, n_nodes: int, closed: IntArray) -> None:
    """Count paths of two pairs by what their middle node sends and receives, less those inside triangles."""
    seen = np.concatenate([pairs.kind, np.where(pairs.kind < 3, 3 - pairs.kind, 3)])
    node = np.concatenate([pairs.low, pairs.high])
    per = {kind: np.bincount(node[seen == kind], minlength=n_nodes) for kind in (1, 2, 3)}
    inside = dict.fromkeys(_OPEN, 0)
    for code, copies in enumerate(closed.tolist()):
        kinds = _code(code)
        if 0 in kinds:
            continue
        for i in range(3):  # corner i sees its pair as it is, and the one before from its far end
            before = kinds[i - 1]
            low, high = sorted((kinds[i], 3 - before if before < 3 else 3))
            inside[low, high] += copies
    for (a, b), name in _OPEN.items():
        paths = per[a] * (per[a] - 1) // 2 if a == b else per[a] * per[b]
        counts[name] = int(paths.sum()) - inside[a, b]


def directed_clustering(pairs: Dyads, n_nodes: int, listed: Triangles) -> float:
    """Mean directed clustering.

    Returns
    -------
    float
        Mean over nodes of Fagiolo's coefficient (2007, Phys. Rev. E 76, 026107): directed triangles round the node
        over all that its ties could make, ``(A + Aᵀ)³_ii / (2 (d (d − 1) − 2 m))`` with d ties sent or received and
        m of them mutual pairs; 0 where no triangle can be. Not-a-number without nodes.
    """
    if n_nodes == 0:
        return float("nan")
    a, b, c = listed.kinds
    strength = (1 + (a == 3)) * (1 + (b == 3)) * (1 + (c == 3))
    around = sum((np.bincount(k, weights=strength, minlength=n_nodes) for k in listed.corners), np.zeros(n_nodes))
    both = np.concatenate([pairs.low, pairs.high])
    mutual = np.bincount(both[np.tile(pairs.kind == 3, 2)], minlength=n_nodes)
    ties = np.bincount(both, minlength=n_nodes) + mutual
    possible = ties * (ties - 1) - 2 * mutual
    local = np.divide(around, possible, out=np.zeros(n_nodes), where=possible > 0)
    return float(local.sum() / n_nodes)
