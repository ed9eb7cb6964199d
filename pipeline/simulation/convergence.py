"""Corpora with planted convergence, or none, and texts with planted templates.

What belongs here: parameters, the draw, and what is true of it in closed form. A text of community c in period t has
the vector ``g_ct·z_c + sqrt(1 − g_ct²)·e``: z_c = ``sqrt(ρ)·common + sqrt(1 − ρ)·own`` is the direction of the
community, e a direction orthogonal to all of them, by text and author. So the mean cosine within a cell is g_ct² (plus
what texts of one author share), that between two communities ρ·g_ct·g_c't, and their trend is planted through g.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

FIRST_MONDAY = datetime(2026, 1, 5)
MODEL = "planted"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvergenceTruth:
    """What is planted.

    Attributes
    ----------
    communities, periods, texts
        Communities, periods, and texts of each community and period.
    period
        Length of a period.
    within
        g² of every community in the middle of the window: mean cosine of two texts of a cell.
    slope
        Mean change of g² per period; 0 plants no convergence.
    slope_sd
        Standard deviation of the change between communities: with ``slope = 0`` some converge and as many diverge.
    shock_sd
        Standard deviation of g² of a cell around its trend.
    common
        ρ: share of the direction of a community that all communities have.
    author_share
        Share of e that texts of one author have in common.
    authors
        Authors of each community.
    spell
        Periods for which an author writes, arrivals spread evenly; 0 lets all write all the time.
    newcomer_strength
        Factor of g in the texts of authors in their first four weeks: below 1 they stand off.
    dimensions
        Length of a vector; at least communities + 2.
    seed
        Seed of the draw.
    """

    communities: int = 12
    periods: int = 12
    texts: int = 24
    period: timedelta = timedelta(weeks=1)
    within: float = 0.3
    slope: float = 0.0
    slope_sd: float = 0.004
    shock_sd: float = 0.02
    common: float = 0.3
    author_share: float = 0.2
    authors: int = 30
    spell: int = 0
    newcomer_strength: float = 1.0
    dimensions: int = 64
    seed: int = 1


@dataclass(frozen=True, slots=True)
class ConvergenceCorpus:
    """Frames in the shape of the tables ``message``, ``text`` and ``embedding``, and g² as it was drawn.

    Attributes
    ----------
    message, text, embedding
        The rows, with the columns that the convergence family reads.
    within
        Shape (communities, periods): g².
    """

    message: pl.DataFrame
    text: pl.DataFrame
    embedding: pl.DataFrame
    within: Floats


def simulate_convergence(truth: ConvergenceTruth) -> ConvergenceCorpus:
    """Draw a corpus of posts with vectors.

    Raises
    ------
    ValueError
        When there are fewer dimensions than the directions need.
    """
    if truth.dimensions < truth.communities + 2:
        raise ValueError(f"dimensions is {truth.dimensions}; {truth.communities} communities need 2 more than that")
    rng = np.random.default_rng(truth.seed)
    within = _planted(truth, rng)
    shape = (truth.communities, truth.periods, truth.texts)
    community, period, _ = (axis.ravel() for axis in np.indices(shape))
    author, is_new = _authors(truth, period, rng)
    vectors = _vectors(truth, within, community, period, author, is_new, rng)
    second = rng.uniform(0, truth.period.total_seconds(), community.size)
    created = [
        FIRST_MONDAY + int(at) * truth.period + timedelta(seconds=float(after))
        for at, after in zip(period, second, strict=True)
    ]
    return _frames(community, author, created, vectors, within)


def _authors(
    truth: ConvergenceTruth, period: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Draw the author of each text among those who write in its period, and whether it is new there."""
    if not truth.spell:
        return rng.integers(truth.authors, size=period.size), np.zeros(period.size, dtype=np.bool_)
    born = np.arange(truth.authors) * (truth.periods + truth.spell) // truth.authors - truth.spell + 1
    low = np.searchsorted(born, period - truth.spell, side="right")
    high = np.searchsorted(born, period, side="right")
    author = low + np.floor(rng.random(period.size) * (high - low)).astype(np.int64)
    fresh = np.ceil(timedelta(weeks=4) / truth.period)
    return author, np.asarray(period - born[author] <= fresh, dtype=np.bool_)


def _planted(truth: ConvergenceTruth, rng: np.random.Generator) -> Floats:
    slopes = truth.slope + truth.slope_sd * rng.standard_normal((truth.communities, 1))
    middle = np.arange(truth.periods) - (truth.periods - 1) / 2
    shocks = truth.shock_sd * rng.standard_normal((truth.communities, truth.periods))
    return np.clip(truth.within + slopes * middle + shocks, 0.0, 1.0)


def _vectors(
    truth: ConvergenceTruth,
    within: Floats,
    community: NDArray[np.int64],
    period: NDArray[np.int64],
    author: NDArray[np.int64],
    is_new: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    size, free = truth.communities + 1, truth.dimensions - truth.communities - 1
    writers = _directions(rng, (truth.communities * truth.authors, free))[community * truth.authors + author]
    noise = np.sqrt(truth.author_share) * writers
    noise += np.sqrt(1 - truth.author_share) * _directions(rng, (community.size, free))
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    strength = within[community, period] * np.where(is_new, truth.newcomer_strength**2, 1.0)
    vectors = np.zeros((community.size, truth.dimensions))
    vectors[:, 0] = np.sqrt(strength * truth.common)
    vectors[np.arange(community.size), 1 + community] = np.sqrt(strength * (1 - truth.common))
    vectors[:, size:] = np.sqrt(1 - strength)[:, None] * noise
    return vectors.astype(np.float32)


def _directions(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    drawn = rng.standard_normal(shape)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float64)


def _frames(
    community: NDArray[np.int64],
    author: NDArray[np.int64],
    created: list[datetime],
    vectors: NDArray[np.float32],
    within: Floats,
) -> ConvergenceCorpus:
    hashes = [hashlib.sha256(f"text {i}".encode()).hexdigest()[:32] for i in range(len(created))]
    ids = pl.Series([f"p{i}" for i in range(len(created))])
    message = pl.DataFrame(
        {
            "message_id": ids,
            "run_id": "observed",
            "kind": "post",
            "agent_id": [f"u{c}-{a}" for c, a in zip(community, author, strict=True)],
            "community_id": [f"c{c:02d}" for c in community],
            "root_id": ids,
            "text_hash": hashes,
            "created_at": pl.Series(created, dtype=pl.Datetime("us")),
            "at_precision": "us",
            "step": pl.Series([None] * len(created), dtype=pl.Int64),
        }
    )
    text = pl.DataFrame({"text_hash": hashes, "text": [f"text {i}" for i in range(len(created))]})
    text = text.with_columns(n_tokens=pl.lit(2, dtype=pl.Int64), copies=pl.lit(1, dtype=pl.Int64))
    stored = pl.Series("vector", vectors).arr.to_list()
    embedding = pl.DataFrame({"text_hash": hashes, "vector": stored}).with_columns(
        model=pl.lit(MODEL), rung=pl.lit("static")
    )
    return ConvergenceCorpus(message, text, embedding, within)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateTruth:
    """Planted templates among texts of random words.

    Attributes
    ----------
    texts
        Distinct texts.
    template_share
        Share of the texts that are variants of a template, in groups of `group`.
    group
        Variants of each template; at least 2.
    words, changed
        Words of a text, and how many of them (at its end) a variant has of its own: two variants share
        w − 2 − c of their w − 2 shingles, so their Jaccard similarity is (w − 2 − c)/(w − 2 + c).
    vocabulary
        Words to draw from; with thousands, unrelated texts share no shingle to speak of.
    seed
        Seed of the draw.
    """

    texts: int = 2_000
    template_share: float = 0.2
    group: int = 5
    words: int = 40
    changed: int = 4
    vocabulary: int = 5_000
    seed: int = 1

    @property
    def jaccard(self) -> float:
        """Planted similarity of two variants of one template."""
        shared = self.words - 2 - self.changed
        return shared / (shared + 2 * self.changed)


def simulate_templates(truth: TemplateTruth) -> pl.DataFrame:
    """Draw distinct texts; frame with text_hash, text, copies = 1 and template (null, or the number of its group)."""
    rng = np.random.default_rng(truth.seed)
    groups = round(truth.texts * truth.template_share / truth.group)
    template = np.full(truth.texts, -1)
    template[: groups * truth.group] = np.repeat(np.arange(groups), truth.group)
    words = rng.integers(truth.vocabulary, size=(truth.texts, truth.words))
    kept = truth.words - truth.changed
    for number in range(groups):
        members = np.flatnonzero(template == number)
        words[members, :kept] = words[members[0], :kept]
    texts = [" ".join(f"w{word}" for word in line) for line in words]
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]
    frame = pl.DataFrame({"text_hash": hashes, "text": texts, "template": template})
    frame = frame.with_columns(
        copies=pl.lit(1, dtype=pl.Int64),
        template=pl.when(pl.col("template") >= 0).then(pl.col("template")),
    )
    return frame.sort("text_hash")
