"""Selection on the scale that it shares with influence: how much alike it makes ties per week, in units of the score.

What belongs here: M_S of STATISTICS 2.5. Its interval comes from the coefficient's, other coefficients held fixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.selection.adjacency import FloatArray
from pipeline.selection.fit import Choice, Groups
from pipeline.selection.risk_set import RiskSet
from pipeline.selection.terms import Pairs, design

CONTROLS = 50
"""Alters drawn per choice for the expectation; the case, which was not drawn at random, is left out."""
MOST_EVENTS = 5_000
"""More choices are sampled by hash."""


@dataclass(frozen=True, slots=True)
class CommonScale:
    """Excess similarity that selection adds per tie and week, and its ends."""

    value: float
    low: float
    high: float


def selection_scale(
    rows: RiskSet, scores: FloatArray, group: Groups, choice: Choice, low: float, high: float
) -> CommonScale | None:
    """Return by how much selection on the score makes ties more alike per week.

    Parameters
    ----------
    rows
        A risk set with `CONTROLS` alters per choice.
    scores, group
        As in the panel.
    choice
        The fitted model of choices, whose term of interest is ``similarity``.
    low, high
        Ends of the interval of its coefficient.

    Returns
    -------
    CommonScale or None
        New ties per week over standing ties, times the expected similarity of the chosen with the coefficient less that
        without: M_S. None where there is no coefficient or no tie.
    """
    if choice.fit.beta is None or not rows.n_ties or not rows.n_events:
        return None
    x = design(Pairs.of(rows), scores, group, choice.terms)[~rows.case]
    owner = rows.choice[~rows.case]
    rest = choice.fit.beta.copy()
    rest[choice.place] = 0.0
    other, similarity = x @ rest, x[:, choice.place]

    def expected(beta: float) -> float:
        start = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
        sizes = np.diff(np.r_[start, len(owner)])
        eta = other + beta * similarity
        weight = np.exp(eta - np.repeat(np.maximum.reduceat(eta, start), sizes))
        means = np.add.reduceat(weight * similarity, start) / np.add.reduceat(weight, start)
        return float(means.mean())

    rate, none = rows.n_new / max(rows.n_weeks, 1) / rows.n_ties, expected(0.0)
    estimate = float(choice.fit.beta[choice.place])
    return CommonScale(*(rate * (expected(beta) - none) for beta in (estimate, low, high)))
