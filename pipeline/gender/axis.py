"""The embedding axis: where a vector lies between the means of masculine and of feminine anchor sentences.

What belongs here: reading the anchors, and the projection. The two means are at -1 and 1; what lies beyond them counts
as -1 or 1. Texts are of rung ``static``, which is mapped into the coordinates of the teacher, so the anchors are the
teacher's own vectors.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

UNITS = 1_000_000
"""Scores are kept as whole millionths: finer than half precision of the vectors, and sums are exact."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Pairs of sentences: the feminine form and the masculine form of each."""

    version: str
    feminine: tuple[str, ...]
    masculine: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """A direction scaled so that ``vector @ direction + offset`` is 1 at the feminine mean and -1 at the masculine."""

    direction: NDArray[np.float64]
    offset: float


def read_anchors() -> Anchors:
    """Return the anchor sentences that the project ships."""
    read = tomllib.loads(files("pipeline.gender").joinpath("anchors.toml").read_text(encoding="utf-8"))
    return Anchors(read["version"], *(tuple(pair[side] for pair in read["pairs"]) for side in (0, 1)))


def axis_between(feminine: NDArray[np.floating], masculine: NDArray[np.floating]) -> Axis:
    """Return the axis between the means of two sets of vectors, each of shape (sentences, dimensions).

    Raises
    ------
    ValueError
        When the two means are the same.
    """
    high, low = (side.astype(np.float64).mean(axis=0) for side in (feminine, masculine))
    half = (high - low) / 2
    length = float(half @ half)
    if length == 0:
        raise ValueError("the anchor sentences of both sides have the same mean: they span no axis")
    direction = half / length
    return Axis(direction, -float((high + low) / 2 @ direction))


def project(axis: Axis, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the place of each vector on the axis, shape (texts,), cut to [-1, 1].

    A zero vector is a text without a word piece: it has no place and gives not-a-number. Sums are those of `einsum`,
    one row after the other, so that they do not depend on the threads of the BLAS.
    """
    wide = vectors.astype(np.float64)
    places = np.einsum("ij,j->i", wide, axis.direction) + axis.offset
    places[~wide.any(axis=1)] = np.nan
    return np.asarray(np.clip(places, -1.0, 1.0), dtype=np.float64)
