"""The specification curve of persona and drift: every estimate of the grid with its interval, by hypothesis.

What belongs here: the picture of the ``persona`` rows of ``analysis.estimate``. Hypotheses have units of their own, so
each has its panel.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import polars as pl
from matplotlib.figure import Figure

from pipeline.report.specification_curve import COLOURS

mpl.use("Agg")

PANELS = (
    ("own_description", "Likeness to the own description less that to another's (cosine)"),
    ("alignment_over_time", "Change of likeness per day (cosine)"),
    ("alignment_by_activity", "Rank correlation of activity and likeness"),
    ("votes_move_alignment", "Change of likeness at the highest-voted post (cosine)"),
)
ROW_INCHES, PANEL_INCHES = 0.19, 0.75
_ORDER = ("primary", "robustness", "placebo", "negative_control", "naive")


def persona_curve(frame: pl.DataFrame) -> bytes:
    """Return a PNG of the rows of family ``persona``.

    Parameters
    ----------
    frame
        Rows of ``analysis.estimate``.
    """
    known = frame.filter(pl.col("estimate").is_not_null())
    panels = [(title, rows) for name, title in PANELS if (rows := _rows(known, name))]
    if not panels:
        figure = Figure(figsize=(7, 1.2), dpi=110)
        figure.text(0.5, 0.5, "no specification has an estimate; the warnings of the rows say why", ha="center")
        return _png(figure)
    sizes = [len(rows) + 1 for _, rows in panels]
    height = ROW_INCHES * sum(sizes) + PANEL_INCHES * len(panels)
    figure = Figure(figsize=(9, height), dpi=110, layout="constrained")
    axes = figure.subplots(len(panels), 1, height_ratios=sizes, squeeze=False)[:, 0]
    for panel, (title, rows) in zip(axes, panels, strict=True):
        _draw(panel, title, rows)
    return _png(figure)


def _rows(known: pl.DataFrame, hypothesis: str) -> list[dict[str, Any]]:
    rows = known.filter(pl.col("hypothesis_id") == hypothesis).sort("estimate", "spec_id").to_dicts()
    return sorted(rows, key=lambda row: _ORDER.index(row["role"]) if row["role"] in _ORDER else len(_ORDER))


def _draw(axes: Any, title: str, rows: Sequence[dict[str, Any]]) -> None:
    for place, row in enumerate(rows):
        colour = COLOURS.get(row["role"], "#999999")
        if row["conf_low"] is not None:
            axes.plot([row["conf_low"], row["conf_high"]], [place, place], color=colour, linewidth=1.6)
        axes.plot(row["estimate"], place, "D" if row["role"] == "primary" else "o", color=colour, markersize=4)
    axes.axvline(0, color="#666666", linewidth=1)
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows], fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title(title, fontsize=9, loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _name(row: dict[str, Any]) -> str:
    parts = str(row["model"]).replace("descriptions of 3+ tokens, ", "").replace(", descriptions of 3+ tokens", "")
    return f"{str(row['role']).replace('_', ' ')}: {parts.replace('similarity of ', '').replace('_', ' ')}"


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
