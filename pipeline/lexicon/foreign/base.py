"""What all foreign formats share: a line and what became of it, a term, and the sum of them as categories.

What belongs here: how a file becomes lines, and how terms become entries of a card. Every line of a file has one
status and, unless it was simply read, a reason; nothing is left out without one.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from pipeline.lexicon.entries import term_entry
from pipeline.lexicon.model import Category, Entry
from pipeline.lexicon.normalise import normalise

STATUSES = ("accepted", "noted", "rejected", "header", "blank")
"""noted: read, and something is to be known about it; header: holds no term."""

_LONGEST_NAME = 63
_COMMENT = re.compile(r"\s*#+( |$)")
_TERM_NAME = re.compile(
    r"\W*(.*[\s_])?(words?|terms?|tokens?|lemmas?|phrases?|entry|entries|n-?grams?)\W*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, from 1, and what became of it."""

    number: int
    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a line with the weight in each of its categories; `is_part` when other lines say the rest of it."""

    line: int
    text: str
    weights: dict[str, float]
    notes: tuple[str, ...] = ()
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """A foreign format: how it is told by the lines of a file, how they are read, and whether a star is a wildcard."""

    name: str
    title: str
    recognises: Callable[[Sequence[str]], bool]
    read: Callable[[Sequence[str]], Iterator[Term | Line]]
    has_wildcards: bool = False


@dataclass(slots=True)
class _Sums:
    entries: dict[str, Entry] = field(default_factory=dict)  # pattern, entry with weight one
    first: dict[str, int] = field(default_factory=dict)  # pattern, line
    weights: dict[str, dict[str, float]] = field(default_factory=dict)  # category, pattern, weight
    lines: dict[int, list[tuple[str, str]]] = field(default_factory=dict)  # line, (status, reason)

    def say(self, line: int, status: str, reason: str = "") -> None:
        self.lines.setdefault(line, []).append((status, reason))


def decode(data: bytes) -> tuple[str, str | None]:
    """Return the text of a file and a note on its encoding, None for UTF-8; a byte-order mark is taken off."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace"), f"it starts with a byte-order mark ({encoding})"
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "it is not UTF-8 and was read as Windows-1252"


def split_lines(text: str) -> list[str]:
    """Split at line feeds and carriage returns only: other separators of Unicode are part of a term."""
    lines = re.split(r"\r\n|\r|\n", text)
    return lines[:-1] if lines and not lines[-1] else lines


def filled(lines: Sequence[str], most: int = 50) -> list[str]:
    """Return the first lines that are not blank."""
    found = (line for line in lines if line.strip())
    return [line for _, line in zip(range(most), found, strict=False)]


def cells(line: str, delimiter: str) -> list[str] | None:
    """Return the cells of one line of a table, stripped; None when a quotation mark is not closed."""
    try:
        rows = list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return [cell.strip() for cell in rows[0]] if rows else []


def is_comment(line: str) -> bool:
    """Tell whether a line is a comment: a mark ``#`` and a blank, without a tab; ``#fail`` may be a term."""
    return "\t" not in line and _COMMENT.match(line) is not None


def names_terms(name: str) -> bool:
    """Tell whether a cell is the heading of a column of terms, such as ``English Word``."""
    return _TERM_NAME.fullmatch(name) is not None


def delimiter_of(header: str) -> str:
    """Return the delimiter of a header: the one of tab, comma and semicolon that it holds most often."""
    return max("\t,;", key=header.count)


def number(text: str) -> float | None:
    """Return a finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def identifier(name: str) -> str:
    """Return a category name as a lower-case identifier."""
    words = "_".join(re.findall(r"[a-z0-9]+", name.lower()))[:_LONGEST_NAME].strip("_")
    return words if words[:1].isalpha() else f"c_{words}".strip("_")[:_LONGEST_NAME]


def collect(found: Iterable[Term | Line], *, has_wildcards: bool) -> tuple[tuple[Category, ...], tuple[Line, ...]]:
    """Return the categories that the terms make, and what became of each line, in order."""
    items, sums = list(found), _Sums()
    terms = [item for item in items if isinstance(item, Term)]
    texts = normalise(pl.Series([term.text for term in terms], dtype=pl.String)).to_list()
    for item in items:
        if isinstance(item, Line):
            sums.say(item.number, item.status, item.reason)
    for term, text in zip(terms, texts, strict=True):
        _add(sums, term, text.lower(), has_wildcards)
    return _categories(sums), tuple(_line(n, said) for n, said in sorted(sums.lines.items()))


def _add(sums: _Sums, term: Term, text: str, has_wildcards: bool) -> None:
    if not text:
        sums.say(term.line, "rejected", "the term is empty, or holds nothing that can be seen")
        return
    try:
        entry = term_entry(text, has_wildcards=has_wildcards)
    except ValueError as error:
        sums.say(term.line, "rejected", f"{text!r}: {error}")
        return
    key, notes = entry.pattern, list(term.notes)
    pairs = [(name, weight) for name, weight in term.weights.items() if weight]
    known = [name for name, _ in pairs if key in sums.weights.get(name, {})]
    if key in sums.first and (known or not term.is_part):
        differs = any(sums.weights[name][key] != weight for name, weight in pairs if name in known)
        what = "with another weight; the first one stays" if differs else "its categories are taken together"
        notes.append(f"{text!r} is repeated from line {sums.first[key]}: {what}")
    sums.entries.setdefault(key, entry)
    sums.first.setdefault(key, term.line)
    for name, weight in pairs:
        sums.weights.setdefault(name, {}).setdefault(key, weight)
    sums.say(term.line, "noted" if notes else "accepted", "; ".join(notes))


def _categories(sums: _Sums) -> tuple[Category, ...]:
    named: dict[str, Category] = {}
    for name, weights in sums.weights.items():
        key, tries = identifier(name), 2
        while key in named:
            key, tries = f"{identifier(name)[: _LONGEST_NAME - 4]}_{tries}", tries + 1
        entries = (replace(sums.entries[pattern], weight=weight) for pattern, weight in weights.items())
        named[key] = Category(key, tuple(entries))
    return tuple(named.values())


def _line(at: int, said: Sequence[tuple[str, str]]) -> Line:
    """Return what became of a line that may hold several terms: rejected only when all of them were."""
    statuses = {status for status, _ in said}
    reason = "; ".join(dict.fromkeys(reason for _, reason in said if reason))
    if statuses & {"accepted", "noted"}:
        return Line(at, "noted" if reason else "accepted", reason)
    return Line(at, "rejected" if "rejected" in statuses else said[0][0], reason)
