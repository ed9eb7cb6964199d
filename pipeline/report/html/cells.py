"""Rows of the result tables as rows of a page: value, interval, null, n, warnings, always together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.report.html.markup import Html, corpus_text, join, tag
from pipeline.report.html.numbers import MISSING, count, interval, number, probability
from pipeline.report.html.page import Column, table
from pipeline.report.html.source import Row, Source

MEASURE_COLUMNS = (
    Column("Measure"),
    Column("Value", "n"),
    Column("Interval", "n"),
    Column("Null: mean ± sd", "n"),
    Column("p", "n"),
    Column("n", "n"),
    Column("Warnings", "words"),
)

ESTIMATE_COLUMNS = (
    Column("What is estimated", "wide"),
    Column("Role"),
    Column("Estimate", "n"),
    Column("Interval", "n"),
    Column("p", "n"),
    Column("p adjusted", "n"),
    Column("n", "n"),
    Column("Warnings", "words"),
)


def measure_table(source: Source, caption: object, rows: Iterable[Row], names: Sequence[object] = ()) -> Html:
    """Return a table of measures.

    Parameters
    ----------
    source
        Titles and glossary.
    caption
        What the table shows.
    rows
        Rows of ``analysis.measure``.
    names
        What heads each row; the title of its measure when omitted.
    """
    listed = list(rows)
    heads = names or [source.title(str(row["measure_id"])) for row in listed]
    return table(
        caption, MEASURE_COLUMNS, [measure_cells(source, head, row) for head, row in zip(heads, listed, strict=True)]
    )


def measure_cells(source: Source, head: object, row: Row) -> list[object]:
    """Return the cells of one measure; without a value they say so, and the warnings why."""
    unit = corpus_unit(row["n_unit"])
    value: object = tag("span", "not computed", class_="soft")
    if row["value"] is not None:
        value = source.value(str(row["measure_id"]), row["value"])
    ends = interval(row["ci_low"], row["ci_high"])
    if ends != MISSING and row["ci_level"] is not None and abs(row["ci_level"] - 0.95) > 1e-9:
        ends += f" ({100 * row['ci_level']:g} %)"
    return [
        head,
        value,
        ends,
        null_cell(row),
        probability(row["p_value"]),
        count(row["n"], unit),
        source.glossary.words(row["warnings"]),
    ]


def null_cell(row: Row) -> str:
    """Return mean and standard deviation under the null."""
    if row["null_mean"] is None:
        return MISSING
    return number(row["null_mean"]) + (f" ± {number(row['null_sd'])}" if row["null_sd"] is not None else "")


def corpus_unit(unit: object) -> str:
    """Return what n counts, in words."""
    return str(unit or "").replace("_", " ")


def estimate_cells(source: Source, row: Row) -> list[object]:
    """Return the cells of one estimate."""
    return [
        join((str(row["estimand"]), tag("br"), tag("span", corpus_text(row["model"], 120), class_="soft small"))),
        str(row["role"]).replace("_", " "),
        number(row["estimate"]) if row["estimate"] is not None else tag("span", "not computed", class_="soft"),
        interval(row["conf_low"], row["conf_high"]),
        probability(row["p_value"]),
        probability(row["p_adj"]),
        number(row["n_obs"]),
        source.glossary.words(row["warnings"]),
    ]


def refused(source: Source, rows: Iterable[Row]) -> Html | None:
    """Return a sentence on the rows without a value and their warnings, ``None`` when all have one."""
    missing = [row for row in rows if row["value"] is None]
    if not missing:
        return None
    reasons = ",".join(sorted({word for row in missing for word in str(row["warnings"] or "").split(",") if word}))
    plural = "rows have" if len(missing) != 1 else "row has"
    words = source.glossary.words(reasons)
    return tag("p", f"{len(missing):,} {plural} no value. Warnings: ", words or "none given", ".", class_="flag")
