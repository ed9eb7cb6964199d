"""The drawing of homophily by window: assortativity of each score over time, beside a band of its null."""

from __future__ import annotations

from itertools import cycle

import polars as pl
from matplotlib.axes import Axes

from pipeline.network.interactions import RULES
from pipeline.network.ties import RELATIONS

COLOURS = ("#2a6f97", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5195", "#222222")
NULL = "null: stub_permutation"


def draw_windows(axes: Axes, rows: pl.LazyFrame) -> None:
    """Draw the first network that has numbers, relations before interactions; grey is the null of the hash."""
    frame = rows.filter(pl.col("estimate").is_not_null() & pl.col("model").str.ends_with(NULL)).collect()
    known = set(frame["outcome"])
    network = next((name for name in (*RELATIONS, *RULES) if name in known), None)
    if network is None:
        axes.text(0.5, 0.5, "no window has enough ties", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    part = frame.filter(pl.col("outcome") == network).sort("term", "window_start")
    for colour, (term, lines) in zip(cycle(COLOURS), _by_term(part), strict=False):
        axes.plot(lines["window_start"].to_list(), lines["estimate"].to_list(), color=colour, label=term, linewidth=1.2)
    last = part.filter((pl.col("role") == "negative_control") & pl.col("null_sd").is_not_null())
    if last.height:
        low, high = (last["null_mean"] + sign * 2 * last["null_sd"] for sign in (-1, 1))
        axes.fill_between(last["window_start"].to_list(), low.to_list(), high.to_list(), color="#dddddd", zorder=0)
    axes.axhline(0, color="#666666", linewidth=0.8)
    axes.set_ylabel("assortativity")
    axes.set_title(f"{network.replace('_', ' ')}, by window; grey: two sd of the null of a hash", fontsize=9)
    axes.legend(fontsize=7, frameon=False)
    axes.tick_params(axis="x", labelsize=7)


def _by_term(part: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    terms = part["term"].unique().sort().to_list()
    names = (term.removeprefix("assortativity_").replace("_", " ") for term in terms)
    return [(name, part.filter(pl.col("term") == term)) for name, term in zip(names, terms, strict=True)]
