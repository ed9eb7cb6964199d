"""The section on influence: its weekly path beside a placebo, and the estimate beside those that are not believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells, measure_table
from pipeline.report.html.charts import Line, line_chart
from pipeline.report.html.markup import Html, tag
from pipeline.report.html.page import Section, empty, figure, more, table
from pipeline.report.html.source import Row, Source

TITLE = "Influence: do agents become like those whom they follow?"
_WHY = (
    "Why two-way fixed effects are not believed: within an agent, this week's surprise is part of every mean that is "
    "subtracted, and whom the agent follows next week depends on it. On simulated networks of 500 agents in which "
    "agents choose their like and nobody influences anybody, two-way fixed effects find a significant effect (of the "
    "wrong sign) in 38 % of runs, pooled least squares in all, and forward orthogonal deviations with levels as "
    "instruments in 5 %."
)
_LEAD = (
    "How far an agent's score moves in a week towards the mean score of those whom it follows, its own past, the week "
    "and all that does not change about it taken out. What moves an agent and those it follows alike, and is in no "
    "control, looks like influence (Shalizi and Thomas 2011); the placebos are there to show it."
)
_PARTS = (
    ("The estimate, and those that are customary", ("primary", "naive")),
    ("Placebos, zero where the estimate can be believed", ("placebo", "negative_control")),
    ("Other choices, and corrections for a noisy score", ("robustness", "exploratory")),
)
_LINES = (
    ("fod_iv", "influence_by_window", "influence (forward orthogonal deviations)", "s-a", False),
    ("fod_iv", "just_formed_by_window", "placebo: ties that did not stand yet", "s-null", False),
    ("two_way", "influence_by_window", "two-way fixed effects, not believed", "s-soft", True),
)


def influence(source: Source) -> Section:
    """Return the section on influence."""
    frame = source.estimates("influence")
    if frame.height == 0:
        return Section("influence", TITLE, [empty("No estimate of influence is in the tables for this corpus.")])
    is_window = pl.col("hypothesis_id").str.ends_with("by_window")
    windows, whole = frame.filter(is_window), frame.filter(~is_window)
    primaries = whole.filter(pl.col("role") == "primary").sort("outcome")
    blocks: list[object] = [tag("p", _LEAD)]
    of_headlines = pl.lit(False)
    for row in primaries.iter_rows(named=True):
        network = str(row["term"]).removeprefix("gap_")
        is_own = (pl.col("outcome") == row["outcome"]) & pl.col("term").str.ends_with(f"_{network}")
        of_headlines = of_headlines | is_own
        blocks += _headline(source, row, whole.filter(is_own), windows.filter(is_own))
    if primaries.height:
        blocks.append(tag("p", _WHY))
    others = whole.filter(~of_headlines).sort("outcome", "term", "role", "model")
    if others.height:
        blocks.append(more(f"{others.height:,} rows of other networks and scores", _table(source, "Others", others)))
    if windows.height:
        by_time = windows.sort("window_start", "hypothesis_id", "estimator")
        blocks.append(more(f"{windows.height:,} rows of rolling windows", _table(source, "By window", by_time)))
    measures = source.measures("influence")
    if measures.height:
        blocks.append(measure_table(source, "The weeks in which influence shows itself", measures.to_dicts()))
    return Section("influence", TITLE, blocks)


def _headline(source: Source, primary: Row, whole: pl.DataFrame, windows: pl.DataFrame) -> Iterator[object]:
    """Yield what one score of the headline says: why there is no estimate, or its path and its tables."""
    score = str(primary["outcome"]).replace("_", " ")
    yield tag("h3", f"Score: {score}")
    if primary["estimate"] is None:
        words = source.glossary.words(primary["warnings"]) or "none"
        yield tag("p", str(primary["sampling"] or "No number."), " Warnings: ", words, ".", class_="flag")
        return
    yield _path(score, windows)
    for caption, roles in _PARTS:
        order = (pl.col("role") != "primary", "role", "estimator", "model", "estimand")
        yield _table(source, f"{caption}: {score}", whole.filter(pl.col("role").is_in(roles)).sort(*order))


def _table(source: Source, caption: str, rows: pl.DataFrame) -> Html | None:
    if rows.height == 0:
        return None
    return table(caption, ESTIMATE_COLUMNS, [estimate_cells(source, row) for row in rows.iter_rows(named=True)])


def _path(score: str, windows: pl.DataFrame) -> Html:
    lines = [line for line in (_line(windows, *spec) for spec in _LINES) if line is not None]
    if not lines:
        return empty("There are too few weeks for rolling windows, so no path of influence over time.")
    about = (
        "Share of the gap to the mean of those followed that closes in a week, by windows that overlap, with "
        "intervals. Where the placebo is away from zero, something that ego and alters share moves both, and the "
        "estimate is not influence alone."
    )
    return figure(line_chart(f"Influence by rolling windows: {score}", about, lines, has_dots=True), about)


def _line(windows: pl.DataFrame, estimator: str, hypothesis: str, name: str, style: str, is_thin: bool) -> Line | None:
    is_asked = (pl.col("estimator") == estimator) & (pl.col("hypothesis_id") == hypothesis)
    rows = windows.filter(is_asked).sort("window_end")
    if rows["estimate"].is_not_null().sum() == 0:
        return None
    ends: list[Sequence[float | None]] = [rows[column].to_list() for column in ("conf_low", "conf_high")]
    low, high = ([], []) if is_thin else ends
    return Line(name, rows["window_end"].to_list(), rows["estimate"].to_list(), style, low, high, is_thin=is_thin)
