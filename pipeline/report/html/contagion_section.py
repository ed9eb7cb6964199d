"""The section on contagion: conflict given conflict, what is left with controls, order, and how good the labels are."""

from __future__ import annotations

import polars as pl

from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells, measure_table, refused
from pipeline.report.html.charts import Interval, interval_chart
from pipeline.report.html.markup import Html, join, tag
from pipeline.report.html.page import Section, empty, figure, more, table
from pipeline.report.html.source import IS_WHOLE, Row, Source

_GIVEN = (
    ("conflict_share_post_calm", "post calm"),
    ("conflict_share_post_conflict", "post in conflict"),
    ("conflict_share_post_conflict_others", "post in conflict, others only"),
    ("conflict_share_first_calm", "first comment calm"),
    ("conflict_share_first_conflict", "first comment in conflict"),
    ("conflict_share_first_conflict_others", "first in conflict, others only"),
)
_ORDER = ("primary", "robustness", "negative_control", "placebo", "exploratory", "naive")
_UNITS = {"stimuli_before": "conflicts answered before", "conflicts_before": "of the two comments before"}
_ABOUT = (
    "Labels of conflict and emotion come from word rules; how good they are is below. A share given the post is no "
    "contagion by itself: a post and its comments have topic, community and readers in common. Read the primary "
    "estimates, which hold these still, and the tests of order; rows called naive are what is customarily shown."
)


def contagion(source: Source) -> Section:
    """Return the section on contagion of conflict and emotion."""
    title = "Does conflict follow conflict?"
    frame, estimates = source.measures("contagion"), source.estimates("contagion")
    if frame.height == 0 and estimates.height == 0:
        return Section("contagion", title, [empty("No measure of contagion is in the tables for this corpus.")])
    whole = frame.filter((pl.col("slice_id") == "all") & IS_WHOLE)
    blocks = [
        tag("p", _ABOUT),
        _given(whole),
        *_estimated(source, estimates),
        _herding(source, whole),
        refused(source, whole.iter_rows(named=True)),
        *_tables(source, whole),
        _slices(source, frame),
        _labels(source),
    ]
    return Section("contagion", title, [block for block in blocks if block is not None])


def _given(whole: pl.DataFrame) -> Html:
    found = {row["measure_id"]: row for row in whole.iter_rows(named=True) if row["value"] is not None}
    rows = [
        Interval(label, found[name]["value"], found[name]["ci_low"], found[name]["ci_high"],
                 style="s-b" if "calm" in name else "s-a")
        for name, label in _GIVEN if name in found
    ]  # fmt: skip
    if not rows:
        return empty("No comment could be set beside the post or the comment before it.")
    caption = "Share of comments in conflict, given what came before in the thread, with intervals over threads."
    return figure(interval_chart("Conflict given what came before", caption, rows, unit="share of comments"), caption)


def _estimated(source: Source, estimates: pl.DataFrame) -> list[Html]:
    rows = sorted(
        estimates.iter_rows(named=True), key=lambda row: (_ORDER.index(row["role"]), row["hypothesis_id"], row["model"])
    )
    if not rows:
        return [empty("No model of contagion was fitted.")]
    primary = [row for row in rows if row["role"] == "primary"]
    caption = "Primary estimates; p adjusted by Holm"
    parts = [table(caption, ESTIMATE_COLUMNS, [estimate_cells(source, row) for row in primary])] if primary else []
    rest = [row for row in rows if row["role"] != "primary"]
    if rest:
        cells = [estimate_cells(source, row) for row in rest]
        summary = f"The other {len(rest)} specifications"
        caption = "Robustness, controls that should find nothing, and what is customary"
        parts.append(more(summary, table(caption, ESTIMATE_COLUMNS, cells)))
    return parts


def _herding(source: Source, whole: pl.DataFrame) -> Html | None:
    rows = []
    found = whole.filter((pl.col("measure_id") == "herding_conflict_share") & pl.col("value").is_not_null())
    for row in found.sort("unit_id").iter_rows(named=True):
        mean, sd = row["null_mean"], row["null_sd"] or 0.0
        null = None if mean is None else (max(mean - 2 * sd, 0.0), mean + 2 * sd)
        rows.append(Interval(f"{row['unit_id']} of the two before", row["value"], row["ci_low"], row["ci_high"], null))
    if not rows:
        return None
    caption = (
        "Share of comments in conflict by how many of the two comments before are. Shaded: the same comments in "
        "another order within runs of ten, mean ± 2 sd."
    )
    title = source.title("herding_conflict_share")
    return figure(interval_chart(title, caption, rows, unit="share of comments"), caption)


def _tables(source: Source, whole: pl.DataFrame) -> list[Html]:
    is_emotion = pl.col("unit") == "emotion"
    parts = []
    rows = whole.filter(~is_emotion).to_dicts()
    if rows:
        caption = "Conditional shares, response rates, exposure"
        parts.append(more(caption, measure_table(source, caption, rows, [_head(source, row) for row in rows])))
    rows = whole.filter(is_emotion).sort("unit_id", "measure_id").to_dicts()
    if rows:
        caption = "Emotions: shares, and shares given the post or the first comment"
        parts.append(more("Emotions", measure_table(source, caption, rows, [_head(source, row) for row in rows])))
    return parts


def _head(source: Source, row: Row) -> object:
    title, unit = source.title(str(row["measure_id"])), str(row["unit"])
    if unit in ("corpus", "None"):
        return title
    words = f"{row['unit_id']} {_UNITS.get(unit, '')}".strip().replace("_", " ").replace(":", ": ")
    return join((title, tag("br"), tag("span", words, class_="soft small")))


def _slices(source: Source, frame: pl.DataFrame) -> Html | None:
    rows = (
        frame.filter((pl.col("slice_id") != "all") & IS_WHOLE)
        .filter(pl.col("measure_id").is_in([name for name, _ in _GIVEN]))
        .sort("measure_id", "slice_id")
        .to_dicts()
    )
    if not rows:
        return None
    heads = [
        join((source.title(row["measure_id"]), tag("br"),
              tag("span", str(row["slice_id"]).replace("_", " "), class_="soft small")))
        for row in rows
    ]  # fmt: skip
    return more("By slice", measure_table(source, "Conditional shares by slice", rows, heads))


def _labels(source: Source) -> Html | None:
    rows = source.measures("classifier").sort("measure_id", "unit_id").to_dicts()
    known = [row for row in rows if row["value"] is not None]
    if not known:
        sentence = (
            "How good the labels are is measured on 600 labelled messages of moltbook-api-v1-tree, which are not of "
            "this corpus: precision and recall here are not known."
        )
        return empty(sentence) if rows else None
    caption = "The rules against 600 messages labelled twice: agreement, precision, recall"
    return more("How good the labels are", measure_table(source, caption, known, [_head(source, row) for row in known]))
