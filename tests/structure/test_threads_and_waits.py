"""Threads against networkx and brute force, waits against scipy and planted truth, windows against sets."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from datetime import datetime

import networkx as nx
import numpy as np
import polars as pl
import pytest
from scipy import stats

from pipeline.activity.gaps import Gaps
from pipeline.structure import cascades, growth, hazard, windows
from pipeline.structure.graphs import STANDING, UNKNOWN, Graph, Spells
from pipeline.structure.thread_frames import Threads, load_waits

EXACT = 1e-12
SUMMED = 1e-9
OPTIMISED = 1e-5  # two optimisers, relative
HOUR = 3_600_000_000


def random_forest(seed, trees=12, size=40):
    """Return trees grown by random attachment, messages in the order of trees and time, and their edges."""
    rng = np.random.default_rng(seed)
    parent, tree, depth, author = [], [], [], []
    for number in range(trees):
        first = len(parent)
        for k in range(int(rng.integers(1, size))):
            up = -1 if k == 0 else first + int(rng.integers(0, k))
            parent.append(up)
            tree.append(number)
            depth.append(0 if k == 0 else depth[up] + 1)
            author.append(int(rng.integers(0, 6)) if rng.random() > 0.05 else -1)
    columns = (np.array(part, dtype=np.int64) for part in (parent, tree, depth, author))
    return cascades.Forest(*columns, trees)


def members(forest, number):
    """Return the places of the messages of a tree."""
    return np.flatnonzero(forest.tree == number).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_shapes_equal_networkx_and_counting(seed):
    forest = random_forest(seed)
    found = cascades.shapes(forest)
    for number in range(forest.n_trees):
        places = members(forest, number)
        graph = nx.Graph()
        graph.add_nodes_from(places)
        graph.add_edges_from((place, int(forest.parent[place])) for place in places if forest.parent[place] >= 0)
        n = len(places)
        if n > 1:
            expected = 2 * nx.wiener_index(graph) / (n * (n - 1))
            assert found.distance[number] == pytest.approx(expected, abs=EXACT)
        else:
            assert math.isnan(found.distance[number])
        lengths = nx.single_source_shortest_path_length(graph, places[0])
        levels = np.bincount(list(lengths.values()))
        assert (found.answers[number], found.deepest[number]) == (n - 1, max(lengths.values()))
        assert found.widest[number] == (max(levels[1:]) if n > 1 else 0)
        assert found.direct[number] == graph.degree(places[0])
        answered = [place for place in places[1:] if place in forest.parent]
        assert found.answered[number] == len(answered)


def test_virality_of_stars_and_chains():
    """METHODS: 1.8 for a star and 3.667 for a path of ten."""
    star = cascades.Forest(np.array([-1] + [0] * 9), np.zeros(10, int), np.array([0] + [1] * 9), np.zeros(10, int), 1)
    path = cascades.Forest(np.arange(-1, 9), np.zeros(10, int), np.arange(10), np.zeros(10, int), 1)
    assert cascades.shapes(star).distance[0] == pytest.approx(1.8)
    assert cascades.shapes(path).distance[0] == pytest.approx(11 / 3)


def test_classes_are_asked_in_order():
    columns = [(4, 4, 1, 1), (10, 2, 9, 1), (10, 5, 1, 6), (10, 3, 6, 3), (10, 3, 6, 1)]
    answers, deepest, direct, answered = (np.array(part) for part in zip(*columns, strict=True))
    found = cascades.Shapes(answers, deepest, direct, direct, answered, np.zeros(5))
    assert cascades.thread_classes(found).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(4))
def test_returns_equal_counting(seed):
    forest = random_forest(seed)
    back, answers = cascades.reentry(forest)
    pairs_back, pairs = cascades.replied_back(forest)
    for number in range(forest.n_trees):
        seen, again, known = set(), 0, 0
        first, last = {}, defaultdict(list)
        for place in members(forest, number):
            author = int(forest.author[place])
            if forest.depth[place] > 0 and author >= 0:
                known += 1
                again += author in seen
                alter = int(forest.author[forest.parent[place]])
                if alter >= 0 and alter != author:
                    first.setdefault((author, alter), place)
                    last[author, alter].append(place)
            seen.add(author)
        assert (back[number], answers[number]) == (again, known)
        returned = sum(any(p > place for p in last[b, a]) for (a, b), place in first.items())
        assert (pairs_back[number], pairs[number]) == (returned, len(first))


def test_branching_counts_levels():
    forest = random_forest(1)
    for level in range(3):
        answers, parents = cascades.branching(forest, level)
        for number in range(forest.n_trees):
            depth = forest.depth[members(forest, number)]
            assert (answers[number], parents[number]) == ((depth == level + 1).sum(), (depth == level).sum())


def planted_waits(seed, n=4000, beta=2.0, alpha=0.5, end=3.0):
    """Return waits whose hazard is α e^(−βt), cut at a random end, four comments to a thread."""
    rng = np.random.default_rng(seed)
    total = rng.exponential(size=n) * beta / alpha
    time = np.where(total < 1, -np.log1p(-np.minimum(total, 1 - 1e-12)) / beta, np.inf)
    cut = rng.uniform(0.1, end, size=n)
    return hazard.Waits(np.minimum(time, cut), time <= cut, np.repeat(np.arange(n // 4), 4))


def test_kernel_recovers_what_is_planted_and_its_maximum_is_one():
    waits = planted_waits(0)
    rate = hazard.kernel(waits)
    low, high = rate.interval(0.99).low, rate.interval(0.99).high
    assert low < 2.0 < high
    n, t = int(waits.is_answered.sum()), waits.time

    def likelihood(beta):
        alpha = n * beta / -np.expm1(-beta * t).sum()
        return n * np.log(alpha) - beta * t[waits.is_answered].sum() - alpha / beta * -np.expm1(-beta * t).sum()

    best = likelihood(rate.value)
    assert all(best > likelihood(rate.value * factor) for factor in (0.99, 0.999, 1.001, 1.01))
    half = rate.interval(0.95, np.log(2) * 60, -1)
    assert half.low < np.log(2) / rate.value * 60 < half.high


def test_kernel_intervals_cover():
    """95 % intervals in 100 worlds: 88 or more must hold the truth (p < .002 otherwise)."""
    found = [hazard.kernel(planted_waits(seed, n=800)).interval(0.95) for seed in range(100)]
    assert sum(interval.low < 2.0 < interval.high for interval in found) >= 88


def test_weibull_equals_scipy_with_censored_times():
    rng = np.random.default_rng(3)
    time, cut = rng.weibull(0.6, size=1500) * 2, rng.uniform(0.2, 4, size=1500)
    waits = hazard.Waits(np.minimum(time, cut), time <= cut, np.arange(1500))
    found = hazard.weibull(waits)
    data = stats.CensoredData(uncensored=time[time <= cut], right=cut[time > cut])
    shape, _, _ = stats.weibull_min.fit(data, floc=0)
    assert found.value == pytest.approx(shape, rel=1e-3)  # scipy's simplex stops early
    # Comments that hang together in pairs carry half of the information, so the error grows by √2.
    twice = hazard.Waits(*(np.repeat(part, 2) for part in (waits.time, waits.is_answered, waits.thread)))
    doubled = hazard.weibull(twice)
    assert doubled.value == pytest.approx(found.value, rel=OPTIMISED)
    assert doubled.log_error == pytest.approx(found.log_error, rel=0.01)
    alone = hazard.weibull(hazard.Waits(twice.time, twice.is_answered, np.arange(3000)))
    assert alone.log_error == pytest.approx(found.log_error / math.sqrt(2), rel=0.02)


def test_few_answers_give_no_model():
    waits = planted_waits(1, n=80, alpha=0.2)
    assert hazard.kernel(waits) is None
    assert hazard.weibull(waits) is None


def test_waits_end_at_gaps_and_at_the_last_message():
    start = int(np.datetime64("2026-01-28", "us").astype(np.int64))
    at = start + np.array([0, 1, 2, 5, 9, 10]) * HOUR
    parent, depth = np.array([-1, 0, 0, 1, 2, 0]), np.array([0, 1, 1, 2, 2, 1])
    forest = cascades.Forest(parent, np.zeros(6, int), depth, np.zeros(6, int), 1)
    empty = np.zeros(1)
    threads = Threads(forest, at, np.array([0]), np.array([0]), empty, np.zeros(6, int), np.zeros(6, int))
    waits, odd = load_waits(threads, Gaps())
    assert odd == 0
    assert waits.time[:4].tolist() == pytest.approx([4, 7, 5, 1])
    assert waits.is_answered.tolist() == [True, True, False, False, False]
    gap = Gaps((("message.comment", datetime(2026, 1, 28, 6), datetime(2026, 1, 28, 8)),))
    waits, _ = load_waits(threads, gap)
    assert waits.time[:4].tolist() == pytest.approx([4, 4, 1, 1])  # the gap opens at hour 6
    assert waits.is_answered.tolist() == [True, False, False, False, False]


def test_scaling_recovers_powers():
    rng = np.random.default_rng(0)
    size = rng.zipf(1.5, size=5000).astype(float)
    size = size[size < 2000]
    assert growth.size_exponent(size, size**0.78) == pytest.approx(0.78, abs=0.02)
    assert growth.size_exponent(size, size) == pytest.approx(1, abs=EXACT)
    n = np.array([4.0, 9.0, 16.0, 25.0])
    assert math.isnan(growth.depth_width_slope(np.sqrt(n), np.sqrt(n), n))  # neither varies
    assert growth.depth_width_slope(np.ones(4), n, n) == pytest.approx(-1)
    assert growth.slope(np.arange(5.0), 3 - 2 * np.arange(5.0)) == pytest.approx(-2)


def made(start, source, target, *, end=None, is_state=False, is_directed=True, is_coarse=False):
    """Return a network of some spells."""
    source, target = np.array(source), np.array(target)
    nodes = int(max(source.max(), target.max())) + 1
    ids = pl.Series([f"{k:03}" for k in range(nodes)])
    start = np.array(start, dtype=np.int64)
    fine = np.full(len(start), not is_coarse)
    ends = np.full(len(start), STANDING) if end is None else np.array(end)
    group = np.arange(nodes) % 32
    spells = Spells(source, target, start, ends, fine, start != UNKNOWN, is_state, ids, group)
    ones = np.ones(len(source), dtype=np.int64)
    return Graph("follow", source, target, ones, start, nodes, ids, group, is_directed, spells)


def micros(text):
    """Return a time as microseconds."""
    return int(np.datetime64(text, "us").astype(np.int64))


def test_windows_follow_the_clock():
    days = [micros("2026-01-01") + k * 6 * HOUR for k in range(40)]
    found = windows.choose_windows(made(days, range(40), range(1, 41)).spells)
    assert (found.period, found.is_coarse) == ("day", False)
    assert found.starts()[0] == datetime(2026, 1, 1)
    months = [micros(f"2023-0{m}-01") for m in (4, 4, 5, 6, 7)]
    coarse = windows.choose_windows(made(months, range(5), range(1, 6), is_coarse=True).spells)
    assert (coarse.period, coarse.is_coarse) == ("month", True)
    assert coarse.starts() == [datetime(2023, m, 1) for m in (4, 5, 6)]
    assert windows.choose_windows(made([UNKNOWN] * 3, range(3), range(1, 4)).spells) is None


def test_ties_of_windows_and_what_they_share():
    starts = [micros(f"2026-01-0{d}") for d in (1, 1, 2, 2, 3)]
    graph = made(starts, [0, 1, 0, 2, 0], [1, 2, 1, 0, 1])
    found = windows.Windows("day", np.array([micros(f"2026-01-0{d}") for d in (1, 2, 3, 4)]), False)
    ties = list(windows.window_ties(graph, found))
    sets = [set(zip(a.tolist(), b.tolist(), strict=True)) for a, b in ties]
    assert sets == [{(0, 1), (1, 2)}, {(0, 1), (2, 0)}, {(0, 1)}]
    for first, second in itertools.pairwise(range(3)):
        shared, joint = windows.jaccard(ties[first], ties[second], graph.n_nodes)
        assert (shared, joint) == (len(sets[first] & sets[second]), len(sets[first] | sets[second]))
    ends = [micros("2026-01-02"), STANDING, STANDING, micros("2026-01-03"), STANDING]
    standing = made(starts, [0, 1, 0, 2, 3], [1, 2, 2, 0, 1], end=ends, is_state=True)
    sets = [set(zip(a.tolist(), b.tolist(), strict=True)) for a, b in windows.window_ties(standing, found)]
    # A tie that is dropped at the first instant of the next day stood at the end of this one.
    assert sets == [{(0, 1), (1, 2)}, {(1, 2), (0, 2), (2, 0)}, {(1, 2), (0, 2), (3, 1)}]


def test_densification_recovers_the_exponent_of_a_growing_network():
    """Agent k arrives at time k with ties to k^0.5 earlier ones: ties grow as nodes^1.5."""
    rng = np.random.default_rng(0)
    source, target, start = [], [], []
    for k in range(2, 800):
        for alter in rng.choice(k, size=min(k, round(1.5 * k**0.5)), replace=False):
            source.append(k)
            target.append(int(alter))
            start.append(k * HOUR)
    value, snapshots = windows.densification(np.array(source), np.array(target), np.array(start), 800)
    assert snapshots == 30
    assert value == pytest.approx(1.5, abs=0.05)
    nothing, few = windows.densification(np.array([0, 1]), np.array([1, 2]), np.array([5, 5]), 3)
    assert math.isnan(nothing)
    assert few == 0
