"""Loops over ties against the same said with sets and counts."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from pipeline.network.kernels import closed_paths, offer_swaps, repeats


def _ties(rng: np.random.Generator, nodes: int, ties: int, *, ordered: bool) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(a, b) for a in range(nodes) for b in range(nodes) if (a != b if ordered else a < b)]
    chosen = np.array(pairs)[rng.choice(len(pairs), ties, replace=False)]
    return chosen[:, 0].copy(), chosen[:, 1].copy()


def _swapped(
    u: np.ndarray, v: np.ndarray, order: np.ndarray, run: np.ndarray | None, *, ordered: bool
) -> tuple[np.ndarray, int]:
    def name(a: int, b: int) -> tuple[int, ...]:
        return (a, b) if ordered else tuple(sorted((a, b)))

    half = len(order) // 2
    offers = []
    for i, j in zip(order[:half], order[half : 2 * half], strict=True):
        a, b, c, d = u[i], v[i], u[j], v[j]
        offers.append((i, j, [name(a, d), name(c, b), name(a, b), name(c, d)], a == d or b == c))
    stands = Counter(key for *_, keys, _ in offers for key in keys)
    stands.update(name(u[i], v[i]) for i in order[2 * half :])
    v, swaps = v.copy(), 0
    for i, j, keys, is_loop in offers:
        if is_loop or any(stands[key] > 1 for key in keys) or (run is not None and run[i] != run[j]):
            continue
        v[i], v[j] = v[j], v[i]
        swaps += 1
    return v, swaps


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("has_runs", [True, False])
def test_swaps_are_refused_where_a_tie_would_stand_twice(ordered: bool, has_runs: bool) -> None:
    rng, swaps = np.random.default_rng(3), 0
    for ties in (0, 1, 2, 7, 60, 201):
        u, v = _ties(rng, 30, ties, ordered=ordered)
        order, run = rng.permutation(ties), rng.integers(0, 2, ties) if has_runs else None
        expected, count = _swapped(u, v, order, run, ordered=ordered)
        assert offer_swaps(u, v, order, run, 30, ordered=ordered) == count
        assert v.tolist() == expected.tolist()
        swaps += count
    assert swaps > 10


def test_triangles_are_listed_once_with_their_ties() -> None:
    head, tail = _ties(np.random.default_rng(1), 15, 60, ordered=False)
    order = np.lexsort((tail, head))
    head, tail = head[order], tail[order]
    place = {pair: i for i, pair in enumerate(zip(head.tolist(), tail.tolist(), strict=True))}
    expected = [
        (place[a, b], place[b, c], place[a, c])
        for a, b, c in combinations(range(15), 3)
        if {(a, b), (b, c), (a, c)} <= set(place)
    ]
    assert list(zip(*(part.tolist() for part in closed_paths(head, tail, 15)), strict=True)) == expected
    none = np.zeros(0, dtype=np.int64)
    assert [len(part) for part in closed_paths(none, none, 0)] == [0, 0, 0]


def test_repeats_are_the_keys_less_the_distinct_ones() -> None:
    keys = np.random.default_rng(0).integers(0, 10**12, 300)
    keys = np.concatenate([keys, keys[:70], keys[:5], [0, 0]])
    assert repeats(keys) == len(keys) - len(set(keys.tolist()))
    assert repeats(np.zeros(0, dtype=np.int64)) == 0
