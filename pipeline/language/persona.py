"""Descriptions that agents give of themselves, and how like them their messages are.

What belongs here: which descriptions there are, their vectors, and the cosine of every message with the description of
its author. A description is ``corpus.agent.persona`` as it was last seen. What is made of the cosines is in
`persona_measures`, `persona_estimates` and `drift`.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.lexicon.tokens import count_tokens

FAMILY = "persona"
FEWEST_TOKENS = 3
"""Shorter descriptions ("AI assistant", "test") say nothing that a message could be like; they are counted."""

BATCH_ROWS = 16_384
PAIR_ROWS = 32_768  # pairs multiplied at a time

Floats = NDArray[np.float32]

_PERSONAS = """
SELECT left(sha256(persona), 32) AS persona_hash, min(persona) AS persona, count(*) AS agents
FROM agent WHERE persona IS NOT NULL GROUP BY 1 ORDER BY 1
"""

# Authors of texts that the teacher has read: their descriptions are what it has to read too.
_READ = """
SELECT DISTINCT left(sha256(a.persona), 32) AS persona_hash
FROM message AS m
JOIN agent AS a ON a.agent_id = m.agent_id
JOIN embedding AS e ON e.text_hash = m.text_hash AND e.rung = 'full'
JOIN text AS t ON t.text_hash = m.text_hash AND t.n_tokens > 0
WHERE a.persona IS NOT NULL
ORDER BY 1
"""

_PAIRS = """
SELECT DISTINCT m.text_hash, left(sha256(a.persona), 32) AS persona_hash
FROM message AS m
JOIN agent AS a ON a.agent_id = m.agent_id
JOIN text AS t ON t.text_hash = m.text_hash AND t.n_tokens > 0
WHERE a.persona IS NOT NULL
ORDER BY 1, 2
"""

_MESSAGES = """
SELECT m.message_id, m.text_hash, left(sha256(a.persona), 32) AS persona_hash
FROM message AS m JOIN agent AS a ON a.agent_id = m.agent_id
WHERE a.persona IS NOT NULL
ORDER BY m.message_id
"""

_VECTORS = "SELECT text_hash, vector FROM embedding WHERE rung = $rung AND vector IS NOT NULL ORDER BY text_hash"
_PERSONA_VECTORS = """
SELECT persona_hash, vector FROM persona_embedding WHERE rung = $rung AND vector IS NOT NULL ORDER BY persona_hash
"""


def read_personas(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return the distinct descriptions in the order of their hashes.

    Parameters
    ----------
    con
        Connection with the view ``agent`` of one corpus.

    Returns
    -------
    polars.DataFrame
        persona_hash, persona, agents, n_tokens.
    """
    found: pl.DataFrame = con.sql(_PERSONAS).pl()
    return found.with_columns(n_tokens=count_tokens(pl.col("persona")))


def read_by_teacher(con: duckdb.DuckDBPyConnection) -> pl.Series:
    """Return the hashes of the descriptions whose authors wrote a text that the teacher has read, in order."""
    found: pl.DataFrame = con.sql(_READ).pl()
    return found["persona_hash"]


def alignment(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Compute the cosine of every message with the description of its author.

    Parameters
    ----------
    con
        Connection with the views ``agent``, ``message``, ``text``, ``embedding`` and ``persona_embedding``.

    Returns
    -------
    polars.DataFrame
        The columns of ``feature.persona_alignment``, in the order of message_id.
    """
    pairs: pl.DataFrame = con.sql(_PAIRS).pl()
    for rung in ("static", "full"):
        pairs = pairs.with_columns(pl.Series(f"similarity_{rung}", _similarities(con, pairs, rung)).fill_nan(None))
    tokens = read_personas(con).filter(pl.col("n_tokens") > 0).select("persona_hash", persona_tokens="n_tokens")
    scored = pairs.drop_nulls("similarity_static").join(tokens, on="persona_hash")
    columns = ["message_id", "persona_hash", "persona_tokens", "similarity_static", "similarity_full"]
    messages: pl.DataFrame = con.sql(_MESSAGES).pl()
    return messages.join(scored, on=["text_hash", "persona_hash"], maintain_order="left").select(columns)


def _similarities(con: duckdb.DuckDBPyConnection, pairs: pl.DataFrame, rung: str) -> NDArray[np.float64]:
    """Return the cosine of each pair, pairs ordered by text_hash; not-a-number where a vector is missing."""
    found = np.full(pairs.height, np.nan)
    hashes, personas = persona_vectors(con, rung)
    if not pairs.height or not len(hashes):
        return found
    texts = pairs["text_hash"].to_numpy().astype(str)
    place = positions(hashes, pairs["persona_hash"].to_numpy().astype(str))
    for names, vectors in text_vectors(con, rung):
        first, last = np.searchsorted(texts, names[0], "left"), np.searchsorted(texts, names[-1], "right")
        for start in range(int(first), int(last), PAIR_ROWS):
            at = np.arange(start, min(start + PAIR_ROWS, int(last)))
            row = positions(names, texts[at])
            both = (row >= 0) & (place[at] >= 0)
            dots = np.einsum("ij,ij->i", vectors[row[both]], personas[place[at[both]]], dtype=np.float64)
            # The vectors are rounded to half precision, so that their length is one to three digits only.
            found[at[both]] = np.clip(dots, -1, 1).round(6)
    return found


def text_vectors(con: duckdb.DuckDBPyConnection, rung: str) -> Iterator[tuple[NDArray[np.str_], Floats]]:
    """Yield hashes and vectors of texts in batches, in the order of the hashes."""
    for batch in con.sql(_VECTORS, params={"rung": rung}).to_arrow_reader(BATCH_ROWS):
        if n := batch.num_rows:
            vectors = batch.column(1).flatten().to_numpy().reshape(n, -1).astype(np.float32, copy=False)
            yield np.array(batch.column(0).to_pylist(), dtype=np.str_), vectors


def persona_vectors(con: duckdb.DuckDBPyConnection, rung: str) -> tuple[NDArray[np.str_], Floats]:
    """Return hashes and vectors of all descriptions, in the order of the hashes."""
    frame = con.sql(_PERSONA_VECTORS, params={"rung": rung}).pl()
    if frame.is_empty():
        return np.zeros(0, np.str_), np.zeros((0, 1), np.float32)
    flat = frame["vector"].explode().to_numpy().astype(np.float32)
    return frame["persona_hash"].to_numpy().astype(str), flat.reshape(frame.height, -1)


def positions(known: NDArray[np.str_], wanted: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return where each of `wanted` is in the ordered `known`, and -1 where it is not."""
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, place, -1).astype(np.int64)
