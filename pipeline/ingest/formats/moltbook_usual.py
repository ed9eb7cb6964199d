"""Reads the usual bodies of the Moltbook API in one parse: a record per line, or a post with its comments.

Nearly all of a dump has one of these two shapes. A body that has anything else about it (another shape, an odd key at
its top, an identifier that is missing or no text, a fault in its JSON) is left to `moltbook_api`, which reads every
shape, in more steps. Both give the same rows; a test holds them against each other.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from pipeline.ingest import mapping as m
from pipeline.ingest import sqltools as q

_SEEN = ("_downloaded_at", "collected_at", "fetched_at")
_PLACE = dict.fromkeys((*_SEEN, "dump_date", "success", "error", "post_id", "id"), "VARCHAR")
_OTHERS = ("posts", "comment", "agent", "recentPosts", "submolts")
_MESSAGE: dict[str, object] = {**m.MESSAGE_STRUCT, "replies": "JSON"}
_DETAIL: dict[str, object] = {
    **_PLACE, **dict.fromkeys((*_OTHERS, "submolt"), "JSON"), "post": _MESSAGE, "comments": [_MESSAGE],
}  # fmt: skip
_RECORD: dict[str, object] = {**_MESSAGE, **_PLACE, **dict.fromkeys((*_OTHERS, "post", "comments", "data"), "JSON")}

_OBSERVED = f"coalesce({', '.join(f'u.{key}' for key in _SEEN)}) AS observed_text, u.dump_date AS dump_text"
_ABSENT = " AND ".join(f"u.{key} IS NULL" for key in _OTHERS)

_RECORDS = f"""
(SELECT file_no, doc_no, '' AS path, CASE WHEN u.post_id IS NOT NULL AND u.title IS NULL THEN 'comment' ELSE 'post' END
            AS kind, repair, {_OBSERVED}, u.replies, u AS m, doc AS rec, CAST(NULL AS VARCHAR) AS root_hint,
        CAST(NULL AS VARCHAR) AS parent_hint,
        starts_with(doc, '{{') AND {_ABSENT} AND u.post IS NULL AND u.data IS NULL AND u.success IS NULL
            AND u.error IS NULL AND u.id IS NOT NULL AND coalesce(u.comments, '[]') = '[]'
            AND coalesce(u.replies, '[]') = '[]'
            AND (u.post_id IS NOT NULL OR u.title IS NOT NULL OR u.submolt IS NOT NULL OR u.submolt_name IS NOT NULL)
            AND {q.NO_FORBIDDEN_VALUE} AS is_usual
 FROM (SELECT *, {m.transform("doc", _RECORD)} AS u FROM framed))
"""
_DETAILS = f"""
(SELECT file_no, doc_no, CASE WHEN n = 1 THEN 'a' ELSE 'b' || lpad(CAST(n - 1 AS VARCHAR), 8, '0') END AS path,
        CASE WHEN n = 1 THEN 'post' ELSE 'comment' END AS kind, repair, observed_text, dump_text, m.replies, m,
        CAST(NULL AS JSON) AS rec, CASE WHEN n > 1 THEN post_id END AS root_hint, CAST(NULL AS VARCHAR) AS parent_hint,
        is_usual
 FROM (SELECT file_no, doc_no, repair, observed_text, dump_text, post_id, is_usual, unnest(items) AS m,
              generate_subscripts(items, 1) AS n
       FROM (SELECT file_no, doc_no, repair, {_OBSERVED}, coalesce(u.post.id, u.post_id, u.id) AS post_id, is_usual,
                    CASE WHEN is_usual THEN list_prepend(u.post, coalesce(u.comments, [])) ELSE [u.post] END AS items
             FROM (SELECT *, coalesce({_ABSENT} AND u.submolt IS NULL AND u.post.id IS NOT NULL
                                      AND coalesce(u.success, 'true') <> 'false' AND {{is_known}}
                                      AND {q.NO_FORBIDDEN_VALUE}, false) AS is_usual
                   FROM (SELECT *, {m.transform("doc", _DETAIL)} AS u FROM framed)))))
"""
_DETAIL_KEYS = "list_concat(json_keys(doc, '$.post'), flatten(json_keys(doc, '$.comments[*]')))"
_COUNTED = """
SELECT count(*) FILTER (WHERE TRY(starts_with(json_extract(doc, '$.post'), '{'))),
       count(*) FILTER (WHERE TRY(json_extract_string(doc, '$.id')) IS NOT NULL), count(*)
FROM (SELECT doc FROM framed LIMIT 16)
"""
# An identifier that is one at sight: longer than any spelling of null, without white space or brackets.
_IDENTIFIER = f"[0-9A-Za-z_-]{{10,{q.MAX_ID_CHARS}}}"
_UNUSUAL = f"""
SELECT DISTINCT file_no, doc_no FROM read_message
WHERE is_usual IS NOT TRUE OR raw_id IS NULL OR NOT regexp_full_match(raw_id, '{_IDENTIFIER}')
   OR (kind = 'comment' AND (raw_root IS NULL OR NOT regexp_full_match(raw_root, '{_IDENTIFIER}')))
"""


def read_usual(con: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """Fill ``read_message`` from ``framed``; return the documents (file_no, doc_no) that have to be read otherwise.

    Raises
    ------
    duckdb.InvalidInputException
        When a document is no JSON; nothing of the batch is to be relied on then.
    """
    details, records, docs = con.sql(_COUNTED).fetchall()[0]
    if 2 * max(details, records) <= docs:
        con.execute(m.NO_MESSAGES_READ)
        return con.sql("SELECT file_no, doc_no FROM framed").fetchall()
    if details > records:
        is_known = "true"
        if _has_unknown(con, _DETAIL_KEYS):
            known = ", ".join(f"'{key}'" for key in m.KNOWN_KEYS)
            is_known = f"list_has_all([{known}], {_DETAIL_KEYS})"
        source, has_unknown = _DETAILS.replace("{is_known}", is_known), False
    else:
        source, has_unknown = _RECORDS, _has_unknown(con, "json_keys(doc)")
    columns = m.parsed_columns(source, (*m.READ_COLUMNS, "is_usual"), has_unknown=has_unknown)
    con.execute(f"CREATE OR REPLACE TEMP TABLE read_message AS {columns}")
    unusual = con.sql(_UNUSUAL).fetchall()
    if unusual:
        con.register("unusual", pa.table({"file_no": [r[0] for r in unusual], "doc_no": [r[1] for r in unusual]}))
        con.execute(
            "DELETE FROM read_message r WHERE EXISTS "
            "(SELECT 1 FROM unusual u WHERE u.file_no = r.file_no AND u.doc_no = r.doc_no)"
        )
        con.unregister("unusual")
    return unusual


def _has_unknown(con: duckdb.DuckDBPyConnection, keys: str) -> bool:
    return bool(con.sql(m.unknown_keys_sql(keys, "framed")).fetchall()[0][0])
