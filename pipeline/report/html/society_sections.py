"""Sections on change and likeness: convergence of texts, homophily of ties, our numbers beside printed ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from pipeline.published.load import EVIDENCE
from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells, measure_table, refused
from pipeline.report.html.charts import Line, line_chart
from pipeline.report.html.markup import Html, corpus_label, corpus_text, join, tag
from pipeline.report.html.norm_sections import template_table
from pipeline.report.html.numbers import MISSING, interval, number, plural
from pipeline.report.html.page import Column, Section, empty, figure, more, table
from pipeline.report.html.source import IS_WHOLE, Source

_CHARTS = (
    ("Likeness of texts", ("within_similarity", "between_similarity"), "Mean cosine similarity of texts within and "
     "between communities."),
    ("Gap", ("similarity_gap",), "Within minus between: the likeness that is the community's own."),
    ("Templates", ("template_share_exact", "template_share_near"), "Share of messages that repeat an earlier text, "
     "word for word or nearly."),
    ("Newcomers and incumbents", ("newcomer_similarity", "incumbent_similarity"), "Likeness to the community of those "
     "who are new in a period and of those who were there before."),
)  # fmt: skip
_STYLES = ("s-a", "s-b", "s-c", "s-d")
_TIES = ("follow", "friend")  # observed ties are drawn before those that are derived
_MOST_NETWORKS = 12
_NULL_STYLES = ("s-null", "s-soft", "s-e")
_GRID_SIZE = (430.0, 210.0)


def convergence(source: Source) -> Section:
    """Return the section on templates and on likeness within and between communities over time."""
    title = "Convergence of norms and templates"
    frame = source.measures("convergence").filter(pl.col("slice_id") == "all")
    estimates = source.estimates("convergence")
    if frame.height == 0 and estimates.height == 0:
        return Section("convergence", title, [empty("No measure of convergence is in the tables for this corpus.")])
    timed = frame.filter((pl.col("unit") == "corpus") & pl.col("period_start").is_not_null()).sort("period_start")
    drawings = [drawn for chart in _CHARTS if (drawn := _convergence_chart(source, timed, *chart)) is not None]
    blocks: list[object] = []
    if drawings:
        blocks.append(tag("div", *drawings, class_="grid"))
    else:
        blocks.append(empty("No period has a value that could be drawn."))
    blocks.append(refused(source, frame.iter_rows(named=True)))
    if estimates.height:
        cells = [estimate_cells(source, row) for row in estimates.iter_rows(named=True)]
        blocks.append(table("Slopes: change of the outcome per period", ESTIMATE_COLUMNS, cells))
    else:
        blocks.append(empty("No slope was estimated."))
    whole = frame.filter(IS_WHOLE & (pl.col("unit") == "corpus")).to_dicts()
    if whole:
        blocks.append(measure_table(source, "Over the whole span", whole))
    return Section("convergence", title, [*blocks, template_table(source), _communities(source, frame)])


def _convergence_chart(
    source: Source, frame: pl.DataFrame, title: str, ids: tuple[str, ...], about: str
) -> Html | None:
    lines = []
    for measure_id, style in zip(ids, _STYLES, strict=False):
        part = frame.filter(pl.col("measure_id") == measure_id).unique("period_start", maintain_order=True)
        if part["value"].is_not_null().any():
            lines.append(_line(source.title(measure_id), part, style))
    if not lines:
        return None
    return figure(line_chart(title, about, lines, size=_GRID_SIZE, has_dots=True, is_titled=True), about)


def _line(name: str, part: pl.DataFrame, style: str) -> Line:
    x, y, low, high = (part[column].to_list() for column in ("period_start", "value", "ci_low", "ci_high"))
    return Line(name, x, y, style, low, high)


def _communities(source: Source, frame: pl.DataFrame) -> Html | None:
    rows = (
        frame.filter((pl.col("unit") == "community") & pl.col("value").is_not_null())
        .sort("measure_id", "unit_id", "period_start")
        .group_by("measure_id", "unit_id", maintain_order=True)
        .agg(periods=pl.len(), first=pl.col("value").first(), last=pl.col("value").last(), n=pl.col("n").sum())
        .sort("measure_id", "n", "unit_id", descending=[False, True, False])
    )
    if rows.height == 0:
        return None
    columns = (
        Column("Community"),
        Column("Measure"),
        Column("Periods", "n"),
        Column("First", "n"),
        Column("Last", "n"),
    )
    cells = [
        [corpus_text(r["unit_id"], 60), source.title(r["measure_id"]), number(r["periods"]), number(r["first"]),
         number(r["last"])]
        for r in rows.iter_rows(named=True)
    ]  # fmt: skip
    return more("By community", table("First and last period of each community", columns, cells))


def homophily(source: Source) -> Section:
    """Return the section on likeness along ties, by week, against both nulls."""
    title = "Homophily: likeness along ties"
    frame = source.measures("homophily").filter(pl.col("slice_id") == "all")
    if frame.height == 0:
        return Section("homophily", title, [empty("No measure of homophily is in the tables for this corpus.")])
    weekly = frame.filter((pl.col("period") == "week") & pl.col("period_start").is_not_null()).sort("period_start")
    is_drawn = pl.col("measure_id").str.starts_with("assortativity_") & (pl.col("unit") == "network")
    drawn = weekly.filter(is_drawn & pl.col("value").is_not_null())
    keys = sorted(drawn.select("measure_id", "unit_id").unique().rows(), key=lambda key: (key[1] not in _TIES, key))
    blocks: list[object] = []
    if keys:
        about = (
            "Weekly assortativity: dots with intervals. Shaded: what chance gives, mean ± 2 sd; the stub permutation "
            "keeps every agent's number of ties, the label permutation keeps the ties and shuffles the trait."
        )
        figures = (_null_chart(source, weekly, *key) for key in keys[:_MOST_NETWORKS])
        blocks += [tag("p", about), tag("div", *figures, class_="grid")]
        if len(keys) > _MOST_NETWORKS:
            blocks.append(tag("p", f"{len(keys) - _MOST_NETWORKS} further networks are in the table only."))
    else:
        blocks.append(empty("No week has an assortativity that could be drawn."))
    blocks.append(refused(source, _one_per_value(frame).iter_rows(named=True)))
    return Section("homophily", title, [*blocks, *_homophily_tables(source, frame)])


def _one_per_value(frame: pl.DataFrame) -> pl.DataFrame:
    """Return one row per value: the rows of several null models repeat it."""
    return frame.unique(["measure_id", "unit", "unit_id", "period", "period_start"], maintain_order=True)


def _null_chart(source: Source, frame: pl.DataFrame, measure_id: str, unit_id: str) -> Html:
    part = frame.filter((pl.col("measure_id") == measure_id) & (pl.col("unit_id") == unit_id))
    title = f"{source.title(measure_id)}, {corpus_label(unit_id).replace('_', ' ')}"
    values = _one_per_value(part).sort("period_start")
    lines = [_line("observed", values, "s-a")]
    models = sorted(name for name in part["null_model"].unique().to_list() if name is not None)
    for model, style in zip(models, _NULL_STYLES, strict=False):
        null = part.filter(pl.col("null_model") == model).sort("period_start")
        spread = 2 * null["null_sd"]
        low, high = (null["null_mean"] - spread).to_list(), (null["null_mean"] + spread).to_list()
        name = corpus_label(model).replace("_", " ")
        lines.append(Line(name, null["period_start"].to_list(), null["null_mean"].to_list(), style, low, high, True))
    chart = line_chart(title, "Weekly values with nulls", lines, size=_GRID_SIZE, has_dots=True, is_titled=True)
    sizes = values["n"].to_list()
    unit = str(values["n_unit"][0]).replace("_", " ")
    return figure(chart, f"{values.height} weeks, {number(min(sizes))} to {number(max(sizes))} {unit}.")


def _homophily_tables(source: Source, frame: pl.DataFrame) -> list[Html]:
    """Return the whole span (where it is missing, the last week): assortativity, and the rest on demand."""
    network = frame.filter(pl.col("unit") == "network")
    whole, when = network.filter(IS_WHOLE), "Over the whole span"
    if whole.height == 0:
        whole, when = network.filter(pl.col("period_start") == pl.col("period_start").max()), "In the last week"
    ordered = whole.sort("measure_id", "unit_id", "null_model")
    is_main = pl.col("measure_id").str.starts_with("assortativity_")
    main, rest = ordered.filter(is_main).to_dicts(), ordered.filter(~is_main).to_dicts()
    caption = f"{when}, against each null model"
    tables = [measure_table(source, caption, main, _homophily_names(source, main))] if main else []
    if rest:
        listed = measure_table(source, caption, rest, _homophily_names(source, rest))
        tables.append(more(f"Other measures of homophily ({plural(len(rest), 'row')})", listed))
    return tables


def _homophily_names(source: Source, rows: Iterable[dict[str, object]]) -> list[Html]:
    return [
        join((
            source.title(str(row["measure_id"])), tag("br"),
            tag("span", corpus_text(row["unit_id"], 40), f" · {str(row['null_model'] or 'no null').replace('_', ' ')}",
                class_="soft small"),
        ))
        for row in rows
    ]  # fmt: skip


_FEW = 15  # rows that are all shown at once
_REPLICATION = """
SELECT r.*, p.title AS quantity FROM analysis.replication r
LEFT JOIN analysis.published p
  ON p.paper = r.paper AND p.measure_id = r.measure_id AND p."window" IS NOT DISTINCT FROM r."window"
WHERE r.corpus_id = $corpus_id ORDER BY r.paper, r.measure_id, r."window"
"""


def replication(source: Source) -> Section:
    """Return the section that sets our numbers beside printed ones."""
    title = "Our numbers beside published ones"
    rows = source.frame(_REPLICATION).unique(["paper", "measure_id", "window"], maintain_order=True).to_dicts()
    if not rows:
        return Section("replication", title, [empty("No published number has a counterpart in this corpus.")])
    evidence = "; ".join(f"{key}: {meaning}" for key, meaning in EVIDENCE.items())
    same = sum(1 for row in rows if row["is_same_definition"] and row["is_same_window"])
    alone = sum(1 for row in rows if row["n"] is None and row["value"] is None)
    lead = tag(
        "p",
        f"{plural(len(rows), 'printed number')}, {same:,} of the same definition and window. Elsewhere a difference is "
        f"expected, and the table says why. Nothing of ours stands beside {alone:,} of them. "
        f"Evidence of the printed value: {evidence}.",
    )
    columns = (Column("Measure"), Column("Study"), Column("Printed", "n"), Column("Evidence"), Column("Ours", "n"),
               Column("Ours / printed", "n"), Column("Why they may differ", "wide"),
               Column("Warnings", "words"))  # fmt: skip
    closest = sorted(rows, key=lambda row: (not row["is_same_definition"], not row["is_same_window"]))
    shown = rows if len(rows) <= _FEW else closest[:_FEW]
    blocks: list[object] = [lead]
    if shown:
        caption = "Printed values and ours, with intervals where there are any"
        caption += f"; the {len(shown)} closest in definition and window" if len(shown) < len(rows) else ""
        blocks.append(table(caption, columns, [_replicated(source, row) for row in shown]))
    if len(shown) < len(rows):
        cells = [_replicated(source, row) for row in rows]
        listed = table("All printed values and ours", columns, cells, most=len(cells))
        blocks.append(more(f"All {len(rows):,} rows", listed))
    return Section("replication", title, blocks)


def _replicated(source: Source, row: dict[str, Any]) -> list[object]:
    return [
        source.title(row["measure_id"]),
        corpus_text(row["paper"], 60),
        _ends(number(row["published_value"]), row["published_low"], row["published_high"]),
        row["evidence"],
        _ends(source.value(str(row["measure_id"]), row["value"]), row["ci_low"], row["ci_high"]),
        number(row["ratio"]),
        corpus_text(row["cause"], 260),
        source.glossary.words(row["warnings"]),
    ]


def _ends(value: str, low: object, high: object) -> Html:
    ends = interval(low, high)
    parts: list[object] = [value]
    if ends != MISSING:
        parts += [tag("br"), tag("span", f"[{ends}]", class_="soft small")]
    return join(parts)
