"""Alters of alters: the scores of those two steps away whom an ego does not follow itself.

What belongs here: the instrument of the published estimates (METHODS 3), a contrast. It is no valid instrument where
agents choose whom they follow by their scores: the alters of alters are like the ego for the same reason.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.network.panel import FloatArray, IntArray, Panel

MOST_STEPS = 200_000_000
"""Two-step paths that are walked over all weeks; beyond, agents are sampled."""


def second_alters(panel: Panel, rng: np.random.Generator) -> tuple[FloatArray, float]:
    """Return the mean score of alters of alters in each week, and the share of agents that was walked.

    Parameters
    ----------
    panel
        Scores and ties.
    rng
        Samples agents where the network is too large to walk for all.

    Returns
    -------
    tuple
        Means over distinct agents at two steps that are neither the ego nor its alters, not-a-number where none has a
        score or the agent was not sampled, shape (agents, weeks); and the share of agents that was sampled.
    """
    out = np.full(panel.scores.shape, np.nan)
    draw = rng.permutation(panel.n_agents)
    share = min(1.0, MOST_STEPS / max(_steps(panel), 1))
    egos = np.sort(draw[: max(int(share * panel.n_agents), 1)])
    for column, week in enumerate(panel.weeks):
        ties = panel.ties.at(week)
        starts = np.searchsorted(ties.source, np.arange(panel.n_agents + 1))
        out[:, column] = _walk(starts, ties.target, np.ascontiguousarray(panel.scores[:, column]), egos)
    return out, len(egos) / panel.n_agents


def _steps(panel: Panel) -> int:
    middle = panel.ties.at(panel.first_week + panel.n_weeks // 2)
    degree = np.bincount(middle.source, minlength=panel.n_agents)
    return int(degree[middle.target].sum()) * panel.n_weeks


@njit(cache=True)
def _walk(starts: IntArray, targets: IntArray, scores: FloatArray, egos: IntArray) -> FloatArray:  # pragma: no cover
    agents = scores.shape[0]
    mark = np.full(agents, -1, np.int64)
    out = np.full(agents, np.nan)
    for ego in egos:
        mark[ego] = ego
        for a in range(starts[ego], starts[ego + 1]):
            mark[targets[a]] = ego
        total, count = 0.0, 0
        for a in range(starts[ego], starts[ego + 1]):
            alter = targets[a]
            for b in range(starts[alter], starts[alter + 1]):
                second = targets[b]
                if mark[second] != ego:
                    mark[second] = ego
                    value = scores[second]
                    if value == value:  # not-a-number is no score
                        total += value
                        count += 1
        if count:
            out[ego] = total / count
    return out
