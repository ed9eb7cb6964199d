"""How many agents post like a clock and how many do not, against agents that post at random moments.

What belongs here: rows of ``analysis.measure`` on the times between posts. Low variation is taken for an agent left to
its schedule and high variation for human prompting (Li 2026, arXiv 2602.07432); the nulls say how much of either
would be found if nobody had a schedule and nobody was prompted.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from pipeline.activity.burstiness import MIN_AGENTS, resampled_means
from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, median_interval, stream
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.coordination.nulls import MEMORYLESS, PERMUTED, affordable, against, memoryless, once, permuted
from pipeline.coordination.posts import Posts
from pipeline.coordination.timing import (
    MIN_INTERVALS,
    Intervals,
    Spread,
    class_shares,
    grouped_order,
    intervals,
    remembering,
    spread,
)
from pipeline.inference.intervals import wilson
from pipeline.schema import Measure

FAMILY = "coordination"
SHARES = (
    "cov_below_03_share", "cov_03_05_share", "cov_05_10_share", "cov_10_20_share", "cov_above_20_share",
    "cov_autonomous_share", "cov_human_share",
)  # fmt: skip
STATISTICS = (*SHARES, "cov_mean", "cov_median")


def summary(cov: FloatArray) -> FloatArray:
    """Return the values of `STATISTICS` for coefficients of variation; not-a-number where there is none.

    Autonomous is below 0.5, human-influenced is 1 or more, as in the study.
    """
    known = cov[~np.isnan(cov)]
    shares = class_shares(known)
    centre = [known.mean(), np.median(known)] if len(known) else [np.nan, np.nan]
    return np.array([*shares, shares[:2].sum(), shares[3:].sum(), *centre])


def regularity_measures(posts: Posts, sampling: Sampling) -> list[Measure]:
    """Compute the classes of regularity of posting, their nulls, burstiness and memory.

    Parameters
    ----------
    posts
        Posts of the corpus, as `pipeline.coordination.posts.read_posts` gives them.
    sampling
        Seed, draws and level.

    Returns
    -------
    list of Measure
        Each value of `STATISTICS` twice, once beside each null model; the number of agents that have a coefficient,
        and the share of those that have just two intervals and so cannot exceed 1; burstiness and memory of posts.
    """
    between = intervals(posts.agent, posts.at, posts.gaps)
    found = spread(between)
    cov = found.cov[found.n >= MIN_INTERVALS]
    cov = cov[~np.isnan(cov)]
    n = len(cov)
    words = [*posts.words, *(["few_agents"] if n < MIN_AGENTS else [])]
    emit = partial(row, FAMILY, level=sampling.level)
    capped = int(((found.n == MIN_INTERVALS) & ~np.isnan(found.cov)).sum())
    return [
        emit("cov_eligible_agents", n, len(posts.names), "agents", interval=CENSUS, warnings=posts.words),
        emit(
            "cov_capped_share", capped / n if n else None, n, "agents",
            interval=share_interval(capped, n, sampling), warnings=words,
        ),
        *once(_classes(posts, found, cov, sampling, words)),
        *_order(posts, between, found, sampling),
    ]  # fmt: skip


def share_interval(k: int, n: int, sampling: Sampling) -> Interval:
    """Return the Wilson interval of k of n agents, none for few agents."""
    if n < MIN_AGENTS:
        return NO_INTERVAL
    low, high = wilson(k, n, sampling.level)
    return Interval(low, high, "wilson")


def _classes(posts: Posts, found: Spread, cov: FloatArray, sampling: Sampling, words: list[str]) -> Iterator[Measure]:
    values, n = summary(cov), len(cov)
    for model, draws in _draws(posts, found, sampling):
        for place, name in enumerate(STATISTICS):
            value = float(values[place])
            null = against(model, value, draws[:, place]) if len(draws) else None
            interval = _interval(name, value, cov, sampling)
            yield row(FAMILY, name, value, n, "agents", level=sampling.level, interval=interval, null=null,
                      warnings=words)  # fmt: skip


def _draws(posts: Posts, found: Spread, sampling: Sampling) -> Iterator[tuple[str, FloatArray]]:
    counts = found.n[(found.n >= MIN_INTERVALS) & ~np.isnan(found.cov)]
    draws = affordable(sampling.null_draws, len(posts.at)) if len(counts) else 0
    for model in (MEMORYLESS, PERMUTED):
        rng = stream(sampling.seed, f"cov/{model}")
        if not draws:
            yield model, np.zeros((0, len(STATISTICS)))
        elif model == MEMORYLESS:
            yield model, memoryless(counts.astype(np.float64), summary, draws, rng)
        else:
            yield model, permuted(posts, summary, draws, rng)


def _interval(name: str, value: float, cov: FloatArray, sampling: Sampling) -> Interval:
    n = len(cov)
    if n < MIN_AGENTS:
        return NO_INTERVAL
    if name in SHARES:
        return share_interval(round(value * n), n, sampling)
    if name == "cov_median":
        return median_interval(np.sort(cov), level=sampling.level)
    return _bootstrap(cov, name, sampling)


def _bootstrap(values: FloatArray, name: str, sampling: Sampling) -> Interval:
    if len(values) < MIN_AGENTS:
        return NO_INTERVAL
    means = resampled_means(values, draws=sampling.bootstrap_draws, rng=stream(sampling.seed, name))
    tail = (1 - sampling.level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(low), float(high), "bootstrap_agents")


def _order(posts: Posts, between: Intervals, found: Spread, sampling: Sampling) -> Iterator[Measure]:
    """Burstiness and memory of posts; the null of memory shuffles the intervals of each agent."""
    emit = partial(row, FAMILY, level=sampling.level)
    for name, values in (("post_burstiness", found.burstiness), ("post_memory", found.memory)):
        known = values[~np.isnan(values)]
        n = len(known)
        value = float(known.mean()) if n else None
        words = [*posts.words, *(["few_agents"] if n < MIN_AGENTS else [])]
        null = None
        if name == "post_memory" and value is not None:
            draws = affordable(sampling.null_draws, len(between.length))
            null = against("shuffled_intervals", value, _shuffled_memory(between, draws, sampling))
        yield emit(name, value, n, "agents", interval=_bootstrap(known, name, sampling), null=null, warnings=words)


def _shuffled_memory(between: Intervals, draws: int, sampling: Sampling) -> FloatArray:
    rng = stream(sampling.seed, "post_memory/null")
    means = []
    agent: IntArray = between.agent
    compute = remembering(agent)
    for _ in range(draws):
        values = compute(between.length[grouped_order(agent, rng)])
        means.append(np.nanmean(values) if not np.isnan(values).all() else np.nan)
    return np.array(means)
