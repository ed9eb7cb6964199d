"""Windows of time: their numbers, which precisions tell them, and the words for clocks that do not.

What belongs here: windows of a whole number of hours, counted from Monday 5 January 1970, so that windows of
`WEEK_HOURS` hours are ISO weeks. What does not: what is measured in a window.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb

WEEK_HOURS = 168
EPOCH = datetime(1970, 1, 5)
WEEKLY_SHARE = 0.5
"""Below this share of ties or messages with a known window, values by window would describe the dated ones only."""
REFUSING = ("time_too_coarse", "clock_is_step", "no_times")
"""Words of clocks that carry no values by window."""

_HOURLY = ("us", "ms", "s", "minute", "hour")
_DAILY = (*_HOURLY, "day")


def known_window(time: str, precision: str, hours: int = WEEK_HOURS) -> str:
    """Return the SQL condition that a time tells its window of `hours` hours.

    A time without precision counts as exact. A time known to the day tells windows of whole days. A time known to
    'week' may have been counted from any day, so it tells no week.
    """
    words = ", ".join(f"'{word}'" for word in (_DAILY if hours % 24 == 0 else _HOURLY))
    return f"({time} IS NOT NULL AND coalesce({precision}, 'us') IN ({words}))"


def window_sql(time: str, hours: int = WEEK_HOURS) -> str:
    """Return the number of the window of a time, in SQL."""
    return f"CAST(floor(date_diff('hour', TIMESTAMP '{EPOCH:%Y-%m-%d %H:%M:%S}', {time}) / {hours}.0) AS BIGINT)"


def window_start(window: int, hours: int = WEEK_HOURS) -> datetime:
    """Return the first instant of a window."""
    return EPOCH + timedelta(hours=window * hours)


def message_clock_sql(counted: str, hours: int = WEEK_HOURS) -> str:
    """Return the SELECT that counts messages: all, with a time, with a known window, with a step.

    Parameters
    ----------
    counted
        Condition on messages ``m`` that are counted.
    hours
        Length of the windows.
    """
    return f"""
SELECT count(*) AS messages, count(*) FILTER (WHERE m.created_at IS NOT NULL) AS timed,
       count(*) FILTER (WHERE {known_window("m.created_at", "m.at_precision", hours)}) AS known,
       count(*) FILTER (WHERE m.step IS NOT NULL) AS stepped
FROM message AS m WHERE {counted}
"""


def clock_words(total: int, timed: int, known: int, stepped: int) -> tuple[str, ...]:
    """Say why times do not carry values by window, or that some are left out.

    Parameters
    ----------
    total, timed, known, stepped
        All records, those with a time, with a time that tells its window, with a step.
    """
    if total == 0 or known == total:
        return ()
    if known >= WEEKLY_SHARE * total:
        return ("coarse_times_dropped",)
    if timed >= WEEKLY_SHARE * total:
        return ("time_too_coarse",)
    return ("clock_is_step",) if stepped else ("no_times",)


def pooled_words(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return the warning that messages of several runs are taken together, where they are."""
    runs = int(con.sql("SELECT count(DISTINCT run_id) FROM message").fetchall()[0][0])
    return ("runs_pooled",) if runs > 1 else ()
