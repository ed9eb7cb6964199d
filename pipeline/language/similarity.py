"""Mean pairwise cosine similarity of groups of texts, from sums of vectors: O(n d), no pair is ever formed.

What belongs here: arrays in, arrays out. Which texts form a group is decided in `convergence_sample`.

With S the sum of n unit vectors, the mean cosine of their pairs is (|S|² − n)/(n(n − 1)), which with their mean ū is
(n²|ū|² − n)/(n(n − 1)); between two groups it is S·R/(n m). Both are unbiased whatever n. Pairs of texts of one
author are taken out with the sums of each author. Intervals leave out one author at a time, for which the sums
suffice too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

FEWEST_AUTHORS = 10
"""Fewer authors than this give no jackknife interval (as `pipeline.activity.resampling.jackknife_interval`)."""


@dataclass(frozen=True, slots=True)
class CellSimilarity:
    """Similarities of the cells of one period, each of shape (cells,); not-a-number where undefined.

    Attributes
    ----------
    texts, authors
        Texts and their authors.
    within
        W: mean cosine of the pairs of texts of the cell.
    between
        B: mean cosine of a text of the cell and a text of another cell of the same pool.
    within_authors
        As `within`, of pairs by different authors only.
    within_error, between_error, gap_error
        Jackknife standard errors over authors, of W, B and W − B; not-a-number below `FEWEST_AUTHORS` authors. Those
        of B and W − B hold the other cells fixed.
    """

    texts: Ints
    authors: Ints
    within: Floats
    between: Floats
    within_authors: Floats
    within_error: Floats
    between_error: Floats
    gap_error: Floats

    @property
    def gap(self) -> Floats:
        """D = W − B."""
        return self.within - self.between


def unit_vectors(vectors: NDArray[Any]) -> Floats:
    """Return vectors of length one in double precision; a vector of zeros stays one."""
    wide = vectors.astype(np.float64)
    length = np.sqrt(np.square(wide).sum(axis=1, keepdims=True))
    return np.asarray(wide / np.where(length > 0, length, 1.0), dtype=np.float64)


def group_sums(vectors: Floats, codes: Ints) -> Floats:
    """Return the sum of the vectors of each code 0, 1, …, added in the order of the rows."""
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max(initial=-1) + 1))
    if not starts.size:
        return np.zeros((0, vectors.shape[1]))
    return np.asarray(np.add.reduceat(vectors[order], starts, axis=0), dtype=np.float64)


def mean_within(sums: Floats, counts: Ints | Floats, squares: Floats) -> Floats:
    """Return (|S|² − Σ|u|²)/(n(n − 1)) of each row; not-a-number for fewer than two vectors.

    Σ|u|² is n, less the vectors of zeros: a text that the model knows nothing of resembles nothing.
    """
    n = np.asarray(counts, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (np.square(sums).sum(axis=1) - squares) / (n * (n - 1))
    return np.where(n > 1, value, np.nan)


def cell_similarity(vectors: Floats, cells: Ints, authors: Ints, pools: Ints) -> CellSimilarity:
    """Return the similarities of the cells of one period.

    Parameters
    ----------
    vectors
        Shape (n, d), unit length.
    cells, authors
        Shape (n,): code of the cell (0, 1, … without a gap) and of the author of each text.
    pools
        Shape (cells,): code of the pool of each cell; texts of another pool (another run) are no others.
    """
    sums, counts = group_sums(vectors, cells), np.bincount(cells)
    pairs = cells * (int(authors.max(initial=0)) + 1) + authors
    keys, author_codes = np.unique(pairs, return_inverse=True)
    own, own_counts = group_sums(vectors, author_codes), np.bincount(author_codes)
    owner = (keys // (int(authors.max(initial=0)) + 1)).astype(np.int64)
    n_authors = np.bincount(owner, minlength=counts.size)
    length = np.square(vectors).sum(axis=1)
    squares: Floats = np.bincount(cells, weights=length).astype(np.float64)
    own_squares: Floats = np.bincount(author_codes, weights=length).astype(np.float64)
    rest = group_sums(sums, pools)[pools] - sums
    rest_counts = np.bincount(pools, weights=counts)[pools] - counts
    with np.errstate(invalid="ignore", divide="ignore"):
        rest_mean = rest / np.where(rest_counts > 0, rest_counts, np.nan)[:, None]
        between = (sums * rest_mean).sum(axis=1) / counts
        left, left_counts = sums[owner] - own, counts[owner] - own_counts
        left_within = mean_within(left, left_counts, squares[owner] - own_squares)
        left_between = (left * rest_mean[owner]).sum(axis=1) / np.where(left_counts > 0, left_counts, np.nan)
    return CellSimilarity(
        texts=counts,
        authors=n_authors,
        within=mean_within(sums, counts, squares),
        between=between,
        within_authors=_across_authors(sums, counts, own, own_counts, owner),
        within_error=_jackknife(left_within, owner, n_authors),
        between_error=_jackknife(left_between, owner, n_authors),
        gap_error=_jackknife(left_within - left_between, owner, n_authors),
    )


def _across_authors(sums: Floats, counts: Ints, own: Floats, own_counts: Ints, owner: Ints) -> Floats:
    """Mean cosine of the pairs by different authors of each cell, from the sums of cells and of their authors."""
    same = np.bincount(owner, weights=np.square(own).sum(axis=1), minlength=counts.size)
    pairs = np.square(counts) - np.bincount(owner, weights=np.square(own_counts), minlength=counts.size)
    return np.asarray((np.square(sums).sum(axis=1) - same) / np.where(pairs > 0, pairs, np.nan), dtype=np.float64)


def _jackknife(left_out: Floats, owner: Ints, groups: Ints) -> Floats:
    """Delete-one standard error of each cell from its values without each author."""
    g = groups.astype(np.float64)
    mean = np.bincount(owner, weights=left_out, minlength=g.size) / np.maximum(g, 1)
    spread = np.bincount(owner, weights=np.square(left_out - mean[owner]), minlength=g.size)
    error = np.sqrt((g - 1) / np.maximum(g, 1) * spread)
    return np.where(g >= FEWEST_AUTHORS, error, np.nan)


def newcomer_similarity(
    vectors: Floats, cells: Ints, authors: Ints, is_newcomer: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return how alike newcomers and incumbents are, and incumbents among themselves, by cell.

    Parameters
    ----------
    vectors, cells, authors
        As in `cell_similarity`.
    is_newcomer
        Shape (n,); an author is one or the other in all of a cell.

    Returns
    -------
    tuple of ndarray
        Mean cosine of a newcomer's and an incumbent's text, and of two incumbents' texts by different authors; shape
        (cells,), not-a-number where a cell lacks the pairs.
    """
    size = int(cells.max(initial=-1)) + 1
    codes = np.where(is_newcomer, 0.0, 1.0).astype(np.int64)
    shape = (2 * size, vectors.shape[1])
    sums = np.zeros(shape)
    np.add.at(sums, 2 * cells + codes, vectors)
    counts = np.bincount(2 * cells + codes, minlength=2 * size).astype(np.float64)
    new, old = sums[0::2], sums[1::2]
    with np.errstate(invalid="ignore", divide="ignore"):
        towards = (new * old).sum(axis=1) / np.where(
            counts[0::2] * counts[1::2] > 0, counts[0::2] * counts[1::2], np.nan
        )
    kept = ~is_newcomer
    among = np.full(size, np.nan)
    present, inverse = np.unique(cells[kept], return_inverse=True)
    if present.size:
        part = cell_similarity(vectors[kept], inverse, authors[kept], np.zeros(present.size, dtype=np.int64))
        among[present] = part.within_authors
    return np.asarray(towards), among


def mean_interval(values: Floats, level: float, influence: Floats | None = None) -> tuple[float, float] | None:
    """Return the t-interval of a mean, or None for fewer than two values.

    Parameters
    ----------
    values
        What the mean is taken of, one value per unit.
    level
        Level of the interval.
    influence
        How much each unit moves the mean, up to a constant, where that is not its value: a mean over pairs of units is
        moved by both ends of a pair (Hoeffding 1948), so a unit counts twice.
    """
    if values.size < 2:
        return None
    spread = float((values if influence is None else influence).std(ddof=1))
    half = float(stats.t.ppf((1 + level) / 2, values.size - 1)) * spread / float(np.sqrt(values.size))
    return float(values.mean()) - half, float(values.mean()) + half
