"""States of the addressee that replies name, said or not, and advice with them (METHODS 6 rows 15 and 37, analogues).

What belongs here: a reply names a state when "you" stands before a verb of card ``mental_state`` (`STATES`); a desire,
an intention or an emotion is unstated when no form of that verb is in the message that is answered. In MetaMind (arXiv
2505.18943) a model makes hypotheses of what a user means; in SimpleToM (arXiv 2410.13648) models tell what somebody
knows and fail to act on it. What a corpus has of them is whether a reply names a state that was not said, and whether
one that names a state gives advice (categories obligation and imperative of card ``directive``) in the same message.
"""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np

from pipeline.activity.resampling import Null, stream
from pipeline.activity.row import Sampling
from pipeline.conversation.repair import dealt_mean
from pipeline.conversation.rows import Contrast, Question, codes, ints, share_row
from pipeline.conversation.turns import REPLY, TURN, Turns
from pipeline.conversation.within import dealer, informative
from pipeline.coordination.nulls import affordable, against
from pipeline.inference.result import Ints
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, Measure

STATES = (
    "want(?:s|ed|ing)?", "wish(?:es|ed|ing)?", "hop(?:e|es|ed|ing)", "desir(?:e|es|ed|ing)", "crav(?:e|es|ed|ing)",
    "prefer(?:s|red|ring)?", "long(?:s|ed|ing)? for",
    "intend(?:s|ed|ing)?", "plan(?:s|ned|ning)?", "mean(?:s|t|ing)? to", "decid(?:e|es|ed|ing)", "aim(?:s|ed|ing)?",
    "tr(?:y|ies|ied|ying) to",
    "(?:feel(?:s|ing)?|felt)", "fear(?:s|ed|ing)?", "lov(?:e|es|ed|ing)", "hat(?:e|es|ed|ing)", "enjoy(?:s|ed|ing)?",
    "worr(?:y|ies|ied|ying)", "regret(?:s|ted|ting)?",
)  # fmt: skip
"""Forms of the verbs of desire, intention and emotion of card ``mental_state``, without "need" (an obligation) and
"going to" (a tense)."""
BELIEFS = (
    "(?:think|thought|believed?|know|knew|guess|suppose|suspect|assumed?|doubt|reali[sz]ed?|understand|understood"
    "|remember|imagined?|expect(?:ed)?|wonder|noticed?|consider(?:ed)?)"
)
"""Verbs of belief of card ``mental_state``."""
YOU = (
    r"\byou (?:do not |did not |don['’]t |didn['’]t )?"
    r"(?:(?:also|really|still|just|always|never|often|probably|actually|truly|now|even) )?"
)
LONGEST = 20_000
"""Characters of a text that are searched."""

_HELD = " + ".join(f"CASE WHEN regexp_matches(x.said, $state{i}) THEN {2**i} ELSE 0 END" for i in range(len(STATES)))
_NAMED = " + ".join(f"CASE WHEN regexp_matches(x.said, $named{i}) THEN {2**i} ELSE 0 END" for i in range(len(STATES)))
_REPLIES = f"""
WITH minded AS (
    SELECT text_hash FROM lexicon_score WHERE lexicon = 'mental_state' AND category LIKE 'allocentric%' AND count > 0
    GROUP BY text_hash
),
advice AS (
    SELECT text_hash FROM lexicon_score
    WHERE lexicon = 'directive' AND category IN ('obligation', 'imperative') AND count > 0 GROUP BY text_hash
),
searched AS (
    SELECT t.text_hash, lower(left(t.text, {LONGEST})) AS said
    FROM text AS t JOIN minded AS m ON m.text_hash = t.text_hash
),
named AS (
    SELECT x.text_hash, CASE WHEN regexp_matches(x.said, $any) THEN {_NAMED} ELSE 0 END AS named,
           regexp_matches(x.said, $belief) AS is_belief
    FROM searched AS x
),
naming AS (
    SELECT r.id, p.text_hash FROM {REPLY} AS r JOIN {TURN} AS t ON t.id = r.id JOIN {TURN} AS p ON p.id = r.parent
    JOIN named AS n ON n.text_hash = t.text_hash AND n.named > 0
),
answered AS (
    SELECT t.text_hash, lower(left(t.text, {LONGEST})) AS said, CAST(FLOOR(LOG2(t.n_tokens + 1)) AS BIGINT) AS size
    FROM text AS t JOIN (SELECT DISTINCT text_hash FROM naming) AS g ON g.text_hash = t.text_hash
),
held AS (SELECT x.text_hash, x.size, {_HELD} AS held FROM answered AS x),
returned AS (
    SELECT b.parent AS id FROM {REPLY} AS b JOIN {REPLY} AS a ON a.id = b.parent AND a.partner = b.author
    GROUP BY b.parent
)
SELECT r.id, r.author, r.thread, r.is_to_post, CAST(FLOOR(LOG2(r.n_tokens + 1)) AS BIGINT) AS length,
       COALESCE(n.named, 0) AS named, COALESCE(h.held, 0) AS held, COALESCE(h.size, 0) AS size,
       CASE WHEN n.named > 0 OR n.is_belief THEN 1 ELSE 0 END AS is_attributing,
       CASE WHEN d.text_hash IS NULL THEN 0 ELSE 1 END AS has_advice,
       CASE WHEN w.id IS NULL THEN 0 ELSE 1 END AS is_answered
FROM {REPLY} AS r JOIN {TURN} AS t ON t.id = r.id
LEFT JOIN named AS n ON n.text_hash = t.text_hash
LEFT JOIN naming AS g ON g.id = r.id
LEFT JOIN held AS h ON h.text_hash = g.text_hash
LEFT JOIN advice AS d ON d.text_hash = t.text_hash
LEFT JOIN returned AS w ON w.id = r.id
ORDER BY r.id
"""

ADVICE = Question(
    "attribution_brings_advice", "share of replies with advice, of those that name a state of the addressee less that "
    "of others, within repliers and classes of length (association)", "advice", "1[attribution]",
    "replier x class of length", "author of the reply",
)  # fmt: skip
_WITHIN_THREADS = ADVICE.estimand.replace("within repliers and classes of length", "within threads")
ADVISED = Question(
    "advised_attribution_draws_answer", "share of attributions that whom they answer replies to, of those with advice "
    "less that of those without, within threads (association)", "answered by the addressee", "1[advice]", "thread",
    "author of the reply",
)  # fmt: skip


def naming_rows(
    con: duckdb.DuckDBPyConnection, turns: Turns, clock: Clock, sampling: Sampling, n_draws: int
) -> tuple[list[Measure], list[Estimate]]:
    """Compute how often replies name unstated states of the addressee, and whether they advise.

    Parameters
    ----------
    con
        Connection with the tables of `make_turns` and the views ``text`` and ``lexicon_score`` of one corpus.
    turns, clock
        What there is, and the window of the corpus.
    sampling
        Seed, draws and level.
    n_draws
        Dealings of the permutations of the estimates.

    Returns
    -------
    tuple of list
        Measures ``unstated_state_rate``, ``unstated_state_share`` (null: answered messages of about the same length
        dealt anew), ``advised_attribution_share`` (null: attributions dealt anew within repliers and classes of length)
        and ``advised_other_share``; estimates of `ADVICE` and `ADVISED`.
    """
    del turns
    frame = con.sql(_REPLIES, params=_patterns()).pl()
    names = ("named", "held", "is_attributing", "has_advice", "is_answered", "author")
    named, held, label, advice, answered, author = (ints(frame, name) for name in names)
    unstated, naming = ((named & ~held) > 0).astype(np.int64), named > 0
    opened = label == 1
    own, place = codes(frame, "author", "length"), codes(frame, "thread", "is_to_post")
    null = _dealt_texts(named[naming], held[naming], ints(frame, "size")[naming], sampling)
    # Agents that advise and agents that attribute may be the same ones: labels stay with the replier.
    beside = dealt_mean("attributions_dealt_in_repliers_and_length", advice, label, own, sampling)
    measures = [
        share_row("unstated_state_rate", unstated, author, "replies", sampling),
        share_row("unstated_state_share", unstated[naming], author[naming], "naming_replies", sampling,
                  few="few_events", null=null),
        share_row("advised_attribution_share", advice[opened], author[opened], "attributions", sampling,
                  few="few_events", null=beside),
        share_row("advised_other_share", advice[~opened], author[~opened], "replies", sampling),
    ]  # fmt: skip
    outcome, back = advice.astype(np.float64), answered.astype(np.float64)[opened]
    all_sized = codes(frame, "thread", "is_to_post", "length")
    threads = replace(ADVICE, strata="thread x direct reply", estimand=_WITHIN_THREADS)
    tests = (
        Contrast(ADVICE, informative(outcome, label, own, author)),
        Contrast(threads, informative(outcome, label, place, author), "in_threads", ("length_entangled",)),
        Contrast(threads, informative(outcome, label, all_sized, author), "in_threads_same_length"),
        Contrast(ADVISED, informative(back, advice[opened], place[opened], author[opened]),
                 words=("length_entangled",)),
        Contrast(ADVISED, informative(back, advice[opened], all_sized[opened], author[opened]), "same_length"),
    )  # fmt: skip
    return measures, [row for test in tests for row in test(sampling, clock, n_draws)]


def _patterns() -> dict[str, str]:
    """Return the patterns of replies that name a state, and of texts that hold its verb."""
    named = {f"named{i}": rf"{YOU}{state}\b" for i, state in enumerate(STATES)}
    held = {f"state{i}": rf"\b{state}\b" for i, state in enumerate(STATES)}
    return {**named, **held, "any": rf"{YOU}(?:{'|'.join(STATES)})\b", "belief": rf"{YOU}{BELIEFS}\b"}


def _dealt_texts(named: Ints, held: Ints, size: Ints, sampling: Sampling) -> Null | None:
    """Set the share of unstated states beside that with the answered messages dealt anew within classes of length."""
    if not named.size:
        return None
    deal, rng = dealer(size), stream(sampling.seed, "conversation/naming")
    draws = affordable(sampling.null_draws, 4 * named.size)
    null = np.array([float(((named & ~deal(held, rng)) > 0).mean()) for _ in range(draws)])
    return against("answered_texts_dealt_in_length", float(((named & ~held) > 0).mean()), null)
