"""Which cards there are: those of the project, and the user's own cards and word lists.

What belongs here: reading folders. A card may name a word list beside it (``file = "name.dic"``) in the format of
another tool; a word list without a card gets one of its own. Lists under a licence of their own are never shipped.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from pipeline.lexicon.card import parse_card
from pipeline.lexicon.foreign import ForeignList, read_list
from pipeline.lexicon.model import Card

LEXICON_FOLDER = Path(__file__).resolve().parents[2] / "lexicons"
"""The cards that the project ships."""

LIST_SUFFIXES = (".dic", ".dicx", ".csv", ".tsv", ".txt")
_FILE_KEYS = ("file", "format")
_LIST_DEFAULTS = {"text": "normalised", "counting": "occurrence", "overlap": "longest"}


Stamp: TypeAlias = tuple[tuple[str, int, int], ...]


def stamp(*folders: Path | None) -> Stamp:
    """Return path, time and size of every file of the folders: as long as it stays, so do the cards."""
    paths = [path for folder in folders if folder and folder.is_dir() for path in sorted(folder.iterdir())]
    states = [(path, path.stat()) for path in paths]
    return tuple((str(path), state.st_mtime_ns, state.st_size) for path, state in states)


def load_cards(folder: Path = LEXICON_FOLDER, own: Path | None = None) -> tuple[Card, ...]:
    """Read every card of a folder, and the user's own.

    Parameters
    ----------
    folder
        Folder with ``*.toml`` files, one card each, named after the card's id.
    own
        The user's folder, with cards and word lists; None when there is none.

    Returns
    -------
    tuple of Card
        Sorted by id.

    Raises
    ------
    ValueError
        When the folder has no card, two cards have one id, or a card says something that the engine does not
        support; the sentence names file, category and entry.
    """
    return tuple(card for card, _ in cards_with_lists(folder, own))


def cards_with_lists(
    folder: Path = LEXICON_FOLDER, own: Path | None = None
) -> tuple[tuple[Card, ForeignList | None], ...]:
    """Return the cards as `load_cards` does, each with the list that it was read from, where there is one."""
    if not any(folder.glob("*.toml")):
        raise ValueError(f"{folder} holds no lexicon card; expected files such as airs.toml")
    found = [*_folder(folder), *(_folder(own, has_bare=True) if own else ())]
    ids = [card.id for card, _ in found]
    if repeated := sorted({name for name in ids if ids.count(name) > 1}):
        raise ValueError(f"two lexicon cards have the id {repeated[0]!r}; rename the card or word list in {own}")
    return tuple(sorted(found, key=lambda pair: pair[0].id))


def card_by_id(cards: Sequence[Card], card_id: str) -> Card:
    """Return the card with this id; a sentence names the cards there are when it is missing."""
    for card in cards:
        if card.id == card_id:
            return card
    raise ValueError(f"no lexicon card has the id {card_id!r}; there are {sorted(card.id for card in cards)}")


def _folder(folder: Path, *, has_bare: bool = False) -> Iterator[tuple[Card, ForeignList | None]]:
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; ETHOGRAM_LEXICONS names the folder of your own word lists")
    named: set[str] = set()
    for path in sorted(folder.glob("*.toml")):
        raw = _toml(path)
        named.add(str(raw.get("file", "")))
        yield _read(path, raw)
    for path in sorted(folder.iterdir()) if has_bare else ():
        if path.suffix.lower() in LIST_SUFFIXES and path.name not in named and path.is_file():
            yield bare_card(path)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not a TOML file: {error}") from error


def _read(path: Path, raw: Mapping[str, Any]) -> tuple[Card, ForeignList | None]:
    try:
        card, found = _with_list(path, raw) if "file" in raw else (parse_card(raw), None)
    except ValueError as error:
        raise ValueError(f"lexicon card {path.name}: {error}") from error
    if card.id != path.stem:
        raise ValueError(f"lexicon card {path.name}: its id is {card.id!r}; name the file {card.id}.toml")
    return card, found


def _with_list(path: Path, raw: Mapping[str, Any]) -> tuple[Card, ForeignList]:
    name = raw["file"]
    if not isinstance(name, str) or Path(name).name != name:
        raise ValueError(f"file is the name of a word list beside the card, without folders, not {name!r}")
    if "categories" in raw or "boundary" in raw:
        raise ValueError("a card with a file has no categories and no boundary: those of the file are read")
    if not (path.parent / name).is_file():
        raise ValueError(f"its word list {name} is not beside it; put the file there, or take the card away")
    found = read_list(path.parent / name, raw.get("format"))
    rest = {key: value for key, value in raw.items() if key not in _FILE_KEYS}
    return parse_card({**_LIST_DEFAULTS, **rest, "boundary": "token"}, found.categories), found


def bare_card(path: Path) -> tuple[Card, ForeignList]:
    """Return a card for a word list that has none: named after the file, for any language, scored as the format says.

    Raises
    ------
    ValueError
        When the content is of no format that is known, or holds no term.
    """
    found = read_list(path)
    raw = {
        **_LIST_DEFAULTS,
        "id": "_".join(re.findall(r"[a-z0-9]+", path.stem.lower())).lstrip("0123456789_") or "list",
        "title": f"{path.name} ({found.title})",
        "version": "of the file",
        "source": f"The user's own file {path.name}, SHA-256 {found.sha256}.",
        "licence": "The user's own copy; not part of the project.",
        "language": "any",
        "evidence": "I",
    }
    try:
        return parse_card(raw, found.categories), found
    except ValueError as error:
        raise ValueError(f"word list {path.name}: {error}") from error
