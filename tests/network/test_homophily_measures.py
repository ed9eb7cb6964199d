"""Rows of homophily of whole corpora: planted truth, refusals, weekly scores, order of rows."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from homophily_corpus import MONDAY, agents, connect, event, society

from pipeline.network.homophily import homophily_measures
from pipeline.network.traits import agent_score_sql, trait_sql
from pipeline.published.load import load_measure_dictionary
from pipeline.schema import TABLES, measure_frame


@pytest.fixture(scope="module")
def planted():
    return homophily_measures(connect(**society(0.5, 1)))


def pick(rows, measure_id, unit_id="follow", period="all", unit="network"):
    found = [r for r in rows if (r.measure_id, r.unit_id, r.period, r.unit) == (measure_id, unit_id, period, unit)]
    return sorted(found, key=lambda r: (r.null_model or "", str(r.period_start)))


def test_what_was_planted_is_found_in_every_week(planted):
    whole = pick(planted, "coleman_lang")
    assert [r.null_model for r in whole] == ["label_permutation", "stub_permutation"]
    weekly = pick(planted, "coleman_lang", period="week")
    assert len(weekly) == 12
    assert len({(r.value, r.ci_low) for r in weekly}) == 1  # the ties were all made in the first week
    for row in (*whole, *weekly):
        assert row.ci_low <= 0.5 <= row.ci_high
        assert row.p_value < 1e-6
        assert row.ci_method == "jackknife_egos"
    for row in pick(planted, "assortativity_log_length", period="week"):
        assert row.value > 0.2
        assert row.p_value < 1e-6
    groups = pick(planted, "coleman_lang", "follow/de", unit="group")
    assert len(groups) == 2
    assert groups[0].ci_low <= 0.5 <= groups[0].ci_high


def test_where_nothing_was_planted_nothing_is_found():
    rows = homophily_measures(connect(**society(0.0, 2)))
    for measure_id in ("coleman_lang", "ei_lang", "assortativity_lang", "assortativity_log_length"):
        for row in pick(rows, measure_id):
            assert row.p_value > 0.01, row


def test_expected_ei_is_that_of_the_sizes(planted):
    label, _ = pick(planted, "ei_lang")
    sizes = np.bincount(np.random.default_rng(1).integers(0, 2, size=150))
    n = sizes.sum()
    assert label.null_mean == pytest.approx(1 - 2 * (sizes * (sizes - 1)).sum() / (n * (n - 1)))


def test_values_and_intervals_do_not_depend_on_the_null(planted):
    by_key = {}
    for row in planted:
        key = (row.measure_id, row.unit, row.unit_id, row.period, row.period_start)
        by_key.setdefault(key, set()).add((row.value, row.ci_low, row.ci_high, row.n))
    assert all(len(found) == 1 for found in by_key.values())


def test_rows_are_a_table_with_unique_keys_and_a_dictionary(planted):
    frame = measure_frame(planted)
    assert frame.select(TABLES["measure"].key).n_unique() == frame.height
    assert set(frame["measure_id"]) <= set(load_measure_dictionary()["measure_id"])
    for row in planted:
        numbers = (row.value, row.ci_low, row.null_mean, row.null_sd, row.p_value)
        assert all(number is None or math.isfinite(number) for number in numbers)


def test_the_order_of_rows_does_not_matter(planted):
    tables = society(0.5, 1)
    rng = np.random.default_rng(3)
    shuffled = {name: [rows[i] for i in rng.permutation(len(rows))] for name, rows in tables.items()}
    con = connect(**shuffled)
    con.execute("SET threads = 1")
    assert measure_frame(homophily_measures(con)).equals(measure_frame(planted))


def series(rows, period="week"):
    return [r for r in rows if r.period == period and r.unit == "network"]


def test_coarse_times_and_few_ties_are_refused_once_per_measure():
    tables = society(0.5, 3, precision="month")
    tables["tie_event"] = tables["tie_event"][:12]
    rows = homophily_measures(connect(**tables))
    weekly = [r for r in series(rows) if r.unit_id == "follow"]
    assert len(weekly) == len({r.measure_id for r in weekly}) == 18
    for row in weekly:
        assert row.value is None
        assert row.null_model is None
        assert row.period_start is None
        assert {"time_too_coarse", "few_ties"} <= set(row.warnings.split(","))
        assert (row.n, row.n_unit) == (0, "ties known to the week")
    known = pick(rows, "ties_known_to_week")[0]
    assert (known.value, known.n) == (0, 12)
    messages = pick(rows, "messages_known_to_week", "corpus", unit="corpus")[0]
    assert (messages.value, messages.n) == (0, 900)
    whole = pick(rows, "coleman_lang")
    assert len(whole) == 1
    assert whole[0].value is not None
    assert whole[0].warnings == "few_ties"
    assert whole[0].p_value is None


def test_coarse_times_of_many_ties_are_refused_for_their_times_alone():
    rows = homophily_measures(connect(**society(0.5, 3, precision="week")))
    for row in series(rows):
        if row.unit_id == "follow":
            assert row.value is None
            assert "time_too_coarse" in row.warnings
    assert pick(rows, "coleman_lang")[0].p_value < 1e-6


def test_a_clock_of_steps_is_refused_by_week_and_described_as_a_whole():
    rows = homophily_measures(connect(**society(0.5, 4, timed=False)))
    for row in series(rows):
        if row.unit_id == "follow":
            assert row.value is None
            assert "clock_is_step" in row.warnings
            assert "time_too_coarse" not in row.warnings
    for row in pick(rows, "assortativity_log_length"):
        assert row.value > 0.2
        assert row.warnings is None


def test_a_fifth_of_coarse_times_is_left_out_and_said():
    tables = society(0.5, 5)
    for row in (*tables["message"][::5], *tables["tie_event"][::5]):
        row["at_precision"] = "month"
    rows = homophily_measures(connect(**tables))
    found = pick(rows, "assortativity_log_length", period="week")
    assert len(found) == 12
    assert all("coarse_times_dropped" in row.warnings for row in found)
    assert pick(rows, "coleman_lang")[0].warnings is None


def test_ties_that_fill_few_weeks_are_too_few():
    tables = society(0.5, 5, weeks=8)
    for row in (*tables["message"][::4], *tables["tie_event"][::4]):
        row["at_precision"] = "month"
    for row in tables["message"]:
        if row["created_at"] > MONDAY + timedelta(weeks=3) or row["at_precision"] == "month":
            row["at_precision"] = "month" if int(row["message_id"][1:4]) > 20 else "s"
    rows = homophily_measures(connect(**tables))
    refused = pick(rows, "assortativity_activity", period="week")
    assert len(refused) == 1
    assert set(refused[0].warnings.split(",")) == {"coarse_times_dropped", "few_ties", "time_too_coarse"}
    assert refused[0].n > 500  # ties enough, but few agents whose words are dated


def test_runs_taken_together_say_so():
    tables = society(0.5, 9)
    assert not any("runs_pooled" in (row.warnings or "") for row in homophily_measures(connect(**tables)))
    for row in tables["message"][:400]:
        row["run_id"] = "another"
    rows = homophily_measures(connect(**tables))
    assert all("runs_pooled" in row.warnings for row in rows if row.unit == "network" and row.measure_id[:4] != "tie_")


def test_thin_weeks_are_null_and_full_ones_are_not():
    tables = society(0.5, 6)
    late = [{**row, "at": row["at"] + timedelta(weeks=3)} for row in tables["tie_event"][20:]]
    rows = homophily_measures(connect(**{**tables, "tie_event": tables["tie_event"][:20] + late}))
    values = {r.period_start: r for r in pick(rows, "coleman_lang", period="week")}
    ordered = [values[at] for at in sorted(values)]
    assert [row.value is None for row in ordered] == [True, True, True, False, False, False]
    assert ordered[0].warnings == "few_ties"
    assert ordered[0].n == 20


def test_dropped_ties_are_said():
    tables = society(0.5, 7)
    tables["tie_event"] += [event("a001", "a001", "add", MONDAY), event("a001", "gone", "add", MONDAY)]
    rows = homophily_measures(connect(**tables))
    words = pick(rows, "coleman_lang")[0].warnings.split(",")
    assert {"self_ties_dropped", "dangling_ties_dropped"} <= set(words)
    assert pick(rows, "tie_events_to_self")[0].value == pick(rows, "tie_events_dangling")[0].value == 1


def test_an_empty_corpus_has_null_rows():
    rows = homophily_measures(connect())
    assert all(row.value in (None, 0.0) for row in rows)
    assert measure_frame(rows).height == len(rows)
    assert {row.warnings for row in series(rows, "week")} == {"few_ties", "derived_ties,few_ties"}


def test_messages_without_author_or_community_do_not_stop_anything():
    tables = society(0.5, 8)
    for row in tables["message"]:
        row.update(agent_id=None, community_id=None, extra="not json")
    rows = homophily_measures(connect(**tables))
    assert all(r.value is None for r in series(rows, "all") if "lang" in r.measure_id or "airs" in r.measure_id)


def test_weekly_scores_are_those_of_the_words():
    def message(name, week, tokens, **more):
        at = MONDAY + timedelta(weeks=week)
        given = {"message_id": name, "run_id": "observed", "kind": "post", "agent_id": "a", "text_hash": name}
        texts.append({"text_hash": name, "text": "x", "n_chars": 1, "n_tokens": tokens, "copies": 1})
        return {**given, "created_at": at, "at_precision": "s", **more}

    texts: list[dict] = []
    messages = [
        message("one", 0, 9),
        message("two", 0, 99, kind="comment"),
        message("repost", 0, 5, kind="repost"),
        message("coarse", 0, 5, at_precision="month"),
        message("next", 1, 0),
        message("sunday", 0, 9, agent_id="b", created_at=MONDAY + timedelta(days=7) - timedelta(microseconds=1)),
    ]
    score = {"lexicon": "airs", "category": "total", "count": 2, "weight_sum": 2.0, "text_hash": "two"}
    con = connect(agent=agents("a", "b"), message=messages, text=texts, lexicon_score=[score])
    found = {row[:3]: row[3:] for row in con.sql("SELECT * FROM agent_week").fetchall()}
    first, second = MONDAY.date(), (MONDAY + timedelta(weeks=1)).date()
    assert len(found) == 12  # two weeks of one agent and one of another, four scores
    assert found["a", first, "airs_share"] == (0.5, 2)
    assert found["a", first, "log_length"][0] == pytest.approx((math.log(10) + math.log(100)) / 2, abs=1e-9)
    assert found["a", first, "activity"][0] == pytest.approx(math.log(3))
    assert found["a", second, "log_length"] == (0.0, 1)
    assert found["b", first, "activity"][1] == 1
    whole = {row[:2]: row[2] for row in con.sql(agent_score_sql()).fetchall()}
    assert whole["a", "airs_share"] == pytest.approx(1 / 4)  # the message dated to a month counts, the repost does not


def test_traits_are_the_commonest_and_ties_go_by_name():
    def message(name, agent, lang, community=None):
        given = {"message_id": name, "run_id": "observed", "kind": "post", "agent_id": agent, "text_hash": "x"}
        return {**given, "extra": lang and f'{{"lang": {lang}}}', "community_id": community}

    messages = [
        *(message(f"a{i}", "a", '"de"' if i else '"en"', "m") for i in range(3)),
        *(message(f"b{i}", "b", lang, c) for i, (lang, c) in enumerate([('"ja"', "z"), ('"en"', "y")])),
        message("c0", "c", None),
        message("d0", "d", '{"x": 1'),
    ]
    con = connect(message=messages)
    assert dict(con.sql(trait_sql("lang")).fetchall()) == {"a": "de", "b": "en"}
    assert dict(con.sql(trait_sql("community")).fetchall()) == {"a": "m", "b": "y"}
