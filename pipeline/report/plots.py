"""One useful picture per table, for the asset pages: what a glance should tell about it.

Labels may come from the corpus (names of communities): they are drawn as plain text, cut, and never as mathematics.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache

import matplotlib as mpl
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.language.clock import is_precise
from pipeline.report.contagion_plot import draw_estimates, draw_shares
from pipeline.report.grid_curve import influence_curve, selection_curve
from pipeline.report.homophily_plot import draw_windows
from pipeline.report.persona_curve import gender_curve, minting_curve, persona_curve, social_curve
from pipeline.report.share_curve import airs_curve, share_curve
from pipeline.report.specification_curve import specification_curve

mpl.use("Agg")

SIZE = (7.0, 3.2)
COLOUR, LIGHT = "#2f6690", "#9ec1d9"
MOST_BARS = 12
LABEL_CHARS = 28

Draw = Callable[[Axes, pl.LazyFrame], None]


def plot_table(table: str, family: str, rows: pl.LazyFrame) -> bytes:
    """Return a PNG that shows a table.

    Parameters
    ----------
    table, family
        The table and the family of its rows.
    rows
        The rows.
    """
    if rows.select(pl.len()).collect().item() == 0:
        return _no_rows()
    if table == "estimate" and f"{table}/{family}" not in _DRAWINGS:
        return _CURVES.get(family, specification_curve)(rows.collect())
    figure = Figure(figsize=SIZE, dpi=110, layout="constrained")
    axes = figure.add_subplot()
    draw = _DRAWINGS.get(f"{table}/{family}") or _DRAWINGS.get(table, _draw_nothing)
    draw(axes, rows)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return _png(figure)


@cache
def _no_rows() -> bytes:
    figure = Figure(figsize=SIZE, dpi=110, layout="constrained")
    _say(figure.add_subplot(), "no rows")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def label(text: object) -> str:
    """Return text of the corpus as a label: one line, cut, without mathematics."""
    flat = " ".join(str(text).split()).replace("$", r"\$")
    return flat if len(flat) <= LABEL_CHARS else flat[: LABEL_CHARS - 1] + "…"


def _say(axes: Axes, sentence: str) -> None:
    axes.text(0.5, 0.5, sentence, ha="center", va="center", transform=axes.transAxes)
    axes.set_axis_off()


def _draw_nothing(axes: Axes, rows: pl.LazyFrame) -> None:
    _say(axes, f"{rows.select(pl.len()).collect().item()} rows")


def _bars(axes: Axes, labels: Sequence[object], values: Sequence[float], unit: str) -> None:
    positions = range(len(labels))
    axes.barh(positions, values, color=COLOUR)
    axes.set_yticks(positions, [label(text) for text in labels])
    axes.invert_yaxis()
    axes.set_xlabel(unit)


def counts_by(column: str, unit: str, *, top: bool = False) -> Draw:
    """Return a drawing of the number of rows by the values of a column."""

    def draw(axes: Axes, rows: pl.LazyFrame) -> None:
        frame = rows.group_by(column).agg(n=pl.len()).sort(["n", column], descending=[True, False]).collect()
        shown = frame.head(MOST_BARS)
        _bars(axes, shown[column].fill_null("(none)").to_list(), shown["n"].to_list(), unit)
        if top and frame.height > MOST_BARS:
            axes.set_title(f"the {MOST_BARS} largest of {frame.height}", fontsize=9)

    return draw


def over_time(column: str, unit: str, split: str | None = None) -> Draw:
    """Return a drawing of the number of rows by hour (by day when the span is longer than two weeks)."""

    def draw(axes: Axes, rows: pl.LazyFrame) -> None:
        timed = rows.filter(pl.col(column).is_not_null())
        if column == "created_at":  # a month of messages would stand on its first day
            coarse = int(timed.filter(~is_precise()).select(pl.len()).collect().item())
            timed = timed.filter(is_precise())
            if coarse:
                axes.set_title(f"{coarse:,} dated more coarsely than to the day are left out", fontsize=9)
        span = timed.select(pl.col(column).max() - pl.col(column).min()).collect().item()
        if span is None:
            _say(axes, "no times")
            return
        every = "1h" if span.total_seconds() < 14 * 86_400 else "1d"
        key = [split] if split else []
        frame = (
            timed.group_by(pl.col(column).dt.truncate(every).alias("bin"), *key).agg(n=pl.len()).sort("bin").collect()
        )
        groups = [(None, frame)] if split is None else sorted(frame.group_by(split), key=lambda item: str(item[0]))
        for name, part in groups:
            ordered = part.sort("bin")
            text = None if name is None else label(name[0])
            axes.plot(ordered["bin"].to_list(), ordered["n"].to_list(), label=text, linewidth=1.4)
        if split:
            axes.legend(frameon=False)
        axes.set_ylabel(f"{unit} per {'hour' if every == '1h' else 'day'}")
        axes.tick_params(axis="x", rotation=30)

    return draw


def histogram(column: str, unit: str) -> Draw:
    """Return a drawing of the distribution of a number on a logarithmic scale."""

    def draw(axes: Axes, rows: pl.LazyFrame) -> None:
        known = rows.filter(pl.col(column) >= 0)
        values = known.select((pl.col(column) + 1).log(10)).collect().to_series().to_list()
        if len(values) < 2:
            _draw_nothing(axes, rows)
            return
        axes.hist(values, bins=50, color=COLOUR)
        ticks = [t for t in range(8) if values and t <= max(values) + 0.5]
        axes.set_xticks(ticks, [f"{10**t:,}" for t in ticks])
        axes.set_xlabel(unit)
        axes.set_ylabel("rows")

    return draw


def _intervals(axes: Axes, rows: pl.LazyFrame) -> None:
    """Draw shares and other small numbers with their intervals; larger ones are listed in the table."""
    frame = (
        rows.filter(
            (pl.col("slice_id") == "all") & (pl.col("unit") == "corpus") & pl.col("period").is_null()
            & pl.col("value").is_not_null() & (pl.col("value").abs() <= 3)
        )
        .sort("measure_id").head(20).collect()
    )  # fmt: skip
    if frame.height == 0:
        _say(axes, "no share or coefficient to draw; see the table")
        return
    for position, row in enumerate(frame.iter_rows(named=True)):
        axes.plot(
            [row["ci_low"], row["ci_high"]] if row["ci_low"] is not None else [],
            [position] * 2 if row["ci_low"] is not None else [],
            color=LIGHT,
            linewidth=4,
        )
        if row["null_mean"] is not None:
            axes.plot(row["null_mean"], position, marker="|", color="#b23a48", markersize=10)
        axes.plot(row["value"], position, "o", color=COLOUR, markersize=4)
    axes.set_yticks(range(frame.height), [label(text) for text in frame["measure_id"]], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("value with interval; red: mean under the null")


def _airs(axes: Axes, rows: pl.LazyFrame) -> None:
    by_day = (pl.col("measure_id") == "airs_positive_share") & (pl.col("period") == "day")
    known = pl.col("value").is_not_null() & pl.col("period_start").is_not_null()
    is_shown = ~pl.col("slice_id").str.starts_with("language-")  # small corpora of their own; the report has them
    frame = rows.filter(by_day & known & is_shown).sort("slice_id", "period_start").collect()
    for name, part in sorted(frame.group_by("slice_id"), key=lambda item: str(item[0])):
        days = part["period_start"].to_list()
        if str(name[0]) == "all":
            axes.fill_between(days, part["ci_low"].to_list(), part["ci_high"].to_list(), color=LIGHT, alpha=0.5)
        axes.plot(days, part["value"].to_list(), marker="o", markersize=3, label=label(name[0]))
    if frame.height == 0:
        _say(axes, "no posts with a day")
        return
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of posts with AIRS > 0")
    axes.legend(frameon=False, fontsize=8)
    axes.tick_params(axis="x", rotation=30)


def _reply(axes: Axes, rows: pl.LazyFrame) -> None:
    frame = rows.filter(
        (pl.col("unit") == "airs_bin") & (pl.col("slice_id") == "all") & pl.col("value").is_not_null()
    ).collect()
    if frame.height == 0:
        _say(axes, "no replies")
        return
    for name, part in sorted(frame.group_by("measure_id"), key=lambda item: str(item[0])):
        if "other" in str(name[0]):
            continue
        ordered = part.sort("unit_id")
        low, high = (
            (ordered["value"] - ordered["ci_low"]).to_list(),
            (ordered["ci_high"] - ordered["value"]).to_list(),
        )
        axes.errorbar(
            ordered["unit_id"].to_list(), ordered["value"].to_list(), yerr=[low, high], marker="o", markersize=3,
            capsize=2, label=label(name[0]),
        )  # fmt: skip
    axes.set_xlabel("AIRS of the post: none, then six equal groups")
    axes.set_ylabel("share of replies")
    axes.legend(frameon=False, fontsize=8)


def _replication(axes: Axes, rows: pl.LazyFrame) -> None:
    frame = rows.filter((pl.col("value") > 0) & (pl.col("published_value") > 0)).collect()
    if frame.height == 0:
        _say(axes, "nothing to set side by side")
        return
    axes.scatter(frame["published_value"].to_list(), frame["value"].to_list(), s=12, color=COLOUR)
    both = [*frame["published_value"].to_list(), *frame["value"].to_list()]
    axes.plot([min(both), max(both)], [min(both), max(both)], color="#999999", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("printed")
    axes.set_ylabel("ours")


def _accounting(axes: Axes, rows: pl.LazyFrame) -> None:
    names = ["new", "revised", "repeated", "quarantined"]
    totals = rows.select(pl.col(names).sum()).collect().row(0)
    _bars(axes, names, totals, "rows")


def _windows(axes: Axes, rows: pl.LazyFrame) -> None:
    frame = rows.select("first_at", "last_at", "title").collect()
    first, last = frame["first_at"][0], frame["last_at"][0]
    if first is None:
        _say(axes, "no times")
        return
    axes.barh([0], [(last - first).total_seconds() / 86_400], height=0.3, color=COLOUR)
    axes.set_ylim(-1, 1)
    axes.set_yticks([0], [label(frame["title"][0])])
    axes.set_xlabel(f"days from {first:%Y-%m-%d %H:%M} UTC")


def _regularity(axes: Axes, rows: pl.LazyFrame) -> None:
    """Draw the classes of regularity as bars, with what agents that post at random moments would give."""
    names = {"cov_below_03_share": "< 0.3", "cov_03_05_share": "0.3–0.5", "cov_05_10_share": "0.5–1",
             "cov_10_20_share": "1–2", "cov_above_20_share": "≥ 2"}  # fmt: skip
    frame = rows.filter(
        pl.col("measure_id").is_in(list(names)) & pl.col("null_model").str.starts_with("memoryless")
        & pl.col("value").is_not_null()
    ).collect()  # fmt: skip
    if frame.height == 0:
        _say(axes, "no agent with three posts or more")
        return
    found = {row["measure_id"]: row for row in frame.iter_rows(named=True)}
    for place, name in enumerate(names):
        row = found[name]
        axes.bar(place, row["value"], color=COLOUR, width=0.6)
        if row["ci_low"] is not None:
            axes.plot([place] * 2, [row["ci_low"], row["ci_high"]], color="#1b3a52", linewidth=2)
        axes.plot([place - 0.35, place + 0.35], [row["null_mean"]] * 2, color="#b23a48", linewidth=2)
    axes.set_xticks(range(len(names)), list(names.values()))
    axes.set_xlabel("coefficient of variation of times between posts; red: posting at random moments")
    axes.set_ylabel("share of agents")


_CURVES: dict[str, Callable[[pl.DataFrame], bytes]] = {
    "airs": airs_curve,
    "coordination": share_curve,
    "gender": gender_curve,
    "influence": influence_curve,
    "persona": persona_curve,
    "selection": selection_curve,
    "socialisation": social_curve,
    "token_mint": minting_curve,
}


def _persona(axes: Axes, rows: pl.LazyFrame) -> None:
    """Draw likeness around the highest-voted post, or the measures where there is no such curve."""
    points = rows.filter((pl.col("unit") == "event_offset") & pl.col("value").is_not_null())
    frame = points.with_columns(offset=pl.col("unit_id").cast(pl.Int64)).sort("offset").collect()
    if frame.is_empty():
        _intervals(axes, rows)
        return
    offsets = frame["offset"].to_list()
    axes.fill_between(offsets, frame["ci_low"].to_list(), frame["ci_high"].to_list(), color=LIGHT, alpha=0.5)
    axes.plot(offsets, frame["value"].to_list(), marker="o", color=COLOUR)
    axes.axhline(0, color="#666666", linewidth=0.8)
    axes.set_xlabel("posts from the highest-voted post of the agent")
    axes.set_ylabel("likeness to the description,\nless that around matched places", fontsize=8)


def _gender(axes: Axes, rows: pl.LazyFrame) -> None:
    """Draw how well each scorer tells declared gender, and how much of its variance lies between agents."""
    names = {"gender_auc": "tells declared gender", "gender_icc": "variance between agents", "gender_reliability":
             "reliability of a week", "gender_fluidity_reliability": "reliability of changes"}  # fmt: skip
    frame = rows.filter(
        pl.col("measure_id").is_in(list(names)) & pl.col("value").is_not_null()
    ).sort("measure_id", "unit_id").collect()  # fmt: skip
    if frame.height == 0:
        _say(axes, "no score that could be checked; see the table")
        return
    for position, row in enumerate(frame.iter_rows(named=True)):
        if row["ci_low"] is not None:
            axes.plot([row["ci_low"], row["ci_high"]], [position] * 2, color=LIGHT, linewidth=4)
        if row["null_mean"] is not None:
            axes.plot(row["null_mean"], position, marker="|", color="#b23a48", markersize=10)
        axes.plot(row["value"], position, "o", color=COLOUR, markersize=4)
    labels = [f"{names[row['measure_id']]}: {row['unit_id']}" for row in frame.iter_rows(named=True)]
    axes.set_yticks(range(frame.height), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("value with interval; red: mean under the null")


_DRAWINGS: dict[str, Draw] = {
    "corpus": _windows,
    "run": counts_by("system", "runs"),
    "slice": counts_by("filter", "slices"),
    "source_file": _accounting,
    "quarantine": counts_by("reason", "rows"),
    "agent": histogram("karma", "karma when last seen"),
    "agent_snapshot": over_time("observed_at", "states"),
    "community": histogram("subscribers", "subscribers"),
    "community_snapshot": over_time("observed_at", "states"),
    "membership_event": counts_by("action", "events"),
    "message": over_time("created_at", "messages", split="kind"),
    "message_snapshot": over_time("observed_at", "states"),
    "text": histogram("n_tokens", "tokens per distinct text"),
    "lexicon_score": counts_by("category", "distinct texts"),
    "reply_class": counts_by("class", "comments"),
    "interaction": counts_by("rule", "interactions"),
    "agent_signal": counts_by("owner_tier", "agents"),
    "gender_score": counts_by("scorer", "distinct texts"),
    "copy_tie": histogram("pairs", "pairs of near-duplicates within ten minutes"),
    "measure": _intervals,
    "measure/coordination": _regularity,
    "measure/airs": _airs,
    "measure/persona": _persona,
    "measure/gender": _gender,
    "measure/reply_class": _reply,
    "measure/contagion": draw_shares,
    "estimate/contagion": draw_estimates,
    "estimate/homophily": draw_windows,
    "text_label": counts_by("label", "distinct texts"),
    "published": counts_by("paper", "printed numbers", top=True),
    "measure_dictionary": counts_by("relation", "measures"),
    "replication": _replication,
}
