"""The section on persona and votes: likeness to the description by day, and around the highest-voted post."""

from __future__ import annotations

import polars as pl

from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells, measure_table, refused
from pipeline.report.html.charts import Line, line_chart
from pipeline.report.html.markup import Html, join, tag
from pipeline.report.html.page import Section, empty, figure, more, table
from pipeline.report.html.source import Source

_KINDS = (("persona_similarity_post", "s-a"), ("persona_similarity_comment", "s-b"))
_UNITS = (
    ("activity_group", "authors by number of messages,", "Likeness by the activity of the author"),
    ("event_offset", "posts from the event,", "Likeness around the highest-voted post, in numbers"),
)
_SIZE = (430.0, 210.0)


def persona(source: Source) -> Section:
    """Return the section on likeness of messages to the description of their author, and on its drift."""
    title = "Persona: messages and the description of their author"
    frame = source.measures("persona").filter(pl.col("slice_id") == "all")
    estimates = source.estimates("persona")
    if frame.height == 0 and estimates.height == 0:
        return Section("persona", title, [empty("No measure of persona is in the tables for this corpus.")])
    drawings = [drawn for drawn in (_by_period(source, frame), _curve(frame)) if drawn is not None]
    blocks: list[object] = [
        tag("div", *drawings, class_="grid")
        if drawings
        else empty("There is no likeness by period and no curve around an event that could be drawn.")
    ]
    whole = frame.filter((pl.col("unit") == "corpus") & pl.col("period").is_null())
    blocks.append(refused(source, whole.iter_rows(named=True)))
    if whole.height:
        blocks.append(measure_table(source, "Likeness, output and drift as published", whole.to_dicts()))
    for unit, words, caption in _UNITS:
        rows = frame.filter(pl.col("unit") == unit).sort("measure_id", "unit_id").to_dicts()
        heads = [join((source.title(str(row["measure_id"])), f": {words} {row['unit_id']}")) for row in rows]
        if rows:
            blocks.append(more(caption, measure_table(source, caption, rows, heads)))
    if estimates.height:
        is_first = pl.col("role") == "primary"
        for caption, part in (("The tests", estimates.filter(is_first)), ("Every other", estimates.filter(~is_first))):
            cells = [estimate_cells(source, row) for row in part.sort("role", "model").iter_rows(named=True)]
            if cells:
                made = table(f"{caption} specification{'s' if caption == 'The tests' else ''}", ESTIMATE_COLUMNS, cells)
                blocks.append(made if caption == "The tests" else more(f"{len(cells)} further specifications", made))
    return Section("persona", title, blocks)


def _by_period(source: Source, frame: pl.DataFrame) -> Html | None:
    timed = frame.filter((pl.col("unit") == "corpus") & pl.col("period_start").is_not_null()).sort("period_start")
    lines = []
    for measure_id, style in _KINDS:
        part = timed.filter(pl.col("measure_id") == measure_id)
        if part["value"].is_not_null().any():
            x, y, low, high = (part[name].to_list() for name in ("period_start", "value", "ci_low", "ci_high"))
            lines.append(Line(source.title(measure_id), x, y, style, low, high))
    if not lines:
        return None
    about = "Mean cosine of messages with the description of their author, with intervals."
    return figure(line_chart("Likeness over time", about, lines, size=_SIZE, has_dots=True, is_titled=True), about)


def _curve(frame: pl.DataFrame) -> Html | None:
    points = frame.filter((pl.col("unit") == "event_offset") & pl.col("value").is_not_null())
    if points.is_empty():
        return None
    ordered = points.with_columns(offset=pl.col("unit_id").cast(pl.Float64, strict=False)).sort("offset")
    x, y, low, high = (ordered[name].to_list() for name in ("offset", "value", "ci_low", "ci_high"))
    about = (
        "Likeness at each post before and after an agent's highest-voted post, less that around matched places. A hump "
        "at 0 that is alike on both sides is regression to the mean; a difference of the sides is drift."
    )
    line = Line("", x, y, "s-a", low, high)
    return figure(
        line_chart("Around the highest-voted post", about, [line], size=_SIZE, has_dots=True, is_titled=True), about
    )
