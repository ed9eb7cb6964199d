"""Reddit as Pushshift and Arctic Shift archive it: comments (RC_2012-01) and submissions (RS_2012-01) as JSON lines.

A comment is told by `link_id` and `body`, a submission by `title` and the keys that only submissions have; both need a
subreddit or an id of one. Arrays, and API bodies with a list under `data`, are read as well. Ids are base 36 and mostly
without the prefix that says of what: the comment c5 becomes `t1_c5`, the submission c5 `t3_c5`, since both may exist,
and `link_id` and `parent_id` then join to ids. An author is known by `author_fullname` (t2_...) where a record has
it, else by the handle, which stands for that id. `[deleted]` and `[removed]` in place of an author or a text are no
author and no text; a message whose text is gone is `is_deleted`, as is one that `_meta` says was deleted later, whose
text the archive still holds. `created_utc` is text or a number, always in seconds. `retrieved_on` is the time of
observation, `_meta.retrieved_2nd_on` where the archive came back for the score. All else is in `extra` under its own
name, such as `edited` (a truth value, or when), `crosspost_parent`, `distinguished`, `stickied`, flairs, `_meta`,
`ups` and `downs`, which in old months repeat the score; `body_html` and `selftext_html` repeat the text and are left
out.

What this format cannot tell: who voted, who reads, who follows whom; the text of what was deleted before the archive
came; upvotes and downvotes apart (only the score); whether an author is a person or a program. Promoted submissions
may have no subreddit.
"""

from __future__ import annotations

import re

import duckdb

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter
from pipeline.ingest.formats.listed import open_lists

_SUBREDDIT = re.compile(rb'"subreddit(_id)?"\s*:')
_COMMENT = re.compile(rb'"link_id"\s*:\s*"(t3_)?[0-9a-z]+"')
_SUBMISSION = re.compile(rb'"(is_self|selftext|num_comments|domain)"\s*:')
_CREATED = re.compile(rb'"created_utc"\s*:\s*("?\d|null)')
# A lone object whose first value is an object is a dict of other things, unless that value is the archive's own.
_IS_DICT = re.compile(rb'\s*\{\s*"(?!_meta"|data")[^"]*"\s*:\s*\{')
_STRUCT = (
    '{"id":"VARCHAR","name":"VARCHAR","link_id":"VARCHAR","parent_id":"VARCHAR","author":"VARCHAR",'
    '"author_fullname":"VARCHAR","body":"VARCHAR","title":"VARCHAR","selftext":"VARCHAR","is_self":"VARCHAR",'
    '"url":"VARCHAR","subreddit":"VARCHAR","created_utc":"VARCHAR","retrieved_on":"VARCHAR","retrieved_utc":"VARCHAR",'
    '"num_comments":"VARCHAR","_meta":{"retrieved_2nd_on":"VARCHAR","was_deleted_later":"VARCHAR"}}'
)


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell a comment or a submission by keys that only Reddit's own objects have together."""
    # A key is found far faster than its pattern, and a tree has tens of thousands of files.
    if container not in ("json", "jsonl") or b'"created_utc"' not in head or b'"subreddit' not in head:
        return False
    if not (_CREATED.search(head) and _SUBREDDIT.search(head)):
        return False
    if container == "json" and _IS_DICT.match(head):
        return False
    return _COMMENT.search(head) is not None or _SUBMISSION.search(head) is not None


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` and ``rejects`` from ``docs``."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    open_lists(con, ("data",))
    for statement in (_READ, _RECORDS, _UNKNOWN):
        con.execute(statement)


def is_gone(expr: str) -> str:
    """Return whether a text is one of the marks that Reddit leaves in place of what is gone."""
    return f"coalesce(trim({expr}) = '[deleted]' OR trim({expr}) = '[removed]', false)"


def full_name(prefix: str, expr: str) -> str:
    """Return SQL for an id with the prefix of its kind (SQL, too), whether it came with one or not."""
    known = q.identifier(expr)
    return f"CASE WHEN regexp_matches({expr}, '^t[0-9]_') THEN {known} ELSE {prefix} || '_' || {known} END"


_LINK = full_name("'t3'", "e.link_id")
# A parent without a prefix is the submission when it has its id, else a comment.
_PARENT = full_name(
    "CASE WHEN e.parent_id = regexp_replace(e.link_id, '^t3_', '') THEN 't3' ELSE 't1' END", "e.parent_id"
)
_READ = f"""
CREATE OR REPLACE TEMP TABLE reddit AS
WITH parsed AS (
    SELECT *, json_transform(body, '{_STRUCT}') AS e FROM held
), told AS (
    SELECT *, CASE WHEN e.link_id IS NOT NULL OR (e.body IS NOT NULL AND e.parent_id IS NOT NULL) THEN 'comment'
                   WHEN e.title IS NOT NULL AND e.created_utc IS NOT NULL THEN 'post' END AS kind
    FROM parsed
)
SELECT *, CASE WHEN kind = 'comment' THEN e.body ELSE nullif(e.selftext, '') END AS text,
       CASE WHEN NOT {is_gone("e.author")} THEN nullif(trim(e.author), '') END AS author,
       nullif(greatest(try_cast({q.identifier("coalesce(e.retrieved_on, e.retrieved_utc)")} AS DOUBLE),
                       try_cast({q.identifier("e._meta.retrieved_2nd_on")} AS DOUBLE)), 0) AS seen
FROM told
"""
# Keys of Reddit that mean something else here are set to null, which removes them; all that is unknown stays.
_RECORDS = f"""
INSERT INTO records
SELECT file_no, doc_no, path, kind,
       json_merge_patch(body, json_object(
           'id', {full_name("CASE kind WHEN 'comment' THEN 't1' ELSE 't3' END", "coalesce(e.id, e.name)")},
           'author', CASE WHEN author IS NOT NULL
                          THEN json_object('id', {q.identifier("e.author_fullname")}, 'name', author) END,
           'content', CASE WHEN NOT {is_gone("text")} THEN text END,
           'root_id', CASE WHEN kind = 'comment' THEN {_LINK} END,
           'parent_id', CASE WHEN kind = 'comment' THEN coalesce({_PARENT}, {_LINK}) END,
           'submolt_name', e.subreddit, 'created_at', e.created_utc, 'at_precision', 's',
           'comment_count', CASE WHEN kind = 'post' THEN e.num_comments END,
           'is_deleted', CASE WHEN {is_gone("text")} OR lower(e._meta.was_deleted_later) = 'true' THEN 'true'
                              ELSE 'false' END,
           'url', CASE WHEN kind = 'post' AND lower(coalesce(e.is_self, 'false')) <> 'true'
                            AND NOT contains(e.url, '/comments/' || e.id || '/') THEN e.url END,
           {
    ", ".join(
        f"'{key}', NULL"
        for key in (
            "name",
            "link_id",
            "author_fullname",
            "body",
            "body_html",
            "selftext",
            "selftext_html",
            "subreddit",
            "created_utc",
            "created",
            "timestamp",
            "username",
            "post_id",
            "community",
            "retrieved_on",
            "retrieved_utc",
            "num_comments",
        )
    )
})),
       NULL, NULL, CASE WHEN seen IS NOT NULL THEN CAST(try_cast(seen AS BIGINT) AS VARCHAR) END, NULL, repair, NULL, 0
FROM reddit WHERE kind IS NOT NULL
"""
_UNKNOWN = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path, byte_offset, 'unknown_shape',
       'expected a comment with link_id or a submission with title and created_utc', left(body, {q.EXCERPT_CHARS})
FROM reddit WHERE kind IS NULL
"""

ADAPTER = Adapter(
    name="pushshift",
    version="1",
    system="Reddit",
    containers=frozenset({"json", "jsonl"}),
    recognises=recognises,
    read_usual=None,
    extract=extract,
    table_kind=lambda columns: None,
    describes=__doc__ or "",
    is_canonical=True,
)
