"""The section on socialisation: diversity of words, phrases that come and go, drift, inertia, adaptation."""

from __future__ import annotations

import polars as pl

from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells, measure_table, refused
from pipeline.report.html.charts import Interval, interval_chart
from pipeline.report.html.markup import Html, join, tag
from pipeline.report.html.page import Section, all_of, empty, figure, more, table
from pipeline.report.html.panels import ROLE_ORDER, panels
from pipeline.report.html.source import Row, Source
from pipeline.report.persona_curve import SOCIAL_PANELS

_DRAWN = (
    "agent_inertia",
    "knn_cohesion",
    "centroid_similarity",
    "ngram_birth_share",
    "ngram_death_share",
    "cohort_new_type_share",
    "self_bleu_4",
    "self_bleu_4_agent",
    "jaccard_mean",
    "mattr_50",
    "distinct_2",
    "distinct_3",
)


def socialisation(source: Source) -> Section:
    """Return the section on socialisation."""
    title = "Socialisation: do agents become alike, and do they learn?"
    frame = source.measures("socialisation").filter(pl.col("slice_id") == "all")
    if frame.height == 0:
        return Section("socialisation", title, [empty("No measure of socialisation is in the tables for this corpus.")])
    whole = frame.filter(pl.col("period").is_null())
    rows = whole.to_dicts()
    blocks: list[object] = [
        _chart(source, whole),
        refused(source, rows),
        measure_table(source, "Words, phrases, drift, inertia, adaptation", rows, [_head(source, row) for row in rows]),
    ]
    periods = frame.filter(pl.col("period").is_not_null()).sort("measure_id", "period_start").to_dicts()
    if periods:
        heads = [_head(source, row) for row in periods]
        blocks.append(more("By period", measure_table(source, "Each period beside its null", periods, heads)))
    return Section("socialisation", title, [*blocks, *_choices(source)])


def _choices(source: Source) -> list[object]:
    """Return the specification curves and their rows as a table that opens."""
    frame = source.estimates("socialisation")
    if frame.height == 0:
        return []
    is_new = pl.col("outcome") == "new_types"
    split = frame.with_columns(hypothesis_id=pl.when(is_new).then(pl.lit("new_types")).otherwise("hypothesis_id"))
    titles = [*SOCIAL_PANELS, ("new_types", "Share of a cohort's types that no earlier cohort had")]
    rows = sorted(
        frame.iter_rows(named=True), key=lambda r: (r["hypothesis_id"], ROLE_ORDER.index(r["role"]), r["model"])
    )
    listed = table("All specifications", ESTIMATE_COLUMNS, [estimate_cells(source, row) for row in rows])
    about = (
        "Every choice that the studies leave open is run; all of it is observational, and what stands above its null "
        "is an association."
    )
    drawings = panels(split, titles, lambda row: str(row["model"]))
    return [tag("p", about), *drawings, more(all_of(len(rows), "specifications"), listed)]


def _head(source: Source, row: Row) -> Html:
    start, model = row["period_start"], str(row["null_model"] or "no null").replace("_", " ")
    words = model if start is None else f"{start:%Y-%m-%d}, {model}"
    return join((source.title(str(row["measure_id"])), tag("br"), tag("span", words, class_="soft small")))


def _chart(source: Source, whole: pl.DataFrame) -> Html | None:
    # Of two nulls the stricter is drawn: texts stay with their agents.
    strict = whole.sort("null_model", nulls_last=False).unique(["measure_id"], keep="last")
    found = {row["measure_id"]: row for row in strict.iter_rows(named=True) if row["value"] is not None}
    rows = []
    for name in (name for name in _DRAWN if name in found):
        row = found[name]
        mean, sd = row["null_mean"], row["null_sd"] or 0
        null = None if mean is None else (mean - 2 * sd, mean + 2 * sd)
        rows.append(Interval(source.title(name), row["value"], row["ci_low"], row["ci_high"], null))
    if not rows:
        return None
    caption = (
        "Values from 0 to 1 with their intervals. Shaded: what the texts would give with words, authors or periods "
        "shuffled, mean ± 2 sd. Right of the shade: more alike, more of it, than by chance."
    )
    return figure(interval_chart("Socialisation", caption, rows, unit="similarity or share"), caption)
