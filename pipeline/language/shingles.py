"""Texts as sets of word 3-shingles: hashing, signatures (MinHash) and the exact Jaccard of pairs.

What belongs here: arrays of shingles and what is computed from them. Which pairs are looked at, and what a
template is, is decided in `templates`.

A text is lower-cased and cut into tokens by the token rule of the project; a shingle is three tokens in a row,
hashed to 49 bits: two texts of 2,000 shingles each share one by accident with probability 10⁻⁸. A text of one or two
tokens has one shingle, made of all it has; a text without tokens has none and resembles nothing. Hashes are sums of
products modulo 2⁶⁴, so they are the same on every machine and version. They do not withstand somebody who makes texts
collide on purpose, which gains no more than to copy a text does.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.lexicon.tokens import TOKEN_PATTERN

Ints: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]
Signatures: TypeAlias = NDArray[np.uint32]
Floats: TypeAlias = NDArray[np.float64]

SHINGLE = 3
PERMUTATIONS = 64
_SEED = 20260127  # of the search orders: part of the definition of a signature, not a knob
_HASH_BITS, _RANGE_BITS = 49, 6
_HASH_WIDTH = np.uint64(_HASH_BITS)
_TEXTS = 1 << (64 - _HASH_BITS)  # texts cut at a time: place and hash share one word
_CHARACTERS = 1 << 20  # characters cut at a time, unless one text has more
_APOSTROPHES = (0x27, 0x2019)
_SURROGATES = (0xD800, 0xDFFF)
_PAIRS = 1 << 15  # pairs whose shingles are held at a time; as `_TEXTS`
_ORDERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class ShingleSets:
    """The shingles of many texts, and their signatures.

    Attributes
    ----------
    starts
        Shape (n + 1,): text i has the shingles ``values[starts[i]:starts[i + 1]]``.
    values
        Distinct shingles of each text in ascending order, 49-bit hashes; in a file, when a folder was given.
    signatures
        Shape (n, 64): smallest hash of the shingles in each of 64 ranges; all ones for a text without shingles.
    """

    starts: Ints
    values: Ints
    signatures: Signatures

    @property
    def sizes(self) -> Ints:
        """Number of distinct shingles of each text, shape (n,)."""
        return np.diff(self.starts)


def shingle_sets(batches: Iterable[pl.Series], folder: Path | None = None) -> ShingleSets:
    """Return the shingles and signatures of texts, read in batches.

    Parameters
    ----------
    batches
        The texts, in order; memory is bounded by a batch, 256 bytes per text and, without a folder, 8 bytes per
        shingle.
    folder
        Where the shingles are kept (``shingles.bin``); without it they stay in memory.
    """
    sizes: list[Ints] = []
    kept: list[Ints] = []
    signatures: list[Signatures] = []
    path = None if folder is None else folder / "shingles.bin"
    if path is not None:
        path.write_bytes(b"")
    for texts in batches:
        starts, values = shingles_of(texts)
        sizes.append(np.diff(starts))
        signatures.append(minhash(starts, values))
        if path is None:
            kept.append(values)
        else:
            with path.open("ab") as file:
                values.tofile(file)
    starts = np.concatenate([[0], np.cumsum(np.concatenate([[], *sizes]).astype(np.int64))]).astype(np.int64)
    values = np.concatenate([np.zeros(0, dtype=np.int64), *kept])
    if path is not None and starts[-1]:
        values = np.memmap(path, dtype=np.int64, mode="r")
    empty = np.zeros((0, PERMUTATIONS), dtype=np.uint32)
    return ShingleSets(starts, values, np.concatenate([empty, *signatures]))


def shingles_of(texts: pl.Series) -> tuple[Ints, Ints]:
    """Return starts and distinct shingles in ascending order, as in `ShingleSets`, of some texts."""
    lower = texts.fill_null("").str.to_lowercase()
    ends = np.cumsum(lower.str.len_chars().to_numpy().astype(np.int64) + 1)
    edges = [0]
    while edges[-1] < len(texts):
        before = ends[edges[-1] - 1] if edges[-1] else 0
        most = int(np.searchsorted(ends, before + _CHARACTERS, side="right"))
        edges.append(min(max(most, edges[-1] + 1), edges[-1] + _TEXTS))
    parts = [_shingles_of(lower[start:end]) for start, end in itertools.pairwise(edges)]
    sizes = np.concatenate([np.zeros(0, dtype=np.int64), *(found for found, _ in parts)])
    values = np.concatenate([np.zeros(0, dtype=np.int64), *(found for _, found in parts)])
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), values


def _shingles_of(lower: pl.Series) -> tuple[Ints, Ints]:
    """Return the number of shingles of at most `_TEXTS` texts, and the shingles."""
    hashes, counts = _token_hashes(lower)
    # A shingle starts at a token when the text has two more; texts of one or two tokens start one at their first.
    first, owner = np.cumsum(counts) - counts, np.arange(counts.size, dtype=np.uint64)
    is_start = np.ones(hashes.size, dtype=bool)
    is_start[(first + counts - 1)[counts > 0]] = is_start[(first + counts - 2)[counts > 1]] = False
    sums = hashes * _ORDERS[0]
    for step in range(1, SHINGLE):
        sums[:-step] += hashes[step:] * _ORDERS[step]
    short = np.flatnonzero((counts > 0) & (counts < SHINGLE))
    heads = np.zeros(short.size, dtype=np.uint64)
    for step in range(SHINGLE):
        there = counts[short] > step
        heads[there] += hashes[first[short[there]] + step] * _ORDERS[step]
    keys = np.concatenate([_mix(sums[is_start]), _mix(heads)]) >> np.uint64(64 - _HASH_BITS)
    keys |= np.concatenate([np.repeat(owner, np.maximum(counts - SHINGLE + 1, 0)), owner[short]]) << _HASH_WIDTH
    # One sort of whole words by text and hash: thirty times as fast as one by two keys.
    keys.sort()
    is_new = np.ones(keys.size, dtype=bool)
    is_new[1:] = keys[1:] != keys[:-1]
    keys = keys[is_new]
    sizes = np.diff(np.searchsorted(keys, np.arange(counts.size + 1, dtype=np.uint64) << _HASH_WIDTH))
    return sizes.astype(np.int64), (keys & np.uint64((1 << _HASH_BITS) - 1)).astype(np.int64)


def _token_hashes(lower: pl.Series) -> tuple[Words, Ints]:
    """Return a hash of each token, in the order of the texts, and the number of tokens of each text.

    The hash of the characters c₀ c₁ … is Σ T[cᵢ]·rⁱ mod 2⁶⁴, scrambled, read off one running sum over all characters.
    """
    is_word, numbers = _character_tables()
    joined = "\n".join(lower.to_list()) + "\n"  # a line feed is of no token
    codes = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    inside = np.zeros(codes.size + 1, dtype=bool)
    inside[1:] = is_word[codes]
    marks = np.flatnonzero((codes == _APOSTROPHES[0]) | (codes == _APOSTROPHES[1]))
    marks = marks[inside[marks] & inside[np.minimum(marks + 2, codes.size)]]
    inside[marks + 1] = True
    turns = np.flatnonzero(inside[1:] != inside[:-1])  # starts and first places after the end, in turn
    starts, ends = turns[0::2], turns[1::2]
    powers, inverses = _powers(codes.size)
    running = np.zeros(codes.size + 1, dtype=np.uint64)
    np.cumsum(numbers[codes] * powers[: codes.size], out=running[1:])
    hashes = _mix((running[ends] - running[starts]) * inverses[starts])
    text_ends = np.cumsum(lower.str.len_chars().to_numpy().astype(np.int64) + 1)
    return hashes, np.diff(np.searchsorted(starts, np.concatenate([[0], text_ends]))).astype(np.int64)


@cache
def _character_tables() -> tuple[NDArray[np.bool_], Words]:
    """Return for each code point whether it makes words by the token rule, and a random number."""
    codes = np.arange(sys.maxunicode + 1, dtype=np.uint32)
    real = np.flatnonzero((codes < _SURROGATES[0]) | (codes > _SURROGATES[1]))
    letters = pl.Series(list(codes[real].tobytes().decode("utf-32-le")))
    is_word = np.zeros(codes.size, dtype=bool)
    is_word[real] = letters.str.contains(f"^(?:{TOKEN_PATTERN})$").to_numpy()
    return is_word, _mix(codes.astype(np.uint64) + _ORDERS[0])


@lru_cache(maxsize=1)
def _powers_of_at_least(size: int) -> tuple[Words, Words]:
    """Return the powers of the base of token hashes, and of its inverse modulo 2⁶⁴."""
    base = int(_ORDERS[1]) | 1
    both = []
    for factor in (base, pow(base, -1, 1 << 64)):
        factors = np.full(size, factor, dtype=np.uint64)
        factors[:1] = 1
        both.append(np.cumprod(factors))
    return both[0], both[1]


def _powers(size: int) -> tuple[Words, Words]:
    return _powers_of_at_least(max(_CHARACTERS + 1, 1 << size.bit_length() if size > _CHARACTERS + 1 else 0))


def _mix(words: Words) -> Words:
    """Scramble 64-bit words (the finaliser of splitmix64, Steele, Lea & Flood 2014)."""
    out = words ^ (words >> np.uint64(30))
    out *= np.uint64(0xBF58476D1CE4E5B9)
    out ^= out >> np.uint64(27)
    out *= np.uint64(0x94D049BB133111EB)
    out ^= out >> np.uint64(31)
    return out


def minhash(starts: Ints, values: Ints) -> Signatures:
    """Return the signatures of texts, shape (n, 64).

    Parameters
    ----------
    starts, values
        As in `ShingleSets`.

    Returns
    -------
    ndarray
        Two texts agree in one column with probability equal to their Jaccard similarity (Broder 1997).

    Notes
    -----
    One permutation does for all columns (Li, Owen & Zhang 2012): the hashes are cut into 64 ranges, and a column is
    the smallest hash of its range, which in ascending values is the first. A range in which a text has none takes the
    value of another, in an order of ranges drawn for it once and for all texts (optimal densification, Shrivastava
    2017): two texts look in the same places, so that they agree as often as full ranges do.
    """
    n = len(starts) - 1
    out = np.full((n, PERMUTATIONS), np.iinfo(np.uint32).max, dtype=np.uint32)
    if not values.size:
        return out
    cells = np.repeat(np.arange(n, dtype=np.int64) * PERMUTATIONS, np.diff(starts))
    cells += values >> (_HASH_BITS - _RANGE_BITS)
    is_first = np.ones(values.size, dtype=bool)
    is_first[1:] = cells[1:] != cells[:-1]
    full = np.zeros(n * PERMUTATIONS, dtype=bool)
    full[cells[is_first]] = True
    flat = out.reshape(-1)
    flat[cells[is_first]] = (values[is_first] >> (_HASH_BITS - _RANGE_BITS - 32)) & 0xFFFFFFFF
    empty = np.flatnonzero(~full & np.repeat(np.diff(starts) > 0, PERMUTATIONS))
    column, text = empty % PERMUTATIONS, empty - empty % PERMUTATIONS
    for order in _search_orders().T:
        source = text + order[column]
        found = full[source]
        flat[empty[found]] = flat[source[found]]
        left = ~found
        empty, column, text = empty[left], column[left], text[left]
        if not empty.size:
            break
    return out


@cache
def _search_orders() -> Ints:
    """Return for each column the order in which it looks for a range that is not empty, shape (64, 64)."""
    rng = np.random.default_rng(_SEED)
    return np.stack([rng.permutation(PERMUTATIONS) for _ in range(PERMUTATIONS)])


def exact_jaccard(sets: ShingleSets, left: Ints, right: Ints) -> Floats:
    """Return the Jaccard similarity of the shingles of pairs of texts, shape (pairs,); 0 where both have none."""
    out = np.zeros(left.size)
    for start in range(0, left.size, _PAIRS):
        part = slice(start, start + _PAIRS)
        common = _common(sets, left[part], right[part])
        both = [sets.starts[texts + 1] - sets.starts[texts] for texts in (left[part], right[part])]
        union = both[0] + both[1] - common
        out[part] = common / np.maximum(union, 1)
    return out


def _common(sets: ShingleSets, left: Ints, right: Ints) -> Ints:
    """Count the shingles that the texts of each pair share, shape (pairs,): those that come twice once sorted."""
    keys = np.concatenate([_pair_keys(sets, left), _pair_keys(sets, right)])
    keys.sort()
    twice = keys[1:][keys[1:] == keys[:-1]] >> _HASH_WIDTH
    return np.bincount(twice.astype(np.int64), minlength=left.size).astype(np.int64)


def _pair_keys(sets: ShingleSets, texts: Ints) -> Words:
    """Return the shingles of the texts, each behind the place of its pair."""
    sizes = sets.starts[texts + 1] - sets.starts[texts]
    ends = np.cumsum(sizes)
    places = np.arange(int(sizes.sum())) + np.repeat(sets.starts[texts] - (ends - sizes), sizes)
    pairs = np.repeat(np.arange(texts.size, dtype=np.uint64), sizes) << _HASH_WIDTH
    keys: Words = pairs | np.asarray(sets.values[places]).astype(np.uint64)
    return keys
