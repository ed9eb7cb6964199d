"""The networks of a corpus as arrays: who is tied to whom under one rule, how often, and since when.

What belongs here: reading views ``interaction``, ``tie_event`` and ``reaction`` into `Graph`. Networks:

``reply_any``, ``mention``
    Rules of `pipeline.network.interactions`; a tie is a distinct ordered pair. ``comment_post_author`` is left to
    family network: it differs from ``reply_any`` in reciprocity, which is there, and in little else.
``follow``, ``friend``
    Ties that stand at the end of the corpus.
``engagement``
    Likes, dislikes and mentions between agents, taken without direction and weighted by their number (He, Wallis &
    Rathje 2023). ``engagement_english``: among agents whose commonest language, as the platform says, is English.
``action``
    Likes, dislikes, follows and unfollows, directed (the typed action graph of EmilineLabbe/chirper_networks); only its
    counts and its reciprocity are measured.

Ties to oneself are dropped everywhere. Nodes are the agents with a tie.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.network.edges import IntArray, undirected_ties
from pipeline.network.runs import run_numbers
from pipeline.network.ties import RELATIONS, interval_sql

BoolArray = NDArray[np.bool_]

RULES = ("reply_any", "mention")
ENGAGEMENT, ENGLISH, ACTION = "engagement", "engagement_english", "action"
GROUPS = 32
UNKNOWN = np.iinfo(np.int64).min
"""Time of what has none, in microseconds since 1970."""
STANDING = np.iinfo(np.int64).max
"""End of an interval that has not ended."""

_DAY = ("us", "ms", "s", "minute", "hour", "day")
_EVENT = "CAST(NULL AS TIMESTAMP) AS end_at, true AS is_standing"
_INTERACTIONS = f"""
SELECT i.source_id, i.target_id, m.created_at AS start_at, {_EVENT}, m.at_precision
FROM interaction AS i JOIN message AS m ON m.message_id = i.message_id WHERE i.rule = $name
"""
_TIES = f"""
SELECT source_id, target_id, start_at, end_at, is_standing,
       CASE WHEN is_known_to_week THEN 'day' ELSE 'month' END AS at_precision
FROM ({interval_sql()}) AS t WHERE relation = $name
"""
_REACTIONS = f"""
SELECT r.agent_id AS source_id, coalesce(r.target_agent_id, m.agent_id) AS target_id, r.at AS start_at,
       {_EVENT}, r.at_precision
FROM reaction AS r LEFT JOIN message AS m ON m.message_id = r.message_id
WHERE r.type IN ('like', 'dislike')
"""
_MENTIONS = f"""
SELECT i.source_id, i.target_id, m.created_at AS start_at, {_EVENT}, m.at_precision
FROM interaction AS i JOIN message AS m ON m.message_id = i.message_id WHERE i.rule = 'mention'
"""
_FOLLOWS = f"""
SELECT e.source_id, e.target_id, e.at AS start_at, {_EVENT}, e.at_precision
FROM tie_event AS e WHERE e.relation = 'follow'
"""
# Agents are put into groups by two hex digits of a hash of their id: the same groups on every machine and engine.
_FRAME = """
SELECT source_id, target_id, start_at, end_at, is_standing, at_precision,
       left(sha256(source_id), 2) AS source_group, left(sha256(target_id), 2) AS target_group
FROM ({}) AS spell WHERE source_id <> target_id
ORDER BY source_id, target_id, start_at NULLS FIRST, end_at NULLS LAST
"""


@dataclass(frozen=True, slots=True)
class Spells:
    """Every event or interval behind a network, nodes numbered in the order of all ids that occur.

    Attributes
    ----------
    source, target
        Node numbers, shape (spells,).
    start, end
        Microseconds since 1970 (UTC): `UNKNOWN` where no start is known, `STANDING` where nothing has ended.
    is_known_to_day, is_known_to_month
        Whether the start is known so precisely, shape (spells,).
    is_state
        True for intervals of a relation, which last; false for events.
    ids, group
        Ids of the nodes, and their hash groups, 0 to `GROUPS` - 1.
    run
        Run of each node, ``None`` where there is one run only.
    """

    source: IntArray
    target: IntArray
    start: IntArray
    end: IntArray
    is_known_to_day: BoolArray
    is_known_to_month: BoolArray
    is_state: bool
    ids: pl.Series
    group: IntArray
    run: IntArray | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """One network: distinct ties without self-ties, nodes in the order of their ids.

    Attributes
    ----------
    name
        Name of the network.
    source, target
        Node numbers, sorted, shape (ties,); of an undirected network the smaller node comes first.
    weight
        Events behind each tie, shape (ties,).
    start
        First time of each tie in microseconds, `UNKNOWN` where not known, shape (ties,).
    n_nodes
        Number of nodes.
    ids
        Ids of the nodes.
    group
        Hash group of each node, shape (nodes,).
    is_directed
        False for ``engagement``.
    spells
        What the ties are made from.
    run
        Run of each node, shape (nodes,); ``None`` where there is one run only.
    """

    name: str
    source: IntArray
    target: IntArray
    weight: IntArray
    start: IntArray
    n_nodes: int
    ids: pl.Series
    group: IntArray
    is_directed: bool
    spells: Spells
    run: IntArray | None = None

    @property
    def n_ties(self) -> int:
        """Number of distinct ties."""
        return len(self.source)

    def undirected(self) -> tuple[IntArray, IntArray]:
        """Return both ends of each distinct undirected tie, the smaller node number first."""
        return undirected_ties(self.source, self.target, self.n_nodes)

    def undirected_weights(self) -> tuple[IntArray, IntArray, IntArray]:
        """Return the undirected ties and the events behind each, in either direction."""
        low, high = np.minimum(self.source, self.target), np.maximum(self.source, self.target)
        keys, place = np.unique(low * self.n_nodes + high, return_inverse=True)
        weight = np.bincount(place, weights=self.weight, minlength=len(keys)).astype(np.int64)
        return keys // max(self.n_nodes, 1), keys % max(self.n_nodes, 1), weight


def load_graphs(con: duckdb.DuckDBPyConnection, english: pl.Series | None = None) -> list[Graph]:
    """Read the networks of a corpus.

    Parameters
    ----------
    con
        Connection with views ``interaction``, ``message``, ``agent``, ``tie_event`` and ``reaction`` of one corpus.
    english
        Ids of the agents whose commonest language is English, where the platform says.

    Returns
    -------
    list of Graph
        The two rules always; the others only where the corpus has such ties.
    """
    graphs = [_graph(con, rule, _INTERACTIONS) for rule in RULES]
    graphs += [_graph(con, relation, _TIES, is_state=True) for relation in RELATIONS]
    if con.sql("SELECT count(*) FROM reaction").fetchall()[0][0]:
        engaged = _graph(con, ENGAGEMENT, f"{_REACTIONS} UNION ALL {_MENTIONS}", is_directed=False)
        graphs.append(engaged)
        if english is not None and len(english):
            graphs.append(induced(engaged, english, ENGLISH))
        graphs.append(_graph(con, ACTION, f"{_REACTIONS} UNION ALL {_FOLLOWS}"))
    return [graph for graph in graphs if graph.name in RULES or graph.n_ties]


def _graph(
    con: duckdb.DuckDBPyConnection, name: str, query: str, *, is_state: bool = False, is_directed: bool = True
) -> Graph:
    bound = {"name": name} if "$name" in query else None
    frame = con.sql(_FRAME.format(query), params=bound).pl()
    ends = pl.concat([frame["source_id"], frame["target_id"]])
    ids = ends.unique().sort()
    codes = ends.cast(pl.Enum(ids)).to_physical().cast(pl.Int64).to_numpy()
    group = np.zeros(len(ids), dtype=np.int64)
    group[codes] = pl.concat([frame["source_group"], frame["target_group"]]).str.to_integer(base=16).to_numpy()
    precision = frame["at_precision"]
    timed = frame["start_at"].is_not_null()
    spells = Spells(
        source=codes[: frame.height],
        target=codes[frame.height :],
        start=_micros(frame["start_at"], UNKNOWN),
        end=np.where(frame["is_standing"].to_numpy(), STANDING, _micros(frame["end_at"], UNKNOWN)),
        is_known_to_day=(timed & (precision.is_null() | precision.is_in(_DAY))).to_numpy(),
        is_known_to_month=(timed & (precision.is_null() | precision.is_in((*_DAY, "week", "month")))).to_numpy(),
        is_state=is_state,
        ids=ids,
        group=group // (256 // GROUPS),
        run=run_numbers(con, ids, with_ties=True),
    )
    return _ties(name, spells, frame["is_standing"].to_numpy(), is_directed=is_directed)


def _micros(times: pl.Series, missing: int) -> IntArray:
    return times.dt.epoch("us").fill_null(missing).to_numpy().astype(np.int64)


def _ties(name: str, spells: Spells, kept: BoolArray, *, is_directed: bool) -> Graph:
    source, target, start = spells.source[kept], spells.target[kept], spells.start[kept]
    if not is_directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    nodes = np.unique(np.concatenate([source, target]))
    n_nodes, codes = len(nodes), np.zeros(len(spells.ids), dtype=np.int64)
    codes[nodes] = np.arange(n_nodes)
    keys, place, weight = np.unique(
        codes[source] * max(n_nodes, 1) + codes[target], return_inverse=True, return_counts=True
    )
    first = np.full(len(keys), STANDING, dtype=np.int64)
    np.minimum.at(first, place, start)
    return Graph(
        name=name,
        source=keys // max(n_nodes, 1),
        target=keys % max(n_nodes, 1),
        weight=weight.astype(np.int64),
        start=first,
        n_nodes=n_nodes,
        ids=spells.ids.gather(nodes),
        group=spells.group[nodes],
        is_directed=is_directed,
        spells=spells,
        run=None if spells.run is None else spells.run[nodes],
    )


def induced(graph: Graph, members: pl.Series, name: str) -> Graph:
    """Return the network among some of the agents."""
    is_member = graph.spells.ids.is_in(members.implode()).to_numpy()
    spells = graph.spells
    kept = is_member[spells.source] & is_member[spells.target]
    fewer = replace(
        spells,
        source=spells.source[kept],
        target=spells.target[kept],
        start=spells.start[kept],
        end=spells.end[kept],
        is_known_to_day=spells.is_known_to_day[kept],
        is_known_to_month=spells.is_known_to_month[kept],
    )
    return _ties(name, fewer, fewer.end == STANDING, is_directed=graph.is_directed)
