"""Rows on threads: their shape, how far they spread, who comes back, and how fast comments are answered.

What belongs here: which number of the trees becomes a row, and its interval. Threads of one author hang together, so
intervals draw authors of posts; waits are clustered by thread. Depth and latency of comments are in
`pipeline.activity.threads`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipeline.activity.gaps import NO_GAPS, WORD, Gaps
from pipeline.activity.resampling import (
    NO_INTERVAL,
    FloatArray,
    IntArray,
    cluster_bootstrap,
    jackknife_interval,
    median_interval,
    stream,
)
from pipeline.activity.row import Sampling, row
from pipeline.network.edges import distinct
from pipeline.schema import Measure, join_warnings
from pipeline.structure.cascades import NONE, Shapes, branching, reentry, replied_back, shapes, thread_classes
from pipeline.structure.echo import echo_rows
from pipeline.structure.growth import depth_width_slope, growth_decay, size_exponent
from pipeline.structure.hazard import MIN_EVENTS, Waits, kernel, weibull
from pipeline.structure.participation import tail_exponent
from pipeline.structure.thread_frames import Threads, load_threads, load_waits

FAMILY = "cascade"
MIN_THREADS = 20
LARGE = 10
"""Messages from which on a thread counts as large; virality of smaller ones is set by their size."""
LARGE_TAIL = 100
"""Comments from which on De Marzo & Garcia fit the tail of comments per post."""
SPAM_COMMENTS, SPAM_TEXTS, SPAM_AUTHORS = 5, 0.5, 0.2
_GROUPS = 32
_CLASSES = ("minimal", "wide", "deep", "branching", "sparse")

Emit = Callable[..., Measure]
Mask = NDArray[np.bool_]


def cascade_measures(
    con: duckdb.DuckDBPyConnection, sampling: Sampling, coverage: Sequence[str] = (), gaps: Gaps = NO_GAPS
) -> list[Measure]:
    """Measure the shape of threads and the waits for answers.

    Parameters
    ----------
    con
        Connection with views ``message`` and ``agent`` of one corpus.
    sampling
        Seed, draws and level.
    coverage
        Words on how much of its threads the corpus holds, for every row.
    gaps
        Interruptions of the collection.

    Returns
    -------
    list of Measure
        Rows of unit ``corpus``. With fewer than `MIN_THREADS` threads that have a comment, values are null with
        ``few_posts``.
    """
    threads = load_threads(con)
    found, missing = shapes(threads.forest), gaps.of("comment")
    first, last = con.sql("SELECT min(created_at), max(created_at) FROM message").fetchall()[0]
    words = [*coverage, *([WORD] if missing.meets(first, last) else [])]
    rows = [
        *_shape_rows(threads, found, sampling),
        *_return_rows(threads, sampling),
        *_spread_rows(threads, found, sampling),
        *_scaling_rows(threads, found, sampling),
        *_wait_rows(con, threads, sampling, missing),
        *echo_rows(con, sampling),
    ]
    return [replace(made, warnings=join_warnings([*(made.warnings or "").split(","), *words])) for made in rows]


def _ratio(
    emit: Emit,
    name: str,
    over: NDArray[Any],
    under: IntArray,
    cluster: IntArray,
    sampling: Sampling,
    unit: str,
) -> Measure:
    """Return a ratio of sums over threads, with authors of posts drawn again."""
    total = int(under.sum())
    if total == 0 or len(over) < MIN_THREADS:
        return emit(name, None, total, unit, warnings=["few_posts" if len(over) < MIN_THREADS else "few_replies"])
    _, code = np.unique(cluster, return_inverse=True)
    totals = np.column_stack([np.bincount(code, weights=part) for part in (over, under)])

    def divided(sums: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)

    interval = cluster_bootstrap(
        totals, divided, draws=sampling.bootstrap_draws, rng=stream(sampling.seed, name), level=sampling.level,
        method="cluster_bootstrap_authors",
    )  # fmt: skip
    return emit(name, float(over.sum()) / total, total, unit, interval=interval)


def _shape_rows(threads: Threads, found: Shapes, sampling: Sampling) -> list[Measure]:
    emit, cluster = partial(row, FAMILY, level=sampling.level), threads.cluster
    posts = np.ones(len(cluster), dtype=np.int64)
    if not found.answers.any():  # a platform without comments, or a dump without them, has no threads to classify
        posts[:] = 0
    shape = thread_classes(found)
    rows = [
        _ratio(emit, f"thread_{name}_share", shape == place, posts, cluster, sampling, "posts")
        for place, name in enumerate(_CLASSES)
    ]
    further = found.answers - found.direct
    rows += [
        _ratio(emit, "replies_per_comment", further, found.answers, cluster, sampling, "comments"),
        _ratio(emit, "parallel_monologue_share", found.direct, found.answers, cluster, sampling, "comments"),
    ]
    has = found.answers > 0
    few, one = cluster[has], posts[has]
    for name, over in (
        ("thread_max_depth_mean", found.deepest[has]),
        ("thread_max_depth_one_share", found.deepest[has] == 1),
        ("thread_depth_5_share", found.deepest[has] >= 5),
        ("thread_width_mean", found.widest[has]),
    ):
        rows.append(_ratio(emit, name, over, one, few, sampling, "posts"))
    for level, name in enumerate(("branching_root", "branching_depth_1", "branching_depth_2")):
        answers, parents = branching(threads.forest, level)
        unit = "posts" if level == 0 else "comments"
        rows.append(_ratio(emit, name, answers[has], parents[has], few, sampling, unit))
    return rows


def _return_rows(threads: Threads, sampling: Sampling) -> list[Measure]:
    """Who comes back to a thread, and whether an answer is returned in it."""
    emit = partial(row, FAMILY, level=sampling.level)
    back, answers = reentry(threads.forest)
    has = answers > 0
    rate = back[has] / answers[has]
    pairs_back, pairs = replied_back(threads.forest)
    paired = pairs > 0
    name, few = "reentry_rate_median", len(rate) < MIN_THREADS
    interval = NO_INTERVAL if few else median_interval(np.sort(rate), level=sampling.level)
    middle = emit(
        name, None if few else float(np.median(rate)), len(rate), "posts", interval=interval,
        warnings=["few_posts"] if few else ["independence_assumed"], is_discrete=True,
    )  # fmt: skip
    ones = np.ones(len(rate), dtype=np.int64)
    return [
        _ratio(emit, "reentry_rate_mean", rate, ones, threads.cluster[has], sampling, "posts"),
        middle,
        _ratio(
            emit, "reply_back_thread_share", pairs_back[paired], pairs[paired], threads.cluster[paired], sampling,
            "pairs in threads",
        ),
    ]  # fmt: skip


def _spread_rows(threads: Threads, found: Shapes, sampling: Sampling) -> list[Measure]:
    """How large threads grow, how viral their structure is, and how many posts a spam filter would drop."""
    emit = partial(row, FAMILY, level=sampling.level)
    large = found.answers + 1 >= LARGE
    ones, own = np.ones(int(large.sum()), dtype=np.int64), threads.cluster[large]
    distance, size = found.distance[large], found.answers[large] + 1
    virality = [
        _ratio(emit, "structural_virality_mean", distance, ones, own, sampling, "posts"),
        _ratio(emit, "structural_virality_excess_mean", distance - 2 * (1 - 1 / size), ones, own, sampling, "posts"),
    ]
    is_spam = _spam(threads, found)
    posts = np.full(len(is_spam), int(found.answers.any()), dtype=np.int64)
    tail = tail_exponent
    return [
        *virality,
        tail(emit, "cascade_tail_exponent", found.answers + 1, "posts", sampling.level),
        tail(emit, "comments_per_post_tail_exponent", found.answers, "posts", sampling.level, LARGE_TAIL),
        _ratio(emit, "spam_filtered_post_share", is_spam, posts, threads.cluster, sampling, "posts"),
    ]


def _spam(threads: Threads, found: Shapes) -> Mask:
    """Find posts with at least five comments of which half repeat another, or four fifths come from few authors."""
    forest = threads.forest
    below = forest.depth > 0
    distinct = [_distinct(forest.tree[below], part[below], forest.n_trees) for part in (threads.text, forest.author)]
    texts, authors = distinct
    return (found.answers >= SPAM_COMMENTS) & (
        (texts < SPAM_TEXTS * found.answers) | (authors < SPAM_AUTHORS * found.answers)
    )


def _distinct(tree: IntArray, code: IntArray, n_trees: int) -> IntArray:
    width = int(code.max(initial=0)) + 2
    keys = distinct(tree * width + code + 1)
    return np.bincount(keys // width, minlength=n_trees)


def _scaling_rows(threads: Threads, found: Shapes, sampling: Sampling) -> list[Measure]:
    """How votes, direct answers, depth and growth scale with size; intervals leave out groups of authors."""
    emit = partial(row, FAMILY, level=sampling.level)
    group = _group(threads.cluster)
    size, direct = found.answers.astype(np.float64), found.direct.astype(np.float64)
    known = np.isfinite(threads.upvotes)
    statistics: list[tuple[str, Callable[[Mask], float], int, str]] = [
        ("upvotes_by_size_exponent", lambda m: size_exponent(size[m & known], threads.upvotes[m & known]),
         int(known.sum()), "no_scores"),
        ("direct_replies_by_size_exponent", lambda m: size_exponent(size[m], direct[m]), len(size), "few_posts"),
        ("depth_width_slope", lambda m: depth_width_slope(found.deepest[m], found.widest[m], size[m]), len(size),
         "few_posts"),
        ("comment_growth_exponent", lambda m: growth_decay(threads, m), len(size), "no_times"),
    ]  # fmt: skip
    rows = []
    for name, statistic, n, word in statistics:
        value = statistic(np.ones(len(size), dtype=np.bool_)) if n >= MIN_THREADS else float("nan")
        if not np.isfinite(value):
            rows.append(emit(name, None, n, "posts", warnings=["few_posts" if 0 < n < MIN_THREADS else word]))
            continue
        left = np.array([statistic(group != label) for label in range(_GROUPS)])
        interval = jackknife_interval(value, left, level=sampling.level, method="jackknife_author_groups")
        rows.append(emit(name, value, n, "posts", interval=interval))
    return rows


def _group(cluster: IntArray) -> IntArray:
    """Put authors into groups by their number: authors are numbered in the order of their ids, which say nothing."""
    _, code = np.unique(cluster, return_inverse=True)
    return np.asarray(code % _GROUPS, dtype=np.int64)


_CLAIMS = ("reply_share_unclaimed", "reply_share_claimed")
_WAITS = ("reply_kernel_rate_per_hour", "reply_half_life_minutes", "reply_weibull_shape", "reply_seconds_median")


def _wait_rows(con: duckdb.DuckDBPyConnection, threads: Threads, sampling: Sampling, gaps: Gaps) -> list[Measure]:
    emit = partial(row, FAMILY, level=sampling.level)
    waits, odd = load_waits(threads, gaps)
    n, answered = len(waits.time), int(waits.is_answered.sum())
    words = ["negative_latency"] if odd else []
    share = [
        _event_share(emit, "comment_reply_event_share", threads, waits, None, sampling, words),
        *(_event_share(emit, name, threads, waits, claim, sampling, words) for claim, name in enumerate(_CLAIMS)),
    ]
    if n == 0:
        timed, stepped = con.sql("SELECT count(created_at), count(step) FROM message").fetchall()[0]
        word = "time_too_coarse" if timed else "clock_is_step" if stepped else "no_times"
        word = word if (threads.forest.depth > 0).any() else "few_replies"
        return [
            *(replace(made, warnings=join_warnings([word])) for made in share),
            *(emit(m, None, 0, "comments", warnings=[word]) for m in _WAITS),
        ]
    if answered < MIN_EVENTS:
        words = [*words, "few_replies"]
        return [*share, *(emit(m, None, answered, "answered comments", warnings=words) for m in _WAITS)]
    rate, shape = kernel(waits), weibull(waits)
    seconds = np.sort(waits.time[waits.is_answered]) * 3_600
    found = [*share]
    if rate is None:
        found += [emit(m, None, n, "comments", warnings=[*words, "not_converged"]) for m in _WAITS[:2]]
    else:
        half = np.log(2) * 60
        found += [
            emit(_WAITS[0], rate.value, n, "comments", interval=rate.interval(sampling.level), warnings=words),
            emit(_WAITS[1], half / rate.value, n, "comments", interval=rate.interval(sampling.level, half, -1),
                 warnings=words),
        ]  # fmt: skip
    found.append(
        emit(_WAITS[2], None if shape is None else shape.value, n, "comments",
             interval=NO_INTERVAL if shape is None else shape.interval(sampling.level),
             warnings=words if shape else [*words, "not_converged"])
    )  # fmt: skip
    middle = median_interval(seconds, level=sampling.level)
    found.append(
        emit(_WAITS[3], float(np.median(seconds)), answered, "answered comments", interval=middle,
             warnings=[*words, "conditional_on_replies", "independence_assumed"])
    )  # fmt: skip
    return found


def _event_share(
    emit: Emit, name: str, threads: Threads, waits: Waits, claim: int | None, sampling: Sampling, words: list[str]
) -> Measure:
    """Share of the comments under observation that were answered inside it; of all, or of accounts of one claim."""
    trees, claims = threads.forest.n_trees, waits.claim
    chosen = np.ones(len(waits.time), dtype=np.bool_)
    if claim is not None:
        if claims is None or not (claims != NONE).any():
            return emit(name, None, 0, "comments", warnings=[*words, "no_claims"])
        chosen = claims == claim
    over = np.bincount(waits.thread[chosen & waits.is_answered], minlength=trees)
    under = np.bincount(waits.thread[chosen], minlength=trees)
    has = under > 0
    made = _ratio(emit, name, over[has], under[has], threads.cluster[has], sampling, "comments")
    return replace(made, warnings=join_warnings([*(made.warnings or "").split(","), *words]))
