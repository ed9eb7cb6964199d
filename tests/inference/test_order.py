"""Tests of order against all permutations, closed forms and a loop."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.inference.order import _before, adjacent, adjacent_moments, blocks, order_test, residuals


def test_moments_of_neighbours_are_those_of_all_orders():
    for n, m in ((5, 2), (6, 3), (7, 4), (4, 4), (6, 1)):
        label = np.array([1] * m + [0] * (n - m))
        is_next = np.r_[0, np.ones(n - 1, dtype=np.int64)]
        joins = [adjacent(np.array(order), is_next) for order in itertools.permutations(label)]
        mean, variance = adjacent_moments(np.array([n]), np.array([m]))
        assert mean[0] == pytest.approx(np.mean(joins), abs=1e-12)
        assert variance[0] == pytest.approx(np.var(joins), abs=1e-12)


def test_draws_have_the_closed_moments():
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(60), 10)
    label = (rng.random(600) < 0.3).astype(np.int64)
    found = order_test(label, group, "adjacent", n_draws=4000, rng=rng)
    mean, variance = adjacent_moments(np.bincount(group), np.bincount(group, weights=label).astype(np.int64))
    m = np.bincount(group, weights=label)
    moves = (m >= 2) & (m < 10)
    # 4,000 draws know a mean to 1/63 of their spread and the spread to 1.1 %.
    assert found.expected == pytest.approx(mean[moves].sum(), abs=4 * found.sd / np.sqrt(4000))
    assert found.sd == pytest.approx(np.sqrt(variance[moves].sum()), rel=0.05)


def test_before_against_a_loop():
    rng = np.random.default_rng(4)
    group = np.sort(rng.integers(0, 12, 90))
    label = rng.integers(0, 3, 90)
    is_next = np.r_[0, (group[1:] == group[:-1]).astype(np.int64)]
    rows = residuals(label, is_next)
    total = 0.0
    for g in np.unique(group):
        own = rows[group == g]
        for k in range(1, len(own)):
            total += float(own[k] @ own[:k].mean(axis=0))
    assert _before(is_next)(rows) == pytest.approx(total, abs=1e-10)


def test_blocks_are_runs_within_threads():
    group = np.array([0] * 5 + [1] * 2 + [2] * 4)
    assert blocks(group, 2).tolist() == [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5]


def test_nothing_to_shuffle_is_no_test():
    rng = np.random.default_rng(0)
    for label in ([0, 0, 0, 0], [1, 0, 0, 1], [1, 1, 1, 1]):
        assert order_test(np.array(label), np.array([0, 0, 1, 1]), "adjacent", n_draws=9, rng=rng) is None
    assert order_test(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), "adjacent", n_draws=9, rng=rng) is None
