"""Corpora whose messages are planted to be like the description of their author, or like nobody's.

What belongs here: parameters, the draw as frames in the shape of the tables, and nothing that measures. The vector of a
message of agent a on day t is ``g_t·p_a + sqrt(1 − g_t²)·e`` with p_a the vector of the description and e a direction
orthogonal to it, in part common to the agent's messages: the cosine of message and description is g_t exactly. The
cheap vectors are those of the teacher with noise.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

FIRST_DAY = datetime(2026, 1, 28)
MODEL = "planted"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaTruth:
    """What is planted.

    Attributes
    ----------
    agents, messages, days
        Agents, mean number of messages of each (heavy-tailed), days that they are spread over.
    alignment, slope
        g in the middle of the window, and its change per day; None plants nothing: a message is like its own
        description as like any other.
    common
        Share of e that the messages of an agent have in common.
    noise
        Length of the noise in cheap vectors.
    read_share
        Share of the texts that the teacher has read.
    dimensions
        Length of a vector.
    """

    agents: int = 60
    messages: float = 12.0
    days: int = 5
    alignment: float | None = 0.4
    slope: float = 0.0
    common: float = 0.5
    noise: float = 0.6
    read_share: float = 0.3
    dimensions: int = 24


def simulate_persona(truth: PersonaTruth, seed: int) -> dict[str, pl.DataFrame]:
    """Draw a corpus.

    Parameters
    ----------
    truth
        What is planted.
    seed
        Seed of the draw.

    Returns
    -------
    dict
        Frames of the tables agent, message, text, embedding and persona_embedding, with the columns that the family
        reads.
    """
    rng = np.random.default_rng(seed)
    personas = _unit(rng.normal(size=(truth.agents, truth.dimensions)))
    counts = np.maximum(rng.negative_binomial(1, 1 / (1 + truth.messages), truth.agents), 3)
    agent = np.repeat(np.arange(truth.agents), counts)
    day = rng.uniform(0, truth.days, len(agent))
    vectors = _messages(truth, personas, agent, day, rng)
    texts = [f"message {i} of corpus {seed}" for i in range(len(agent))]
    hashes = [_hash(text) for text in texts]
    order = np.argsort(hashes)
    read = order[: int(truth.read_share * len(order))]
    descriptions = [f"agent number {a} of this corpus" for a in range(truth.agents)]
    ids = [f"a{a}" for a in range(truth.agents)]
    message = pl.DataFrame(
        {
            "message_id": [f"m{i}" for i in range(len(agent))],
            "agent_id": [ids[a] for a in agent],
            "text_hash": hashes,
            "created_at": [FIRST_DAY + timedelta(days=float(d)) for d in day],
            "upvotes": rng.poisson(3, len(agent)),
        }
    ).with_columns(run_id=pl.lit("observed"), kind=pl.lit("post"), at_precision=pl.lit("us"))
    text = pl.DataFrame({"text_hash": hashes, "n_tokens": [5] * len(hashes), "language": ["en"] * len(hashes)})
    return {
        "agent": pl.DataFrame({"agent_id": ids, "persona": descriptions, "karma": [5] * truth.agents}),
        "message": message,
        "text": text.with_columns(copies=pl.lit(1)),
        "embedding": _stacked("text_hash", hashes, vectors, read, truth.noise, rng),
        "persona_embedding": _stacked(
            "persona_hash", [_hash(d) for d in descriptions], personas, np.arange(truth.agents), truth.noise, rng
        ),
    }


def _messages(
    truth: PersonaTruth, personas: Floats, agent: NDArray[np.int64], day: Floats, rng: np.random.Generator
) -> Floats:
    shared = rng.normal(size=personas.shape)[agent]
    rest = np.sqrt(truth.common) * shared + np.sqrt(1 - truth.common) * rng.normal(size=shared.shape)
    if truth.alignment is None:
        return _unit(rest)
    own = personas[agent]
    rest = _unit(rest - (rest * own).sum(axis=1, keepdims=True) * own)
    g = (truth.alignment + truth.slope * (day - truth.days / 2))[:, None]
    mixed: Floats = g * own + np.sqrt(1 - g * g) * rest
    return mixed


def _stacked(
    key: str, hashes: list[str], vectors: Floats, read: NDArray[np.int64], noise: float, rng: np.random.Generator
) -> pl.DataFrame:
    """Return rows of both rungs: cheap vectors of all, the teacher's of those that it has read."""
    cheap = _unit(vectors + noise * _unit(rng.normal(size=vectors.shape)))
    parts = [("static", np.arange(len(hashes)), cheap), ("full", read, vectors[read])]
    return pl.concat(
        pl.DataFrame(
            {key: [hashes[i] for i in at], "model": MODEL, "rung": rung, "vector": rows.tolist()},
            schema={key: pl.String, "model": pl.String, "rung": pl.String, "vector": pl.List(pl.Float32)},
        )
        for rung, at, rows in parts
    )


def _unit(rows: Floats) -> Floats:
    scaled: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
