"""The shape and pace of threads: depth, answers to comments, time to the first comment.

What belongs here: measures of posts and the comments under them. Intervals draw threads, or the authors of
posts, with replacement; comments of one thread are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.gaps import NO_GAPS, WORD, Gaps
from pipeline.activity.resampling import (
    NO_INTERVAL,
    FloatArray,
    IntArray,
    Interval,
    cluster_bootstrap,
    median_interval,
    stream,
)
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.schema import Measure, join_warnings

FAMILY = "thread"
MIN_POSTS = 6  # below this no order-statistic interval of the median exists at 95 %
_MOST_DEPTHS = 64  # columns of the bootstrap of a quantile of depth; deeper threads get no interval
_TIMED_SHARE = 0.95  # of the posts with a comment; with fewer the row says why the others are left out
_MICROSECONDS_PER_MINUTE = 60_000_000

_PER_THREAD = """
WITH comment AS (SELECT message_id, parent_id, root_id, depth FROM message WHERE kind = 'comment'),
answered AS (SELECT DISTINCT parent_id FROM comment WHERE parent_id IS NOT NULL)
SELECT coalesce(c.root_id, c.message_id) AS thread_id, c.depth, CAST(count(*) AS BIGINT) AS comments,
       CAST(count(a.parent_id) AS BIGINT) AS answered
FROM comment AS c LEFT JOIN answered AS a ON a.parent_id = c.message_id
GROUP BY 1, 2 ORDER BY 1, 2
"""
_FINE = "('us', 'ms', 's')"  # the median is below a minute on real platforms
_PER_POST = f"""
WITH clocked AS (
    SELECT message_id, kind, agent_id, parent_id, root_id,
           CASE WHEN at_precision IS NULL OR at_precision IN {_FINE} THEN created_at END AS created_at
    FROM message
)
SELECT p.message_id, coalesce(p.agent_id, p.message_id) AS author, p.created_at,
       min(c.created_at) AS first_comment_at, CAST(count(c.message_id) AS BIGINT) AS comments,
       CAST(count(*) FILTER (WHERE c.parent_id = p.message_id) AS BIGINT) AS direct
FROM clocked AS p LEFT JOIN clocked AS c ON c.root_id = p.message_id AND c.kind = 'comment'
WHERE p.kind = 'post' GROUP BY p.message_id, p.agent_id, p.created_at ORDER BY p.message_id
"""


def thread_measures(
    con: duckdb.DuckDBPyConnection, sampling: Sampling, coverage: Sequence[str] = (), gaps: Gaps = NO_GAPS
) -> list[Measure]:
    """Compute depth, answered comments, coverage of posts by comments, and first-comment latency.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    sampling
        Seed, draws and level.
    coverage
        Words on how much of its threads the corpus holds, for every row.
    gaps
        Interruptions of the collection. Where one of comments lies in the time of the posts, every row says so, since
        comments may be missing; posts whose first known comment came after it are left out of the latency.
    """
    threads = con.sql(_PER_THREAD).pl()
    posts = con.sql(_PER_POST).pl()
    timed, stepped = con.sql("SELECT count(created_at), count(step) FROM message").fetchall()[0]
    clock = "time_too_coarse" if timed else "clock_is_step" if stepped else "no_times"
    missing = gaps.of("comment")
    rows = [*_depths(threads, sampling), *_post_shares(posts, sampling)]
    rows += _latencies(_without_spanning(posts, missing), sampling, clock, stepped)
    first, last = con.sql("SELECT min(created_at), max(created_at) FROM message").fetchall()[0]
    words = [*coverage, *([WORD] if missing.meets(first, last) else [])]
    return [replace(found, warnings=join_warnings([*(found.warnings or "").split(","), *words])) for found in rows]


def _without_spanning(posts: pl.DataFrame, gaps: Gaps) -> pl.DataFrame:
    """Leave out posts between which and their first known comment a gap lies: an earlier one may have been lost."""
    if not gaps.rows:
        return posts
    start, end = (posts[name].dt.epoch("us").fill_null(0).to_numpy() for name in ("created_at", "first_comment_at"))
    is_timed = (posts["created_at"].is_not_null() & posts["first_comment_at"].is_not_null()).to_numpy()
    return posts.filter(pl.Series(~(gaps.spanned(start, end) & is_timed)))


def _ratio(totals: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(totals[:, 0] / totals[:, 1], dtype=np.float64)


def _ratio_interval(totals: IntArray, name: str, method: str, sampling: Sampling) -> Interval:
    return cluster_bootstrap(
        totals,
        _ratio,
        draws=sampling.bootstrap_draws,
        rng=stream(sampling.seed, name),
        level=sampling.level,
        method=method,
    )


def _depths(threads: pl.DataFrame, sampling: Sampling) -> list[Measure]:
    emit = partial(row, FAMILY, level=sampling.level)
    known = threads.filter(pl.col("depth").is_not_null())
    sums = known.group_by("thread_id", maintain_order=True).agg(
        (pl.col("depth") * pl.col("comments")).sum().alias("depth"), pl.col("comments").sum()
    )
    answers = threads.group_by("thread_id", maintain_order=True).agg(pl.col("answered").sum(), pl.col("comments").sum())
    depth_n, comments = int(sums["comments"].sum()), int(answers["comments"].sum())
    dangling = ["dangling_parents"] if depth_n < comments else []
    few = ["few_replies"] if comments == 0 else []
    method = "cluster_bootstrap_threads"
    return [
        emit(
            "comment_depth_mean",
            int(sums["depth"].sum()) / depth_n if depth_n else None,
            depth_n,
            "comments",
            interval=_ratio_interval(_totals(sums, "depth", "comments"), "comment_depth_mean", method, sampling),
            warnings=[*dangling, *few],
        ),
        _depth_quantile(known, 0.9, "comment_depth_p90", sampling, [*dangling, *few]),
        emit(
            "comment_depth_max",
            _maximum(known),
            depth_n,
            "comments",
            interval=CENSUS,
            warnings=[*dangling, *few],
        ),
        _replied(answers, comments, sampling, few),
    ]


def _replied(answers: pl.DataFrame, comments: int, sampling: Sampling, words: list[str]) -> Measure:
    name = "replied_comment_share"
    totals = _totals(answers, "answered", "comments")
    return row(
        FAMILY,
        name,
        int(answers["answered"].sum()) / comments if comments else None,
        comments,
        "comments",
        level=sampling.level,
        interval=_ratio_interval(totals, name, "cluster_bootstrap_threads", sampling),
        warnings=words,
    )


def _totals(frame: pl.DataFrame, *columns: str) -> IntArray:
    return frame.select(pl.col(columns).cast(pl.Int64)).to_numpy().astype(np.int64)


def _maximum(known: pl.DataFrame) -> float | None:
    deepest = known["depth"].max()
    return float(deepest) if isinstance(deepest, int) else None


def _depth_quantile(known: pl.DataFrame, share: float, name: str, sampling: Sampling, words: list[str]) -> Measure:
    """Smallest depth that at least `share` of the comments do not exceed."""
    depths = known["depth"].unique().sort().to_numpy()
    n = int(known["comments"].sum())
    if not len(depths):
        return row(FAMILY, name, None, 0, "comments", level=sampling.level, warnings=words)

    def quantile(totals: FloatArray) -> FloatArray:
        reached = np.cumsum(totals, axis=1) >= share * totals.sum(axis=1, keepdims=True)
        return np.asarray(depths[np.argmax(reached, axis=1)], dtype=np.float64)

    by_depth = known.group_by("depth").agg(pl.col("comments").sum()).sort("depth")
    value = float(quantile(by_depth["comments"].to_numpy()[None, :].astype(np.float64))[0])
    interval = NO_INTERVAL
    if len(depths) <= _MOST_DEPTHS:
        code = np.searchsorted(depths, known["depth"].to_numpy())
        thread = known["thread_id"].rle_id().to_numpy()  # rows are ordered by thread
        totals = np.zeros((int(thread.max()) + 1, len(depths)), dtype=np.int64)
        totals[thread, code] = known["comments"].to_numpy()
        interval = cluster_bootstrap(
            totals,
            quantile,
            draws=sampling.bootstrap_draws,
            rng=stream(sampling.seed, name),
            level=sampling.level,
            method="cluster_bootstrap_threads",
        )
    emit = partial(row, FAMILY, name, value, n, "comments", level=sampling.level)
    return emit(interval=interval, warnings=words, is_discrete=True)


def _post_shares(posts: pl.DataFrame, sampling: Sampling) -> list[Measure]:
    n = posts.height
    words = ["few_posts"] if n == 0 else []
    authors = posts.group_by("author", maintain_order=True).agg(
        (pl.col("comments") > 0).sum().alias("commented"), pl.col("direct").sum(), pl.len().alias("posts")
    )
    result = []
    for name, column in (("posts_with_comment_share", "commented"), ("direct_replies_per_post", "direct")):
        interval = _ratio_interval(_totals(authors, column, "posts"), name, "cluster_bootstrap_authors", sampling)
        value = int(authors[column].sum()) / n if n else None
        result.append(row(FAMILY, name, value, n, "posts", level=sampling.level, interval=interval, warnings=words))
    return result


def _latencies(posts: pl.DataFrame, sampling: Sampling, clock: str, stepped: int) -> list[Measure]:
    """Minutes from a post to its first comment; posts without comment or without times are left out."""
    emit = partial(row, FAMILY, level=sampling.level)
    names = ("first_comment_minutes_median", "first_comment_minutes_mean")
    delay = (pl.col("first_comment_at") - pl.col("created_at")).dt.total_microseconds()
    timed = posts.with_columns(delay.alias("delay")).filter(pl.col("delay").is_not_null())
    if timed.height == 0:
        word = clock if int(posts["comments"].sum()) else "few_posts"
        return [emit(name, None, 0, "posts", warnings=[word]) for name in names]
    words = ["conditional_on_replies"]
    words += ["negative_latency"] if bool((timed["delay"] < 0).any()) else []
    words += ["few_posts"] if timed.height < MIN_POSTS else []
    if timed.height < _TIMED_SHARE * posts.filter(pl.col("comments") > 0).height:
        words.append("clock_is_step" if stepped else clock)
    micros = np.sort(timed["delay"].to_numpy().astype(np.int64))
    n = len(micros)
    middle = (int(micros[(n - 1) // 2]) + int(micros[n // 2])) / 2
    authors = timed.group_by("author", maintain_order=True).agg(pl.col("delay").sum(), pl.len().alias("posts"))
    mean = _ratio_interval(_totals(authors, "delay", "posts"), names[1], "cluster_bootstrap_authors", sampling)
    return [
        emit(
            names[0],
            middle / _MICROSECONDS_PER_MINUTE,
            n,
            "posts",
            interval=median_interval(micros / _MICROSECONDS_PER_MINUTE, level=sampling.level),
            warnings=[*words, "independence_assumed"],
        ),
        emit(
            names[1],
            int(micros.sum()) / n / _MICROSECONDS_PER_MINUTE,
            n,
            "posts",
            interval=_scaled(mean, 1 / _MICROSECONDS_PER_MINUTE),
            warnings=[*words, "heavy_tail"],
        ),
    ]


def _scaled(interval: Interval, factor: float) -> Interval:
    if interval.low is None or interval.high is None:
        return interval
    return Interval(interval.low * factor, interval.high * factor, interval.method)
