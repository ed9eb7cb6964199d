"""Homophily by window in analysis.estimate: it agrees with analysis.measure and networkx, and says what it lacks."""

from __future__ import annotations

from datetime import timedelta

import networkx as nx
import polars as pl
import pytest
from homophily_corpus import MONDAY, connect, society

from pipeline.network.homophily import homophily_measures
from pipeline.network.homophily_estimates import homophily_estimates
from pipeline.network.panel_load import PanelReader
from pipeline.report.plots import plot_table
from pipeline.schema import estimate_frame, measure_frame

PEOPLE, WEEKS = 150, 6


@pytest.fixture(scope="module")
def con():
    return connect(**society(0.6, 3, people=PEOPLE, weeks=WEEKS))


@pytest.fixture(scope="module")
def found(con) -> pl.DataFrame:
    return estimate_frame(homophily_estimates(con))


def test_rows_are_those_of_the_weeks_of_analysis_measure(con, found):
    weekly = measure_frame(homophily_measures(con)).filter(
        (pl.col("period") == "week")
        & pl.col("measure_id").str.starts_with("assortativity_")
        & (pl.col("unit") == "network")
    )
    named = found.filter(pl.col("estimate").is_not_null()).with_columns(
        null_model=pl.col("model").str.extract(r"null: (\w+)$")
    )
    both = named.join(
        weekly,
        left_on=["outcome", "term", "window_start", "null_model"],
        right_on=["unit_id", "measure_id", "period_start", "null_model"],
    )
    assert both.height == named.height > 2 * WEEKS
    for ours, theirs in (("estimate", "value"), ("p_value", "p_value_right"), ("null_sd", "null_sd_right"),
                         ("conf_low", "ci_low"), ("conf_high", "ci_high")):  # fmt: skip
        assert both[ours].to_list() == both[theirs].to_list()


def test_a_week_equals_networkx(con, found):
    loaded = PanelReader(con).panel("follow", "log_length")
    panel = loaded.panel
    for column, week in enumerate(panel.weeks):
        ties = panel.ties.at(week)
        graph = nx.DiGraph()
        for source, target in zip(ties.source.tolist(), ties.target.tolist(), strict=True):
            graph.add_edge(source, target)
        values = {node: float(panel.scores[node, column]) for node in graph}
        graph.remove_nodes_from([node for node, value in values.items() if value != value])
        nx.set_node_attributes(graph, values, "score")
        row = found.filter(
            (pl.col("term") == "assortativity_log_length")
            & (pl.col("outcome") == "follow")
            & (pl.col("window_start") == loaded.window_start(column))
        )
        assert row["n_obs"].unique().to_list() == [graph.number_of_edges()]
        # 1e-9: networkx makes a mixing matrix of the distinct values, ours sums over ties
        assert row["estimate"][0] == pytest.approx(nx.numeric_assortativity_coefficient(graph, "score"), abs=1e-9)


def test_the_hash_is_a_negative_control_and_rows_have_ids_of_their_own(found):
    assert found["spec_id"].n_unique() == found.height
    roles = dict(found.select("term", "role").unique().iter_rows())
    assert roles["assortativity_gender_placebo"] == "negative_control"
    assert set(roles.values()) == {"negative_control", "robustness"}
    assert found.filter(pl.col("role") == "robustness")["adj_method"].drop_nulls().unique().to_list() == ["bh"]


def test_interactions_of_some_days_are_read_by_the_hour_and_are_exploratory():
    people, hours = 60, 12
    rows = society(0.0, 3, people=people, weeks=hours)
    # the messages of a week become those of an hour; each mentions another agent, so that every hour has 60 ties
    messages = [
        {**row, "created_at": MONDAY + timedelta(hours=number % hours, minutes=number // hours % 60)}
        for number, row in enumerate(rows["message"])
    ]
    mentions = [
        {
            "source_id": row["agent_id"],
            "target_id": f"a{(number // hours * 7 + number % hours + 1) % people:03d}",
            "rule": "mention",
            "message_id": row["message_id"],
        }
        for number, row in enumerate(messages)
    ]
    short = connect(**{**rows, "message": messages, "interaction": mentions, "tie_event": []})
    found = estimate_frame(homophily_estimates(short))
    mention = found.filter((pl.col("outcome") == "mention") & (pl.col("term") == "assortativity_log_length"))
    numbers = mention.filter(pl.col("estimate").is_not_null())
    assert numbers["window_start"].n_unique() >= hours - 2
    assert (numbers["window_end"] - numbers["window_start"]).unique().to_list() == [timedelta(hours=1)]
    assert set(mention["role"]) == {"exploratory"}
    assert all("derived_ties" in words for words in mention["warnings"])
    assert all("windows of 1 h" in said for said in mention["estimand"])
    assert numbers["null_sd"].min() > 0
    follow = found.filter(pl.col("outcome") == "follow")
    assert follow["estimate"].null_count() == follow.height == follow["term"].n_unique()


def test_too_few_ties_are_one_null_row_in_words():
    found = estimate_frame(homophily_estimates(connect(**society(0.6, 3, people=6, weeks=3))))
    follow = found.filter(pl.col("outcome") == "follow")
    assert follow.height == follow["term"].n_unique()
    assert follow["estimate"].null_count() == follow.height
    assert all("few_ties" in words for words in follow["warnings"])
    assert all(said.startswith("No number: at most ") for said in follow["sampling"])


def test_times_that_tell_no_weeks_are_refused():
    found = estimate_frame(homophily_estimates(connect(**society(0.6, 3, people=60, weeks=3, precision="month"))))
    follow = found.filter(pl.col("outcome") == "follow")
    assert follow.height
    assert follow["estimate"].null_count() == follow.height
    assert all("time_too_coarse" in words for words in follow["warnings"])


def test_the_picture_is_drawn_with_and_without_numbers(found):
    for rows in (found, found.with_columns(estimate=pl.lit(None, dtype=pl.Float64))):
        assert plot_table("estimate", "homophily", rows.lazy()).startswith(b"\x89PNG")
