"""Prints what was seen: formats, layouts, places, fields. Every text of a corpus is redacted and escaped."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.inspection.columns import Column
from pipeline.inspection.escape import shown
from pipeline.inspection.guess import Looked
from pipeline.inspection.look import Findings, Layout

MOST_LINES = 40
MOST_PATHS = 3


def report_lines(found: Findings) -> Iterator[str]:
    """Yield the lines of the report."""
    more = f" (and {found.n_more} more that were not listed)" if found.n_more else ""
    yield f"{found.n_files} files{more}; a sample of them was looked at"
    for name, paths in sorted(found.known.items()):
        yield f"known format {name}: {_some(paths)}"
    for number, layout in enumerate(found.layouts, start=1):
        yield ""
        yield from _layout(number, layout)
    if found.others:
        yield ""
        yield "not looked into:"
        for file in found.others[:MOST_LINES]:
            yield f"  {shown(file.path, 100)}: {shown(file.note or 'no records in it')}"


def _layout(number: int, layout: Layout) -> Iterator[str]:
    table = f", table {shown(layout.table, 60)}" if layout.table else ""
    yield f"layout {number}: {layout.container}{table}; {_some(layout.paths)}"
    if layout.header_row > 1:
        yield f"  line {layout.header_row} names the columns"
    if layout.encoding is not None:
        yield f"  it is not UTF-8; read as {layout.encoding}"
    if layout.parsed:
        yield f"  objects that stand as text in {shown(', '.join(layout.parsed), 100)}"
    yield f"  files = {', '.join(shown(glob, 100) for glob in layout.globs[:MOST_PATHS])}"
    for looked in layout.looked:
        yield from _place(looked)


def _place(looked: Looked) -> Iterator[str]:
    place, guess = looked.place, looked.guess
    where = f"path {shown(place.path)}" if place.path else "the document, line or row itself"
    if place.where is not None:
        where = f"rows whose {shown(place.where[0], 60)} is {shown(', '.join(place.where[1]), 100)}"
    yield f"  {where}: {len(place.records)} records in the sample"
    yield f"    likely {guess.kind or 'no record that is known'}: {shown(guess.reason)}"
    if place.replies:
        yield f"    replies at {shown(place.replies)}, {max(f.nesting for f in place.records)} deep"
    roles = {path: role for role in guess.roles for path in role.paths}
    for column in looked.columns[:MOST_LINES]:
        role = roles.get(column.path)
        yield f"    {_column(column)}"
        if role is not None:
            yield f"      -> {role.name}: {shown(role.reason)}"
    if len(looked.columns) > MOST_LINES:
        yield f"    and {len(looked.columns) - MOST_LINES} further fields"
    for remark in [*guess.remarks, *(remark for role in guess.roles for remark in role.remarks)]:
        yield f"    ! {shown(remark)}"


def _column(column: Column) -> str:
    types = ", ".join(name for name, _ in column.types.most_common() if name != "null") or "always null"
    parts = [f"{shown(column.path, 60)}: {types}, filled {column.fill:.0%}"]
    if column.values:
        parts.append(f"{column.n_distinct} distinct")
    if column.time is not None:
        time = column.time
        parts.append(f"times ({time.notation}) {time.first:%Y-%m-%d %H:%M} to {time.last:%Y-%m-%d %H:%M}")
    elif column.values:
        parts.append("such as " + " | ".join(column.examples()))
    return ", ".join(parts)


def _some(paths: list[str]) -> str:
    some = ", ".join(shown(path, 80) for path in paths[:MOST_PATHS])
    return f"{some}{f' and {len(paths) - MOST_PATHS} more' if len(paths) > MOST_PATHS else ''}"
