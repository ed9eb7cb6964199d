"""Pictures of contagion: the conditional shares beside the printed ones, and all estimates of the grid.

Labels come from the grid and from here, never from the corpus.
"""

from __future__ import annotations

import polars as pl
from matplotlib.axes import Axes

from pipeline.inference.contagion_specification import load_contagion_grid
from pipeline.published.load import published_rows
from pipeline.report.specification_curve import COLOURS

COLOUR, LIGHT, PRINTED = "#2f6690", "#9ec1d9", "#b23a48"
_GIVEN = (
    ("conflict_share_post_calm", "post calm"),
    ("conflict_share_post_conflict", "post in conflict"),
    ("conflict_share_post_conflict_others", "post in conflict, others only"),
    ("conflict_share_first_calm", "first comment calm"),
    ("conflict_share_first_conflict", "first comment in conflict"),
    ("conflict_share_first_conflict_others", "first in conflict, others only"),
)


def draw_shares(axes: Axes, rows: pl.LazyFrame) -> None:
    """Draw the share of conflict among comments given what came before, with intervals, and the printed shares."""
    names = [name for name, _ in _GIVEN]
    whole = (pl.col("slice_id") == "all") & pl.col("measure_id").is_in(names) & pl.col("value").is_not_null()
    found = {row["measure_id"]: row for row in rows.filter(whole).collect().iter_rows(named=True)}
    for y, (name, _) in enumerate(_GIVEN):
        if row := found.get(name):
            if row["ci_low"] is not None:
                axes.plot([row["ci_low"], row["ci_high"]], [y, y], color=LIGHT, linewidth=4)
            axes.plot(row["value"], y, "o", color=COLOUR, markersize=5)
        printed = [one.value for one in published_rows() if one.measure_id == name]
        for mark, value in zip("x+", printed, strict=False):
            axes.plot(value, y, mark, color=PRINTED, markersize=7)
    axes.set_yticks(range(len(_GIVEN)), [label for _, label in _GIVEN], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("share of comments in conflict; red: printed (× MoltNet v1, + v2)")


def draw_estimates(axes: Axes, rows: pl.LazyFrame) -> None:
    """Draw the log odds ratios of the grid in its order, coloured by role, with the word for each."""
    frame = rows.filter((pl.col("estimator") == "logit_cluster") & pl.col("estimate").is_not_null()).collect()
    found = {row["spec_id"]: row for row in frame.iter_rows(named=True)}
    specs = [spec for spec in load_contagion_grid() if spec.spec_id in found]
    if not specs:
        axes.text(0.5, 0.5, "no estimate to draw; see the table", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    for y, spec in enumerate(specs):
        row, colour = found[spec.spec_id], COLOURS[spec.role]
        axes.plot([row["conf_low"], row["conf_high"]], [y, y], color=colour, linewidth=1.5, alpha=0.5)
        axes.plot(row["estimate"], y, "o", color=colour, markersize=4)
    axes.axvline(0, color="#999999", linewidth=0.8)
    names = [f"{s.outcome} ~ {s.exposure}, {len(s.controls)} controls, {s.slice} ({s.role})" for s in specs]
    axes.set_yticks(range(len(specs)), names, fontsize=5)
    axes.invert_yaxis()
    axes.set_xlabel("log odds ratio with interval")
