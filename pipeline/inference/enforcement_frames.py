"""The rows that the enforcement family is computed on: posts, replies with their post, target posts.

What belongs here: SQL that joins messages with their scores, with the flags that slices use. What does not: the
slices themselves, and any estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import duckdb
import numpy as np
import polars as pl

from pipeline.inference.event_aligned import Threads
from pipeline.inference.result import Ints
from pipeline.language.clock import ORDER_PRECISIONS, is_precise
from pipeline.language.covered import coverage

CLASSES = ("toxic", "enforce", "endorse", "other")
_EVEN = ("0", "2", "4", "6", "8", "a", "c", "e")


def scored_messages_sql() -> str:
    """Return the query of one row per message with its AIRS parts, length and slice flags.

    ``is_first_copy``: the first message of its text by time and id. ``is_mint``: its text has a token-mint score.
    """
    return """
    SELECT m.message_id, m.kind, m.agent_id, m.community_id, m.root_id, m.created_at, m.at_precision, m.step,
           t.n_chars, t.language,
           COALESCE(s.airs, 0) AS airs,
           COALESCE(s.airs_action, 0) AS airs_action,
           COALESCE(s.airs_sensitive, 0) AS airs_sensitive,
           COALESCE(s.airs_fraction, 0.0) AS airs_fraction,
           COALESCE(s.is_mint, 0) = 1 AS is_mint,
           ROW_NUMBER() OVER (
               PARTITION BY m.text_hash ORDER BY m.created_at NULLS LAST, m.message_id
           ) = 1 AS is_first_copy
    FROM message AS m
    JOIN text AS t ON t.text_hash = m.text_hash
    LEFT JOIN (
        SELECT text_hash,
               MAX(CASE WHEN lexicon = 'airs' AND category = 'total' THEN count ELSE 0 END) AS airs,
               MAX(CASE WHEN lexicon = 'airs' AND category = 'action' THEN count ELSE 0 END) AS airs_action,
               MAX(CASE WHEN lexicon = 'airs' AND category = 'sensitive' THEN count ELSE 0 END) AS airs_sensitive,
               MAX(CASE WHEN lexicon = 'airs' AND category = 'total' THEN share ELSE 0 END) AS airs_fraction,
               MAX(CASE WHEN lexicon = 'token_mint' THEN 1 ELSE 0 END) AS is_mint
        FROM lexicon_score
        WHERE lexicon IN ('airs', 'token_mint')
        GROUP BY text_hash
    ) AS s ON s.text_hash = m.text_hash
    """


def posts_sql() -> str:
    """Return the query of one row per post, in the order of time and id."""
    return f"""
    WITH scored AS ({scored_messages_sql()})
    SELECT * FROM scored WHERE kind = 'post' ORDER BY created_at NULLS LAST, message_id
    """


def replies_sql() -> str:
    """Return the query of one row per comment whose post is in the corpus, in the order of its thread.

    The columns of the post are prefixed with ``post_``; the AIRS columns without prefix are the post's, and
    ``reply_airs`` is the comment's own. ``hash_binary`` is a coin that nobody can see: parity of a digit of the
    SHA-256 of the post's id.
    """
    even = ", ".join(f"'{digit}'" for digit in _EVEN)
    return f"""
    WITH scored AS ({scored_messages_sql()})
    SELECT r.message_id, r.agent_id, r.root_id AS post_id, r.created_at, r.at_precision, r.n_chars AS reply_chars,
           r.airs AS reply_airs, r.language, p.language AS post_language, c.class,
           p.agent_id AS post_author_id, p.created_at AS post_created_at, p.community_id, p.n_chars AS post_chars,
           p.airs, p.airs_action, p.airs_sensitive, p.airs_fraction,
           CASE WHEN SUBSTR(SHA256('negative control:' || p.message_id), 1, 1) IN ({even}) THEN 1 ELSE 0 END
               AS hash_binary,
           CASE WHEN p.airs > 0 THEN 1 ELSE 0 END AS airs_binary,
           r.is_first_copy AND p.is_first_copy AS in_without_duplicates,
           NOT r.is_mint AND NOT p.is_mint AS in_without_token_mint
    FROM scored AS r
    JOIN scored AS p ON p.message_id = r.root_id AND p.kind = 'post'
    JOIN reply_class AS c ON c.message_id = r.message_id
    WHERE r.kind = 'comment'
    ORDER BY r.root_id, r.created_at NULLS LAST, r.message_id
    """


def read_posts(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return the posts with integer codes of their authors; posts without author are authors of their own."""
    frame: pl.DataFrame = con.sql(posts_sql()).pl()
    return frame.with_columns(
        author=_codes(frame, "agent_id", "message_id"),
        airs=pl.col("airs").cast(pl.Int64),
        airs_action=pl.col("airs_action").cast(pl.Int64),
        airs_sensitive=pl.col("airs_sensitive").cast(pl.Int64),
    )


def read_replies(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return the replies with integer codes for posts, authors and communities, sorted by thread and time.

    Replies without author are each an author of their own, so that clustering does not lump them together.
    """
    frame: pl.DataFrame = con.sql(replies_sql()).pl()
    integers = ("airs", "airs_action", "airs_sensitive", "reply_airs", "hash_binary", "airs_binary")
    return frame.select(
        *(pl.col(name).cast(pl.Int64) for name in integers),
        "post_id",
        "airs_fraction",
        "class",
        "language",
        "post_language",
        "created_at",
        "at_precision",
        "post_created_at",
        "in_without_duplicates",
        "in_without_token_mint",
        pl.col("post_chars").log1p().alias("post_length"),
        pl.col("reply_chars").log1p().alias("reply_length"),
        post=_codes(frame, "post_id", "post_id"),
        agent=_codes(frame, "agent_id", "message_id"),
        is_agent_known=pl.col("agent_id").is_not_null(),
        post_author=_codes(frame, "post_author_id", "post_id"),
        is_post_author_known=pl.col("post_author_id").is_not_null(),
        community=pl.col("community_id").fill_null("").rank("dense").cast(pl.Int64) - 1,
        **{name: (pl.col("class") == name).cast(pl.Int64) for name in CLASSES},
    )


def _codes(frame: pl.DataFrame, column: str, fallback: str) -> pl.Series:
    """Dense codes from 0 in the order of the values; a null gets a code of its own, by the fallback column."""
    known = pl.concat_str([pl.lit("0:"), pl.col(column)])
    unknown = pl.concat_str([pl.lit("1:"), pl.col(fallback)])
    return frame.select(pl.coalesce(known, unknown).rank("dense").cast(pl.Int64) - 1).to_series()


@dataclass(frozen=True)
class Sample:
    """The replies of one slice, and what is derived from them once."""

    replies: pl.DataFrame

    @cached_property
    def target_posts(self) -> pl.DataFrame:
        """One row per post with a reply: its columns, `n_replies`, counts by class and `any_enforce`."""
        constant = (
            *("airs", "airs_action", "airs_sensitive", "airs_fraction", "airs_binary", "hash_binary"),
            *("post_length", "post_author", "is_post_author_known", "community"),
        )
        return (
            self.replies.group_by("post", maintain_order=True)
            .agg(
                *(pl.col(name).first() for name in constant),
                *(pl.col(name).sum() for name in CLASSES),
                n_replies=pl.len().cast(pl.Int64),
            )
            .with_columns(any_enforce=(pl.col("enforce") > 0).cast(pl.Int64))
        )

    @cached_property
    def threads(self) -> Threads:
        """The replies whose time tells their order, in order within their threads."""
        timed = self.replies.filter(is_precise(ORDER_PRECISIONS))
        post = integers(timed, "post")
        starts = np.flatnonzero(np.r_[np.ones(min(1, post.size), dtype=bool), post[1:] != post[:-1]])
        return Threads(integers(timed, "reply_airs"), integers(timed, "enforce"), starts.astype(np.int64))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The warnings about the languages of the replies."""
        return tuple(coverage(self.replies["language"]).words)

    @cached_property
    def agents(self) -> int:
        """Known authors of replies."""
        return self.replies.filter("is_agent_known")["agent"].n_unique()

    @cached_property
    def post_authors(self) -> int:
        """Known authors of posts with a reply."""
        return self.target_posts.filter("is_post_author_known")["post_author"].n_unique()


def integers(frame: pl.DataFrame, column: str) -> Ints:
    """Return a column as int64, shape (n,)."""
    values: Ints = frame[column].cast(pl.Int64).to_numpy()
    return values
