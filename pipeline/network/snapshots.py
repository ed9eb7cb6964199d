"""Networks of a week: which ties stood at its end, as arrays.

What belongs here: reading ties and interactions into intervals of whole weeks, and taking the network of one week
or of the whole span out of them. Weeks are numbered from Monday 5 January 1970.

A follow counts in week t when it stands at the last instant of t. An interaction counts in the week in which it
happens and in the three after it (w = 4): the interaction network of week t are the distinct pairs of its last
four weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.network.clock import EPOCH, WEEK_HOURS, known_window, window_sql
from pipeline.network.ties import interval_sql

IntArray = NDArray[np.int64]
SmallArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]

INTERACTION_WEEKS = 4
EVER, NEVER = -(2**31), 2**31 - 1
_MONDAY = 4

# The agents of a corpus in the order of their ids; the place in it is the node number.
_NODES = "SELECT agent_id FROM agent UNION SELECT agent_id FROM message WHERE agent_id IS NOT NULL ORDER BY agent_id"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Distinct directed ties of one moment, sorted by source and target, without self-ties.

    Attributes
    ----------
    source, target
        Node numbers, shape (ties,).
    mirrored
        Whether the tie in the other direction stands too, shape (ties,).
    """

    source: IntArray
    target: IntArray
    mirrored: BoolArray


@dataclass(frozen=True, slots=True)
class TieIntervals:
    """Intervals of weeks [start, end) in which ordered pairs are tied; intervals of a pair do not overlap.

    Attributes
    ----------
    source, target
        Node numbers, sorted by source and target, shape (intervals,).
    start, end
        First week at whose end the tie stands, and the first at whose end it does not.
    pair
        Number of the ordered pair, shape (intervals,).
    mirror
        Number of the pair in the other direction, or the number of pairs when there is none, shape (pairs,).
    """

    source: IntArray
    target: IntArray
    start: SmallArray
    end: SmallArray
    pair: IntArray
    mirror: IntArray

    @property
    def n_pairs(self) -> int:
        """Number of distinct ordered pairs."""
        return len(self.mirror)

    def at(self, week: int) -> Snapshot:
        """Return the ties that stand at the end of a week."""
        standing = np.flatnonzero((self.start <= week) & (week < self.end))
        pair = self.pair[standing]
        present = np.zeros(self.n_pairs + 1, dtype=np.bool_)
        present[pair] = True
        return Snapshot(self.source[standing], self.target[standing], present[self.mirror[pair]])


def tie_intervals(source: IntArray, target: IntArray, start: IntArray, end: IntArray, n_nodes: int) -> TieIntervals:
    """Sort intervals, drop empty ones, and number their pairs.

    Parameters
    ----------
    source, target, start, end
        Ends and weeks of each interval, shape (intervals,); no self-ties, no overlaps within a pair.
    n_nodes
        Number of nodes.
    """
    kept = np.flatnonzero(start < end)
    keys = source[kept] * n_nodes + target[kept]
    order = np.lexsort((start[kept], keys))
    keys, kept = keys[order], kept[order]
    opens = np.ones(len(keys), dtype=np.bool_)
    opens[1:] = keys[1:] != keys[:-1]
    pairs = keys[opens]
    turned = (pairs % max(n_nodes, 1)) * n_nodes + pairs // max(n_nodes, 1)
    place = np.searchsorted(pairs, turned)
    found = pairs[np.minimum(place, max(len(pairs) - 1, 0))] == turned if len(pairs) else np.zeros(0, dtype=np.bool_)
    return TieIntervals(
        source[kept],
        target[kept],
        start[kept].astype(np.int32),
        end[kept].astype(np.int32),
        np.cumsum(opens) - 1,
        np.where(found, place, len(pairs)),
    )


@dataclass(frozen=True, slots=True)
class TieNetwork:
    """The networks of one rule: by week where times allow, and over the whole span.

    Attributes
    ----------
    rule
        A relation of ``tie_event`` or a rule of ``interaction``.
    weekly
        Ties whose times tell their weeks.
    whole
        Ties that stand at the end (relations), or of any time (interactions); take them ``at(0)``.
    n_ties
        Distinct ties of any time.
    timed, n_intervals
        Intervals (or weeks of interaction) known to the week, and all of them.
    unknown_starts
        Intervals known to have ended, without a start.
    """

    rule: str
    weekly: TieIntervals
    whole: TieIntervals
    n_ties: int
    timed: int
    n_intervals: int
    unknown_starts: int = 0


def load_nodes(con: duckdb.DuckDBPyConnection) -> pl.Series:
    """Return the agents of a corpus in the order of their node numbers."""
    nodes: pl.Series = con.sql(_NODES).pl()["agent_id"]
    return nodes


def node_numbers(ids: pl.Series, nodes: pl.Series) -> IntArray:
    """Return the node number of each id, −1 for an id that is no node."""
    places = pl.DataFrame({"agent_id": nodes}).with_row_index("place")
    found = pl.DataFrame({"agent_id": ids}).join(places, on="agent_id", how="left", maintain_order="left")
    return found["place"].cast(pl.Int64).fill_null(-1).to_numpy()


def week_numbers(times: pl.Series, missing: int) -> IntArray:
    """Return the number of the week (from Monday, UTC) of each time; `missing` where there is none."""
    days = times.cast(pl.Date).to_physical().cast(pl.Int64)
    return ((days - _MONDAY) // 7).fill_null(missing).to_numpy()


def week_start(week: int) -> datetime:
    """Return the first instant of a week."""
    return EPOCH + timedelta(weeks=week)


def load_ties(con: duckdb.DuckDBPyConnection, relation: str, nodes: pl.Series) -> TieNetwork:
    """Read the networks of a relation from views ``tie_event`` and ``agent``.

    Parameters
    ----------
    con
        Connection with views ``tie_event`` and ``agent`` of one corpus.
    relation
        A relation of ``tie_event``.
    nodes
        As `load_nodes` returns them.
    """
    frame = con.sql(
        f"SELECT * FROM ({interval_sql()}) AS i WHERE relation = ? ORDER BY source_id, target_id, start_at NULLS FIRST",
        params=[relation],
    ).pl()
    source, target = node_numbers(frame["source_id"], nodes), node_numbers(frame["target_id"], nodes)
    known = frame["is_known_to_week"].to_numpy()
    standing = frame["is_standing"].to_numpy()
    start = week_numbers(frame["start_at"], EVER)
    end = np.where(standing, NEVER, week_numbers(frame["end_at"], EVER))
    now, n_nodes = np.zeros(int(standing.sum()), dtype=np.int64), len(nodes)
    return TieNetwork(
        rule=relation,
        weekly=tie_intervals(source[known], target[known], start[known], end[known], n_nodes),
        whole=tie_intervals(source[standing], target[standing], now, now + 1, n_nodes),
        n_ties=frame.select("source_id", "target_id").n_unique() if frame.height else 0,
        timed=int(known.sum()),
        n_intervals=frame.height,
        unknown_starts=int((known & (start == EVER)).sum()),
    )


def _interactions(hours: int) -> str:
    return f"""
SELECT DISTINCT i.source_id, i.target_id,
       CASE WHEN {known_window("m.created_at", "m.at_precision", hours)}
            THEN {window_sql("m.created_at", hours)} END AS window_number
FROM interaction AS i JOIN message AS m ON m.message_id = i.message_id
WHERE i.rule = ? AND i.source_id <> i.target_id
ORDER BY i.source_id, i.target_id, window_number NULLS FIRST
"""


def load_interactions(
    con: duckdb.DuckDBPyConnection, rule: str, nodes: pl.Series, hours: int = WEEK_HOURS
) -> TieNetwork:
    """Read the networks of a rule from views ``interaction`` and ``message``.

    Parameters
    ----------
    con
        Connection with views ``interaction``, ``message`` and ``agent`` of one corpus.
    rule
        A rule of `pipeline.network.interactions.RULES`.
    nodes
        As `load_nodes` returns them.
    hours
        Length of the windows that stand for weeks.
    """
    frame = con.sql(_interactions(hours), params=[rule]).pl()
    source, target = node_numbers(frame["source_id"], nodes), node_numbers(frame["target_id"], nodes)
    n_nodes, week = len(nodes), frame["window_number"].fill_null(EVER).to_numpy()
    keys = source * n_nodes + target
    last = np.ones(len(keys), dtype=np.bool_)  # the rows of a pair stand together, in the order of weeks
    last[:-1] = keys[1:] != keys[:-1]
    end = week + INTERACTION_WEEKS
    end[:-1] = np.where(last[:-1], end[:-1], np.minimum(end[:-1], week[1:]))
    known = week != EVER
    now = np.zeros(int(last.sum()), dtype=np.int64)
    return TieNetwork(
        rule=rule,
        weekly=tie_intervals(source[known], target[known], week[known], end[known], n_nodes),
        whole=tie_intervals(source[last], target[last], now, now + 1, n_nodes),
        n_ties=len(now),
        timed=int(known.sum()),
        n_intervals=frame.height,
    )
