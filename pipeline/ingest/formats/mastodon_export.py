"""SQL for the archive that a Mastodon account exports: activities of ActivityStreams, and the account itself."""

from __future__ import annotations

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.html_text import has_markup, plain

_ACTORS = "'Person', 'Service', 'Application'"
_NOTES = "'Note', 'Question', 'Article'"
IS_EXPORT = (
    "(contains(body, '\"actor\"') AND json_extract_string(body, '$.actor') IS NOT NULL) "
    "OR (contains(body, '\"preferredUsername\"') AND json_extract_string(body, '$.preferredUsername') IS NOT NULL)"
)
_STRUCT = (
    '{"id":"VARCHAR","type":"VARCHAR","actor":"VARCHAR","published":"VARCHAR","object":"JSON",'
    '"preferredUsername":"VARCHAR","name":"VARCHAR","summary":"VARCHAR"}'
)
_NOTE = (
    '{"id":"VARCHAR","type":"VARCHAR","published":"VARCHAR","attributedTo":"VARCHAR","inReplyTo":"JSON",'
    '"content":"VARCHAR","summary":"VARCHAR","contentMap":"JSON","to":"VARCHAR","cc":"VARCHAR"}'
)


def _handle(expr: str) -> str:
    """Return SQL for name@host of the address of an account, null where it has another form."""
    return f"nullif(regexp_replace({expr}, '^https?://([^/]+)/(?:users/|@)([^/?#@]+)/?$', '\\2@\\1'), {expr})"


def _reference(expr: str) -> str:
    """Return SQL for the address of an object that is given whole or by its address."""
    return f"coalesce(json_extract_string({expr}, '$.id'), json_extract_string({expr}, '$'))"


def _is_for(address: str) -> tuple[str, str]:
    return f"contains(coalesce(n.\"to\", ''), '{address}')", f"contains(coalesce(n.cc, ''), '{address}')"


_TO_ALL, _CC_ALL = _is_for("#Public")
_TO_FOLLOWERS, _CC_FOLLOWERS = _is_for("/followers")
EXPORT_READ = f"""
CREATE OR REPLACE TEMP TABLE activity AS
WITH parsed AS (
    SELECT *, json_transform(body, '{_STRUCT}') AS e FROM held WHERE {IS_EXPORT}
), opened AS (
    SELECT *, CASE WHEN starts_with(e.object, '{{') THEN json_transform(e.object, '{_NOTE}') END AS n,
           {_reference("e.object")} AS object_id
    FROM parsed
), told AS (
    SELECT *, CASE WHEN {_TO_ALL} THEN 'public' WHEN {_CC_ALL} THEN 'unlisted'
                   WHEN {_TO_FOLLOWERS} OR {_CC_FOLLOWERS} THEN 'private' ELSE 'direct' END AS visibility,
           {_reference("n.inReplyTo")} AS answered
    FROM opened
)
SELECT *, CASE
           WHEN e.type IN ({_ACTORS}) AND e.actor IS NULL THEN 'agent'
           WHEN e.type IN ('Create', 'Update') AND n.type IN ({_NOTES})
           THEN CASE WHEN visibility = 'direct' THEN 'dm' WHEN answered IS NOT NULL THEN 'comment' ELSE 'post' END
           WHEN e.type = 'Announce' AND object_id IS NOT NULL THEN 'repost'
           WHEN e.type = 'Like' AND object_id IS NOT NULL THEN 'reaction'
           WHEN e.type = 'Follow' AND object_id IS NOT NULL THEN 'tie' END AS kind
FROM told
"""
_HOST = "nullif(regexp_extract(e.id, '^https?://([^/]+)/', 1), '')"
EXPORT_RECORDS = f"""
INSERT INTO records
SELECT file_no, doc_no, path, kind,
       CASE WHEN kind = 'agent'
            THEN json_merge_patch(body, json_object('id', e.id, 'display_name', nullif(e.name, ''),
                 'name', e.preferredUsername || coalesce('@' || {_HOST}, ''),
                 'description', nullif({plain("e.summary")}, ''), 'created_at', e.published, 'preferredUsername', NULL,
                 'summary', NULL, 'published', NULL, '@context', NULL, 'publicKey', NULL))
            WHEN kind = 'reaction'
            THEN json_object('agent_id', e.actor, 'agent_name', {_handle("e.actor")}, 'message_id', object_id,
                             'type', 'like', 'at', e.published)
            WHEN kind = 'tie'
            THEN json_object('source_id', e.actor, 'source_name', {_handle("e.actor")}, 'target_id', object_id,
                             'relation', 'follow', 'action', 'add', 'at', e.published, 'origin', 'Follow')
            WHEN kind = 'repost'
            THEN json_object('id', e.id, 'author', json_object('id', e.actor, 'name', {_handle("e.actor")}),
                             'created_at', e.published, 'parent_id', object_id)
            ELSE json_merge_patch(e.object, json_object(
                 'id', n.id, 'author', json_object('id', coalesce(n.attributedTo, e.actor),
                                                   'name', {_handle("coalesce(n.attributedTo, e.actor)")}),
                 'title', nullif(n.summary, ''), 'content', {plain("n.content")},
                 'html', CASE WHEN {has_markup("n.content")} THEN n.content END,
                 'created_at', coalesce(n.published, e.published), 'parent_id', answered, 'visibility', visibility,
                 'language', CASE WHEN json_type(n.contentMap) = 'OBJECT' THEN json_keys(n.contentMap)[1] END,
                 'type', CASE WHEN n.type <> 'Note' THEN n.type END,
                 'summary', NULL, 'contentMap', NULL, 'published', NULL, 'attributedTo', NULL, 'inReplyTo', NULL,
                 'to', NULL, 'cc', NULL, 'url', NULL, 'root_id', NULL, 'text', NULL, 'body', NULL))
            END,
       NULL, NULL, NULL, NULL, repair, NULL, 0
FROM activity WHERE kind IS NOT NULL
"""
EXPORT_REJECTS = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path, byte_offset, 'unknown_shape',
       'expected an activity of type Create, Update, Announce, Like or Follow, or an account',
       left(body, {q.EXCERPT_CHARS})
FROM activity WHERE kind IS NULL
"""
