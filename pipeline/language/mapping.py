"""The map from static vectors to the teacher's, fitted on the texts that have both, each text held out of its own map.

What belongs here: the ridge regression and the folds. A text belongs to one of `FOLDS` folds by its hash, and is mapped
by the map that was fitted without its fold, whether the teacher has read it or not. So a sampled text and one that was
not sampled are treated alike, which the prediction-powered estimates rest on: were the sampled texts mapped by a map
that had seen them, the cheap vectors would look better there than they are elsewhere, and intervals would be too narrow
(cross-prediction: Zrnic & Candès 2024, PNAS 121(15)). It also makes every sampled text a held-out one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.language.static import unit_length

DoubleArray = NDArray[np.float64]
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

FOLDS = 5
PRIOR_TEXTS = 300.0
"""Weight of the distilled model against the corpus, in texts. On held-out texts of moltbook-api-v1-tree the Spearman
correlation of pair similarities is best, on grids a factor of three wide, at 300 for 300 and for 3,000 texts and at 360
for 1,200."""

FEWEST_TEXTS = 20  # below this a map is not fitted


@dataclass(frozen=True, slots=True)
class Map:
    """An affine map of rows: ``x @ matrix + offset``, then unit length."""

    matrix: FloatArray
    offset: FloatArray

    def __call__(self, vectors: FloatArray) -> FloatArray:
        """Return mapped unit vectors, shape (texts, dimensions)."""
        mapped: FloatArray = unit_length(vectors @ self.matrix + self.offset)
        return mapped


def identity(dimensions: int) -> Map:
    """Return the map that leaves the distilled model as it is."""
    return Map(np.eye(dimensions, dtype=np.float32), np.zeros(dimensions, dtype=np.float32))


def ridge(static: NDArray[np.floating], teacher: NDArray[np.floating], prior: float = PRIOR_TEXTS) -> Map:
    """Fit a ridge regression that shrinks to a multiple of the static vectors, not to zero.

    The distilled vectors are in the teacher's coordinates, so with few texts the distilled model is the better guess.

    Parameters
    ----------
    static, teacher
        Vectors of the same texts, shape (texts, dimensions).
    prior
        Penalty, in texts of average variance.
    """
    x, y = static.astype(np.float64), teacher.astype(np.float64)
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    x, y = x - x_mean, y - y_mean
    gram = x.T @ x
    n, dimensions = x.shape
    spread = float(np.trace(gram))
    if spread <= 0:
        return Map(np.zeros((dimensions, dimensions), dtype=np.float32), y_mean.astype(np.float32))
    scale = float((x * y).sum()) / spread
    penalty = prior * spread / (n * dimensions)
    extra = np.linalg.solve(gram + penalty * np.eye(dimensions), x.T @ (y - scale * x))
    matrix = extra + scale * np.eye(dimensions)
    return Map(matrix.astype(np.float32), (y_mean - x_mean @ matrix).astype(np.float32))


def fit_maps(static: FloatArray, teacher: NDArray[np.floating], folds: IntArray) -> list[Map]:
    """Fit one map per fold on the texts of the other folds.

    Parameters
    ----------
    static, teacher
        Vectors of the texts that the teacher has read, shape (texts, dimensions).
    folds
        Fold of each text, from 0 to `FOLDS` - 1.

    Returns
    -------
    list of Map
        For each fold the map for its texts; the distilled model itself where there are too few texts.
    """
    maps = []
    for fold in range(FOLDS):
        others = folds != fold
        is_enough = int(others.sum()) >= FEWEST_TEXTS
        maps.append(ridge(static[others], teacher[others]) if is_enough else identity(static.shape[1]))
    return maps


def apply_maps(maps: list[Map], static: FloatArray, folds: IntArray) -> FloatArray:
    """Map each text by the map of its fold; shape (texts, dimensions)."""
    mapped = np.zeros_like(static)
    for fold, of_fold in enumerate(maps):
        rows = folds == fold
        if rows.any():
            mapped[rows] = of_fold(static[rows])
    return mapped
