"""The specification curve: every odds ratio of a grid with its interval, over a matrix of the choices made."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from pipeline.inference.specification import Grid, Specification, load_grid

# Okabe and Ito (2008): told apart with every common colour-vision deficiency.
MOST_LOG = float(np.log(1000))  # ends of an interval beyond a factor of a thousand are drawn there
COLOURS = {
    "primary": "#D55E00",
    "robustness": "#333333",
    "placebo": "#56B4E9",
    "negative_control": "#0072B2",
    "naive": "#CC79A7",
    "exploratory": "#009E73",
}
ROLE_NAMES = {
    "primary": "primary",
    "robustness": "robustness",
    "placebo": "placebo",
    "negative_control": "negative control (nobody can see the exposure)",
    "naive": "naive, not evidence",
    "exploratory": "exploratory",
}
_NAMES = {
    "airs": "AIRS count, per SD",
    "airs_binary": "AIRS above 0",
    "airs_action": "action part, per SD",
    "airs_sensitive": "sensitive part, per SD",
    "airs_fraction": "AIRS share of tokens, per SD",
    "hash_binary": "hash of the post's id",
    "enforce": "enforce",
    "any_enforce": "any enforce (per post)",
    "endorse": "endorse",
    "toxic": "toxic",
    "other": "other",
    "logit_cluster": "logit, sandwich",
    "logit_random_intercept": "logit, random intercept",
    "woolf_2x2": "2×2, Woolf",
    "fisher": "2×2, Fisher",
    "cmh": "2×2 by community (CMH)",
    "chi2_naive": "2×2 on replies, chi-square",
    "length_matched_sign": "length-matched pairs, sign",
    "permutation": "permutation",
    "permutation_within": "permutation within community",
    "all": "all",
    "without_duplicates": "without duplicates",
    "without_token_mint": "without token-mint posts",
}

_LENGTH_CONTROLS = ("no length control", "post length", "post and reply length", "matched on post length")


@dataclass(frozen=True, slots=True)
class _Row:
    """One drawn specification: its place in the grid, odds ratio and interval (``nan`` where there is none)."""

    spec: Specification
    ratio: float
    low: float
    high: float


def specification_curve(
    estimates: pl.DataFrame, *, grid: Grid | None = None, image: Literal["png", "svg"] = "png"
) -> bytes:
    """Draw the specification curve of the rows that are log odds ratios.

    Parameters
    ----------
    estimates
        Rows of ``analysis.estimate`` of one corpus: spec_id, estimate, conf_low, conf_high.
    grid
        The grid that the rows belong to; without it, the registered one. All labels come from it: nothing that is
        drawn as text comes from the corpus. Rows whose specification is not in it, or have no estimate, are not
        drawn, and the caption counts them.
    image
        ``png`` or ``svg``.

    Returns
    -------
    bytes
        The picture. The same rows give the same bytes.

    Notes
    -----
    Simonsohn, Simmons and Nelson (2020), Nature Human Behaviour 4.
    """
    specifications = {spec.spec_id: spec for spec in (grid or load_grid()).specifications}
    rows, n_left_out = _drawable(estimates, specifications)
    groups = _choices([row.spec for row in rows])
    n_lines = sum(len(names) + 1 for _, names, _ in groups)
    height = 4.4 + 0.19 * n_lines
    figure = Figure(figsize=(max(9.5, 4.2 + 0.19 * len(rows)), height))
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 0.19 * max(n_lines, 1)])
    _draw_ratios(top, rows)
    _draw_choices(bottom, rows, groups)
    _caption(figure, rows, n_left_out, height)
    return _save(figure, image)


def _drawable(estimates: pl.DataFrame, specifications: Mapping[str, Specification]) -> tuple[list[_Row], int]:
    rows, n_left_out = [], 0
    for record in estimates.select("spec_id", "estimate", "conf_low", "conf_high").iter_rows(named=True):
        spec = specifications.get(record["spec_id"])
        if spec is not None and not spec.is_log_odds:
            continue
        if spec is None or record["estimate"] is None:
            n_left_out += 1
            continue
        values = [np.nan if record[k] is None else record[k] for k in ("estimate", "conf_low", "conf_high")]
        rows.append(_Row(spec, *(float(np.exp(np.clip(value, -MOST_LOG, MOST_LOG))) for value in values)))
    return sorted(rows, key=lambda row: (row.ratio, row.spec.spec_id)), n_left_out


_Group = tuple[str, list[str], Callable[[Specification], str]]


def _choices(specs: Sequence[Specification]) -> list[_Group]:
    """Return title, names in order, and the naming function of each group of choices that occurs."""
    functions: list[tuple[str, Callable[[Specification], str]]] = [
        ("Outcome", lambda spec: _NAMES[spec.outcome]),
        ("Exposure", lambda spec: _NAMES[spec.exposure]),
        ("Length control", _length_control),
        ("Estimator", _estimator),
        ("Errors clustered by", lambda spec: " and ".join(spec.clusters).replace("_", " ") or "nothing"),
        ("Slice", lambda spec: _NAMES[spec.slice]),
    ]
    order = {name: i for i, name in enumerate((*_NAMES.values(), *_LENGTH_CONTROLS))}
    groups: list[_Group] = []
    for title, name_of in functions:
        names = sorted({name_of(spec) for spec in specs}, key=lambda name: (order.get(name, len(order)), name))
        groups.append((title, names, name_of))
    return groups


def _length_control(spec: Specification) -> str:
    none, post, both, matched = _LENGTH_CONTROLS
    if spec.unit == "pair":
        return matched
    if "reply_length" in spec.controls:
        return both
    return post if "post_length" in spec.controls else none


def _estimator(spec: Specification) -> str:
    if spec.estimator == "permutation" and spec.strata:
        return _NAMES["permutation_within"]
    return _NAMES[spec.estimator]


def _draw_ratios(axes: Any, rows: Sequence[_Row]) -> None:
    for i, row in enumerate(rows):
        is_primary = row.spec.role == "primary"
        style: dict[str, Any] = {"color": COLOURS[row.spec.role], "linewidth": 3 if is_primary else 1.4}
        axes.plot([i, i], [row.low, row.high], zorder=2, **style)
        marker, size = ("D", 8) if is_primary else ("o", 4.5)
        axes.plot(i, row.ratio, marker=marker, markersize=size, zorder=3, **style)
    axes.axhline(1.0, color="#666666", linewidth=1.2, zorder=1)
    axes.set_yscale("log")
    ends = [value for row in rows for value in (row.low, row.ratio, row.high) if np.isfinite(value)] or [0.8, 1.25]
    low, high = min(*ends, 1.0) / 1.05, max(*ends, 1.0) * 1.05
    axes.set_ylim(low, high)
    axes.set_yticks(_ticks(low, high))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylabel("odds ratio (log scale)")
    axes.grid(axis="y", color="#eeeeee", zorder=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    present = [role for role in COLOURS if any(row.spec.role == role for row in rows)]
    handles = [
        Line2D([], [], color=COLOURS[r], marker="D" if r == "primary" else "o", label=ROLE_NAMES[r]) for r in present
    ]
    axes.legend(handles=handles, loc="upper left", frameon=False, fontsize=8)


def _ticks(low: float, high: float) -> list[float]:
    """Return round odds ratios inside the range, few enough to read."""
    for step in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0):
        ticks = [round(step * k, 4) for k in range(1, int(min(high, 100) / step) + 1) if low <= step * k <= high]
        if len(ticks) <= 9:
            break
    return sorted({1.0, *ticks}) if len(ticks) <= 9 else [v for v in (0.01, 0.1, 1.0, 10.0, 100.0) if low <= v <= high]


def _draw_choices(axes: Any, rows: Sequence[_Row], groups: Sequence[_Group]) -> None:
    y = 0
    lines: list[tuple[int, str]] = []
    for title, names, name_of in groups:
        axes.annotate(
            title,
            (0, y),
            (-6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
            fontweight="bold",
            annotation_clip=False,
        )
        y += 1
        for name in names:
            if len(lines) % 2 == 0:
                axes.axhspan(y - 0.5, y + 0.5, color="#f4f4f4", zorder=0, linewidth=0)
            chosen = [i for i, row in enumerate(rows) if name_of(row.spec) == name]
            axes.scatter(range(len(rows)), [y] * len(rows), s=2, color="#cccccc", linewidth=0, zorder=1)
            colours = [COLOURS[rows[i].spec.role] for i in chosen]
            axes.scatter(chosen, [y] * len(chosen), s=22, color=colours, linewidth=0, zorder=2)
            lines.append((y, name))
            y += 1
    axes.set_ylim(y - 0.5, -0.7)
    axes.set_xlim(-0.8, max(len(rows), 1) - 0.2)
    axes.set_yticks([place for place, _ in lines], [name for _, name in lines], fontsize=8)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)


def _caption(figure: Figure, rows: Sequence[_Row], n_left_out: int, height: float) -> None:
    text = f"{len(rows)} specifications, sorted by odds ratio; bars: intervals; the line at 1 is no effect."
    if n_left_out:
        text += f" {n_left_out} without an estimate, or not in the grid, are not drawn."
    left = 2.45 / figure.get_size_inches()[0]
    figure.subplots_adjust(left=left, right=0.99, top=1 - 0.62 / height, bottom=0.12 / height, hspace=0.03)
    figure.text(
        0.01, 1 - 0.14 / height, "Replies by the AIRS of their post: every specification", va="top", fontsize=10
    )
    figure.text(0.01, 1 - 0.34 / height, text, va="top", fontsize=8, color="#555555")


def _save(figure: Figure, image: Literal["png", "svg"]) -> bytes:
    buffer = io.BytesIO()
    # A fixed salt and no date: the same rows give the same bytes.
    with mpl.rc_context({"svg.hashsalt": "ethogram", "svg.fonttype": "none"}):
        metadata: dict[str, Any] = {"Date": None} if image == "svg" else {"Software": None}
        figure.savefig(buffer, format=image, dpi=150, metadata=metadata)
    return buffer.getvalue()
