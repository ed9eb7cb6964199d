"""The specification curves of families with several hypotheses: every estimate with its interval, by hypothesis.

What belongs here: the pictures of the rows of families persona, gender, token_mint and socialisation of
``analysis.estimate``.
Hypotheses have units of their own, so each has its panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import polars as pl
from matplotlib.figure import Figure

from pipeline.report.png import png
from pipeline.report.specification_curve import COLOURS

mpl.use("Agg")

PANELS = (
    ("own_description", "Likeness to the own description less that to another's (cosine)"),
    ("alignment_over_time", "Change of likeness per day (cosine)"),
    ("alignment_by_activity", "Rank correlation of activity and likeness"),
    ("votes_move_alignment", "Change of likeness at the highest-voted post (cosine)"),
)
GENDER_PANELS = (
    ("score_tells_declared", "Area under the curve against declared gender, less one half"),
    ("agents_have_a_level", "Share of the variance of weekly scores between agents"),
    ("weeks_follow", "Correlation of consecutive weeks"),
)
MINTING_PANELS = (
    ("minting_draws_correction", "Log odds ratio (pairs: difference) of a corrective reply under a protocol post"),
    ("invaded_communities_complain", "Share of complaints where protocol posts came, less elsewhere"),
    ("posts_are_protocol_posts", "Share of posts that are protocol posts"),
    ("communities_are_invaded", "Share of communities that are invaded"),
    ("messages_complain", "Share of messages that complain"),
)
SOCIAL_PANELS = (
    ("phrases_turn_over", "Share of n-grams of a period that are born or die in it"),
    ("agents_stay_themselves", "Cosine of consecutive messages of an agent"),
    (
        "votes_move_next_post",
        "Next post: cosine with the best-voted of the last less that with the worst-voted",
    ),
    ("corrections_are_taken_up", "Next message after a first reply: corrected less other authors (cosine; share)"),
    ("later_cohorts_know_more", "Types of cohorts: slope, or share of new ones"),
)
ROW_INCHES, PANEL_INCHES = 0.19, 0.75
NULL = "#b23a48"
_ORDER = ("primary", "robustness", "placebo", "negative_control", "naive")


def persona_curve(frame: pl.DataFrame) -> bytes:
    """Return a PNG of the rows of family ``persona``, given as rows of ``analysis.estimate``."""
    return panelled_curve(frame, PANELS)


def gender_curve(frame: pl.DataFrame) -> bytes:
    """Return a PNG of the rows of family ``gender``, given as rows of ``analysis.estimate``."""
    return panelled_curve(frame, GENDER_PANELS)


def minting_curve(frame: pl.DataFrame) -> bytes:
    """Return a PNG of the rows of family ``token_mint``, given as rows of ``analysis.estimate``."""
    return panelled_curve(frame, MINTING_PANELS)


def social_curve(frame: pl.DataFrame) -> bytes:
    """Return a PNG of the rows of family ``socialisation``, given as rows of ``analysis.estimate``."""
    # Slope and share are on scales of their own.
    split = pl.when(pl.col("outcome") == "new_types").then(pl.lit("new_types")).otherwise("hypothesis_id")
    titles = [*SOCIAL_PANELS[:-1], (SOCIAL_PANELS[-1][0], "Types of a cohort: slope per cohort"),
              ("new_types", "Share of a cohort's types that no earlier one had")]  # fmt: skip
    return panelled_curve(frame.with_columns(hypothesis_id=split), titles)


def panelled_curve(frame: pl.DataFrame, titles: Sequence[tuple[str, str]]) -> bytes:
    """Return a PNG of estimates with their intervals, in one panel per hypothesis.

    Parameters
    ----------
    frame
        Rows of ``analysis.estimate``.
    titles
        Hypotheses, in the order of the panels, and the title of each.
    """
    known = frame.filter(pl.col("estimate").is_not_null())
    panels = [(title, rows) for name, title in titles if (rows := _rows(known, name))]
    if not panels:
        figure = Figure(figsize=(7, 1.2), dpi=110)
        figure.text(0.5, 0.5, "no specification has an estimate; the warnings of the rows say why", ha="center")
        return png(figure)
    sizes = [len(rows) + 1 for _, rows in panels]
    height = ROW_INCHES * sum(sizes) + PANEL_INCHES * len(panels)
    figure = Figure(figsize=(9, height), dpi=110, layout="constrained")
    axes = figure.subplots(len(panels), 1, height_ratios=sizes, squeeze=False)[:, 0]
    for panel, (title, rows) in zip(axes, panels, strict=True):
        _draw(panel, title, rows)
    return png(figure)


def _rows(known: pl.DataFrame, hypothesis: str) -> list[dict[str, Any]]:
    rows = known.filter(pl.col("hypothesis_id") == hypothesis).sort("estimate", "spec_id").to_dicts()
    return sorted(rows, key=lambda row: _ORDER.index(row["role"]) if row["role"] in _ORDER else len(_ORDER))


def _draw(axes: Any, title: str, rows: Sequence[dict[str, Any]]) -> None:
    for place, row in enumerate(rows):
        colour = COLOURS.get(row["role"], "#999999")
        if row["conf_low"] is not None:
            axes.plot([row["conf_low"], row["conf_high"]], [place, place], color=colour, linewidth=1.6)
        axes.plot(row["estimate"], place, "D" if row["role"] == "primary" else "o", color=colour, markersize=4)
        if row["null_mean"] is not None:
            reach = 2 * (row["null_sd"] or 0.0)
            ends = [row["null_mean"] - reach, row["null_mean"] + reach]
            axes.plot(ends, [place + 0.3, place + 0.3], color=NULL, linewidth=1.2)
    if not all(row["null_mean"] is not None and row["estimate"] > 0 for row in rows):
        axes.axvline(0, color="#666666", linewidth=1)
    if any(row["null_mean"] is not None for row in rows):
        title += "; red: null ± 2 sd"
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows], fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title(title, fontsize=8, loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _name(row: dict[str, Any]) -> str:
    parts = str(row["model"]).replace("descriptions of 3+ tokens, ", "").replace(", descriptions of 3+ tokens", "")
    # Tests of minting differ by estimator and sample, which their formula does not say: their ids do.
    parts = str(row["spec_id"]).removeprefix("mint_") if str(row["spec_id"]).startswith("mint_") else parts
    return f"{str(row['role']).replace('_', ' ')}: {parts.replace('similarity of ', '').replace('_', ' ')}"
