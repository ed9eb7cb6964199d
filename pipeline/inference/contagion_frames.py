"""The rows that contagion is computed on: labelled messages, and comments in the order of their threads.

What belongs here: SQL that joins messages with their labels, and the columns that are derived from the order within a
thread. What does not: any share, model or test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import duckdb
import numpy as np
import polars as pl

from pipeline.inference.result import Floats, Ints
from pipeline.language.clock import ORDER_PRECISIONS, is_precise

CONFLICT = "conflict"
EMOTIONS = ("anger", "fear", "sadness", "joy", "affection", "surprise")
OUTCOMES = (CONFLICT, *EMOTIONS)

AUTHOR_PRIOR, COMMUNITY_PRIOR = 10.0, 50.0
"""Messages at the mean of the corpus that are added to an author's and a community's own, so that a rate over two
messages does not stand for a trait."""


def messages_sql() -> str:
    """Return the query of one row per post and comment with labels, length and slice flags.

    ``hash_binary`` is a coin that nobody can see: parity of a digit of the SHA-256 of the id.
    """
    return """
    SELECT m.message_id, m.kind, m.agent_id, m.community_id, m.root_id, m.parent_id, m.created_at, m.at_precision,
           m.step, t.n_chars, t.language,
           COALESCE(l.conflict, 0) AS conflict, COALESCE(l.emotion, 'none') AS emotion,
           CASE WHEN SUBSTR(SHA256('negative control:' || m.message_id), 1, 1)
               IN ('0', '2', '4', '6', '8', 'a', 'c', 'e') THEN 1 ELSE 0 END AS hash_binary,
           COALESCE(s.is_mint, 0) = 1 AS is_mint,
           ROW_NUMBER() OVER (
               PARTITION BY m.text_hash ORDER BY m.created_at NULLS LAST, m.message_id
           ) = 1 AS is_first_copy
    FROM message AS m
    JOIN text AS t ON t.text_hash = m.text_hash
    LEFT JOIN (
        SELECT text_hash,
               MAX(CASE WHEN scheme = 'conflict' AND label = 'yes' THEN 1 ELSE 0 END) AS conflict,
               MAX(CASE WHEN scheme = 'emotion' THEN label END) AS emotion
        FROM text_label
        GROUP BY text_hash
    ) AS l ON l.text_hash = m.text_hash
    LEFT JOIN (
        SELECT text_hash, 1 AS is_mint FROM lexicon_score WHERE lexicon = 'token_mint' GROUP BY text_hash
    ) AS s ON s.text_hash = m.text_hash
    WHERE m.kind IN ('post', 'comment')
    ORDER BY m.root_id, m.created_at NULLS LAST, m.step NULLS LAST, m.message_id
    """


def read_messages(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return the labelled posts and comments, in the order of their threads."""
    frame: pl.DataFrame = con.sql(messages_sql()).pl()
    return frame.with_columns(pl.col("conflict").cast(pl.Int64), pl.col("hash_binary").cast(pl.Int64))


# What other columns of a comment are made of; a corpus of millions of comments has no room for what nobody reads.
_READ_NO_FURTHER = (
    "kind", "parent_id", "at_precision", "community_id", "is_mint", "is_first_copy",
    "post_agent", "post_community", "post_is_mint", "post_is_first_copy",
)  # fmt: skip


@dataclass(frozen=True)
class Corpus:
    """Labelled messages, and the comments under posts that are there.

    Attributes
    ----------
    messages
        As `read_messages` gives them.
    """

    messages: pl.DataFrame
    _rates: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)

    @cached_property
    def posts(self) -> pl.DataFrame:
        """The posts, with the label of another post of the same community as a placebo."""
        posts = self.messages.filter(pl.col("kind") == "post")
        # The next post of the community in time: near in place and date, and in another thread.
        ordered = posts.sort("community_id", "created_at", "message_id", nulls_last=True)
        return ordered.with_columns(
            placebo_conflict=pl.col("conflict").shift(-1).over("community_id"),
            placebo_emotion=pl.col("emotion").shift(-1).over("community_id"),
        )

    @cached_property
    def comments(self) -> pl.DataFrame:
        """One row per comment under a post of the corpus, in the order of threads, with its post, parent and place.

        ``position`` counts from 1; ``is_first_of_author`` marks an author's first comment in a thread; ``post`` and
        ``agent`` are codes of them.
        """
        post = self.posts.select(
            pl.col("message_id").alias("root_id"),
            pl.col("agent_id").alias("post_agent"),
            *(
                pl.col(name).alias(f"post_{name}")
                for name in ("conflict", "emotion", "n_chars", "language", "created_at", "hash_binary", "is_mint")
            ),
            pl.col("community_id").alias("post_community"),
            pl.col("is_first_copy").alias("post_is_first_copy"),
            "placebo_conflict",
            "placebo_emotion",
        )
        parent = self.messages.select(
            pl.col("message_id").alias("parent_id"),
            *(pl.col(name).alias(f"parent_{name}") for name in ("conflict", "emotion", "agent_id")),
        )
        found = (
            self.messages.filter(pl.col("kind") == "comment")
            .join(post, on="root_id", how="inner", maintain_order="left")
            .join(parent, on="parent_id", how="left", maintain_order="left")
        )
        known = pl.coalesce(pl.concat_str(pl.lit("0:"), "agent_id"), pl.concat_str(pl.lit("1:"), "message_id"))
        return (
            found.with_columns(
                position=pl.int_range(1, pl.len() + 1).over("root_id"),
                post=pl.col("root_id").rank("dense").cast(pl.Int64) - 1,
                agent=known.rank("dense").cast(pl.Int64) - 1,
                is_ordered=is_precise(ORDER_PRECISIONS) | pl.col("step").is_not_null(),
                is_own_post=(pl.col("agent_id") == pl.col("post_agent")).fill_null(False),
                in_without_duplicates=pl.col("is_first_copy") & pl.col("post_is_first_copy"),
                in_without_token_mint=~pl.col("is_mint") & ~pl.col("post_is_mint"),
            )
            .with_columns(is_first_of_author=pl.int_range(pl.len()).over("post", "agent") == 0)
            .drop(_READ_NO_FURTHER)
        )

    def base_rates(self, outcome: str) -> pl.DataFrame:
        """Return per comment the log odds of the outcome of its author and of its community in all other threads.

        Returns
        -------
        polars.DataFrame
            message_id, author_rate, community_rate. Rates are drawn to the mean of the corpus (`AUTHOR_PRIOR`); of an
            author without another thread it is that mean. Computed once for each outcome.
        """
        if outcome not in self._rates:
            self._rates[outcome] = self._base_rates(outcome)
        return self._rates[outcome]

    def _base_rates(self, outcome: str) -> pl.DataFrame:
        marked = self.messages.select("message_id", "agent_id", "root_id", y=mark(outcome))
        place = self.posts.select(pl.col("message_id").alias("root_id"), pl.col("community_id").alias("place"))
        marked = marked.join(place, on="root_id", how="left", maintain_order="left")
        mean = float(marked["y"].mean() or 0.0)  # type: ignore[arg-type]
        mean = min(max(mean, 1e-4), 1 - 1e-4)

        def rate(key: str, prior: float) -> pl.Expr:
            others = pl.col("y").sum().over(key) - pl.col("y").sum().over(key, "root_id")
            n = pl.len().over(key) - pl.len().over(key, "root_id")
            share = pl.when(pl.col(key).is_null()).then(mean).otherwise((others + prior * mean) / (n + prior))
            return (share / (1 - share)).log()

        return marked.select(
            "message_id",
            author_rate=rate("agent_id", AUTHOR_PRIOR),
            community_rate=rate("place", COMMUNITY_PRIOR),
        )


def mark(outcome: str, prefix: str = "") -> pl.Expr:
    """Return the expression that is 1 where a message has the label, 0 elsewhere and null where it is not known."""
    if outcome == CONFLICT:
        return pl.col(f"{prefix}conflict").cast(pl.Int64)
    return (pl.col(f"{prefix}emotion") == outcome).cast(pl.Int64)


def integers(frame: pl.DataFrame, column: str) -> Ints:
    """Return a column as int64, shape (n,)."""
    values: Ints = frame[column].cast(pl.Int64).to_numpy()
    return values


def floats(frame: pl.DataFrame, column: str) -> Floats:
    """Return a column as float64, shape (n,)."""
    values: Floats = frame[column].cast(pl.Float64).to_numpy()
    return np.asarray(values, dtype=np.float64)
