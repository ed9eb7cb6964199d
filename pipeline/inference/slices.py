"""Slices: named subsets of posts and replies by a filter, a time window, or both.

What belongs here: the rule of a slice and its application to the frames of `enforcement_frames`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

LANGUAGE = "language:"
"""Prefix of a filter that keeps one language, such as ``language:en``."""


@dataclass(frozen=True, slots=True)
class SliceRule:
    """A slice: messages that pass a filter and were made in the window [start_at, end_at)."""

    slice_id: str
    filter: str = "none"
    start_at: datetime | None = None
    end_at: datetime | None = None


BUILT_IN_SLICES = (
    SliceRule("all"),
    SliceRule("without_duplicates", "without_duplicates"),
    SliceRule("without_token_mint", "without_token_mint"),
)


def read_slices(con: duckdb.DuckDBPyConnection) -> tuple[SliceRule, ...]:
    """Return the slices of a corpus from its view ``slice``: the built-in ones first, then those of corpus.toml."""
    rows = con.sql('SELECT slice_id, "filter", start_at, end_at FROM slice ORDER BY slice_id').fetchall()
    built_in = {rule.slice_id for rule in BUILT_IN_SLICES}
    return (*BUILT_IN_SLICES, *(SliceRule(*row) for row in rows if row[0] not in built_in))


def slice_posts(posts: pl.DataFrame, rule: SliceRule) -> pl.DataFrame:
    """Return the posts of a slice, order kept."""
    flags = {"without_duplicates": pl.col("is_first_copy"), "without_token_mint": ~pl.col("is_mint")}
    chosen = posts.filter(flags[rule.filter]) if rule.filter in flags else posts
    if rule.filter.startswith(LANGUAGE):
        chosen = posts.filter(pl.col("language") == rule.filter.removeprefix(LANGUAGE))
    return _in_window(chosen, rule, "created_at")


def slice_replies(replies: pl.DataFrame, rule: SliceRule) -> pl.DataFrame:
    """Return the replies of a slice: both the reply and its post belong to it."""
    if rule.filter.startswith(LANGUAGE):
        code = rule.filter.removeprefix(LANGUAGE)
        chosen = replies.filter((pl.col("language") == code) & (pl.col("post_language") == code))
    else:
        chosen = replies.filter(pl.col(f"in_{rule.filter}")) if rule.filter != "none" else replies
    return _in_window(_in_window(chosen, rule, "created_at"), rule, "post_created_at")


def _in_window(frame: pl.DataFrame, rule: SliceRule, column: str) -> pl.DataFrame:
    """Keep the rows of the window; a row without a time belongs to no window."""
    if rule.start_at is not None:
        frame = frame.filter(pl.col(column) >= rule.start_at)
    if rule.end_at is not None:
        frame = frame.filter(pl.col(column) < rule.end_at)
    return frame
