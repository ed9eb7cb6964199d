"""Drift, cohesion, inertia, adaptation and corrections: what is planted is found, and brute force agrees."""

from __future__ import annotations

import numpy as np
import pytest
from planted_words import society

from pipeline.activity.row import Sampling
from pipeline.language.clock import read_clock
from pipeline.socialisation.correction import Stratified, adjusted, matched_difference, matched_interval, stratified
from pipeline.socialisation.drift import centroid_similarity, knn_cohesion
from pipeline.socialisation.embedded import ALL, embedded_measures
from pipeline.socialisation.inertia import Windows, best_less_worst

SAMPLING = Sampling(seed=4, bootstrap_draws=10, null_draws=80, clustering_draws=39)
ROUNDING = 1e-9  # sums of some hundred doubles in another order


def measured(con):
    rows = embedded_measures(con, read_clock(con), SAMPLING, [])
    return {(r.measure_id, (r.null_model or "").split("(")[0]): r for r in rows if r.period is None}


def unit(rng, *shape):
    v = rng.normal(size=shape)
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def test_neighbours_and_centroids_equal_brute_force():
    rng = np.random.default_rng(1)
    blocks = unit(rng, 3, 25, 6)
    brute = np.mean([sorted((float(a @ b) for j, b in enumerate(blocks[0]) if j != i), reverse=True)[:10]
                     for i, a in enumerate(blocks[0])])  # fmt: skip
    assert knn_cohesion(blocks[0]) == pytest.approx(brute, abs=ROUNDING)
    means = blocks.mean(axis=1)
    known = [means[i] @ means[i - 1] / np.linalg.norm(means[i]) / np.linalg.norm(means[i - 1]) for i in (1, 2)]
    assert centroid_similarity(blocks)[1:] == pytest.approx(known, abs=ROUNDING)


def test_best_and_worst_posts_of_a_window():
    votes = np.array([5.1, 9.2, 1.3, 7.4, 1.5, 0.0])
    before = np.full((1, 10), -1)
    before[0, :5] = [4, 3, 2, 1, 0]
    cosine = np.full((1, 10), np.nan)
    cosine[0, :5] = [0.4, 0.3, 0.2, 0.9, 0.0]
    # 30 % of five are two: the best are posts 1 and 3, the worst 2 and 4.
    value, _ = best_less_worst(Windows(before, cosine, np.array([0])), votes)
    assert value == pytest.approx([(0.9 + 0.3) / 2 - (0.2 + 0.4) / 2], abs=ROUNDING)
    same = np.full(6, 2.0) + np.linspace(0, 0.9, 6)
    assert len(best_less_worst(Windows(before, cosine, np.array([0])), same)[0]) == 0


def test_matched_difference_equals_a_count_by_hand_and_regression():
    value, treated = np.array([1.0, 0.0, 2.0, 3.0, 7.0, 5.0]), np.array([1, 0, 0, 1, 1, 0])
    found = stratified(value, treated, np.array([0, 0, 0, 2, 2, 2]))
    assert matched_difference(found, found.is_treated) == pytest.approx(((1 - 1) + (3 - 5) + (7 - 5)) / 3)
    assert len(stratified(value, treated, np.array([0, 1, 2, 3, 4, 5])).value) == 0
    rng = np.random.default_rng(2)
    stratum, is_treated = np.repeat(np.arange(5), 20), np.tile([0, 1], 50)
    baseline = rng.normal(size=100) + is_treated
    outcome = 0.7 * baseline + stratum + 0.3 * is_treated + rng.normal(size=100)
    cells = np.eye(10)[stratum * 2 + is_treated]
    slope = np.linalg.lstsq(np.column_stack([baseline, cells]), outcome, rcond=None)[0][0]
    left = adjusted(outcome, baseline, Stratified(outcome, is_treated, stratum))
    assert left == pytest.approx(outcome - slope * baseline, abs=ROUNDING)


def test_matched_interval_covers_at_its_level():
    rng, hits, runs = np.random.default_rng(3), 0, 400
    stratum, is_treated = np.repeat(np.arange(8), 12), np.tile([1, 0, 0], 32)
    for _ in range(runs):
        value = stratum + 0.5 * is_treated + rng.normal(size=96) * (1 + is_treated)
        found = matched_interval(Stratified(value, is_treated, stratum), 0.95)
        hits += found.low <= 0.5 <= found.high
    assert 0.915 <= hits / runs <= 0.98  # 99.9 % region of a coverage of 95 % in 400 runs


def test_planted_persona_is_inertia():
    rows = measured(society(np.random.default_rng(4), persona=1.0))
    found = rows["agent_inertia", "authors_shuffled_within_period"]
    assert found.ci_low > found.null_mean + 5 * found.null_sd
    assert found.n == 40


def test_planted_days_are_drift_and_cohesion():
    rows = measured(society(np.random.default_rng(5), day_pull=2.0))
    for model in ("periods_shuffled", "periods_shuffled_within_agents"):
        apart, close = rows["centroid_similarity", model], rows["knn_cohesion", model]
        assert apart.value < apart.null_mean - 5 * apart.null_sd
        assert close.value > close.null_mean + 5 * close.null_sd


def test_planted_reward_is_adaptation_and_persona_is_not():
    pulled = measured(society(np.random.default_rng(6), per_day=5, vote_pull=2.0))
    found = pulled["feedback_adaptation", "votes_permuted_within_agents"]
    assert found.ci_low > 0
    assert found.p_value == pytest.approx(1 / 81)
    same = measured(society(np.random.default_rng(6), per_day=5, persona=1.0))
    assert same["feedback_adaptation", "votes_permuted_within_agents"].p_value > 0.05


def test_planted_correction_is_uptake():
    rows = measured(society(np.random.default_rng(7), agents=120, correction_pull=1.0))
    found = rows["correction_uptake", "labels_permuted_within_strata"]
    assert found.ci_low > 0.1
    assert found.p_value == pytest.approx(1 / 81)
    assert rows["corrected_return_share", "labels_permuted_within_strata"].ci_low <= 0


def test_without_clock_vectors_or_language_all_are_null():
    con = society(np.random.default_rng(8), agents=12)
    con.execute("UPDATE text SET language = 'ja'")
    rows = embedded_measures(con, read_clock(con), SAMPLING, [])
    assert {r.measure_id for r in rows} == set(ALL)
    assert all(r.value is None and "language_unsupported" in r.warnings for r in rows)
    con.execute("UPDATE text SET language = 'en'")
    con.execute("DELETE FROM embedding")
    rows = embedded_measures(con, read_clock(con), SAMPLING, [])
    assert all(r.value is None and r.warnings == "model_unavailable" for r in rows)
    con.execute("UPDATE message SET created_at = NULL, step = 1")
    rows = embedded_measures(con, read_clock(con), SAMPLING, [])
    assert all(r.value is None and r.warnings == "clock_is_step" for r in rows)
