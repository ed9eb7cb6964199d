"""SQL that turns rows of a Y Social database into records, and the names of its tables.

Every statement reads the relation ``part`` (rows of one table, all columns text) and the small tables that `ysocial`
keeps of a database: ``step_of`` (round_id, step), ``share_text`` (post_id, is_copy). ``$run`` is the run; it stands
before every id.
"""

from __future__ import annotations

from pipeline.ingest.formats.oasis_sql import ident, record

READ_TABLES: dict[str, tuple[str, ...]] = {
    "rounds": ("id", "day", "hour"),
    # Neither email nor password: they are never read.
    "user_mgmt": (
        "id", "username", "user_type", "leaning", "age", "oe", "co", "ex", "ag", "ne", "recsys_type", "frecsys_type",
        "language", "education_level", "joined_on", "gender", "nationality", "round_actions", "toxicity", "is_page",
        "left_on", "daily_activity_level", "profession", "activity_profile", "archetype", "interests",
    ),
    "post": (
        "id", "tweet", "post_img", "user_id", "comment_to", "thread_id", "round", "news_id", "shared_from", "image_id",
        "reaction_count", "moderated", "is_moderation_comment",
    ),
    "follow": ("id", "user_id", "follower_id", "action", "round"),
    "reactions": ("id", "post_id", "user_id", "type", "round"),
    "recommendations": ("id", "user_id", "post_ids", "round"),
}  # fmt: skip
# user_id follows follower_id (YServer), or follower_id follows user_id (YSimulator).
FOLLOW_DIRECTIONS = ("user_to_follower", "follower_to_user")  # what corpus.toml may say
USER_ACTS, FOLLOWER_ACTS = FOLLOW_DIRECTIONS
# In SQLite's own words: shares, and what they share.
IS_SHARE = "shared_from IS NOT NULL AND shared_from NOT IN (-1, '-1', '')"
IS_SHARED = "id IN (SELECT shared_from FROM post)"
_NOT_LLM = "'user', 'default', 'human', 'rule_based', 'rule-based', 'rule', 'abm', ''"
# 'llm' and 'agent' say what an agent is, not which model it asks.
_NO_MODEL = "'llm', 'agent', 'llm_agent'"
LIST_ITEMS = r"""regexp_extract_all(post_ids, '[^][|,"''\s]+')"""


def known(expr: str) -> str:
    """Return SQL for a reference, null where it is -1 or another way to say none."""
    return f"CASE WHEN NOT regexp_full_match(lower(trim({expr})), '(-1([.]0)?|none|null|nan)?') THEN {expr} END"


def _in_round(source: str, column: str = "round") -> str:
    """Return the rows of `source` with the step of their round."""
    return f"{source} p LEFT JOIN step_of s ON s.round_id = p.{column}"


def _person(expr: str) -> str:
    return ident("u", known(expr))


# The clock counts hours: a day has 24, or as many as its rounds have slots.
STEPS = """
CREATE OR REPLACE TABLE step_of AS
WITH numbered AS (
    SELECT id AS round_id, try_cast(day AS BIGINT) AS day, try_cast(hour AS BIGINT) AS hour FROM round
), length AS (
    SELECT greatest(24, max(hour) FILTER (WHERE hour < 100000) + 1) AS slots FROM numbered
)
SELECT round_id, min(try_cast(CAST(day AS HUGEINT) * slots + coalesce(hour, 0) AS BIGINT)) AS step FROM numbered, length
WHERE round_id IS NOT NULL GROUP BY round_id
"""
# A share without words of its own, or with those of what it shares, is a repost; with others it is a quote.
SHARES = f"""
CREATE OR REPLACE TABLE share_text AS
SELECT s.id AS post_id, coalesce(trim(s.tweet), '') = '' OR s.tweet IS NOT DISTINCT FROM min(o.tweet) AS is_copy
FROM share s LEFT JOIN original o ON o.id = s.shared_from
WHERE {known("s.shared_from")} IS NOT NULL GROUP BY s.id, s.tweet
"""

AGENT = record(
    "'agent'",
    {
        "id": _person("p.id"), "name": "username", "created_step": "s.step",
        "agent_kind": "CASE WHEN coalesce(is_page, '0') IN ('1', '1.0') THEN NULL WHEN lower(user_type) IN ('human') "
                      "THEN 'human' WHEN lower(user_type) IN ('rule_based', 'rule-based', 'rule', 'abm') THEN 'abm' "
                      f"WHEN lower(user_type) NOT IN ({_NOT_LLM}) THEN 'llm' END",
        "model": f"CASE WHEN lower(user_type) NOT IN ({_NOT_LLM}, {_NO_MODEL}) AND coalesce(is_page, '0') "
                 "NOT IN ('1', '1.0') THEN user_type END",
        "user_type": "user_type", "leaning": "leaning", "age": "age", "openness": "oe", "conscientiousness": "co",
        "extraversion": "ex", "agreeableness": "ag", "neuroticism": "ne", "recsys_type": "recsys_type",
        "frecsys_type": "frecsys_type", "language": "language", "education_level": "education_level",
        "gender": "gender", "nationality": "nationality", "round_actions": "round_actions", "toxicity": "toxicity",
        "is_page": "is_page", "left_round": known("left_on"), "daily_activity_level": "daily_activity_level",
        "profession": "profession", "activity_profile": "activity_profile", "archetype": "archetype",
        "interests": "interests",
    },
    _in_round("part", "joined_on"),
    "p.row",
)  # fmt: skip
_ANSWERED, _SHARED = known("comment_to"), known("shared_from")
POST = record(
    f"CASE WHEN {_ANSWERED} IS NOT NULL THEN 'comment' WHEN {_SHARED} IS NULL THEN 'post' "
    "WHEN t.is_copy THEN 'repost' ELSE 'quote' END",
    {
        "id": ident("p", "p.id"), "author_id": _person("user_id"),
        "content": f"CASE WHEN t.is_copy AND {_ANSWERED} IS NULL THEN NULL ELSE tweet END", "run_id": "$run",
        "step": "s.step", "parent_id": ident("p", f"coalesce({_ANSWERED}, {_SHARED})"),
        "root_id": f"CASE WHEN {_ANSWERED} IS NOT NULL AND thread_id <> p.id THEN {ident('p', known('thread_id'))} END",
        "shared_from": f"CASE WHEN {_ANSWERED} IS NOT NULL THEN {ident('p', _SHARED)} END",
        "round": f"CASE WHEN s.step IS NULL THEN {known('round')} END", "post_img": known("post_img"),
        "news_id": known("news_id"), "image_id": known("image_id"), "reaction_count": "reaction_count",
        "moderated": "moderated", "is_moderation_comment": "is_moderation_comment",
    },
    _in_round("part") + " LEFT JOIN share_text t ON t.post_id = p.id",
    "p.row",
)  # fmt: skip
REACTION = record(
    "'reaction'",
    {"agent_id": _person("user_id"), "message_id": ident("p", known("post_id")), "type": "type", "run_id": "$run",
     "step": "s.step"},
    _in_round("part"),
    "p.row",
)  # fmt: skip
EXPOSURE = record(
    "'exposure'",
    {"agent_id": _person("user_id"), "message_id": ident("p", known("post_id")), "run_id": "$run", "step": "s.step",
     "source": "'recommendations'"},
    _in_round(f"(SELECT *, unnest(items) AS post_id, generate_subscripts(items, 1) AS place "
              f"FROM (SELECT *, {LIST_ITEMS} AS items FROM part))"),
    "p.row, place",
)  # fmt: skip


def tie(direction: str) -> str:
    """Return the query for the rows of follow, whose source is who acts."""
    source, target = ("user_id", "follower_id") if direction == USER_ACTS else ("follower_id", "user_id")
    return record(
        "'tie'",
        {"source_id": _person(source), "target_id": _person(target), "relation": "'follow'",
         "action": "CASE lower(trim(action)) WHEN 'follow' THEN 'add' WHEN 'unfollow' THEN 'remove' END",
         "run_id": "$run", "step": "s.step", "origin": "$origin"},
        _in_round("part"),
        "p.row",
    )  # fmt: skip


# What is kept of each table to tell the direction of follows; posts come before what agents met.
_MET = "INSERT INTO meeting SELECT DISTINCT m.user_id, a.user_id FROM {} m JOIN author a ON a.id = m.post_id"
COLLECTED = {
    "follow": "INSERT INTO pair SELECT DISTINCT user_id, follower_id FROM part",
    "post": "INSERT INTO author SELECT id, user_id FROM part",
    "reactions": _MET.format("part"),
    "recommendations": _MET.format(f"(SELECT user_id, unnest({LIST_ITEMS}) AS post_id FROM part)"),
}
# Pairs of an agent and the author of a post that it was shown or reacted to, whom it follows in one reading of the
# table of follows and not in the other.
EVIDENCE = """
WITH followed AS (SELECT DISTINCT user_id, follower_id FROM pair)
SELECT count(*) FILTER (WHERE is_user) AS for_user, count(*) FILTER (WHERE NOT is_user) AS for_follower
FROM (SELECT u.user_id IS NOT NULL AS is_user, v.user_id IS NOT NULL AS is_follower
      FROM (SELECT DISTINCT agent, author FROM meeting WHERE agent <> author) d
      LEFT JOIN followed u ON u.user_id = d.agent AND u.follower_id = d.author
      LEFT JOIN followed v ON v.follower_id = d.agent AND v.user_id = d.author)
WHERE is_user <> is_follower
"""
