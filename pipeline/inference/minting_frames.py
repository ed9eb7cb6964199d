"""Token-mint protocol posts, the replies to them and to others, and complaints: the rows that family token_mint uses.

What belongs here: SQL and frames. A protocol post has a score of lexicon ``token_mint``. A reply is a comment on a post
by somebody else that is no protocol text itself; it is corrective when its reply class is ``enforce`` (METHODS 1.4). A
complaint is a message without protocol text that names the minting and says that it is unwanted, by the two expressions
below. They were written for this project: MoltNet v2 shows complaints, and prints neither rule nor rate. So there are
further definitions beside the first, for the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import polars as pl

from pipeline.inference.result import Ints
from pipeline.language.clock import is_precise_sql

NAMES = r"\b(mbc-?20|mint(s|ing|ed)?|clawnch|token (launch|spam|post)\w*|inscriptions?)\b"
"""What names the protocol posts."""
UNWANTED = (
    r"\b(spam\w*|stop|enough|tired of|sick of|annoying|noise|garbage|flood\w*|clutter\w*|pollut\w*|pointless|"
    r"useless|not here for|take (it|this|that) elsewhere|ban|against the rules|off-?topic|low[- ]effort)\b"
)
"""What says that something is unwanted."""
SPAM = r"\bspam\w*\b"
DEFINITIONS = ("named_unwanted", "same_sentence", "named_corrective", "named_spam")
"""What a complaint may be; the first is that of the measures."""
LEAST_MINTS = 3
"""Protocol posts that make a community an invaded one."""

_EVEN = "('0', '2', '4', '6', '8', 'a', 'c', 'e')"

# A sentence ends at a stop, a question or exclamation mark, or a new line.
_SENTENCE = f"({NAMES})[^.!?\\n]*({UNWANTED})|({UNWANTED})[^.!?\\n]*({NAMES})"
_MESSAGE = f"""
WITH minted AS (SELECT DISTINCT text_hash FROM lexicon_score WHERE lexicon = 'token_mint'),
corrective AS (
    SELECT DISTINCT text_hash FROM lexicon_score WHERE lexicon = 'reply' AND category = 'enforce' AND "count" > 0
),
read AS (SELECT text_hash, n_chars, lower(text) AS text FROM text),
said AS (
    SELECT r.text_hash, r.n_chars,
           regexp_matches(r.text, '{NAMES}') AS is_named,
           regexp_matches(r.text, '{UNWANTED}') AS is_unwanted,
           CASE WHEN regexp_matches(r.text, '{NAMES}') THEN regexp_matches(r.text, '{_SENTENCE}') ELSE FALSE END
               AS in_one_sentence,
           regexp_matches(r.text, '{SPAM}') AS is_spam,
           c.text_hash IS NOT NULL AS is_corrective
    FROM read AS r LEFT JOIN corrective AS c ON c.text_hash = r.text_hash
)
SELECT m.message_id, m.kind, m.root_id, m.created_at, m.agent_id, COALESCE(m.community_id, r.community_id) AS community,
       COALESCE('0:' || m.agent_id, '1:' || m.message_id) AS author, s.n_chars, s.is_unwanted,
       k.text_hash IS NOT NULL AS is_mint,
       s.is_named AND s.is_unwanted AND k.text_hash IS NULL AS named_unwanted,
       s.in_one_sentence AND k.text_hash IS NULL AS same_sentence,
       s.is_named AND s.is_corrective AND k.text_hash IS NULL AS named_corrective,
       s.is_named AND s.is_spam AND k.text_hash IS NULL AS named_spam,
       ROW_NUMBER() OVER (PARTITION BY m.text_hash ORDER BY m.created_at NULLS LAST, m.message_id) = 1 AS is_first_copy
FROM message AS m
JOIN said AS s ON s.text_hash = m.text_hash
LEFT JOIN message AS r ON r.message_id = m.root_id
LEFT JOIN minted AS k ON k.text_hash = m.text_hash
WHERE m.kind IN ('post', 'comment')
"""

# A time that does not tell the day tells neither what was said on a day nor what was said before and after a moment.
_UNDATED = f"""
UPDATE minting_message SET created_at = NULL
WHERE message_id IN (SELECT m.message_id FROM message AS m WHERE NOT {is_precise_sql("m")})
"""


@dataclass(frozen=True, slots=True)
class Minting:
    """What family token_mint reads of a corpus.

    Attributes
    ----------
    posts
        One row per post: community, author, created_at, is_mint, is_first_copy.
    messages
        One row per message that is no protocol text: community, author, created_at, is_first_copy, one flag for each of
        `DEFINITIONS`, and is_complaint, the first of these.
    replies
        One row per reply: post, post_author, agent, community (codes), post_is_mint, is_corrective, is_unwanted,
        is_first_copy, post_length, hash_binary.
    invaded
        One row per community that has posts: community, posts, mints, is_invaded, invaded_at (time of its third
        protocol post that is dated to the day; null where not invaded, and where fewer are dated so).
    """

    posts: pl.DataFrame
    messages: pl.DataFrame
    replies: pl.DataFrame
    invaded: pl.DataFrame


def read_minting(con: duckdb.DuckDBPyConnection) -> Minting:
    """Read posts, replies and complaints; ``created_at`` is null where it does not tell the day.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text``, ``lexicon_score`` and ``reply_class`` of one corpus.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE minting_message AS {_MESSAGE}")
    con.execute(_UNDATED)
    try:
        posts = con.sql(
            "SELECT community, author, created_at, is_mint, is_first_copy FROM minting_message WHERE kind = 'post' "
            "ORDER BY message_id"
        ).pl()
        messages = con.sql(
            f"SELECT community, author, created_at, is_first_copy, {', '.join(DEFINITIONS)}, "
            f"{DEFINITIONS[0]} AS is_complaint FROM minting_message WHERE NOT is_mint ORDER BY message_id"
        ).pl()
        replies = con.sql(
            f"""
            SELECT r.author AS agent, p.message_id AS post, p.author AS post_author, p.community,
                   p.is_mint AS post_is_mint, p.n_chars AS post_chars, c.class = 'enforce' AS is_corrective,
                   r.is_unwanted, r.is_first_copy,
                   SUBSTR(SHA256('negative control:' || p.message_id), 1, 1) IN {_EVEN} AS hash_binary
            FROM minting_message AS r
            JOIN minting_message AS p ON p.message_id = r.root_id AND p.kind = 'post'
            JOIN reply_class AS c ON c.message_id = r.message_id
            WHERE r.kind = 'comment' AND NOT r.is_mint AND r.author <> p.author
            ORDER BY p.message_id, r.message_id
            """
        ).pl()
    finally:
        con.execute("DROP TABLE IF EXISTS minting_message")
    return Minting(posts, messages, _coded(replies), invaded_communities(posts))


def _coded(replies: pl.DataFrame) -> pl.DataFrame:
    named = replies.with_columns(
        pl.col("post", "post_author", "agent").rank("dense").cast(pl.Int64) - 1, community_id=pl.col("community")
    )
    return named.with_columns(
        pl.col("post_is_mint", "is_corrective", "is_unwanted", "hash_binary").cast(pl.Int64),
        community=pl.col("community").fill_null("").rank("dense").cast(pl.Int64) - 1,
        post_length=pl.col("post_chars").cast(pl.Float64).log1p(),
    )


def invaded_communities(posts: pl.DataFrame, threshold: int = LEAST_MINTS) -> pl.DataFrame:
    """Return one row per community, as `Minting.invaded`; `threshold` protocol posts make an invasion."""
    minted = posts.filter("is_mint").sort("created_at", nulls_last=True)
    third = (
        minted.group_by("community")
        .agg(mints=pl.len(), invaded_at=pl.col("created_at").drop_nulls().slice(threshold - 1, 1).first())
        .filter(pl.col("mints") >= threshold)
    )
    whole = posts.drop_nulls("community").group_by("community").agg(posts=pl.len(), n=pl.col("is_mint").sum())
    joined = whole.join(third.drop("mints"), on="community", how="left")
    return joined.rename({"n": "mints"}).with_columns(is_invaded=pl.col("mints") >= threshold).sort("community")


@dataclass(frozen=True, slots=True)
class Windows:
    """Messages and complaints of communities before and after each invasion, shape (communities, invasions).

    Attributes
    ----------
    complaints_before, before, complaints_after, after
        Counts within the window on each side.
    """

    complaints_before: Ints
    before: Ints
    complaints_after: Ints
    after: Ints


def windows(messages: pl.DataFrame, communities: list[str], moments: list[datetime], reach: float) -> Windows:
    """Count messages and complaints of each community within `reach` seconds before and after each moment."""
    kept = messages.filter(pl.col("community").is_in(communities) & pl.col("created_at").is_not_null())
    code = pl.col("community").replace_strict({name: i for i, name in enumerate(communities)}, return_dtype=pl.Int64)
    ordered = kept.with_columns(code=code).sort("code", "created_at")
    at = ordered["created_at"].dt.epoch("us").to_numpy().astype(np.float64) / 1e6
    said = np.concatenate([[0], np.cumsum(ordered["is_complaint"].to_numpy())]).astype(np.int64)
    codes = ordered["code"].to_numpy()
    shape = (len(communities), len(moments))
    counts = [np.zeros(shape, dtype=np.int64) for _ in range(4)]
    epochs = np.array([(moment - datetime(1970, 1, 1)).total_seconds() for moment in moments])
    for place in range(len(communities)):
        low, high = np.searchsorted(codes, [place, place + 1])
        own = at[low:high]
        cuts = [low + np.searchsorted(own, epochs + shift) for shift in (-reach, 0.0, reach)]
        for half in (0, 1):
            counts[2 * half][place] = said[cuts[half + 1]] - said[cuts[half]]
            counts[2 * half + 1][place] = cuts[half + 1] - cuts[half]
    return Windows(*counts)
