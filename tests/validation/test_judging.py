"""Regions, sums over runs and the store of runs, held against scipy and against draws of a known law."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from pipeline.validation.draw import SCHEMA, Draw, draw_frame
from pipeline.validation.judge import judged, regions, summarise
from pipeline.validation.region import region
from pipeline.validation.store import RunStore


def made(runs, *, truth=0.0, bias=0.0, scale=1.0, role="primary", seed=0, estimator="e"):
    """Draw estimates of a normal law with spread 0.1, whose standard errors are `scale` times that."""
    rng = np.random.default_rng(seed)
    estimate = truth + bias + 0.1 * rng.standard_normal(runs)
    se = 0.1 * scale
    half = stats.norm.ppf(0.975) * se
    return draw_frame(
        Draw(scenario="s", run=k, estimator=estimator, role=role, term="t", truth=truth, estimate=b, std_error=se,
             conf_low=b - half, conf_high=b + half, p_value=float(2 * stats.norm.sf(abs(b) / se)))
        for k, b in enumerate(estimate.tolist())
    )  # fmt: skip


@pytest.mark.parametrize(
    ("runs", "checks", "coverage", "size"),
    [(1000, 32, (0.923, 0.973), (0.027, 0.077)), (200, 1, (0.905, 0.985), (0.015, 0.095))],
)
def test_regions_are_those_of_the_specification(runs, checks, coverage, size):
    held = regions(runs, checks, 0.01)
    assert (held.coverage.low, held.coverage.high) == pytest.approx(coverage)
    assert (held.size.low, held.size.high) == pytest.approx(size)


def test_a_region_holds_a_perfect_estimator_as_often_as_it_says():
    held = region(200, 0.95)
    inside = stats.binom.cdf(held.high * 200, 200, 0.95) - stats.binom.cdf(held.low * 200 - 1, 200, 0.95)
    assert inside >= 0.99
    assert 0.95 in held
    assert 0.90 not in held


def test_a_good_estimator_is_held_and_bad_ones_are_not():
    good = made(1000, truth=0.8)
    shifted = made(1000, truth=0.8, bias=0.1, estimator="shifted")
    narrow = made(1000, truth=0.0, scale=0.7, estimator="narrow")
    table = judged(summarise(pl.concat([good, shifted, narrow])), regions(1000, 32, 0.01))
    rows = {row["estimator"]: row for row in table.iter_rows(named=True)}
    assert (rows["e"]["coverage_held"], rows["e"]["size_held"], rows["e"]["bias_held"]) == (True, None, True)
    assert rows["e"]["rejected"] == 1.0
    assert rows["e"]["sd_over_se"] == pytest.approx(1, abs=0.06)  # 2.7 standard errors of a spread of 1,000 draws
    assert (rows["shifted"]["coverage_held"], rows["shifted"]["bias_held"]) == (False, False)
    assert rows["shifted"]["bias_in_sd"] == pytest.approx(1, abs=0.15)
    # An interval of 0.7 times its width covers 2 Phi(0.7 * 1.96) - 1 = .83.
    assert rows["narrow"]["coverage"] == pytest.approx(0.83, abs=0.035)
    assert (rows["narrow"]["coverage_held"], rows["narrow"]["size_held"]) == (False, False)


def test_contrasts_are_shown_and_not_held_and_refusals_are_counted():
    naive = made(200, truth=0.0, bias=1.0, role="naive")
    refused = draw_frame([
        Draw(scenario="s", run=200, estimator="e", role="naive", term="t", truth=0.0, estimate=None, std_error=None,
             conf_low=None, conf_high=None, p_value=None, warnings="few_events")
    ])  # fmt: skip
    (row,) = judged(summarise(pl.concat([naive, refused])), regions(200, 1, 0.01)).iter_rows(named=True)
    assert (row["runs"], row["refused"]) == (201, 1)
    assert row["coverage"] < 0.01
    assert row["coverage_held"] is row["size_held"] is row["bias_held"] is None


def test_placebos_without_a_truth_are_held_to_their_size():
    draws = made(1000, role="placebo").with_columns(truth=pl.lit(None, dtype=pl.Float64))
    (row,) = judged(summarise(draws), regions(1000, 32, 0.01)).iter_rows(named=True)
    assert (row["coverage_held"], row["size_held"]) == (None, True)


def test_runs_are_kept_and_only_missing_ones_are_made(tmp_path):
    store = RunStore(tmp_path, "digest")
    assert [(c.start, c.stop) for c in store.missing("s", 50)] == [(0, 20), (20, 40), (40, 50)]
    store.write("s", range(20, 40), made(40).filter(pl.col("run") >= 20))
    assert [(c.start, c.stop) for c in store.missing("s", 50)] == [(0, 20), (40, 50)]
    assert store.read("s", 30)["run"].to_list() == list(range(20, 30))
    assert RunStore(tmp_path, "other").read("s", 50).schema == SCHEMA
    assert not list(tmp_path.rglob("*.unfinished"))
