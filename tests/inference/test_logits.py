"""The clustered logit against statsmodels; the random-intercept logit against brute-force integration."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import integrate, optimize

from pipeline.inference.logit import fit_logit
from pipeline.inference.random_intercept import _evaluate, fit_random_intercept, group_trials, log_likelihood

COEFFICIENT = 1e-6
"""Both optimisers stop within this of the maximum."""
QUADRATURE = 1e-6
"""Adaptive quadrature against scipy.integrate at 1e-12, in log-likelihood of a dozen groups."""


def clustered(seed=0, n_posts=120, n_agents=30, sd=1.0, slope=0.4):
    rng = np.random.default_rng(seed)
    post = np.repeat(np.arange(n_posts), rng.integers(1, 12, n_posts))
    agent = rng.integers(0, n_agents, post.size)
    x = rng.normal(size=n_posts)[post]
    w = rng.normal(size=post.size)
    eta = -1 + slope * x + 0.3 * w + (sd * rng.normal(size=n_posts))[post]
    y = (rng.random(post.size) < 1 / (1 + np.exp(-eta))).astype(float)
    return np.column_stack([np.ones(post.size), x, w]), y, post, agent


@pytest.mark.parametrize("seed", range(4))
def test_logit_agrees_with_statsmodels(seed):
    x, y, post, agent = clustered(seed)
    model = sm.Logit(y, x)
    plain = model.fit(disp=0, tol=1e-12)
    ours = fit_logit(x, y)
    assert ours.converged
    assert ours.n_clusters is None
    assert ours.beta == pytest.approx(plain.params, abs=COEFFICIENT)
    assert np.sqrt(np.diag(ours.covariance)) == pytest.approx(plain.bse, abs=COEFFICIENT)
    for clusters, groups, smallest in (
        ([post], post, 120),
        ([agent], agent, 30),
        ([post, agent], np.column_stack([post, agent]), 30),
    ):
        fit = fit_logit(x, y, clusters)
        other = model.fit(disp=0, tol=1e-12, cov_type="cluster", cov_kwds={"groups": groups})
        assert fit.covariance == pytest.approx(np.asarray(other.cov_params()), abs=COEFFICIENT)
        assert fit.n_clusters == smallest


def test_cluster_labels_need_not_be_dense():
    x, y, post, agent = clustered(1)
    dense, sparse = fit_logit(x, y, [post, agent]), fit_logit(x, y, [post * 7 + 3, agent * 5])
    assert sparse.covariance == pytest.approx(dense.covariance, rel=1e-9)
    assert sparse.n_clusters == dense.n_clusters


def test_separation_is_seen_and_three_clusterings_are_refused():
    x = np.column_stack([np.ones(40), np.linspace(-1, 1, 40)])
    fit = fit_logit(x, (x[:, 1] > 0).astype(float), [np.arange(40)])
    assert fit.is_separated or not fit.converged
    with pytest.raises(ValueError, match="at most two ways"):
        fit_logit(x, np.ones(40), [np.arange(40)] * 3)


def brute_log_likelihood(x, y, groups, beta, sigma):
    total = 0.0
    for g in np.unique(groups):
        eta, k = x[groups == g] @ beta, y[groups == g]

        def integrand(b, eta=eta, k=k):
            z = eta + sigma * b
            return np.exp((k * z - np.logaddexp(0, z)).sum()) * np.exp(-b * b / 2) / np.sqrt(2 * np.pi)

        total += np.log(integrate.quad(integrand, -12, 12, epsabs=0, epsrel=1e-12, limit=400, points=[0])[0])
    return total


# At a spread of 2.5 the integrand of a group with one reply is far from normal: 15 nodes are good to 1e-4 there,
# and more nodes converge to the same 1e-6.
@pytest.mark.parametrize(
    ("sigma", "n_nodes", "tolerance"),
    [(0.1, 15, QUADRATURE), (0.8, 15, QUADRATURE), (2.5, 15, 1e-4), (2.5, 60, QUADRATURE)],
)
def test_quadrature_agrees_with_brute_force_integration(sigma, n_nodes, tolerance):
    x, y, post, _ = clustered(2, n_posts=12)
    beta = np.array([-0.7, 0.5, 0.2])
    ours = log_likelihood(group_trials(x, y, post), beta, sigma, n_nodes)
    # Collapsing drops binomial coefficients; these rows all differ, so there are none.
    assert ours == pytest.approx(brute_log_likelihood(x, y, post, beta, sigma), abs=tolerance)


def test_quadrature_holds_for_one_large_group():
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(400), rng.normal(size=400)])
    y = (rng.random(400) < 0.9).astype(float)
    groups = np.zeros(400, dtype=int)
    ours = log_likelihood(group_trials(x, y, groups), np.array([-1.0, 0.1]), 1.5)

    def log_integrand(b):
        z = x @ np.array([-1.0, 0.1]) + 1.5 * b
        return (y * z - np.logaddexp(0, z)).sum() - b * b / 2 - np.log(2 * np.pi) / 2

    top = optimize.minimize_scalar(lambda b: -log_integrand(b), bounds=(-10, 10), method="bounded").x
    area = integrate.quad(lambda b: np.exp(log_integrand(b) - log_integrand(top)), top - 3, top + 3, epsrel=1e-12)[0]
    assert ours == pytest.approx(log_integrand(top) + np.log(area), abs=QUADRATURE)


def test_score_and_information_are_derivatives():
    x, y, post, _ = clustered(3, n_posts=40)
    data, theta, h = group_trials(x, y, post), np.array([-0.8, 0.3, 0.2, 0.9]), 1e-4
    _, score, information = _evaluate(data, theta, 25)
    steps = np.eye(4) * h
    numeric = [(_evaluate(data, theta + s, 25)[0] - _evaluate(data, theta - s, 25)[0]) / (2 * h) for s in steps]
    curve = [(_evaluate(data, theta + s, 25)[1] - _evaluate(data, theta - s, 25)[1]) / (2 * h) for s in steps]
    # Central differences with step 1e-4 are good to about 1e-6 of the third derivative.
    assert score == pytest.approx(np.array(numeric), abs=1e-4)
    assert -information == pytest.approx(np.array(curve), abs=1e-3)


def test_the_fit_is_the_maximum_of_the_brute_force_likelihood():
    x, y, post, _ = clustered(4, n_posts=25)
    x = x[:, :2]
    fit = fit_random_intercept(x, y, post)
    assert fit.converged
    best = brute_log_likelihood(x, y, post, fit.beta, fit.sigma)
    for delta in ([0.02, 0, 0], [0, 0.02, 0], [0, 0, 0.02]):
        for sign in (1, -1):
            other = np.r_[fit.beta, fit.sigma] + sign * np.array(delta)
            assert brute_log_likelihood(x, y, post, other[:-1], other[-1]) < best


def test_collapsing_changes_nothing():
    x, y, post, _ = clustered(5)
    constant = x[:, :2]
    jitter = np.column_stack([constant, np.arange(y.size) * 1e-9])[:, :2] + np.arange(y.size)[:, None] * [0, 1e-12]
    collapsed, full = fit_random_intercept(constant, y, post), fit_random_intercept(jitter, y, post)
    assert group_trials(constant, y, post).successes.size == 120
    assert group_trials(jitter, y, post).successes.size == y.size
    assert collapsed.beta == pytest.approx(full.beta, abs=COEFFICIENT)
    assert collapsed.covariance == pytest.approx(full.covariance, abs=COEFFICIENT)


def test_row_order_changes_nothing():
    x, y, post, _ = clustered(6)
    order = np.random.default_rng(0).permutation(y.size)
    a, b = fit_random_intercept(x, y, post), fit_random_intercept(x[order], y[order], post[order] * 3 + 5)
    assert a.beta == pytest.approx(b.beta, abs=COEFFICIENT)
    assert a.sigma == pytest.approx(b.sigma, abs=COEFFICIENT)


def test_without_post_effects_it_is_the_plain_logit():
    x, y, post, _ = clustered(8, n_posts=400, sd=0.0)
    fit, plain = fit_random_intercept(x, y, post), fit_logit(x, y)
    assert fit.converged
    assert fit.sigma < 0.35
    assert fit.beta == pytest.approx(plain.beta, abs=0.05)


def test_planted_slope_and_spread_are_recovered():
    x, y, post, _ = clustered(9, n_posts=3000, sd=1.2, slope=1.0)
    fit = fit_random_intercept(x, y, post)
    error = np.sqrt(np.diag(fit.covariance))
    assert fit.converged
    # 3.5 standard errors: false alarm 1 in 2,000; the seed is fixed.
    assert abs(fit.beta[1] - 1.0) < 3.5 * error[1]
    assert abs(fit.sigma - 1.2) < 0.15
    # The marginal slope of a plain logit is flatter, by 1/sqrt(1 + 0.346 * 1.2^2) = 0.82 in theory (Zeger, Liang
    # and Albert 1988): a fit that ignored the intercept would fail above.
    assert abs(fit_logit(x, y).beta[1] - 1.0) > 3.5 * error[1]


def test_posts_that_determine_their_replies_do_not_converge():
    groups = np.repeat(np.arange(12), 5)
    y = (groups % 3 == 0).astype(float)
    x = np.column_stack([np.ones(60), groups % 2])
    assert not fit_random_intercept(x, y, groups).converged
