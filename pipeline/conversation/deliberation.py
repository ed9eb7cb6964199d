"""Do slow replies deliberate? Latency against length and words of reasoning (METHODS 6 row 17, analogue).

What belongs here: a proxy of two kinds of processing, nothing of training. The latency of a reply is its time less that
of the message it answers; agents that wake by a timer answer late whatever they think, so the correlation is within
authors: values are ranked within each author. Its null deals latencies anew among the replies of a thread.
"""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.activity.gaps import Gaps
from pipeline.activity.resampling import NO_INTERVAL, FloatArray, Interval, cluster_bootstrap, stream
from pipeline.activity.row import Sampling, row
from pipeline.conversation.rows import ints
from pipeline.conversation.turns import FAMILY, REPLY, TURN, Turns
from pipeline.conversation.within import dealer
from pipeline.coordination.nulls import affordable, against
from pipeline.inference.result import Ints
from pipeline.schema import Measure

NAMES = ("latency_length_correlation", "latency_deliberation_correlation", "latency_deliberation_partial")
LEAST_REPLIES = 5
"""Replies that an author needs to be ranked within."""
LEAST_AUTHORS = 20
MOST_REPLIES = 200_000
"""Replies of all authors together; whole authors are chosen by hash."""

_LATENCY = f"""
WITH reply AS (
    SELECT id, author, thread, answered_us, exact_us, n_tokens, deliberation
    FROM {REPLY} WHERE exact_us >= answered_us AND n_tokens > 0
),
name AS (SELECT author, MIN(agent_id) AS agent_id FROM {TURN} GROUP BY author),
size AS (SELECT author, count(*) AS n FROM reply GROUP BY author HAVING count(*) >= $least),
ranked AS (
    SELECT s.author, s.n,
           SUM(s.n) OVER (ORDER BY sha256($salt || a.agent_id), s.author ROWS UNBOUNDED PRECEDING) AS reached
    FROM size AS s JOIN name AS a ON a.author = s.author
)
SELECT r.author, r.thread, r.answered_us, r.exact_us, r.exact_us - r.answered_us AS latency, r.n_tokens, r.deliberation
FROM reply AS r JOIN ranked AS k ON k.author = r.author AND (k.reached <= $most OR k.reached = k.n)
ORDER BY r.author, r.id
"""


def deliberation_rows(con: duckdb.DuckDBPyConnection, turns: Turns, gaps: Gaps, sampling: Sampling) -> list[Measure]:
    """Correlate the latency of replies with their length and their deliberation.

    Parameters
    ----------
    con
        Connection with the tables of `make_turns` of one corpus.
    turns
        What there is.
    gaps
        Interruptions of the collection of comments; a latency that spans one is left out.
    sampling
        Seed, draws and level.

    Returns
    -------
    list of Measure
        Rank correlations within authors of latency with tokens, of latency with deliberation expressions per token, and
        the latter with the rank of length held constant; authors drawn with replacement.
    """
    query = {"least": LEAST_REPLIES, "salt": f"{sampling.seed}:latency:", "most": MOST_REPLIES}
    frame = con.sql(_LATENCY, params=query).pl()
    frame = frame.filter(
        ~pl.Series(gaps.spanned(ints(frame, "answered_us"), ints(frame, "exact_us")), dtype=pl.Boolean)
    )
    authors = int(frame["author"].n_unique())
    if turns.refusal_of_latency or authors < LEAST_AUTHORS:
        words = turns.words_of_latency if turns.refusal_of_latency else (*turns.words_of_latency, "few_replies")
        return [
            row(FAMILY, name, None, frame.height, "replies", level=sampling.level, warnings=words) for name in NAMES
        ]
    author, thread, latency = (ints(frame, name) for name in ("author", "thread", "latency"))
    author, latency = (np.unique(codes, return_inverse=True)[1].astype(np.int64) for codes in (author, latency))
    length = within_ranks(ints(frame, "n_tokens"), author)
    thought = within_ranks(ints(frame, "deliberation") / ints(frame, "n_tokens"), author)
    observed = correlations(moments(within_ranks(latency, author), length, thought))
    rng, deal = stream(sampling.seed, f"{FAMILY}/latency"), dealer(thread)
    draws = np.stack([
        correlations(moments(within_ranks(deal(latency, rng), author), length, thought))
        for _ in range(affordable(sampling.null_draws, 20 * frame.height))
    ])  # fmt: skip
    products = _products(within_ranks(latency, author), length, thought)
    totals = np.column_stack([np.bincount(author, weights=product) for product in products]).astype(np.float64)
    return [
        row(
            FAMILY, name, float(observed[i]), frame.height, "replies", level=sampling.level,
            interval=_interval(totals, i, sampling), null=against("latencies_dealt_in_threads", float(observed[i]),
            draws[:, i]), warnings=[*turns.words_of_latency, *([] if np.isfinite(observed[i]) else ["no_variation"])],
        )
        for i, name in enumerate(NAMES)
    ]  # fmt: skip


def within_ranks(values: Ints | FloatArray, author: Ints) -> FloatArray:
    """Return mean ranks within authors (codes from 0), less their mean, over the author's number of replies, (n,)."""
    order, is_first = _ordered(values, author)
    a = author[order]
    tie = np.cumsum(is_first) - 1
    place = np.bincount(tie, weights=np.arange(a.size)) / np.bincount(tie)
    n = np.bincount(a)
    middle = np.cumsum(n) - n + (n - 1) / 2
    out = np.empty(a.size)
    out[order] = (place[tie] - middle[a]) / n[a]
    return out


def _ordered(values: Ints | FloatArray, author: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the places of the values in their order within authors, and whether each differs from the one before."""
    bits, span = int(values.size).bit_length(), int(values.max(initial=0)) + 1
    is_short = (int(author.max(initial=0)) + 1) * span < 1 << (62 - bits)
    if np.issubdtype(values.dtype, np.integer) and is_short and values.min(initial=0) >= 0:
        packed = np.sort(((author * span + values).astype(np.int64) << bits) | np.arange(values.size))
        keys = packed >> bits
        return packed & ((1 << bits) - 1), np.r_[True, keys[1:] != keys[:-1]]
    order = np.lexsort((values, author))
    v, a = values[order], author[order]
    return order, np.r_[True, (v[1:] != v[:-1]) | (a[1:] != a[:-1])]


def _products(latency: FloatArray, length: FloatArray, thought: FloatArray) -> tuple[FloatArray, ...]:
    return (
        latency * length, latency * thought, length * thought, latency * latency, length * length, thought * thought,
    )  # fmt: skip


def moments(latency: FloatArray, length: FloatArray, thought: FloatArray) -> FloatArray:
    """Return the sums of products of centred ranks, shape (1, 6)."""
    return np.array([[product.sum() for product in _products(latency, length, thought)]])


def correlations(sums: FloatArray) -> FloatArray:
    """Return the three correlations from sums of products; shape (3,) for one row of sums, (draws, 3) for many."""
    xl, xt, lt, xx, ll, tt = np.asarray(sums, dtype=np.float64).T
    with np.errstate(invalid="ignore", divide="ignore"):
        by_length, by_thought, between = xl / np.sqrt(xx * ll), xt / np.sqrt(xx * tt), lt / np.sqrt(ll * tt)
        partial = (by_thought - by_length * between) / np.sqrt((1 - by_length**2) * (1 - between**2))
    out = np.stack([by_length, by_thought, partial], axis=-1)
    return out[0] if len(out) == 1 else out


def _interval(totals: FloatArray, which: int, sampling: Sampling) -> Interval:
    def statistic(sums: FloatArray) -> FloatArray:
        return np.asarray(correlations(sums).reshape(-1, len(NAMES))[:, which], dtype=np.float64)

    if not totals[:, 3].any():
        return NO_INTERVAL
    return cluster_bootstrap(
        totals, statistic, draws=sampling.bootstrap_draws,
        rng=stream(sampling.seed, f"{FAMILY}/{NAMES[which]}"), level=sampling.level, method="cluster_bootstrap_agents",
    )  # fmt: skip
