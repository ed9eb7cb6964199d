"""The section on why homophily changes: the account of each week, and shares of selection, influence, structure."""

from __future__ import annotations

import polars as pl

from pipeline.report.html.cells import ESTIMATE_COLUMNS, estimate_cells, measure_table, refused
from pipeline.report.html.charts import Interval, interval_chart
from pipeline.report.html.markup import Html, corpus_text, join, tag
from pipeline.report.html.page import Section, all_of, empty, figure, more, table
from pipeline.report.html.source import Source
from pipeline.report.html.stacked import Part, stacked_chart

_TITLE = "What changes homophily"
_PREFIX = "homophily_change_"
_PARTS = (
    ("new_ties", "new ties", "s-a"),
    ("lost_ties", "ties that ended", "s-b"),
    ("behaviour", "scores that moved", "s-c"),
    ("entering", "agents that entered", "s-d"),
    ("leaving", "agents that left", "s-e"),
)
_SHARES = ("selection", "influence", "structure", "inertia", "whole")
_STYLES = {"selection": "s-a", "influence": "s-c", "structure": "s-b", "inertia": "s-null", "whole": "s-soft"}
_SCORES = ("log_length", "gender_model", "gender_axis", "gender_lexicon")
_MOST_DRAWN = 3
_ACCOUNT = (
    "The account adds up exactly and explains nothing: ties among the alike show as new ties, and what scores did on "
    "standing ties holds influence, shocks that both felt, and the return of agents to their own level alike."
)
_ASSUMED = (
    "The shares come from a model that was fitted to choices of alters, ends of ties and scores, and run forward with "
    "each part switched on and off. They assume that the same weights hold for all agents and weeks, that a score "
    "depends on one week before, that nobody enters or leaves, that scores hold no error, and that no hidden likeness "
    "draws agents together and moves their scores (ties and scores alone cannot rule that out: Shalizi & Thomas 2011). "
    "Read selection and influence beside their placebos in their own sections."
)


def decomposition(source: Source) -> Section:
    """Return the section on the account of homophily and on its shares."""
    frame = source.measures("decomposition").filter(pl.col("slice_id") == "all")
    estimates = source.estimates("decomposition")
    if frame.height == 0 and estimates.height == 0:
        return Section("decomposition", _TITLE, [empty("No account of homophily is in the tables for this corpus.")])
    blocks: list[object] = [tag("p", _ACCOUNT)]
    drawn = [made for unit in _units(frame) if (made := _account(frame, unit)) is not None][:_MOST_DRAWN]
    blocks += drawn or [empty("No two weeks have enough ties between agents with scores.")]
    blocks.append(refused(source, frame.iter_rows(named=True)))
    whole = frame.filter((pl.col("period") == "all") & pl.col("value").is_not_null()).sort("unit_id", "measure_id")
    if whole.height:
        caption = "The account of the whole span, in standard deviations of the score"
        rows = whole.to_dicts()
        heads = [join((source.title(str(r["measure_id"])), ": ", corpus_text(r["unit_id"], 60))) for r in rows]
        blocks.append(more(caption, measure_table(source, caption, rows, heads)))
    return Section("decomposition", _TITLE, [*blocks, *_shares(source, estimates)])


def _units(frame: pl.DataFrame) -> list[str]:
    """Return the networks and scores with values by week, those that are modelled first."""
    known = frame.filter((pl.col("period") == "week") & pl.col("value").is_not_null())["unit_id"].unique().to_list()
    order = {name: place for place, name in enumerate(_SCORES)}
    return sorted(map(str, known), key=lambda unit: (order.get(unit.partition("/")[2], len(order)), unit))


def _account(frame: pl.DataFrame, unit: str) -> Html | None:
    timed = frame.filter(
        (pl.col("unit_id") == unit) & (pl.col("period") == "week") & pl.col("period_start").is_not_null()
    )
    periods = timed["period_start"].unique().sort().to_list()
    if len(periods) < 2:
        return None
    found = {(row["measure_id"], row["period_start"]): row["value"] for row in timed.iter_rows(named=True)}
    parts = [
        Part(label, style, [found.get((f"{_PREFIX}{name}", period)) for period in periods])
        for name, label, style in _PARTS
    ]
    total = [found.get(("homophily_change", period)) for period in periods]
    network, _, score = unit.partition("/")
    about = (
        f"Change of the excess similarity of tied agents ({network}, {score}) against the week before, in standard "
        "deviations of the score, by what made it. The line across a bar is the sum."
    )
    return figure(stacked_chart(f"Account of homophily, {network}, {score}", about, periods, parts, total), about)


def _shares(source: Source, estimates: pl.DataFrame) -> list[Html]:
    if estimates.height == 0:
        return []
    blocks = [tag("h3", "How much selection, influence and structure make"), tag("p", _ASSUMED)]
    bars = _bars(estimates.filter(pl.col("estimate").is_not_null()))
    if bars:
        about = (
            "Homophily (assortativity) after the weeks of the run, from ties at random with the degrees of the first "
            "week: what each part adds, averaged over all orders of adding, with intervals. The four parts add up to "
            "the whole."
        )
        blocks.append(figure(interval_chart("Shares of homophily", about, bars, reference=0.0), about))
    else:
        blocks.append(empty("The process could not be fitted; the rows say why."))
    cells = [estimate_cells(source, row) for row in estimates.sort("role", "outcome", "term").iter_rows(named=True)]
    made = table("Shares, and effects per week and tie", ESTIMATE_COLUMNS, cells)
    return [*blocks, more(all_of(len(cells), "rows"), made)]


def _bars(estimates: pl.DataFrame) -> list[Interval]:
    """Return the shares by assortativity from a random start, of one network and score after the other."""
    kept = estimates.filter(
        (pl.col("hypothesis_id") == "shares") & pl.col("estimand").str.contains("assortativity", literal=True)
        & pl.col("estimand").str.contains("at random", literal=True)
    )  # fmt: skip
    bars = []
    for network in kept["outcome"].unique().sort().to_list():
        for score in _SCORES:
            for share in _SHARES:
                for row in kept.filter(
                    (pl.col("outcome") == network) & (pl.col("term") == f"{share}_{score}")
                ).iter_rows(named=True):
                    name = f"{network}, {score}: {share}"
                    bars.append(
                        Interval(name, row["estimate"], row["conf_low"], row["conf_high"], style=_STYLES[share])
                    )
    return bars
