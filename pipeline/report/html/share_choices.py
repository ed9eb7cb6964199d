"""The specification curve of shares as inline SVG: every share of a grid over the choices that it was made with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from pipeline.report.html import svg
from pipeline.report.html.curve import _COLUMN, _LEAST_WIDTH, _LEFT, _RATIOS, _TOP, _legend, _matrix, _Place
from pipeline.report.html.markup import Html
from pipeline.report.share_curve import Drawn, Groups, drawn, lines_of


def share_choices(
    title: str, estimates: pl.DataFrame, grid: Sequence[Any], groups: Groups, first: str
) -> tuple[Html | None, int]:
    """Draw the rows of a grid.

    Parameters
    ----------
    title
        What the drawing shows.
    estimates
        Rows of ``analysis.estimate`` of one corpus. No text of the corpus is drawn: names come from the grid.
    grid, groups, first
        The specifications, the choices that stand below the shares, and the one that rows are sorted by.

    Returns
    -------
    tuple
        The drawing (``None`` when there is no row to draw) and the number of rows drawn.
    """
    rows = drawn(estimates, grid, first)
    if not rows:
        return None, 0
    place = _Place(len(rows), max(_LEAST_WIDTH, _LEFT + 8 + _COLUMN * len(rows)))
    lines = [
        (name, [_name(v) for v in values], lambda choice, field=field: _name(getattr(choice, field)))
        for name, field, values in lines_of(rows, groups)
    ]
    matrix, height = _matrix([one.choice for one in rows], lines, place)
    content = [*_legend({one.choice.role for one in rows}, place.width), *_shares(rows, place), *matrix]
    values = [one.row["estimate"] for one in rows]
    about = f"{len(rows)} shares from {min(values):.3f} to {max(values):.3f} with intervals"
    return svg.drawing(title, about, place.width, height, *content), len(rows)


def _name(value: object) -> str:
    return str(value).replace("_", " ")


def _shares(rows: Sequence[Drawn], place: _Place) -> Iterator[Html]:
    ends = [one.row[name] for one in rows for name in ("conf_low", "estimate", "conf_high", "null_mean")]
    y = svg.scale_over([0.0, *(v for v in ends if v is not None)], _TOP + _RATIOS, _TOP)
    for value in y.ticks(9):
        yield svg.segment((_LEFT, y(value)), (place.width, y(value)), "gridline")
        yield svg.words(_LEFT - 8, y(value) + 4, svg.tick_label(value), anchor="end")
    yield svg.words(0, _TOP + 10, "Share", "strong")
    yield svg.words(0, _TOP + 25, "red: expected by chance")
    for i, one in enumerate(rows):
        role, row = one.choice.role, one.row
        primary = " primary" if role == "primary" else ""
        if row["null_mean"] is not None:
            yield svg.rectangle((place(i) - 4, y(row["null_mean"]) - 1), 8, 2, "band s-null")
        if row["conf_low"] is not None and row["conf_high"] is not None:
            yield svg.segment(
                (place(i), y(row["conf_low"])), (place(i), y(row["conf_high"])), f"bar role-{role}{primary}"
            )
        yield svg.dot((place(i), y(row["estimate"])), 5 if primary else 3.2, f"dot role-{role}")
