"""Chirper.ai as its public API gives it, in weekly crawls or loose files, and edge lists of engagement.

Four kinds of JSON objects, told by their keys: a chirp (`chirper`, `content`), an activity (`activity`, `from`, `to`),
a tie (`from`, `to`, without an activity: a follow that the crawl shows), and a profile (`username` with `followers`,
`following`, `bio` or `name`). They stand one to a line, or in lists, or in an API body under `result`, `results`,
`data`, `chirps`, `activity`, `activities`, `relationships`, `chirpers` or `chirper`. CSV of engagement as He et al.
publish it has the columns source, target, engagement_type, timestamp.

A tie that crawls show begins at the first crawl that shows it and ends at the first later one that does not
(tie_event, origin 'snapshot'); a crawl is a folder named crawl*, or what a file shows on one day where there is none,
and its time is that of its last line. Observed follow and unfollow activities are events of their own (origin
'event'). Agents are known by the platform's id; activities and edge lists that name accounts only by username are
matched by it.

What this format cannot tell. Between two crawls a tie may have come and gone unseen, and its time is known to the
interval between crawls only, whatever precision the crawl's clock has. An account that a crawl did not reach looks as
if it had dropped all its ties. A crawl whose file of ties is empty or missing is not a crawl without ties: it is no
crawl. Mentions and likes of an activity without `chirpId` point to no chirp. Edge lists hold no chirps, no follows, and
rows of engagement_type NA say only that the two accounts met.
"""

from __future__ import annotations

import re

import duckdb

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter

_LISTS = ("result", "results", "data", "chirps", "activity", "activities", "relationships", "chirpers", "chirper")
# Keys that no other platform's objects have, each of one kind of object; a key is found far faster than its pattern.
_MARKS = (
    (b'"chirp', re.compile(rb'"chirper"\s*:\s*\{|"chirp(s|ers)"\s*:\s*\[')),
    (b'"activity"', re.compile(rb'"activity"\s*:\s*"(like|dislike|follow|unfollow|mention)')),
    (b'"from"', re.compile(rb'"from"\s*:\s*\{[^{}]*\}\s*,\s*"to"\s*:\s*\{')),
)
_PROFILE_KEYS = (rb'"username"\s*:', rb'"(followers|following)"\s*:', rb'"(bio|crawledAt|lang)"\s*:')
_EDGE_COLUMNS = frozenset({"source", "target", "engagement_type", "timestamp"})
_STRUCT = (
    "{" + ",".join(f'"{key}":"JSON"' for key in (*_LISTS, "from", "to", "replyTo", "chirp", "parent", "root")) + ","
    '"id":"VARCHAR","username":"VARCHAR","name":"VARCHAR","bio":"VARCHAR","description":"VARCHAR","content":"VARCHAR",'
    '"text":"VARCHAR","createdAt":"VARCHAR","crawledAt":"VARCHAR","followers":"VARCHAR","following":"VARCHAR",'
    '"lang":"VARCHAR","chirpId":"VARCHAR"}'
)  # fmt: skip
_ACCOUNT = '{"id":"VARCHAR","username":"VARCHAR","name":"VARCHAR"}'
MOST_LEVELS = 4


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell an object of the API by keys that only this platform's objects have."""
    if container not in ("json", "jsonl"):
        return False
    if any(key in head and mark.search(head) for key, mark in _MARKS):
        return True
    return b'"username"' in head and all(re.search(key, head) for key in _PROFILE_KEYS)


def table_kind(columns: frozenset[str]) -> str | None:
    """Tell an edge list by its columns."""
    return "edge" if columns >= _EDGE_COLUMNS else None


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` and ``rejects`` from ``docs``."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    con.execute(_EDGES)
    con.execute(_FIRST)
    for number in range(MOST_LEVELS):
        con.execute(_read("level"))
        into = "INSERT INTO objects" if number else "CREATE OR REPLACE TEMP TABLE objects AS"
        con.execute(f"{into} SELECT * FROM opened WHERE items IS NULL")
        con.execute(_NEXT)
        if not con.sql("SELECT count(*) FROM level").fetchall()[0][0]:
            break
    for statement in (_RECORDS, _REJECTS):
        con.execute(statement)


_FIRST = """
CREATE OR REPLACE TEMP TABLE level AS
SELECT file_no, doc_no, byte_offset, '' AS path, CAST(doc AS VARCHAR) AS body, repair, CAST(NULL AS VARCHAR) AS seen
FROM docs WHERE table_kind IS NULL
"""


def _read(source: str) -> str:
    """Return the statement that parses objects and says which of them are lists of others (``items``).

    ``items`` has a place for each key that may hold a list, null where it holds none; a list itself is the first.
    """
    lists = ", ".join(
        f"CASE WHEN left(ltrim(CAST(e.\"{key}\" AS VARCHAR)), 1) IN ('[', '{{') THEN CAST(e.\"{key}\" AS VARCHAR) END"
        for key in _LISTS
    )
    return f"""
CREATE OR REPLACE TEMP TABLE opened AS
WITH parsed AS (
    SELECT *, {q.starts_with_bracket("body", "[")} AS is_list,
           CASE WHEN {q.starts_with_bracket("body", "{")} THEN json_transform(body, '{_STRUCT}') END AS e
    FROM {source}
), held AS (
    SELECT *, CASE WHEN is_list THEN [body]
                   WHEN e IS NOT NULL AND e.id IS NULL AND e.content IS NULL AND e."from" IS NULL THEN [{lists}] END
              AS held
    FROM parsed
)
SELECT * EXCLUDE (held), CASE WHEN list_count(held) > 0 THEN held END AS items FROM held
"""


# The number of the key stands before the position in its list, so that what several lists hold keeps one order.
_NEXT = """
CREATE OR REPLACE TEMP TABLE level AS
SELECT file_no, doc_no, byte_offset,
       path || lpad(CAST(key_no AS VARCHAR), 2, '0') || '-' || lpad(CAST(i AS VARCHAR), 8, '0') || '/' AS path,
       CAST(item AS VARCHAR) AS body, repair, seen
FROM (SELECT * EXCLUDE (listed), unnest(listed) AS item, generate_subscripts(listed, 1) AS i
      FROM (SELECT * EXCLUDE (held), CASE WHEN left(ltrim(held), 1) = '[' THEN json_extract(held, '$[*]')
                                          ELSE [CAST(held AS JSON)] END AS listed
            FROM (SELECT file_no, doc_no, byte_offset, path, repair, coalesce(e.crawledAt, seen) AS seen,
                         unnest(items) AS held, generate_subscripts(items, 1) AS key_no
                  FROM opened WHERE items IS NOT NULL)
            WHERE held IS NOT NULL))
"""


def _account(key: str) -> str:
    """Return SQL for the id and username of an account that an object names as an object or by username alone."""
    return f"""
        CASE WHEN starts_with({key}, '{{') THEN json_transform({key}, '{_ACCOUNT}').id END AS {key}_id,
        CASE WHEN starts_with({key}, '{{') THEN json_transform({key}, '{_ACCOUNT}').username
             WHEN starts_with({key}, chr(34)) THEN json_extract_string({key}, '$') END AS {key}_name"""


# Only a text or a number can name a chirp; '' and the spellings of null name none.
_ANSWERED = f"""CASE WHEN json_type(answer) NOT IN ('OBJECT', 'ARRAY', 'BOOLEAN', 'NULL')
                     THEN {q.identifier("json_extract_string(answer, '$')")} END AS answered"""
_SHAPES = f"""
SELECT * EXCLUDE (answer), {_ANSWERED}, CASE
    WHEN what IS NOT NULL AND sender IS NOT NULL THEN 'activity'
    WHEN sender IS NOT NULL AND receiver IS NOT NULL THEN 'tie'
    WHEN chirper IS NOT NULL AND body_text IS NOT NULL THEN 'chirp'
    WHEN e.username IS NOT NULL THEN 'agent' ELSE 'unknown_shape' END AS shape,
    {_account("sender")}, {_account("receiver")}, {_account("chirper")}
FROM (SELECT file_no, doc_no, byte_offset, path, body, repair, e, coalesce(e.crawledAt, seen) AS observed,
             CAST(e."from" AS VARCHAR) AS sender, CAST(e."to" AS VARCHAR) AS receiver,
             CAST(e.chirper AS VARCHAR) AS chirper, coalesce(e.content, e.text) AS body_text,
             CASE WHEN starts_with(CAST(e.activity AS VARCHAR), chr(34)) THEN json_extract_string(e.activity, '$') END
                 AS what,
             coalesce(e.chirpId, CASE WHEN starts_with(CAST(e.chirp AS VARCHAR), '{{')
                                      THEN json_extract_string(e.chirp, '$.id')
                                      ELSE json_extract_string(e.chirp, '$') END) AS chirp_id,
             CASE WHEN starts_with(CAST(e.replyTo AS VARCHAR), '{{') THEN json_extract(e.replyTo, '$.id')
                  ELSE e.replyTo END AS answer
      FROM objects)
"""
_LEFT = (
    "content", "text", "chirper", "createdAt", "crawledAt", "replyTo", "id", "username", "name", "bio", "followers",
    "following",
)  # fmt: skip
_GONE = "{" + ",".join(f'"{key}":null' for key in _LEFT) + "}"
_REST = f"json_merge_patch(body, '{_GONE}')"
_RECORDS = f"""
INSERT INTO records
WITH shaped AS ({_SHAPES})
SELECT file_no, doc_no, path,
       CASE shape WHEN 'chirp' THEN CASE WHEN answered IS NULL THEN 'post' ELSE 'comment' END
            WHEN 'activity' THEN CASE WHEN what IN ('follow', 'unfollow') THEN 'tie' ELSE 'reaction' END
            ELSE shape END,
       CASE shape
       WHEN 'chirp' THEN json_merge_patch({_REST}, json_object('id', e.id, 'author', CASE WHEN chirper_id IS NULL
            AND chirper_name IS NULL THEN NULL ELSE json_object('id', chirper_id, 'name', chirper_name) END,
            'content', body_text, 'created_at', e.createdAt, 'parent_id', answered))
       WHEN 'agent' THEN json_merge_patch({_REST}, json_object('id', e.id, 'name', e.username, 'display_name', e.name,
            'description', coalesce(e.bio, e.description), 'created_at', e.createdAt, 'follower_count', e.followers,
            'following_count', e.following))
       WHEN 'tie' THEN json_object('source_id', sender_id, 'source_name', sender_name, 'target_id', receiver_id,
            'target_name', receiver_name, 'relation', 'follow', 'action', 'present', 'at', observed)
       WHEN 'activity' THEN CASE WHEN what IN ('follow', 'unfollow') THEN json_object('source_id', sender_id,
            'source_name', sender_name, 'target_id', receiver_id, 'target_name', receiver_name, 'relation', 'follow',
            'action', CASE what WHEN 'follow' THEN 'add' ELSE 'remove' END, 'at', e.createdAt, 'origin', 'event')
            ELSE json_object('agent_id', sender_id, 'agent_name', sender_name, 'target_agent_id', receiver_id,
            'target_agent_name', receiver_name, 'message_id', chirp_id, 'type', what, 'at', e.createdAt) END END,
       NULL, NULL, observed, NULL, repair, NULL, 0
FROM shaped WHERE shape <> 'unknown_shape'
"""
_REJECTS = f"""
INSERT INTO rejects
WITH shaped AS ({_SHAPES})
SELECT file_no, doc_no, path, byte_offset, CASE WHEN {q.starts_with_bracket("body", "{")} THEN 'unknown_shape'
       ELSE 'not_an_object' END, 'expected a chirp, an activity, a tie or a profile', left(body, {q.EXCERPT_CHARS})
FROM shaped WHERE shape = 'unknown_shape'
UNION ALL
SELECT file_no, doc_no, path, byte_offset, 'unknown_shape', 'lists stand in lists more than {MOST_LEVELS} deep',
       left(body, {q.EXCERPT_CHARS})
FROM level
"""
_EDGE = '{"source":"VARCHAR","target":"VARCHAR","engagement_type":"VARCHAR","timestamp":"VARCHAR"}'
_EDGES = f"""
INSERT INTO records
SELECT file_no, doc_no, '', CASE WHEN t.engagement_type IN ('follow', 'unfollow') THEN 'tie' ELSE 'reaction' END,
       CASE WHEN t.engagement_type IN ('follow', 'unfollow') THEN
       json_object('source_name', t.source, 'target_name', t.target, 'relation', 'follow', 'action',
                   CASE t.engagement_type WHEN 'follow' THEN 'add' ELSE 'remove' END, 'at', t.timestamp,
                   'origin', 'event')
       ELSE json_object('agent_name', t.source, 'target_agent_name', t.target, 'at', t.timestamp, 'type',
                   coalesce({q.null_if_word("t.engagement_type", "na")}, 'engagement')) END,
       NULL, NULL, NULL, NULL, repair, NULL, 0
FROM (SELECT file_no, doc_no, repair, json_transform(doc, '{_EDGE}') AS t FROM docs WHERE table_kind = 'edge')
"""


ADAPTER = Adapter(
    name="chirper_api",
    version="1",
    system="Chirper.ai",
    containers=frozenset({"json", "jsonl", "csv", "tsv"}),
    recognises=recognises,
    read_usual=None,
    extract=extract,
    table_kind=table_kind,
    describes=__doc__ or "",
    is_canonical=True,
)
