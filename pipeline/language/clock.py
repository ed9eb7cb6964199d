"""The period in which a corpus is followed: weeks, or days when it spans less than four weeks.

What belongs here: whether the times of a corpus allow periods at all, and SQL for the period of a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

DAY_PRECISIONS = ("us", "ms", "s", "minute", "hour", "day")
WEEK_PRECISIONS = (*DAY_PRECISIONS, "week")
WEEKLY_SPAN = timedelta(weeks=4)
NEWCOMER_TENURE = timedelta(weeks=4)

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
        return _is_precise_sql(alias, _PERIODS[self.name][0])

    def start_sql(self, alias: str) -> str:
        """Return the expression of the first instant of the period of a message; weeks start on Monday."""
        return f"CAST(date_trunc('{self.name}', {alias}.created_at) AS TIMESTAMP)"


def _is_precise_sql(alias: str, words: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    precise = f"({alias}.at_precision IS NULL OR {alias}.at_precision IN ({listed}))"
    return f"({alias}.created_at IS NOT NULL AND {precise})"


def read_clock(con: duckdb.DuckDBPyConnection) -> Clock:
    """Return the period of the corpus whose messages are in view ``message``."""
    weekly, daily = _is_precise_sql("m", WEEK_PRECISIONS), _is_precise_sql("m", DAY_PRECISIONS)
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
