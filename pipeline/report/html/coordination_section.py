"""The section on human influence and coordination: regularity of posts, owners, batches, busiest accounts, copies."""

from __future__ import annotations

import polars as pl

from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells, measure_table, refused
from pipeline.report.html.charts import Interval, interval_chart
from pipeline.report.html.markup import Html, corpus_text, join, tag
from pipeline.report.html.numbers import number
from pipeline.report.html.page import Column, Section, all_of, empty, figure, more, table
from pipeline.report.html.source import Row, Source

_CLASSES = (
    ("cov_below_03_share", "below 0.3"),
    ("cov_03_05_share", "0.3 to 0.5"),
    ("cov_05_10_share", "0.5 to 1"),
    ("cov_10_20_share", "1 to 2"),
    ("cov_above_20_share", "2 and more"),
)
_BATCHES = """
SELECT batch_name, count(*) AS agents, sum(n_posts) AS posts, sum(n_comments) AS comments FROM feature.agent_signal
WHERE corpus_id = $corpus_id AND batch_name IS NOT NULL GROUP BY batch_name
ORDER BY agents DESC, batch_name LIMIT 20
"""


def coordination(source: Source) -> Section:
    """Return the section on signs of human influence and of coordination."""
    title = "Human influence and coordination"
    frame = source.measures("coordination").filter(pl.col("slice_id") == "all")
    estimates = source.estimates("coordination")
    if frame.height == 0 and estimates.height == 0:
        return Section("coordination", title, [empty("No measure of coordination is in the tables for this corpus.")])
    blocks: list[object] = [_regularity(source, frame), refused(source, _once(frame).iter_rows(named=True))]
    if frame.height:
        rows = frame.to_dicts()
        heads = [_head(source, row) for row in rows]
        blocks.append(measure_table(source, "Regularity, owners, batches, busiest accounts, copies", rows, heads))
    blocks.append(_batches(source))
    if estimates.height:
        cells = [estimate_cells(source, row) for row in estimates.sort("role", "model").iter_rows(named=True)]
        caption = "Shares of agents under every choice of the grid; p is against posting at random moments"
        blocks.append(more(all_of(len(cells), "specifications"), table(caption, ESTIMATE_COLUMNS, cells)))
    return Section("coordination", title, blocks)


def _once(frame: pl.DataFrame) -> pl.DataFrame:
    """Return one row per measure: the rows of several null models repeat its value."""
    return frame.unique(["measure_id"], keep="first", maintain_order=True)


def _head(source: Source, row: Row) -> Html:
    model = str(row["null_model"] or "no null").replace("_", " ")
    return join((source.title(str(row["measure_id"])), tag("br"), tag("span", model, class_="soft small")))


def _regularity(source: Source, frame: pl.DataFrame) -> Html:
    is_random = pl.col("null_model").str.starts_with("memoryless")
    found = {row["measure_id"]: row for row in frame.filter(is_random).iter_rows(named=True)}
    rows = []
    for name, label in _CLASSES:
        row = found.get(name)
        if row is None or row["value"] is None:
            continue
        mean, sd = row["null_mean"], row["null_sd"]
        null = None if mean is None else (max(mean - 2 * (sd or 0), 0.0), mean + 2 * (sd or 0))
        rows.append(Interval(label, row["value"], row["ci_low"], row["ci_high"], null))
    if not rows:
        return empty("No agent has three posts with usable times: there is no regularity to show.")
    caption = (
        "Share of agents by the coefficient of variation of the times between their posts (low: like a clock; high: in "
        "bursts). Shaded: what agents that post at random moments would give with as many posts each, mean ± 2 sd. "
        "An agent with three posts never exceeds 1."
    )
    title = source.title("cov_median").split(",", maxsplit=1)[0]
    return figure(interval_chart(title, caption, rows, unit="share of agents"), caption)


def _batches(source: Source) -> Html | None:
    rows = source.rows(_BATCHES)
    if not rows:
        return None
    columns = (Column("Names begin with"), Column("Agents", "n"), Column("Posts", "n"), Column("Comments", "n"))
    cells = [
        [corpus_text(row["batch_name"], 40), number(row["agents"]), number(row["posts"]), number(row["comments"])]
        for row in rows
    ]
    return more(
        "Batches of names", table("The largest batches: names that differ in a number or a word", columns, cells)
    )
