"""Messages with their alignment as frames: what the measures and the tests of family ``persona`` are computed from.

What belongs here: reading, choosing and ordering rows. No statistics.
"""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.language.clock import ORDER_PRECISIONS, is_precise
from pipeline.language.drift import Series

KINDS = ("post", "comment")

_ALIGNED = """
SELECT m.message_id, m.run_id, m.agent_id, m.kind, m.text_hash, m.created_at, m.at_precision, m.step,
       COALESCE(m.upvotes, m.score) AS votes, t.language, p.persona_hash, p.persona_tokens,
       p.similarity_static, p.similarity_full, left(sha256($salt || m.message_id), 12) AS digest
FROM persona_alignment AS p
JOIN message AS m ON m.message_id = p.message_id
JOIN text AS t ON t.text_hash = m.text_hash
WHERE m.kind IN ('post', 'comment') AND p.persona_tokens >= $least
ORDER BY m.run_id, m.agent_id, m.message_id
"""

_POSTS = """
SELECT m.message_id, m.run_id, m.agent_id, m.kind, m.text_hash, m.created_at, m.at_precision, m.step,
       COALESCE(m.upvotes, m.score) AS votes, a.karma
FROM message AS m LEFT JOIN agent AS a ON a.agent_id = m.agent_id
WHERE m.kind = 'post' AND m.agent_id IS NOT NULL
ORDER BY m.run_id, m.agent_id, m.message_id
"""


def read_aligned(con: duckdb.DuckDBPyConnection, least_tokens: int, seed: int = 0) -> pl.DataFrame:
    """Return the posts and comments with an alignment, whose author's description has that many tokens.

    Parameters
    ----------
    con
        Connection with the views ``persona_alignment``, ``message`` and ``text`` of one corpus.
    least_tokens
        Tokens that a description needs.
    seed
        Seed of `digest`.

    Returns
    -------
    polars.DataFrame
        One row per message, ordered by run, agent and message; `author` codes run and agent from 0, `digest` is twelve
        hex digits of a hash of the message's id.
    """
    return _with_author(con.sql(_ALIGNED, params={"least": least_tokens, "salt": f"{seed}:"}).pl())


def read_posts(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return all posts of known authors, with their votes and the karma of the author, ordered like `read_aligned`."""
    return _with_author(con.sql(_POSTS).pl())


def _with_author(frame: pl.DataFrame) -> pl.DataFrame:
    key = pl.concat_str("run_id", pl.lit("\n"), "agent_id", ignore_nulls=True)
    return frame.with_columns(author=key.rank("dense").cast(pl.Int64) - 1)


def of_kind(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Return the messages of a kind, or of both for ``message``."""
    return frame if kind == "message" else frame.filter(pl.col("kind") == kind)


def sampled(frame: pl.DataFrame, sample: str) -> pl.DataFrame:
    """Return the rows of a sample of the grid: all, one of each distinct text of an author, or those in English."""
    if sample == "distinct":
        return frame.sort("author", "created_at", "step", "message_id").unique(
            ["author", "text_hash"], keep="first", maintain_order=True
        )
    return frame.filter(pl.col("language") == "en") if sample == "english" else frame


def days(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose time is as fine as a day, with `day`: days since the first of them."""
    timed = frame.filter(is_precise())
    return timed.with_columns(day=(pl.col("created_at") - pl.col("created_at").min()).dt.total_seconds() / 86_400)


def is_ordered() -> pl.Expr:
    """Return the condition that a post has a place among the posts of its author."""
    return is_precise(ORDER_PRECISIONS) | pl.col("step").is_not_null()


def in_order(posts: pl.DataFrame) -> pl.DataFrame:
    """Return the posts that have a place, author by author in their order."""
    return posts.filter(is_ordered()).sort("author", "created_at", "step", "message_id", nulls_last=True)


def series_of(posts: pl.DataFrame, outcome: str) -> tuple[Series, NDArray[np.float64]]:
    """Return the posts of each author as a series whose event is the post with the most votes, and those votes.

    The first of several with as many votes is the event. Authors without a vote above zero have no event and are
    left out.

    Parameters
    ----------
    posts
        Posts of `in_order`.
    outcome
        Column that is the outcome.
    """
    votes = pl.col("votes").fill_null(0)
    rewarded = posts.filter((votes.max() > 0).over("author"))
    place = votes.arg_max().cast(pl.Int64)
    by_author = rewarded.group_by("author", maintain_order=True).agg(
        size=pl.len().cast(pl.Int64), event=place, most=votes.max().cast(pl.Float64)
    )
    sizes = by_author["size"].to_numpy()
    starts = np.cumsum(sizes) - sizes
    values = rewarded[outcome].to_numpy().astype(np.float64)
    return Series(values, starts, sizes, by_author["event"].to_numpy()), by_author["most"].to_numpy()
