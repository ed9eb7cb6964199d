"""Who is addressed, who holds the floor, and whether stances are returned (METHODS 6 rows 14, 16 and 36, analogues).

What belongs here: threads of three speakers or more, and the exchanges of two agents in their order. Addressee entropy
and the shares of the floor are multi-party measures named by the survey of row 14; the slope of returned stances over
the exchanges of a dyad stands for the adaptation within a dyad of row 36, which is about games.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import stream
from pipeline.activity.row import Sampling
from pipeline.conversation.rows import Contrast, Question, codes, ints, share_row
from pipeline.conversation.turns import REPLY, TURN, Turns
from pipeline.conversation.within import informative
from pipeline.coordination.nulls import affordable, against
from pipeline.inference.result import Floats, Ints
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, Measure

LEAST_TURNS, LEAST_SPEAKERS = 5, 3
"""Turns and speakers of a thread that counts as multi-party."""
MOST_THREADS = 20_000
"""Threads, chosen by hash."""
LAST_EXCHANGE = 10
"""Exchanges from here on count as this one."""

_FLOOR = f"""
WITH thread AS (
    SELECT thread, MIN(message_id) AS name FROM {TURN} GROUP BY thread
    HAVING count(*) >= $turns AND count(DISTINCT author) >= $speakers
),
chosen AS (SELECT thread FROM thread ORDER BY sha256($salt || name), thread LIMIT $most)
SELECT t.id, t.thread, t.author, t.moment, r.partner
FROM {TURN} AS t JOIN chosen AS c ON c.thread = t.thread LEFT JOIN {REPLY} AS r ON r.id = t.id
ORDER BY t.thread, t.moment NULLS FIRST, t.id
"""
_EXCHANGES = f"""
SELECT LEAST(b.author, b.partner) AS one, GREATEST(b.author, b.partner) AS other, a.stance * b.stance AS returned,
       LEAST(ROW_NUMBER() OVER (
           PARTITION BY LEAST(b.author, b.partner), GREATEST(b.author, b.partner) ORDER BY b.moment, b.id
       ), {LAST_EXCHANGE}) - 1 AS place
FROM {REPLY} AS b JOIN {REPLY} AS a ON a.id = b.parent AND a.partner = b.author
WHERE b.moment IS NOT NULL ORDER BY b.id
"""
SLOPE = Question(
    "stances_returned_more", "change of returned stance (1 when an answer takes the side that what it answers took, −1 "
    "the other, 0 when either takes none) per exchange of a dyad", "returned stance", "exchange", "dyad", "dyad",
)  # fmt: skip


def exchange_rows(
    con: duckdb.DuckDBPyConnection, turns: Turns, clock: Clock, sampling: Sampling, n_draws: int
) -> tuple[list[Measure], list[Estimate]]:
    """Compute addressee entropy, the Gini coefficient of floor shares, and the slope of returned stances.

    Parameters
    ----------
    con
        Connection with the tables of `make_turns` of one corpus.
    turns, clock
        What there is, and the window of the corpus.
    sampling
        Seed, draws and level.
    n_draws
        Dealings of the permutation of the slope.

    Returns
    -------
    tuple of list
        Measures ``addressee_entropy``, ``floor_share_gini`` and ``returned_stance``; estimates of `SLOPE`.
    """
    bound: dict[str, object] = {
        "turns": LEAST_TURNS, "speakers": LEAST_SPEAKERS, "salt": f"{sampling.seed}:floor:", "most": MOST_THREADS,
    }  # fmt: skip
    frame = con.sql(_FLOOR, params=bound).pl()
    pairs = con.sql(_EXCHANGES).pl()
    late = turns.words_of_order
    dyad, returned = codes(pairs, "one", "other"), ints(pairs, "returned")
    measures = [
        *_entropy(frame, sampling, late),
        *_floor(frame, sampling),
        share_row("returned_stance", returned, dyad, "exchanges", sampling, words=late, units="dyads", is_share=False),
    ]
    found = informative(returned.astype(np.float64), ints(pairs, "place"), dyad, dyad)
    return measures, list(Contrast(SLOPE, found, words=late)(sampling, clock, n_draws))


def group_entropy(group: Ints, member: Ints, groups: int) -> Floats:
    """Return the entropy of the members of each group in bits, shape (groups,); zero for an empty group."""
    span = int(member.max(initial=0)) + 1
    pairs, n = np.unique(group * span + member, return_counts=True)
    total = np.bincount(pairs // span, weights=n, minlength=groups)
    parts = n * np.log2(n)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.log2(total) - np.bincount(pairs // span, weights=parts, minlength=groups) / total
    return np.where(total > 0, np.nan_to_num(found), 0.0)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The earlier turns of a thread by others than the author of a turn.

    Attributes
    ----------
    start
        Place of the first turn of the thread, shape (n,).
    others
        Number of earlier turns by others, shape (n,).
    speaker
        Code of the thread and author, shape (n,).
    keys
        Sorted: speaker times (n + 1) plus the turns by others before each turn of that speaker, shape (n,).
    first
        Place of the first key of each speaker, shape (speakers,).
    """

    start: Ints
    others: Ints
    speaker: Ints
    keys: Ints
    first: Ints

    @classmethod
    def of(cls, thread: Ints, author: Ints, place: Ints) -> Earlier:
        """Return the earlier turns of threads; rows are sorted by thread and place, places begin at 0."""
        n = thread.size
        speaker = np.unique(thread * (int(author.max(initial=0)) + 1) + author, return_inverse=True)[1].astype(np.int64)
        order = np.argsort(speaker, kind="stable")
        first = np.searchsorted(speaker[order], np.arange(int(speaker.max(initial=-1)) + 1)).astype(np.int64)
        others = np.empty(n, dtype=np.int64)
        others[order] = place[order] - (np.arange(n) - first[speaker[order]])
        return cls(np.arange(n) - place, others, speaker, (speaker * (n + 1) + others)[order], first)

    def drawn(self, rows: Ints, rng: np.random.Generator) -> Ints:
        """Return for each row one earlier turn by another, all alike, shape (rows,); each row needs one."""
        others, speaker = self.others[rows], self.speaker[rows]
        # The k-th turn by others comes after as many own ones as have at most k turns by others before them.
        k = np.minimum((rng.random(rows.size) * others).astype(np.int64), others - 1)
        own = np.searchsorted(self.keys, speaker * (self.keys.size + 1) + k, side="right") - self.first[speaker]
        return (self.start[rows] + k + own).astype(np.int64)


def group_gini(group: Ints, counts: Ints) -> Floats:
    """Return the Gini coefficient of the counts of each group, shape (groups,); groups are codes from 0."""
    order = np.lexsort((counts, group))
    g, x = group[order], counts[order].astype(np.float64)
    n = np.bincount(g)
    rank = np.arange(g.size) - np.repeat(np.cumsum(n) - n, n) + 1
    out: Floats = 2 * np.bincount(g, weights=rank * x) / (n * np.bincount(g, weights=x)) - (n + 1) / n
    return out


def _entropy(frame: pl.DataFrame, sampling: Sampling, late: tuple[str, ...]) -> list[Measure]:
    dated = frame.filter(pl.col("moment").is_not_null())
    if not dated.height or not dated["partner"].count():
        nothing = np.zeros(0)
        return [
            share_row(
                "addressee_entropy", nothing, nothing.astype(np.int64), "threads", sampling, words=late, is_share=False
            )
        ]
    thread, author = codes(dated, "thread"), ints(dated, "author")
    starts = np.r_[True, thread[1:] != thread[:-1]]
    place = np.arange(thread.size) - np.maximum.accumulate(np.where(starts, np.arange(thread.size), 0))
    speakers = np.bincount(
        thread[dated.select(pl.struct("thread", "author").is_first_distinct()).to_series().to_numpy()]
    )
    most = np.log2(np.maximum(speakers, 2))  # an answer to oneself has no addressee, but all speakers may be addressed
    earlier = Earlier.of(thread, author, place)
    # What answers a turn that is not before it has nothing that it could be dealt.
    is_reply = dated["partner"].is_not_null().to_numpy() & (earlier.others > 0)
    if not is_reply.any():
        nothing = np.zeros(0)
        return [share_row("addressee_entropy", nothing, nothing.astype(np.int64), "threads", sampling,
                          words=late, is_share=False)]  # fmt: skip
    partner = dated["partner"].fill_null(0).to_numpy().astype(np.int64)
    groups, answering = speakers.size, np.flatnonzero(is_reply)
    has_replies = np.bincount(thread, weights=is_reply, minlength=groups) > 0
    value = (group_entropy(thread[answering], partner[answering], groups) / most)[has_replies]
    rng = stream(sampling.seed, "conversation/entropy")
    null = []
    for _ in range(affordable(sampling.null_draws, 4 * thread.size)):
        drawn = author[earlier.drawn(answering, rng)]
        null.append(float((group_entropy(thread[answering], drawn, groups) / most)[has_replies].mean()))
    beside = against("any_earlier_turn_answered", float(value.mean()), np.array(null))
    numbers = np.arange(value.size)
    return [share_row("addressee_entropy", value, numbers, "threads", sampling, words=late, null=beside,
                      units="threads", is_share=False)]  # fmt: skip


def _floor(frame: pl.DataFrame, sampling: Sampling) -> list[Measure]:
    held = frame.group_by("thread", "author").agg(n=pl.len()).sort("thread", "author")
    thread, counts = codes(held, "thread"), ints(held, "n")
    if not thread.size:
        return [
            share_row(
                "floor_share_gini",
                counts,
                thread,
                "threads",
                sampling,
                few="few_replies",
                units="threads",
                is_share=False,
            )
        ]
    value = group_gini(thread, counts)
    speakers, turns = np.bincount(thread), np.bincount(thread, weights=counts).astype(np.int64)
    first, spare = np.cumsum(speakers) - speakers, turns - speakers
    owner = np.repeat(np.arange(speakers.size), spare)
    rng = stream(sampling.seed, "conversation/floor")
    null = []
    for _ in range(affordable(sampling.null_draws, 4 * frame.height)):
        # Every speaker speaks once; each further turn is any speaker's alike.
        taken = first[owner] + (rng.random(owner.size) * speakers[owner]).astype(np.int64)
        null.append(float(group_gini(thread, 1 + np.bincount(taken, minlength=thread.size)).mean()))
    beside = against("further_turns_any_speaker", float(value.mean()), np.array(null))
    numbers = np.arange(value.size)
    return [
        share_row("floor_share_gini", value, numbers, "threads", sampling, null=beside, units="threads", is_share=False)
    ]
