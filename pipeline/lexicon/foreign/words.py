"""Lists without a header: VADER and AFINN (a term and its weight per line), Empath (a category and its terms per line).

Weights above zero are the category ``positive``, those below ``negative``; a weight of zero counts in neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.lexicon.foreign.base import Format, Line, Term, filled, is_comment, names_terms, number

_MOST_WRONG = 0.5
_VADER_FIELDS = 4
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_PLAIN = re.compile(r"(?P<term>.*?\S)\s*(?:[,;]\s*|\s+)(?P<weight>[^\s,;]+)\s*")
_TWO_NUMBERS = re.compile(rf".*[,;]\s*{_NUMBER}\s*[,;\s]\s*{_NUMBER}")
_TWO_BY_BLANKS = re.compile(rf".*[,;\s]\s*{_NUMBER}\s*[,;\s]\s*{_NUMBER}")


def _fields(line: str) -> list[str]:
    """Return term and weight, and what follows them: at tabs, or at the last comma, semicolon or blank.

    Between tabs empty fields are kept, except at the end of the line.
    """
    if "\t" in line:
        found = [part.strip() for part in line.split("\t")]
        while found and not found[-1]:
            found.pop()
        return found
    match = _PLAIN.fullmatch(line.strip())
    if match is None:
        return [line.strip()]
    term = match["term"]
    if re.search(r"\w", term):  # a comma too many is no part of a word, but may be one of an emoticon
        term = term.rstrip(" ,;")
    return [term.strip('"'), match["weight"].strip('"')]


def _place(line: str, *, has_ratings: bool) -> list[str] | str:
    """Return the fields of a line in their places, or why their places are not known.

    A field that is empty may be a tab too many or a field that is missing. It is the former when what is left is
    whole: four fields with ratings at the end, or, in a list without ratings, a term and a number.
    """
    fields = _fields(line)
    full = [field for field in fields if field]
    if len(full) < 2:
        return "a term, a tab and a number are expected"
    if "\t" not in line:
        mark = _TWO_BY_BLANKS if has_ratings else _TWO_NUMBERS
        if not full[0].strip(",; "):
            return "the term is missing"
        return "two numbers follow the term" if mark.fullmatch(line.strip()) else full
    if not fields[0] and number(full[0]) is not None:
        return "the term is missing"
    if _is_rated(full):
        return full
    if any(field.startswith("[") for field in full[1:3]):
        return "a term, a mean and a deviation are expected before the ratings"
    if has_ratings and number(full[0]) is not None:
        return "it starts with a number: the term may be missing"
    if len(full) < len(fields) and (has_ratings or len(full) > 2):
        return "a field is empty, and it is not known which of the others is the weight"
    return full


def _is_rated(fields: Sequence[str]) -> bool:
    """Tell whether fields are a term, a mean, a deviation and ratings in brackets."""
    return (
        len(fields) == _VADER_FIELDS
        and fields[3].startswith("[")
        and all(number(field) is not None for field in fields[1:3])
    )


def _is_weighted(line: str) -> bool:
    fields = _place(line, has_ratings=False)
    return not isinstance(fields, str) and (len(fields) == 2 or _is_rated(fields)) and number(fields[1]) is not None


def _top(lines: Sequence[str]) -> list[str]:
    """Return the first lines by which a list is judged: those that are no comment, without a header."""
    top = [line for line in filled(lines) if not is_comment(line)]
    return top[1:] if top and _is_header(_fields(top[0])) else top


def _is_header(fields: Sequence[str]) -> bool:
    return len(fields) > 1 and names_terms(fields[0]) and all(number(field) is None for field in fields)


def _is_vader(lines: Sequence[str]) -> bool:
    top = _top(lines)
    good = sum("\t" in line and _is_rated([part for part in _fields(line) if part]) for line in top)
    return bool(top) and good > len(top) * _MOST_WRONG


def _is_afinn(lines: Sequence[str]) -> bool:
    top = _top(lines)
    return bool(top) and sum(map(_is_weighted, top)) > len(top) * _MOST_WRONG


def _read_vader(lines: Sequence[str]) -> Iterator[Term | Line]:
    return _read_weighted(lines, has_ratings=True)


def _read_afinn(lines: Sequence[str]) -> Iterator[Term | Line]:
    return _read_weighted(lines, has_ratings=False)


def _read_weighted(lines: Sequence[str], *, has_ratings: bool) -> Iterator[Term | Line]:
    is_first = True
    for at, line in enumerate(lines, 1):
        if not line.strip():
            yield Line(at, "blank")
        elif is_comment(line):
            yield Line(at, "header", "a comment, which holds no term")
        elif is_first and _is_header(_fields(line)):
            is_first = False
            yield Line(at, "header")
        else:
            is_first = False
            yield _weighted_term(at, _place(line, has_ratings=has_ratings), has_ratings=has_ratings)


def _weighted_term(at: int, fields: list[str] | str, *, has_ratings: bool) -> Term | Line:
    if isinstance(fields, str):
        return Line(at, "rejected", fields)
    values = fields[1:3] if has_ratings else fields[1:2]
    if wrong := [value for value in values if number(value) is None]:
        return Line(at, "rejected", f"{wrong[0]!r} is no number")
    weight = number(fields[1]) or 0.0
    notes = () if weight else ("its weight is zero, so it counts in no category",)
    return Term(at, fields[0], {"positive" if weight > 0 else "negative": weight}, notes)


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


VADER = Format("vader", "VADER list (term, mean, deviation, ratings)", _is_vader, _read_vader)
AFINN = Format("afinn", "term and weight per line (AFINN)", _is_afinn, _read_afinn)
EMPATH = Format("empath", "category and its terms per line (Empath)", _is_empath, _read_empath)
