"""One term of a model of choices or of ties, with its error and interval, or the word why there is none.

What belongs here: from rows and scores to a `pipeline.inference.result.Fit`. Which models are fitted is the grid's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.inference.result import EVENTS_PER_TERM, FEW_CLUSTERS, Fit, wald
from pipeline.selection.adjacency import FloatArray
from pipeline.selection.conditional_logit import (
    SENTENCES,
    ConditionalFit,
    Strata,
    covariance,
    fit_conditional_logit,
    row_scores,
)
from pipeline.selection.dyads import Covariance, sandwich
from pipeline.selection.grouped_logit import fit_grouped_logit
from pipeline.selection.risk_set import RiskSet
from pipeline.selection.terms import ABSORBED, Pairs, design
from pipeline.selection.tie_rows import TieRows

Groups = NDArray[np.signedinteger[Any]]

MIN_AGENTS = 20
"""With fewer egos nothing is estimated."""
MIN_WEEKS = 3
"""With new ties of fewer weeks nothing is estimated."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A fitted conditional logit of choices, for what comes after the coefficient: SIMEX, the common scale.

    Attributes
    ----------
    strata, fit
        Rows and maximum.
    terms
        Names of the columns that were kept.
    place
        Column of the term of interest.
    dropped
        Controls that do not vary within choices and were left out.
    """

    strata: Strata
    fit: ConditionalFit
    terms: tuple[str, ...]
    place: int
    dropped: tuple[str, ...]


def refusal(rows: RiskSet, terms: Sequence[str]) -> str | None:
    """Return the word why choices are too few for a model of so many terms, or None."""
    if len(np.unique(rows.column)) < MIN_WEEKS:
        return "few_weeks" if rows.n_events else "few_events"
    if rows.n_events < EVENTS_PER_TERM * len(terms):
        return "few_events"
    return "few_agents" if len(np.unique(rows.ego)) < MIN_AGENTS else None


def fit_choice(
    rows: RiskSet,
    scores: FloatArray,
    group: Groups,
    terms: Sequence[str],
    term: str,
    start: FloatArray | None = None,
) -> Choice:
    """Fit the conditional logit of choices; controls that do not vary within any choice are left out.

    `start` are coefficients of all terms from which to search.

    Raises
    ------
    ValueError
        For terms of the ego alone, which choices cannot tell.
    """
    if bad := [name for name in terms if name in ABSORBED]:
        raise ValueError(f"terms {bad} are the same for all alters of a choice; use their products with similarity")
    kept = list(terms)
    while True:
        strata = Strata(design(Pairs.of(rows), scores, group, kept), rows.start, rows.case)
        found = fit_conditional_logit(strata, start if len(kept) == len(terms) else None)
        flat = [kept[i] for i in found.terms] if found.warning == "no_variation" else []
        if not flat or term in flat:
            dropped = tuple(name for name in terms if name not in kept)
            return Choice(strata, found, tuple(kept), kept.index(term), dropped)
        kept = [name for name in kept if name not in flat]


def choice_result(rows: RiskSet, choice: Choice, kind: str, level: float) -> Fit:
    """Return the term of interest of a fitted model of choices with a covariance of `pipeline.selection.dyads`."""
    base = choice_base(rows)
    if choice.fit.beta is None:
        return replace(base, converged=False, warnings=(str(choice.fit.warning),))
    found = covariance(choice.strata, choice.fit, rows.ego, rows.alter, kind)
    words: tuple[str, ...] = ("control_dropped",) if choice.dropped else ()
    if _effective(rows.alter[rows.case]) < FEW_CLUSTERS or _effective(rows.ego[rows.case]) < FEW_CLUSTERS:
        words = (*words, "lopsided_null")
    return _result(base, float(choice.fit.beta[choice.place]), found, choice.place, level, words)


def estimate_choice(
    rows: RiskSet,
    scores: FloatArray,
    group: Groups,
    terms: Sequence[str],
    kind: str = "dyadic",
    level: float = 0.95,
    term: str = "similarity",
) -> Fit:
    """Estimate one term of the choice of alters.

    Parameters
    ----------
    rows
        As `pipeline.selection.risk_set.risk_set` returns them.
    scores, group
        Scores of agents and weeks, and groups of agents, as in the panel.
    terms, term
        Terms of the model, and the one that is returned: for ``similarity`` the change of the log odds of being chosen
        per unit by which the alter's score is nearer to the ego's, other terms held fixed.
    kind
        Covariance, of `pipeline.selection.dyads.COVARIANCES`.
    level
        Level of the interval.

    Returns
    -------
    Fit
        Without a number, with the word why, where there are too few choices, egos or weeks, where the term does not
        vary, terms cannot be told apart, or the maximum lies at infinity.
    """
    if word := refusal(rows, terms):
        return replace(choice_base(rows), warnings=(word,))
    return choice_result(rows, fit_choice(rows, scores, group, terms, term), kind, level)


def estimate_ties(
    rows: TieRows,
    scores: FloatArray,
    group: Groups,
    terms: Sequence[str],
    kind: str = "dyadic",
    level: float = 0.95,
    term: str = "similarity",
    *,
    by_week: bool = True,
) -> Fit:
    """Estimate one term of the logit that a tie lasts, or that a pair becomes tied.

    Parameters
    ----------
    rows
        As `pipeline.selection.tie_rows` makes them.
    scores, group, terms, kind, level, term
        As for `estimate_choice`; terms of the ego can be told here.
    by_week
        An intercept for each week (which takes up how many rows were sampled in it), or one for all.
    """
    week = rows.pairs.column
    if by_week:
        rows, week = _with_both_outcomes(rows)
    outcome = rows.outcome
    base = Fit(
        n_obs=len(outcome), n_agents=len(np.unique(rows.pairs.ego)), n_events=int(outcome.sum()),
        sampling=rows.sampling,
    )  # fmt: skip
    if word := _tie_refusal(rows, terms):
        return replace(base, warnings=(word,))
    x = design(rows.pairs, scores, group, terms)
    if np.ptp(x[:, list(terms).index(term)]) == 0:
        return replace(base, warnings=("no_variation",))
    varies = np.ptp(x, axis=0) > 0
    names = [name for name, is_kept in zip(terms, varies, strict=True) if is_kept]
    effect = np.unique(week, return_inverse=True)[1] if by_week else np.zeros(len(x), dtype=np.int64)
    fit = fit_grouped_logit(x[:, varies], outcome.astype(np.float64), effect)
    if fit.warning:
        return replace(base, converged=False, warnings=(fit.warning,))
    found = sandwich(fit.bread, fit.scores, rows.pairs.ego, rows.pairs.alter, kind)
    words = () if varies.all() else ("control_dropped",)
    place = names.index(term)
    return _result(base, float(fit.beta[place]), found, place, level, words)


def _with_both_outcomes(rows: TieRows) -> tuple[TieRows, NDArray[np.int32]]:
    """Leave out weeks in which all rows have the same outcome: their intercept takes them up."""
    column = rows.pairs.column
    n, ones = np.bincount(column), np.bincount(column, weights=rows.outcome)
    kept = ((ones > 0) & (ones < n))[column]
    rows = rows.where(kept)
    return rows, rows.pairs.column


def _tie_refusal(rows: TieRows, terms: Sequence[str]) -> str | None:
    ones = int(rows.outcome.sum())
    if len(np.unique(rows.pairs.column)) < MIN_WEEKS:
        return "few_weeks" if len(rows.outcome) else "few_events"
    if min(ones, len(rows.outcome) - ones) < EVENTS_PER_TERM * len(terms):
        return "few_events"
    return "few_agents" if len(np.unique(rows.pairs.ego)) < MIN_AGENTS else None


def choice_base(rows: RiskSet) -> Fit:
    """Return the counts of a risk set, without a number."""
    return Fit(n_obs=len(rows.ego), n_agents=len(np.unique(rows.ego)), n_events=rows.n_events, sampling=rows.sampling)


def _result(base: Fit, estimate: float, found: Covariance, place: int, level: float, words: tuple[str, ...]) -> Fit:
    variance = float(found.matrix[place, place])
    if not variance > 0:  # a multiway sandwich of few clusters
        return replace(base, n_clusters=found.n_clusters, warnings=(*words, "few_clusters"))
    error = float(np.sqrt(variance))
    test = wald(estimate, error, level, found.df)
    few = ("few_clusters",) if found.n_clusters is not None and found.n_clusters < FEW_CLUSTERS else ()
    return replace(
        base, estimate=estimate, std_error=error, statistic=test.statistic, df=found.df, p_value=test.p_value,
        conf_low=test.low, conf_high=test.high, n_clusters=found.n_clusters, converged=True, warnings=(*words, *few),
    )  # fmt: skip


def _effective(agent: NDArray[np.int32]) -> float:
    """Return how many agents would stand behind events if all stood behind equally many: 1 / Σ share²."""
    counts = np.bincount(agent).astype(np.float64)
    return float(counts.sum() ** 2 / max(np.sum(counts**2), 1.0))


def influence(choice: Choice) -> FloatArray:
    """Return what each row adds to the coefficient of interest, to first order, shape (rows,): (H⁻¹ score) of it."""
    if choice.fit.beta is None:
        raise ValueError(f"no maximum, so no influence: {SENTENCES[str(choice.fit.warning)]}")
    out: FloatArray = row_scores(choice.strata, choice.fit.beta) @ choice.fit.bread[choice.place]
    return out
