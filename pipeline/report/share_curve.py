"""The specification curves of shares: every share of a grid with its interval and its null, over the choices made.

What belongs here: the pictures of families coordination and airs of ``analysis.estimate``, and which choices stand
below them. Every label comes from the grids.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipeline.coordination.grid import load_choices
from pipeline.inference.airs_grid import load_airs_grid
from pipeline.report.specification_curve import COLOURS, ROLE_NAMES

Groups = tuple[tuple[str, str], ...]
_GROUPS: Groups = (
    ("Share of agents", "outcome"), ("Messages", "events"), ("Least intervals", "min_intervals"),
    ("Statistic", "statistic"), ("Open interval", "open_interval"),
)  # fmt: skip
AIRS_GROUPS: Groups = (
    ("Patterns", "part"), ("Text", "text"), ("Repeated texts", "copies"), ("Token-mint posts", "token_mint"),
    ("Share of", "unit"), ("Languages", "language"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """A row that is drawn: the specification, whose fields are its choices, and the row of ``analysis.estimate``."""

    choice: Any
    row: Mapping[str, Any]


def share_curve(estimates: pl.DataFrame) -> bytes:
    """Draw the shares of family ``coordination`` as a PNG.

    Parameters
    ----------
    estimates
        Rows of ``analysis.estimate`` of one corpus: spec_id, estimate, conf_low, conf_high, null_mean. Every label
        comes from the grid; rows that are not of it, or have no value, are not drawn, and the title counts them.
    """
    rows = drawn(estimates, load_choices(), "outcome")
    said = "ways to count regular and irregular agents; red: agents that post at random moments"
    return _picture(estimates, rows, _GROUPS, said, "share of agents")


def airs_curve(estimates: pl.DataFrame) -> bytes:
    """Draw the shares of family ``airs`` as a PNG, as `share_curve` does."""
    rows = drawn(estimates, load_airs_grid(), "part")
    said = "ways to count posts with action-inducing language; red: what the placebo or the control should be"
    return _picture(estimates, rows, AIRS_GROUPS, said, "share of posts")


def drawn(estimates: pl.DataFrame, grid: Sequence[Any], first: str) -> list[Drawn]:
    """Return the rows of a grid that have a value, sorted by the choice `first`, then by value."""
    choices = {choice.spec_id: choice for choice in grid}
    columns = ("spec_id", "estimate", "conf_low", "conf_high", "null_mean")
    records = [row for row in estimates.select(columns).iter_rows(named=True) if row["spec_id"] in choices]
    rows = [Drawn(choices[row["spec_id"]], row) for row in records if row["estimate"] is not None]
    return sorted(rows, key=lambda one: (getattr(one.choice, first), one.row["estimate"], one.choice.spec_id))


def lines_of(rows: Sequence[Drawn], groups: Groups) -> list[tuple[str, str, list[str | int]]]:
    """Return the title, the field and the values of each choice that rows made."""
    return [(title, name, sorted({getattr(one.choice, name) for one in rows})) for title, name in groups]


def _picture(estimates: pl.DataFrame, rows: Sequence[Drawn], groups: Groups, said: str, unit: str) -> bytes:
    lines = lines_of(rows, groups)
    n_lines = sum(len(values) + 1 for _, _, values in lines)
    figure = Figure(figsize=(max(9.0, 4.0 + 0.17 * len(rows)), 3.4 + 0.19 * n_lines), layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 0.19 * max(n_lines, 1)])
    _draw_shares(top, rows, unit)
    _draw_choices(bottom, rows, lines)
    left_out = estimates.height - len(rows)
    figure.suptitle(f"{len(rows)} {said}" + (f"; {left_out} without a value" if left_out else ""), fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _draw_shares(axes: Axes, rows: Sequence[Drawn], unit: str) -> None:
    for i, one in enumerate(rows):
        choice, row = one.choice, one.row
        colour = COLOURS[choice.role]
        if row["conf_low"] is not None and row["conf_high"] is not None:
            axes.plot([i, i], [row["conf_low"], row["conf_high"]], color=colour, linewidth=1.6)
        if row["null_mean"] is not None:
            axes.plot(i, row["null_mean"], marker="_", color="#b23a48", markersize=9, markeredgewidth=2)
        axes.plot(i, row["estimate"], "D" if choice.role == "primary" else "o", color=colour, markersize=5)
    for role in COLOURS:
        if any(one.choice.role == role for one in rows):
            axes.plot([], [], "o", color=COLOURS[role], label=ROLE_NAMES[role].split(" (")[0])
    axes.set_ylim(0, 1)
    axes.set_ylabel(unit)
    if rows:
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)


def _draw_choices(axes: Axes, rows: Sequence[Drawn], lines: Sequence[tuple[str, str, list[str | int]]]) -> None:
    y, ticks = 0, []
    for title, name, values in lines:
        ticks.append((y, title.upper()))
        y += 1
        for value in values:
            chosen = [i for i, one in enumerate(rows) if getattr(one.choice, name) == value]
            axes.scatter(range(len(rows)), [y] * len(rows), s=2, color="#cccccc", linewidth=0)
            axes.scatter(
                chosen, [y] * len(chosen), s=18, linewidth=0, color=[COLOURS[rows[i].choice.role] for i in chosen]
            )
            ticks.append((y, str(value).replace("_", " ")))
            y += 1
    axes.set_ylim(y - 0.5, -0.7)
    axes.set_yticks([place for place, _ in ticks], [text for _, text in ticks], fontsize=8)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
