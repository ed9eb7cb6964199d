import itertools

import numpy as np
import pytest
from scipy import sparse

from pipeline.language.mapping import FOLDS, apply_maps, fit_maps
from pipeline.language.prediction_powered import powered_mean, powered_similarity
from pipeline.language.static import Read

RESAMPLES = 200
COVERED = (0.905, 0.985)  # a 95 % interval covers in 181 to 197 of 200 with probability .99

SPREAD = 0.2  # the spread of 200 estimates is known to 5 %, so this is four of its standard errors


def population(rng, n=4000, noise=0.6):
    """A number T, a cheap C that correlates with it and is biased, and skewed copies."""
    signal = rng.normal(size=n)
    teacher = signal + noise * rng.normal(size=n)
    cheap = 0.3 + 0.7 * signal + 0.2 * rng.normal(size=n)
    return teacher, cheap, 1.0 + rng.geometric(0.5, size=n)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("is_share", [False, True])
def test_intervals_cover_the_truth_and_are_narrower_than_the_sample_alone(is_weighted, is_share):
    teacher, cheap, copies = population(np.random.default_rng(1))
    if is_share:
        teacher, cheap = teacher > 0.8, cheap > 0.8
    weights = copies if is_weighted else np.ones(len(teacher))
    truth = np.average(teacher, weights=weights)
    covered, width = [], []
    for turn in range(RESAMPLES):
        at = np.random.default_rng([2, turn]).choice(len(teacher), 400, replace=False)
        found = powered_mean(
            teacher[at], cheap[at], cheap, weights_sample=weights[at], weights_all=weights, is_share=is_share
        )
        covered.append(found.ci_low <= truth <= found.ci_high)
        width.append(found.std_error / found.sample_std_error)
    assert COVERED[0] <= np.mean(covered) <= COVERED[1]
    assert np.median(width) < 0.9


def test_intervals_of_mean_similarity_cover_the_truth():
    rng = np.random.default_rng(3)
    topics = rng.normal(size=(4, 16))
    full = topics[rng.choice(4, 2000, p=[0.55, 0.25, 0.15, 0.05])] + rng.normal(size=(2000, 16))
    cheap = full + 0.5 * rng.normal(size=full.shape)
    full, cheap = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (full, cheap))
    truth = powered_similarity(full, full, full).value
    covered, width = [], []
    for turn in range(RESAMPLES):
        at = np.random.default_rng([4, turn]).choice(2000, 200, replace=False)
        found = powered_similarity(full[at], cheap[at], cheap)
        covered.append(found.ci_low <= truth <= found.ci_high)
        width.append(found.std_error / found.sample_std_error)
    assert COVERED[0] <= np.mean(covered) <= COVERED[1]
    assert np.median(width) < 0.9


@pytest.mark.parametrize(("noise", "widest"), [(0.15, 0.8), (1.5, 1.01)])
def test_intervals_cover_when_the_maps_are_fitted_on_the_very_sample(noise, widest):
    """Texts and descriptions, both mapped anew in each sample: share above a threshold, and mean alignment.

    With little noise the static model tells the teacher well, with much it hardly does: then the maps are most of what
    varies from sample to sample, and an interval that forgets them would be too narrow.
    """
    rng = np.random.default_rng(9)
    n, size, turn = 600, 120, rng.normal(size=(20, 12))
    topics = (rng.random((40, 20)) < 0.3).astype(float)  # word pieces of descriptions, and of what their authors write
    author = rng.integers(0, 40, n)
    pieces = ((topics[author] > 0) & (rng.random((n, 20)) < 0.7)) | (rng.random((n, 20)) < 0.1)
    full, own = (unit(x @ turn + 0.8 * rng.normal(size=(len(x), 12))) for x in (pieces.astype(float), topics))
    plain, own_plain = (unit(x + noise * rng.normal(size=x.shape)) for x in (full, own))
    pieces = np.where(rng.random(pieces.shape) < min(noise, 1) / 2, rng.random(pieces.shape) < 0.3, pieces)
    texts, personas = (
        Read(x.astype(np.float32), sparse.csr_matrix(y, dtype=np.float32))
        for x, y in ((plain, pieces), (own_plain, topics))
    )
    folds, own_folds = rng.integers(0, FOLDS, n), rng.integers(0, FOLDS, 40)
    dear = np.einsum("ij,ij->i", full, own[author])
    covered, errors, width = {"mean": [], "share": []}, {"mean": [], "share": []}, []
    for draw in range(RESAMPLES):
        at = np.sort(np.random.default_rng([10, draw]).choice(n, size, replace=False))
        seen = np.unique(author[at])
        cheap = apply_maps(fit_maps(texts.rows(at), full[at], folds[at]), texts, folds)
        mapped = apply_maps(fit_maps(personas.rows(seen), own[seen], own_folds[seen]), personas, own_folds)
        near = np.einsum("ij,ij->i", cheap, mapped[author]).astype(float)
        for name, t in (("mean", dear), ("share", dear >= 0.5)):
            found = powered_mean(t[at], near[at], near, is_share=name == "share")
            covered[name].append(found.ci_low <= t.mean() <= found.ci_high)
            errors[name].append((found.value - t.mean(), found.std_error))
            if name == "mean":
                width.append(found.std_error / found.sample_std_error)
    for name in covered:
        assert COVERED[0] <= np.mean(covered[name]) <= COVERED[1]
        misses, said = np.array(errors[name]).T
        assert misses.std() / np.sqrt(np.mean(said**2)) == pytest.approx(1, abs=SPREAD)
        assert abs(misses.mean()) < 4 * misses.std() / np.sqrt(RESAMPLES)
    assert np.median(width) < widest


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_a_cheap_model_that_knows_nothing_does_no_harm():
    teacher, _, _ = population(np.random.default_rng(5))
    noise = np.random.default_rng(6).normal(size=len(teacher))
    at = np.arange(400)
    found = powered_mean(teacher[at], noise[at], noise)
    assert abs(found.tuning) < 0.2
    assert found.std_error == pytest.approx(found.sample_std_error, rel=0.02)


def test_without_weights_it_is_the_tuned_formula():
    teacher, cheap, _ = population(np.random.default_rng(7), n=1000)
    t, c = teacher[:100], cheap[:100]
    tuning = np.cov(t, c)[0, 1] / c.var(ddof=1)
    found = powered_mean(t, c, cheap)
    assert found.value == pytest.approx(t.mean() + tuning * (cheap.mean() - c.mean()), abs=1e-12)
    rest = (t - t.mean()) - tuning * (c - c.mean())
    assert found.std_error == pytest.approx(np.sqrt(0.9 * (rest @ rest) / 98 / 100), rel=1e-12)


def test_weights_are_copies():
    """The mean over messages equals the mean over distinct texts weighted by copies."""
    teacher, _, copies = population(np.random.default_rng(8), n=50)
    whole = powered_mean(teacher, teacher, teacher, weights_sample=copies, weights_all=copies)
    assert whole.value == pytest.approx(np.repeat(teacher, copies.astype(int)).mean(), rel=1e-12)
    assert (whole.method, whole.ci_low, whole.std_error) == ("census", None, None)


def test_mean_similarity_and_its_error_equal_brute_force():
    rng = np.random.default_rng(9)
    vectors, weights = rng.normal(size=(12, 5)), rng.integers(1, 4, size=12).astype(float)

    def mean(rows):
        pairs = list(itertools.combinations(rows, 2))
        products = [weights[i] * weights[j] for i, j in pairs]
        return np.average([vectors[i] @ vectors[j] for i, j in pairs], weights=products)

    cheap_all = np.concatenate([np.zeros((12, 5)), np.zeros((108, 5))])
    found = powered_similarity(
        np.tile(vectors, (3, 1)), np.zeros((36, 5)), np.zeros((360, 5)), weights_sample=np.tile(weights, 3)
    )
    assert found.tuning == 0.0
    small = powered_similarity(vectors, cheap_all[:12], cheap_all, weights_sample=weights)
    assert small.value == pytest.approx(mean(range(12)), rel=1e-12)
    assert (small.ci_low, small.warnings) == (None, ("few_texts",))
    vectors, weights = np.tile(vectors, (3, 1)), np.tile(weights, 3)
    without = np.array([mean([row for row in range(36) if row != left]) for left in range(36)])
    jackknife = 35 / 36 * ((without - without.mean()) ** 2).sum()
    assert found.sample_std_error == pytest.approx(np.sqrt(0.9 * jackknife), rel=1e-9)


def test_what_cannot_be_estimated_is_null_and_says_why():
    nothing = powered_mean(np.zeros(0), np.zeros(0), np.zeros(5))
    assert (nothing.value, nothing.warnings) == (None, ("few_texts",))
    still = powered_mean(np.zeros(50), np.zeros(50), np.zeros(500), is_share=True)
    assert (still.value, still.ci_low, still.warnings) == (0.0, None, ("no_variation",))
    heavy = np.ones(500)
    heavy[0] = 1e6
    values = np.random.default_rng(1).normal(size=500)
    skewed = powered_mean(values[:50], values[:50] + 1, values + 1, weights_sample=heavy[:50], weights_all=heavy)
    assert "heavy_tail" in skewed.warnings or skewed.ci_low is None
    with pytest.raises(ValueError, match="do not belong together"):
        powered_mean(np.zeros(3), np.zeros(2), np.zeros(9))
