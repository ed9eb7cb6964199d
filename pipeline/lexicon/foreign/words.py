"""Lists without a header: VADER and AFINN (a term and its weight per line), Empath (a category and its terms per line).

Weights above zero are the category ``positive``, those below ``negative``; a weight of zero counts in neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.lexicon.foreign.base import Format, Line, Term, filled, number

_MOST_WRONG = 0.5
_VADER_FIELDS = 4


def _fields(line: str) -> list[str]:
    """Return term and weight, and what follows them: at tabs, or at the last comma, semicolon or blank."""
    if "\t" in line:
        return [part.strip() for part in line.split("\t") if part.strip()]
    match = re.match(r"(?P<term>.*\S)\s*(?:[,;]|\s)\s*(?P<weight>\S+)\s*$", line)
    return [match["term"].strip().strip('"'), match["weight"]] if match else [line.strip()]


def _is_weighted(line: str) -> bool:
    fields = _fields(line)
    return len(fields) in (2, _VADER_FIELDS) and number(fields[1]) is not None


def _is_vader(lines: Sequence[str]) -> bool:
    top = filled(lines)
    good = sum(line.count("[") >= 1 and len(_fields(line)) == _VADER_FIELDS and _is_weighted(line) for line in top)
    return bool(top) and good > len(top) * _MOST_WRONG


def _is_afinn(lines: Sequence[str]) -> bool:
    top = filled(lines)
    return bool(top) and sum(map(_is_weighted, top)) > len(top) * _MOST_WRONG


def _read_weighted(lines: Sequence[str]) -> Iterator[Term | Line]:
    for at, line in enumerate(lines, 1):
        fields = _fields(line)
        if not line.strip():
            yield Line(at, "blank")
        elif len(fields) < 2:
            yield Line(at, "rejected", "a term, a tab and a number are expected")
        elif (weight := number(fields[1])) is None:
            is_header = not any(earlier.strip() for earlier in lines[: at - 1])
            yield Line(at, "header") if is_header else Line(at, "rejected", f"{fields[1]!r} is no number")
        else:
            notes = () if weight else ("its weight is zero, so it counts in no category",)
            yield Term(at, fields[0], {"positive" if weight > 0 else "negative": weight}, notes)


def _is_empath(lines: Sequence[str]) -> bool:
    rows = [[part for part in line.split("\t") if part.strip()] for line in filled(lines)]
    good = sum(len(row) >= 3 and all(number(part) is None for part in row) for row in rows)
    return bool(rows) and good > len(rows) * _MOST_WRONG


def _read_empath(lines: Sequence[str]) -> Iterator[Term | Line]:
    seen: dict[str, int] = {}
    for at, line in enumerate(lines, 1):
        name, *terms = [part.strip() for part in line.split("\t") if part.strip()] or [""]
        if not line.strip():
            yield Line(at, "blank")
        elif not terms:
            yield Line(at, "rejected", "no term follows the category")
        else:
            if name in seen:
                yield Line(at, "noted", f"the category {name!r} is continued from line {seen[name]}")
            seen.setdefault(name, at)
            for term in terms:
                yield Term(at, term.replace("_", " "), {name: 1.0}, is_part=True)


VADER = Format("vader", "VADER list (term, mean, deviation, ratings)", _is_vader, _read_weighted)
AFINN = Format("afinn", "term and weight per line (AFINN)", _is_afinn, _read_weighted)
EMPATH = Format("empath", "category and its terms per line (Empath)", _is_empath, _read_empath)
