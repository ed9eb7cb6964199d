"""How much agents do in their first day.

What belongs here: posts and comments of an agent in the 24 hours from its first message of the corpus, of agents that
are followed for so long. Zerhoudi et al. (2026, arXiv 2604.13052) print the mean before and after a cap for new agents.
"""

from __future__ import annotations

import duckdb
import numpy as np

from pipeline.activity.gaps import NO_GAPS, WORD, Gaps
from pipeline.activity.resampling import NO_INTERVAL, cluster_bootstrap, ratio, stream
from pipeline.activity.row import Sampling, row
from pipeline.schema import Measure

FAMILY = "activity"
NAME = "first_day_actions_mean"
MIN_AGENTS = 20
DAY = 86_400_000_000
"""Microseconds."""

_FINE = "('us', 'ms', 's', 'minute', 'hour')"
# An agent with a message of unknown time may have begun earlier; it is left out.
_FIRST_DAYS = f"""
WITH told AS (
    SELECT agent_id, epoch_us(CASE WHEN at_precision IS NULL OR at_precision IN {_FINE}
                                   THEN created_at END) AS micros
    FROM message WHERE agent_id IS NOT NULL AND kind IN ('post', 'comment')
),
agent_start AS (
    SELECT agent_id, min(micros) AS start FROM told GROUP BY agent_id HAVING count(*) = count(micros)
),
corpus_end AS (SELECT max(micros) AS finish FROM told)
SELECT s.agent_id, s.start, CAST(count(*) AS BIGINT) AS actions
FROM agent_start AS s CROSS JOIN corpus_end AS e JOIN told AS t ON t.agent_id = s.agent_id
WHERE s.start + {DAY} <= e.finish AND t.micros < s.start + {DAY}
GROUP BY s.agent_id, s.start ORDER BY s.agent_id
"""
_CLOCK = f"""
SELECT count(created_at), count(step), count(*),
       count(*) FILTER (WHERE created_at IS NOT NULL AND (at_precision IS NULL OR at_precision IN {_FINE}))
FROM message WHERE agent_id IS NOT NULL AND kind IN ('post', 'comment')
"""


def first_day_measures(con: duckdb.DuckDBPyConnection, sampling: Sampling, gaps: Gaps = NO_GAPS) -> list[Measure]:
    """Compute the mean number of messages of an agent in its first 24 hours.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    sampling
        Seed, draws and level.
    gaps
        Interruptions of the collection of posts or comments; agents whose first day meets one are left out.

    Returns
    -------
    list of Measure
        One row, ``first_day_actions_mean``; the interval draws agents. Agents whose first message comes less than 24
        hours before the last message of the corpus are left out.
    """
    found = con.sql(_FIRST_DAYS).pl()
    timed, stepped, messages, fine = con.sql(_CLOCK).fetchall()[0]
    start = found["start"].to_numpy().astype(np.int64)
    is_met = gaps.spanned(start, start + DAY)
    actions = found["actions"].to_numpy().astype(np.int64)[~is_met]
    n = len(actions)
    words = [WORD] if is_met.any() else []
    if messages and not fine:
        words = ["time_too_coarse" if timed else "clock_is_step" if stepped else "no_times"]
    elif n < MIN_AGENTS:
        words.append("few_agents")
    words += ["heavy_tail"] if n else []
    interval = NO_INTERVAL
    if n >= MIN_AGENTS:
        interval = cluster_bootstrap(
            np.column_stack([actions, np.ones_like(actions)]), ratio, draws=sampling.bootstrap_draws,
            rng=stream(sampling.seed, NAME), level=sampling.level, method="bootstrap_agents",
        )  # fmt: skip
    value = float(actions.mean()) if n else None
    return [row(FAMILY, NAME, value, n, "agents", level=sampling.level, interval=interval, warnings=words)]
