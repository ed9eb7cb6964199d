"""Simulated runs of OASIS as a whole: from a planted truth to the state of each platform, in memory.

The database file is not known here; see `oasis_sqlite`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.random import Generator

from pipeline.simulation import pools
from pipeline.simulation.compose import (
    LAST,
    BoolArray,
    FloatArray,
    IntArray,
    gather,
    join_pieces,
    make_distinct,
    neutral_sentences,
    phrase_slots,
    pick,
    piece,
    slot_sentences,
    template_texts,
)
from pipeline.simulation.oasis_platform import Clock, Platform
from pipeline.simulation.oasis_truth import OasisTruth
from pipeline.simulation.people import power_law_weights

STREAMS = ("agents", "actions", "targets", "texts")
TEXT_ACTIONS = ("create_post", "quote_post", "create_comment")
RECENT_POSTS = 60  # a feed shows some of as many latest posts
LONGEST_TEXT = 3  # neutral sentences
REASONS = ("spam", "off topic", "repeats itself", "rude")


@dataclass(frozen=True)
class OasisRealised:
    """What the draw of a run gave.

    Attributes
    ----------
    n_posts, n_reposts, n_quotes, n_comments : int
        Messages by kind.
    n_follows, n_unfollows, n_ties_end, n_mutes, n_unmutes : int
        Actions in the trace, and follows that remain.
    n_likes, n_unlikes, n_dislikes, n_exposures : int
        Actions on posts and comments in the trace, and posts shown by all refreshes.
    depths : tuple of int
        Number of shares (reposts and quotes) at distance 1, 2, ... from the original, by immediate parents.
    activity_gini : float
        Gini coefficient of messages per agent, agents without any included.
    n_texts, n_airs, n_duplicate_texts : int
        Written texts (posts, quotes, comments), those with an AIRS pattern, and those that occur more than once.
    """

    n_posts: int
    n_reposts: int
    n_quotes: int
    n_comments: int
    n_follows: int
    n_unfollows: int
    n_ties_end: int
    n_mutes: int
    n_unmutes: int
    n_likes: int
    n_unlikes: int
    n_dislikes: int
    n_exposures: int
    depths: tuple[int, ...]
    activity_gini: float
    n_texts: int
    n_airs: int
    n_duplicate_texts: int


@dataclass(frozen=True)
class OasisRun:
    """One run: its name, its final state, the posts recommended at the end, and what was realised."""

    name: str
    platform: Platform
    recommended: tuple[tuple[int, int], ...]
    realised: OasisRealised


@dataclass(frozen=True)
class Oasis:
    """Simulated runs and what was planted in them."""

    truth: OasisTruth
    runs: tuple[OasisRun, ...]


@dataclass(frozen=True)
class _Plan:
    """What happens in a run, before targets are chosen: one entry per action."""

    step: IntArray
    actor: IntArray
    action: list[str]
    text: list[str | None]
    is_airs: BoolArray


def generate_oasis(truth: OasisTruth) -> Oasis:
    """Generate the runs, each from streams of its own spawned from ``truth.seed``.

    Parameters
    ----------
    truth : OasisTruth
        What to plant.
    """
    seeds = np.random.SeedSequence(truth.seed).spawn(truth.n_runs)
    return Oasis(truth, tuple(_run(truth, number, seed) for number, seed in enumerate(seeds)))


def gini(counts: FloatArray | IntArray | list[int]) -> float:
    """Return the Gini coefficient of non-negative numbers."""
    ordered = np.sort(np.asarray(counts, dtype=np.float64))
    ranks = np.arange(1, len(ordered) + 1)
    return float(2 * (ranks * ordered).sum() / (len(ordered) * ordered.sum()) - (len(ordered) + 1) / len(ordered))


def _run(truth: OasisTruth, number: int, seed: np.random.SeedSequence) -> OasisRun:
    streams = {name: np.random.default_rng(s) for name, s in zip(STREAMS, seed.spawn(len(STREAMS)), strict=True)}
    platform = Platform()
    _sign_up(truth, number, platform, streams["agents"])
    plan = _plan(truth, streams["actions"], streams["texts"])
    rng = streams["targets"]
    written_airs = 0
    for step in range(1, truth.n_steps):
        refreshed: dict[int, list[int]] = {}
        for place, entry in enumerate(np.nonzero(plan.step == step)[0]):
            actor, at = int(plan.actor[entry]), truth.clock(number, step, 2 * place)
            if actor not in refreshed:
                refreshed[actor] = _feed(truth, platform, rng)
                platform.refresh(actor, at, refreshed[actor])
            at = truth.clock(number, step, 2 * place + 1)
            action, text = plan.action[entry], plan.text[entry]
            is_done = _act(truth, platform, actor, at, action, text, refreshed[actor], rng)
            if not is_done:
                platform.record(actor, at, "do_nothing")
            written_airs += bool(is_done and text is not None and plan.is_airs[entry])
    return OasisRun(f"run-{number + 1}", platform, _recommend(truth, platform, rng), _realised(platform, written_airs))


def _sign_up(truth: OasisTruth, number: int, platform: Platform, rng: Generator) -> None:
    n, at = truth.n_agents, truth.clock(number, 0, 0)
    names = pick(pools.NAME_HEADS, n, rng) + " " + pick(pools.NAME_TAILS, n, rng)
    bios = ("Thinks about " + pick(pools.OBJECTS, n, rng)).to_list()
    for place, (_, payload) in enumerate(pools.HOSTILE[: truth.n_hostile]):
        bios[-1 - place % n] = payload
    for user, name in enumerate(names):
        handle = name.lower().replace(" ", "_") + str(user)
        is_odd = user < len(pools.ODD_HANDLES)
        platform.sign_up(user, at, pools.ODD_HANDLES[user] if is_odd else handle, name, bios[user])
    wanted = np.minimum(rng.poisson(truth.initial_ties, n), n - 1)
    for user, count in enumerate(wanted):
        others = np.delete(np.arange(n), user)
        for target in rng.choice(others, count, replace=False):
            platform.follow(user, at, int(target))


def _plan(truth: OasisTruth, rng: Generator, text_rng: Generator) -> _Plan:
    """Draw who does what in which step; steps begin with 1, since agents sign up in step 0."""
    counts = rng.poisson(truth.actions_per_step, truth.n_steps - 1)
    step = np.repeat(np.arange(1, truth.n_steps), counts)
    weights = power_law_weights(truth.n_agents, truth.activity_exponent, rng)
    actor = rng.choice(truth.n_agents, len(step), p=weights)
    shares = truth.action_shares
    rest = max(0.0, 1.0 - sum(shares.values()))
    probabilities = np.array([*shares.values(), rest])
    code = rng.choice(len(probabilities), len(step), p=probabilities / probabilities.sum())
    action = gather((*shares, "do_nothing"), code).to_list()
    is_airs = rng.random(len(step)) < truth.airs_share
    writes = np.array([name in TEXT_ACTIONS for name in action], dtype=np.bool_)
    places = np.cumsum(writes) - 1
    # A post is always possible, so its payload is always written; a quote may find nothing to quote.
    is_post = np.array([name == "create_post" for name in action], dtype=np.bool_)
    texts = _texts(truth, is_airs[writes], is_post[writes], text_rng)
    text = [texts[place] if is_text else None for place, is_text in zip(places, writes, strict=True)]
    return _Plan(step, actor, action, text, is_airs)


def _texts(truth: OasisTruth, is_airs: BoolArray, may_be_hostile: BoolArray, rng: Generator) -> list[str]:
    """Compose texts with exactly the AIRS labels given; templates are the only repeats."""
    n = len(is_airs)
    is_template = rng.random(n) < truth.duplicate_share
    owner = np.repeat(np.arange(n), rng.integers(1, LONGEST_TEXT + 1, n))
    slot, phrase = phrase_slots(np.ones(n, dtype=np.int64), rng)
    fit = np.nonzero(~is_template & may_be_hostile)[0]
    hostile = np.sort(rng.choice(fit, min(truth.n_hostile, len(fit)), replace=False))
    payload = gather(tuple(text for _, text in pools.HOSTILE), np.arange(len(hostile)) % len(pools.HOSTILE))
    pieces = [
        piece(owner, rng.random(len(owner)), neutral_sentences(np.zeros(len(owner), dtype=np.int64), rng)),
        piece(slot, rng.random(n), slot_sentences(phrase, is_airs[slot])),
        piece(hostile, np.full(len(hostile), LAST), payload),
    ]
    composed = make_distinct(join_pieces(pieces, n, rng, paragraphs=False), rng)
    texts: list[str] = template_texts(is_airs, rng).zip_with(pl.Series(is_template), composed).to_list()
    return texts


def _feed(truth: OasisTruth, platform: Platform, rng: Generator) -> list[int]:
    n_posts = len(platform.tables["post"])
    recent = np.arange(max(1, n_posts - RECENT_POSTS + 1), n_posts + 1)
    return [int(post) for post in rng.choice(recent, min(truth.feed_size, len(recent)), replace=False)]


def _act(
    truth: OasisTruth,
    platform: Platform,
    actor: int,
    at: Clock,
    action: str,
    text: str | None,
    feed: list[int],
    rng: Generator,
) -> bool:
    """Let an agent act on a target drawn at random; return whether it could."""
    if action == "create_post":
        return platform.create_post(actor, at, text or "")
    if action in ("follow", "mute"):
        return getattr(platform, action)(actor, at, int(rng.integers(truth.n_agents))) is True
    if action in ("unfollow", "unmute"):
        pairs = platform.follows if action == "unfollow" else platform.mutes
        target = _one([alter for ego, alter in pairs if ego == actor], rng)
        return target is not None and getattr(platform, action)(actor, at, target) is True
    if action == "unlike_post":
        liked = _one([post for table, user, post in platform.reactions if (table, user) == ("like", actor)], rng)
        return liked is not None and platform.unlike(actor, at, liked)
    if action in ("like_comment", "dislike_comment"):
        comment = _one(list(platform.tables["comment"])[-RECENT_POSTS:], rng)
        return comment is not None and platform.react(actor, at, f"comment_{action.removesuffix('_comment')}", comment)
    return _act_on_post(truth, platform, actor, at, action, text, feed, rng)


def _act_on_post(
    truth: OasisTruth,
    platform: Platform,
    actor: int,
    at: Clock,
    action: str,
    text: str | None,
    feed: list[int],
    rng: Generator,
) -> bool:
    if action in ("repost", "quote_post"):
        parent = _parent(truth, platform, actor, rng)
        return parent is not None and platform.share(actor, at, parent, text)
    post = _one(feed, rng)
    if post is None or action == "do_nothing":
        return False
    if action == "create_comment":
        return platform.create_comment(actor, at, post, text or "")
    if action == "report_post":
        return platform.report(actor, at, post, REASONS[int(rng.integers(len(REASONS)))])
    return platform.react(actor, at, action.removesuffix("_post"), post)


def _parent(truth: OasisTruth, platform: Platform, actor: int, rng: Generator) -> int | None:
    """Draw what a share takes up: a recent share with probability `share_of_share`, else a recent original."""
    wants_share = rng.random() < truth.share_of_share
    posts = platform.tables["post"]
    fit = [
        post_id
        for post_id in list(posts)[-2 * RECENT_POSTS :]
        if (post_id in platform.parents) == wants_share
        and posts[post_id]["user_id"] != actor
        and ("share", actor, posts[post_id]["original_post_id"] or post_id) not in platform.reactions
    ]
    return _one(fit, rng)


def _one(candidates: list[int], rng: Generator) -> int | None:
    return candidates[int(rng.integers(len(candidates)))] if candidates else None


def _recommend(truth: OasisTruth, platform: Platform, rng: Generator) -> tuple[tuple[int, int], ...]:
    return tuple((user, post) for user in range(truth.n_agents) for post in sorted(_feed(truth, platform, rng)))


def _realised(platform: Platform, n_airs: int) -> OasisRealised:
    done = Counter(action for _, _, action, _ in platform.trace)
    posts, comments = platform.tables["post"].values(), platform.tables["comment"].values()
    authors = Counter(row["user_id"] for row in (*posts, *comments))
    depths = Counter(platform.depths[post] for post in platform.parents)
    texts = [row["content"] if row["original_post_id"] is None else row["quote_content"] for row in posts]
    written = [text for text in (*texts, *(row["content"] for row in comments)) if text is not None]
    copies = Counter(written)
    exposures = sum(info.count('"num_shares"') for _, _, action, info in platform.trace if action == "refresh")
    return OasisRealised(
        n_posts=done["create_post"],
        n_reposts=done["repost"],
        n_quotes=done["quote_post"],
        n_comments=done["create_comment"],
        n_follows=done["follow"],
        n_unfollows=done["unfollow"],
        n_ties_end=len(platform.follows),
        n_mutes=done["mute"],
        n_unmutes=done["unmute"],
        n_likes=done["like_post"] + done["like_comment"],
        n_unlikes=done["unlike_post"],
        n_dislikes=done["dislike_post"] + done["dislike_comment"],
        n_exposures=exposures,
        depths=tuple(depths[depth] for depth in range(1, max(depths, default=0) + 1)),
        activity_gini=gini(np.array([authors[user] for user in platform.tables["user"]])),
        n_texts=len(written),
        n_airs=n_airs,
        n_duplicate_texts=sum(count for count in copies.values() if count > 1),
    )
