"""Wilson, the cluster bootstrap, 2x2 tables and multiplicity against statsmodels, scipy and brute force."""

from itertools import pairwise
from math import comb

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable, Table2x2
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from pipeline.inference.contingency import (
    chi_square,
    cochran_mantel_haenszel,
    fisher,
    stratum_tables,
    two_by_two,
    woolf,
)
from pipeline.inference.intervals import cluster_bootstrap_means, wilson
from pipeline.inference.multiplicity import benjamini_hochberg, holm

EXACT = 1e-10
"""Closed formulas in double precision on both sides."""

TABLES = [[[12, 5], [7, 20]], [[100, 900], [60, 1040]], [[3, 1], [1, 3]], [[40, 40], [40, 41]]]


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 30), (30, 30), (7, 31), (627, 1710), (1, 100_000)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_agrees_with_statsmodels(k, n, level):
    assert wilson(k, n, level) == pytest.approx(proportion_confint(k, n, 1 - level, "wilson"), abs=EXACT)


def test_wilson_stays_inside_and_knows_no_trials():
    assert wilson(0, 0, 0.95) == (None, None)
    assert wilson(0, 3, 0.95)[0] == 0.0
    assert wilson(3, 3, 0.95)[1] == 1.0


def test_cluster_bootstrap_has_the_spread_of_clusters_not_of_rows():
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(200), 10)
    values = (rng.random(200) < 0.3).astype(float)[clusters]  # all rows of a cluster are alike
    draws = cluster_bootstrap_means(values[:, None], clusters, n_draws=4000, rng=rng)
    of_clusters = values[::10].std() / np.sqrt(200)
    # 4000 draws give a standard deviation to about 1.1 %; 5 % is more than four of those.
    assert draws.std() == pytest.approx(of_clusters, rel=0.05)
    assert draws.std() > 2.5 * values.std() / np.sqrt(2000)


def test_cluster_bootstrap_in_chunks_is_a_ratio_of_sums(monkeypatch):
    values, clusters = np.array([[1.0], [0.0], [0.0], [2.0]]), np.array([0, 1, 1, 2])
    monkeypatch.setattr("pipeline.inference.intervals._GATHER_LIMIT", 7)
    draws = cluster_bootstrap_means(values, clusters, n_draws=500, rng=np.random.default_rng(1))
    sums, sizes = [1, 0, 2], [1, 2, 1]
    possible = {
        round((sums[a] + sums[b] + sums[c]) / (sizes[a] + sizes[b] + sizes[c]), 9)
        for a in range(3)
        for b in range(3)
        for c in range(3)
    }
    assert draws.shape == (500, 1)
    assert {round(float(v), 9) for v in draws[:, 0]} == possible


def test_two_by_two_counts():
    table = two_by_two(np.array([1, 1, 0, 0, 0, 1]), np.array([1, 0, 1, 0, 0, 1]))
    assert table.tolist() == [[2, 1], [1, 2]]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_woolf_agrees_with_statsmodels(table, level):
    fit, other = woolf(np.array(table), level), Table2x2(np.array(table))
    assert fit.estimate == pytest.approx(other.log_oddsratio, abs=EXACT)
    assert fit.std_error == pytest.approx(other.log_oddsratio_se, abs=EXACT)
    assert (fit.conf_low, fit.conf_high) == pytest.approx(other.log_oddsratio_confint(1 - level), abs=EXACT)
    assert fit.p_value == pytest.approx(other.log_oddsratio_pvalue(), abs=EXACT)
    assert "continuity_corrected" not in fit.warnings


def test_woolf_adds_one_half_only_for_a_zero_cell_and_says_so():
    fit = woolf(np.array([[5, 0], [3, 9]]), 0.95)
    assert fit.estimate == pytest.approx(np.log(5.5 * 9.5 / (0.5 * 3.5)), abs=EXACT)
    assert "continuity_corrected" in fit.warnings


@pytest.mark.parametrize("table", [[[0, 5], [0, 7]], [[5, 7], [0, 0]], [[0, 0], [0, 0]]])
@pytest.mark.parametrize("function", [woolf, fisher, chi_square])
def test_an_empty_margin_is_a_null_row(table, function):
    fit = function(np.array(table), 0.95)
    assert fit.estimate is None
    assert fit.p_value is None
    assert "no_variation" in fit.warnings


def exact_p(table):
    """Two-sided Fisher: every table with the same margins that is no more probable than this one."""
    (a, b), (c, d) = table
    row, column, n = a + b, a + c, a + b + c + d
    weights = {
        x: comb(row, x) * comb(n - row, column - x) for x in range(max(0, row + column - n), min(row, column) + 1)
    }
    return sum(w for w in weights.values() if w <= weights[a]) / comb(n, column)


@pytest.mark.parametrize("table", TABLES[:1] + TABLES[2:3])
def test_fisher_agrees_with_enumeration(table):
    fit = fisher(np.array(table), 0.95)
    assert fit.p_value == pytest.approx(exact_p(table), rel=1e-9)
    other = stats.contingency.odds_ratio(np.array(table), kind="conditional")
    assert fit.estimate == pytest.approx(np.log(other.statistic), rel=1e-9)
    # The exact interval: at each end the observed count has tail probability 2.5 % (Fisher's definition).
    (a, b), (c, d) = table
    low = stats.nchypergeom_fisher(a + b + c + d, a + b, a + c, np.exp(fit.conf_low))
    assert low.sf(a - 1) == pytest.approx(0.025, rel=1e-4)


def test_chi_square_agrees_with_scipy_and_uses_no_correction():
    fit = chi_square(np.array(TABLES[0]), 0.95)
    other = stats.chi2_contingency(TABLES[0], correction=False)
    assert (fit.statistic, fit.p_value) == pytest.approx((other.statistic, other.pvalue), abs=EXACT)


@pytest.mark.parametrize("seed", range(5))
def test_cmh_agrees_with_statsmodels(seed):
    rng = np.random.default_rng(seed)
    n = 800
    strata, exposed = rng.integers(0, 12, n), rng.integers(0, 2, n)
    event = (rng.random(n) < 0.2 + 0.04 * strata + 0.1 * exposed).astype(int)
    tables = stratum_tables(exposed, event, strata)
    fit = cochran_mantel_haenszel(tables, 0.95)
    other = StratifiedTable(tables.transpose(1, 2, 0).astype(float))
    assert fit.estimate == pytest.approx(other.logodds_pooled, abs=EXACT)
    assert fit.std_error == pytest.approx(other.logodds_pooled_se, abs=EXACT)
    assert (fit.conf_low, fit.conf_high) == pytest.approx(other.logodds_pooled_confint(), abs=1e-8)
    test = other.test_null_odds(correction=False)
    assert (fit.statistic, fit.p_value) == pytest.approx((test.statistic, test.pvalue), abs=EXACT)
    assert fit.n_clusters == 12


def test_cmh_removes_what_the_communities_bring_in():
    # Within each community nothing happens; the exposed community enforces more (Simpson).
    tables = np.array([[[90, 10], [9, 1]], [[1, 9], [10, 90]]])
    assert woolf(tables.sum(axis=0), 0.95).estimate > 2
    assert cochran_mantel_haenszel(tables, 0.95).estimate == pytest.approx(0, abs=EXACT)


def test_cmh_without_a_useful_stratum_is_a_null_row():
    fit = cochran_mantel_haenszel(np.array([[[3, 0], [0, 0]], [[0, 0], [2, 2]]]), 0.95)
    assert fit.estimate is None
    assert "no_variation" in fit.warnings
    separated = cochran_mantel_haenszel(np.array([[[3, 0], [0, 4]]]), 0.95)
    assert separated.estimate is None
    assert "separation" in separated.warnings
    assert separated.p_value < 0.05


def test_multiplicity_agrees_with_statsmodels():
    p = np.random.default_rng(5).random(40) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=EXACT)
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=EXACT)
    for adjusted in (holm(p), benjamini_hochberg(p)):
        ordered = adjusted[np.argsort(p)]
        assert all(a <= b for a, b in pairwise(ordered))
    assert holm(np.empty(0)).size == 0
    assert benjamini_hochberg(np.empty(0)).size == 0
