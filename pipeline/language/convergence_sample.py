"""The texts whose similarity is followed: a fixed number per community and period, chosen by hash.

What belongs here: SQL that chooses, and the vectors of what was chosen, one period at a time, so that memory is
bounded by a period. What is computed from them is in `similarity` and `convergence`.

Texts are of posts (kinds post, quote and utterance; comments answer something and are about it, reposts are copies by
design). Every cell contributes the same number of texts, since W varies with n in corpora where few authors write
most; cells with fewer are left out. The choice is by SHA-256 of seed and id: the same on every engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import polars as pl

from pipeline.language.clock import Clock
from pipeline.language.rungs import RUNGS
from pipeline.language.similarity import Floats, Ints, unit_vectors

TEXTS_PER_CELL = 20
NEWCOMER_TEXTS = 10
"""Texts of newcomers, and as many of incumbents, per cell."""
KINDS = ("post", "quote", "utterance")

_SAMPLE = "convergence_sample"
# An agent whose first message is dated to the month came at its start at the earliest, at its end at the latest.
_UNITS = "WHEN 'month' THEN INTERVAL '1 month' WHEN 'year' THEN INTERVAL '1 year'"


@dataclass(frozen=True, slots=True)
class Embedding:
    """Vectors by model and rung, as in ``feature.embedding``."""

    model: str
    rung: str

    @property
    def version(self) -> str:
        """Name of the score in ``analysis.estimate``."""
        return f"{self.model}/{self.rung}"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen.

    Attributes
    ----------
    embedding, clock, seed
        Vectors, periods, and the seed of the choice.
    has_communities
        False takes a run as one community.
    with_copies
        True chooses among messages, so that a copied text counts as often as it was posted; False among distinct
        texts of the cell, each standing for its first message.
    by_tenure
        True chooses `NEWCOMER_TEXTS` of newcomers and of incumbents of each cell instead, in periods that start when
        the corpus has been observed for as long as newcomers are new.
    """

    embedding: Embedding
    clock: Clock
    seed: int
    has_communities: bool = True
    with_copies: bool = False
    by_tenure: bool = False

    @property
    def size(self) -> int:
        """Texts per cell, or per tenure group of a cell."""
        return NEWCOMER_TEXTS if self.by_tenure else TEXTS_PER_CELL


@dataclass(frozen=True, slots=True)
class PeriodTexts:
    """The chosen texts of one period, ordered by cell; codes from 0.

    Attributes
    ----------
    start
        First instant of the period.
    cells
        Frame with run_id and community_id, one row per cell, in the order of the codes.
    vectors, cell, author, is_newcomer
        Shapes (n, d) and (n,).
    pool
        Shape (cells,): code of the run.
    names
        Shape (n,): the author of each text, by a name that holds in all periods.
    """

    start: datetime
    cells: pl.DataFrame
    vectors: Floats
    cell: Ints
    author: Ints
    is_newcomer: np.typing.NDArray[np.bool_]
    pool: Ints
    names: pl.Series


def find_embedding(con: duckdb.DuckDBPyConnection, rung: str | None = None) -> Embedding | None:
    """Return the vectors that a corpus has on a rung; None when there are none.

    Parameters
    ----------
    con
        Connection with the view ``embedding`` of one corpus.
    rung
        The rung; without it the dearest one that has a vector of every text that has any. A corpus of no more texts
        than the teacher reads has them all on rung ``full``.
    """
    query = "SELECT rung, min(model), count(*) FROM embedding WHERE vector IS NOT NULL GROUP BY rung"
    found = {name: (model, count) for name, model, count in con.sql(query).fetchall()}
    most = max((count for _, count in found.values()), default=0)
    allowed = [name for name in RUNGS if name in found and found[name][1] == most] if rung is None else [rung]
    return next((Embedding(found[name][0], name) for name in reversed(allowed) if name in found), None)


def has_communities(con: duckdb.DuckDBPyConnection) -> bool:
    """Tell whether any post belongs to a community."""
    kinds = ", ".join(f"'{kind}'" for kind in KINDS)
    return bool(con.sql(f"SELECT count(community_id) > 0 FROM message WHERE kind IN ({kinds})").fetchall()[0][0])


def _sample_sql(choice: Choice) -> str:
    """One row per chosen text: run, community, period, author, tenure, vector."""
    clock, kinds = choice.clock, ", ".join(f"'{kind}'" for kind in KINDS)
    named = choice.has_communities
    community = "m.community_id" if named else "'corpus'"
    wide = "COALESCE(m.community_id, r.community_id)" if named else "'corpus'"
    text = "message_id" if choice.with_copies else "text_hash"
    group = "run_id, community_id, period_start" + (", is_newcomer" if choice.by_tenure else "")
    tenured = "WHERE is_newcomer IS NOT NULL AND period_start >= $observed" if choice.by_tenure else ""
    return f"""
    WITH vectors AS (
        SELECT text_hash, vector FROM embedding WHERE model = $model AND rung = $rung AND vector IS NOT NULL
    ),
    arrival AS (
        SELECT m.run_id, {wide} AS community_id, m.agent_id, min(m.created_at) AS first_at,
               min(m.created_at + CASE m.at_precision {_UNITS} ELSE INTERVAL '0 day' END) AS first_by
        FROM message AS m LEFT JOIN message AS r ON r.message_id = m.root_id
        WHERE m.agent_id IS NOT NULL AND m.created_at IS NOT NULL
        GROUP BY 1, 2, 3
    ),
    post AS (
        SELECT m.run_id, {community} AS community_id, {clock.start_sql("m")} AS period_start, m.message_id, m.text_hash,
               m.created_at, COALESCE('0:' || m.agent_id, '1:' || m.message_id) AS author,
               CASE WHEN a.first_at > {clock.start_sql("m")} - $tenure THEN TRUE
                    WHEN a.first_by <= {clock.start_sql("m")} - $tenure THEN FALSE END AS is_newcomer
        FROM message AS m
        JOIN text AS t ON t.text_hash = m.text_hash AND t.n_tokens > 0
        JOIN (SELECT text_hash FROM vectors) AS v ON v.text_hash = m.text_hash
        LEFT JOIN arrival AS a
            ON a.run_id = m.run_id AND a.community_id = {community} AND a.agent_id = m.agent_id
        WHERE m.kind IN ({kinds}) AND {community} IS NOT NULL AND {clock.is_timed_sql("m")}
    ),
    candidate AS (
        SELECT *, ROW_NUMBER() OVER (
            PARTITION BY run_id, community_id, period_start, {text} ORDER BY created_at, message_id
        ) AS copy
        FROM post
    ),
    ranked AS (
        SELECT *,
               ROW_NUMBER() OVER (PARTITION BY {group} ORDER BY SHA256($salt || {text}), message_id) AS place,
               COUNT(*) OVER (PARTITION BY {group}) AS available
        FROM candidate WHERE copy = 1
    ),
    chosen AS (SELECT * FROM ranked WHERE place <= $size AND available >= $size),
    kept AS (SELECT * FROM chosen {tenured})
    SELECT k.run_id, k.community_id, k.period_start, k.message_id, k.author,
           COALESCE(k.is_newcomer, FALSE) AS is_newcomer, v.vector
    FROM kept AS k JOIN vectors AS v ON v.text_hash = k.text_hash
    ORDER BY k.period_start, k.run_id, k.community_id, k.message_id
    """


def period_texts(con: duckdb.DuckDBPyConnection, choice: Choice) -> Iterator[PeriodTexts]:
    """Choose the texts and yield them period by period, in the order of time.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``embedding`` of one corpus.
    choice
        What is chosen; its clock must have a period.
    """
    clock = choice.clock
    values: dict[str, object] = {
        "model": choice.embedding.model,
        "rung": choice.embedding.rung,
        "tenure": clock.tenure,
        "salt": f"{choice.seed}:",
        "size": choice.size,
    }
    if choice.by_tenure and clock.first_at is not None:
        values["observed"] = clock.first_at + clock.tenure
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_SAMPLE} AS {_sample_sql(choice)}", values)
    try:
        starts = con.sql(f"SELECT DISTINCT period_start FROM {_SAMPLE} ORDER BY 1").fetchall()
        for (start,) in starts:
            query = f"SELECT * FROM {_SAMPLE} WHERE period_start = $start ORDER BY run_id, community_id, message_id"
            yield _arrays(start, con.sql(query, params={"start": start}).pl())
    finally:
        con.execute(f"DROP TABLE IF EXISTS {_SAMPLE}")


def _arrays(start: datetime, frame: pl.DataFrame) -> PeriodTexts:
    cells = frame.select("run_id", "community_id").unique(maintain_order=True)
    coded = frame.join(cells.with_row_index("cell"), on=["run_id", "community_id"], maintain_order="left")
    width = int(frame["vector"].list.len().max() or 0)  # type: ignore[arg-type]
    flat = frame["vector"].explode().to_numpy().reshape(frame.height, width)
    return PeriodTexts(
        start=start,
        cells=cells,
        vectors=unit_vectors(flat),
        cell=coded["cell"].to_numpy().astype(np.int64),
        author=frame["author"].rank("dense").to_numpy().astype(np.int64) - 1,
        is_newcomer=frame["is_newcomer"].to_numpy(),
        pool=cells["run_id"].rank("dense").to_numpy().astype(np.int64) - 1,
        names=frame["author"],
    )
