"""Chirps of the simulated follower network: who writes when, and texts that hold exactly the planted labels."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.random import Generator

from pipeline.simulation import pools
from pipeline.simulation.chirper_process import chirp_counts, planned_words, repeated_texts, texts_of_length
from pipeline.simulation.chirper_ties import MILLISECOND
from pipeline.simulation.chirper_truth import ChirperTruth
from pipeline.simulation.coevolution import CoevolutionWorld
from pipeline.simulation.compose import (
    FIRST,
    LAST,
    IntArray,
    gather,
    join_pieces,
    make_distinct,
    neutral_sentences,
    phrase_slots,
    piece,
    slot_sentences,
    template_texts,
)
from pipeline.simulation.people import make_ids

RECENT = 300  # a reply answers one of as many chirps before it
MOST_SENTENCES = 2


def draw_chirps(
    truth: ChirperTruth,
    agents: pl.DataFrame,
    rng: Generator,
    text_rng: Generator,
    world: CoevolutionWorld | None = None,
) -> pl.DataFrame:
    """Draw all chirps, sorted by time.

    Whether a chirp holds an AIRS pattern depends on the propensity of its author and on nothing else.

    Parameters
    ----------
    truth : ChirperTruth
        What is planted.
    agents : DataFrame
        From `chirper.draw_chirpers`.
    rng, text_rng : Generator
        Random streams of authors, times and labels, and of texts.
    world : CoevolutionWorld, optional
        Where given, its scores decide who writes in which week, and at what length.

    Returns
    -------
    DataFrame
        ``place``, ``chirp_id``, ``author``, ``week``, ``at``, ``lang``, ``reply_to``, ``mentioned``, ``is_airs``,
        ``is_template``, ``hostile``, ``content``.
    """
    author, week, at = _when(truth, agents, world, rng)
    n = len(author)
    is_airs = rng.random(n) < agents["propensity"].to_numpy()[author]
    mentioned = _mentions(truth, agents, author, rng)
    reply_to = np.maximum(np.arange(n) - 1 - rng.integers(0, RECENT, n), -1)
    is_reply = (rng.random(n) < truth.reply_share) & (reply_to >= 0) & (author[reply_to] != author)
    frame = pl.DataFrame(
        {
            "place": np.arange(n),
            "chirp_id": make_ids(n, rng),
            "author": author,
            "week": week,
            "at": at,
            "lang": agents["lang"].gather(author),
            "reply_to": pl.select(pl.when(pl.Series(is_reply)).then(pl.Series(reply_to))).to_series(),
            "mentioned": pl.select(pl.when(pl.Series(mentioned >= 0)).then(pl.Series(mentioned))).to_series(),
            "is_airs": is_airs,
        }
    )
    words = None if world is None else planned_words(truth, world, author, week, rng)
    return frame.hstack(_texts(truth, agents, frame, words, text_rng))


def _when(
    truth: ChirperTruth, agents: pl.DataFrame, world: CoevolutionWorld | None, rng: Generator
) -> tuple[IntArray, IntArray, IntArray]:
    entry, entered = agents["entry_week"].to_numpy(), agents["entered"].to_numpy()
    weeks = np.arange(truth.n_weeks)
    present = entry[:, None] <= weeks[None, :]
    if world is None:
        counts = rng.poisson(truth.chirps_per_week * agents["chirp_rate"].to_numpy()[:, None] * present)
    else:
        counts = chirp_counts(truth, agents, world, rng)
    cell = np.repeat(np.arange(counts.size), counts.ravel())
    author, week = cell // truth.n_weeks, cell % truth.n_weeks
    first, last = (edge[week] for edge in truth.windows)
    first = np.maximum(first, entered[author])
    at = first + (rng.random(len(author)) * (last - first)).astype(np.int64)
    at -= at % MILLISECOND
    order = np.lexsort((author, at))
    return author[order], week[order], at[order]


def _mentions(truth: ChirperTruth, agents: pl.DataFrame, author: IntArray, rng: Generator) -> IntArray:
    """Draw whom a chirp mentions, -1 for nobody: an agent that was there from the start and has a plain handle."""
    places = np.arange(agents.height)
    fit = np.nonzero((agents["entry_week"].to_numpy() == 0) & (places >= len(pools.ODD_HANDLES)))[0]
    target = fit[rng.integers(0, len(fit), len(author))]
    wanted = (rng.random(len(author)) < truth.mention_share) & (target != author)
    return np.where(wanted, target, -1).astype(np.int64)


def _texts(
    truth: ChirperTruth, agents: pl.DataFrame, chirps: pl.DataFrame, words: IntArray | None, rng: Generator
) -> pl.DataFrame:
    n = chirps.height
    is_airs = chirps["is_airs"].to_numpy()
    is_template = rng.random(n) < truth.duplicate_share
    is_template &= chirps["mentioned"].is_null().to_numpy()
    codes = np.array([pools.LANGUAGES.index(name) for name in truth.languages], dtype=np.int64)
    language = codes[agents["group"].to_numpy()[chirps["author"].to_numpy()]]
    owner = np.repeat(np.arange(n), rng.integers(1, MOST_SENTENCES + 1, n))
    slot, phrase = phrase_slots(np.ones(n, dtype=np.int64), rng)
    plain = np.nonzero(~is_template)[0]
    hostile = np.sort(rng.choice(plain, min(truth.n_hostile, len(plain)), replace=False))
    kind = np.arange(len(hostile)) % len(pools.HOSTILE)
    mentioner = np.nonzero(chirps["mentioned"].is_not_null().to_numpy())[0]
    handles = "@" + agents["username"].gather(chirps["mentioned"].drop_nulls())
    mention = piece(mentioner, np.full(len(mentioner), FIRST), handles)
    payload = piece(hostile, np.full(len(hostile), LAST), gather(tuple(text for _, text in pools.HOSTILE), kind))
    if words is None:
        body = [
            piece(owner, rng.random(len(owner)), neutral_sentences(language[owner], rng)),
            piece(slot, rng.random(n), slot_sentences(phrase, is_airs[slot])),
        ]
        composed = join_pieces([mention, *body, payload], n, rng, paragraphs=False)
        # Templates stand aside while the rest is made distinct: they are the only repeats planted.
        planted = pl.Series(is_template)
        placeholder = "\x00" + pl.Series(np.arange(n)).cast(pl.String)
        composed = make_distinct(placeholder.zip_with(planted, composed), rng)
        content = template_texts(is_airs, rng).zip_with(planted, composed)
    else:
        long = texts_of_length(language, is_airs, words, rng)
        long = repeated_texts(long, is_template, np.stack([language, is_airs, words], axis=1))
        content = join_pieces([mention, piece(np.arange(n), np.zeros(n), long), payload], n, rng, paragraphs=False)
    names = pl.Series([None] * n, dtype=pl.String)
    return pl.DataFrame(
        {
            "is_template": is_template,
            "hostile": names.scatter(hostile, gather(tuple(name for name, _ in pools.HOSTILE), kind)),
            "content": content,
        }
    )
