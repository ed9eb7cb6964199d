import numpy as np
import pytest
from scipy import sparse
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import normalize

from pipeline.language.fidelity import _ties, fidelity_measures, shared_neighbours, weighted_spearman
from pipeline.language.mapping import FOLDS, PIECES_SHARE, SHARPNESS, apply_maps, fit_map, fit_maps
from pipeline.language.static import Read


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


def read(vectors, pieces=None):
    counts = np.zeros((len(vectors), 1)) if pieces is None else pieces
    return Read(vectors.astype(np.float32), sparse.csr_matrix(counts.astype(np.float32)))


def test_the_map_is_the_kernel_regression_of_scikit_learn():
    rng = np.random.default_rng(4)
    plain, pieces = unit(rng.normal(size=(90, 12)) + 0.5), rng.poisson(0.3, size=(90, 40))
    full, known, new = unit(rng.normal(size=(60, 12))), slice(60), slice(60, 90)
    centre = plain[known].mean(axis=0)
    x, y = plain - centre, full - full.mean(axis=0)
    scale = (x[known] * y).sum() / (x[known] ** 2).sum()
    idf = np.log(61 / ((pieces[known] > 0).sum(axis=0) + 1))
    sublinear = TfidfTransformer(norm=None, use_idf=False, sublinear_tf=True).fit_transform(pieces).toarray()
    bags = normalize(sublinear * idf)
    kernel = rbf_kernel(unit(x), gamma=SHARPNESS / 2) + PIECES_SHARE * bags @ bags.T
    model = KernelRidge(alpha=0.2, kernel="precomputed").fit(kernel[known, known], y - scale * x[known])
    expected = unit(full.mean(axis=0) + scale * x + model.predict(kernel[:, known]))
    ours = fit_map(read(plain[known], pieces[known]), full, noise=0.2)(read(plain, pieces))
    assert np.abs(ours[new] - expected[new]).max() < 1e-5  # single precision
    assert np.abs(ours[known] - expected[known]).max() < 1e-5


def test_what_only_word_pieces_tell_is_learned_from_the_teacher():
    rng = np.random.default_rng(5)
    pieces = (rng.random((800, 30)) < 0.2).astype(float)
    full = unit(pieces @ rng.normal(size=(30, 16)) + 0.01)
    plain = unit(rng.normal(size=full.shape))  # says nothing
    mapped = fit_map(read(plain[:700], pieces[:700]), full[:700])(read(plain[700:], pieces[700:]))
    blind = fit_map(read(plain[:700]), full[:700])(read(plain[700:]))
    agreement = [(found * full[700:]).sum(axis=1).mean() for found in (mapped, blind)]
    assert agreement[0] > 0.9  # linear in the pieces but for the unit length
    assert abs(agreement[1]) < 0.4  # what the mean vector alone gives


def test_no_map_sees_its_own_fold():
    rng = np.random.default_rng(4)
    plain, pieces = unit(rng.normal(size=(500, 16))), rng.poisson(0.3, size=(500, 20))
    full, folds = plain @ np.linalg.qr(rng.normal(size=(16, 16)))[0], np.arange(500) % FOLDS
    damaged, other = full.copy(), pieces.copy()
    damaged[folds == 2], other[folds == 2] = rng.normal(size=(100, 16)), 3
    maps, others = fit_maps(read(plain, pieces), full, folds), fit_maps(read(plain, other), damaged, folds)
    for name in ("weights", "table", "rarity", "offset"):
        assert np.array_equal(getattr(maps[2], name), getattr(others[2], name))
        assert not np.array_equal(getattr(maps[1], name), getattr(others[1], name))
    assert apply_maps(maps, read(plain, pieces), folds).shape == plain.shape


def test_with_few_texts_the_distilled_model_stays_as_it_is():
    plain = unit(np.random.default_rng(5).normal(size=(10, 16)))
    folds = np.arange(10) % FOLDS
    mapped = apply_maps(fit_maps(read(plain), plain[::-1], folds), read(plain), folds)
    assert np.allclose(mapped, plain, atol=1e-6)
