"""What agents are like: weekly scores, scores over the whole span, and traits that do not change.

What belongs here: the SQL of table ``agent_week`` and of agent traits. Sums are of integers (logarithms as
billionths), so that rows are the same whatever the number of threads. Messages that repeat another's words
(reposts) or that nobody sees (thoughts) do not count: a repost would make the follower sound like the followed.

Variables
---------
``airs_share``
    Share of the agent's messages with at least one AIRS match (METHODS 1.3).
``log_length``
    Mean of log(1 + tokens) of its messages.
``activity``
    log(1 + messages).
``gender_lexicon``, ``gender_axis``, ``gender_model``
    Gender performance from -1 (masculine-coded) to 1, by the scorers of `pipeline.gender.scorers`: the sum of the
    numerators of the messages over that of their denominators. An agent of whose messages a scorer knows nothing has
    no row.
``gender_placebo``
    A hash of the identifier of the agent, between -1 and 1: what a score finds that means nothing.

Traits
------
``lang``
    The commonest field ``lang`` of the agent's messages, as the platform says.
``community``
    The community of most of its messages. Ties are broken by the order of the names.
"""

from __future__ import annotations

from pipeline.network.clock import WEEK_HOURS, known_window, message_clock_sql, window_sql

VARIABLES = ("airs_share", "log_length", "activity", "gender_lexicon", "gender_axis", "gender_placebo")
"""Scores of every corpus; ``gender_model`` comes to them where a model is installed."""
TRAITS = ("lang", "community")

PLACEBO_DIGITS = 6
_BILLION = 1_000_000_000
COUNTED = "m.agent_id IS NOT NULL AND m.kind NOT IN ('repost', 'thought')"
"""Messages that tell how their author writes."""


def placebo_sql(agent: str) -> str:
    """Return a number in [-1, 1] that is a hash of an identifier, in SQL that every engine reads."""
    digits = " + ".join(
        f"{16**place} * (instr('0123456789abcdef', substr(md5({agent}), {place + 1}, 1)) - 1)"
        for place in range(PLACEBO_DIGITS)
    )
    return f"2.0 * ({digits}) / {16**PLACEBO_DIGITS - 1} - 1.0"


def _scores(group: str, week: str, condition: str) -> str:
    """Return the scores per agent, or per agent and week."""
    keys = f"agent_id{group}"
    own, same = f"g.agent_id{group.replace(', ', ', g.')}", "t.agent_id = g.agent_id"
    same += f" AND t.{group.removeprefix(', ')} = g.{group.removeprefix(', ')}" if group else ""
    parts = " UNION ALL ".join(
        f"SELECT {keys}, '{variable}' AS variable, {value} AS value, n AS n_messages FROM total"
        for variable, value in (
            ("airs_share", "CAST(airs AS DOUBLE) / n"),
            ("log_length", f"CAST(log_tokens AS DOUBLE) / n / {_BILLION}"),
            ("activity", "ln(1.0 + n)"),
            ("gender_placebo", placebo_sql("agent_id")),
        )
    )
    return f"""
WITH scored AS (
    SELECT m.agent_id{week}, CASE WHEN s.matches >= 1 THEN 1 ELSE 0 END AS airs,
           CAST(round(ln(1.0 + t.n_tokens) * {_BILLION}) AS BIGINT) AS log_tokens
    FROM message AS m JOIN text AS t ON t.text_hash = m.text_hash
    LEFT JOIN (
        SELECT text_hash, max(count) AS matches FROM lexicon_score
        WHERE lexicon = 'airs' AND category = 'total' GROUP BY text_hash
    ) AS s ON s.text_hash = m.text_hash
    WHERE {COUNTED}{condition}
),
total AS (
    SELECT {keys}, count(*) AS n, sum(airs) AS airs, sum(log_tokens) AS log_tokens FROM scored GROUP BY {keys}
),
marked AS (
    SELECT m.agent_id{week}, g.scorer, g.numerator, g.denominator
    FROM message AS m JOIN gender_score AS g ON g.text_hash = m.text_hash
    WHERE g.scorer IN ('lexicon', 'axis', 'model') AND {COUNTED}{condition}
),
gendered AS (
    SELECT {keys}, scorer, CAST(sum(numerator) AS DOUBLE) / CAST(sum(denominator) AS DOUBLE) AS value
    FROM marked GROUP BY {keys}, scorer
)
{parts}
UNION ALL
SELECT {own}, concat('gender_', g.scorer) AS variable, g.value, t.n AS n_messages
FROM gendered AS g JOIN total AS t ON {same}
"""


def agent_week_sql() -> str:
    """Return the SELECT that makes table ``agent_week``.

    It reads views ``message``, ``text``, ``lexicon_score`` and ``gender_score``. Weeks are ISO
    weeks, from Monday (UTC). Messages whose time is not known to the week are left out.
    """
    week = ", CAST(date_trunc('week', m.created_at) AS DATE) AS week_start"
    return _scores(", week_start", week, f" AND {known_window('m.created_at', 'm.at_precision')}")


def agent_window_sql(hours: int = WEEK_HOURS, half: int | None = None) -> str:
    """Return the SELECT (agent_id, window, variable, value, n_messages) of the same scores by windows of hours.

    Parameters
    ----------
    hours
        Length of a window; windows of `WEEK_HOURS` hours are the weeks of ``agent_week``.
    half
        0 or 1: from one half of the messages only, drawn by a hash of their ids. None: from all of them.
    """
    condition = f" AND {known_window('m.created_at', 'm.at_precision', hours)}"
    if half is not None:
        condition += f" AND (instr('0123456789abcdef', substr(md5(m.message_id), 1, 1)) - 1) % 2 = {half:d}"
    return _scores(", window_number", f", {window_sql('m.created_at', hours)} AS window_number", condition)


def agent_score_sql() -> str:
    """Return the SELECT of the same scores over all messages, with or without a time."""
    return _scores("", "", "")


_TRAIT = """
WITH found AS (
    SELECT m.agent_id, {value} AS value FROM message AS m WHERE {counted}
),
counted AS (
    SELECT agent_id, value, count(*) AS n FROM found
    WHERE value IS NOT NULL AND value <> '' GROUP BY agent_id, value
),
ranked AS (
    SELECT agent_id, value, row_number() OVER (PARTITION BY agent_id ORDER BY n DESC, value) AS place FROM counted
)
SELECT agent_id, value FROM ranked WHERE place = 1
"""

_TRAIT_VALUES = {
    "lang": "CASE WHEN json_valid(m.extra) THEN json_extract_string(m.extra, '$.lang') END",
    "community": "m.community_id",
}


def trait_sql(trait: str) -> str:
    """Return the SELECT (agent_id, value) of a trait of `TRAITS` from view ``message``."""
    return _TRAIT.format(value=_TRAIT_VALUES[trait], counted=COUNTED)


MESSAGE_CLOCK = message_clock_sql(COUNTED)
"""Counts the messages that scores rest on: all, with a time, with a time known to the week, with a step."""
