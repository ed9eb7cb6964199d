"""Event studies on weekly panels: what an outcome does around the first week of a treatment that is staggered.

What belongs here: pure functions on arrays (agents by weeks). The effect on the agents first treated in week g, seen
in week t, is

    ATT(g, t) = mean over cohort g of (y_t - y_b) - mean over agents not yet treated by max(t, g) of the same,

with base week b = g + `base` (Callaway & Sant'Anna 2021, outcome without covariates, not-yet-treated controls).
Effects are averaged to event time k = t - g with the sizes of the cohorts. A static two-way fixed-effects regression
takes agents that were treated before as controls and is biased when effects grow (Goodman-Bacon 2021); it is here to
stand beside, as `static_twfe`.

What it does not do: where the treatment is drawn by a passing high of the outcome itself (an upvoted post), the base
week is that high, and what follows is a fall without any cause. `base_week` tests for it and no choice of controls
cures it; a base further back moves the error, it does not remove it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.inference.result import FEW_CLUSTERS, Fit, wald

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEVER = 2**31 - 1
"""First week of treatment of an agent that is never treated."""
LEADS, LAGS = 8, 12
"""Weeks before and after the treatment that a study looks at unless told otherwise."""
FEWEST_TREATED = 20
"""With fewer treated agents at an event time, normal intervals are not to be trusted and there is no number."""
FEWEST_CONTROLS = 5
"""A cohort and week with fewer agents not yet treated has no comparison."""
BAND_DRAWS = 20_000
_ROUNDS = 200
_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class GroupTime:
    """Effects by cohort and week.

    Attributes
    ----------
    cohort, offset
        Column of the first treated week, and event time k, shape (cells,); the week is their sum.
    effect
        ATT, shape (cells,).
    treated, controls
        Agents with a score in both weeks, shape (cells,).
    """

    cohort: Ints
    offset: Ints
    effect: Floats
    treated: Ints
    controls: Ints


@dataclass(frozen=True, slots=True)
class EventStudy:
    """Effects by event time with the influence function of each agent.

    Attributes
    ----------
    base
        Event time of the base week; it is not among the offsets.
    offsets
        Event times with enough treated agents, ascending, shape (k,).
    effect
        Mean ATT over the treated agents at each event time, shape (k,).
    influence
        What each agent adds to the error of each effect, shape (agents, k); columns sum to zero but for rounding, and
        the sum of their squares is the variance. Each half is scaled by n/(n - 1).
    treated
        Treated agents at each event time, shape (k,).
    cells
        The effects by cohort and week behind it.
    """

    base: int
    offsets: Ints
    effect: Floats
    influence: Floats
    treated: Ints
    cells: GroupTime

    def covariance(self, clusters: Ints | None = None) -> Floats:
        """Return the covariance of the effects, shape (k, k); by agents, or by `clusters` of them."""
        if clusters is None:
            return self.influence.T @ self.influence
        sums, count = _by_cluster(self.influence, clusters)
        return sums.T @ sums * count / max(count - 1, 1)

    @property
    def errors(self) -> Floats:
        """Standard errors, agents as clusters, shape (k,)."""
        errors: Floats = np.sqrt(np.square(self.influence).sum(axis=0))
        return errors


def _by_cluster(influence: Floats, clusters: Ints) -> tuple[Floats, int]:
    names, code = np.unique(clusters, return_inverse=True)
    sums = np.zeros((len(names), influence.shape[1]))
    np.add.at(sums, code, influence)
    return sums, len(names)


def event_study(
    outcome: Floats,
    first_treated: Ints,
    *,
    base: int = -1,
    leads: int = LEADS,
    lags: int = LAGS,
) -> EventStudy:
    """Estimate the effect of a treatment by event time.

    Parameters
    ----------
    outcome
        Shape (agents, weeks), not-a-number where it is not observed. An agent counts in a comparison only where both
        the week and its base week are observed; nothing is carried forward.
    first_treated
        Column of the first week under treatment, shape (agents,); `NEVER` (or any number from the number of weeks
        on) for agents not treated in the panel. Agents treated in column 0 or before are left out.
    base
        Event time that the others are set against, negative; -1 as usual, further back where the week before the
        treatment may be touched by it.
    leads, lags
        Event times from -`leads` to `lags`.

    Returns
    -------
    EventStudy
        Without columns when no event time has `FEWEST_TREATED` treated agents with `FEWEST_CONTROLS` controls.

    Raises
    ------
    ValueError
        When `base` is not negative.
    """
    if base >= 0:
        raise ValueError(f"the base week must lie before the treatment (base < 0), not at {base}")
    weeks = outcome.shape[1]
    by_week = np.ascontiguousarray(outcome.T)
    cohorts = np.unique(first_treated[(first_treated > 0) & (first_treated < weeks)])
    found: list[tuple[int, Floats, Floats, int, list[tuple[int, int, float, int, int]]]] = []
    for offset in range(-leads, lags + 1):
        if offset == base:
            continue
        column = _at_offset(by_week, first_treated, cohorts, base, offset)
        if column is not None:
            found.append((offset, *column))
    cells = np.array([cell for part in found for cell in part[4]], dtype=np.float64).reshape(-1, 5)
    whole = cells.astype(np.int64)
    return EventStudy(
        base,
        np.array([part[0] for part in found], dtype=np.int64),
        np.array([float(part[1][0]) for part in found], dtype=np.float64),
        np.column_stack([part[2] for part in found]) if found else np.zeros((len(outcome), 0)),
        np.array([part[3] for part in found], dtype=np.int64),
        GroupTime(whole[:, 0], whole[:, 1], cells[:, 2], whole[:, 3], whole[:, 4]),
    )


def _at_offset(
    by_week: Floats, first_treated: Ints, cohorts: Ints, base: int, offset: int
) -> tuple[Floats, Floats, int, list[tuple[int, int, float, int, int]]] | None:
    """Return effect, influence function, treated agents and cells of one event time; None with too few agents.

    The effect is the mean over treated agents of their change less the mean change of the controls of their cohort.
    """
    weeks = len(by_week)
    kept: list[tuple[int, Ints, Floats, Ints, Floats]] = []
    for cohort in cohorts.tolist():
        week, before = cohort + offset, cohort + base
        if before < 0 or not 0 <= week < weeks:
            continue
        change = by_week[week] - by_week[before]
        is_known = np.isfinite(change)
        treated = np.flatnonzero(is_known & (first_treated == cohort))
        controls = np.flatnonzero(is_known & (first_treated > max(week, cohort)))
        if len(treated) and len(controls) >= FEWEST_CONTROLS:
            kept.append((cohort, treated, change[treated], controls, change[controls]))
    n = sum(len(part[1]) for part in kept)
    if n < FEWEST_TREATED:
        return None
    cells = [(g, offset, float(x.mean() - z.mean()), len(i), len(j)) for g, i, x, j, z in kept]
    effect = sum(cell[2] * cell[3] for cell in cells) / n
    influence = np.zeros(by_week.shape[1])
    for _, treated, own, controls, theirs in kept:
        m, away = len(controls), theirs.mean()
        influence[treated] += (own - away - effect) / n * np.sqrt(n / (n - 1))
        influence[controls] -= (len(treated) / n) * (theirs - away) / m * np.sqrt(m / (m - 1))
    return np.array([effect]), influence, n, cells


def offset_fit(study: EventStudy, offset: int, ci_level: float, clusters: Ints | None = None) -> Fit:
    """Return the effect at one event time with its pointwise interval; a null fit where there is none."""
    return average_fit(study, [offset], ci_level, clusters)


def average_fit(study: EventStudy, offsets: Sequence[int], ci_level: float, clusters: Ints | None = None) -> Fit:
    """Return the mean effect over event times, those that the study has, with its interval.

    Parameters
    ----------
    study
        The study.
    offsets
        Event times to average.
    ci_level
        Level of the interval, t with the number of treated agents less one degrees of freedom.
    clusters
        Shape (agents,): cluster of each agent, where agents of a cluster share shocks; agents themselves if None.
    """
    chosen = np.flatnonzero(np.isin(study.offsets, np.asarray(offsets)))
    if not len(chosen):
        return Fit(n_obs=0, n_agents=len(study.influence), warnings=("few_events",))
    treated = int(study.treated[chosen].min())
    n_agents = int(np.count_nonzero(study.influence[:, chosen].any(axis=1)))
    effect = float(study.effect[chosen].mean())
    units = n_agents if clusters is None else len(np.unique(clusters))
    counted = Fit(estimate=effect, n_obs=int(study.treated[chosen].sum()), n_agents=n_agents, n_clusters=units,
                  n_events=treated)  # fmt: skip
    weight = np.zeros(len(study.offsets))
    weight[chosen] = 1 / len(chosen)
    error = float(np.sqrt(weight @ study.covariance(clusters) @ weight))
    if error <= _TOLERANCE * max(1.0, abs(effect)):
        return replace(counted, warnings=("no_variation",))
    df = float(treated - 1 if clusters is None else min(treated, units) - 1)
    test = wald(effect, error, ci_level, df)
    few = ("few_clusters",) if units < FEW_CLUSTERS else ()
    return replace(counted, std_error=error, statistic=test.statistic, df=df, p_value=test.p_value, conf_low=test.low,
                   conf_high=test.high, warnings=few)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bands:
    """Intervals that hold for all event times at once, shape (k,), and the critical value that makes them so."""

    low: Floats
    high: Floats
    critical: float


def simultaneous_bands(
    study: EventStudy, ci_level: float, rng: np.random.Generator, clusters: Ints | None = None
) -> Bands:
    """Return bands that cover the whole path of effects with probability `ci_level`.

    The critical value is the quantile of the largest absolute t over the event times, from draws of a normal with
    the correlation of the effects: the limit of the multiplier bootstrap of the influence functions (Callaway &
    Sant'Anna 2021, section 4.1), without a loop over agents.
    """
    covariance = study.covariance(clusters)
    errors = np.sqrt(np.diag(covariance))
    if not len(errors):
        return Bands(errors, errors, float("nan"))
    scale = np.where(errors > 0, errors, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    largest = np.abs(rng.standard_normal((BAND_DRAWS, len(errors))) @ root.T).max(axis=1)
    df = max(int(study.treated.min()) - 1, 1)
    normal = float(np.quantile(largest, ci_level))
    critical = float(stats.t(df).isf(stats.norm.sf(normal)))  # the same tail on t, for few treated agents
    return Bands(study.effect - critical * errors, study.effect + critical * errors, critical)


def pretrend(study: EventStudy, clusters: Ints | None = None) -> Fit:
    """Test that all effects before the treatment, but the base week, are zero: joint Wald test, as F.

    Returns
    -------
    Fit
        Statistic F = W/q with its p on q and n - q degrees of freedom, n the treated agents (or clusters, if fewer);
        the estimate is the mean of those effects. Null where there is no such event time.
    """
    chosen = np.flatnonzero(study.offsets < 0)
    mean = average_fit(study, study.offsets[chosen].tolist(), 0.95, clusters)
    if not len(chosen) or mean.std_error is None:
        return replace(mean, warnings=mean.warnings or ("few_events",))
    covariance = study.covariance(clusters)[np.ix_(chosen, chosen)]
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    units = int(study.treated[chosen].min())
    if clusters is not None:
        units = min(units, len(np.unique(clusters)))
    if units <= rank:
        return replace(mean, statistic=None, p_value=None, df=None, warnings=(*mean.warnings, "few_events"))
    effect = study.effect[chosen]
    wald_statistic = float(effect @ np.linalg.pinv(covariance, hermitian=True) @ effect)
    f = wald_statistic / rank * (units - rank) / max(units - 1, 1)
    return replace(mean, statistic=f, df=float(rank), p_value=float(stats.f.sf(f, rank, units - rank)))


def base_week(study: EventStudy, ci_level: float = 0.95) -> Fit:
    """Return how far the base week stands above the weeks before it, net of controls.

    A treatment that follows a passing high has its base week above the earlier ones: the effects before the base are
    negative together. The fit says ``regression_to_the_mean`` when they differ from zero at 5 %: effects after the
    treatment then hold a fall (or, after a low, a rise) that nothing caused.
    """
    before = [k for k in study.offsets.tolist() if k < study.base]
    fit = _negated(average_fit(study, before, ci_level))
    if fit.p_value is not None and fit.p_value < 1 - ci_level:
        return replace(fit, warnings=(*fit.warnings, "regression_to_the_mean"))
    return fit


def _negated(fit: Fit) -> Fit:
    turned = {name: None if value is None else -value for name, value in (
        ("estimate", fit.estimate), ("statistic", fit.statistic), ("conf_low", fit.conf_high),
        ("conf_high", fit.conf_low),
    )}  # fmt: skip
    return replace(fit, **turned)  # type: ignore[arg-type]


def static_twfe(outcome: Floats, first_treated: Ints, ci_level: float) -> Fit:
    """Return the static two-way fixed-effects coefficient of being treated, errors clustered by agent (naive).

    It weighs comparisons with agents that were treated before, some of them negatively, and is shown beside the
    event study only to say how far off it is.
    """
    weeks = outcome.shape[1]
    is_known = np.isfinite(outcome)
    treated = (np.arange(weeks)[None, :] >= first_treated[:, None]).astype(np.float64)
    x, y = _two_way(treated, is_known), _two_way(np.where(is_known, outcome, 0.0), is_known)
    n_agents = int(is_known.any(axis=1).sum())
    counted = Fit(n_obs=int(is_known.sum()), n_agents=n_agents, n_clusters=n_agents,
                  n_events=int((treated * is_known).any(axis=1).sum()))  # fmt: skip
    power = float((x * x).sum())
    if n_agents < 2 or power <= _TOLERANCE * max(1, counted.n_obs or 0):
        return replace(counted, warnings=("no_variation",))
    slope = float((x * y).sum()) / power
    scores = (x * (y - slope * x)).sum(axis=1)
    error = float(np.sqrt(scores @ scores * n_agents / (n_agents - 1))) / power
    test = wald(slope, error, ci_level, n_agents - 1)
    return replace(counted, estimate=slope, std_error=error, statistic=test.statistic, df=float(n_agents - 1),
                   p_value=test.p_value, conf_low=test.low, conf_high=test.high)  # fmt: skip


def _two_way(values: Floats, is_known: NDArray[np.bool_]) -> Floats:
    """Return residuals of agent and week means over the known cells (alternating projections), zero elsewhere."""
    left = np.where(is_known, values, 0.0)
    rows, columns = np.maximum(is_known.sum(axis=1), 1), np.maximum(is_known.sum(axis=0), 1)
    scale = max(float(np.abs(left).max(initial=0.0)), 1e-300)
    for _ in range(_ROUNDS):
        by_row = left.sum(axis=1) / rows
        left = np.where(is_known, left - by_row[:, None], 0.0)
        by_column = left.sum(axis=0) / columns
        left = np.where(is_known, left - by_column[None, :], 0.0)
        if float(np.abs(by_column).max(initial=0.0)) < _TOLERANCE * scale:
            break
    return left
