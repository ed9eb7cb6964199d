"""How much of the comments the busiest accounts write, and how closely they follow each other.

What belongs here: concentration of comments by account. The four accounts of the study wrote 32.4 % of the comments
(Li 2026, arXiv 2602.07432); ours are the four busiest of the corpus, whoever they are.
"""

from __future__ import annotations

from functools import partial

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import (
    NO_INTERVAL,
    FloatArray,
    IntArray,
    Interval,
    cluster_bootstrap,
    gini,
    gini_interval,
    stream,
)
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.coordination.nulls import affordable, against
from pipeline.coordination.posts import FINE_SQL
from pipeline.coordination.regularity import FAMILY
from pipeline.coordination.timing import grouped_order
from pipeline.schema import Measure

SUPER = 4
MIN_AGENTS, MIN_THREADS, MIN_PAIRS = 10, 40, 5

_COMMENTS = f"""
SELECT coalesce(root_id, message_id) AS root_id, agent_id,
       epoch_us(CASE WHEN {FINE_SQL} THEN created_at END) AS micros
FROM message WHERE kind = 'comment' AND agent_id IS NOT NULL
ORDER BY root_id, micros, message_id
"""


def commenter_measures(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> list[Measure]:
    """Compute the concentration of comments on the busiest accounts.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    sampling
        Seed, draws and level.

    Returns
    -------
    list of Measure
        ``super_commenter_share``, the share of the four busiest; ``comment_gini``; ``comment_half_agents``, the fewest
        accounts that write half; ``super_commenter_gap_seconds``, the median time between a comment of one of the
        four and the next comment of the thread where another of the four wrote that, against authors shuffled within
        threads.
    """
    comments: pl.DataFrame = con.sql(_COMMENTS).pl()
    counts = comments.group_by("agent_id").len("n").sort(["n", "agent_id"], descending=[True, False])
    n = comments.height
    values = counts["n"].cast(pl.Int64).to_numpy().astype(np.int64)
    words = [] if len(values) >= MIN_AGENTS else ["few_agents"]
    emit = partial(row, FAMILY, level=sampling.level, warnings=words)
    half = int(np.searchsorted(np.cumsum(values), n / 2) + 1) if n else None
    distinct, copies = np.unique(values, return_counts=True)
    spread = NO_INTERVAL if words else gini_interval(
        values, draws=sampling.bootstrap_draws, rng=stream(sampling.seed, "comment_gini"), level=sampling.level
    )  # fmt: skip
    busiest = counts["agent_id"].head(SUPER)
    has_others = len(values) > SUPER
    share = _share_interval(comments, busiest, sampling) if has_others else NO_INTERVAL
    few = "few_posts" if has_others else "few_agents"
    return [
        emit(
            "super_commenter_share", int(values[:SUPER].sum()) / n if n else None, n, "comments", interval=share,
            warnings=words if share != NO_INTERVAL or few in words else [*words, few],
        ),
        emit(
            "comment_gini", float(gini(distinct, copies)) if n else None, len(values), "agents", interval=spread
        ),
        emit("comment_half_agents", half, len(values), "agents", interval=CENSUS),
        _gap(comments, busiest, sampling),
    ]  # fmt: skip


def _share_interval(comments: pl.DataFrame, busiest: pl.Series, sampling: Sampling) -> Interval:
    """Interval of the share of these accounts, threads drawn with replacement.

    The accounts stay the same: to choose them anew in each draw takes what chance added to the highest counts once
    more, and where many agents are equally busy such an interval lies above its value.
    """
    thread = comments["root_id"].rle_id().to_numpy().astype(np.int64)
    n_threads = int(thread[-1]) + 1 if len(thread) else 0
    if n_threads < MIN_THREADS:
        return NO_INTERVAL
    is_theirs = comments["agent_id"].is_in(busiest.implode()).to_numpy()
    totals = np.zeros((n_threads, 2), dtype=np.int64)
    totals[:, 0] = np.bincount(thread[is_theirs], minlength=n_threads)
    totals[:, 1] = np.bincount(thread, minlength=n_threads)
    return cluster_bootstrap(
        totals,
        lambda sums: np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64),
        draws=sampling.bootstrap_draws,
        rng=stream(sampling.seed, "super_commenter_share"),
        level=sampling.level,
        method="cluster_bootstrap_threads",
    )


def _places(comments: pl.DataFrame, busiest: pl.Series) -> IntArray:
    """Return the place among the busiest of the author of each comment, −1 for all others."""
    ranks = pl.DataFrame({"agent_id": busiest, "place": np.arange(len(busiest))})
    joined = comments.select("agent_id").join(ranks, on="agent_id", how="left", maintain_order="left")
    return joined["place"].fill_null(-1).to_numpy().astype(np.int64)


def _gap(comments: pl.DataFrame, busiest: pl.Series, sampling: Sampling) -> Measure:
    timed = comments.filter(pl.col("micros").is_not_null())
    name, word = "super_commenter_gap_seconds", [] if timed.height or not comments.height else ["time_too_coarse"]
    thread = timed["root_id"].rle_id().to_numpy().astype(np.int64)
    at, place = timed["micros"].to_numpy().astype(np.int64), _places(timed, busiest)
    lags = _lags(thread, at, place)
    if len(lags) < MIN_PAIRS:
        return row(FAMILY, name, None, len(lags), "pairs", level=sampling.level, warnings=[*word, "few_events"])
    value = float(np.median(lags))
    # Threads in which fewer than two of the busiest wrote have no pair, however their authors are shuffled.
    wrote = np.zeros((int(thread[-1]) + 1, SUPER), dtype=np.bool_)
    wrote[thread[place >= 0], place[place >= 0]] = True
    is_kept = (wrote.sum(axis=1) > 1)[thread]
    thread, at, place = thread[is_kept], at[is_kept], place[is_kept]
    rng, draws = stream(sampling.seed, name), affordable(sampling.null_draws, len(at))
    null = []
    for _ in range(draws):
        found = _lags(thread, at, place[grouped_order(thread, rng)])
        null.append(float(np.median(found)) if len(found) else float("nan"))
    return row(FAMILY, name, value, len(lags), "pairs", level=sampling.level,
               null=against("authors_shuffled_within_thread", value, np.array(null)))  # fmt: skip


def _lags(thread: IntArray, at: IntArray, place: IntArray) -> FloatArray:
    """Return the seconds from comments of one of the busiest to the next of the thread, where another wrote that."""
    is_pair = (thread[1:] == thread[:-1]) & (place[1:] >= 0) & (place[:-1] >= 0) & (place[1:] != place[:-1])
    return np.asarray(np.diff(at)[is_pair] / 1_000_000, dtype=np.float64)
