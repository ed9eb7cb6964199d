"""Corpus-level measures against the independent script, brute force, planted truth and degenerate corpora."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from all_measures import corpus_measures
from corpus_measures import count_rows, measure, read_tree
from synthetic import START, connect, random_threads, with_interactions

from pipeline.activity.concentration import fit_tail, tail_interval
from pipeline.activity.repetition import _PER_GROUP, COMMONEST, _left_out
from pipeline.activity.row import Sampling
from pipeline.activity.threads import thread_measures
from pipeline.schema import measure_frame

EXACT = 1e-9  # acceptance of the issue
DRAWS = {"bootstrap_draws": 50, "null_draws": 10, "clustering_draws": 3}
NAMED = {
    "activity_gini",
    "activity_tail_exponent",
    "reciprocity_reply_any",
    "reciprocity_comment_post_author",
    "degree_assortativity_reply_any",
    "comment_depth_mean",
    "replied_comment_share",
    "duplicate_share",
    "first_comment_minutes_median",
}


def compute(messages, seed=1, **draws):
    """Return the measures of messages by name."""
    rows = corpus_measures(with_interactions(connect(messages)), seed=seed, **{**DRAWS, **draws})
    assert len({row.measure_id for row in rows}) == len(rows)
    return {row.measure_id: row for row in rows}


def assert_equal(ours, expected):
    """Compare all names that both have; the named ones must be among them."""
    assert set(ours) & set(expected) >= NAMED
    for name in set(ours) & set(expected):
        assert ours[name].value == pytest.approx(expected[name], abs=EXACT), name


@pytest.mark.parametrize("faults", [False, True])
@pytest.mark.parametrize("seed", [21, 22])
def test_equal_to_the_independent_script(seed, faults):
    messages = random_threads(seed, posts=150, authors=80, faults=faults)
    assert_equal(compute(messages), measure(messages))


def test_every_value_lies_in_its_interval():
    for row in compute(random_threads(5, posts=200, authors=80)).values():
        if row.ci_low is not None:
            assert row.ci_low <= row.value <= row.ci_high
            assert row.ci_level == 0.95
        else:
            assert row.ci_method == "census" or row.null_model or row.value is None or "mention" in row.measure_id


def test_data_without_variation_get_no_interval_of_zero_width():
    flat = [m for m in random_threads(5, posts=40, authors=20) if m["depth"] <= 1]
    rows = compute(flat)
    for name, value in (("comment_depth_mean", 1.0), ("replied_comment_share", 0.0)):
        assert rows[name].value == value
        assert (rows[name].ci_low, rows[name].ci_high) == (None, None)
        assert "no_variation" in rows[name].warnings


def test_depths_and_shares_by_hand():
    def message(name, author, parent, depth, minutes, text):
        kind = "post" if parent is None else "comment"
        root = name if parent is None else name[0]
        at = START + timedelta(minutes=minutes)
        record = {"id": name, "kind": kind, "author": author, "parent": parent}
        return {**record, "root": root, "depth": depth, "text": text, "at": at}

    ours = compute(
        [
            message("p", "a", None, 0, 0, "t\nx"),
            message("p1", "b", "p", 1, 2, "\nx"),
            message("p2", "a", "p1", 2, 1, "\nx"),
            message("p3", "a", "p2", 3, 9, "\ny"),
            message("q", "b", None, 0, 0, "t\nx"),
            message("q1", "b", "q", 1, 4, "\nz"),
            message("r", "c", None, 0, 0, "t\n"),
        ]
    )
    assert ours["comment_depth_mean"].value == pytest.approx(7 / 4)
    assert ours["comment_depth_max"].value == 3
    assert ours["comment_depth_p90"].value == 3
    assert ours["replied_comment_share"].value == pytest.approx(2 / 4)
    assert ours["first_comment_minutes_median"].value == pytest.approx((1 + 4) / 2)
    assert ours["first_comment_minutes_mean"].value == pytest.approx((1 + 4) / 2)
    assert ours["posts_with_comment_share"].value == pytest.approx(2 / 3)
    assert ours["direct_replies_per_post"].value == pytest.approx(2 / 3)
    assert ours["duplicate_share"].value == pytest.approx(1 - 5 / 7)
    assert ours["repeated_text_share"].value == pytest.approx(4 / 7)
    assert ours["template_top7_share"].value == pytest.approx(4 / 7)
    assert ours["n_agents"].value == 3
    assert (ours["n_post_authors"].value, ours["n_commenters"].value) == (3, 2)


def test_jackknife_of_repetition_is_brute_force():
    messages = random_threads(8, posts=60)
    con = connect(messages)
    total, texts = len(messages), Counter(m["text"] for m in messages)
    repeated = sum(n for n in texts.values() if n > 1)
    groups = con.sql(_PER_GROUP, params={"commonest": COMMONEST}).pl()
    duplicates, shares, commonest = _left_out(groups, total, len(texts), repeated)
    few = [
        text
        for text, n in sorted(texts.items(), key=lambda item: (-item[1], hashlib.sha256(item[0].encode()).hexdigest()))[
            :7
        ]
        if n > 1
    ]
    label = dict(con.sql("SELECT DISTINCT agent_id, left(sha256(agent_id), 2) FROM message").fetchall())
    for place, group in enumerate(groups["author_group"]):
        rest = Counter(m["text"] for m in messages if label[m["author"]] != group)
        assert duplicates[place] == pytest.approx(1 - len(rest) / rest.total(), abs=EXACT)
        assert shares[place] == pytest.approx(sum(n for n in rest.values() if n > 1) / rest.total(), abs=EXACT)
        assert commonest[place] == pytest.approx(sum(rest[text] for text in few) / rest.total(), abs=EXACT)


def test_tail_exponent_finds_what_was_planted():
    """Discrete power law with exponent 2.5 from 5 on, 40 runs.

    The interval does not know that xmin is chosen on the same data, so it covers less often than 95 %; the
    rows say so (xmin_selected). Three in four is what must be left, and the mean must be right to 0.03.
    """
    fits = []
    for seed in range(40):
        uniform = np.random.default_rng(seed).random(2000)
        fits.append(fit_tail(np.floor(4.5 * (1 - uniform) ** (-1 / 1.5) + 0.5).astype(np.int64)))
    assert np.mean([fit.alpha for fit in fits]) == pytest.approx(2.5, abs=0.03)
    intervals = [tail_interval(fit, 0.95) for fit in fits]
    assert sum(interval.low <= 2.5 <= interval.high for interval in intervals) >= 30
    assert fit_tail(np.array([3] * 100)) is None


def test_same_numbers_whatever_the_order_of_rows():
    messages = random_threads(6, posts=120, faults=True)
    first = compute(messages)
    random.Random(0).shuffle(messages)
    assert compute(messages) == first
    assert compute(messages, seed=2)["activity_gini"].ci_low != first["activity_gini"].ci_low


def test_posts_without_times_beside_posts_with_times_are_said():
    messages = random_threads(9, posts=120)
    for place, m in enumerate(messages):
        if place % 2:
            m["at"], m["step"] = None, place
    assert "clock_is_step" in compute(messages)["first_comment_minutes_median"].warnings


def test_coverage_is_said_of_every_row():
    con = connect(random_threads(9, posts=30))
    rows = thread_measures(con, Sampling(seed=1, bootstrap_draws=20), ["partial_coverage"])
    assert rows
    assert all("partial_coverage" in row.warnings for row in rows)


def test_faults_are_said():
    messages = random_threads(9, posts=120, faults=True)
    for m in messages:
        if m["kind"] == "comment" and m["at"]:
            m["at"] -= timedelta(days=1)
    ours = compute(messages)
    assert "negative_latency" in ours["first_comment_minutes_median"].warnings
    assert "null_authors" in ours["activity_gini"].warnings
    for m in messages:
        m["at"] = None
    assert compute(messages)["first_comment_minutes_median"].warnings == "no_times"
    for m in messages:
        m["step"] = m["depth"]
    assert compute(messages)["first_comment_minutes_median"].warnings == "clock_is_step"


def test_times_in_hours_are_too_coarse_for_minutes():
    con = with_interactions(connect(random_threads(3)))
    con.execute("UPDATE message SET created_at = date_trunc('hour', created_at), at_precision = 'hour'")
    rows = {row.measure_id: row for row in corpus_measures(con, seed=1, **DRAWS)}
    assert rows["first_comment_minutes_median"].value is None
    assert rows["first_comment_minutes_median"].warnings == "time_too_coarse"
    assert rows["posts_with_comment_share"].value > 0


@pytest.mark.parametrize("posts", [0, 1, 2, 5])
def test_small_corpora_give_nulls_with_warnings(posts):
    rows = compute(random_threads(1, posts=posts))
    for row in rows.values():
        assert row.value is not None or row.warnings, row
    assert measure_frame(list(rows.values())).height == len(rows)
    if posts == 0:
        assert {name for name, row in rows.items() if row.value is None} >= NAMED


def test_hostile_texts_are_only_counted():
    messages = random_threads(2, posts=40)
    for place, m in enumerate(messages):
        m["text"] = ("\x00", "'; DROP TABLE message; --\n", "\n" + "@" * 1000, "{{7*7}}\n<script>")[place % 4]
        m["text"] = m["text"].replace("\x00", "�\n")
    assert compute(messages)["duplicate_share"].value == pytest.approx(1 - 4 / len(messages))


@pytest.mark.slow  # tests/end_to_end/test_real_dumps.py asks the same of the whole pipeline
def test_real_tree_equals_the_independent_script(real_dump):
    """Acceptance: the measures of the first days of Moltbook, to 1e-9."""
    tree = real_dump("moltbook-api-v1-tree")
    messages = read_tree(tree)
    assert count_rows(tree) == {"post_files": 14_291, "posts": 14_291, "comments": 130_244}
    assert Counter(m["depth"] for m in messages) == {0: 14_291, 1: 121_565, 2: 8_526, 3: 126, 4: 21, 5: 6}
    assert_equal(compute(messages, null_draws=3, clustering_draws=2), measure(messages))
