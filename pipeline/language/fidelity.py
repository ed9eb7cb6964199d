"""How far cheap vectors stand in for the teacher's, on texts that were held out of their own map.

What belongs here: two comparisons of a model with its teacher, with intervals over texts, as rows of
``analysis.measure``. A static vector of a sampled text comes from a map that has not seen it
(`pipeline.language.mapping`), so all sampled texts are held-out ones.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipeline.language.rungs import STATIC
from pipeline.schema import Measure, join_warnings

FAMILY = "embedding"
NEIGHBOURS = 10
MOST_TEXTS = 1000  # pairs grow with the square; the texts with the smallest hashes are taken
FEWEST_TEXTS = 30  # fewer give no value
MOST_DRAWS = 300

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def fidelity_measures(
    cheap: NDArray[np.floating],
    full: NDArray[np.floating],
    *,
    seed: int,
    draws: int,
    level: float,
    warnings: Iterable[str] = (),
    rung: str = STATIC,
) -> list[Measure]:
    """Return the fidelity of a rung: rank correlation of pair similarities, and shared neighbours.

    Parameters
    ----------
    cheap, full
        Unit vectors of the same held-out texts, shape (texts, dimensions), in the order of their hashes.
    seed, draws, level
        Seed and number of bootstrap draws over texts (at most `MOST_DRAWS`), level of the intervals.
    warnings
        Further words for each row.
    rung
        The rung of the cheap vectors, for the names of the rows.
    """
    n = min(len(cheap), MOST_TEXTS)
    names = (f"fidelity_spearman_{rung}", f"fidelity_top10_{rung}")
    if n < FEWEST_TEXTS:
        words = join_warnings([*warnings, *(["few_texts"] if "model_unavailable" not in warnings else [])])
        return [
            Measure(family=FAMILY, measure_id=name, value=None, n=n, n_unit="held-out texts", warnings=words)
            for name in names
        ]
    near, far = (_similarities(vectors[:n]) for vectors in (full, cheap))
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=min(draws, MOST_DRAWS))
    upper = np.triu_indices(n, 1)
    a, b = _ties(near[upper]), _ties(far[upper])
    spearman = [weighted_spearman(a, b, (row[upper[0]] * row[upper[1]]).astype(np.float64)) for row in weights]
    shared = shared_neighbours(near, far, NEIGHBOURS)
    top = (weights * shared).sum(axis=1) / n
    values = {
        names[0]: (weighted_spearman(a, b, np.ones(len(upper[0]))), spearman),
        names[1]: (float(shared.mean()), top),
    }
    tail = (1 - level) / 2
    rows = []
    for name, (value, resampled) in values.items():
        low, high = np.quantile(np.asarray(resampled), [tail, 1 - tail])
        rows.append(
            Measure(
                family=FAMILY,
                measure_id=name,
                value=value,
                n=n,
                n_unit="held-out texts",
                ci_low=float(low),
                ci_high=float(high),
                ci_level=level,
                ci_method="bootstrap_texts",
                warnings=join_warnings(warnings),
            )
        )
    return rows


def _similarities(vectors: NDArray[np.floating]) -> FloatArray:
    exact = vectors.astype(np.float64)
    similarities: FloatArray = (exact @ exact.T).round(12)  # the last bits depend on the threads of the BLAS
    return similarities


def _ties(values: FloatArray) -> tuple[IntArray, int]:
    """Return the number of each value among the distinct ones, ascending, and how many distinct ones there are."""
    distinct, numbers = np.unique(values, return_inverse=True)
    return numbers.astype(np.int64), len(distinct)


def weighted_spearman(a: tuple[IntArray, int], b: tuple[IntArray, int], weights: FloatArray) -> float:
    """Return the rank correlation of two variables under weights, with mid-ranks.

    With whole weights it is the Spearman correlation of the sample in which each pair is there as often as it weighs.

    Parameters
    ----------
    a, b
        For each variable the place of each observation among its distinct values, and the number of these.
    weights
        Weights, shape (observations,).
    """
    ranks = []
    for numbers, n_distinct in (a, b):
        mass = np.bincount(numbers, weights=weights, minlength=n_distinct)
        ranks.append((np.cumsum(mass) - mass / 2)[numbers])
    total = weights.sum()
    # Plain sums: a product of the BLAS would add in an order that depends on its threads.
    x, y = (rank - (weights * rank).sum() / total for rank in ranks)
    weighted = weights * x
    spread = (weighted * x).sum() * (weights * y * y).sum()
    return float((weighted * y).sum() / np.sqrt(spread)) if spread > 0 else float("nan")


def shared_neighbours(a: FloatArray, b: FloatArray, k: int) -> FloatArray:
    """Return for each text the share of its `k` nearest in `a` that are among its `k` nearest in `b`.

    Parameters
    ----------
    a, b
        Similarities of the same texts, shape (texts, texts); ties go to the earlier text.
    k
        Neighbours.
    """
    sets = []
    for matrix in (a, b):
        others = matrix.copy()
        np.fill_diagonal(others, -np.inf)
        nearest = np.argsort(-others, axis=1, kind="stable")[:, :k]
        is_near = np.zeros(matrix.shape, dtype=bool)
        np.put_along_axis(is_near, nearest, True, axis=1)
        sets.append(is_near)
    shared: FloatArray = (sets[0] & sets[1]).sum(axis=1) / k
    return shared
