"""Network measures of a corpus: brute force, planted truth, small corpora, order of rows."""

from __future__ import annotations

import random

import networkx as nx
import numpy as np
import pytest
from corpus_measures import measure
from synthetic import connect, random_threads, with_interactions

from pipeline.activity.row import Sampling
from pipeline.network.edges import load_network
from pipeline.network.measures import (
    _directed_without_groups,
    _undirected_without_groups,
    network_measures,
)
from pipeline.network.structure import reciprocated, triangles
from pipeline.schema import measure_frame

FEW = Sampling(seed=3, null_draws=20, clustering_draws=5, bootstrap_draws=50)
EXACT = 1e-9  # acceptance of the issue


def by_name(rows):
    """Map measure ids to rows."""
    assert len({r.measure_id for r in rows}) == len(rows)
    return {r.measure_id: r for r in rows}


@pytest.mark.parametrize("faults", [False, True])
def test_equal_to_the_independent_script(faults):
    messages = random_threads(11, posts=150, faults=faults)
    ours = by_name(network_measures(with_interactions(connect(messages)), FEW))
    expected = measure(messages)
    for name in set(ours) & set(expected):
        assert ours[name].value == pytest.approx(expected[name], abs=EXACT), name
    assert {"reciprocity_reply_any", "reciprocity_comment_post_author", "degree_assortativity_reply_any"} <= set(ours)
    words = ours["reciprocity_reply_any"].warnings.split(",")
    assert ("null_authors" in words) is faults
    assert ("dangling_parents" in words) is faults
    dyads = ours["dyad_reciprocity_reply_any"]
    ties = ours["network_undirected_ties_reply_any"].value
    directed = ours["network_ties_reply_any"].value
    assert dyads.value == pytest.approx((directed - ties) / ties, abs=EXACT)  # mutual pairs / connected pairs


def test_every_number_has_an_interval_or_a_null():
    for r in network_measures(with_interactions(connect(random_threads(4, posts=200))), FEW):
        if r.value is None or "mention" in r.measure_id:
            continue
        if r.ci_method == "census":
            continue
        assert r.ci_low <= r.value <= r.ci_high
        if "density" not in r.measure_id:
            assert r.null_sd is not None
            assert 0 < r.p_value <= 1


def test_jackknife_leaves_out_nodes_as_networkx_would():
    con = with_interactions(connect(random_threads(5, posts=200)))
    network = load_network(con, "reply_any")
    answered = reciprocated(network.source, network.target, network.n_nodes)
    shares, densities = _directed_without_groups(network, answered)
    u, v = network.undirected()
    undirected = _undirected_without_groups(u, v, network, triangles(u, v, network.n_nodes))
    directed = nx.DiGraph(zip(network.source.tolist(), network.target.tolist(), strict=True))
    for place, label in enumerate(np.unique(network.group)):
        rest = directed.subgraph([n for n in directed if network.group[n] != label])
        graph = nx.Graph(rest)
        assert shares[place] == pytest.approx(nx.overall_reciprocity(rest), abs=EXACT)
        assert densities[place] == pytest.approx(nx.density(rest), abs=EXACT)
        linked = graph.subgraph([n for n in graph if graph.degree(n)])
        expected = [
            nx.degree_assortativity_coefficient(linked),
            nx.transitivity(linked),
            nx.average_clustering(linked),
        ]
        assert undirected[place] == pytest.approx(expected, abs=EXACT)


def test_same_numbers_whatever_the_order_of_rows_and_threads():
    messages = random_threads(6, posts=120, faults=True)
    first = network_measures(with_interactions(connect(messages)), FEW)
    random.Random(0).shuffle(messages)
    con = connect(messages)
    con.execute("SET threads = 4")
    assert network_measures(with_interactions(con), FEW) == first
    other = network_measures(with_interactions(connect(messages)), Sampling(seed=4))
    assert by_name(other)["reciprocity_reply_any"].null_mean != by_name(first)["reciprocity_reply_any"].null_mean


@pytest.mark.parametrize("posts", [0, 1, 3])
def test_small_corpora_give_nulls_with_warnings(posts):
    rows = network_measures(with_interactions(connect(random_threads(1, posts=posts))), FEW)
    for r in rows:
        if r.n < 30 and "nodes" not in r.measure_id:
            assert r.ci_low is None
            assert r.null_sd is None
        if r.value is None:
            assert "few_ties" in r.warnings
    assert measure_frame(rows).height == len(rows) == 19


def test_runs_of_a_simulation_are_told_from_reciprocity():
    """Three runs of one process: the null keeps to the runs, its name says so, and rows say that they are pooled."""
    messages = []
    for run in "abc":
        for m in random_threads(ord(run), posts=60):
            ids = {key: m[key] and f"{run}:{m[key]}" for key in ("id", "author", "parent", "root")}
            messages.append({**m, **ids, "run": run})
    rows = by_name(network_measures(with_interactions(connect(messages)), FEW))
    alone = by_name(network_measures(with_interactions(connect([{**m, "run": "a"} for m in messages])), FEW))
    for name in ("reciprocity_reply_any", "transitivity_reply_any"):
        assert rows[name].value == alone[name].value
        assert rows[name].null_model.startswith("degree_preserving_swaps_within_runs")
        assert "within" not in alone[name].null_model
        assert "runs_pooled" in rows[name].warnings
        assert "runs_pooled" not in (alone[name].warnings or "")
        assert rows[name].null_mean > 1.5 * alone[name].null_mean
