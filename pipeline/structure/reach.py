"""Where posts go and what they meet: caps of the platform, votes for and against, and authors in several communities.

What belongs here: rows about posts as a whole. How unequally they are shared is in `participation`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Null, cluster_bootstrap, stream
from pipeline.activity.row import Sampling, row
from pipeline.network.edges import distinct
from pipeline.schema import Measure
from pipeline.structure.emitter import FAMILY

CAP = 100
"""Comments that the platform returns of a post (De Marzo & Garcia, arXiv 2602.09270)."""
LARGEST = 5
"""Communities of the comparison of Goyal et al. (arXiv 2603.16128); ours: those with most posts."""
MIN_AGENTS = 20
SHUFFLED = "communities_shuffled"

_POSTS = """
SELECT coalesce('0:' || m.agent_id, '1:' || m.message_id) AS author, m.agent_id IS NOT NULL AS is_known,
       m.community_id, m.text_hash, m.upvotes, m.downvotes,
       greatest(coalesce(c.n, 0), coalesce(m.claimed_comment_count, 0)) AS comments
FROM message AS m
LEFT JOIN (SELECT root_id, count(*) AS n FROM message WHERE kind = 'comment' GROUP BY root_id) AS c
       ON c.root_id = m.message_id
WHERE m.kind = 'post' ORDER BY m.message_id
"""

Emit = Callable[..., Measure]


def reach_rows(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> list[Measure]:
    """Measure posts at the cap of comments, votes, and cross-posting.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    sampling
        Seed, draws and level.

    Returns
    -------
    list of Measure
        Shares and a ratio of the corpus; authors of posts drawn with replacement.
    """
    emit = partial(row, FAMILY, level=sampling.level)
    posts: pl.DataFrame = con.sql(_POSTS).pl()
    is_capped = pl.col("comments") >= CAP
    held = posts.select("author", one=pl.lit(1, pl.Int64), comments=pl.col("comments").cast(pl.Int64), at=is_capped)
    capped = held.with_columns(over=pl.col("at").cast(pl.Int64), within=pl.col("at") * pl.col("comments"))
    votes = posts.filter(pl.col("upvotes").is_not_null() & pl.col("downvotes").is_not_null())
    votes = votes.with_columns(pl.col("upvotes", "downvotes").cast(pl.Int64))
    return [
        _ratio(emit, "capped_post_share", capped, "over", "one", "posts", "few_posts", sampling),
        _ratio(emit, "capped_comment_share", capped, "within", "comments", "comments", "few_replies", sampling),
        _ratio(emit, "upvote_downvote_ratio", votes, "upvotes", "downvotes", "downvotes", "no_scores", sampling),
        *_cross_posting(emit, posts, sampling),
    ]


def _ratio(
    emit: Emit, name: str, frame: pl.DataFrame, over: str, under: str, unit: str, word: str, sampling: Sampling
) -> Measure:
    """Return a ratio of sums over posts, with authors drawn again."""
    totals = frame.group_by("author").agg(pl.col(over).sum(), pl.col(under).sum()).sort("author")
    below = int(totals[under].sum() or 0)
    if not below:  # with votes known and none against, there is nothing to divide by
        has_votes = frame.height and word == "no_scores"
        return emit(name, None, below, unit, warnings=["no_variation" if has_votes else word])
    if totals.height < MIN_AGENTS:
        return emit(name, None, below, unit, warnings=["few_agents"])
    sums = totals.select(over, under).to_numpy().astype(np.int64)
    interval = cluster_bootstrap(
        sums, _divided, draws=sampling.bootstrap_draws, rng=stream(sampling.seed, name), level=sampling.level,
        method="cluster_bootstrap_agents",
    )  # fmt: skip
    return emit(name, float(sums[:, 0].sum()) / below, below, unit, interval=interval)


def _divided(sums: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def _cross_posting(emit: Emit, posts: pl.DataFrame, sampling: Sampling) -> list[Measure]:
    """Measure how many authors post in several communities, and how many texts are posted in several."""
    known = posts.filter(pl.col("community_id").is_not_null() & pl.col("is_known"))
    sizes = known.group_by("community_id").len().sort(["len", "community_id"], descending=[True, False])
    largest = known.filter(pl.col("community_id").is_in(sizes["community_id"].head(LARGEST).implode()))
    return [
        _several(emit, "cross_posting_author_share", largest, "author", "agents", sampling),
        _several(emit, "cross_posting_author_share_all", known, "author", "agents", sampling),
        _several(emit, "cross_posted_text_share", known, "text_hash", "texts", sampling),
    ]


def _several(emit: Emit, name: str, posts: pl.DataFrame, unit: str, n_unit: str, sampling: Sampling) -> Measure:
    """Return the share of units that are in two communities or more, beside communities dealt anew among the posts."""
    if posts["community_id"].n_unique() < 2:
        return emit(name, None, posts[unit].n_unique(), n_unit, warnings=["no_communities"])
    who, where = (posts[column].rank("dense").to_numpy().astype(np.int64) - 1 for column in (unit, "community_id"))
    several = in_several(who, where)
    n = len(several)
    if n < MIN_AGENTS:
        few = "few_agents" if unit == "author" else "few_texts"
        return emit(name, None, n, n_unit, warnings=[few])
    rng = stream(sampling.seed, name)
    draws = np.array([in_several(who, rng.permutation(where)).mean() for _ in range(sampling.clustering_draws)])
    value = float(several.mean())
    further = int((np.abs(draws - draws.mean()) >= abs(value - draws.mean()) * (1 - 1e-12)).sum())
    p = (1 + further) / (1 + len(draws))
    null = Null(f"{SHUFFLED}({len(draws)})", float(draws.mean()), float(draws.std(ddof=1)), p)
    # Units are authors (or texts) one by one: drawn again, the share is a mean of zeros and ones.
    ones = np.column_stack([several.astype(np.int64), np.ones(n, dtype=np.int64)])
    method = "cluster_bootstrap_agents" if unit == "author" else "bootstrap_texts"
    interval = cluster_bootstrap(
        ones, _divided, draws=sampling.bootstrap_draws, rng=rng, level=sampling.level, method=method
    )
    is_flat = bool(several.all() or not several.any())
    return emit(name, value, n, n_unit, interval=NO_INTERVAL if is_flat else interval, null=null,
                warnings=["no_variation"] if is_flat else [])  # fmt: skip


def in_several(who: IntArray, where: IntArray) -> FloatArray:
    """Return 1 for each unit that is in two communities or more, else 0, shape (units,)."""
    width = int(where.max()) + 1
    pairs = distinct(who * width + where)
    return np.asarray(np.bincount(pairs // width) >= 2, dtype=np.float64)
