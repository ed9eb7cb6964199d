"""Structure of a corpus: every network against its null, over time, and how unequally agents take part.

What belongs here: which network gets which rows. What does not: threads and answers (`pipeline.structure.thread_rows`).
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.network.clock import pooled_words
from pipeline.network.traits import trait_sql
from pipeline.schema import Measure
from pipeline.structure.emitter import FAMILY, Plan
from pipeline.structure.graphs import ACTION, ENGAGEMENT, RULES, Graph, load_graphs
from pipeline.structure.label_rows import choice_rows, dislike_row, label_rows
from pipeline.structure.network_rows import network_rows
from pipeline.structure.participation import participation_rows
from pipeline.structure.periodicity import periodicity_rows
from pipeline.structure.reach import reach_rows
from pipeline.structure.time_rows import time_rows

ENGLISH = "en"

_CHOSEN = """
WITH chosen AS (
    SELECT target_id AS agent_id, 'follow' AS way FROM tie_event
    WHERE relation = 'follow' AND action = 'add' AND source_id <> target_id
    UNION ALL
    SELECT coalesce(r.target_agent_id, m.agent_id), r.type FROM reaction AS r
    LEFT JOIN message AS m ON m.message_id = r.message_id
    WHERE r.type IN ('like', 'dislike') AND r.agent_id <> coalesce(r.target_agent_id, m.agent_id)
)
SELECT agent_id, left(sha256(agent_id), 1) AS hash_group,
       CAST(count(*) FILTER (WHERE way = 'follow') AS BIGINT) AS follow,
       CAST(count(*) FILTER (WHERE way = 'like') AS BIGINT) AS like,
       CAST(count(*) FILTER (WHERE way = 'dislike') AS BIGINT) AS dislike
FROM chosen WHERE agent_id IS NOT NULL GROUP BY agent_id ORDER BY agent_id
"""

_DISLIKES = """
SELECT count(DISTINCT coalesce(r.target_agent_id, m.agent_id)) AS disliked FROM reaction AS r
LEFT JOIN message AS m ON m.message_id = r.message_id
WHERE r.type = 'dislike' AND r.agent_id <> coalesce(r.target_agent_id, m.agent_id)
GROUP BY r.agent_id ORDER BY r.agent_id
"""

# What a dump says of founders and moderators is a state of the community, not an action that was logged.
_ACTIONS = """
SELECT (SELECT count(*) FROM tie_event) + (SELECT count(*) FROM reaction)
       + (SELECT count(*) FROM membership_event WHERE coalesce(origin, '') NOT IN ('created_by', 'moderators'))
"""


def structure_measures(
    con: duckdb.DuckDBPyConnection, plan: Plan, sampling: Sampling, progress: Callable[[str], None] = lambda _: None
) -> list[Measure]:
    """Measure the structure of a corpus.

    Parameters
    ----------
    con
        Connection with views ``message``, ``agent``, ``interaction``, ``tie_event``, ``reaction``,
        ``membership_event`` and ``community_snapshot`` of one corpus.
    plan
        Seed, level and draws of the nulls of networks.
    sampling
        Seed, draws and level of what is about agents and communities.
    progress
        Receives short sentences.

    Returns
    -------
    list of Measure
        Rows of unit ``network`` for each network of `pipeline.structure.graphs`, and of unit ``corpus``.
    """
    languages = con.sql(trait_sql("lang")).pl()
    english = languages.filter(languages["value"].str.to_lowercase() == ENGLISH)["agent_id"]
    named = dict(languages.select("agent_id", "value").iter_rows())
    pooled = pooled_words(con)
    rows = [*participation_rows(con, sampling), *reach_rows(con, sampling), *periodicity_rows(con, sampling)]
    rows.append(_actions(con, plan))
    graphs = load_graphs(con, english)
    for graph in graphs:
        progress(f"structure of the network {graph.name}: {graph.n_nodes} agents, {graph.n_ties} ties")
        words = (*pooled, *(("derived_ties",) if graph.name in RULES else ()))
        rows += network_rows(graph, plan, words)
        rows += time_rows(graph, plan, words) if graph.name != ACTION else []
        if graph.name.startswith(ENGAGEMENT):
            rows += label_rows(graph, plan, named, words)
    return rows + _choices(con, graphs, plan, pooled)


def _actions(con: duckdb.DuckDBPyConnection, plan: Plan) -> Measure:
    n = int(con.sql(_ACTIONS).fetchall()[0][0])
    words = [] if n else ["no_actions"]
    return row(FAMILY, "n_actions", n or None, n, "events", level=plan.level, interval=CENSUS, warnings=words)


def _choices(con: duckdb.DuckDBPyConnection, graphs: list[Graph], plan: Plan, words: tuple[str, ...]) -> list[Measure]:
    if not any(graph.name == ACTION for graph in graphs):
        return []
    given = con.sql(_DISLIKES).pl()["disliked"].to_numpy()
    return [*choice_rows(con.sql(_CHOSEN).pl(), plan, words), dislike_row(given, plan, words)]
