"""The simulated follower network as a whole: from a planted truth to a corpus, in memory.

Layout on disk is not known here; see `chirper_live`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.random import Generator

from pipeline.simulation import pools
from pipeline.simulation.chirper_process import entry_weeks, process_ties, propensities
from pipeline.simulation.chirper_texts import draw_chirps
from pipeline.simulation.chirper_ties import (
    MILLISECOND,
    TieHistory,
    coleman,
    draw_ties,
    numeric_assortativity,
)
from pipeline.simulation.chirper_truth import ChirperTruth
from pipeline.simulation.coevolution import CoevolutionWorld, simulate
from pipeline.simulation.compose import FloatArray, IntArray, gather, pick
from pipeline.simulation.people import DAY, epoch_microseconds, make_ids

STREAMS = ("agents", "ties", "chirps", "texts", "activity")
DISLIKES_PER_LIKE = 0.1


@dataclass(frozen=True)
class ChirperRealised:
    """What the draw of a truth gave; tuples have one entry per crawl.

    ``coleman`` and ``propensity_assortativity`` are over the ties that a crawl shows and the latent traits of all
    agents; ``coleman_new`` and its standard deviation around the planted h are over the ties made inside the window,
    each an independent draw, against the final roster; not a number where no h is planted.
    """

    n_ties: tuple[int, ...]
    n_added: int
    n_dropped: int
    coleman: tuple[float, ...]
    coleman_new: float
    coleman_new_sd: float
    propensity_assortativity: tuple[float, ...]
    n_chirps: int
    airs_share: float
    duplicate_share: float
    n_replies: int
    n_mentions: int
    n_likes: int
    n_dislikes: int


@dataclass(frozen=True)
class Chirper:
    """A simulated follower network with its latent labels.

    Attributes
    ----------
    truth : ChirperTruth
        What was planted.
    agents : DataFrame
        One row per agent: profile, and the latent ``group``, ``propensity``, ``popularity``, rates and entry.
    chirps : DataFrame
        One row per chirp, by time; ``author``, ``mentioned`` are places in `agents`, ``reply_to`` one in the chirps.
    ties : TieHistory
        Ties by crawl, and their changes.
    activity : DataFrame
        The log: ``week``, ``at``, ``activity``, ``source``, ``target``, ``chirp`` (a place in `chirps`, or null).
    realised : ChirperRealised
        What the draw gave.
    world : CoevolutionWorld, optional
        The world behind the ties and the lengths of chirps, where a process is planted.
    """

    truth: ChirperTruth
    agents: pl.DataFrame
    chirps: pl.DataFrame
    ties: TieHistory
    activity: pl.DataFrame
    realised: ChirperRealised
    world: CoevolutionWorld | None = None


def generate_chirper(truth: ChirperTruth) -> Chirper:
    """Generate a follower network with `truth` planted.

    Every part has its own random stream, spawned from ``truth.seed``.

    Parameters
    ----------
    truth : ChirperTruth
        What to plant.
    """
    seeds = np.random.SeedSequence(truth.seed).spawn(len(STREAMS))
    streams = {name: np.random.default_rng(seed) for name, seed in zip(STREAMS, seeds, strict=True)}
    world = None if truth.coevolution is None else simulate(truth.coevolution)
    agents = draw_chirpers(truth, streams["agents"], world)
    if world is None:
        ties = draw_ties(truth, agents, streams["ties"])
    else:
        ties = process_ties(truth, agents, world, streams["ties"])
    chirps = draw_chirps(truth, agents, streams["chirps"], streams["texts"], world)
    activity = draw_activity(truth, agents, chirps, ties, streams["activity"])
    return Chirper(truth, agents, chirps, ties, activity, _realised(truth, agents, chirps, ties, activity), world)


def draw_chirpers(truth: ChirperTruth, rng: Generator, world: CoevolutionWorld | None = None) -> pl.DataFrame:
    """Draw the agents; the first ones have odd handles, some have the display name of another, or a hostile bio."""
    n = truth.n_agents
    group = rng.permutation(np.repeat(np.arange(len(truth.languages)), truth.group_sizes))
    if world is not None:
        group = world.community
    entry_week, entered = _entries(truth, rng, None if world is None else entry_weeks(world))
    odd = len(pools.ODD_HANDLES)
    parts = (pick(pools.NAME_HEADS, n, rng), pick(pools.NAME_TAILS, n, rng), pl.Series(np.arange(n)).cast(pl.String))
    plain = parts[0].str.to_lowercase() + "_" + parts[1].str.to_lowercase() + parts[2]
    bio = "Writes about " + pick(pools.OBJECTS, n, rng) + "."
    hostile = rng.choice(n, min(truth.n_hostile, n), replace=False)
    payload = gather(tuple(text for _, text in pools.HOSTILE), np.arange(len(hostile)) % len(pools.HOSTILE))
    return pl.DataFrame(
        {
            "agent_id": make_ids(n, rng),
            "username": pl.concat([pl.Series(pools.ODD_HANDLES[:n]), plain[odd:]]),
            "name": parts[0] + " " + parts[1],
            "bio": bio.scatter(np.sort(hostile), payload),
            "lang": gather(truth.languages, group),
            "group": group,
            "propensity": rng.beta(truth.airs_alpha, truth.airs_beta, n)
            if world is None
            else propensities(truth, world),
            "popularity": np.exp(truth.popularity_sd * rng.standard_normal(n)),
            "following_rate": _rates(truth.following_sd, n, rng),
            "chirp_rate": _rates(truth.activity_sd, n, rng),
            "entry_week": entry_week,
            "entered": entered,
        }
    )


def draw_activity(
    truth: ChirperTruth, agents: pl.DataFrame, chirps: pl.DataFrame, ties: TieHistory, rng: Generator
) -> pl.DataFrame:
    """Draw the activity log: likes and dislikes of chirps, mentions, and most changes of ties."""
    logged = ties.changes.filter(pl.Series(rng.random(ties.changes.height) < truth.logged_share))
    verb = pl.col("action").replace_strict({"add": "follow", "remove": "unfollow"}, return_dtype=pl.String)
    follows = logged.select("week", "at", verb.alias("activity"), "source", "target", _NO_CHIRP)
    mentions = chirps.filter(pl.col("mentioned").is_not_null()).select(
        "week", "at", pl.lit("mention").alias("activity"), pl.col("author").alias("source"),
        pl.col("mentioned").alias("target"), pl.col("place").alias("chirp"),
    )  # fmt: skip
    likes = _reactions(truth, agents, chirps, "like", truth.likes_per_chirp, rng)
    dislikes = _reactions(truth, agents, chirps, "dislike", DISLIKES_PER_LIKE * truth.likes_per_chirp, rng)
    return pl.concat([follows, mentions, likes, dislikes]).sort("at", "activity", "source", "target", "chirp")


_NO_CHIRP = pl.lit(None, dtype=pl.Int64).alias("chirp")


def _reactions(
    truth: ChirperTruth, agents: pl.DataFrame, chirps: pl.DataFrame, activity: str, mean: float, rng: Generator
) -> pl.DataFrame:
    place = np.repeat(np.arange(chirps.height), rng.poisson(mean, chirps.height))
    week, author = chirps["week"].to_numpy()[place], chirps["author"].to_numpy()[place]
    rate = agents["chirp_rate"].to_numpy()
    source = rng.choice(truth.n_agents, len(place), p=rate / rate.sum())
    entered = agents["entered"].to_numpy()[source]
    crawl = truth.windows[1][week]
    first = np.maximum(chirps["at"].to_numpy()[place], entered)
    at = first + (rng.random(len(place)) ** 3 * (crawl - first)).astype(np.int64)  # most come soon
    at -= at % MILLISECOND
    frame = pl.DataFrame({"week": week, "at": at, "source": source, "target": author, "chirp": place})
    possible = pl.Series((source != author) & (entered < crawl))
    once = frame.filter(possible).unique(["source", "chirp"], keep="first", maintain_order=True)
    return once.select("week", "at", pl.lit(activity).alias("activity"), "source", "target", "chirp")


def _entries(truth: ChirperTruth, rng: Generator, given: IntArray | None) -> tuple[IntArray, IntArray]:
    """Draw the week of entry, unless it is given, and the microsecond; early agents are older than the window."""
    n = truth.n_agents
    is_late = (rng.random(n) < truth.late_share) & (truth.n_weeks > 1)
    week = np.where(is_late, rng.integers(1, max(truth.n_weeks, 2), n), 0)
    if given is not None:
        week, is_late = given, given > 0
    start = epoch_microseconds(truth.start)
    age = (rng.uniform(5, 200, n) * DAY).astype(np.int64)
    into = (rng.uniform(0, 2, n) * DAY).astype(np.int64)
    entered = np.where(is_late, start + week * 7 * DAY + into, start - age)
    return week, entered - entered % MILLISECOND


def _rates(sd: float, n: int, rng: Generator) -> FloatArray:
    """Draw log-normal rates of mean 1."""
    return np.asarray(np.exp(sd * rng.standard_normal(n) - sd**2 / 2), dtype=np.float64)


def _realised(
    truth: ChirperTruth, agents: pl.DataFrame, chirps: pl.DataFrame, ties: TieHistory, activity: pl.DataFrame
) -> ChirperRealised:
    group, propensity = agents["group"].to_numpy(), agents["propensity"].to_numpy()
    crawls = [
        (frame["source"].to_numpy(), frame["target"].to_numpy())
        for frame in ties.snapshots.partition_by("week", maintain_order=True)
    ]
    added = ties.changes.filter(pl.col("action") == "add")
    new = added["source"].to_numpy(), added["target"].to_numpy()
    same = ((truth.group_sizes - 1) / (truth.n_agents - 1))[group[new[0]]]
    inside = truth.language_homophily + (1 - truth.language_homophily) * same
    counts = dict(activity["activity"].value_counts().iter_rows())
    return ChirperRealised(
        n_ties=tuple(len(source) for source, _ in crawls),
        n_added=added.height,
        n_dropped=ties.changes.height - added.height,
        coleman=tuple(coleman(*pair, group) for pair in crawls),
        coleman_new=coleman(*new, group),
        coleman_new_sd=float(np.sqrt((inside * (1 - inside)).sum()) / (1 - same).sum())
        if truth.coevolution is None
        else float("nan"),
        propensity_assortativity=tuple(numeric_assortativity(*pair, propensity) for pair in crawls),
        n_chirps=chirps.height,
        airs_share=float(chirps["is_airs"].to_numpy().mean()),
        duplicate_share=float(chirps["content"].is_duplicated().to_numpy().mean()),
        n_replies=chirps.height - chirps["reply_to"].null_count(),
        n_mentions=chirps.height - chirps["mentioned"].null_count(),
        n_likes=counts.get("like", 0),
        n_dislikes=counts.get("dislike", 0),
    )
