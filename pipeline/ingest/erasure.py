"""Agents and messages of the erase list leave the staged observations, before anything is merged.

What belongs here: finding all that is theirs, and accounting for it. A row that is removed is quarantined with the
reason ``erased`` and without excerpt, so every row read is still accounted for; apart from that and from positions in
the files, the tables are those of dumps that never held the rows.

Whose is what: an agent is listed by its id or by any handle that it was seen with; rows that give a handle alone are
taken for the agent's. With an agent go its records, its messages, its memberships and every event on either side of it,
and with a message the events about it. Answers of others stay, and name a parent that is not there. What an erased
message says of its community, or of an author who is not listed, stays only where the same file says it in a message
that stays.
"""

from __future__ import annotations

import re

import duckdb
import polars as pl

from pipeline.ingest.erase_list import HASHED, EraseList

_VIEWS = ("obs_message", "obs_agent", "obs_community", "obs_membership", "obs_event", "obs_reject")

_SEEN = """
CREATE OR REPLACE TABLE seen_name AS
SELECT DISTINCT agent_id, name, display FROM (
    SELECT agent_id, name, display_name AS display FROM all_obs_agent
    UNION ALL SELECT author_id, author_name, NULL FROM all_obs_message
    UNION ALL SELECT agent_id, agent_name, NULL FROM all_obs_membership
    UNION ALL SELECT source_id, source_name, NULL FROM all_obs_event
    UNION ALL SELECT target_id, target_name, target_display FROM all_obs_event)
"""


def _is_listed(column: str, kind: str) -> str:
    return (
        f"({column} IN (SELECT value FROM erase_entry WHERE kind = '{kind}' AND NOT is_hashed) OR "
        f"sha256({column}) IN (SELECT value FROM erase_entry WHERE kind = '{kind}' AND is_hashed))"
    )


def _is_named(column: str) -> str:
    """Return SQL for whether a handle is listed; handles are the same in any case of their letters."""
    entries = "SELECT lower(value) FROM erase_entry WHERE kind = 'agent' AND NOT is_hashed"
    hashed = f"{_is_listed(column, 'agent')} OR {_is_listed(f'lower({column})', 'agent')}"
    return f"(lower({column}) IN ({entries}) OR {hashed})"


_ERASED = (
    f"""
CREATE OR REPLACE TABLE erased_id AS
SELECT DISTINCT agent_id FROM seen_name
WHERE agent_id IS NOT NULL AND ({_is_listed("agent_id", "agent")} OR coalesce({_is_named("name")}, false))
""",
    f"""
CREATE OR REPLACE TABLE erased_name AS
SELECT DISTINCT name FROM seen_name
WHERE name IS NOT NULL AND (coalesce({_is_named("name")}, false)
                            OR agent_id IN (SELECT agent_id FROM erased_id))
""",
    """
CREATE OR REPLACE TABLE erased_display AS
SELECT DISTINCT display FROM seen_name
WHERE display IS NOT NULL AND (agent_id IN (SELECT agent_id FROM erased_id)
                               OR (agent_id IS NULL AND name IN (SELECT name FROM erased_name)))
""",
)


def _is_erased(ident: str, name: str) -> str:
    """Return SQL for whether an agent is erased, of which a row gives the id, the name or both; never null."""
    return (
        f"CASE WHEN {ident} IS NOT NULL THEN {ident} IN (SELECT agent_id FROM erased_id) "
        f"WHEN {name} IS NOT NULL THEN {name} IN (SELECT name FROM erased_name) ELSE false END"
    )


# A display name stands for an account only where nothing better is given.
_BY_DISPLAY = "target_id IS NULL AND target_name IS NULL AND target_display IN (SELECT display FROM erased_display)"
_IS_ERASED_EVENT = f"""(kind <> 'run' AND (
    {_is_erased("source_id", "source_name")} OR {_is_erased("target_id", "target_name")}
    OR coalesce({_BY_DISPLAY}, false) OR coalesce(message_id IN (SELECT message_id FROM erased_message), false)
    OR (kind = 'label' AND target_kind = 'message' AND target_id IN (SELECT message_id FROM erased_message))))"""

_GONE = (
    f"""
CREATE OR REPLACE TABLE erased_message AS
SELECT DISTINCT message_id FROM all_obs_message
WHERE {_is_listed("message_id", "message")} OR {_is_erased("author_id", "author_name")}
""",
    f"""
CREATE OR REPLACE TABLE erased_row AS
SELECT file_no, source_row, 'message' AS kind FROM all_obs_message
WHERE message_id IN (SELECT message_id FROM erased_message)
UNION ALL
SELECT file_no, source_row, 'agent' FROM all_obs_agent WHERE is_record AND {_is_erased("agent_id", "name")}
UNION ALL
SELECT file_no, source_row, 'event' FROM all_obs_event WHERE {_IS_ERASED_EVENT}
""",
)

_IS_OF_ERASED_MESSAGE = (
    "EXISTS (SELECT 1 FROM erased_row r WHERE r.kind = 'message' AND r.file_no = o.file_no "
    "AND r.source_row = o.source_row)"
)
_LEFT = (
    """
CREATE OR REPLACE VIEW st_obs_message AS
SELECT * FROM all_obs_message WHERE message_id NOT IN (SELECT message_id FROM erased_message)
""",
    f"""
CREATE OR REPLACE VIEW st_obs_agent AS
SELECT * FROM all_obs_agent o
WHERE NOT {_is_erased("agent_id", "name")} AND (is_record OR NOT {_IS_OF_ERASED_MESSAGE} OR EXISTS (
    SELECT 1 FROM st_obs_message m WHERE m.file_no = o.file_no
    AND coalesce(m.author_id, 'name:' || m.author_name) = coalesce(o.agent_id, 'name:' || o.name)))
""",
    f"""
CREATE OR REPLACE VIEW st_obs_community AS
SELECT * FROM all_obs_community o
WHERE is_record OR NOT {_IS_OF_ERASED_MESSAGE} OR EXISTS (
    SELECT 1 FROM st_obs_message m WHERE m.file_no = o.file_no AND m.community_id = o.community_id)
""",
    f"""
CREATE OR REPLACE VIEW st_obs_membership AS
SELECT * FROM all_obs_membership WHERE NOT {_is_erased("agent_id", "agent_name")}
""",
    f"CREATE OR REPLACE VIEW st_obs_event AS SELECT * FROM all_obs_event WHERE NOT {_IS_ERASED_EVENT}",
    """
CREATE OR REPLACE VIEW st_obs_reject AS
SELECT * REPLACE (CASE WHEN EXISTS (SELECT 1 FROM erased_token t WHERE contains(excerpt, t.token)) THEN '' ELSE excerpt
                  END AS excerpt) FROM all_obs_reject
UNION ALL BY NAME
SELECT file_no, source_row, 'erased' AS reason,
       'the ' || kind || ' is of an agent, or a message, that data/erase.toml lists' AS detail,
       '' AS excerpt
FROM erased_row
""",
)
# What an excerpt of another row may not show.
_TOKENS = """
CREATE OR REPLACE TABLE erased_token AS
SELECT agent_id AS token FROM erased_id UNION SELECT name FROM erased_name UNION SELECT display FROM erased_display
UNION SELECT message_id FROM erased_message
"""


_TOUCHED = f"""
SELECT file_no FROM erased_row
UNION SELECT file_no FROM all_obs_agent WHERE {_is_erased("agent_id", "name")}
UNION SELECT file_no FROM ({{memberships}}) WHERE {_is_erased("agent_id", "agent_name")}
UNION SELECT file_no FROM all_obs_reject WHERE EXISTS (SELECT 1 FROM erased_token t WHERE contains(excerpt, t.token))
"""


def touched(con: duckdb.DuckDBPyConnection, memberships: str) -> frozenset[int]:
    """Return the numbers of the files in which anything was erased, after `apply` of a list that is not empty.

    Parameters
    ----------
    con
        The connection of the ingestion.
    memberships
        A SELECT of the memberships with the numbers of their files, which those that are merged do not have.
    """
    return frozenset(number for (number,) in con.sql(_TOUCHED.format(memberships=memberships)).fetchall())


def apply(con: duckdb.DuckDBPyConnection, erase: EraseList) -> None:
    """Take what is listed out of the views ``st_*`` of all staged observations; nothing happens for an empty list.

    Parameters
    ----------
    con
        The connection of the ingestion, with the views.
    erase
        The list.
    """
    if not erase:
        return
    entries = [
        (kind, value) for kind, values in (("agent", erase.agents), ("message", erase.messages)) for value in values
    ]
    frame = pl.DataFrame(
        {
            "kind": [kind for kind, _ in entries],
            "value": [value.removeprefix(HASHED) for _, value in entries],
            "is_hashed": [value.startswith(HASHED) for _, value in entries],
        }
    )
    con.register("erase_frame", frame.to_arrow())
    con.execute("CREATE OR REPLACE TABLE erase_entry AS SELECT * FROM erase_frame")
    con.unregister("erase_frame")
    for view in _VIEWS:
        con.execute(f"DROP VIEW IF EXISTS all_{view}")
        con.execute(f"ALTER VIEW st_{view} RENAME TO all_{view}")
    for statement in (_SEEN, *_ERASED, *_GONE, _TOKENS, *_LEFT):
        con.execute(statement)


def without_erased(con: duckdb.DuckDBPyConnection, files: pl.DataFrame) -> pl.DataFrame:
    """Return files in whose paths nobody is named who is erased: collectors name files after agents and messages.

    Parameters
    ----------
    con
        The connection of the ingestion, after `apply`.
    files
        A frame with the columns ``path`` and ``source_file_id``.
    """
    if not con.sql("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'erased_token'").fetchall()[0][0]:
        return files
    tokens = {token.lower() for (token,) in con.sql("SELECT token FROM erased_token").fetchall()}
    paths = [_without(path, tokens, file) for path, file in zip(files["path"], files["source_file_id"], strict=True)]
    return files.with_columns(pl.Series("path", paths, pl.String))


def _without(path: str, tokens: set[str], file: str) -> str:
    """Return a path without the names of erased agents and messages, whole or up to a full stop; still one of its own.

    The rest of a path that is cut at its names says nothing else than before.
    """
    parts = path.split("/")
    for number, part in enumerate(parts):
        stems = [part[: match.start()] for match in re.finditer(r"[.]|$", part)]
        if stem := next((stem for stem in reversed(stems) if stem.lower() in tokens), None):
            parts[number] = f"erased-{file[:8]}{part[len(stem) :]}"
    return "/".join(parts)
