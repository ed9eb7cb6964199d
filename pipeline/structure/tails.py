"""Heavy tails: a power law fitted to the tail of counts, and how other distributions fit the same tail.

What belongs here: likelihood ratios beside the fit of `pipeline.activity.concentration.fit_tail`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import powerlaw
from scipy import optimize, stats

from pipeline.network.edges import IntArray
from pipeline.structure.degrees import FloatArray

MIN_TAIL = 50
"""Values in the tail below which estimates are unreliable (Clauset, Shalizi & Newman 2009)."""
_LONGEST = 5_000  # terms of the sum that normalises the truncated law; its integral follows


@dataclass(frozen=True, slots=True)
class Comparison:
    """How another distribution fits the tail: normalised log-likelihood ratio (positive favours the power law), p."""

    ratio: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Tail:
    """A discrete power law fitted to a tail, and its rivals on the same tail.

    Attributes
    ----------
    alpha, xmin, n_tail
        Exponent, smallest value of the tail, values in it.
    lognormal, exponential, truncated
        The rivals: lognormal and exponential by Vuong's test, two-sided; the power law with exponential cut-off
        contains the power law, so its p is that of χ² with one degree of freedom.
    """

    alpha: float
    xmin: float
    n_tail: int
    lognormal: Comparison
    exponential: Comparison
    truncated: Comparison


def fit(counts: IntArray, xmin: int | None = None) -> Tail | None:
    """Fit the tail of positive counts.

    Parameters
    ----------
    counts
        Whole numbers, shape (n,); zeros are left out.
    xmin
        Smallest value of the tail; chosen by the smallest Kolmogorov-Smirnov distance when omitted.

    Returns
    -------
    Tail or None
        Exponent and cut-off, lognormal and exponential as package powerlaw finds them (``discrete=True,
        estimate_discrete=True``; Clauset, Shalizi & Newman 2009, arXiv 0706.1062); ``None`` when fewer than three
        distinct values remain or a fit fails.
    """
    positive = counts[counts > 0]
    if len(np.unique(positive if xmin is None else positive[positive >= xmin])) < 3:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            found = powerlaw.Fit(positive, discrete=True, estimate_discrete=True, verbose=0, xmin=xmin)
            alpha, cut = float(found.power_law.alpha), float(found.power_law.xmin)
            rivals = [
                found.distribution_compare("power_law", name, normalized_ratio=True)
                for name in ("lognormal", "exponential")
            ]
        except (ValueError, ZeroDivisionError, IndexError, FloatingPointError):
            return None
    if not np.isfinite(alpha):
        return None
    tail = positive[positive >= cut]
    lognormal, exponential = (Comparison(float(ratio), float(p)) for ratio, p in rivals)
    return Tail(alpha, cut, len(tail), lognormal, exponential, truncated_comparison(tail, alpha, int(cut)))


def lognormal_total(counts: IntArray) -> tuple[Tail, float] | None:
    """Compare the power law of `fit` with a lognormal on the same tail, the ratio of likelihoods not normalised.

    Returns
    -------
    tuple of Tail and float, or None
        The fitted tail, and ``ln L(power law) − ln L(lognormal)``, which grows with it: package powerlaw's
        ``distribution_compare`` as studies call it. ``None`` where `fit` has none.
    """
    tail = fit(counts)
    if tail is None:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = powerlaw.Fit(counts[counts > 0], discrete=True, estimate_discrete=True, verbose=0)
        total, _ = found.distribution_compare("power_law", "lognormal", normalized_ratio=False)
    return tail, float(total)


def truncated_comparison(tail: IntArray, alpha: float, xmin: int) -> Comparison:
    """Compare a discrete power law of exponent `alpha` with the best ``x^−a e^−λx`` on the same tail.

    Returns
    -------
    Comparison
        Log-likelihood ratio over its standard error as for Vuong's test (0 when no cut-off helps), and p of
        ``2 ΔL ~ χ²(1)``. The normalising sums run over whole numbers until they stop mattering.
    """
    values, copies = np.unique(tail, return_counts=True)
    x = values.astype(np.float64)
    plain = -alpha * np.log(x) - np.log(_zeta(alpha, xmin))
    mean_log, mean = float((copies * np.log(x)).sum() / len(tail)), float((copies * x).sum() / len(tail))

    def loss(theta: FloatArray) -> float:
        return float(theta[0] * mean_log + np.exp(theta[1]) * mean + _log_sum(theta[0], float(np.exp(theta[1])), xmin))

    start = np.array([alpha, np.log(0.1 / mean)])
    best = optimize.minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
    rate = float(np.exp(best.x[1]))
    bent = -best.x[0] * np.log(x) - rate * x - _log_sum(float(best.x[0]), rate, xmin)
    difference = plain - bent
    total = float((copies * difference).sum())
    if total >= 0:
        return Comparison(0.0, 1.0)
    centred = difference - total / len(tail)
    spread = float(np.sqrt((copies * np.square(centred)).sum()))
    return Comparison(total / spread if spread > 0 else 0.0, float(stats.chi2.sf(-2 * total, 1)))


def _zeta(alpha: float, xmin: int) -> float:
    from scipy.special import zeta

    return float(zeta(alpha, xmin))


def _log_sum(alpha: float, rate: float, xmin: int) -> float:
    """Log of ``Σ_{x ≥ xmin} x^−α e^−λx``: summed in full where the cut-off ends it, with its integral beyond that."""
    last = xmin + min(int(40 / rate) + 10, _LONGEST)
    x = np.arange(xmin, last + 1, dtype=np.float64)
    terms = np.exp(-alpha * np.log(x / xmin) - rate * (x - xmin))
    rest = 0.0
    if last - xmin >= _LONGEST:  # a slow cut-off: the midpoint rule joins sum and integral
        ends = np.geomspace(last + 0.5, last + 0.5 + 60 / rate, 2_000)
        height = np.exp(-alpha * np.log(ends / xmin) - rate * (ends - xmin))
        rest = float((np.diff(ends) * (height[1:] + height[:-1]) / 2).sum())
    return float(np.log(terms.sum() + rest) - alpha * np.log(xmin) - rate * xmin)
