"""Family ``selection``: every specification of the grid on every network with every score of a corpus.

What belongs here: which panels are read, their roles, and the rows of ``analysis.estimate``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import duckdb

from pipeline.inference.beside import beside_placebos
from pipeline.inference.multiplicity import adjust
from pipeline.inference.result import Fit
from pipeline.network.clock import WEEK_HOURS
from pipeline.network.panel_load import LoadedPanel
from pipeline.network.short_windows import panel_readers
from pipeline.network.traits import VARIABLES
from pipeline.schema import Estimate, join_warnings
from pipeline.selection.grid import CLUSTERS, ESTIMATORS, SelectionSpecification, digest, load_selection_grid
from pipeline.selection.panel_fits import Limits, PanelFit, PanelFits, RowStore
from pipeline.selection.placebos import VERDICTS
from pipeline.selection.terms import TERMS

FAMILY = "selection"
NEGATIVE_CONTROL = "gender_placebo"
"""The score that is a hash of the agent: its rows are negative controls."""
EMPTY = ("shuffled_agents", "hash_score")
"""Placebos that must be empty; scores shuffled over the weeks of an agent need not."""
EXPLORATORY = Limits(events=10_000, open_events=5_000)
"""Rows at most on networks of interactions."""
SENTENCES = {
    "few_events": "No number: too few new ties, or ties that end, between agents with scores for so many terms.",
    "few_weeks": "No number: events in fewer than 3 weeks.",
    "few_agents": "No number: fewer than 20 agents form ties.",
    "no_variation": "No number: the score, or the term, is the same for all.",
    "separation": "No number: a term tells events from the others without error.",
    "singular_terms": "No number: terms add up to one another.",
    "not_converged": "No number: the optimiser did not converge.",
    "few_clusters": "No number: too few agents for errors of this kind.",
    "no_halves": "No number: no messages to halve, so no reliability.",
    "unreliable_score": "No number: the score is mostly error.",
    "time_too_coarse": "No number: times do not tell the weeks of ties or messages.",
    "clock_is_step": "No number: the corpus counts steps, not weeks.",
    "no_times": "No number: no times.",
    "no_ties": "No number: no tie whose weeks are known.",
    "no_agent_scores": "No number: no agent has a score in a week with ties.",
}


def selection_estimates(
    con: duckdb.DuckDBPyConnection,
    *,
    seed: int,
    level: float = 0.95,
    limits: Limits | None = None,
    grid: Sequence[SelectionSpecification] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Estimate]:
    """Estimate selection in a corpus.

    Parameters
    ----------
    con
        Connection with the views that `pipeline.network.panel_load.PanelReader` needs.
    seed
        Of sampling and placebos.
    level
        Level of the intervals.
    limits
        Rows at most; more are sampled by hash.
    grid
        Specifications; those of the grid file by default.
    progress
        Receives short sentences.

    Returns
    -------
    list of Estimate
        One row per network, score, specification and window. Where a network cannot be read, or a score is missing,
        one null row per primary specification. Networks of interactions are exploratory: reading a thread is no
        choice of an alter alone, and ties of a window end by themselves.
    """
    specs = tuple(load_selection_grid() if grid is None else grid)
    rows: list[Estimate] = []
    for source, networks in panel_readers(con):
        for network in networks:
            store = RowStore(seed)
            for variable in source.variables() or VARIABLES:
                progress(f"selection in {network} by {variable}")
                rows += panel_rows(source.panel(network, variable), specs, store, seed, level, limits)
    return adjust(rows)


def panel_rows(
    loaded: LoadedPanel,
    specs: Sequence[SelectionSpecification],
    store: RowStore,
    seed: int,
    level: float,
    limits: Limits | None = None,
) -> list[Estimate]:
    """Return the rows of one network and score; p-values are not adjusted yet.

    Parameters
    ----------
    loaded
        The panel, or why there is none.
    specs
        Specifications; those that do not go with the panel are left out.
    store
        Rows of the network, which its other scores share.
    seed, level, limits
        As for `selection_estimates`.
    """
    chosen = {spec.spec_id: spec for spec in specs if _applies(spec, loaded)}
    if loaded.panel is None:
        base = Fit(n_obs=0, n_agents=0, n_events=loaded.n_ties, sampling=f"{loaded.n_ties} ties of any time")
        word = next((word for word in loaded.warnings if word in SENTENCES), "no_ties")
        null = replace(base, warnings=(word,))
        primary = [spec for spec in chosen.values() if spec.role == "primary"]
        return [_row(loaded, PanelFit(spec, null, (0, 0)), level) for spec in primary]
    name = f"{loaded.network} {loaded.variable}"
    limits = limits or (EXPLORATORY if loaded.is_derived else Limits())
    fits = PanelFits(loaded.panel, store, seed=seed, level=level, name=name, limits=limits)
    found = list(fits.all(chosen))
    rows, must_be_empty = [_row(loaded, fit, level) for fit in found], [fit.spec.score in EMPTY for fit in found]
    return beside_placebos(rows, [(fit.spec.is_choice, fit.columns) for fit in found], must_be_empty, level)


def _applies(spec: SelectionSpecification, loaded: LoadedPanel) -> bool:
    if loaded.variable == NEGATIVE_CONTROL:
        return spec.role == "primary" and (spec.interactions or not loaded.is_derived)
    return spec.interactions or not loaded.is_derived


def _role(spec: SelectionSpecification, loaded: LoadedPanel) -> str:
    if loaded.variable == NEGATIVE_CONTROL:
        return "negative_control"
    return "exploratory" if loaded.is_derived and spec.role in ("primary", "robustness") else spec.role


def estimand(spec: SelectionSpecification) -> str:
    """Say in words what a specification estimates, and of a placebo what it means when it fails."""
    what = ESTIMATORS[spec.estimator]
    if spec.term != "similarity":
        what = f"how the weight of similarity changes with {TERMS[spec.term].split(' · ')[1]} ({what})"
    if spec.role == "naive":
        what += "; nothing held fixed, not evidence"
    return what if spec.score == "observed" else f"{what}; placebo, {VERDICTS[spec.score]}"


def _row(loaded: LoadedPanel, found: PanelFit, level: float) -> Estimate:
    spec, fit, scale = found.spec, found.fit, found.scale
    first, last = found.columns
    window = f"{first}-{last}" if spec.window else "all"
    start, end = _window(loaded, first, last)
    words = [*fit.warnings, *loaded.warnings, *(["not_evidence"] if spec.role == "naive" else [])]
    said = next((SENTENCES[word] for word in fit.warnings if fit.estimate is None and word in SENTENCES), None)
    unit = "" if loaded.hours == WEEK_HOURS else f"; windows of {loaded.hours} h for weeks"
    return Estimate(
        spec_id=row_id(spec, loaded.network, loaded.variable, loaded.hours, window),
        family=FAMILY, hypothesis_id=spec.hypothesis, role=_role(spec, loaded), estimand=estimand(spec) + unit,
        model=f"{spec.formula}; y = {loaded.variable} in SD", estimator=spec.estimator, outcome=loaded.network,
        term=f"{spec.term}_{loaded.variable}", estimate=fit.estimate, std_error=fit.std_error, statistic=fit.statistic,
        df=fit.df, p_value=fit.p_value, conf_low=fit.conf_low, conf_high=fit.conf_high,
        conf_level=None if fit.conf_low is None else level, n_obs=fit.n_obs, n_agents=fit.n_agents,
        n_clusters=fit.n_clusters, n_events=fit.n_events, cluster=CLUSTERS[spec.covariance],
        fe="choice" if spec.is_choice else ("week" if spec.by_week else None),
        sampling=". ".join(part for part in (fit.sampling, said) if part) or None, window_start=start, window_end=end,
        common_scale=None if scale is None else scale.value,
        common_scale_low=None if scale is None else scale.low,
        common_scale_high=None if scale is None else scale.high,
        converged=fit.converged, warnings=join_warnings(words),
    )  # fmt: skip


def row_id(spec: SelectionSpecification, network: str, variable: str, hours: int, window: str = "all") -> str:
    """Return the id of a specification on a network, with a score, in windows of some hours."""
    return digest(spec.spec_id, network, variable, str(hours), window)


def _window(loaded: LoadedPanel, first: int, last: int) -> tuple[datetime | None, datetime | None]:
    if loaded.panel is None:
        return None, None
    return loaded.window_start(first), loaded.window_start(last + 1)
