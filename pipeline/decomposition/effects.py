"""The fitted effects of a panel on the common scale: what each does to the similarity of ties per week and tie.

What belongs here: from a fitted process to the `pipeline.decomposition.scale.Scale` of each effect.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.decomposition.fitting import CHOICE_TERMS, Fitted
from pipeline.decomposition.scale import (
    NO_SCALE,
    Scale,
    choice_scale,
    dissolution_scale,
    influence_scale,
    turnover,
    without_cases,
)
from pipeline.selection.risk_set import risk_set
from pipeline.selection.terms import Pairs, design
from pipeline.selection.tie_rows import standing_ties

CONTROLS = 50
"""Candidates per choice of the expectation (STATISTICS 2.5)."""
MOST_EVENTS, MOST_ROWS = 3_000, 50_000
"""More choices, and more ties that last, are sampled by hash."""
EFFECTS = {
    "selection": "ties formed to the more alike than without the weight of similarity",
    "dissolution": "dissimilar ties ending sooner than without the weight of distance",
    "influence": "gaps to the mean of the alters closing, net of what that does to random pairs of the same degrees",
    "structure": "ties formed as reciprocity, two-paths and popularity have them, less as without these",
    "influence_unnetted": "gaps closing, with what that does to everybody's distance: not evidence of influence",
}
"""Effects and what they are."""
_STRUCTURE = ("reciprocity", "two_paths", "in_degree")


def effects(fitted: Fitted, ci_level: float, seed: int) -> Mapping[str, Scale]:
    """Return the effects of `EFFECTS` in standard deviations of excess tie similarity per week and tie."""
    panel = fitted.basis.panel
    rates = turnover(panel)
    rows = risk_set(panel, controls=CONTROLS, seed=seed, most_events=MOST_EVENTS)
    found: dict[str, Scale] = {"selection": NO_SCALE, "structure": NO_SCALE, "dissolution": NO_SCALE}
    if rows.n_events:
        x = design(Pairs.of(rows), panel.scores, panel.group, CHOICE_TERMS)
        ego = rows.ego.astype(np.int64)
        choices = without_cases(x, rows.start, rows.case, ego, x[:, CHOICE_TERMS.index("similarity")])
        for name, terms in (("selection", ("similarity",)), ("structure", _STRUCTURE)):
            off = [CHOICE_TERMS.index(term) for term in terms]
            found[name] = choice_scale(choices, fitted.choice, fitted.choice_covariance, off, rates.formed, ci_level)
    ties = standing_ties(panel, seed=seed, most_rows=MOST_ROWS)
    if len(ties.outcome):
        columns = design(ties.pairs, panel.scores, panel.group, ("similarity", "reciprocity"))
        kept = ties.outcome
        weight = np.where(kept, fitted.n_lasting / max(int(kept.sum()), 1), 1.0)
        found["dissolution"] = dissolution_scale(
            np.column_stack([np.ones(len(kept)), -columns[:, 0], columns[:, 1]]), -columns[:, 0],
            ties.pairs.ego.astype(np.int64), fitted.ends, fitted.ends_covariance, [1], rates.ended, ci_level, weight,
        )  # fmt: skip
    error = float(np.sqrt(fitted.scores_covariance[0, 0]))
    closed = influence_scale(panel, float(fitted.scores[0]), error, ci_level, seed)
    found["influence"], found["influence_unnetted"] = closed.netted, closed.unnetted
    return {name: found[name] for name in EFFECTS}
