"""Cycles of mutual attribution: A says what B thinks, B confirms or corrects, A goes on (METHODS 6 row 30, analogue).

What belongs here: an attribution is a reply that holds an allocentric expression of the mental-state lexicon and the
word "you". It is answered when whom it answers replies to it with an expression of agreement, disagreement or
correction, and closed when its author replies to that. Two nulls: attributions dealt anew among the replies of a
thread, which keeps who answers whom; and the texts of a thread dealt anew over its places, which takes their order
away.
"""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import FloatArray, Null, stream
from pipeline.activity.row import Sampling
from pipeline.conversation.rows import Contrast, Question, codes, ints, share_row
from pipeline.conversation.turns import REPLY, Turns
from pipeline.conversation.within import dealer, informative
from pipeline.coordination.nulls import affordable, against, once
from pipeline.inference.result import Ints
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, Measure

LABELS, ORDER = "attributions_dealt_in_threads", "texts_dealt_in_threads"

_CYCLE = f"""
WITH returned AS (
    SELECT c.parent AS id FROM {REPLY} AS c JOIN {REPLY} AS b ON b.id = c.parent AND c.author = b.partner
    GROUP BY c.parent
),
answer AS (
    SELECT b.parent AS id, count(*) AS answers, MAX(CAST(b.is_judging AS BIGINT)) AS is_judged,
           MAX(CASE WHEN b.is_judging AND r.id IS NOT NULL THEN 1 ELSE 0 END) AS is_closed
    FROM {REPLY} AS b JOIN {REPLY} AS a ON a.id = b.parent AND a.partner = b.author
    LEFT JOIN returned AS r ON r.id = b.id
    GROUP BY b.parent
)
SELECT a.id, a.author, a.thread, CAST(FLOOR(LOG2(a.n_tokens + 1)) AS BIGINT) AS length, a.is_to_post,
       CAST(a.is_attributing AS BIGINT) AS is_attributing, CAST(a.is_judging AS BIGINT) AS is_judging,
       COALESCE(w.is_judged, 0) AS is_answered, COALESCE(w.is_closed, 0) AS is_closed
FROM {REPLY} AS a LEFT JOIN answer AS w ON w.id = a.id
ORDER BY a.id
"""
_PAIRS = f"""
SELECT a.id AS opening, b.id AS answer,
       CASE WHEN EXISTS (SELECT 1 FROM {REPLY} AS c WHERE c.parent = b.id AND c.author = a.author) THEN 1 ELSE 0 END
           AS is_returned
FROM {REPLY} AS b JOIN {REPLY} AS a ON a.id = b.parent AND a.partner = b.author
ORDER BY a.id, b.id
"""

CYCLE = Question(
    "attribution_draws_judgement", "share of replies that whom they answer confirms or corrects, of attributions less "
    "that of other replies, within threads (association)", "confirmed or corrected", "1[attribution]",
    "thread x direct reply", "author of the attribution",
)  # fmt: skip


def attribution_rows(
    con: duckdb.DuckDBPyConnection, turns: Turns, clock: Clock, sampling: Sampling, n_draws: int
) -> tuple[list[Measure], list[Estimate]]:
    """Compute how often cycles of attribution open, are answered and are closed.

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
        Measures ``attribution_opening_rate``, ``attribution_answered_share``, ``attribution_closed_share``,
        ``attribution_cycle_rate`` (the middle two beside both nulls, the last one too) and
        ``unattributed_answered_share``; estimates of hypothesis `CYCLE`.
    """
    del turns
    frame, pairs = con.sql(_CYCLE).pl(), con.sql(_PAIRS).pl()
    names = ("is_attributing", "is_answered", "is_closed", "author")
    label, answered, closed, author = (ints(frame, name) for name in names)
    opened = label == 1
    measures = [share_row("attribution_opening_rate", label, author, "replies", sampling)]
    nulls = _nulls(frame, pairs, sampling) if opened.any() else {}
    for name, value, kept in (
        ("attribution_answered_share", answered, opened),
        ("attribution_closed_share", closed, opened & (answered == 1)),
        ("attribution_cycle_rate", closed, opened),
    ):
        for model in (LABELS, ORDER):
            unit = "attributions" if name != "attribution_closed_share" else "answered_attributions"
            few = "few_events" if opened.any() else "few_replies"
            measures.append(
                share_row(name, value[kept], author[kept], unit, sampling, few=few, null=nulls.get((name, model)))
            )
    measures.append(share_row("unattributed_answered_share", answered[~opened], author[~opened], "replies", sampling))
    outcome = answered.astype(np.float64)
    alike = informative(outcome, label, codes(frame, "thread", "is_to_post", "length"), author)
    first = informative(outcome, label, codes(frame, "thread", "is_to_post"), author)
    estimates: list[Estimate] = []
    for contrast in (
        Contrast(CYCLE, first, words=("length_entangled",)),
        Contrast(CYCLE, alike, variant="same_length"),
    ):
        estimates += contrast(sampling, clock, n_draws)
    return once(measures), estimates


def cycle_shares(opened: Ints, answered: Ints, closed: Ints) -> FloatArray:
    """Return the shares answered of opened, closed of answered, closed of opened; not-a-number where undefined."""
    n, k, c = float(opened.sum()), float((opened * answered).sum()), float((opened * closed).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.array([np.float64(k) / n, np.float64(c) / k, np.float64(c) / n])


def outcomes(judging: Ints, opening: Ints, answer: Ints, is_returned: Ints) -> tuple[Ints, Ints]:
    """Return whether each reply is answered with a judgement, and whether its author returned to that one.

    Parameters
    ----------
    judging
        Whether each reply judges, shape (n,).
    opening, answer, is_returned
        Places of a reply and of one that answers it, and whether that was replied to by the first author, shape (m,).
    """
    hit = judging[answer]
    answered = np.bincount(opening, weights=hit, minlength=judging.size) > 0
    closed = np.bincount(opening, weights=hit * is_returned, minlength=judging.size) > 0
    return answered.astype(np.int64), closed.astype(np.int64)


def _nulls(frame: pl.DataFrame, pairs: pl.DataFrame, sampling: Sampling) -> dict[tuple[str, str], Null | None]:
    names = ("attribution_answered_share", "attribution_closed_share", "attribution_cycle_rate")
    ids = ints(frame, "id")
    opening, answer = (np.searchsorted(ids, ints(pairs, name)).astype(np.int64) for name in ("opening", "answer"))
    label, judging, thread = (ints(frame, name) for name in ("is_attributing", "is_judging", "thread"))
    is_returned = ints(pairs, "is_returned")
    answered, closed = outcomes(judging, opening, answer, is_returned)
    observed = cycle_shares(label, answered, closed)
    rng = stream(sampling.seed, "conversation/attribution")
    draws, deal = affordable(sampling.null_draws, 10 * label.size), dealer(thread)
    by_label = np.stack([cycle_shares(deal(label, rng), answered, closed) for _ in range(draws)])
    by_order = []
    for _ in range(draws):
        both = deal(2 * label + judging, rng)
        by_order.append(cycle_shares(both // 2, *outcomes(both % 2, opening, answer, is_returned)))
    drawn = {LABELS: by_label, ORDER: np.stack(by_order)}
    return {
        (name, model): against(model, float(observed[i]), null[:, i])
        for i, name in enumerate(names) for model, null in drawn.items()
    }  # fmt: skip
