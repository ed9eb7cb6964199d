"""Records of agents and communities become observations; so does each author, community or creator that a file names.

Reads the temporary views ``placed`` and ``read_message`` and the table ``parsed_message`` of `mapping`, and leaves
``obs_agent``, ``obs_community`` and ``obs_membership``.
"""

from __future__ import annotations

from pipeline.ingest import mapping as m
from pipeline.ingest import sqltools as q

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
    "display_name": ("display_name",),
    "model": ("model",),
    "agent_kind": ("agent_kind",),
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


def _mentions(column: str) -> str:
    """Return the SELECT of what messages say of their author or community: of each state the first and the last row.

    What lies between says nothing new of the order of states, and `merge` takes the first and last again over all
    batches of a file; so it does not matter where a file is cut.
    """
    said = " UNION ALL ".join(
        f"SELECT file_no, source_row, {column}, observed_at, dumped_at FROM {table} WHERE {column} IS NOT NULL"
        for table in ("parsed_message", "read_message")
    )
    return f"""SELECT file_no, {q.both_ends("first", "last")}, false, body,
           observed_at, dumped_at
    FROM (SELECT file_no, {column} AS body, observed_at, dumped_at, min(source_row) AS first, max(source_row) AS last
          FROM ({said}) GROUP BY ALL)"""


def parsed_agent_sql() -> tuple[str, str]:
    """Return the statements that list what is said of agents, and parse each distinct saying once."""
    keys = AGENT_KEYS

    def a(field: str) -> str:
        return m.pick("a", keys, field)

    creator = "coalesce(json_extract(rec, '$.created_by'), json_extract(rec, '$.createdBy'))"
    seen = f"""
CREATE OR REPLACE TEMP TABLE seen_agent AS
SELECT file_no, source_row, true AS is_record, CAST(rec AS VARCHAR) AS body, observed_at, dumped_at
FROM placed WHERE kind = 'agent'
UNION ALL
{_mentions("author")}
UNION ALL
SELECT file_no, source_row, false, CAST({creator} AS VARCHAR), observed_at, dumped_at
FROM placed WHERE kind = 'community'
"""
    return (
        seen,
        f"""
CREATE OR REPLACE TEMP TABLE parsed_agent AS
SELECT body, {a("id")} AS raw_id, {a("name")} AS raw_name,
       {a("persona")} AS persona, {a("karma")} AS raw_karma, {a("followers")} AS raw_followers,
       {a("following")} AS raw_following, {a("is_claimed")} AS raw_claimed, {a("created")} AS raw_created,
       {a("deleted")} AS raw_deleted, {a("owner")} AS owner, {a("owner_handle")} AS raw_handle,
       {a("display_name")} AS raw_display, {a("model")} AS raw_model, {a("agent_kind")} AS raw_kind
FROM (SELECT body, {m.transform("body", m.struct_of(keys))} AS a
      FROM (SELECT DISTINCT body FROM seen_agent WHERE is_record OR starts_with(body, '{{')))
""",
    )


AGENT_RECORDS = "records WHERE kind = 'agent'"
MENTIONED_AUTHORS, MENTIONED_COMMUNITIES = (
    f"(SELECT {column} FROM parsed_message UNION ALL SELECT {column} FROM read_message) WHERE {column} IS NOT NULL"
    for column in ("author", "submolt")
)
KEYS_OF_AGENTS = m.keys_sql("json_keys(body)", "parsed_agent")
KNOWN_AGENT_KEYS = m.known_keys(AGENT_KEYS)
UNCLEAN_AGENTS = f"parsed_agent WHERE {q.unclean(('raw_id',), ('raw_name',))} OR {q.unusual_time('raw_created')}"


def agent_sql(*, is_clean: bool, has_unknown: bool) -> str:
    """Return the statement that makes ``obs_agent``.

    Parameters
    ----------
    is_clean
        True when no row of ``parsed_agent`` is unclean (`UNCLEAN_AGENTS`).
    has_unknown
        False when agents have no other keys than `KNOWN_AGENT_KEYS`.
    """
    instant, precision = (q.iso_instant, q.iso_precision) if is_clean else (q.instant, q.precision)

    def owned(field: str) -> str:
        paths = [f'o."{alias}"' for alias in OWNER_KEYS[field]]
        return f"coalesce({', '.join(paths)})"

    text = "CASE WHEN starts_with(owner, chr(34)) THEN json_extract_string(owner, '$') END"
    owner = f"CASE WHEN starts_with(owner, '{{') THEN {m.transform('owner', m.struct_of(OWNER_KEYS))} END"
    return f"""
CREATE OR REPLACE TEMP TABLE obs_agent AS
WITH cleaned AS (
    SELECT *, {"raw_id" if is_clean else q.identifier("raw_id")} AS agent_id,
           {"raw_name" if is_clean else m.handle("raw_name")} AS name,
           {"raw_created" if is_clean else q.null_if_word("raw_created")} AS created_text,
           {owner} AS o
    FROM parsed_agent
), timed AS (
    SELECT *, {instant("created_text")} AS created_at FROM cleaned
), said AS (
    SELECT body, agent_id, name, persona, created_at,
           CASE WHEN created_at IS NOT NULL THEN {precision("created_text")} END AS at_precision,
           {q.integer("raw_karma")} AS karma, {q.integer("raw_followers", is_count=True)} AS followers,
           {q.integer("raw_following", is_count=True)} AS following, {q.boolean("raw_claimed")} AS is_claimed,
           {q.null_if_word("raw_deleted")} IS NOT NULL AS is_deleted,
           coalesce({owned("handle")}, {text}, raw_handle) AS owner_handle, {owned("name")} AS owner_name,
           {q.named("raw_display")} AS display_name, {q.null_if_word("raw_model")} AS model,
           CASE WHEN raw_kind IN ('llm', 'human', 'abm') THEN raw_kind END AS agent_kind,
           {owned("bio")} AS owner_bio, {q.integer(owned("followers"))} AS owner_followers,
           {m.unmapped("body", AGENT_KEYS) if has_unknown else m.NOTHING} AS extra,
           {m.fault("coalesce(agent_id, name)", "coalesce(raw_id, raw_name)")} AS faulty
    FROM timed
)
SELECT s.file_no, s.source_row, s.is_record, a.* EXCLUDE (body, faulty), s.observed_at, s.dumped_at,
       CASE WHEN s.is_record OR coalesce(a.agent_id, a.name) IS NOT NULL THEN a.faulty ELSE 'unusable' END AS fault
FROM seen_agent s JOIN said a ON a.body = s.body
"""


def community_sql() -> str:
    """Return the statement that makes ``obs_community`` from community records and the communities of messages."""
    keys = COMMUNITY_KEYS

    def c(field: str) -> str:
        return m.pick("c", keys, field)

    return f"""
CREATE OR REPLACE TEMP TABLE obs_community AS
WITH seen AS (
    SELECT file_no, source_row, true AS is_record, CAST(rec AS VARCHAR) AS body, observed_at, dumped_at
    FROM placed WHERE kind = 'community'
    UNION ALL
    {_mentions("submolt")}
), picked AS (
    SELECT *, {c("name")} AS raw_name, {c("id")} AS raw_id, {c("created")} AS raw_created
    FROM (SELECT *, {m.transform("body", m.struct_of(keys))} AS c FROM seen)
), cleaned AS (
    SELECT *, coalesce({q.named("raw_name")}, 'id:' || {q.identifier("raw_id")}) AS community_id,
           {q.null_if_word("raw_created")} AS created_text FROM picked
), timed AS (
    SELECT *, {q.instant("created_text")} AS created_at FROM cleaned
)
SELECT file_no, source_row, is_record, community_id, {c("title")} AS title, {c("description")} AS description,
       created_at,
       CASE WHEN created_at IS NOT NULL THEN {q.precision("created_text")} END AS at_precision,
       {q.integer(c("subscribers"), is_count=True)} AS subscribers,
       {q.integer(c("post_count"), is_count=True)} AS claimed_post_count, observed_at, dumped_at,
       CASE WHEN is_record THEN {m.unmapped("body", keys)} END AS extra,
       CASE WHEN is_record THEN {q.identifier("raw_id")} END AS given_id,
       {m.fault("community_id", "coalesce(raw_name, raw_id)")} AS fault
FROM timed
"""


def membership_sql() -> str:
    """Return the statement that makes ``obs_membership`` from creators and moderators of communities."""
    keys = COMMUNITY_KEYS
    creator_id, creator_name = m.reference("created_by")
    member_id, member_name = m.reference("moderator")
    return f"""
CREATE OR REPLACE TEMP TABLE obs_membership AS
WITH parsed AS (
    SELECT {m.transform("rec", m.struct_of(keys))} AS c FROM placed WHERE kind = 'community'
), picked AS (
    SELECT {q.named(m.pick("c", keys, "name"))} AS community_id, {m.pick("c", keys, "created_by")} AS created_by,
           {m.pick("c", keys, "moderators")} AS moderators FROM parsed
), unnested AS (
    SELECT community_id, CAST(unnest(json_extract(moderators, '$[*]')) AS VARCHAR) AS moderator FROM picked
    WHERE starts_with(moderators, '[')
), members AS (
    SELECT community_id, {creator_id} AS raw_id, {creator_name} AS raw_name, 'create' AS action,
           'creator' AS role, 'created_by' AS origin FROM picked
    UNION ALL
    SELECT community_id, {member_id}, {member_name}, 'moderate',
           CASE WHEN starts_with(moderator, '{{') THEN json_extract_string(moderator, '$.role') END, 'moderators'
    FROM unnested
)
SELECT DISTINCT community_id, {q.identifier("raw_id")} AS agent_id, {m.handle("raw_name")} AS agent_name, action, role,
       origin FROM members WHERE raw_id IS NOT NULL OR raw_name IS NOT NULL
"""
