"""Reliability of weekly scores from split halves, against scipy and a planted error."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pipeline.network.panel import Panel
from pipeline.network.reliability import error_variances, split_half
from pipeline.network.snapshots import tie_intervals

NONE = np.zeros(0, dtype=np.int64)
AGENTS, WEEKS, NOISE = 400, 12, 0.6


def _panel(seed: int, noise: float = NOISE) -> Panel:
    """Scores of variance 2 (half of it between agents), each half with an error of twice the variance of the whole."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(AGENTS, 1)) + rng.normal(size=(AGENTS, WEEKS))
    halves = truth + noise * np.sqrt(2) * rng.normal(size=(2, AGENTS, WEEKS))
    halves[0][rng.random((AGENTS, WEEKS)) < 0.2] = np.nan
    ties = tie_intervals(NONE, NONE, NONE, NONE, AGENTS)
    return Panel(ties, np.nanmean(halves, axis=0), 0, np.full(AGENTS, -1, dtype=np.int64), halves)


def test_equals_spearman_brown_of_scipys_correlation() -> None:
    panel = _panel(1)
    assert panel.halves is not None
    both = np.isfinite(panel.halves).all(axis=0)
    r = stats.pearsonr(panel.halves[0][both], panel.halves[1][both]).statistic
    assert split_half(panel).reliability == pytest.approx(2 * r / (1 + r), abs=1e-12)


def test_finds_the_planted_error() -> None:
    found = split_half(_panel(2))
    assert found.error_variance is not None
    assert found.error_variance_se is not None
    assert found.reliability is not None
    assert found.std_error is not None
    # Within three standard errors of the truth.
    assert abs(found.error_variance - NOISE**2) < 3 * found.error_variance_se
    assert abs(found.reliability - 2 / (2 + NOISE**2)) < 3 * found.std_error


def test_within_agents_and_weeks_only_what_changes_counts() -> None:
    found = split_half(_panel(3), within=True)
    assert found.reliability is not None
    assert found.std_error is not None
    # Of variance 2 one half stands between agents; taking means out takes the same share of truth and error.
    assert abs(found.reliability - 1 / (1 + NOISE**2)) < 3 * found.std_error


def test_standard_error_is_the_spread_over_panels() -> None:
    found = [split_half(_panel(seed)) for seed in range(40)]
    spread = np.std([f.reliability for f in found if f.reliability], ddof=1)
    # The sd of 40 draws is known to about 11 %; three of them.
    assert np.mean([f.std_error for f in found if f.std_error]) == pytest.approx(spread, rel=0.34)


def test_weights_say_which_scores_are_noisy() -> None:
    rng = np.random.default_rng(5)
    weight = rng.integers(2, 40, size=(AGENTS, WEEKS)).astype(np.float64)
    halves = rng.normal(size=(AGENTS, WEEKS)) + rng.normal(size=(2, AGENTS, WEEKS)) / np.sqrt(weight / 2)
    panel = replace(_panel(5), halves=halves, scores=halves.mean(axis=0), weight=weight)
    variances = error_variances(panel)
    assert variances is not None
    assert np.allclose(variances * weight, np.mean(variances * weight))
    # One message has the planted variance 1; relative error of a mean of 4,800 squares is 2 %, times three.
    assert float(np.mean(variances * weight)) == pytest.approx(1.0, rel=0.07)


def test_too_little_says_so() -> None:
    panel = _panel(6)
    assert panel.halves is not None
    assert split_half(replace(panel, halves=None)).warning == "no_halves"
    assert split_half(panel.window(0, 0)).warning == "few_agents"
    constant = split_half(replace(panel, halves=np.ones_like(panel.halves)))
    assert (constant.reliability, constant.warning) == (None, "no_variation")
    assert error_variances(replace(panel, halves=None)) is None
