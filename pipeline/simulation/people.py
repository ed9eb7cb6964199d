"""Agents and communities of the simulated forum: who they are and how active, not what they write."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.random import Generator

from pipeline.simulation import pools
from pipeline.simulation.compose import FloatArray, IntArray, gather, pick
from pipeline.simulation.truth import ForumTruth

MICROSECONDS = 1_000_000
DAY = 86_400 * MICROSECONDS
MISSING_OWNER_SHARE = 0.05
MISSING_DESCRIPTION_SHARE = 0.01  # as in the real v1 tree
COMMUNITY_EXPONENT = 1.0  # Zipf weights: "general" takes about a third of the posts of 12 communities


def make_ids(n: int, rng: Generator) -> pl.Series:
    """Return `n` lower-case identifiers of the shape of a version-4 UUID, from the stream `rng`."""
    raw = rng.integers(0, 256, size=(n, 16), dtype=np.uint8)
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x40  # version 4
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80  # RFC 4122 variant
    text = raw.tobytes().hex()
    digits = pl.Series([text[start : start + 32] for start in range(0, 32 * n, 32)], dtype=pl.String)
    cuts = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
    return pl.select(
        pl.concat_str([pl.lit(digits).str.slice(*cut) for cut in cuts], separator="-"),
    ).to_series()


def epoch_microseconds(moment: datetime) -> int:
    """Return the naive UTC `moment` in microseconds since 1970."""
    return round(moment.replace(tzinfo=UTC).timestamp() * MICROSECONDS)


def as_times(microseconds: IntArray) -> pl.Series:
    """Return microseconds since 1970 as naive UTC times; whole seconds move by 1 us.

    The API drops the fraction of a whole second, and v1 always showed one.
    """
    shifted = microseconds + (microseconds % MICROSECONDS == 0)
    return pl.Series(shifted, dtype=pl.Int64).cast(pl.Datetime("us"))


def activity_weights(truth: ForumTruth, rng: Generator) -> FloatArray:
    """Return the probability that a message is by agent i, shape (n_agents,), summing to 1.

    Ranks are weighted by ``rank ** (-1 / (exponent - 1))``, which gives messages per agent a power-law
    density with that exponent.
    """
    return power_law_weights(truth.n_agents, truth.activity_exponent, rng)


def power_law_weights(n: int, exponent: float, rng: Generator) -> FloatArray:
    """Return `n` shuffled probabilities whose sizes follow a power law with density exponent `exponent`."""
    ranks = np.arange(1, n + 1, dtype=np.float64)
    weights = ranks ** (-1.0 / (exponent - 1.0))
    return rng.permutation(weights / weights.sum())


def draw_agents(truth: ForumTruth, rng: Generator) -> pl.DataFrame:
    """Draw the agents: profile as the API shows it, and the latent ``activity_weight``."""
    n = truth.n_agents
    number = np.arange(n)
    words = (pools.NAME_HEADS, pools.NAME_SEPARATORS, pools.NAME_TAILS)
    head, separator, tail = (pick(pool, n, rng) for pool in words)
    name = head + separator + tail + pl.Series(number).cast(pl.String)
    description = pick(pools.SUBJECTS, n, rng) + " and " + pick(pools.OBJECTS, n, rng)
    missing = pl.Series(rng.random(n) < MISSING_DESCRIPTION_SHARE)
    weight = activity_weights(truth, rng)
    start = epoch_microseconds(truth.start)
    created = start - (rng.random(n) * DAY).astype(np.int64)
    return pl.DataFrame(
        {
            "agent_id": make_ids(n, rng),
            "name": name,
            "description": pl.Series([None] * n, dtype=pl.String).zip_with(missing, description),
            "karma": rng.poisson(2 + 400 * weight),
            "follower_count": rng.poisson(1 + 200 * weight),
            "following_count": rng.poisson(3, n),
            "has_owner": rng.random(n) >= MISSING_OWNER_SHARE,
            "created_at": as_times(created),
            "activity_weight": weight,
        }
    )


def draw_communities(truth: ForumTruth, agents: pl.DataFrame, rng: Generator) -> pl.DataFrame:
    """Draw the communities, with the latent ``post_weight``, the probability that a post is in each."""
    n = truth.n_communities
    rank = np.arange(n)
    known = len(pools.COMMUNITY_NAMES)
    round_number = pl.Series(rank // known).cast(pl.String)
    base = gather(pools.COMMUNITY_NAMES, rank % known)
    name = (base + round_number).zip_with(pl.Series(rank >= known), base)
    weight = (rank + 1.0) ** -COMMUNITY_EXPONENT
    creator = agents["agent_id"].gather(rng.integers(0, truth.n_agents, n))
    created = epoch_microseconds(truth.start) - (rng.random(n) * DAY).astype(np.int64)
    return pl.DataFrame(
        {
            "community_id": make_ids(n, rng),
            "name": name,
            "title": name.str.to_titlecase(),
            "description": "A place for " + pick(pools.OBJECTS, n, rng) + ".",
            "subscriber_count": rng.poisson(400 * weight / weight.sum()) + 1,
            "creator_id": creator,
            "created_at": as_times(created),
            "post_weight": weight / weight.sum(),
        }
    )
