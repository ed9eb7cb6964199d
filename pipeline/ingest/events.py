"""Records of ties, reactions, memberships, exposures, labels and runs become rows of their tables.

Staging reads the temporary view ``placed`` and leaves ``obs_event``, one table for all kinds; merging resolves names,
sets apart what was read before, and turns the ties that crawls show into the events between them. A batch without
events stages none.
"""

from __future__ import annotations

import duckdb

from pipeline.ingest import mapping as m
from pipeline.ingest import sqltools as q

EVENT_KINDS = ("tie", "reaction", "membership", "exposure", "label", "run")
_LISTED = ", ".join(f"'{kind}'" for kind in EVENT_KINDS)
EVENT_RECORDS = f"records WHERE kind IN ({_LISTED})"
# Events that merging derives, or that community records give, are no records of their own.
DERIVED_MEMBERSHIPS = ("created_by", "moderators")

_FIELDS = (
    "run_id", "source_id", "source_name", "target_id", "target_name", "target_display", "relation", "agent_id",
    "agent_name", "message_id", "target_agent_id", "target_agent_name", "community_id", "action", "role", "type",
    "source", "origin", "at", "at_precision", "step", "system", "scenario", "model", "seed", "clock", "target_kind",
    "scheme", "value",
)  # fmt: skip
_IDENTITY = (
    "kind", "run_id", "source", "target", "message_id", "community_id", "what", "action", "role", "origin",
    "event_at", "step", "target_kind", "value",
)  # fmt: skip
_RUN_STATE = ("system", "scenario", "model", "seed", "clock")


def event_sql() -> str:
    """Return the statement that makes ``obs_event`` from the records of events."""
    f = {name: q.null_if_word(f'e."{name}"') for name in _FIELDS}
    names = {name: m.handle(f"e.{name}") for name in ("source_name", "target_name", "agent_name", "target_agent_name")}
    derived = ", ".join(f"'{word}'" for word in DERIVED_MEMBERSHIPS)
    return f"""
CREATE OR REPLACE TEMP TABLE obs_event AS
WITH parsed AS (
    SELECT file_no, source_row, kind, {m.transform("rec", dict.fromkeys(_FIELDS, "VARCHAR"))} AS e
    FROM placed WHERE kind IN ({_LISTED})
), cleaned AS (
    SELECT file_no, source_row, kind, {f["run_id"]} AS run_id,
           coalesce({q.identifier("e.source_id")}, {q.identifier("e.agent_id")}) AS source_id,
           coalesce({names["source_name"]}, {names["agent_name"]}) AS source_name,
           coalesce({q.identifier("e.target_id")}, {q.identifier("e.target_agent_id")}) AS target_id,
           coalesce({names["target_name"]}, {names["target_agent_name"]}) AS target_name,
           {q.named("e.target_display")} AS target_display, {q.identifier("e.message_id")} AS message_id,
           {q.named("e.community_id")} AS community_id, coalesce({f["relation"]}, {f["type"]}, {f["scheme"]}) AS what,
           {f["action"]} AS action, {f["role"]} AS role, coalesce({f["origin"]}, {f["source"]}) AS origin,
           {f["at"]} AS at_text, {q.known_precision(f["at_precision"])} AS given, {q.integer("e.step")} AS step,
           {f["system"]} AS system, {f["scenario"]} AS scenario, {f["model"]} AS model,
           {q.integer("e.seed")} AS seed, {f["clock"]} AS clock, {f["target_kind"]} AS target_kind,
           {q.named("e.value")} AS value
    FROM parsed
), timed AS (
    SELECT * REPLACE (CASE WHEN kind = 'membership' AND origin IN ({derived}) THEN 'record' ELSE origin END AS origin),
           {q.instant("at_text")} AS event_at FROM cleaned
)
SELECT * EXCLUDE (at_text, given),
       CASE WHEN event_at IS NOT NULL THEN coalesce(given, {q.precision("at_text")}) END AS at_precision,
       {_FAULT} AS fault
FROM timed
"""


_FAULT = f"""CASE
    WHEN greatest(length(run_id), length(source_id), length(source_name), length(target_id), length(target_name),
                  length(target_display), length(message_id), length(community_id)) > {q.MAX_ID_CHARS}
         THEN 'id_too_long'
    WHEN kind = 'run' THEN CASE WHEN run_id IS NULL OR run_id = 'observed' THEN 'incomplete_event' END
    WHEN kind = 'label' THEN CASE WHEN target_id IS NULL OR what IS NULL OR value IS NULL OR target_kind IS NULL
         OR target_kind NOT IN ('message', 'agent', 'community') THEN 'incomplete_event' END
    WHEN coalesce(source_id, source_name) IS NULL THEN 'incomplete_event'
    WHEN kind = 'tie' AND (coalesce(target_id, target_name, target_display) IS NULL OR what IS NULL OR action IS NULL
         OR what NOT IN ('follow', 'mute', 'friend') OR action NOT IN ('add', 'remove', 'present'))
         THEN 'incomplete_event'
    WHEN kind = 'reaction' AND what IS NULL THEN 'incomplete_event'
    WHEN kind = 'membership' AND (community_id IS NULL OR action IS NULL) THEN 'incomplete_event'
    WHEN kind = 'exposure' AND message_id IS NULL THEN 'incomplete_event' END"""


def are_there(con: duckdb.DuckDBPyConnection) -> bool:
    """Tell whether any event was staged."""
    return bool(con.sql("SELECT count(*) FROM st_obs_event").fetchall()[0][0])


# Pairs of handle and id that events give, for the map of names; times, for the age of a file.
NAMED_BY_EVENTS = (
    "SELECT source_name, source_id FROM st_obs_event WHERE source_name IS NOT NULL AND source_id IS NOT NULL "
    "UNION ALL SELECT target_name, target_id FROM st_obs_event WHERE target_name IS NOT NULL AND target_id IS NOT NULL"
)
TIMES_OF_EVENTS = "SELECT file_no, event_at FROM st_obs_event"

# A display name stands for an account only while exactly one account of the corpus has it.
_DISPLAY_MAP = """
CREATE OR REPLACE TABLE display_map AS
SELECT display_name, min(agent_id) AS agent_id FROM seen_agent WHERE display_name IS NOT NULL
GROUP BY display_name HAVING count(DISTINCT agent_id) = 1
"""
_RESOLVED = f"""
CREATE OR REPLACE TABLE resolved_event AS
SELECT e.*, coalesce(e.source_id, s.agent_id, 'name:' || e.source_name) AS source,
       coalesce(e.target_id, t.agent_id, 'name:' || e.target_name, d.agent_id, 'name:' || e.target_display) AS target,
       coalesce(e.target_id, e.target_name, d.agent_id) IS NOT NULL AS is_account, f.digest_no, f.path, f.path_time,
       {q.precision_rank("e.at_precision")} AS fineness
FROM (SELECT * REPLACE (CASE WHEN kind = 'run' THEN run_id ELSE coalesce(run_id, 'observed') END AS run_id)
      FROM st_obs_event) e
JOIN files f ON f.file_no = e.file_no
LEFT JOIN name_map s ON s.name = e.source_name
LEFT JOIN name_map t ON t.name = e.target_name
LEFT JOIN display_map d ON d.display_name = e.target_display
"""
_PLACE = "digest_no, file_no, source_row"
_EVENT = f"""
CREATE OR REPLACE TABLE event AS
SELECT *, row_number() OVER (PARTITION BY {", ".join(_IDENTITY)} ORDER BY fineness, {_PLACE}) AS k
FROM resolved_event WHERE kind <> 'run' AND action IS DISTINCT FROM 'present'
"""

# The ties that a crawl shows. The crawl is a folder named crawl*, or a day of a file; its time that of its last line.
_SHOWN = f"""
CREATE OR REPLACE TABLE shown_tie AS
WITH placed_tie AS (
    SELECT *, coalesce(nullif(regexp_extract(path, '^(|.*/)(crawl[^/]*)/', 0), ''),
                       concat_ws(chr(31), path, CAST(CAST(event_at AS DATE) AS VARCHAR))) AS crawl
    FROM resolved_event WHERE kind = 'tie' AND action = 'present'
), clocked AS (
    SELECT * EXCLUDE (event_at), max(coalesce(event_at, path_time)) OVER (PARTITION BY run_id, what, crawl) AS event_at
    FROM placed_tie
), numbered AS (
    SELECT *, dense_rank() OVER (PARTITION BY run_id, what ORDER BY event_at NULLS FIRST) AS crawl_no FROM clocked
), first_lines AS (
    SELECT *, row_number() OVER (PARTITION BY run_id, what, source, target, crawl_no ORDER BY {_PLACE}) AS line_no,
           max(crawl_no) OVER (PARTITION BY run_id, what) AS last_no
    FROM numbered
)
SELECT *, line_no = 1 AND lag(crawl_no) OVER w IS DISTINCT FROM crawl_no - 1 AS is_add,
       line_no = 1 AND crawl_no < last_no AND lead(crawl_no) OVER w IS DISTINCT FROM crawl_no + 1 AS is_last
FROM first_lines WINDOW w AS (PARTITION BY run_id, what, source, target, line_no = 1 ORDER BY crawl_no)
"""
_CRAWL_TIMES = """
CREATE OR REPLACE TABLE crawl_time AS
SELECT run_id, what, crawl_no, min(event_at) AS event_at, max(coalesce(at_precision, 'day')) AS at_precision
FROM shown_tie GROUP BY run_id, what, crawl_no
"""

_RUN_ORDER = f"PARTITION BY run_id ORDER BY {_PLACE}"
_RUN_RECORD = f"""
CREATE OR REPLACE TABLE run_record AS
SELECT *, row_number() OVER w AS k, {
    " AND ".join(f"({c} IS NULL OR {c} IS NOT DISTINCT FROM lag({c} IGNORE NULLS) OVER w)" for c in _RUN_STATE)
} AS says_nothing_new
FROM resolved_event WHERE kind = 'run' WINDOW w AS ({_RUN_ORDER})
"""
_OUTCOME = """
INSERT INTO outcome
SELECT file_no, source_row, CASE WHEN k = 1 THEN 'new' ELSE 'repeated' END FROM event
UNION ALL SELECT file_no, source_row, CASE WHEN is_add THEN 'new' ELSE 'repeated' END FROM shown_tie
UNION ALL SELECT file_no, source_row, CASE WHEN k = 1 THEN 'new' WHEN says_nothing_new THEN 'repeated' ELSE 'revised'
          END FROM run_record
"""

# Accounts that only events name are agents of the corpus too; what is labelled need not be in it.
_MENTIONED = f"""
INSERT INTO seen_agent BY NAME
WITH mentions AS (
    SELECT source AS agent_id, source_name AS name, * EXCLUDE (source, source_name) FROM resolved_event
    WHERE kind NOT IN ('run', 'label')
    UNION ALL BY NAME
    SELECT target AS agent_id, target_name AS name, * EXCLUDE (target, target_name) FROM resolved_event
    WHERE is_account AND kind <> 'label'
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY agent_id
                                 ORDER BY name IS NULL, event_at DESC NULLS LAST, {_PLACE}, name) AS k
    FROM mentions
)
SELECT agent_id, name, file_no, source_row, false AS is_record, digest_no FROM ranked r
WHERE k = 1 AND NOT EXISTS (SELECT 1 FROM seen_agent s WHERE s.agent_id = r.agent_id)
"""
_MENTIONED_COMMUNITY = f"""
INSERT INTO seen_community BY NAME
SELECT community_id, file_no, source_row, false AS is_record, digest_no
FROM (SELECT *, row_number() OVER (PARTITION BY community_id ORDER BY {_PLACE}) AS k FROM resolved_event
      WHERE kind = 'membership') e
WHERE k = 1 AND NOT EXISTS (SELECT 1 FROM seen_community s WHERE s.community_id = e.community_id)
"""


def resolve(con: duckdb.DuckDBPyConnection, *, has_events: bool) -> None:
    """Make ``event``, ``shown_tie``, ``crawl_time`` and ``run_record``; add the agents and communities they name."""
    statements = (_DISPLAY_MAP, _RESOLVED, _EVENT, _SHOWN, _CRAWL_TIMES, _RUN_RECORD)
    for statement in statements:
        con.execute(statement)
    if has_events:
        con.execute(_MENTIONED)
        con.execute(_MENTIONED_COMMUNITY)


def account(con: duckdb.DuckDBPyConnection) -> None:
    """Add to ``outcome`` what became of every record of an event."""
    con.execute(_OUTCOME)


EVENT_QUERIES: dict[str, str] = {
    "tie_event": """
(SELECT run_id, source AS source_id, target AS target_id, what AS relation, action, event_at AS "at", at_precision,
        step, origin
 FROM event WHERE kind = 'tie' AND k = 1
 UNION ALL
 SELECT run_id, source, target, what, 'add', event_at,
        coalesce(at_precision, CASE WHEN event_at IS NOT NULL THEN 'day' END), CAST(NULL AS BIGINT), 'snapshot'
 FROM shown_tie WHERE is_add
 UNION ALL
 SELECT s.run_id, s.source, s.target, s.what, 'remove', c.event_at,
        CASE WHEN c.event_at IS NOT NULL THEN c.at_precision END, CAST(NULL AS BIGINT), 'snapshot'
 FROM shown_tie s JOIN crawl_time c ON c.run_id = s.run_id AND c.what = s.what AND c.crawl_no = s.crawl_no + 1
 WHERE s.is_last)
""",
    "reaction": """
(SELECT run_id, source AS agent_id, message_id, target AS target_agent_id, what AS type, event_at AS "at",
        at_precision, step
 FROM event WHERE kind = 'reaction' AND k = 1)
""",
    "exposure": """
(SELECT run_id, source AS agent_id, message_id, event_at AS "at", at_precision, step, origin AS source
 FROM event WHERE kind = 'exposure' AND k = 1)
""",
    "label": """
(SELECT target_kind, target AS target_id, what AS scheme, value, origin FROM event WHERE kind = 'label' AND k = 1)
""",
    "membership_event": """
(SELECT DISTINCT 'observed' AS run_id, coalesce(s.agent_id, n.agent_id, 'name:' || s.agent_name) AS agent_id,
        s.community_id, s.action, CAST(NULL AS TIMESTAMP) AS "at", CAST(NULL AS VARCHAR) AS at_precision,
        CAST(NULL AS BIGINT) AS step, s.role, s.origin
 FROM st_obs_membership s LEFT JOIN name_map n ON n.name = s.agent_name
 WHERE s.community_id IS NOT NULL AND (s.agent_id IS NOT NULL OR s.agent_name IS NOT NULL)
 UNION ALL
 SELECT run_id, source, community_id, action, event_at, at_precision, step, role, origin
 FROM event WHERE kind = 'membership' AND k = 1)
""",
}

# Runs that have a record, and those that messages or events name without one (these have no clock).
RUNS = f"""
WITH recorded AS (
    SELECT run_id, {", ".join(f"arg_max({c}, k) FILTER (WHERE {c} IS NOT NULL) AS {c}" for c in _RUN_STATE)}
    FROM run_record GROUP BY run_id
), named AS (
    SELECT run_id FROM seen_message UNION SELECT run_id FROM event UNION SELECT run_id FROM shown_tie
)
SELECT run_id, system, scenario, model, seed, coalesce(clock, 'time') AS clock FROM recorded
UNION ALL
SELECT run_id, NULL, NULL, NULL, NULL, NULL FROM named
WHERE run_id IS NOT NULL AND run_id <> 'observed' AND run_id NOT IN (SELECT run_id FROM recorded)
ORDER BY run_id
"""
IS_OBSERVED = (
    "SELECT (SELECT count(*) FROM seen_message WHERE run_id IS NULL OR run_id = 'observed') "
    "+ (SELECT count(*) FROM event WHERE run_id = 'observed' AND kind <> 'label') "
    "+ (SELECT count(*) FROM shown_tie WHERE run_id = 'observed')"
)
