"""What is known of each agent that bears on human influence: the rows of ``feature.agent_signal``, and their measures.

What belongs here: the table, and from it shares of owners and batches and how they go with the regularity of posts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import IntArray, Interval, Null, stream
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.coordination.association import Association, association, table_of, v_interval
from pipeline.coordination.copies import near_share
from pipeline.coordination.names import sizes
from pipeline.coordination.nulls import affordable, against
from pipeline.coordination.owners import TIERS, owner_tier
from pipeline.coordination.posts import MICROS_PER_HOUR, Posts
from pipeline.coordination.regularity import FAMILY, share_interval
from pipeline.coordination.timing import CLASSES, MIN_INTERVALS, classify, intervals, spread
from pipeline.schema import Measure

BURST_SECONDS = 60
MIN_AGENTS = 20

_AGENTS = """
SELECT a.agent_id, a.name, a.owner_handle, a.owner_followers, coalesce(m.n_posts, 0) AS n_posts,
       coalesce(m.n_comments, 0) AS n_comments
FROM agent AS a
LEFT JOIN (
    SELECT agent_id, CAST(count(*) FILTER (WHERE kind = 'post') AS BIGINT) AS n_posts,
           CAST(count(*) FILTER (WHERE kind = 'comment') AS BIGINT) AS n_comments
    FROM message WHERE agent_id IS NOT NULL GROUP BY agent_id
) AS m ON m.agent_id = a.agent_id
ORDER BY a.agent_id
"""


def agent_signals(con: duckdb.DuckDBPyConnection, posts: Posts) -> pl.DataFrame:
    """Return the rows of ``feature.agent_signal``, one per agent.

    Parameters
    ----------
    con
        Connection with views ``agent`` and ``message`` of one corpus.
    posts
        Posts of the corpus.
    """
    agents: pl.DataFrame = con.sql(_AGENTS).pl()
    found = agents.with_columns(owner_tier=owner_tier()).join(sizes(agents), on="agent_id", how="left")
    timed = found.join(_timing(posts), on="agent_id", how="left", maintain_order="left")
    is_short = (pl.col("n_posts") > 0) & pl.col("cov").is_null()
    return timed.with_columns(
        warnings=pl.when(is_short & (pl.col("n_intervals").fill_null(0) < MIN_INTERVALS))
        .then(pl.lit("few_intervals"))
        .when(is_short)
        .then(pl.lit("no_variation"))
    ).select(
        "agent_id", "n_posts", "n_comments", "n_intervals", "mean_hours", "least_hours", "cov", "cov_class",
        "burstiness", "memory", "batch_name", "batch_size", "owner_tier", "warnings",
    )  # fmt: skip


def _timing(posts: Posts) -> pl.DataFrame:
    found = spread(intervals(posts.agent, posts.at, posts.gaps))
    place = classify(found.cov)
    unit = MICROS_PER_HOUR if posts.is_timed else np.nan  # steps are no hours
    frame = pl.DataFrame({
        "agent_id": posts.names.gather(found.agent),
        "n_intervals": found.n,
        "mean_hours": found.mean / unit,
        "least_hours": found.least / unit,
        "cov": found.cov,
        "cov_class": pl.Series([*CLASSES, None], dtype=pl.String).gather(place),
        "burstiness": found.burstiness,
        "memory": found.memory,
    })  # fmt: skip
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def signal_measures(signals: pl.DataFrame, posts: Posts, sampling: Sampling) -> list[Measure]:
    """Compute the shares of owner tiers and batches, and whether they go with the regularity of posts.

    Parameters
    ----------
    signals
        Rows of ``feature.agent_signal``, sorted by agent_id.
    posts
        Posts of the corpus.
    sampling
        Seed, draws and level.

    Returns
    -------
    list of Measure
        ``owner_<tier>_share`` of the agents whose owner is known; ``batch_count``, ``batch_member_share``,
        ``batch_largest_size``; ``batch_burst_share``, the share of the posts of members that another member of the
        batch accompanies within a minute, against membership dealt anew among agents of like activity;
        ``cov_owner_*`` and ``cov_batch_*``, chi-square, φ and Cramér's V of the class of regularity by either.
    """
    return [
        *_owners(signals, sampling),
        *_batches(signals, sampling),
        _bursts(signals, posts, sampling),
        *_associations(signals, posts, sampling),
    ]


def _share(name: str, k: int, n: int, sampling: Sampling, words: tuple[str, ...] = ()) -> Measure:
    few = ["few_agents"] if n < MIN_AGENTS else []
    emit = partial(row, FAMILY, name, k / n if n else None, n, "agents", level=sampling.level)
    return emit(interval=share_interval(k, n, sampling), warnings=[*words, *few])


def _owners(signals: pl.DataFrame, sampling: Sampling) -> Iterator[Measure]:
    known = signals["owner_tier"].drop_nulls()
    for tier in TIERS:
        yield _share(f"owner_{tier}_share", int((known == tier).sum()), len(known), sampling)


def _batches(signals: pl.DataFrame, sampling: Sampling) -> Iterator[Measure]:
    named = signals.filter(pl.col("batch_size").is_not_null())
    members, n = named.filter(pl.col("batch_name").is_not_null()), named.height
    words = [] if n else ["few_agents"]
    emit = partial(row, FAMILY, level=sampling.level, interval=CENSUS, warnings=words)
    largest = members["batch_size"].max()
    yield emit("batch_count", members["batch_name"].n_unique() if n else None, n, "agents")
    yield emit("batch_largest_size", (largest if isinstance(largest, int) else 0) if n else None, n, "agents")
    yield _share("batch_member_share", members.height, n, sampling)


def _bursts(signals: pl.DataFrame, posts: Posts, sampling: Sampling) -> Measure:
    name, level = "batch_burst_share", sampling.level
    codes = signals.select("agent_id", batch=pl.col("batch_name").rank("dense").cast(pl.Int64) - 1)
    joined = pl.DataFrame({"agent_id": posts.names}).join(codes, on="agent_id", how="left", maintain_order="left")
    batch = joined["batch"].fill_null(-1).to_numpy().astype(np.int64)
    member = batch[posts.agent] >= 0 if len(posts.agent) else np.zeros(0, dtype=np.bool_)
    n = int(member.sum())
    if not n or not posts.is_timed:
        words = [*posts.words, *([] if n else ["few_posts"])]
        return row(FAMILY, name, None, n, "posts", level=level, warnings=words)

    def share(labels: IntArray) -> float:
        chosen = labels[posts.agent] >= 0
        agent = posts.agent[chosen]
        hits, _ = near_share(labels[agent], agent, posts.at[chosen], BURST_SECONDS * 1_000_000)
        return hits / max(int(chosen.sum()), 1)

    # Agents trade places only with agents of like activity, so the members of a draw post about as much as the real.
    activity = np.log2(np.bincount(posts.agent, minlength=len(batch))).astype(np.int64)
    order, rng = np.argsort(activity, kind="stable"), stream(sampling.seed, name)
    strata, draws = activity[order], []
    for _ in range(affordable(sampling.null_draws, len(posts.at))):
        dealt = np.empty_like(batch)
        dealt[order] = batch[order][np.argsort(strata + rng.random(len(strata)), kind="stable")]
        draws.append(share(dealt))
    value = share(batch)
    words = [*posts.words, *(["few_posts"] if n < MIN_AGENTS else [])]
    null = against("membership_permuted", value, np.array(draws))
    return row(FAMILY, name, value, n, "posts", level=level, null=null, warnings=words)


def _associations(signals: pl.DataFrame, posts: Posts, sampling: Sampling) -> Iterator[Measure]:
    regular = _codes(signals["cov_class"], CLASSES)
    tier = _codes(signals["owner_tier"], TIERS)
    member = signals["batch_name"].is_not_null().cast(pl.Int64).to_numpy().astype(np.int64)
    for name, other, width in (("owner", tier, len(TIERS)), ("batch", member, 2)):
        counts = table_of(regular, other, (len(CLASSES), width))
        n = int(counts.sum())
        found = association(counts) if n >= MIN_AGENTS else None
        words = [*posts.words, *(["few_agents"] if n < MIN_AGENTS else [] if found else ["no_variation"])]
        yield from _association_rows(f"cov_{name}", found, n, sampling, words)


def _association_rows(
    stem: str, found: Association | None, n: int, sampling: Sampling, words: list[str]
) -> Iterator[Measure]:
    emit = partial(row, FAMILY, level=sampling.level)
    names = (f"{stem}_chi2", f"{stem}_phi", f"{stem}_cramers_v")
    if found is None:
        yield from (emit(name, None, n, "agents", warnings=words) for name in names)
        return
    words = [*words, *(["few_events"] if found.is_sparse else [])]
    null = Null("independence", float(found.df), float(np.sqrt(2 * found.df)), found.p_value)
    low, high = v_interval(found, sampling.level)
    yield emit(names[0], found.chi2, n, "agents", null=null, warnings=words)
    for name, value, scale in ((names[1], found.phi, 1.0), (names[2], found.cramers_v, found.scale)):
        interval = Interval(low * scale, high * scale, "noncentral_chi2")
        yield emit(name, value, n, "agents", interval=interval, warnings=words)


def _codes(values: pl.Series, words: tuple[str, ...]) -> IntArray:
    return values.cast(pl.Enum(words)).to_physical().cast(pl.Int64).fill_null(-1).to_numpy().astype(np.int64)
