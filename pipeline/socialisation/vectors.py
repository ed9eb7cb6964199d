"""The vectors of chosen texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.activity.resampling import FloatArray
from pipeline.language.convergence_sample import Embedding
from pipeline.language.similarity import unit_vectors

Vectors = FloatArray | NDArray[np.float32]

VECTORS = """JOIN (SELECT text_hash FROM embedding WHERE model = $model AND rung = $rung AND vector IS NOT NULL) AS v
        ON v.text_hash = m.text_hash"""
"""Keeps messages ``m`` whose text has a vector."""
LISTED = """JOIN (SELECT text_hash FROM socialisation_vector WHERE model = $model AND rung = $rung) AS v
        ON v.text_hash = m.text_hash"""
"""The same, from the table that `listed_vectors` makes: vectors are then read only where they are used."""

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


@contextmanager
def listed_vectors(con: duckdb.DuckDBPyConnection, embedding: Embedding | None) -> Iterator[None]:
    """List the texts that have a vector in a table, for many queries, and take it away afterwards."""
    if embedding is not None:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE socialisation_vector AS SELECT text_hash, model, rung FROM embedding "
            "WHERE model = $model AND rung = $rung AND vector IS NOT NULL",
            {"model": embedding.model, "rung": embedding.rung},
        )
    try:
        yield
    finally:
        con.execute("DROP TABLE IF EXISTS socialisation_vector")


class VectorStore:
    """Vectors of the texts that were asked for so far, so that specifications of nearly the same texts read them once.

    Parameters
    ----------
    con, embedding
        As for `read_vectors`.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, embedding: Embedding) -> None:
        self._con, self._embedding = con, embedding
        self.clear()

    def clear(self) -> None:
        """Let go of all vectors."""
        self._hashes = pl.Series("text_hash", [], dtype=pl.String)
        self._rows: FloatArray | None = None

    def read(self, hashes: pl.Series) -> None:
        """Read the vectors of texts that are not there yet; each time all vectors of the corpus are passed over."""
        distinct = hashes.unique().sort()
        missing = distinct.filter(~distinct.is_in(self._hashes.implode()))
        if len(missing):
            found = read_vectors(self._con, self._embedding, missing)
            self._rows = found if self._rows is None else np.concatenate([self._rows, found])
            self._hashes = pl.concat([self._hashes, missing.rename("text_hash")])

    def __call__(self, hashes: pl.Series) -> FloatArray:
        """Return the vectors of texts as `read_vectors` does."""
        self.read(hashes)
        if self._rows is None:
            return np.zeros((0, 1))
        place = hashes.cast(pl.Enum(self._hashes)).to_physical().to_numpy()
        return np.asarray(self._rows[place], dtype=np.float64)


def cosines(first: Vectors, second: Vectors) -> FloatArray:
    """Return the cosine of each pair of vectors of length one, shape (n,)."""
    return np.asarray(np.einsum("ij,ij->i", first, second), dtype=np.float64)
