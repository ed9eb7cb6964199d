"""The estimators that are validated: the primary ones, their placebos, and the contrasts that the literature uses.

What belongs here: which equations are put to a simulated panel, under which names. The estimators themselves are those
that corpora get, in `pipeline.selection` and `pipeline.influence`; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.inference.result import Fit
from pipeline.influence.contrasts import fit_specification
from pipeline.influence.dynamic_panel import fod_iv
from pipeline.influence.frame import make_frame
from pipeline.influence.problem import Problem
from pipeline.influence.solve import fit_of
from pipeline.influence.specification import InfluenceSpecification
from pipeline.network.panel import FloatArray, Panel
from pipeline.selection.fit import choice_result, fit_choice, refusal
from pipeline.selection.placebos import shuffled_agents
from pipeline.selection.risk_set import RiskSet, risk_set

LEVEL = 0.95
STRUCTURE = ("reciprocity", "two_paths", "in_degree", "alter_score")
"""Terms of a choice beside similarity, in the order of the planted b_rec, b_tri, b_pop and b_alt."""
INFLUENCE: dict[str, dict[str, Any]] = {
    "fod_iv": {"role": "primary", "estimator": "fod_iv"},
    "fod_iv_two_lags": {"role": "robustness", "estimator": "fod_iv", "lags": 2},
    "fod_iv_just_formed": {"role": "placebo", "estimator": "fod_iv", "placebo": "just_formed"},
    "pooled_lag": {"role": "naive", "estimator": "pooled"},
    "pooled_level": {"role": "naive", "estimator": "pooled_level"},
    "two_way_lag": {"role": "naive", "estimator": "two_way"},
    "two_way_level": {"role": "naive", "estimator": "two_way_level"},
    "two_way_contemporaneous": {"role": "naive", "estimator": "two_way_contemporaneous"},
    "half_panel_jackknife": {"role": "naive", "estimator": "half_panel_jackknife"},
}
"""Specifications of influence by the name that the tables of the validation give them."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One term of one estimator.

    Attributes
    ----------
    estimator, role
        Name, and role as in ``analysis.estimate``.
    term
        Name of the term; its planted value is that of `pipeline.validation.scenarios.planted`.
    fit
        What was estimated.
    """

    estimator: str
    role: str
    term: str
    fit: Fit


def selection_estimates(panel: Panel, seed: int) -> Iterator[Estimate]:
    """Yield what the models of the choice of alters say.

    Parameters
    ----------
    panel
        Scores as they are.
    seed
        Of the sampled alters and of the shuffled scores.
    """
    rows = risk_set(panel, seed=seed)
    grouped = ("same_group",) if (panel.group >= 0).any() else ()
    terms = ("similarity", *STRUCTURE, *grouped)
    yield from _choice(rows, panel, panel.scores, terms, "choice", "primary", "dyadic", (0, 1, 2, 3, 4))
    yield from _choice(rows, panel, panel.scores, terms, "choice_model_error", "robustness", "model", (0,))
    yield from _choice(rows, panel, panel.scores, terms, "choice_ego_error", "robustness", "ego", (0,))
    yield from _choice(rows, panel, panel.scores, ("similarity",), "choice_similarity_only", "naive", "dyadic", (0,))
    shuffled = shuffled_agents(panel.scores, panel.group, np.random.default_rng(seed))
    for found in _choice(rows, panel, shuffled, terms, "choice_shuffled_scores", "placebo", "dyadic", (0,)):
        yield replace(found, term="placebo")


def _choice(
    rows: RiskSet,
    panel: Panel,
    scores: FloatArray,
    terms: tuple[str, ...],
    name: str,
    role: str,
    kind: str,
    places: tuple[int, ...],
) -> Iterator[Estimate]:
    if word := refusal(rows, terms):
        yield from (Estimate(name, role, terms[place], Fit(warnings=(word,))) for place in places)
        return
    choice = fit_choice(rows, scores, panel.group, terms, "similarity")
    for place in places:
        if terms[place] in choice.terms:
            there = replace(choice, place=choice.terms.index(terms[place]))
            kept = role if place == 0 else "robustness"
            yield Estimate(name, kept, terms[place], choice_result(rows, there, kind, LEVEL))


def influence_estimates(panel: Panel, seed: int) -> Iterator[Estimate]:
    """Yield what the models of scores say; where agents have groups, weeks are those of a group.

    Parameters
    ----------
    panel
        Scores as they are; shares of a gap do not depend on their unit.
    seed
        Of placebos.
    """
    problem = Problem.of(panel, seed)
    effects = "group_week" if problem.has_groups else "week"
    for name, choices in INFLUENCE.items():
        spec = InfluenceSpecification(**choices, hypothesis="influence", effects=effects)
        term = "placebo" if spec.placebo else "influence"
        yield Estimate(name, spec.role, term, fit_specification(problem, spec, LEVEL))
    yield Estimate("fod_iv", "robustness", "persistence", _persistence(problem))


def _persistence(problem: Problem) -> Fit:
    """Return the coefficient of the own score of the week before, of which no specification is asked."""
    scores = problem.panel.scores
    terms = {"gap": (problem.gap, 1), "y_lag1": (scores, 1)}
    solved = fod_iv(make_frame(scores, terms, problem.panel.group, by_group=problem.has_groups))
    return Fit(warnings=("singular_terms",)) if solved is None else fit_of(solved, "y_lag1", "agent", LEVEL)
