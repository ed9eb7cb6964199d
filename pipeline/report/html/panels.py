"""Specification curves of families with several hypotheses as inline SVG: one drawing per hypothesis.

What belongs here: drawing rows of ``analysis.estimate`` with interval and null, in the colours of their roles. Names
are those of the grids; no text of the corpus is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from pipeline.report.html.charts import Interval, interval_chart
from pipeline.report.html.markup import Html
from pipeline.report.html.page import figure
from pipeline.report.html.source import Row
from pipeline.report.specification_curve import ROLE_NAMES

_LONGEST = 46
ROLE_ORDER = ("primary", "robustness", "placebo", "negative_control", "naive", "exploratory")


def panels(estimates: pl.DataFrame, titles: Sequence[tuple[str, str]], name: Callable[[Row], str]) -> list[Html]:
    """Draw the rows of each hypothesis that have a value.

    Parameters
    ----------
    estimates
        Rows of ``analysis.estimate`` of one family and corpus.
    titles
        Hypotheses, in the order of the drawings, and what each shows.
    name
        What a row is called, by its choices.
    """
    drawings = []
    for hypothesis, title in titles:
        found = estimates.filter((pl.col("hypothesis_id") == hypothesis) & pl.col("estimate").is_not_null())
        rows = sorted(found.iter_rows(named=True), key=lambda r: (_place(r), r["estimate"], r["spec_id"]))
        if not rows:
            continue
        missing = estimates.filter(pl.col("hypothesis_id") == hypothesis).height - len(rows)
        roles = ", ".join(ROLE_NAMES[r].split(" (")[0] for r in ROLE_ORDER if any(row["role"] == r for row in rows))
        caption = f"{title}: {len(rows)} specifications, from the top {roles}."
        if any(row["null_mean"] is not None for row in rows):
            caption += " Shaded: what its null gives, mean ± 2 sd."
        if missing:
            caption += f" Without a value, and not drawn: {missing}; the table says why."
        is_contrast = any(row["estimate"] < 0 or (row["conf_low"] or 0) < 0 for row in rows)
        items = [_interval(row, name) for row in rows]
        drawings.append(figure(interval_chart(title, caption, items, reference=0.0 if is_contrast else None), caption))
    return drawings


def _place(row: Row) -> int:
    return ROLE_ORDER.index(row["role"]) if row["role"] in ROLE_ORDER else len(ROLE_ORDER)


def _interval(row: Row, name: Callable[[Row], str]) -> Interval:
    said = name(row)
    said = said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"
    mean, sd = row["null_mean"], row["null_sd"] or 0.0
    null = None if mean is None else (mean - 2 * sd, mean + 2 * sd)
    return Interval(said, row["estimate"], row["conf_low"], row["conf_high"], null, f"role-{row['role']}")
