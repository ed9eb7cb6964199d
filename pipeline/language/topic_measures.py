"""Shares and entropy of topics by slice and period, and how far topics can be trusted: coherence, agreement of seeds.

What belongs here: from the tables of `topics` to rows of ``analysis.measure``. The test of drift is in `topic_drift`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import numpy as np
import polars as pl
from scipy import stats

from pipeline.activity.resampling import NO_INTERVAL, Interval, Null, cluster_bootstrap
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.inference.intervals import wilson
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.inference.slices import LANGUAGE, SliceRule, slice_posts
from pipeline.language.clock import Clock
from pipeline.language.covered import ENGLISH, WORD, corpus_coverage, refused
from pipeline.language.similarity import Floats, Ints
from pipeline.language.topic_quality import NULL, Quality
from pipeline.language.topics import topic_stream
from pipeline.schema import Measure

FAMILY = "topic"
FEW_POSTS = 30
DISTINCT = "without_duplicates"
WITHIN = {"topic_entropy_within_communities": "community_id", "topic_entropy_within_authors": "author"}
MEASURES = ("topic_count", "topic_silhouette", "topic_coherence_npmi", "topic_stability_ari")
SLICED = ("topic_share", "topic_entropy_bits", *WITHIN)


@dataclass(frozen=True, slots=True)
class Chosen:
    """How many topics a corpus has; 0 with the reason where it has none."""

    number: int
    reason: str = ""


def read_chosen(con: duckdb.DuckDBPyConnection) -> Chosen:
    """Return the number of topics of the corpus whose views `con` holds."""
    number = int(con.sql("SELECT count(*) FROM topic").fetchall()[0][0])
    if number:
        return Chosen(number)
    if corpus_coverage(con).is_refused:
        return Chosen(0, WORD)
    tried, vectors = con.sql(
        "SELECT (SELECT count(*) FROM topic_number), (SELECT count(*) FROM embedding WHERE rung = 'static')"
    ).fetchall()[0]
    return Chosen(0, "no_topics" if tried else "few_texts" if vectors else "model_unavailable")


def topic_measures(
    con: duckdb.DuckDBPyConnection,
    clock: Clock,
    sampling: Sampling,
    *,
    posts: pl.DataFrame,
    slices: Sequence[SliceRule],
    quality: Quality | None,
) -> list[Measure]:
    """Compute the measures of topics.

    Parameters
    ----------
    con
        Connection with the views of one corpus.
    clock
        Its period.
    sampling
        Seed, draws and level.
    posts
        As `read_posts` returns them.
    slices
        The slices to compute on: with duplicates and without among them.
    quality
        What was computed on the sample; None where the corpus has no topics.

    Returns
    -------
    list of Measure
        For the corpus: number of topics, silhouette by number, coherence, agreement of seeds. For each slice: share of
        each topic and entropy, whole (bootstrap over authors) and by period; entropy within communities and authors
        against topics dealt out anew. Without topics one null row by measure says why.
    """
    chosen, level = read_chosen(con), sampling.level
    if quality is None:
        names = (*MEASURES, *SLICED)
        return [row(FAMILY, name, None, 0, "texts", level=level, warnings=[chosen.reason]) for name in names]
    rows = _corpus_rows(con, chosen, quality, sampling)
    for rule in slices:
        if rule.filter.startswith(LANGUAGE) and rule.filter.removeprefix(LANGUAGE) not in ENGLISH:
            found = [row(FAMILY, name, None, 0, "posts", level=level, warnings=[WORD]) for name in SLICED]
        else:
            # References are texts without copies, so they are set beside such a slice only.
            null = quality.entropy_null if rule.filter == DISTINCT and rule.start_at == rule.end_at else None
            found = list(_slice_rows(slice_posts(posts, rule), chosen.number, clock, sampling, null))
        rows += [replace(one, slice_id=rule.slice_id) for one in found]
    return refused(rows, corpus_coverage(con))


def _corpus_rows(con: duckdb.DuckDBPyConnection, chosen: Chosen, quality: Quality, sampling: Sampling) -> list[Measure]:
    level, texts = sampling.level, quality.texts
    rows = [row(FAMILY, "topic_count", chosen.number, texts, "texts", level=level, interval=CENSUS)]
    tried = con.sql("SELECT * EXCLUDE (corpus_id) FROM topic_number ORDER BY topics").pl()
    for k, value, mean, sd, p_value, is_chosen in tried.iter_rows():
        null = Null(NULL, mean, sd, p_value)
        one = row(FAMILY, "topic_silhouette", value, quality.number_texts, "texts", level=level, null=null)
        if is_chosen:
            rows.append(one)
        rows.append(replace(one, unit="topics", unit_id=str(k)))
    few = ["few_clusters"] if chosen.number < 10 else []
    named = quality.coherence.size
    rows += [
        row(FAMILY, "topic_coherence_npmi", quality.coherence.mean() if named else None, named, "topics", level=level,
            interval=_mean_interval(quality.coherence, sampling), null=quality.coherence_null,
            warnings=few if named else ["few_texts"]),
        row(FAMILY, "topic_stability_ari", float(quality.agreement.mean()), quality.agreement.size, "pairs of seeds",
            level=level, null=quality.agreement_null),
    ]  # fmt: skip
    return rows


def _mean_interval(values: Floats, sampling: Sampling) -> Interval:
    """Percentile interval of a mean over topics drawn with replacement; none for fewer than ten topics."""
    if values.size < 10:
        return NO_INTERVAL
    drawn = topic_stream(sampling.seed, "coherence").integers(0, values.size, (sampling.bootstrap_draws, values.size))
    tail = (1 - sampling.level) / 2
    low, high = np.quantile(values[drawn].mean(axis=1), [tail, 1 - tail])
    return Interval(float(low), float(high), "bootstrap_topics")


def _slice_rows(
    posts: pl.DataFrame, number: int, clock: Clock, sampling: Sampling, null: Null | None
) -> Iterator[Measure]:
    yield from _share_rows(posts, number, sampling, null)
    for name, column in WITHIN.items():
        yield _within_row(name, posts.drop_nulls(column), column, number, sampling)
    timed = posts.filter(clock.is_timed())
    if clock.period is None or timed.is_empty():
        word = clock.refusal or without_times(posts)
        for name in SLICED[:2]:
            none = row(FAMILY, name, None, 0, "posts", level=sampling.level, warnings=[word])
            yield replace(none, period=clock.name)
        return
    by_period = timed.with_columns(start=pl.col("created_at").dt.truncate("1w" if clock.period == "week" else "1d"))
    for (start,), group in by_period.sort("start", maintain_order=True).group_by("start", maintain_order=True):
        assert isinstance(start, datetime)  # noqa: S101 - narrows the type for mypy
        yield from (replace(one, period=clock.period, period_start=start) for one in _period_rows(
            group, number, sampling))  # fmt: skip


def without_times(posts: pl.DataFrame) -> str:
    """Return why posts have no usable time: there are none, their times are too coarse, or they have no times."""
    if posts.is_empty():
        return "few_posts"
    return "time_too_coarse" if posts["created_at"].null_count() < posts.height else "no_times"


def _few(n: int) -> list[str]:
    return ["composition_sensitive", *(["few_posts"] if n < FEW_POSTS else [])]


def _share_rows(posts: pl.DataFrame, number: int, sampling: Sampling, null: Null | None) -> Iterator[Measure]:
    n, level = posts.height, sampling.level
    totals = author_counts(posts, number)
    counts = totals.sum(axis=0)
    words = [*_few(n), *(["few_agents"] if len(totals) < FEWEST_BOOTSTRAP_UNITS else [])]
    rng = topic_stream(sampling.seed, "share")
    for topic in range(number):
        interval = _interval(totals, _share_of(topic), sampling, rng)
        value = counts[topic] / n if n else None
        one = row(FAMILY, "topic_share", value, n, "posts", level=level, interval=interval, warnings=words)
        yield replace(one, unit="topic", unit_id=str(topic + 1))
    yield _entropy_row(totals, n, words, sampling.level, null)


def _entropy_row(totals: Ints, n: int, words: list[str], level: float, null: Null | None = None) -> Measure:
    value = float(entropy_bits(totals.sum(axis=0)[None, :].astype(np.float64))[0]) if n else None
    interval = entropy_interval(totals, value, level) if value is not None else NO_INTERVAL
    few = ["few_agents"] if value is not None and len(totals) < FEWEST_BOOTSTRAP_UNITS else []
    return row(FAMILY, "topic_entropy_bits", value, n, "posts", level=level, interval=interval, null=null,
               warnings=[*words, *few])  # fmt: skip


def _share_of(topic: int) -> Callable[[Floats], Floats]:
    return lambda sums: sums[:, topic] / sums.sum(axis=1)


def _interval(
    totals: Ints, statistic: Callable[[Floats], Floats], sampling: Sampling, rng: np.random.Generator
) -> Interval:
    if len(totals) < FEWEST_BOOTSTRAP_UNITS:
        return NO_INTERVAL
    with np.errstate(invalid="ignore", divide="ignore"):
        return cluster_bootstrap(
            totals, statistic, draws=sampling.bootstrap_draws, rng=rng, level=sampling.level,
            method="cluster_bootstrap_authors",
        )  # fmt: skip


def _period_rows(posts: pl.DataFrame, number: int, sampling: Sampling) -> Iterator[Measure]:
    n, counts = posts.height, np.bincount(posts["topic"].to_numpy(), minlength=number)
    for topic in range(number):
        low, high = wilson(int(counts[topic]), n, sampling.level)
        one = row(FAMILY, "topic_share", counts[topic] / n, n, "posts", level=sampling.level,
                  interval=Interval(low, high, "wilson"), warnings=[*_few(n), "independence_assumed"])  # fmt: skip
        yield replace(one, unit="topic", unit_id=str(topic + 1))
    yield _entropy_row(author_counts(posts, number), n, _few(n), sampling.level)


def author_counts(posts: pl.DataFrame, number: int) -> Ints:
    """Return the posts of each author in each topic, shape (authors, topics)."""
    author = posts["author"].rank("dense").to_numpy().astype(np.int64) - 1
    size = int(author.max()) + 1 if author.size else 0
    cells = np.bincount(author * number + posts["topic"].to_numpy(), minlength=size * number)
    return cells.reshape(size, number).astype(np.int64)


def entropy_bits(counts: Floats) -> Floats:
    """Return the entropy of counts, shape (m, topics), in bits with the correction of Miller and Madow, shape (m,).

    The correction adds (topics that occur − 1)/(2 n ln 2), without which small samples look narrower than they are.
    """
    n = counts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = counts / n[:, None]
        plain = -np.where(share > 0, share * np.log2(share), 0.0).sum(axis=1)
        corrected = plain + ((counts > 0).sum(axis=1) - 1) / (2 * n * np.log(2))
    most = np.log2(counts.shape[1])
    return np.asarray(np.where(n > 0, np.minimum(corrected, most), np.nan))


def entropy_interval(totals: Ints, value: float, level: float) -> Interval:
    """Return the interval of an entropy by linearisation, authors as clusters.

    An author moves the entropy by −Σ_j (c_j − n p_j) log2 p_j / N. Resampling would not do: a resampled set of authors
    holds fewer topics, so that percentiles lie below the value.
    """
    authors, n = len(totals), totals.sum()
    share = totals.sum(axis=0) / n
    if authors < FEWEST_BOOTSTRAP_UNITS:
        return NO_INTERVAL
    surprise = -np.log2(np.where(share > 0, share, 1.0))
    moved = (totals - totals.sum(axis=1, keepdims=True) * share) @ surprise / n
    error = float(np.sqrt(np.square(moved).sum() * authors / (authors - 1)))
    reach = float(stats.t.ppf((1 + level) / 2, authors - 1)) * error
    most = float(np.log2(totals.shape[1]))
    return Interval(max(0.0, value - reach), min(most, value + reach), "linearised_authors")


def conditional_entropy(topics: Ints, groups: Ints, number: int) -> tuple[Floats, Ints]:
    """Return the plain entropy of the topics of each group in bits, and the posts of each group."""
    size = int(groups.max()) + 1
    counts = np.bincount(groups * number + topics, minlength=size * number).reshape(size, number).astype(np.float64)
    n = counts.sum(axis=1)
    share = counts / np.maximum(n, 1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(share > 0, share * np.log2(share), 0.0).sum(axis=1), n.astype(np.int64)


def _within_row(name: str, posts: pl.DataFrame, column: str, number: int, sampling: Sampling) -> Measure:
    kept = posts.filter(pl.len().over(column) >= 2)
    groups = kept[column].rank("dense").to_numpy().astype(np.int64) - 1
    if not groups.size or int(groups.max()) < 1:
        word = "no_communities" if column == "community_id" and posts.is_empty() else "few_posts"
        return row(FAMILY, name, None, kept.height, "posts", level=sampling.level, warnings=[word])
    topics = kept["topic"].to_numpy().astype(np.int64)
    each, n = conditional_entropy(topics, groups, number)
    value, rng = float((each * n).sum() / n.sum()), topic_stream(sampling.seed, name)
    drawn = np.empty(sampling.null_draws)
    for i in range(sampling.null_draws):
        dealt, _ = conditional_entropy(rng.permutation(topics), groups, number)
        drawn[i] = (dealt * n).sum() / n.sum()
    interval = NO_INTERVAL
    if len(n) >= FEWEST_BOOTSTRAP_UNITS:
        weights = rng.multinomial(len(n), np.full(len(n), 1 / len(n)), size=sampling.bootstrap_draws)
        tail = (1 - sampling.level) / 2
        low, high = np.quantile(weights @ (each * n) / (weights @ n), [tail, 1 - tail])
        unit = "communities" if column == "community_id" else "authors"
        interval = Interval(float(low), float(high), f"cluster_bootstrap_{unit}")
    return row(FAMILY, name, value, kept.height, "posts", level=sampling.level, interval=interval,
               null=null_of(value, drawn, "dealt_topics"), warnings=_few(kept.height))  # fmt: skip


def null_of(value: float, drawn: Floats, model: str = NULL) -> Null:
    """Return the null with a two-sided p: twice the smaller tail, the observed value counted among the draws."""
    tails = 1 + np.count_nonzero(drawn >= value - 1e-12), 1 + np.count_nonzero(drawn <= value + 1e-12)
    return Null(model, float(drawn.mean()), float(drawn.std()), min(1.0, 2 * min(tails) / (drawn.size + 1)))
