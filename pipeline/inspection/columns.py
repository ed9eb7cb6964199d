"""What the fields of some records hold: types, fill, distinct values, examples, and how times are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.inspection.escape import example
from pipeline.inspection.places import Found, joined

MOST_DEPTH = 3
MOST_FIELDS = 120
MOST_VALUES = 2_000
MOST_TAGS = 50
MARK = 3
# comment_body is the body of a comment; comment_id and comment_count are names of their own.
_OF_A_MESSAGE = re.compile(
    r"^(comment|post|tweet|message|msg|status|submission)_(?=(author(_id|_name)?|body|text|content|score|created(_at|_utc)?|"
    r"time|timestamp|date|title|user(_id|name)?)$)"
)
_WORD = re.compile(r"[A-Za-z][\w-]{0,19}\Z")
FITS = 0.95
# Numbers of seconds between 2000 and 2050: what lies there in some unit is taken for a time in it.
_FROM, _TO = 946_684_800, 2_524_608_000
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d(:?\d\d)?)?)?\Z")
_ZONE = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)\Z")
_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z")
_CLOCKS = (
    " %H:%M:%S.%f",
    " %H:%M:%S",
    " %H:%M",
    ", %H:%M:%S",
    ", %H:%M",
    " %I:%M %p",
    " %I:%M:%S %p",
    ", %I:%M %p",
    "",
)
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y",
         "%d %B %Y", "%B %d, %Y", "%b %d, %Y", "%Y%m%d")  # fmt: skip
PATTERNS = (
    *(day + clock for day in _DAYS for clock in _CLOCKS),
    "%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S %z", "%Y-%m-%d %H:%M:%S %z",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Time:
    """How a field writes times: unit or patterns, first and last, and whether it says its zone."""

    notation: str
    first: datetime
    last: datetime
    is_naive: bool
    other: str | None = None


@dataclass(slots=True)
class Column:
    """A field of the records of a place."""

    path: str
    n: int
    types: Counter[str] = field(default_factory=Counter)
    values: list[str] = field(default_factory=list)
    time: Time | None = None

    @property
    def name(self) -> str:
        """The last name of the path, in lower case with underscores."""
        last = self.path.rsplit(".", 1)[-1].strip('"^$@')
        plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", last).lower()).strip("_")
        return _OF_A_MESSAGE.sub("", plain)

    @property
    def owner(self) -> str:
        """The name before the last, empty when there is none."""
        parts = self.path.split(".")
        return Column(parts[-2], 0).name if len(parts) > 1 else ""

    @property
    def fill(self) -> float:
        """Share of the records in which it holds something."""
        return sum(count for name, count in self.types.items() if name != "null") / max(self.n, 1)

    @property
    def n_distinct(self) -> int:
        """Number of distinct values in the sample."""
        return len(set(self.values))

    @property
    def is_text(self) -> bool:
        """Whether it holds texts that are no numbers, mostly."""
        return self.types["text"] * 2 > len(self.values)

    @property
    def mean_chars(self) -> float:
        """Mean length."""
        return sum(map(len, self.values)) / max(len(self.values), 1)

    def examples(self) -> list[str]:
        """Return up to three distinct values, redacted, escaped and cut."""
        return [example(value) for value in list(dict.fromkeys(self.values))[:3]]


def columns_of(records: list[Found]) -> list[Column]:
    """Return the fields of some records, in the order in which they are met; those around them follow."""
    found: dict[str, Column] = {}
    records = records[:MOST_VALUES]
    for record in records:
        if record.key is not None:
            _note(found, "@key", record.key, len(records))
        if isinstance(record.value, dict):
            _flat(record.value, "", found, len(records), 0)
        else:
            _note(found, "@item", record.value, len(records))
        for level, outer in enumerate(record.around[:2], start=1):
            up = "^" * level
            for name, value in outer.items():
                if name == "@key":
                    _note(found, f"{up}@key", value, len(records))
                elif isinstance(value, dict) and '"' not in name:
                    for inner, held in value.items():
                        if not isinstance(held, dict | list) and '"' not in inner and len(value) <= MOST_FIELDS:
                            _note(found, f"{up}.{joined(joined('', name), inner)}", held, len(records))
                elif not isinstance(value, list) and '"' not in name and len(outer) <= MOST_FIELDS:
                    _note(found, f"{up}.{joined('', name)}", value, len(records))
    columns = [column for column in found.values() if column.types]
    for column in columns:
        column.time = time_of(column.values)
    return columns


def _flat(value: dict[str, Any], path: str, found: dict[str, Column], n: int, depth: int) -> None:
    for name, item in value.items():
        if (
            '"' in name
            or any(ord(c) < 32 for c in name)
            or (len(found) >= MOST_FIELDS and joined(path, name) not in found)
        ):
            continue
        here = joined(path, name)
        if isinstance(item, dict) and depth < MOST_DEPTH:
            _flat(item, here, found, n, depth + 1)
        elif isinstance(item, list):
            column = found.setdefault(here, Column(here, n))
            column.types["list of objects" if any(isinstance(i, dict) for i in item) else "list"] += 1
            _tags(item, here, found, n)
        else:
            _note(found, here, item, n)


def _tags(items: list[Any], path: str, found: dict[str, Column], n: int) -> None:
    """Note what a list of short lists says by its first words, such as ``[["e", id, relay, "reply"], ["p", key]]``."""
    seen: set[str] = set()
    for item in items[:MOST_TAGS]:
        if not (isinstance(item, list) and len(item) >= 2 and isinstance(item[0], str) and _WORD.match(item[0])):
            continue
        marks = [f"0={item[0]}"]
        if len(item) > MARK and isinstance(item[MARK], str) and _WORD.match(item[MARK]):
            marks.append(f"0={item[0]},{MARK}={item[MARK]}")
        for mark in marks:
            here = f"{path}[{mark}][1]"
            if here not in seen and (here in found or len(found) < MOST_FIELDS):
                seen.add(here)
                _note(found, here, item[1] if not isinstance(item[1], list | dict) else None, n)


def _note(found: dict[str, Column], path: str, value: Any, n: int) -> None:
    column = found.setdefault(path, Column(path, n))
    if value is None or value == "" or isinstance(value, dict):
        column.types["null"] += value is None
        return
    if isinstance(value, bool):
        kind, text = "true/false", str(value).lower()
    elif isinstance(value, int):
        kind, text = "integer", str(value)
    elif isinstance(value, float):
        kind, text = "number", f"{value:.6f}".rstrip("0").rstrip(".") if abs(value) < 10**16 else str(value)
    else:
        text = str(value)
        kind = "text" if not _NUMBER.match(text) else "number as text"
    column.types[kind] += 1
    column.values.append(text)


def time_of(values: list[str]) -> Time | None:
    """Return how some values write times, None when they do not."""
    some = values[:400]
    if len(some) < 1:
        return None
    numbers = [value for value in some if _NUMBER.match(value)]
    if len(numbers) >= FITS * len(some):
        return _epoch(numbers)
    n_iso = sum(bool(_ISO.match(value)) for value in some)
    if n_iso >= FITS * len(some):
        times = [time for value in some if (time := _iso(value)) is not None]
        naive = any(not _ZONE.search(value) or len(value) <= 10 for value in some if _ISO.match(value))
        return Time("iso", min(times), max(times), naive) if times else None
    return _patterned(some)


def _epoch(values: list[str]) -> Time | None:
    numbers = [float(value) for value in values]
    for unit, factor in _UNITS.items():
        if all(_FROM * factor <= number < _TO * factor for number in numbers if number > 0) and max(numbers) > 0:
            if sum(number > 0 for number in numbers) < FITS * len(numbers):
                return None
            first, last = (_at(n / factor) for n in (min(n for n in numbers if n > 0), max(numbers)))
            return Time(unit, first, last, is_naive=False)
    return None


def _at(seconds: float) -> datetime:
    return datetime(1970, 1, 1) + timedelta(seconds=seconds)


def _iso(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text.replace(",", ".").replace(" Z", "Z"))
    except ValueError:
        return None
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def _patterned(values: list[str]) -> Time | None:
    """Try patterns; where day and month can be told in both orders, the second reading is kept as `other`."""
    if any(len(value) > 40 or not re.search(r"\d", value) for value in values[:20]):
        return None
    fitting: list[tuple[str, list[datetime]]] = []
    for pattern in PATTERNS:
        times = list(_read(values, pattern))
        if len(times) >= FITS * len(values):
            fitting.append((pattern, times))
    if not fitting:
        return None
    pattern, times = fitting[0]
    plain = [time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time for time in times]
    other = fitting[1][0] if len(fitting) > 1 else None
    return Time(pattern, min(plain), max(plain), "%z" not in pattern, other)


def _read(values: list[str], pattern: str) -> Iterable[datetime]:
    missed = 0
    for value in values:
        try:
            yield datetime.strptime(value, pattern)
        except ValueError:
            missed += 1
            if missed > (1 - FITS) * len(values):
                return
