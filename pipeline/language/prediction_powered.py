"""Means over all texts from the teacher on a sample and the cheap model on every one, with honest intervals.

What belongs here: the tuned difference estimator, for means, shares and mean pairwise similarity. Of the texts that the
teacher has read, T is the teacher's number and C the cheap model's; of all texts only C is known. The estimate is

    mean_s(T) + λ (mean_all(C) − mean_s(C)),    λ = cov_s(T, C) / var_s(C),

the power-tuned prediction-powered estimate (Angelopoulos, Duchi & Zrnic 2023, PPI++, arXiv 2311.01453), which in
survey sampling is the regression estimator (Cochran 1977, ch. 7). Whatever C is, it is consistent, and with the best λ
never less precise than the sample alone in large samples; with λ = 1 it would be, below a correlation of one half. The
sample must be drawn at random, and C must not have been fitted on the very text that it speaks of: the static rung of
``feature.embedding`` is not (`pipeline.language.mapping`).

Weights (copies of each text) make means over messages from distinct texts: all means are Σ w x / Σ w, linearised. The
sample is drawn without replacement from the texts that the estimate is about, so its variance carries the factor
1 − n/N; when every text is in the sample the number is exact and has no interval.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FloatArray = NDArray[np.float64]

FEWEST_TEXTS = 30  # smaller samples give no interval
_BLOCK = 65_536  # rows in double precision at a time
FEWEST_EFFECTIVE = 20.0  # below this a few heavy texts decide, and the interval is too narrow


@dataclass(frozen=True, slots=True)
class Powered:
    """An estimate for all texts.

    Attributes
    ----------
    value
        The estimate, None when there is nothing to estimate from.
    std_error, ci_low, ci_high, level
        Its standard error and interval, None for a census and for samples that are too small.
    tuning
        λ.
    n, population
        Texts in the sample and in all.
    sample_value, sample_std_error
        What the sample alone says, with the same factor for a finite population.
    warnings
        Words of the warning vocabulary.
    """

    value: float | None
    std_error: float | None
    ci_low: float | None
    ci_high: float | None
    level: float
    tuning: float
    n: int
    population: int
    sample_value: float | None
    sample_std_error: float | None
    warnings: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """How the interval was made, as in ``analysis.measure.ci_method``."""
        return "census" if self.n == self.population else "prediction_powered"


def powered_mean(
    teacher: NDArray[np.generic],
    cheap_sample: NDArray[np.generic],
    cheap_all: NDArray[np.generic],
    *,
    weights_sample: NDArray[np.generic] | None = None,
    weights_all: NDArray[np.generic] | None = None,
    level: float = 0.95,
    is_share: bool = False,
) -> Powered:
    """Estimate the mean of the teacher's number over all texts.

    Parameters
    ----------
    teacher, cheap_sample
        T and C of the sampled texts, shape (n,); booleans for a share.
    cheap_all
        C of all texts, those of the sample among them, shape (N,).
    weights_sample, weights_all
        Weights of the same texts, such as their copies; one each when omitted.
    level
        Level of the interval.
    is_share
        True keeps estimate and interval between 0 and 1.

    Raises
    ------
    ValueError
        When the shapes do not belong together.
    """
    t, c, c_all = (np.asarray(part, dtype=np.float64) for part in (teacher, cheap_sample, cheap_all))
    w, w_all = _weights(weights_sample, len(t)), _weights(weights_all, len(c_all))
    _check(t.shape == c.shape == w.shape and c_all.shape == w_all.shape and len(t) <= len(c_all), "weights and values")
    n, population = len(t), len(c_all)
    if n == 0 or w.sum() <= 0:
        return _nothing(n, population, level)
    t_mean, c_mean, c_mean_all = (float(np.average(x, weights=v)) for x, v in ((t, w), (c, w), (c_all, w_all)))
    t_part, c_part = w * (t - t_mean) / w.mean(), w * (c - c_mean) / w.mean()
    limits = (0.0, 1.0) if is_share else (-np.inf, np.inf)
    return _tuned(t_mean, c_mean_all - c_mean, t_part, c_part, population, level, _effective(w), limits)


def powered_similarity(
    teacher: NDArray[np.floating],
    cheap_sample: NDArray[np.floating],
    cheap_all: NDArray[np.floating],
    *,
    weights_sample: NDArray[np.generic] | None = None,
    weights_all: NDArray[np.generic] | None = None,
    level: float = 0.95,
) -> Powered:
    """Estimate the mean similarity of two different texts over all pairs, as the teacher sees them.

    The mean over pairs is a U-statistic: pairs share texts, so its variance is that of the texts' contributions
    (Hoeffding 1948), taken here from the jackknife over texts, with the factor 1 − n/N. Similarity is the inner product
    of unit vectors, so sums over pairs come from sums of vectors, in time proportional to the number of texts.

    Parameters
    ----------
    teacher, cheap_sample
        Vectors of the sampled texts by both models, shape (n, dimensions).
    cheap_all
        The cheap model's vectors of all texts, those of the sample among them, shape (N, dimensions).
    weights_sample, weights_all
        Weights of the texts; a pair weighs their product, and copies of one text make no pair with each other.
    level
        Level of the interval.
    """
    w, w_all = _weights(weights_sample, len(teacher)), _weights(weights_all, len(cheap_all))
    _check(len(teacher) == len(cheap_sample) == len(w) and len(cheap_all) == len(w_all), "weights and vectors")
    n, population = len(w), len(w_all)
    if n < 3 or (w > 0).sum() < 3:
        return _nothing(n, population, level)
    t_mean, t_part = _pair_mean(np.asarray(teacher), w)
    c_mean, c_part = _pair_mean(np.asarray(cheap_sample), w)
    c_mean_all, _ = _pair_mean(np.asarray(cheap_all), w_all)
    return _tuned(t_mean, c_mean_all - c_mean, t_part, c_part, population, level, _effective(w), (-1.0, 1.0))


def _pair_mean(vectors: NDArray[np.floating], w: FloatArray) -> tuple[float, FloatArray]:
    """Return the weighted mean inner product of two different rows, and the jackknife contribution of each row."""
    total, own, with_total = np.zeros(vectors.shape[1]), np.zeros(len(w)), np.zeros(len(w))
    for at, block in _blocks(vectors):
        total += w[at] @ block
        own[at] = np.einsum("ij,ij->i", block, block)
    for at, block in _blocks(vectors):
        with_total[at] = block @ total
    above, below = float(total @ total - (w * w) @ own), float(w.sum() ** 2 - (w * w).sum())
    above_without = above - 2 * w * (with_total - w * own)
    below_without = below - 2 * w * (w.sum() - w)
    mean = above / below
    without = np.where(below_without > 0, above_without / np.where(below_without > 0, below_without, 1), mean)
    return mean, (len(w) - 1) * (without.mean() - without)


def _blocks(vectors: NDArray[np.floating]) -> Iterator[tuple[slice, FloatArray]]:
    """Yield blocks of rows in double precision, so that a million vectors are not held in it at once."""
    for start in range(0, len(vectors), _BLOCK):
        at = slice(start, start + _BLOCK)
        yield at, vectors[at].astype(np.float64)


def _tuned(
    value: float,
    difference: float,
    t_part: FloatArray,
    c_part: FloatArray,
    population: int,
    level: float,
    effective: float,
    limits: tuple[float, float],
) -> Powered:
    """Combine both models; `t_part` and `c_part` are what each sampled text contributes, with mean zero."""
    n = len(t_part)
    spread = float(c_part @ c_part)
    tuning = float(t_part @ c_part) / spread if spread > 0 else 0.0
    left = max(1.0 - n / population, 0.0)
    if n == population:
        return Powered(value, None, None, None, level, tuning, n, population, value, None)
    combined = float(np.clip(value + tuning * difference, *limits))
    alone = float(np.sqrt(left * (t_part @ t_part) / max(n - 1, 1) / n))
    rest = t_part - tuning * c_part
    error = float(np.sqrt(left * (rest @ rest) / max(n - 2, 1) / n))
    words = ["few_texts"] if n < FEWEST_TEXTS else []
    words += ["no_variation"] if error == 0 and not words else []
    if words:
        return Powered(combined, None, None, None, level, tuning, n, population, value, None, tuple(words))
    half = float(stats.t.ppf((1 + level) / 2, n - 2)) * error
    low, high = (float(np.clip(end, *limits)) for end in (combined - half, combined + half))
    heavy = ("heavy_tail",) if effective < FEWEST_EFFECTIVE else ()
    return Powered(combined, error, low, high, level, tuning, n, population, value, alone, heavy)


def _nothing(n: int, population: int, level: float) -> Powered:
    return Powered(None, None, None, None, level, 0.0, n, population, None, None, ("few_texts",))


def _weights(weights: NDArray[np.generic] | None, n: int) -> FloatArray:
    return np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)


def _effective(w: FloatArray) -> float:
    """Return the number of equally weighted texts that would be as informative (Kish)."""
    return float(w.sum() ** 2 / (w * w).sum()) if w.any() else 0.0


def _check(is_right: bool, what: str) -> None:
    if not is_right:
        raise ValueError(f"{what} do not belong together: expected one of each per text, and all texts with the sample")
