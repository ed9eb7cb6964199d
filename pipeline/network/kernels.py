"""Loops over ties that numba compiles: one round of swaps, and the triangles of a network.

What belongs here: loops on arrays of node numbers, and nothing that knows of statistics or rows. Whole numbers only,
so results do not depend on the order of anything.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.network.edges import IntArray

Places = NDArray[np.uint32]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_FILTER_BITS = 8  # of the filter for each key: of keys that stand once, about one in eight is looked up


def offer_swaps(u: IntArray, v: IntArray, order: IntArray, of: IntArray | None, n_nodes: int, *, ordered: bool) -> int:
    """Swap the second ends of pairs of ties in place, and return how many pairs swapped.

    Parameters
    ----------
    u, v
        Ends of distinct ties, shape (ties,).
    order
        Ties in the order in which they are paired: the i-th with the i-th of the second half; one may be left over.
    of
        Run of each tie; ``None`` where all are of one.
    n_nodes
        Number of nodes.
    ordered
        Whether (a, b) and (b, a) are two ties.

    Notes
    -----
    Of a-b and c-d, a-d and c-b are offered. A pair is refused when that makes a self-tie, when the runs differ, or when
    one of its four ties, old or new, stands twice among the old and new ones of all.
    """
    half = len(order) // 2
    keys = np.empty(4 * half + len(order) - 2 * half, dtype=np.int64)
    refused = np.zeros(half, dtype=np.bool_)
    runs = np.zeros(0, dtype=np.int64) if of is None else of
    _offered(u, v, order, runs, n_nodes, ordered, keys, refused)
    _refuse_repeated(keys, refused)
    return int(_swap(v, order, refused))


def repeats(keys: IntArray) -> int:
    """Return how many keys, none negative, stand before an equal one: their number less that of the distinct ones."""
    return int(_refuse_repeated(keys, np.zeros(0, dtype=np.bool_)))


def closed_paths(head: IntArray, tail: IntArray, n_nodes: int) -> tuple[Places, Places, Places]:
    """List every triangle of ties that lead from smaller to larger nodes.

    Parameters
    ----------
    head, tail
        Ends of distinct ties, head smaller than tail, sorted by both, shape (ties,).
    n_nodes
        Number of nodes.

    Returns
    -------
    tuple of ndarray
        Places of the ties (a, b), (b, c) and (a, c) of each triangle a < b < c, in the order of a, b and c, each of
        shape (triangles,).
    """
    first = np.searchsorted(head, np.arange(n_nodes + 1))
    mark = np.full(n_nodes, -1, dtype=np.int64)
    none = np.zeros((3, 0), dtype=np.uint32)
    found = np.empty((3, _closed(tail, first, mark, none)), dtype=np.uint32)
    _closed(tail, first, mark, found)
    return found[0], found[1], found[2]


@njit(cache=True, nogil=True)
def _offered(u, v, order, runs, n_nodes, ordered, keys, refused):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the keys of new and old ties, pair by pair, and refuse self-ties and pairs of two runs."""
    half = len(refused)
    for i in range(half):
        first, second = order[i], order[half + i]
        a, b, c, d = u[first], v[first], u[second], v[second]
        refused[i] = a == d or c == b or (len(runs) > 0 and runs[first] != runs[second])
        if ordered:
            keys[4 * i], keys[4 * i + 1] = a * n_nodes + d, c * n_nodes + b
            keys[4 * i + 2], keys[4 * i + 3] = a * n_nodes + b, c * n_nodes + d
        else:
            keys[4 * i], keys[4 * i + 1] = min(a, d) * n_nodes + max(a, d), min(c, b) * n_nodes + max(c, b)
            keys[4 * i + 2], keys[4 * i + 3] = min(a, b) * n_nodes + max(a, b), min(c, d) * n_nodes + max(c, d)
    for i in range(2 * half, len(order)):
        a, b = u[order[i]], v[order[i]]
        keys[2 * half + i] = a * n_nodes + b if ordered else min(a, b) * n_nodes + max(a, b)


@njit(cache=True, nogil=True)
def _refuse_repeated(keys, refused):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Refuse the pairs of ties with a key that stands twice, count such keys.

    A filter of bits, which fits into the cache, leaves few candidates; these are looked up in a table.
    """
    bits = 6
    while 1 << bits < _FILTER_BITS * len(keys):
        bits += 1
    shift, low = np.uint64(64 - bits), np.uint64(63)
    once, twice = np.zeros(1 << (bits - 6), dtype=np.uint64), np.zeros(1 << (bits - 6), dtype=np.uint64)
    six, one, none = np.uint64(6), np.uint64(1), np.uint64(0)
    for key in keys:
        place = (np.uint64(key) * _FACTOR) >> shift
        word, bit = place >> six, one << (place & low)
        twice[word] |= once[word] & bit
        once[word] |= bit
    candidates = np.empty(len(keys), dtype=np.int64)
    count = 0
    for i in range(len(keys)):
        place = (np.uint64(keys[i]) * _FACTOR) >> shift
        candidates[count] = i
        count += 1 if twice[place >> six] & (one << (place & low)) != none else 0
    size = 16
    while size < 2 * count:
        size *= 2
    owner, mask, limit, found = np.full(size, -1, dtype=np.int64), size - 1, 4 * len(refused), 0
    for i in candidates[:count]:
        slot = np.int64((np.uint64(keys[i]) * _FACTOR) >> np.uint64(20)) & mask
        while owner[slot] >= 0 and keys[owner[slot]] != keys[i]:
            slot = (slot + 1) & mask
        if owner[slot] < 0:
            owner[slot] = i
            continue
        found += 1
        for other in (owner[slot], i):
            if other < limit:
                refused[other // 4] = True
    return found


@njit(cache=True, nogil=True)
def _swap(v, order, refused):  # type: ignore[no-untyped-def]  # pragma: no cover
    half, count = len(refused), 0
    for i in range(half):
        if not refused[i]:
            first, second = order[i], order[half + i]
            v[first], v[second] = v[second], v[first]
            count += 1
    return count


@njit(cache=True, nogil=True)
def _closed(tail, first, mark, found):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count triangles, and write the places of their ties where there is room for them."""
    count, wanted = 0, found.shape[1] > 0
    for a in range(len(mark)):
        for ab in range(first[a], first[a + 1]):
            mark[tail[ab]] = ab
        for ab in range(first[a], first[a + 1]):
            b = tail[ab]
            for bc in range(first[b], first[b + 1]):
                ac = mark[tail[bc]]
                if ac >= 0:
                    if wanted:
                        found[0, count], found[1, count], found[2, count] = ab, bc, ac
                    count += 1
        for ab in range(first[a], first[a + 1]):
            mark[tail[ab]] = -1
    return count
