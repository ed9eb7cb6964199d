"""The texts that are clustered into topics, and the posts whose topics are counted.

What belongs here: SQL that chooses, and the frames made of it. Topics are made of the distinct texts of posts (kinds
post, quote and utterance) in languages that the model covers or that are not known; at most `MOST_TEXTS` by hash. All
other texts, comments too, are given the nearest topic.
"""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.language.convergence_sample import KINDS, Embedding
from pipeline.language.covered import ENGLISH
from pipeline.language.identify import UNDETERMINED

MOST_TEXTS = 20_000
"""Distinct texts of posts that topics are made of."""
NUMBER_TEXTS = 2_000
"""Of these, texts that the number of topics is chosen on."""
WORD_TEXTS = 8_000
"""Of these, texts whose words name the topics: every other one names, the rest judges the names."""
FEWEST_TEXTS = 100

_KINDS = ", ".join(f"'{kind}'" for kind in KINDS)
_LANGUAGES = ", ".join(f"'{code}'" for code in (*sorted(ENGLISH), UNDETERMINED))

_SAMPLE = f"""
WITH post AS (
    SELECT text_hash, min(COALESCE('0:' || agent_id, '1:' || message_id)) AS author
    FROM message WHERE kind IN ({_KINDS}) GROUP BY text_hash
)
SELECT t.text_hash, t.text, p.author, e.vector
FROM post AS p
JOIN text AS t ON t.text_hash = p.text_hash AND t.n_tokens > 0
JOIN embedding AS e ON e.text_hash = t.text_hash AND e.model = $model AND e.rung = $rung AND e.vector IS NOT NULL
WHERE t.language IS NULL OR t.language IN ({_LANGUAGES})
ORDER BY SHA256($salt || t.text_hash), t.text_hash
LIMIT $most
"""

_ALL = f"""
SELECT t.text_hash, e.vector
FROM text AS t
JOIN embedding AS e ON e.text_hash = t.text_hash AND e.model = $model AND e.rung = $rung AND e.vector IS NOT NULL
WHERE t.n_tokens > 0 AND (t.language IS NULL OR t.language IN ({_LANGUAGES})) AND t.text_hash > $after
ORDER BY t.text_hash
LIMIT $most
"""

_POSTS = f"""
SELECT m.message_id, m.community_id, m.created_at, m.at_precision, t.language, m.text_hash,
       COALESCE('0:' || m.agent_id, '1:' || m.message_id) AS author, x.topic_id,
       SUBSTR(SHA256('negative control:' || m.text_hash), 1, 8) AS digest, COALESCE(s.is_mint, FALSE) AS is_mint,
       ROW_NUMBER() OVER (PARTITION BY m.text_hash ORDER BY m.created_at NULLS LAST, m.message_id) = 1 AS is_first_copy
FROM message AS m
JOIN text AS t ON t.text_hash = m.text_hash
JOIN text_topic AS x ON x.text_hash = m.text_hash
LEFT JOIN (SELECT DISTINCT text_hash, TRUE AS is_mint FROM lexicon_score WHERE lexicon = 'token_mint') AS s
    ON s.text_hash = m.text_hash
WHERE m.kind IN ({_KINDS})
ORDER BY m.created_at NULLS LAST, m.message_id
"""

# A name with a capital inside is no ordinary word; names with digits or marks are no words at all.
_NAMES = "SELECT DISTINCT name FROM agent WHERE name IS NOT NULL ORDER BY name"


def read_sample(con: duckdb.DuckDBPyConnection, embedding: Embedding, seed: int) -> pl.DataFrame:
    """Return text_hash, text, author and vector of the texts that topics are made of, in the order of their hash."""
    values = {"model": embedding.model, "rung": embedding.rung, "salt": f"{seed}:", "most": MOST_TEXTS}
    found: pl.DataFrame = con.sql(_SAMPLE, params=values).pl()
    return found


def read_all(con: duckdb.DuckDBPyConnection, embedding: Embedding, after: str, most: int) -> pl.DataFrame:
    """Return text_hash and vector of the next texts by hash."""
    values = {"model": embedding.model, "rung": embedding.rung, "after": after, "most": most}
    found: pl.DataFrame = con.sql(_ALL, params=values).pl()
    return found


def vectors_of(frame: pl.DataFrame) -> NDArray[np.float32]:
    """Return the column vector as unit vectors, shape (n, d)."""
    if frame.is_empty():
        return np.zeros((0, 1), dtype=np.float32)
    flat = frame["vector"].explode().to_numpy().astype(np.float32).reshape(frame.height, -1)
    length = np.sqrt(np.square(flat).sum(axis=1, keepdims=True))
    return np.asarray(flat / np.maximum(length, 1e-12), dtype=np.float32)


def read_posts(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return the posts that have a topic, in the order of time.

    Codes from 0 for authors and topics; ``coin`` is a number that a hash of the text decides.
    """
    frame: pl.DataFrame = con.sql(_POSTS).pl()
    return frame.with_columns(
        author=pl.col("author").rank("dense").cast(pl.Int64) - 1,
        topic=pl.col("topic_id").cast(pl.Int64) - 1,
        coin=pl.col("digest").str.to_integer(base=16, dtype=pl.Int64),
    )


def hidden_names(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Return names of agents that are no ordinary words, in lower case; a topic is never named after an agent."""
    names = [str(row[0]).strip() for row in con.sql(_NAMES).fetchall()]
    return {name.lower() for name in names if name[1:] != name[1:].lower()}
