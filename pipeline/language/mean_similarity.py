"""How alike the texts of a corpus are, as the teacher sees them: the teacher on a sample, the cheap model on all.

What belongs here: the rows of the prediction-powered mean similarity of two texts. The sample is the hash sample of
rung ``full``; every text has a static vector that was mapped without it (`pipeline.language.mapping`).
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipeline.language.fidelity import FAMILY
from pipeline.language.prediction_powered import Powered, powered_similarity
from pipeline.schema import Measure, join_warnings

MEASURES = ("mean_similarity", "mean_similarity_copies")
BATCH_ROWS = 16_384
DIGITS = 12  # the last bits of sums depend on the threads of the BLAS

_VECTORS = """
SELECT e.text_hash, t.copies, e.vector FROM embedding AS e JOIN text AS t ON t.text_hash = e.text_hash
WHERE e.rung = $rung ORDER BY e.text_hash
"""

Halves = NDArray[np.float16]


def mean_similarity_measures(
    con: duckdb.DuckDBPyConnection, *, level: float, warnings: Iterable[str] = ()
) -> list[Measure]:
    """Return the mean cosine of two different texts: of distinct texts, and of messages (each text by its copies).

    Parameters
    ----------
    con
        Connection with the views ``embedding`` and ``text`` of one corpus.
    level
        Level of the intervals.
    warnings
        Further words for each row.
    """
    hashes, copies, cheap = _load(con, "static")
    sampled, _, teacher = _load(con, "full")
    place = np.searchsorted(hashes, sampled)
    is_there = place < len(hashes)
    is_there[is_there] = hashes[place[is_there]] == sampled[is_there]
    place, teacher = place[is_there], teacher[is_there]
    rows = []
    for name in MEASURES:
        weights = copies if name.endswith("_copies") else np.ones(len(copies))
        found = powered_similarity(
            teacher, cheap[place], cheap, weights_sample=weights[place], weights_all=weights, level=level
        )
        rows.append(_row(name, found, list(warnings)))
    return rows


def _load(
    con: duckdb.DuckDBPyConnection, rung: str
) -> tuple[NDArray[np.str_], NDArray[np.float64], NDArray[np.float32] | Halves]:
    """Return hashes, copies and vectors of a rung in the order of the hashes; vectors in half precision, as stored."""
    hashes: list[NDArray[np.str_]] = []
    copies: list[NDArray[np.float64]] = []
    vectors: list[Halves] = []
    for batch in con.sql(_VECTORS, params={"rung": rung}).to_arrow_reader(BATCH_ROWS):
        n = batch.num_rows
        if n:
            hashes.append(np.array(batch.column(0).to_pylist(), dtype=np.str_))
            copies.append(batch.column(1).to_numpy(zero_copy_only=False).astype(np.float64))
            vectors.append(batch.column(2).flatten().to_numpy().reshape(n, -1).astype(np.float16))
    if not hashes:
        return np.zeros(0, dtype=np.str_), np.zeros(0), np.zeros((0, 1), np.float16)
    return np.concatenate(hashes), np.concatenate(copies), np.concatenate(vectors)


def _row(name: str, found: Powered, words: list[str]) -> Measure:
    value, low, high = (
        None if number is None else round(number, DIGITS) for number in (found.value, found.ci_low, found.ci_high)
    )
    more = [word for word in found.warnings if not (words and word == "few_texts")]
    return Measure(
        family=FAMILY,
        measure_id=name,
        value=value,
        n=found.n,
        n_unit=f"texts that the teacher read, of {found.population}",
        ci_low=low,
        ci_high=high,
        ci_level=None if low is None else found.level,
        ci_method=found.method if value is not None else None,
        warnings=join_warnings([*words, *more]),
    )
