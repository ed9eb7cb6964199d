r"""Regular-expression and glob entries: from what a card writes to what polars runs.

What belongs here: the check and the translation of one expression, and where its matches stand in texts. Entries with
a finite list of words are in `pattern.py`.

A regular expression is of the subset that Python's `re` (with the flag ASCII) and the engine of polars read alike, and
that takes linear time on any text: no look-around, no reference back, no anchor. ``\w``, ``\d``, ``\s`` and ``\b`` are
those of ASCII. In a glob ``*`` is any run of word characters, also none, and ``?`` is one of them, of any script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

MAX_LENGTH = 1000
_ESCAPES = {"w": "0-9A-Za-z_", "d": "0-9", "s": r" \t\n\r\x0b\x0c"}
_CONTROLS = "nrt"
_ASCII_EDGE = r"(?-u:\b)"
_LETTER = r"[\p{L}\p{N}_]"
_REFUSED = (
    (re.compile(r"\(\?(?!:)"), "flags, look-around and named groups are not allowed: write (?:...)"),
    (re.compile(r"(?<!\\)[*+?}]\+"), "possessive repetition is not allowed"),
    (re.compile(r"(?<!\\)\[[^\]]*(?:&&|--|~~|\[)"), "set operations in classes are not allowed"),
)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Found:
    """Matches of expressions (arrays of one length n): text, byte positions in the text, expression, what matched."""

    row: Ints
    start: Ints
    end: Ints
    which: Ints
    matched: pl.Series


def translate(entry: str, boundary: str) -> tuple[str, str]:
    r"""Return an expression for Python's `re` and the same for polars.

    Parameters
    ----------
    entry
        The expression, for lower-cased text.
    boundary
        ``none``, or any other for ``\b`` of ASCII on both sides.

    Raises
    ------
    ValueError
        When the two engines could read it differently, or it matches the empty string.
    """
    if not entry or len(entry) > MAX_LENGTH:
        raise ValueError(f"an expression has 1 to {MAX_LENGTH} characters")
    for refused, why in _REFUSED:
        if refused.search(entry):
            raise ValueError(why)
    body = _body(entry)
    edge = "" if boundary == "none" else r"\b"
    python, rust = f"(?a:{edge}(?:{entry}){edge})", f"{'' if not edge else _ASCII_EDGE}(?:{body})"
    rust += _ASCII_EDGE if edge else ""
    try:
        compiled = re.compile(python)
        is_empty = pl.Series([""]).str.contains(f"^(?:{body})$", strict=True)[0]
        pl.Series([""]).str.contains(rust, strict=True)
    except (re.error, pl.exceptions.PolarsError) as error:
        raise ValueError(f"it is no regular expression of both engines: {str(error).splitlines()[0]}") from error
    if is_empty or compiled.fullmatch(""):
        raise ValueError("it matches the empty string, which would match everywhere")
    return python, rust


def _body(entry: str) -> str:
    done, at, is_class = [], 0, False
    while at < len(entry):
        character = entry[at]
        if character == "\\":
            done.append(_escape(entry[at + 1 : at + 2], is_class))
            at += 2
            continue
        if character in "^$" and not (is_class and character == "^" and entry[at - 1] == "["):
            raise ValueError(f"{character!r} at character {at + 1} is not allowed there; escape a literal one")
        if character != character.lower():
            raise ValueError(f"texts are lower-cased, so {character!r} can never match")
        is_class = character == "[" or (is_class and character != "]")
        done.append(character)
        at += 1
    return "".join(done)


def _escape(character: str, is_class: bool) -> str:
    if character in _ESCAPES and character:
        return _ESCAPES[character] if is_class else f"[{_ESCAPES[character]}]"
    if character == "b" and not is_class:
        return _ASCII_EDGE
    is_punctuation = character.isascii() and character.isprintable() and not character.isalnum()
    if character and (character in _CONTROLS or is_punctuation):
        return "\\" + character
    raise ValueError(rf"the escape \{character} is not allowed")


def glob(entry: str) -> tuple[str, str]:
    r"""Return a glob for Python's `re` and for polars, with ``\b`` on both sides.

    The two agree but beside combining marks and zero-width joiners, which polars counts as parts of a word.

    Raises
    ------
    ValueError
        When nothing but wildcards is in it.
    """
    if not entry.strip("*? "):
        raise ValueError("a glob needs a letter besides its wildcards")
    if entry != entry.lower():
        raise ValueError("texts are lower-cased, so a glob with capitals can never match")
    python = "".join({"*": r"\w*", "?": r"\w"}.get(c) or re.escape(c) for c in entry)
    rust = "".join({"*": f"{_LETTER}*", "?": _LETTER}.get(c) or re.escape(c) for c in entry)
    return rf"\b(?:{python})\b", rf"\b(?:{rust})\b"


def find_expressions(texts: pl.Series, expressions: Sequence[str]) -> Found:
    """Find the non-overlapping matches of each expression, leftmost first, as `re.finditer` does.

    Parameters
    ----------
    texts
        Lower-cased texts without nulls.
    expressions
        As `translate` and `glob` give them.
    """
    parts = [_Part(*_empty())]
    if expressions and len(texts):
        flags = texts.to_frame("text").select(
            pl.col("text").str.contains(pattern).alias(str(which)) for which, pattern in enumerate(expressions)
        )
        for which, pattern in enumerate(expressions):
            rows = flags[str(which)].arg_true()
            if len(rows):
                parts.append(_positions(texts.gather(rows), rows.to_numpy(), pattern, which))
    return Found(
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.which for part in parts]),
        pl.concat([part.matched for part in parts]),
    )


_Part = Found


def _empty() -> tuple[Ints, Ints, Ints, Ints, pl.Series]:
    none = np.zeros(0, dtype=np.int64)
    return none, none, none, none, pl.Series("matched", [], dtype=pl.String)


def _positions(texts: pl.Series, rows: npt.NDArray[np.uint32], pattern: str, which: int) -> Found:
    """Return the matches in texts that have one: what stands between them and what they are give their places."""
    frame = texts.to_frame("text").select(
        matched=pl.col("text").str.extract_all(pattern), between=pl.col("text").str.split(pattern, literal=False)
    )
    n = frame["matched"].list.len().cast(pl.Int64).to_numpy()
    if not np.array_equal(frame["between"].list.len().cast(pl.Int64).to_numpy(), n + 1):
        raise RuntimeError("polars splits a text at other places than those where it finds the expression")
    matched = frame["matched"].explode(empty_as_null=False)
    length = matched.str.len_bytes().cast(pl.Int64).to_numpy()
    gap = frame["between"].explode(empty_as_null=False).str.len_bytes().cast(pl.Int64).to_numpy()
    owner = np.repeat(np.arange(len(n)), n)
    first_gap = np.cumsum(n + 1) - (n + 1)
    before = np.delete(gap, first_gap + n)  # the gap before each match
    steps = np.cumsum(before + length)
    base = np.concatenate([[0], steps])[np.cumsum(n) - n]
    end = steps - base[owner]
    return Found(rows.astype(np.int64)[owner], end - length, end, np.full(len(end), which), matched.alias("matched"))
