"""Tables with a header or of three columns: NRC EmoLex (wide and long), eMFD, HurtLex and their like.

Wide: a header, the term in the first column (or in a later one called ``… Word``, in translations of NRC), a number per
category, zero for none. Long: term, category and number per line. HurtLex: a header with ``lemma`` and ``category``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.lexicon.foreign.base import (
    Format,
    Line,
    Term,
    cells,
    delimiter_of,
    filled,
    is_comment,
    names_terms,
    number,
)

_TRANSLATED = re.compile(r"(?!english\b).+\b(word|translation)s?( \(.*\))?$|.+ \(..\)$", re.IGNORECASE)
_SCORES = frozenset(
    {"score", "scores", "weight", "value", "valence", "sentiment", "polarity", "rating", "mean", "afinn"}
)
_PARTS = frozenset({"pos", "pos tag", "part of speech"})
_LONG_FIELDS = 3
_JUDGED = 20
"""Of so many rows below the header half must fit, or one where the header names a column of terms."""


def _header_at(lines: Sequence[str]) -> int | None:
    """Return where the header of a table may stand, None when nowhere.

    It is the first line of several cells that is no comment; a title may stand above it. A mark ``#`` may also begin
    the header itself (``#word``): then no header follows the line.
    """
    marked = None
    for at, line in enumerate(lines):
        if line.lstrip().startswith("#"):
            marked = at if _names(line) and not is_comment(line) else marked
        elif len(cells(line, delimiter_of(line)) or []) > 1:
            return at if _names(line) else marked
    return marked


def _names(line: str) -> list[str]:
    """Return the names in a header, without empty ones at its end; none when it cannot be a header."""
    names = _without_end(cells(line, delimiter_of(line)) or [])
    return names if len(names) > 1 and not any(number(name) is not None for name in names) else []


def _without_end(row: list[str], least: int = 0) -> list[str]:
    """Return a row without the empty cells at its end, but with `least` cells if it has as many."""
    size = len(row)
    while size > least and not row[size - 1]:
        size -= 1
    return row[:size]


def _before_header(at: int, line: str) -> Line:
    if not line.strip():
        return Line(at, "blank")
    is_marked = line.lstrip().startswith("#")
    return Line(
        at, *(("header", "a comment above the header") if is_marked else ("rejected", "it is above the header"))
    )


def _is_hurtlex(lines: Sequence[str]) -> bool:
    place = _header_at(lines)
    return place is not None and {"lemma", "category"} <= {name.lower() for name in _names(lines[place])}


def _read_hurtlex(lines: Sequence[str]) -> Iterator[Term | Line]:
    names: list[str] = []
    delimiter, width, header = "\t", 0, _header_at(lines) or 0
    for at, line in enumerate(lines, 1):
        if at <= header:
            yield _before_header(at, line)
        elif not line.strip():
            yield Line(at, "blank")
        elif at > header + 1 and is_comment(line):
            yield Line(at, "header", "a comment, which holds no term")
        elif at == header + 1:
            delimiter = delimiter_of(line)
            row = _hurtlex_cells(line, delimiter) or []
            names, width = [cell.lower() for cell in _without_end(row)], len(row)
            yield Line(at, "header")
        else:
            yield _hurtlex_term(at, _hurtlex_cells(line, delimiter), names, width)


def _hurtlex_cells(line: str, delimiter: str) -> list[str] | None:
    """Return the cells of a line; between tabs a quotation mark is a character as any other."""
    return [cell.strip() for cell in line.split("\t")] if delimiter == "\t" else cells(line, delimiter)


def _hurtlex_term(at: int, row: list[str] | None, names: list[str], width: int) -> Term | Line:
    if not {"lemma", "category"} <= set(names):
        return Line(at, "rejected", "no header with 'lemma' and 'category' is above it")
    if row is None:
        return Line(at, "rejected", "a quotation mark is not closed")
    short = _without_end(row, len(names))
    if len(short) != len(names):
        return Line(at, "rejected", f"{len(short)} cells where the header has {len(names)}")
    if len(row) not in (len(names), width) and not all(short):
        return Line(at, "rejected", f"{len(row)} cells where the header has {len(names)}, and some of them are empty")
    record = dict(zip(names, short, strict=True))
    if not record["category"]:
        return Line(at, "rejected", "the category is empty")
    # the same lemma comes once per part of speech and level, in one category
    return Term(at, record["lemma"].replace("_", " "), {record["category"]: 1.0}, is_part=True)


def _is_wide(lines: Sequence[str]) -> bool:
    return _has_columns(lines) and not _is_long(lines) and not _is_scored(lines)


def _has_columns(lines: Sequence[str]) -> bool:
    """Tell whether a header stands above rows of its width, each with a number; empty rows speak neither way."""
    place = _header_at(lines)
    names = _names(lines[place]) if place is not None else []
    if place is None or not names:
        return False
    delimiter, good, bad = delimiter_of(lines[place]), 0, 0
    width = len(cells(lines[place], delimiter) or [])
    for line in filled(lines[place + 1 :], _JUDGED):
        row = _row(line, delimiter, len(names), width) or []
        if len(row) == len(names) and any(number(value) is not None for value in row[1:]):
            good += 1
        elif len(row) != len(names) or any(row[1:]):
            bad += 1
    return good > 0 and (good >= bad or names_terms(names[0]))


def _is_scored(lines: Sequence[str]) -> bool:
    """Tell whether a table is a list of terms and weights of either sign, whose header names no category."""
    place = _header_at(lines)
    names = _names(lines[place]) if place is not None else []
    if place is None or len(names) != 2:
        return False
    words = re.findall(r"[a-z]+", names[1].lower())
    if names_terms(names[0]) and not (words and _SCORES.issuperset(words)):
        return False
    mark = delimiter_of(lines[place])
    rows = (cells(line, mark) or [""] for line in lines[place + 1 :])
    return any((number(row[-1] if row else "") or 0) < 0 for row in rows)


def _read_wide(lines: Sequence[str]) -> Iterator[Term | Line]:
    names: list[str] = []
    delimiter, term_at, width, header = ",", 0, 0, _header_at(lines) or 0
    for at, line in enumerate(lines, 1):
        if at <= header:
            yield _before_header(at, line)
        elif not line.strip():
            yield Line(at, "blank")
        elif at > header + 1 and is_comment(line):
            yield Line(at, "header", "a comment, which holds no term")
        elif at == header + 1:
            delimiter = delimiter_of(line)
            row = cells(line, delimiter) or []
            names, width = _without_end(row), len(row)
            term_at = next((i for i, name in enumerate(names) if i and _TRANSLATED.match(name)), 0)
            yield Line(at, "header")
        else:
            yield _wide_term(at, _row(line, delimiter, len(names), width), names, term_at)


def _row(line: str, delimiter: str, width: int, written: int) -> list[str] | None:
    """Return the cells of a row under a header of `width` names, written with `written` cells."""
    row = cells(line, delimiter)
    if row is None or len(row) == width:
        return row
    if len(row) != written and delimiter == "\t":
        return [cell for cell in row if cell]  # a tab too many
    return _without_end(row, width)


def _wide_term(at: int, row: list[str] | None, names: list[str], term_at: int) -> Term | Line:
    if row is None:
        return Line(at, "rejected", "a quotation mark is not closed")
    if not row:
        return Line(at, "rejected", "no cell holds anything")
    if len(row) != len(names):
        return Line(at, "rejected", f"{len(row)} cells where the header has {len(names)}: quote a term with a comma")
    weights: dict[str, float] = {}
    for place, (name, value) in enumerate(zip(names, row, strict=True)):
        if place in (0, term_at) or not value:
            continue
        weight = number(value)
        if weight is None:
            return Line(at, "rejected", f"{value!r} under {name!r} is no number")
        weights[name] = weight
    return Term(at, row[term_at], weights)


def _is_long(lines: Sequence[str]) -> bool:
    place = _header_at(lines)
    names = _names(lines[place]) if place is not None else []
    if len(names) > _LONG_FIELDS and _has_columns(lines):
        return False
    if any(_TRANSLATED.match(name) or names_terms(name) or name.lower() in _PARTS for name in names[1:]):
        return False  # the second column holds no category
    return _long_rows(lines, _long_mark(lines)) > 0


def _long_rows(lines: Sequence[str], mark: str) -> int:
    """Return how many of the first rows are term, category and number; 0 when they are too few.

    Half of them is enough; below a header of three names, more than have a number in the second place.
    """
    rows = [_long_fields(line, mark) for line in filled(lines) if not is_comment(line)]
    good = [_is_long_row(row) for row in rows]
    if rows and not good[0] and len(rows[0]) == _LONG_FIELDS and names_terms(rows[0][0]):
        return sum(good) if sum(good) > sum(len(row) > 1 and number(row[1]) is not None for row in rows) else 0
    return sum(good) if sum(good) >= len(good) / 2 else 0


def _is_long_row(row: list[str]) -> bool:
    return len(row) == _LONG_FIELDS and all(row) and number(row[2]) is not None and number(row[1]) is None


def _long_mark(lines: Sequence[str]) -> str:
    """Return what divides the fields where no tab does: commas, or semicolons when more rows fit with them."""
    return max(",;", key=lambda mark: _long_rows(lines, mark))


def _long_fields(line: str, mark: str) -> list[str]:
    """Return the fields of a line; where commas divide, those before the last two belong to the term."""
    if "\t" in line:
        return [part.strip() for part in line.split("\t") if part.strip()]
    return [part.strip().strip('"') for part in line.rsplit(mark, _LONG_FIELDS - 1)]


def _read_long(lines: Sequence[str]) -> Iterator[Term | Line]:
    mark, is_first = _long_mark(lines), True
    for at, line in enumerate(lines, 1):
        fields = _long_fields(line, mark)
        if not line.strip():
            yield Line(at, "blank")
        elif is_comment(line):
            yield Line(at, "header", "a comment, which holds no term")
        else:
            yield _long_term(at, fields, is_first=is_first)
            is_first = False


def _long_term(at: int, fields: list[str], *, is_first: bool) -> Term | Line:
    if len(fields) != _LONG_FIELDS:
        return Line(at, "rejected", f"{len(fields)} fields where term, category and number are expected")
    if (weight := number(fields[2])) is None:
        if is_first and names_terms(fields[0]):
            return Line(at, "header")
        return Line(at, "rejected", f"{fields[2]!r} is no number")
    if not fields[1] or number(fields[1]) is not None:
        return Line(at, "rejected", "the category is a number" if fields[1] else "the category is empty")
    return Term(at, fields[0], {fields[1]: weight}, is_part=True)


HURTLEX = Format("hurtlex", "HurtLex table", _is_hurtlex, _read_hurtlex)
WIDE = Format("wide", "table with a column per category (NRC EmoLex, eMFD)", _is_wide, _read_wide)
LONG = Format("long", "term, category and number per line (NRC EmoLex)", _is_long, _read_long)
