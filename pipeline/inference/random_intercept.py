"""Logistic regression with a normal random intercept per group, by adaptive Gauss-Hermite quadrature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.inference.logit import fit_logit
from pipeline.inference.result import Floats, Ints

N_NODES = 15
"""Adaptive nodes per group: within 1e-6 of brute-force integration for spreads up to 1, 1e-4 at 2.5 (tests)."""
_MAX_ITERATIONS = 60
_TOLERANCE = 1e-10
"""On the Newton decrement, in units of log-likelihood."""
_MODE_STEPS = 60
_SIGMA_LIMIT = 10.0
"""Posts then determine their replies all but completely, and the likelihood keeps rising with the spread."""
_BOUNDARY_SIGMA = 1e-3
"""Below this standard deviation the random intercept is zero for every purpose."""


@dataclass(frozen=True, slots=True)
class RandomInterceptFit:
    """Coefficients (p,), their covariance (p, p), the standard deviation of the intercept, and how it went."""

    beta: Floats
    covariance: Floats
    sigma: float
    log_likelihood: float
    n_groups: int
    converged: bool


@dataclass(frozen=True, slots=True)
class GroupedTrials:
    """Binomial rows sorted by group: `successes` of `trials` at covariates `x`, group `starts` and `codes`.

    Shapes: x (n, p); successes, trials, codes (n,); starts (J,). Groups are contiguous and none is empty.
    """

    x: Floats
    successes: Floats
    trials: Floats
    starts: Ints
    codes: Ints


def group_trials(x: Floats, y: Floats, groups: Ints) -> GroupedTrials:
    """Sort rows by group, and collapse rows of one group with equal covariates into binomial counts.

    Parameters
    ----------
    x
        Shape (n, p), with the column of ones.
    y
        Shape (n,), 0 or 1.
    groups
        Shape (n,), integer labels of groups.

    Notes
    -----
    Collapsing changes the log-likelihood by a constant only, and makes exposures of the post cheap.
    """
    order = np.lexsort((*x.T[::-1], groups))
    xs, gs = x[order], groups[order]
    new_group = np.r_[True, gs[1:] != gs[:-1]]
    new_row = new_group | np.r_[True, (xs[1:] != xs[:-1]).any(axis=1)]
    rows = np.flatnonzero(new_row)
    successes = np.add.reduceat(y[order], rows)
    trials = np.diff(np.r_[rows, y.size]).astype(np.float64)
    starts = np.flatnonzero(new_group[rows])
    codes = np.cumsum(new_group[rows]) - 1
    return GroupedTrials(xs[rows], successes, trials, starts, codes)


def log_likelihood(data: GroupedTrials, beta: Floats, sigma: float, n_nodes: int = N_NODES) -> float:
    """Return the marginal log-likelihood, without the binomial coefficients that collapsing drops."""
    return float(_evaluate(data, np.r_[beta, sigma], n_nodes)[0])


def fit_random_intercept(x: Floats, y: Floats, groups: Ints, n_nodes: int = N_NODES) -> RandomInterceptFit:
    """Fit logit P(y=1) = x'beta + u_group, u ~ N(0, sigma^2), by maximum likelihood.

    Parameters
    ----------
    x, y, groups
        As in `group_trials`.
    n_nodes
        Adaptive Gauss-Hermite nodes per group.

    Returns
    -------
    RandomInterceptFit
        The covariance is the inverse of the observed information of (beta, sigma).

    Notes
    -----
    Quadrature: Liu and Pierce (1994); the observed information by Louis (1982). Steps are Newton's, damped, with a
    ridge while the information is not positive definite. All groups are evaluated at once.
    """
    data = group_trials(x, y, groups)
    theta = np.r_[fit_logit(x, y).beta, 0.5]
    value, gradient, information = _evaluate(data, theta, n_nodes)
    converged = False
    for _ in range(_MAX_ITERATIONS):
        if abs(float(theta[-1])) > _SIGMA_LIMIT:
            break
        step, is_newton = _step(gradient, information)
        if is_newton and float(gradient @ step) < _TOLERANCE:
            converged = True
            break
        # A fall within rounding of the sum is no fall.
        scale, floor, trial = 1.0, value - 1e-9 - 1e-13 * abs(value), _evaluate(data, theta + step, n_nodes)
        while not trial[0] >= floor and scale > 1e-6:
            scale /= 2
            trial = _evaluate(data, theta + scale * step, n_nodes)
        if not trial[0] >= floor:
            break  # no step up is left: a flat or rough ridge, not a maximum
        theta = theta + scale * step
        value, gradient, information = trial
    covariance = _covariance(information, abs(float(theta[-1])))
    return RandomInterceptFit(theta[:-1], covariance, abs(float(theta[-1])), value, data.starts.size, converged)


def _step(gradient: Floats, information: Floats) -> tuple[Floats, bool]:
    lowest = float(np.linalg.eigvalsh(information)[0])
    scale = float(np.trace(information)) / information.shape[0]
    is_newton = lowest > 1e-10 * max(scale, 1e-300)
    ridge = 0.0 if is_newton else 1e-3 * abs(scale) - lowest
    step = np.linalg.solve(information + ridge * np.eye(gradient.size), gradient)
    return np.clip(step, -5.0, 5.0), is_newton


def _covariance(information: Floats, sigma: float) -> Floats:
    """Covariance of beta: conditional on sigma at the boundary, where the information of sigma is no guide."""
    p = information.shape[0] - 1
    used = information[:p, :p] if sigma < _BOUNDARY_SIGMA else information
    try:
        inverse: Floats = np.linalg.inv(used)
    except np.linalg.LinAlgError:
        return np.full((p, p), np.nan)
    return inverse[:p, :p]


def _expit(eta: Floats) -> Floats:
    out: Floats = 1 / (1 + np.exp(-np.clip(eta, -700, 700)))
    return out


def _modes(data: GroupedTrials, eta: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Return the mode of each group's integrand and the spread 1/sqrt(curvature) there, each of shape (J,)."""
    b = np.zeros(data.starts.size)
    for _ in range(_MODE_STEPS):
        p = _expit(eta + sigma * b[data.codes])
        slope = sigma * np.add.reduceat(data.successes - data.trials * p, data.starts) - b
        curvature = sigma**2 * np.add.reduceat(data.trials * p * (1 - p), data.starts) + 1
        # The integrand is log-concave with curvature of at least 1; a step of at most 1 keeps large groups stable.
        step = np.clip(slope / curvature, -1.0, 1.0)
        b = b + step
        if float(np.abs(step).max()) < 1e-9:
            break
    p = _expit(eta + sigma * b[data.codes])
    curvature = sigma**2 * np.add.reduceat(data.trials * p * (1 - p), data.starts) + 1
    return b, 1 / np.sqrt(curvature)


def _evaluate(data: GroupedTrials, theta: Floats, n_nodes: int) -> tuple[float, Floats, Floats]:
    """Return log-likelihood, score (p+1,) and observed information (p+1, p+1) at theta = (beta, sigma)."""
    nodes, weights = np.polynomial.hermite.hermgauss(n_nodes)
    sigma = float(theta[-1])
    eta = data.x @ theta[:-1]
    mode, spread = _modes(data, eta, sigma)
    b = mode + np.sqrt(2) * spread * nodes[:, None]
    log_weight = np.log(weights) + nodes**2
    joint = log_weight[:, None] + np.log(spread) - 0.5 * b**2 - 0.5 * np.log(np.pi)
    probability = np.empty((n_nodes, eta.size))
    for q in range(n_nodes):
        z = eta + sigma * b[q, data.codes]
        joint[q] += np.add.reduceat(data.successes * z - data.trials * np.logaddexp(0, z), data.starts)
        probability[q] = _expit(z)
    top = joint.max(axis=0)
    posterior = np.exp(joint - top)
    total = posterior.sum(axis=0)
    posterior /= total
    score, information = _louis(data, b, posterior, probability)
    return float((top + np.log(total)).sum()), score, information


def _louis(data: GroupedTrials, b: Floats, posterior: Floats, probability: Floats) -> tuple[Floats, Floats]:
    """Score and observed information by Louis's identity from the posterior weights of the nodes, shape (Q, J)."""
    n_nodes, p = b.shape[0], data.x.shape[1]
    scores = np.empty((n_nodes, data.starts.size, p + 1))
    weight = np.zeros((3, data.codes.size))
    for q in range(n_nodes):
        residual = data.successes - data.trials * probability[q]
        for a in range(p):
            scores[q, :, a] = np.add.reduceat(residual * data.x[:, a], data.starts)
        scores[q, :, p] = b[q] * np.add.reduceat(residual, data.starts)
        variance = posterior[q, data.codes] * data.trials * probability[q] * (1 - probability[q])
        node = b[q, data.codes]
        weight += variance, variance * node, variance * node**2
    complete = np.empty((p + 1, p + 1))
    complete[:p, :p] = (data.x * weight[0][:, None]).T @ data.x
    complete[p, :p] = complete[:p, p] = data.x.T @ weight[1]
    complete[p, p] = weight[2].sum()
    group_score = np.einsum("qj,qja->ja", posterior, scores)
    weighted = scores * np.sqrt(posterior)[:, :, None]
    flat = weighted.reshape(-1, p + 1)
    information = complete - flat.T @ flat + group_score.T @ group_score
    return group_score.sum(axis=0), information
