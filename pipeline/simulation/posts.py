"""Posts of the simulated forum: labels, lengths and texts, drawn before anybody answers."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.random import Generator

from pipeline.simulation import pools
from pipeline.simulation.compose import (
    LAST,
    BoolArray,
    FloatArray,
    IntArray,
    count_per_owner,
    draw_languages,
    gather,
    join_pieces,
    make_distinct,
    neutral_sentences,
    phrase_slots,
    pick,
    piece,
    slot_sentences,
)
from pipeline.simulation.people import DAY, as_times, epoch_microseconds, make_ids
from pipeline.simulation.truth import ForumTruth

MEDIAN_SENTENCES = 6.0
SENTENCES_LOG_SD = 0.6
MAX_SENTENCES = 60
MAX_PHRASES = 3
LINK_SHARE = 0.02


def draw_posts(truth: ForumTruth, agents: pl.DataFrame, communities: pl.DataFrame, rng: Generator) -> pl.DataFrame:
    """Draw the posts, without their comment counts.

    Labels, lengths, authors, communities and times are independent draws, so nothing but the planted effects
    relates them. Posts are sorted by time; the rate grows linearly over the window.

    Parameters
    ----------
    truth : ForumTruth
        What is planted.
    agents, communities : DataFrame
        From `people`.
    rng : Generator
        Random stream.

    Returns
    -------
    DataFrame
        One row per post: canonical columns, and the latent ``is_action_inducing``, ``airs_count``,
        ``airs_action_count``, ``is_token_mint``, ``hostile`` (kind of payload or null), ``language``,
        ``length_z`` (standardised log(1 + characters) of title, newline and content).
    """
    n = truth.n_posts
    is_airs = rng.random(n) < truth.airs_positive_share
    is_mint = rng.random(n) < truth.token_mint_share
    author = rng.choice(truth.n_agents, n, p=agents["activity_weight"].to_numpy())
    community = rng.choice(truth.n_communities, n, p=communities["post_weight"].to_numpy())
    position = np.sqrt(np.sort(rng.random(n)))
    created = epoch_microseconds(truth.start) + (position * truth.days * DAY).astype(np.int64)
    text = post_texts(truth, is_airs, is_mint, rng)
    link = "https://example.invalid/" + pl.Series(np.arange(n)).cast(pl.String)
    return pl.DataFrame(
        {
            "message_id": make_ids(n, rng),
            "agent_id": agents["agent_id"].gather(author),
            "community_id": communities["community_id"].gather(community),
            "url": link.zip_with(pl.Series(rng.random(n) < LINK_SHARE), pl.Series([None] * n, dtype=pl.String)),
            "created_at": as_times(created),
            "upvotes": rng.poisson(4.0, n),
            "downvotes": rng.poisson(0.2, n),
            "is_action_inducing": is_airs,
            "is_token_mint": is_mint,
        }
    ).hstack(text)


def post_texts(truth: ForumTruth, is_airs: BoolArray, is_mint: BoolArray, rng: Generator) -> pl.DataFrame:
    """Compose titles and contents.

    A post with AIRS > 0 holds 1 to 3 AIRS sentences; any other holds as many twins, which is what keeps
    length independent of the label.
    """
    n = len(is_airs)
    language = draw_languages(n, truth.foreign_share, rng)
    slots = rng.integers(1, MAX_PHRASES + 1, n)
    owner, phrase = phrase_slots(slots, rng)
    in_airs = is_airs[owner]
    sentences = _sentence_counts(truth, is_airs, is_mint, rng)
    neutral_owner = np.repeat(np.arange(n), sentences)
    hostile, payload = _hostile(truth, is_mint, rng)
    pieces = [
        piece(neutral_owner, rng.random(len(neutral_owner)), neutral_sentences(language[neutral_owner], rng)),
        piece(owner, rng.random(len(owner)), slot_sentences(phrase, in_airs)),
        piece(hostile, np.full(len(hostile), LAST), gather(tuple(text for _, text in pools.HOSTILE), payload)),
    ]
    content = make_distinct(join_pieces(pieces, n, rng, paragraphs=True), rng)
    mint_title, mint_body = _mints(n, rng)
    mint = pl.Series(is_mint)
    content = (mint_body + "\n" + content).zip_with(mint, content)
    title = pick(pools.TITLE_HEADS, n, rng) + " " + pick(pools.TITLE_TOPICS, n, rng)
    title = mint_title.zip_with(mint, title)
    kind = pl.Series([None] * n, dtype=pl.String).scatter(
        hostile, gather(tuple(kind for kind, _ in pools.HOSTILE), payload)
    )
    return pl.DataFrame(
        {
            "title": title,
            "content": content,
            "airs_count": count_per_owner(owner, in_airs, n),
            "airs_action_count": count_per_owner(owner, in_airs & (phrase < pools.N_ACTION), n),
            "hostile": kind,
            "language": gather(pools.LANGUAGES, language),
            "length_z": standardise(log_length(title + "\n" + content)),
        }
    )


def log_length(text: pl.Series) -> FloatArray:
    """Return log(1 + characters) per text."""
    return np.asarray(np.log1p(text.str.len_chars().to_numpy()), dtype=np.float64)


def standardise(values: FloatArray) -> FloatArray:
    """Return z-scores (ddof 0); zeros where the values do not vary."""
    spread = values.std()
    centred = values - values.mean()
    return np.asarray(centred / spread if spread > 0 else centred, dtype=np.float64)


def _sentence_counts(truth: ForumTruth, is_airs: BoolArray, is_mint: BoolArray, rng: Generator) -> IntArray:
    log_mean = np.log(MEDIAN_SENTENCES) + truth.airs_length_shift * is_airs
    drawn = np.exp(log_mean + SENTENCES_LOG_SD * rng.standard_normal(len(is_airs)))
    counts = np.clip(np.rint(drawn), 1, MAX_SENTENCES).astype(np.int64)
    return np.where(is_mint, 1, counts)  # mints are short, whatever their label


def _hostile(truth: ForumTruth, is_mint: BoolArray, rng: Generator) -> tuple[IntArray, IntArray]:
    candidates = np.nonzero(~is_mint)[0]
    owner = np.sort(rng.choice(candidates, min(truth.n_hostile, len(candidates)), replace=False))
    return owner.astype(np.int64), np.arange(len(owner)) % len(pools.HOSTILE)


def _mints(n: int, rng: Generator) -> tuple[pl.Series, pl.Series]:
    tick = pick(pools.MINT_TICKS, n, rng)
    title = "Minting " + tick + " #" + pl.Series(np.arange(n)).cast(pl.String)
    body = '{"p":"mbc-20","op":"mint","tick":"' + tick + '","amt":"100"}'
    return title, body
