"""Texts as sets of word 3-shingles: hashing, signatures (MinHash) and the exact Jaccard of pairs.

What belongs here: arrays of shingles and what is computed from them. Which pairs are looked at, and what a
template is, is decided in `templates`.

A text is lower-cased and cut into tokens by the token rule of the project; a shingle is three tokens in a row,
hashed to 63 bits. A text of one or two tokens has one shingle, made of all it has; a text without tokens has none
and resembles nothing. Hashes come from BLAKE2b of the token, so they are the same on every machine and version.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from pipeline.lexicon.tokens import TOKEN_PATTERN

Ints: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]
Signatures: TypeAlias = NDArray[np.uint32]
Floats: TypeAlias = NDArray[np.float64]

SHINGLE = 3
PERMUTATIONS = 64
_SEED = 20260127  # of the permutations: part of the definition of a signature, not a knob
_BLOCK = 1 << 18  # shingles hashed at a time: a permutation of them takes 2 MiB
_PAIRS = 1 << 15  # pairs whose shingles are held at a time
_ORDERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class ShingleSets:
    """The shingles of many texts, and their signatures.

    Attributes
    ----------
    starts
        Shape (n + 1,): text i has the shingles ``values[starts[i]:starts[i + 1]]``.
    values
        Distinct shingles of each text in ascending order, 63-bit hashes; in a file, when a folder was given.
    signatures
        Shape (n, 64): smallest hash of the shingles under each permutation; all ones for a text without shingles.
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
    tokens = texts.str.to_lowercase().str.extract_all(TOKEN_PATTERN).fill_null([])
    counts = tokens.list.len().to_numpy().astype(np.int64)
    words = _token_hashes(tokens.explode(empty_as_null=False).drop_nulls())
    texts_of = np.repeat(np.arange(len(texts)), counts)
    # A shingle starts at a token when the text has two more; texts of one or two tokens start one at their first.
    rank = np.arange(words.size) - np.repeat(np.cumsum(counts) - counts, counts)
    length = counts[texts_of]
    is_start = (rank + SHINGLE <= length) | ((rank == 0) & (length < SHINGLE))
    at, mixed = np.flatnonzero(is_start), np.zeros(int(is_start.sum()), dtype=np.uint64)
    for step in range(SHINGLE):
        there = at + step < words.size
        there[there] &= texts_of[at[there] + step] == texts_of[at[there]]
        mixed[there] += _mix(words[at[there] + step] ^ _ORDERS[step]) * _ORDERS[step]
    values = (_mix(mixed) >> np.uint64(1)).astype(np.int64)
    order = np.lexsort((values, texts_of[at]))
    owner, values = texts_of[at][order], values[order]
    is_new = np.ones(values.size, dtype=bool)
    is_new[1:] = (owner[1:] != owner[:-1]) | (values[1:] != values[:-1])
    sizes = np.bincount(owner[is_new], minlength=len(texts))
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), values[is_new]


def _token_hashes(tokens: pl.Series) -> Words:
    """64-bit hashes of tokens; each distinct token is hashed once."""
    if tokens.is_empty():
        return np.zeros(0, dtype=np.uint64)
    table = tokens.unique()
    digests = b"".join(hashlib.blake2b(word.encode(), digest_size=8).digest() for word in table)
    hashes = pl.DataFrame({"token": table, "hash": np.frombuffer(digests, dtype="<u8").astype(np.uint64)})
    joined = tokens.to_frame("token").join(hashes, on="token", how="left", maintain_order="left")
    return joined["hash"].to_numpy()


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
        Two texts agree in one column with probability equal to their Jaccard similarity (Broder 1997), up to the
        randomness of the multiply-shift hashes (Dietzfelbinger et al. 1997) that stand for permutations.
    """
    rng = np.random.default_rng(_SEED)
    factors = rng.integers(1 << 63, size=PERMUTATIONS, dtype=np.uint64) | np.uint64(1)
    shifts = rng.integers(1 << 63, size=PERMUTATIONS, dtype=np.uint64)
    out = np.full((len(starts) - 1, PERMUTATIONS), np.iinfo(np.uint32).max, dtype=np.uint32)
    filled = np.flatnonzero(np.diff(starts))
    # Blocks end where a text does, so that a minimum is taken over all of it.
    edges = np.searchsorted(starts[filled], np.arange(0, starts[-1] + _BLOCK, _BLOCK))
    for first, last in itertools.pairwise(edges):
        if first == last:
            continue
        some = filled[first:last]
        block = values[starts[some[0]] : starts[some[-1] + 1]].astype(np.uint64)
        offsets = starts[some] - starts[some[0]]
        for column in range(PERMUTATIONS):
            hashed = ((block * factors[column] + shifts[column]) >> np.uint64(32)).astype(np.uint32)
            out[some, column] = np.minimum.reduceat(hashed, offsets)
    return out


def exact_jaccard(sets: ShingleSets, left: Ints, right: Ints) -> Floats:
    """Return the Jaccard similarity of the shingles of pairs of texts, shape (pairs,); 0 where both have none."""
    sizes = sets.sizes
    out = np.zeros(left.size)
    for start in range(0, left.size, _PAIRS):
        part = slice(start, start + _PAIRS)
        common = _common(sets, left[part], right[part])
        union = sizes[left[part]] + sizes[right[part]] - common
        out[part] = common / np.maximum(union, 1)
    return out


def _common(sets: ShingleSets, left: Ints, right: Ints) -> Ints:
    """Count the shingles that the texts of each pair share, shape (pairs,)."""
    one, other = _rows(sets, left), _rows(sets, right)
    return np.asarray(one.multiply(other).sum(axis=1)).ravel().astype(np.int64)


def _rows(sets: ShingleSets, texts: Ints) -> Any:
    sizes = sets.sizes[texts]
    ends = np.cumsum(sizes)
    places = np.arange(int(sizes.sum())) + np.repeat(sets.starts[texts] - (ends - sizes), sizes)
    starts = np.concatenate([[0], ends]).astype(np.int64)
    columns = np.asarray(sets.values[places])
    matrix = sparse.csr_array(
        (np.ones(places.size, dtype=np.int32), columns, starts), shape=(texts.size, np.iinfo(np.int64).max)
    )
    # Distinct and ascending in each row: the product is then a merge, without a workspace per column.
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix
