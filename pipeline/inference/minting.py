"""Token-mint protocol posts, and whether they draw complaints: rows of ``analysis.measure``, family token_mint.

What belongs here: shares by community and day, and rates of corrective replies and complaints where communities are
invaded and where they are not (MoltNet 2.2). Tests are in `minting_estimates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, Interval, cluster_bootstrap, stream
from pipeline.activity.row import Sampling, row
from pipeline.inference.intervals import wilson
from pipeline.inference.minting_frames import Minting
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.language.clock import Clock
from pipeline.schema import Measure, join_warnings

FAMILY = "token_mint"
MIN_POSTS = 30
"""Posts of a community for a row of its own, and for its part in the share of invaded communities."""
MIN_DAY_POSTS = 10
"""Posts of a community on a day for a row of that day."""
MOST_COMMUNITIES = 50
"""Invaded communities, the largest first, with rows by day."""

SHARE, INVADED = "token_mint_post_share", "token_mint_invaded_share"
MINT_REPLIES, OTHER_REPLIES = "token_mint_correction_rate", "ordinary_correction_rate"
COMPLAINTS = "token_mint_complaint_rate"


def minting_measures(minting: Minting, clock: Clock, sampling: Sampling) -> list[Measure]:
    """Return the shares and rates of family token_mint.

    Parameters
    ----------
    minting
        What was read.
    clock
        Tells whether days can be told apart.
    sampling
        Seed, draws and level.

    Returns
    -------
    list of Measure
        ``token_mint_post_share`` of the corpus, its days, communities with `MIN_POSTS` posts, and days of invaded
        ones, authors drawn with replacement; ``token_mint_invaded_share``; rates of corrective replies under protocol
        posts and under others in the same communities, posts drawn with replacement; complaints among messages of
        invaded and other communities, authors drawn with replacement.
    """
    rows = list(_shares(minting.posts, sampling))
    rows += _days(minting, clock, sampling)
    known = minting.invaded.filter(pl.col("posts") >= MIN_POSTS)
    hits = int(known["is_invaded"].sum() if known.height else 0)
    low, high = wilson(hits, known.height, sampling.level)
    rows.append(
        row(
            FAMILY, INVADED, hits / known.height if known.height else None, known.height, "communities",
            level=sampling.level, interval=Interval(low, high, "wilson") if known.height else NO_INTERVAL,
            warnings=["independence_assumed", "composition_sensitive"] if known.height else ["no_communities"],
        )
    )  # fmt: skip
    return [*rows, *_replies(minting.replies, sampling), *_complaints(minting, sampling)]


def _ratio(sums: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def _rate(
    name: str, frame: pl.DataFrame, hit: str, cluster: str, n_unit: str, sampling: Sampling, few: str, **columns: Any
) -> Measure:
    """Return a share with an interval that draws clusters with replacement."""
    totals = frame.group_by(cluster).agg(k=pl.col(hit).cast(pl.Int64).sum(), n=pl.len()).sort(cluster)
    hits, size = int(totals["k"].sum()), frame.height
    words = ["composition_sensitive"] if size else [few]
    interval = NO_INTERVAL
    if totals.height < FEWEST_BOOTSTRAP_UNITS:
        words += ["few_agents" if cluster == "author" else few]
    elif hits:
        interval = cluster_bootstrap(
            totals.select("k", "n").to_numpy().astype(np.int64), _ratio, draws=sampling.bootstrap_draws,
            rng=stream(sampling.seed, f"{name}/{sorted(columns.items(), key=str)}"), level=sampling.level,
            method="cluster_bootstrap_agents" if cluster == "author" else "cluster_bootstrap_posts",
        )  # fmt: skip
    elif size:
        # Drawing clusters again never shows what no cluster has; three clusters in a hundred may (rule of three).
        interval = Interval(0.0, min(1.0, -float(np.log(1 - sampling.level)) / totals.height), "rule_of_three")
    value = hits / size if size else None
    found = row(
        FAMILY, name, value, size, n_unit, level=sampling.level, interval=interval, warnings=words, is_discrete=not hits
    )
    return replace(found, **columns)


def _shares(posts: pl.DataFrame, sampling: Sampling) -> Iterator[Measure]:
    yield _rate(SHARE, posts, "is_mint", "author", "posts", sampling, "few_posts")
    named = posts.drop_nulls("community").sort("community", maintain_order=True)
    for (community,), part in named.group_by("community", maintain_order=True):
        if part.height >= MIN_POSTS:
            columns = {"unit": "community", "unit_id": str(community)}
            yield _rate(SHARE, part, "is_mint", "author", "posts", sampling, "few_posts", **columns)


def _days(minting: Minting, clock: Clock, sampling: Sampling) -> Iterator[Measure]:
    if clock.period is None:
        yield replace(row(FAMILY, SHARE, None, 0, "posts", level=sampling.level), period="day", warnings=clock.refusal)
        return
    dated = minting.posts.drop_nulls("created_at")
    if dated.is_empty() and minting.posts.height:  # weeks at most can be told apart
        yield _rate(SHARE, dated, "is_mint", "author", "posts", sampling, "time_too_coarse", period="day")
        return
    dated = dated.with_columns(day=pl.col("created_at").dt.truncate("1d"))
    for (day,), part in dated.sort("day", maintain_order=True).group_by("day", maintain_order=True):
        assert isinstance(day, datetime)  # noqa: S101 - narrows the type for mypy
        yield _rate(SHARE, part, "is_mint", "author", "posts", sampling, "few_posts", period="day", period_start=day)
    largest = minting.invaded.filter("is_invaded").sort("posts", "community", descending=[True, False])
    chosen = largest["community"].head(MOST_COMMUNITIES).to_list()
    some = dated.filter(pl.col("community").is_in(chosen)).sort("community", "day", maintain_order=True)
    for (community, day), part in some.group_by("community", "day", maintain_order=True):
        if part.height >= MIN_DAY_POSTS and isinstance(day, datetime):
            columns = {"unit": "community", "unit_id": str(community), "period": "day", "period_start": day}
            yield _rate(SHARE, part, "is_mint", "author", "posts", sampling, "few_posts", **columns)


def shared_communities(replies: pl.DataFrame) -> pl.DataFrame:
    """Return the replies in communities where protocol posts and others both have one."""
    both = pl.col("post_is_mint").n_unique().over("community") == 2
    return replies.filter(both) if replies.height else replies


def _replies(replies: pl.DataFrame, sampling: Sampling) -> Iterator[Measure]:
    kept = shared_communities(replies)
    for name, value in ((MINT_REPLIES, 1), (OTHER_REPLIES, 0)):
        part = kept.filter(pl.col("post_is_mint") == value)
        yield _rate(name, part, "is_corrective", "post", "replies", sampling, "few_replies")


def _complaints(minting: Minting, sampling: Sampling) -> Iterator[Measure]:
    invaded = minting.invaded.filter("is_invaded")["community"]
    named = minting.messages.drop_nulls("community")
    yield _rate(COMPLAINTS, minting.messages, "is_complaint", "author", "messages", sampling, "no_messages")
    for unit_id, part in (
        ("invaded", named.filter(pl.col("community").is_in(invaded.implode()))),
        ("not_invaded", named.filter(~pl.col("community").is_in(invaded.implode()))),
    ):
        found = _rate(
            COMPLAINTS, part, "is_complaint", "author", "messages", sampling, "few_posts", unit="community_kind",
            unit_id=unit_id,
        )  # fmt: skip
        yield replace(found, warnings=join_warnings((found.warnings or "").split(",")))
