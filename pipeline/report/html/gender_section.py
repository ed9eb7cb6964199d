"""The section on gender performance: the weekly score by each scorer, beside a placebo, and how far to trust it."""

from __future__ import annotations

import polars as pl

from pipeline.report.html.cells import measure_table, refused
from pipeline.report.html.charts import Interval, Line, interval_chart, line_chart
from pipeline.report.html.conduct_sections import specifications
from pipeline.report.html.markup import Html, tag
from pipeline.report.html.page import Section, empty, figure, more
from pipeline.report.html.source import Row, Source

_SCORERS = {"lexicon": "marked words", "axis": "embedding axis", "model": "a model", "placebo": "placebo (hash)"}
_STYLES = {"lexicon": "s-a", "axis": "s-b", "model": "s-c", "placebo": "s-null"}
_ABOUT = (
    "Scores run from -1 (masculine-coded) to 1 (feminine-coded). They say how texts are coded by a word list or a "
    "model, not what an agent is. Read the area under the curve first: a score that does not tell apart agents that "
    "declare a gender measures something else. The placebo is a hash of the agent."
)


def gender(source: Source) -> Section:
    """Return the section on gender performance."""
    title = "Gender performance"
    frame = source.measures("gender").filter(pl.col("slice_id") == "all")
    if frame.height == 0:
        return Section("gender", title, [empty("No measure of gender performance is in the tables for this corpus.")])
    blocks: list[object] = [tag("p", _ABOUT)]
    blocks += [drawn for drawn in (_validity(source, frame), _weekly(source, frame)) if drawn is not None]
    whole = frame.filter(pl.col("period").is_null())
    blocks.append(refused(source, whole.iter_rows(named=True)))
    known = whole.filter(pl.col("value").is_not_null() & (pl.col("unit") == "scorer")).to_dicts()
    if known:
        blocks.append(measure_table(source, "The weekly score, by scorer", known, [_head(source, r) for r in known]))
    rest = whole.filter(pl.col("unit") != "scorer").to_dicts()
    missing = whole.filter(pl.col("value").is_null() & (pl.col("unit") == "scorer")).to_dicts()
    rows = [*rest, *missing]
    if rows:
        caption = "Declarations, transitions, and what could not be computed"
        blocks.append(more(caption, measure_table(source, caption, rows, [_head(source, r) for r in rows])))
    blocks.append(specifications(source, "gender"))
    return Section("gender", title, blocks)


def _head(source: Source, row: Row) -> str:
    unit_id = str(row["unit_id"])
    return f"{source.title(str(row['measure_id']))}: {_SCORERS.get(unit_id, unit_id.replace('/', ', '))}"


def _validity(source: Source, frame: pl.DataFrame) -> Html | None:
    found = frame.filter((pl.col("measure_id") == "gender_auc") & pl.col("value").is_not_null()).to_dicts()
    if not found:
        return None
    rows = []
    for row in found:
        sd = row["null_sd"] or 0.0
        rows.append(
            Interval(_SCORERS[str(row["unit_id"])], row["value"], row["ci_low"], row["ci_high"],
                     None if row["null_mean"] is None else (row["null_mean"] - 2 * sd, row["null_mean"] + 2 * sd))
        )  # fmt: skip
    caption = (
        "Probability that an agent that declares to be feminine scores above one that declares to be masculine. "
        "Shaded: what chance gives, 0.5 ± 2 sd."
    )
    return figure(interval_chart(source.title("gender_auc"), caption, rows, unit="probability"), caption)


def _weekly(source: Source, frame: pl.DataFrame) -> Html | None:
    timed = frame.filter(
        (pl.col("measure_id") == "gender_mean") & (pl.col("period") == "week") & pl.col("value").is_not_null()
    ).sort("period_start")
    if timed["period_start"].n_unique() < 2:
        return None
    lines = []
    for name, label in _SCORERS.items():
        part = timed.filter(pl.col("unit_id") == name)
        if part.height:
            x, y, low, high = (part[column].to_list() for column in ("period_start", "value", "ci_low", "ci_high"))
            lines.append(Line(label, x, y, _STYLES[name], low, high))
    caption = "Mean score of the agents by week, with intervals."
    return figure(line_chart(source.title("gender_mean"), caption, lines, has_dots=True), caption)
