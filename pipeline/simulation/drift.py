"""Agents whose posts win votes, with or without an effect of the votes on what they write next.

What belongs here: parameters and the draw. The alignment of post j of agent i with n_i posts is

    y_ij = a_i + (trend + s_i) j/n_i + u_ij + e_ij + effect · 1[j after the event],

u a stationary AR(1) series, e noise; its votes grow with y (rewards chase what is special about a post for a while),
fall with j/n_i (older posts have had more time) and are otherwise random; the event is the post with the most votes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.language.drift import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftTruth:
    """What is planted.

    Attributes
    ----------
    agents, most_posts
        Agents, and the most posts of one: 4 and a geometric number with mean 6, cut there.
    effect
        Lasting change of alignment after the event.
    trend, trend_sd
        Mean and spread over agents of the change from the first to the last post, whatever the votes.
    chase
        How strongly votes follow the alignment of a post, in standard deviations of u.
    age
        How strongly votes fall with the place of a post.
    persistence
        Autocorrelation of u, from post to post.
    """

    agents: int = 300
    most_posts: int = 25
    effect: float = 0.0
    trend: float = -0.3
    trend_sd: float = 0.3
    chase: float = 1.0
    age: float = 1.0
    persistence: float = 0.6


def simulate_drift(truth: DriftTruth, seed: int) -> Series:
    """Draw the posts of agents with their events.

    Parameters
    ----------
    truth
        What is planted.
    seed
        Seed of the draw.
    """
    rng = np.random.default_rng(seed)
    agents, most = truth.agents, truth.most_posts
    sizes = np.minimum(4 + rng.geometric(1 / 6, agents), most).astype(np.int64)
    level = rng.normal(0, 0.1, agents)[:, None]
    lasting = np.empty((agents, most))
    lasting[:, 0] = rng.normal(size=agents)
    for j in range(1, most):
        fresh = np.sqrt(1 - truth.persistence**2) * rng.normal(size=agents)
        lasting[:, j] = truth.persistence * lasting[:, j - 1] + fresh
    place = np.arange(most)[None, :] / sizes[:, None]
    trend = truth.trend + truth.trend_sd * rng.normal(size=agents)[:, None]
    values = level + trend * place + 0.1 * lasting + 0.05 * rng.normal(size=(agents, most))
    is_post = np.arange(most)[None, :] < sizes[:, None]
    votes = truth.chase * values / 0.1 - 3 * truth.age * place + rng.normal(size=(agents, most))
    event = np.where(is_post, votes, -np.inf).argmax(axis=1).astype(np.int64)
    values += truth.effect * (np.arange(most)[None, :] > event[:, None])
    starts = (np.cumsum(sizes) - sizes).astype(np.int64)
    return Series(values[is_post], starts, sizes, event)
