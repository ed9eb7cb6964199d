"""Moltbook REST API: response bodies of its three shapes (v1, v2, v3), alone, in trees, in lists or as JSON lines.

A body is recognised by its keys. One body may hold posts, nested comments, agents and communities; around it a
collector may have put an HTTP-cache entry (``{timestamp, data}``) or an enrichment (``{post, comments, enrichment,
collected_at}``). What the platform does not publish and this format therefore cannot tell: follow ties (only their
number), edits, who voted, and comments beyond about 1,000 per post.
"""

from __future__ import annotations

import re

import duckdb

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter

MAX_NESTING = 1000
_MARKERS = re.compile(
    rb'"(post|posts|comments|submolt|submolts|agent|recentPosts|success|post_id|submolt_name)"\s*:'
)

_ENVELOPE = (
    '{"success":"VARCHAR","error":"VARCHAR","data":"JSON","timestamp":"VARCHAR","_downloaded_at":"VARCHAR",'
    '"collected_at":"VARCHAR","fetched_at":"VARCHAR","post":"JSON","posts":"JSON","comment":"JSON",'
    '"comments":"JSON","agent":"JSON","recentPosts":"JSON","submolt":"JSON","submolts":"JSON","post_id":"VARCHAR",'
    '"id":"VARCHAR","title":"VARCHAR","content":"VARCHAR","karma":"VARCHAR","name":"VARCHAR",'
    '"subscriber_count":"VARCHAR","parent_id":"VARCHAR","submolt_name":"VARCHAR"}'
)


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell a body of the API by the keys in its first 64 kB."""
    return container in ("json", "jsonl") and _MARKERS.search(head) is not None


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` and ``rejects`` from ``docs``."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    con.execute(_ELEMENTS)
    con.execute(_envelopes(_OBJECTS, "false"))
    con.execute(_UNWRAP)
    if _count(con, "wrapped"):
        con.execute(_envelopes("wrapped", "true").replace("TABLE bodies", "TABLE unwrapped"))
        con.execute("DELETE FROM bodies WHERE is_wrapper")
        con.execute("INSERT INTO bodies SELECT * FROM unwrapped")
    con.execute(_BODY_RECORDS)
    con.execute(_COMMENT_ROOTS)
    depth = 0
    while _count(con, "level") and depth < MAX_NESTING:
        con.execute("INSERT INTO records SELECT * EXCLUDE (replies) FROM level WHERE starts_with(rec, '{')")
        con.execute(_not_objects("level"))
        con.execute(_NEXT_LEVEL)
        con.execute("DROP TABLE level")
        con.execute("ALTER TABLE next_level RENAME TO level")
        depth += 1
    con.execute(_BODY_REJECTS)


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0])


# A top-level array holds one body or record per element.
_ELEMENTS = f"""
CREATE OR REPLACE TEMP TABLE elements AS
SELECT file_no, doc_no, byte_offset, lpad(CAST(position AS VARCHAR), 8, '0') || '/' AS path,
       CAST(element AS VARCHAR) AS body, is_repaired, CAST(NULL AS VARCHAR) AS seen
FROM (SELECT file_no, doc_no, byte_offset, is_repaired, unnest(items) AS element,
             generate_subscripts(items, 1) AS position
      FROM (SELECT file_no, doc_no, byte_offset, is_repaired, json_extract(doc, '$[*]') AS items
            FROM docs WHERE {q.starts_with_bracket("doc", "[")}))
"""
_OBJECTS = f"""
(SELECT file_no, doc_no, byte_offset, '' AS path, doc AS body, is_repaired, CAST(NULL AS VARCHAR) AS seen
 FROM docs WHERE NOT {q.starts_with_bracket("doc", "[")}
 UNION ALL SELECT * FROM elements)
"""


def _envelopes(source: str, inner: str) -> str:
    """Return the statement that parses the keys of every object and says what the object is."""
    return f"""
CREATE OR REPLACE TEMP TABLE bodies AS
WITH parsed AS (
    SELECT file_no, doc_no, byte_offset, path, body, is_repaired, seen,
           json_transform(body, '{_ENVELOPE}') AS e,
           {q.starts_with_bracket("body", "{")} AS is_object
    FROM {source}
), typed AS (
    SELECT *, coalesce(e._downloaded_at, e.collected_at, e.fetched_at, seen) AS observed_text,
           coalesce(starts_with(e.post, '{{'), false) AS has_post,
           coalesce(starts_with(e.posts, '['), false) AS has_posts,
           coalesce(starts_with(e.comment, '{{'), false) AS has_comment,
           coalesce(starts_with(e.comments, '['), false) AS has_comments,
           coalesce(starts_with(e.agent, '{{'), false) AS has_agent,
           coalesce(starts_with(e.recentPosts, '['), false) AS has_recent,
           coalesce(starts_with(e.submolts, '['), false) AS has_submolts,
           coalesce(starts_with(e.submolt, '{{'), false) AND e.id IS NULL AS has_submolt
    FROM parsed
)
SELECT * REPLACE (CASE WHEN shape <> 'envelope' THEN body END AS body) FROM (
SELECT file_no, doc_no, byte_offset, path, body, is_repaired, e, observed_text, has_post, has_posts, has_comment,
       has_comments, has_agent, has_recent, has_submolts, has_submolt,
       NOT {inner} AND e.data IS NOT NULL AND json_type(e.data) IN ('OBJECT', 'ARRAY')
           AND NOT (has_post OR has_posts OR has_comments OR has_agent OR has_submolts) AS is_wrapper,
       CASE
           WHEN NOT is_object THEN 'not_an_object'
           WHEN e.success = 'false' OR (e.error IS NOT NULL AND e.id IS NULL AND NOT (has_post OR has_posts
                OR has_comments OR has_agent OR has_submolts OR has_submolt)) THEN 'api_error_body'
           WHEN has_post OR has_posts OR has_comment OR (has_comments AND e.id IS NULL) OR has_agent OR has_recent
                OR has_submolts OR has_submolt THEN 'envelope'
           WHEN e.post_id IS NOT NULL AND e.title IS NULL THEN 'comment'
           WHEN e.id IS NOT NULL AND (e.title IS NOT NULL OR e.submolt IS NOT NULL OR e.submolt_name IS NOT NULL)
                THEN 'post'
           WHEN e.name IS NOT NULL AND e.subscriber_count IS NOT NULL THEN 'community'
           WHEN e.name IS NOT NULL AND e.karma IS NOT NULL THEN 'agent'
           WHEN e.id IS NOT NULL AND e.content IS NOT NULL AND e.parent_id IS NOT NULL THEN 'comment'
           ELSE 'unknown_shape'
       END AS shape
FROM typed)
"""


_UNWRAP = """
CREATE OR REPLACE TEMP TABLE wrapped AS
SELECT file_no, doc_no, byte_offset, path, CAST(e.data AS VARCHAR) AS body, is_repaired, e.timestamp AS seen
FROM bodies WHERE is_wrapper AND json_type(e.data) = 'OBJECT'
UNION ALL
SELECT file_no, doc_no, byte_offset, path || lpad(CAST(position AS VARCHAR), 8, '0') || '/', CAST(element AS VARCHAR),
       is_repaired, seen
FROM (SELECT file_no, doc_no, byte_offset, path, is_repaired, e.timestamp AS seen,
             unnest(json_extract(e.data, '$[*]')) AS element,
             generate_subscripts(json_extract(e.data, '$[*]'), 1) AS position
      FROM bodies WHERE is_wrapper AND json_type(e.data) = 'ARRAY')
"""


def _single(kind: str, field: str, rank: str, condition: str) -> str:
    return (
        f"SELECT file_no, doc_no, path || '{rank}', '{kind}' AS kind, {field}, CAST(NULL AS VARCHAR), "
        f"CAST(NULL AS VARCHAR), observed_text, is_repaired FROM bodies WHERE {condition}"
    )


def _listed(kind: str, field: str, rank: str, condition: str) -> str:
    return f"""
SELECT file_no, doc_no, path || '{rank}' || lpad(CAST(position AS VARCHAR), 8, '0'), '{kind}', element,
       CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), observed_text, is_repaired
FROM (SELECT file_no, doc_no, path, observed_text, is_repaired, unnest(items) AS element,
             generate_subscripts(items, 1) AS position
      FROM (SELECT *, json_extract({field}, '$[*]') AS items FROM bodies WHERE {condition}))
"""


_ENVELOPED = "shape = 'envelope' AND "
_ALL_BODY_RECORDS = " UNION ALL ".join(
    (
        _single("post", "e.post", "a", _ENVELOPED + "has_post"),
        _single("post", "body", "a", "shape = 'post'"),
        _single("agent", "e.agent", "c", _ENVELOPED + "has_agent"),
        _single("agent", "body", "c", "shape = 'agent'"),
        _single("community", "e.submolt", "d", _ENVELOPED + "has_submolt"),
        _single("community", "body", "d", "shape = 'community'"),
        _listed("post", "e.posts", "e", _ENVELOPED + "has_posts"),
        _listed("post", "e.recentPosts", "f", _ENVELOPED + "has_recent"),
        _listed("community", "e.submolts", "g", _ENVELOPED + "has_submolts"),
    )
)
_BODY_RECORDS = f"""
CREATE OR REPLACE TEMP TABLE body_records AS
SELECT * FROM ({_ALL_BODY_RECORDS}) AS t(file_no, doc_no, path, kind, rec, root_hint, parent_hint, observed_text,
                                         is_repaired);
INSERT INTO records SELECT * FROM body_records WHERE starts_with(rec, '{{');
INSERT INTO rejects
SELECT file_no, doc_no, path, CAST(NULL AS BIGINT), 'not_an_object', 'expected a JSON object', left(CAST(rec AS VARCHAR), 200)
FROM body_records WHERE rec IS NULL OR NOT starts_with(rec, '{{');
DROP TABLE body_records
"""

# Comments of a body: in its list, as its single comment, or as the bare object itself.
_COMMENT_ROOTS = """
CREATE OR REPLACE TEMP TABLE level AS
SELECT file_no, doc_no, path, kind, rec, root_hint, parent_hint, observed_text, is_repaired,
       nullif(json_extract(rec, '$.replies'), '[]') AS replies
FROM (
    SELECT file_no, doc_no, path || 'b' || lpad(CAST(position AS VARCHAR), 8, '0') AS path, 'comment' AS kind,
           element AS rec, root_hint, CAST(NULL AS VARCHAR) AS parent_hint, observed_text, is_repaired
    FROM (SELECT file_no, doc_no, path, observed_text, is_repaired,
                 coalesce(json_extract_string(e.post, '$.id'), e.post_id, e.id) AS root_hint,
                 unnest(items) AS element, generate_subscripts(items, 1) AS position
          FROM (SELECT *, json_extract(e.comments, '$[*]') AS items
                FROM bodies WHERE has_comments AND shape IN ('envelope', 'post')))
    UNION ALL
    SELECT file_no, doc_no, path || 'b', 'comment', e.comment, e.post_id, CAST(NULL AS VARCHAR), observed_text,
           is_repaired
    FROM bodies WHERE shape = 'envelope' AND has_comment
    UNION ALL
    SELECT file_no, doc_no, path || 'b', 'comment', body, CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), observed_text,
           is_repaired
    FROM bodies WHERE shape = 'comment'
)
"""

_NEXT_LEVEL = """
CREATE OR REPLACE TEMP TABLE next_level AS
SELECT file_no, doc_no, path || '.' || lpad(CAST(position AS VARCHAR), 8, '0') AS path, 'comment' AS kind,
       element AS rec, root_hint, parent_hint, observed_text, is_repaired,
       nullif(json_extract(element, '$.replies'), '[]') AS replies
FROM (SELECT file_no, doc_no, path, root_hint, json_extract_string(rec, '$.id') AS parent_hint, observed_text,
             is_repaired, unnest(items) AS element, generate_subscripts(items, 1) AS position
      FROM (SELECT *, json_extract(replies, '$[*]') AS items FROM level WHERE starts_with(replies, '[')))
"""


def _not_objects(table: str) -> str:
    return (
        "INSERT INTO rejects SELECT file_no, doc_no, path, CAST(NULL AS BIGINT), 'not_an_object', "
        f"'expected a comment object', left(CAST(rec AS VARCHAR), 200) FROM {table} "
        "WHERE rec IS NULL OR NOT starts_with(rec, '{')"
    )


_BODY_REJECTS = """
INSERT INTO rejects
SELECT file_no, doc_no, path, byte_offset, shape,
       CASE shape WHEN 'api_error_body' THEN 'the collector saved an error response; fetch it again'
                  WHEN 'not_an_object' THEN 'expected a JSON object'
                  ELSE 'none of the keys post, posts, comments, agent, submolt, submolts, id was found' END,
       left(CAST(body AS VARCHAR), 200)
FROM bodies WHERE shape IN ('api_error_body', 'unknown_shape', 'not_an_object')
"""

ADAPTER = Adapter(
    name="moltbook_api",
    version="1",
    system="Moltbook",
    containers=frozenset({"json", "jsonl"}),
    recognises=recognises,
    extract=extract,
    table_kind=lambda columns: None,
    describes=__doc__ or "",
)
