"""What measures of time know of gaps in the collection: which intervals span one, and which periods meet one.

What belongs here: reading ``corpus.collection_gap``, and the warning ``collection_gap``. A time between two events that
spans a gap is left out where the events between them may have been lost; a row of a period that meets a gap keeps its
value and says so. Without a gap nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipeline.activity.resampling import IntArray
from pipeline.schema import Measure, join_warnings

WORD = "collection_gap"
_LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
_STREAMS = {"post": ("message", "message.post"), "comment": ("message", "message.comment")}
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Gaps:
    """Gaps of a corpus: the table of each, its start and its end (UTC)."""

    rows: tuple[tuple[str, datetime, datetime], ...] = ()

    def of(self, *kinds: str) -> Gaps:
        """Return the gaps of posts, of comments, or of both."""
        tables = {table for kind in kinds for table in _STREAMS[kind]}
        return Gaps(tuple(row for row in self.rows if row[0] in tables))

    def meets(self, start: datetime | None, end: datetime | None) -> bool:
        """Tell whether a window from `start` to `end` has a gap inside or at its edge; False for an unknown window."""
        if start is None or end is None:
            return False
        return any(first < end and last > start for _, first, last in self.rows)

    def spanned(self, start: IntArray, end: IntArray) -> NDArray[np.bool_]:
        """Tell of each interval, in microseconds since 1970, whether it has part of a gap inside."""
        result = np.zeros(len(start), dtype=np.bool_)
        for _, first, last in self.rows:
            result |= (start < _micros(last)) & (end > _micros(first))
        return result


NO_GAPS = Gaps()


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def read_gaps(con: duckdb.DuckDBPyConnection) -> Gaps:
    """Return the gaps in view ``collection_gap``; one without an end says nothing of intervals and is left out."""
    query = (
        "SELECT table_name, start_at, end_at FROM collection_gap WHERE end_at IS NOT NULL ORDER BY table_name, start_at"
    )
    return Gaps(tuple(con.sql(query).fetchall()))


def warn_periods(rows: Iterable[Measure], gaps: Gaps) -> list[Measure]:
    """Return the rows, those of an hour, day or week that meets a gap with the warning; values are kept."""
    return [_warned(row) if gaps.rows and _meets(row, gaps) else row for row in rows]


def _meets(row: Measure, gaps: Gaps) -> bool:
    length, start = _LENGTHS.get(row.period or ""), row.period_start
    if length is None or start is None:
        return False
    begin = start if isinstance(start, datetime) else datetime(start.year, start.month, start.day)
    return gaps.meets(begin, begin + length)


def _warned(row: Measure) -> Measure:
    return replace(row, warnings=join_warnings([*(row.warnings or "").split(","), WORD]))
