"""The section on selection: whom agents choose by likeness of scores, over time, with placebos and their verdicts."""

from __future__ import annotations

import polars as pl

from pipeline.network.interactions import RULES
from pipeline.network.ties import RELATIONS
from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells
from pipeline.report.html.charts import Line, line_chart
from pipeline.report.html.markup import Html, tag
from pipeline.report.html.page import Section, empty, figure, more, table
from pipeline.report.html.source import Row, Source
from pipeline.selection.placebos import VERDICTS

_SIZE = (430.0, 210.0)
_ROLES = ("placebo", "negative_control")
_LEVEL = 0.05


def selection(source: Source) -> Section:
    """Return the section on the choice of alters and on the ties that last."""
    title = "Selection: whom agents choose, and which ties last"
    frame = source.estimates("selection")
    if frame.height == 0:
        return Section("selection", title, [empty("No estimate of selection is in the tables for this corpus.")])
    lead = tag(
        "p",
        "Each new tie is set beside ties that its ego could have formed in the same week. The estimate is the change "
        "of the log odds of being chosen per standard deviation by which the alter's score is nearer to the ego's, "
        "reciprocity, shared neighbours, popularity, the alter's score and its group held fixed. What draws agents "
        "together and also makes them score alike, and is in no control, looks like selection.",
    )
    blocks: list[object] = [lead]
    drawings = [drawn for drawn in _paths(frame) if drawn is not None]
    if drawings:
        blocks.append(tag("div", *drawings, class_="grid"))
    else:
        blocks.append(empty("No path over time: too few weeks, or too few new ties in them."))
    blocks.append(_verdicts(frame))
    whole = frame.filter(pl.col("hypothesis_id") != "formation_by_window")
    first = whole.filter(pl.col("role").is_in(["primary", "exploratory"])).sort("outcome", "hypothesis_id", "term")
    rest = frame.join(first, on="spec_id", how="anti").sort("outcome", "term", "role", "model", "window_start")
    if first.height:
        blocks.append(_table(source, "Whom agents choose, and which ties last", first))
    if rest.height:
        made = _table(source, "Other specifications, placebos and windows", rest)
        blocks.append(more(f"{rest.height:,} further rows: other specifications, placebos and windows", made))
    return Section("selection", title, blocks)


def _table(source: Source, caption: str, frame: pl.DataFrame) -> Html:
    cells = [_cells(source, row) for row in frame.iter_rows(named=True)]
    return table(caption, ESTIMATE_COLUMNS, cells)


def _cells(source: Source, row: Row) -> list[object]:
    """Return the cells of an estimate, its network before what is estimated."""
    first, *others = estimate_cells(source, row)
    network = str(row["outcome"]) if row["outcome"] in (*RELATIONS, *RULES) else ""
    return [tag("span", tag("b", network.replace("_", " ")), ": ", first), *others]


def _paths(frame: pl.DataFrame) -> list[Html | None]:
    rolling = frame.filter((pl.col("hypothesis_id") == "formation_by_window") & pl.col("window_start").is_not_null())
    pairs = rolling.select("outcome", "term").unique().sort("outcome", "term")
    return [_path(rolling, *pair) for pair in pairs.iter_rows()]


def _path(rolling: pl.DataFrame, network: str, term: str) -> Html | None:
    part = rolling.filter((pl.col("outcome") == network) & (pl.col("term") == term)).sort("window_start")
    lines = []
    for name, role, style in (
        ("observed", "robustness", "s-a"),
        ("shuffled within group and week", "placebo", "s-null"),
    ):
        rows = part.filter(pl.col("role") == role)
        if rows["estimate"].is_not_null().any():
            x, y, low, high = (rows[c].to_list() for c in ("window_start", "estimate", "conf_low", "conf_high"))
            lines.append(Line(name, x, y, style, low, high))
    if not lines:
        return None
    score = term.removeprefix("similarity_").replace("_", " ")
    about = (
        "Log odds of being chosen per standard deviation nearer in score, in rolling windows of weeks drawn at their "
        "first week, with intervals; the same for shuffled scores."
    )
    title = f"{network}: {score}"
    return figure(line_chart(title, about, lines, size=_SIZE, has_dots=True, is_titled=True), about)


def _verdicts(frame: pl.DataFrame) -> Html:
    """Say how many placebos are away from zero, and what that means; a share of 5 % is by chance."""
    known = frame.filter(pl.col("role").is_in(_ROLES) & pl.col("p_value").is_not_null())
    lines = []
    for kind, meaning in VERDICTS.items():
        rows = known.filter(pl.col("estimand").str.contains(meaning, literal=True))
        if rows.height:
            n_away = int((rows["p_value"] < _LEVEL).sum())
            lines.append(
                tag("li", tag("b", kind.replace("_", " ")), f": {n_away} of {rows.height} are away from zero at 5 %. "
                    f"{meaning[0].upper()}{meaning[1:]}.")
            )  # fmt: skip
    control = known.filter(pl.col("term").str.ends_with("gender_placebo"))
    if control.height:
        n_away = int((control["p_value"] < _LEVEL).sum())
        lines.append(
            tag("li", tag("b", "gender placebo"), f": {n_away} of {control.height} are away from zero at 5 %. A hash "
                "of the agent's id, that nobody can see: away from zero, the model makes selection out of structure.")
        )  # fmt: skip
    return tag("ul", *lines) if lines else empty("No placebo could be computed.")
