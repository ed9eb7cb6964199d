"""What records say of others by their ids: the community that an id means, and the message that a revision revises.

Both change the views ``st_*`` of `staging` before anything is merged; where there is nothing to change they only look.
"""

from __future__ import annotations

import duckdb

# The id of a community that goes by a name, where it is the id of no other one and no name.
_COMMUNITY_IDS = """
CREATE OR REPLACE TABLE community_of_id AS
SELECT given_id, min(community_id) AS community_id FROM st_obs_community
WHERE is_record AND given_id IS NOT NULL
GROUP BY given_id
HAVING count(DISTINCT community_id) = 1 AND min(community_id) <> given_id
   AND given_id NOT IN (SELECT s.community_id FROM st_obs_community s WHERE s.is_record)
"""


def name_communities(con: duckdb.DuckDBPyConnection) -> None:
    """Put the name of a community where a message or an event gives its id."""
    con.execute(_COMMUNITY_IDS)
    if not _any(con, "SELECT 1 FROM community_of_id"):
        return
    for view in ("st_obs_message", "st_obs_event"):
        if _any(con, f"SELECT 1 FROM {view} o WHERE o.community_id IN (SELECT given_id FROM community_of_id)"):
            _put_aside(con, view, "unnamed")
            con.execute(
                f"CREATE VIEW {view} AS SELECT o.* REPLACE (coalesce(i.community_id, o.community_id) "
                f"AS community_id) FROM unnamed_{view} o LEFT JOIN community_of_id i ON i.given_id = o.community_id"
            )


_REVISIONS = (
    """
CREATE OR REPLACE TABLE revision AS
SELECT r.* REPLACE (b.kind AS kind, nullif(r.root_id, r.message_id) AS root_id)
FROM unrevised_st_obs_message r LEFT JOIN (
    SELECT message_id, min(kind) AS kind FROM unrevised_st_obs_message WHERE kind <> 'revision' GROUP BY message_id
) b ON b.message_id = r.message_id
WHERE r.kind = 'revision'
""",
    """
CREATE VIEW st_obs_message AS
SELECT * FROM unrevised_st_obs_message WHERE kind <> 'revision'
UNION ALL BY NAME SELECT * FROM revision WHERE kind IS NOT NULL
""",
    """
CREATE VIEW st_obs_reject AS
SELECT * FROM unrevised_st_obs_reject
UNION ALL BY NAME
SELECT file_no, source_row, 'unresolved_target' AS reason,
       'no record makes the message that this one revises; expected its id' AS detail
FROM revision WHERE kind IS NULL
""",
)


def settle_revisions(con: duckdb.DuckDBPyConnection) -> None:
    """Give every revision the kind of its message; one of no message is quarantined."""
    if not _any(con, "SELECT 1 FROM st_obs_message WHERE kind = 'revision'"):
        return
    for view in ("st_obs_message", "st_obs_reject"):
        _put_aside(con, view, "unrevised")
    for statement in _REVISIONS:
        con.execute(statement)


def _put_aside(con: duckdb.DuckDBPyConnection, view: str, word: str) -> None:
    con.execute(f"DROP VIEW IF EXISTS {word}_{view}")
    con.execute(f"ALTER VIEW {view} RENAME TO {word}_{view}")


def _any(con: duckdb.DuckDBPyConnection, query: str) -> bool:
    return bool(con.sql(f"{query} LIMIT 1").fetchall())
