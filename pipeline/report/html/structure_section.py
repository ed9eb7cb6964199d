"""The section on structure: networks beside networks with the same degrees, their degrees, the shape of threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from pipeline.report.html import svg
from pipeline.report.html.cells import corpus_unit, null_cell, refused
from pipeline.report.html.markup import Html, corpus_text, tag
from pipeline.report.html.numbers import MISSING, count, interval, number, probability
from pipeline.report.html.page import Column, Section, empty, figure, more, table
from pipeline.report.html.source import Row, Source

_NETWORKS = {
    "reply_any": "Replies to anyone",
    "mention": "Mentions",
    "follow": "Follows",
    "friend": "Friends",
    "engagement": "Likes, dislikes and mentions, without direction",
    "engagement_english": "The same among agents that write English",
    "action": "Likes, dislikes, follows and unfollows",
}
_ABOUT = (
    "What shape do the networks have, and what shape would any network have in which every agent has as many ties? "
    "The null redraws who is tied to whom and keeps everyone's number of ties; z is how many standard deviations of "
    "that null the value lies away. A value inside the null is explained by how unequal agents are, and by nothing "
    "else. Where no null makes sense there is an interval, or the value counts all there is. Printed values are of "
    "other windows and often of other definitions: the last section says which."
)
_COLUMNS = (
    Column("Measure"), Column("Value", "n"), Column("Interval", "n"), Column("Null: mean ± sd", "n"), Column("z", "n"),
    Column("p", "n"), Column("n", "n"), Column("Printed", "n"), Column("Warnings", "words"),
)  # fmt: skip
_PRINTED = 'SELECT paper, measure_id, value FROM analysis.published ORDER BY paper, measure_id, "window"'
_DEGREES = """
WITH tie AS ({ties}),
pair AS (SELECT DISTINCT least(source_id, target_id) AS a, greatest(source_id, target_id) AS b FROM tie
         WHERE source_id <> target_id),
partner AS (SELECT a AS agent_id FROM pair UNION ALL SELECT b FROM pair),
degree AS (SELECT agent_id, count(*) AS degree FROM partner GROUP BY agent_id)
SELECT degree, count(*) AS agents FROM degree GROUP BY degree ORDER BY degree
"""
_TIES = {
    "reply_any": "SELECT source_id, target_id FROM feature.interaction WHERE corpus_id = $corpus_id "
    "AND rule = 'reply_any'",
    "follow": "SELECT source_id, target_id FROM feature.tie WHERE corpus_id = $corpus_id AND relation = 'follow' "
    "AND end_at IS NULL",
}
_DRAWN = ("reply_any", "follow")
_LEAST_AGENTS = 30


def structure(source: Source) -> Section:
    """Return the section on the structure of networks and of threads."""
    title = "Structure of networks and threads"
    networks = source.measures("structure").filter(pl.col("slice_id") == "all")
    threads = source.measures("cascade").filter(pl.col("slice_id") == "all")
    if networks.height == 0 and threads.height == 0:
        return Section("structure", title, [empty("No measure of structure is in the tables for this corpus.")])
    printed = _printed(source)
    whole = networks.filter(pl.col("period").is_null())
    blocks: list[object] = [tag("p", _ABOUT)]
    for name, label in _NETWORKS.items():
        part = whole.filter((pl.col("unit") == "network") & (pl.col("unit_id") == name))
        if part.height:
            blocks += _network(source, name, label, part, printed)
    blocks += _windows(source, networks)
    if threads.height:
        rows = threads.to_dicts()
        blocks.append(tag("h3", "Threads"))
        blocks.append(refused(source, rows))
        blocks.append(_table(source, "The shape of threads, and the waits for answers", rows, printed))
    corpus = whole.filter(pl.col("unit") == "corpus").to_dicts()
    if corpus:
        caption = "How unequally agents, posts and communities share what there is"
        blocks.append(more(caption, _table(source, caption, corpus, printed)))
    return Section("structure", title, blocks)


def _printed(source: Source) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in source.rows(_PRINTED):
        paper = str(row["paper"]).removeprefix("arXiv ")
        found.setdefault(row["measure_id"], []).append(f"{number(row['value'])} ({paper})")
    return found


def _network(
    source: Source, name: str, label: str, part: pl.DataFrame, printed: Mapping[str, Sequence[str]]
) -> list[object]:
    is_triad = pl.col("measure_id").str.starts_with("triad_")
    rows = part.filter(~is_triad).to_dicts()
    blocks: list[object] = [tag("h3", label)]
    if name in _DRAWN:
        blocks.append(_degrees(source, name, {str(row["measure_id"]): row for row in rows}))
    blocks.append(refused(source, rows))
    known = [row for row in rows if row["value"] is not None]
    if known:
        blocks.append(_table(source, f"{label}: the network and its null", known, printed))
    triads = part.filter(is_triad & pl.col("value").is_not_null()).to_dicts()
    if triads:
        caption = f"{label}: the sixteen classes of triads"
        blocks.append(more(caption, _table(source, caption, triads, printed)))
    return [block for block in blocks if block is not None]


def _table(source: Source, caption: str, rows: Sequence[Row], printed: Mapping[str, Sequence[str]]) -> Html:
    return table(caption, _COLUMNS, [_cells(source, row, printed) for row in rows])


def _cells(source: Source, row: Row, printed: Mapping[str, Sequence[str]]) -> list[object]:
    name = str(row["measure_id"])
    full = f"{name}_{row['unit_id']}" if row["unit"] == "network" else name
    beside = "; ".join(printed.get(full, ()))
    value: object = tag("span", "not computed", class_="soft")
    if row["value"] is not None:
        value = source.value(name, row["value"])
    return [
        source.title(name),
        value,
        interval(row["ci_low"], row["ci_high"]),
        null_cell(row),
        _z(row),
        probability(row["p_value"]),
        count(row["n"], corpus_unit(row["n_unit"])),
        corpus_text(beside, 160) if beside else MISSING,
        source.glossary.words(row["warnings"]),
    ]


def _z(row: Row) -> str:
    """Return how far the value lies from its null, in standard deviations of it."""
    if row["value"] is None or row["null_mean"] is None or not row["null_sd"]:
        return MISSING
    return number((row["value"] - row["null_mean"]) / row["null_sd"])


def _windows(source: Source, networks: pl.DataFrame) -> list[object]:
    """Return the descriptives of each window, on demand: months where times are no finer."""
    timed = networks.filter(pl.col("period_start").is_not_null() & (pl.col("unit") == "network"))
    if timed.height == 0:
        return []
    wide = timed.sort("unit_id", "period_start", "measure_id")
    names = sorted(wide["measure_id"].unique().to_list())
    rows = wide.group_by("unit_id", "period", "period_start", maintain_order=True).agg("measure_id", "value")
    columns = (
        Column("Network"),
        Column("Window"),
        Column("From"),
        *(Column(source.title(name), "n") for name in names),
    )
    cells = []
    for row in rows.iter_rows(named=True):
        values = dict(zip(row["measure_id"], row["value"], strict=True))
        label = _NETWORKS.get(row["unit_id"]) or corpus_text(row["unit_id"], 40)
        cells.append([label, row["period"], f"{row['period_start']:%Y-%m-%d}", *(number(values.get(n)) for n in names)])
    caption = "Networks by window"
    return [more(caption, table(caption, columns, cells))]


def _degrees(source: Source, name: str, rows: Mapping[str, Row]) -> Html | None:
    """Draw how many agents have at least so many partners, on logarithmic axes, with the fitted tail."""
    frame = source.frame(_DEGREES.format(ties=_TIES[name]))
    agents = int(frame["agents"].sum() or 0)
    if agents < _LEAST_AGENTS or frame.height < 3:
        return None
    x = [float(value) for value in frame["degree"]]
    above = [float(value) / agents for value in frame["agents"].reverse().cum_sum().reverse()]
    width, height = 620.0, 280.0
    x_scale = svg.scale_over(x, 60, width - 14, is_log=True)
    y_scale = svg.scale_over(above, height - 34, 10, is_log=True)
    content = [*_log_axes(x_scale, y_scale, width, height)]
    content += [svg.dot((x_scale(a), y_scale(b)), 2.4, "dot s-a") for a, b in zip(x, above, strict=True)]
    alpha, cut = (rows.get(f"degree_tail_{what}") for what in ("exponent", "xmin"))
    words = ""
    if alpha and cut and alpha["value"] is not None and cut["value"] is not None:
        start = max(cut["value"], 1.0)
        share = next((b for a, b in zip(x, above, strict=True) if a >= start), above[-1])
        end = share * (x[-1] / start) ** (1 - alpha["value"])
        content.append(svg.path([(x_scale(start), y_scale(share)), (x_scale(x[-1]), y_scale(end))], "thin s-b"))
        words = f" Dashed: a power law of exponent {number(alpha['value'])} from {number(start)} partners on; "
        words += _verdict(rows)
    caption = f"Share of the {agents:,} agents with at least so many partners, both axes logarithmic.{words}"
    return figure(svg.drawing("Distribution of degrees", caption, width, height, *content), caption)


def _verdict(rows: Mapping[str, Row]) -> str:
    """Say in words how other distributions fit the same tail."""
    told = []
    for name, label in (("lognormal", "a lognormal"), ("exponential", "an exponential"), ("truncated", "a cut-off")):
        row = rows.get(f"degree_tail_{name}_ratio")
        if row is None or row["value"] is None or row["p_value"] is None:
            continue
        if row["p_value"] >= 0.05:
            told.append(f"{label} fits neither clearly better nor worse")
        else:
            told.append(f"{label} fits {'worse' if row['value'] > 0 else 'better'} (p {probability(row['p_value'])})")
    return "; ".join(told) + "." if told else "no other distribution could be fitted."


def _log_axes(x: svg.Scale, y: svg.Scale, width: float, height: float) -> list[Html]:
    parts = []
    for value in y.ticks():
        parts.append(svg.segment((60, y(value)), (width - 8, y(value)), "gridline"))
        parts.append(svg.words(54, y(value) + 4, svg.tick_label(value), anchor="end"))
    for value in x.ticks():
        parts.append(svg.segment((x(value), 10), (x(value), height - 34), "gridline"))
        parts.append(svg.words(x(value), height - 20, svg.tick_label(value), anchor="middle"))
    parts.append(svg.words((60 + width) / 2, height - 4, "partners", anchor="middle"))
    return parts
