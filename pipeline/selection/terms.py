"""Terms of models of choices and of ties, from scores and structure.

What belongs here: the name of each term and its column. Terms of the ego alone are the same for all alters of a choice:
a conditional logit cannot see them, nor are they asked for; how they change the weight of similarity can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.selection.adjacency import FloatArray, NodeArray
from pipeline.selection.risk_set import RiskSet

TERMS = {
    "similarity": "−|y_i − y_j|",
    "reciprocity": "1[j → i]",
    "two_paths": "log1p(paths i → k → j)",
    "in_degree": "log1p(in-degree_j)",
    "alter_score": "y_j",
    "alter_score_squared": "y_j²",
    "ego_score": "y_i",
    "ego_degree": "log1p(out-degree_i)",
    "same_group": "1[group_i = group_j]",
    "similarity_by_ego_score": "−|y_i − y_j| · y_i",
    "similarity_by_ego_degree": "−|y_i − y_j| · (log1p(out-degree_i) − mean)",
}
"""Terms and their formulas; all states are of the end of the week before."""
ABSORBED = ("ego_score", "ego_degree")
"""Terms of the ego alone: constant within a choice."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Ordered pairs of agents in a week, with the state before it; scores from `scores`."""

    ego: NodeArray
    alter: NodeArray
    column: NodeArray
    structure: FloatArray
    out_degree: FloatArray

    @classmethod
    def of(cls, rows: RiskSet) -> Pairs:
        """Return the rows of a risk set."""
        return cls(rows.ego, rows.alter, rows.column, rows.structure, rows.out_degree)


def design(pairs: Pairs, scores: FloatArray, group: NDArray[np.signedinteger[Any]], terms: Sequence[str]) -> FloatArray:
    """Return the columns of terms, shape (rows, terms).

    Parameters
    ----------
    pairs
        Ordered pairs and their weeks.
    scores
        Score of each agent and week, shape (agents, weeks); the column before that of the pair is read.
    group
        Group of each agent, −1 unknown; two unknown groups are not the same.
    terms
        Of `TERMS`.
    """
    before = pairs.column - 1
    y_ego, y_alter = scores[pairs.ego, before], scores[pairs.alter, before]
    similarity = -np.abs(y_ego - y_alter)
    out = np.empty((len(y_ego), len(terms)))
    for place, term in enumerate(terms):
        match term:
            case "similarity":
                out[:, place] = similarity
            case "reciprocity" | "two_paths" | "in_degree":
                out[:, place] = pairs.structure[:, ("reciprocity", "two_paths", "in_degree").index(term)]
            case "alter_score":
                out[:, place] = y_alter
            case "alter_score_squared":
                out[:, place] = y_alter**2
            case "ego_score":
                out[:, place] = y_ego
            case "ego_degree":
                out[:, place] = pairs.out_degree
            case "same_group":
                out[:, place] = (group[pairs.ego] == group[pairs.alter]) & (group[pairs.ego] >= 0)
            case "similarity_by_ego_score":
                out[:, place] = similarity * y_ego
            case "similarity_by_ego_degree":
                out[:, place] = similarity * (pairs.out_degree - pairs.out_degree.mean())
            case _:
                raise ValueError(f"term {term!r} is not one of {list(TERMS)}")
    return out
