"""Sanctions in replies: by whom, whether partners are left, and what becomes of risk (METHODS 6 row 9, analogue).

What belongs here: a sanction is a reply of class ``enforce`` or ``toxic``. It is direct when the party that the
answered message was addressed to makes it (the author of what that message answers, or an agent that it mentions), and
of a third party otherwise; messages addressed to nobody have no direct sanction and are left out of that comparison. In
arXiv 2301.08278 players of a game punish with a cost; here nobody loses anything but face.
"""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import stream
from pipeline.activity.row import Sampling
from pipeline.conversation.rows import Contrast, Question, codes, ints, share_row
from pipeline.conversation.turns import REPLY, TURN, Turns
from pipeline.conversation.within import dealer, informative
from pipeline.coordination.nulls import affordable, against
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, Measure

_ADDRESSED = f"""
WITH mention AS (
    SELECT DISTINCT message_id, target_id FROM interaction WHERE rule = 'mention' AND target_id <> source_id
),
mentioning AS (SELECT DISTINCT message_id FROM mention)
SELECT c.partner AS answered, c.thread, CAST(c.is_sanction AS BIGINT) AS is_sanction,
       CASE WHEN q.partner = c.author OR n.target_id IS NOT NULL THEN 1 ELSE 0 END AS is_direct,
       CAST(FLOOR(LOG2(c.n_tokens + 1)) AS BIGINT) AS length
FROM {REPLY} AS c
JOIN {TURN} AS p ON p.id = c.parent
JOIN {TURN} AS u ON u.id = c.id
LEFT JOIN {REPLY} AS q ON q.id = c.parent
LEFT JOIN mentioning AS s ON s.message_id = p.message_id
LEFT JOIN mention AS n ON n.message_id = p.message_id AND n.target_id = u.agent_id
WHERE q.id IS NOT NULL OR s.message_id IS NOT NULL
ORDER BY c.id
"""
_NEXT_PARTNER = f"""
WITH event AS (
    SELECT partner AS author, moment, 0 AS is_own, id, thread, author AS other, is_sanction
    FROM {REPLY} WHERE moment IS NOT NULL
    UNION ALL
    SELECT author, moment, 1, id, thread, partner, is_sanction FROM {REPLY} WHERE moment IS NOT NULL
),
seen AS (
    SELECT *, MIN(CASE WHEN is_own = 1 THEN moment END) OVER (
               PARTITION BY author ORDER BY moment, is_own DESC, id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
           ) AS next_moment
    FROM event
),
own AS (SELECT author, moment, MIN(id) AS id FROM event WHERE is_own = 1 GROUP BY author, moment)
SELECT s.author, s.thread, o.id AS next_id, CAST(s.is_sanction AS BIGINT) AS is_sanction,
       CAST(e.partner <> s.other AS BIGINT) AS is_switch
FROM seen AS s
JOIN own AS o ON o.author = s.author AND o.moment = s.next_moment
JOIN {REPLY} AS e ON e.id = o.id
WHERE s.is_own = 0
ORDER BY s.id
"""
_NEXT_POST = f"""
WITH own AS (
    SELECT id, author, airs, LEAD(airs) OVER (PARTITION BY author ORDER BY moment, id) AS next_airs,
           LEAD(moment) OVER (PARTITION BY author ORDER BY moment, id) AS next_moment
    FROM {TURN} WHERE kind = 'post' AND moment IS NOT NULL
)
SELECT o.id, o.author, o.airs, o.next_airs - o.airs AS change, COUNT(*) AS replies,
       MAX(CAST(r.is_sanction AS BIGINT)) AS is_sanctioned
FROM own AS o JOIN {REPLY} AS r ON r.parent = o.id AND r.moment < o.next_moment
WHERE o.next_moment IS NOT NULL
GROUP BY o.id, o.author, o.airs, o.next_airs ORDER BY o.id
"""

DIRECT = Question(
    "direct_sanctions_more", "share of sanctions among replies of the addressed party less that among replies of "
    "others, within threads (association)", "sanction", "1[addressed party]", "thread", "answered author",
)  # fmt: skip
SWITCH = Question(
    "sanction_moves_partner", "share of next replies that go to another than the one who answered, after sanctions "
    "less after other replies that waited in the same thread (association)", "next reply to another", "1[sanction]",
    "next reply x thread", "answered author",
)  # fmt: skip
RISK = Question(
    "sanction_moves_risk", "AIRS of the next post less that of the answered one, after posts that drew a sanction less "
    "after posts of the same AIRS and about as many replies that drew none (association)", "change of AIRS",
    "1[sanctioned]", "AIRS x class of replies", "author",
)  # fmt: skip


def sanction_rows(
    con: duckdb.DuckDBPyConnection, turns: Turns, clock: Clock, sampling: Sampling, n_draws: int
) -> tuple[list[Measure], list[Estimate]]:
    """Compute rates of direct and third-party sanctions, partner switching, and the change of risk.

    Parameters
    ----------
    con
        Connection with the tables of `make_turns` and view ``interaction`` of one corpus.
    turns, clock
        What there is, and the window of the corpus.
    sampling
        Seed, draws and level.
    n_draws
        Dealings of the permutations.

    Returns
    -------
    tuple of list
        Measures: ``sanction_reply_share``, ``sanction_direct_rate``, ``sanction_third_party_rate``,
        ``sanction_direct_share``, ``sanctioned_switch_share``, ``unsanctioned_switch_share``,
        ``sanctioned_risk_change``. Estimates: hypotheses `DIRECT`, `SWITCH` and `RISK`.
    """
    every = con.sql(f"SELECT partner, CAST(is_sanction AS BIGINT) AS hit FROM {REPLY} ORDER BY id").pl()
    measures = [share_row("sanction_reply_share", ints(every, "hit"), ints(every, "partner"), "replies", sampling)]
    estimates: list[Estimate] = []
    for rows, tests in (_direct(con, sampling), _switch(con, turns, sampling), _risk(con, turns, sampling)):
        measures += rows
        for test in tests:
            estimates += test(sampling, clock, n_draws)
    return measures, estimates


Part = tuple[list[Measure], list[Contrast]]


def _direct(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> Part:
    frame = con.sql(_ADDRESSED).pl()
    hit, direct, cluster = (ints(frame, name) for name in ("is_sanction", "is_direct", "answered"))
    rows = [
        share_row(name, hit[direct == side], cluster[direct == side], "replies", sampling)
        for name, side in (("sanction_direct_rate", 1), ("sanction_third_party_rate", 0))
    ]
    rows.append(share_row("sanction_direct_share", direct[hit == 1], cluster[hit == 1], "sanctions", sampling,
                          words=["composition_sensitive"]))  # fmt: skip
    outcome = hit.astype(np.float64)
    alike = informative(outcome, direct, codes(frame, "thread", "length"), cluster)
    return rows, [
        Contrast(DIRECT, informative(outcome, direct, ints(frame, "thread"), cluster), words=("length_entangled",)),
        Contrast(DIRECT, alike, variant="same_length"),
    ]


def _switch(con: duckdb.DuckDBPyConnection, turns: Turns, sampling: Sampling) -> Part:
    frame = con.sql(_NEXT_PARTNER).pl()
    words = turns.words_of_order
    label, switch, author = (ints(frame, name) for name in ("is_sanction", "is_switch", "author"))
    rows = [
        share_row(name, switch[label == side], author[label == side], "replies", sampling, words=words)
        for name, side in (("sanctioned_switch_share", 1), ("unsanctioned_switch_share", 0))
    ]
    found = informative(switch.astype(np.float64), label, codes(frame, "next_id", "thread"), author)
    return rows, [Contrast(SWITCH, found, words=words)]


def _risk(con: duckdb.DuckDBPyConnection, turns: Turns, sampling: Sampling) -> Part:
    frame = con.sql(_NEXT_POST).pl().with_columns(level=pl.col("replies").log(2).floor().cast(pl.Int64))
    label, change, author = (ints(frame, name) for name in ("is_sanctioned", "change", "author"))
    stratum = codes(frame, "airs", "level")
    null = None
    if 0 < label.sum() < label.size:
        rng = stream(sampling.seed, "sanctioned_risk_change/null")
        draws = affordable(sampling.null_draws, label.size)
        deal = dealer(stratum)
        null_draws = np.array([change[deal(label, rng) == 1].mean() for _ in range(draws)])
        null = against("sanctions_dealt_within_airs_level", float(change[label == 1].mean()), null_draws)
    words = turns.words_of_order
    mean = share_row("sanctioned_risk_change", change[label == 1], author[label == 1], "posts", sampling,
                     few="few_posts", words=["regression_to_the_mean", *words], null=null, is_share=False)  # fmt: skip
    return [mean], [Contrast(RISK, informative(change.astype(np.float64), label, stratum, author), words=words)]
