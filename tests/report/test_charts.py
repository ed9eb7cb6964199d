"""Scales, ticks and drawings: places are right, gaps stay gaps, the same numbers give the same text."""

from __future__ import annotations

import datetime as dt
import math
import re
import xml.etree.ElementTree as ET

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.html.charts import Interval, Line, interval_chart, line_chart
from pipeline.report.html.numbers import count, interval, moment, number, probability
from pipeline.report.html.page import ROW_MOST, Column, all_of, table
from pipeline.report.html.source import Source
from pipeline.report.html.svg import Scale, log_ticks, round_ticks, scale_over, time_ticks

DAYS = [dt.datetime(2026, 1, 26) + dt.timedelta(days=i) for i in range(5)]
FINITE = st.floats(-1e9, 1e9, allow_nan=False)


def test_scales_map_ends_and_middle() -> None:
    straight, log = Scale(0, 10, 100, 0), Scale(0.1, 10, 0, 100, is_log=True)
    assert [straight(v) for v in (0, 5, 10, 99)] == [100, 50, 0, 0]
    assert [round(log(v), 6) for v in (0.1, 1, 10, 0)] == [0, 50, 100, 0]


@given(FINITE, st.floats(1e-6, 1e9))
def test_ticks_are_inside_and_few(low: float, span: float) -> None:
    high = low + span
    if not high > low:
        return
    ticks = round_ticks(low, high)
    slack = 1e-6 * max(span, abs(low), 1)
    assert 1 <= len(ticks) <= 8
    assert all(low - slack <= tick <= high + slack for tick in ticks)


@given(st.floats(1e-6, 1e3), st.floats(1.01, 1e9))
def test_log_ticks_are_positive_and_few(low: float, factor: float) -> None:
    assert all(tick > 0 for tick in log_ticks(low, low * factor))
    assert len(log_ticks(low, low * factor)) <= 9


@given(st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2090, 1, 1)), st.floats(60, 3e9))
def test_time_ticks_are_inside_and_few(first: dt.datetime, span: float) -> None:
    low = first.replace(tzinfo=dt.UTC).timestamp()
    ticks = time_ticks(low, low + span)
    assert len(ticks) <= 10
    assert all(low <= place <= low + span for place, _ in ticks)


def test_weekly_ticks_are_mondays() -> None:
    low = dt.datetime(2026, 1, 5, tzinfo=dt.UTC).timestamp()
    for place, _ in time_ticks(low, low + 60 * 86_400):
        assert dt.datetime.fromtimestamp(place, dt.UTC).weekday() == 0


def test_a_gap_breaks_the_line() -> None:
    drawn = line_chart("t", "d", [Line("share", DAYS, [0.1, 0.2, None, 0.3, 0.4], "s-a")])
    assert len(re.findall(r'<path d="[^"]*" class="line s-a">', drawn)) == 2
    alone = line_chart("t", "d", [Line("share", DAYS, [0.1, 0.2, None, 0.3, None], "s-a")])
    assert alone.count("<circle") == 1  # a value between two gaps is a dot


def test_values_stand_where_they_belong() -> None:
    drawn = line_chart("t", "d", [Line("x", DAYS, [0.0, 1.0, 0.5, 0.0, 1.0], "s-a")], y_range=(0, 1), size=(900, 270))
    path = next(iter(re.findall(r'<path d="M([^"]*)" class="line', drawn)))
    points = [tuple(map(float, pair.split(","))) for pair in path.split("L")]
    assert [x for x, _ in points] == pytest.approx([50, 259, 468, 677, 886], abs=0.1)
    assert [y for _, y in points] == pytest.approx([248, 10, 129, 248, 10], abs=0.1)


def test_drawings_are_well_formed_named_and_repeatable() -> None:
    line = Line("<b>", DAYS, [1, 2, None, 4, 5], "s-a", [0, 1, None, 3, 4], [2, 3, None, 5, 6])
    rows = [Interval("</svg>", 1.2, 1.0, 1.4, (0.9, 1.1)), Interval("b", 0.8)]
    for make in (
        lambda: line_chart('"title"', "words", [line, line], is_titled=True, has_dots=True),
        lambda: interval_chart("ratios", "words", rows, reference=1, shaded=(0.8, 1.25), is_log=True),
        lambda: line_chart("steps", "words", [Line("s", [1, 2, 9], [1, 1, 1], "s-a")]),
        lambda: line_chart("one", "words", [Line("s", DAYS[:1], [3], "s-a")]),
    ):
        root = ET.fromstring(make())
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"]
        assert make() == make()
        assert not any("style" in element.attrib for element in root.iter())
        places = [
            float(v) for e in root.iter() for k in ("x", "y", "cx", "cy", "x1", "y1") if (v := e.get(k)) is not None
        ]
        assert all(math.isfinite(place) for place in places)


def test_numbers_as_text() -> None:
    assert [number(v) for v in (None, math.nan, 0.18391, -0.0441, 14490, 5721.0, 0.000031, 123.456, 2.0)] == [
        "–", "–", "0.184", "−0.044", "14,490", "5,721", "3.1e−05", "123.5", "2.000",
    ]  # fmt: skip
    assert interval(-0.1, 0.25) == "−0.100 to 0.250"
    assert interval(None, 1.0) == "–"
    assert count(12532, "replies_in_threads") == "12,532 replies in threads"
    assert [probability(v) for v in (None, 0.0, 0.0321)] == ["–", "< 0.001", "0.032"]
    assert moment(dt.datetime(2026, 2, 1)) == "2026-02-01"
    assert scale_over([], 0, 1).low < scale_over([], 0, 1).high


def test_what_counts_is_shown_without_decimals() -> None:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA analysis")
    con.execute("""
        CREATE TABLE analysis.measure_dictionary AS SELECT * FROM (VALUES
            ('batch_count', 'Batches', 'batches', 'count'), ('degree_mean', 'Partners', 'partners', 'mean'),
            ('degree_median', 'Partners', 'partners', 'median'), ('cov_above_20_share', 'x', 'share of agents', 'share')
        ) AS t (measure_id, title, unit, statistic)
    """)
    source = Source(con, "x")
    counts = [source.value("batch_count", value) for value in (0.0, 6.0, 1234567.0, None)]
    assert counts == ["0", "6", "1,234,567", "–"]
    assert [source.value("degree_median", value) for value in (2.5, 3.0)] == ["2.500", "3"]
    others = [source.value(name, 3.0) for name in ("degree_mean", "cov_above_20_share", "unknown")]
    assert others == ["3.000"] * 3


def test_a_long_table_says_how_much_of_it_is_shown() -> None:
    rows = [[str(i)] for i in range(ROW_MOST + 99)]
    assert all_of(5, "rows") == "All 5 rows"
    assert all_of(len(rows), "rows") == "The first 200 of 299 rows"
    cut, whole = table("Rows", [Column("x")], rows), table("Rows", [Column("x")], rows, most=len(rows))
    assert (str(cut).count("<tr>"), "The first 200 of 299 rows" in str(cut)) == (201, True)
    assert (str(whole).count("<tr>"), "The first" in str(whole)) == (300, False)
