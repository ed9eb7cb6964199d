"""Loops over ties that numba compiles: searches from many nodes at once, and core numbers.

What belongs here: loops on arrays of node numbers, and nothing that knows of statistics or rows. Whole numbers only.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.network.edges import IntArray

WORD = 64
"""Searches that share a machine word."""


def search(first: IntArray, into: IntArray, starts: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Search a network from several nodes.

    Parameters
    ----------
    first, into
        The nodes that point at node i are ``into[first[i]:first[i + 1]]``.
    starts
        Nodes to start from.

    Returns
    -------
    tuple of ndarray
        Sum of the distances from each start to the nodes that it reaches, their number, and the largest distance, each
        of shape (starts,).
    """
    words = -(-len(starts) // WORD)
    seen = np.zeros((len(first) - 1, words), dtype=np.uint64)
    column = np.arange(len(starts))
    np.bitwise_or.at(seen, (starts, column // WORD), np.left_shift(np.uint64(1), (column % WORD).astype(np.uint64)))
    counts: NDArray[np.int64] = np.zeros((3, words * WORD), dtype=np.int64)
    _search(first, into, seen, seen.copy(), np.zeros_like(seen), counts)
    total, reached, farthest = counts[:, : len(starts)]
    return total, reached, farthest


def core_numbers(first: IntArray, alter: IntArray) -> IntArray:
    """Return the core number of each node of a simple undirected network, shape (nodes,).

    Parameters
    ----------
    first, alter
        The neighbours of node i are ``alter[first[i]:first[i + 1]]``.

    Notes
    -----
    Nodes are taken away in the order of their degrees in what is left (Batagelj & Zaversnik 2003,
    arXiv cs/0310049).
    """
    core = np.diff(first)
    _peel(first, alter, core)
    return core


@njit(cache=True, nogil=True)
def _search(first, into, seen, edge, found, counts):  # type: ignore[no-untyped-def]  # pragma: no cover
    n, words = seen.shape
    step, is_new, none, one = 0, True, np.uint64(0), np.uint64(1)
    per = np.zeros(words * 64, dtype=np.int64)
    active, following = np.full(words, ~none), np.zeros(words, dtype=np.uint64)  # searches that found a node last time
    while is_new:
        step += 1
        is_new = False
        per[:] = 0
        following[:] = none
        for node in range(n):
            is_open = False
            for w in range(words):
                found[node, w] = none
                is_open |= active[w] & ~seen[node, w] != none
            if not is_open:
                continue
            for place in range(first[node], first[node + 1]):
                for w in range(words):
                    found[node, w] |= edge[into[place], w]
            for w in range(words):
                bits = found[node, w] & ~seen[node, w]
                found[node, w] = bits
                seen[node, w] |= bits
                following[w] |= bits
                if bits != none:
                    is_new = True
                    for bit in range(64):
                        per[64 * w + bit] += np.int64((bits >> np.uint64(bit)) & one)
        for i in range(len(per)):
            if per[i]:
                counts[0, i] += step * per[i]
                counts[1, i] += per[i]
                counts[2, i] = step
        edge, found = found, edge
        active[:] = following


@njit(cache=True, nogil=True)
def _peel(first, alter, core):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Turn degrees into core numbers, in place."""
    n = len(core)
    most = 0
    for node in range(n):
        most = max(most, core[node])
    begins = np.zeros(most + 2, dtype=np.int64)  # of the nodes of each degree, in the order of degrees
    for node in range(n):
        begins[core[node] + 1] += 1
    for degree in range(most + 1):
        begins[degree + 1] += begins[degree]
    place, order, free = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), begins.copy()
    for node in range(n):
        place[node] = free[core[node]]
        order[place[node]] = node
        free[core[node]] += 1
    for i in range(n):
        node = order[i]
        for at in range(first[node], first[node + 1]):
            other = alter[at]
            if core[other] > core[node]:  # it moves to the front of its degree, whose nodes then begin one later
                degree = core[other]
                front = begins[degree]
                head = order[front]
                order[front], order[place[other]] = other, head
                place[head], place[other] = place[other], front
                begins[degree] = front + 1
                core[other] -= 1
