"""Rows of structure and of threads: against networkx, in every corpus, whatever the order of rows, beside papers."""

from __future__ import annotations

import random

import networkx as nx
import numpy as np
import pytest
from structure_corpus import corpus
from synthetic import random_threads

from pipeline.activity.row import Sampling
from pipeline.network.edges import undirected_ties
from pipeline.network.nulls import set_against
from pipeline.published.load import load_measure_dictionary, load_published
from pipeline.published.replication import replication
from pipeline.schema import Measure, measure_frame
from pipeline.structure.emitter import Plan
from pipeline.structure.graphs import load_graphs
from pipeline.structure.measures import structure_measures
from pipeline.structure.participation import participation_rows
from pipeline.structure.statistics import Draws, null_draws, undirected_dear, undirected_triangles
from pipeline.structure.thread_rows import cascade_measures

SUMMED = 1e-9
FEW = Sampling(seed=3, bootstrap_draws=50)
PLAN = Plan(seed=3, draws=Draws(12, 4, 3))


def rows_of(con):
    """Return all rows of both families."""
    return [*structure_measures(con, PLAN, FEW), *cascade_measures(con, FEW)]


def whole(rows, network):
    """Return the rows of a network over the whole span, by measure."""
    found = {r.measure_id: r for r in rows if r.unit_id == network and r.period is None}
    assert len(found) == sum(r.unit_id == network and r.period is None for r in rows)
    return found


@pytest.fixture(scope="module")
def rows():
    return rows_of(corpus(1))


def test_the_follow_network_equals_networkx(rows):
    con = corpus(1)
    graph = next(graph for graph in load_graphs(con) if graph.name == "follow")
    assert whole(rows, "follow")["network_ties"].value == graph.n_ties
    standing, events = {}, con.sql('SELECT source_id, target_id, action FROM tie_event ORDER BY "at"').fetchall()
    for ego, alter, action in events:
        if ego != alter:
            standing[ego, alter] = action == "add"
    directed = nx.DiGraph([pair for pair, stands in standing.items() if stands])
    undirected = nx.Graph(directed)
    giant = undirected.subgraph(max(nx.connected_components(undirected), key=len))
    cores = nx.core_number(undirected)
    expected = {
        "network_nodes": directed.number_of_nodes(),
        "network_ties": directed.number_of_edges(),
        "network_density": nx.density(directed),
        "degree_mean": 2 * undirected.number_of_edges() / directed.number_of_nodes(),
        "reciprocity": nx.overall_reciprocity(directed),
        "transitivity": nx.transitivity(undirected),
        "clustering_mean_local": nx.average_clustering(undirected),
        "clustering_directed": nx.average_clustering(directed),
        "degree_assortativity": nx.degree_assortativity_coefficient(undirected),
        "degree_assortativity_out_in": nx.degree_assortativity_coefficient(directed, x="out", y="in"),
        "path_length": nx.average_shortest_path_length(giant),
        "diameter": nx.diameter(giant),
        "core_number_max": max(cores.values()),
        **{f"triad_{name.lower()}": n for name, n in nx.triadic_census(directed).items()},
    }
    found = whole(rows, "follow")
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=SUMMED), name


def test_every_number_has_an_interval_a_null_or_counts_all(rows):
    described = set(load_measure_dictionary()["measure_id"])
    assert {r.measure_id for r in rows} <= described
    assert {r.unit_id for r in rows} == {"corpus", "reply_any", "follow", "engagement", "engagement_english", "action",
                                         "mention"}  # fmt: skip
    bare = set()
    for r in rows:
        assert r.n >= 0
        if r.value is None:
            assert r.warnings, r.measure_id
            assert r.ci_low is None
            assert r.p_value is None
        elif r.ci_method is None and r.null_model is None:
            bare.add(r.measure_id)
        if r.ci_low is not None:
            assert r.ci_low <= r.value + SUMMED
            assert r.value <= r.ci_high + SUMMED
        if r.p_value is not None:
            assert 0 <= r.p_value <= 1
    assert bare <= {r.measure_id for r in rows if "no_variation" in (r.warnings or "")}  # nothing moves when resampled


def test_same_numbers_whatever_the_order_of_rows_and_threads(rows):
    messages = random_threads(1, posts=150)
    random.Random(0).shuffle(messages)
    con = corpus(1, messages=messages)
    con.execute("SET threads = 4")
    assert measure_frame(rows_of(con)).equals(measure_frame(rows))


@pytest.mark.parametrize("posts", [0, 1, 3])
def test_small_corpora_give_nulls_with_warnings(posts):
    rows = rows_of(corpus(1, posts=posts, ties=12, likes=9))
    assert measure_frame(rows).height == len(rows)
    for r in rows:
        counted = r.measure_id.startswith(("network_", "n_communities", "n_actions", "largest_", "top10_"))
        if not counted:
            assert r.value is None, r.measure_id
            assert r.warnings


def test_votes_that_nobody_gives_leave_a_null_with_its_reason():
    con = corpus(3)
    con.execute("UPDATE message SET upvotes = 0 WHERE kind = 'post'")
    votes = next(
        r for r in participation_rows(con, Sampling(seed=1, bootstrap_draws=50)) if r.measure_id == "upvote_gini"
    )
    assert (votes.value, votes.warnings) == (None, "no_variation")
    assert votes.n > 0


def test_times_known_to_the_month_give_monthly_rows_and_no_growth():
    rows = rows_of(corpus(2, ties=900, precision="month"))
    periods = {r.period for r in rows if r.unit_id == "follow" and r.period}
    assert periods <= {"month"}
    growth = whole(rows, "follow")["densification_exponent"]
    assert growth.value is None
    assert "time_too_coarse" in growth.warnings


def test_lifespans_and_busy_hours_need_exact_times():
    names = ("account_lifespan_minutes_median", "peak_hours_post_share")

    def found(change="step = step"):
        con = corpus(1)
        con.execute("UPDATE message SET created_at = created_at + INTERVAL 1 HOUR * (length(message_id) * depth + 3)")
        con.execute("UPDATE message SET created_at = created_at + INTERVAL 20 HOUR WHERE sha256(message_id) < '8'")
        con.execute(f"UPDATE message SET {change}")
        return {row.measure_id: row for row in participation_rows(con, FEW)}

    whole = found()
    assert all(whole[name].value is not None and whole[name].warnings is None for name in names)
    coarse = found("at_precision = 'month', created_at = date_trunc('month', created_at)")
    assert all((coarse[name].value, coarse[name].warnings) == (None, "time_too_coarse") for name in names)
    some = found("at_precision = 'day' WHERE agent_id IN ('agent-000', 'agent-031')")
    assert all(some[name].value is not None and some[name].warnings == "coarse_times_dropped" for name in names)
    assert some[names[0]].n == whole[names[0]].n - 2


def test_networks_stand_beside_their_printed_values():
    rows = [
        Measure(family="structure", measure_id="path_length", unit="network", unit_id="reply_any", value=2.5, n=9,
                n_unit="agents"),
        Measure(family="structure", measure_id="path_length", unit="network", unit_id="reply_any", value=9.0, n=9,
                n_unit="agents", period="week"),
        Measure(family="structure", measure_id="reciprocity", unit="network", unit_id="reply_any", value=0.5, n=9,
                n_unit="ties"),
        Measure(family="network", measure_id="reciprocity_reply_any", value=0.2, n=9, n_unit="ties"),
        Measure(family="structure", measure_id="network_ties", unit="network", unit_id="follow", value=7.0, n=7,
                n_unit="ties"),
    ]  # fmt: skip
    frame = replication(measure_frame(rows), load_published())
    beside = {(r["paper"], r["measure_id"]): (r["value"], r["published_value"]) for r in frame.to_dicts()}
    assert beside["arXiv 2602.10131", "path_length_reply_any"] == (2.5, 2.91)
    assert beside["EmilineLabbe/chirper_networks", "network_ties_follow"] == (7.0, 44293)
    assert beside["arXiv 2602.10131", "reciprocity_reply_any"] == (0.2, 0.197)  # the row of the corpus comes first


def test_every_printed_number_of_networks_and_threads_has_a_measure():
    described = set(load_measure_dictionary()["measure_id"])
    networks = ("reply_any", "comment_post_author", "mention", "follow", "engagement", "engagement_english", "action")
    named = described | {f"{name}_{network}" for name in described for network in networks}
    printed = load_published()
    wanted = printed.filter(printed["measure_id"].str.contains("_(" + "|".join(networks) + ")$"))["measure_id"]
    assert len(wanted) > 60
    assert set(wanted) <= named


def test_the_null_holds_its_level_and_finds_planted_communities():
    """Ten networks of 80 agents that degrees alone shape, 19 draws: 3 or more rejections have probability .012 each."""
    rejected = dict.fromkeys(("transitivity", "louvain_modularity", "path_length"), 0)
    draws = Draws(19, 19, 19)

    def p_values(u, v, n, seed):
        drawn = null_draws(u, v, n, draws, seed, "test", is_directed=False)
        rng = np.random.default_rng(seed)
        values = undirected_triangles(u, v, n) | undirected_dear(u, v, n, rng)
        return {name: set_against(values[name], drawn[name], "null").p_value for name in rejected}

    appeal = 6 / np.arange(1, 81) ** 0.7
    odds = np.triu(appeal[:, None] * appeal[None, :] / 8, 1)
    for seed in range(10):
        u, v = np.nonzero(np.random.default_rng(seed).random(odds.shape) < odds / (1 + odds))
        for name, p in p_values(*undirected_ties(u, v, 80), 80, seed).items():
            rejected[name] += p <= 0.05
    assert max(rejected.values()) < 4
    planted = nx.planted_partition_graph(4, 20, 0.4, 0.02, seed=1)
    u, v = (np.array(ends) for ends in zip(*planted.edges, strict=True))
    found = p_values(u, v, 80, 0)
    assert found["louvain_modularity"] == found["transitivity"] == pytest.approx(0.05)
