"""The section on topics: their words, shares over time, and how far they can be trusted."""

from __future__ import annotations

from typing import Any

import polars as pl

from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells, measure_table, refused
from pipeline.report.html.charts import Line, line_chart
from pipeline.report.html.markup import Html, corpus_label, corpus_text, join, tag
from pipeline.report.html.numbers import interval, number
from pipeline.report.html.page import Column, Section, empty, figure, more, table
from pipeline.report.html.source import Row, Source

_WORDS = "SELECT topic_id, words, texts FROM feature.topic WHERE corpus_id = $corpus_id ORDER BY topic_id"
_STYLES = ("s-a", "s-b", "s-c", "s-d", "s-e", "s-soft")
_SIZE = (430.0, 150.0)
_MOST_DRAWN = 24
_ORDER = ("primary", "robustness", "negative_control", "exploratory")


def topics(source: Source) -> Section:
    """Return the section on topics."""
    title = "Topics: what is talked about, and does it drift?"
    frame, estimates = source.measures("topic"), source.estimates("topic")
    if frame.height == 0 and estimates.height == 0:
        return Section("topics", title, [empty("No measure of topics is in the tables for this corpus.")])
    words = source.rows(_WORDS)
    whole = frame.filter((pl.col("slice_id") == "all") & pl.col("period").is_null())
    blocks: list[object] = [
        tag("p", "Topics are clusters of the vectors of posts, as many as stand out most against texts without topics; "
            "words are those that set a topic apart, each used by at least five authors."),
        _drawing(words, frame),
        _topic_table(words, whole),
    ]  # fmt: skip
    rows = whole.filter(pl.col("unit") == "corpus").to_dicts()
    if rows:
        blocks.append(measure_table(source, "All posts, duplicates kept", rows))
    distinct = frame.filter(
        (pl.col("slice_id") == "without_duplicates") & pl.col("period").is_null() & (pl.col("unit") == "corpus")
    )
    if distinct.height:
        listed = measure_table(source, "Each text once", distinct.to_dicts())
        blocks.append(more("Without duplicates", listed))
    blocks.append(refused(source, whole.iter_rows(named=True)))
    return Section("topics", title, [*blocks, *_drift(source, estimates)])


def _drawing(words: list[dict[str, Any]], frame: pl.DataFrame) -> Html:
    """Draw the share of each topic over time, one small drawing a topic, the largest first."""
    share = frame.filter(
        (pl.col("measure_id") == "topic_share") & (pl.col("slice_id") == "all")
        & (pl.col("unit") == "topic") & pl.col("period_start").is_not_null() & pl.col("value").is_not_null()
    ).sort("period_start")  # fmt: skip
    if share.height == 0 or share["period_start"].n_unique() < 2:
        return empty("The shares of topics have no course over time that could be drawn.")
    top = 1.05 * float(share["value"].max())  # type: ignore[arg-type]
    drawn = []
    for i, topic in enumerate(words[:_MOST_DRAWN]):
        part = share.filter(pl.col("unit_id") == str(topic["topic_id"]))
        if part.height == 0:
            continue
        x, y, low, high = (part[name].to_list() for name in ("period_start", "value", "ci_low", "ci_high"))
        name = f"{topic['topic_id']}: {corpus_label(', '.join(str(topic['words']).split(', ')[:4]), 28)}"
        line = Line("", x, y, _STYLES[i % len(_STYLES)], low, high)
        chart = line_chart(name, "Share of posts by period", [line], size=_SIZE, y_range=(0.0, min(top, 1.0)),
                           has_dots=True, is_titled=True)  # fmt: skip
        drawn.append(figure(chart, f"{number(topic['texts'])} texts, comments too."))
    about = "Share of posts by period with Wilson intervals, all drawings on one scale. A topic is named by its words."
    return join((tag("p", about), tag("div", *drawn, class_="grid")))


def _topic_table(words: list[dict[str, Any]], whole: pl.DataFrame) -> Html | None:
    if not words:
        return None
    share: dict[str, Row] = {
        row["unit_id"]: row for row in whole.filter(pl.col("measure_id") == "topic_share").iter_rows(named=True)
    }
    columns = (Column("Topic", "n"), Column("Words", "wide"), Column("Share of posts", "n"), Column("Interval", "n"),
               Column("Texts", "n"))  # fmt: skip
    cells = []
    for topic in words:
        row = share.get(str(topic["topic_id"]), {})
        ends = interval(row.get("ci_low"), row.get("ci_high"))
        cells.append([number(topic["topic_id"]), corpus_text(topic["words"], 200), number(row.get("value")), ends,
                      number(topic["texts"])])  # fmt: skip
    return table("Topics, the largest first; texts count comments too", columns, cells)


def _drift(source: Source, estimates: pl.DataFrame) -> list[Html]:
    rows = sorted(
        estimates.iter_rows(named=True), key=lambda row: (_ORDER.index(row["role"]), row["model"], row["term"])
    )
    joint = [row for row in rows if row["term"] == "drift"]
    if not joint:
        return [empty("No drift of topics was estimated.")]
    lead = tag(
        "p", "Drift is the share of posts that leaves some topics for others in a day. It is above zero by chance; the "
        "test flips the signs of whole authors. Parts that a hash of the text decides are the control.",
    )  # fmt: skip
    listed = table("Drift of topics, per day", ESTIMATE_COLUMNS, [estimate_cells(source, row) for row in joint])
    slopes = [row for row in rows if row["term"] != "drift"]
    if not slopes:
        return [lead, listed]
    columns = (
        Column("Topic"),
        Column("Change of share per day", "n"),
        Column("Interval", "n"),
        Column("p adjusted", "n"),
    )
    cells = [
        [str(row["term"]).replace("_", " "), number(row["estimate"]), interval(row["conf_low"], row["conf_high"]),
         number(row["p_adj"])]
        for row in sorted(slopes, key=lambda row: int(str(row["term"]).removeprefix("topic_")))
    ]  # fmt: skip
    return [lead, listed, more("By topic", table("Slopes of shares, errors clustered by author", columns, cells))]
