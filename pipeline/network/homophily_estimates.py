"""Family ``homophily`` of ``analysis.estimate``: assortativity window by window, beside both nulls and a hash.

What belongs here: which panels are read, in weeks or in shorter windows, and the rows. The statistics are those of
`pipeline.network.mixing`; what a row of ``analysis.measure`` says of the same week agrees with it.

No row says why tied agents are alike. A network of interactions is exploratory; the score that is a hash of the
agent is a negative control: it is expected inside its null.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from pipeline.activity.resampling import jackknife_interval
from pipeline.inference.multiplicity import adjust
from pipeline.network.clock import WEEK_HOURS
from pipeline.network.homophily_rows import FEW_EGOS, MIN_EGOS, MIN_TIES, MOST_SELF_TIES
from pipeline.network.interactions import RULES
from pipeline.network.lopsided import lopsided_scores
from pipeline.network.mixing import Mixing, numeric_mixing
from pipeline.network.panel_load import LoadedPanel, PanelReader
from pipeline.network.permutation_moments import Moments
from pipeline.network.short_windows import interaction_hours
from pipeline.network.ties import RELATIONS, tie_event_counts
from pipeline.network.traits import VARIABLES
from pipeline.schema import Estimate, join_warnings

FAMILY, HYPOTHESIS, STATISTIC = "homophily", "homophily_by_window", "assortativity"
NEGATIVE_CONTROL = "gender_placebo"
"""The score that is a hash of the agent."""
NULLS = ("stub_permutation", "label_permutation")
"""Targets permuted over ties (degrees kept); scores permuted over agents (network kept)."""


@dataclass(frozen=True, slots=True)
class _Window:
    """One window of a panel: its first and last instant, warnings of its ties and scores, and what was found."""

    start: datetime
    end: datetime
    words: tuple[str, ...]
    mixing: Mixing


def homophily_estimates(
    con: duckdb.DuckDBPyConnection, *, level: float = 0.95, progress: Callable[[str], None] = lambda _: None
) -> list[Estimate]:
    """Estimate assortativity in each window of each network of a corpus.

    Parameters
    ----------
    con
        Connection with the views that `pipeline.network.panel_load.PanelReader` needs.
    level
        Level of the intervals, a jackknife over egos.
    progress
        Receives short sentences.

    Returns
    -------
    list of Estimate
        Per network, score, window and null model one row: Newman's (2003) assortativity of the scores at both ends
        of the ties that stand in the window. Relations are read by the week, interactions by the week or, in a
        corpus of some days, by the day or the hour. A panel that cannot be read, or has too few ties in every
        window, is one null row that says so.
    """
    weekly, hours = PanelReader(con), interaction_hours(con)
    short = weekly if hours == WEEK_HOURS else PanelReader(con, hours)
    relations = [name for name in RELATIONS if name == "follow" or tie_event_counts(con, name).events]
    rules = [name for name in short.networks() if name in RULES]
    rows: list[Estimate] = []
    for source, networks in ((weekly, relations), (short, rules)):
        for network in networks:
            for variable in source.variables() or VARIABLES:
                progress(f"homophily of {network} by {variable}")
                rows += panel_rows(source.panel(network, variable), level)
    return adjust(rows)


def panel_rows(loaded: LoadedPanel, level: float) -> list[Estimate]:
    """Return the rows of one network and score; p-values are not adjusted yet.

    Parameters
    ----------
    loaded
        The panel, or why there is none.
    level
        Level of the intervals.
    """
    if loaded.panel is None:
        words = loaded.warnings or ("no_ties",)
        return [_null_row(loaded, loaded.n_ties, words, f"{loaded.n_ties} ties of any time")]
    windows = list(_windows(loaded))
    if max(window.mixing.ties for window in windows) < MIN_TIES:
        most = max(window.mixing.ties for window in windows)
        said = f"at most {most} ties with both scores in a window; {MIN_TIES} are needed"
        return [_null_row(loaded, most, (*loaded.warnings, "few_ties"), said)]
    return [row for window in windows for row in _window_rows(loaded, window, level)]


def _windows(loaded: LoadedPanel) -> Iterator[_Window]:
    panel = loaded.panel
    if panel is None:
        return
    for column, week in enumerate(panel.weeks):
        snapshot, scores = panel.ties.at(week), panel.scores[:, column]
        mixing = numeric_mixing(snapshot, scores)[STATISTIC]
        words = lopsided_scores(snapshot, scores) if mixing.ties >= MIN_TIES else ("few_ties",)
        yield _Window(loaded.window_start(column), loaded.window_start(column + 1), tuple(words), mixing)


def _window_rows(loaded: LoadedPanel, window: _Window, level: float) -> list[Estimate]:
    mixing = window.mixing
    words = [*loaded.warnings, *window.words]
    base = replace(
        _row(loaded, NULLS[0], f"{window.start:%Y-%m-%dT%H}"),
        n_obs=mixing.ties, n_agents=mixing.agents, n_clusters=mixing.egos, cluster="ego",
        window_start=window.start, window_end=window.end, warnings=join_warnings(words),
    )  # fmt: skip
    if mixing.ties < MIN_TIES:
        return [base]
    if not math.isfinite(mixing.value):
        return [replace(base, warnings=join_warnings([*words, "no_variation"]))]
    words += ["few_clusters"] if mixing.egos < FEW_EGOS else []
    measured = replace(base, estimate=mixing.value, warnings=join_warnings(words))
    if mixing.egos >= MIN_EGOS:
        found = jackknife_interval(mixing.value, mixing.left_out, level=level, method="jackknife_egos", bounds=(-1, 1))
        measured = replace(measured, conf_low=found.low, conf_high=found.high)
        if found.low is not None:
            measured = replace(measured, conf_level=level)
    stub = measured
    if mixing.self_ties > MOST_SELF_TIES:
        stub = replace(measured, warnings=join_warnings([*words, "self_ties_in_null"]))
    stub_distance, label_distance = mixing.distances
    return [
        _beside(stub, loaded, NULLS[0], mixing.stub, stub_distance),
        _beside(measured, loaded, NULLS[1], mixing.label, label_distance),
    ]


def _beside(row: Estimate, loaded: LoadedPanel, null: str, moments: Moments, distance: float) -> Estimate:
    """Set an estimate against the exact moments of a null; two-sided p of the normal distribution."""
    named = _row(loaded, null, f"{row.window_start:%Y-%m-%dT%H}")
    row = replace(row, spec_id=named.spec_id, model=named.model, estimand=named.estimand)
    if math.isfinite(moments.mean):
        row = replace(row, null_mean=moments.mean)
    if not (moments.sd > 0 and math.isfinite(distance)):
        return row
    p_value = math.erfc(abs(distance) / math.sqrt(2))
    return replace(row, null_sd=moments.sd, statistic=distance, p_value=p_value)


def _null_row(loaded: LoadedPanel, n: int, words: Sequence[str], said: str) -> Estimate:
    row = _row(loaded, NULLS[0], "all")
    return replace(row, n_obs=0, n_events=n, sampling=f"No number: {said}.", warnings=join_warnings(words))


def _row(loaded: LoadedPanel, null: str, window: str) -> Estimate:
    """Return a row without a number."""
    parts = (STATISTIC, null, loaded.network, loaded.variable, str(loaded.hours), window)
    role = "exploratory" if loaded.is_derived else "robustness"
    role = "negative_control" if loaded.variable == NEGATIVE_CONTROL else role
    unit = "" if loaded.hours == WEEK_HOURS else f"; windows of {loaded.hours} h for weeks"
    return Estimate(
        spec_id=hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12],
        family=FAMILY, hypothesis_id=HYPOTHESIS, role=role,
        estimand=f"correlation of the scores at both ends of ties, against {null.replace('_', ' ')}{unit}",
        model=f"{STATISTIC} of {loaded.variable}; null: {null}", estimator=STATISTIC, outcome=loaded.network,
        term=f"{STATISTIC}_{loaded.variable}", estimate=None, n_obs=0,
    )  # fmt: skip
