"""Statistics of homophily against networkx, definitions and Monte Carlo; intervals against planted homophily."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
from mixing_examples import graphs, ours, snapshot, statistics

from pipeline.network.homophily_rows import Place, mixing_rows
from pipeline.network.mixing import categorical_mixing, numeric_mixing

EXACT = 1e-12
NAMES = ("even", "hubs", "mutual", "star")
DRAWS = 1000
# Mean and standard deviation of DRAWS draws, in standard errors: 4.5 keeps 60 comparisons below one false alarm in
# 2,000 runs; the seed is fixed.
FAR = 4.5


@pytest.fixture(scope="module", params=NAMES)
def example(request):
    """A network without isolated nodes, a score that grows with popularity, and three groups."""
    network, nodes = graphs()[request.param]
    tied, back = np.unique(np.concatenate([network.source, network.target]), return_inverse=True)
    m, n = len(network.source), len(tied)
    assert n <= nodes
    rng = np.random.default_rng(5)
    packed = snapshot(back[:m], back[m:], n)
    y = rng.normal(size=n) + np.log1p(np.bincount(packed.target, minlength=n))
    return request.param, packed, y, rng.choice(3, size=n, p=[0.5, 0.3, 0.2])


def test_values_equal_definitions(example):
    _, network, y, g = example
    expected = statistics(network.source, network.target, y, g)
    found = ours(network, y, g)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=EXACT), name


def test_assortativity_equals_networkx(example):
    _, network, y, g = example
    graph = nx.DiGraph(zip(network.source.tolist(), network.target.tolist(), strict=True))
    levels = np.rint(4 * y).astype(int)  # networkx tabulates scores
    nx.set_node_attributes(graph, dict(enumerate(levels.tolist())), "score")
    nx.set_node_attributes(graph, dict(enumerate(g.tolist())), "group")
    found = ours(network, levels.astype(float), g)
    assert found["assortativity"].value == pytest.approx(
        nx.numeric_assortativity_coefficient(graph, "score"), abs=1e-10
    )
    assert found["newman"].value == pytest.approx(nx.attribute_assortativity_coefficient(graph, "group"), abs=1e-10)


def close(moments, drawn, slack=0.0):
    """Compare mean and sd with draws: within Monte Carlo error, and a named share of the sd where inexact."""
    sd, kurtosis = drawn.std(), ((drawn - drawn.mean()) ** 4).mean() / drawn.var() ** 2
    error = math.sqrt(max(kurtosis - 1, 0) / DRAWS) / 2
    mean_off, sd_off = abs(moments.mean - drawn.mean()) / sd, abs(moments.sd / sd - 1)
    return mean_off <= FAR / math.sqrt(DRAWS) + slack and sd_off <= FAR * error + slack


@pytest.fixture(scope="module")
def label_draws(example):
    _, network, y, g = example
    rng = np.random.default_rng(1)
    orders = [rng.permutation(len(y)) for _ in range(DRAWS)]
    return table([statistics(network.source, network.target, y[order], g[order]) for order in orders])


@pytest.fixture(scope="module")
def stub_draws(example):
    _, network, y, g = example
    rng = np.random.default_rng(2)
    return table([statistics(network.source, rng.permutation(network.target), y, g) for _ in range(DRAWS)])


def table(draws):
    return {name: np.array([draw[name] for draw in draws]) for name in draws[0]}


def test_label_null_equals_monte_carlo(example, label_draws):
    name, network, y, g = example
    found = ours(network, y, g)
    # Linear in the permuted scores: exact. Ratios of random sums: first order, coarser where a hub holds a tenth of
    # the ties of 120 agents; Coleman's fold supposes a normal numerator, which a hub's label denies.
    exact, ratio = ("excess_similarity", "ei"), ("assortativity", "newman", "coleman")
    for key in (*exact, *ratio):
        slack = 0.0 if key in exact else 0.12 if name in ("hubs", "star") else 0.05
        assert close(found[key].label, label_draws[key], slack), key


def test_stub_null_equals_monte_carlo(example, stub_draws):
    _, network, y, g = example
    found = ours(network, y, g)
    for key in ("assortativity", "excess_similarity", "ei", "newman"):
        assert close(found[key].stub, stub_draws[key]), key
    for key in ("coleman", "coleman/0", "coleman/1"):  # the fold supposes a normal numerator; here it is whole numbers
        assert close(found[key].stub, stub_draws[key], 0.05), key


def test_the_comparison_with_monte_carlo_can_fail(example, stub_draws):
    _, network, y, g = example
    moments = ours(network, y, g)["excess_similarity"].stub
    assert not close(moments.scaled(1.0, 0.2 * moments.sd), stub_draws["excess_similarity"])
    assert not close(moments.scaled(1.2, -0.2 * moments.mean), stub_draws["excess_similarity"])


# Most egos of the star have one tie: nothing is left without them.
@pytest.mark.parametrize("example", [name for name in NAMES if name != "star"], indirect=True)
def test_left_out_egos_equal_a_new_computation(example):
    _, network, y, g = example
    found = ours(network, y, g)
    egos = np.unique(network.source)
    for place in range(0, len(egos), 17):
        kept = network.source != egos[place]
        rest = np.abs(np.delete(y, egos[place])[:, None] - np.delete(y, egos[place])).sum()
        source, target = network.source[kept], network.target[kept]
        n = len(y) - 1
        expected = statistics_without(network, kept, y, g)
        expected["excess_similarity"] = rest / (n * (n - 1)) - np.abs(y[source] - y[target]).mean()
        for key, value in expected.items():
            assert found[key].left_out[place] == pytest.approx(value, abs=1e-10), key


def statistics_without(network, kept, y, g):
    """The statistics of the kept ties; shares of groups are those of the whole population."""
    source, target = network.source[kept], network.target[kept]
    m, same = len(source), g[source] == g[target]
    out, into = np.bincount(g[source], minlength=3), np.bincount(g[target], minlength=3)
    share = (np.bincount(g) - 1) / (len(g) - 1)
    chance, beyond = (out * into).sum() / m**2, same.sum() - out @ share
    return {
        "assortativity": np.corrcoef(y[source], y[target])[0, 1],
        "ei": 1 - 2 * same.mean(),
        "newman": (same.mean() - chance) / (1 - chance),
        "coleman": beyond / (out @ (1 - share) if beyond >= 0 else out @ share),
    }


def planted(h, nodes, degree, rng):
    """Draw alters from the own group with probability h, else from everybody: Coleman's index is h."""
    g = rng.choice(3, size=nodes, p=[0.5, 0.3, 0.2])
    source = np.repeat(np.arange(nodes), rng.poisson(degree - 1, size=nodes) + 1)
    own = rng.random(len(source)) < h
    target = rng.integers(0, nodes, size=len(source))
    for group in range(3):
        members, places = np.flatnonzero(g == group), np.flatnonzero(own & (g[source] == group))
        target[places] = rng.choice(members, size=len(places))
    return snapshot(source, target, nodes), g


def coverage(h, runs, seed):
    rng = np.random.default_rng(seed)
    inside = rejected = 0
    for _ in range(runs):
        network, g = planted(h, 400, 6, rng)
        row = mixing_rows("coleman_x", categorical_mixing(network, g)["coleman"], Place("n", "n", "week"), 0.95)[0]
        assert row.ci_method == "jackknife_egos"
        inside += row.ci_low <= h <= row.ci_high
        rejected += row.p_value < 0.05
    return inside / runs, rejected / runs


# Distinct ties lose repeats, which are commoner within groups: with 400 agents and 6 ties each that shifts Coleman's
# index by less than .003, a tenth of its standard error.
def test_interval_of_coleman_covers_what_was_planted():
    covered, rejected = coverage(0.3, 200, 7)
    assert 0.905 <= covered <= 0.985  # binomial 99 % region of 200 runs
    assert rejected == 1.0


def test_nothing_is_found_where_nothing_was_planted():
    covered, rejected = coverage(0.0, 200, 8)
    assert 0.905 <= covered <= 0.985
    assert 0.015 <= rejected <= 0.095


def share_rejected(network, nodes, seed):
    """Share of 200 random scores that each null rejects at 5 %: rows are statistics, columns stub and label."""
    rng, rejected, words = np.random.default_rng(seed), np.zeros((2, 2)), set()
    for _ in range(200):
        mixed = numeric_mixing(network, rng.normal(size=nodes))
        for i, key in enumerate(("assortativity", "excess_similarity")):
            rows = mixing_rows(key, mixed[key], Place("n", "n", "week"), 0.95)
            rejected[i] += [row.p_value < 0.05 for row in rows]
            words |= {rows[0].warnings}
            assert rows[1].warnings is None
    return rejected / 200, words


def test_both_nulls_hold_their_level():
    rng = np.random.default_rng(3)
    network = snapshot(*rng.integers(0, 400, size=(2, 2000)), 400)
    rejected, words = share_rejected(network, 400, 4)
    assert ((rejected >= 0.015) & (rejected <= 0.095)).all(), rejected  # binomial 99 % region
    assert words == {None}


def test_on_hubs_label_permutation_holds_its_level_and_the_other_null_is_flagged():
    rejected, words = share_rejected(*graphs()["hubs"], 4)
    assert (rejected[:, 1] <= 0.095).all(), rejected
    assert rejected[1, 0] > 0.095  # what the warning is for
    assert words == {"self_ties_in_null"}


def test_scores_that_are_missing_leave_by_pairs():
    network, nodes = graphs()["even"]
    rng = np.random.default_rng(6)
    y = np.where(rng.random(nodes) < 0.3, np.nan, rng.normal(size=nodes))
    mixed = numeric_mixing(network, y)["assortativity"]
    both = np.isfinite(y[network.source]) & np.isfinite(y[network.target])
    assert mixed.ties == both.sum()
    assert mixed.value == pytest.approx(np.corrcoef(y[network.source][both], y[network.target][both])[0, 1])
    assert mixed.agents <= np.isfinite(y).sum()


@pytest.mark.parametrize("y", [np.ones(120), np.full(120, 0.1), np.full(120, np.nan)])
def test_nothing_that_varies_is_no_number(y):
    network, _ = graphs()["even"]
    for mixing in numeric_mixing(network, y).values():
        assert math.isnan(mixing.value)
    for mixing in categorical_mixing(network, np.zeros(120, dtype=np.int64)).values():
        assert math.isnan(mixing.value)
