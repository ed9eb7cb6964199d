"""The period in which a corpus is followed: weeks, or days when it spans less than four weeks.

What belongs here: whether the times of a corpus allow periods at all, the period of a message, and the word for rows by
period that leave messages out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import duckdb
import polars as pl

from pipeline.schema import Measure, join_warnings

ORDER_PRECISIONS = ("us", "ms", "s", "minute", "hour")
"""Times that tell which of two messages came first; of coarser ones all of a day have the same."""
DAY_PRECISIONS = ("us", "ms", "s", "minute", "hour", "day")
WEEK_PRECISIONS = (*DAY_PRECISIONS, "week")
WEEKLY_SPAN = timedelta(weeks=4)
NEWCOMER_TENURE = timedelta(weeks=4)

COARSE = "coarse_times_dropped"
_REFUSALS = frozenset({"time_too_coarse", "clock_is_step", "no_times"})

_PERIODS = {"week": (WEEK_PRECISIONS, timedelta(weeks=1)), "day": (DAY_PRECISIONS, timedelta(days=1))}


@dataclass(frozen=True, slots=True)
class Clock:
    """The period of a corpus, or why it has none.

    Attributes
    ----------
    period
        ``week`` or ``day``; ``None`` when times do not allow either.
    refusal
        Word of the warning vocabulary that says why there is no period.
    first_at, last_at
        Ends of the span of the messages with a usable time.
    """

    period: str | None
    refusal: str | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def name(self) -> str:
        """The period, ``week`` where there is none, as the name of what was refused."""
        return self.period or "week"

    @property
    def length(self) -> timedelta:
        """Length of a period."""
        return _PERIODS[self.name][1]

    @property
    def tenure(self) -> timedelta:
        """Tenure below which an agent is a newcomer: four weeks, or a quarter of a shorter span."""
        if self.first_at is None or self.last_at is None:
            return NEWCOMER_TENURE
        return min(NEWCOMER_TENURE, (self.last_at - self.first_at) / 4)

    @property
    def is_tenure_short(self) -> bool:
        """True when a newcomer is one of fewer than four weeks."""
        return self.tenure < NEWCOMER_TENURE

    def is_timed_sql(self, alias: str) -> str:
        """Return the condition that a message has a time at least as fine as the period."""
        return is_precise_sql(alias, _PERIODS[self.name][0])

    def is_timed(self) -> pl.Expr:
        """Return the same condition for frames with columns created_at and at_precision."""
        return is_precise(_PERIODS[self.name][0])

    def start_sql(self, alias: str) -> str:
        """Return the expression of the first instant of the period of a message; weeks start on Monday."""
        return f"CAST(date_trunc('{self.name}', {alias}.created_at) AS TIMESTAMP)"


def is_precise(words: Sequence[str] = DAY_PRECISIONS) -> pl.Expr:
    """Return the condition that a row has a time of one of these precisions; without a precision it counts as exact."""
    known = pl.col("at_precision").is_null() | pl.col("at_precision").is_in(list(words))
    return pl.col("created_at").is_not_null() & known


def is_precise_sql(alias: str, words: Sequence[str] = DAY_PRECISIONS) -> str:
    """Return the same condition in SQL."""
    listed = ", ".join(f"'{word}'" for word in words)
    precise = f"({alias}.at_precision IS NULL OR {alias}.at_precision IN ({listed}))"
    return f"({alias}.created_at IS NOT NULL AND {precise})"


def read_clock(con: duckdb.DuckDBPyConnection) -> Clock:
    """Return the period of the corpus whose messages are in view ``message``."""
    weekly, daily = is_precise_sql("m", WEEK_PRECISIONS), is_precise_sql("m", DAY_PRECISIONS)
    first_at, last_at, n_daily, n_timed, n_stepped = con.sql(
        f"""
        SELECT min(created_at) FILTER (WHERE {weekly}), max(created_at) FILTER (WHERE {weekly}),
               count(*) FILTER (WHERE {daily}), count(created_at), count(step)
        FROM message AS m
        """
    ).fetchall()[0]
    if first_at is None:
        return Clock(None, "time_too_coarse" if n_timed else "clock_is_step" if n_stepped else "no_times")
    if last_at - first_at >= WEEKLY_SPAN:
        return Clock("week", None, first_at, last_at)
    if not n_daily:
        return Clock(None, "time_too_coarse", first_at, last_at)
    return Clock("day", None, first_at, last_at)


def coarse_words(con: duckdb.DuckDBPyConnection, period: str, kinds: Sequence[str] = ()) -> list[str]:
    """Return ``coarse_times_dropped`` where messages are dated too coarsely to tell their day, week or order.

    Parameters
    ----------
    con
        Connection with the view ``message`` of one corpus.
    period
        ``day`` or ``week``, or ``order`` for the order of messages.
    kinds
        Kinds of messages that count; all by default.
    """
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    chosen = f"m.kind IN ({listed})" if kinds else "TRUE"
    precisions = ORDER_PRECISIONS if period == "order" else _PERIODS[period][0]
    coarse = f"m.created_at IS NOT NULL AND NOT {is_precise_sql('m', precisions)}"
    dropped = con.sql(f"SELECT count(*) FROM message AS m WHERE {chosen} AND {coarse}").fetchall()[0][0]
    return [COARSE] if dropped else []


def warn_coarse(con: duckdb.DuckDBPyConnection, rows: Iterable[Measure], kinds: Sequence[str] = ()) -> list[Measure]:
    """Return the rows; those by day or week say where messages of the corpus are left out as dated too coarsely.

    Rows that no time at all is precise enough for say so already.
    """
    words = {period: coarse_words(con, period, kinds) for period in _PERIODS}
    return [_with(row, words.get(row.period or "", [])) for row in rows]


def _with(row: Measure, words: Sequence[str]) -> Measure:
    said = (row.warnings or "").split(",")
    if not words or _REFUSALS.intersection(said):
        return row
    return replace(row, warnings=join_warnings([*said, *words]))
