"""The times of posts by agent, as arrays, and why there may be none.

What belongs here: reading view ``message`` for the measures of timing. An agent with a post that has no usable time
is left out, since its intervals are not known; times no finer than a minute are not usable.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.gaps import NO_GAPS, WORD, Gaps
from pipeline.activity.resampling import IntArray

FINE_SQL = "(at_precision IS NULL OR at_precision IN ('us', 'ms', 's'))"
"""Times finer than a minute: two posts within the unit of the clock would count as simultaneous."""
MICROS_PER_HOUR = 3_600_000_000


def _posts_sql(kinds: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    return f"""
    SELECT agent_id, epoch_us(CASE WHEN {FINE_SQL} THEN created_at END) AS micros, step
    FROM message WHERE agent_id IS NOT NULL AND kind IN ({listed})
    ORDER BY agent_id, micros, step
    """


@dataclass(frozen=True, slots=True)
class Posts:
    """Posts of the agents whose every post has a usable time.

    Attributes
    ----------
    names
        Identifier of each agent, in the order of the numbers in `agent`.
    agent, at
        Agent and time of each post, shape (posts,), ascending; microseconds, or steps where the corpus counts those.
    gaps
        Interruptions of the collection that bear on `at`; none where the corpus counts steps.
    is_timed
        False where the corpus counts steps.
    words
        Warnings about all of it.
    """

    names: pl.Series
    agent: IntArray
    at: IntArray
    gaps: Gaps
    is_timed: bool
    words: tuple[str, ...]


def read_posts(con: duckdb.DuckDBPyConnection, gaps: Gaps = NO_GAPS, kinds: tuple[str, ...] = ("post",)) -> Posts:
    """Return the times of the posts of a corpus.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    gaps
        Interruptions of the collection of these kinds.
    kinds
        Kinds of message.
    """
    found: pl.DataFrame = con.sql(_posts_sql(kinds)).pl()
    timed, stepped = con.sql("SELECT count(created_at), count(step) FROM message").fetchall()[0]
    column = "micros" if timed or not stepped else "step"
    known = found.select("agent_id", at=pl.col(column).cast(pl.Int64)).filter(
        pl.col("at").is_not_null().all().over("agent_id")
    )
    names = known["agent_id"].unique(maintain_order=True)
    agent = known["agent_id"].rle_id().cast(pl.Int64).to_numpy().astype(np.int64)
    at = known["at"].to_numpy().astype(np.int64)
    bearing = gaps if column == "micros" else NO_GAPS
    words = [] if column == "micros" else ["clock_is_step"]
    if found.height and not known.height:
        words = ["time_too_coarse" if timed else "no_times"]
    elif known.height < found.height:
        words.append("time_too_coarse" if timed else "no_times")
    if at.size and bearing.spanned(at.min(keepdims=True), at.max(keepdims=True)).any():
        words.append(WORD)
    return Posts(names, agent, at, bearing, column == "micros", tuple(words))
