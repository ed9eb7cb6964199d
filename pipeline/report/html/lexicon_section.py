"""The section on lexicons: how often the categories of all word lists occur, over time, and by language."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pipeline.report.html.cells import measure_table, refused
from pipeline.report.html.charts import Interval, Line, interval_chart, line_chart
from pipeline.report.html.markup import Html, corpus_label, join, tag
from pipeline.report.html.page import Section, empty, figure, more
from pipeline.report.html.source import IS_WHOLE, Row, Source

_SHARE = "lexicon_message_share"
_STYLES = ("s-a", "s-b", "s-c", "s-d", "s-e", "s-soft")
_SIZE = (430.0, 150.0)
_MOST_BARS, _MOST_DRAWN = 30, 18
_ABOUT = (
    "Share of messages with at least one hit of a category. Word lists see words, not what is meant; the lists, their "
    "sources and what they leave out are in docs/lexicons.md. Messages in a language that a list does not cover are "
    "left out, and a row warns where they are many. Intervals treat agents as the units."
)


def lexicons(source: Source) -> Section:
    """Return the section on the categories of lexicons."""
    title = "Words: what the lexicons find"
    frame = source.measures("lexicon")
    if frame.height == 0:
        return Section("lexicons", title, [empty("No lexicon was scored for this corpus.")])
    share = frame.filter(pl.col("measure_id") == _SHARE)
    whole = share.filter((pl.col("slice_id") == "all") & IS_WHOLE).sort("unit_id")
    blocks: list[object] = [tag("p", _ABOUT), _chart(source, whole), refused(source, whole.iter_rows(named=True))]
    rows = whole.to_dicts()
    if rows:
        blocks.append(_listed(source, "Share of messages by category", rows))
    blocks += [_over_time(share, whole), _by_language(source, share), _others(source, frame)]
    return Section("lexicons", title, [block for block in blocks if block is not None])


def _name(unit_id: object) -> str:
    """Return card and category in words; those of the user's own lists are the user's texts."""
    return corpus_label(str(unit_id).replace("_", " ").replace("/", ": "), 44)


def _listed(source: Source, caption: str, rows: Sequence[Row]) -> Html:
    return measure_table(source, caption, rows, [_name(row["unit_id"]) for row in rows])


def _chart(source: Source, whole: pl.DataFrame) -> Html | None:
    found = whole.filter(pl.col("value") > 0).sort("value", "unit_id", descending=[True, False]).head(_MOST_BARS)
    if found.height == 0:
        return empty("No message has a hit of any category.")
    rows = [
        Interval(_name(row["unit_id"]), row["value"], row["ci_low"], row["ci_high"])
        for row in found.iter_rows(named=True)
    ]
    cut = f" The {_MOST_BARS} most common categories." if whole.height > _MOST_BARS else ""
    caption = f"Share of messages with a hit of a category, with intervals.{cut}"
    return figure(interval_chart(source.title(_SHARE), caption, rows, unit="share of messages"), caption)


def _over_time(share: pl.DataFrame, whole: pl.DataFrame) -> Html | None:
    """Draw the most common category of each lexicon over time, one small drawing each."""
    timed = share.filter(
        (pl.col("slice_id") == "all") & pl.col("period_start").is_not_null() & pl.col("value").is_not_null()
    ).sort("period_start")
    if timed["period_start"].n_unique() < 2:
        return empty("The shares of categories have no course over time that could be drawn.")
    common = (
        whole.filter(pl.col("value") > 0)
        .with_columns(card=pl.col("unit_id").str.split("/").list.first())
        .sort("value", "unit_id", descending=[True, False])
        .unique("card", keep="first", maintain_order=True)
    )
    drawn = []
    for i, unit_id in enumerate(common["unit_id"].head(_MOST_DRAWN)):
        part = timed.filter(pl.col("unit_id") == unit_id)
        x, y, low, high = (part[name].to_list() for name in ("period_start", "value", "ci_low", "ci_high"))
        top = max(v for v in (*y, *high) if v is not None)
        if not x or top == 0:
            continue
        line = Line("", x, y, _STYLES[i % len(_STYLES)], low, high)
        about = f"Share of messages by {part['period'][0]}"
        chart = line_chart(_name(unit_id), about, [line], size=_SIZE, y_range=(0.0, min(1.05 * top, 1.0)),
                           has_dots=True, is_titled=True)  # fmt: skip
        drawn.append(figure(chart, f"{about}, with intervals."))
    if not drawn:
        return None
    lead = "The most common category of each lexicon over time; every drawing has a scale of its own, from zero."
    return join((tag("p", lead), tag("div", *drawn, class_="grid")))


def _by_language(source: Source, share: pl.DataFrame) -> Html | None:
    rows = (
        share.filter(pl.col("slice_id").str.starts_with("language-") & IS_WHOLE).sort("unit_id", "slice_id").to_dicts()
    )
    if not rows:
        return None
    heads = [
        join((_name(row["unit_id"]), tag("br"),
              tag("span", str(row["slice_id"]).removeprefix("language-"), class_="soft small")))
        for row in rows
    ]  # fmt: skip
    caption = "Share of messages by category and language"
    lead = tag("p", "A list that does not cover a language scores nothing there: read the warning before the number.")
    return more("By language", lead, measure_table(source, caption, rows, heads))


def _others(source: Source, frame: pl.DataFrame) -> Html | None:
    rows = (
        frame.filter((pl.col("slice_id") == "all") & IS_WHOLE & (pl.col("unit") == "lexicon"))
        .filter(pl.col("measure_id") != _SHARE)
        .sort("measure_id", "unit_id")
        .to_dicts()
    )
    if not rows:
        return None
    heads = [
        join((_name(row["unit_id"]), tag("br"), tag("span", source.title(row["measure_id"]), class_="soft small")))
        for row in rows
    ]
    caption = "Shares of texts and of tokens, sums of weights"
    return more(caption, measure_table(source, caption, rows, heads))
