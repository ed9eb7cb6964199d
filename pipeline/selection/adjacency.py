"""The network of one week as sorted neighbour lists, and what it says of given pairs; sampling of pairs by hash.

What belongs here: the loops that numba compiles, and nothing that knows of scores or models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import sparse

from pipeline.network.snapshots import TieIntervals

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.signedinteger[Any]]
NodeArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]
HashArray = NDArray[np.uint64]

STRUCTURE = ("reciprocity", "two_paths", "in_degree")
"""Columns of `structure`: 1[j → i]; log(1 + paths i → k → j); log(1 + in-degree of j)."""

_GOLDEN, _MIX_A, _MIX_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)


@dataclass(frozen=True, slots=True)
class Adjacency:
    """Who is tied to whom at one moment, over n nodes.

    Attributes
    ----------
    out_start, out
        Targets of node i are ``out[out_start[i]:out_start[i + 1]]``, ascending.
    in_start, into
        Sources of the ties to node j likewise.
    """

    out_start: NDArray[np.int64]
    out: NodeArray
    in_start: NDArray[np.int64]
    into: NodeArray

    @property
    def n_ties(self) -> int:
        """Number of ties."""
        return len(self.out)

    @property
    def out_degree(self) -> NDArray[np.int64]:
        """Ties sent by each node."""
        return np.diff(self.out_start)

    @property
    def in_degree(self) -> NDArray[np.int64]:
        """Ties received by each node."""
        return np.diff(self.in_start)

    @property
    def source(self) -> NodeArray:
        """Source of each tie, beside `out`."""
        return np.repeat(np.arange(len(self.out_start) - 1, dtype=np.int32), self.out_degree)


def adjacency(ties: TieIntervals, week: int, n_nodes: int) -> Adjacency:
    """Return the ties that stand at the end of a week; intervals are sorted by source and target."""
    standing = (ties.start <= week) & (week < ties.end)
    source, target = ties.source[standing], ties.target[standing]
    start = np.r_[0, np.cumsum(np.bincount(source, minlength=n_nodes))]
    matrix = sparse.csr_matrix((np.ones(len(target), dtype=np.int8), target, start), shape=(n_nodes, n_nodes)).tocsc()
    return Adjacency(start, target.astype(np.int32), matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32))


def structure(network: Adjacency, ego: NodeArray, alter: NodeArray) -> FloatArray:
    """Return the columns of `STRUCTURE` of each pair, shape (pairs, 3)."""
    out = np.empty((len(ego), len(STRUCTURE)))
    _structure(network.out_start, network.out, network.in_start, network.into, ego, alter, out)
    np.log1p(out[:, 1:], out=out[:, 1:])
    return out


def pair_hash(seed: int, week: int, ego: IntArray, alter: IntArray) -> HashArray:
    """Return a hash of each pair in a week, the same whatever stands beside it."""
    with np.errstate(over="ignore"):
        state = _mixed(np.full(len(ego), seed, dtype=np.int64).view(np.uint64) + _GOLDEN)
        state = _mixed((state ^ np.uint64(week & 0xFFFFFFFF)) + _GOLDEN)
        state = _mixed((state ^ ego.astype(np.uint64)) + _GOLDEN)
        return _mixed((state ^ alter.astype(np.uint64)) + _GOLDEN)


def draw_alters(
    network: Adjacency, new: Adjacency, present: BoolArray, ego: NodeArray, key: HashArray, size: int
) -> NodeArray:
    """Draw alters for choices: present, not the ego, not tied to it before, none of its picks of the week.

    Parameters
    ----------
    network, new
        Ties before, and picks of the week.
    present
        Who can be picked, shape (nodes,).
    ego, key
        Ego and hash of each choice, shape (choices,): the same hash draws the same alters.
    size
        Alters per choice, drawn uniformly without replacement.

    Returns
    -------
    ndarray
        Shape (choices, size); −1 where the risk set has fewer.
    """
    out = np.full((len(ego), size), -1, dtype=np.int32)
    nodes = np.flatnonzero(present).astype(np.int32)
    _draw(network.out_start, network.out, new.out_start, new.out, present, nodes, ego, key, out)
    return out


def _mixed(state: HashArray) -> HashArray:
    """Finalise SplitMix64 (Steele, Lea & Flood 2014)."""
    state = (state ^ (state >> _S30)) * _MIX_A
    state = (state ^ (state >> _S27)) * _MIX_B
    return state ^ (state >> _S31)


@njit(cache=True)
def _mix(state):  # type: ignore[no-untyped-def]  # pragma: no cover
    state = (state ^ (state >> _S30)) * _MIX_A
    state = (state ^ (state >> _S27)) * _MIX_B
    return state ^ (state >> _S31)


@njit(cache=True)
def _holds(values, low, high, wanted):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Say whether ascending values[low:high] hold a value."""
    end = high
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low < end and values[low] == wanted


@njit(cache=True)
def _shared(a, a_low, a_high, b, b_low, b_high):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count common values of two ascending runs; the longer one is searched when it is far longer."""
    if a_high - a_low > b_high - b_low:
        a, b, a_low, a_high, b_low, b_high = b, a, b_low, b_high, a_low, a_high
    count = 0
    if (b_high - b_low) > 16 * (a_high - a_low):
        for place in range(a_low, a_high):
            count += _holds(b, b_low, b_high, a[place])
        return count
    while a_low < a_high and b_low < b_high:
        if a[a_low] < b[b_low]:
            a_low += 1
        elif a[a_low] > b[b_low]:
            b_low += 1
        else:
            count += 1
            a_low += 1
            b_low += 1
    return count


@njit(cache=True)
def _structure(out_start, out, in_start, into, ego, alter, result):  # type: ignore[no-untyped-def]  # pragma: no cover
    for row in range(len(ego)):
        i, j = ego[row], alter[row]
        result[row, 0] = 1.0 if _holds(out, out_start[j], out_start[j + 1], i) else 0.0
        result[row, 1] = _shared(out, out_start[i], out_start[i + 1], into, in_start[j], in_start[j + 1])
        result[row, 2] = in_start[j + 1] - in_start[j]


@njit(cache=True)
def _open(out_start, out, new_start, new, i, j):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Say whether j can be picked by i."""
    if i == j or _holds(out, out_start[i], out_start[i + 1], j):
        return False
    return not _holds(new, new_start[i], new_start[i + 1], j)


@njit(cache=True)
def _draw(out_start, out, new_start, new, present, nodes, ego, key, result):  # type: ignore[no-untyped-def]  # pragma: no cover
    size, n = result.shape[1], len(nodes)
    for choice in range(len(ego)):
        i = ego[choice]
        left = n - present[i]
        for place in range(out_start[i], out_start[i + 1]):
            left -= present[out[place]] and out[place] != i
        for place in range(new_start[i], new_start[i + 1]):
            left -= present[new[place]]
        if left <= 2 * size or 8 * left < n:  # few are left: rank all of them
            alters, ranks = np.empty(max(left, 0), dtype=np.int32), np.empty(max(left, 0), dtype=np.uint64)
            found = 0
            for j in nodes:
                if _open(out_start, out, new_start, new, i, j):
                    alters[found] = j
                    ranks[found] = _mix((key[choice] ^ np.uint64(j)) + _GOLDEN)
                    found += 1
            order = np.argsort(ranks[:found])
            for place in range(min(found, size)):
                result[choice, place] = alters[order[place]]
            continue
        taken, state = 0, key[choice]
        while taken < size:
            state += _GOLDEN
            j = nodes[np.int64(_mix(state) % np.uint64(n))]
            is_new = _open(out_start, out, new_start, new, i, j)
            for place in range(taken):
                is_new = is_new and result[choice, place] != j
            if is_new:
                result[choice, taken] = j
                taken += 1
