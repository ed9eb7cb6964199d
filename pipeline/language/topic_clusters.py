"""Topics as clusters of vectors: their number, against texts without any; their centres; how far seeds agree.

What belongs here: arrays in, labels out. Which texts are clustered is decided in `topic_texts`, what is reported in
`topic_measures`.

Every clustering runs in one thread (`one_thread`, `each`): sums that are split over threads are added in another order,
and a text between two centres would fall to another side.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.activity.resampling import stream
from pipeline.language.similarity import Floats, Ints

DIMENSIONS = 50
"""Principal axes that are kept: seven tenths of the variance of the vectors of real corpora."""
NUMBERS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 30, 40, 50)
"""Numbers of topics that are tried."""
TEXTS_PER_TOPIC = 20
"""Fewer texts of the sample per topic, and a number is not tried."""
REFERENCES = 39
"""Draws of texts without topics: the smallest p is then 1/40."""
LEVEL = 0.05
STARTS, ROUNDS, QUICK_ROUNDS = 8, 100, 25
SEEDS = 10
AT_ONCE = 2
"""Clusterings that are computed at the same time, each in one thread."""
_CHUNK = 8192
T = TypeVar("T")
R = TypeVar("R")


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep numpy and scikit-learn to one thread, whatever the settings say."""
    importlib.import_module("sklearn.cluster")  # a library that is loaded later would not be limited
    with importlib.import_module("threadpoolctl").threadpool_limits(limits=1):
        yield


def each(function: Callable[[T], R], arguments: Iterable[T]) -> list[R]:
    """Return what a function gives for each argument, some of them computed at once; for use in `one_thread`."""
    # What is set for the thread that calls does not hold for its workers.
    limit = partial(importlib.import_module("threadpoolctl").threadpool_limits, limits=1)
    with ThreadPoolExecutor(AT_ONCE, initializer=limit) as pool:
        return list(pool.map(function, arguments))


@dataclass(frozen=True, slots=True)
class Space:
    """The principal axes of vectors: mean, shape (d,), and axes, shape (d, q)."""

    mean: Floats
    axes: Floats

    def points(self, vectors: NDArray[np.float32]) -> Floats:
        """Return the vectors in the space, shape (n, q), in pieces of a fixed size."""
        out = np.empty((len(vectors), self.axes.shape[1]))
        for start in range(0, len(vectors), _CHUNK):
            part = vectors[start : start + _CHUNK].astype(np.float64)
            out[start : start + _CHUNK] = (part - self.mean) @ self.axes
        return out


def principal_space(vectors: NDArray[np.float32], most: int = DIMENSIONS) -> Space:
    """Return the space of the axes along which the vectors, shape (n, d), vary most."""
    values = vectors.astype(np.float64)
    mean = values.mean(axis=0)
    covariance = (values - mean).T @ (values - mean) / max(len(values) - 1, 1)
    axes = np.linalg.eigh(covariance)[1][:, ::-1][:, : min(most, len(values) - 1)]
    return Space(mean, np.ascontiguousarray(axes))


def reference(points: Floats, rng: np.random.Generator) -> Floats:
    """Draw as many points from one normal distribution with the spread of `points` along their principal axes."""
    return np.asarray(rng.standard_normal(points.shape) * points.std(axis=0) + points.mean(axis=0))


def fit(points: Floats, number: int, seed: int, *, starts: int = STARTS, rounds: int = ROUNDS) -> Floats:
    """Return the centres of k-means (Lloyd; the best of several k-means++ starts), shape (number, q)."""
    cluster = importlib.import_module("sklearn.cluster")
    model = cluster.KMeans(number, n_init=starts, max_iter=rounds, random_state=seed, algorithm="lloyd")
    return np.asarray(model.fit(points).cluster_centers_, dtype=np.float64)


def distances(points: Floats, centres: Floats) -> Floats:
    """Return the distance of each point to each centre, shape (n, k)."""
    squares = np.square(points).sum(axis=1)[:, None] - 2 * points @ centres.T + np.square(centres).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def assign(points: Floats, centres: Floats) -> tuple[Ints, Floats]:
    """Return the nearest centre of each point and the distance to it, in pieces of a fixed size."""
    labels, nearest = np.empty(len(points), dtype=np.int64), np.empty(len(points))
    for start in range(0, len(points), _CHUNK):
        found = distances(points[start : start + _CHUNK], centres)
        labels[start : start + _CHUNK] = found.argmin(axis=1)
        nearest[start : start + _CHUNK] = found.min(axis=1)
    return labels, nearest


def silhouette(points: Floats, centres: Floats) -> float:
    """Return the mean simplified silhouette: (b − a)/b with a and b the distances to the two nearest centres."""
    two = np.partition(distances(points, centres), 1, axis=1)[:, :2]
    return float(np.mean((two[:, 1] - two[:, 0]) / np.maximum(two[:, 1], 1e-12)))


@dataclass(frozen=True, slots=True)
class Numbers:
    """Silhouettes by number of topics, of the texts and of texts without topics, and what follows.

    Attributes
    ----------
    tried
        Numbers of topics.
    observed, null_mean, null_sd
        Shape (tried,): silhouettes of the texts; mean and spread of the reference.
    p_value
        Share of sets, the observed one counted, whose largest standardised silhouette is at least the observed one.
    chosen
        The number whose silhouette exceeds that of the reference by most; 0 where p is above 5 %.
    """

    tried: tuple[int, ...]
    observed: Floats
    null_mean: Floats
    null_sd: Floats
    p_value: float
    chosen: int


def choose_number(points: Floats, seed: int, number: int = 0, draws: int = REFERENCES) -> Numbers | None:
    """Choose the number of topics against references without any.

    Parameters
    ----------
    points
        Points of the sample in the principal space, shape (n, q).
    seed
        Seed of starts and draws.
    number
        A number that was asked for; 0 leaves the choice to the rule.
    draws
        References.

    Returns
    -------
    Numbers or None
        None where the texts are too few for two topics, or for the number asked for.

    Notes
    -----
    As the gap statistic (Tibshirani, Walther & Hastie 2001) with silhouettes in place of the sum of squares, and a
    reference with the covariance of the texts in place of a uniform one, so that a mere direction is no topic. Observed
    set and references are exchangeable under the null: all are standardised by the mean and spread of all, and the
    test takes the largest over the numbers tried.
    """
    wanted: tuple[int, ...] = (number,) if number else NUMBERS
    tried = tuple(k for k in wanted if len(points) >= k * TEXTS_PER_TOPIC)
    if not tried:
        return None
    rng = stream(seed, "topics/number")
    sets = [points, *(reference(points, rng) for _ in range(draws))]
    found = np.array(each(partial(_silhouettes, numbers=tried, seed=seed), sets))
    spread = np.maximum(found.std(axis=0), 1e-12)
    largest = ((found - found.mean(axis=0)) / spread).max(axis=1)
    p_value = float(np.mean(largest >= largest[0]))
    excess = found[0] - found[1:].mean(axis=0)
    chosen = number or (tried[int(excess.argmax())] if p_value <= LEVEL else 0)
    return Numbers(tried, found[0], found[1:].mean(axis=0), found[1:].std(axis=0), p_value, chosen)


def _silhouettes(points: Floats, numbers: Sequence[int], seed: int) -> list[float]:
    if len(np.unique(points, axis=0)) <= max(numbers):
        return [0.0 for _ in numbers]  # fewer different texts than topics
    return [silhouette(points, fit(points, k, seed, starts=1, rounds=QUICK_ROUNDS)) for k in numbers]


def seeds_agree(points: Floats, number: int, seed: int, seeds: int = SEEDS) -> Floats:
    """Return the adjusted Rand index (Hubert & Arabie 1985) of each pair of fits from other seeds, shape (pairs,)."""
    metrics = importlib.import_module("sklearn.metrics")
    fits = [fit(points, number, seed + 1 + i, starts=1, rounds=QUICK_ROUNDS) for i in range(seeds)]
    labels = [assign(points, centres)[0] for centres in fits]
    pairs = [(i, j) for i in range(seeds) for j in range(i)]
    return np.array([metrics.adjusted_rand_score(labels[i], labels[j]) for i, j in pairs])
