"""Lower-casing that equals Python's `str.lower()` on every text, at the speed of polars.

What belongs here: only that. polars and Python carry tables of different Unicode versions, so a handful of
code points differ, and the final sigma depends on properties of its neighbours in those tables. Texts that
hold any of these characters are lower-cased by Python itself; all others by polars.
"""

from __future__ import annotations

import functools

import polars as pl

from pipeline.lexicon import codes

_CAPITAL_SIGMA = "\N{GREEK CAPITAL LETTER SIGMA}"
_SURROGATES = range(0xD800, 0xE000)
_CLASS_SIZE = 8  # larger character classes lose the prefix search of the regex engine: 17 times slower


@functools.cache
def divergent_characters() -> str:
    """Return the characters whose lower case differs between polars and Python, and the capital sigma.

    Sigma is the only character whose lower case depends on its neighbours, in both.
    """
    everything = [chr(code) for code in codes.asked() if code not in _SURROGATES]
    by_polars = pl.Series(everything).str.to_lowercase()
    by_python = pl.Series([character.lower() for character in everything])
    differing = pl.Series(everything).filter(by_polars != by_python).to_list()
    return "".join(sorted({*differing, _CAPITAL_SIGMA}))


@functools.cache
def _has_divergent() -> pl.Expr:
    """Return the expression that finds texts to repair: small classes, which the regex engine finds by prefix."""
    characters = divergent_characters()
    chunks = [characters[at : at + _CLASS_SIZE] for at in range(0, len(characters), _CLASS_SIZE)]
    classes = ["[" + "".join(f"\\x{{{ord(character):x}}}" for character in chunk) + "]" for chunk in chunks]
    return pl.any_horizontal([pl.col("text").str.contains(pattern) for pattern in classes])


def lower_exact(texts: pl.Series) -> pl.Series:
    """Lower-case texts exactly as `str.lower()` does.

    Parameters
    ----------
    texts
        String series without nulls; it is not changed.

    Returns
    -------
    polars.Series
        Same length and order.
    """
    frame = texts.to_frame("text").select(lowered=pl.col("text").str.to_lowercase(), repair=_has_divergent())
    rows = frame["repair"].arg_true()
    if rows.is_empty():
        return frame["lowered"]
    repaired = [text.lower() for text in texts.gather(rows)]
    return frame["lowered"].clone().scatter(rows, repaired)
