"""SQL for the dumps of Bluesky's stream by AozoraDivr, whose keys have three letters; see `bluesky`."""

from __future__ import annotations

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.bluesky_time import MARK, RAW, witnessed

_STRUCT = (
    '{"typ":"VARCHAR","rid":"VARCHAR","crt":"VARCHAR","chg":"VARCHAR","txt":"VARCHAR","text":"VARCHAR","usr":"JSON",'
    '"rep":"JSON","rpl":"JSON","rpy":"JSON","reply":"JSON"}'
)
_WHO = '{"did":"VARCHAR","nms":"JSON","dsc":"VARCHAR","crt":"VARCHAR"}'
_REMOVED = "'delete', 'deleted', 'remove', 'removed', 'unfollow', 'unblock', 'false'"


def _address(expr: str) -> str:
    """Return SQL for the address of a post that is given as text, by its uri, or by author and key."""
    did = f"coalesce(json_extract_string({expr}, '$.usr.did'), json_extract_string({expr}, '$.did'))"
    made = f"'at://' || {did} || '/app.bsky.feed.post/' || json_extract_string({expr}, '$.rid')"
    return (
        f"CASE WHEN starts_with({expr}, '{{') THEN coalesce(json_extract_string({expr}, '$.uri'), {made}) "
        f"ELSE json_extract_string({expr}, '$') END"
    )


def _member(expr: str, *keys: str) -> str:
    return "coalesce(" + ", ".join(f"json_extract({expr}, '$.{key}')" for key in keys) + ")"


_REPLY = "coalesce(d.rep, d.rpl, d.rpy, d.reply)"
DIVE_PARSED = f"""
CREATE OR REPLACE TEMP TABLE dive AS
WITH parsed AS (
    SELECT file_no, doc_no, byte_offset, path, body, repair, json_transform(body, '{_STRUCT}') AS d,
           json_transform(e.usr, '{_WHO}') AS u
    FROM item WHERE e.typ IS NOT NULL AND e.usr IS NOT NULL
), told AS (
    SELECT *, regexp_replace(lower(d.typ), '^un', '') AS what, starts_with(lower(d.typ), 'un') AS is_undone,
           CASE WHEN json_type(u.nms) = 'ARRAY' THEN json_extract_string(u.nms, '$[0]')
                ELSE json_extract_string(u.nms, '$') END AS name,
           json_extract_string(body, '$.*.usr.did')[1] AS other_author,
           json_extract_string(body, '$.*.rid')[1] AS other_rid,
           list_filter(json_extract_string(body, '$.*.did'), lambda x: x IS NOT NULL AND x <> u.did)[1] AS other,
           {_address(_member(_REPLY, "parent", "par", "prt"))} AS answered,
           {_address(_member(_REPLY, "root", "rot", "rt"))} AS root
    FROM parsed
), named AS (
    SELECT *, 'at://' || other_author || '/app.bsky.feed.post/' || other_rid AS subject,
           is_undone OR lower(d.chg) IN ({_REMOVED}) AS is_removed, coalesce(answered, root) AS parent
    FROM told
)
SELECT *, CASE
           WHEN u.did IS NULL THEN NULL
           WHEN what IN ('account', 'identity', 'profile') THEN 'agent'
           WHEN what IN ('follow', 'block') THEN CASE WHEN other IS NOT NULL THEN 'tie'
                                                      WHEN is_removed THEN 'delete' END
           WHEN is_removed THEN CASE WHEN what IN ('post', 'reply', 'like', 'repost') THEN 'delete' END
           WHEN what IN ('post', 'reply') THEN CASE WHEN parent IS NULL THEN 'post' ELSE 'comment' END
           WHEN what = 'repost' AND subject IS NOT NULL THEN 'repost'
           WHEN what = 'like' AND subject IS NOT NULL THEN 'reaction' END AS kind,
       'at://' || u.did || '/app.bsky.feed.' || CASE what WHEN 'repost' THEN 'repost' ELSE 'post' END || '/' || d.rid
           AS uri,
       {witnessed("d.crt", "NULL", "d.rid")}
FROM named
"""
DIVE_RECORDS = f"""
INSERT INTO records
SELECT file_no, doc_no, path, kind,
       CASE WHEN kind = 'reaction'
            THEN json_object('agent_id', u.did, 'agent_name', name, 'message_id', subject, 'type', 'like',
                             'target_agent_id', other_author, 'at', d.crt)
            WHEN kind = 'tie'
            THEN json_object('source_id', u.did, 'source_name', name, 'target_id', other, 'at', d.crt,
                             'relation', CASE what WHEN 'follow' THEN 'follow' ELSE 'mute' END,
                             'action', CASE WHEN is_removed THEN 'remove' ELSE 'add' END, 'origin', what)
            WHEN kind = 'agent'
            THEN json_merge_patch(json_extract(body, '$.usr'), json_object('id', u.did, 'name', name,
                                  'description', u.dsc, 'created_at', u.crt, 'did', NULL, 'dsc', NULL, 'crt', NULL,
                                  'nms', CASE WHEN json_type(u.nms) = 'ARRAY' THEN u.nms END, 'change', d.chg))
            ELSE json_merge_patch(body, json_object(
                'id', uri, 'author', json_object('id', u.did, 'name', name), 'content', coalesce(d.txt, d.text),
                'created_at', d.crt, 'parent_id', CASE kind WHEN 'repost' THEN subject WHEN 'comment' THEN parent END,
                'root_id', CASE kind WHEN 'comment' THEN root END, 'is_time_implausible', {MARK}, 'created_raw', {RAW},
                'usr', NULL, 'rid', NULL, 'crt', NULL, 'txt', NULL, 'text', NULL, 'rep', NULL, 'rpl', NULL,
                'rpy', NULL, 'reply', NULL, 'pst', CASE WHEN kind <> 'repost' THEN json_extract(body, '$.pst') END))
            END,
       NULL, NULL, NULL, NULL, repair, NULL, 0
FROM dive WHERE kind <> 'delete'
"""
DIVE_REJECTS = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path, byte_offset, CASE WHEN kind = 'delete' THEN 'unresolved_target' ELSE 'unknown_shape' END,
       CASE WHEN kind = 'delete' THEN 'a deletion names its record by the key alone; the record stays'
            ELSE 'expected typ to be post, reply, repost, like, follow, block or account, with what it is about' END,
       left(body, {q.EXCERPT_CHARS})
FROM dive WHERE kind IS NULL OR kind = 'delete'
"""
