"""The section on coherent norm clusters, against chance under every choice; and templates as patterns with gaps."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells, measure_table, refused
from pipeline.report.html.charts import Interval, interval_chart
from pipeline.report.html.markup import Html, corpus_text, tag
from pipeline.report.html.numbers import number
from pipeline.report.html.page import Column, Section, all_of, empty, figure, more, table
from pipeline.report.html.source import Row, Source

_PUBLISHED = "SELECT value FROM analysis.published WHERE measure_id = 'norm_cluster_community_share' ORDER BY paper"
_ROLE_ORDER = ("primary", "robustness", "exploratory", "placebo")
_MOST_COMMUNITIES = 200


_PATTERNS = """
SELECT pattern, texts, messages, slots, fixed_share FROM feature.template_pattern
WHERE corpus_id = $corpus_id ORDER BY messages DESC, template_id LIMIT 30
"""


def template_table(source: Source) -> Html | None:
    """Return the templates that most messages follow, as patterns with gaps; ``None`` when there are none."""
    rows = source.rows(_PATTERNS)
    if not rows:
        return None
    columns = (Column("Pattern", "wide"), Column("Messages", "n"), Column("Texts", "n"), Column("Slots", "n"),
               Column("Fixed words", "n"))  # fmt: skip
    cells = [
        [corpus_text(r["pattern"], 300), number(r["messages"]), number(r["texts"]), number(r["slots"]),
         f"{r['fixed_share']:.0%}"]
        for r in rows
    ]  # fmt: skip
    caption = "Templates that most messages follow; ⟨…⟩ is where their texts differ"
    return more("Templates as patterns", table(caption, columns, cells))


def norms(source: Source) -> Section:
    """Return the section on norm clusters: the specifications drawn against their nulls, and the tables."""
    title = "Do communities have norms of their own?"
    frame, estimates = source.measures("norms"), source.estimates("norms")
    if frame.height == 0 and estimates.height == 0:
        return Section("norms", title, [empty("No measure of norm clusters is in the tables for this corpus.")])
    order = {role: i for i, role in enumerate(_ROLE_ORDER)}
    rows = sorted(estimates.iter_rows(named=True), key=lambda r: (order.get(r["role"], 9), r["model"]))
    blocks: list[object] = [
        tag("p", "A norm cluster is a set of alike texts by several authors of one community. Clustering finds such "
            "sets in any texts: the null deals the texts of all communities out anew and clusters them the same way. "
            "What stands above it is the community's own."),
        _drawing(source, rows),
    ]  # fmt: skip
    whole = frame.filter(pl.col("unit") == "corpus")
    if whole.height:
        blocks.append(measure_table(source, "Norm clusters by the primary specification", whole.to_dicts()))
    blocks.append(refused(source, whole.iter_rows(named=True)))
    if rows:
        listed = table("All specifications", ESTIMATE_COLUMNS, [estimate_cells(source, row) for row in rows])
        blocks.append(more(all_of(len(rows), "specifications"), listed))
    return Section("norms", title, [*blocks, _communities(frame)])


def _drawing(source: Source, rows: Sequence[Row]) -> Html:
    drawn = [row for row in rows if row["estimate"] is not None and row["null_mean"] is not None]
    if not drawn:
        return empty("No specification has a share that could be drawn.")
    usual = next((set(str(row["model"]).split(" | ")) for row in rows if row["role"] == "primary"), set[str]())
    items = [
        Interval(
            _name(row, usual), row["estimate"], row["conf_low"], row["conf_high"],
            (max(0.0, row["null_mean"] - 2 * row["null_sd"]), min(1.0, row["null_mean"] + 2 * row["null_sd"])),
        )
        for row in drawn
    ]  # fmt: skip
    printed = source.rows(_PUBLISHED)
    caption = (
        "Share of communities with a norm cluster: dot and Wilson interval, beside what dealt texts give, mean ± 2 sd "
        "(shaded red). A value inside the shade is what chance gives. Names say what differs from the primary choice."
    )
    if printed:
        caption += f" Dashed: the published {printed[0]['value']:.1%} of Moltbook, whose criterion is not printed."
    reference = printed[0]["value"] if printed else None
    return figure(
        interval_chart("Share of communities with a norm cluster", caption, items, reference=reference), caption
    )


def _name(row: Row, usual: set[str]) -> str:
    if row["role"] == "primary":
        return "primary: X-means, random sets"
    parts = [part.replace("_", " ") for part in str(row["model"]).split(" | ") if part not in usual]
    return ("placebo: " if row["role"] == "placebo" else "") + ", ".join(parts)


def _communities(frame: pl.DataFrame) -> Html | None:
    found = frame.filter(pl.col("unit") == "community")
    counted = found.filter(pl.col("measure_id") == "norm_clusters").sort("value", "n", "unit_id", descending=True)
    if counted.height == 0:
        return None
    best = dict(found.filter(pl.col("measure_id") == "norm_cluster_coherence").select("unit_id", "value").iter_rows())
    columns = (Column("Community"), Column("Texts", "n"), Column("Norm clusters", "n"), Column("When dealt", "n"),
               Column("Largest coherence", "n"))  # fmt: skip
    cells = [
        [corpus_text(r["unit_id"], 60), number(r["n"]), number(r["value"]), number(r["null_mean"]),
         number(best.get(r["unit_id"]))]
        for r in counted.head(_MOST_COMMUNITIES).iter_rows(named=True)
    ]  # fmt: skip
    return more("By community", table("Norm clusters of each community, those with most first", columns, cells))
