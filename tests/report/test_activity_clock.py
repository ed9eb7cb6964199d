"""Messages over time: the bin follows span and precision, steps stand for time, and gaps fall to zero."""

from __future__ import annotations

import datetime as dt

import duckdb
import polars as pl
import pytest

from pipeline.report.html.corpus_sections import _filled, _over_time
from pipeline.report.html.source import Source

START = dt.datetime(2026, 1, 5)


def source(rows: list[tuple[str, dt.datetime | None, str | None, int | None]]) -> Source:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA corpus")
    con.execute(
        "CREATE TABLE corpus.message (corpus_id VARCHAR, kind VARCHAR, created_at TIMESTAMP, at_precision VARCHAR, "
        "step BIGINT)"
    )
    con.executemany("INSERT INTO corpus.message VALUES ('c', ?, ?, ?, ?)", rows)
    return Source(con, "c")


@pytest.mark.parametrize(
    ("days", "precision", "expected"),
    [
        (3, "s", "per hour (UTC)"),
        (3, "day", "per day (UTC)"),
        (40, "s", "per day (UTC)"),
        (40, "month", "per month (UTC)"),
        (900, "s", "per week (UTC)"),
    ],
)
def test_the_bin_follows_span_and_precision(days: int, precision: str, expected: str) -> None:
    rows = [("post", START + dt.timedelta(days=i), precision, None) for i in range(days + 1)]
    assert expected in _over_time(source(rows))


def test_steps_stand_for_time() -> None:
    drawn = _over_time(source([("post", None, None, step) for step in (0, 1, 1, 5)]))
    assert "Messages per step, by kind." in drawn
    assert "per 10 steps" in _over_time(source([("post", None, None, step) for step in range(1500)]))


def test_messages_without_a_clock_are_counted() -> None:
    rows = [("post", START, "s", None), ("post", START + dt.timedelta(hours=5), "s", None), ("post", None, None, None)]
    assert "1 of 3 messages (33.3 %) have none and are not drawn." in _over_time(source(rows))
    assert "No message has a time or a step" in _over_time(source([("post", None, None, None)]))


def test_a_silence_falls_to_zero() -> None:
    part = pl.DataFrame({"at": [0, 1, 5], "n": [3, 4, 2]})
    assert _filled(part, part["at"]) == ([0, 1, 2, 4, 5], [3.0, 4.0, 0.0, 0.0, 2.0])
    one = pl.DataFrame({"at": [7], "n": [3]})
    assert _filled(one, one["at"]) == ([7], [3.0])
