"""Nulls of conversations are quiet where what they say is what happened, and intervals fit their outcome."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from pipeline.activity.row import Sampling
from pipeline.conversation.entrainment import _others
from pipeline.conversation.exchange import Earlier, _entropy
from pipeline.conversation.rows import Question, share_row
from pipeline.inference.result import Fit
from pipeline.language.clock import Clock
from pipeline.steps.conversation import _beside

SAMPLING = Sampling(seed=5, bootstrap_draws=50, null_draws=99)


def answering(rng: np.random.Generator, threads: int = 60) -> pl.DataFrame:
    """Draw threads in which each turn answers any earlier turn by another."""
    rows = []
    for t in range(threads):
        weights, authors = rng.dirichlet(np.ones(4)), [0]
        rows.append((t, 0, 0, None))
        for i in range(1, int(rng.integers(6, 15))):
            speaker = int(rng.choice(4, p=weights))
            others = [a for a in authors if a != speaker]
            rows.append((t, speaker, i, int(rng.choice(others)) if others else None))
            authors.append(speaker)
    schema = {"thread": pl.Int64, "author": pl.Int64, "moment": pl.Int64, "partner": pl.Int64}
    return pl.DataFrame(rows, orient="row", schema=schema)


def test_addressees_by_chance_stand_at_their_null() -> None:
    """Of 24 worlds the mean of z has a standard error of 0.2; 0.8 is four of them."""
    z = []
    for seed in range(24):
        found = _entropy(answering(np.random.default_rng(seed)), SAMPLING, ())[0]
        z.append((found.value - found.null_mean) / found.null_sd)
    assert abs(np.mean(z)) < 0.8


def test_earlier_turns_by_others_are_drawn_alike() -> None:
    thread, author = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1]), np.array([3, 3, 1, 2, 3, 1, 2, 1, 2])
    place = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3])
    earlier = Earlier.of(thread, author, place)
    assert earlier.others.tolist() == [0, 0, 2, 3, 2, 0, 1, 1, 2]
    rng = np.random.default_rng(1)
    rows = np.flatnonzero(earlier.others)
    drawn = np.stack([earlier.drawn(rows, rng) for _ in range(3000)])
    for column, row in zip(drawn.T, rows, strict=True):
        first = row - place[row]
        open_to = [i for i in range(first, row) if author[i] != author[row]]
        assert sorted(set(column.tolist())) == open_to
        assert np.bincount(column)[open_to] == pytest.approx(3000 / len(open_to), abs=4 * np.sqrt(3000 / 4))


def exchangeable(rng: np.random.Generator) -> tuple[pl.DataFrame, sparse.csr_matrix, sparse.csr_matrix]:
    """Draw 200 threads of one dyad and 200 of six; the texts of a thread are alike, those of the former more so."""
    rows, said, answered = [], [], []
    for t in range(400):
        for d in range(1 if t < 200 else 6):
            texts = [rng.choice(12 if t < 200 else 60, 5, replace=False) for _ in range(4)]
            for i in range(1, 4):
                rows.append((t, 2 * d + i % 2, 2 * d + 1 - i % 2))
                said.append(texts[i])
                answered.append(texts[i - 1])
    place = np.repeat(np.arange(len(rows)), 5)
    has = [sparse.csr_matrix((np.ones(place.size), (place, np.concatenate(x))), shape=(len(rows), 60))
           for x in (said, answered)]  # fmt: skip
    return pl.DataFrame(rows, orient="row", schema=["thread", "author", "partner"]), *has


def test_words_shared_by_chance_stand_at_their_null() -> None:
    """Of 12 worlds the mean of z has a standard error of 0.29; 1.2 is four of them."""
    z = []
    for seed in range(12):
        pairs, said, answered = exchangeable(np.random.default_rng(seed))
        null = _others(pairs, said, answered, SAMPLING)
        shared = np.asarray(said.multiply(answered).sum(axis=1)).mean() / 5
        z.append((shared - null.mean) / null.sd)
    assert abs(np.mean(z)) < 1.2


def test_a_mean_of_equal_values_has_the_interval_of_its_kind() -> None:
    cluster, zero, one = np.arange(40), np.zeros(40, dtype=np.int64), np.ones(40, dtype=np.int64)
    none = share_row("sanction_reply_share", zero, cluster, "replies", SAMPLING)
    assert (none.ci_low, none.ci_high) == (0.0, pytest.approx(-np.log(0.05) / 40))
    every = share_row("sanction_reply_share", one, cluster, "replies", SAMPLING)
    assert (every.ci_low, every.ci_high) == (pytest.approx(40 / (40 + 1.959964**2)), 1.0)
    for value in (zero, one):
        signed = share_row("returned_stance", value, cluster, "exchanges", SAMPLING, is_share=False)
        assert (signed.ci_low, signed.ci_high, signed.warnings) == (None, None, "no_variation")


def test_a_placebo_that_fails_is_told_by_the_contrasts_it_is_of() -> None:
    question = Question("support_lifts_valence", "", "y", "x", "s", "c")

    def row(role: str, variant: str, p_value: float, **more: str):
        fit = Fit(n_obs=50, estimate=1.0, std_error=1.0, p_value=p_value)
        return question.estimate(role, "within_strata", fit, SAMPLING, Clock(None), variant=variant, **more)

    rows = [
        row("primary", "", 0.5), row("placebo", "", 0.5), row("robustness", "in_the_thread", 0.5),
        row("placebo", "in_the_thread", 0.5), row("robustness", "bare", 0.5),
        row("placebo", "message_before", 0.01, placebo="the message before the post"),
    ]  # fmt: skip

    def failed(found) -> list[str]:
        return [e.spec_id for e in _beside(found, 0.95) if "placebo_failed" in (e.warnings or "")]

    def name(variant: str, role: str) -> str:
        return "_".join(part for part in ("support_lifts_valence_within_strata", variant, role) if part)

    assert failed(rows) == [name("", "primary"), name("bare", "robustness")]
    rows[-1] = row("placebo", "message_before", 0.5, placebo="the message before the post")
    assert failed(rows) == []
    rows[3] = row("placebo", "in_the_thread", 0.01)
    assert failed(rows) == [name("in_the_thread", "robustness")]
    assert rows[-1].sampling == "the message before the post"
    assert rows[1].sampling == "labels dealt anew within strata once, seed 5"
