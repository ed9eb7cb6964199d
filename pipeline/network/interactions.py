"""From messages to interactions: one row per event, the rule that makes it an event kept beside it.

What belongs here: the SQL of table ``interaction``. What does not: networks and their measures, which drop
self-interactions and collapse events into ties (`pipeline.network.edges`).

Rules
-----
``reply_any``
    Author of a comment to the author of its parent: the post for a direct reply, else the parent comment. A
    comment whose parent is not in the corpus gives no row.
``comment_post_author``
    Author of a comment at any depth to the author of the post at the root of its thread.
``mention``
    Author of a message to the agent whose name stands after an ``@`` in its text, once per message and agent.
    The name must match an agent's name exactly (case included; a full stop or hyphen that ends a sentence is
    not taken for part of the name unless an agent is called so) and be borne by one agent only.

Messages without author, and answers to messages without author, give no row. Answers to oneself are kept,
with ``source_id = target_id``: they are events of a thread, though no tie of a network.
"""

from __future__ import annotations

RULES = ("reply_any", "comment_post_author", "mention")

# Handles of Moltbook are 1 to 30 characters of [A-Za-z0-9_.-]. 31 are read so that a longer word is
# recognised as too long instead of being cut to somebody's name; the character before the @ keeps e-mail
# addresses out.
_HANDLE = "(?:^|[^A-Za-z0-9_.@-])@([A-Za-z0-9_.-]{1,31})"

_SQL = f"""
WITH comment AS (
    SELECT message_id, agent_id, parent_id, root_id, created_at FROM message
    WHERE kind = 'comment' AND agent_id IS NOT NULL
),
unique_name AS (
    SELECT name, min(agent_id) AS agent_id FROM agent
    WHERE name <> '' AND agent_id IS NOT NULL
    GROUP BY name HAVING count(DISTINCT agent_id) = 1
),
handle AS (
    SELECT message_id, agent_id, created_at,
           unnest(regexp_extract_all(coalesce(title, '') || chr(10) || coalesce(content, ''), '{_HANDLE}', 1))
               AS handle
    FROM message
    WHERE agent_id IS NOT NULL AND (title LIKE '%@%' OR content LIKE '%@%')
),
mentioned AS (
    SELECT h.message_id, h.agent_id, h.created_at, coalesce(exact.agent_id, trimmed.agent_id) AS target_id
    FROM handle AS h
    LEFT JOIN unique_name AS exact ON exact.name = h.handle
    LEFT JOIN unique_name AS trimmed ON trimmed.name = rtrim(h.handle, '.-')
    WHERE length(h.handle) <= 30
)
SELECT c.agent_id AS source_id, p.agent_id AS target_id, 'reply_any' AS rule, c.message_id, c.created_at AS at
FROM comment AS c JOIN message AS p ON p.message_id = c.parent_id
WHERE p.agent_id IS NOT NULL
UNION ALL
SELECT c.agent_id, r.agent_id, 'comment_post_author', c.message_id, c.created_at
FROM comment AS c JOIN message AS r ON r.message_id = c.root_id
WHERE r.agent_id IS NOT NULL AND r.kind = 'post'
UNION ALL
SELECT DISTINCT agent_id, target_id, 'mention', message_id, created_at
FROM mentioned WHERE target_id IS NOT NULL
"""


def interaction_sql() -> str:
    """Return the SELECT that makes table ``interaction`` from views ``message`` and ``agent``.

    Returns
    -------
    str
        A statement with columns source_id, target_id, rule, message_id, at; unordered, without parameters.
        The rules are described in the module's docstring. ``unnest(regexp_extract_all(…))`` is
        ``explode(regexp_extract_all(…))`` elsewhere; the expression has no look-around and no backtracking.
    """
    return _SQL
