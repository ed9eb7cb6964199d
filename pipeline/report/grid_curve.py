"""The specification curves of selection and influence: every estimate of the grid, networks below each other.

What belongs here: the pictures of the ``selection`` and ``influence`` rows of ``analysis.estimate``. Names come from
the grids; nothing that is drawn as text comes from the corpus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import matplotlib as mpl
import polars as pl
from matplotlib.figure import Figure

from pipeline.influence.specification import LEVEL_TERMS, InfluenceSpecification, load_influence_grid
from pipeline.network.clock import WEEK_HOURS
from pipeline.network.interactions import RULES
from pipeline.network.short_windows import SHORT_HOURS
from pipeline.network.ties import RELATIONS
from pipeline.network.traits import VARIABLES
from pipeline.report.png import png
from pipeline.report.specification_curve import COLOURS
from pipeline.selection.estimates import row_id
from pipeline.selection.grid import label as selection_label
from pipeline.selection.grid import load_selection_grid

mpl.use("Agg")

SCORES = (*VARIABLES, "gender_model")
ROW_INCHES, PANEL_INCHES, LABEL_INCHES, SCORE_INCHES = 0.17, 0.6, 4.2, 1.7
HOURS = (WEEK_HOURS, *SHORT_HOURS)
_Row = Mapping[str, Any]
Lines = list[tuple[str, dict[str, _Row]]]


def selection_curve(frame: pl.DataFrame) -> bytes:
    """Return a PNG of the rows of family ``selection``, all weeks together.

    Parameters
    ----------
    frame
        Rows of ``analysis.estimate``.
    """
    specs = [spec for spec in load_selection_grid() if not spec.window and spec.term == "similarity"]
    known = _known(frame)
    panels = [
        (network, _lines(known, [(selection_label(spec), _bound(row_id, spec, network)) for spec in specs]))
        for network in (*RELATIONS, *RULES)
    ]
    return _picture(panels, is_one_scale=True)


def influence_curve(frame: pl.DataFrame) -> bytes:
    """Return a PNG of the rows of family ``influence``, all weeks together.

    Estimates of the coefficient of exposure itself stand apart from those of the gap: they are on another scale.

    Parameters
    ----------
    frame
        Rows of ``analysis.estimate``.
    """
    return _picture(influence_panels(frame), is_one_scale=False)


def influence_panels(frame: pl.DataFrame) -> list[tuple[str, Lines]]:
    """Return what is drawn of influence: by network the labels of specifications, and their rows by score."""
    grid, known = load_influence_grid(), _known(frame)
    distinct = {spec.spec_id("", "", 0): spec for spec in (*grid.full, *grid.brief)}
    specs = [spec for spec in distinct.values() if spec.estimator != "second_order_test"]
    panels = []
    for network in (*RELATIONS, *RULES):
        for is_level, title in ((False, network), (True, f"{network}: exposure itself")):
            asked = [spec for spec in specs if (spec.estimator in LEVEL_TERMS) == is_level]
            ids = [(_influence_label(spec), _bound(InfluenceSpecification.spec_id, spec, network)) for spec in asked]
            panels.append((title, _lines(known, ids)))
    return panels


def _bound(name: Callable[[Any, str, str, int], str], spec: object, network: str) -> Callable[[str, int], str]:
    """Return what names a row of a specification on a network, given score and hours."""
    return lambda score, hours: name(spec, network, score, hours)


def _influence_label(spec: InfluenceSpecification) -> str:
    """Say in few words in what a specification of influence differs from the primary one."""
    parts = [spec.estimator]
    parts += [f"placebo: {spec.placebo}"] if spec.placebo else []
    parts += [f"{spec.lags} lags"] if spec.lags > 1 else []
    parts += [f"effects: {spec.effects}"] if spec.effects != "week" else []
    parts += [f"errors: {spec.cluster}"] if spec.cluster != "agent" else []
    parts += [spec.sample] if spec.sample != "all" else []
    parts += ["alters with a score held fixed"] if spec.visible else []
    return "; ".join(parts).replace("_", " ")


def _known(frame: pl.DataFrame) -> dict[str, _Row]:
    return {row["spec_id"]: row for row in frame.filter(pl.col("estimate").is_not_null()).iter_rows(named=True)}


def _lines(known: Mapping[str, _Row], specs: Sequence[tuple[str, Callable[[str, int], str]]]) -> Lines:
    """Return the specifications that have an estimate, and these by score."""

    def found() -> Iterator[tuple[str, dict[str, _Row]]]:
        for name, row_name in specs:
            ids = {score: [row_name(score, hours) for hours in HOURS] for score in SCORES}
            yield name, {score: known[i] for score, listed in ids.items() for i in listed if i in known}

    return [(name, rows) for name, rows in found() if rows]


def _picture(panels: Sequence[tuple[str, Lines]], *, is_one_scale: bool) -> bytes:
    panels = [(title.replace("_", " "), lines) for title, lines in panels if lines]
    if not panels:
        figure = Figure(figsize=(7, 1.2), dpi=110)
        figure.text(0.5, 0.5, "no specification has an estimate; the warnings of the rows say why", ha="center")
        return png(figure)
    scores = [name for name in SCORES if any(name in row for _, lines in panels for _, row in lines)]
    sizes = [len(lines) + 1 for _, lines in panels]
    size = (LABEL_INCHES + SCORE_INCHES * len(scores), ROW_INCHES * sum(sizes) + PANEL_INCHES * len(panels))
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    shared: Literal["col", "none"] = "col" if is_one_scale else "none"
    axes = figure.subplots(len(panels), len(scores), height_ratios=sizes, squeeze=False, sharex=shared)
    for line, (title, lines) in zip(axes, panels, strict=True):
        for place, (panel, score) in enumerate(zip(line, scores, strict=True)):
            _draw(panel, [row.get(score) for _, row in lines], score)
            panel.set_visible(any(score in row for _, row in lines) or not place)
            panel.set_yticks(range(len(lines)), [name for name, _ in lines] if not place else [], fontsize=6.5)
        line[0].text(-0.02, 1.03, title, transform=line[0].transAxes, ha="right", fontsize=9, weight="bold")
    return png(figure)


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
