"""Repair: who asks what is meant, whether that is answered, and whether questions are (METHODS 6 row 8, analogue).

What belongs here: a clarification request is a reply with an entry of category ``clarification`` of card
``politeness`` and a question (other-initiated repair, Schegloff, Jefferson & Sacks 1977). It is answered when the
author of the message that it asks about replies to it. SocialVeil (arXiv 2602.05115) has a language model judge
confusion; what a corpus tells is who asks and who answers. The last message of each chain is unanswered by
construction, whatever it says: rates are read beside their null and beside other messages of the same thread.
"""

from __future__ import annotations

import duckdb
import numpy as np

from pipeline.activity.resampling import Null, stream
from pipeline.activity.row import Sampling
from pipeline.conversation.rows import Contrast, Question, codes, ints, share_row
from pipeline.conversation.turns import REPLY, SAID, TURN, Turns
from pipeline.conversation.within import dealer, informative
from pipeline.coordination.nulls import affordable, against
from pipeline.inference.result import Floats, Ints
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, Measure

_REPLIES = f"""
WITH answered AS (
    SELECT b.parent AS id FROM {REPLY} AS b JOIN {REPLY} AS a ON a.id = b.parent AND a.partner = b.author
    GROUP BY b.parent
)
SELECT a.id, a.author, a.partner, a.thread, CAST(FLOOR(LOG2(a.n_tokens + 1)) AS BIGINT) AS length, a.is_to_post,
       CAST(s.is_clarifying AS BIGINT) AS is_clarifying, CAST(s.is_question AS BIGINT) AS is_question,
       CASE WHEN w.id IS NULL THEN 0 ELSE 1 END AS is_answered
FROM {REPLY} AS a JOIN {SAID} AS s ON s.id = a.id LEFT JOIN answered AS w ON w.id = a.id
ORDER BY a.id
"""
_MESSAGES = f"""
WITH replied AS (SELECT parent AS id FROM {REPLY} GROUP BY parent)
SELECT t.id, t.author, t.kind, CAST(FLOOR(LOG2(t.n_tokens + 1)) AS BIGINT) AS length,
       CAST(s.is_question AS BIGINT) AS is_question, CASE WHEN r.id IS NULL THEN 1 ELSE 0 END AS is_unanswered
FROM {TURN} AS t JOIN {SAID} AS s ON s.id = t.id LEFT JOIN replied AS r ON r.id = t.id
ORDER BY t.id
"""

REPAIR = Question(
    "repair_draws_answer", "share of replies that whom they answer replies to, of clarification requests less that of "
    "other replies, within threads (association)", "answered by the author asked", "1[clarification request]",
    "thread x direct reply", "author of the reply",
)  # fmt: skip
ASKING = Question(
    "question_draws_answer", "share of replies that whom they answer replies to, of replies with a question less that "
    "of others, within threads (association)", "answered by the author asked", "1[question]",
    "thread x direct reply", "author of the reply",
)  # fmt: skip


def repair_rows(
    con: duckdb.DuckDBPyConnection, turns: Turns, clock: Clock, sampling: Sampling, n_draws: int
) -> tuple[list[Measure], list[Estimate]]:
    """Compute how often clarification is asked for and given, and how often questions stay unanswered.

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
        Measures ``clarification_request_rate``, ``repair_answered_share`` (null: requests dealt anew among the direct,
        or the further, replies of a thread), ``unrepaired_answered_share``, ``question_unanswered_share`` (null:
        questions dealt anew among messages of the same kind and class of length), ``unasked_unanswered_share`` and
        ``question_reply_unanswered_share`` (null as the second); estimates of `REPAIR` and `ASKING`.
    """
    del turns
    frame, every = con.sql(_REPLIES).pl(), con.sql(_MESSAGES).pl()
    names = ("is_clarifying", "is_question", "is_answered", "author")
    asks, question, answered, author = (ints(frame, name) for name in names)
    asked, unanswered, writer = (ints(every, name) for name in ("is_question", "is_unanswered", "author"))
    alike = codes(every, "kind", "length")
    of_place, of_kind = "requests_dealt_in_threads_and_depth", "questions_dealt_in_kind_and_length"
    place, sized = codes(frame, "thread", "is_to_post"), codes(frame, "thread", "is_to_post", "length")
    measures = [
        share_row("clarification_request_rate", asks, author, "replies", sampling),
        share_row("repair_answered_share", answered[asks == 1], author[asks == 1], "clarification_requests", sampling,
                  few="few_events", null=dealt_mean(of_place, answered, asks, place, sampling)),
        share_row("unrepaired_answered_share", answered[asks == 0], author[asks == 0], "replies", sampling),
        share_row("question_unanswered_share", unanswered[asked == 1], writer[asked == 1], "messages", sampling,
                  few="few_events", null=dealt_mean(of_kind, unanswered, asked, alike, sampling)),
        share_row("unasked_unanswered_share", unanswered[asked == 0], writer[asked == 0], "messages", sampling,
                  few="few_texts"),
        share_row("question_reply_unanswered_share", 1 - answered[question == 1], author[question == 1], "replies",
                  sampling, few="few_events",
                  null=dealt_mean("questions_dealt_in_threads_and_depth", 1 - answered, question, place, sampling)),
    ]  # fmt: skip
    outcome = answered.astype(np.float64)
    among = question == 1
    tests = (
        Contrast(REPAIR, informative(outcome, asks, place, author), words=("length_entangled",)),
        Contrast(REPAIR, informative(outcome, asks, sized, author), variant="same_length"),
        Contrast(REPAIR, informative(outcome[among], asks[among], place[among], author[among]),
                 variant="among_questions", words=("length_entangled",)),
        Contrast(ASKING, informative(outcome, question, place, author), words=("length_entangled",)),
        Contrast(ASKING, informative(outcome, question, sized, author), variant="same_length"),
    )  # fmt: skip
    return measures, [row for test in tests for row in test(sampling, clock, n_draws)]


def dealt_mean(model: str, value: Ints | Floats, label: Ints, stratum: Ints, sampling: Sampling) -> Null | None:
    """Set the mean of the labelled beside that of labels dealt anew within strata.

    Parameters
    ----------
    model
        Name of the null model, and of its random stream.
    value, label, stratum
        Outcome, 0 or 1, and codes of what labels are dealt within, shape (n,).
    sampling
        Seed and draws.
    """
    if not 0 < label.sum() < label.size:
        return None
    # Strata without both labels keep their mean in every dealing; the others are dealt.
    codes_ = np.unique(stratum, return_inverse=True)[1].astype(np.int64)
    n, k = np.bincount(codes_), np.bincount(codes_, weights=label)
    moving = ((k > 0) & (k < n))[codes_]
    fixed = float((value * label)[~moving].sum())
    some, held = value[moving], label[moving]
    deal, rng = dealer(codes_[moving]), stream(sampling.seed, f"conversation/{model}")
    draws = affordable(sampling.null_draws, 4 * max(some.size, 1))
    total = float(label.sum())
    null = np.array([(fixed + float(some @ deal(held, rng))) / total for _ in range(draws)])
    return against(model, float(value[label == 1].mean()), null)
