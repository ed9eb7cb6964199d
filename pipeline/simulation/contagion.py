"""Threads with planted contagion, or none: labels of comments that depend on traits, places and what came before.

What belongs here: parameters and the draw. The log odds that comment k of a thread is in conflict are ``base`` +
author + community + thread + ``drift``·k + ``post``·(post in conflict) + ``first``·(first comment in conflict) +
``previous``·(comment before in conflict). With the last three at 0 nothing is contagious, whatever the traits do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

START = datetime(2026, 1, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContagionTruth:
    """What is planted.

    Attributes
    ----------
    threads, comments, agents, communities
        Sizes; comments are the mean per thread.
    base
        Log odds of conflict of an average author in an average community.
    author_sd, community_sd, thread_sd
        Spread of the log odds of authors, of communities, and of threads beyond both: what a thread is about.
    post, first, previous
        Contagion, in log odds.
    drift
        Change of the log odds per place in the thread.
    seed
        Seed of the draw.
    """

    threads: int = 400
    comments: float = 10.0
    agents: int = 150
    communities: int = 8
    base: float = -2.3
    author_sd: float = 0.6
    community_sd: float = 0.4
    thread_sd: float = 0.0
    post: float = 0.0
    first: float = 0.0
    previous: float = 0.0
    drift: float = 0.0
    seed: int = 1


def planted_threads(truth: ContagionTruth) -> pl.DataFrame:
    """Draw threads; the columns are those of `pipeline.inference.contagion_frames.read_messages`.

    Returns
    -------
    polars.DataFrame
        Posts and comments in the order of their threads. Every message has its own text and length; a message in
        conflict is angry, of the others every seventh is joyful, at random.
    """
    rng = np.random.default_rng(truth.seed)
    n = truth.threads
    author = rng.normal(0, truth.author_sd, truth.agents)
    place = rng.normal(0, truth.community_sd, truth.communities)
    community = rng.integers(0, truth.communities, n)
    thread = rng.normal(0, truth.thread_sd, n) if truth.thread_sd else np.zeros(n)
    length = rng.poisson(truth.comments, n)
    most = int(length.max(initial=0))
    # Agents are not equally active; who comments does not depend on the thread.
    activity = rng.dirichlet(np.full(truth.agents, 0.7))
    who = rng.choice(truth.agents, size=(n, most + 1), p=activity)
    level = truth.base + author[who] + (place[community] + thread)[:, None]
    conflict = np.zeros((n, most + 1), dtype=np.int64)
    for k in range(most + 1):
        odds = level[:, k] + truth.drift * k
        if k >= 1:
            odds = odds + truth.post * conflict[:, 0]
        if k >= 2:
            odds = odds + truth.first * conflict[:, 1] + truth.previous * conflict[:, k - 1]
        conflict[:, k] = rng.random(n) < 1 / (1 + np.exp(-odds))
    return _frame(truth, rng, who, conflict, community, length)


def _frame(
    truth: ContagionTruth,
    rng: np.random.Generator,
    who: np.ndarray,
    conflict: np.ndarray,
    community: np.ndarray,
    length: np.ndarray,
) -> pl.DataFrame:
    row, k = np.nonzero(np.arange(who.shape[1])[None, :] <= length[:, None])
    size = row.size
    is_joy = rng.random(size) < 1 / 7
    label = conflict[row, k]
    ids = [f"t{t:05d}-{i:03d}" for t, i in zip(row, k, strict=True)]
    roots = [f"t{t:05d}-000" for t in row]
    at = [START + timedelta(hours=int(t), minutes=int(i)) for t, i in zip(row, k, strict=True)]
    return pl.DataFrame(
        {
            "message_id": ids,
            "kind": np.where(k == 0, "post", "comment"),
            "agent_id": [f"a{i:04d}" for i in who[row, k]],
            "community_id": [f"c{i:02d}" for i in community[row]],
            "root_id": roots,
            "parent_id": [None if i == 0 else root for i, root in zip(k, roots, strict=True)],
            "created_at": at,
            "at_precision": pl.Series(["us"] * size, dtype=pl.String),
            "step": pl.Series([None] * size, dtype=pl.Int64),
            "n_chars": rng.integers(20, 400, size),
            "language": ["en"] * size,
            "conflict": label,
            "emotion": np.where(label == 1, "anger", np.where(is_joy, "joy", "none")),
            "hash_binary": rng.integers(0, 2, size),
            "is_mint": [False] * size,
            "is_first_copy": [True] * size,
        },
        schema_overrides={"created_at": pl.Datetime("us")},
    )
