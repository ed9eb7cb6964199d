"""Runs of a simulation: agents of different runs never meet, so that no null may tie them.

What belongs here: which run each node of a network is of.
"""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl

from pipeline.network.edges import IntArray

_SPOKE = """
SELECT agent_id, run_id FROM message WHERE agent_id IS NOT NULL
UNION ALL
SELECT i.target_id, m.run_id FROM interaction AS i JOIN message AS m ON m.message_id = i.message_id
"""
_TIED = """
UNION ALL SELECT source_id, run_id FROM tie_event
UNION ALL SELECT target_id, run_id FROM tie_event
UNION ALL SELECT agent_id, run_id FROM reaction
UNION ALL SELECT target_agent_id, run_id FROM reaction WHERE target_agent_id IS NOT NULL
"""
_RUNS = "SELECT agent_id, min(run_id) AS run_id FROM ({}) AS seen GROUP BY agent_id ORDER BY agent_id"


def run_numbers(con: duckdb.DuckDBPyConnection, ids: pl.Series, *, with_ties: bool = False) -> IntArray | None:
    """Return the run of each node.

    Parameters
    ----------
    con
        Connection with views ``message`` and ``interaction`` of one corpus, with ties also ``tie_event`` and
        ``reaction``.
    ids
        Ids of the nodes, which carry their run where a corpus has several.
    with_ties
        Whether agents may be known from ties and reactions alone.

    Returns
    -------
    ndarray or None
        Numbers of runs in the order of their names, shape (nodes,), -1 for a node that no record names; ``None`` where
        all messages are of one run.
    """
    if con.sql("SELECT count(DISTINCT run_id) FROM message").fetchall()[0][0] < 2:
        return None
    known = con.sql(_RUNS.format(_SPOKE + (_TIED if with_ties else ""))).pl()
    names = known["run_id"].unique().sort()
    frame = pl.DataFrame({"agent_id": ids}).join(known, on="agent_id", how="left", maintain_order="left")
    found = frame["run_id"].cast(pl.Enum(names)).to_physical().cast(pl.Int64).fill_null(-1)
    return np.asarray(found.to_numpy(), dtype=np.int64)
