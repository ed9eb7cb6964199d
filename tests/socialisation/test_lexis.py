"""Pure functions against other implementations, brute force and planted exponents."""

from __future__ import annotations

import bleu
import numpy as np
import pytest
from scipy import optimize

from pipeline.socialisation.lexis import (
    distinct_n,
    grams,
    heaps_beta,
    mattr,
    previous,
    zipf_mle,
    zipf_ols,
)
from pipeline.socialisation.overlap import mean_jaccard, self_bleu

ROUNDING = 1e-9  # sums of some thousand doubles in another order


def zipf_tokens(s: float, n: int, types: int, seed: int = 1) -> np.ndarray:
    weights = np.arange(1, types + 1, dtype=float) ** -s
    return np.random.default_rng(seed).choice(types, size=n, p=weights / weights.sum())


@pytest.mark.parametrize("s", [0.6, 1.0, 1.7])
def test_likelihood_is_highest_at_the_exponent_and_near_the_planted_one(s):
    counts = np.unique(zipf_tokens(s, 200_000, 300), return_counts=True)[1]
    ranks, ordered = np.arange(1, len(counts) + 1), np.sort(counts)[::-1]
    found = optimize.minimize_scalar(
        lambda x: x * (ordered @ np.log(ranks)) + ordered.sum() * np.log((ranks**-x).sum()),
        bounds=(0, 5), method="bounded", options={"xatol": 1e-10},
    ).x  # fmt: skip
    assert zipf_mle(counts) == pytest.approx(found, abs=1e-6)  # how near a minimum found by values alone can be
    assert zipf_mle(counts) == pytest.approx(s, abs=0.02)  # the error of s at this n, and ranks that change places


def test_least_squares_equals_polyfit():
    counts = np.unique(zipf_tokens(1.1, 20_000, 3000), return_counts=True)[1]
    ordered = np.sort(counts)[::-1]
    slope = np.polyfit(np.log10(np.arange(1, len(ordered) + 1)), np.log10(ordered), 1)[0]
    assert zipf_ols(counts) == pytest.approx(-slope, abs=ROUNDING)


@pytest.mark.parametrize("window", [1, 7, 50])
def test_moving_ratio_equals_counting_every_window(window):
    tokens = zipf_tokens(1.0, 400, 80)
    brute = np.mean([len(set(tokens[i : i + window])) / window for i in range(len(tokens) - window + 1)])
    assert mattr(previous(tokens), window) == pytest.approx(brute, abs=ROUNDING)


def test_too_few_tokens_have_no_value():
    before = previous(np.arange(40))
    assert np.isnan(mattr(before))
    assert np.isnan(heaps_beta(before))
    assert np.isnan(zipf_mle(np.array([5])))


def test_heaps_exponent_of_new_words_only_is_one_and_of_few_types_is_zero():
    assert heaps_beta(previous(np.arange(5000))) == pytest.approx(1, abs=ROUNDING)
    assert heaps_beta(previous(np.arange(5000) % 50)) == pytest.approx(0, abs=ROUNDING)


def test_ngrams_do_not_span_texts_and_are_told_apart():
    tokens, texts = zipf_tokens(0.5, 3000, 40), np.sort(np.random.default_rng(2).integers(0, 90, size=3000))
    for n in (1, 2, 3, 5):
        listed = [tuple(part[i : i + n]) for t in range(90) for part in [tokens[texts == t].tolist()]
                  for i in range(len(part) - n + 1)]  # fmt: skip
        codes, starts = grams(tokens, texts, n)
        assert len(codes) == len(listed)
        assert [tuple(tokens[s : s + n]) for s in starts] == listed
        assert distinct_n(tokens, texts, n) == pytest.approx(len(set(listed)) / len(listed), abs=ROUNDING)


def test_self_bleu_and_jaccard_equal_the_independent_count():
    rng = np.random.default_rng(3)
    lists = [rng.integers(0, 12, size=rng.integers(4, 30)).tolist() for _ in range(24)]
    lists[5] = lists[4]
    tokens, texts = np.concatenate(lists), np.repeat(np.arange(24), [len(x) for x in lists])
    sets = [lists[i : i + 8] for i in (0, 8, 16)]
    assert self_bleu(tokens, texts, 8) == pytest.approx([bleu.self_bleu(s) for s in sets], abs=ROUNDING)
    assert mean_jaccard(tokens, texts, 8) == pytest.approx([bleu.jaccard(s) for s in sets], abs=ROUNDING)
