"""Vocabulary as numbers: Zipf, Heaps, moving type-token ratio, distinct n-grams.

What belongs here: pure functions on arrays of token codes. How alike texts are is in `overlap`; which tokens are read
is in `samples`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from pipeline.activity.resampling import IntArray

WINDOW = 50
_HEAPS_POINTS, _HEAPS_FIRST = 20, 100
_STEEPEST = 20.0
# An odd factor: codes of n-grams are polynomials in it modulo 2^64, so that two of them meet with probability 2^-64.
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def zipf_mle(counts: IntArray) -> float:
    """Maximum-likelihood exponent of Zipf's law over the ranks that occur.

    Parameters
    ----------
    counts
        How often each type occurs, in any order, all positive, shape (types,).

    Returns
    -------
    float
        The s that maximises ``−s Σ f_r ln r − N ln Σ_r r^−s`` with ranks r = 1 … types by frequency; not-a-number with
        fewer than two types. Ranks come from the same counts, which draws s upwards in small samples (Piantadosi 2014):
        compare at equal N.
    """
    ordered = np.sort(counts)[::-1].astype(np.float64)
    if len(ordered) < 2:
        return float("nan")
    logs = np.log(np.arange(1, len(ordered) + 1))
    mean_log = float(ordered @ logs / ordered.sum())

    def slope(s: float) -> float:
        weights = np.exp(-s * logs)
        return float(weights @ logs / weights.sum()) - mean_log

    if slope(0.0) <= 0:
        return 0.0
    return float("nan") if slope(_STEEPEST) > 0 else float(optimize.brentq(slope, 0.0, _STEEPEST, xtol=1e-10))


def zipf_ols(counts: IntArray) -> float:
    """Return minus the least-squares slope of log count on log rank, every type with the same weight.

    The form of Holtz 2026 (arXiv 2602.10131). Half of all types occur once and make the far end of the line, so that
    it is steeper than the likelihood fit and grows with the sample.
    """
    if len(counts) < 2:
        return float("nan")
    ordered = np.sort(counts)[::-1].astype(np.float64)
    x, y = np.log(np.arange(1, len(ordered) + 1)), np.log(ordered)
    x = x - x.mean()
    return float(-(x @ y) / (x @ x))


def previous(tokens: IntArray) -> IntArray:
    """Return the place where each token occurred last before, −1 where it is the first of its type."""
    n = max(len(tokens), 1)
    token, order = np.divmod(np.sort(tokens * n + np.arange(len(tokens))), n)
    found = np.full(len(tokens), -1, dtype=np.int64)
    same = token[1:] == token[:-1]
    found[order[1:][same]] = order[:-1][same]
    return found


def mattr(before: IntArray, window: int = WINDOW) -> float:
    """Moving-average type-token ratio: mean over all windows of types / window (Covington & McFall 2010).

    Parameters
    ----------
    before
        Result of `previous`, shape (n,).
    window
        Tokens per window.

    Returns
    -------
    float
        Not-a-number with fewer tokens than a window.
    """
    n = len(before)
    if n < window:
        return float("nan")
    # A token adds a type to the windows that hold it and not the one before of its type: count these for every token.
    place = np.arange(n)
    first = np.maximum(np.maximum(before + 1, place - window + 1), 0)
    last = np.minimum(place, n - window)
    return float(np.maximum(last - first + 1, 0).sum() / ((n - window + 1) * window))


def heaps_beta(before: IntArray) -> float:
    """Exponent of Heaps' law, V = K·N^β: least squares of log V on log N at 20 places from 100 tokens on."""
    n = len(before)
    if n < 2 * _HEAPS_FIRST:
        return float("nan")
    places = np.unique(np.geomspace(_HEAPS_FIRST, n, _HEAPS_POINTS).round().astype(np.int64))
    types = np.cumsum(before < 0)[places - 1]
    x, y = np.log(places), np.log(types)
    x = x - x.mean()
    return float(x @ y / (x @ x))


def grams(tokens: IntArray, texts: IntArray, n: int) -> tuple[NDArray[np.uint64], IntArray]:
    """Return the codes of the n-grams of each text and the place where each starts; none spans two texts.

    Parameters
    ----------
    tokens
        Codes of tokens, shape (tokens,).
    texts
        Text of each token, the tokens of a text together, shape (tokens,).
    n
        Length of the n-grams.
    """
    size = len(tokens) - n + 1
    if size <= 0:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    codes = np.zeros(size, dtype=np.uint64)
    for i in range(n):
        codes = codes * _FACTOR + (tokens[i : i + size].astype(np.uint64) + np.uint64(1))
    starts = np.flatnonzero(texts[:size] == texts[n - 1 :])
    return codes[starts], starts.astype(np.int64)


def distinct_n(tokens: IntArray, texts: IntArray, n: int) -> float:
    """Return distinct n-grams / n-grams (Li et al. 2016, distinct-n); compare at equal numbers of tokens."""
    codes, _ = grams(tokens, texts, n)
    if not len(codes):
        return float("nan")
    codes.sort()  # takes a tenth of the time of a table of codes
    return (1 + int(np.count_nonzero(codes[1:] != codes[:-1]))) / len(codes)


def mixed(codes: NDArray[np.uint64], group: IntArray) -> NDArray[np.uint64]:
    """Return codes that differ between groups."""
    return codes * _FACTOR + (group.astype(np.uint64) + np.uint64(1))
