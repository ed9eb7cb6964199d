"""The map from static vectors to the teacher's, fitted on the texts that have both, each text held out of its own map.

What belongs here: the kernel regression and the folds. A text belongs to one of `FOLDS` folds by its hash, and is
mapped by the map that was fitted without its fold, whether the teacher has read it or not. So a sampled text and one
that was not sampled are treated alike, which the prediction-powered estimates rest on: were the sampled texts mapped by
a map that had seen them, the cheap vectors would look better there than they are elsewhere, and intervals would be too
narrow (cross-prediction: Zrnic & Candès 2024, PNAS 121(15)). It also makes every sampled text a held-out one.

The map is the posterior mean of a Gaussian process (Rasmussen & Williams 2006, ch. 2) around a multiple of the static
vector, with the kernel

    k(x, y) = exp(`SHARPNESS` (cos(x, y) − 1)) + `PIECES_SHARE` b(x)·b(y),

where cos is that of the centred static vectors (a Gaussian kernel of their unit vectors) and b the tf-idf weights of
the word pieces at unit length. The first part bends, which a ridge on the vectors cannot; the second gives each word
piece a vector of its own, fine-tuned on the teacher's texts without an iteration. With few texts the distilled model is
what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from pipeline.language.static import Read, unit_length

DoubleArray = NDArray[np.float64]
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

FOLDS = 5
SHARPNESS, PIECES_SHARE, NOISE = 2.0, 0.5, 0.2
"""Of the kernel, and the variance of what it does not explain. On held-out texts of moltbook-api-v1-tree the rank
correlation of pair similarities is flat around them (docs/decisions.md)."""

MOST_TEXTS = 4000  # time grows with the square, and a fit with the cube; further texts of the sample are not used
FEWEST_TEXTS = 20  # below this a map is not fitted
SLICE_TEXTS = 2048  # texts mapped at a time: 30 MB at most


@dataclass(frozen=True, slots=True)
class Map:
    """A map of the static model's texts to the teacher's vectors.

    Attributes
    ----------
    centre, offset, scale
        Mean static vector and mean teacher's vector of the texts, and the multiple of the static vector.
    landmarks, weights
        Centred unit vectors of the texts and their coefficients, shape (texts, dimensions).
    rarity
        Inverse document frequency of each word piece, shape (vocabulary,).
    known, table
        The word pieces that the texts have, and their vectors, shape (pieces, dimensions).
    """

    centre: FloatArray
    offset: FloatArray
    scale: np.float32
    landmarks: FloatArray
    weights: FloatArray
    rarity: FloatArray
    known: IntArray
    table: FloatArray

    def __call__(self, texts: Read) -> FloatArray:
        """Return mapped unit vectors, shape (texts, dimensions)."""
        parts = [self._map(texts.rows(slice(at, at + SLICE_TEXTS))) for at in range(0, len(texts), SLICE_TEXTS)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.offset)), dtype=np.float32)

    def _map(self, texts: Read) -> FloatArray:
        centred = texts.vectors - self.centre
        mapped = self.offset + self.scale * centred
        if len(self.landmarks):
            mapped += _bent(unit_length(centred), self.landmarks) @ self.weights
            mapped += _weighted(texts.pieces, self.rarity)[:, self.known] @ self.table
        unit: FloatArray = unit_length(mapped)
        return unit


def _bent(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the first part of the kernel for unit vectors."""
    inner = a @ b.T
    inner -= 1
    inner *= SHARPNESS
    bent: NDArray[np.floating] = np.exp(inner, out=inner)
    return bent


def _weighted(pieces: sparse.csr_matrix, rarity: NDArray[np.floating]) -> sparse.csr_matrix:
    """Return tf-idf weights of word pieces, rows of unit length; a text without pieces stays zero."""
    values = (1 + np.log(pieces.data)) * rarity[pieces.indices]
    ends = np.concatenate([np.zeros(1), np.cumsum(values * values, dtype=np.float64)])[pieces.indptr]
    lengths = np.sqrt(np.maximum(np.diff(ends), 1e-12))
    values = (values / np.repeat(lengths, np.diff(pieces.indptr))).astype(rarity.dtype)
    return sparse.csr_matrix((values, pieces.indices, pieces.indptr), shape=pieces.shape)


def identity(dimensions: int) -> Map:
    """Return the map that leaves the distilled model as it is."""
    none, zero = np.zeros((0, dimensions), dtype=np.float32), np.zeros(dimensions, dtype=np.float32)
    empty = np.zeros(0, dtype=np.float32)
    return Map(zero, zero, np.float32(1), none, none, empty, np.zeros(0, dtype=np.int64), none)


def fit_map(texts: Read, teacher: NDArray[np.floating], noise: float = NOISE) -> Map:
    """Fit the map on texts that the teacher has read.

    The distilled vectors are in the teacher's coordinates, so with few texts the distilled model is the better guess:
    what is fitted is the rest beyond a multiple of it.

    Parameters
    ----------
    texts
        The texts as the static model reads them.
    teacher
        Their vectors by the teacher, shape (texts, dimensions).
    noise
        Variance of the rest, beside a kernel of 1 + `PIECES_SHARE` for a text with itself.
    """
    x, y = texts.vectors.astype(np.float64), teacher.astype(np.float64)
    centre, offset = x.mean(axis=0), y.mean(axis=0)
    x, y = x - centre, y - offset
    spread = float((x * x).sum())
    scale = float((x * y).sum()) / spread if spread > 0 else 0.0
    landmarks = unit_length(x)
    rarity = np.log((len(x) + 1) / (np.bincount(texts.pieces.indices, minlength=texts.pieces.shape[1]) + 1.0))
    weighted = _weighted(texts.pieces, rarity)
    kernel = _bent(landmarks, landmarks) + PIECES_SHARE * (weighted @ weighted.T).toarray()
    kernel[np.diag_indices_from(kernel)] += noise
    weights = linalg.solve(kernel, y - scale * x, assume_a="pos", overwrite_a=True)
    known = np.unique(texts.pieces.indices).astype(np.int64)
    table = PIECES_SHARE * (weighted[:, known].T @ weights)
    return Map(
        centre.astype(np.float32),
        offset.astype(np.float32),
        np.float32(scale),
        landmarks.astype(np.float32),
        weights.astype(np.float32),
        rarity.astype(np.float32),
        known,
        np.asarray(table, dtype=np.float32),
    )


def fit_maps(texts: Read, teacher: NDArray[np.floating], folds: IntArray) -> list[Map]:
    """Fit one map per fold on the texts of the other folds.

    Parameters
    ----------
    texts
        The texts that the teacher has read, as the static model reads them.
    teacher
        Their vectors by the teacher, shape (texts, dimensions).
    folds
        Fold of each text, from 0 to `FOLDS` - 1.

    Returns
    -------
    list of Map
        For each fold the map for its texts; the distilled model itself where there are too few texts.
    """
    maps = []
    for fold in range(FOLDS):
        others = np.flatnonzero(folds != fold)[:MOST_TEXTS]
        is_enough = len(others) >= FEWEST_TEXTS
        maps.append(fit_map(texts.rows(others), teacher[others]) if is_enough else identity(texts.vectors.shape[1]))
    return maps


def apply_maps(maps: list[Map], texts: Read, folds: IntArray) -> FloatArray:
    """Map each text by the map of its fold; shape (texts, dimensions)."""
    mapped = np.zeros_like(texts.vectors)
    for fold, of_fold in enumerate(maps):
        rows = np.flatnonzero(folds == fold)
        if len(rows):
            mapped[rows] = of_fold(texts.rows(rows))
    return mapped
