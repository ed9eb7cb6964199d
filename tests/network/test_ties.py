"""Intervals of ties from events, and the networks of weeks that come out of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from homophily_corpus import MONDAY, agents, connect, event

from pipeline.network.snapshots import load_interactions, load_nodes, load_ties, week_numbers, week_start
from pipeline.network.ties import interval_sql, tie_event_counts, tie_sql

DAY = timedelta(days=1)


def ties(*events):
    con = connect(agent=agents("a", "b", "c"), tie_event=list(events))
    return con.sql(f"SELECT source_id, target_id, start_at, end_at, origin FROM ({tie_sql()}) ORDER BY ALL").fetchall()


def test_add_and_remove_make_intervals_and_a_second_add_another():
    found = ties(
        event("a", "b", "add", MONDAY),
        event("a", "b", "remove", MONDAY + DAY, origin="crawl"),
        event("a", "b", "add", MONDAY + 3 * DAY, origin="crawl"),
    )
    assert found == [
        ("a", "b", MONDAY, MONDAY + DAY, "log"),
        ("a", "b", MONDAY + 3 * DAY, None, "crawl"),
    ]


def test_repeats_keep_the_first():
    found = ties(
        event("a", "b", "add", MONDAY),
        event("a", "b", "add", MONDAY + DAY),
        event("a", "b", "remove", MONDAY + 2 * DAY),
        event("a", "b", "remove", MONDAY + 3 * DAY),
    )
    assert found == [("a", "b", MONDAY, MONDAY + 2 * DAY, "log")]


def test_a_removal_that_nothing_opened_has_no_start():
    assert ties(event("a", "b", "remove", MONDAY)) == [("a", "b", None, MONDAY, "log")]


def test_an_add_without_time_has_no_start():
    assert ties(event("a", "b", "add"), event("a", "b", "remove", MONDAY)) == [("a", "b", None, MONDAY, "log")]


def test_add_and_remove_at_one_instant_cancel():
    assert ties(event("a", "b", "add", MONDAY), event("a", "b", "remove", MONDAY)) == []
    again = ties(
        event("a", "b", "add", MONDAY),
        event("a", "b", "remove", MONDAY + DAY),
        event("a", "b", "add", MONDAY + DAY),
        event("a", "b", "add", MONDAY + DAY, origin="snapshot"),
    )
    assert again == [("a", "b", MONDAY, None, "log")]


def test_relations_are_kept_apart():
    found = ties(event("a", "b", "add", MONDAY), event("a", "b", "remove", MONDAY + DAY, relation="mute"))
    assert found == [("a", "b", MONDAY, None, "log"), ("a", "b", None, MONDAY + DAY, "log")]


def test_self_ties_and_strangers_are_counted_and_dropped():
    given = [event("a", "a", "add", MONDAY), event("a", "nobody", "add", MONDAY), event("a", "c", "add", MONDAY)]
    assert [row[1] for row in ties(*given)] == ["c"]
    counts = tie_event_counts(connect(agent=agents("a", "b", "c"), tie_event=given), "follow")
    assert (counts.events, counts.to_self, counts.dangling, counts.known) == (3, 1, 1, 3)


def test_a_clock_of_steps_keeps_what_stands():
    found = ties(
        event("a", "b", "add", step=1),
        event("a", "b", "remove", step=2),
        event("a", "b", "add", step=9),
        event("a", "c", "add", step=1),
        event("a", "c", "remove", step=5),
    )
    assert found == [("a", "b", None, None, "log")]


@pytest.mark.parametrize(
    ("precision", "known"), [("us", True), ("day", True), (None, True), ("week", False), ("month", False)]
)
def test_coarse_times_are_not_known_to_the_week(precision, known):
    con = connect(agent=agents("a", "b"), tie_event=[event("a", "b", "add", MONDAY, at_precision=precision)])
    assert con.sql(f"SELECT is_known_to_week FROM ({interval_sql()})").fetchall() == [(known,)]


def standing(con, relation="follow"):
    nodes = load_nodes(con)
    network = load_ties(con, relation, nodes)

    def pairs(week):
        snapshot = network.weekly.at(week)
        return {(nodes[i], nodes[j]) for i, j in zip(snapshot.source.tolist(), snapshot.target.tolist(), strict=True)}

    return network, pairs


def test_ties_count_in_the_weeks_at_whose_end_they_stand():
    con = connect(
        agent=agents("a", "b", "c"),
        tie_event=[
            event("a", "b", "add", MONDAY + 2 * DAY),
            event("a", "b", "remove", MONDAY + 14 * DAY),  # the first instant of week 2: it stood at the end of week 1
            event("b", "a", "add", MONDAY + DAY),
            event("b", "a", "remove", MONDAY + 6 * DAY),  # never stood at the end of a week
            event("c", "a", "remove", MONDAY + 9 * DAY),
            event("a", "c", "add", MONDAY + 8 * DAY),
            event("b", "c", "add", MONDAY, at_precision="month"),
        ],
    )
    first = int(week_numbers(pl.Series([MONDAY]), 0)[0])
    network, pairs = standing(con)
    assert [pairs(first + i) for i in (-1, 0, 1, 2)] == [
        {("c", "a")},
        {("a", "b"), ("c", "a")},
        {("a", "b"), ("a", "c")},
        {("a", "c")},
    ]
    assert (network.n_ties, network.timed, network.n_intervals, network.unknown_starts) == (5, 4, 5, 1)
    assert len(network.whole.at(0).source) == 2  # a follows c, and b follows c at an unknown time


def test_mirrored_ties_stand_in_the_same_week():
    con = connect(
        agent=agents("a", "b", "c"),
        tie_event=[
            event("a", "b", "add", MONDAY),
            event("b", "a", "add", MONDAY + 7 * DAY),
            event("b", "a", "remove", MONDAY + 15 * DAY),
            event("a", "c", "add", MONDAY),
        ],
    )
    first = int(week_numbers(pl.Series([MONDAY]), 0)[0])
    network = load_ties(con, "follow", load_nodes(con))
    mirrored = [network.weekly.at(first + i).mirrored.tolist() for i in range(3)]
    assert mirrored == [[False, False], [True, False, True], [False, False]]


def test_weeks_are_iso_weeks():
    days = [datetime(1969, 12, 25) + timedelta(days=3 * i) for i in range(2000)]
    numbers = week_numbers(pl.Series(days), 0)
    for day, number in zip(days, numbers.tolist(), strict=True):
        assert week_start(number).isocalendar()[:2] == day.isocalendar()[:2]
        assert week_start(number).weekday() == 0


def test_interactions_last_four_weeks():
    weeks = [0, 0, 2, 9]
    message = [
        {"message_id": f"m{i}", "run_id": "observed", "kind": "comment", "agent_id": "a", "text_hash": "x",
         "created_at": MONDAY + timedelta(weeks=w, days=i), "at_precision": "s"}
        for i, w in enumerate(weeks)
    ]  # fmt: skip
    interaction = [
        {"source_id": "a", "target_id": "b", "rule": "mention", "message_id": f"m{i}", "at": None} for i in range(4)
    ]
    interaction += [{"source_id": "a", "target_id": "a", "rule": "mention", "message_id": "m0"}]
    con = connect(agent=agents("a", "b"), message=message, interaction=interaction)
    network = load_interactions(con, "mention", load_nodes(con))
    first = int(week_numbers(pl.Series([MONDAY]), 0)[0])
    assert [len(network.weekly.at(first + i).source) for i in range(-1, 14)] == [0] + 6 * [1] + 3 * [0] + 4 * [1] + [0]
    assert (network.n_ties, network.timed, network.n_intervals) == (1, 3, 3)


def test_nothing_at_all():
    con = connect()
    network = load_ties(con, "follow", load_nodes(con))
    assert network.n_ties == len(network.whole.at(0).source) == len(network.weekly.at(0).source) == 0
    assert len(load_interactions(con, "mention", load_nodes(con)).weekly.at(3).source) == 0


def test_intervals_equal_a_replay_of_random_events():
    rng = np.random.default_rng(2)
    events = {}
    for _ in range(400):
        pair = ("a", "b") if rng.random() < 0.5 else ("b", "c")
        at = MONDAY + timedelta(hours=int(rng.integers(2000)))
        events[(*pair, at)] = event(*pair, "add" if rng.random() < 0.5 else "remove", at)
    con = connect(agent=agents("a", "b", "c"), tie_event=list(events.values()))
    stored = con.sql(f"SELECT source_id, start_at, end_at FROM ({tie_sql()})").fetchall()
    for ego in ("a", "b"):
        spans = [(start, end) for source, start, end in stored if source == ego]
        log = sorted((e["at"], e["action"]) for e in events.values() if e["source_id"] == ego)
        for (at, action), (following, _) in zip(log, [*log[1:], (log[-1][0] + DAY, "")], strict=True):
            middle = at + (following - at) / 2
            is_tied = any((start is None or start <= middle) and (end is None or middle < end) for start, end in spans)
            assert is_tied is (action == "add")
