"""Panels of small corpora: windows, halves, groups, refusals, and agreement with table agent_week."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from homophily_corpus import MONDAY, agents, connect, event, society

from pipeline.network.clock import clock_words, window_start
from pipeline.network.panel_load import PanelReader
from pipeline.network.snapshots import week_numbers


@pytest.fixture(scope="module")
def con():
    return connect(**society(0.5, 1, people=40, weeks=5))


def test_weeks_and_scores_are_those_of_agent_week(con):
    reader = PanelReader(con)
    loaded = reader.panel("follow", "log_length")
    panel = loaded.panel
    assert loaded.warnings == ()
    assert (panel.n_agents, panel.n_weeks) == (40, 5)
    assert loaded.window_start(0) == MONDAY
    frame = con.sql("SELECT * FROM agent_week WHERE variable = 'log_length'").pl()
    week = week_numbers(frame["week_start"], -1) - panel.first_week
    row = pl.Series(reader.nodes).search_sorted(frame["agent_id"]).to_numpy()
    expected = np.full((40, 5), np.nan)
    expected[row, week] = frame["value"].to_numpy()
    np.testing.assert_array_equal(panel.scores, expected)
    assert panel.weight.sum() == frame["n_messages"].sum()
    assert (
        len(panel.ties.at(panel.first_week).source)
        == con.sql("SELECT count(DISTINCT (source_id, target_id)) FROM tie_event").fetchall()[0][0]
    )


def test_halves_are_two_measurements_of_the_same_messages(con):
    panel = PanelReader(con).panel("follow", "log_length").panel
    # One message a week in this corpus: it is in one half or in the other, never in both.
    first, second = np.isfinite(panel.halves)
    assert not (first & second).any()
    np.testing.assert_array_equal(np.where(first, panel.halves[0], panel.halves[1]), panel.scores)
    assert 60 < first.sum() < 140  # of 200 messages, a fair coin each: within 5.6 standard deviations
    assert PanelReader(con).panel("follow", "activity").panel.halves is None


def test_groups_are_communities_where_most_agents_have_one(con):
    loaded = PanelReader(con).panel("follow", "airs_share")
    assert loaded.trait == "community"
    assert set(np.unique(loaded.panel.group)) == {0, 1, 2}
    rows = society(0.5, 1, people=40, weeks=3)
    rows["message"] = [{**message, "community_id": None} for message in rows["message"]]
    assert PanelReader(connect(**rows)).panel("follow", "airs_share").trait == "lang"


def test_a_panel_begins_where_ties_and_scores_are_both_known():
    rows = society(0.5, 1, people=10, weeks=4)
    rows["tie_event"] = [event("a001", "a002", "add", MONDAY.replace(day=9)), event("a003", "a002", "add", None)]
    loaded = PanelReader(connect(**rows)).panel("follow", "activity")
    assert loaded.window_start(0) == datetime(2024, 1, 8)
    assert "coarse_times_dropped" in loaded.warnings
    assert loaded.panel.n_weeks == 3


@pytest.mark.parametrize(
    ("change", "word"),
    [({"timed": False}, "clock_is_step"), ({"precision": "month"}, "time_too_coarse")],
)
def test_clocks_that_carry_no_weeks_are_refused(change, word):
    loaded = PanelReader(connect(**society(0.5, 1, people=20, **change))).panel("follow", "airs_share")
    assert loaded.panel is None
    assert word in loaded.warnings
    assert loaded.n_ties > 0


def test_nothing_to_read_is_said():
    rows = society(0.5, 1, people=20)
    no_ties = PanelReader(connect(**{**rows, "tie_event": []})).panel("follow", "airs_share")
    assert (no_ties.panel, no_ties.warnings) == (None, ("no_ties",))
    no_score = PanelReader(connect(**rows)).panel("follow", "gender_axis")
    assert (no_score.panel, no_score.warnings) == (None, ("no_agent_scores",))
    assert "gender_axis" not in PanelReader(connect(**rows)).variables()


def test_hourly_windows_of_interactions():
    rows = {
        "agent": agents("a", "b"),
        "message": [
            {"message_id": f"m{hour}", "run_id": "observed", "kind": "post", "agent_id": "ab"[hour % 2],
             "text_hash": "x", "created_at": MONDAY.replace(hour=hour, minute=59), "at_precision": "hour"}
            for hour in range(8)
        ],
        "text": [{"text_hash": "x", "text": "x", "n_chars": 1, "n_tokens": 1, "copies": 1}],
        "interaction": [{"source_id": "b", "target_id": "a", "rule": "mention", "message_id": "m1"}],
    }  # fmt: skip
    reader = PanelReader(connect(**rows), hours=1)
    assert reader.networks() == ["mention"]
    loaded = reader.panel("mention", "activity")
    assert loaded.is_derived
    assert loaded.window_start(0) == MONDAY.replace(hour=1)
    stood = [len(loaded.panel.ties.at(week).source) for week in loaded.panel.weeks]
    assert stood == [1, 1, 1, 1, 0, 0, 0]  # in its hour and the three after it


@pytest.mark.parametrize(("hours", "is_refused"), [(1, True), (24, False), (168, False)])
def test_times_known_to_the_day_tell_days_and_no_hours(hours, is_refused):
    con = connect(**society(0.5, 1, people=10, precision="day"))
    con.execute("INSERT INTO interaction SELECT 'a001', 'a002', 'mention', 'm001-0', NULL")
    loaded = PanelReader(con, hours).panel("mention", "activity")
    assert ("time_too_coarse" in loaded.warnings) == is_refused
    assert (loaded.panel is None) == is_refused


def test_windows_and_words_of_clocks():
    assert window_start(1) == datetime(1970, 1, 12)
    assert window_start(25, 1) == datetime(1970, 1, 6, 1)
    assert clock_words(10, 10, 10, 0) == clock_words(0, 0, 0, 0) == ()
    assert clock_words(10, 10, 5, 0) == ("coarse_times_dropped",)
    assert clock_words(10, 10, 4, 0) == ("time_too_coarse",)
    assert clock_words(10, 4, 4, 1) == ("clock_is_step",)
    assert clock_words(10, 4, 4, 0) == ("no_times",)
