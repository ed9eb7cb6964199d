"""Newcomers and the entropy of templates: rows of ``analysis.measure``.

What belongs here: what is read once of a corpus, and the rows by period and community. The statistics are in
`newcomers` and `template_entropy`, tests in `norm_trend_estimates`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import duckdb
import numpy as np

from pipeline.activity.resampling import Null, jackknife_interval, stream
from pipeline.activity.row import Sampling
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import find_embedding, has_communities
from pipeline.language.covered import WORD, corpus_coverage
from pipeline.language.newcomers import (
    MEASURE,
    TenureCell,
    period_nulls,
    tenure_cells,
)
from pipeline.language.similarity import Floats, mean_interval
from pipeline.language.slopes import MIN_COMMUNITIES
from pipeline.language.template_entropy import (
    Counts,
    cell_entropy,
    corpus_entropy,
    dealt_homes,
    template_counts,
)
from pipeline.language.template_shares import FAMILY
from pipeline.schema import Measure, join_warnings

ENTROPY, CORPUS_ENTROPY = "template_entropy", "template_entropy_corpus"
ENTROPY_NULL = "dealt_authors"
ROUNDING = 1e-9  # of a share: below it values differ by what sums of logarithms leave
GROUPS = 20
"""Groups of authors, by hash, that the jackknife of the whole corpus leaves out one at a time."""


class Trends:
    """Newcomers and templates of one corpus, read once.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text``, ``template`` and ``embedding`` of one corpus.
    clock
        The period of the corpus.
    sampling
        Seed, draws and level.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling) -> None:
        self.con, self.clock, self.sampling = con, clock, sampling
        self.named, self.covered = has_communities(con), corpus_coverage(con)
        self.embedding = find_embedding(con, "static")

    @property
    def newcomer_refusal(self) -> list[str]:
        """Why there is nothing to tell of newcomers; empty where there is."""
        if self.clock.period is None:
            return [self.clock.refusal or ""]
        if self.embedding is None:
            return ["model_unavailable"]
        if self.covered.is_refused:
            return [WORD]
        return [] if self.named else ["no_communities"]

    @cached_property
    def cells(self) -> list[TenureCell]:
        """Cells with newcomers and incumbents."""
        if self.newcomer_refusal or self.embedding is None:
            return []
        return tenure_cells(self.con, self.embedding, self.clock, self.sampling.seed)

    @cached_property
    def counts(self) -> Counts | None:
        """Posts by author, period and template; None without periods or posts."""
        if self.clock.period is None:
            return None
        counts = template_counts(self.con, self.clock, has_communities=self.named)
        return counts if counts.posts.size else None

    @cached_property
    def entropy(self) -> Floats:
        """Entropy of each community and period."""
        return np.zeros((0, 0)) if self.counts is None else cell_entropy(self.counts, self.counts.home)

    @cached_property
    def dealt(self) -> Floats:
        """Entropies where authors are dealt out anew, shape (draws, communities, periods)."""
        if self.counts is None:
            return np.zeros((0, 0, 0))
        rng = stream(self.sampling.seed, ENTROPY)
        draws = [cell_entropy(self.counts, dealt_homes(self.counts, rng)) for _ in range(self.sampling.null_draws)]
        return np.array(draws)

    def corpus_draws(self) -> tuple[Floats, Floats]:
        """Return the entropy of the whole corpus by period, and without each group of authors (groups, periods)."""
        if self.counts is None:
            return np.zeros(0), np.zeros((GROUPS, 0))
        marks = (hashlib.sha256(f"{self.sampling.seed}:{name}".encode()).digest() for name in self.counts.names)
        group = np.array([int.from_bytes(mark[:4], "big") % GROUPS for mark in marks], dtype=np.int64)
        left_out = [corpus_entropy(self.counts, group != one) for one in range(GROUPS)]
        return corpus_entropy(self.counts), np.array(left_out)


# Measures


def trend_measures(trends: Trends) -> list[Measure]:
    """Return the gap of newcomers by period, and the entropy of templates by period and community, each with its null.

    Returns
    -------
    list of Measure
        ``newcomer_gap`` by period: N − I, mean over communities with a t-interval, null: who is new is dealt out anew
        among the authors of each cell. ``template_entropy`` by period (mean over communities) and by community (mean
        over its periods), null: authors are dealt out anew among communities. ``template_entropy_corpus`` by period
        with a jackknife interval over groups of authors. What cannot be computed is one null row by measure.
    """
    return [*_newcomers(trends), *_entropies(trends)]


def _newcomers(trends: Trends) -> Iterator[Measure]:
    short = ["short_tenure"] if trends.clock.is_tenure_short else []
    if not trends.cells:
        yield _none(MEASURE, trends, [*short, *(trends.newcomer_refusal or ["few_posts"])])
        return
    for start, values, null in period_nulls(trends.cells, trends.sampling.null_draws, trends.sampling.seed):
        words = [*short, *trends.covered.words, "composition_sensitive"]
        yield _mean(MEASURE, trends, values, null, words, period_start=start)


def _entropies(trends: Trends) -> Iterator[Measure]:
    if trends.counts is None:
        word = trends.clock.refusal or "few_posts"
        yield from (_none(name, trends, [word]) for name in (ENTROPY, CORPUS_ENTROPY))
        return
    if not trends.named:
        yield _none(ENTROPY, trends, ["no_communities"])
    elif not np.isfinite(trends.entropy).any():
        yield _none(ENTROPY, trends, ["few_posts"])
    else:
        yield from _community_entropies(trends, trends.counts)
    yield from _corpus_entropies(trends, trends.counts)


def _community_entropies(trends: Trends, counts: Counts) -> Iterator[Measure]:
    found, dealt = trends.entropy, trends.dealt
    for at, start in enumerate(counts.periods):
        values = found[np.isfinite(found[:, at]), at]
        if values.size:
            drawn = finite_means(dealt[:, :, at])
            words = ["composition_sensitive", *(["no_variation"] if is_constant(drawn) else [])]
            yield _mean(ENTROPY, trends, values, null_of(float(values.mean()), drawn), words, period_start=start)
    for code, community in enumerate(counts.communities["community_id"]):
        values = found[code, np.isfinite(found[code])]
        if values.size and counts.communities["run_id"].n_unique() == 1:
            drawn = finite_means(dealt[:, code, :])
            null = null_of(float(values.mean()), drawn)
            # Without variation no two posts share a template; otherwise, dealt out anew, hardly a draw leaves the
            # community enough posts.
            few = [] if null else ["no_variation" if is_constant(drawn) else "few_posts"]
            row = _mean(ENTROPY, trends, values, null, ["composition_sensitive", *few])
            yield replace(
                row, unit="community", unit_id=str(community), n_unit="periods", period=None, ci_low=None,
                ci_high=None, ci_level=None, ci_method=None, warnings=_without(row.warnings, "few_clusters"),
            )  # fmt: skip


def _corpus_entropies(trends: Trends, counts: Counts) -> Iterator[Measure]:
    values, left_out = trends.corpus_draws()
    posts = np.bincount(counts.period, weights=counts.posts, minlength=len(counts.periods)).astype(np.int64)
    usable = np.flatnonzero(np.isfinite(values))
    if not usable.size:
        yield _none(CORPUS_ENTROPY, trends, ["few_posts"])
    for at in usable:
        interval = jackknife_interval(
            float(values[at]), left_out[:, at], level=trends.sampling.level, method="jackknife_authors", bounds=(0, 1)
        )
        has = interval.low is not None and interval.low != interval.high
        yield Measure(
            family=FAMILY, measure_id=CORPUS_ENTROPY, value=float(values[at]), n=int(posts[at]), n_unit="posts",
            period=trends.clock.name, period_start=counts.periods[int(at)],
            ci_low=interval.low if has else None, ci_high=interval.high if has else None,
            ci_level=trends.sampling.level if has else None, ci_method=interval.method if has else None,
            warnings=join_warnings(["composition_sensitive", *([] if has else ["no_variation"])]),
        )  # fmt: skip


def _without(words: str | None, word: str) -> str | None:
    return join_warnings(one for one in (words or "").split(",") if one != word)


def finite_means(values: Floats) -> Floats:
    """Mean over the last axis of what is finite; not-a-number where nothing is."""
    count = np.isfinite(values).sum(axis=-1)
    total = np.where(np.isfinite(values), values, 0.0).sum(axis=-1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan), dtype=np.float64)


def is_constant(drawn: Floats) -> bool:
    """Tell whether draws have one value but for what rounding leaves: then they tell nothing of any other."""
    finite = drawn[np.isfinite(drawn)]
    return finite.size >= 2 and float(np.ptp(finite)) <= ROUNDING


def null_of(value: float, drawn: Floats) -> Null | None:
    """Two-sided: twice the smaller tail, since entropies lie against their upper end and are skewed."""
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size < 2 or is_constant(drawn):
        return None
    above, below = (1 + int((drawn >= value - 1e-12).sum())), (1 + int((drawn <= value + 1e-12).sum()))
    p_value = min(1.0, 2 * min(above, below) / (drawn.size + 1))
    return Null(f"{ENTROPY_NULL}({drawn.size})", float(drawn.mean()), float(drawn.std(ddof=1)), p_value)


def _mean(name: str, trends: Trends, values: Floats, null: Null | None, words: list[str], **columns: Any) -> Measure:
    level = trends.sampling.level
    is_share = name == ENTROPY
    interval = mean_interval(values, level) if values.size >= MIN_COMMUNITIES and np.ptp(values) > ROUNDING else None
    if interval and is_share:
        interval = max(0.0, interval[0]), min(1.0, interval[1])
    few = ["few_clusters"] if values.size < MIN_COMMUNITIES else []
    value = min(float(values.mean()), 1.0) if is_share else float(values.mean())
    return Measure(
        family=FAMILY, measure_id=name, value=value, n=int(values.size), n_unit="communities",
        period=trends.clock.name, ci_low=interval[0] if interval else None, ci_high=interval[1] if interval else None,
        ci_level=level if interval else None, ci_method="t_communities" if interval else None,
        null_model=null.model if null else None, null_mean=null.mean if null else None,
        null_sd=null.sd if null else None, p_value=null.p_value if null else None,
        warnings=join_warnings([*words, *few]), **columns,
    )  # fmt: skip


def _none(name: str, trends: Trends, words: list[str]) -> Measure:
    unit = "posts" if name == CORPUS_ENTROPY else "communities"
    return Measure(
        family=FAMILY, measure_id=name, value=None, n=0, n_unit=unit, period=trends.clock.name,
        warnings=join_warnings(words),
    )  # fmt: skip
