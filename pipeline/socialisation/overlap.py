"""How alike the texts of a set are in their words: self-BLEU and Jaccard similarity.

What belongs here: pure functions on arrays of token codes, all sets at once. Texts are numbered from 0, and text i
belongs to set ``i // size``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pipeline.activity.resampling import FloatArray, IntArray
from pipeline.socialisation.lexis import grams, mixed

ORDER = 4
_EPSILON = 0.1


def self_bleu(tokens: IntArray, texts: IntArray, size: int) -> FloatArray:
    """Mean BLEU-4 of each text against the others of its set (Zhu et al. 2018, Texygen).

    Parameters
    ----------
    tokens
        Codes of tokens, shape (tokens,).
    texts
        Text of each token, ascending, every number from 0 on present with at least four tokens, shape (tokens,).
    size
        Texts per set, two or more.

    Returns
    -------
    ndarray
        One value per set. Counts of n-grams are clipped at the largest count in one other text, the brevity penalty
        takes the nearest length (the shorter of two), and no match counts as 0.1 of one (Chen & Cherry 2014, method 1).
    """
    lengths = np.bincount(texts).astype(np.int64)
    logs = np.zeros(len(lengths))
    for n in range(1, ORDER + 1):
        total = np.maximum(lengths - n + 1, 1)
        matched = _clipped(tokens, texts, size, n)
        logs += np.log(np.where(matched > 0, matched, _EPSILON) / total) / ORDER
    values = np.exp(logs + np.minimum(0.0, 1 - _nearest(lengths, size) / lengths))
    return np.asarray(values.reshape(-1, size).mean(axis=1), dtype=np.float64)


def _clipped(tokens: IntArray, texts: IntArray, size: int, n: int) -> FloatArray:
    """Return for each text the n-grams that another text of the set has, clipped, shape (texts,)."""
    codes, starts = grams(tokens, texts, n)
    text = texts[starts]
    codes = mixed(codes, text // size)
    order = np.argsort(codes)
    codes, text = codes[order], text[order]
    # Number of the n-gram and text in one number: sorted, the n-grams stand together, and in each the texts.
    which = np.cumsum(np.concatenate([[False], codes[1:] != codes[:-1]]))
    width = int(texts[-1]) + 1
    pairs = which * width + text
    pairs.sort()
    first = np.flatnonzero(np.concatenate([[True], pairs[1:] != pairs[:-1]]))
    count = np.diff(np.append(first, len(pairs)))
    which, text = np.divmod(pairs[first], width)
    begins = np.flatnonzero(np.concatenate([[True], which[1:] != which[:-1]]))
    most = np.maximum.reduceat(count, begins)[which]
    is_most = count == most
    ties = np.add.reduceat(is_most.astype(np.int64), begins)[which]
    second = np.maximum.reduceat(np.where(is_most, 0, count), begins)[which]
    others = np.where(is_most & (ties == 1), second, most)
    found = np.bincount(text, weights=np.minimum(count, others), minlength=width)
    return np.asarray(found, dtype=np.float64)


def _nearest(lengths: IntArray, size: int) -> FloatArray:
    """Return for each text the length of the other text of the set that is nearest to it in length."""
    own = lengths.reshape(-1, size)
    gaps = np.abs(own[:, :, None] - own[:, None, :]) * 2 + (own[:, None, :] > own[:, :, None])
    gaps[:, np.arange(size), np.arange(size)] = np.iinfo(np.int64).max
    picked = gaps.argmin(axis=2)
    return np.take_along_axis(own, picked, axis=1).ravel().astype(np.float64)


def mean_jaccard(tokens: IntArray, texts: IntArray, size: int) -> FloatArray:
    """Return the mean Jaccard similarity of the sets of types of all pairs of texts of each set, shape (sets,)."""
    n_texts = int(texts[-1]) + 1
    ones = np.ones(len(tokens), dtype=np.int64)
    held = sparse.csr_array((ones, (texts, tokens)), shape=(n_texts, int(tokens.max()) + 1))
    held.sum_duplicates()
    held.data[:] = 1
    above: tuple[NDArray[np.intp], ...] = np.triu_indices(size, k=1)
    result = []
    for start in range(0, n_texts, size):
        part = held[start : start + size]
        common = (part @ part.T).toarray()
        types = np.diagonal(common)
        union = types[:, None] + types[None, :] - common
        result.append(float((common / union)[above].mean()))
    return np.array(result)
