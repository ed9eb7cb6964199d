"""The prediction-powered mean similarity of a corpus, from its views to its rows."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pytest

from pipeline.language.mean_similarity import MEASURES, mean_similarity_measures

N, DIMENSIONS = 600, 24


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def corpus(sampled: int):
    """A corpus whose cheap vectors are the teacher's with noise; hashes sort in the order of the texts."""
    rng = np.random.default_rng(11)
    teacher = unit(rng.normal(size=(N, DIMENSIONS)) + rng.normal(size=DIMENSIONS))
    cheap = unit(teacher.astype(np.float64) + rng.normal(scale=0.15, size=(N, DIMENSIONS)))
    hashes = [f"{place:032x}" for place in range(N)]
    copies = rng.integers(1, 4, N)
    chosen = np.sort(rng.choice(N, sampled, replace=False))
    frames = [
        pl.DataFrame({"text_hash": hashes, "rung": "static", "vector": cheap.astype(np.float32).tolist()}),
        pl.DataFrame({
            "text_hash": [hashes[place] for place in chosen], "rung": "full",
            "vector": teacher[chosen].astype(np.float32).tolist(),
        }),
    ]  # fmt: skip
    con = duckdb.connect()
    con.register("embedding", pl.concat(frames).sample(fraction=1.0, shuffle=True, seed=1))
    con.register("text", pl.DataFrame({"text_hash": hashes, "copies": copies}))
    return con, teacher.astype(np.float64), copies


def truth(teacher, weights):
    pairs, both = teacher @ teacher.T, np.outer(weights, weights)
    np.fill_diagonal(both, 0)
    return float((pairs * both).sum() / both.sum())


def test_a_sample_covers_what_the_teacher_would_say_of_all():
    con, teacher, copies = corpus(150)
    rows = mean_similarity_measures(con, level=0.95)
    assert [row.measure_id for row in rows] == list(MEASURES)
    for row, weights in zip(rows, (np.ones(N), copies), strict=True):
        assert row.ci_low < truth(teacher, weights) < row.ci_high
        assert (row.n, row.ci_method, row.warnings) == (150, "prediction_powered", None)
        assert row.ci_high - row.ci_low < 0.06
    assert rows[0].value != rows[1].value


def test_a_census_is_exact():
    con, teacher, copies = corpus(N)
    for row, weights in zip(mean_similarity_measures(con, level=0.95), (np.ones(N), copies), strict=True):
        assert row.value == pytest.approx(truth(teacher, weights), abs=1e-9)
        assert (row.ci_low, row.ci_method) == (None, "census")


def test_without_vectors_rows_are_null():
    con = duckdb.connect()
    con.execute("CREATE TABLE embedding (text_hash VARCHAR, rung VARCHAR, vector FLOAT[])")
    con.execute("CREATE TABLE text (text_hash VARCHAR, copies BIGINT)")
    for row in mean_similarity_measures(con, level=0.95, warnings=["model_unavailable"]):
        assert (row.value, row.n, row.warnings) == (None, 0, "model_unavailable")
