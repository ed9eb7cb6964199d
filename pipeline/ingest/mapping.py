"""Records become observations: canonical columns, whatever a field was called, one row per record and per mention.

Reads the temporary table ``placed`` (records with their position in the file) and leaves ``obs_message``,
``obs_agent``, ``obs_community``, ``obs_membership`` and ``obs_reject``. The aliases of a field are listed once, in
`ALIASES`; keys that are mapped nowhere are kept in ``extra``.
"""

from __future__ import annotations

import json

from pipeline.ingest import sqltools as q

MESSAGE_KEYS: dict[str, tuple[str, ...]] = {
    "id": ("id", "comment_id"),
    "title": ("title",),
    "content": ("content", "body", "text"),
    "url": ("url",),
    "upvotes": ("upvotes",),
    "downvotes": ("downvotes",),
    "score": ("score",),
    "comment_count": ("comment_count", "commentCount"),
    "created": ("created_at", "createdAt", "created", "timestamp"),
    "author": ("author", "agent"),
    "author_id": ("author_id", "authorId", "agent_id", "agentId"),
    "author_name": ("author_name", "agent_name", "username"),
    "submolt": ("submolt", "community"),
    "submolt_name": ("submolt_name", "_submolt"),
    "post_id": ("post_id", "postId"),
    "parent_id": ("parent_id", "parentId", "parent_comment_id"),
    "is_deleted": ("is_deleted", "isDeleted"),
    "is_spam": ("is_spam", "isSpam"),
}
AGENT_KEYS: dict[str, tuple[str, ...]] = {
    "id": ("id", "agent_id"),
    "name": ("name", "agent_name", "username"),
    "persona": ("description", "bio"),
    "karma": ("karma",),
    "followers": ("follower_count", "followerCount"),
    "following": ("following_count", "followingCount"),
    "is_claimed": ("is_claimed", "isClaimed"),
    "created": ("created_at", "createdAt"),
    "deleted": ("deletedAt", "deleted_at"),
    "owner": ("owner",),
    "owner_handle": ("owner_x_handle",),
}
OWNER_KEYS: dict[str, tuple[str, ...]] = {
    "handle": ("x_handle", "xHandle"),
    "name": ("x_name", "xName"),
    "bio": ("x_bio", "xBio"),
    "followers": ("x_follower_count", "xFollowerCount"),
}
COMMUNITY_KEYS: dict[str, tuple[str, ...]] = {
    "id": ("id",),
    "name": ("name",),
    "title": ("display_name", "displayName"),
    "description": ("description",),
    "created": ("created_at", "createdAt"),
    "subscribers": ("subscriber_count", "subscriberCount"),
    "post_count": ("post_count", "postCount"),
    "created_by": ("created_by", "createdBy"),
    "moderators": ("moderators",),
}
# Keys that are read elsewhere (provenance, nesting), and so are no part of `extra`.
_PLACED_KEYS = ("replies", "comments", "fetched_at", "dump_date", "_downloaded_at", "_endpoint", "agent")
_JSON_FIELDS = frozenset({"author", "submolt", "owner", "created_by", "moderators"})


def _transform(expr: str, keys: dict[str, tuple[str, ...]]) -> str:
    names = {
        alias: ("JSON" if field in _JSON_FIELDS else "VARCHAR")
        for field, aliases in keys.items()
        for alias in aliases
    }
    return f"json_transform({expr}, '{json.dumps(names)}')"


def _pick(struct: str, keys: dict[str, tuple[str, ...]], field: str) -> str:
    aliases = keys[field]
    parts = [f'{struct}."{alias}"' for alias in aliases]
    return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"


def _extra(expr: str, keys: dict[str, tuple[str, ...]]) -> str:
    gone = [*(alias for aliases in keys.values() for alias in aliases), *_PLACED_KEYS]
    known = ", ".join(f"'{name}'" for name in gone)
    kept = f"CAST(json_merge_patch({expr}, '{json.dumps(dict.fromkeys(gone))}') AS VARCHAR)"
    # Most records have no unknown key; looking at the keys is far cheaper than copying the record.
    return f"CASE WHEN list_has_all([{known}], json_keys({expr})) THEN NULL ELSE nullif({kept}, '{{}}') END"


def _name(expr: str) -> str:
    """Return a handle without the ``u/`` or ``@`` that some dumps put before it."""
    return f"regexp_replace({q.identifier(expr)}, '^(u/|@)', '')"


def _reference(expr: str) -> tuple[str, str]:
    """Return SQL for id and name of an author or creator that is an object, a string or null."""
    is_object = f"starts_with({expr}, '{{')"
    text = f"CASE WHEN starts_with({expr}, chr(34)) THEN json_extract_string({expr}, '$') END"
    ident = q.identifier(f"json_extract_string({expr}, '$.id')")
    name = _name(f"coalesce(CASE WHEN {is_object} THEN json_extract_string({expr}, '$.name') END, {text})")
    return f"CASE WHEN {is_object} THEN {ident} END", name


def message_sql() -> str:
    """Return the statement that makes ``obs_message`` from posts and comments."""
    m, keys = "m", MESSAGE_KEYS
    author_id, author_name = _reference(_pick(m, keys, "author"))
    submolt = _pick(m, keys, "submolt")
    slug = (
        f"CASE WHEN json_type({submolt}) = 'OBJECT' THEN coalesce(json_extract_string({submolt}, '$.name'), "
        f"'id:' || json_extract_string({submolt}, '$.id')) WHEN json_type({submolt}) = 'VARCHAR' "
        f"THEN json_extract_string({submolt}, '$') END"
    )
    created = q.null_if_word(_pick(m, keys, "created"))
    text = "coalesce(title, '') || chr(10) || coalesce(content, '')"
    return f"""
CREATE OR REPLACE TEMP TABLE parsed_message AS
SELECT file_no, source_row, kind, root_hint, parent_hint, observed_text, is_repaired,
       {_transform("rec", keys)} AS m, {_extra("rec", keys)} AS extra
FROM placed WHERE kind IN ('post', 'comment');
CREATE OR REPLACE TEMP TABLE obs_message AS
WITH picked AS (
    SELECT file_no, source_row, kind, is_repaired, {q.null_if_word("observed_text")} AS observed_text,
           {q.identifier(_pick(m, keys, "id"))} AS message_id,
           coalesce({author_id}, {q.identifier(_pick(m, keys, "author_id"))}) AS author_id,
           coalesce({author_name}, {_name(_pick(m, keys, "author_name"))}) AS author_name,
           {q.identifier(f"coalesce({slug}, {_pick(m, keys, 'submolt_name')})")} AS community_id,
           {q.identifier(f"coalesce({_pick(m, keys, 'post_id')}, root_hint)")} AS post_id,
           {q.identifier(f"coalesce({_pick(m, keys, 'parent_id')}, parent_hint)")} AS answered_id,
           {_pick(m, keys, "title")} AS title, {_pick(m, keys, "content")} AS content,
           {created} AS created_text,
           {q.integer(_pick(m, keys, "score"))} AS score, {q.integer(_pick(m, keys, "upvotes"))} AS upvotes,
           {q.integer(_pick(m, keys, "downvotes"))} AS downvotes,
           {q.integer(_pick(m, keys, "comment_count"), is_count=True)} AS claimed_comment_count,
           {q.boolean(_pick(m, keys, "is_deleted"))} AS is_deleted,
           {q.boolean(_pick(m, keys, "is_spam"))} AS is_spam,
           {q.null_if_word(_pick(m, keys, "url"))} AS url, extra
    FROM parsed_message
)
SELECT file_no, source_row, kind, message_id, author_id, author_name, community_id,
       CASE WHEN kind = 'comment' THEN coalesce(answered_id, post_id) END AS parent_id,
       CASE WHEN kind = 'comment' THEN post_id ELSE message_id END AS root_id,
       title, content, {q.instant("created_text")} AS created_at, {q.precision("created_text")} AS at_precision,
       score, upvotes, downvotes, claimed_comment_count, is_deleted, is_spam,
       CASE WHEN contains(url, message_id) THEN NULL ELSE url END AS url,
       {q.text_flags(text, "is_repaired")} AS flags,
       {q.instant("observed_text")} AS observed_at, extra
FROM picked
"""


def agent_sql() -> str:
    """Return the statement that makes ``obs_agent`` from agent records, authors and creators of communities."""
    a, keys = "a", AGENT_KEYS
    owner = _pick(a, keys, "owner")
    created = q.null_if_word(_pick(a, keys, "created"))

    def owned(field: str) -> str:
        paths = [f"json_extract_string({owner}, '$.{alias}')" for alias in OWNER_KEYS[field]]
        return f"coalesce({', '.join(paths)})"

    owner_text = f"CASE WHEN json_type({owner}) = 'VARCHAR' THEN json_extract_string({owner}, '$') END"
    return f"""
CREATE OR REPLACE TEMP TABLE obs_agent AS
WITH seen AS (
    SELECT file_no, source_row, true AS is_record, rec AS body, observed_text FROM placed WHERE kind = 'agent'
    UNION ALL
    SELECT file_no, source_row, false, body, observed_text
    FROM (SELECT file_no, source_row, {_pick("m", MESSAGE_KEYS, "author")} AS body, observed_text
          FROM parsed_message) WHERE starts_with(body, '{{')
    UNION ALL
    SELECT file_no, source_row, false, body, observed_text
    FROM (SELECT file_no, source_row, coalesce(json_extract(rec, '$.created_by'), json_extract(rec, '$.createdBy'))
                 AS body, observed_text FROM placed WHERE kind = 'community') WHERE json_type(body) = 'OBJECT'
), parsed AS (
    SELECT *, {_transform("body", keys)} AS a FROM seen
), picked AS (
    SELECT file_no, source_row, is_record, {q.null_if_word("observed_text")} AS observed_text,
           {q.identifier(_pick(a, keys, "id"))} AS agent_id, {_name(_pick(a, keys, "name"))} AS name,
           {_pick(a, keys, "persona")} AS persona, {created} AS created_text,
           {q.integer(_pick(a, keys, "karma"))} AS karma,
           {q.integer(_pick(a, keys, "followers"), is_count=True)} AS followers,
           {q.integer(_pick(a, keys, "following"), is_count=True)} AS following,
           {q.boolean(_pick(a, keys, "is_claimed"))} AS is_claimed,
           {q.null_if_word(_pick(a, keys, "deleted"))} IS NOT NULL AS is_deleted,
           coalesce({owned("handle")}, {owner_text}, {_pick(a, keys, "owner_handle")}) AS owner_handle,
           {owned("name")} AS owner_name, {owned("bio")} AS owner_bio,
           {q.integer(owned("followers"))} AS owner_followers,
           {_extra("body", keys)} AS extra
    FROM parsed
)
SELECT file_no, min(source_row) AS source_row, is_record, agent_id, name, persona,
       {q.instant("created_text")} AS created_at, {q.precision("created_text")} AS at_precision, karma, followers,
       following, is_claimed, is_deleted, owner_handle, owner_name, owner_bio, owner_followers,
       {q.instant("observed_text")} AS observed_at, extra
FROM picked
GROUP BY ALL
"""


def community_sql() -> str:
    """Return the statement that makes ``obs_community`` from community records and the communities of messages."""
    c, keys = "c", COMMUNITY_KEYS
    created = q.null_if_word(_pick(c, keys, "created"))
    return f"""
CREATE OR REPLACE TEMP TABLE obs_community AS
WITH seen AS (
    SELECT file_no, source_row, true AS is_record, rec AS body, observed_text FROM placed WHERE kind = 'community'
    UNION ALL
    SELECT file_no, source_row, false, body, observed_text
    FROM (SELECT file_no, source_row, {_pick("m", MESSAGE_KEYS, "submolt")} AS body, observed_text
          FROM parsed_message) WHERE starts_with(body, '{{')
), parsed AS (
    SELECT *, {_transform("body", keys)} AS c FROM seen
), picked AS (
    SELECT file_no, source_row, is_record, {q.null_if_word("observed_text")} AS observed_text,
           coalesce({q.identifier(_pick(c, keys, "name"))}, 'id:' || {q.identifier(_pick(c, keys, "id"))})
               AS community_id,
           {_pick(c, keys, "title")} AS title, {_pick(c, keys, "description")} AS description,
           {created} AS created_text, {q.integer(_pick(c, keys, "subscribers"), is_count=True)} AS subscribers,
           {q.integer(_pick(c, keys, "post_count"), is_count=True)} AS claimed_post_count,
           CASE WHEN is_record THEN {_extra("body", keys)} END AS extra
    FROM parsed
)
SELECT file_no, min(source_row) AS source_row, is_record, community_id, title, description,
       {q.instant("created_text")} AS created_at, {q.precision("created_text")} AS at_precision, subscribers,
       claimed_post_count, {q.instant("observed_text")} AS observed_at, extra
FROM picked
GROUP BY ALL
"""


def membership_sql() -> str:
    """Return the statement that makes ``obs_membership`` from creators and moderators of communities."""
    keys = COMMUNITY_KEYS
    creator_id, creator_name = _reference("created_by")
    return f"""
CREATE OR REPLACE TEMP TABLE obs_membership AS
WITH parsed AS (
    SELECT {_transform("rec", keys)} AS c FROM placed WHERE kind = 'community'
), picked AS (
    SELECT {q.identifier(_pick("c", keys, "name"))} AS community_id, {_pick("c", keys, "created_by")} AS created_by,
           {_pick("c", keys, "moderators")} AS moderators FROM parsed
), unnested AS (
    SELECT community_id, unnest(json_extract(moderators, '$[*]')) AS moderator FROM picked
    WHERE json_type(moderators) = 'ARRAY'
)
SELECT DISTINCT community_id, {creator_id} AS agent_id, {creator_name} AS agent_name, 'create' AS action,
       'creator' AS role, 'created_by' AS origin
FROM picked WHERE json_type(created_by) IN ('OBJECT', 'VARCHAR')
UNION
SELECT DISTINCT community_id, {q.identifier("json_extract_string(moderator, '$.id')")},
       {_name("json_extract_string(moderator, '$.name')")}, 'moderate', json_extract_string(moderator, '$.role'),
       'moderators'
FROM unnested WHERE json_type(moderator) = 'OBJECT'
"""


def reject_sql() -> str:
    """Return the statement that makes ``obs_reject``: records without what identifies them, and rejected documents."""
    too_long = f"length(ident) > {q.MAX_ID_CHARS}"
    return f"""
CREATE OR REPLACE TEMP TABLE obs_reject AS
WITH keyed AS (
    SELECT file_no, source_row, kind, message_id AS ident, kind = 'comment' AND root_id IS NULL
           AND parent_id IS NULL AS is_homeless FROM obs_message
    UNION ALL
    SELECT file_no, source_row, 'agent', coalesce(agent_id, name), false FROM obs_agent WHERE is_record
    UNION ALL
    SELECT file_no, source_row, 'community', community_id, false FROM obs_community WHERE is_record
), faulty AS (
    SELECT file_no, source_row,
           CASE WHEN ident IS NULL THEN 'missing_id' WHEN {too_long} THEN 'id_too_long'
                WHEN is_homeless THEN 'missing_post_id' END AS reason,
           'the ' || kind || CASE WHEN ident IS NULL THEN ' has no id; expected a value under id or name'
                WHEN {too_long} THEN ' has an id of more than {q.MAX_ID_CHARS} characters'
                ELSE ' names neither its post nor its parent; expected post_id or parent_id' END AS detail
    FROM keyed WHERE ident IS NULL OR {too_long} OR is_homeless
)
SELECT faulty.file_no, faulty.source_row, CAST(NULL AS BIGINT) AS byte_offset, faulty.reason, faulty.detail,
       left(CAST(placed.rec AS VARCHAR), 200) AS excerpt
FROM faulty JOIN placed ON placed.file_no = faulty.file_no AND placed.source_row = faulty.source_row
UNION ALL
SELECT file_no, source_row, byte_offset, reason, detail, excerpt FROM placed_rejects
"""
