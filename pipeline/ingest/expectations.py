"""What `corpus.toml` expects of a corpus, and the sentences that say where the rows fall short or go beyond.

What belongs here: reading the keys ``maximum_rows``, ``minimum_fill``, ``first_at_after`` and ``last_at_before`` beside
``minimum_rows``, and their evaluation on stored rows. Too few rows, empty columns and times outside the range are
fatal: a dump is cut, or it is another one. Too many rows are a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from pipeline.schema import TABLES

KEYS = ("minimum_rows", "maximum_rows", "minimum_fill", "first_at_after", "last_at_before")
_CORPUS = {table.name: table for table in TABLES.values() if table.layer == "corpus"}


class ExpectationError(ValueError):
    """A key that cannot be used; holds the key and what was expected."""

    def __init__(self, key: str, expected: str) -> None:
        super().__init__(f"key {key!r}: expected {expected}")
        self.key, self.expected = key, expected


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a corpus has to be like.

    Attributes
    ----------
    minimum_rows, maximum_rows
        Rows by table.
    minimum_fill
        Least share of rows in which a column (``table.column``) is not null.
    first_at_after, last_at_before
        The first message is not before, the last one not at or after this time (UTC).
    """

    minimum_rows: Mapping[str, int] = field(default_factory=dict)
    maximum_rows: Mapping[str, int] = field(default_factory=dict)
    minimum_fill: Mapping[str, float] = field(default_factory=dict)
    first_at_after: datetime | None = None
    last_at_before: datetime | None = None


def take_expectations(raw: dict[str, Any]) -> Expectations:
    """Take the keys of expectations out of a parsed `corpus.toml`.

    Raises
    ------
    ExpectationError
        With the key and what was expected.
    """
    least, most = (_rows(raw, key) for key in ("minimum_rows", "maximum_rows"))
    for table in sorted(set(least) & set(most)):
        if least[table] > most[table]:
            raise ExpectationError("maximum_rows", f"at least minimum_rows for {table}, which is {least[table]}")
    first, last = (_instant(raw, key) for key in ("first_at_after", "last_at_before"))
    if first is not None and last is not None and first >= last:
        raise ExpectationError("last_at_before", "a time after first_at_after")
    return Expectations(least, most, _fill(raw), first, last)


def _rows(raw: dict[str, Any], key: str) -> dict[str, int]:
    value = raw.pop(key, {})
    if not isinstance(value, dict) or any(type(v) is not int or v < 0 for v in value.values()):
        raise ExpectationError(key, "a table such as { message = 1000 } of numbers that are not negative")
    if unknown := sorted(set(value) - set(_CORPUS)):
        raise ExpectationError(key, f"names of corpus tables, such as message; found {', '.join(unknown)}")
    return dict(value)


def _fill(raw: dict[str, Any]) -> dict[str, float]:
    value = raw.pop("minimum_fill", {})
    shape = 'a table such as { "message.agent_id" = 0.9 } of shares from 0 to 1'
    if not isinstance(value, dict) or any(type(v) not in (int, float) or not 0 <= v <= 1 for v in value.values()):
        raise ExpectationError("minimum_fill", shape)
    for name in sorted(value):
        table, _, column = name.partition(".")
        if table not in _CORPUS or column not in {c.name for c in _CORPUS[table].columns}:
            raise ExpectationError("minimum_fill", f"names of columns of corpus tables in quotes; found {name}")
    return {name: float(share) for name, share in value.items()}


def _instant(raw: dict[str, Any], key: str) -> datetime | None:
    value = raw.pop(key, None)
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    raise ExpectationError(key, "a TOML date or date-time, without quotes")


def shortfalls(con: duckdb.DuckDBPyConnection, expected: Expectations, rows: Mapping[str, int]) -> list[str]:
    """Return a sentence for everything that is fatal; empty when all is as expected.

    Parameters
    ----------
    con
        Connection with the tables of the corpus as views.
    expected
        What corpus.toml says.
    rows
        Rows of the tables.
    """
    found = [
        f"{table} has {rows.get(table, 0)} rows, corpus.toml expects at least {least}"
        for table, least in expected.minimum_rows.items()
        if rows.get(table, 0) < least
    ]
    for name, least in expected.minimum_fill.items():
        table, _, column = name.partition(".")  # both are names of the schema, checked when the file was read
        filled, total = con.sql(f'SELECT count("{column}"), count(*) FROM "{table}"').fetchall()[0]
        if filled < least * total:
            share = f"{filled} of {total} rows ({filled / total:.1%})"
            found.append(f"{name} is filled in {share}, corpus.toml expects at least {least:.1%}")
    return [*found, *_times(con, expected)]


def _times(con: duckdb.DuckDBPyConnection, expected: Expectations) -> list[str]:
    if expected.first_at_after is None and expected.last_at_before is None:
        return []
    first, last = con.sql("SELECT min(created_at), max(created_at) FROM message").fetchall()[0]
    if first is None:
        return ["no message has a time, corpus.toml expects times (first_at_after, last_at_before)"]
    found = []
    if expected.first_at_after is not None and first < expected.first_at_after:
        found.append(f"the first message is of {first} UTC, corpus.toml expects none before {expected.first_at_after}")
    if expected.last_at_before is not None and last >= expected.last_at_before:
        found.append(f"the last message is of {last} UTC, corpus.toml expects all before {expected.last_at_before}")
    return found


def excesses(expected: Expectations, rows: Mapping[str, int]) -> list[str]:
    """Return a sentence for every table with more rows than expected: a warning, not an error."""
    return [
        f"{table} has {rows.get(table, 0)} rows, corpus.toml expects at most {most}"
        for table, most in expected.maximum_rows.items()
        if rows.get(table, 0) > most
    ]
