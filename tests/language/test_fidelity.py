import numpy as np
import pytest
from scipy.stats import spearmanr

from pipeline.language.fidelity import _ties, fidelity_measures, shared_neighbours, weighted_spearman
from pipeline.language.mapping import FOLDS, apply_maps, fit_maps, ridge


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_weighted_spearman_equals_scipy_on_repeated_observations():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 8, size=60).astype(float), rng.normal(size=60)
    b += 0.4 * a
    weights = rng.integers(0, 4, size=60)
    expected = spearmanr(np.repeat(a, weights), np.repeat(b, weights)).statistic
    assert weighted_spearman(_ties(a), _ties(b), weights.astype(float)) == pytest.approx(expected, abs=1e-12)


def test_fidelity_is_one_for_the_teacher_itself_and_near_chance_for_noise():
    rng = np.random.default_rng(2)
    full, noise = unit(rng.normal(size=(200, 32))), unit(rng.normal(size=(200, 32)))
    same = {row.measure_id: row.value for row in fidelity_measures(full, full, seed=1, draws=50, level=0.95)}
    assert same == {"fidelity_spearman_static": pytest.approx(1.0), "fidelity_top10_static": 1.0}
    other = {row.measure_id: row for row in fidelity_measures(noise, full, seed=1, draws=200, level=0.95)}
    assert other["fidelity_spearman_static"].ci_low < 0 < other["fidelity_spearman_static"].ci_high
    assert other["fidelity_top10_static"].value == pytest.approx(10 / 199, abs=0.02)


def test_the_interval_covers_what_many_texts_say():
    rng = np.random.default_rng(3)
    full = unit(rng.normal(size=(4000, 24)))
    cheap = unit(full + 0.15 * rng.normal(size=full.shape))
    upper = np.triu_indices(1000, 1)
    truth = spearmanr((full[:1000] @ full[:1000].T)[upper], (cheap[:1000] @ cheap[:1000].T)[upper]).statistic
    covered = 0
    for turn in range(40):
        at = slice(1000 + 75 * turn, 1075 + 75 * turn)
        row = fidelity_measures(cheap[at], full[at], seed=turn, draws=200, level=0.95)[0]
        covered += row.ci_low <= truth <= row.ci_high
    assert covered >= 34  # of 40; a 95 % interval covers fewer with probability .003


def test_few_texts_and_no_model_are_null_with_a_warning():
    few = fidelity_measures(np.ones((5, 3)), np.ones((5, 3)), seed=1, draws=10, level=0.95)
    assert [(row.value, row.n, row.warnings) for row in few] == [(None, 5, "few_texts")] * 2
    none = fidelity_measures(
        np.ones((0, 3)), np.ones((0, 3)), seed=1, draws=1, level=0.95, warnings=["model_unavailable"]
    )
    assert [row.warnings for row in none] == ["model_unavailable"] * 2


def test_shared_neighbours_counts_what_both_have():
    a = np.array([[9, 3, 2, 1], [3, 9, 1, 2], [2, 1, 9, 3], [1, 2, 3, 9.0]])
    b = np.array([[9, 1, 2, 3], [3, 9, 1, 2], [2, 1, 9, 3], [1, 2, 3, 9.0]])
    assert shared_neighbours(a, b, 2).tolist() == [0.5, 1.0, 1.0, 1.0]


def test_a_map_recovers_a_planted_rotation_and_never_sees_its_own_fold():
    rng = np.random.default_rng(4)
    plain = unit(rng.normal(size=(1500, 16))).astype(np.float32)
    turn = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    full = plain @ turn
    assert np.abs(ridge(plain, full, prior=1e-6)(plain) - full).max() < 1e-4
    folds = np.arange(1500) % FOLDS
    damaged = full.copy()
    damaged[folds == 2] = rng.normal(size=(300, 16))
    maps, others = fit_maps(plain, full, folds), fit_maps(plain, damaged, folds)
    assert np.array_equal(maps[2].matrix, others[2].matrix)
    assert not np.array_equal(maps[1].matrix, others[1].matrix)
    assert apply_maps(maps, plain, folds).shape == plain.shape


def test_with_few_texts_the_distilled_model_stays_as_it_is():
    plain = unit(np.random.default_rng(5).normal(size=(10, 16))).astype(np.float32)
    mapped = apply_maps(fit_maps(plain, plain[::-1], np.arange(10) % FOLDS), plain, np.arange(10) % FOLDS)
    assert np.allclose(mapped, plain, atol=1e-6)
