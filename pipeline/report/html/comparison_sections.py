"""The comparison page: slices beside each other, fact by fact, with verdicts against the noise floor."""

from __future__ import annotations

import math
from typing import Any

from pipeline.report.html.charts import Interval, interval_chart
from pipeline.report.html.markup import Html, corpus_label, corpus_text, join, tag
from pipeline.report.html.numbers import MISSING, count, interval, moment, number, probability
from pipeline.report.html.page import Column, Section, empty, figure, table
from pipeline.report.html.source import Source

VERDICTS = {
    "equivalent": "two one-sided tests put the ratio inside the margin, which was stated beforehand",
    "different": "not equivalent, and the labels of the replicates matter (permutation, q adjusted over the facts)",
    "undecided": "neither is shown, or there are fewer than five replicates; not different is never equivalent",
    "not_comparable": "one side has no value, or its clock or its runs do not allow the fact",
}
_ROWS = "SELECT * FROM analysis.comparison ORDER BY slice_a, slice_b, measure_id"
_CORPORA = """
SELECT c.*, (SELECT count(*) FROM corpus.message m WHERE m.corpus_id = c.corpus_id) AS messages,
       (SELECT count(*) FROM corpus.agent a WHERE a.corpus_id = c.corpus_id) AS agents
FROM corpus.corpus c ORDER BY c.corpus_id
"""
_STYLE_OF = {"equivalent": "s-c", "different": "s-b"}


def corpora(source: Source) -> Section:
    """Return the section that lists the corpora of the catalogue."""
    rows = source.rows(_CORPORA)
    columns = (Column("Corpus"), Column("Title"), Column("Kind"), Column("Messages", "n"), Column("Agents", "n"),
               Column("Window (UTC)", "keep"), Column("Warnings", "words"))  # fmt: skip
    cells = [
        [tag("code", r["corpus_id"]), corpus_text(r["title"], 80), r["kind"], number(r["messages"]),
         number(r["agents"]),
         _window(r),
         source.glossary.words(r["warnings"])]
        for r in rows
    ]  # fmt: skip
    listed = table("Corpora in the catalogue", columns, cells) if rows else empty("The catalogue holds no corpus.")
    return Section("corpora", "Corpora", [listed])


def _window(row: dict[str, Any]) -> str:
    if row["first_at"] is None:
        return "step clock" if row["clock"] == "step" else "no times"
    return f"{moment(row['first_at'])} to {moment(row['last_at'])}"


def comparisons(source: Source) -> list[Section]:
    """Return the overview and one section per pair of slices."""
    rows = source.rows(_ROWS)
    if not rows:
        sentence = "No pair of slices was compared: run two corpora, and materialise analysis/comparison."
        return [Section("comparison", "Observed against simulated", [empty(sentence)])]
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        pairs.setdefault((row["slice_a"], row["slice_b"]), []).append(row)
    sections = [_overview(source, pairs)]
    return sections + [_pair(source, i, pair, listed) for i, (pair, listed) in enumerate(pairs.items(), start=1)]


def _overview(source: Source, pairs: dict[tuple[str, str], list[dict[str, Any]]]) -> Section:
    measures = sorted({row["measure_id"] for rows in pairs.values() for row in rows})
    columns = (Column("Pair"), *(Column(source.title(name)) for name in measures))
    cells = []
    for i, (pair, rows) in enumerate(pairs.items(), start=1):
        found = {row["measure_id"]: row for row in rows}
        name = tag("a", corpus_text(pair[0], 60), " against ", corpus_text(pair[1], 60), href=f"#pair-{i}")
        cells.append([name, *(verdict(found[key]["verdict"]) if key in found else MISSING for key in measures)])
    meanings = [tag("li", verdict(word), f": {meaning}") for word, meaning in VERDICTS.items()]
    lead = tag(
        "p",
        "Each fact of one slice beside the same fact of another, judged against the noise between two windows of real "
        "data. The unit of inference is named in each row; messages are never taken as independent.",
    )
    blocks = [lead, table("Verdicts", columns, cells), tag("ul", *meanings)]
    return Section("comparison", "Observed against simulated", blocks)


def verdict(word: object) -> Html:
    """Return a verdict as a coloured word."""
    known = str(word) if str(word) in VERDICTS else "undecided"
    return tag("span", str(word or MISSING).replace("_", " "), class_=f"verdict {known}")


def _pair(source: Source, i: int, pair: tuple[str, str], rows: list[dict[str, Any]]) -> Section:
    a, b = pair
    title = f"{corpus_label(a, 60)} against {corpus_label(b, 60)}"
    columns = (Column("Measure"), Column("a", "n"), Column("b", "n"), Column("a / b", "n"), Column("Distance", "n"),
               Column("Floor", "n"), Column("Ceiling", "n"), Column("q", "n"), Column("Verdict"),
               Column("Why, and warnings", "wide"))  # fmt: skip
    cells = [
        [source.title(r["measure_id"]), _value(r, "a"), _value(r, "b"), _ratio(r), number(r["distance"]),
         number(r["floor"]), number(r["ceiling"]), probability(r["q_value"]), verdict(r["verdict"]), _why(source, r)]
        for r in rows
    ]  # fmt: skip
    factors = sorted({row["margin"] for row in rows if row["margin"] is not None})
    caption = "Fact by fact, with intervals. Distance, floor and ceiling are logarithms of ratios."
    if factors:
        caption += f" Margin of equivalence: {', '.join(map(_factor, factors))}."
    names = tag("p", "a: ", tag("code", corpus_text(a, 120)), ", b: ", tag("code", corpus_text(b, 120)), class_="soft")
    return Section(f"pair-{i}", title, [names, _ratios(source, rows), table(caption, columns, cells)])


def _why(source: Source, row: dict[str, Any]) -> Html:
    words = source.glossary.words(row["warnings"])
    reason = tag("span", corpus_text(row["reason"], 260), class_="small")
    return join((reason, tag("div", words, class_="words"))) if words else reason


def _ratio(row: dict[str, Any]) -> Html:
    ends = interval(row["ratio_low"], row["ratio_high"])
    return join((number(row["ratio"]), tag("br"), tag("span", ends, class_="soft small")))


def _value(row: dict[str, Any], side: str) -> Html:
    n = count(row[f"n_{side}"], row["unit_of_inference"])
    return join((number(row[f"value_{side}"]), tag("br"), tag("span", f"n {n}", class_="soft small")))


def _factor(margin: float) -> str:
    """Return the margin, which is stored as a logarithm, as a factor."""
    return f"× {math.exp(margin):.2f}"


def _ratios(source: Source, rows: list[dict[str, Any]]) -> Html:
    drawn = [row for row in rows if row["ratio"] is not None and row["ratio"] > 0]
    if not drawn:
        return empty("No fact of this pair has a ratio that could be drawn.")
    items = [
        Interval(source.title(r["measure_id"])[:42], r["ratio"], r["ratio_low"], r["ratio_high"], None,
                 _STYLE_OF.get(r["verdict"], "s-soft"))
        for r in drawn
    ]  # fmt: skip
    margins = {row["margin"] for row in drawn}
    margin = next(iter(margins)) if len(margins) == 1 else None
    shaded = (math.exp(-margin), math.exp(margin)) if margin else None
    caption = "Ratio of a to b with its interval, log scale. Green: equivalent; orange: different; grey: undecided."
    if shaded:
        caption += f" Shaded: the margin of equivalence, {number(shaded[0])} to {number(shaded[1])}."
    chart = interval_chart("Ratios", caption, items, reference=1.0, shaded=shaded, is_log=True, unit="a / b")
    return figure(chart, caption)
