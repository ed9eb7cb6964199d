"""Slopes of communities and their tests against scipy, statsmodels and all permutations."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from pipeline.language.slopes import (
    Panel,
    community_slopes,
    mixed_model,
    shuffled_periods,
    slope_permutation,
    slope_t_test,
)


def random_panel(seed, communities=9, periods=8, slope=0.1):
    rng = np.random.default_rng(seed)
    code, at = (axis.ravel() for axis in np.indices((communities, periods)))
    own = slope + 0.05 * rng.standard_normal(communities)
    values = own[code] * at + rng.standard_normal(communities)[code] + 0.3 * rng.standard_normal(code.size)
    kept = rng.random(code.size) < 0.85
    return Panel(values[kept], code[kept].astype(np.int64), at[kept].astype(np.int64))


def test_slopes_and_t_test_equal_scipy():
    panel = random_panel(6)
    expected = [
        stats.linregress(panel.periods[panel.communities == c], panel.values[panel.communities == c]).slope
        for c in range(9)
    ]
    assert community_slopes(panel.long_enough()) == pytest.approx(expected, abs=1e-12)
    ours, theirs = slope_t_test(panel, 0.95), stats.ttest_1samp(expected, 0)
    interval = theirs.confidence_interval(0.95)
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    assert (ours.conf_low, ours.conf_high) == pytest.approx((interval.low, interval.high), rel=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_mixed_model_equals_the_formula():
    panel = random_panel(7, communities=20, periods=10)
    frame = pl.DataFrame({"y": panel.values, "x": panel.periods, "c": panel.communities}).to_dict(as_series=False)
    model = smf.mixedlm("y ~ x", frame, groups=np.array(frame["c"]), re_formula="~x")
    theirs = model.fit(reml=True, method=["powell"])  # the default gives up on these units; ours are scaled
    ours = mixed_model(panel, 0.95)
    # Both stop where the likelihood is flat, to the tolerance of their optimisers.
    assert ours.estimate == pytest.approx(theirs.fe_params["x"], rel=1e-3)
    assert ours.std_error == pytest.approx(theirs.bse_fe["x"], rel=1e-2)
    assert ours.converged


def test_mixed_model_of_a_balanced_panel_is_the_t_test():
    """With all communities in all periods, REML gives the mean of the slopes and their standard error."""
    code, at = (axis.ravel().astype(np.int64) for axis in np.indices((15, 10)))
    rng = np.random.default_rng(11)
    values = (0.1 + 0.1 * rng.standard_normal(15))[code] * at + 0.2 * rng.standard_normal(code.size)
    panel = Panel(values, code, at)
    ours, slopes = mixed_model(panel, 0.95), slope_t_test(panel, 0.95)
    assert ours.estimate == pytest.approx(slopes.estimate, rel=1e-6)
    assert ours.std_error == pytest.approx(slopes.std_error, rel=1e-3)


def test_permutation_is_exact_in_a_small_design():
    """Six orders of three periods in each of five communities: the p of 20,000 draws is that of all 7,776."""
    values = np.random.default_rng(8).standard_normal((5, 3)) + np.arange(3) * 0.5
    code, at = (axis.ravel().astype(np.int64) for axis in np.indices((5, 3)))
    orders = [[(v[o[2]] - v[o[0]]) / 2 for o in itertools.permutations(range(3))] for v in values]
    null = np.array([sum(draw) / 5 for draw in itertools.product(*orders)])
    observed = ((values[:, 2] - values[:, 0]) / 2).mean()
    exact = (np.abs(null) >= abs(observed) - 1e-12).mean()
    ours = slope_permutation(Panel(values.ravel(), code, at), 0.95, n_draws=20_000, rng=np.random.default_rng(9))
    assert ours.estimate == pytest.approx(observed)
    assert ours.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)
    assert ours.null_sd == pytest.approx(null.std(), rel=0.03)


def test_placebo_keeps_values_and_periods():
    panel = random_panel(10)
    keys = [f"{i * 7919 % 101:03d}" for i in range(panel.values.size)]
    dealt = shuffled_periods(panel, keys)
    assert (dealt.values == panel.values).all()
    for c in range(9):
        own = panel.communities == c
        assert sorted(dealt.periods[own]) == sorted(panel.periods[own])
    assert (dealt.periods != panel.periods).any()


def test_constant_communities_have_no_slope():
    panel = Panel(np.repeat(np.linspace(0.1, 0.9, 7), 4), np.repeat(np.arange(7), 4), np.tile(np.arange(4), 7))
    assert slope_t_test(panel, 0.95).warnings == ("no_variation",)
    same = Panel(np.tile([0.1, 0.25, 0.3, 0.45], 7), np.repeat(np.arange(7), 4), np.tile(np.arange(4), 7))
    assert slope_t_test(same, 0.95).warnings == ("no_variation",)
