"""The expressions that clean values, one by one, and the short forms that clean batches take, against the long ones."""

from __future__ import annotations

import duckdb
import pytest

from pipeline.ingest import sqltools as q

VALUES = (
    None, "", " ", "a", " a\n", "None", "null", "NaN", "-1", "n/a", "undefined", "u/Ada", "@Ada", "x" * 40, " " * 40,
    "x" * 40 + " ",
    "\tlonger than nine", "\u00e9t\u00e9 au bord de l'eau", "0a000000-0000-4000-8000-000000000001", "{\"a\":1}", "[1]",
)  # fmt: skip
TIMES = (
    None, "", "2026-01-31T12:30:15Z", "2026-01-31T12:30:15.8Z", "2026-01-31T12:30:15.821Z",
    "2026-01-31T12:30:15.821605Z",
    "2026-01-31T12:30:15.82+00:00", "2026-01-31T12:30:15.821+00:00", "2026-01-31 12:30:15", "2026-01-31 12:30:15.123",
    "2026-13-31T12:30:15Z", "2026-01-31T25:30:15Z", "2026-01-31", "1769862615", "2026-01-31T12:30:15+01:00", "never",
)  # fmt: skip


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("SET TimeZone = 'UTC'")
    return made


def each(con: duckdb.DuckDBPyConnection, expression: str, values: tuple[object, ...] = VALUES) -> list[object]:
    return [
        con.sql(f"SELECT {expression} FROM (SELECT CAST($v AS VARCHAR) AS x)", params={"v": v}).fetchall()[0][0]
        for v in values
    ]


def reference(value: str | None) -> str | None:
    text = value.strip(" \t\r\n") if value is not None else None
    return None if text is None or text.lower() in {"", "none", "null", "nan", "undefined", "n/a", "-1"} else text


def test_identifier(con: duckdb.DuckDBPyConnection) -> None:
    assert each(con, q.identifier("x")) == [reference(v) for v in VALUES]


def test_named_keeps_words(con: duckdb.DuckDBPyConnection) -> None:
    assert each(con, q.named("x")) == [(v.strip(" \t\r\n") or None) if v is not None else None for v in VALUES]


def test_values_that_are_judged_clean_need_no_cleaning(con: duckdb.DuckDBPyConnection) -> None:
    for unclean, cleaned in ((q.unclean(("x",)), q.identifier("x")), (q.unclean((), ("x",)), q.named("x"))):
        flags = each(con, unclean)
        assert not all(flags)
        for value, flag, after in zip(VALUES, flags, each(con, cleaned), strict=True):
            assert flag or value == after, value


def test_times_that_are_judged_usual_need_no_other_reading(con: duckdb.DuckDBPyConnection) -> None:
    flags = each(con, q.unusual_time("x"), TIMES)
    assert flags.count(False) >= 8
    long = list(zip(each(con, q.instant("x"), TIMES), each(con, q.precision("x"), TIMES), strict=True))
    short = list(zip(each(con, q.iso_instant("x"), TIMES), each(con, q.iso_precision("x"), TIMES), strict=True))
    for value, flag, one, other in zip(TIMES, flags, long, short, strict=True):
        if not flag and value:
            assert one[0] == other[0], value
            assert one[0] is None or one[1] == other[1], value


@pytest.mark.parametrize("bracket", ["{", "["])
def test_first_character_after_white_space(con: duckdb.DuckDBPyConnection, bracket: str) -> None:
    values = (bracket, f" {bracket}", f"\n\t{bracket}", " " * 500 + bracket, "x" + bracket, "", " ", "]")
    assert each(con, q.starts_with_bracket("x", bracket), values) == [True] * 4 + [False] * 4


def test_seconds_that_went_through_a_float_are_seconds(con: duckdb.DuckDBPyConnection) -> None:
    values = ("1769862615", "1769862615.0", "1769862615.25", "1769862615123.0")
    assert each(con, q.precision("x"), values) == ["s", "s", "us", "ms"]
