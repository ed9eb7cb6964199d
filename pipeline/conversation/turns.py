"""The turns of conversations: messages of known authors with what the lexicons say of them, as a temporary table.

What belongs here: the table that all frames of family ``conversation`` are made from, and how exact its clock is.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from pipeline.language.clock import COARSE, ORDER_PRECISIONS, coarse_words, is_precise_sql

FAMILY = "conversation"
TURN, REPLY, SAID = "conversation_turn", "conversation_reply", "conversation_said"

_ORDERED = is_precise_sql("m", ORDER_PRECISIONS)
_EXACT = ("us", "ms", "s")
"""Precisions that tell how long a reply took: the median is below a minute on real platforms."""

_TURN = f"""
WITH score AS (
    SELECT text_hash,
           MAX(CASE WHEN lexicon = 'airs' AND category = 'total' THEN count ELSE 0 END) AS airs,
           SUM(CASE WHEN lexicon = 'agreement' AND category = 'agreement' THEN count ELSE 0 END) AS agreement,
           SUM(CASE WHEN lexicon = 'agreement' AND category = 'correction'
                      OR lexicon = 'conflict' AND category = 'disagreement' THEN count ELSE 0 END) AS disagreement,
           SUM(CASE WHEN lexicon = 'mental_state' AND category LIKE 'allocentric%' THEN count ELSE 0 END) AS minds,
           SUM(CASE WHEN lexicon = 'deliberation' AND category = 'total' THEN count ELSE 0 END) AS deliberation
    FROM lexicon_score WHERE lexicon IN ('airs', 'agreement', 'conflict', 'mental_state', 'deliberation')
    GROUP BY text_hash
),
addressing AS (
    SELECT t.text_hash FROM text AS t JOIN score AS s ON s.text_hash = t.text_hash AND s.minds > 0
    WHERE regexp_matches(lower(t.text), '\\byou\\b')
),
numbered AS (SELECT message_id, row_number() OVER (ORDER BY message_id) AS id FROM message),
author AS (
    SELECT run_id, agent_id, row_number() OVER (ORDER BY run_id, agent_id) AS author
    FROM (SELECT DISTINCT run_id, agent_id FROM message WHERE agent_id IS NOT NULL) AS a
),
thread AS (
    SELECT root_id, row_number() OVER (ORDER BY root_id) AS thread
    FROM (SELECT DISTINCT COALESCE(root_id, message_id) AS root_id FROM message) AS r
)
SELECT n.id, p.id AS parent, m.message_id, m.kind, m.agent_id, m.text_hash, w.author, h.thread,
       {{moment}} AS moment, CASE WHEN {is_precise_sql("m", _EXACT)} THEN epoch_us(m.created_at) END AS exact_us,
       t.n_tokens, COALESCE(c.class IN ('enforce', 'toxic'), FALSE) AS is_sanction,
       CAST(COALESCE(s.airs, 0) AS BIGINT) AS airs,
       CAST(SIGN(COALESCE(s.agreement, 0) - COALESCE(s.disagreement, 0)) AS BIGINT) AS stance,
       COALESCE(s.agreement + s.disagreement, 0) > 0 AS is_judging, y.text_hash IS NOT NULL AS is_attributing,
       CAST(COALESCE(s.deliberation, 0) AS BIGINT) AS deliberation
FROM message AS m
JOIN numbered AS n ON n.message_id = m.message_id
JOIN author AS w ON w.run_id = m.run_id AND w.agent_id = m.agent_id
JOIN thread AS h ON h.root_id = COALESCE(m.root_id, m.message_id)
JOIN text AS t ON t.text_hash = m.text_hash
LEFT JOIN numbered AS p ON p.message_id = m.parent_id
LEFT JOIN score AS s ON s.text_hash = m.text_hash
LEFT JOIN addressing AS y ON y.text_hash = m.text_hash
LEFT JOIN reply_class AS c ON c.message_id = m.message_id
WHERE m.kind <> 'repost'
"""
_COUNTS = f"""
SELECT count(created_at), count(step), count(*) FILTER (WHERE {_ORDERED}),
       count(*) FILTER (WHERE {is_precise_sql("m", _EXACT)})
FROM message AS m
"""
_REPLY = f"""
SELECT c.id, c.author, c.thread, c.moment, c.exact_us, c.n_tokens, c.is_sanction, c.stance, c.is_judging,
       c.is_attributing, c.deliberation, p.id AS parent, p.author AS partner, p.kind = 'post' AS is_to_post,
       p.exact_us AS answered_us
FROM {TURN} AS c JOIN {TURN} AS p ON p.id = c.parent AND p.author <> c.author
"""
_QUESTION = '[?？](?:[\\s"”’)*_\\]!]|$)'
"""A question mark that ends a word; those inside of addresses do not count."""
_SAID = f"""
WITH score AS (
    SELECT text_hash,
           SUM(CASE WHEN lexicon = 'politeness' AND category = 'clarification' THEN count ELSE 0 END) AS clarification,
           SUM(CASE WHEN lexicon = 'emotion' AND category IN ('sadness', 'fear') THEN count ELSE 0 END) AS distress,
           SUM(CASE WHEN lexicon = 'emotion' AND category IN ('joy', 'affection') THEN count ELSE 0 END) AS comfort,
           SUM(CASE WHEN lexicon = 'support' AND category = 'total' THEN count ELSE 0 END) AS support,
           SUM(CASE WHEN lexicon = 'accusation' AND category = 'accusation' THEN count ELSE 0 END) AS accusation,
           SUM(CASE WHEN lexicon = 'accusation' AND category = 'evidence' THEN count ELSE 0 END) AS evidence,
           SUM(CASE WHEN lexicon = 'conflict' AND category = 'accusation' THEN count ELSE 0 END) AS charge,
           MAX(CASE WHEN lexicon = 'sentiment' AND category = 'valence' THEN weight_sum END) AS weight
    FROM lexicon_score WHERE lexicon IN ('politeness', 'emotion', 'support', 'accusation', 'conflict', 'sentiment')
    GROUP BY text_hash
),
mark AS (
    SELECT text_hash, regexp_matches(text, $question) AS is_question,
           regexp_matches(lower(text), '\\byou(r|rs)?\\b') AS has_you
    FROM text
)
SELECT t.id, k.is_question, COALESCE(s.clarification, 0) > 0 AND k.is_question AS is_clarifying,
       COALESCE(s.distress > s.comfort, FALSE) AS is_distress, COALESCE(s.support, 0) > 0 AS is_supportive,
       COALESCE(s.accusation, 0) > 0 OR (COALESCE(s.charge, 0) > 0 AND k.has_you) AS is_accusing,
       COALESCE(s.evidence, 0) > 0 AS has_evidence,
       COALESCE(s.weight / SQRT(s.weight * s.weight + 15), 0) AS valence
FROM {TURN} AS t JOIN mark AS k ON k.text_hash = t.text_hash LEFT JOIN score AS s ON s.text_hash = t.text_hash
"""


@dataclass(frozen=True, slots=True)
class Turns:
    """How much there is of what the measures need.

    Attributes
    ----------
    messages, replies
        Messages of known authors, and those of them that answer another known author.
    refusal_of_order
        Word that says why the order of messages is not known; ``None`` where it is.
    refusal_of_latency
        Word that says why it is not known how long replies took; ``None`` where it is.
    coarse_order, coarse_latency
        ``coarse_times_dropped`` where some messages are dated too coarsely to tell their order, or how long they took.
    """

    messages: int
    replies: int
    refusal_of_order: str | None
    refusal_of_latency: str | None
    coarse_order: tuple[str, ...] = ()
    coarse_latency: tuple[str, ...] = ()

    @property
    def words_of_order(self) -> tuple[str, ...]:
        """The warnings of rows that need the order of messages."""
        return (self.refusal_of_order,) if self.refusal_of_order else self.coarse_order

    @property
    def words_of_latency(self) -> tuple[str, ...]:
        """The warnings of rows that need to know how long replies took."""
        return (self.refusal_of_latency,) if self.refusal_of_latency else self.coarse_latency


def make_turns(con: duckdb.DuckDBPyConnection) -> Turns:
    """Make the temporary tables of turns, of replies, and of what is said.

    Distress is more entries of sadness and fear than of joy and affection (card ``emotion``); a clarification request
    is an entry of category ``clarification`` in a text with a question; an accusation is one of card ``accusation``, or
    of that category of card ``conflict`` in a text that says "you"; valence is w/√(w² + 15) of the summed weights of
    card ``sentiment``, the normalisation of VADER (Hutto & Gilbert 2014), from −1 to 1. A moment is in microseconds
    since 1970 where any message of the corpus is timed to the hour or finer, and a step elsewhere: never both.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text``, ``lexicon_score`` and ``reply_class`` of one corpus.
    """
    timed, stepped, precise, fine = con.sql(_COUNTS).fetchall()[0]
    moment = f"CASE WHEN {_ORDERED} THEN epoch_us(m.created_at) END" if precise else "m.step"
    con.execute(f"CREATE OR REPLACE TEMP TABLE {TURN} AS {_TURN.format(moment=moment)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE {REPLY} AS {_REPLY}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE {SAID} AS {_SAID}", {"question": _QUESTION})
    messages, ordered = con.sql(f"SELECT count(*), count(moment) FROM {TURN}").fetchall()[0]
    replies, exact = con.sql(f"SELECT count(*), count(exact_us + answered_us) FROM {REPLY}").fetchall()[0]
    coarse = "time_too_coarse" if timed else "clock_is_step" if stepped else "no_times"
    return Turns(
        messages, replies, None if ordered or not messages else coarse, None if exact or not replies else coarse,
        tuple(coarse_words(con, "order")) if precise else (), (COARSE,) if fine < timed else (),
    )  # fmt: skip


def drop_turns(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the temporary tables."""
    for name in (SAID, REPLY, TURN):
        con.execute(f"DROP TABLE IF EXISTS {name}")
