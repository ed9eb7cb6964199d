"""From observed changes of ties to intervals in which a tie stood.

What belongs here: the SQL of table ``tie``. What does not: networks of a week (`pipeline.network.snapshots`).

Rules
-----
An event joins when source and target are different agents of the corpus; the rest is counted by
`tie_event_counts` and dropped. Events of a pair and relation are read in the order of time, then step; where
neither is known they come first. An add and a remove at the same instant cancel. Repeated adds keep the first,
repeated removes the first. An add opens an interval, the next remove closes it; a remove that nothing opened
closes an interval whose start is unknown (``start_at`` null), since the tie must have stood before. An add without
a time opens an interval with unknown start too.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from pipeline.network.clock import clock_words, known_window

RELATIONS = ("follow", "friend")
"""Relations that are networks of affinity; a mute is not. ``friend`` has rows only where a corpus has such ties."""

_INTERVALS = f"""
WITH moment AS (
    SELECT e.source_id, e.target_id, e.relation, e.at AS happened_at, e.step,
           min(e.action) AS action, min(e.origin) AS origin,
           min(CASE WHEN {known_window("e.at", "e.at_precision")} THEN 1 ELSE 0 END) AS in_week
    FROM tie_event AS e
    JOIN (SELECT DISTINCT agent_id FROM agent) AS s ON s.agent_id = e.source_id
    JOIN (SELECT DISTINCT agent_id FROM agent) AS t ON t.agent_id = e.target_id
    WHERE e.source_id <> e.target_id AND e.action IN ('add', 'remove')
    GROUP BY e.source_id, e.target_id, e.relation, e.at, e.step
    HAVING min(e.action) = max(e.action)
),
followed AS (
    SELECT *, lag(action) OVER (
        PARTITION BY source_id, target_id, relation ORDER BY happened_at NULLS FIRST, step NULLS FIRST
    ) AS before
    FROM moment
),
change AS (
    SELECT source_id, target_id, relation, action, happened_at, origin, in_week, before,
           lead(action) OVER change_order AS closing, lead(happened_at) OVER change_order AS closed_at,
           lead(in_week) OVER change_order AS closed_in_week
    FROM followed WHERE before IS NULL OR before <> action
    WINDOW change_order AS (
        PARTITION BY source_id, target_id, relation ORDER BY happened_at NULLS FIRST, step NULLS FIRST
    )
)
SELECT source_id, target_id, relation, happened_at AS start_at, closed_at AS end_at,
       coalesce(origin, 'observed') AS origin, closing IS NULL AS is_standing,
       in_week = 1 AND coalesce(closed_in_week, 1) = 1 AS is_known_to_week
FROM change WHERE action = 'add'
UNION ALL
SELECT source_id, target_id, relation, CAST(NULL AS TIMESTAMP), happened_at,
       coalesce(origin, 'observed'), false, in_week = 1
FROM change WHERE action = 'remove' AND before IS NULL
"""

_COUNTS = f"""
SELECT count(*) AS events,
       count(*) FILTER (WHERE e.source_id = e.target_id) AS to_self,
       count(*) FILTER (WHERE e.source_id <> e.target_id AND (s.agent_id IS NULL OR t.agent_id IS NULL)) AS dangling,
       count(*) FILTER (WHERE e.at IS NOT NULL) AS timed,
       count(*) FILTER (WHERE {known_window("e.at", "e.at_precision")}) AS known,
       count(*) FILTER (WHERE e.step IS NOT NULL) AS stepped
FROM tie_event AS e
LEFT JOIN (SELECT DISTINCT agent_id FROM agent) AS s ON s.agent_id = e.source_id
LEFT JOIN (SELECT DISTINCT agent_id FROM agent) AS t ON t.agent_id = e.target_id
WHERE e.relation = ?
"""


@dataclass(frozen=True, slots=True)
class TieEventCounts:
    """Events of one relation.

    Attributes
    ----------
    events, to_self, dangling
        All; those from an agent to itself; those of which an end is no agent of the corpus.
    timed, known, stepped
        Those with a time, with a time known to the week, with a step.
    """

    events: int
    to_self: int
    dangling: int
    timed: int
    known: int
    stepped: int


def interval_sql() -> str:
    """Return the SELECT of all intervals of views ``tie_event`` and ``agent``.

    Returns
    -------
    str
        Columns source_id, target_id, relation, start_at, end_at, origin (of the event that opened the interval,
        or of the remove where the start is unknown), is_standing, is_known_to_week (the ends that there are tell
        their week; a start before the first observation needs none). Unordered, without parameters.
    """
    return _INTERVALS


def tie_sql() -> str:
    """Return the SELECT that makes table ``tie``: the intervals that the table can tell apart.

    Under a clock of steps no interval has a time, and a tie that ended could not be told from one that stands:
    there, only ties that stand at the end have a row.
    """
    return f"""
SELECT source_id, target_id, relation, start_at, end_at, origin FROM ({_INTERVALS}) AS i
WHERE (is_standing OR end_at IS NOT NULL) AND (start_at IS NULL OR end_at IS NULL OR start_at < end_at)
"""


def tie_event_counts(con: duckdb.DuckDBPyConnection, relation: str) -> TieEventCounts:
    """Count the events of a relation and those that make no tie."""
    return TieEventCounts(*(int(count) for count in con.sql(_COUNTS, params=[relation]).fetchall()[0]))


def tie_words(counts: TieEventCounts, unknown_starts: int) -> tuple[str, ...]:
    """Return the warnings on the ties of a relation: their clock, and what makes no tie or has no start."""
    words = list(clock_words(counts.events, counts.timed, counts.known, counts.stepped))
    words += ["self_ties_dropped"] if counts.to_self else []
    words += ["dangling_ties_dropped"] if counts.dangling else []
    return (*words, *(["unknown_tie_start"] if unknown_starts else []))
