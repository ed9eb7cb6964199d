"""The specification curve of selection: every estimate of the grid with its interval, networks below each other.

What belongs here: the picture of the ``selection`` rows of ``analysis.estimate``. Names come from the grid; nothing
that is drawn as text comes from the corpus.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import polars as pl
from matplotlib.figure import Figure

from pipeline.network.clock import WEEK_HOURS
from pipeline.network.interactions import RULES
from pipeline.network.ties import RELATIONS
from pipeline.network.traits import VARIABLES
from pipeline.report.specification_curve import COLOURS
from pipeline.selection.estimates import SHORT_HOURS, row_id
from pipeline.selection.grid import SelectionSpecification, label, load_selection_grid

mpl.use("Agg")

SCORES = (*VARIABLES, "gender_model")
ROW_INCHES, PANEL_INCHES, LABEL_INCHES, SCORE_INCHES = 0.17, 0.6, 4.2, 1.7


def selection_curve(frame: pl.DataFrame) -> bytes:
    """Return a PNG of the rows of family ``selection``, all weeks together.

    Parameters
    ----------
    frame
        Rows of ``analysis.estimate``.
    """
    specs = [spec for spec in load_selection_grid() if not spec.window and spec.term == "similarity"]
    known = {row["spec_id"]: row for row in frame.filter(pl.col("estimate").is_not_null()).iter_rows(named=True)}
    panels = [panel for network in (*RELATIONS, *RULES) if (panel := _panel(network, specs, known))]
    if not panels:
        figure = Figure(figsize=(7, 1.2), dpi=110)
        figure.text(0.5, 0.5, "no specification has an estimate; the warnings of the rows say why", ha="center")
        return _png(figure)
    scores = [name for name in SCORES if any(name in row for _, rows in panels for _, row in rows)]
    sizes = [len(rows) + 1 for _, rows in panels]
    size = (LABEL_INCHES + SCORE_INCHES * len(scores), ROW_INCHES * sum(sizes) + PANEL_INCHES * len(panels))
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    axes = figure.subplots(len(panels), len(scores), height_ratios=sizes, squeeze=False, sharex="col")
    for line, (network, rows) in zip(axes, panels, strict=True):
        for place, (panel, score) in enumerate(zip(line, scores, strict=True)):
            _draw(panel, [row.get(score) for _, row in rows], score)
            panel.set_yticks(range(len(rows)), [label(spec) for spec, _ in rows] if not place else [], fontsize=6.5)
        line[0].text(-0.02, 1.03, network, transform=line[0].transAxes, ha="right", fontsize=9, weight="bold")
    return _png(figure)


_Row = Mapping[str, Any]


def _panel(
    network: str, specs: Sequence[SelectionSpecification], known: Mapping[str, _Row]
) -> tuple[str, list[tuple[SelectionSpecification, dict[str, _Row]]]] | None:
    """Return the specifications with an estimate on a network, and these by score."""
    rows = []
    for spec in specs:
        ids = {score: [row_id(spec, network, score, hours) for hours in (WEEK_HOURS, *SHORT_HOURS)] for score in SCORES}
        found = {score: known[i] for score, listed in ids.items() for i in listed if i in known}
        if found:
            rows.append((spec, found))
    return (network.replace("_", " "), rows) if rows else None


def _draw(axes: Any, rows: Sequence[_Row | None], score: str) -> None:
    for place, row in enumerate(rows):
        if row is None:
            continue
        colour = COLOURS.get(row["role"], "#999999")
        if row["conf_low"] is not None:
            axes.plot([row["conf_low"], row["conf_high"]], [place, place], color=colour, linewidth=1.4)
        axes.plot(row["estimate"], place, "D" if row["role"] == "primary" else "o", color=colour, markersize=3.5)
    axes.axvline(0, color="#666666", linewidth=1)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=6.5)
    axes.set_title(score.replace("_", " "), fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
