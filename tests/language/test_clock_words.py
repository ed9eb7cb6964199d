"""The word for messages that are dated too coarsely: where rows and figures of real steps leave them out."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from convergence_corpora import messages_of, on_frames

from pipeline.language.clock import coarse_words, is_precise, is_precise_sql
from pipeline.report.plots import over_time

START = datetime(2026, 1, 5)


def corpus(*precisions):
    times = [START + timedelta(days=i) for i in range(len(precisions))]
    return messages_of([f"text {i}" for i in range(len(precisions))], created_at=times, at_precision=list(precisions))


@pytest.mark.parametrize(
    ("precisions", "said"),
    [
        (["us", "day", None], {"order"}),
        (["us", "hour"], set()),
        (["us", "week"], {"day", "order"}),
        (["us", "month"], {"day", "week", "order"}),
    ],
)
def test_what_cannot_be_told_is_said(precisions, said):
    con = on_frames(*corpus(*precisions))
    for unit in ("day", "week", "order"):
        assert coarse_words(con, unit) == (["coarse_times_dropped"] if unit in said else [])
    assert coarse_words(con, "week", ["comment"]) == []


def test_frames_and_sql_agree_on_what_is_precise():
    precisions = ["us", "s", "minute", "hour", "day", "week", "month", "year", None]
    message, text = corpus(*precisions)
    con = on_frames(message, text)
    kept = con.sql(f"SELECT m.message_id FROM message AS m WHERE {is_precise_sql('m')} ORDER BY 1").fetchall()
    assert message.filter(is_precise())["message_id"].to_list() == [name for (name,) in kept]
    assert len(kept) == 6


class Axes:
    """What is drawn on it."""

    def __init__(self):
        self.lines, self.title = [], None

    def plot(self, x, y, **_):
        self.lines.append((x, y))

    def set_title(self, text, **_):
        self.title = text

    def __getattr__(self, name):
        return lambda *_, **__: None


def test_a_figure_over_time_has_no_month_on_one_day():
    message, _ = corpus("us", "day", "month", "month")
    axes = Axes()
    over_time("created_at", "messages")(axes, message.lazy())
    assert [sum(y) for _, y in axes.lines] == [2]
    assert axes.title == "2 dated more coarsely than to the day are left out"
    over_time("created_at", "messages")(plain := Axes(), pl.concat([message.head(2)] * 2).lazy())
    assert ([sum(y) for _, y in plain.lines], plain.title) == ([4], None)
