"""The value of each specification of socialisation and the draws of its null.

What belongs here: reading what a specification chooses, its statistic, its dealings. Rows are made in `grid_estimates`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, stream
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import Embedding
from pipeline.socialisation.cohorts import TOKENS, accumulated, read_cohorts, trend_weights
from pipeline.socialisation.correction import (
    MIN_AUTHORS,
    Events,
    Stratified,
    dealt,
    matched_difference,
    matched_interval,
    read_events,
    stratified,
    uptake,
)
from pipeline.socialisation.diversity import t_interval
from pipeline.socialisation.grid import AGENTS, COHORTS, CORRECTIONS, PHRASES, VOTES, SocialSpecification
from pipeline.socialisation.inertia import (
    EXTREME,
    LEAST_POSTS,
    MIN_AGENTS,
    WINDOW,
    Reading,
    Sequences,
    agent_means,
    best_less_worst,
    consecutive,
    consecutive_dealt,
    dealings,
    read_messages,
    sequences_of,
    windows,
)
from pipeline.socialisation.periods import PeriodTexts, read_period_texts
from pipeline.socialisation.turnover import LEAST, LONGEST, count_ngrams, shares
from pipeline.socialisation.vectors import LISTED, VectorStore, cosines

BoolArray = NDArray[np.bool_]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """A value with its interval and the draws of its null; `word` says why there is none."""

    value: float
    draws: FloatArray
    n_obs: int
    n_agents: int
    interval: Interval = NO_INTERVAL
    word: str = ""


def nothing(word: str) -> Found:
    """Return what stands where there is no value."""
    return Found(float("nan"), np.zeros(0), 0, 0, word=word)


@dataclass(frozen=True)
class Corpus:
    """What specifications share: connection, clock, vectors, seed and level; and which specifications there are."""

    con: duckdb.DuckDBPyConnection
    clock: Clock
    embedding: Embedding | None
    seed: int
    level: float
    specifications: tuple[SocialSpecification, ...] = ()

    @cached_property
    def _kept(self) -> dict[tuple[object, ...], Any]:
        return {}

    @cached_property
    def vectors(self) -> VectorStore:
        """The vectors that specifications of a hypothesis share; there must be an embedding."""
        assert self.embedding is not None  # noqa: S101 - narrows the type for mypy
        return VectorStore(self.con, self.embedding)

    def once(self, key: tuple[object, ...], read: Callable[[], T]) -> T:
        """Read what several specifications of a hypothesis share; the first part of `key` is the hypothesis.

        What another hypothesis read is let go: vectors take memory.
        """
        if any(kept[0] != key[0] for kept in self._kept):
            self._kept.clear()
            if self.embedding is not None:
                self.vectors.clear()
        if key not in self._kept:
            self._kept[key] = read()
        found: T = self._kept[key]
        return found


def value_of(spec: SocialSpecification, corpus: Corpus, draws: int, rng: np.random.Generator) -> Found:
    """Return the value of a specification and the draws of its null."""
    if corpus.clock.period is None:
        return nothing(str(corpus.clock.refusal))
    if spec.hypothesis not in (PHRASES, COHORTS) and corpus.embedding is None:
        return nothing("model_unavailable")
    return _VALUES[spec.hypothesis](spec, corpus, draws, rng)


def _phrases(spec: SocialSpecification, corpus: Corpus, draws: int, rng: np.random.Generator) -> Found:
    con, only, longest = corpus.con, spec.only, spec.longest or LONGEST
    texts = corpus.once((PHRASES, only), lambda: read_period_texts(con, corpus.clock, corpus.seed, only=only))
    if texts is None:
        return nothing("few_periods")
    counts = corpus.once((PHRASES, only, longest), lambda: count_ngrams(con, texts, longest))
    periods = len(texts.starts)
    least = spec.least or LEAST
    deal = PeriodTexts.shuffled_within_agents if spec.null == "within_agents" else PeriodTexts.shuffled
    place, inner = (0, slice(1, None)) if spec.outcome == "born" else (1, slice(None, -1))

    def share(period: IntArray) -> float:
        return float(shares(counts, period, periods, least)[place, inner].mean())

    own = deal(texts, rng) if spec.is_dealt else texts.period
    null = np.array([share(deal(texts, rng)) for _ in range(draws)])
    return Found(share(own), null, len(texts.agent), len(np.unique(texts.agent)))


def _sequences(spec: SocialSpecification, corpus: Corpus, *, is_voted: bool) -> Sequences:
    corpus.once((spec.hypothesis, "vectors"), lambda: _read_ahead(spec.hypothesis, corpus))
    reading = _reading(spec)
    return corpus.once(
        (spec.hypothesis, reading), lambda: sequences_of(_messages(spec, corpus, is_voted=is_voted), corpus.vectors)
    )


def _reading(spec: SocialSpecification) -> Reading:
    return Reading(
        most=spec.most or None, least=spec.least or None, kind=spec.kind, has_repeats=spec.copies == "kept",
        in_community=spec.stratum == "community", only=spec.only, having=LISTED,
    )  # fmt: skip


def _messages(spec: SocialSpecification, corpus: Corpus, *, is_voted: bool) -> pl.DataFrame:
    embedding, reading = corpus.embedding, _reading(spec)
    assert embedding is not None  # noqa: S101 - narrows the type for mypy
    return corpus.once(
        (spec.hypothesis, reading, "messages"),
        lambda: read_messages(corpus.con, embedding, corpus.clock, corpus.seed, is_voted=is_voted, reading=reading),
    )


def _read_ahead(hypothesis: str, corpus: Corpus) -> None:
    """Read the vectors of all specifications of a hypothesis at once."""
    hashes = [pl.Series("text_hash", [], dtype=pl.String)]
    for spec in corpus.specifications:
        if spec.hypothesis != hypothesis:
            continue
        if hypothesis == CORRECTIONS:
            hashes += _three(_first_replies(_events_of(spec), corpus))
        else:
            hashes.append(_messages(spec, corpus, is_voted=hypothesis == VOTES)["text_hash"])
    corpus.vectors.read(pl.concat(hashes))


def _agents(spec: SocialSpecification, corpus: Corpus, draws: int, rng: np.random.Generator) -> Found:
    found = _sequences(spec, corpus, is_voted=False)
    vectors = found.vectors
    if spec.is_dealt and len(vectors):
        vectors = vectors[next(iter(dealings(found, 1, rng)))]
    values = consecutive(found, vectors) if len(vectors) > 1 else np.zeros(0)
    if len(values) < MIN_AGENTS:
        return nothing("few_agents")
    short = found.vectors.astype(np.float32)  # half the memory to move; seven digits of a mean are enough
    null = np.array([float(consecutive_dealt(found, short, place).mean()) for place in dealings(found, draws, rng)])
    interval = t_interval(values, corpus.level, "t_agents")
    return Found(float(values.mean()), null, len(found.agent), len(values), interval)


def _votes(spec: SocialSpecification, corpus: Corpus, draws: int, rng: np.random.Generator) -> Found:
    found = _sequences(spec, corpus, is_voted=True)
    if not len(found.agent):
        return nothing("few_posts")
    part = windows(found, spec.window or WINDOW, spec.least or LEAST_POSTS, is_raw=spec.is_raw)
    # Ties are broken as those of the measure, so that the primary row has its value.
    votes = found.votes + stream(corpus.seed, "feedback_adaptation").random(len(found.votes))
    extreme = spec.extreme or EXTREME
    if spec.by_hash:  # as many votes of each size as there are, at posts that chance picks
        votes = rng.permutation(votes)
    if spec.is_dealt:
        votes = votes[np.argsort(found.agent + rng.random(len(votes)))]
    difference, who = best_less_worst(part, votes, extreme)
    values = agent_means(who, difference) if len(who) else np.zeros(0)
    if len(values) < MIN_AGENTS:
        return nothing("few_agents")
    null = []
    for _ in range(draws):
        drawn, of = best_less_worst(part, votes[np.argsort(found.agent + rng.random(len(votes)))], extreme)
        null.append(float(agent_means(of, drawn).mean()) if len(of) else float("nan"))
    interval = t_interval(values, corpus.level, "t_agents")
    return Found(float(values.mean()), np.array(null), len(difference), len(values), interval)


@dataclass(frozen=True, slots=True)
class _Events:
    """First replies: label, stratum, whether the author returns, and for those who do the cosines with the reply."""

    label: IntArray
    stratum: IntArray
    returns: BoolArray
    after: FloatArray
    before: FloatArray


def _events_of(spec: SocialSpecification) -> Events:
    return Events(
        treated="hash" if spec.by_hash else "enforce", stratum=spec.stratum or "community", place=spec.place,
        is_before=spec.is_before, only=spec.only, having=LISTED,
    )  # fmt: skip


def _first_replies(chosen: Events, corpus: Corpus) -> pl.DataFrame:
    embedding = corpus.embedding
    assert embedding is not None  # noqa: S101 - narrows the type for mypy
    return corpus.once(
        (CORRECTIONS, chosen, "replies"),
        lambda: read_events(corpus.con, embedding, corpus.clock, corpus.seed, chosen),
    )


def _three(events: pl.DataFrame) -> list[pl.Series]:
    """Return the texts of those who write again: answered, reply and next."""
    there = events.filter(pl.col("next").is_not_null())
    return [there[name].rename("text_hash") for name in ("answered", "reply", "next")]


def _read_events(corpus: Corpus, chosen: Events) -> _Events:
    events = _first_replies(chosen, corpus)
    texts = _three(events)
    vectors = corpus.vectors(pl.concat(texts))
    answered, reply, later = np.split(vectors, 3) if len(texts[0]) else (np.zeros((0, 1)),) * 3
    return _Events(
        events["is_corrected"].to_numpy().astype(np.int64), events["stratum"].rle_id().to_numpy().astype(np.int64),
        events["next"].is_not_null().to_numpy(), cosines(later, reply), cosines(answered, reply),
    )  # fmt: skip


def _corrections(spec: SocialSpecification, corpus: Corpus, draws: int, rng: np.random.Generator) -> Found:
    corpus.once((CORRECTIONS, "vectors"), lambda: _read_ahead(CORRECTIONS, corpus))
    chosen = _events_of(spec)
    events = corpus.once((CORRECTIONS, chosen), lambda: _read_events(corpus, chosen))
    if not events.label.any():
        return nothing("few_replies")
    label, stratum = events.label[events.returns], events.stratum[events.returns]
    if spec.outcome == "returns":
        found = stratified(events.returns.astype(np.float64), events.label, events.stratum)
    elif spec.is_raw:
        found = stratified(events.after, label, stratum)
    else:
        found = uptake(events.after, events.before, label, stratum)
    treated = int(found.is_treated.sum())
    if treated < MIN_AUTHORS:
        return nothing("few_replies")
    own = dealt(found, rng) if spec.is_dealt else found.is_treated
    analysed = Stratified(found.value, own, found.stratum)
    null = np.array([matched_difference(found, dealt(found, rng)) for _ in range(draws)])
    interval = matched_interval(analysed, corpus.level)
    return Found(matched_difference(analysed, own), null, len(found.value), treated, interval)


def _cohorts(spec: SocialSpecification, corpus: Corpus, draws: int, rng: np.random.Generator) -> Found:
    tokens = spec.tokens or TOKENS
    found = corpus.once(
        (COHORTS, tokens, spec.only),
        lambda: read_cohorts(corpus.con, corpus.clock, corpus.seed, n_tokens=tokens, only=spec.only),
    )
    if found is None:
        return nothing("few_agents")
    n = len(found.starts)
    member = np.repeat(np.arange(n), found.size)

    def statistic(cohort: IntArray) -> float:
        types, new = accumulated(found.token, cohort[found.agent], n)
        return float(types @ trend_weights(n)) if spec.outcome == "types" else float(new[1:].mean())

    own = rng.permutation(member) if spec.is_dealt else member
    null = np.array([statistic(rng.permutation(member)) for _ in range(draws)])
    return Found(statistic(own), null, len(member), len(member))


_VALUES = {PHRASES: _phrases, AGENTS: _agents, VOTES: _votes, CORRECTIONS: _corrections, COHORTS: _cohorts}
