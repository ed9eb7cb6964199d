"""The texts of communities in which norms are looked for: distinct texts of posts, a fixed number at most, by hash.

What belongs here: SQL that chooses, and the arrays made of it. Posts are what the published study clusters; a text that
was posted twice in a community is one text, by the author who was first. The choice is by SHA-256 of seed and text.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from pipeline.language.convergence_sample import KINDS, Embedding
from pipeline.language.norm_clusters import Texts
from pipeline.language.similarity import unit_vectors

MOST_TEXTS = 100
"""Texts of a community that are clustered; more are chosen from by hash."""
TEXTS = ("distinct", "one_per_template", "one_per_author")
FEWEST_TEXTS = 10
"""Texts of the smallest community that any specification analyses."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The communities by id, in the order of `texts`, and the texts."""

    communities: list[str]
    texts: Texts


def _sample_sql(texts: str) -> str:
    kinds = ", ".join(f"'{kind}'" for kind in KINDS)
    kept = {
        "distinct": "TRUE",
        "one_per_template": """
            NOT EXISTS (SELECT 1 FROM template AS p WHERE p.text_hash = c.text_hash AND p.template_id <> p.text_hash)
        """,
        "one_per_author": "c.own = 1",
    }[texts]
    return f"""
    WITH vectors AS (
        SELECT text_hash, vector FROM embedding WHERE model = $model AND rung = $rung AND vector IS NOT NULL
    ),
    post AS (
        SELECT m.community_id, m.text_hash, COALESCE('0:' || m.agent_id, '1:' || m.message_id) AS author,
               ROW_NUMBER() OVER (
                   PARTITION BY m.community_id, m.text_hash ORDER BY m.created_at NULLS LAST, m.message_id
               ) AS copy
        FROM message AS m
        JOIN text AS t ON t.text_hash = m.text_hash AND t.n_tokens > 0
        JOIN (SELECT text_hash FROM vectors) AS v ON v.text_hash = m.text_hash
        WHERE m.kind IN ({kinds}) AND m.community_id IS NOT NULL
    ),
    candidate AS (
        SELECT *, ROW_NUMBER() OVER (PARTITION BY community_id, author ORDER BY SHA256($salt || text_hash)) AS own
        FROM post WHERE copy = 1
    ),
    unlike AS (SELECT * FROM candidate AS c WHERE {kept}),
    ranked AS (
        SELECT *, ROW_NUMBER() OVER (PARTITION BY community_id ORDER BY SHA256($salt || text_hash)) AS place,
               COUNT(*) OVER (PARTITION BY community_id) AS available
        FROM unlike
    ),
    chosen AS (SELECT * FROM ranked WHERE place <= $most AND available >= $fewest)
    SELECT c.community_id, c.author, v.vector
    FROM chosen AS c JOIN vectors AS v ON v.text_hash = c.text_hash
    ORDER BY c.community_id, c.text_hash
    """


def read_sample(con: duckdb.DuckDBPyConnection, embedding: Embedding, seed: int, *, texts: str = "distinct") -> Sample:
    """Choose the texts of every community with at least `FEWEST_TEXTS`.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text``, ``template`` and ``embedding`` of one corpus.
    embedding
        The vectors.
    seed
        Seed of the choice.
    texts
        One of `TEXTS`: each text once; one of each template, since what is near another text is no second witness of a
        norm; or one of each author, so that nobody's own way of writing makes a cluster.
    """
    values: dict[str, object] = {
        "model": embedding.model,
        "rung": embedding.rung,
        "salt": f"{seed}:",
        "most": MOST_TEXTS,
        "fewest": FEWEST_TEXTS,
    }
    frame: pl.DataFrame = con.sql(_sample_sql(texts), params=values).pl()
    if frame.is_empty():
        none = np.zeros(0, dtype=np.int64)
        return Sample([], Texts(np.zeros((0, 1)), none, none))
    width = int(frame["vector"].list.len().max() or 0)  # type: ignore[arg-type]
    counted = frame.group_by("community_id", maintain_order=True).agg(n=pl.len().cast(pl.Int64))
    chosen = Texts(
        vectors=unit_vectors(frame["vector"].explode().to_numpy().reshape(frame.height, width)),
        authors=frame["author"].rank("dense").to_numpy().astype(np.int64) - 1,
        sizes=counted["n"].to_numpy().astype(np.int64),
    )
    return Sample(counted["community_id"].to_list(), chosen)
