"""The section on what passes from agent to agent, and on what one keeps of its own beliefs."""

from __future__ import annotations

import polars as pl

from pipeline.report.html.cells import measure_table, refused
from pipeline.report.html.markup import Html, corpus_label, join, tag
from pipeline.report.html.page import Section, empty, more
from pipeline.report.html.source import Row, Source

TABLES = (
    ("Rare terms and who answers", ("term_transfer_", "bdi_")),
    ("Alignment with partners, old and new", ("partner_", "opening_")),
    ("Beliefs that change, and their recall", ("belief_", "self_recall_")),
    ("Topics that are kept, templates that are taken up", ("topic_", "template_")),
)
"""Captions, and how the names of their measures begin."""
ABOUT = (
    "Whether agents take up rare terms of those who answer them, are as near in words to partners whom they meet for "
    "the first time, and recall what they thought. These are associations in what was written, set against what was "
    "dealt out anew: who answers has much in common with who is answered. Of recalls read tense recalled beside tense "
    "present, its placebo."
)


def transfer(source: Source) -> Section:
    """Return the section on transfer between agents and belief trajectories."""
    title = "What do agents take from those who answer them, and what do they keep?"
    frame = source.measures("transfer").filter(pl.col("slice_id") == "all")
    if frame.height == 0:
        return Section("transfer", title, [empty("No measure of transfer is in the tables for this corpus.")])
    whole = frame.filter(pl.col("period_start").is_null()).to_dicts()
    blocks: list[object] = [tag("p", ABOUT)]
    for caption, begins in TABLES:
        rows = [row for row in whole if str(row["measure_id"]).startswith(begins)]
        if rows:
            blocks.append(measure_table(source, caption, rows, [_head(source, row) for row in rows]))
    blocks.append(refused(source, whole))
    dated = frame.filter(pl.col("period_start").is_not_null()).sort("measure_id", "period_start").to_dicts()
    if dated:
        heads = [_head(source, row) for row in dated]
        blocks.append(more("Openings by period", measure_table(source, "Openings by period", dated, heads)))
    return Section("transfer", title, blocks)


def _head(source: Source, row: Row) -> Html:
    words = [] if row["unit"] == "corpus" else [corpus_label(str(row["unit_id"]))]
    words += [] if row["period_start"] is None else [f"{row['period_start']:%Y-%m-%d}"]
    words += [] if row["null_model"] is None else [str(row["null_model"]).replace("_", " ")]
    return join((source.title(str(row["measure_id"])), tag("br"), tag("span", ", ".join(words), class_="soft small")))
