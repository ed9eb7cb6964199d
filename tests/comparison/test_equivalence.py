"""The tests on replicates against statsmodels and scipy, and what identical and constant values give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind

from pipeline.comparison.equivalence import MARGIN, difference_p, equivalence_p, permutation_p, welch


@pytest.mark.parametrize(("shift", "n_a", "n_b"), [(0.0, 5, 5), (0.1, 6, 12), (0.3, 30, 8), (-0.22, 10, 10)])
def test_equivalence_and_difference_equal_statsmodels_and_scipy(shift: float, n_a: int, n_b: int) -> None:
    rng = np.random.default_rng(n_a)
    a, b = rng.normal(shift, 0.1, n_a), rng.normal(0, 0.2, n_b)
    expected = ttost_ind(a, b, -MARGIN, MARGIN, usevar="unequal")[0]
    assert equivalence_p(welch(a, b)) == pytest.approx(expected, rel=1e-9)
    assert difference_p(welch(a, b)) == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-9)


def test_margin_is_a_factor_of_one_and_a_quarter() -> None:
    assert math.exp(MARGIN) == pytest.approx(1.25)


def test_constant_values() -> None:
    flat = np.full(5, 0.3)
    assert equivalence_p(welch(flat, flat)) == 0
    assert difference_p(welch(flat, flat)) == 1
    assert equivalence_p(welch(flat, flat + 1)) == 1
    assert permutation_p(flat, flat, draws=1000, rng=np.random.default_rng(1)) == 1


def test_what_members_share_widens_the_error() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 0.01, 10), rng.normal(0.05, 0.01, 10)
    assert difference_p(welch(a, b)) < 1e-6
    widened = welch(a, b, (0.1, 0.1))
    assert widened.error**2 == pytest.approx(welch(a, b).error ** 2 + 0.02)
    assert difference_p(widened) > 0.05


def test_permutation_takes_all_relabellings_when_they_are_few() -> None:
    a, b = np.arange(5.0) + 100, np.arange(5.0)
    assert permutation_p(a, b, draws=1000, rng=np.random.default_rng(1)) == pytest.approx(2 / 252)
    drawn = permutation_p(a, b, draws=200, rng=np.random.default_rng(1))
    assert 1 / 201 <= drawn < 0.05


def test_permutation_holds_its_level_with_unequal_variances() -> None:
    rng = np.random.default_rng(3)
    p_values = [permutation_p(rng.normal(0, 1, 8), rng.normal(0, 3, 12), draws=99, rng=rng) for _ in range(400)]
    rejected = np.mean([p <= 0.05 for p in p_values])
    low, high = stats.binom.interval(0.99, 400, 0.05)
    assert low / 400 <= rejected <= high / 400
