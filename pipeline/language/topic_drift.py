"""Do topics drift? How much of the posts moves between topics per day, with a test that respects authors.

What belongs here: slopes of the shares of topics on time, and rows of ``analysis.estimate``.

The slope of topic j is Σ (t − t̄)(y_j − ȳ_j) / Σ (t − t̄)², a sum of contributions of authors. Under no drift the sign of
what an author contributes is a coin, so the null flips the signs of whole authors (the wild score bootstrap of Kline &
Santos 2012), however many posts one has and however alike they are. Drift is half the sum of the absolute slopes: the
share of posts that leaves some topics for others in a day. It is above zero by chance alone; the null says how far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import duckdb
import numpy as np
import polars as pl
from scipy import stats

from pipeline.inference.multiplicity import adjust, benjamini_hochberg
from pipeline.inference.result import FEW_CLUSTERS
from pipeline.inference.slices import SliceRule, slice_posts
from pipeline.language.clock import COARSE, Clock, is_precise
from pipeline.language.convergence_sample import find_embedding
from pipeline.language.covered import corpus_coverage
from pipeline.language.similarity import Floats, Ints
from pipeline.language.topic_clusters import each, one_thread, principal_space
from pipeline.language.topic_measures import FAMILY, read_chosen, without_times
from pipeline.language.topic_specification import TopicSpecification, load_topic_grid
from pipeline.language.topic_texts import MOST_TEXTS, read_sample, vectors_of
from pipeline.language.topics import ordered_topics, topic_stream
from pipeline.schema import Estimate, join_warnings

HYPOTHESIS = "topics_drift"
_CHUNK = 50
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Drift:
    """Slopes of the shares of topics per day.

    Attributes
    ----------
    slopes, errors
        Shape (topics,): change of the share per day and its error, clustered by author.
    drift
        Half the sum of the absolute slopes.
    drawn
        Shape (draws,): the same with the signs of authors flipped at random.
    p_value
        Share of draws, the observed value counted among them, whose quadratic score U′V⁻¹U reaches the observed one; V
        is the sum of the authors' outer products, so that no single author can decide it.
    posts, authors
        What it rests on.
    """

    slopes: Floats
    errors: Floats
    drift: float
    drawn: Floats
    p_value: float
    posts: int
    authors: int


def topic_drift(
    days: Floats, topics: Ints, authors: Ints, number: int, draws: int, rng: np.random.Generator
) -> Drift | None:
    """Estimate the drift of topics.

    Parameters
    ----------
    days, topics, authors
        Shape (posts,): time in days, topic and author as codes from 0.
    number
        Topics.
    draws, rng
        Draws of signs and their random stream.

    Returns
    -------
    Drift or None
        None where time does not vary or there are fewer than two authors.
    """
    if not days.size or int(authors.max()) < 1:
        return None
    t = days - days.mean()
    spread = float(t @ t)
    if spread <= 0:
        return None
    size = int(authors.max()) + 1
    cells = np.bincount(authors * number + topics, weights=t, minlength=size * number).reshape(size, number)
    shares = np.bincount(topics, minlength=number) / len(topics)
    moved = (cells - np.bincount(authors, weights=t, minlength=size)[:, None] * shares) / spread
    slopes = moved.sum(axis=0)
    errors = np.sqrt(np.square(moved).sum(axis=0) * size / (size - 1))
    flipped = np.concatenate([
        rng.choice([-1.0, 1.0], (min(_CHUNK, draws - i), size)) @ moved for i in range(0, draws, _CHUNK)
    ])  # fmt: skip
    weight = np.linalg.pinv(moved.T @ moved, hermitian=True)
    scores = np.einsum("ij,jk,ik->i", np.vstack([slopes, flipped]), weight, np.vstack([slopes, flipped]))
    p_value = float(np.mean(scores >= scores[0] - 1e-9))
    drift, drawn = 0.5 * float(np.abs(slopes).sum()), 0.5 * np.abs(flipped).sum(axis=1)
    return Drift(slopes, errors, drift, drawn, p_value, len(topics), size)


def drift_estimates(
    con: duckdb.DuckDBPyConnection, clock: Clock, *, posts: pl.DataFrame, seed: int, ci_level: float, draws: int
) -> list[Estimate]:
    """Estimate the drift of topics under every specification of the grid, and the slope of each topic.

    Parameters
    ----------
    con
        Connection with the views of one corpus.
    clock
        Its period; without one the estimates are null. Posts that are dated more coarsely than to the day are left out.
    posts
        As `read_posts` returns them.
    seed, ci_level, draws
        Seed, level of the intervals, draws of signs.
    """
    chosen, grid = read_chosen(con), load_topic_grid()
    reason = chosen.reason or ("" if clock.period else clock.refusal or "no_times")
    if reason:
        return adjust([_estimate(spec, None, [reason], seed) for spec in grid])
    timed = posts.filter(is_precise())
    if timed.is_empty() and posts.height:
        return adjust([_estimate(spec, None, [without_times(posts)], seed) for spec in grid])
    coarse = [COARSE] if timed.height < posts["created_at"].count() else []
    wanted = sorted({spec.number(chosen.number) for spec in grid if spec.topics != "chosen"})
    others = _other_topics(con, wanted, seed)
    covered = [*corpus_coverage(con).words, *coarse]
    rows, slopes = [], list[Estimate]()
    for spec in grid:
        frame = slice_posts(timed, SliceRule(spec.slice, spec.slice if spec.slice != "all" else "none"))
        number = spec.number(chosen.number)
        if spec.topics != "chosen":
            frame = frame.drop("topic").join(others[number], on="text_hash", maintain_order="left")
        found = _drift(frame, spec, number, draws, seed)
        rows.append(_estimate(spec, found, [*covered, *_words(found)], seed))
        if found is not None and spec.role == "primary":
            slopes = _slopes(spec, found, [*covered, *_words(found)], ci_level, seed)
    return [*adjust(rows), *slopes]


def _drift(frame: pl.DataFrame, spec: TopicSpecification, number: int, draws: int, seed: int) -> Drift | None:
    if frame.height == 0:
        return None
    days = (frame["created_at"] - frame["created_at"].min()).dt.total_microseconds().to_numpy() / (
        _DAY / timedelta(microseconds=1)
    )
    outcome = (
        frame["coin"].to_numpy().astype(np.int64) % number if spec.outcome == "hash" else frame["topic"].to_numpy()
    )
    author = frame["author"].rank("dense").to_numpy().astype(np.int64) - 1
    rng = topic_stream(seed, f"drift/{spec.spec_id}")
    return topic_drift(days.astype(np.float64), outcome.astype(np.int64), author, number, draws, rng)


def _words(found: Drift | None) -> list[str]:
    if found is None:
        return ["few_posts"]
    return ["composition_sensitive", *(["few_clusters"] if found.authors < FEW_CLUSTERS else [])]


def _other_topics(con: duckdb.DuckDBPyConnection, numbers: Sequence[int], seed: int) -> dict[int, pl.DataFrame]:
    """Return text_hash and topic of the texts of the sample for other numbers of topics."""
    embedding = find_embedding(con)
    if embedding is None:
        return {}
    sample = read_sample(con, embedding, seed)
    vectors = vectors_of(sample)
    with one_thread():
        points = principal_space(vectors).points(vectors)
        able = [k for k in numbers if k < len(points)]
        labels = each(lambda k: ordered_topics(points, k, seed)[1], able)
        return {
            k: pl.DataFrame({"text_hash": sample["text_hash"], "topic": found})
            for k, found in zip(able, labels, strict=True)
        }


def _base(spec: TopicSpecification, seed: int) -> Estimate:
    return Estimate(
        spec_id=spec.spec_id,
        family=FAMILY,
        hypothesis_id=HYPOTHESIS,
        role=spec.role,
        estimand="share of posts that moves between topics per day",
        model=spec.formula,
        estimator="slope_sign_flips",
        outcome=spec.outcome,
        term="drift",
        estimate=None,
        slice_id=spec.slice,
        cluster="author",
        sampling=f"topics of at most {MOST_TEXTS} texts by hash, seed {seed}",
    )


def _estimate(spec: TopicSpecification, found: Drift | None, words: list[str], seed: int) -> Estimate:
    base = replace(_base(spec, seed), warnings=join_warnings(words))
    if found is None:
        return replace(base, n_obs=0)
    return replace(
        base,
        estimate=found.drift,
        p_value=found.p_value,
        null_mean=float(found.drawn.mean()),
        null_sd=float(found.drawn.std()),
        n_perm=len(found.drawn),
        n_obs=found.posts,
        n_agents=found.authors,
        n_clusters=found.authors,
    )


def _slopes(spec: TopicSpecification, found: Drift, words: list[str], ci_level: float, seed: int) -> list[Estimate]:
    """Slope of each topic under the primary specification, adjusted over topics by Benjamini and Hochberg."""
    base = replace(_base(spec, seed), role="exploratory", estimator="slope_cluster", warnings=join_warnings(words))
    df = found.authors - 1
    reach = float(stats.t.ppf((1 + ci_level) / 2, df))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(found.errors > 0, found.slopes / found.errors, 0.0)
    p_values = 2 * stats.t.sf(np.abs(statistic), df)
    adjusted = benjamini_hochberg(np.asarray(p_values, dtype=np.float64))
    return [
        replace(
            base,
            estimand="change of the share of a topic per day",
            term=f"topic_{j + 1}",
            estimate=float(slope),
            std_error=float(found.errors[j]),
            statistic=float(statistic[j]),
            df=float(df),
            p_value=float(p_values[j]),
            p_adj=float(adjusted[j]),
            adj_method="bh",
            conf_low=float(slope - reach * found.errors[j]),
            conf_high=float(slope + reach * found.errors[j]),
            conf_level=ci_level,
            n_obs=found.posts,
            n_agents=found.authors,
            n_clusters=found.authors,
        )
        for j, slope in enumerate(found.slopes)
    ]
