"""When the normal distribution is no guide to the tail of a permutation null.

The nulls have exact means and standard deviations, and p-values of the normal distribution. Where few agents carry
the variance of a score, few are in a group, or one agent holds many of the ties, the null is skewed: at 5 % the p is
right to within a few per cent, but a p of .001 can be fifteen times too small. Such rows say ``lopsided_null``.
"""

from __future__ import annotations

import numpy as np

from pipeline.network.permutation_moments import FloatArray, IntArray
from pipeline.network.snapshots import Snapshot

LEAST_CARRIERS = 20.0
"""Effective number of agents that carry the variance of a score: (Σd²)²/Σd⁴; n/3 of normal scores, about the size of a
small group."""
LARGEST_SHARE = 0.1
"""Of the ends of all ties, those of one agent."""


def lopsided_scores(network: Snapshot, scores: FloatArray) -> tuple[str, ...]:
    """Return the warning for ties and a score of agents, shape (nodes,), not-a-number where unknown."""
    known = np.isfinite(scores)
    ends = known_ends(network, known)
    return ("lopsided_null",) if _is_lopsided(scores[ends > 0], ends) else ()


def lopsided_groups(
    network: Snapshot, groups: IntArray, group: int | None = None, ends: IntArray | None = None
) -> tuple[str, ...]:
    """Return the warning for ties and groups of agents, −1 where unknown.

    Parameters
    ----------
    network, groups
        The ties, and the group of each node.
    group
        The group that a row is about; None for all of them: then those outside the largest group count.
    ends
        What `known_ends` says of agents with a group, when it is at hand: many groups of one network share it.
    """
    if ends is None:
        ends = known_ends(network, groups >= 0)
    tied = groups[ends > 0]
    if tied.size and group is None:
        group = int(np.bincount(tied).argmax())
    return ("lopsided_null",) if _is_lopsided((tied == group).astype(np.float64), ends) else ()


def carriers(scores: FloatArray) -> float:
    """Return the effective number of agents that carry the variance of a score, 0 when it has none."""
    squares = np.square(scores - scores.mean()) if scores.size else scores
    fourth = float(np.square(squares).sum())
    return float(squares.sum()) ** 2 / fourth if fourth > 0 else 0.0


def known_ends(network: Snapshot, is_known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> IntArray:
    """Return for each node how many ends of ties between known nodes it holds."""
    kept = is_known[network.source] & is_known[network.target]
    both = np.concatenate([network.source[kept], network.target[kept]])
    return np.bincount(both, minlength=len(is_known)).astype(np.int64)


def _is_lopsided(scores: FloatArray, ends: IntArray) -> bool:
    total, carrying = int(ends.sum()), carriers(scores)
    # A score without variance has no null at all.
    return carrying > 0 and total > 0 and (carrying < LEAST_CARRIERS or int(ends.max()) > LARGEST_SHARE * total)
