r"""From what a card or a word list writes to an `Entry`.

What belongs here: the three kinds of entries of a card (a pattern, a glob, a regular expression), and terms of foreign
lists, in which a star stands for the rest of a word. A pattern that ends in ``\w*`` is a prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.lexicon.expression import glob, translate
from pipeline.lexicon.model import Entry
from pipeline.lexicon.pattern import expand

BOUNDARIES = ("word", "token", "none")
APOSTROPHES = "'’"
_OPEN = r"\w*"
_SPECIAL = frozenset(".*+{}^$?|()[]\\")
_KINDS = ("pattern", "glob", "regex")


def entry_of(item: str | Mapping[str, Any], boundary: str) -> Entry:
    """Return the entry that an item of a card's list denotes.

    Parameters
    ----------
    item
        A pattern, or a table with one of `pattern`, `glob` and `regex`, and optionally boundary and weight.
    boundary
        The boundary of the category.

    Raises
    ------
    ValueError
        When the item is of another form or can never match.
    """
    fields = dict(item) if isinstance(item, Mapping) else {"pattern": item}
    kinds = [kind for kind in _KINDS if kind in fields]
    written = fields.pop(kinds[0]) if len(kinds) == 1 else None
    boundary = fields.pop("boundary", boundary)
    weight = fields.pop("weight", 1.0)
    if not isinstance(written, str) or fields:
        raise ValueError(f"an entry is a string or a table of one of {', '.join(_KINDS)}, boundary and weight")
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary must be one of {BOUNDARIES}, not {boundary!r}")
    if type(weight) not in (int, float):
        raise ValueError(f"weight must be a number, not {weight!r}")
    if kinds == ["regex"]:
        python, expression = translate(written, boundary)
        return Entry(python, (), "none", float(weight), expression=expression)
    if kinds == ["glob"]:
        return glob_entry(written, boundary, float(weight))
    return _pattern_entry(written, boundary, float(weight))


def _pattern_entry(written: str, boundary: str, weight: float) -> Entry:
    is_open = written.endswith(_OPEN)
    literals = expand(written.removesuffix(_OPEN))
    if is_open and boundary == "none":
        raise ValueError(r"a pattern that ends in \w* needs a boundary")
    if capitals := [literal for literal in literals if literal != literal.lower()]:
        raise ValueError(f"texts are lower-cased, so {capitals[0]!r} can never match")
    return Entry(written, literals, boundary, weight, is_open)


def glob_entry(term: str, boundary: str, weight: float) -> Entry:
    """Return the entry of a term with wildcards; one star at its end makes a prefix, which costs nothing extra."""
    if not any(wildcard in term for wildcard in "*?"):
        return _pattern_entry(quoted(term), boundary, weight)
    if term.find("*") == len(term) - 1 and "?" not in term and term != "*":
        return _pattern_entry(quoted(term[:-1]) + _OPEN, boundary, weight)
    python, expression = glob(term)
    return Entry(python, (), "none", weight, expression=expression)


def term_entry(term: str, *, has_wildcards: bool) -> Entry:
    """Return the entry of a lower-cased term of a foreign list, with token boundaries and weight one.

    With `has_wildcards` a star stands for the rest of a word; in lists without, ``f***`` is just that.
    """
    if has_wildcards and "*" in term:
        if not term.strip("* "):
            raise ValueError("nothing but wildcards")
        stem = term.rstrip("*")
        if "*" not in stem:
            return _pattern_entry(quoted(stem) + _OPEN, "token", 1.0)
        if any(character.isalnum() for character in term):
            python, expression = glob(term)
            return Entry(python, (), "none", expression=expression)
    return _pattern_entry(quoted(term), "token", 1.0)


def quoted(term: str) -> str:
    """Return a term as a pattern; an apostrophe may be typed either way."""
    return "".join(f"[{APOSTROPHES}]" if c in APOSTROPHES else f"\\{c}" if c in _SPECIAL else c for c in term)
