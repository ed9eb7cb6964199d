"""The vectors of chosen texts."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import FloatArray
from pipeline.language.convergence_sample import Embedding
from pipeline.language.similarity import unit_vectors

VECTORS = """JOIN (SELECT text_hash FROM embedding WHERE model = $model AND rung = $rung AND vector IS NOT NULL) AS v
        ON v.text_hash = m.text_hash"""
"""Keeps messages ``m`` whose text has a vector."""

_READ = """
SELECT c.text_hash, e.vector FROM chosen_hash AS c
JOIN embedding AS e ON e.text_hash = c.text_hash AND e.model = $model AND e.rung = $rung
ORDER BY c.text_hash
"""


def read_vectors(con: duckdb.DuckDBPyConnection, embedding: Embedding, hashes: pl.Series) -> FloatArray:
    """Return the vectors of texts, of length one, in the order of `hashes`, shape (n, d); all must have one."""
    distinct = hashes.unique().sort()
    con.register("chosen_hash", distinct.to_frame("text_hash"))
    try:
        found = con.sql(_READ, params={"model": embedding.model, "rung": embedding.rung}).pl()
    finally:
        con.unregister("chosen_hash")
    if not found.height:
        return np.zeros((0, 1))
    width = len(found["vector"][0])
    vectors = unit_vectors(found["vector"].explode().to_numpy().reshape(found.height, width))
    place = hashes.cast(pl.Enum(distinct)).to_physical().to_numpy()
    return np.asarray(vectors[place], dtype=np.float64)


def cosines(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the cosine of each pair of vectors of length one, shape (n,)."""
    return np.asarray(np.einsum("ij,ij->i", first, second), dtype=np.float64)
