"""Finds where records stand in documents: lists of objects, objects by key, and replies that stand in one another.

A place is a path as `corpus.toml` writes it, with the objects that were found there. An object by key is told from an
object with fields by its keys (they look like identifiers, or are many) and by members that are alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.ingest.formats.literals import literal_to_json

MOST_RECORDS = 2_000
MOST_ITEMS = 500
MOST_DEPTH = 8
_ID_LIKE = re.compile(r"(?=.*\d).{2,}|.{16,}|\d+", re.DOTALL)
_PLAIN_NAME = re.compile(r'[^.\[\]"*@^$=,]+\Z')
ALIKE = 0.6
SURE = 0.9

Record = dict[str, Any]


@dataclass(slots=True)
class Found:
    """A record, its key, place and nesting, and the objects around it, the nearest first."""

    value: Any
    key: str | None = None
    position: int | None = None
    around: tuple[Any, ...] = ()
    nesting: int = 0


@dataclass(slots=True)
class Place:
    """A path and the records that stand there; `replies` is the path of the replies in a record.

    Where rows of several kinds stand in one table, `where` is the field that tells them and its values here.
    `opened` are the fields whose objects stand as text.
    """

    path: str
    records: list[Found] = field(default_factory=list)
    replies: str | None = None
    n_documents: int = 0
    where: tuple[str, tuple[str, ...]] | None = None
    opened: tuple[str, ...] = ()

    def keys(self) -> set[str]:
        """Return the names of the members of the records."""
        return {name for found in self.records[:200] if isinstance(found.value, dict) for name in found.value}


def quoted(name: str) -> str:
    """Return a name as a path writes it."""
    return name if _PLAIN_NAME.match(name) and name == name.strip() else f'"{name}"'


def joined(path: str, name: str) -> str:
    """Return a path with one more name."""
    return f"{path}.{quoted(name)}" if path else quoted(name)


def find_places(documents: list[Any]) -> list[Place]:
    """Return the places at which records stand, in the order in which they are met."""
    places: dict[str, Place] = {}
    for document in documents:
        seen: set[str] = set()
        _walk(document, "", (document,) if isinstance(document, dict) else (), places, seen, 0)
        if isinstance(document, dict) and not _keyed(document):
            _add(places, seen, "", [Found(document)])
        for path in seen:
            places[path].n_documents += 1
    found = [place for place in places.values() if place.records]
    for place in found:
        place.replies = _replies(place)
    found = [place for place in found if not _is_inside_replies(place, found)]
    for place in found:
        _go_into_replies(place, found)
    return found


def n_levels(path: str) -> int:
    """Return how many objects around a record a path goes through: [**] is none of its own."""
    return path.replace("[**]", "").count("*")


def _go_into_replies(holder: Place, places: list[Place]) -> None:
    """Let what stands in a message stand in its replies too, with a path that goes through them."""
    if not holder.replies or not holder.replies.endswith("[*]") or holder.replies.count("*") > 1:
        return
    names = holder.replies.removesuffix("[*]")
    within = f"{holder.path}.{names}[**]" if holder.path else f"{names}[**]"
    inner: dict[str, Place] = {}
    for record in holder.records:
        if record.nesting:
            for name, item in record.value.items():
                if '"' not in name and isinstance(item, dict | list) and joined("", name) != names:
                    _walk(item, joined(within, name), (record.value, *record.around), inner, set(), 1)
    for place in places:
        start = f"{holder.path}." if holder.path else ""
        if place is not holder and holder.path and place.path.startswith(start):
            place.path = f"{within}.{place.path.removeprefix(start)}"
            if place.path in inner:
                place.records.extend(inner[place.path].records[: max(0, MOST_RECORDS - len(place.records))])


def _add(places: dict[str, Place], seen: set[str], path: str, records: list[Found]) -> None:
    place = places.setdefault(path, Place(path))
    place.records.extend(records[: max(0, MOST_RECORDS - len(place.records))])
    seen.add(path)


def _walk(value: Any, path: str, around: tuple[Any, ...], places: dict[str, Place], seen: set[str], depth: int) -> None:
    """Go through a document; `around` are the objects from which an item of a list was entered."""
    if depth > MOST_DEPTH:
        return
    if isinstance(value, list):
        items = value[:MOST_ITEMS]
        objects = [(n, item) for n, item in enumerate(items, start=1) if isinstance(item, dict)]
        if len(objects) * 2 > len(items) and '"' not in path.replace('"', "", 2):
            _items(f"{path}[*]", [Found(item, None, n, around) for n, item in objects], places, seen, depth)
    elif isinstance(value, dict):
        if _keyed(value):
            inner = joined(path, "*").replace('"*"', "*")
            members = list(value.items())[:MOST_ITEMS]
            if isinstance(members[0][1], dict):
                found = [Found(item, key, None, around) for key, item in members if isinstance(item, dict)]
                _items(inner, found, places, seen, depth)
            else:
                for key, item in members:
                    _walk(item, inner, ({"@key": key}, *around), places, seen, depth + 1)
            return
        for name, item in list(value.items())[:200]:
            if '"' not in name and isinstance(item, dict | list):
                _walk(item, joined(path, name), around, places, seen, depth + 1)


def _items(path: str, records: list[Found], places: dict[str, Place], seen: set[str], depth: int) -> None:
    wrapper = _wrapper([found.value for found in records])
    if wrapper is not None:
        path = joined(path, wrapper)
        records = [
            Found(found.value[wrapper], found.key, found.position, found.around)
            for found in records
            if isinstance(found.value.get(wrapper), dict)
        ]
    _add(places, seen, path, records)
    for found in records:
        here = {**found.value, "@key": found.key} if found.key is not None else found.value
        for name, item in found.value.items():
            if '"' not in name and isinstance(item, dict | list):
                _walk(item, joined(path, name), (here, *found.around), places, seen, depth + 1)


def _wrapper(values: list[Any]) -> str | None:
    """Return the member that holds the record where items only wrap it, None where they do not."""
    first = values[0] if values else {}
    inner = [name for name, item in first.items() if isinstance(item, dict) and len(item) >= 3]
    if len(inner) != 1 or len(first) > 2 or '"' in inner[0]:
        return None
    name = inner[0]
    return name if all(isinstance(value.get(name), dict) for value in values[:50]) else None


def _keyed(value: Record) -> bool:
    """Return whether an object holds records, or lists of them, by key."""
    if len(value) < 2:
        return False
    members = list(value.items())[:MOST_ITEMS]
    if all(isinstance(item, dict) for _, item in members):
        names = [set(item) for _, item in members]
    elif all(isinstance(item, list) for _, item in members):
        names = [set(item[0]) for _, item in members if item and isinstance(item[0], dict)]
        if len(names) * 2 < len(members):
            return False
    else:
        return False
    common = set.intersection(*names) if names else set()
    is_alike = bool(common) and sum(alike(n, names[0]) for n in names) / len(names) >= ALIKE
    n_ids = sum(bool(_ID_LIKE.match(key)) for key, _ in members)
    return is_alike and (n_ids * 2 > len(members) or len(members) >= 8)


def alike(one: set[str], other: set[str]) -> float:
    """Return the share of the smaller set that both have."""
    return len(one & other) / max(min(len(one), len(other)), 1)


def lists_inside(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """Yield the lists that stand in an object, not in a list of it, with the path of their items."""
    if depth > 5 or not isinstance(value, dict):
        return
    for name, item in value.items():
        if '"' in name:
            continue
        if isinstance(item, list):
            yield f"{joined(path, name)}[*]", item
        else:
            yield from lists_inside(item, joined(path, name), depth + 1)


def _replies(place: Place) -> str | None:
    """Return the path of the list in a record whose items are such records again; adds them to the place."""
    keys = place.keys()
    candidates: dict[str, int] = {}
    for found in place.records[:300]:
        for path, items in lists_inside(found.value):
            for item in items[:20]:
                for wrapped, inner in _unwrapped(path, item):
                    has_same = any(p == path for p, _ in lists_inside(inner))
                    if has_same and alike(set(inner), keys) >= ALIKE:
                        candidates[wrapped] = candidates.get(wrapped, 0) + 1
    if not candidates:
        return None
    best = max(candidates, key=lambda path: (candidates[path], -len(path)))
    level = list(place.records)
    while level and len(place.records) < MOST_RECORDS:
        level = [child for found in level for child in _children(found, best)]
        place.records.extend(level[: MOST_RECORDS - len(place.records)])
    return best


def _unwrapped(path: str, item: Any) -> Iterator[tuple[str, Record]]:
    if not isinstance(item, dict):
        return
    yield path, item
    if len(item) <= 2:
        for name, inner in item.items():
            if isinstance(inner, dict) and '"' not in name:
                yield f"{path}.{quoted(name)}", inner


def _children(found: Found, replies: str) -> list[Found]:
    base, _, wrapper = replies.rpartition("[*]")
    for path, items in lists_inside(found.value):
        if path == f"{base}[*]":
            values = [
                item.get(wrapper.strip('."'), {}) if wrapper and isinstance(item, dict) else item for item in items
            ]
            return [
                Found(value, None, n, found.around, found.nesting + 1)
                for n, value in enumerate(values, start=1)
                if isinstance(value, dict) and value
            ]
    return []


def _is_inside_replies(place: Place, places: list[Place]) -> bool:
    for other in places:
        if other.replies and other is not place:
            prefix = f"{other.path}.{other.replies}" if other.path else other.replies
            if place.path == prefix or place.path.startswith((f"{prefix}.", f"{prefix}[")):
                return True
    return False


def parsed_lists(rows: list[Any]) -> dict[str, list[tuple[Record, list[Any]]]]:
    """Return the columns of a table whose texts are lists, with each row and the list that it holds."""
    found: dict[str, list[tuple[Record, list[Any]]]] = {}
    n_texts: dict[str, int] = {}
    for row in rows[:MOST_ITEMS]:
        for name, value in row.items():
            if isinstance(value, str):
                n_texts[name] = n_texts.get(name, 0) + 1
                text = literal_to_json(value)
                if text is not None and text.startswith("["):
                    found.setdefault(name, []).append((row, json.loads(text)))
    return {name: lists for name, lists in found.items() if len(lists) >= SURE * n_texts[name]}
