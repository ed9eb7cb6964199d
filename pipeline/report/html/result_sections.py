"""Sections on results of one slice in time: headline measures, AIRS by day, enforcement, networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from pipeline.inference.airs_grid import load_airs_grid
from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells, measure_table, refused
from pipeline.report.html.charts import Interval, Line, interval_chart, line_chart
from pipeline.report.html.curve import curve
from pipeline.report.html.markup import Html, corpus_label, tag
from pipeline.report.html.numbers import moment, number
from pipeline.report.html.page import Column, Section, all_of, empty, figure, more, table
from pipeline.report.html.share_choices import share_choices
from pipeline.report.html.source import IS_WHOLE, Row, Source
from pipeline.report.share_curve import AIRS_GROUPS
from pipeline.report.summary import HEADLINES

_HEADLINES = """
SELECT * FROM analysis.measure
WHERE corpus_id = $corpus_id AND slice_id = 'all' AND unit = 'corpus' AND (period IS NULL OR period = 'all')
ORDER BY ALL
"""
_TIES = """
SELECT relation, origin, count(*) AS ties, count(DISTINCT source_id) AS sources, count(DISTINCT target_id) AS targets,
       count(*) FILTER (WHERE end_at IS NULL) AS standing, min(start_at) AS first_at
FROM feature.tie WHERE corpus_id = $corpus_id GROUP BY relation, origin ORDER BY relation, origin
"""
_STYLES = ("s-a", "s-b", "s-c", "s-d", "s-e")
_ROLE_ORDER = ("primary", "robustness", "placebo", "negative_control", "naive", "exploratory")
_SIZES = ("n_agents", "n_posts", "n_comments")


def headlines(source: Source) -> Section:
    """Return the section of the measures that are read first."""
    found = {row["measure_id"]: row for row in source.rows(_HEADLINES)}
    rows = [found[name] for name in (*_SIZES, *HEADLINES) if name in found]
    if not rows:
        return Section("headlines", "Headline measures", [empty("No measure of this corpus is in the tables.")])
    lead = tag(
        "p",
        "Whole corpus. The interval is at the 95 % level unless it says otherwise; the null is what the measure would "
        "be if only its null model held. Definitions and sources stand in ",
        tag("code", "analysis.measure_dictionary"),
        ".",
    )
    return Section("headlines", "Headline measures", [lead, measure_table(source, "Headline measures", rows)])


def airs(source: Source) -> Section:
    """Return the section on action-inducing language by day."""
    title = "Action-inducing language (AIRS) by day"
    frame = source.measures("airs").filter(pl.col("unit") == "corpus")
    if frame.height == 0:
        return Section("airs", title, [empty("No AIRS measure of this corpus is in the tables.")])
    share = frame.filter(pl.col("measure_id") == "airs_positive_share")
    daily = share.filter((pl.col("period") == "day") & pl.col("period_start").is_not_null()).sort("period_start")
    known = daily.filter(pl.col("value").is_not_null() & ~pl.col("slice_id").str.starts_with("language-"))
    whole = frame.filter(IS_WHOLE & (pl.col("slice_id") == "all")).to_dicts()
    blocks: list[object] = []
    if known.height:
        caption = (
            "Share of posts with AIRS above 0, by day (UTC), by slice; the band is the interval of the whole corpus. "
            "The share moves with who and what is in the corpus on a day."
        )
        blocks.append(figure(line_chart("AIRS by day", caption, _by_slice(known), has_dots=True), caption))
        blocks.append(more("The values by day", _daily_table(source, daily.filter(pl.col("slice_id") == "all"))))
    else:
        blocks.append(empty("No day has a share: the posts have no usable time, or there are none."))
    blocks.append(refused(source, daily.iter_rows(named=True)))
    blocks.append(measure_table(source, "AIRS over the whole corpus", whole))
    return Section("airs", title, [*blocks, *_airs_choices(source)])


def _airs_choices(source: Source) -> list[object]:
    """Return the specification curve of the share of posts, and its rows as a table that opens."""
    frame = source.estimates("airs")
    if frame.height == 0:
        return []
    drawn, n = share_choices("Specification curve of AIRS", frame, load_airs_grid(), AIRS_GROUPS, "part")
    order = {role: i for i, role in enumerate(_ROLE_ORDER)}
    rows = sorted(frame.iter_rows(named=True), key=lambda r: (order.get(r["role"], 9), r["model"]))
    listed = table("All specifications", ESTIMATE_COLUMNS, [estimate_cells(source, row) for row in rows])
    caption = (
        f"{n} specifications of the share of posts, sorted within the patterns that count; bars are intervals over "
        "authors; dots below name the choices. The published choice is primary. Placebos drop as many posts at random; "
        "the negative control counts a coin tossed by a hash of the text."
    )
    shown = (
        empty("No specification has a share that could be drawn.")
        if drawn is None
        else figure(drawn, caption, is_wide=True)
    )
    return [shown, more(all_of(len(rows), "specifications"), listed)]


def _by_slice(frame: pl.DataFrame) -> list[Line]:
    names = sorted(frame["slice_id"].unique(), key=lambda name: (name != "all", name))[: len(_STYLES)]
    lines = []
    for name, style in zip(names, _STYLES, strict=False):
        part = frame.filter(pl.col("slice_id") == name)
        x, y, low, high = (part[column].to_list() for column in ("period_start", "value", "ci_low", "ci_high"))
        if name == "all":
            lines.append(Line("whole corpus", x, y, style, low, high))
        else:
            lines.append(Line(corpus_label(name).replace("_", " "), x, y, style, is_thin=True))
    return lines


def _daily_table(source: Source, frame: pl.DataFrame) -> Html:
    rows = frame.to_dicts()
    return measure_table(source, "Share of posts with AIRS above 0", rows, [moment(r["period_start"]) for r in rows])


def enforcement(source: Source) -> Section:
    """Return the section on replies that correct: the specification curve and the rows behind it."""
    title = "Do replies enforce norms against risky posts?"
    frame = source.estimates("enforcement")
    if frame.height == 0:
        return Section("enforcement", title, [empty("No estimate of enforcement is in the tables for this corpus.")])
    order = {role: i for i, role in enumerate(_ROLE_ORDER)}
    rows = sorted(frame.iter_rows(named=True), key=lambda r: (order.get(r["role"], 9), r["slice_id"], r["spec_id"]))
    primary = [row for row in rows if row["role"] == "primary"]
    controls = [row for row in rows if row["role"] in ("negative_control", "placebo")]
    drawn, n_drawn, n_left_out = curve(frame)
    blocks: list[object] = [
        tag("p", "Does a reply correct or warn more often when the post holds more action-inducing language? "
            "Every choice that the literature made differently is run; the primary ones were fixed beforehand."),
        table("Primary specifications (log odds ratios where a logit is fitted)", _COLUMNS, _cells(source, primary)),
    ]  # fmt: skip
    if drawn is None:
        blocks.append(empty(f"No specification has an estimate that could be drawn ({n_left_out:,} have none)."))
    else:
        caption = f"{n_drawn} specifications sorted by odds ratio; bars are intervals; dots below name the choices."
        if n_left_out:
            caption += f" Not drawn, for want of an estimate: {n_left_out:,}; the table lists them."
        blocks.append(figure(drawn, caption, is_wide=True))
    if controls:
        lead = "Negative controls and placebos: expect no effect"
        blocks.append(table(lead, _COLUMNS, _cells(source, controls)))
    blocks.append(
        more(all_of(len(rows), "specifications"), table("All specifications", _COLUMNS, _cells(source, rows)))
    )
    return Section("enforcement", title, blocks)


_COLUMNS = (*ESTIMATE_COLUMNS[:4], Column("Odds ratio", "n"), *ESTIMATE_COLUMNS[4:])
_LOGITS = "log odds"


def _cells(source: Source, rows: Sequence[Row]) -> list[list[object]]:
    cells = []
    for row in rows:
        line = estimate_cells(source, row)
        cells.append([*line[:4], _ratio(row), *line[4:]])
    return cells


def _ratio(row: Row) -> str:
    """Return the estimate as an odds ratio when it is the logarithm of one."""
    is_log = str(row["estimand"]).startswith(_LOGITS) and row["estimate"] is not None and abs(row["estimate"]) < 50
    return number(math.exp(row["estimate"])) if is_log else ""


def network(source: Source) -> Section:
    """Return the section on networks of interaction and on published ties."""
    whole = source.measures("network").filter(IS_WHOLE & (pl.col("slice_id") == "all"))
    ties = source.rows(_TIES)
    blocks: list[object] = []
    if whole.height == 0 and not ties:
        return Section("network", "Networks", [empty("No network measure of this corpus is in the tables.")])
    if ties:
        columns = (Column("Published ties"), Column("Origin"), Column("Intervals", "n"), Column("Still standing", "n"),
                   Column("Egos", "n"), Column("Alters", "n"))  # fmt: skip
        cells = [[r["relation"], r["origin"], *(number(r[k]) for k in ("ties", "standing", "sources", "targets"))]
                 for r in ties]  # fmt: skip
        blocks.append(table("Ties that the platform publishes", columns, cells))
    if whole.height:
        blocks += _network_measures(source, whole)
    return Section("network", "Networks", blocks)


def _network_measures(source: Source, whole: pl.DataFrame) -> list[object]:
    rows = whole.to_dicts()
    against = [
        row for row in rows if row["null_mean"] is not None and row["value"] is not None and abs(row["value"]) <= 1
    ]
    blocks: list[object] = []
    if against:
        items = [
            Interval(source.title(row["measure_id"])[:42], row["value"], row["ci_low"], row["ci_high"], _two_sd(row))
            for row in against
        ]
        caption = (
            "Value with interval (dot and bar) beside its null model, mean ± 2 sd (shaded red). "
            "A value inside the shade is what degrees alone would give."
        )
        blocks.append(
            figure(interval_chart("Network measures against their nulls", caption, items, reference=0.0), caption)
        )
    return [*blocks, measure_table(source, "Network measures over the whole corpus", rows)]


def _two_sd(row: Row) -> tuple[float, float] | None:
    if row["null_mean"] is None:
        return None
    spread = 2 * (row["null_sd"] or 0.0)
    return row["null_mean"] - spread, row["null_mean"] + spread
