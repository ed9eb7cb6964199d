"""Challenges: whether who is challenged comes back, and how many statements there are to a question.

What belongs here: a challenge is a reply to another known author that asks what is meant (as in
`pipeline.conversation.repair`) or takes the other side (more expressions of disagreement and correction than of
agreement). Zhang et al. (2026, arXiv 2604.00518) find challenges by lexical cues that their abstract does not print;
statements to questions are of Chen et al. (2026, arXiv 2602.18832), read in its abstract too.
"""

from __future__ import annotations

import duckdb
import numpy as np

from pipeline.activity.resampling import NO_INTERVAL, cluster_bootstrap, ratio, stream
from pipeline.activity.row import Sampling, row
from pipeline.conversation.repair import dealt_mean
from pipeline.conversation.rows import codes, ints, share_row
from pipeline.conversation.turns import FAMILY, REPLY, SAID, TURN, Turns
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS, Ints
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, Measure

NULL = "challenges_dealt_in_threads_and_depth"

_REPLIES = f"""
WITH answered AS (
    SELECT b.parent AS id FROM {REPLY} AS b JOIN {REPLY} AS a ON a.id = b.parent AND a.partner = b.author
    GROUP BY b.parent
)
SELECT a.id, a.author, a.partner, a.thread, a.moment, a.is_to_post,
       CAST(s.is_clarifying OR a.stance < 0 AS BIGINT) AS is_challenge,
       CASE WHEN w.id IS NULL THEN 0 ELSE 1 END AS is_answered
FROM {REPLY} AS a JOIN {SAID} AS s ON s.id = a.id LEFT JOIN answered AS w ON w.id = a.id
WHERE a.moment IS NOT NULL
ORDER BY a.id
"""
_TURNS = f"SELECT author, thread, moment FROM {TURN} WHERE moment IS NOT NULL ORDER BY thread, author, moment"
_AFTER = r"""(?:[\s"”’)*_\]]|$)"""
_END = r"[^\s\d.!?。！？][.!?。！？]+" + _AFTER
"""Marks that end a sentence: after no digit, so that the numbers of lists are none, and at the end of a word."""
_ASKED = r"[^\s\d.!?。！？][.!。！]*[?？][.!?。！？]*" + _AFTER
_SENTENCES = f"""
WITH counted AS (
    SELECT text_hash, len(regexp_extract_all(text, $ended)) AS ended, len(regexp_extract_all(text, $asked)) AS asked
    FROM text
)
SELECT t.author, CAST(sum(c.ended - c.asked) AS BIGINT) AS statements, CAST(sum(c.asked) AS BIGINT) AS questions
FROM {TURN} AS t JOIN counted AS c ON c.text_hash = t.text_hash GROUP BY t.author ORDER BY t.author
"""


def challenge_rows(
    con: duckdb.DuckDBPyConnection, turns: Turns, clock: Clock, sampling: Sampling, n_draws: int
) -> tuple[list[Measure], list[Estimate]]:
    """Compute how often challenged authors come back, how often both go on, and statements to questions.

    Parameters
    ----------
    con
        Connection with the tables of `make_turns` of one corpus.
    turns, clock
        What there is, and the window of the corpus.
    sampling
        Seed, draws and level.
    n_draws
        Dealings of permutations, of which there are none here.

    Returns
    -------
    tuple of list
        Measures ``author_return_share``, ``multi_turn_share`` and ``challenge_answered_share`` (null of each:
        challenges dealt anew among the direct, or the further, replies of a thread), and
        ``statement_question_ratio``; no estimates.
    """
    del clock, n_draws
    replies, events = con.sql(_REPLIES).pl(), con.sql(_TURNS).pl()
    challenge, partner = ints(replies, "is_challenge"), ints(replies, "partner")
    back, again = returned(
        (ints(events, "thread"), ints(events, "author"), ints(events, "moment")),
        (ints(replies, "thread"), partner, ints(replies, "author"), ints(replies, "moment")),
    )
    place = codes(replies, "thread", "is_to_post")
    measures = [
        share_row(
            name, value[challenge == 1], partner[challenge == 1], "challenges", sampling, few="few_events",
            words=turns.words_of_order, null=dealt_mean(NULL, value, challenge, place, sampling),
        )
        for name, value in (
            ("author_return_share", back), ("multi_turn_share", again),
            ("challenge_answered_share", ints(replies, "is_answered")),
        )
    ]  # fmt: skip
    return [*measures, _statements(con, sampling)], []


def returned(events: tuple[Ints, Ints, Ints], replies: tuple[Ints, Ints, Ints, Ints]) -> tuple[Ints, Ints]:
    """Return of each reply whether its addressee writes in the thread later, and whether the replier does after that.

    Parameters
    ----------
    events
        Thread, author and moment of all messages, each of shape (n,).
    replies
        Thread, addressee, author and moment of the replies, each of shape (m,).

    Returns
    -------
    tuple of ndarray
        0 or 1, shape (m,) each. Later is at a later moment: what is written at the same one is not told apart.
    """
    thread, author, moment = events
    where, addressee, replier, when = replies
    none = np.zeros(where.size, dtype=np.int64)
    if not thread.size or not where.size:
        return none, none.copy()
    moments, rank = np.unique(moment, return_inverse=True)
    width = int(max(author.max(), addressee.max(), replier.max())) + 1
    speakers, speaker = np.unique(thread * width + author, return_inverse=True)
    span = moments.size
    # One sorted list of whole numbers: the speaker of a thread on top, the place of the moment below.
    keys = np.sort(speaker * span + rank)

    def next_of(who: Ints, after: Ints) -> Ints:
        """Return the place of the first moment of a speaker after another, -1 where there is none."""
        code = np.minimum(np.searchsorted(speakers, where * width + who), speakers.size - 1)
        at = np.minimum(np.searchsorted(keys, code * span + after, side="right"), keys.size - 1)
        found = keys[at]
        is_there = (speakers[code] == where * width + who) & (found // span == code) & (found % span > after)
        return np.where(is_there, found % span, -1).astype(np.int64)

    first = next_of(addressee, np.searchsorted(moments, when).astype(np.int64))
    second = next_of(replier, np.maximum(first, 0))
    back = (first >= 0).astype(np.int64)
    return back, back * (second >= 0)


def _statements(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> Measure:
    """Return statements over questions, sentences by the mark that ends them; authors are drawn with replacement."""
    name, frame = "statement_question_ratio", con.sql(_SENTENCES, params={"ended": _END, "asked": _ASKED}).pl()
    totals = np.column_stack([ints(frame, "statements"), ints(frame, "questions")])
    statements, questions = (int(total) for total in totals.sum(axis=0))
    words = [] if questions else ["few_events"]
    interval = NO_INTERVAL
    if questions and len(totals) < FEWEST_BOOTSTRAP_UNITS:
        words = ["few_agents"]
    elif questions:
        interval = cluster_bootstrap(
            totals, ratio, draws=sampling.bootstrap_draws, rng=stream(sampling.seed, name), level=sampling.level,
            method="cluster_bootstrap_agents",
        )  # fmt: skip
    return row(
        FAMILY, name, statements / questions if questions else None, statements + questions, "sentences",
        level=sampling.level, interval=interval, warnings=words,
    )  # fmt: skip
