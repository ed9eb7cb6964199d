"""Which tokens are read: groups of authors with a fixed number of tokens and texts each, chosen by hash.

What belongs here: SQL that chooses and the arrays of what was chosen. Lexical diversity falls with the size of what it
is computed on, so every group contributes as much as every other, in every corpus; and authors are never split, so
that groups differ as corpora of other authors would (random groups, Wolter 2007, ch. 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import IntArray
from pipeline.lexicon.tokens import TOKEN_PATTERN

TOKENS, TEXTS = 10_000, 50
"""Tokens, and texts for what compares texts, that a group contributes."""
TOKENS_PER_TEXT = 500
"""Tokens that are read of a text at most, so that none fills a group."""
COMPARED_TOKENS = 100
"""Tokens that are read of a text at most where texts are compared."""
LEAST_TOKENS = 4
"""Tokens that a text needs to have 4-grams."""
GROUPINGS = (16, 8, 4, 1)
_FULL = 0.8

AGENTS, TEXTS_PER_AGENT = 64, 10
"""Agents, and texts of each, for the self-BLEU within agents."""

# One row per distinct text, with one author: the smallest of those that wrote it.
_TEXTS = """
WITH author AS (
    SELECT text_hash, min(coalesce('0:' || agent_id, '1:' || message_id)) AS author
    FROM message WHERE kind <> 'repost' GROUP BY text_hash
)
SELECT t.text_hash, a.author, CAST(least(t.n_tokens, $most) AS BIGINT) AS n,
       substr(sha256($salt || a.author), 1, 1) AS digit,
       sha256($salt || t.text_hash) AS place
FROM text AS t JOIN author AS a ON a.text_hash = t.text_hash
WHERE t.n_tokens >= $least
"""
_GROUPED = f"""
WITH listed AS ({_TEXTS}),
placed AS (
    SELECT text_hash, (strpos('0123456789abcdef', digit) - 1) % $groups AS group_id, n, place,
           row_number() OVER (PARTITION BY (strpos('0123456789abcdef', digit) - 1) % $groups ORDER BY place) AS i,
           CAST(sum(n) OVER (PARTITION BY (strpos('0123456789abcdef', digit) - 1) % $groups ORDER BY place
                             ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS upto
    FROM listed
)
SELECT p.text_hash, p.group_id, p.i, p.upto - p.n AS before, t.text
FROM placed AS p JOIN text AS t ON t.text_hash = p.text_hash
WHERE p.upto - p.n < $tokens OR p.i <= $texts
ORDER BY p.group_id, p.place
"""
_SIZES = f"""
SELECT (strpos('0123456789abcdef', digit) - 1) % $groups AS group_id, CAST(sum(n) AS BIGINT) AS tokens,
       count(*) AS texts
FROM ({_TEXTS}) AS listed GROUP BY 1 ORDER BY 1
"""
_BY_AGENT = f"""
WITH listed AS ({_TEXTS}),
placed AS (
    SELECT author, text_hash, place, row_number() OVER (PARTITION BY author ORDER BY place) AS i FROM listed
    WHERE starts_with(author, '0:')
),
able AS (
    SELECT author FROM placed WHERE i = $per_agent ORDER BY sha256($salt || author) LIMIT $agents
)
SELECT p.text_hash, t.text FROM placed AS p
JOIN able AS a ON a.author = p.author JOIN text AS t ON t.text_hash = p.text_hash
WHERE p.i <= $per_agent ORDER BY p.author, p.place
"""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of texts in a row.

    Attributes
    ----------
    token
        Code of each token, shape (tokens,).
    text
        Number of its text from 0, ascending, shape (tokens,).
    n_texts
        Texts, also those of which no token was read.
    """

    token: IntArray
    text: IntArray
    n_texts: int


@dataclass(frozen=True, slots=True)
class Groups:
    """What the groups contribute: as many tokens each, and as many texts each.

    Attributes
    ----------
    streams
        Tokens of each group in the order of hashes, exactly `TOKENS` each.
    texts
        The first `TEXTS` texts of each group, the groups after each other; None when no group has as many.
    """

    streams: tuple[Tokens, ...]
    texts: Tokens | None


def read_groups(con: duckdb.DuckDBPyConnection, seed: int) -> Groups:
    """Return the samples of a corpus (views ``message`` and ``text``).

    Authors fall into 16 groups by hash, into 8 or 4 when too many groups would be short of tokens, or make one group.
    """
    base: dict[str, object] = {"salt": f"{seed}:lexis:", "most": TOKENS_PER_TEXT, "least": LEAST_TOKENS}
    for groups in GROUPINGS:
        sizes = con.sql(_SIZES, params={**base, "groups": groups}).pl()
        full = sizes.filter((pl.col("tokens") >= TOKENS) & (pl.col("texts") >= TEXTS))["group_id"]
        if len(full) >= _FULL * groups:
            break
    else:
        return Groups((), None)
    bound = {**base, "groups": groups, "tokens": TOKENS, "texts": TEXTS}
    chosen = con.sql(_GROUPED, params=bound).pl().filter(pl.col("group_id").is_in(full.implode()))
    # One code per type in all groups; the stream of a group ends at its last token, in the middle of a text if need be.
    tokens = coded(chosen)
    by_group = chosen["group_id"].to_numpy()[tokens.text]
    streams = []
    for group in full:
        at = np.flatnonzero(by_group == group)[:TOKENS]
        streams.append(_renumbered(tokens.token[at], tokens.text[at]))
    is_chosen = (chosen["i"] <= TEXTS).to_numpy()[tokens.text] & (place_in_text(tokens.text) < COMPARED_TOKENS)
    return Groups(tuple(streams), _renumbered(tokens.token[is_chosen], tokens.text[is_chosen]))


def read_agents(con: duckdb.DuckDBPyConnection, seed: int) -> Tokens:
    """Return `TEXTS_PER_AGENT` distinct texts of each of up to `AGENTS` agents, chosen by hash, agent after agent."""
    bound: dict[str, object] = {
        "salt": f"{seed}:agents:", "most": TOKENS_PER_TEXT, "least": LEAST_TOKENS, "per_agent": TEXTS_PER_AGENT,
        "agents": AGENTS,
    }  # fmt: skip
    return coded(con.sql(_BY_AGENT, params=bound).pl(), most=COMPARED_TOKENS)


def coded(frame: pl.DataFrame, most: int = TOKENS_PER_TEXT) -> Tokens:
    """Cut the column ``text`` into lower-case tokens, at most so many of each text, and number types and texts."""
    cut = frame.select(
        pl.col("text").str.to_lowercase().str.extract_all(TOKEN_PATTERN).list.head(most).alias("token")
    ).with_row_index("text")
    long = cut.explode("token").drop_nulls("token")
    types = long["token"].unique().sort()
    code = long["token"].cast(pl.Enum(types)).to_physical().to_numpy().astype(np.int64)
    return Tokens(code, long["text"].to_numpy().astype(np.int64), frame.height)


def place_in_text(text: IntArray) -> IntArray:
    """Return how many tokens of the same text stand before each token; `text` is ascending."""
    return np.arange(len(text)) - np.searchsorted(text, text)


def _renumbered(token: IntArray, text: IntArray) -> Tokens:
    kept, number = np.unique(text, return_inverse=True)
    return Tokens(token, number.astype(np.int64), len(kept))
