"""Moltbook REST API: response bodies of its three shapes (v1, v2, v3), alone, in trees, in lists or as JSON lines.

A body is recognised by its keys. One body may hold posts, nested comments, agents and communities; around it a
collector may have put an HTTP-cache entry (``{timestamp, data}``) or an enrichment (``{post, comments, enrichment,
collected_at}``); records or bodies may stand in a dict by id or name. What the platform does not publish and this
format therefore cannot tell: follow ties (only their number), edits, who voted, and comments beyond about 1,000 per
post.
"""

from __future__ import annotations

import re

import duckdb

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter
from pipeline.ingest.formats.moltbook_usual import read_usual

MAX_NESTING = 200  # the platform's deepest thread has 13 levels
_MARKERS = re.compile(
    rb'"(post|posts|comments|submolt|submolts|agent|recentPosts|success|post_id|submolt_name|karma'
    rb'|upvotes|follower_count|followerCount|subscriber_count|subscriberCount|created_at|createdAt)"\s*:'
)

_ENVELOPE = (
    '{"success":"VARCHAR","error":"VARCHAR","data":"JSON","timestamp":"VARCHAR","_downloaded_at":"VARCHAR",'
    '"collected_at":"VARCHAR","fetched_at":"VARCHAR","post":"JSON","posts":"JSON","comment":"JSON",'
    '"comments":"JSON","agent":"JSON","recentPosts":"JSON","submolt":"JSON","submolts":"JSON","post_id":"VARCHAR",'
    '"id":"VARCHAR","title":"VARCHAR","content":"VARCHAR","karma":"VARCHAR","name":"VARCHAR",'
    '"subscriber_count":"VARCHAR","parent_id":"VARCHAR","submolt_name":"VARCHAR","replies":"JSON",'
    '"dump_date":"VARCHAR","follower_count":"VARCHAR","followerCount":"VARCHAR"}'
)


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell a body of the API by the keys in its first 64 kB."""
    return container in ("json", "jsonl") and _MARKERS.search(head) is not None


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` and ``rejects`` from ``docs``."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    con.execute(_bodies("bodies", _OBJECTS, is_inner=False))
    if _count(con, "bodies WHERE is_wrapper"):
        con.execute(_UNWRAP)
        con.execute(_bodies("unwrapped", "wrapped", is_inner=True))
        con.execute("DELETE FROM bodies WHERE is_wrapper")
        con.execute("INSERT INTO bodies SELECT * FROM unwrapped")
    con.execute(_BARE)
    con.execute(_LISTED)
    con.execute(_REPLIES_READ)
    level = 0
    while level < MAX_NESTING and _count(con, f"records WHERE nesting >= {level} AND starts_with(replies, '[')"):
        con.execute(_NEXT_LEVEL, {"level": level})
        level += 1
    if level == MAX_NESTING:
        con.execute(_TOO_DEEP, {"level": level})
    con.execute(_BODY_REJECTS)
    is_faulty = f"rec IS NULL OR NOT {q.starts_with_bracket('rec', '{')}"
    if _count(con, f"records WHERE {is_faulty}"):
        con.execute(_NOT_OBJECTS + is_faulty)
        con.execute(f"DELETE FROM records WHERE {is_faulty}")


def _count(con: duckdb.DuckDBPyConnection, rows: str) -> int:
    return int(con.sql(f"SELECT count(*) FROM {rows}").fetchall()[0][0])


# A top-level array holds one body or record per element; most files hold none, and the test is cheap.
_OBJECTS = f"""
(SELECT file_no, doc_no, byte_offset, '' AS path, doc AS body, repair, CAST(NULL AS VARCHAR) AS seen
 FROM docs WHERE NOT {q.starts_with_bracket("doc", "[")}
 UNION ALL
 SELECT file_no, doc_no, byte_offset, lpad(CAST(position AS VARCHAR), 8, '0') || '/', CAST(element AS VARCHAR),
        repair, CAST(NULL AS VARCHAR)
 FROM (SELECT file_no, doc_no, byte_offset, repair, unnest(items) AS element,
              generate_subscripts(items, 1) AS position
       FROM (SELECT file_no, doc_no, byte_offset, repair, json_extract(doc, '$[*]') AS items
             FROM docs WHERE {q.starts_with_bracket("doc", "[")})))
"""


# A dict by id or name: an object of nothing but objects, of which the first is a record or a body.
_MEMBERS = "json_extract(body, '$.*')"
_KEYED_BY = ("id", "post_id", "name", "post", "posts", "comments", "agent", "submolt")
_IS_KEYED = (
    f"is_object AND list_distinct(list_transform({_MEMBERS}, lambda x: json_type(x))) = ['OBJECT'] "
    f"AND list_has_any(json_keys({_MEMBERS}[1]), {list(_KEYED_BY)})"
)


def _bodies(target: str, source: str, *, is_inner: bool) -> str:
    """Return the statement that parses the keys of every object and says what the object is.

    The text is kept where the object is itself a record, its parts where it is an envelope.
    """
    return f"""
CREATE OR REPLACE TEMP TABLE {target} AS
WITH parsed AS (
    SELECT file_no, doc_no, byte_offset, path, body, repair, seen, json_transform(body, '{_ENVELOPE}') AS e,
           {q.starts_with_bracket("body", "{")} AS is_object
    FROM {source}
), typed AS (
    SELECT *, coalesce(e._downloaded_at, e.collected_at, e.fetched_at, seen) AS observed_text,
           coalesce(starts_with(e.post, '{{'), false) AS has_post,
           coalesce(starts_with(e.posts, '['), false) AS has_posts,
           coalesce(starts_with(e.comment, '{{'), false) AS has_comment,
           coalesce(starts_with(e.comments, '['), false) AS has_comments,
           coalesce(starts_with(e.agent, '{{'), false) AND e.id IS NULL AS has_agent,
           coalesce(starts_with(e.recentPosts, '['), false) AS has_recent,
           coalesce(starts_with(e.submolts, '['), false) AS has_submolts,
           coalesce(starts_with(e.submolt, '{{'), false) AND e.id IS NULL AS has_submolt,
           {str(not is_inner).lower()} AND coalesce(left(e.data, 1) IN ('{{', '['), false) AS has_data
    FROM parsed
), shaped AS (
    SELECT *, CASE
           WHEN NOT is_object THEN 'not_an_object'
           WHEN e.success = 'false' OR (e.error IS NOT NULL AND e.id IS NULL AND NOT (has_post OR has_posts
                OR has_comments OR has_agent OR has_submolts OR has_submolt OR has_data)) THEN 'api_error_body'
           WHEN has_post OR has_posts OR has_comment OR (has_comments AND e.id IS NULL) OR has_agent OR has_recent
                OR has_submolts OR has_submolt THEN 'envelope'
           WHEN has_data AND e.id IS NULL THEN 'wrapper'
           WHEN e.post_id IS NOT NULL AND e.title IS NULL THEN 'comment'
           WHEN e.id IS NOT NULL AND (e.title IS NOT NULL OR e.submolt IS NOT NULL OR e.submolt_name IS NOT NULL)
                THEN 'post'
           WHEN e.name IS NOT NULL AND e.subscriber_count IS NOT NULL THEN 'community'
           WHEN e.name IS NOT NULL AND coalesce(e.karma, e.follower_count, e.followerCount) IS NOT NULL THEN 'agent'
           WHEN e.id IS NOT NULL AND e.content IS NOT NULL AND e.parent_id IS NOT NULL THEN 'comment'
           WHEN {"false" if is_inner else _IS_KEYED} THEN 'keyed'
           ELSE 'unknown_shape' END AS shape
    FROM typed
)
SELECT file_no, doc_no, byte_offset, path, repair, observed_text, e.dump_date AS dump_text, shape,
       shape IN ('wrapper', 'keyed') AS is_wrapper,
       CASE WHEN shape NOT IN ('envelope', 'wrapper', 'keyed') THEN body END AS body,
       CASE shape WHEN 'wrapper' THEN e.data WHEN 'keyed' THEN to_json({_MEMBERS}) END AS data, e.timestamp AS stamp,
       CASE WHEN has_post THEN json_extract_string(e.post, '$.id') END AS inner_id, e.post_id, e.id,
       CASE WHEN shape = 'comment' THEN nullif(e.replies, '[]') END AS replies,
       CASE WHEN shape IN ('envelope', 'post') AND has_comments THEN e.comments END AS comments,
       CASE WHEN shape = 'envelope' AND has_post THEN e.post END AS post,
       CASE WHEN shape = 'envelope' AND has_comment THEN e.comment END AS comment,
       CASE WHEN shape = 'envelope' AND has_agent THEN e.agent END AS agent,
       CASE WHEN shape = 'envelope' AND has_submolt THEN e.submolt END AS submolt,
       CASE WHEN shape = 'envelope' AND has_posts THEN e.posts END AS posts,
       CASE WHEN shape = 'envelope' AND has_recent THEN e.recentPosts END AS recent,
       CASE WHEN shape = 'envelope' AND has_submolts THEN e.submolts END AS submolts
FROM shaped
"""


_UNWRAP = """
CREATE OR REPLACE TEMP TABLE wrapped AS
SELECT file_no, doc_no, byte_offset, path, CAST(data AS VARCHAR) AS body, repair, stamp AS seen
FROM bodies WHERE is_wrapper AND starts_with(data, '{')
UNION ALL
SELECT file_no, doc_no, byte_offset, path || lpad(CAST(position AS VARCHAR), 8, '0') || '/', CAST(element AS VARCHAR),
       repair, stamp
FROM (SELECT file_no, doc_no, byte_offset, path, repair, stamp, unnest(items) AS element,
             generate_subscripts(items, 1) AS position
      FROM (SELECT *, json_extract(data, '$[*]') AS items FROM bodies WHERE is_wrapper AND starts_with(data, '[')))
"""

_COMMON = "observed_text, dump_text, repair"
_SEEN = "observed_text, dump_text, CAST(NULL AS VARCHAR)"  # usual messages needed no repair


def _single(kind: str, field: str, rank: str) -> str:
    return (
        f"SELECT file_no, doc_no, path || '{rank}', '{kind}', {field}, NULL, NULL, {_COMMON}, "
        f"NULL, 0 FROM bodies WHERE {field} IS NOT NULL"
    )


def _listed(kind: str, field: str, rank: str, root: str = "CAST(NULL AS VARCHAR)", replies: str = "NULL") -> str:
    return f"""
SELECT file_no, doc_no, path || '{rank}' || lpad(CAST(position AS VARCHAR), 8, '0'), '{kind}', element, root_hint,
       NULL, {_COMMON}, {replies}, 0
FROM (SELECT file_no, doc_no, path, {_COMMON}, root_hint, unnest(items) AS element,
             generate_subscripts(items, 1) AS position
      FROM (SELECT file_no, doc_no, path, {_COMMON}, {root} AS root_hint, json_extract({field}, '$[*]') AS items
            FROM bodies WHERE {field} IS NOT NULL))
"""


# Objects that are records themselves.
_BARE = f"""
INSERT INTO records
SELECT file_no, doc_no,
       path || CASE shape WHEN 'post' THEN 'a' WHEN 'comment' THEN 'b' WHEN 'agent' THEN 'c' ELSE 'd' END,
       shape, body, NULL, NULL, {_COMMON}, replies, 0
FROM bodies WHERE shape IN ('post', 'comment', 'agent', 'community')
"""
_REPLIES = "nullif(json_extract({0}, '$.replies'), '[]')"
_LISTED = "INSERT INTO records " + " UNION ALL ".join(
    (
        _single("post", "post", "a"),
        _single("agent", "agent", "c"),
        _single("community", "submolt", "d"),
        f"SELECT file_no, doc_no, path || 'b', 'comment', comment, post_id, NULL, {_COMMON}, "
        f"{_REPLIES.format('comment')}, 0 FROM bodies WHERE comment IS NOT NULL",
        _listed("post", "posts", "e"),
        _listed("post", "recent", "f"),
        _listed("community", "submolts", "g"),
        _listed("comment", "comments", "b", "coalesce(inner_id, post_id, id)", _REPLIES.format("element")),
    )
)

# The replies to comments that were read in one pass: the first level below them.
_REPLIES_READ = f"""
INSERT INTO records
SELECT file_no, doc_no, path || '.' || lpad(CAST(position AS VARCHAR), 8, '0'), 'comment', element, root_hint,
       parent_hint, {_SEEN}, {_REPLIES.format("element")}, 1
FROM (SELECT file_no, doc_no, path, root_hint, parent_hint, observed_text, dump_text, unnest(items) AS element,
             generate_subscripts(items, 1) AS position
      FROM (SELECT file_no, doc_no, path, root_id AS root_hint, message_id AS parent_hint, observed_text, dump_text,
                   json_extract(replies, '$[*]') AS items
            FROM read_message WHERE kind = 'comment' AND starts_with(replies, '[') AND replies <> '[]'))
"""
_NEXT_LEVEL = f"""
INSERT INTO records
SELECT file_no, doc_no, path || '.' || lpad(CAST(position AS VARCHAR), 8, '0'), 'comment', element, root_hint,
       parent_hint, {_COMMON}, {_REPLIES.format("element")}, $level + 1
FROM (SELECT file_no, doc_no, path, root_hint, parent_hint, {_COMMON}, unnest(items) AS element,
             generate_subscripts(items, 1) AS position
      FROM (SELECT file_no, doc_no, path, coalesce(root_hint, json_extract_string(rec, '$.post_id')) AS root_hint,
                   json_extract_string(rec, '$.id') AS parent_hint, {_COMMON},
                   json_extract(replies, '$[*]') AS items
            FROM records WHERE nesting = $level AND starts_with(replies, '[')))
"""
_TOO_DEEP = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path || '.', CAST(NULL AS BIGINT), 'too_large',
       'replies nested deeper than {MAX_NESTING} levels are not read', left(CAST(replies AS VARCHAR), {q.EXCERPT_CHARS})
FROM records WHERE nesting = $level AND starts_with(replies, '[')
"""
_NOT_OBJECTS = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path, CAST(NULL AS BIGINT), 'not_an_object', 'expected a JSON object for a ' || kind,
       left(CAST(rec AS VARCHAR), {q.EXCERPT_CHARS})
FROM records WHERE """

_BODY_REJECTS = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path, byte_offset, shape,
       CASE shape WHEN 'api_error_body' THEN 'the collector saved an error response; fetch it again'
                  WHEN 'not_an_object' THEN 'expected a JSON object'
                  ELSE 'none of the keys post, posts, comments, agent, submolt, submolts, id was found' END,
       left(CAST(body AS VARCHAR), {q.EXCERPT_CHARS})
FROM bodies WHERE shape IN ('api_error_body', 'unknown_shape', 'not_an_object')
"""

ADAPTER = Adapter(
    name="moltbook_api",
    version="2",
    system="Moltbook",
    containers=frozenset({"json", "jsonl"}),
    recognises=recognises,
    read_usual=read_usual,
    extract=extract,
    table_kind=lambda columns: None,
    describes=__doc__ or "",
)
