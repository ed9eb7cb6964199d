"""Mastodon: statuses and accounts as its API gives them, and the archive that an account exports (ActivityStreams).

Statuses stand a line each, in arrays, or in bodies with `statuses`, `ancestors`, `descendants` or `accounts`. A status
with `in_reply_to_id` is a comment, one with `reblog` a repost of the status inside, which is a record of its own; one
with `quote` likewise a quote; one of visibility `direct` is a dm. Ids are those of the instance that was asked: a
status of another instance has another id there, so a corpus should hold the view of one. An account is known by its id,
its name is `acct` (with the host when it is of another instance). Favourites are `upvotes`; `replies_count` counts
direct replies only. The link of a status is that of its `card`; `uri` and all else is in `extra`.

outbox.json holds activities: Create and Update of a note (a post, or a comment where it has `inReplyTo`), Announce (a
repost), Like (a reaction) and Follow. Ids and agents are addresses (https://...), the name of an agent is name@host.
Recipients are told as `visibility`. actor.json is the account. likes.json and bookmarks.json hold addresses alone, not
whose they are, and are not read. A corpus of exports does not join with one of the API.

`content` is the text of the HTML: paragraphs and breaks as newlines, links whole, entities resolved; a content warning
is the title. Where the HTML has more than paragraphs and breaks it is kept as `html` in `extra`. What this format
cannot tell: who was shown what, who favourited (only how many), unfollows, deletions, and posts that never reached
the instance. Whether an account is a program is what it says (`bot` in `extra`).
"""

from __future__ import annotations

import re

import duckdb

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter
from pipeline.ingest.formats.html_text import has_markup, plain
from pipeline.ingest.formats.listed import open_lists
from pipeline.ingest.formats.mastodon_export import EXPORT_READ, EXPORT_RECORDS, EXPORT_REJECTS, IS_EXPORT

# Keys of one kind of object each; a key is found far faster than its pattern.
_MARKS = (
    (
        b'"account"',
        re.compile(rb'"account"\s*:\s*\{'),
        re.compile(rb'"(in_reply_to_id|reblogs_count|favourites_count|spoiler_text)"\s*:'),
    ),
    (b'"acct"', re.compile(rb'"acct"\s*:\s*"'), re.compile(rb'"(followers_count|statuses_count)"\s*:')),
    (b'"actor"', re.compile(rb'"type"\s*:\s*"(Create|Announce)"'), re.compile(rb'"actor"\s*:\s*"https?://')),
    (b'"preferredUsername"', re.compile(rb'"type"\s*:\s*"(Person|Service|Application)"')),
)
_STRUCT = (
    '{"id":"VARCHAR","account":"JSON","reblog":"JSON","quote":{"quoted_status":"JSON"},"in_reply_to_id":"VARCHAR",'
    '"content":"VARCHAR","created_at":"VARCHAR","spoiler_text":"VARCHAR","visibility":"VARCHAR","acct":"VARCHAR",'
    '"replies_count":"VARCHAR","favourites_count":"VARCHAR","card":{"url":"VARCHAR"},"type":"VARCHAR"}'
)
_ACCOUNT_STRUCT = (
    '{"id":"VARCHAR","acct":"VARCHAR","username":"VARCHAR","display_name":"VARCHAR","note":"VARCHAR",'
    '"followers_count":"VARCHAR","following_count":"VARCHAR","created_at":"VARCHAR","bot":"VARCHAR"}'
)


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell statuses and accounts by keys that only this platform's have together, exports by their activities."""
    if container not in ("json", "jsonl") or not (b'"ac' in head or b'"preferredUsername"' in head):
        return False
    return any(key in head and all(mark.search(head) for mark in marks) for key, *marks in _MARKS)


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` and ``rejects`` from ``docs``."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    open_lists(con, ("statuses", "ancestors", "descendants", "accounts", "orderedItems"))
    for statement in (_READ, _STATUSES, _ACCOUNTS, _REJECTS, EXPORT_READ, EXPORT_RECORDS, EXPORT_REJECTS):
        con.execute(statement)


def _parsed(source: str) -> str:
    return f"""
SELECT *, json_transform(body, '{_STRUCT}') AS e,
       json_transform(json_extract(body, '$.account'), '{_ACCOUNT_STRUCT}') AS a
FROM {source}
"""


def _inner(expr: str) -> str:
    """Return SQL for the status inside another one, null where there is none."""
    return (
        f"CASE WHEN starts_with({expr}.reblog, '{{') THEN CAST({expr}.reblog AS VARCHAR) "
        f"WHEN starts_with({expr}.quote.quoted_status, '{{') THEN CAST({expr}.quote.quoted_status AS VARCHAR) END"
    )


# What a status shares stands behind it in the file, as its reader sees it.
_READ = f"""
CREATE OR REPLACE TEMP TABLE status AS
WITH outer_status AS (
    {_parsed(f"(SELECT * FROM held WHERE NOT ({IS_EXPORT}))")}
), both_levels AS (
    SELECT file_no, doc_no, byte_offset, path || 'a' AS path, body, repair FROM outer_status
    UNION ALL
    SELECT file_no, doc_no, byte_offset, path || 'b', {_inner("e")}, repair FROM outer_status
    WHERE {_inner("e")} IS NOT NULL
), parsed AS (
    {_parsed("both_levels")}
)
SELECT *, starts_with(e.reblog, '{{') AS is_reblog, json_extract_string({_inner("e")}, '$.id') AS shared,
       CASE WHEN a.id IS NOT NULL AND e.created_at IS NOT NULL THEN
            CASE WHEN e.visibility = 'direct' THEN 'dm' WHEN starts_with(e.reblog, '{{') THEN 'repost'
                 WHEN {q.identifier("e.in_reply_to_id")} IS NOT NULL THEN 'comment'
                 WHEN {_inner("e")} IS NOT NULL THEN 'quote' ELSE 'post' END
            WHEN e.acct IS NOT NULL AND e.id IS NOT NULL THEN 'agent' END AS kind
FROM parsed
"""


def _profile(account: str) -> dict[str, str]:
    return {
        "id": f"{account}.id", "name": f"coalesce({account}.acct, {account}.username)",
        "display_name": f"nullif({account}.display_name, '')", "description": f"nullif({plain(f'{account}.note')}, '')",
        "follower_count": f"{account}.followers_count", "following_count": f"{account}.following_count",
        "created_at": f"{account}.created_at",
    }  # fmt: skip


def _packed(fields: dict[str, str], *removed: str) -> str:
    """Return SQL for a JSON object; `removed` are keys that are null in it, so that a merge removes them."""
    return (
        "json_object("
        + ", ".join([*(f"'{k}', {v}" for k, v in fields.items()), *(f"'{k}', NULL" for k in removed)])
        + ")"
    )


_TAIL = "NULL, NULL, NULL, NULL, repair, NULL, 0"
_STATUSES = f"""
INSERT INTO records
SELECT file_no, doc_no, path, kind,
       json_merge_patch(body, {
    _packed(
        {
            "author": f"json_merge_patch({_packed(_profile('a'))}, json_object('bot', a.bot))",
            "content": f"CASE WHEN NOT is_reblog IS TRUE THEN {plain('e.content')} END",
            "html": f"CASE WHEN NOT is_reblog IS TRUE AND {has_markup('e.content')} THEN e.content END",
            "title": "nullif(e.spoiler_text, '')",
            "parent_id": "coalesce(" + q.identifier("e.in_reply_to_id") + ", shared)",
            "quoted": "CASE WHEN kind = 'comment' THEN shared END",
            "upvotes": "e.favourites_count",
            "comment_count": "e.replies_count",
            "url": "CASE WHEN NOT is_reblog IS TRUE THEN e.card.url END",
        },
        "account",
        "reblog",
        "quote",
        "in_reply_to_id",
        "text",
        "body",
        "spoiler_text",
        "replies_count",
        "favourites_count",
        "root_id",
        "post_id",
        "community",
        "type",
    )
}),
       {_TAIL}
FROM status WHERE kind IN ('post', 'comment', 'repost', 'quote', 'dm')
"""
_ACCOUNTS = f"""
INSERT INTO records
SELECT file_no, doc_no, path, kind,
       json_merge_patch(body, {_packed(_profile("o"), "acct", "username", "note", "followers_count")}), {_TAIL}
FROM (SELECT *, json_transform(body, '{_ACCOUNT_STRUCT}') AS o FROM status WHERE kind = 'agent')
"""
_REJECTS = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path, byte_offset, 'unknown_shape',
       'expected a status with account and created_at, an account with acct, or an activity',
       left(body, {q.EXCERPT_CHARS})
FROM status WHERE kind IS NULL
"""

ADAPTER = Adapter(
    name="mastodon",
    version="1",
    system="Mastodon",
    containers=frozenset({"json", "jsonl"}),
    recognises=recognises,
    read_usual=None,
    extract=extract,
    table_kind=lambda columns: None,
    describes=__doc__ or "",
    is_canonical=True,
)
