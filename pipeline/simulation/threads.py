"""Comments of the simulated forum: thread structure, authors, reply classes and texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.random import Generator

from pipeline.simulation import pools
from pipeline.simulation.compose import (
    FIRST,
    TWIN_PROBABILITY,
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
from pipeline.simulation.people import MICROSECONDS, as_times, make_ids
from pipeline.simulation.truth import ForumTruth

DELAY_LOG_SD = 1.2
MAX_DELAY_MINUTES = 240.0  # five such steps still end within a day of the post
MINUTE = 60 * MICROSECONDS
MEAN_EXTRA_SENTENCES = 0.6
MENTION_ORDER = -2.0  # before the sentence of the class
ENFORCE = pools.REPLY_CLASSES.index("enforce")
OTHER = pools.REPLY_CLASSES.index("other")


@dataclass(frozen=True)
class Skeleton:
    """Comments before they have texts, arrays of shape (n_comments,), sorted by depth.

    ``post`` and ``author`` are places in the post and agent frames, ``parent`` a place in this skeleton (-1
    below a post), ``created`` microseconds since 1970.
    """

    post: IntArray
    parent: IntArray
    depth: IntArray
    author: IntArray
    is_back_reply: BoolArray
    created: IntArray


def draw_skeleton(
    truth: ForumTruth, post_author: IntArray, post_created: IntArray, weights: FloatArray, rng: Generator
) -> Skeleton:
    """Grow the threads level by level: who answers what, and when.

    A comment shallower than ``max_depth`` gets one reply with ``reply_probability``; with ``reciprocation``
    its author is whoever the comment answered, otherwise drawn by activity.

    Parameters
    ----------
    truth : ForumTruth
        What is planted.
    post_author, post_created : array of int, shape (n_posts,)
        Place of the author, microseconds since 1970.
    weights : array of float, shape (n_agents,)
        Probability that a message is by each agent.
    rng : Generator
        Random stream.
    """
    direct_mean = truth.comments_per_post / truth.generation_sizes.sum()
    log_sizes = truth.thread_size_sd * rng.standard_normal(truth.n_posts) - truth.thread_size_sd**2 / 2
    sizes = rng.poisson(direct_mean * np.exp(log_sizes))
    post = np.repeat(np.arange(truth.n_posts), sizes)
    n = len(post)
    author = rng.choice(truth.n_agents, n, p=weights)
    created = post_created[post] + _delays(truth, n, rng)
    nothing = np.full(n, -1, dtype=np.int64)
    level = Skeleton(post, nothing, np.ones(n, np.int64), author, np.zeros(n, np.bool_), created)
    answered = post_author[post]  # author of what each comment of the level answers
    levels, offset = [level], 0
    for depth in range(2, truth.max_depth + 1):
        above = np.nonzero(rng.random(len(level.post)) < truth.reply_probability)[0]
        back = rng.random(len(above)) < truth.reciprocation
        writer = np.where(back, answered[above], rng.choice(truth.n_agents, len(above), p=weights))
        written = level.created[above] + _delays(truth, len(above), rng)
        depths = np.full(len(above), depth, dtype=np.int64)
        answered = level.author[above]
        post, parent = level.post[above], above + offset
        offset += len(level.post)
        level = Skeleton(post, parent, depths, writer, back, written)
        levels.append(level)
    columns = ("post", "parent", "depth", "author", "is_back_reply", "created")
    return Skeleton(*(np.concatenate([getattr(level, name) for level in levels]) for name in columns))


def draw_classes(
    truth: ForumTruth, skeleton: Skeleton, is_airs: BoolArray, length_z: FloatArray, rng: Generator
) -> IntArray:
    """Draw the reply class of each comment as a place in `pools.REPLY_CLASSES`.

    logit P(enforce) = logit(baseline) + enforcement_log_odds * [AIRS > 0] + length_log_odds * z + u,
    u ~ Normal(0, post_effect_sd) once per post.

    Parameters
    ----------
    truth : ForumTruth
        What is planted.
    skeleton : Skeleton
        The comments.
    is_airs, length_z : arrays, shape (n_posts,)
        AIRS label and standardised log length of the posts.
    rng : Generator
        Random stream.
    """
    base = np.log(truth.enforcement_baseline / (1.0 - truth.enforcement_baseline))
    per_post = base + truth.enforcement_log_odds * is_airs + truth.length_log_odds * length_z
    per_post = per_post + truth.post_effect_sd * rng.standard_normal(truth.n_posts)
    n = len(skeleton.post)
    is_enforce = rng.random(n) < _probability(per_post)[skeleton.post]
    names = ("other", "endorse", "toxic")
    codes = np.array([pools.REPLY_CLASSES.index(name) for name in names])
    shares = (1.0 - truth.endorse_share - truth.toxic_share, truth.endorse_share, truth.toxic_share)
    rest = codes[rng.choice(len(names), n, p=np.array(shares))]
    return np.where(is_enforce, ENFORCE, rest).astype(np.int64)


def draw_airs(truth: ForumTruth, skeleton: Skeleton, classes: IntArray, rng: Generator) -> BoolArray:
    """Draw which comments have AIRS > 0; `correction_log_odds` acts after the thread's first enforcement."""
    never = np.iinfo(np.int64).max
    first = np.full(truth.n_posts, never, dtype=np.int64)
    is_enforce = classes == ENFORCE
    np.minimum.at(first, skeleton.post[is_enforce], skeleton.created[is_enforce])
    is_after = skeleton.created > first[skeleton.post]
    uniform = rng.random(len(classes))
    share = truth.comment_airs_share
    if share in (0.0, 1.0):  # no logit: the effect has nothing to act on
        return uniform < share
    log_odds = np.log(share / (1.0 - share)) + truth.correction_log_odds * is_after
    return np.asarray(uniform < _probability(log_odds), dtype=np.bool_)


def comment_texts(
    truth: ForumTruth, classes: IntArray, is_airs: BoolArray, mentioned: pl.Series, rng: Generator
) -> pl.DataFrame:
    """Compose contents that hold the markers of their class only, and one AIRS pattern where planted.

    Parameters
    ----------
    truth : ForumTruth
        What is planted.
    classes, is_airs : arrays, shape (n_comments,)
        Planted labels.
    mentioned : Series of str or null, shape (n_comments,)
        Name of the agent that the comment mentions.
    rng : Generator
        Random stream.
    """
    n = len(classes)
    is_template = rng.random(n) < truth.duplicate_share
    template, template_action = _templates(classes, is_airs, rng)
    has_slot = is_airs | (rng.random(n) < TWIN_PROBABILITY)
    owner, phrase = phrase_slots(has_slot.astype(np.int64), rng)
    language = draw_languages(n, truth.foreign_share, rng)
    neutral = np.repeat(np.arange(n), rng.poisson(MEAN_EXTRA_SENTENCES, n) + 1 + ~has_slot)
    pieces = [
        piece(neutral, rng.random(len(neutral)), neutral_sentences(language[neutral], rng)),
        piece(owner, rng.random(len(owner)), slot_sentences(phrase, is_airs[owner])),
        *_class_sentences(classes, rng),
        _mention_pieces(mentioned),
    ]
    composed = join_pieces(pieces, n, rng, paragraphs=False)
    # Templates stand aside while the rest is made distinct: they are the only repeats planted.
    placeholder = "\x00" + pl.Series(np.arange(n)).cast(pl.String)
    planted = pl.Series(is_template)
    composed = make_distinct(placeholder.zip_with(planted, composed), rng)
    action = count_per_owner(owner, is_airs[owner] & (phrase < pools.N_ACTION), n)
    return pl.DataFrame(
        {
            "content": template.zip_with(planted, composed),
            "reply_class": gather(pools.REPLY_CLASSES, classes),
            "is_action_inducing": is_airs,
            "airs_count": is_airs.astype(np.int64),
            "airs_action_count": np.where(is_template, template_action, action),
            "is_template": is_template,
            "mentioned_name": pl.Series([None] * n, dtype=pl.String).zip_with(planted, mentioned),
            "language": gather(pools.LANGUAGES, np.where(is_template, 0, language)),
        }
    )


def draw_comments(
    truth: ForumTruth, agents: pl.DataFrame, posts: pl.DataFrame, streams: dict[str, Generator]
) -> pl.DataFrame:
    """Draw all comments, sorted by time, with their latent labels.

    Parameters
    ----------
    truth : ForumTruth
        What is planted.
    agents, posts : DataFrame
        From `people` and `posts`.
    streams : dict of Generator
        Random streams ``threads``, ``classes`` and ``comments``.

    Returns
    -------
    DataFrame
        One row per comment: canonical columns (``parent_id`` is the post for a direct reply), and the latent
        ``reply_class``, ``is_action_inducing``, ``airs_count``, ``airs_action_count``, ``is_template``,
        ``is_back_reply``, ``mentioned_name``, ``language``.
    """
    weights = agents["activity_weight"].to_numpy()
    index = pl.DataFrame({"agent_id": agents["agent_id"], "place": np.arange(agents.height)})
    post_author = posts.select("agent_id").join(index, on="agent_id", how="left", maintain_order="left")["place"]
    post_created = posts["created_at"].cast(pl.Int64).to_numpy()
    skeleton = draw_skeleton(truth, post_author.to_numpy(), post_created, weights, streams["threads"])
    is_airs_post = posts["is_action_inducing"].to_numpy()
    classes = draw_classes(truth, skeleton, is_airs_post, posts["length_z"].to_numpy(), streams["classes"])
    is_airs = draw_airs(truth, skeleton, classes, streams["classes"])
    rng, n = streams["comments"], len(classes)
    nobody = pl.Series([None] * n, dtype=pl.String)
    target = agents["name"].gather(rng.choice(truth.n_agents, n, p=weights))
    mentioned = target.zip_with(pl.Series(rng.random(n) < truth.mention_share), nobody)
    ids = make_ids(n, rng)
    root = posts["message_id"].gather(skeleton.post)
    is_direct = pl.Series(skeleton.parent < 0)
    parent = root.zip_with(is_direct, ids.gather(np.maximum(skeleton.parent, 0)))
    frame = pl.DataFrame(
        {
            "message_id": ids,
            "root_id": root,
            "parent_id": parent,
            "depth": skeleton.depth,
            "agent_id": agents["agent_id"].gather(skeleton.author),
            "created_at": as_times(skeleton.created),
            "upvotes": rng.poisson(0.5, n),
            "downvotes": rng.poisson(0.05, n),
            "is_back_reply": skeleton.is_back_reply,
        }
    )
    texts = comment_texts(truth, classes, is_airs, mentioned, rng)
    return frame.hstack(texts).sort("created_at", "message_id")


def _delays(truth: ForumTruth, n: int, rng: Generator) -> IntArray:
    minutes = truth.comment_delay_minutes * np.exp(DELAY_LOG_SD * rng.standard_normal(n))
    return (np.minimum(minutes, MAX_DELAY_MINUTES) * MINUTE).astype(np.int64) + 2


def _probability(log_odds: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)), dtype=np.float64)


def _class_sentences(classes: IntArray, rng: Generator) -> list[pl.DataFrame]:
    pieces = []
    for name, pool in pools.REPLY_SENTENCES.items():
        owner = np.nonzero(classes == pools.REPLY_CLASSES.index(name))[0]
        pieces.append(piece(owner, np.full(len(owner), FIRST), pick(pool, len(owner), rng)))
    return pieces


def _mention_pieces(mentioned: pl.Series) -> pl.DataFrame:
    owner = np.nonzero(mentioned.is_not_null().to_numpy())[0]
    return piece(owner, np.full(len(owner), MENTION_ORDER), "@" + mentioned.drop_nulls())


def _templates(classes: IntArray, is_airs: BoolArray, rng: Generator) -> tuple[pl.Series, IntArray]:
    """Draw per comment a template of its class and AIRS label, and its number of action patterns."""
    place = rng.random(len(classes))
    chosen = np.zeros(len(classes), dtype=np.int64)
    has_airs = np.array([action + sensitive > 0 for _, _, action, sensitive in pools.TEMPLATES])
    code = np.array([pools.REPLY_CLASSES.index(name) for name, *_ in pools.TEMPLATES])
    for label in range(len(pools.REPLY_CLASSES)):
        for airs in (False, True):
            fitting = np.nonzero((code == label) & (has_airs == airs))[0]
            wanted = (classes == label) & (is_airs == airs)
            chosen[wanted] = fitting[(place[wanted] * len(fitting)).astype(np.int64)]
    action = np.array([action for _, _, action, _ in pools.TEMPLATES], dtype=np.int64)
    return gather(tuple(text for _, text, _, _ in pools.TEMPLATES), chosen), action[chosen]
