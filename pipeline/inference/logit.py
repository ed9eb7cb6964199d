"""Logistic regression with sandwich standard errors clustered one or two ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.inference.result import Floats, Ints

_MAX_ITERATIONS = 50
_TOLERANCE = 1e-12
"""On the Newton decrement g'H^-1 g, in units of log-likelihood: the estimate is then exact to about 1e-6 SE."""
_LINEAR_LIMIT = 25.0
"""A fitted log odds beyond this is a probability within 1e-11 of 0 or 1: separation, not an estimate."""


@dataclass(frozen=True, slots=True)
class LogitFit:
    """Coefficients (p,), covariance (p, p), what it was clustered on, and how the fit went.

    `n_clusters` is the smaller number of clusters of two-way clustering, ``None`` for the model covariance.
    """

    beta: Floats
    covariance: Floats
    n_clusters: int | None
    converged: bool
    is_separated: bool


def fit_logit(x: Floats, y: Floats, clusters: Sequence[Ints] = ()) -> LogitFit:
    """Fit a logit by damped Newton steps, with a cluster-robust covariance.

    Parameters
    ----------
    x
        Shape (n, p), with the column of ones.
    y
        Shape (n,), 0 or 1.
    clusters
        No array (model covariance), one, or two arrays of codes, each of shape (n,).

    Returns
    -------
    LogitFit
        Two-way covariance is V1 + V2 - V12 (Cameron, Gelbach and Miller 2011), each part with the correction
        G/(G-1) * (n-1)/(n-p) that statsmodels uses.

    Raises
    ------
    ValueError
        With more than two clusterings.
    """
    if len(clusters) > 2:
        raise ValueError(f"standard errors cluster at most two ways, got {len(clusters)}; drop a clustering")
    beta, converged = _newton(x, y)
    eta = x @ beta
    is_separated = bool(np.abs(eta).max(initial=0.0) > _LINEAR_LIMIT)
    p = _expit(eta)
    bread = _inverse((x * (p * (1 - p))[:, None]).T @ x)
    if bread is None:
        nan = np.full((x.shape[1], x.shape[1]), np.nan)
        return LogitFit(beta, nan, None, False, is_separated)
    if not clusters:
        return LogitFit(beta, bread, None, converged, is_separated)
    covariance, n_clusters = _sandwich(bread, x * (y - p)[:, None], clusters)
    return LogitFit(beta, covariance, n_clusters, converged, is_separated)


def _expit(eta: Floats) -> Floats:
    out: Floats = 1 / (1 + np.exp(-np.clip(eta, -700, 700)))
    return out


def _inverse(matrix: Floats) -> Floats | None:
    try:
        inverse: Floats = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return None
    return inverse if np.isfinite(inverse).all() else None


def _log_likelihood(x: Floats, y: Floats, beta: Floats) -> tuple[float, Floats]:
    """Return the log-likelihood and the log odds of each row."""
    eta = x @ beta
    return float((y * eta - np.logaddexp(0, eta)).sum()), eta


def _newton(x: Floats, y: Floats) -> tuple[Floats, bool]:
    beta = np.zeros(x.shape[1])
    current, eta = _log_likelihood(x, y, beta)
    for _ in range(_MAX_ITERATIONS):
        p = _expit(eta)
        gradient = x.T @ (y - p)
        inverse = _inverse((x * (p * (1 - p))[:, None]).T @ x)
        if inverse is None:
            return beta, False
        step = inverse @ gradient
        if float(gradient @ step) < _TOLERANCE:
            return beta, True
        # A fall within rounding of the sum is no fall.
        scale, floor = 1.0, current - 1e-9 - 1e-13 * abs(current)
        proposed, eta = _log_likelihood(x, y, beta + step)
        while not proposed >= floor and scale > 1e-6:
            scale /= 2
            proposed, eta = _log_likelihood(x, y, beta + scale * step)
        beta, current = beta + scale * step, proposed
    return beta, False


def _sandwich(bread: Floats, scores: Floats, clusters: Sequence[Ints]) -> tuple[Floats, int]:
    n, p = scores.shape
    parts = [_meat(scores, codes) for codes in clusters]
    meat = sum((part for part, _ in parts), np.zeros((p, p)))
    smallest = min(count for _, count in parts)
    if len(clusters) == 2:
        pairs = clusters[0] * (int(clusters[1].max()) + 1) + clusters[1]
        meat = meat - _meat(scores, np.unique(pairs, return_inverse=True)[1])[0]
    covariance: Floats = bread @ (meat * (n - 1) / (n - p)) @ bread
    return covariance, smallest


def _meat(scores: Floats, codes: Ints) -> tuple[Floats, int]:
    """Sum of outer products of cluster sums, with G/(G-1), and the number of clusters G."""
    present = np.bincount(codes) > 0
    n_clusters = int(present.sum())
    sums = np.column_stack([np.bincount(codes, weights=column)[present] for column in scores.T])
    return sums.T @ sums * (n_clusters / max(n_clusters - 1, 1)), n_clusters
