"""Event studies: against plain loops, Welch's t-test and statsmodels, with planted effects, and at their size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from pipeline.inference.event_study import (
    NEVER,
    EventStudy,
    average_fit,
    base_week,
    event_study,
    offset_fit,
    pretrend,
    simultaneous_bands,
    static_twfe,
)

EXACT = 1e-9
"""Sums in another order."""
GROWTH = 0.07
"""Weekly growth of the planted effect; over the weeks 0 to 12 it is 0.42 on average (STATISTICS 4.2)."""


def world(
    seed: int, *, agents: int = 300, weeks: int = 24, growth: float = 0.0, missing: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """Agents with levels of their own, shocks that last, staggered treatment of half of them, effect growth * k."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(size=(agents, weeks))
    for week in range(1, weeks):
        shocks[:, week] += 0.5 * shocks[:, week - 1]
    outcome = rng.normal(size=(agents, 1)) + rng.normal(size=(1, weeks)) + shocks
    first = np.where(rng.random(agents) < 0.5, rng.integers(4, weeks, agents), NEVER)
    since = np.arange(weeks)[None, :] - first[:, None]
    outcome += np.where(since >= 0, growth * since, 0.0)
    outcome[rng.random((agents, weeks)) < missing] = np.nan
    return outcome, first


def after_transient_highs(seed: int, agents: int = 400, weeks: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """A treatment without effect, given in the week after the first that stands 1.5 sd above the agent's level."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(agents, weeks))
    high = noise > 1.5
    high[:, :4] = False
    first = np.where(high.any(axis=1), high.argmax(axis=1) + 1, NEVER)
    return noise + rng.normal(size=(agents, 1)), np.where(first < weeks, first, NEVER)


def test_effects_equal_a_plain_loop_over_cohorts_and_weeks() -> None:
    outcome, first = world(1, growth=0.1)
    study = event_study(outcome, first, base=-2, leads=5, lags=5)
    frame = pd.DataFrame(outcome)
    sums: dict[int, list[tuple[float, int]]] = {}
    for cohort, offset, effect, treated, controls in zip(
        study.cells.cohort, study.cells.offset, study.cells.effect, study.cells.treated, study.cells.controls,
        strict=True,
    ):  # fmt: skip
        change = frame[cohort + offset] - frame[cohort - 2]
        own = change[first == cohort].dropna()
        theirs = change[first > max(cohort, cohort + offset)].dropna()
        assert (len(own), len(theirs)) == (treated, controls)
        assert effect == pytest.approx(own.mean() - theirs.mean(), abs=EXACT)
        sums.setdefault(int(offset), []).append((effect, int(treated)))
    assert sorted(sums) == [k for k in range(-5, 6) if k != -2]
    for place, offset in enumerate(study.offsets):
        effects, sizes = np.array(sums[int(offset)]).T
        assert study.effect[place] == pytest.approx(np.average(effects, weights=sizes), abs=EXACT)


def test_one_cohort_is_welchs_test() -> None:
    outcome, _ = world(2, missing=0.2)
    first = np.where(np.arange(len(outcome)) % 3 == 0, 10, NEVER)
    study = event_study(outcome, first)
    fit = offset_fit(study, 4, 0.95)
    change = outcome[:, 14] - outcome[:, 9]
    own, theirs = (change[(first == g) & np.isfinite(change)] for g in (10, NEVER))
    welch = stats.ttest_ind(own, theirs, equal_var=False)
    assert fit.estimate == pytest.approx(own.mean() - theirs.mean(), abs=EXACT)
    assert fit.statistic == pytest.approx(welch.statistic, abs=EXACT)
    assert abs(study.influence.sum(axis=0)).max() < EXACT


def test_one_event_time_and_cohort_is_the_saturated_regression_of_statsmodels() -> None:
    """Two weeks, one cohort: the effect is the interaction of an OLS with agent dummies; CRV1."""
    outcome, _ = world(3, agents=80, missing=0.0)
    first = np.where(np.arange(80) % 2 == 0, 10, NEVER)
    fit = offset_fit(event_study(outcome, first), 0, 0.95)
    long = pd.DataFrame({
        "y": outcome[:, [9, 10]].ravel(), "agent": np.repeat(np.arange(80), 2), "after": np.tile([0, 1], 80),
        "treated": np.repeat((first == 10).astype(int), 2),
    })  # fmt: skip
    ols = smf.ols("y ~ C(agent) + after + after:treated", long).fit()
    assert fit.estimate == pytest.approx(ols.params["after:treated"], abs=EXACT)


def test_static_regression_equals_statsmodels_with_dummies() -> None:
    outcome, first = world(4, agents=60, weeks=14, growth=0.1, missing=0.15)
    fit = static_twfe(outcome, first, 0.95)
    agent, week = np.nonzero(np.isfinite(outcome))
    long = pd.DataFrame({"y": outcome[agent, week], "agent": agent, "week": week, "on": (week >= first[agent]) * 1.0})
    ols = smf.ols("y ~ on + C(agent) + C(week)", long).fit(
        cov_type="cluster", cov_kwds={"groups": long["agent"], "use_correction": False}
    )
    assert fit.estimate == pytest.approx(ols.params["on"], abs=1e-7)  # projections stop at 1e-10 of the outcome
    assert fit.std_error == pytest.approx(ols.bse["on"] * np.sqrt(60 / 59), rel=1e-6)


def test_growing_effect_is_found_and_the_static_regression_misses_it() -> None:
    outcome, first = world(5, agents=4000, growth=GROWTH)
    study = event_study(outcome, first, lags=12)
    fit = average_fit(study, range(13), 0.99)
    assert fit.conf_low is not None and fit.conf_high is not None
    assert fit.conf_low < 6 * GROWTH < fit.conf_high  # mean of 0 to 12 weeks of growth: .42
    assert study.effect[-1] == pytest.approx(12 * GROWTH, abs=4 * study.errors[-1])
    naive = static_twfe(outcome, first, 0.99)
    assert naive.conf_high is not None and naive.conf_high < 6 * GROWTH - 0.05


def test_bands_are_wider_than_points_and_narrower_than_bonferroni() -> None:
    outcome, first = world(6, agents=1000)
    study = event_study(outcome, first)
    band = simultaneous_bands(study, 0.95, np.random.default_rng(0))
    few = stats.t(int(study.treated.min()) - 1)
    assert few.ppf(0.975) < band.critical < few.ppf(1 - 0.025 / len(study.offsets)) + 0.02
    again = simultaneous_bands(study, 0.95, np.random.default_rng(0))
    assert np.array_equal(band.low, again.low)


def test_transient_highs_are_flagged_and_their_fall_is_an_artefact() -> None:
    outcome, first = after_transient_highs(7)
    study = event_study(outcome, first)
    fall = average_fit(study, range(1, 8), 0.95)
    assert fall.conf_high is not None and fall.conf_high < -1.0  # nothing happens, and the study finds -1.9
    assert pretrend(study).p_value is not None and pretrend(study).p_value < 1e-6  # type: ignore[operator]
    found = base_week(study)
    assert found.estimate is not None and found.estimate > 1.0
    assert "regression_to_the_mean" in found.warnings
    assert found.std_error is not None and found.std_error > 0


def test_shared_shocks_need_clusters() -> None:
    rng = np.random.default_rng(9)
    outcome, first = world(9, agents=600, missing=0.0)
    group = np.arange(600) % 60
    first = np.where(group < 30, 12, NEVER)
    outcome += rng.normal(size=(60, outcome.shape[1]))[group] * 2
    study = event_study(outcome, first)
    alone, together = average_fit(study, [3], 0.95), average_fit(study, [3], 0.95, group)
    assert together.n_clusters == 60
    assert together.std_error is not None and alone.std_error is not None
    assert together.std_error > 2 * alone.std_error
    mean = pd.DataFrame({"change": outcome[:, 15] - outcome[:, 11], "group": group}).groupby("group")["change"].mean()
    welch = stats.ttest_ind(mean[:30], mean[30:], equal_var=False)
    assert together.statistic == pytest.approx(welch.statistic, rel=0.02)  # n/(n-1) of agents on top of that of groups


def test_too_little_data_gives_words_not_numbers() -> None:
    outcome, first = world(10, agents=30)
    study = event_study(outcome, np.where(np.arange(30) < 10, 8, NEVER))
    assert study.offsets.size == 0
    for fit in (average_fit(study, range(5), 0.95), pretrend(study), base_week(study)):
        assert fit.estimate is None and fit.warnings == ("few_events",)
    everyone = event_study(outcome, np.full(30, 8))
    assert everyone.offsets.size == 0
    constant = event_study(np.ones((200, 20)), np.where(np.arange(200) < 100, 8, NEVER))
    fit = average_fit(constant, range(5), 0.95)
    assert fit.p_value is None and fit.warnings == ("no_variation",)
    assert static_twfe(np.full((5, 4), np.nan), np.full(5, 2), 0.95).warnings == ("no_variation",)
    assert static_twfe(outcome, np.full(30, NEVER), 0.95).warnings == ("no_variation",)
    with pytest.raises(ValueError, match="before the treatment"):
        event_study(outcome, first, base=0)


def _rejections(runs: int, seed: int) -> dict[str, float]:
    found: dict[str, list[bool]] = {"point": [], "average": [], "pretrend": [], "base": [], "band": []}
    for run in range(runs):
        study = event_study(*world(seed + run), leads=5, lags=6)
        band = simultaneous_bands(study, 0.95, np.random.default_rng(run))
        found["point"].append(_is_small(offset_fit(study, 3, 0.95).p_value))
        found["average"].append(_is_small(average_fit(study, range(7), 0.95).p_value))
        found["pretrend"].append(_is_small(pretrend(study).p_value))
        found["base"].append(_is_small(base_week(study).p_value))
        found["band"].append(bool(((band.low > 0) | (band.high < 0)).any()))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _is_small(p_value: float | None) -> bool:
    assert p_value is not None
    return p_value < 0.05


def test_size_in_forty_runs() -> None:
    rates = _rejections(40, 1000)
    for name, rate in rates.items():
        assert rate <= stats.binom.ppf(0.999, 40, 0.05) / 40, name
    assert any(rate > 0 for rate in rates.values())


@pytest.mark.slow
def test_size_in_two_hundred_runs(within: Callable[..., None]) -> None:
    within({f"event study: {name}": rate for name, rate in _rejections(200, 5000).items()})


def test_influence_functions_stand_for_agents() -> None:
    outcome, first = world(11)
    study: EventStudy = event_study(outcome, first)
    assert study.influence.shape == (len(outcome), len(study.offsets))
    draws = []
    rng = np.random.default_rng(0)
    for _ in range(100):
        picked = rng.integers(0, len(outcome), len(outcome))
        again = event_study(outcome[picked], first[picked], leads=0, lags=2)
        draws.append(again.effect[again.offsets == 2][0])
    # 100 draws know their own spread to 7 %; three times that.
    assert np.std(draws) == pytest.approx(study.errors[study.offsets == 2][0], rel=0.21)
