"""Lexicon cards: what a card may say, and the reader that refuses everything else.

What belongs here: the frozen description of a card, `load_cards` and `fingerprint`. How an entry becomes
literals is in `pattern.py`; how texts are scored is in `engine.py`. Cards are data under `lexicons/`, one
TOML file per lexicon.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.lexicon.normalise import normalise
from pipeline.lexicon.pattern import expand
from pipeline.lexicon.tokens import TOKEN_PATTERN

LEXICON_FOLDER = Path(__file__).resolve().parents[2] / "lexicons"
"""The cards that the project ships."""

SCORING_VERSION = 1
"""Raise it when the engine gives other scores for the same cards: it is part of the fingerprint."""

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_CARD_KEYS = {
    "id", "title", "version", "source", "licence", "language", "evidence", "text", "counting", "boundary", "cap",
    "total", "default", "notes", "categories", "levels", "assertions",
}  # fmt: skip
_TEXT_KEYS = ("id", "title", "version", "source", "licence", "language", "evidence")
_BOUNDARIES = ("word", "none")


@dataclass(frozen=True, slots=True)
class Entry:
    r"""One entry of a category.

    Parameters
    ----------
    pattern
        The entry as written, also a valid Python regular expression.
    literals
        What it denotes, in the order in which a backtracking matcher tries them.
    boundary
        ``word``: ``\b`` on both sides, as `re` defines it on `str`; ``none``: matches anywhere.
    weight
        What one count adds to ``weight_sum``.
    """

    pattern: str
    literals: tuple[str, ...]
    boundary: str = "word"
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Category:
    """A named, ordered list of entries."""

    name: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """A bucket of the total count: values up to and including `at_most`; the last level has no upper bound."""

    name: str
    at_most: int | None


@dataclass(frozen=True, slots=True)
class Example:
    """An assertion of a card: the scores that one text must get."""

    text: str
    counts: Mapping[str, int]
    why: str


@dataclass(frozen=True, slots=True)
class Card:
    """One lexicon.

    Parameters
    ----------
    id, title, version, source, licence, language, evidence
        Identification and provenance; `evidence` is a tag of METHODS.md (Q, CODE, FIG, S, I, A).
    text
        ``raw``: texts as they are, lower-cased; ``normalised``: by the rules of `pipeline.lexicon.normalise` first.
    counting
        ``presence``: an entry counts once per text; ``occurrence``: every non-overlapping match counts.
    cap
        Upper bound of the count of the total category, or None.
    total
        Name of the category that sums the others, or None when the card has no total.
    default
        Class of a text in which no category is present, or None when the card does not classify.
    categories
        In the order of precedence of a card that classifies.
    levels
        Ordered buckets of the total count; may be empty.
    examples
        Texts with the counts they must get.
    """

    id: str
    title: str
    version: str
    source: str
    licence: str
    language: str
    evidence: str
    text: str
    counting: str
    cap: int | None
    total: str | None
    default: str | None
    categories: tuple[Category, ...]
    levels: tuple[Level, ...] = ()
    examples: tuple[Example, ...] = ()


def load_cards(folder: Path = LEXICON_FOLDER) -> tuple[Card, ...]:
    """Read every card of a folder.

    Parameters
    ----------
    folder
        Folder with ``*.toml`` files, one card each, named after the card's id.

    Returns
    -------
    tuple of Card
        Sorted by id.

    Raises
    ------
    ValueError
        When the folder has no card, or a card says something that the engine does not support; the sentence
        names file, category and entry.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise ValueError(f"{folder} holds no lexicon card; expected files such as airs.toml")
    cards = tuple(_read(path) for path in paths)
    return tuple(sorted(cards, key=lambda card: card.id))


def card_by_id(cards: Sequence[Card], card_id: str) -> Card:
    """Return the card with this id; a sentence names the cards there are when it is missing."""
    for card in cards:
        if card.id == card_id:
            return card
    raise ValueError(f"no lexicon card has the id {card_id!r}; there are {sorted(card.id for card in cards)}")


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


def _read(path: Path) -> Card:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not a TOML file: {error}") from error
    try:
        card = parse_card(raw)
    except ValueError as error:
        raise ValueError(f"lexicon card {path.name}: {error}") from error
    if card.id != path.stem:
        raise ValueError(f"lexicon card {path.name}: its id is {card.id!r}; name the file {card.id}.toml")
    return card


def parse_card(raw: Mapping[str, Any]) -> Card:
    """Turn the content of a card file into a `Card`, refusing what is unknown, missing or contradictory.

    Raises
    ------
    ValueError
        With a sentence that names the category and the entry.
    """
    _check_header(raw)
    categories = tuple(_category(item, raw.get("boundary", "word")) for item in raw.get("categories", ()))
    if raw["text"] == "normalised":
        _check_normalised(categories)
    card = Card(
        **{key: raw[key] for key in _TEXT_KEYS},
        text=raw["text"],
        counting=raw["counting"],
        cap=raw.get("cap"),
        total=raw.get("total"),
        default=raw.get("default"),
        categories=categories,
        levels=_levels(raw.get("levels", ())),
        examples=tuple(_example(item) for item in raw.get("assertions", {}).get("examples", ())),
    )
    _check_card(card, raw.get("assertions", {}).get("entries", {}))
    return card


def _check_header(raw: Mapping[str, Any]) -> None:
    if unknown := set(raw) - _CARD_KEYS:
        raise ValueError(f"unknown keys {sorted(unknown)}; known are {sorted(_CARD_KEYS)}")
    for key in _TEXT_KEYS:
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            raise ValueError(f"{key} must be a non-empty string")
    if raw.get("text") not in ("raw", "normalised"):
        raise ValueError('text must be "raw" (lower-cased, otherwise untouched) or "normalised" (pipeline/lexicon)')
    if raw.get("counting") not in ("presence", "occurrence"):
        raise ValueError('counting must be "presence" or "occurrence"')
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
    entries = tuple(_entry(name, entry, boundary) for entry in listed)
    patterns = [entry.pattern for entry in entries]
    if repeated := {pattern for pattern in patterns if patterns.count(pattern) > 1}:
        raise ValueError(f"category {name!r}: entries listed twice: {sorted(repeated)}")
    return Category(name, entries)


def _entry(category: str, item: str | Mapping[str, Any], boundary: str) -> Entry:
    fields = dict(item) if isinstance(item, Mapping) else {"pattern": item}
    pattern = fields.pop("pattern", None)
    boundary = fields.pop("boundary", boundary)
    weight = fields.pop("weight", 1.0)
    where = f"category {category!r}, entry {pattern!r}"
    if not isinstance(pattern, str) or fields:
        raise ValueError(f"{where}: an entry is a string or a table of pattern, boundary and weight")
    if boundary not in _BOUNDARIES:
        raise ValueError(f"{where}: boundary must be one of {_BOUNDARIES}, not {boundary!r}")
    if type(weight) not in (int, float):
        raise ValueError(f"{where}: weight must be a number, not {weight!r}")
    try:
        literals = expand(pattern)
    except ValueError as error:
        raise ValueError(f"{where} is rejected: {error}") from error
    if capitals := [literal for literal in literals if literal != literal.lower()]:
        raise ValueError(f"{where} is rejected: texts are lower-cased, so {capitals[0]!r} can never match")
    return Entry(pattern, literals, boundary, float(weight))


def _check_normalised(categories: Sequence[Category]) -> None:
    """Refuse literals that no normalised text can hold, such as one with a line break; a blank at an end is fine."""
    for category in categories:
        for entry in category.entries:
            framed = pl.Series([f"x{literal}x" for literal in entry.literals])
            if changed := framed.filter(normalise(framed) != framed).to_list():
                raise ValueError(
                    f"category {category.name!r}, entry {entry.pattern!r} is rejected: texts are normalised, so "
                    f"{changed[0][1:-1]!r} can never match"
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
