"""Ordinal logit with proportional odds and a clustered sandwich.

What belongs here: the estimator as a pure function on arrays. With two levels it is the logit. statsmodels'
``OrderedModel`` maximises the same likelihood with numerical derivatives; tests hold both against each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.inference.result import Floats, Ints

_MAX_ITERATIONS = 60
_TOLERANCE = 1e-10
"""On the Newton decrement, in units of log-likelihood."""
_LINEAR_LIMIT = 25.0
"""A fitted log odds beyond this is separation, not an estimate."""


@dataclass(frozen=True, slots=True)
class OrdinalFit:
    """Slopes (p,), thresholds (K − 1,), clustered covariance of the slopes (p, p), clusters, and how the fit went."""

    beta: Floats
    thresholds: Floats
    covariance: Floats
    n_clusters: int
    converged: bool
    is_separated: bool


def fit_ordinal(x: Floats, y: Ints, cluster: Ints) -> OrdinalFit:
    """Fit P(Y ≤ k) = 1/(1 + exp(−(θ_k − xβ))) by damped Newton steps (McCullagh 1980).

    Parameters
    ----------
    x
        Shape (n, p), without a column of ones.
    y
        Codes 0 to K − 1, each present, shape (n,).
    cluster
        Codes, shape (n,).

    Returns
    -------
    OrdinalFit
        The sandwich sums scores by cluster (Liang & Zeger 1986), times G/(G − 1).
    """
    levels, p = int(y.max()) + 1, x.shape[1]
    below = np.cumsum(np.bincount(y, minlength=levels))[:-1] / y.size
    theta = np.concatenate([np.log(below / (1 - below)), np.zeros(p)])
    designs = _designs(x, y, levels)
    state = _parts(theta, x, y, levels, designs)
    converged = False
    for _ in range(_MAX_ITERATIONS):
        gradient, information = state[1].sum(axis=0), state[2]
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        if abs(float(gradient @ step)) < _TOLERANCE:
            converged = True
            break
        scale = 1.0
        while scale > 1e-8:
            proposed = theta + scale * step
            ahead = _parts(proposed, x, y, levels, designs)
            if np.all(np.diff(proposed[: levels - 1]) > 0) and ahead[0] >= state[0] - 1e-9:
                break
            scale /= 2
        theta, state = proposed, ahead
        if not np.abs(theta).max() < 2 * _LINEAR_LIMIT:
            break
    beta, cut = theta[levels - 1 :], theta[: levels - 1]
    covariance, clusters = _sandwich(state[1], state[2], cluster)
    is_separated = bool(np.abs(x @ beta).max(initial=0.0) > _LINEAR_LIMIT)
    return OrdinalFit(beta, cut, covariance[levels - 1 :, levels - 1 :], clusters, converged, is_separated)


def _designs(x: Floats, y: Ints, levels: int) -> tuple[Floats, Floats]:
    """Return the designs of the upper and of the lower threshold of each row in the parameters (θ, β)."""
    row, n = np.arange(y.size), y.size
    above, under = np.zeros((n, levels - 1 + x.shape[1])), np.zeros((n, levels - 1 + x.shape[1]))
    has_above, has_under = y < levels - 1, y > 0
    above[row[has_above], y[has_above]] = 1.0
    under[row[has_under], y[has_under] - 1] = 1.0
    above[:, levels - 1 :], under[:, levels - 1 :] = -x, -x
    return above, under


def _parts(
    theta: Floats, x: Floats, y: Ints, levels: int, designs: tuple[Floats, Floats]
) -> tuple[float, Floats, Floats]:
    """Return log-likelihood, scores (n, K − 1 + p) and observed information."""
    eta = x @ theta[levels - 1 :]
    cut = np.concatenate([[-np.inf], theta[: levels - 1], [np.inf]])
    upper, lower = (1 / (1 + np.exp(-np.clip(cut[y + d] - eta, -700, 700))) for d in (1, 0))
    upper, lower = np.where(y == levels - 1, 1.0, upper), np.where(y == 0, 0.0, lower)
    mass = np.maximum(upper - lower, 1e-300)
    high, low = upper * (1 - upper), lower * (1 - lower)
    above, under = designs
    scores = (high[:, None] * above - low[:, None] * under) / mass[:, None]
    bend_high, bend_low = high * (1 - 2 * upper) / mass, low * (1 - 2 * lower) / mass
    hessian = (above * bend_high[:, None]).T @ above - (under * bend_low[:, None]).T @ under - scores.T @ scores
    return float(np.log(mass).sum()), scores, -hessian


def _sandwich(scores: Floats, information: Floats, cluster: Ints) -> tuple[Floats, int]:
    codes = np.unique(cluster, return_inverse=True)[1]
    n_clusters = int(codes.max(initial=-1)) + 1
    sums = np.column_stack([np.bincount(codes, weights=column) for column in scores.T])
    bread = np.linalg.pinv(information)
    covariance: Floats = bread @ (sums.T @ sums * (n_clusters / max(n_clusters - 1, 1))) @ bread
    return covariance, n_clusters
