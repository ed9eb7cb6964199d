"""The panel of a score: one value per agent and week, its halves, and the scores of agents over the whole span.

What belongs here: reading a score from the views of a corpus into arrays. Statistics are in `variance` and `order`.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import FloatArray, IntArray
from pipeline.network.clock import known_window
from pipeline.network.traits import COUNTED, agent_score_sql

_WEEKS = """
SELECT agent_id, CAST(week_start AS DATE) AS week_start, value FROM agent_week
WHERE variable = $variable ORDER BY agent_id, week_start
"""
# The half of a message is told by its identifier and has nothing to do with what it says.
_HALVES = f"""
WITH cut AS (
    SELECT m.agent_id, CAST(date_trunc('week', m.created_at) AS DATE) AS week_start,
           (instr('0123456789abcdef', substr(md5(m.message_id), 1, 1)) - 1) % 2 AS half, g.numerator, g.denominator
    FROM message AS m JOIN gender_score AS g ON g.text_hash = m.text_hash
    WHERE g.scorer = $scorer AND {COUNTED} AND {known_window("m.created_at", "m.at_precision")}
),
halves AS (
    SELECT agent_id, week_start,
           CAST(sum(CASE WHEN half = 0 THEN numerator ELSE 0 END) AS DOUBLE) AS top_0,
           CAST(sum(CASE WHEN half = 0 THEN denominator ELSE 0 END) AS DOUBLE) AS bottom_0,
           CAST(sum(CASE WHEN half = 1 THEN numerator ELSE 0 END) AS DOUBLE) AS top_1,
           CAST(sum(CASE WHEN half = 1 THEN denominator ELSE 0 END) AS DOUBLE) AS bottom_1
    FROM cut GROUP BY agent_id, week_start
)
SELECT agent_id, week_start, top_0 / bottom_0 AS first_half, top_1 / bottom_1 AS second_half FROM halves
WHERE bottom_0 > 0 AND bottom_1 > 0 ORDER BY agent_id, week_start
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """Scores sorted by agent and week: numbers of agents from 0 up, numbers of weeks (whole weeks), values."""

    agent: IntArray
    week: IntArray
    value: FloatArray

    @property
    def agents(self) -> int:
        """Agents with a score in any week."""
        return int(self.agent[-1]) + 1 if self.agent.size else 0

    def consecutive(self) -> IntArray:
        """Return the places of the rows that the row of the same agent in the next week follows."""
        same = (self.agent[1:] == self.agent[:-1]) & (self.week[1:] == self.week[:-1] + 1)
        return np.flatnonzero(same).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Halves:
    """Scores of the two halves of an agent's week, sorted by agent and week."""

    agent: IntArray
    first: FloatArray
    second: FloatArray


def read_panel(con: duckdb.DuckDBPyConnection, scorer: str) -> Panel:
    """Return the weekly scores ``gender_<scorer>`` of view ``agent_week``."""
    frame = con.sql(_WEEKS, params={"variable": f"gender_{scorer}"}).pl()
    days = frame["week_start"].cast(pl.Int32).cast(pl.Int64).to_numpy()
    return Panel(_numbers(frame["agent_id"]), days // 7, frame["value"].to_numpy())


def read_halves(con: duckdb.DuckDBPyConnection, scorer: str) -> Halves:
    """Return the scores of halves of agent-weeks that have one in both halves."""
    frame = con.sql(_HALVES, params={"scorer": scorer}).pl()
    return Halves(_numbers(frame["agent_id"]), frame["first_half"].to_numpy(), frame["second_half"].to_numpy())


def read_whole(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return ``agent_id``, ``variable`` and ``value``: gender scores of agents over all their messages."""
    frame: pl.DataFrame = con.sql(agent_score_sql()).pl()
    return frame.filter(pl.col("variable").str.starts_with("gender_")).sort("variable", "agent_id")


def _numbers(agents: pl.Series) -> IntArray:
    """Return numbers of sorted names, from 0 up."""
    return agents.rle_id().cast(pl.Int64).to_numpy()
