"""Slices of one language, and the warning on counts of English words in other languages."""

from datetime import datetime

import polars as pl
import pytest
from enforcement_corpus import connect, message

from pipeline.inference import airs_measures, reply_measures
from pipeline.inference.enforcement import enforcement_estimates
from pipeline.inference.enforcement_frames import read_posts, read_replies
from pipeline.inference.slices import SliceRule, slice_posts, slice_replies

FIRST, SECOND = datetime(2026, 1, 30), datetime(2026, 1, 31)


@pytest.fixture
def con():
    """Ten English posts on the first day, one English and one German on the second; a German reply to each."""
    messages = [message(f"p{i}", agent=f"a{i}", at=FIRST) for i in range(10)]
    messages += [message("p10", agent="b", at=SECOND), message("p11", agent="c", at=SECOND)]
    messages += [message(f"r{i}", "comment", "d", root=f"p{i}", at=SECOND) for i in range(12)]
    german = {"p11": "de", "r0": "und", **{f"r{i}": "de" for i in range(6, 12)}}
    return connect(messages, airs={"p0": (1, 0), "p11": (2, 0)}, languages=german, classes={"r11": "enforce"})


def warned(rows, measure_id, **where):
    chosen = [r for r in rows if r.measure_id == measure_id and all(getattr(r, k) == v for k, v in where.items())]
    return {"language_unsupported" in (row.warnings or "") for row in chosen}, [row.value for row in chosen]


def test_airs_keeps_its_value_and_says_so(con):
    rows = airs_measures(con, seed=1, slices=[SliceRule("all")])
    assert warned(rows, "airs_positive_share", period=None) == ({True}, [pytest.approx(2 / 12)])  # 1 of 12 is German
    assert warned(rows, "airs_positive_share", period="day", period_start=FIRST) == ({False}, [0.1])
    assert warned(rows, "airs_positive_share", period="day", period_start=SECOND) == ({True}, [0.5])


def test_a_slice_of_a_language_holds_what_is_written_in_it(con):
    german, english = SliceRule("de", "language:de"), SliceRule("en", "language:en")
    assert slice_posts(read_posts(con), german)["message_id"].to_list() == ["p11"]
    replies = read_replies(con)
    assert slice_replies(replies, german)["post_id"].to_list() == ["p11"]  # the reply and its post
    assert sorted(slice_replies(replies, english)["post_id"].to_list()) == [f"p{i}" for i in range(1, 6)]
    rows = airs_measures(con, seed=1, slices=[german, english])
    assert warned(rows, "airs_positive_share", slice_id="de", period=None) == ({True}, [1.0])
    assert warned(rows, "airs_positive_share", slice_id="en", period=None) == ({False}, [pytest.approx(1 / 11)])


def test_reply_classes_look_at_the_language_of_the_replies(con):
    rows = reply_measures(con, slices=[SliceRule("all"), SliceRule("en", "language:en")])
    assert warned(rows, "reply_enforce_share", slice_id="all", unit="corpus") == ({True}, [pytest.approx(1 / 12)])
    assert warned(rows, "reply_enforce_share", slice_id="en", unit="corpus") == ({False}, [0.0])


def test_enforcement_estimates_say_so_too(con):
    fitted = [row for row in enforcement_estimates(con, seed=1) if row.n_obs]
    assert fitted
    assert {"language_unsupported" in (row.warnings or "") for row in fitted} == {True}


def test_undetermined_texts_belong_to_no_language(con):
    posts = read_posts(con).with_columns(language=pl.lit("und"))
    assert slice_posts(posts, SliceRule("en", "language:en")).is_empty()
