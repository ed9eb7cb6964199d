"""The estimators that are validated: the primary ones, their placebos, and the contrasts that the literature uses.

What belongs here: which equations are put to a simulated panel, under which names. The estimators themselves are those
that corpora get, in `pipeline.selection` and `pipeline.influence`; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipeline.inference.result import Fit
from pipeline.influence.dynamic_panel import fod_iv
from pipeline.influence.exposure import exposure, forming_ties
from pipeline.influence.fixed_effects import half_panel_jackknife, pooled, two_way
from pipeline.influence.frame import Frame, make_frame
from pipeline.influence.solve import Solved, fit_of
from pipeline.network.panel import FloatArray, Panel
from pipeline.selection.fit import choice_result, fit_choice, refusal
from pipeline.selection.risk_set import RiskSet, risk_set

LEVEL = 0.95
STRUCTURE = ("reciprocity", "two_paths", "in_degree", "alter_score")
"""Terms of a choice beside similarity, in the order of the planted b_rec, b_tri, b_pop and b_alt."""
CLUSTER = "agent"


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
    shuffled = shuffled_scores(panel, seed)
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


def shuffled_scores(panel: Panel, seed: int) -> FloatArray:
    """Return scores that are handed out anew among the agents of a group that have one, for each week."""
    rng = np.random.default_rng(seed)
    scores = panel.scores.copy()
    for group in np.unique(panel.group):
        for week in range(panel.n_weeks):
            member = np.flatnonzero((panel.group == group) & np.isfinite(scores[:, week]))
            scores[member, week] = scores[rng.permutation(member), week]
    return scores


def influence_estimates(panel: Panel) -> Iterator[Estimate]:
    """Yield what the models of scores say; where agents have groups, weeks are those of a group."""
    equations = Equations(panel)
    one = equations.frame(lags=1)
    yield from _terms("fod_iv", "primary", fod_iv(one), {"gap": "influence", "own": "persistence"})
    yield from _terms("fod_iv_two_lags", "robustness", fod_iv(equations.frame(lags=2)), {"gap": "influence"})
    placebo = fod_iv(equations.frame(lags=1, with_formed=True))
    yield from _terms("fod_iv_just_formed", "placebo", placebo, {"formed": "placebo"})
    contrasts: dict[str, Callable[[], Solved | None]] = {
        "pooled_lag": lambda: pooled(one),
        "pooled_level": lambda: pooled(equations.frame(lags=0)),
        "two_way_lag": lambda: two_way(one),
        "two_way_level": lambda: two_way(equations.frame(lags=0)),
        "two_way_contemporaneous": lambda: two_way(equations.frame(lags=1, at=0)),
    }
    for name, solve in contrasts.items():
        yield from _terms(name, "naive", solve(), {"gap": "influence"})
    jackknife = half_panel_jackknife(one, "gap", LEVEL)
    yield Estimate("half_panel_jackknife", "naive", "influence", jackknife or Fit(warnings=("no_variation",)))


class Equations:
    """Equations of the score of a panel, exposure computed once.

    Parameters
    ----------
    panel
        Ties and scores; effects are those of weeks, or of groups and weeks where groups are known.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        found = exposure(panel)
        self._gap, self._exposure = found.gap(panel.scores), found.mean
        formed = forming_ties(panel.ties, 1, panel.first_week)
        self._formed = exposure(panel, formed).gap(panel.scores)

    def frame(self, *, lags: int, at: int = 1, with_formed: bool = False) -> Frame:
        """Return the rows of an equation.

        Parameters
        ----------
        lags
            Lags of the own score; with none, exposure itself stands for the gap (which would hold the own score).
        at
            Lag of the exposure; exposure itself stands for the gap at lag 0 (which would hold the outcome).
        with_formed
            Ask about the gap to alters whose tie forms in the week of the outcome, beside that to standing ones.
        """
        scores = self._panel.scores
        gap = (self._gap, at) if lags and at else (self._exposure, at)
        own = {("own" if lag == 1 else f"own_{lag}"): (scores, lag) for lag in range(1, lags + 1)}
        formed = {"formed": (self._formed, 1)} if with_formed else {}
        by_group = bool((self._panel.group >= 0).any())
        return make_frame(scores, {**formed, "gap": gap, **own}, self._panel.group, by_group=by_group)


def _terms(name: str, role: str, solved: Solved | None, terms: dict[str, str]) -> Iterator[Estimate]:
    for place, (term, called) in enumerate(terms.items()):
        fit = Fit(warnings=("no_variation",)) if solved is None else fit_of(solved, term, CLUSTER, LEVEL)
        yield Estimate(name, role if place == 0 else "robustness", called, fit)
