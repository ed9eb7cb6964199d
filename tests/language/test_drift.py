"""Matched placebo events against a plain loop; planted effects found, and none where there are none."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from pipeline.language.drift import (
    Series,
    change_at,
    donor_places,
    event_curve,
    matched,
    matched_dose,
    matched_effect,
    one_placebo,
    paired_t,
    sign_share,
    step_at,
    strata,
    whole_changes,
)
from pipeline.language.drift_measures import output_shift
from pipeline.language.persona_frame import in_order, series_of
from pipeline.simulation.drift import DriftTruth, simulate_drift

COVERED_200 = (0.905, 0.985)
"""Where the share of intervals of 95 % that cover the truth lies in 200 runs with 99 % (STATISTICS 2.7)."""
NOTHING = {
    "plain": DriftTruth(trend=0, trend_sd=0, chase=0, age=0),
    "old posts have more votes": DriftTruth(chase=0),
    "votes chase alignment": DriftTruth(trend=0, trend_sd=0, age=0),
    "all of these": DriftTruth(),
}


def of_lists(*posts, event):
    sizes = np.array([len(values) for values in posts])
    return Series(np.concatenate(posts).astype(float), np.cumsum(sizes) - sizes, sizes, np.array(event))


def by_loop(series, window):
    """The same numbers, one agent and one placebo at a time."""
    found = {}
    room = [
        i for i, (n, k) in enumerate(zip(series.sizes, series.event, strict=True))
        if window <= k < n - window and n >= 2 * window + 2
    ]  # fmt: skip
    group = strata(series.sizes)

    def delta(i, k):
        y = series.values[series.starts[i] : series.starts[i] + series.sizes[i]]
        return y[k + 1 : k + 1 + window].mean() - y[k - window : k].mean()

    for i in room:
        n, placebo, leaked = series.sizes[i], [], []
        for j in room:
            if j != i and group[j] == group[i]:
                share = (series.event[j] - window) / (series.sizes[j] - 1 - 2 * window)
                k = window + int(np.floor(share * (n - 1 - 2 * window) + 0.5))
                placebo.append(delta(i, k))
                after = np.arange(n) > series.event[i]
                leaked.append(after[k + 1 : k + 1 + window].mean() - after[k - window : k].mean())
        if placebo:
            change = delta(i, series.event[i])
            found[i] = (change, change - np.mean(placebo), 1 - np.mean(leaked))
    return found


@pytest.mark.parametrize("window", [1, 2, 3])
def test_changes_equal_those_of_a_plain_loop(window):
    series = simulate_drift(DriftTruth(agents=120, chase=0, age=0.1), seed=window)
    found, expected = matched(series, window), by_loop(series, window)
    assert found.agents.tolist() == sorted(expected)
    assert len(expected) > 20
    ours = np.column_stack([found.change, found.net, found.kept])
    # Differences of running sums of some hundred numbers of order one.
    assert ours == pytest.approx(np.array([expected[i] for i in sorted(expected)]), abs=1e-10)


def test_what_is_held_at_once_changes_nothing(monkeypatch):
    """All pairs of a stratum of thousands of agents would not fit into memory; parts give the very same numbers."""
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 60, 300)
    series = Series(
        rng.normal(size=sizes.sum()), np.cumsum(sizes) - sizes, sizes, (rng.random(300) * sizes).astype(int)
    )

    def results():
        found = matched(series, 3)
        moved = one_placebo(series, 3, np.random.default_rng(1)).event
        return [*(part.tolist() for part in (found.agents, found.change, found.net, found.kept, moved)),
                event_curve(series, 5, 3)]  # fmt: skip

    at_once = results()
    monkeypatch.setattr("pipeline.language.drift.MOST_PAIRS", 50)
    assert results() == at_once
    assert len(at_once[0]) > 100


def test_a_change_without_room_is_none():
    series = of_lists([1, 2, 4, 8, 16], event=[2])
    assert change_at(series, np.array([0]), np.array([2]), 2).tolist() == [12 - 1.5]
    assert np.isnan(change_at(series, np.array([0] * 4), np.array([0, 1, 3, -1]), 2)).all()


def test_a_step_leaks_into_windows_near_it():
    # At the event itself the step counts whole, one post away from it half of it, far from it nothing.
    assert step_at(np.array([0, 1, -1, 2, -2, 3, 40]), 2).tolist() == [1, 1, 0.5, 0.5, 0, 0, 0]


def test_events_keep_their_share_of_the_places():
    assert donor_places(np.array([1, 3, 5]), np.array([7, 7, 7]), np.array([13, 13, 13]), 1).tolist() == [1, 6, 11]
    same = np.arange(2, 8)
    assert donor_places(same, np.full(6, 10), np.full(6, 10), 2).tolist() == same.tolist()


def test_agents_are_matched_on_their_number_of_posts():
    sizes = np.array([4, 5, 12, 13, 14, 15, 17, 24, 30])
    assert strata(sizes).tolist() == [4, 5, 12, 13, 13, 14, 15, 17, 18]


def test_a_trend_of_ones_own_is_no_effect():
    rng = np.random.default_rng(3)
    posts = [slope * np.arange(n) for slope, n in zip(rng.normal(size=80), rng.integers(6, 12, 80), strict=True)]
    series = of_lists(*posts, event=[rng.integers(1, len(p) - 1) for p in posts])
    assert np.abs(matched(series, 1).net).max() < 1e-10
    before, after = whole_changes(series)
    assert np.abs(after - before)[np.isfinite(after - before)].mean() > 1


def test_published_changes_are_those_of_all_posts():
    series = of_lists([1, 2, 9, 4, 6], [5, 1], [1, 3, 2], event=[2, 0, 1])
    before, after = whole_changes(series)
    assert before[[0, 2]].tolist() == [1.5, 1]
    assert np.isnan(before[1])
    assert after.tolist() == [5, 1, 2]
    values = np.random.default_rng(1).normal(0.1, 1, 50)
    fit, test = paired_t(values, 0.95), stats.ttest_1samp(values, 0)
    assert (fit.statistic, fit.p_value) == pytest.approx((test.statistic, test.pvalue), rel=1e-12)
    ci = test.confidence_interval(0.95)
    assert (fit.conf_low, fit.conf_high) == pytest.approx((ci.low, ci.high), rel=1e-12)
    signs = sign_share(values, 0.95)
    assert signs.estimate == pytest.approx((values < 0).mean() - 0.5)


def test_few_events_have_no_test():
    series = simulate_drift(DriftTruth(agents=12), seed=1)
    assert matched_effect(matched(series, 1), 0.95).warnings == ("few_events",)
    assert matched_effect(matched(series, 1), 0.95).p_value is None
    empty = Series(np.zeros(0), *(np.zeros(0, dtype=np.int64) for _ in range(3)))
    assert matched_effect(matched(empty, 1), 0.95).n_obs == 0
    assert event_curve(empty, 3, 1) == []


def test_a_planted_change_is_found_and_the_curve_shows_it():
    truth = DriftTruth(agents=3000, effect=-0.1)
    series = simulate_drift(truth, seed=5)
    fit = matched_effect(matched(series, 1), 0.95)
    # Four standard errors: one draw in 16,000 of a right estimator is farther away.
    assert abs(fit.estimate - truth.effect) < 4 * fit.std_error
    assert fit.p_value < 1e-4
    curve = {point.offset: point for point in event_curve(series, 3, 1)}
    assert curve[1].mean < curve[-1].mean - 3 * curve[1].error
    # Votes chase what is special about a post, so the event itself stands out: regression to the mean.
    assert curve[0].mean > 4 * curve[0].error
    placebo = matched_effect(matched(one_placebo(series, 1, np.random.default_rng(2)), 1), 0.95)
    assert abs(placebo.estimate) < 4 * placebo.std_error


def test_a_planted_dose_is_found():
    rng = np.random.default_rng(9)
    series = simulate_drift(DriftTruth(agents=3000, trend=0, trend_sd=0, chase=0), seed=9)
    dose = rng.normal(size=3000)
    own = np.repeat(np.arange(3000), series.sizes)
    place = np.arange(len(own)) - series.starts[own]
    values = series.values + 0.05 * dose[own] * (place > series.event[own])
    found = matched(Series(values, series.starts, series.sizes, series.event), 1)
    fit = matched_dose(found, dose[found.agents], 0.95)
    assert abs(fit.estimate - 0.05 * dose[found.agents].std()) < 4 * fit.std_error


def rejections(truth, runs):
    found = {"matched": [], "placebo": [], "dose": [], "published": []}
    for seed in range(runs):
        series = simulate_drift(truth, seed=1000 + seed)
        effect = matched(series, 1)
        moved = matched(one_placebo(series, 1, np.random.default_rng(seed)), 1)
        dose = np.random.default_rng(seed).normal(size=len(effect.net))
        before, after = whole_changes(series)
        change = (after - before)[np.isfinite(after - before)]
        found["matched"].append(matched_effect(effect, 0.95).p_value)
        found["placebo"].append(matched_effect(moved, 0.95).p_value)
        found["dose"].append(matched_dose(effect, dose, 0.95).p_value)
        found["published"].append(paired_t(change, 0.95).p_value)
    return {name: np.mean(np.array(values) < 0.05) for name, values in found.items()}


def test_where_votes_do_nothing_the_published_change_is_found_and_the_matched_one_is_not():
    shares = rejections(DriftTruth(), runs=40)
    assert shares["published"] > 0.95
    # The binomial 99 % region of 40 draws at .05 ends at 6 of 40.
    assert shares["matched"] <= 6 / 40
    assert shares["placebo"] <= 6 / 40


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NOTHING))
def test_where_nothing_is_planted_one_test_in_twenty_rejects(name, within):
    shares = rejections(NOTHING[name], runs=200)
    within({f"drift, {name}: {test}": shares[test] for test in ("matched", "placebo", "dose")})


@pytest.mark.slow
def test_intervals_cover_a_planted_effect(within):
    truth = DriftTruth(effect=-0.05)
    fits = [matched_effect(matched(simulate_drift(truth, seed), 1), 0.95) for seed in range(200)]
    covered = np.mean([fit.conf_low <= truth.effect <= fit.conf_high for fit in fits])
    bias = (np.mean([fit.estimate for fit in fits]) - truth.effect) / np.mean([fit.std_error for fit in fits])
    within({"drift planted at -.05: share of intervals that cover it": covered}, COVERED_200)
    within({"drift planted at -.05: bias in standard errors": bias}, (-0.25, 0.25))
    within({"drift planted at -.05: found": np.mean([fit.p_value < 0.05 for fit in fits])}, (0.5, 1.0))


def posts_of(*agents, **columns):
    """Posts of several agents, each a list of votes, one minute apart."""
    rows = [
        {"author": a, "message_id": f"m{a}-{j}", "votes": votes, "karma": 3, "step": None, "at_precision": "us",
         "created_at": datetime(2026, 1, 28) + timedelta(minutes=j), **columns}
        for a, agent in enumerate(agents) for j, votes in enumerate(agent)
    ]  # fmt: skip
    schema = {"step": pl.Int64, "votes": pl.Int64, "karma": pl.Int64}
    return pl.DataFrame(rows, schema_overrides=schema)


def test_the_event_is_the_first_of_the_highest_and_needs_a_vote():
    posts = posts_of([0, 3, 3, 1], [0, 0], [5], [None, 2, None]).with_columns(y=pl.lit(0.5))
    series, most = series_of(in_order(posts.sample(fraction=1, shuffle=True, seed=4)), "y")
    assert series.sizes.tolist() == [4, 1, 3]
    assert series.event.tolist() == [1, 0, 1]
    assert most.tolist() == [3, 5, 2]


def test_output_shift_is_the_share_of_posts_after_the_event():
    posts = posts_of([0, 3, 3, 1], [0, 0], [5], [1, 0, 0, 0, 0])
    rows = {row.measure_id: row for row in output_shift(posts, 0.95)}
    assert rows["output_shift_agents"].value == 4
    assert rows["output_shift_ratio_mean"].value == pytest.approx(np.mean([0.5, 0.5, 0, 0.8]))
    assert rows["output_shift_ratio_median"].value == pytest.approx(0.5)
    assert rows["output_shift_ratio_mean_upvoted"].value == pytest.approx(np.mean([0.5, 0, 0.8]))
    assert rows["output_shift_elevated_share"].value == pytest.approx(1)
    # Of all places of each agent with the same chance.
    ratios = [[(n - 1 - k) / n for k in range(n)] for n in (4, 2, 1, 5)]
    assert rows["output_shift_ratio_mean"].null_mean == pytest.approx(np.mean([np.mean(r) for r in ratios]))
    expected = np.sqrt(sum(np.var(r) for r in ratios)) / 4
    assert rows["output_shift_ratio_mean"].null_sd == pytest.approx(expected)
    more = [[(n - 1 - k) > k for k in range(n)] for n in (4, 2, 5)]
    assert rows["output_shift_elevated_share"].null_mean == pytest.approx(np.mean([np.mean(m) for m in more]))


@pytest.mark.parametrize(
    ("posts", "word"),
    [
        (posts_of([None, None]), "no_scores"),
        (posts_of([1, 2], at_precision="month"), "time_too_coarse"),
        (posts_of([1]).clear(), "few_posts"),
    ],
)
def test_what_has_no_event_says_why(posts, word):
    rows = output_shift(posts, 0.95)
    assert {row.value for row in rows} == {None}
    assert {row.warnings for row in rows} == {word}
