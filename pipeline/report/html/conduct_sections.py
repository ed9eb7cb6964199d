"""The sections on token-mint posts, and on what agents say of themselves and how they write."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells, measure_table, refused
from pipeline.report.html.markup import Html, corpus_label, join, tag
from pipeline.report.html.page import Section, all_of, empty, more, table
from pipeline.report.html.panels import panels
from pipeline.report.html.source import Row, Source
from pipeline.report.persona_curve import MINTING_PANELS

_ROLE_ORDER = ("primary", "robustness", "negative_control", "placebo", "naive")
_MOST_ROWS = 200


def specifications(source: Source, family: str) -> Html | None:
    """Return all specifications of a family as a table that opens, primary ones first; ``None`` without any."""
    order = {role: i for i, role in enumerate(_ROLE_ORDER)}
    rows = sorted(
        source.estimates(family).iter_rows(named=True),
        key=lambda r: (r["hypothesis_id"], order.get(r["role"], 9), r["spec_id"]),
    )
    if not rows:
        return None
    listed = table("All specifications", ESTIMATE_COLUMNS, [estimate_cells(source, row) for row in rows])
    return more(all_of(len(rows), "specifications"), listed)


def token_mint(source: Source) -> Section:
    """Return the section on token-mint protocol posts, the corrections under them and the complaints."""
    title = "Token-mint posts: where are they, and do they draw complaints?"
    frame = source.measures("token_mint").filter(pl.col("slice_id") == "all")
    if frame.height == 0:
        return Section("token_mint", title, [empty("No measure of token-mint posts is in the tables for this corpus.")])
    whole = frame.filter((pl.col("unit") != "community") & pl.col("period").is_null()).to_dicts()
    blocks: list[object] = [
        tag("p", "Protocol posts create or move tokens; machines write them for machines. Replies under them are set "
            "against replies under other posts of the same communities, with authors as the unit that is dealt out."),
        measure_table(source, "Protocol posts, corrections, complaints", whole,
                      [measure_head(source, row) for row in whole]),
        refused(source, whole),
    ]  # fmt: skip
    rest = frame.filter((pl.col("unit") == "community") | pl.col("period").is_not_null())
    listed = rest.sort("n", "unit_id", "period_start", descending=[True, False, False]).head(_MOST_ROWS).to_dicts()
    if listed:
        heads = [measure_head(source, row) for row in listed]
        blocks.append(more("By community and day", measure_table(source, "Communities and days", listed, heads)))
    blocks += panels(source.estimates("token_mint"), MINTING_PANELS, _test_name)
    return Section("token_mint", title, [*blocks, specifications(source, "token_mint")])


def _test_name(row: Row) -> str:
    """Return the id of a test as words, and the choices of a share."""
    spec_id = str(row["spec_id"])
    return spec_id.removeprefix("mint_").replace("_", " ") if spec_id.startswith("mint_") else str(row["model"])


def self_statements(source: Source) -> Section:
    """Return the section on stated goals and beliefs, authorship and styles."""
    title = "What do agents say of themselves, and do they stay who they are?"
    rows: list[Row] = []
    for family in ("self_statement", "authorship"):
        rows += source.measures(family).filter(pl.col("slice_id") == "all").to_dicts()
    if not rows:
        about = "No measure of goals, beliefs or authorship is in the tables for this corpus."
        return Section("self_statement", title, [empty(about)])
    about = (
        "Goals and beliefs are found by expressions, so shares are lower bounds; read each value beside its null. "
        "Attribution is across periods, without copies, templates and names: one in so many authors is chance."
    )
    blocks: list[object] = [tag("p", about), _table(source, rows), refused(source, rows)]
    return Section("self_statement", title, blocks)


def _table(source: Source, rows: Sequence[Row]) -> Html:
    return measure_table(
        source, "Goals, beliefs, authorship, styles", rows, [measure_head(source, row) for row in rows]
    )


def measure_head(source: Source, row: Row) -> Html:
    """Return the title of a measure with its unit, its day and its null model below it."""
    words = [] if row["unit"] == "corpus" else [corpus_label(str(row["unit_id"])).replace("_", " ")]
    words += [] if row["period_start"] is None else [f"{row['period_start']:%Y-%m-%d}"]
    words += [] if row["null_model"] is None else [str(row["null_model"]).replace("_", " ")]
    return join((source.title(str(row["measure_id"])), tag("br"), tag("span", ", ".join(words), class_="soft small")))
