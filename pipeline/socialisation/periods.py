"""One text per agent and period, as many in every period, and periods dealt anew among them.

What belongs here: the sample that turnover, drift and cohesion share, and its nulls. Both measures move with the
number of texts, so that every period contributes as many; and one text per agent keeps the few who write most from
being the period.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import IntArray
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import Embedding
from pipeline.socialisation.vectors import VECTORS

SIZES = (300, 100, 30)
"""Texts per period: the largest for which `MIN_PERIODS` periods have as many."""
MIN_PERIODS, MOST_PERIODS = 3, 20

_CHOSEN = """
WITH one AS (
    SELECT m.agent_id, m.message_id, m.text_hash, {start} AS period_start, sha256($salt || m.message_id) AS place,
           row_number() OVER (PARTITION BY m.agent_id, {start} ORDER BY sha256($salt || m.message_id)) AS i
    FROM message AS m JOIN text AS t ON t.text_hash = m.text_hash AND t.n_tokens > 0
    {vectors}
    WHERE m.kind <> 'repost' AND m.agent_id IS NOT NULL AND {timed} {only}
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY period_start ORDER BY place) AS rank,
           count(*) OVER (PARTITION BY period_start) AS available
    FROM one WHERE i = 1
)
SELECT agent_id, message_id, text_hash, period_start, available FROM ranked WHERE rank <= $size AND available >= $least
ORDER BY period_start, message_id
"""


@dataclass(frozen=True, slots=True)
class PeriodTexts:
    """The chosen texts, the periods after each other.

    Attributes
    ----------
    starts
        First instant of each period.
    size
        Texts per period.
    hashes
        Text of each, shape (periods × size,).
    agent
        Code of its author, shape (periods × size,).
    """

    starts: tuple[datetime, ...]
    size: int
    hashes: pl.Series
    agent: IntArray

    @property
    def period(self) -> IntArray:
        """Number of the period of each text, shape (periods × size,)."""
        return np.repeat(np.arange(len(self.starts)), self.size)

    def shuffled(self, rng: np.random.Generator) -> IntArray:
        """Return the period of each text with the periods dealt anew among all of them."""
        return rng.permutation(self.period)

    def shuffled_within_agents(self, rng: np.random.Generator) -> IntArray:
        """Return the period of each text with its author's periods dealt anew among its author's texts."""
        order = np.argsort(self.agent, kind="stable")
        drawn = np.argsort(self.agent + rng.random(len(self.agent)))
        result = np.empty(len(order), dtype=np.int64)
        result[order] = self.period[drawn]
        return result


NULLS = (
    ("periods_shuffled", PeriodTexts.shuffled),
    ("periods_shuffled_within_agents", PeriodTexts.shuffled_within_agents),
)


def read_period_texts(
    con: duckdb.DuckDBPyConnection, clock: Clock, seed: int, embedding: Embedding | None = None, only: str = ""
) -> PeriodTexts | None:
    """Choose the texts of the last `MOST_PERIODS` periods with enough agents; None when there are too few of those.

    Parameters
    ----------
    con
        Connection with the views ``message`` and ``text`` of one corpus.
    clock
        Its period, which must not be None.
    seed
        Seed of the choice.
    embedding
        Vectors that the texts must have; any text will do without it.
    only
        A further condition of the grid on messages ``m``, as `pipeline.socialisation.grid` writes it.
    """
    vectors = VECTORS if embedding else ""
    query = _CHOSEN.format(start=clock.start_sql("m"), timed=clock.is_timed_sql("m"), vectors=vectors, only=only)
    bound: dict[str, object] = {"salt": f"{seed}:periods:", "size": max(SIZES), "least": min(SIZES)}
    bound |= {"model": embedding.model, "rung": embedding.rung} if embedding else {}
    found = con.sql(query, params=bound).pl()
    available = found.group_by("period_start").agg(pl.col("available").first()).sort("period_start")
    for size in SIZES:
        starts = available.filter(pl.col("available") >= size)["period_start"].tail(MOST_PERIODS)
        if len(starts) >= MIN_PERIODS:
            break
    else:
        return None
    # The first by hash of each period; then in the order of messages, so that authors do not follow the hash.
    kept = found.filter(pl.col("period_start").is_in(starts.implode()))
    if size < max(SIZES):
        kept = con.sql(query, params={**bound, "size": size, "least": size}).pl()
        kept = kept.filter(pl.col("period_start").is_in(starts.implode()))
    agent = kept["agent_id"].rank("dense").to_numpy().astype(np.int64) - 1
    return PeriodTexts(tuple(starts.to_list()), size, kept["text_hash"], agent)
