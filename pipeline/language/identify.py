"""Which language a text is written in: the model of py3langid, walked over all texts of a batch at once.

What belongs here: from a column of texts to a column of codes. Identification is offline and the same on every
machine: a fixed model, sums in a fixed order, no draw. py3langid (BSD-3-Clause) carries the model: byte n-grams in a
naive Bayes classifier of 139 languages (Lui & Baldwin 2012, ACL system demonstrations; the model of the fork is newer).
Its own loop reads one byte of one text at a time in Python; here the automaton steps through the k-th byte of all texts
together, and one sparse product gives all scores. A test holds both against each other.

A text is cut to its first characters and stripped of what is no language (code, links, handles, JSON, words with
digits). It is ``und`` (undetermined, ISO 639-2) when too little is left, when the model is not sure, or when it is
mixed: when its two ends are surely of different languages, or its letters of different scripts.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

LIBRARY = "py3langid"
UNDETERMINED = "und"
HEAD_CHARS = 1_000
"""Characters of a text that are looked at; the 3.4 million characters of a flood cost no more than a post."""
WINDOW_CHARS = 160
"""Characters of what is left that are classified: so many from the start, so many from the end."""
MIN_LETTERS = 12
"""Fewer letters are too few; an ideograph, a kana or a syllable of Hangul stands for three letters."""
MIN_CONFIDENCE = 0.5
"""Least posterior probability of a language; below it the text is undetermined."""
SURE = 0.9
"""Two ends of a text that are each this sure of different languages make it mixed."""
MIXED_SHARE = 0.2
"""A text in a language of the Latin script with more letters than this share from other scripts is mixed."""
MIXED_LATIN_SHARE = 0.6
"""A text in a language of another script with more letters than this share from the Latin one is mixed."""
BATCH_ROWS = 20_000

# What is no natural language, taken out one after the other: an alternation of them all loses the search for literals
# and is four times slower. The engine of polars does not backtrack, so each is linear.
_NO_LANGUAGE = (
    r"(?s:```.*?(?:```|\z))",  # code
    r"`[^`\n]{1,200}`",
    r"!\[[^\]\n]{0,200}\]\([^)\s]*\)?",  # an image, with its alternative text
    r"\]\([^)\s]*\)?",  # the target of a link
    r"(?:https?://|www\.)\S+",
    r"[A-Za-z0-9-]+\.(?:com|org|net|ai|io|fun|xyz|app|dev|md)\b\S*",
    r"[@#$]\w+",
    r"\b[mu]/[\w-]+",
    r"\{[^{}]{0,1000}\}",
    r"<[^<>]{1,200}>",
    r"\S*[0-9]\S*",
)  # fmt: skip
# Controls, zero-width characters and tags stand inside words, so they leave no space behind.
_HIDDEN = r"[\x{80}-\x{9F}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2069}\x{FEFF}\x{FFFD}\x{E0000}-\x{E007F}]"
_DENSE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]"
_DENSE_LETTERS = 3
# Varieties of Chinese share a script and most words; on short texts the model cannot tell them apart.
_MACRO = {"yue": "zh", "wuu": "zh", "uzs": "uz", "hbo": "he", "gug": "gn"}
_NOT_LATIN = frozenset((
    "am", "ar", "ary", "arz", "as", "ba", "be", "bg", "bn", "crh", "dz", "el", "fa", "grc", "gu", "he", "hi", "hy",
    "ja", "ka", "kk", "km", "kn", "ko", "ky", "lo", "mk", "ml", "mn", "mr", "my", "ne", "or", "pa", "ps", "ru", "sa",
    "sdh", "si", "sr", "ta", "te", "tg", "th", "tt", "ug", "uk", "ur", "zh",
))  # fmt: skip
_NO_TEXT = "zxx"  # the model's class for what is no language

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Model:
    """The classifier as arrays: an automaton over bytes, and the weights of the features that it finds.

    `moves[row[state] * 256 + byte]` is the next state, `feature[state]` the feature that ends there (−1: none);
    `weights` has a row per feature and a column per language, `prior` a value per language.
    """

    moves: Ints
    row: Ints
    feature: Ints
    weights: Floats
    prior: Floats
    languages: tuple[str, ...]


@functools.cache
def model() -> Model:
    """Return the model of the installed py3langid, read once; some languages have two columns, by script."""
    import py3langid
    from py3langid.modelio import load_model

    path = Path(py3langid.__file__).parent / "data" / "model.npz.xz"
    weights, prior, languages, moves, row, feature = load_model(path)
    return Model(
        np.asarray(moves, dtype=np.int32),
        np.asarray(row, dtype=np.int64) << 8,
        np.asarray(feature, dtype=np.int64),
        np.asarray(weights, dtype=np.float32),
        np.asarray(prior, dtype=np.float32),
        tuple(languages),
    )


def identify(texts: pl.Series) -> pl.Series:
    """Identify the language of each text.

    Parameters
    ----------
    texts
        String series, without nulls.

    Returns
    -------
    polars.Series
        Codes of ISO 639 (two letters where there are two), or ``und``; same length and order. The result of a text
        does not depend on the others.
    """
    parts = [_identify(texts.slice(start, BATCH_ROWS)) for start in range(0, len(texts), BATCH_ROWS)]
    return pl.concat(parts) if parts else pl.Series("language", [], dtype=pl.String)


def _identify(texts: pl.Series) -> pl.Series:
    plain = texts.str.slice(0, HEAD_CHARS).str.replace_all(_HIDDEN, "")
    for pattern in _NO_LANGUAGE:
        plain = plain.str.replace_all(pattern, " ")
    plain = plain.str.replace_all(r"\s+", " ").str.strip_chars().str.normalize("NFC")
    frame = pl.DataFrame({"text": plain}).with_columns(
        letters=pl.col("text").str.count_matches(r"\p{L}"),
        latin=pl.col("text").str.count_matches(r"\p{Latin}"),
        dense=pl.col("text").str.count_matches(_DENSE),
        chars=pl.col("text").str.len_chars(),
    )
    weight = pl.col("letters") + (_DENSE_LETTERS - 1) * pl.col("dense")
    frame = frame.with_columns(weight=weight, is_long=pl.col("chars") >= 2 * WINDOW_CHARS)
    head, head_sure = classify(frame["text"].str.slice(0, WINDOW_CHARS))
    long = frame["is_long"].arg_true()
    tail, tail_sure = classify(frame["text"].gather(long).str.slice(-WINDOW_CHARS))
    ends = pl.DataFrame({"row": long, "tail": tail, "tail_sure": tail_sure}, schema_overrides={"row": pl.UInt32})
    both = frame.with_columns(head=head, head_sure=head_sure).with_row_index("row").join(ends, on="row", how="left")
    return both.sort("row").select(language=_verdict()).to_series()


def _verdict() -> pl.Expr:
    """Return the language of a text from those of its ends, and ``und`` where they do not settle it."""
    is_tail = (pl.col("tail_sure") > pl.col("head_sure")).fill_null(value=False)
    chosen = pl.when(is_tail).then(pl.col("tail")).otherwise(pl.col("head"))
    sure = pl.when(is_tail).then(pl.col("tail_sure")).otherwise(pl.col("head_sure"))
    is_torn = (pl.col("head") != pl.col("tail")) & (pl.min_horizontal("head_sure", "tail_sure") >= SURE)
    is_latin = ~chosen.is_in(sorted(_NOT_LATIN))
    is_foreign = pl.col("weight") - pl.col("latin") > MIXED_SHARE * pl.col("weight")
    is_mixed = (is_latin & is_foreign) | (~is_latin & (pl.col("latin") > MIXED_LATIN_SHARE * pl.col("weight")))
    is_known = (
        (pl.col("weight") >= MIN_LETTERS)
        & (sure >= MIN_CONFIDENCE)
        & (chosen != _NO_TEXT)
        & ~is_torn.fill_null(value=False)
        & ~is_mixed
    )
    return pl.when(is_known).then(chosen).otherwise(pl.lit(UNDETERMINED))


def classify(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the likeliest language of each short text, and its posterior probability.

    The probabilities are tempered by the square root of the bytes, as py3langid does, so that they mean the same for
    short and long texts.
    """
    found = model()
    shouted = (texts == texts.str.to_uppercase()) & (texts != texts.str.to_lowercase())
    plain = pl.select(pl.when(shouted).then(texts.str.to_lowercase()).otherwise(texts)).to_series()
    buffer, offsets = _bytes(plain)
    counts = _features(found, buffer, offsets)
    scores = counts @ found.weights + found.prior * (np.diff(counts.indptr) > 0)[:, None]
    scores = scores / np.sqrt(np.maximum(np.diff(offsets), 1)).astype(np.float32)[:, None]
    scores = np.exp(scores - scores.max(axis=1, keepdims=True)) if len(scores) else scores
    names, folded = _fold(found.languages, scores)
    total = folded.sum(axis=1, keepdims=True)
    best = folded.argmax(axis=1) if len(folded) else np.zeros(0, dtype=np.int64)
    sure = np.take_along_axis(folded / total, best[:, None], axis=1)[:, 0] if len(folded) else np.zeros(0)
    return pl.Series(names, dtype=pl.String).gather(best), pl.Series(sure, dtype=pl.Float64)


def _fold(languages: tuple[str, ...], scores: Floats) -> tuple[list[str], Floats]:
    """Add up the columns of one language (scripts of their own, varieties); names in the order of the first column."""
    names: dict[str, int] = {}
    target = [names.setdefault(_MACRO.get(name, name), len(names)) for name in languages]
    folded = np.zeros((len(scores), len(names)), dtype=np.float32)
    for column, place in enumerate(target):
        folded[:, place] += scores[:, column]
    return list(names), folded


def _bytes(texts: pl.Series) -> tuple[NDArray[np.uint8], Ints]:
    array: Any = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    starts = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    if len(starts) == 0:
        starts = np.zeros(len(array) + 1, dtype=np.int64)
    return np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, np.uint8), starts


def _features(found: Model, buffer: NDArray[np.uint8], offsets: Ints) -> sparse.csr_array:
    """Return log(1 + count) of every feature in every text, shape (texts, features)."""
    from scipy import sparse

    n, width = len(offsets) - 1, len(found.weights)
    keys = [np.zeros(0, dtype=np.int64), *_walk(found, buffer, offsets)]
    ordered = np.sort(np.concatenate(keys))
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if ordered.size else ordered
    count = np.diff(np.append(first, ordered.size))
    row, column = np.divmod(ordered[first], width)
    pointer = np.searchsorted(row, np.arange(n + 1))
    return sparse.csr_array((np.log1p(count.astype(np.float32)), column, pointer), shape=(n, width))


def _walk(found: Model, buffer: NDArray[np.uint8], offsets: Ints) -> Iterator[Ints]:
    """Step the automaton through the k-th byte of all texts; yield text × width + feature of what ended there."""
    length = np.diff(offsets)
    order = np.argsort(-length, kind="stable")
    start, left = offsets[:-1][order], length[order]
    state = np.zeros(len(order), dtype=np.int64)
    width = len(found.weights)
    for step in range(int(left.max(initial=0))):
        active = int(np.searchsorted(-left, -step, side="left"))  # texts longer than `step` come first
        state = found.moves[found.row[state[:active]] + buffer[start[:active] + step]]
        feature = found.feature[state]
        hit = np.flatnonzero(feature >= 0)
        yield order[hit] * width + feature[hit]
