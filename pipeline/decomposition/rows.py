"""Family ``decomposition``: rows of ``analysis.measure`` and ``analysis.estimate`` of each network and score.

What belongs here: which panels are read, when they are refused, and what the rows say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import numpy as np
from scipy import stats

from pipeline.decomposition.accounting import FEWEST_AGENTS, PARTS, Account, WeekAccount, accounts
from pipeline.decomposition.effects import EFFECTS, effects
from pipeline.decomposition.scale import Scale
from pipeline.decomposition.shares import SHARES, STATISTICS, Decomposition, Refused, Share, decompose
from pipeline.inference.multiplicity import adjust
from pipeline.network.panel_load import LoadedPanel, PanelReader
from pipeline.network.ties import RELATIONS
from pipeline.schema import Estimate, Measure, join_warnings

FAMILY = "decomposition"
MODELLED = ("log_length", "gender_lexicon", "gender_axis", "gender_model")
"""Scores whose homophily is divided; of all of them the change is accounted for."""
SECONDS = 1.0
"""Runs of one network and score, by a formula of agents and weeks."""
UNIT = "network_score"
WHOLE = "homophily_change"
MEASURES = (*(f"{WHOLE}_{part}" for part in PARTS), WHOLE)
"""Measures, in the order of the columns of an account."""
_COUNTED = (
    "agents that left",
    "new ties",
    "lost ties",
    "agents with scores in both weeks",
    "agents that entered",
    "ties",
)
_NOISE = 1e-12
"""What is left of differences of standardised scores that are zero."""
_BEHAVIOUR = "lumps_causes"
_LABELS = {
    "inertia": "homophily that is left with selection, influence and structure switched off",
    "selection": "share of selection by the score, in new and in ending ties (Shapley)",
    "influence": "share of the gap to the alters closing (Shapley)",
    "structure": "share of reciprocity, two-paths and popularity (Shapley)",
    "whole": "homophily that the fitted process gives with all switched on",
}
_STARTS = {"rewired": "ties at random with the same degrees", "observed": "ties as observed"}


@dataclass(frozen=True, slots=True)
class Options:
    """Seed of samples and runs, level of intervals, budget of the runs of one network and score."""

    seed: int
    level: float = 0.95
    seconds: float = SECONDS


def decomposition_measures(
    con: duckdb.DuckDBPyConnection, *, level: float = 0.95, progress: Callable[[str], None] = lambda _: None
) -> list[Measure]:
    """Account for the change of homophily by week, on networks of relations.

    Parameters
    ----------
    con
        Connection with the views that `pipeline.network.panel_load.PanelReader` needs.
    level
        Level of the intervals.
    progress
        Receives short sentences.

    Returns
    -------
    list of Measure
        Per network and score (unit ``network_score``): the change of excess similarity of each week against the week
        before in standard deviations of the score, its parts, and (period ``all``) their sums over the longest run
        of weeks that have an account. Interactions have none: their ties end by themselves after four weeks.
    """
    rows: list[Measure] = []
    for loaded in _panels(con, None):
        progress(f"account of homophily in {loaded.network} by {loaded.variable}")
        rows += account_rows(loaded, level)
    return rows


def decomposition_estimates(
    con: duckdb.DuckDBPyConnection, options: Options, *, progress: Callable[[str], None] = lambda _: None
) -> list[Estimate]:
    """Divide homophily among selection, influence and structure, on networks of relations.

    Parameters
    ----------
    con
        As for `decomposition_measures`.
    options
        Seed, level and budget.
    progress
        Receives short sentences.

    Returns
    -------
    list of Estimate
        Shares from both starts, and the effects on the common scale. What cannot be fitted is null rows with the
        word why.
    """
    rows: list[Estimate] = []
    for loaded in _panels(con, MODELLED):
        progress(f"shares of homophily in {loaded.network} by {loaded.variable}")
        rows += estimate_rows(loaded, options)
    return adjust(rows)


def _panels(con: duckdb.DuckDBPyConnection, variables: tuple[str, ...] | None) -> Iterator[LoadedPanel]:
    reader = PanelReader(con)
    for network in reader.networks():
        if network in RELATIONS:
            for variable in reader.variables():
                if variables is None or variable in variables:
                    yield reader.panel(network, variable)


def account_rows(loaded: LoadedPanel, level: float) -> list[Measure]:
    """Return the account of one panel by week and of its whole span; null rows with the word why where it has none."""
    unit_id = f"{loaded.network}/{loaded.variable}"
    weeks: list[WeekAccount] = []
    words = list(loaded.warnings)
    if loaded.panel is not None and np.nanstd(loaded.panel.scores) > 0:
        weeks, whole = accounts(loaded.panel.standardised())
        if whole is not None:
            by_week = [row for week in weeks for row in _week_rows(loaded, week, unit_id, level)]
            return [*by_week, *_whole_rows(loaded, weeks, whole, unit_id, level)]
        words.append("few_ties")
    elif loaded.panel is not None:
        words.append("no_variation")
    return [
        Measure(family=FAMILY, measure_id=name, value=None, n=loaded.n_ties, n_unit="ties of any time", unit=UNIT,
                unit_id=unit_id, period="week", warnings=join_warnings(words))
        for name in MEASURES
    ]  # fmt: skip


def _week_rows(loaded: LoadedPanel, week: WeekAccount, unit_id: str, level: float) -> Iterator[Measure]:
    counts = (week.left, week.new, week.lost, week.agents, week.entered, week.standing + week.new)
    start = loaded.window_start(week.week - loaded.panel.first_week) if loaded.panel is not None else None
    values = np.append(week.parts, week.parts.sum())
    for place, name in enumerate(MEASURES):
        yield _measure(loaded, name, unit_id, "week", start, float(values[place]), float(week.errors[place]),
                       counts[place], _COUNTED[place], week.agents, level)  # fmt: skip


def _whole_rows(
    loaded: LoadedPanel, weeks: list[WeekAccount], whole: Account, unit_id: str, level: float
) -> Iterator[Measure]:
    n = whole.last_week - whole.first_week
    for place, name in enumerate(MEASURES):
        yield _measure(loaded, name, unit_id, "all", None, float(whole.values[place]), float(whole.errors[place]), n,
                       "weeks", whole.agents, level, ["gap_in_weeks"] if n < len(weeks) else [])  # fmt: skip


def _measure(
    loaded: LoadedPanel,
    name: str,
    unit_id: str,
    period: str,
    start: datetime | None,
    value: float,
    error: float,
    n: int,
    n_unit: str,
    agents: int,
    level: float,
    more: list[str] | None = None,
) -> Measure:
    words = [*loaded.warnings, *(more or []), *([_BEHAVIOUR] if name == f"{WHOLE}_behaviour" else [])]
    value = 0.0 if abs(value) < _NOISE else value
    has = error > _NOISE and agents >= FEWEST_AGENTS
    reach = float(stats.t.ppf((1 + level) / 2, agents - 1)) * error if has else 0.0
    words += [] if has else ["few_agents" if agents < FEWEST_AGENTS else "no_variation"]
    return Measure(
        family=FAMILY, measure_id=name, value=value, n=n, n_unit=n_unit, unit=UNIT, unit_id=unit_id, period=period,
        period_start=start, ci_low=value - reach if has else None, ci_high=value + reach if has else None,
        ci_level=level if has else None, ci_method="dyadic" if has else None, warnings=join_warnings(words),
    )  # fmt: skip


def estimate_rows(loaded: LoadedPanel, options: Options) -> list[Estimate]:
    """Return the rows of one panel: shares from both starts by both statistics, and effects on the common scale."""
    found: Decomposition | Refused = Refused("")
    words = list(loaded.warnings)
    if loaded.panel is not None:
        found = decompose(loaded.panel, seed=options.seed, ci_level=options.level, seconds=options.seconds)
        words += [found.word] if isinstance(found, Refused) else [*found.fitted.words, "closed_population"]
    if isinstance(found, Refused):
        return [_null(loaded, start, share, words) for start in _STARTS for share in SHARES]
    rows = [
        _share_row(loaded, found, share, place, statistic, options, words)
        for share in found.shares
        for statistic in range(len(STATISTICS))
        for place in range(len(SHARES))
    ]
    scales = effects(found.fitted, options.level, options.seed)
    return [*rows, *(_effect_row(loaded, found, name, scale, options, words) for name, scale in scales.items())]


def _base(loaded: LoadedPanel, kind: str, term: str, role: str, estimand: str, words: list[str]) -> Estimate:
    panel = loaded.panel
    return Estimate(
        spec_id=hashlib.sha256("|".join((FAMILY, loaded.network, loaded.variable, kind)).encode()).hexdigest()[:12],
        family=FAMILY, hypothesis_id="common_scale" if kind == "scale" else "shares", role=role, estimand=estimand,
        model="choices, ends of ties, scores and rates fitted apart, run forward" if kind != "scale" else
        "effects of the fitted models on |y_i − y_j| of ties", estimator="counterfactual_runs" if kind != "scale" else
        "common_scale", outcome=loaded.network, term=f"{term}_{loaded.variable}", estimate=None,
        window_start=None if panel is None else loaded.window_start(0),
        window_end=None if panel is None else loaded.window_start(panel.n_weeks), warnings=join_warnings(words),
    )  # fmt: skip


def _null(loaded: LoadedPanel, start: str, share: str, words: list[str]) -> Estimate:
    row = _base(loaded, f"{start} assortativity", share, _role(start, share, 0), _LABELS[share], words)
    return replace(row, n_obs=0, n_agents=0 if loaded.panel is None else loaded.panel.n_agents)


def _role(start: str, share: str, statistic: int) -> str:
    if share in ("inertia", "whole"):
        return "exploratory"
    return "primary" if start == "rewired" and statistic == 0 else "robustness"


def _share_row(
    loaded: LoadedPanel, found: Decomposition, share: Share, place: int, statistic: int, options: Options,
    words: list[str],
) -> Estimate:  # fmt: skip
    name, kind = SHARES[place], f"{share.start} {STATISTICS[statistic]}"
    about = (
        f"{_LABELS[name]}; {STATISTICS[statistic]} after {found.fitted.basis.weeks} weeks from {_STARTS[share.start]}"
    )
    if name == "whole":
        about += f"; observed at the end: {found.observed[statistic]:.4f}"
    row = _base(loaded, kind, name, _role(share.start, name, statistic), about, words)
    value, error = float(share.value[place, statistic]), float(share.error[place, statistic])
    if not np.isfinite(value):
        return row
    fitted, has = found.fitted, error > 0
    numbers: dict[str, float | None] = {
        "estimate": value, "std_error": error if has else None, "statistic": value / error if has else None,
        "df": float(found.plan.runs - 1), "p_value": float(share.p_value[place, statistic]) if has else None,
        "conf_low": float(share.low[place, statistic]) if has else None,
        "conf_high": float(share.high[place, statistic]) if has else None, "conf_level": options.level if has else None,
    }  # fmt: skip
    return _with(row, numbers, fitted.n_rows, len(fitted.basis.agents), fitted.n_events, _sampling(found, options))


def _sampling(found: Decomposition, options: Options) -> str:
    basis = found.fitted.basis
    part = f"{len(basis.agents)} agents" + (" sampled" if basis.is_sample else "")
    return f"{part}, {found.plan.runs} runs and {found.plan.runs} drawn processes, seed {options.seed}"


def _effect_row(
    loaded: LoadedPanel, found: Decomposition, name: str, scale: Scale, options: Options, words: list[str]
) -> Estimate:
    role = "naive" if name == "influence_unnetted" else "robustness"
    words = [*words, "not_evidence"] if role == "naive" else words
    row = _base(loaded, "scale", name, role, f"{EFFECTS[name]}; in SD of the score per week and tie", words)
    if scale.value is None:
        return row
    error = scale.std_error
    statistic = scale.value / error if error else None
    numbers: dict[str, float | None] = {
        "estimate": scale.value, "std_error": error, "statistic": statistic,
        "p_value": None if statistic is None else float(2 * stats.norm.sf(abs(statistic))), "conf_low": scale.low,
        "conf_high": scale.high, "conf_level": options.level if error else None, "common_scale": scale.value,
        "common_scale_low": scale.low, "common_scale_high": scale.high,
    }  # fmt: skip
    fitted = found.fitted
    return _with(row, numbers, fitted.n_rows, fitted.basis.panel.n_agents, fitted.n_events, f"seed {options.seed}")


def _with(
    row: Estimate, numbers: dict[str, float | None], rows: int, agents: int, events: int, sampling: str
) -> Estimate:
    return replace(row, **numbers, n_obs=rows, n_agents=agents, n_events=events, sampling=sampling)  # type: ignore[arg-type]
