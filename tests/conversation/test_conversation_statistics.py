"""Differences within strata, the ordinal logit, rank correlations, entropy and Gini against independent references."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

from pipeline.activity.resampling import gini
from pipeline.conversation.attribution import cycle_shares, outcomes
from pipeline.conversation.deliberation import correlations, moments, within_ranks
from pipeline.conversation.exchange import group_entropy, group_gini
from pipeline.conversation.narration import order_shares, reversals
from pipeline.conversation.ordinal import fit_ordinal
from pipeline.conversation.stance import shift_fit
from pipeline.conversation.within import (
    centred,
    dealt,
    dealt_slopes,
    difference,
    informative,
    permuted_difference,
    slope,
)


def drawn(seed: int, n: int = 400, strata: int = 30, clusters: int = 25, effect: float = 0.0):
    rng = np.random.default_rng(seed)
    stratum, cluster = rng.integers(0, strata, n), rng.integers(0, clusters, n)
    label = (rng.random(n) < 0.3).astype(np.int64)
    value = rng.normal(size=strata)[stratum] + rng.normal(size=clusters)[cluster] + effect * label + rng.normal(size=n)
    return value, label, stratum, cluster


def test_difference_is_least_squares_with_dummies_and_clustered_errors() -> None:
    found = informative(*drawn(1, effect=0.5))
    fit = difference(found, 0.95)
    dummies = (found.stratum[:, None] == np.arange(found.stratum.max() + 1)).astype(float)
    theirs = sm.OLS(found.value, np.column_stack([found.label, dummies])).fit(
        cov_type="cluster", cov_kwds={"groups": found.cluster}, use_t=True
    )
    assert fit.estimate == pytest.approx(theirs.params[0], rel=1e-9)
    assert fit.std_error == pytest.approx(theirs.bse[0], rel=1e-9)
    assert fit.p_value == pytest.approx(theirs.pvalues[0], rel=1e-6)
    assert (fit.conf_low, fit.conf_high) == pytest.approx(tuple(theirs.conf_int()[0]), rel=1e-6)


def test_difference_of_strata_within_clusters_counts_no_strata() -> None:
    value, label, stratum, _ = drawn(2)
    found = informative(value, label, stratum, stratum // 2)  # each stratum in one cluster
    fit = difference(found, 0.95)
    x = (
        found.label
        - np.bincount(found.stratum, weights=found.label)[found.stratum] / np.bincount(found.stratum)[found.stratum]
    )
    beta = x @ found.value / (x @ x)
    residual = found.value - np.array([found.value[found.stratum == s].mean() for s in found.stratum]) - beta * x
    sums = np.array([(x * residual)[found.cluster == c].sum() for c in range(found.cluster.max() + 1)])
    error = np.sqrt(len(sums) / (len(sums) - 1) * (sums @ sums)) / (x @ x)
    assert (fit.estimate, fit.std_error) == pytest.approx((beta, error))


def test_strata_without_both_labels_tell_nothing() -> None:
    value, stratum = np.array([1.0, 2.0, 5.0, 9.0]), np.array([7, 7, 3, 3])
    found = informative(value, np.array([0, 1, 1, 1]), stratum, np.array([4, 5, 6, 6]))
    assert found.value.tolist() == [1.0, 2.0]
    assert (found.stratum.tolist(), found.cluster.tolist()) == ([0, 0], [0, 1])
    assert slope(found, found.label) == 1.0
    assert difference(found, 0.95).warnings == ("few_events",)


def test_labels_are_dealt_within_strata() -> None:
    rng = np.random.default_rng(3)
    stratum, label = rng.integers(0, 20, 500), rng.integers(0, 2, 500)
    other = dealt(label, stratum, rng)
    assert np.array_equal(np.bincount(stratum, weights=label), np.bincount(stratum, weights=other))
    assert not np.array_equal(label, other)


def test_permuted_difference_finds_an_effect_and_its_null_stands_at_zero() -> None:
    found = informative(*drawn(4, effect=1.0))
    fit = permuted_difference(found, 0.95, 199, np.random.default_rng(1))
    assert fit.p_value == 1 / 200
    assert abs(fit.null_mean) < 3 * fit.null_sd / np.sqrt(199)
    assert fit.conf_low < 1.0 < fit.conf_high


@pytest.mark.parametrize(("most", "is_binary"), [(1, False), (5, False), (1, True), (5, True)])
def test_slopes_of_dealt_labels_are_those_of_dealing_and_fitting(most, is_binary) -> None:
    """Mean and spread of 4,000 draws either way: four standard errors; and no label is lost in keys."""
    value, label, stratum, cluster = drawn(5)
    value = (value > 0).astype(np.float64) if is_binary else value
    found = informative(value, label * np.random.default_rng(6).integers(1, most + 1, label.size), stratum, cluster)
    quick = dealt_slopes(found, 4000, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    plain = np.array([slope(found, dealt(found.label, found.stratum, rng)) for _ in range(4000)])
    assert quick.mean() == pytest.approx(plain.mean(), abs=4 * plain.std() * np.sqrt(2 / 4000))
    assert quick.std() == pytest.approx(plain.std(), rel=4 / np.sqrt(4000))
    # Outcomes that are alike within strata but for one row: every draw is that row's label less its mean.
    one = replace(found, value=np.where(np.arange(found.value.size) == 0, 1.0, 0.0))
    here = found.stratum == found.stratum[0]
    x = centred(found.label, found.stratum)
    reached = dealt_slopes(one, 500, rng) * (x @ x) + found.label[here].mean()
    assert np.allclose(np.unique(reached.round(9)), np.unique(found.label[here]))


def test_ordinal_logit_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.integers(0, 2, 600), rng.normal(size=600)]).astype(float)
    y = np.digitize(x @ [0.8, -0.5] + rng.logistic(size=600), [-1.5, 0, 0.5, 2])
    ours, theirs = fit_ordinal(x, y, np.arange(600)), OrderedModel(y, x, distr="logit")
    fitted = theirs.fit(method="newton", disp=0)
    assert ours.converged
    assert ours.beta == pytest.approx(fitted.params[:2], rel=1e-5)
    assert ours.thresholds == pytest.approx(theirs.transform_threshold_params(fitted.params)[1:-1], rel=1e-5)
    logit = sm.Logit((y > 2).astype(int), sm.add_constant(x)).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(60), 10)}
    )
    two = fit_ordinal(x, (y > 2).astype(np.int64), np.repeat(np.arange(60), 10))
    assert two.beta == pytest.approx(logit.params[1:], rel=1e-5)
    # statsmodels multiplies by (n - 1)/(n - k) as well.
    assert np.sqrt(np.diag(two.covariance) * 599 / 597) == pytest.approx(logit.bse[1:], rel=1e-5)


def test_shift_fit_refuses_what_it_cannot_tell() -> None:
    ones = np.repeat([0, 1], 30)
    none = np.zeros((60, 0))
    clusters = np.arange(60)
    assert shift_fit(np.zeros(60, dtype=np.int64), ones, none, clusters, 0.95).warnings == ("no_variation",)
    assert shift_fit(ones, np.zeros(60, dtype=np.int64), none, clusters, 0.95).warnings == ("few_events",)
    assert shift_fit(ones, ones, none, clusters, 0.95).estimate is None  # perfectly predicted
    assert shift_fit(ones, np.tile([0, 1], 30), none, clusters // 30, 0.95).warnings == ("few_clusters",)


def test_rank_correlations_of_one_author_are_those_of_scipy() -> None:
    rng = np.random.default_rng(5)
    a, b, c = rng.exponential(size=50), rng.integers(0, 9, 50), rng.normal(size=50)
    one = np.zeros(50, dtype=np.int64)
    got = correlations(moments(within_ranks(a, one), within_ranks(b, one), within_ranks(c, one)))
    ab, ac, bc = (stats.spearmanr(x, y).statistic for x, y in ((a, b), (a, c), (b, c)))
    assert got == pytest.approx([ab, ac, (ac - ab * bc) / np.sqrt((1 - ab**2) * (1 - bc**2))])


def test_ranks_stay_within_authors() -> None:
    author = np.repeat([0, 1], 5)
    ranks = within_ranks(np.array([1, 2, 3, 4, 5, 100, 200, 300, 400, 500]), author)
    assert ranks[:5] == pytest.approx(ranks[5:])
    assert ranks[:5].sum() == pytest.approx(0)


def test_entropy_and_gini_of_groups() -> None:
    rng = np.random.default_rng(6)
    group, member = rng.integers(0, 8, 300), rng.integers(0, 5, 300)
    theirs = [stats.entropy(np.bincount(member[group == g]), base=2) for g in range(8)]
    assert group_entropy(group, member, 9) == pytest.approx([*theirs, 0.0])
    counts = rng.integers(1, 9, 40)
    owner = np.repeat(np.arange(4), 10)
    for g, value in enumerate(group_gini(owner, counts)):
        values, copies = np.unique(counts[owner == g], return_counts=True)
        assert value == pytest.approx(float(gini(values, copies)))


def test_times_in_order_by_hand() -> None:
    frame = pl.DataFrame({
        "author": [1, 2, 3, 4, 5],
        "found": [
            ["yesterday", "today", "tomorrow"],  # both in order
            ["2026-02-03", "yesterday", "2026-02-01"],  # dates with dates only: backwards
            ["tomorrow", "tomorrow"],  # no different times
            ["last week", "2026-01-01", "yesterday", "today", "last year"],  # 2 of 3
            ["2026-02-01", "today"],  # no neighbours of one kind
        ],
    })  # fmt: skip
    assert order_shares(frame).rows() == [(0, 1, 1.0), (1, 2, 0.0), (3, 4, pytest.approx(2 / 3))]


def test_texts_told_backwards_have_a_mean_of_one_half() -> None:
    rng = np.random.default_rng(7)
    draws = reversals(rng.random(300), rng.integers(0, 100, 300), 2000, rng)
    assert draws.mean() == pytest.approx(0.5, abs=4 * draws.std() / np.sqrt(2000))


def test_cycles_by_hand() -> None:
    judging = np.array([0, 1, 0, 1, 0])
    # 1 and 2 answer 0; 3 answers 2; the author of 0 replied to 1, that of 2 not to 3.
    answered, closed = outcomes(judging, np.array([0, 0, 2]), np.array([1, 2, 3]), np.array([1, 0, 0]))
    assert (answered.tolist(), closed.tolist()) == ([1, 0, 1, 0, 0], [1, 0, 0, 0, 0])
    assert cycle_shares(np.array([1, 0, 1, 1, 0]), answered, closed) == pytest.approx([2 / 3, 1 / 2, 1 / 3])
