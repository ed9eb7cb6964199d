"""How the whole drifts and holds together: centroids of periods and nearest neighbours, against shuffled periods.

What belongs here: measures of the period as a whole (Li, Li & Zhou 2026, arXiv 2602.14299). What single agents do is
in `inertia`.
"""

from __future__ import annotations

from functools import partial

import duckdb
import numpy as np

from pipeline.activity.resampling import FloatArray, IntArray, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import Embedding
from pipeline.schema import Measure
from pipeline.socialisation.periods import NULLS, read_period_texts
from pipeline.socialisation.rows import dated
from pipeline.socialisation.vectors import cosines, read_vectors
from pipeline.socialisation.vocabulary import FAMILY

NEIGHBOURS = 10
NAMES = ("centroid_similarity", "knn_cohesion")


def drift_measures(
    con: duckdb.DuckDBPyConnection, embedding: Embedding, clock: Clock, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute the similarity of consecutive centroids and the cohesion of periods.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``embedding`` of one corpus.
    embedding, clock
        Vectors and period.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        Of each name of `NAMES` the mean over periods beside both nulls of `periods`, and each period beside shuffled
        periods.
    """
    emit = partial(row, FAMILY, level=sampling.level)
    chosen = read_period_texts(con, clock, sampling.seed, embedding)
    if chosen is None:
        return [emit(name, None, 0, "texts", warnings=[*words, "few_periods"]) for name in NAMES]
    vectors = read_vectors(con, embedding, chosen.hashes)
    values = _values(vectors, chosen.period, len(chosen.starts))
    rows = []
    for model, shuffle in NULLS:
        rng = stream(sampling.seed, f"drift/{model}")
        draws = np.stack([
            _values(vectors, shuffle(chosen, rng), len(chosen.starts)) for _ in range(sampling.clustering_draws)
        ])  # fmt: skip
        for place, name in enumerate(NAMES):
            inner = slice(1 - place, None)
            mean = float(values[place, inner].mean())
            null = against(model, mean, draws[:, place, inner].mean(axis=1))
            rows.append(emit(name, mean, len(chosen.agent), "texts", null=null, warnings=words))
            if model == NULLS[0][0]:
                for p in range(len(chosen.starts))[inner]:
                    one = against(model, float(values[place, p]), draws[:, place, p])
                    found = emit(name, float(values[place, p]), chosen.size, "texts", null=one, warnings=words)
                    rows.append(dated(found, clock, chosen.starts[p]))
    return rows


def _values(vectors: FloatArray, period: IntArray, periods: int) -> FloatArray:
    """Return the cosine of each centroid with the one before, and the cohesion of each period, shape (2, periods)."""
    blocks = vectors[np.argsort(period, kind="stable")].reshape(periods, -1, vectors.shape[1])
    return np.stack([centroid_similarity(blocks), np.array([knn_cohesion(block) for block in blocks])])


def centroid_similarity(blocks: FloatArray) -> FloatArray:
    """Return the cosine of the mean vector of each block with that of the block before; the first is not-a-number.

    Parameters
    ----------
    blocks
        Vectors of length one, shape (periods, texts, d).
    """
    centroids = blocks.mean(axis=1)
    lengths = np.sqrt(np.square(centroids).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        later = cosines(centroids[1:], centroids[:-1]) / (lengths[1:] * lengths[:-1])
    return np.concatenate([[np.nan], later])


def knn_cohesion(block: FloatArray, k: int = NEIGHBOURS) -> float:
    """Return the mean cosine of each text with the k others that are nearest to it, shape of `block` (texts, d)."""
    similar = block @ block.T
    np.fill_diagonal(similar, -np.inf)
    nearest = np.partition(similar, len(block) - k, axis=1)[:, len(block) - k :]
    # Threads of the linear algebra may add in another order: the last digits are dropped.
    return round(float(nearest.mean()), 10)
