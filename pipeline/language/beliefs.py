"""Belief embedding and relative dissonance d*, as far as a corpus of messages allows: an analogue.

What belongs here: rows of ``analysis.measure``. Lee et al. (arXiv 2408.07237, METHODS 6 row 35) embed statements "I
agree/disagree with the following: T" of Debate.org voters, take the mean of a user's beliefs as the user, and predict
the nearer of the two options of a debate; relative dissonance is d* = (d_max − d_min)/d_min of the two distances. A
corpus has no debates with two options. Here the options are the next message in which an agent states a belief, and
that of another agent of the same period; vectors are of the whole messages. The null deals the means of agents out anew
within the period, so that what all believe at a time predicts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb
import numpy as np
from scipy import stats

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, median_interval, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.inference.intervals import wilson
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import Embedding
from pipeline.language.statements import BELIEF, FAMILY, read_statements, shuffled
from pipeline.schema import Measure

MIN_AGENTS = 10
LEAST_BELIEFS = 4
"""Statements that an agent needs: three that make its mean, and the one that is chosen."""
NULL = "believers_shuffled_within_period"
ACCURACY, DISSONANCE, SLOPE = "belief_choice_accuracy", "belief_dissonance_median", "belief_accuracy_correlation"
TERCILES = ("low", "middle", "high")


@dataclass(frozen=True, slots=True)
class Choices:
    """One choice per agent.

    Attributes
    ----------
    believer
        Mean of the agent's earlier beliefs, shape (agents, d).
    chosen
        The belief that it states next, shape (agents, d).
    other
        Place of the agent whose belief is the other option, −1 where its period has no other, shape (agents,).
    stratum
        Code of the period of the choice.
    """

    believer: FloatArray
    chosen: FloatArray
    other: IntArray
    stratum: IntArray


def partners(stratum: IntArray, rng: np.random.Generator) -> IntArray:
    """Return for each agent another of its stratum, each once: a circle in random order; −1 where there is none."""
    order = np.lexsort((rng.random(stratum.size), stratum))
    code = stratum[order]
    low, high = np.searchsorted(code, code), np.searchsorted(code, code, side="right")
    following = np.where(np.arange(code.size) + 1 < high, np.arange(code.size) + 1, low)
    found = np.empty(stratum.size, dtype=np.int64)
    found[order] = np.where(high - low > 1, order[following], -1) if code.size else order
    return found


def dissonance(own: FloatArray, other: FloatArray) -> FloatArray:
    """Return d* = (d_max − d_min)/d_min of two distances, shape (n,); infinite where the nearer is 0."""
    low, high = np.minimum(own, other), np.maximum(own, other)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(low > 0, (high - low) / low, np.where(high > 0, np.inf, 0.0))


def read_choices(con: duckdb.DuckDBPyConnection, embedding: Embedding, clock: Clock, seed: int) -> Choices:
    """Return the choices of agents that have stated enough beliefs."""
    from pipeline.socialisation.vectors import read_vectors

    named = (embedding.model, embedding.rung)
    found = read_statements(con, clock, BELIEF, seed=seed, least=LEAST_BELIEFS, embedded=named)
    vectors = read_vectors(con, embedding, found.text_hash)
    is_last = np.ones(len(found.agent), dtype=np.bool_)
    is_last[:-1] = found.agent[1:] != found.agent[:-1]
    last = np.flatnonzero(is_last)
    size = len(last)
    before = ~is_last
    sums = np.zeros((size, vectors.shape[1]))
    np.add.at(sums, found.agent[before], vectors[before])
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    believer = sums / np.where(length > 0, length, 1.0)
    stratum = found.stratum[last]
    other = partners(stratum, stream(seed, "belief_partners"))
    return Choices(believer, vectors[last], other, stratum)


def distances(choices: Choices, place: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the distances of believers at these places to what was chosen and to the other option."""
    has = choices.other >= 0
    believer = choices.believer[place][has]
    own = 1 - np.einsum("ij,ij->i", believer, choices.chosen[has])
    return own, 1 - np.einsum("ij,ij->i", believer, choices.chosen[choices.other[has]])


def right(own: FloatArray, other: FloatArray) -> FloatArray:
    """Return 1 where the nearer option was chosen, 0 where the other, one half where they are as near."""
    return np.asarray(np.where(np.isclose(own, other, rtol=0, atol=1e-12), 0.5, own < other), dtype=np.float64)


def belief_measures(
    con: duckdb.DuckDBPyConnection, embedding: Embedding | None, clock: Clock, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Return how often the nearer belief is the one stated, relative dissonance, and how both go together.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``embedding`` of one corpus.
    embedding
        The vectors; None gives null rows.
    clock, sampling, words
        As in `goals.goal_measures`.

    Returns
    -------
    list of Measure
        ``belief_choice_accuracy`` over all agents and by tercile of d* (unit ``dissonance_tercile``), with Wilson
        intervals over agents; ``belief_dissonance_median``; ``belief_accuracy_correlation``: Spearman correlation of d*
        and being right.
    """
    if embedding is None:
        return _nothing(0, [*words, "model_unavailable"], sampling)
    choices = read_choices(con, embedding, clock, sampling.seed)
    plain = np.arange(len(choices.stratum))
    own, other = distances(choices, plain)
    if own.size < MIN_AGENTS:
        return _nothing(own.size, [*words, "few_agents"], sampling)
    hit, d = right(own, other), dissonance(own, other)
    rng = stream(sampling.seed, ACCURACY)
    drawn = [distances(choices, shuffled(choices.stratum, rng)) for _ in range(sampling.null_draws)]
    null_hits = np.array([right(*pair).mean() for pair in drawn])
    rows = [_accuracy(hit, sampling, words, null_hits)]
    for code, name in enumerate(TERCILES):
        part = hit[(np.argsort(np.argsort(d, kind="stable"), kind="stable") * 3) // d.size == code]
        rows.append(replace(_accuracy(part, sampling, words), unit="dissonance_tercile", unit_id=name))
    medians = np.array([np.median(dissonance(*pair)) for pair in drawn])
    rows.append(
        row(FAMILY, DISSONANCE, float(np.median(d)), d.size, "agents", level=sampling.level,
            interval=median_interval(np.sort(d), level=sampling.level),
            null=against(NULL, float(np.median(d)), medians), warnings=words)
    )  # fmt: skip
    return [*rows, _correlation(hit, d, drawn, sampling, words)]


def _accuracy(hit: FloatArray, sampling: Sampling, words: list[str], drawn: FloatArray | None = None) -> Measure:
    low, high = wilson(round(float(hit.sum())), hit.size, sampling.level)
    null = None if drawn is None else against(NULL, float(hit.mean()), drawn)
    return row(
        FAMILY, ACCURACY, float(hit.mean()) if hit.size else None, hit.size, "agents", level=sampling.level,
        interval=Interval(low, high, "wilson") if hit.size else NO_INTERVAL, null=null, warnings=words,
    )  # fmt: skip


def _spearman(first: FloatArray, second: FloatArray) -> float:
    ranks = stats.rankdata(first), stats.rankdata(second)
    if np.ptp(ranks[0]) == 0 or np.ptp(ranks[1]) == 0:
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def _correlation(
    hit: FloatArray, d: FloatArray, drawn: list[tuple[FloatArray, FloatArray]], sampling: Sampling, words: list[str]
) -> Measure:
    value = _spearman(hit, d)
    if not np.isfinite(value):
        return row(FAMILY, SLOPE, None, d.size, "agents", level=sampling.level, warnings=[*words, "no_variation"])
    null = np.array([_spearman(right(*pair), dissonance(*pair)) for pair in drawn])
    # Fisher's z with the variance of Bonett and Wright (2000) for ranks.
    z, error = np.arctanh(min(max(value, -0.999999), 0.999999)), np.sqrt((1 + value * value / 2) / (d.size - 3))
    reach = float(stats.norm.ppf(0.5 + sampling.level / 2)) * error
    interval = Interval(float(np.tanh(z - reach)), float(np.tanh(z + reach)), "fisher_z_ranks")
    return row(
        FAMILY, SLOPE, value, d.size, "agents", level=sampling.level, interval=interval,
        null=against(NULL, value, null), warnings=words,
    )  # fmt: skip


def _nothing(n: int, words: list[str], sampling: Sampling) -> list[Measure]:
    return [
        row(FAMILY, name, None, n, "agents", level=sampling.level, warnings=words)
        for name in (ACCURACY, DISSONANCE, SLOPE)
    ]
