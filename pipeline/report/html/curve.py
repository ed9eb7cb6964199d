"""The specification curve as inline SVG: every odds ratio of the grid over the choices that it was made with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.inference.specification import Specification, load_grid
from pipeline.report.html import svg
from pipeline.report.html.markup import Html
from pipeline.report.specification_curve import COLOURS, ROLE_NAMES, _choices, _drawable

_LEFT, _COLUMN, _LINE = 215.0, 10.5, 15.5
_TOP, _RATIOS = 44.0, 230.0
_LEAST_WIDTH = 900.0


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the columns stand."""

    n: int
    width: float

    def __call__(self, i: int) -> float:
        return _LEFT + (self.width - _LEFT - 8) * (i + 0.5) / max(self.n, 1)


def curve(estimates: pl.DataFrame) -> tuple[Html | None, int, int]:
    """Draw the rows that are log odds ratios of the registered grid.

    Parameters
    ----------
    estimates
        spec_id, estimate, conf_low and conf_high of one corpus. No text of the corpus is drawn: names come from the
        grid.

    Returns
    -------
    tuple
        The drawing (``None`` when there is no row to draw), the number of rows drawn, and of those without a value.
    """
    rows, n_left_out = _drawable(estimates, {spec.spec_id: spec for spec in load_grid().specifications})
    if not rows:
        return None, 0, n_left_out
    place = _Place(len(rows), max(_LEAST_WIDTH, _LEFT + 8 + _COLUMN * len(rows)))
    groups = _choices([row.spec for row in rows])
    matrix, height = _matrix([row.spec for row in rows], groups, place)
    content = [*_legend({row.spec.role for row in rows}, place.width), *_ratios(rows, place), *matrix]
    title = "Specification curve of enforcement"
    about = f"{len(rows)} odds ratios from {rows[0].ratio:.2f} to {rows[-1].ratio:.2f}, sorted, with intervals"
    return svg.drawing(title, about, place.width, height, *content), len(rows), n_left_out


def _legend(present: set[str], width: float) -> Iterator[Html]:
    x, y = _LEFT, 8.0
    for role in COLOURS:
        if role in present:
            needed = svg.text_width(ROLE_NAMES[role]) + 26
            if x > _LEFT and x + needed > width:
                x, y = _LEFT, y + 16
            yield svg.dot((x + 4, y), 4, f"dot role-{role}")
            yield svg.words(x + 12, y + 4, ROLE_NAMES[role])
            x += needed


def _ratios(rows: Sequence[Any], place: _Place) -> Iterator[Html]:
    ends = [v for row in rows for v in (row.low, row.ratio, row.high) if math.isfinite(v) and 0.01 < v < 100]
    y = svg.scale_over([*ends, 1.0], _TOP + _RATIOS, _TOP, is_log=True)
    for value in y.ticks(9):
        yield svg.segment((_LEFT, y(value)), (place.width, y(value)), "gridline")
        yield svg.words(_LEFT - 8, y(value) + 4, svg.tick_label(value), anchor="end")
    yield svg.segment((_LEFT, y(1.0)), (place.width, y(1.0)), "one")
    yield svg.words(0, _TOP + 10, "Odds ratio", "strong")
    yield svg.words(0, _TOP + 25, "log scale; dashed: no effect")
    for i, row in enumerate(rows):
        primary = " primary" if row.spec.role == "primary" else ""
        if math.isfinite(row.low) and math.isfinite(row.high):
            yield svg.segment((place(i), y(row.low)), (place(i), y(row.high)), f"bar role-{row.spec.role}{primary}")
        yield svg.dot((place(i), y(row.ratio)), 5 if primary else 3.2, f"dot role-{row.spec.role}")


def _matrix(specs: Sequence[Specification], groups: Sequence[Any], place: _Place) -> tuple[list[Html], float]:
    parts: list[Html] = []
    y, n_lines = _TOP + _RATIOS + 26, 0
    for title, names, name_of in groups:
        parts.append(svg.words(0, y + 4, title, "strong"))
        y += _LINE
        for name in names:
            if n_lines % 2 == 0:
                parts.append(svg.rectangle((0, y - _LINE / 2), place.width, _LINE, "stripe"))
            parts.append(svg.words(_LEFT - 8, y + 4, name, anchor="end"))
            for i, spec in enumerate(specs):
                chosen = name_of(spec) == name
                parts.append(
                    svg.dot((place(i), y), 3.2 if chosen else 0.9, f"dot role-{spec.role}" if chosen else "none")
                )
            y += _LINE
            n_lines += 1
        y += 5
    return parts, y
