"""Family ``influence``: every specification of the grid on the networks and scores of a corpus.

What belongs here: which panels are read, the roles of their rows, and the rows of ``analysis.estimate``. The headline
has all specifications and rolling windows, every other network and score a few; networks of interactions are
exploratory, since who is answered is no lasting tie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from pipeline.decomposition.scale import NO_SCALE, Scale, influence_scale
from pipeline.inference.beside import beside_placebos
from pipeline.inference.multiplicity import adjust
from pipeline.inference.result import Fit
from pipeline.influence.communities import Communities
from pipeline.influence.contrasts import fit_specification
from pipeline.influence.placebos import FUTURE_TIES, HASH_SCORE, PLACEBOS, verdict
from pipeline.influence.problem import Problem
from pipeline.influence.specification import ESTIMATORS, LEVEL_TERMS, InfluenceGrid, InfluenceSpecification
from pipeline.network.clock import WEEK_HOURS
from pipeline.network.panel_load import LoadedPanel, PanelReader
from pipeline.network.reliability import split_half
from pipeline.network.short_windows import panel_readers
from pipeline.schema import Estimate, join_warnings

FAMILY = "influence"
NEGATIVE_CONTROL = "gender_placebo"
"""A number per agent that never changes: there is nothing to influence, and its rows say so."""
MOST_TIE_WEEKS = 5_000_000
"""Ties times weeks above which the common scale is left out."""
ATTENUATED = 0.9
"""Reliability below which an estimate that is not corrected is said to be drawn to zero."""
SENTENCES = {
    "few_agents": "No number: fewer than 20 agents with rows enough.",
    "few_weeks": "No number: too few consecutive weeks with scores.",
    "few_ties": "No number: too few ties, or too few that form.",
    "no_variation": "No number: the score is the same for all, or never changes.",
    "singular_terms": "No number: a term never changes within an agent, or terms add up to one another.",
    "weak_instruments": "No number: the week before hardly tells what comes.",
    "few_clusters": "No number: fewer than 10 clusters.",
    "no_halves": "No number: no messages to halve, so no reliability.",
    "no_groups": "No number: agents are in no known groups.",
    "no_latent_communities": "No number: the network is one community, or none.",
    "time_too_coarse": "No number: times do not tell the weeks of ties or messages.",
    "clock_is_step": "No number: the corpus counts steps, not weeks.",
    "no_times": "No number: no times.",
    "no_ties": "No number: no tie whose weeks are known.",
    "no_agent_scores": "No number: no agent has a score in two weeks with ties.",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What all rows of a corpus share: seed, level, and communities that were found."""

    seed: int
    level: float
    shared: dict[tuple[int, int, int], Communities]


def influence_estimates(
    con: duckdb.DuckDBPyConnection,
    grid: InfluenceGrid,
    *,
    seed: int,
    level: float = 0.95,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Estimate]:
    """Estimate influence in a corpus.

    Parameters
    ----------
    con
        Connection with the views that `pipeline.network.panel_load.PanelReader` needs.
    grid
        What is run, from `pipeline.influence.specification.load_influence_grid`.
    seed, level
        Of placebos, communities and added errors; of the intervals.
    progress
        Receives short sentences.

    Returns
    -------
    list of Estimate
        One row per network, score, specification and window, estimates in standard deviations of the score per
        standard deviation. What the data do not allow is a row with a null estimate, its reason in `warnings`, and a
        sentence in `sampling`. `window_start` and `window_end` are the ends of the weeks that were used.
    """
    setting = Setting(seed, level, {})
    rows: list[Estimate] = []
    for source, networks in panel_readers(con, grid.hours):
        variables = source.variables() or list(grid.variables[:1])
        headline = headline_score(source, grid) if grid.network in networks else None
        for network in networks:
            for variable in variables:
                progress(f"influence in {network} by {variable}")
                is_headline = network == grid.network and variable in (headline, *grid.also)
                rows += panel_rows(source.panel(network, variable), grid, setting, is_headline=is_headline)
    return adjust(rows)


def headline_score(reader: PanelReader, grid: InfluenceGrid) -> str | None:
    """Return the first score of the grid whose panel can be asked, else the first that the corpus has, if any."""
    names = [name for name in grid.variables if name in reader.variables()]
    for name in names:
        panel = reader.panel(grid.network, name).panel
        if panel is not None and not Problem.of(panel).refusals():
            return name
    return names[0] if names else None


def panel_rows(loaded: LoadedPanel, grid: InfluenceGrid, setting: Setting, *, is_headline: bool) -> list[Estimate]:
    """Return the rows of one network and score.

    Parameters
    ----------
    loaded
        The panel, or why there is none.
    grid, setting
        What is run, and what all rows share.
    is_headline
        Whether all specifications are run, or a few.
    """
    specs = grid.full if is_headline else grid.brief
    if loaded.panel is None:
        word = next((word for word in loaded.warnings if word in SENTENCES), "no_ties")
        null = Fit(n_obs=0, n_agents=0, sampling=f"{loaded.n_ties} ties of any time", warnings=(word,))
        return [_row(loaded, specs[0], null, (0, 0), setting, NO_SCALE)]
    problem = Problem.of(loaded.panel, setting.seed, setting.shared)
    whole = (0, problem.panel.n_weeks)
    if words := problem.refusals():
        null = Fit(n_obs=0, n_agents=problem.panel.n_agents, warnings=words)
        return [_row(loaded, specs[0], null, whole, setting, NO_SCALE)]
    rows, noisy = [], _is_noisy(loaded)
    used = specs[:1] if loaded.variable == NEGATIVE_CONTROL else specs
    for spec in used:
        fit = fit_specification(problem, spec, setting.level)
        rows.append(_row(loaded, spec, fit, whole, setting, _scale(problem, spec, fit, setting), is_noisy=noisy))
    rows = beside_placebos(rows, [_is_spread(spec) for spec in used], [_is_empty(spec) for spec in used], setting.level)
    return [*rows, *(rolling_rows(loaded, problem, grid, setting) if is_headline else [])]


def rolling_rows(loaded: LoadedPanel, problem: Problem, grid: InfluenceGrid, setting: Setting) -> list[Estimate]:
    """Return the rows of the windows of the grid, scores standardised over the whole panel."""
    length, step = grid.windows.length, grid.windows.step
    rows = []
    for start in range(0, problem.panel.n_weeks - length + 1, step):
        part = problem.of_weeks(start, start + length)
        found = [
            _row(loaded, spec, fit_specification(part, spec, setting.level), (start, start + length), setting, NO_SCALE,
                 is_window=True)
            for spec in grid.rolling
        ]  # fmt: skip
        empty = [_is_empty(spec) for spec in grid.rolling]
        rows += beside_placebos(found, [_is_spread(spec) for spec in grid.rolling], empty, setting.level)
    return rows


def _is_empty(spec: InfluenceSpecification) -> bool:
    """Whether a specification is a placebo that must be empty, or the test of second-order correlation."""
    return spec.placebo in (*PLACEBOS, HASH_SCORE) or spec.estimator == "second_order_test"


def _is_spread(spec: InfluenceSpecification) -> bool:
    """Whether a specification is of influence, or a placebo of it; ties of later weeks are of selection."""
    return spec.placebo != FUTURE_TIES


def _scale(problem: Problem, spec: InfluenceSpecification, fit: Fit, setting: Setting) -> Scale:
    """Return influence as excess similarity per week and tie (STATISTICS 2.5), of the primary estimate."""
    is_asked = spec.estimator == "fod_iv" and not spec.placebo and spec.role == "primary"
    tie_weeks = int(problem.exposure.alters.sum(dtype="int64"))
    if not is_asked or fit.estimate is None or fit.std_error is None or tie_weeks > MOST_TIE_WEEKS:
        return NO_SCALE
    return influence_scale(problem.panel, fit.estimate, fit.std_error, setting.level, setting.seed).netted


def role(spec: InfluenceSpecification, loaded: LoadedPanel) -> str:
    """Return the role of a row: what networks of interactions say is exploratory, a hash is a negative control."""
    if loaded.variable == NEGATIVE_CONTROL:
        return "negative_control"
    return "exploratory" if loaded.is_derived and spec.role in ("primary", "robustness") else spec.role


def estimand(spec: InfluenceSpecification, fit: Fit, level: float) -> str:
    """Say in words what a row estimates; of a placebo, what its result means."""
    how = ESTIMATORS[spec.estimator]
    if spec.estimator == "second_order_test":
        return f"{how}; {verdict('serial_correlation', fit, level)}"
    if spec.placebo in (*PLACEBOS, HASH_SCORE):
        return f"placebo, {spec.placebo.replace('_', ' ')} ({how}); {verdict(spec.placebo, fit, level)}"
    if spec.placebo == FUTURE_TIES:
        return f"diagnostic of selection, ties of later weeks ({how}); {verdict(spec.placebo, fit, level)}"
    if spec.estimator in LEVEL_TERMS:
        return f"change with the exposure of the week before, per SD ({how}); not evidence"
    what = f"share of the gap to the alters that closes in a week ({how})"
    return f"{what}; not evidence" if spec.role == "naive" else what


def _row(
    loaded: LoadedPanel,
    spec: InfluenceSpecification,
    fit: Fit,
    columns: tuple[int, int],
    setting: Setting,
    scale: Scale,
    *,
    is_window: bool = False,
    is_noisy: bool = False,
) -> Estimate:
    level, is_known = setting.level, loaded.panel is not None
    words = [*fit.warnings, *loaded.warnings, *(["not_evidence"] if spec.role == "naive" else [])]
    words += ["attenuated"] if is_noisy and fit.estimate is not None and spec.estimator == "fod_iv" else []
    said = next((SENTENCES[word] for word in fit.warnings if fit.estimate is None and word in SENTENCES), None)
    unit = "" if loaded.hours == WEEK_HOURS else f"; windows of {loaded.hours} h for weeks"
    instruments = {
        "fod_iv": "levels of the week before", "fod_iv_simex": "levels of the week before",
        "fod_iv_lag2": "levels of two weeks before", "fod_iv_halves": "levels of the other half of the messages",
        "two_way_iv": "scores of the alters of alters two weeks before",
    }.get(spec.estimator)  # fmt: skip
    window = f"{columns[0]}-{columns[1]}" if is_window else ""
    return Estimate(
        spec_id=spec.spec_id(loaded.network, loaded.variable, loaded.hours, window),
        family=FAMILY, hypothesis_id=spec.hypothesis, role=role(spec, loaded),
        estimand=estimand(spec, fit, level) + unit, model=f"{spec.formula}; y = {loaded.variable} in SD",
        estimator=spec.estimator, outcome=loaded.variable, term=f"{spec.term}_{loaded.network}",
        estimate=fit.estimate, std_error=fit.std_error, statistic=fit.statistic, df=fit.df, p_value=fit.p_value,
        conf_low=fit.conf_low, conf_high=fit.conf_high, conf_level=None if fit.conf_low is None else level,
        n_obs=fit.n_obs, n_agents=fit.n_agents, n_clusters=fit.n_clusters, cluster=spec.cluster,
        fe=spec.formula.split(" | ")[1], instruments=instruments,
        sampling=". ".join(part for part in (fit.sampling, said) if part) or None,
        window_start=loaded.window_start(columns[0]) if is_known else None,
        window_end=loaded.window_start(columns[1]) if is_known else None,
        common_scale=scale.value, common_scale_low=scale.low, common_scale_high=scale.high,
        warnings=join_warnings(words),
    )  # fmt: skip


def _is_noisy(loaded: LoadedPanel) -> bool:
    if loaded.panel is None or loaded.panel.halves is None:
        return False
    found = split_half(loaded.panel).reliability
    return found is not None and found < ATTENUATED
