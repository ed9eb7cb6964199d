"""Texts from pools, column-wise: how sentences are drawn and joined, not which of them a message gets."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.simulation import pools

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

EMOJI_PROBABILITY = 0.08  # of a neutral sentence
PARAGRAPH_PROBABILITY = 0.2  # that a paragraph ends after a sentence
TWIN_PROBABILITY = 0.3  # that an unlabelled comment has a twin sentence rather than a neutral one
LAST = 2.0  # order key after every random one, which lie in [0, 1)
FIRST = -1.0


def gather(pool: tuple[str, ...], index: IntArray) -> pl.Series:
    """Return ``pool[index]`` as a string series of the length of `index`."""
    return pl.Series(pool, dtype=pl.String).gather(index)


def pick(pool: tuple[str, ...], size: int, rng: Generator) -> pl.Series:
    """Draw `size` entries of `pool` uniformly with replacement."""
    return gather(pool, rng.integers(0, len(pool), size))


def draw_languages(n: int, foreign_share: float, rng: Generator) -> IntArray:
    """Draw a language per message as a place in `pools.LANGUAGES` (0 = English), shape (n,)."""
    foreign = rng.integers(1, len(pools.LANGUAGES), n)
    return np.where(rng.random(n) < foreign_share, foreign, 0).astype(np.int64)


def neutral_sentences(language: IntArray, rng: Generator) -> pl.Series:
    """Compose one sentence without any pattern per entry of `language` (places in `pools.LANGUAGES`)."""
    size = len(language)
    pool_names = ("OPENERS", "SUBJECTS", "VERBS", "OBJECTS", "TAILS")
    parts = pl.DataFrame({name: pick(getattr(pools, name), size, rng) for name in pool_names})
    english = parts.select(
        pl.format("{}, {} {} {} {}.", *pool_names).alias("sentence"),
    ).to_series()
    place = rng.random(size)
    emoji = rng.random(size) < EMOJI_PROBABILITY
    signs = pick(pools.EMOJI, size, rng)
    sentence = english
    for code, name in enumerate(pools.LANGUAGES):
        if name != "en":
            pool = pools.FOREIGN[name]
            other = gather(pool, (place * len(pool)).astype(np.int64))
            sentence = sentence.zip_with(pl.Series(language != code), other)
    return (sentence + " " + signs).zip_with(pl.Series(emoji), sentence)


def phrase_slots(count: IntArray, rng: Generator) -> tuple[IntArray, IntArray]:
    """Give message i `count[i]` distinct AIRS sentences.

    Parameters
    ----------
    count : array of int, shape (n,)
        Number of slots per message, at most the number of AIRS sentences.
    rng : Generator
        Random stream.

    Returns
    -------
    tuple of arrays of int, shape (sum of count,)
        The message of each slot (ascending), and its place in `pools.AIRS_SENTENCES`.
    """
    width = int(count.max(initial=0))
    order = np.argsort(rng.random((len(count), len(pools.AIRS_SENTENCES))), axis=1)[:, :width]
    taken = np.arange(width)[None, :] < count[:, None]
    owner = np.nonzero(taken)[0]
    return owner.astype(np.int64), order[taken].astype(np.int64)


def slot_sentences(phrase: IntArray, is_airs: BoolArray) -> pl.Series:
    """Return for each slot the AIRS sentence where `is_airs`, else its twin."""
    airs = gather(tuple(sentence for _, sentence, _ in pools.AIRS_SENTENCES), phrase)
    twin = gather(tuple(twin for _, _, twin in pools.AIRS_SENTENCES), phrase)
    return airs.zip_with(pl.Series(is_airs), twin)


def count_per_owner(owner: IntArray, counted: BoolArray, n: int) -> IntArray:
    """Count the True entries of `counted` per owner, shape (n,)."""
    return np.bincount(owner[counted], minlength=n).astype(np.int64)


def piece(owner: IntArray, order: FloatArray, sentence: pl.Series) -> pl.DataFrame:
    """Return sentences as rows (owner, order, sentence) for `join_pieces`."""
    return pl.DataFrame(
        {"owner": owner, "order": order, "sentence": sentence},
        schema={"owner": pl.Int64, "order": pl.Float64, "sentence": pl.String},
    )


def join_pieces(pieces: list[pl.DataFrame], n: int, rng: Generator, paragraphs: bool) -> pl.Series:
    """Join the sentences of each owner in their order into one text.

    Parameters
    ----------
    pieces : list of frames
        From `piece`; every owner 0..n-1 has at least one row.
    n : int
        Number of texts.
    rng : Generator
        Draws where paragraphs end.
    paragraphs : bool
        Break some sentences by an empty line; otherwise by a space.

    Returns
    -------
    Series of str, shape (n,)
    """
    rows = pl.concat(pieces).sort("owner", "order", maintain_order=True)
    breaks = rng.random(rows.height) < (PARAGRAPH_PROBABILITY if paragraphs else 0.0)
    glued = rows["sentence"] + pl.Series(np.where(breaks, "\n\n", " "))
    texts = (
        rows.with_columns(glued.alias("sentence"))
        .group_by("owner", maintain_order=True)
        .agg(pl.col("sentence").str.join(""))["sentence"]
        .str.strip_chars_end(" \n")
    )
    if texts.len() != n:
        message = f"{n - texts.len()} of {n} texts have no sentence; give every owner at least one."
        raise ValueError(message)
    return texts


def make_distinct(texts: pl.Series, rng: Generator) -> pl.Series:
    """Append neutral sentences to repeated texts until all differ: the only duplicates are planted ones."""
    while True:
        repeated = ~texts.is_first_distinct()
        if not repeated.any():
            return texts
        more = neutral_sentences(np.zeros(texts.len(), dtype=np.int64), rng)
        texts = (texts + " " + more).zip_with(repeated, texts)


def template_texts(is_airs: BoolArray, rng: Generator) -> pl.Series:
    """Draw one of `pools.TEMPLATES` per entry, with an AIRS pattern where `is_airs`, else without any."""
    place = rng.random(len(is_airs))
    has_airs = np.array([action + sensitive > 0 for _, _, action, sensitive in pools.TEMPLATES])
    chosen = np.zeros(len(is_airs), dtype=np.int64)
    for label in (False, True):
        fitting = np.nonzero(has_airs == label)[0]
        wanted = is_airs == label
        chosen[wanted] = fitting[(place[wanted] * len(fitting)).astype(np.int64)]
    return gather(tuple(text for _, text, *_ in pools.TEMPLATES), chosen)
