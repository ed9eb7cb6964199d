"""Size and power by simulation: post random effects, an exposure of the post, no effect.

Acceptance regions are the binomial 99 % regions around 5 % of STATISTICS 2.7: 200 runs [.015, .095], 400 runs
[.025, .08], 1000 runs [.033, .069]. Seeds are fixed, so the tests are deterministic.
"""

import numpy as np
import pytest

from pipeline.inference.contingency import chi_square, two_by_two, woolf
from pipeline.inference.logit import fit_logit
from pipeline.inference.matching import length_matched_pairs, mean_difference
from pipeline.inference.permutation import permute_posts, permute_replies
from pipeline.inference.random_intercept import fit_random_intercept
from pipeline.inference.result import wald

REGION = {200: (0.015, 0.095), 400: (0.025, 0.08), 1000: (0.033, 0.069)}


class World:
    """150 posts with about 20 replies each by 60 agents; the intercept of a post has standard deviation 1."""

    def __init__(self, seed, slope, n_posts=150, mean_replies=20, sd=1.0):
        rng = self.rng = np.random.default_rng(seed)
        self.airs = rng.poisson(0.7, n_posts)
        self.trials = 1 + rng.poisson(mean_replies - 1, n_posts)
        self.post = np.repeat(np.arange(n_posts), self.trials)
        self.agent = rng.integers(0, 60, self.post.size)
        eta = -1.3 + slope * self.airs + sd * rng.normal(size=n_posts)
        self.y = (rng.random(self.post.size) < 1 / (1 + np.exp(-eta[self.post]))).astype(np.int64)
        self.successes = np.bincount(self.post, weights=self.y, minlength=n_posts).astype(np.int64)
        self.length = rng.normal(5, 1, n_posts)

    def design(self):
        return np.column_stack([np.ones(self.post.size), self.airs[self.post]])

    def clustered(self):
        fit = fit_logit(self.design(), self.y.astype(float), [self.post, self.agent])
        return wald(fit.beta[1], np.sqrt(fit.covariance[1, 1]), 0.95, fit.n_clusters - 1).p_value

    def random_intercept(self):
        fit = fit_random_intercept(self.design(), self.y.astype(float), self.post)
        return wald(fit.beta[1], np.sqrt(fit.covariance[1, 1]), 0.95).p_value

    def table(self):
        # Few replies per post, so that posts without enforcement occur.
        event = (np.bincount(self.post, weights=self.y) > 0).astype(np.int64)
        return woolf(two_by_two((self.airs > 0).astype(np.int64), event), 0.95).p_value

    def permuted(self):
        return permute_posts(
            self.airs, self.trials, self.successes, strata=None, n_draws=199, ci_level=0.95, rng=self.rng
        ).p_value

    def naive_chi_square(self):
        return chi_square(two_by_two((self.airs[self.post] > 0).astype(np.int64), self.y), 0.95).p_value

    def naive_permutation(self):
        return permute_replies(self.airs[self.post], self.y, n_draws=199, ci_level=0.95, rng=self.rng).p_value

    def matched(self):
        exposed = (self.airs > 0).astype(np.int64)
        pairs = length_matched_pairs(exposed, self.length, caliper=np.log(1.25), rng=self.rng)
        return mean_difference(self.successes / self.trials, pairs, n_draws=400, ci_level=0.95, rng=self.rng).p_value


def rejections(method, runs, slope, **world):
    return np.mean([getattr(World(seed, slope, **world), method)() < 0.05 for seed in range(runs)])


# Two-way clustering rejected 5.3 to 6.0 % in the prototype of STATISTICS 4.1; the region allows for that.
@pytest.mark.parametrize("method", ["clustered", "random_intercept", "permuted", "table"])
def test_size_is_nominal(method):
    world = {"mean_replies": 4} if method == "table" else {}
    low, high = REGION[200]
    assert low <= rejections(method, 200, 0.0, **world) <= high


@pytest.mark.parametrize("method", ["naive_chi_square", "naive_permutation"])
def test_the_naive_rows_reject_far_too_often(method):
    # STATISTICS 4.1 measured 31.5 % with 20 replies per post.
    assert rejections(method, 200, 0.0) > 0.25


def test_matched_pairs_do_not_over_reject():
    # The cluster bootstrap of controls is slightly liberal here (6.5 % in 1000 runs): 150 posts give few controls.
    assert rejections("matched", 200, 0.0) <= REGION[200][1]


@pytest.mark.parametrize("method", ["clustered", "random_intercept", "permuted"])
def test_power(method):
    # A slope of 0.5 is about five standard errors of the post effects: nearly every run must see it.
    assert rejections(method, 40, 0.5) > 0.9


def test_power_of_the_table():
    assert rejections("table", 40, 0.8, n_posts=600, mean_replies=4) > 0.9


def coverage(method, runs, truth):
    hits, estimates, errors = 0, [], []
    for seed in range(runs):
        w = World(seed, truth)
        fit = method(w)
        error = float(np.sqrt(fit.covariance[1, 1]))
        hits += abs(fit.beta[1] - truth) < 1.96 * error
        estimates.append(fit.beta[1])
        errors.append(error)
    return hits / runs, np.mean(estimates) - truth, np.std(estimates) / np.mean(errors), np.mean(errors)


def test_random_intercept_covers_the_planted_slope():
    share, bias, ratio, error = coverage(
        lambda w: fit_random_intercept(w.design(), w.y.astype(float), w.post), 200, 0.3
    )
    assert 0.905 <= share <= 0.985
    assert abs(bias) < 0.25 * error
    # 200 runs know a standard deviation to 5 %; [.9, 1.1] is two of those.
    assert 0.88 < ratio < 1.12


@pytest.mark.slow
@pytest.mark.parametrize("method", ["clustered", "random_intercept", "permuted", "table", "matched"])
def test_size_is_nominal_in_1000_runs(method, within):
    world = {"mean_replies": 4} if method == "table" else {}
    within({f"enforcement: {method}": rejections(method, 1000, 0.0, **world)}, runs=1000)
