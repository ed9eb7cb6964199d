"""Scores that cannot be selected on: what a model of choices finds in them is its own doing.

What belongs here: making such scores from those of a panel. Risk sets and structure stay as they are, so that a
placebo has the presence, the weeks and the ties of the estimate beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from pipeline.selection.adjacency import FloatArray
from pipeline.selection.fit import Groups

VERDICTS = {
    "shuffled_agents": "scores in random order among the agents of a group and week: away from zero, the estimate "
    "comes from groups, weeks or ties, and not from whose score is whose",
    "shuffled_weeks": "scores of each agent in random order over its weeks: what stands here is selection on what "
    "agents are always like; the estimate less this is selection on the score of the week",
    "hash_score": "a random number of the agent, that nobody can see: away from zero, the model makes selection out of "
    "structure",
}
"""What each placebo is, and what it means when it fails."""


def shuffled_agents(scores: FloatArray, group: Groups, rng: Generator) -> FloatArray:
    """Put the scores of each week in random order among the agents of a group (the unknown are one)."""
    agent, week = np.nonzero(np.isfinite(scores))
    cell = group[agent].astype(np.int64) * scores.shape[1] + week
    into, taken = np.argsort(cell, kind="stable"), np.lexsort((rng.random(len(agent)), cell))
    out = scores.copy()
    out[agent[into], week[into]] = scores[agent[taken], week[taken]]
    return out


def shuffled_weeks(scores: FloatArray, rng: Generator) -> FloatArray:
    """Put the scores of each agent in random order over the weeks in which it has one."""
    known = np.isfinite(scores)
    agent, week = np.nonzero(known)
    order = np.lexsort((rng.random(len(agent)), agent))
    out = scores.copy()
    out[agent, week] = scores[agent[order], week[order]]
    return out


def hash_score(scores: FloatArray, rng: Generator) -> FloatArray:
    """Give each agent one random score for all weeks in which it has one, of mean 0 and standard deviation 1."""
    own = rng.standard_normal((scores.shape[0], 1))
    return np.where(np.isfinite(scores), own, np.nan)
