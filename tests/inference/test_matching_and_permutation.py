"""Length-matched pairs and permutation tests against brute force, enumeration and planted confounds."""

from itertools import permutations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from pipeline.inference.matching import length_matched_pairs, mean_difference, sign_test
from pipeline.inference.permutation import collapsed_slopes, permute_posts, permute_replies

CALIPER = float(np.log(1.25))


def posts(seed, n=4000, direct=0.0, through_length=0.15):
    """Long posts are exposed more often and enforced more; exposure itself adds `direct`."""
    rng = np.random.default_rng(seed)
    length = rng.normal(5, 1, n)
    exposed = (rng.random(n) < 1 / (1 + np.exp(-1.5 * (length - 5)))).astype(np.int64)
    share = np.clip(0.4 + through_length * (length - 5) + direct * exposed + rng.normal(0, 0.1, n), 0, 1)
    return exposed, length, share


def match(exposed, length, seed=0):
    return length_matched_pairs(exposed, length, caliper=CALIPER, rng=np.random.default_rng(seed))


def test_pairs_are_nearest_in_the_decile_and_within_the_caliper():
    exposed, length, _ = posts(1, n=300)
    pairs = match(exposed, length)
    decile = np.searchsorted(np.quantile(length, np.arange(1, 10) / 10), length, side="right")
    matched = set()
    for t, c in zip(pairs.exposed, pairs.control, strict=True):
        pool = np.flatnonzero((exposed == 0) & (decile == decile[t]))
        distances = np.abs(length[pool] - length[t])
        assert exposed[t] == 1
        assert c in pool
        assert abs(length[c] - length[t]) == distances.min() <= CALIPER
        matched.add(t)
    for t in set(np.flatnonzero(exposed)) - matched:
        pool = np.flatnonzero((exposed == 0) & (decile == decile[t]))
        assert not pool.size or np.abs(length[pool] - length[t]).min() > CALIPER


def test_posts_of_equal_length_do_not_share_one_control():
    exposed = np.r_[np.ones(200, dtype=np.int64), np.zeros(200, dtype=np.int64)]
    pairs = match(exposed, np.full(400, 4.0))
    assert pairs.exposed.size == 200
    assert np.unique(pairs.control).size > 100


def test_matching_removes_a_confound_of_length_and_keeps_a_direct_effect():
    for direct in (0.0, 0.1):
        exposed, length, share = posts(2, direct=direct)
        fit = mean_difference(share, match(exposed, length), n_draws=2000, ci_level=0.95, rng=np.random.default_rng(1))
        naive = share[exposed == 1].mean() - share[exposed == 0].mean()
        assert naive > direct + 0.1
        assert fit.conf_low < direct < fit.conf_high
        assert (fit.p_value < 0.05) == (direct > 0)
        assert "matched_with_replacement" in fit.warnings


def test_sign_test_agrees_with_scipy():
    exposed, length, share = posts(3, n=200, direct=0.05)
    pairs = match(exposed, length)
    difference = share[pairs.exposed] - share[pairs.control]
    fit = sign_test(share, pairs, 0.95)
    expected = stats.binomtest(int((difference > 0).sum()), int((difference != 0).sum()))
    assert fit.p_value == pytest.approx(expected.pvalue)
    assert fit.n_events == (difference != 0).sum()


@pytest.mark.parametrize(
    "exposed", [np.zeros(20, dtype=np.int64), np.ones(20, dtype=np.int64), np.empty(0, dtype=np.int64)]
)
def test_without_pairs_there_is_no_estimate(exposed):
    length = np.linspace(1, 5, exposed.size)
    share = np.linspace(0, 1, exposed.size)
    pairs = match(exposed, length)
    fit = mean_difference(share, pairs, n_draws=10, ci_level=0.95, rng=np.random.default_rng(1))
    assert fit.estimate is None
    assert "few_posts" in fit.warnings
    assert sign_test(share, pairs, 0.95).estimate is None


def test_collapsed_slope_is_the_logit_slope():
    rng = np.random.default_rng(0)
    exposure = rng.poisson(1.0, 3000)
    y = (rng.random(3000) < 1 / (1 + np.exp(1 - 0.3 * exposure))).astype(float)
    n, k = np.bincount(exposure).astype(float), np.bincount(exposure, weights=y)
    ours = collapsed_slopes(n[None], k[None])[0]
    assert ours == pytest.approx(sm.Logit(y, sm.add_constant(exposure)).fit(disp=0, tol=1e-12).params[1], abs=1e-7)


def test_a_slope_without_limit_is_not_a_number():
    assert np.isnan(collapsed_slopes(np.array([[5.0, 5.0]]), np.array([[0.0, 5.0]]))[0])


def test_permutation_p_agrees_with_enumeration():
    exposure, trials = np.array([0, 0, 1, 1, 2, 3]), np.array([5, 9, 6, 8, 7, 5])
    successes = np.array([1, 2, 3, 2, 4, 4])
    draws = []
    for order in permutations(range(6)):
        e = exposure[list(order)]
        draws.append((np.bincount(e, weights=trials, minlength=4), np.bincount(e, weights=successes, minlength=4)))
    every = collapsed_slopes(np.array([n for n, _ in draws]), np.array([k for _, k in draws]))
    centre = every.mean()
    observed = every[0]  # the first permutation is the identity
    exact = (np.abs(every - centre) >= abs(observed - centre) - 1e-12).mean()
    fit = permute_posts(
        exposure, trials, successes, strata=None, n_draws=6000, ci_level=0.95, rng=np.random.default_rng(1)
    )
    # Binomial error of 6,000 draws: 0.0065 at most; four of those.
    assert fit.p_value == pytest.approx(exact, abs=0.026)
    assert fit.null_mean == pytest.approx(centre, abs=0.03)
    assert fit.estimate == pytest.approx(observed)
    assert fit.n_obs == trials.sum()


def test_strata_keep_what_differs_between_communities():
    rng = np.random.default_rng(4)
    strata = np.repeat([0, 1], 300)
    exposure = rng.poisson(np.where(strata == 1, 2.0, 0.3))
    trials = np.full(600, 8)
    successes = rng.binomial(8, np.where(strata == 1, 0.5, 0.15))
    options = {"n_draws": 400, "ci_level": 0.95}
    free = permute_posts(exposure, trials, successes, strata=None, rng=np.random.default_rng(1), **options)
    within = permute_posts(exposure, trials, successes, strata=strata, rng=np.random.default_rng(1), **options)
    assert free.p_value < 0.01
    assert within.p_value > 0.05
    assert within.null_mean > 0.2
    assert abs(free.null_mean) < 0.1


def test_reply_level_draws_have_the_spread_of_shuffled_labels():
    rng = np.random.default_rng(2)
    exposure, event = rng.poisson(1.0, 500), (rng.random(500) < 0.3).astype(np.int64)
    fit = permute_replies(exposure, event, n_draws=4000, ci_level=0.95, rng=np.random.default_rng(1))
    counts = np.bincount(exposure)
    shuffled = [np.bincount(exposure, weights=rng.permutation(event), minlength=counts.size) for _ in range(1000)]
    slopes = collapsed_slopes(np.tile(counts.astype(float), (1000, 1)), np.array(shuffled))
    assert fit.null_sd == pytest.approx(slopes.std(), rel=0.1)


@pytest.mark.parametrize("successes", [[0, 0, 0], [4, 4, 4]])
def test_permutation_without_events_is_a_null_row(successes):
    fit = permute_posts(
        np.array([0, 1, 2]),
        np.array([4, 4, 4]),
        np.array(successes),
        strata=None,
        n_draws=10,
        ci_level=0.95,
        rng=np.random.default_rng(1),
    )
    assert fit.estimate is None
    assert "no_variation" in fit.warnings


def test_p_counts_the_data_as_one_draw_and_is_never_zero():
    exposure = np.repeat([0, 1, 2, 3], 50)
    successes = exposure * 3
    trials = np.full(200, 10)
    options = {"n_draws": 99, "ci_level": 0.95}
    posts_fit = permute_posts(exposure, trials, successes, strata=None, rng=np.random.default_rng(1), **options)
    event = (np.arange(400) % 4 < np.repeat([0, 1, 2, 3], 100)).astype(np.int64)
    replies_fit = permute_replies(np.repeat([0, 1, 2, 3], 100), event, rng=np.random.default_rng(1), **options)
    assert posts_fit.p_value == pytest.approx(1 / 100)
    assert replies_fit.p_value == pytest.approx(1 / 100)
