"""Observations of all files become the tables of layer ``corpus``.

The rule of merging: observations of a key are ordered by time of observation, then by the date of their dump, then by
the digest of their file, then by position. The latest value that is not null wins, column by column, so that a thinner
record (a list without authors) never erases what a fuller one said; times are taken from the observation that has them
most precisely. The first observation is ``new``, a later one ``repeated`` when it says nothing else than the state
before it, else ``revised``. So the result does not depend on the order of files.
"""

from __future__ import annotations

import duckdb

from pipeline.ingest import erasure, events, references
from pipeline.ingest import sqltools as q
from pipeline.ingest.erase_list import EraseList

_LATEST = {
    "message": (
        "kind", "author_id", "author_name", "community_id", "parent_id", "root_id", "title", "content", "score",
        "upvotes", "downvotes", "claimed_comment_count", "is_deleted", "is_spam", "url", "flags", "run_id",
        "step", "extra",
    ),
    "agent": (
        "name", "persona", "karma", "followers", "following", "is_claimed", "is_deleted", "owner_handle", "owner_name",
        "owner_bio", "owner_followers", "display_name", "model", "agent_kind", "extra",
    ),
    "community": ("title", "description", "subscribers", "claimed_post_count", "extra"),
}  # fmt: skip
_STATE = {
    "message": (
        "title",
        "content",
        "score",
        "upvotes",
        "downvotes",
        "claimed_comment_count",
        "is_deleted",
        "is_spam",
    ),
    "agent": ("name", "persona", "karma", "followers", "following", "is_claimed", "is_deleted"),
    "community": ("title", "description", "subscribers", "claimed_post_count"),
}
# Flags are those of the latest record with a text, even when it has none; hash and length are of the merged text.
_LATEST_FLAGS = "nullif(arg_max(coalesce(flags, ''), k) FILTER (WHERE title IS NOT NULL OR content IS NOT NULL), '')"
_TEXT = ", left(sha256(coalesce(title, '') || chr(10) || coalesce(content, '')), 32), length(content)"
KEY = {"message": "message_id", "agent": "agent_id", "community": "community_id"}


def prepare(con: duckdb.DuckDBPyConnection, erase: EraseList) -> None:
    """Make what both `merge_messages` and `merge_agents` need, after which neither waits for the other.

    Needs the table ``files`` (file_no, source_file_id, path, digest_no, path_time) and the views ``st_*`` of `staging`.
    None of what is made holds what `erase` lists.
    """
    erasure.apply(con, erase)
    references.settle_revisions(con)
    _set_aside_clashes(con)
    references.name_communities(con)
    has_events = events.are_there(con)
    con.execute(_FILE_TIME.format(events=f" UNION ALL {events.TIMES_OF_EVENTS}" if has_events else ""))
    con.execute(_NAME_MAP.format(events=f" UNION ALL {events.NAMED_BY_EVENTS}" if has_events else ""))


def merge_messages(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``merged_message``, ``seen_message``, ``node`` and ``deep``, after `prepare`.

    ``node`` holds the merged messages without their texts; ``deep`` the depth of those of which `USUAL_DEPTH` does not
    tell it, null where their parents are not in the corpus.
    """
    con.execute(_SEEN_MESSAGE)
    _merge(con, "message")
    con.execute(_NODE)
    _walk(con)


def merge_agents(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``merged_agent``, ``merged_community`` and what `events` needs, after `prepare`."""
    for kind in ("agent", "community"):
        con.execute(_STATES.format(kind=kind))
    for statement in (_MENTIONED_AGENT, _SEEN_AGENT, _SEEN_AGENT_MENTIONS, _SEEN_COMMUNITY):
        con.execute(statement)
    events.resolve(con, has_events=events.are_there(con))
    for kind in ("agent", "community"):
        _merge(con, kind)


def account(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``outcome``, after all else."""
    con.execute(_outcome())
    events.account(con)


def _merge(con: duckdb.DuckDBPyConnection, kind: str) -> None:
    for statement in (_repeated_keys(kind), _ordered(kind), *_merged(kind, _said(con, kind))):
        con.execute(statement)


def _said(con: duckdb.DuckDBPyConnection, kind: str) -> frozenset[str]:
    """Return the columns in which any observation says something: of agents and communities, most say little.

    Of messages all: to look is to read their texts.
    """
    columns = _LATEST[kind]
    if kind == "message":
        return frozenset(columns)
    counts = con.sql(f"SELECT {', '.join(f'count({c})' for c in columns)} FROM seen_{kind}").fetchall()[0]
    return frozenset(c for c, count in zip(columns, counts, strict=True) if count)


_CLASHES = """
CREATE OR REPLACE TABLE clash AS
SELECT c.file_no, c.source_row, c.message_id FROM st_obs_message c
WHERE c.kind <> 'post' AND c.message_id IN (SELECT p.message_id FROM st_obs_message p WHERE p.kind = 'post')
"""


def _set_aside_clashes(con: duckdb.DuckDBPyConnection) -> None:
    """Quarantine comments that carry the id of a post: one row cannot be both."""
    con.execute(_CLASHES)
    if not con.sql("SELECT count(*) FROM clash").fetchall()[0][0]:
        return
    con.execute(
        "CREATE OR REPLACE TABLE kept_message AS SELECT o.* FROM st_obs_message o WHERE NOT EXISTS "
        "(SELECT 1 FROM clash c WHERE c.file_no = o.file_no AND c.source_row = o.source_row)"
    )
    con.execute(
        "CREATE OR REPLACE TABLE all_rejects AS SELECT * FROM st_obs_reject UNION ALL BY NAME "
        "SELECT file_no, source_row, 'id_of_another_kind' AS reason, "
        "'the comment has the id of a post; expected ids that name one message' AS detail FROM clash"
    )
    con.execute("CREATE OR REPLACE VIEW st_obs_message AS SELECT * FROM kept_message")
    con.execute("CREATE OR REPLACE VIEW st_obs_reject AS SELECT * FROM all_rejects")


# A record without a time of its own was observed no earlier than the newest record and the latest observation of its
# file, nor than the time in the name of the file.
_FILE_TIME = """
CREATE OR REPLACE TABLE file_time AS
SELECT f.file_no, greatest(f.path_time, n.newest) AS observed_at
FROM files f LEFT JOIN (SELECT file_no, max(created_at) AS newest FROM (
    SELECT file_no, greatest(created_at, observed_at) AS created_at FROM st_obs_message
    UNION ALL SELECT file_no, greatest(created_at, observed_at) FROM st_obs_agent
    UNION ALL SELECT file_no, observed_at FROM st_obs_community{events})
    GROUP BY file_no) n ON n.file_no = f.file_no
"""

# A handle stands for an id only while it belongs to a single one.
_NAME_MAP = """
CREATE OR REPLACE TABLE name_map AS
SELECT name, min(agent_id) AS agent_id FROM (
    SELECT name, agent_id FROM st_obs_agent WHERE name IS NOT NULL AND agent_id IS NOT NULL
    UNION ALL
    SELECT author_name, author_id FROM st_obs_message WHERE author_name IS NOT NULL AND author_id IS NOT NULL{events})
GROUP BY name HAVING count(DISTINCT agent_id) = 1
"""


# Of what a file's messages say of an agent or a community, the first and the last row of each state count, wherever the
# file was cut into batches. More of them change something only for a record that stands between them in the same file.
_STATES = f"""
CREATE OR REPLACE VIEW {{kind}}_state AS
SELECT * FROM st_obs_{{kind}}
WHERE is_record OR file_no NOT IN (SELECT file_no FROM st_obs_{{kind}} WHERE is_record)
UNION ALL BY NAME
SELECT * EXCLUDE (first, last), {q.both_ends("first", "last")} AS source_row
FROM (SELECT * EXCLUDE (source_row), min(source_row) AS first, max(source_row) AS last
      FROM st_obs_{{kind}}
      WHERE NOT is_record AND file_no IN (SELECT file_no FROM st_obs_{{kind}} WHERE is_record) GROUP BY ALL)
"""

_SEEN_MESSAGE = """
CREATE OR REPLACE VIEW seen_message AS
SELECT o.* REPLACE (coalesce(o.observed_at, t.observed_at) AS observed_at), f.digest_no, true AS is_record
FROM st_obs_message o JOIN files f ON f.file_no = o.file_no JOIN file_time t ON t.file_no = o.file_no
"""

_ROWS = 1 << 36  # more rows than a file has: where a file comes, and a row in it, as one number

# Authors that are known by id or handle alone say something only where no record of theirs was read: their handle,
# the latest one they were seen with.
_MENTIONED_AGENT = f"""
CREATE OR REPLACE TABLE mentioned_agent AS
WITH mentions AS (
    SELECT coalesce(o.author_id, m.agent_id, 'name:' || o.author_name) AS agent_id, o.author_name AS name,
           max(coalesce(o.observed_at, t.observed_at)) AS seen_at, max(o.created_at) AS written_at,
           min(f.digest_no * {_ROWS} + o.source_row) AS place
    FROM st_obs_message o JOIN files f ON f.file_no = o.file_no JOIN file_time t ON t.file_no = o.file_no
    LEFT JOIN name_map m ON m.name = o.author_name
    WHERE NOT o.has_author_record AND (o.author_id IS NOT NULL OR o.author_name IS NOT NULL)
    GROUP BY ALL
), ranked AS (
    SELECT agent_id, name, min(place) OVER (PARTITION BY agent_id) AS place,
           row_number() OVER (PARTITION BY agent_id ORDER BY name IS NULL, seen_at DESC NULLS LAST,
                              written_at DESC NULLS LAST, name) AS k
    FROM mentions
)
SELECT r.agent_id, r.name, f.file_no, r.place % {_ROWS} AS source_row, f.digest_no
FROM ranked r JOIN (SELECT digest_no, min(file_no) AS file_no FROM files GROUP BY digest_no) f
    ON f.digest_no = r.place // {_ROWS}
WHERE r.k = 1
"""
_SEEN_AGENT = """
CREATE OR REPLACE TABLE seen_agent AS
SELECT o.* REPLACE (coalesce(o.observed_at, t.observed_at) AS observed_at,
                    coalesce(o.agent_id, m.agent_id, 'name:' || o.name) AS agent_id), f.digest_no
FROM agent_state o JOIN files f ON f.file_no = o.file_no JOIN file_time t ON t.file_no = o.file_no
LEFT JOIN name_map m ON m.name = o.name
"""
_SEEN_AGENT_MENTIONS = """
INSERT INTO seen_agent BY NAME
SELECT a.agent_id, a.name, a.file_no, a.source_row, false AS is_record, a.digest_no
FROM mentioned_agent a WHERE NOT EXISTS (SELECT 1 FROM seen_agent s WHERE s.agent_id = a.agent_id)
"""

_SEEN_COMMUNITY = f"""
CREATE OR REPLACE TABLE seen_community AS
SELECT o.* REPLACE (coalesce(o.observed_at, t.observed_at) AS observed_at), f.digest_no
FROM community_state o JOIN files f ON f.file_no = o.file_no JOIN file_time t ON t.file_no = o.file_no
UNION ALL BY NAME
SELECT c.community_id, f.file_no, c.place % {_ROWS} AS source_row, false AS is_record, f.digest_no
FROM (SELECT o.community_id, min(f.digest_no * {_ROWS} + o.source_row) AS place
      FROM st_obs_message o JOIN files f ON f.file_no = o.file_no WHERE o.community_id IS NOT NULL
      GROUP BY o.community_id) c
JOIN (SELECT digest_no, min(file_no) AS file_no FROM files GROUP BY digest_no) f ON f.digest_no = c.place // {_ROWS}
WHERE NOT EXISTS (SELECT 1 FROM st_obs_community s WHERE s.community_id = c.community_id)
"""


def _repeated_keys(kind: str) -> str:
    key = KEY[kind]
    return (
        f"CREATE OR REPLACE TABLE repeated_{kind} AS SELECT {key} FROM seen_{kind} GROUP BY {key} HAVING count(*) > 1"
    )


# Copies of a file tie in all but their number; it settles which of them counts as the first.
_ORDER = "observed_at NULLS FIRST, dumped_at NULLS FIRST, digest_no, file_no, source_row"


def _recorded(kind: str) -> str:
    """Return the condition on a key that was seen more than once, and has a record; every message is one."""
    key = KEY[kind]
    is_repeated = f"{key} IN (SELECT {key} FROM repeated_{kind})"
    if kind == "message":
        return is_repeated
    return f"{is_repeated} AND {key} IN (SELECT {key} FROM seen_{kind} WHERE is_record)"


def _ordered(kind: str) -> str:
    """Return the statement that orders the observations of the keys that were seen more than once, as records too."""
    key = KEY[kind]
    window = f"PARTITION BY {key} ORDER BY {_ORDER}, is_record"
    same = " AND ".join(f"({c} IS NULL OR {c} IS NOT DISTINCT FROM lag({c} IGNORE NULLS) OVER w)" for c in _STATE[kind])
    return f"""
CREATE OR REPLACE TABLE ordered_{kind} AS
SELECT *, row_number() OVER w AS k, CASE WHEN is_record THEN row_number() OVER r END AS record_k,
       {same} AS says_nothing_new
FROM seen_{kind} WHERE {_recorded(kind)}
WINDOW w AS ({window}),
       r AS (PARTITION BY {key}, is_record ORDER BY {_ORDER})
"""


def _all_ordered(kind: str) -> str:
    """Return a query of all ordered observations: of mentions alone no more is asked than their order.

    They are most of them, and their rows are wide: only what orders them is sorted.
    """
    if kind == "message":
        return "ordered_message"
    key = KEY[kind]
    recorded = f"SELECT {key} FROM seen_{kind} WHERE is_record AND {key} IS NOT NULL"
    return f"""(
    SELECT * EXCLUDE (says_nothing_new) FROM ordered_{kind}
    UNION ALL BY NAME
    SELECT s.*, n.k, CAST(NULL AS BIGINT) AS record_k FROM seen_{kind} s JOIN (
        SELECT rowid AS place, row_number() OVER (PARTITION BY {key} ORDER BY {_ORDER}) AS k FROM seen_{kind}
        WHERE {key} IN (SELECT {key} FROM repeated_{kind})
        AND {key} NOT IN ({recorded})) n ON n.place = s.rowid)"""


def _merged(kind: str, said: frozenset[str]) -> tuple[str, str]:
    """Return the statements that merge the keys seen more than once, and show them beside the others.

    The others, nearly all of a corpus, stay where they are staged: their texts are read once, when they are written.
    """
    key, columns = KEY[kind], _LATEST[kind]
    latest = {c: f"arg_max({c}, k) FILTER (WHERE {c} IS NOT NULL)" if c in said else f"any_value({c})" for c in columns}
    if kind == "message":
        latest["flags"] = _LATEST_FLAGS
    merged = ", ".join(f"{expression} AS {c}" for c, expression in latest.items())
    finest = f"{q.precision_rank('at_precision')} * CAST(1000000000 AS BIGINT) - k"
    place = "coalesce(record_k, 0) * CAST(1000000000 AS BIGINT) + k"
    several = f"""
CREATE OR REPLACE TABLE several_{kind} AS
SELECT {key}, {merged},
       arg_min(created_at, {finest}) FILTER (WHERE created_at IS NOT NULL) AS created_at,
       arg_min(at_precision, {finest}) FILTER (WHERE created_at IS NOT NULL) AS at_precision,
       max(observed_at) AS observed_at, arg_max(file_no, {place}) AS file_no,
       arg_max(source_row, {place}) AS source_row, bool_or(is_record) AS has_profile
FROM {_all_ordered(kind)} GROUP BY {key}
"""
    staged, hashed = (", text_hash, n_chars", _TEXT) if kind == "message" else ("", "")
    others = ", ".join((key, *columns, "created_at", "at_precision", "observed_at", "file_no", "source_row"))
    return (
        several,
        f"""
CREATE OR REPLACE VIEW merged_{kind} AS
SELECT {others}, is_record AS has_profile{staged}
FROM seen_{kind} s WHERE NOT EXISTS (SELECT 1 FROM repeated_{kind} r WHERE r.{key} = s.{key})
UNION ALL
SELECT {others}, has_profile{hashed} FROM several_{kind}
""",
    )


def _outcome() -> str:
    """Return the statement that says of every record whether it was new, revised or repeated."""
    parts = []
    for kind, key in KEY.items():
        parts.append(
            f"SELECT file_no, source_row, 'new' AS outcome FROM seen_{kind} WHERE is_record AND {key} NOT IN "
            f"(SELECT {key} FROM repeated_{kind})"
        )
        parts.append(
            "SELECT file_no, source_row, CASE WHEN record_k = 1 THEN 'new' WHEN says_nothing_new THEN 'repeated' "
            f"ELSE 'revised' END FROM ordered_{kind} WHERE is_record"
        )
    parts.append("SELECT file_no, source_row, 'quarantined' FROM st_obs_reject")
    return "CREATE OR REPLACE TABLE outcome AS " + " UNION ALL ".join(parts)


_NODE = """
CREATE OR REPLACE TABLE node AS
SELECT message_id, kind, parent_id, root_id, n_chars FROM merged_message
"""
# Depth is recomputed from parents. A direct reply has depth 1 even when its post is not in the corpus, and whatever it
# answers: a repost is the start of comments of its own. Reposts and quotes count the hops from the first post.
# What a message says of itself is enough for nearly all of them: the others are walked to and kept in ``deep``.
_IS_START = "(kind = 'post' OR (kind <> 'comment' AND parent_id IS NULL))"
_IS_DIRECT = "(kind = 'comment' AND coalesce(parent_id = root_id, false))"
USUAL_DEPTH = f"CASE WHEN {_IS_START} THEN 0 WHEN {_IS_DIRECT} THEN 1 END"
_SETTING_OUT = (
    f"CREATE OR REPLACE TABLE orphan AS SELECT message_id, parent_id FROM node WHERE {_IS_DIRECT} AND NOT EXISTS "
    f"(SELECT 1 FROM (SELECT message_id AS start_id FROM node WHERE {_IS_START}) WHERE start_id = parent_id)",
    # Direct replies to what is no post: their depth is that of what they answer, and one more.
    "CREATE OR REPLACE TABLE misplaced AS SELECT message_id FROM orphan WHERE parent_id IN "
    "(SELECT message_id FROM node WHERE message_id IN (SELECT parent_id FROM orphan))",
    f"CREATE OR REPLACE TABLE pending AS SELECT message_id, kind, parent_id, root_id FROM node "
    f"WHERE NOT {_IS_START} AND (NOT {_IS_DIRECT} OR message_id IN (SELECT message_id FROM misplaced))",
    f"""
CREATE OR REPLACE TABLE reached AS
SELECT message_id, kind = 'comment' AS is_comment, {USUAL_DEPTH} AS depth, root_id FROM node
WHERE ({_IS_START} OR {_IS_DIRECT}) AND message_id NOT IN (SELECT message_id FROM misplaced)
""",
    "CREATE OR REPLACE TABLE deep (message_id VARCHAR, is_comment BOOLEAN, depth INTEGER, root_id VARCHAR)",
)
_NEXT = """
CREATE OR REPLACE TABLE reached AS
SELECT c.message_id, c.kind = 'comment' AS is_comment,
       CASE WHEN c.kind = 'comment' AND NOT w.is_comment THEN 1 ELSE w.depth + 1 END AS depth,
       coalesce(c.root_id, w.root_id) AS root_id
FROM {wide} JOIN {narrow} ON c.parent_id = w.message_id
"""
_UNREACHED = """
INSERT INTO deep
SELECT message_id, kind = 'comment', NULL, NULL FROM pending c
WHERE NOT EXISTS (SELECT 1 FROM deep d WHERE d.message_id = c.message_id)
"""


def _walk(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``deep``, level by level: a recursive query holds all levels in memory."""
    for statement in _SETTING_OUT:
        con.execute(statement)
    pending = con.sql("SELECT count(*) FROM pending").fetchall()[0][0]
    while reached := con.sql("SELECT count(*) FROM reached").fetchall()[0][0]:
        # The side that is written last is held in memory.
        sides = ("pending c", "reached w") if reached < pending else ("reached w", "pending c")
        con.execute(_NEXT.format(wide=sides[0], narrow=sides[1]))
        con.execute("INSERT INTO deep SELECT message_id, is_comment, depth, root_id FROM reached")
    con.execute(_UNREACHED)
