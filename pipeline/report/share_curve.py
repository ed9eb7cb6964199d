"""The specification curve of shares: every share of a grid with its interval and its null, over the choices made."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipeline.coordination.grid import Choice, load_choices
from pipeline.report.specification_curve import COLOURS, ROLE_NAMES

_GROUPS = (
    ("Share of agents", "outcome"), ("Messages", "events"), ("Least intervals", "min_intervals"),
    ("Statistic", "statistic"), ("Open interval", "open_interval"),
)  # fmt: skip
_Drawn = tuple[Choice, dict[str, Any]]


def share_curve(estimates: pl.DataFrame) -> bytes:
    """Draw the shares of family ``coordination`` as a PNG.

    Parameters
    ----------
    estimates
        Rows of ``analysis.estimate`` of one corpus: spec_id, estimate, conf_low, conf_high, null_mean. Every label
        comes from the grid; rows that are not of it, or have no value, are not drawn, and the title counts them.
    """
    choices = {choice.spec_id: choice for choice in load_choices()}
    columns = ("spec_id", "estimate", "conf_low", "conf_high", "null_mean")
    records = [row for row in estimates.select(columns).iter_rows(named=True) if row["spec_id"] in choices]
    rows = [(choices[row["spec_id"]], row) for row in records if row["estimate"] is not None]
    rows.sort(key=lambda item: (item[0].outcome, item[1]["estimate"], item[0].spec_id))
    lines = [(title, name, sorted({getattr(c, name) for c, _ in rows})) for title, name in _GROUPS]
    n_lines = sum(len(values) + 1 for _, _, values in lines)
    figure = Figure(figsize=(max(9.0, 4.0 + 0.17 * len(rows)), 3.4 + 0.19 * n_lines), layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 0.19 * max(n_lines, 1)])
    _draw_shares(top, rows)
    _draw_choices(bottom, rows, lines)
    left_out = estimates.height - len(rows)
    figure.suptitle(
        f"{len(rows)} ways to count regular and irregular agents; red: agents that post at random moments"
        + (f"; {left_out} without a value" if left_out else ""),
        fontsize=10,
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _draw_shares(axes: Axes, rows: Sequence[_Drawn]) -> None:
    for i, (choice, row) in enumerate(rows):
        colour = COLOURS[choice.role]
        if row["conf_low"] is not None and row["conf_high"] is not None:
            axes.plot([i, i], [row["conf_low"], row["conf_high"]], color=colour, linewidth=1.6)
        if row["null_mean"] is not None:
            axes.plot(i, row["null_mean"], marker="_", color="#b23a48", markersize=9, markeredgewidth=2)
        axes.plot(i, row["estimate"], "D" if choice.role == "primary" else "o", color=colour, markersize=5)
    for role in COLOURS:
        if any(choice.role == role for choice, _ in rows):
            axes.plot([], [], "o", color=COLOURS[role], label=ROLE_NAMES[role].split(" (")[0])
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of agents")
    if rows:
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)


def _draw_choices(axes: Axes, rows: Sequence[_Drawn], lines: Sequence[tuple[str, str, list[str | int]]]) -> None:
    y, ticks = 0, []
    for title, name, values in lines:
        ticks.append((y, title.upper()))
        y += 1
        for value in values:
            chosen = [i for i, (choice, _) in enumerate(rows) if getattr(choice, name) == value]
            axes.scatter(range(len(rows)), [y] * len(rows), s=2, color="#cccccc", linewidth=0)
            axes.scatter(chosen, [y] * len(chosen), s=18, linewidth=0, color=[COLOURS[rows[i][0].role] for i in chosen])
            ticks.append((y, str(value).replace("_", " ")))
            y += 1
    axes.set_ylim(y - 0.5, -0.7)
    axes.set_yticks([place for place, _ in ticks], [text for _, text in ticks], fontsize=8)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
