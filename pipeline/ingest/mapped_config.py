"""`[[records]]` of `corpus.toml`: the mapping of a layout that no adapter knows, checked key by key.

Every error names the entry, its line, the key and what was expected. What comes out are the rules of
`formats.mapped_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.ingest.formats import mapped_rules as m
from pipeline.ingest.formats.mapped_paths import FieldPath, PathError, parse_field_path, parse_record_path
from pipeline.ingest.formats.mapped_rules import all_paths
from pipeline.ingest.formats.mapped_times import UNIT_WORDS, UNITS, pattern_error

CONTAINERS = ("json", "jsonl", "csv", "tsv", "csv_semicolon", "parquet", "sqlite")
WITHOUT_LINES = ("json", "jsonl", "parquet", "sqlite")
ENTRY_KEYS = (
    "files", "container", "table", "path", "kind", "kinds", "where", "fields", "constants", "replies", "parse",
    "header_row", "encoding",
)  # fmt: skip
FIELD_KEYS = ("from", "join", "hash", "separator", "null", "strip", "map", "prefix", "time", "timezone", "origin")
CONDITION_KEYS = ("field", "is", "is_not", "missing", "has")
_EXAMPLE = '{ from = ["ts", "time"], time = "ms" }'
MOST_LINES_BEFORE = 10_000
_OFFSET = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d\Z")

Fail = Callable[[str, str, str], Exception]


def read_rules(entries: object, text: str, fail: Fail) -> tuple[m.RecordRule, ...]:
    """Return the rules that `[[records]]` gives.

    Parameters
    ----------
    entries
        The value of the key ``records``.
    text
        The whole file, to tell lines.
    fail
        Makes an error of a key, what was expected, and the place.
    """
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise fail("records", "[[records]] tables with files, kind and fields; see docs/unknown-layouts.md", "")
    lines = _Lines(text)
    return tuple(_Entry(entry, n, lines, fail).rule() for n, entry in enumerate(entries, start=1))


class _Lines:
    """Finds the line of a key of an entry; a file that is written in another way has no lines to show."""

    def __init__(self, text: str) -> None:
        self.entries: list[list[tuple[int, str]]] = []
        is_inside = False
        for number, line in enumerate(text.splitlines(), start=1):
            if header := re.match(r"\s*\[\[?\s*([\w-]+)[\w\s.-]*\]\]?\s*(#.*)?$", line):
                is_inside = header[1] == "records"
                if re.match(r"\s*\[\[\s*records\s*\]\]", line):
                    self.entries.append([])
            if is_inside and self.entries:
                self.entries[-1].append((number, line))

    def of(self, entry: int, key: str = "") -> str:
        """Return ``line 7``, empty when it cannot be told."""
        if entry > len(self.entries):
            return ""
        held = self.entries[entry - 1]
        pattern = re.compile(rf"""\s*(?:[\w.]+\.)?["']?{re.escape(key)}["']?\s*=""")
        found = [number for number, line in held if not key or pattern.match(line)]
        return f"line {found[0] if found else held[0][0]}"


class _Entry:
    """Reads one entry."""

    def __init__(self, entry: Mapping[str, Any], number: int, lines: _Lines, fail: Fail) -> None:
        self.entry, self.number, self.lines = entry, number, lines
        self._fail = fail
        self.is_tie_only = True

    def place(self, key: str = "") -> str:
        line = self.lines.of(self.number, key)
        return f"records {self.number}" + (f", {line}" if line else "")

    def fail(self, key: str, expected: str) -> Exception:
        return self._fail(key, expected, self.place(key.rsplit(".", 1)[-1].split(" ", 1)[0]))

    def rule(self) -> m.RecordRule:
        if unknown := sorted(set(self.entry) - set(ENTRY_KEYS)):
            raise self.fail(unknown[0], f"one of the keys {', '.join(ENTRY_KEYS)}")
        files = self.texts(self.entry, "files", "files")
        if not files:
            raise self.fail("files", 'which files are meant, such as files = "posts/*.json"')
        container = self.text("container")
        if container is not None and container not in CONTAINERS:
            raise self.fail("container", f"one of {', '.join(CONTAINERS)}")
        kinds = self.kinds()
        path, replies = self.text("path") or "", self.text("replies") or ""
        hops = self.parsed("path", parse_record_path, path)
        reply_hops = self.parsed("replies", parse_record_path, replies)
        if replies and (not any(hop.is_level for hop in reply_hops) or any(hop.kind == "deep" for hop in reply_hops)):
            raise self.fail("replies", 'the path of the list of replies in a record, such as "children[*]"')
        fields = self.fields(kinds)
        rule = m.RecordRule(
            self.number, self.place(), files, kinds, fields, path, hops, container, self.text("table"),
            self.conditions("where", self.entry.get("where", [])), replies, reply_hops,
            self.texts(self.entry, "parse", "parse"), self.header_row(container), self.encoding(container),
        )  # fmt: skip
        self.check_needed(rule)
        self.check_levels(rule)
        return rule

    def header_row(self, container: str | None) -> int:
        """Return the number of the line that names the columns of a table, from 1."""
        value = self.entry.get("header_row", 1)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_LINES_BEFORE:
            raise self.fail("header_row", f"the number of the line with the names of columns, 1 to {MOST_LINES_BEFORE}")
        if value > 1 and container in WITHOUT_LINES:
            raise self.fail("header_row", "header_row only where container is csv, tsv or csv_semicolon")
        return value

    def encoding(self, container: str | None) -> str | None:
        """Return the encoding of a table that is not written in UTF-8."""
        value = self.text("encoding")
        if value is None:
            return None
        if container in WITHOUT_LINES:
            raise self.fail("encoding", "encoding only where container is csv, tsv or csv_semicolon")
        if not _holds_ascii(value):
            raise self.fail("encoding", "an encoding of text such as windows-1252, latin-1 or cp437")
        return value

    def text(self, key: str) -> str | None:
        value = self.entry.get(key)
        if value is not None and not isinstance(value, str):
            raise self.fail(key, "a text in quotes")
        return value

    def texts(self, table: Mapping[str, Any], key: str, shown: str) -> tuple[str, ...]:
        value = table.get(key, [])
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in values):
            raise self.fail(shown, "a text in quotes, or a list of them")
        return tuple(str(item) for item in values)

    def parsed(self, key: str, parse: Callable[[str], Any], text: str) -> Any:
        try:
            return parse(text)
        except PathError as error:
            raise self.fail(key, str(error)) from error

    def kinds(self) -> tuple[m.KindRule, ...]:
        allowed = (*m.KINDS, m.REVISION, m.INTERACTION, m.NOT_READ)
        listed = self.entry.get("kinds", [])
        if not isinstance(listed, list) or not all(isinstance(rule, dict) for rule in listed):
            raise self.fail("kinds", 'a list such as [{ kind = "comment", field = "parent_id" }]')
        rules = []
        for rule in listed:
            if rule.get("kind") not in allowed:
                raise self.fail("kinds", f"each with a kind, one of {', '.join(allowed)}")
            rest = {key: value for key, value in rule.items() if key != "kind"}
            rules.append(m.KindRule(rule["kind"], self.conditions("kinds", rest)))
        kind = self.entry.get("kind", m.NOT_READ if rules else None)
        if kind not in allowed:
            raise self.fail("kind", f"one of {', '.join(allowed)}")
        return (*rules, m.KindRule(kind))

    def conditions(self, key: str, value: object) -> tuple[m.Condition, ...]:
        tables = value if isinstance(value, list) else [value]
        return tuple(self.condition(key, table) for table in tables)

    def condition(self, key: str, table: object) -> m.Condition:
        if isinstance(table, dict) and set(table) == {"has"}:
            if table["has"] not in (given := self.entry.get("fields", {})):
                raise self.fail(key, f"has to be a field under [records.fields]: {', '.join(given)}")
            return m.Condition(FieldPath("has"), has=table["has"])
        if not isinstance(table, dict) or "field" not in table or set(table) - set(CONDITION_KEYS):
            raise self.fail(
                key, '{ field = "type", is = ["a", "b"] }, is_not, missing = true, or { has = "parent_id" }'
            )
        if len(table) > 2 or table.get("missing", True) is not True:
            raise self.fail(key, "one of is, is_not and missing = true, or none: the field is there")
        path = self.field_path(key, table["field"])
        if "missing" in table:
            return m.Condition(path, (), is_negated=True)
        word = "is_not" if "is_not" in table else "is"
        given = [{True: "true", False: "false"}.get(v, v) if isinstance(v, bool) else v for v in
                 (table.get(word, []) if isinstance(table.get(word, []), list) else [table[word]])]  # fmt: skip
        values = self.texts({word: given}, word, key)
        if word in table and not values:
            raise self.fail(key, f"at least one value for {word}")
        return m.Condition(path, values, is_negated=word == "is_not")

    def field_path(self, key: str, value: object) -> FieldPath:
        if not isinstance(value, str):
            raise self.fail(key, 'the path of a field in quotes, such as "author.id"')
        path: FieldPath = self.parsed(key, parse_field_path, value)
        return path

    def fields(self, kinds: tuple[m.KindRule, ...]) -> tuple[m.FieldRule, ...]:
        given, constants = self.entry.get("fields", {}), self.entry.get("constants", {})
        allowed = tuple(dict.fromkeys(name for rule in kinds for name in m.FIELDS[rule.kind]))
        for key, table in (("fields", given), ("constants", constants)):
            if not isinstance(table, dict):
                raise self.fail(key, f"a table [records.{key}]")
            if unknown := [name for name in table if name not in allowed]:
                words = " or ".join(dict.fromkeys(rule.kind for rule in kinds if rule.kind != m.NOT_READ)) or "none"
                raise self.fail(f"{key}.{unknown[0]}", f"a field of {words}: {', '.join(allowed)}")
        names = tuple(dict.fromkeys((*given, *constants)))
        self.is_tie_only = not any(rule.kind == m.INTERACTION for rule in kinds)
        return tuple(self.field(name, given.get(name, []), constants.get(name)) for name in names)

    def field(self, name: str, value: object, constant: object) -> m.FieldRule:
        key = f"fields.{name}"
        place = f"{self.place(name)}, {key}"
        if constant is not None and (not isinstance(constant, str | int | float) or isinstance(constant, dict)):
            raise self.fail(f"constants.{name}", "a text, a number, true or false")
        fixed = None if constant is None else str(constant).lower() if isinstance(constant, bool) else str(constant)
        is_listed = name in m.ALLOWED and (name != "relation" or self.is_tie_only)
        if fixed is not None and is_listed and fixed not in m.ALLOWED[name]:
            raise self.fail(f"constants.{name}", f"one of {', '.join(m.ALLOWED[name])}")
        table = value if isinstance(value, dict) else {"from": value}
        if unknown := sorted(set(table) - set(FIELD_KEYS)):
            raise self.fail(f"{key} {unknown[0]}", f"a path, a list of paths, or a table of {', '.join(FIELD_KEYS)}")
        sources = [word for word in ("from", "join", "hash") if table.get(word)]
        if len(sources) > 1 or (not sources and fixed is None):
            raise self.fail(key, f"where it comes from: a path, a list of paths, or {_EXAMPLE}")
        paths = tuple(self.field_path(key, text) for text in _listed(table.get(sources[0]) if sources else []))
        times, zone = self.times(name, key, table)
        nulls, strip = self.texts(table, "null", key), self.texts(table, "strip", key)
        return m.FieldRule(
            name, paths, fixed, "join" in sources, "hash" in sources, self.plain(key, table, "separator"), nulls, strip,
            self.values(key, table), times, zone, self.plain(key, table, "prefix"), place,
            self.origin(key, table, times),
        )  # fmt: skip

    def plain(self, key: str, table: Mapping[str, Any], word: str) -> str:
        default = "" if word == "prefix" else "-" if "join" in table else " "
        value = table.get(word, default)
        if not isinstance(value, str):
            raise self.fail(key, f"{word} to be a text in quotes")
        return value

    def values(self, key: str, table: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        value = table.get("map", {})
        if not isinstance(value, dict) or not all(isinstance(v, str | int | float) for v in value.values()):
            raise self.fail(key, 'map = { old = "new" }')
        return tuple((k, str(v).lower() if isinstance(v, bool) else str(v)) for k, v in value.items())

    def times(self, name: str, key: str, table: Mapping[str, Any]) -> tuple[tuple[str, ...], str | None]:
        times, zone = self.texts(table, "time", key), table.get("timezone")
        if name not in m.TIME_FIELDS:
            if times or zone is not None:
                raise self.fail(key, f"time and timezone only at {', '.join(m.TIME_FIELDS)}")
            return (), None
        for time in times:
            if time not in UNIT_WORDS and (wrong := pattern_error(time)):
                raise self.fail(key, f"time to be {wrong}")
        if "step" in times and (len(times) > 1 or name not in ("created_at", "at")):
            raise self.fail(key, 'time = "step" alone, at created_at or at')
        if zone is not None and not _is_zone(zone):
            raise self.fail(key, f"timezone to be a name such as Europe/Berlin, or an offset such as +05:30: {zone!r}")
        return times, zone

    def origin(self, key: str, table: Mapping[str, Any], times: tuple[str, ...]) -> int:
        """Return the instant from which numbers count, in microseconds since 1970."""
        value = table.get("origin")
        if value is None:
            return 0
        if not times or any(time not in UNITS for time in times):
            raise self.fail(key, f"origin only with time = {', '.join(UNITS)}")
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            found = None
        if isinstance(found, date) and not isinstance(found, datetime):
            found = datetime(found.year, found.month, found.day)
        if not isinstance(found, datetime):
            raise self.fail(key, f'origin to be a date or a time, such as "2026-01-01T00:00:00"; found {value!r}')
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return (found - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    def check_needed(self, rule: m.RecordRule) -> None:
        """Check that what a record of the kind cannot be without is given."""
        given = {field.name for field in rule.fields}
        for kind in dict.fromkeys(kind.kind for kind in rule.kinds):
            for group in m.NEEDED[kind]:
                if not given & set(group):
                    hint = '; where there is none, id = { hash = ["author", "time", "text"] }' if "id" in group else ""
                    hint = hint or ("; or write it under [records.constants]" if len(group) == 1 else "")
                    raise self.fail("fields", f"{' or '.join(group)}, which a {kind} needs{hint}")
            if kind == "comment" and not (given & {"parent_id", "root_id"} or rule.replies):
                raise self.fail("fields", "parent_id or root_id, which a comment needs, or the key replies")

    def check_levels(self, rule: m.RecordRule) -> None:
        """Check that every path that leaves the record has somewhere to go."""
        levels = sum(hop.is_level for hop in rule.hops)
        paths = all_paths([rule])
        for path in paths:
            if path.up > levels:
                raise self.fail("path", f"more [*] or * than {levels}, or fewer ^ in {path.text!r}")


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _holds_ascii(encoding: str) -> bool:
    """Return whether Python knows an encoding, and plain letters and separators stay what they are in it."""
    try:
        return b"a;\r\n".decode(encoding) == "a;\r\n"
    except (LookupError, ValueError):
        return False


def _is_zone(zone: object) -> bool:
    if not isinstance(zone, str):
        return False
    if _OFFSET.match(zone):
        return True
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return True
