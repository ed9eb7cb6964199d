"""Tables with a header or of three columns: NRC EmoLex (wide and long), eMFD, HurtLex and their like.

Wide: a header, the term in the first column (or in a later one called ``… Word``, in translations of NRC), a number per
category, zero for none. Long: term, category and number per line. HurtLex: a header with ``lemma`` and ``category``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.lexicon.foreign.base import Format, Line, Term, cells, delimiter_of, filled, number

_TRANSLATED = re.compile(r"(?!english\b).+\b(word|translation)s?( \(.*\))?$|.+ \(..\)$", re.IGNORECASE)
_LONG_FIELDS = 3


def _header(lines: Sequence[str]) -> list[str]:
    first = filled(lines, 1)
    return [cell.lower() for cell in cells(first[0], delimiter_of(first[0])) or []] if first else []


def _is_hurtlex(lines: Sequence[str]) -> bool:
    return {"lemma", "category"} <= set(_header(lines))


def _read_hurtlex(lines: Sequence[str]) -> Iterator[Term | Line]:
    names: list[str] | None = None
    for at, line in enumerate(lines, 1):
        row = [cell.strip() for cell in line.split("\t")]
        if not line.strip():
            yield Line(at, "blank")
        elif names is None:
            names = [cell.lower() for cell in row]
            yield Line(at, "header")
        elif len(row) != len(names):
            yield Line(at, "rejected", f"{len(row)} cells where the header has {len(names)}")
        else:
            record = dict(zip(names, row, strict=True))
            if not record["category"]:
                yield Line(at, "rejected", "the category is empty")
            else:  # the same lemma comes once per part of speech and level, in one category
                yield Term(at, record["lemma"].replace("_", " "), {record["category"]: 1.0}, is_part=True)


def _is_wide(lines: Sequence[str]) -> bool:
    top = filled(lines, 2)
    if len(top) < 2:
        return False
    delimiter = delimiter_of(top[0])
    names, row = cells(top[0], delimiter) or [], cells(top[1], delimiter) or []
    numbers = [number(value) is not None for value in row[1:]]
    return len(names) >= 2 and not any(number(name) is not None for name in names) and sum(numbers) >= 1


def _read_wide(lines: Sequence[str]) -> Iterator[Term | Line]:
    names: list[str] | None = None
    delimiter, term_at = ",", 0
    for at, line in enumerate(lines, 1):
        if not line.strip():
            yield Line(at, "blank")
        elif names is None:
            delimiter = delimiter_of(line)
            names = cells(line, delimiter) or []
            term_at = next((i for i, name in enumerate(names) if i and _TRANSLATED.match(name)), 0)
            yield Line(at, "header")
        else:
            yield _wide_term(at, _row(line, delimiter, len(names)), names, term_at)


def _row(line: str, delimiter: str, width: int) -> list[str] | None:
    row = cells(line, delimiter)
    if row is not None and len(row) != width and delimiter == "\t":
        return [cell for cell in row if cell]  # a tab too many
    return row


def _wide_term(at: int, row: list[str] | None, names: list[str], term_at: int) -> Term | Line:
    if row is None:
        return Line(at, "rejected", "a quotation mark is not closed")
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
    rows = [_long_fields(line) for line in filled(lines)]
    good = sum(len(row) == _LONG_FIELDS and number(row[2]) is not None and number(row[1]) is None for row in rows)
    return bool(rows) and good > len(rows) / 2


def _long_fields(line: str) -> list[str]:
    """Return the fields of a line; where commas divide, those before the last two belong to the term."""
    if "\t" in line:
        return [part.strip() for part in line.split("\t") if part.strip()]
    return [part.strip().strip('"') for part in line.rsplit(",", _LONG_FIELDS - 1)]


def _read_long(lines: Sequence[str]) -> Iterator[Term | Line]:
    for at, line in enumerate(lines, 1):
        fields = _long_fields(line)
        if not line.strip():
            yield Line(at, "blank")
        elif len(fields) != _LONG_FIELDS:
            yield Line(at, "rejected", f"{len(fields)} fields where term, category and number are expected")
        elif (weight := number(fields[2])) is None:
            is_header = not any(earlier.strip() for earlier in lines[: at - 1])
            yield Line(at, "header") if is_header else Line(at, "rejected", f"{fields[2]!r} is no number")
        else:
            yield Term(at, fields[0], {fields[1]: weight}, is_part=True)


HURTLEX = Format("hurtlex", "HurtLex table", _is_hurtlex, _read_hurtlex)
WIDE = Format("wide", "table with a column per category (NRC EmoLex, eMFD)", _is_wide, _read_wide)
LONG = Format("long", "term, category and number per line (NRC EmoLex)", _is_long, _read_long)
