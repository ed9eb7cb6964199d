"""Lexicon cards: the reader of one card, which refuses what the engine does not do.

What belongs here: `parse_card` and `fingerprint`. What a card is, is in `model.py`; how an entry becomes literals in
`entries.py`; which cards there are in `load.py`; how texts are scored in `engine.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from pipeline.lexicon.entries import entry_of
from pipeline.lexicon.model import ANY_LANGUAGE, Card, Category, Entry, Example, Level, Modifiers
from pipeline.lexicon.normalise import normalise
from pipeline.lexicon.tokens import TOKEN_PATTERN

SCORING_VERSION = 2
"""Raise it when the engine gives other scores for the same cards: it is part of the fingerprint."""

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_CARD_KEYS = {
    "id", "title", "version", "source", "licence", "language", "evidence", "text", "counting", "boundary", "cap",
    "total", "default", "notes", "categories", "levels", "assertions", "overlap", "other_languages", "negation",
    "boosters",
}  # fmt: skip
_TEXT_KEYS = ("id", "title", "version", "source", "licence", "language", "evidence")
_LANGUAGE = re.compile(r"[a-z]{2,3}\Z")
_CHOICES = {
    "text": ("raw", "normalised"),
    "counting": ("presence", "occurrence"),
    "overlap": ("each", "longest"),
    "other_languages": ("skip", "score"),
}
MOST_SCOPE = 50


def fingerprint(cards: Sequence[Card]) -> str:
    """Return a digest that changes whenever the scores of some text could change.

    It covers the cards, the token rule, the version of the scoring code and the Unicode version of Python
    (which decides what a word character and a lower-case letter is). The order of the cards does not
    matter.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    body = {
        "cards": [asdict(card) for card in sorted(cards, key=lambda card: card.id)],
        "token_pattern": TOKEN_PATTERN,
        "scoring_version": SCORING_VERSION,
        "unicode": unicodedata.unidata_version,
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def parse_card(raw: Mapping[str, Any], categories: Sequence[Category] | None = None) -> Card:
    """Turn the content of a card file into a `Card`, refusing what is unknown, missing or contradictory.

    Parameters
    ----------
    raw
        The content of the file.
    categories
        Those of a word list that the card names, in place of its own.

    Raises
    ------
    ValueError
        With a sentence that names the category and the entry.
    """
    check_header(raw)
    boundary = raw.get("boundary", "word")
    if categories is None:
        categories = [_category(item, boundary) for item in raw.get("categories", ())]
    card = Card(
        **{key: raw[key] for key in _TEXT_KEYS},
        text=raw["text"],
        counting=raw["counting"],
        cap=raw.get("cap"),
        total=raw.get("total"),
        default=raw.get("default"),
        categories=tuple(categories),
        levels=_levels(raw.get("levels", ())),
        examples=tuple(_example(item) for item in raw.get("assertions", {}).get("examples", ())),
        overlap=raw.get("overlap", "each"),
        other_languages=raw.get("other_languages", "skip"),
        negation=_modifiers(raw, "negation", boundary),
        boosters=_modifiers(raw, "boosters", boundary),
    )
    _check_card(card, raw.get("assertions", {}).get("entries", {}))
    if card.text == "normalised":
        _check_normalised(card)
    return card


def check_header(raw: Mapping[str, Any]) -> None:
    """Raise a ValueError when a card lacks a field, or a field is not what it may be."""
    if unknown := set(raw) - _CARD_KEYS:
        raise ValueError(f"unknown keys {sorted(unknown)}; known are {sorted(_CARD_KEYS)}")
    for key in _TEXT_KEYS:
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            raise ValueError(f"{key} must be a non-empty string")
    for key, choices in _CHOICES.items():
        if raw.get(key, choices[0] if key in ("overlap", "other_languages") else None) not in choices:
            raise ValueError(f'{key} must be "{choices[0]}" or "{choices[1]}"')
    codes = [code.strip() for code in raw["language"].split(",")]
    if codes != [ANY_LANGUAGE] and not all(_LANGUAGE.match(code) for code in codes):
        raise ValueError(
            f'language must be "any" or codes of ISO 639 such as "en" or "en, de", not {raw["language"]!r}'
        )
    cap = raw.get("cap")
    if cap is not None and (type(cap) is not int or cap < 1 or "total" not in raw):
        raise ValueError("cap must be a positive integer, and needs a total category to cap")


def _category(item: Mapping[str, Any], default_boundary: str) -> Category:
    name = item.get("name", "")
    if unknown := set(item) - {"name", "boundary", "entries"}:
        raise ValueError(f"category {name!r}: unknown keys {sorted(unknown)}")
    boundary, listed = item.get("boundary", default_boundary), item.get("entries")
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"category {name!r} has no entries: a list of one or more is expected")
    return Category(name, _entries(f"category {name!r}", listed, boundary))


def _entries(where: str, listed: Sequence[str | Mapping[str, Any]], boundary: str) -> tuple[Entry, ...]:
    entries = []
    for item in listed:
        try:
            entries.append(entry_of(item, boundary))
        except ValueError as error:
            shown = next(iter(item.values()), None) if isinstance(item, Mapping) else item
            raise ValueError(f"{where}, entry {shown!r} is rejected: {error}") from error
    counts = Counter(entry.pattern for entry in entries)
    if repeated := sorted(pattern for pattern, n in counts.items() if n > 1):
        raise ValueError(f"{where}: entries listed twice: {repeated}")
    return tuple(entries)


def _modifiers(raw: Mapping[str, Any], key: str, boundary: str) -> Modifiers | None:
    item = raw.get(key)
    if item is None:
        return None
    known = {"entries", "scope", "factor"} if key == "negation" else {"entries", "scope"}
    scope, factor, listed = item.get("scope"), item.get("factor"), item.get("entries")
    if set(item) - known or not isinstance(listed, list) or not listed:
        raise ValueError(f"{key} holds a list of entries and {sorted(known - {'entries'})}, nothing else")
    if type(scope) is not int or not 1 <= scope <= MOST_SCOPE:
        raise ValueError(f"{key}: scope is a number of tokens from 1 to {MOST_SCOPE}")
    if factor is not None and type(factor) not in (int, float):
        raise ValueError(f"{key}: factor must be a number; without one a negated match does not count")
    if raw["counting"] == "presence" and (factor is not None or key == "boosters"):
        raise ValueError(f'{key} that change weights need counting = "occurrence"')
    entries = _entries(key, listed, boundary)
    if any(entry.expression for entry in entries):
        raise ValueError(f"{key}: entries are words and phrases, no expressions")
    return Modifiers(entries, scope, None if factor is None else float(factor))


def _check_normalised(card: Card) -> None:
    """Refuse literals that no normalised text can hold, such as one with a line break; a blank at an end is fine."""
    listed = [
        (category.name, entry.pattern, literal)
        for category in card.categories
        for entry in category.entries
        for literal in entry.literals
    ]
    framed = pl.Series([f"x{literal}x" for _, _, literal in listed], dtype=pl.String)
    for at in (normalise(framed) != framed).arg_true().to_list():
        name, pattern, literal = listed[at]
        raise ValueError(
            f"category {name!r}, entry {pattern!r} is rejected: texts are normalised, so {literal!r} can never match"
        )


def _levels(items: Sequence[Mapping[str, Any]]) -> tuple[Level, ...]:
    levels = tuple(Level(item["name"], item.get("at_most")) for item in items)
    bounds = [level.at_most for level in levels]
    inner = [bound for bound in bounds[:-1] if type(bound) is int]
    is_ordered = len(inner) == len(bounds[:-1]) and inner == sorted(set(inner))
    if levels and not (is_ordered and bounds[-1] is None):
        raise ValueError("levels must have rising integer bounds at_most, and the last level none")
    return levels


def _example(item: Mapping[str, Any]) -> Example:
    if set(item) != {"text", "counts", "why"}:
        raise ValueError("an assertion example has exactly text, counts and why")
    return Example(item["text"], dict(item["counts"]), item["why"])


def _check_card(card: Card, expected_entries: Mapping[str, int]) -> None:
    if not card.categories:
        raise ValueError("it has no categories")
    names = [category.name for category in card.categories]
    names += [name for name in (card.total, card.default) if name is not None]
    for name in (card.id, *names, *(level.name for level in card.levels)):
        if not isinstance(name, str) or not _IDENTIFIER.match(name):
            raise ValueError(f"{name!r} is not a lower-case identifier")
    if len(set(names)) != len(names):
        raise ValueError(f"two of the names {names} (categories, total, default) are the same")
    found = {category.name: len(category.entries) for category in card.categories}
    if expected_entries and dict(expected_entries) != found:
        raise ValueError(f"it asserts {dict(expected_entries)} entries but holds {found}")
