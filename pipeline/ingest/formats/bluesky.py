"""Bluesky: records of the AT protocol, and the dumps of its stream that AozoraDivr publishes.

A record is read flat (`uri` beside its fields), as the repository lists it (`uri`, `value`), as a view of the app
(`uri`, `author`, `record`, counts), or as an event of Jetstream (`did`, `commit`); lines, arrays, and bodies with
`feed`, `posts` or `records`. Its collection, in `uri`, says what it is: a post, a comment where it has `reply`, a quote
where it embeds another post, a repost, a like (reaction), a follow, a block (a tie of relation mute, origin block), or
a profile (agent). Ids are `at://` addresses, agents are known by their did. Likes, replies and quotes that a view
counts are `upvotes`, `claimed_comment_count` (direct replies only) and `quote_count` in `extra`.

AozoraDivr (*_atproto_general.jsonl, *_interactions.jsonl, *_accounts.jsonl) writes short keys: `typ`, `usr` {`did`,
`nms`}, `rid`, `crt` (seconds), `chg`. The address of a record is made from did, kind and `rid`. `nms` is a name or a
list of names, of which the first counts. What a like or repost is about is the object that holds a `usr` and a `rid`;
whom a follow or block is about, the object that holds another `did`. Its card shows no post whole: text is looked for
under `txt` and `text`, replies under `rep`, `rpl`, `rpy` or `reply`; all that is not found there is in `extra`.

`createdAt` is what the author's program says, of any year. It is kept; in a message `is_time_implausible` in `extra`
marks one
before November 2022, one more than a day after the record was indexed (or after the time in its record key), and one
that cannot be read, which is then `created_raw`. What was deleted is named by its record key alone: such rows are
quarantined (`unresolved_target`), and the record stays. Records of other collections are quarantined too. What this
format cannot tell: who was shown what, why a feed shows a post, and ties from before the stream began.
"""

from __future__ import annotations

import re

import duckdb

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter
from pipeline.ingest.formats.bluesky_dive import DIVE_PARSED, DIVE_RECORDS, DIVE_REJECTS
from pipeline.ingest.formats.bluesky_time import MARK, RAW, witnessed
from pipeline.ingest.formats.listed import open_lists

# As values of keys, so that a text that speaks of such an address is not taken for one.
_RAW_MARK = re.compile(
    rb'"(uri|subject)"\s*:\s*"at://[^"/]+/app\.bsky\.|"(\$type|collection)"\s*:\s*"app\.bsky\.(feed|graph|actor)\.'
)
_DIVE_MARKS = (rb'"typ"\s*:\s*"', rb'"usr"\s*:\s*\{', rb'"did"\s*:\s*"did:')
_STRUCT = (
    '{"uri":"VARCHAR","cid":"VARCHAR","did":"VARCHAR","handle":"VARCHAR","rkey":"VARCHAR","collection":"VARCHAR",'
    '"time_us":"VARCHAR","indexedAt":"VARCHAR","kind":"VARCHAR","value":"JSON","record":"JSON","author":"JSON",'
    '"typ":"VARCHAR","usr":"JSON","identity":"JSON","account":"JSON","post":"JSON","likeCount":"VARCHAR",'
    '"replyCount":"VARCHAR","repostCount":"VARCHAR","quoteCount":"VARCHAR",'
    '"commit":{"operation":"VARCHAR","collection":"VARCHAR","rkey":"VARCHAR","record":"JSON","cid":"VARCHAR"}}'
)
_REF = '{"uri":"VARCHAR"}'
_RECORD = (
    f'{{"text":"VARCHAR","createdAt":"VARCHAR","reply":{{"root":{_REF},"parent":{_REF}}},"subject":"JSON",'
    '"embed":{"record":{"uri":"VARCHAR","record":{"uri":"VARCHAR"}}},"displayName":"VARCHAR","description":"VARCHAR"}'
)


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell records by an address or type of Bluesky's own, dumps of the stream by three of their short keys."""
    if container not in ("json", "jsonl"):
        return False
    if b"app.bsky." in head and _RAW_MARK.search(head):
        return True
    return b'"usr"' in head and all(re.search(mark, head) for mark in _DIVE_MARKS)


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` and ``rejects`` from ``docs``."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    open_lists(con, ("feed", "posts", "records"))
    for statement in (_PARSED, _READ, _MESSAGES, _EVENTS, _AGENTS, _REJECTS, DIVE_PARSED, DIVE_RECORDS, DIVE_REJECTS):
        con.execute(statement)


# A feed holds its posts one level down.
_PARSED = f"""
CREATE OR REPLACE TEMP TABLE item AS
WITH parsed AS (
    SELECT *, json_transform(body, '{_STRUCT}') AS e FROM held
), inner_post AS (
    SELECT * EXCLUDE (e) REPLACE (CASE WHEN e.uri IS NULL AND e.typ IS NULL AND starts_with(e.post, '{{')
                                       THEN CAST(e.post AS VARCHAR) ELSE body END AS body)
    FROM parsed
)
SELECT *, json_transform(body, '{_STRUCT}') AS e FROM inner_post
"""
_READ = f"""
CREATE OR REPLACE TEMP TABLE bsky AS
WITH addressed AS (
    SELECT *, CASE WHEN e.commit.rkey IS NOT NULL
                   THEN 'at://' || e.did || '/' || e.commit.collection || '/' || e.commit.rkey
                   WHEN e.uri IS NULL AND e.rkey IS NOT NULL
                   THEN 'at://' || e.did || '/' || e.collection || '/' || e.rkey
                   ELSE e.uri END AS uri,
           CASE WHEN e.commit.rkey IS NOT NULL THEN CAST(e.commit.record AS VARCHAR)
                WHEN starts_with(e.value, '{{') THEN CAST(e.value AS VARCHAR)
                WHEN starts_with(e.record, '{{') THEN CAST(e.record AS VARCHAR) ELSE body END AS rec,
           coalesce(e.indexedAt, e.time_us) AS seen
    FROM item WHERE e.typ IS NULL OR e.usr IS NULL
), split AS (
    SELECT *, regexp_extract(uri, '^at://([^/]+)/app[.]bsky[.]([^/]+)/([^/?#]+)', ['who', 'collection', 'rkey']) AS a,
           json_transform(rec, '{_RECORD}') AS r
    FROM addressed
), told AS (
    SELECT *, coalesce(e.commit.operation, '') = 'delete' AS is_delete,
           coalesce(nullif(a.who, ''), json_extract_string(e.author, '$.did')) AS who,
           coalesce(r.reply.parent.uri, r.reply.root.uri) AS answered,
           CASE WHEN contains(coalesce(r.embed.record.record.uri, r.embed.record.uri), '/app.bsky.feed.post/')
                THEN coalesce(r.embed.record.record.uri, r.embed.record.uri) END AS quoted,
           coalesce(json_extract_string(r.subject, '$.uri'), json_extract_string(r.subject, '$')) AS subject
    FROM split
)
SELECT *, CASE
           WHEN is_delete THEN 'delete'
           WHEN a.collection = 'feed.post' THEN CASE WHEN answered IS NOT NULL THEN 'comment'
                                                     WHEN quoted IS NOT NULL THEN 'quote' ELSE 'post' END
           WHEN a.collection = 'feed.repost' THEN 'repost' WHEN a.collection = 'feed.like' THEN 'reaction'
           WHEN a.collection IN ('graph.follow', 'graph.block') THEN 'tie'
           WHEN a.collection = 'actor.profile' OR (uri IS NULL AND e.did IS NOT NULL
                AND coalesce(e.handle, e.identity, e.account) IS NOT NULL) THEN 'agent' END AS kind,
       json_object('id', CASE WHEN starts_with(who, 'did:') THEN who END,
                   'name', coalesce(json_extract_string(e.author, '$.handle'),
                                    CASE WHEN NOT starts_with(who, 'did:') THEN who END),
                   'display_name', json_extract_string(e.author, '$.displayName')) AS author,
       {witnessed("r.createdAt", "seen", "a.rkey")}
FROM told
"""
_OBSERVED = "seen, NULL, repair, NULL, 0"
_MESSAGES = f"""
INSERT INTO records
SELECT file_no, doc_no, path, kind,
       json_merge_patch(rec, json_object(
           'id', uri, 'author', author, 'content', r.text, 'created_at', r.createdAt,
           'parent_id', CASE kind WHEN 'comment' THEN answered WHEN 'quote' THEN quoted WHEN 'repost' THEN subject END,
           'root_id', CASE kind WHEN 'comment' THEN r.reply.root.uri END,
           'quoted', CASE WHEN kind = 'comment' THEN quoted END, 'cid', coalesce(e.cid, e.commit.cid),
           'upvotes', e.likeCount, 'comment_count', e.replyCount, 'repost_count', e.repostCount,
           'quote_count', e.quoteCount, 'is_time_implausible', {MARK}, 'created_raw', {RAW},
           {
    ", ".join(
        f"'{key}', NULL"
        for key in (
            "uri",
            "text",
            "body",
            "createdAt",
            "created",
            "timestamp",
            "reply",
            "subject",
            "$type",
            "indexedAt",
            "did",
            "rkey",
            "collection",
            "time_us",
            "url",
            "likeCount",
            "replyCount",
            "repostCount",
            "quoteCount",
            "title",
            "score",
            "community",
            "post_id",
            "username",
            "agent",
        )
    )
})),
       NULL, NULL, {_OBSERVED}
FROM bsky WHERE kind IN ('post', 'comment', 'quote', 'repost')
"""
_SUBJECT_DID = "CASE WHEN starts_with(subject, 'at://did:') THEN split_part(subject, '/', 3) END"
_EVENTS = f"""
INSERT INTO records
SELECT file_no, doc_no, path, kind,
       CASE WHEN kind = 'reaction'
            THEN json_object('agent_id', who, 'agent_name', author ->> 'name', 'message_id', subject,
                             'target_agent_id', {_SUBJECT_DID}, 'type', 'like', 'at', r.createdAt)
            ELSE json_object('source_id', who, 'source_name', author ->> 'name', 'target_id', subject,
                             'relation', CASE a.collection WHEN 'graph.follow' THEN 'follow' ELSE 'mute' END,
                             'action', 'add', 'at', r.createdAt, 'origin', split_part(a.collection, '.', 2)) END,
       NULL, NULL, {_OBSERVED}
FROM bsky WHERE kind IN ('reaction', 'tie')
"""
_AGENTS = f"""
INSERT INTO records
SELECT file_no, doc_no, path, kind,
       json_merge_patch(rec, json_object(
           'id', coalesce(CASE WHEN starts_with(who, 'did:') THEN who END, e.did),
           'name', coalesce(e.handle, json_extract_string(e.identity, '$.handle')), 'display_name', r.displayName,
           'description', r.description, 'created_at', r.createdAt,
           'follower_count', json_extract_string(rec, '$.followersCount'),
           'following_count', json_extract_string(rec, '$.followsCount'),
           {
    ", ".join(
        f"'{key}', NULL"
        for key in (
            "uri",
            "did",
            "handle",
            "displayName",
            "createdAt",
            "indexedAt",
            "time_us",
            "kind",
            "$type",
            "followersCount",
            "followsCount",
            "identity",
        )
    )
})),
       NULL, NULL, {_OBSERVED}
FROM bsky WHERE kind = 'agent'
"""
_REJECTS = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path, byte_offset, CASE WHEN kind = 'delete' THEN 'unresolved_target' ELSE 'unknown_shape' END,
       CASE WHEN kind = 'delete' THEN 'a deletion names its record by the key alone; the record stays'
            ELSE 'expected a post, repost, like, follow, block or profile of app.bsky' END,
       left(body, {q.EXCERPT_CHARS})
FROM bsky WHERE kind IS NULL OR kind = 'delete'
"""

ADAPTER = Adapter(
    name="bluesky",
    version="1",
    system="Bluesky",
    containers=frozenset({"json", "jsonl"}),
    recognises=recognises,
    read_usual=None,
    extract=extract,
    table_kind=lambda columns: None,
    describes=__doc__ or "",
    is_canonical=True,
)
