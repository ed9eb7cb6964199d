"""Moments of permutations against every permutation of small examples, and pair sums against dense matrices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.network.permutation_moments import (
    PairSums,
    distance_scores,
    excess_weights,
    expected_end_variance,
    mantel_moments,
    one_group_scores,
    own_group_scores,
    product_scores,
    same_group_scores,
    stub_distance,
    stub_same_group,
    tie_weights,
    weighted_distances,
)

ROUNDING = 1e-9  # relative; sums of a few thousand doubles


def dense(matrix):
    """Pair sums of a matrix, its diagonal left out, by definition."""
    x = np.array(matrix, dtype=np.float64)
    np.fill_diagonal(x, 0)
    rows, columns = x.sum(axis=1), x.sum(axis=0)
    return PairSums(x.sum(), (x**2).sum(), (x * x.T).sum(), rows @ rows, columns @ columns, rows @ columns)


def same(ours, expected):
    for name in PairSums.__dataclass_fields__:
        assert getattr(ours, name) == pytest.approx(getattr(expected, name), rel=ROUNDING, abs=ROUNDING), name


def every_order(n):
    return np.array(list(itertools.permutations(range(n))))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("nodes", [4, 5, 7])
def test_mantel_equals_all_permutations(seed, nodes):
    rng = np.random.default_rng(seed)
    w, a = rng.normal(size=(2, nodes, nodes)) + rng.normal(size=(2, 1, 1))
    w, a = w * (rng.random((nodes, nodes)) < 0.6), a  # asymmetric, some weights zero
    np.fill_diagonal(w, 0)
    values = [(w * a[np.ix_(order, order)]).sum() for order in every_order(nodes)]
    ours = mantel_moments(dense(w), dense(a), nodes)
    assert ours.mean == pytest.approx(np.mean(values), rel=ROUNDING, abs=ROUNDING)
    assert ours.variance == pytest.approx(np.var(values), rel=ROUNDING, abs=ROUNDING)


def test_too_few_nodes_have_no_variance():
    sums = PairSums(1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert np.isnan(mantel_moments(sums, sums, 3).sd)
    assert np.isnan(mantel_moments(sums, sums, 1).mean)


@pytest.fixture
def example():
    rng = np.random.default_rng(3)
    adjacency = (rng.random((9, 9)) < 0.35).astype(np.int64)
    np.fill_diagonal(adjacency, 0)
    return adjacency, rng.normal(3, 2, size=9), np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])


def test_sums_of_weights(example):
    adjacency, _, _ = example
    o, q, m = adjacency.sum(axis=1), adjacency.sum(axis=0), int(adjacency.sum())
    mirrored = int((adjacency * adjacency.T).sum())
    assert 0 < mirrored < m
    same(tie_weights(o, q, m, mirrored), dense(adjacency))
    s, t = np.nonzero(adjacency)
    ours = excess_weights(o, q, m, mirrored, float(o[s] @ q[t]), float(o[t] @ q[s]))
    same(ours, dense(adjacency / m - np.outer(o, q) / m**2))


def test_sums_of_scores(example):
    _, y, g = example
    sizes, n = np.bincount(g), len(g)
    share = (sizes - 1) / (n - 1)
    distances = np.abs(y[:, None] - y)
    sums, rows = distance_scores(y)
    same(sums, dense(distances))
    assert rows == pytest.approx(distances.sum(axis=1))
    same(product_scores(y), dense(-(distances**2) / 2))
    together = (g[:, None] == g).astype(float)
    same(same_group_scores(sizes), dense(together))
    same(own_group_scores(sizes), dense(together - share[g][:, None]))
    for group in range(3):
        member = g == group
        scores = member[:, None] * (member[None, :] - share[group])
        same(one_group_scores(int(sizes[group]), n), dense(scores))


def test_distances_with_repeated_values():
    y, c = np.array([2.0, 1.0, 2.0, -3.0, 1.0]), np.array([1.0, 0.0, 2.0, 3.0, 1.0])
    assert weighted_distances(y, c) == pytest.approx(np.abs(y[:, None] - y) @ c)


@pytest.mark.parametrize("seed", range(4))
def test_stubs_equal_all_permutations(seed):
    rng = np.random.default_rng(seed)
    source, target = rng.integers(0, 6, size=(2, 7))
    y, g = rng.normal(5, 1, size=6), np.array([0, 0, 0, 1, 1, 2])
    o, q = np.bincount(source, minlength=6), np.bincount(target, minlength=6)
    drawn = target[every_order(7)]
    distances = np.abs(y[source] - y[drawn]).sum(axis=1)
    ours = stub_distance(y, o, q, 7)
    assert (ours.mean, ours.variance) == pytest.approx((distances.mean(), distances.var()), rel=ROUNDING)
    inside = (g[source] == g[drawn]).sum(axis=1)
    out, into = (np.bincount(g, part).astype(np.int64) for part in (o, q))
    ours = stub_same_group(out, into, 7)
    assert (ours.mean, ours.variance) == pytest.approx((inside.mean(), inside.var()), rel=ROUNDING)
    one = ((g[source] == 1) & (g[drawn] == 1)).sum(axis=1)
    ours = stub_same_group(out[1:2], into[1:2], 7)
    assert (ours.mean, ours.variance) == pytest.approx((one.mean(), one.var()), rel=ROUNDING, abs=1e-12)


def test_expected_variance_at_an_end_equals_all_permutations():
    rng = np.random.default_rng(8)
    y, degree = rng.normal(size=6), np.array([4, 0, 1, 2, 0, 3])
    ends = np.repeat(np.arange(6), degree)
    values = [y[order][ends].var() for order in every_order(6)]
    assert expected_end_variance(y, degree, int(degree.sum())) == pytest.approx(np.mean(values), rel=ROUNDING)
