"""Family ``homophily`` of ``analysis.estimate``: assortativity window by window, beside both nulls and a hash.

What belongs here: which panels are read, in weeks or in shorter windows, and the rows. The statistics are those of
`pipeline.network.mixing`; what a row of ``analysis.measure`` says of the same week agrees with it.

No row says why tied agents are alike. A network of interactions is exploratory; the score that is a hash of the
agent is a negative control: it is expected inside its null.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from pipeline.inference.multiplicity import adjust
from pipeline.network.clock import WEEK_HOURS
from pipeline.network.homophily_rows import MIN_TIES, Place, mixing_rows
from pipeline.network.lopsided import lopsided_scores
from pipeline.network.mixing import Mixing, numeric_mixing
from pipeline.network.panel_load import LoadedPanel
from pipeline.network.short_windows import panel_readers
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
    rows: list[Estimate] = []
    for source, networks in panel_readers(con):
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
        words = lopsided_scores(snapshot, scores) if mixing.ties >= MIN_TIES else ()
        yield _Window(loaded.window_start(column), loaded.window_start(column + 1), tuple(words), mixing)


def _window_rows(loaded: LoadedPanel, window: _Window, level: float) -> list[Estimate]:
    """Return what `mixing_rows` says of a window, one row per null, or a single one without a number."""
    mixing = window.mixing
    place = Place("network", loaded.network, "week", window.start, (*loaded.warnings, *window.words))
    return [
        replace(
            _row(loaded, found.null_model or NULLS[0], f"{window.start:%Y-%m-%dT%H}"),
            estimate=found.value, conf_low=found.ci_low, conf_high=found.ci_high, conf_level=found.ci_level,
            null_mean=found.null_mean, null_sd=found.null_sd, p_value=found.p_value,
            statistic=None if found.p_value is None else distance,
            n_obs=mixing.ties, n_agents=mixing.agents, n_clusters=mixing.egos, cluster="ego",
            window_start=window.start, window_end=window.end, warnings=found.warnings,
        )
        for found, distance in zip(
            mixing_rows(f"{STATISTIC}_{loaded.variable}", mixing, place, level), mixing.distances, strict=False
        )
    ]  # fmt: skip


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
