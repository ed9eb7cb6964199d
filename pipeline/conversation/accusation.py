"""Accusations, whether they name evidence, and whether others pile on (METHODS 6 row 23, analogue).

What belongs here: an accusation is a reply that charges whom it answers (cards ``accusation`` and ``conflict``). Later
replies of the thread to the same author, the target, pile on when they accuse as well. In arXiv 2502.06060 players of a
game of social deduction accuse and vote; a thread has no roles to find out. Threads that deserve it draw accusations
whatever their order: the null is the same replies in random order, author and accusation together.
"""

from __future__ import annotations

import duckdb
import numpy as np

from pipeline.activity.resampling import FloatArray, Null, stream
from pipeline.activity.row import Sampling
from pipeline.conversation.rows import Contrast, Question, codes, ints, share_row
from pipeline.conversation.turns import REPLY, SAID, Turns
from pipeline.conversation.within import informative
from pipeline.coordination.nulls import affordable, against
from pipeline.inference.result import Ints
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, Measure

ORDER = "order_permuted_in_targets"

_REPLIES = f"""
SELECT r.id, r.author, r.partner, r.thread, r.moment, CAST(FLOOR(LOG2(r.n_tokens + 1)) AS BIGINT) AS length,
       CAST(s.is_accusing AS BIGINT) AS is_accusing, CAST(s.has_evidence AS BIGINT) AS has_evidence
FROM {REPLY} AS r JOIN {SAID} AS s ON s.id = r.id ORDER BY r.id
"""
_TARGETS = f"""
WITH hit AS (
    SELECT r.thread, r.partner FROM {REPLY} AS r JOIN {SAID} AS s ON s.id = r.id
    WHERE r.moment IS NOT NULL GROUP BY r.thread, r.partner
    HAVING MAX(CAST(s.is_accusing AS BIGINT)) = 1 AND count(*) > 1
)
SELECT r.thread, r.partner, r.author, CAST(s.is_accusing AS BIGINT) AS is_accusing
FROM {REPLY} AS r JOIN {SAID} AS s ON s.id = r.id JOIN hit AS h ON h.thread = r.thread AND h.partner = r.partner
WHERE r.moment IS NOT NULL ORDER BY r.thread, r.partner, r.moment, r.id
"""

EVIDENCE = Question(
    "accusation_brings_evidence", "share of replies with wording of evidence, of accusations less that of other "
    "replies, within threads (association)", "wording of evidence", "1[accusation]", "thread", "author of the reply",
)  # fmt: skip


def accusation_rows(
    con: duckdb.DuckDBPyConnection, turns: Turns, clock: Clock, sampling: Sampling, n_draws: int
) -> tuple[list[Measure], list[Estimate]]:
    """Compute rates of accusation, the evidence that they name, and the pile-on of later replies.

    Parameters
    ----------
    con
        Connection with the tables of `make_turns` of one corpus.
    turns, clock
        What there is, and the window of the corpus.
    sampling
        Seed, draws and level.
    n_draws
        Dealings of the permutations of the estimates.

    Returns
    -------
    tuple of list
        Measures ``accusation_rate``, ``accusation_evidence_share``, ``unaccusing_evidence_share``, ``pile_on_share``
        and ``pile_on_next_share`` (null of both: order of the replies to a target permuted); estimates of `EVIDENCE`.
    """
    frame = con.sql(_REPLIES).pl()
    accuses, evidence, author = (ints(frame, name) for name in ("is_accusing", "has_evidence", "author"))
    hit = accuses == 1
    measures = [
        share_row("accusation_rate", accuses, author, "replies", sampling),
        share_row("accusation_evidence_share", evidence[hit], author[hit], "accusations", sampling, few="few_events"),
        share_row("unaccusing_evidence_share", evidence[~hit], author[~hit], "replies", sampling),
        *_piled(con, turns, sampling),
    ]
    outcome = evidence.astype(np.float64)
    tests = (
        Contrast(EVIDENCE, informative(outcome, accuses, ints(frame, "thread"), author), words=("length_entangled",)),
        Contrast(EVIDENCE, informative(outcome, accuses, codes(frame, "thread", "length"), author), "same_length"),
    )
    return measures, [row for test in tests for row in test(sampling, clock, n_draws)]


def later(accuses: Ints, author: Ints, group: Ints) -> tuple[Ints, Ints]:
    """Return the rows after the first accusation of their group, and those right after one, by another author.

    Parameters
    ----------
    accuses, author
        0 or 1, and codes, in the order of time within groups, shape (n,).
    group
        Sorted codes from 0, shape (n,).

    Returns
    -------
    tuple of ndarray
        Places of rows by another than the first accuser, after that accusation; and of rows whose neighbour before
        accuses and is by another author.
    """
    place = np.arange(group.size)
    first = np.full(int(group.max(initial=-1)) + 1, group.size)
    np.minimum.at(first, group[accuses == 1], place[accuses == 1])
    opened = first[group]
    is_after = place > opened
    other = author != author[np.minimum(opened, max(group.size - 1, 0))]
    after = np.flatnonzero(is_after & other)
    is_next = np.flatnonzero((group[1:] == group[:-1]) & (accuses[:-1] == 1) & (author[1:] != author[:-1])) + 1
    return after.astype(np.int64), is_next.astype(np.int64)


def pile_on(accuses: Ints, author: Ints, group: Ints) -> FloatArray:
    """Return the share of accusations of later rows, and of rows right after an accusation (see `later`)."""
    return np.array([accuses[rows].mean() if rows.size else np.nan for rows in later(accuses, author, group)])


def _piled(con: duckdb.DuckDBPyConnection, turns: Turns, sampling: Sampling) -> list[Measure]:
    frame = con.sql(_TARGETS).pl()
    accuses, author, thread = (ints(frame, name) for name in ("is_accusing", "author", "thread"))
    group = codes(frame, "thread", "partner")
    names = ("pile_on_share", "pile_on_next_share")
    nulls: list[Null | None] = [None, None]
    if group.size:
        rng, draws = stream(sampling.seed, "conversation/pile_on"), affordable(sampling.null_draws, 6 * group.size)
        drawn = []
        for _ in range(draws):
            order = np.argsort(group + rng.random(group.size))
            drawn.append(pile_on(accuses[order], author[order], group))
        observed, null = pile_on(accuses, author, group), np.stack(drawn)
        nulls = [against(ORDER, float(observed[i]), null[:, i]) for i in range(2)]
    words = turns.words_of_order
    return [
        share_row(name, accuses[rows], thread[rows], "replies", sampling, few="few_events", words=words, null=null,
                  units="threads")
        for name, rows, null in zip(names, later(accuses, author, group), nulls, strict=True)
    ]  # fmt: skip
