"""Intervals in which collection was interrupted: as published of a platform, and from a corpus's own silence.

What belongs here: the rows of ``corpus.collection_gap``. Published gaps are in ``gaps.toml``, each with its source and
with what it applies to; one that the records of a corpus contradict is left out.

A silence of a stream (posts, or comments) is a gap when it is improbable under the rate that the stream has in the
hours before it and in those after it, whichever explains it better. With λ records an hour and a ratio D of the
variance of counts to their mean, clusters of records come at a rate of at least λ/D (compound Poisson: for clusters of
size S, D = E[S²]/E[S] ≥ E[S]), so that a silence of g hours has a probability of at most exp(−λg/D). D is taken from
differences of successive bins, so that growth does not count as spread; it is the largest over bins of 1 to 12 hours,
widened for its error. Where days differ from nights this sees little. So the records in the same hours of the days
around, in the poorest of them, over D of bins up to 3 hours, may stand for λg/D.

A stream of N records has fewer than N silences; a gap is one with λg/D above `MARGIN` times log(N/`FALSE_ALARMS`). The
margin is for streams that are no clusters. Of simulated streams without a gap (60 of each kind and size), none of
Poisson, daily, weekly, self-exciting or growing rate was flagged with the margin or without it; of streams whose times
between records are lognormal (sigma 1.5), 5 to 18 % were without it, 0 to 3 % with it. What is found is long: eight
hours at 20 records an hour of even rate, a day where nights are quiet. A gap in the first days of steep growth, or in
the first and last half day of a corpus, is not.

Only what is observed has gaps: the calendar of a simulator is silent when nobody acts. Where less than 95 % of a stream
is dated to the minute, silence says nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

FALSE_ALARMS = 0.01
"""Expected number of false gaps per stream under the model."""
MARGIN = 2.0
"""Factor on the evidence that this asks for; see above."""
WINDOW_HOURS = 72
"""Hours before and after a silence from which its rate is taken."""
LEAST_WINDOW_HOURS, LEAST_WINDOW_RECORDS = 12, 30
"""A side with less says nothing of the rate, and a silence beside it is not judged."""
LEAST_HOURS = 1.0
SCALES_HOURS, SHORT_SCALES_HOURS = (1, 3, 6, 12), (1, 3)
DAYS = (-3, -2, -1, 1, 2, 3)
FEWEST_DAYS = 3
FEWEST_BINS = 4
FINE_SHARE = 0.95
CONTRADICTED_SHARE = 0.1
"""A published gap in which the corpus has more than this share of its rate of the day before is none here."""
KINDS = ("post", "comment")

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "table_name": pl.String, "start_at": pl.Datetime("us"), "end_at": pl.Datetime("us"), "origin": pl.String,
}  # fmt: skip
_HOURS = """
SELECT kind, date_trunc('hour', created_at) AS hour, count(*) AS n, min(created_at) AS first_at,
       max(created_at) AS last_at,
       count(*) FILTER (WHERE at_precision IS NULL OR at_precision IN ('us', 'ms', 's', 'minute')) AS fine
FROM merged_message
WHERE created_at IS NOT NULL AND coalesce(run_id, 'observed') = 'observed' AND kind IN ('post', 'comment')
GROUP BY 1, 2 ORDER BY 1, 2
"""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PublishedGap:
    """A gap that somebody stated: of a platform, or of the dumps of one collector.

    Attributes
    ----------
    system, formats
        The platform, and the formats of the dumps that it concerns; no formats means all.
    table
        ``message``, or one stream of it: ``message.post`` or ``message.comment``.
    start_at, end_at
        UTC.
    source
        Who says so.
    """

    system: str
    formats: tuple[str, ...]
    table: str
    start_at: datetime
    end_at: datetime
    source: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of message that it concerns."""
        return KINDS if self.table == "message" else (self.table.removeprefix("message."),)


def load_published_gaps() -> tuple[PublishedGap, ...]:
    """Return the gaps of ``gaps.toml``."""
    raw = tomllib.loads(Path(__file__).with_name("gaps.toml").read_text(encoding="utf-8"))
    return tuple(
        PublishedGap(
            entry["system"], tuple(entry["formats"]), entry["table"], _utc(entry["start"]), _utc(entry["end"]),
            entry["source"],
        )
        for entry in raw["gaps"]
    )  # fmt: skip


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None)


def collection_gaps(con: duckdb.DuckDBPyConnection, systems: Collection[str], formats: Collection[str]) -> pl.DataFrame:
    """Return the rows of ``corpus.collection_gap``.

    Parameters
    ----------
    con
        Connection with table ``merged_message``.
    systems, formats
        The platforms and the formats that were read.

    Returns
    -------
    polars.DataFrame
        table_name, start_at, end_at and origin (published or observed), without two rows of one table and start.
    """
    hours = con.sql(_HOURS).pl()
    rows = [
        (gap.table, gap.start_at, gap.end_at, "published")
        for gap in load_published_gaps()
        if gap.system in systems and (not gap.formats or set(gap.formats) & set(formats)) and _holds(gap, hours)
    ]
    for kind in KINDS:
        stream = hours.filter(pl.col("kind") == kind)
        rows += [(f"message.{kind}", start, end, "observed") for start, end in silences(stream)]
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    return frame.unique(["table_name", "start_at"], keep="first", maintain_order=True).sort("table_name", "start_at")


def _holds(gap: PublishedGap, hours: pl.DataFrame) -> bool:
    """Tell whether a published gap lies within the corpus, and is not contradicted by its records."""
    stream = hours.filter(pl.col("kind").is_in(gap.kinds))
    inside = stream.filter(pl.col("hour").is_between(_ceiling(gap.start_at), gap.end_at - timedelta(hours=1)))
    day = stream.filter(pl.col("hour").is_between(gap.start_at - timedelta(days=1), gap.start_at, closed="left"))
    before, after = stream.filter(pl.col("last_at") <= gap.start_at), stream.filter(pl.col("first_at") >= gap.end_at)
    if before.is_empty() or after.is_empty():
        return False
    length = (gap.end_at - gap.start_at).total_seconds() / 3600
    return float(inside["n"].sum()) / length <= CONTRADICTED_SHARE * float(day["n"].sum()) / 24


def _ceiling(at: datetime) -> datetime:
    floor = at.replace(minute=0, second=0, microsecond=0)
    return floor if floor == at else floor + timedelta(hours=1)


def silences(stream: pl.DataFrame) -> list[tuple[datetime, datetime]]:
    """Return the improbable silences of one stream.

    Parameters
    ----------
    stream
        Hours that hold records, in order: hour, n, first_at, last_at and fine (records dated to the minute).
    """
    total = int(stream["n"].sum())
    if stream.height < 2 or int(stream["fine"].sum()) < FINE_SHARE * total:
        return []
    between = stream.select(
        "hour", start="last_at", end=pl.col("first_at").shift(-1), next=pl.col("hour").shift(-1)
    ).drop_nulls()
    first = stream["hour"][0]
    hour = ((stream["hour"] - first).dt.total_seconds() // 3600).to_numpy()
    counts = np.zeros(int(hour[-1]) + 1)
    counts[hour] = stream["n"].to_numpy()
    needed = MARGIN * np.log(total / FALSE_ALARMS)
    found = []
    for row in between.filter((pl.col("end") - pl.col("start")) >= timedelta(hours=LEAST_HOURS)).iter_rows(named=True):
        last, following = (int((row[name] - first).total_seconds() // 3600) for name in ("hour", "next"))
        length = (row["end"] - row["start"]).total_seconds() / 3600
        if evidence(counts, last, following, length) > needed:
            found.append((row["start"], row["end"]))
    return found


def evidence(counts: Floats, last: int, following: int, length: float) -> float:
    """Return λg/D of a silence: minus the logarithm of the probability that it comes about by chance.

    Parameters
    ----------
    counts
        Records of every hour of the stream, shape (hours,).
    last, following
        The last hour with a record before the silence, and the first one after it.
    length
        Hours of silence.

    Returns
    -------
    float
        0 where a side has too few records or hours to tell the rate.
    """
    sides = [counts[max(last - WINDOW_HOURS, 0) : last], counts[following + 1 : following + 1 + WINDOW_HOURS]]
    if any(side.size < LEAST_WINDOW_HOURS or side.sum() < LEAST_WINDOW_RECORDS for side in sides):
        return 0.0
    level = min(float(side.mean()) / dispersion(side, SCALES_HOURS) for side in sides) * length
    same_hours = _same_hours(counts, last, following)
    if len(same_hours) < FEWEST_DAYS:
        return level
    return max(level, min(same_hours) / max(dispersion(side, SHORT_SCALES_HOURS) for side in sides))


def _same_hours(counts: Floats, last: int, following: int) -> list[float]:
    """Return the records in the hours of a silence, on the days around it; empty unless both sides have one."""
    hours = np.arange(last + 1, following)
    if not hours.size:
        return []
    days = 24 * int(np.ceil((hours.size + 1) / 24))
    moved = {day: hours + day * days for day in DAYS}
    inside = {day: float(counts[at].sum()) for day, at in moved.items() if at[0] >= 0 and at[-1] < counts.size}
    return list(inside.values()) if min(inside, default=1) < 0 < max(inside, default=-1) else []


def dispersion(counts: Floats, scales: tuple[int, ...]) -> float:
    """Return the largest ratio of variance to mean over bins of several lengths, at least 1.

    The variance is half the mean square of successive differences (von Neumann 1941), which a slow trend does not move;
    the ratio is widened by its standard error.
    """
    largest = 1.0
    for scale in scales:
        bins = counts.size // scale
        if bins >= FEWEST_BINS:
            sums = counts[-bins * scale :].reshape(bins, scale).sum(axis=1)
            spread = float(np.square(np.diff(sums)).mean()) / 2
            if sums.mean() > 0:
                largest = max(largest, spread / float(sums.mean()) * (1 + float(np.sqrt(3 / (bins - 1)))))
    return largest
