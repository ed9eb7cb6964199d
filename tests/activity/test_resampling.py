"""Intervals against closed forms, brute force and coverage in simulations with known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline.activity.resampling import (
    cluster_bootstrap,
    gini,
    gini_interval,
    jackknife_interval,
    median_interval,
    stream,
)
from pipeline.activity.row import CENSUS, row

LEVEL = 0.95
SUMMED = 1e-12  # the brute force adds floats in another order


def test_gini_is_the_mean_difference():
    rng = np.random.default_rng(0)
    counts = rng.zipf(2.0, 300)
    values, copies = np.unique(counts, return_counts=True)
    brute = np.abs(counts[:, None] - counts[None, :]).mean() / (2 * counts.mean())
    assert gini(values, copies) == pytest.approx(brute, abs=SUMMED)
    assert gini(np.array([4]), np.array([9])) == pytest.approx(0, abs=SUMMED)
    assert np.isnan(gini(np.array([0]), np.array([9])))
    many = gini(values, np.stack([copies, copies * 0 + 1]))
    assert many[0] == pytest.approx(brute, abs=SUMMED)


def test_gini_interval_covers():
    """Exponential counts have Gini 1/2; 200 runs at 95 %: fewer than 178 has probability below 0.0005."""
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        counts = np.floor(rng.exponential(1000, 300)).astype(np.int64)
        interval = gini_interval(counts, draws=200, rng=rng, level=LEVEL)
        covered += interval.low <= 0.5 <= interval.high
    assert covered >= 178


def test_cluster_bootstrap_covers_where_messages_are_not_independent():
    """Clusters with their own rates; an interval that ignores clusters covers about half the time here."""
    covered = naive = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        rates = rng.beta(1, 1, 60)
        sizes = np.full(60, 30)
        hits = rng.binomial(sizes, rates)
        totals = np.column_stack([hits, sizes])
        interval = cluster_bootstrap(totals, lambda t: t[:, 0] / t[:, 1], draws=200, rng=rng, level=LEVEL, method="m")
        covered += interval.low <= 0.5 <= interval.high
        share = hits.sum() / sizes.sum()
        reach = 1.96 * np.sqrt(share * (1 - share) / sizes.sum())
        naive += abs(share - 0.5) <= reach
    assert covered >= 178
    assert naive < 150


def test_bootstrap_over_distinct_totals_is_the_cluster_bootstrap():
    rng = np.random.default_rng(3)
    totals = np.column_stack([rng.integers(0, 4, 400), rng.integers(1, 5, 400)])
    fast = cluster_bootstrap(
        totals, lambda t: t[:, 0] / t[:, 1], draws=4000, rng=np.random.default_rng(1), level=LEVEL, method="m"
    )
    drawn = totals[rng.integers(0, 400, (4000, 400))].sum(axis=1)
    slow = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    assert [fast.low, fast.high] == pytest.approx(slow, abs=0.01)  # Monte Carlo error of 4,000 draws


def test_jackknife_of_a_mean_is_the_textbook_interval():
    values = np.random.default_rng(2).normal(size=40)
    left = (values.sum() - values) / 39
    interval = jackknife_interval(values.mean(), left, level=LEVEL, method="m")
    expected = stats.t.interval(LEVEL, 39, loc=values.mean(), scale=values.std(ddof=1) / np.sqrt(40))
    assert [interval.low, interval.high] == pytest.approx(expected, abs=SUMMED)
    assert jackknife_interval(0.5, left[:9], level=LEVEL, method="m").low is None
    assert jackknife_interval(0.01, left, level=LEVEL, method="m", bounds=(0, 1)).low == 0


@pytest.mark.parametrize("n", [6, 7, 20, 101, 1000])
def test_median_interval_is_the_narrowest_with_its_coverage(n):
    interval = median_interval(np.arange(1, n + 1, dtype=float), level=LEVEL)
    rank = int(interval.low)
    assert interval.high == n + 1 - rank
    assert stats.binom.cdf(rank - 1, n, 0.5) <= 0.025 < stats.binom.cdf(rank, n, 0.5)


def test_median_interval_needs_six_values():
    assert median_interval(np.arange(5.0), level=LEVEL).low is None
    assert median_interval(np.zeros(0), level=LEVEL).low is None


def test_streams_differ_by_name_and_repeat():
    assert stream(1, "a").random() == stream(1, "a").random()
    assert stream(1, "a").random() != stream(1, "b").random()
    assert stream(1, "a").random() != stream(2, "a").random()


def test_a_value_with_nothing_beside_it_says_why():
    bare = row("text", "duplicate_share", 0.5, 2, "texts", level=0.95)
    assert (bare.ci_low, bare.null_mean, bare.warnings) == (None, None, "few_agents")
    assert row("activity", "n_posts", 2, 2, "posts", level=0.95, interval=CENSUS).warnings is None
    assert row("text", "duplicate_share", 0.5, 2, "texts", level=0.95, warnings=["few_posts"]).warnings == "few_posts"
