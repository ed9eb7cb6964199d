"""Network statistics against networkx on random and degenerate graphs."""

from __future__ import annotations

import itertools
import math
import warnings
from collections import Counter

import networkx as nx
import numpy as np
import pytest
from scipy import stats

from pipeline.network import structure
from pipeline.network.edges import directed_ties, undirected_ties
from pipeline.network.nulls import affordable_draws, set_against, swapped, without_groups

EXACT = 1e-12  # both sides divide integers once or twice
SUMMED = 1e-9  # networkx accumulates floats in its own order


def random_ties(seed, nodes=60, ties=400):
    """Return distinct directed ties with hubs."""
    rng = np.random.default_rng(seed)
    skew = rng.zipf(1.6, size=(2, ties)) % nodes
    uniform = rng.integers(0, nodes, size=(2, ties))
    source, target = np.concatenate([skew, uniform], axis=1).astype(np.int64)
    return directed_ties(source, target, nodes)


@pytest.mark.parametrize("seed", range(8))
def test_equal_to_networkx(seed):
    source, target = random_ties(seed)
    u, v = undirected_ties(source, target, 60)
    directed = nx.DiGraph(zip(source.tolist(), target.tolist(), strict=True))
    graph = nx.Graph(zip(u.tolist(), v.tolist(), strict=True))
    assert len(u) == graph.number_of_edges()
    answered = structure.reciprocated(source, target, 60)
    assert answered.mean() == pytest.approx(nx.overall_reciprocity(directed), abs=EXACT)
    assert structure.reciprocity(source, target, 60) == pytest.approx(answered.mean(), abs=EXACT)
    corners = structure.triangles(u, v, 60)
    transitivity, local = structure.clustering(u, v, 60, corners)
    assert len(corners[0]) == sum(nx.triangles(graph).values()) // 3
    assert transitivity == pytest.approx(nx.transitivity(graph), abs=EXACT)
    assert local == pytest.approx(nx.average_clustering(graph), abs=SUMMED)
    mixing = structure.degree_assortativity(u, v, 60)
    assert mixing == pytest.approx(nx.degree_assortativity_coefficient(graph), abs=SUMMED)


def test_triangles_are_the_cliques_of_three():
    source, target = random_ties(3)
    u, v = undirected_ties(source, target, 60)
    graph = nx.Graph(zip(u.tolist(), v.tolist(), strict=True))
    found = {frozenset(map(int, corner)) for corner in zip(*structure.triangles(u, v, 60), strict=True)}
    expected = {frozenset(c) for c in nx.enumerate_all_cliques(graph) if len(c) == 3}
    assert found == expected
    assert len(structure.triangles(u, v, 60)[0]) == len(expected)


def test_degenerate_networks_give_no_number():
    none = np.zeros(0, dtype=np.int64)
    assert structure.reciprocated(none, none, 0).size == 0
    assert math.isnan(structure.degree_assortativity(none, none, 0))
    assert all(map(math.isnan, structure.clustering(none, none, 0, structure.triangles(none, none, 0))))
    ring = np.arange(6), (np.arange(6) + 1) % 6
    assert math.isnan(structure.degree_assortativity(*undirected_ties(*ring, 6), 6))  # all degrees equal


def pairs(source, target):
    """Return the ties as sorted tuples."""
    return sorted(zip(source.tolist(), target.tolist(), strict=True))


def test_swaps_keep_degrees_and_make_simple_networks():
    source, target = random_ties(5)
    for a, b in swapped(source, target, 60, 20, np.random.default_rng(0), is_directed=True):
        assert (np.bincount(a, minlength=60) == np.bincount(source, minlength=60)).all()
        assert (np.bincount(b, minlength=60) == np.bincount(target, minlength=60)).all()
        assert (a != b).all()
        assert len(set(pairs(a, b))) == len(source)
        assert pairs(a, b) != pairs(source, target)
    u, v = undirected_ties(source, target, 60)
    degree = np.bincount(np.concatenate([u, v]), minlength=60)
    for a, b in swapped(u, v, 60, 20, np.random.default_rng(0), is_directed=False):
        assert (np.bincount(np.concatenate([a, b]), minlength=60) == degree).all()
        assert (a != b).all()
        assert len({frozenset(tie) for tie in pairs(a, b)}) == len(u)


@pytest.mark.parametrize("is_directed", [True, False])
def test_swaps_draw_every_network_with_these_degrees_equally_often(is_directed):
    """All networks with the degrees are listed; chi-square of 2,000 thinned draws, alarm at p < 0.001."""
    source = np.array([0, 0, 1, 2, 3], dtype=np.int64)
    target = np.array([1, 2, 2, 3, 4], dtype=np.int64)
    ties = list(itertools.permutations(range(5), 2) if is_directed else itertools.combinations(range(5), 2))

    def degrees(chosen):
        out, into = Counter(a for a, _ in chosen), Counter(b for _, b in chosen)
        return (out, into) if is_directed else out + into

    wanted = degrees(pairs(source, target))
    networks = {frozenset(chosen) for chosen in itertools.combinations(ties, 5) if degrees(chosen) == wanted}
    drawn: Counter = Counter()
    rng = np.random.default_rng(5)
    draws = swapped(source, target, 5, 12_000, rng, is_directed=is_directed)
    for a, b in itertools.islice(draws, 0, None, 6):  # five ties: neighbouring draws resemble each other
        drawn[frozenset(tie if is_directed else tuple(sorted(tie)) for tie in pairs(a, b))] += 1
    assert set(drawn) == networks
    assert len(networks) > 4
    assert stats.chisquare([drawn[network] for network in networks]).pvalue > 0.001


def p_value(source, target, nodes, drawn):
    """Return the p-value of reciprocity against drawn networks."""
    values = np.array([structure.reciprocity(a, b, nodes) for a, b in drawn])
    return set_against(structure.reciprocity(source, target, nodes), values, "null").p_value


def test_null_finds_planted_reciprocity():
    rng = np.random.default_rng(7)
    source, target = directed_ties(*rng.integers(0, 400, size=(2, 3000)), 400)
    answers = np.concatenate([source, target[:600]]), np.concatenate([target, source[:600]])
    source, target = directed_ties(*answers, 400)
    drawn = swapped(source, target, 400, 199, rng, is_directed=True)
    assert p_value(source, target, 400, drawn) == pytest.approx(1 / 200)


def test_null_rejects_at_its_level_when_nothing_is_planted():
    """Networks that only degrees shape, with hubs: 5 in 100 should reject; 13 or more has probability 0.0015.

    The customary permutation of all targets with repeated ties collapsed is run beside it: it must fail, or
    the swaps are not worth their time.
    """
    rejected = collapsed = 0
    appeal = 12 / np.arange(1, 151)
    odds = appeal[:, None] * appeal[None, :]
    np.fill_diagonal(odds, 0)  # independent ties with odds x_i y_j: given the degrees all networks are equally likely
    for seed in range(100):
        rng = np.random.default_rng(seed)
        source, target = np.nonzero(rng.random(odds.shape) < odds / (1 + odds))
        drawn = swapped(source, target, 150, 59, rng, is_directed=True)
        rejected += p_value(source, target, 150, drawn) <= 0.05
        stubs = (directed_ties(source, rng.permutation(target), 150) for _ in range(59))
        collapsed += p_value(source, target, 150, stubs) <= 0.05
    assert rejected < 13
    assert collapsed > 50


def test_set_against_is_two_sided_and_needs_draws():
    drawn = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert set_against(1.0, drawn, "m").p_value == pytest.approx(3 / 6)
    assert set_against(9.0, drawn, "m").p_value == pytest.approx(1 / 6)
    assert set_against(9.0, drawn, "m").model == "m(5)"
    assert set_against(1.0, drawn[:1], "m") is None
    assert set_against(float("nan"), drawn, "m") is None


def test_large_networks_get_fewer_draws():
    assert affordable_draws(200, 63_000) == 200
    assert affordable_draws(200, 500_000) == 40
    assert affordable_draws(200, 100_000_000) == 20
    assert affordable_draws(5, 100_000_000) == 5


def test_without_groups_is_the_induced_network():
    source, target = random_ties(2)
    group = np.arange(60) % 7

    def density_and_share(u, v, kept):
        return (float(len(u)), float(structure.reciprocated(u, v, 60).mean()))

    left = without_groups(source, target, group, density_and_share)
    graph = nx.DiGraph(zip(source.tolist(), target.tolist(), strict=True))
    for label in range(7):
        rest = graph.subgraph([node for node in graph if node % 7 != label])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = nx.overall_reciprocity(rest)
        assert left[label] == pytest.approx([rest.number_of_edges(), expected], abs=EXACT)


def test_ties_of_several_runs_swap_within_them():
    """Three runs of one process without answers beyond degrees: pooled swaps take the runs for reciprocity."""
    rng = np.random.default_rng(11)
    run = np.repeat(np.arange(3), 50)
    within = rejected = pooled = 0
    for _ in range(20):
        parts = [directed_ties(*rng.integers(50 * k, 50 * k + 50, size=(2, 151)), 150) for k in range(3)]
        source, target = (np.concatenate(ends) for ends in zip(*parts, strict=True))
        drawn = list(swapped(source, target, 150, 59, rng, is_directed=True, run=run))
        for a, b in drawn:
            assert (run[a] == run[b]).all()
            assert np.bincount(a, minlength=150).tolist() == np.bincount(source, minlength=150).tolist()
            assert np.bincount(b, minlength=150).tolist() == np.bincount(target, minlength=150).tolist()
            within += len(np.setdiff1d(a * 150 + b, source * 150 + target))
        rejected += p_value(source, target, 150, drawn) <= 0.05
        pooled += p_value(source, target, 150, swapped(source, target, 150, 59, rng, is_directed=True)) <= 0.05
    assert within > 0.8 * 20 * 59 * 400  # the ties do move
    assert rejected <= 5  # of 20 at 5 %: 6 or more has probability 0.0003
    assert pooled >= 10


def test_ties_of_several_runs_are_drawn_uniformly():
    """Two runs with two and three networks of their degrees: each of the pairs comes equally often."""
    source = np.array([0, 1, 2, 4, 4, 5, 6, 7], dtype=np.int64)
    target = np.array([1, 2, 3, 5, 6, 6, 7, 8], dtype=np.int64)
    run = np.repeat([0, 1], [4, 5])
    drawn: Counter = Counter()
    for a, b in itertools.islice(
        swapped(source, target, 9, 24_000, np.random.default_rng(3), is_directed=True, run=run), 0, None, 12
    ):
        drawn[frozenset(pairs(a, b))] += 1
    halves = [Counter(), Counter()]
    for network, times in drawn.items():
        for k, half in enumerate(halves):
            half[frozenset(tie for tie in network if run[tie[0]] == k)] += times
    assert len(drawn) == len(halves[0]) * len(halves[1])
    assert stats.chisquare(list(drawn.values())).pvalue > 0.001
