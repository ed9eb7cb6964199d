"""From a specification to a fit: which rows, which terms, which estimator.

What belongs here: every named estimator and placebo on one panel. Arithmetic is in the modules of the estimators.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipeline.inference.result import Fit
from pipeline.influence import placebos
from pipeline.influence.dynamic_panel import fod_iv, second_order_test
from pipeline.influence.fixed_effects import half_panel_jackknife, pooled, two_way
from pipeline.influence.frame import Frame, make_frame
from pipeline.influence.noise import simex, split_half_iv
from pipeline.influence.problem import MIN_AGENTS, MIN_ROWS, Problem
from pipeline.influence.second_alters import second_alters
from pipeline.influence.solve import Solved, fit_of
from pipeline.influence.specification import InfluenceSpecification
from pipeline.network.panel import FloatArray, IntArray
from pipeline.network.reliability import error_variances

WEAK_F = 10.0
"""First-stage F below which an instrument is called weak (Staiger and Stock 1997)."""
LEAST_F = 4.0
"""Below this the estimate says nothing and is withheld."""
MIN_STABILITY = 0.5
"""Adjusted Rand index over runs below which communities are not the network's but the run's."""
MIN_FORMED = 30
"""Agent-weeks with a tie that forms, for the placebo of just-formed and future ties."""

Terms = dict[str, tuple[FloatArray, int]]
_STREAMS = {"permuted_ties": 1, "shuffled_weeks": 2, "second_alters": 3, "simex": 4}


def fit_specification(problem: Problem, spec: InfluenceSpecification, level: float = 0.95) -> Fit:
    """Fit one specification to a panel.

    Parameters
    ----------
    problem
        The panel, scores standardised.
    spec
        The specification.
    level
        Level of the interval.

    Returns
    -------
    Fit
        In standard deviations of the score; with a null estimate and the reason where the data do not allow one.
    """
    if spec.sample != "all":
        middle = (problem.panel.n_weeks + 1) // 2
        ends = (0, middle) if spec.sample == "first_half" else (middle, problem.panel.n_weeks)
        problem = problem.of_weeks(*ends)
    if words := problem.refusals():
        return Fit(n_obs=0, n_agents=0, warnings=words)
    if spec.placebo == placebos.HASH_SCORE:
        problem = Problem(placebos.hash_scores(problem.panel, problem.seed), problem.seed, problem.shared)
    group, by_group, words = _effects(problem, spec)
    if group is None:
        return Fit(n_obs=0, n_agents=0, warnings=words)
    fit = _fit(problem, spec, group, by_group, level)
    return replace(fit, warnings=tuple(dict.fromkeys((*fit.warnings, *words))))


def _effects(problem: Problem, spec: InfluenceSpecification) -> tuple[IntArray | None, bool, tuple[str, ...]]:
    """Return the groups of the effects or clusters, whether effects are by group, and warnings."""
    if spec.effects == "community_week":
        found = problem.communities
        if found.count < 2:
            return None, False, ("no_latent_communities",)
        unstable = found.stability is not None and found.stability < MIN_STABILITY
        return found.number, True, ("unstable_communities",) if unstable else ()
    if spec.effects == "group_week" or spec.cluster == "group":
        if problem.has_groups:
            return problem.panel.group, spec.effects == "group_week", ()
        return None, False, ("no_groups",)
    return problem.panel.group, False, ()


def _terms(problem: Problem, spec: InfluenceSpecification) -> tuple[Terms, Terms]:
    """Return the terms of the equation and the instruments of those that are not their own."""
    scores, mean = problem.panel.scores, problem.exposure.mean
    lags: Terms = {f"y_lag{k}": (scores, k) for k in range(1, spec.lags + 1)}
    instruments: Terms = {}
    if spec.estimator in ("two_way_level", "pooled_level"):
        terms: Terms = {"exposure": (mean, 1)}
    elif spec.estimator == "two_way_contemporaneous":
        terms = {"exposure": (mean, 0), **lags}
    elif spec.estimator == "two_way_iv":
        terms = {"exposure": (mean, 1), **lags}
        instruments = {"exposure": (second_alters(problem.panel, problem.rng(_STREAMS["second_alters"]))[0], 2)}
    else:
        terms = {"gap": (problem.gap, 1), **lags}
    if spec.estimator == "fod_iv_lag2":
        instruments = {name: (values, lag + 1) for name, (values, lag) in terms.items()}
    if spec.term not in terms and spec.term != "m2":
        terms = {spec.term: (_placebo(problem, spec.placebo), 1), **terms}
    if spec.visible:
        terms["alters_scored"] = (np.log1p(problem.exposure.scored.astype(np.float64)), 1)
    return terms, instruments


def _placebo(problem: Problem, name: str) -> FloatArray:
    panel = problem.panel
    if name == "just_formed":
        return placebos.just_formed(panel)
    if name == placebos.FUTURE_TIES:
        return placebos.future_ties(panel)
    if name == "permuted_ties":
        return placebos.permuted_ties(panel, problem.kin, problem.rng(_STREAMS[name]))
    if name == "shuffled_weeks":
        return placebos.shuffled_weeks(problem.exposure.mean, panel.scores, problem.rng(_STREAMS[name]))
    return placebos.matched_alters(panel, problem.kin)


def _fit(problem: Problem, spec: InfluenceSpecification, group: IntArray, by_group: bool, level: float) -> Fit:
    if spec.estimator == "fod_iv_halves":
        if problem.panel.halves is None:
            return Fit(n_obs=0, n_agents=0, warnings=("no_halves",))
        solved = split_half_iv(problem.panel, group, lags=spec.lags, by_group=by_group)
        return _usual(solved, "gap", spec.cluster, level)
    if spec.estimator == "fod_iv_simex":
        variances = error_variances(problem.panel)
        if variances is None:
            return Fit(n_obs=0, n_agents=0, warnings=("no_halves",))
        rng = problem.rng(_STREAMS["simex"])
        found = simex(problem.panel, variances, fod_iv, group, lags=spec.lags, by_group=by_group, level=level, rng=rng)
        return found or Fit(n_obs=0, n_agents=0, warnings=("singular_terms",))
    if spec.placebo in ("matched_alters",) and len(np.unique(problem.kin[problem.kin >= 0])) < 2:
        return Fit(n_obs=0, n_agents=0, warnings=("no_groups",))
    terms, instruments = _terms(problem, spec)
    frame = make_frame(problem.panel.scores, terms, group, instruments=instruments, by_group=by_group)
    if (few := _few(frame)) is not None:
        return few
    if spec.placebo in ("just_formed", placebos.FUTURE_TIES) and _formed_rows(frame) < MIN_FORMED:
        return Fit(n_obs=frame.rows, n_agents=len(np.unique(frame.agent)), warnings=("few_ties",))
    if spec.estimator == "half_panel_jackknife":
        return half_panel_jackknife(frame, "gap", level) or _refused(frame)
    if spec.estimator == "second_order_test":
        return _serial(frame)
    found_by: dict[str, Callable[[Frame], Solved | None]] = {"fod": fod_iv, "two": two_way, "pooled": pooled}
    solved = found_by[spec.estimator.split("_")[0]](frame)
    return _usual(solved, spec.term, spec.cluster, level, frame)


def _few(frame: Frame) -> Fit | None:
    agents = len(np.unique(frame.without_lone().agent))
    if agents < MIN_AGENTS or frame.rows < MIN_ROWS:
        return Fit(n_obs=frame.rows, n_agents=agents, warnings=("few_agents",))
    return None


def _formed_rows(frame: Frame) -> int:
    """Return the rows whose placebo gap is not that of an agent without such ties."""
    return int(np.count_nonzero(frame.regressors[0] != 0.0))


def _refused(frame: Frame) -> Fit:
    return Fit(n_obs=frame.rows, n_agents=len(np.unique(frame.agent)), warnings=("singular_terms",))


def _usual(solved: Solved | None, term: str, cluster: str, level: float, frame: Frame | None = None) -> Fit:
    if solved is None:
        return _refused(frame) if frame is not None else Fit(n_obs=0, n_agents=0, warnings=("singular_terms",))
    fit = fit_of(solved, term, cluster, level)
    strength = solved.strength
    if strength is not None and strength < LEAST_F:
        return Fit(n_obs=fit.n_obs, n_agents=fit.n_agents, n_clusters=fit.n_clusters, warnings=("weak_instruments",))
    weak = strength is not None and strength < WEAK_F
    return replace(fit, warnings=(*fit.warnings, "weak_instruments")) if weak else fit


def _serial(frame: Frame) -> Fit:
    solved = fod_iv(frame)
    test = second_order_test(frame, solved) if solved is not None else None
    if test is None or test.agents < MIN_AGENTS:
        return replace(_refused(frame), warnings=("few_weeks",))
    return Fit(
        estimate=test.statistic, statistic=test.statistic, p_value=test.p_value, n_obs=frame.rows,
        n_agents=test.agents, n_clusters=test.agents,
    )  # fmt: skip
