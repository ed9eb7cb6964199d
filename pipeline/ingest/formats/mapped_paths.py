"""Paths of a mapping: how `corpus.toml` says where records and fields stand, and the SQL that reads them.

A path is names joined by dots. ``[*]`` is each item of a list, ``*`` each member of an object, ``[**]`` what stands
there, each item of the list in it, each item of that list in the item, and so on; these say where records stand. In
the path of a field ``[0]`` and ``[-1]`` are the first and the last item, ``[*]`` all items (their texts are joined),
``[name=e]`` the first item whose member is ``e``. A field may stand outside of its record: ``^.id`` is a field of what
holds the list, ``^^.id`` one further out, ``$.id`` a field of the document; ``@key`` is the key of the record in its
object, ``@position`` its place in its list (from 1), ``@item`` the record itself where it is a text or a number,
``@file``, ``@folder`` and ``@path`` are where its file lies. A name with other characters stands in double quotes.

A path reaches a statement only as a quoted literal, after `parse_path` has taken it apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_CHARS = 300
SPECIALS = ("key", "position", "item", "file", "folder", "path")
DOCUMENT = -1
_PREFIX = re.compile(r"(?P<up>\^+|\$)(?:\.|(?=@)|(?=\[))")
_SPECIAL = re.compile(r"@([a-z]+)\Z")
_NAME = re.compile(r'"(?P<quoted>[^"]+)"|(?P<plain>[^.\[\]"*@^$=,]+)|(?P<every>\*)')
_BRACKET = re.compile(
    r"\[(?:(?P<deep>\*\*)|(?P<each>\*)|(?P<place>-?\d{1,6})|(?P<where>[^\[\]=]+=[^\[\]=,]*(?:,[^\[\]=]+=[^\[\]=,]*)*))\]"
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class PathError(ValueError):
    """A path that cannot be read; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: a name, a place in a list, each item, every member, or the item that fits."""

    kind: str
    name: str = ""
    place: int = 0
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A path as it was written, taken apart.

    Attributes
    ----------
    up
        How many levels out of the record it starts; `DOCUMENT` for the document.
    special
        A word of `SPECIALS`, empty for a path of steps.
    """

    text: str
    up: int = 0
    special: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether a JSON pointer can say it: names and places counted from the start, inside the record."""
        return not self.special and _is_plain(self.steps)

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names, where the path is inside the record and nothing but names; else None."""
        if self.up or self.special or any(step.kind != "name" for step in self.steps):
            return None
        return tuple(step.name for step in self.steps)


def parse_path(text: str) -> FieldPath:
    """Take a path apart.

    Raises
    ------
    PathError
        With what was expected and where.
    """
    if not text or len(text) > MOST_CHARS or _UNPRINTABLE.search(text):
        raise PathError(f"a path of 1 to {MOST_CHARS} printable characters")
    up, at = 0, 0
    if prefix := _PREFIX.match(text):
        up, at = (DOCUMENT if prefix["up"] == "$" else len(prefix["up"])), prefix.end()
    if special := _SPECIAL.match(text, at):
        if special[1] not in SPECIALS:
            raise PathError(f"one of {', '.join('@' + word for word in SPECIALS)} in {text!r}")
        return FieldPath(text, up, special[1])
    return FieldPath(text, up, "", _steps(text, at))


def _steps(text: str, at: int) -> tuple[Step, ...]:
    steps: list[Step] = []
    is_first = True
    while at < len(text):
        if text[at] == "[":
            bracket = _BRACKET.match(text, at)
            if not bracket:
                raise PathError(f"[*], a number such as [0], or a condition such as [type=reply] in {text!r}")
            steps.append(_bracketed(bracket))
            at = bracket.end()
        else:
            if not is_first:
                if text[at] != ".":
                    raise PathError(f"a dot between the names of {text!r}")
                at += 1
            name = _NAME.match(text, at)
            if not name:
                raise PathError(f"a name at character {at + 1} of {text!r}; put odd characters into double quotes")
            steps.append(Step("every") if name["every"] else Step("name", name["quoted"] or name["plain"]))
            at = name.end()
        is_first = False
    if not steps:
        raise PathError(f"a name in {text!r}")
    return tuple(steps)


def _bracketed(match: re.Match[str]) -> Step:
    if match["deep"]:
        return Step("deep")
    if match["each"]:
        return Step("each")
    if match["place"]:
        return Step("place", place=int(match["place"]))
    pairs = [pair.partition("=") for pair in match["where"].split(",")]
    return Step("where", where=tuple((name.strip(), value.strip()) for name, _, value in pairs))


def parse_field_path(text: str) -> FieldPath:
    """Take the path of a field apart: at most one ``[*]``, no ``*``.

    Raises
    ------
    PathError
        With what was expected.
    """
    path = parse_path(text)
    if any(step.kind in ("every", "deep") for step in path.steps):
        raise PathError(f"no * in the path of a field, and no [**]; {text!r} belongs into path, or name the member")
    if sum(step.kind == "each" for step in path.steps) > 1:
        raise PathError(f"at most one [*] in the path of a field; {text!r} has more")
    return path


@dataclass(frozen=True, slots=True)
class Hop:
    """A part of the path to records: names, then each item (``each``), every member (``every``), or ``one``.

    ``deep`` is what stands before the names, and the items of the list there, and the items of that list in each item,
    and so on. It is no level of its own: a nested item takes the place of what holds it.
    """

    names: tuple[str, ...]
    kind: str

    @property
    def is_level(self) -> bool:
        """Whether ``^`` in the path of a field counts it."""
        return self.kind in ("each", "every")


def parse_record_path(text: str) -> tuple[Hop, ...]:
    """Take the path of records apart; an empty text is the document, line or row itself.

    Raises
    ------
    PathError
        With what was expected.
    """
    if not text:
        return ()
    path = parse_path(text)
    if path.up or path.special or any(step.kind in ("place", "where") for step in path.steps):
        raise PathError(f"names, [*] and * in the path of records, such as data.items[*]; found {text!r}")
    hops: list[Hop] = []
    names: list[str] = []
    for step in path.steps:
        if step.kind == "name":
            names.append(step.name)
        else:
            if step.kind == "deep" and not names:
                raise PathError(f"the name of a list before [**] in {text!r}")
            hops.append(Hop(tuple(names), step.kind))
            names = []
    return (*hops, Hop(tuple(names), "one")) if names else tuple(hops)


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def pointer(names: tuple[str, ...] | list[str]) -> str:
    """Return names as a JSON pointer, as a literal of SQL; that of no names is the value itself."""
    return literal("".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names) or "$")


def plain_pointer(path: FieldPath) -> str:
    """Return a plain path (`FieldPath.is_plain`) as a JSON pointer, as a literal of SQL."""
    return _pointer_of(path.steps)


def value_sql(base: str, path: FieldPath, separator: str) -> str:
    """Return SQL for the text at a path of steps below `base` (JSON); null where there is an object or a list.

    Parameters
    ----------
    base
        SQL of type JSON.
    path
        A path without `special`.
    separator
        What stands between the texts of all items of a list.
    """
    expr, held = base, []
    for number, step in enumerate(path.steps):
        if step.kind == "name" or (step.kind == "place" and step.place >= 0):
            held.append(step)
            continue
        expr = f"json_extract({_reach(expr, held)}, '$[*]')"
        held = []
        if step.kind == "each":
            rest = path.steps[number + 1 :]
            found = f"list_transform({expr}, lambda x{number}: {_scalar(_inner(f'x{number}', rest))})"
            kept = f"list_filter({found}, lambda y{number}: y{number} IS NOT NULL)"
            return f"nullif(array_to_string({kept}, {literal(separator)}), '')"
        if step.kind == "place":
            expr = f"{expr}[{step.place}]"
        else:
            fits = " AND ".join(
                f"json_extract_string(x{number}, {literal('/' + _escaped(name))}) = {literal(value)}"
                for name, value in step.where
            )
            expr = f"list_filter({expr}, lambda x{number}: coalesce({fits}, false))[1]"
    return _scalar(_reach(expr, held))


def _inner(base: str, steps: tuple[Step, ...]) -> str:
    """Return SQL for what stands below one item of a list: names and places."""
    return _reach(base, list(steps))


def _reach(expr: str, steps: list[Step]) -> str:
    return f"json_extract({expr}, {_pointer_of(tuple(steps))})" if steps else expr


def _scalar(expr: str) -> str:
    return f"CASE WHEN json_type({expr}) IN ('OBJECT', 'ARRAY') THEN NULL ELSE json_extract_string({expr}, '$') END"


def _is_plain(steps: tuple[Step, ...]) -> bool:
    return all(step.kind == "name" or (step.kind == "place" and step.place >= 0) for step in steps)


def _pointer_of(steps: tuple[Step, ...]) -> str:
    return pointer([step.name if step.kind == "name" else str(step.place) for step in steps])


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
