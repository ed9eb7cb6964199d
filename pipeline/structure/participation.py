"""How unequally agents, posts and communities share what there is: rows about the corpus.

What belongs here: concentration of posting, of votes, of answers and of communities. Gini, tail and counts of all
activity are in `pipeline.activity.concentration`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import (
    FloatArray,
    IntArray,
    Interval,
    gini,
    gini_interval,
    median_interval,
    stream,
)
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.network.clock import clock_words
from pipeline.schema import Measure
from pipeline.structure.degrees import evenness, top_share
from pipeline.structure.emitter import FAMILY
from pipeline.structure.network_rows import tail_parts, tail_words
from pipeline.structure.tails import MIN_TAIL, fit

MIN_AGENTS = 20
MIN_POSTS = 20
PEAK_HOURS = 6
REFUSED = "time_too_coarse"
_CHUNK = 100

_PER_AGENT = """
SELECT m.agent_id, CAST(count(*) AS BIGINT) AS messages,
       CAST(count(*) FILTER (WHERE m.kind = 'post') AS BIGINT) AS posts,
       CAST(sum(CASE WHEN m.kind = 'post' THEN coalesce(c.n, 0) END) AS BIGINT) AS answers,
       CAST(sum(CASE WHEN m.kind = 'post' THEN greatest(m.upvotes, 0) END) AS BIGINT) AS upvotes,
       CAST(epoch_us(max(m.created_at)) - epoch_us(min(m.created_at)) AS BIGINT) AS lifespan,
       count(m.created_at) AS timed,
       count(m.created_at) FILTER (WHERE coalesce(m.at_precision, 'us') IN ('us', 'ms', 's', 'minute')) AS exact
FROM message AS m
LEFT JOIN (SELECT root_id, count(*) AS n FROM message WHERE kind = 'comment' GROUP BY root_id) AS c
       ON c.root_id = m.message_id
WHERE m.agent_id IS NOT NULL AND m.kind IN ('post', 'comment')
GROUP BY m.agent_id ORDER BY m.agent_id
"""
_PER_COMMUNITY = """
SELECT community_id, CAST(count(*) AS BIGINT) AS posts FROM message
WHERE kind = 'post' AND community_id IS NOT NULL GROUP BY community_id ORDER BY community_id
"""
_SUBSCRIBERS = """
SELECT CAST(max(subscribers) AS BIGINT) AS subscribers FROM community_snapshot
WHERE subscribers > 0 GROUP BY community_id ORDER BY subscribers
"""
_HOURS = """
SELECT CAST(epoch_us(created_at) // 3600000000 AS BIGINT) AS hour, CAST(count(*) AS BIGINT) AS posts FROM message
WHERE kind = 'post' AND created_at IS NOT NULL
      AND coalesce(at_precision, 'us') IN ('us', 'ms', 's', 'minute', 'hour')
GROUP BY hour ORDER BY hour
"""
_TIMED_POSTS = "SELECT count(*) FROM message WHERE kind = 'post' AND created_at IS NOT NULL"

Emit = Callable[..., Measure]


def participation_rows(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> list[Measure]:
    """Measure how unequally posting, votes, answers and communities are shared.

    Parameters
    ----------
    con
        Connection with views ``message`` and ``community_snapshot`` of one corpus.
    sampling
        Seed, draws and level.
    """
    emit = partial(row, FAMILY, level=sampling.level)
    agents = con.sql(_PER_AGENT).pl()
    counts = {name: agents[name].drop_nulls().to_numpy().astype(np.int64) for name in ("messages", "posts", "answers")}
    posting = counts["posts"][counts["posts"] > 0]
    answers = agents.filter(pl.col("posts") > 0)["answers"].to_numpy().astype(np.int64)
    upvotes = agents.filter(pl.col("posts") > 0)["upvotes"].drop_nulls().to_numpy().astype(np.int64)
    return [
        _shared(emit, "activity_top1_share", counts["messages"], partial(_top, share=0.01), sampling),
        _shared(emit, "activity_evenness", counts["messages"], _evenness, sampling),
        _gini(emit, "posting_gini", posting, sampling, "few_agents"),
        _gini(emit, "upvote_gini", upvotes, sampling, "few_agents" if len(upvotes) else "no_scores"),
        _shared(emit, "engagement_top1_share", answers, partial(_top, share=0.01), sampling),
        _lifespan(emit, agents, sampling),
        *_hours(emit, con),
        *_communities(emit, con, sampling),
    ]


def _top(values: IntArray, copies: FloatArray, share: float) -> FloatArray:
    """Return what the top `share` of the units hold, for sets of copies of ascending values, shape (draws, k)."""
    down, held = values[::-1], copies[:, ::-1]
    n = held.sum(axis=1, keepdims=True)
    wanted = np.maximum(1, np.ceil(share * n))
    before = np.cumsum(held, axis=1) - held
    taken = np.clip(wanted - before, 0, held)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((taken * down).sum(axis=1) / (held * down).sum(axis=1))


def _evenness(values: IntArray, copies: FloatArray) -> FloatArray:
    total = (copies * values).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = values / total
        parts = np.where(values > 0, copies * share * np.log(np.where(share > 0, share, 1)), 0.0)
        return np.asarray(-parts.sum(axis=1) / np.log(copies.sum(axis=1)))


def _shared(
    emit: Emit, name: str, held: IntArray, statistic: Callable[[IntArray, FloatArray], FloatArray], sampling: Sampling
) -> Measure:
    if len(held) < MIN_AGENTS or not held.sum():
        return emit(
            name, None, len(held), "agents", warnings=["few_agents" if len(held) < MIN_AGENTS else "few_replies"]
        )
    values, copies = np.unique(held, return_counts=True)
    rng, share, drawn = stream(sampling.seed, name), copies / copies.sum(), []
    for start in range(0, sampling.bootstrap_draws, _CHUNK):
        size = min(_CHUNK, sampling.bootstrap_draws - start)
        drawn.append(statistic(values, rng.multinomial(len(held), share, size=size).astype(np.float64)))
    tail = (1 - sampling.level) / 2
    low, high = np.nanquantile(np.concatenate(drawn), [tail, 1 - tail])
    value = top_share(held, 0.01) if name.endswith("top1_share") else evenness(held)
    return emit(name, value, len(held), "agents", interval=Interval(float(low), float(high), "bootstrap_agents"))


def _gini(emit: Emit, name: str, held: IntArray, sampling: Sampling, word: str) -> Measure:
    if len(held) < MIN_AGENTS:
        return emit(name, None, len(held), "agents", warnings=[word])
    if not held.any():
        return emit(name, None, len(held), "agents", warnings=["no_variation"])
    values, copies = np.unique(held, return_counts=True)
    rng = stream(sampling.seed, name)
    interval = gini_interval(held, draws=sampling.bootstrap_draws, rng=rng, level=sampling.level)
    return emit(name, float(gini(values, copies)), len(held), "agents", interval=interval)


def _lifespan(emit: Emit, agents: pl.DataFrame, sampling: Sampling) -> Measure:
    name = "account_lifespan_minutes_median"
    timed = agents.filter(pl.col("timed") == pl.col("messages"))
    exact = timed.filter(pl.col("exact") == pl.col("messages"))["lifespan"].drop_nulls()
    minutes = np.sort(exact.to_numpy().astype(np.float64)) / 60e6
    words = clock_words(timed.height, timed.height, exact.len(), 0)
    if REFUSED in words:
        return emit(name, None, len(minutes), "agents", warnings=words)
    if len(minutes) < MIN_AGENTS:
        return emit(
            name, None, len(minutes), "agents", warnings=["no_times" if agents.height >= MIN_AGENTS else "few_agents"]
        )
    interval = median_interval(minutes, level=sampling.level)
    return emit(
        name, float(np.median(minutes)), len(minutes), "agents", interval=interval, is_discrete=True, warnings=words
    )


def _hours(emit: Emit, con: duckdb.DuckDBPyConnection) -> list[Measure]:
    """Measure the share of the posts in the busiest hours of the span."""
    found = con.sql(_HOURS).pl()
    name, n = "peak_hours_post_share", int(found["posts"].sum())
    timed = int(con.sql(_TIMED_POSTS).fetchall()[0][0])
    words = clock_words(timed, timed, n, 0)
    if REFUSED in words:
        return [emit(name, None, n, "posts", warnings=words)]
    if n < MIN_POSTS:
        return [emit(name, None, n, "posts", warnings=["no_times" if n == 0 else "few_posts"])]
    span = int(found["hour"].max() - found["hour"].min()) + 1
    if span <= PEAK_HOURS:
        return [emit(name, None, n, "posts", warnings=["few_periods"])]
    busiest = int(found["posts"].sort(descending=True).head(PEAK_HOURS).sum())
    return [emit(name, busiest / n, n, "posts", interval=CENSUS, warnings=words)]


def _communities(emit: Emit, con: duckdb.DuckDBPyConnection, sampling: Sampling) -> list[Measure]:
    posts = con.sql(_PER_COMMUNITY).pl()["posts"].to_numpy().astype(np.int64)
    n, total = len(posts), int(posts.sum())
    ordered = np.sort(posts)[::-1]
    words = ["no_communities"] if n == 0 else []
    found = [
        emit("n_communities", n, n, "communities", interval=CENSUS, warnings=words),
        *(
            emit(name, int(ordered[:top].sum()) / total if n else None, total, "posts", interval=CENSUS, warnings=words)
            for name, top in (("largest_community_post_share", 1), ("top10_community_post_share", 10))
        ),
    ]
    subscribers = con.sql(_SUBSCRIBERS).pl()["subscribers"].to_numpy().astype(np.int64)
    return [
        *found,
        tail_exponent(emit, "posts_per_community_tail_exponent", posts, "communities", sampling.level),
        tail_exponent(emit, "subscribers_tail_exponent", subscribers, "communities", sampling.level),
    ]


def tail_exponent(
    emit: Emit, name: str, counts: IntArray, n_unit: str, level: float, xmin: int | None = None
) -> Measure:
    """Return the exponent of a tail as one row."""
    positive = counts[counts >= (xmin or 1)]
    tail = fit(positive, xmin) if len(positive) >= MIN_TAIL else None
    if tail is None:
        word = "few_events" if len(positive) < MIN_TAIL else "no_variation"
        return emit(name, None, len(positive), n_unit, warnings=[word])
    words = [word for word in tail_words(tail) if xmin is None or word != "xmin_selected"]
    _, value, interval, _ = tail_parts(tail, level)[0]
    return emit(name, value, tail.n_tail, n_unit, interval=interval, warnings=words)
