"""SQL that turns rows of an OASIS database into records, and the names of its tables and actions.

Every statement reads the relation ``part`` (rows of one table, all columns text, ``<column>_type`` the storage class)
or one of the small tables that `oasis` keeps of a database: ``account`` (agent_id, user_id), ``parent`` (post_id,
parent_id, root_id, is_traced), ``act`` (row, user_id, action, times, info), ``tie``. ``$run`` is the run; it stands
before every id.
"""

from __future__ import annotations

READ_TABLES: dict[str, tuple[str, ...]] = {
    "user": ("user_id", "agent_id", "user_name", "name", "bio", "created_at", "num_followings", "num_followers"),
    "post": (
        "post_id", "user_id", "original_post_id", "content", "quote_content", "created_at", "num_likes",
        "num_dislikes", "num_shares", "num_reports",
    ),
    "comment": ("comment_id", "post_id", "user_id", "content", "created_at", "num_likes", "num_dislikes"),
    "follow": ("follow_id", "follower_id", "followee_id", "created_at"),
    "mute": ("mute_id", "muter_id", "mutee_id", "created_at"),
    "like": ("like_id", "user_id", "post_id", "created_at"),
    "dislike": ("dislike_id", "user_id", "post_id", "created_at"),
    "report": ("report_id", "user_id", "post_id", "created_at"),
    "comment_like": ("comment_like_id", "user_id", "comment_id", "created_at"),
    "comment_dislike": ("comment_dislike_id", "user_id", "comment_id", "created_at"),
    "chat_group": ("group_id", "name", "created_at"),
    "group": ("group_id", "name", "created_at"),
    "group_members": ("group_id", "agent_id", "joined_at"),
    "group_messages": ("message_id", "group_id", "sender_id", "content", "sent_at"),
    "trace": ("user_id", "created_at", "action", "info"),
    "rec": ("user_id", "post_id"),
}  # fmt: skip
SHOWING = ("refresh", "trend")
TIES = ("follow", "unfollow", "mute", "unmute")
SHARING = ("repost", "quote_post")
GROUPS = ("create_group", "join_group", "leave_group")
# What undoes a reaction: its type, the action that it undoes, the id of the deleted row, what was reacted to.
UNDOING: dict[str, tuple[str, str, str, str]] = {
    "unlike_post": ("unlike", "like_post", "like_id", "p"),
    "undo_dislike_post": ("undo_dislike", "dislike_post", "dislike_id", "p"),
    "unlike_comment": ("unlike", "like_comment", "comment_like_id", "c"),
    "undo_dislike_comment": ("undo_dislike", "dislike_comment", "comment_dislike_id", "c"),
}
REACTION_TABLES: dict[str, tuple[str, str]] = {
    "like": ("like", "p"),
    "dislike": ("dislike", "p"),
    "report": ("report", "p"),
    "comment_like": ("like", "c"),
    "comment_dislike": ("dislike", "c"),
}
# Actions whose trace says nothing that no table says, or nothing that a table of ours holds.
UNREAD_ACTIONS = (
    "sign_up", "create_post", "create_comment", "like_post", "dislike_post", "like_comment", "dislike_comment",
    "report_post", "send_to_group", "search_user", "search_posts", "do_nothing", "purchase_product", "interview",
    "listen_from_group", "update_rec_table", "exit",
)  # fmt: skip
ACTS = (*TIES, *SHARING, *GROUPS, *UNDOING)
KNOWN_ACTIONS = frozenset({*ACTS, *SHOWING, *UNREAD_ACTIONS})
# A traced follow whose row is gone and that no unfollow fits.
UNRESOLVED = "origin_rank = 0 AND relation = 'follow' AND action = 'add' AND target IS NULL"


def listed(words: tuple[str, ...]) -> str:
    """Return constants of this module as a list in SQL."""
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


def ident(letter: str, expr: str) -> str:
    """Return SQL for the id of an object of the run: user 3 is '<run>:u3'."""
    return f"($run || ':{letter}' || regexp_replace({expr}, '[.]0$', ''))"


def clock(column: str, prefix: str = "") -> tuple[str, str]:
    """Return SQL for the time and for the step of a column: SQLite's storage class says which one it is."""
    name = f"{prefix}{column}"
    time = f"CASE WHEN {name}_type = 'text' THEN {name} END"
    whole = f"try_cast({name} AS DOUBLE) = floor(try_cast({name} AS DOUBLE))"
    return time, (
        f"CASE WHEN {name}_type = 'integer' THEN try_cast({name} AS BIGINT) "
        f"WHEN {name}_type = 'real' AND {whole} THEN try_cast(try_cast({name} AS DOUBLE) AS BIGINT) END"
    )


def field(name: str) -> str:
    """Return SQL for a member of the info of an action, as text."""
    return f"json_extract_string(info, '$.{name}')"


def record(kind: str, fields: dict[str, str], source: str, order: str) -> str:
    """Return the query for documents: a JSON object each, and its kind of record."""
    packed = ", ".join(f"{name} := {expr}" for name, expr in fields.items())
    return (
        f"SELECT CAST(to_json(struct_pack({packed})) AS VARCHAR) AS doc, {kind} AS table_kind "
        f"FROM {source} ORDER BY {order}"
    )


_AT, _STEP = clock("created_at")
_EVENT = {"run_id": "$run", "at": _AT, "step": _STEP}
_POSTED = {"run_id": "$run", "created_at": _AT, "step": _STEP}

AGENT = record(
    "'agent'",
    {
        "id": ident("u", "p.user_id"), "name": "user_name", "display_name": "name", "description": "bio",
        "agent_kind": "'llm'", "created_at": _AT, "created_step": _STEP, "follower_count": "num_followers",
        "following_count": "num_followings", "self_ties": "s.relations",
    },
    "part p LEFT JOIN self_tie s ON s.user_id = p.user_id",
    "p.row",
)  # fmt: skip
COMMUNITY = record(
    "'community'",
    {"name": ident("g", "group_id"), "display_name": "name", "created_at": _AT, "created_step": _STEP},
    "part",
    "row",
)
# A repost has no text of its own, and a quote only its quote_content: content repeats the original.
POST = record(
    "CASE WHEN p.original_post_id IS NULL THEN 'post' WHEN quote_content IS NULL THEN 'repost' ELSE 'quote' END",
    {
        "id": ident("p", "p.post_id"), "author_id": ident("u", "p.user_id"),
        "content": "CASE WHEN p.original_post_id IS NULL THEN content ELSE quote_content END", **_POSTED,
        "parent_id": ident("p", "s.parent_id"), "root_id": ident("p", "s.root_id"),
        "upvotes": "num_likes", "downvotes": "num_dislikes", "num_shares": "num_shares", "num_reports": "num_reports",
        "parent_origin": "CASE WHEN NOT s.is_traced THEN 'original_post_id' END",
    },
    "part p LEFT JOIN parent s ON s.post_id = p.post_id",
    "p.row",
)  # fmt: skip
# A quote is the root of the comments on it, as everywhere; a comment on a repost is stored with the original.
COMMENT = record(
    "'comment'",
    {
        "id": ident("c", "comment_id"), "author_id": ident("u", "user_id"), "content": "content", **_POSTED,
        "parent_id": ident("p", "post_id"), "root_id": ident("p", "post_id"),
        "upvotes": "num_likes", "downvotes": "num_dislikes",
    },
    "part",
    "row",
)  # fmt: skip
_SENT_AT, _SENT_STEP = clock("sent_at")
GROUP_MESSAGE = record(
    "'utterance'",
    {
        "id": ident("m", "message_id"), "author_id": ident("u", "coalesce(a.user_id, p.sender_id)"),
        "content": "content", "run_id": "$run", "created_at": _SENT_AT, "step": _SENT_STEP,
        "community": ident("g", "group_id"),
    },
    "part p LEFT JOIN account a ON a.agent_id = p.sender_id",
    "p.row",
)  # fmt: skip
_JOIN_AT, _JOIN_STEP = clock("joined_at")
MEMBER = record(
    "'membership'",
    {
        "agent_id": ident("u", "coalesce(a.user_id, p.agent_id)"), "community_id": ident("g", "group_id"),
        "action": "'join'", "role": "NULL", "run_id": "$run", "at": _JOIN_AT, "step": _JOIN_STEP,
        "origin": "'group_members'",
    },
    "part p LEFT JOIN account a ON a.agent_id = p.agent_id WHERE NOT EXISTS (SELECT 1 FROM act j WHERE "
    "j.action = 'join_group' AND j.user_id = coalesce(a.user_id, p.agent_id) AND j.object_id = p.group_id)",
    "p.row",
)  # fmt: skip
GROUP_ACT = record(
    "'membership'",
    {
        "agent_id": ident("u", "user_id"), "community_id": ident("g", "object_id"),
        "action": "split_part(action, '_', 1)",
        "role": "CASE WHEN action = 'create_group' THEN 'creator' END", **_EVENT, "origin": "'trace'",
    },
    f"act WHERE action IN {listed(GROUPS)}",
    "row",
)  # fmt: skip
TIE = record(
    "'tie'",
    {
        "source_id": ident("u", "source"), "target_id": ident("u", "target"), "relation": "relation",
        "action": "action", **_EVENT, "origin": "origin",
    },
    f"tie WHERE NOT ({UNRESOLVED})",
    "origin_rank, row",
)  # fmt: skip
EXPOSURE = record(
    "'exposure'",
    {
        "agent_id": ident("u", "user_id"), "message_id": ident("p", "post_id"), **_EVENT, "source": "action",
    },
    "(SELECT row, user_id, created_at, created_at_type, action, unnest(ids) AS post_id, "
    "generate_subscripts(ids, 1) AS place FROM (SELECT *, list_resize(json_extract_string(info, '$.posts[*].post_id'),"
    " json_array_length(info, '$.posts')) AS ids FROM part))",
    "row, place",
)  # fmt: skip
BUFFER = record(
    "'exposure'",
    {
        "agent_id": ident("u", "user_id"), "message_id": ident("p", "post_id"), "run_id": "$run",
        "source": "'rec: buffer at the end'",
    },
    "part",
    "row",
)  # fmt: skip


def reaction(table: str) -> str:
    """Return the query for the rows of a table of reactions."""
    kind, letter = REACTION_TABLES[table]
    column = "post_id" if letter == "p" else "comment_id"
    fields = {"agent_id": ident("u", "user_id"), "message_id": ident(letter, column), "type": f"'{kind}'", **_EVENT}
    return record("'reaction'", fields, "part", "row")


def undone_reaction(action: str) -> str:
    """Return the query for traced reactions whose row is gone, from the traces of `action` in ``part``."""
    _, done, key, letter = UNDOING[action]
    fields = {
        "agent_id": ident("u", "user_id"), "message_id": ident(letter, field("post_id" if letter == "p" else
                                                                           "comment_id")),
        "type": f"'{done.split('_')[0]}'", **_EVENT,
    }  # fmt: skip
    gone = f"part WHERE {field(key)} IN (SELECT object_id FROM act WHERE action = '{action}')"
    return record("'reaction'", fields, gone, "row")


def undoing_reaction(action: str) -> str:
    """Return the query for the traces that undo a reaction."""
    kind, _, _, letter = UNDOING[action]
    target = field("post_id" if letter == "p" else "comment_id")
    fields = {"agent_id": ident("u", "user_id"), "message_id": ident(letter, target), "type": f"'{kind}'", **_EVENT}
    return record("'reaction'", fields, f"act WHERE action = '{action}'", "row")


# The row or agent that an action is about: what its trace can be joined on.
OBJECT = (
    f"CASE action WHEN 'follow' THEN {field('follow_id')} WHEN 'unfollow' THEN {field('followee_id')} "
    f"WHEN 'repost' THEN {field('new_post_id')} WHEN 'quote_post' THEN {field('new_post_id')} "
    + "".join(f"WHEN '{action}' THEN {field(key)} " for action, (_, _, key, _) in UNDOING.items())
    + f"WHEN 'mute' THEN {field('mutee_id')} WHEN 'unmute' THEN {field('mutee_id')} ELSE {field('group_id')} END"
)

# Parents of shares: what was shared, as the trace says; without a trace the original, which the platform flattens.
# A share is younger than what it shares, so that chains end; a parent that is not is no parent.
PARENTS = """
CREATE OR REPLACE TABLE parent AS
WITH RECURSIVE traced AS (
    SELECT object_id AS post_id,
           min(coalesce(json_extract_string(info, '$.reposted_id'), json_extract_string(info, '$.quoted_id'))) AS seen
    FROM act WHERE action IN ('repost', 'quote_post') GROUP BY object_id
), named AS (
    SELECT s.post_id, t.seen IS NOT NULL AS is_traced, coalesce(t.seen, s.original_post_id) AS parent_id
    FROM share s LEFT JOIN traced t ON t.post_id = s.post_id
         AND try_cast(t.seen AS BIGINT) < try_cast(s.post_id AS BIGINT)
), kept AS (
    SELECT * FROM named WHERE try_cast(parent_id AS BIGINT) < try_cast(post_id AS BIGINT)
), walk AS (
    SELECT post_id, parent_id, is_traced, parent_id AS root_id FROM kept k
    WHERE NOT EXISTS (SELECT 1 FROM kept o WHERE o.post_id = k.parent_id)
    UNION ALL
    SELECT k.post_id, k.parent_id, k.is_traced, w.root_id FROM walk w JOIN kept k ON k.parent_id = w.post_id
)
SELECT post_id, parent_id, is_traced, root_id FROM walk
"""

# Ties of the trace, then those that only the tables of the final state know.
TIES_TABLE = f"""
CREATE OR REPLACE TABLE tie AS
SELECT 0 AS origin_rank, a.row, a.user_id AS source,
       CASE a.action WHEN 'follow' THEN coalesce({field("followee_id")}, f.followee_id, d.target)
                     ELSE a.object_id END AS target,
       CASE WHEN ends_with(a.action, 'follow') THEN 'follow' ELSE 'mute' END AS relation,
       CASE WHEN starts_with(a.action, 'un') THEN 'remove' ELSE 'add' END AS action,
       a.created_at, a.created_at_type,
       CASE WHEN d.is_inferred AND f.followee_id IS NULL THEN 'trace, target inferred' ELSE 'trace' END AS origin,
       a.info
FROM act a
LEFT JOIN followed f ON a.action = 'follow' AND f.follow_id = a.object_id
LEFT JOIN deleted d ON d.row = a.row
WHERE a.action IN {listed(TIES)}
UNION ALL
SELECT 1, f.row, f.follower_id, f.followee_id, 'follow', 'add', f.created_at, f.created_at_type, 'follow', NULL
FROM followed f WHERE NOT EXISTS (SELECT 1 FROM act a WHERE a.action = 'follow' AND a.object_id = f.follow_id)
UNION ALL
SELECT 2, m.row, m.muter_id, m.mutee_id, 'mute', 'add', m.created_at, m.created_at_type, 'mute', NULL
FROM muted m WHERE NOT EXISTS (
    SELECT 1 FROM act a WHERE a.action = 'mute' AND a.user_id = m.muter_id AND a.object_id = m.mutee_id)
"""
SELF_TIES = """
CREATE OR REPLACE TABLE self_tie AS
SELECT source AS user_id, string_agg(DISTINCT relation, ',' ORDER BY relation) AS relations
FROM tie WHERE source = target GROUP BY source
"""
