"""LIWC dictionaries: ``.dic`` (also Moral Foundations and MFD2) and ``.dicx``.

A ``.dic`` file names its categories between two lines ``%``, an id and a name each, and lists terms with ids below.
Ids may follow one or more tabs or blanks. A conditional id such as ``<of>131/125`` or ``(02 134)125/464`` depends on
the words around a term: its last id, which holds elsewhere, is read, and the line is noted. A ``.dicx`` file is a table
with the header ``DicTerm`` and a column per category, in which an X or a weight stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.lexicon.foreign.base import Format, Line, Term, cells, delimiter_of, filled, number

_HEADER = re.compile(r"\s*(?P<id>\d+(?:\.\d+)*)\s+(?P<name>\S.*?)\s*$")
_CONDITION = re.compile(r"(?:\([^()]*\)|<[^<>]*>)\s*(?P<then>\d+)(?:\s*/\s*(?P<other>\d+))?")
_IDS_AT_END = re.compile(r"(?P<term>.*?\S)\s+(?P<ids>[\d(<][\d\s().<>/,;\w]*)$")
_MARKS = ("x", "1")


def _is_dic(lines: Sequence[str]) -> bool:
    first = filled(lines, 1)
    return bool(first) and first[0].strip() == "%"


def _read_dic(lines: Sequence[str]) -> Iterator[Term | Line]:
    names: dict[str, str] = {}
    marks = 0
    for at, line in enumerate(lines, 1):
        if not line.strip():
            yield Line(at, "blank")
        elif line.strip() == "%":
            marks += 1
            yield Line(at, "header")
        elif marks < 2:
            yield _heading(at, line, names)
        else:
            yield _dic_term(at, line, names)


def _heading(at: int, line: str, names: dict[str, str]) -> Line:
    match = _HEADER.match(line)
    if match is None:
        return Line(at, "rejected", "a category is an id, a tab and a name")
    key, name = _id(match["id"]), re.sub(r"\s+\(.*\)$", "", match["name"])
    if key in names:
        return Line(at, "rejected", f"id {match['id']} is the category {names[key]!r} already")
    names[key] = name
    return Line(at, "header")


def _dic_term(at: int, line: str, names: dict[str, str]) -> Term | Line:
    term, _, rest = line.strip().partition("\t")
    if not rest and (match := _IDS_AT_END.match(term)):
        term, rest = match["term"], match["ids"]
    if not rest.strip():
        return Line(at, "rejected", "no category id follows the term")
    notes = []
    if conditions := _CONDITION.findall(rest):
        notes.append("a category that depends on the words around is read as the one that holds elsewhere")
        rest = _CONDITION.sub(" ", rest) + " " + " ".join(other for _, other in conditions)
    ids = [part for part in re.split(r"[\s,;]+", rest) if part]
    known = {names[_id(part)]: 1.0 for part in ids if _id(part) in names}
    if wrong := [part for part in ids if _id(part) not in names]:
        notes.append(f"no category has the id {', '.join(map(repr, wrong))}")
    if not known:
        return Line(at, "rejected", "; ".join(notes) or "no category holds without a condition")
    return Term(at, term.strip(), known, tuple(notes))


def _id(written: str) -> str:
    """Return an id without leading zeros: files number their categories 01 and their terms 1."""
    return ".".join(part.lstrip("0") or "0" for part in written.split("."))


def _is_dicx(lines: Sequence[str]) -> bool:
    first = filled(lines, 1)
    return bool(first) and first[0].strip().strip('"').lower().startswith("dicterm")


def _read_dicx(lines: Sequence[str]) -> Iterator[Term | Line]:
    names: list[str] | None = None
    delimiter = ","
    for at, line in enumerate(lines, 1):
        if not line.strip():
            yield Line(at, "blank")
        elif names is None:
            delimiter = delimiter_of(line)
            names = (cells(line, delimiter) or [])[1:]
            yield Line(at, "header")
        else:
            yield _dicx_term(at, cells(line, delimiter), names)


def _dicx_term(at: int, row: list[str] | None, names: list[str]) -> Term | Line:
    if row is None:
        return Line(at, "rejected", "a quotation mark is not closed")
    term, values = row[0], row[1:]
    while len(values) > len(names) and not values[-1]:
        values.pop()
    if len(values) > len(names):
        return Line(
            at, "rejected", f"{len(row)} cells where the header has {len(names) + 1}: quote a term with a comma"
        )
    weights: dict[str, float] = {}
    for name, value in zip(names, values, strict=False):
        weight = 1.0 if value.lower() in _MARKS else number(value or "0")
        if weight is None:
            return Line(at, "rejected", f"{value!r} under {name!r} is neither X nor a number")
        weights[name] = weight
    if not any(weights.values()):
        return Line(at, "rejected", "no category is marked")
    return Term(at, term, weights)


DIC = Format("liwc_dic", "LIWC or Moral Foundations dictionary (.dic)", _is_dic, _read_dic, has_wildcards=True)
DICX = Format("liwc_dicx", "LIWC-22 dictionary (.dicx)", _is_dicx, _read_dicx, has_wildcards=True)
