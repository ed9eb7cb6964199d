"""tescolopio/moltbook-graph: posts without their texts, by community, and the best comments of a few.

hottest_posts_per_topic.json is an object by topic, and a topic is a community: up to ten posts each with id, title,
author (a name), upvotes, comments (how many the platform claims) and created; `engagement` goes to ``extra``.
discussion_trees.json is an object by post, with its title, author and community and at most five comments.

The other files are not read. network_data.json and its versions in history/ are node-link graphs whose edges join
accounts that post on the same topics, and whose weight is the number of such topics. Nobody followed or answered
anybody: they are the collector's own calculation, and no ties. The rest are counts.

What this format cannot tell: texts of posts, most comments and whom they answer beyond the post, downvotes, ids of
authors, and when anything was seen.
"""

from __future__ import annotations

import re

import duckdb

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter

_FILES = re.compile(r"(^|/)(hottest_posts_per_topic|discussion_trees)\.json$")
_MARKS = (re.compile(rb'"engagement"\s*:'), re.compile(rb'"top_comments"\s*:'))
_INTO = "INSERT INTO records (file_no, doc_no, path, kind, rec, root_hint, repair, nesting)"


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell the two files by their names and a key that only they have."""
    return container == "json" and _FILES.search(path) is not None and any(mark.search(head) for mark in _MARKS)


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` and ``rejects`` from ``docs``."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    for statement in (_MEMBERS, _TOPIC_POSTS, _TREE_POSTS, _TREE_COMMENTS, _UNKNOWN):
        con.execute(statement)


# The members of each document, in the order in which they stand; a key may stand there twice.
_MEMBERS = f"""
CREATE OR REPLACE TEMP TABLE members AS
SELECT file_no, doc_no, byte_offset, repair, lpad(CAST(n AS VARCHAR), 8, '0') AS place, key, body
FROM (SELECT file_no, doc_no, byte_offset, repair, unnest(keys) AS key, unnest(bodies) AS body,
             generate_subscripts(keys, 1) AS n
      FROM (SELECT *, CASE WHEN is_object THEN json_keys(doc) ELSE [''] END AS keys,
                   CASE WHEN is_object THEN json_extract(doc, '$.*') ELSE [CAST(doc AS JSON)] END AS bodies
            FROM (SELECT *, {q.starts_with_bracket("doc", "{")} AS is_object FROM docs)))
"""


def _object(expr: str) -> str:
    """Return SQL for an object; anything else is kept as its only member, and is set aside for want of an id."""
    return f"CASE WHEN json_type({expr}) = 'OBJECT' THEN {expr} ELSE json_object('value', {expr}) END"


_TOPIC_POSTS = f"""
{_INTO}
SELECT file_no, doc_no, place || 'a' || lpad(CAST(i AS VARCHAR), 4, '0'), 'post',
       json_merge_patch({_object("post")}, json_object('submolt_name', key, 'comment_count', post -> '$.comments',
                                                       'comments', NULL)), NULL, repair, 0
FROM (SELECT * EXCLUDE (body), unnest(posts) AS post, generate_subscripts(posts, 1) AS i
      FROM (SELECT *, json_extract(body, '$[*]') AS posts FROM members WHERE json_type(body) = 'ARRAY'))
"""
_IS_TREE = "json_type(body, '$.top_comments') = 'ARRAY'"
_TREE_POSTS = f"""
{_INTO}
SELECT file_no, doc_no, place, 'post',
       json_object('id', key, 'title', body -> '$.post_title', 'author', body -> '$.post_author',
                   'submolt', body -> '$.submolt', 'comment_count', body -> '$.total_comments'), NULL, repair, 0
FROM members WHERE {_IS_TREE}
"""
_TREE_COMMENTS = f"""
{_INTO}
SELECT file_no, doc_no, place || 'c' || lpad(CAST(i AS VARCHAR), 4, '0'), 'comment', {_object("comment")}, key,
       repair, 0
FROM (SELECT * EXCLUDE (body), unnest(comments) AS comment, generate_subscripts(comments, 1) AS i
      FROM (SELECT *, json_extract(body, '$.top_comments[*]') AS comments FROM members WHERE {_IS_TREE}))
"""
_UNKNOWN = f"""
INSERT INTO rejects
SELECT file_no, doc_no, place || 'z', byte_offset, 'unknown_shape',
       'expected a list of posts by topic, or an object with top_comments by post',
       left(CAST(body AS VARCHAR), {q.EXCERPT_CHARS})
FROM members WHERE json_type(body) <> 'ARRAY' AND NOT coalesce({_IS_TREE}, false)
"""

ADAPTER = Adapter(
    name="moltbook_graph",
    version="1",
    system="Moltbook",
    containers=frozenset({"json"}),
    recognises=recognises,
    read_usual=None,
    extract=extract,
    table_kind=lambda columns: None,
    describes=__doc__ or "",
)
