"""Whether agents keep to topics that they have taken up, or forget them: an analogue of continual learning.

What belongs here: rows of ``analysis.measure``. Reviews of continual learning (METHODS 6 row 26) follow R[t, k], how
well task k is done after the t-th task, forgetting, the best past R less the current one, and backward transfer. Agents
of a corpus are trained on nothing that is seen; what can be followed is whether who has written on topic k before, and
writes at all in period t, writes on k again. The largest of several shares exceeds the last by itself, so forgetting
means something only beside its null: the messages of each agent dealt out anew among the periods of its messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, jackknife_interval, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import affordable, against
from pipeline.language.clock import Clock
from pipeline.network.edges import distinct
from pipeline.schema import Measure
from pipeline.transfer.order import FAMILY

RETENTION, FORGETTING, BACKWARD = "topic_retention", "topic_forgetting", "topic_backward_transfer"
NAMES = (RETENTION, FORGETTING, BACKWARD)
NULL = "periods_dealt_within_agents"
LEAST_AGENTS = 10
"""Agents that have written on a topic before and write in a period, for a cell of the matrix."""
LEAST_CELLS = 3
"""Periods of a topic that forgetting needs."""
MOST_MESSAGES = 200_000
"""Messages that are read; agents come in the order of hashes, and the one that is cut in the middle is left out."""
MOST_PERIODS = 20
GROUPS = 16

_READ = """
SELECT m.run_id || chr(10) || m.agent_id AS agent, {start} AS period_start, k.topic_id,
       min(sha256($salt || m.agent_id)) OVER (PARTITION BY m.run_id, m.agent_id) AS place
FROM message AS m JOIN text_topic AS k ON k.text_hash = m.text_hash
WHERE m.agent_id IS NOT NULL AND m.kind <> 'repost' AND {timed}
  AND {start} > (SELECT max({start}) FROM message AS m WHERE {timed}) - INTERVAL {span}
ORDER BY place, agent, period_start, m.message_id LIMIT $most
"""


@dataclass(frozen=True, slots=True)
class Topics:
    """Messages with a topic, agent after agent; all codes from 0, shape (messages,) each.

    Attributes
    ----------
    agent, period, topic, group
        Who, when, on what, and the group of the agent that the jackknife leaves out.
    is_sampled
        True when agents were left out to bound memory.
    """

    agent: IntArray
    period: IntArray
    topic: IntArray
    group: IntArray
    is_sampled: bool


def read_topics(con: duckdb.DuckDBPyConnection, clock: Clock, seed: int) -> Topics:
    """Return the messages with a topic of the last `MOST_PERIODS` periods; the clock must have a period."""
    query = _READ.format(
        start=clock.start_sql("m"), timed=clock.is_timed_sql("m"), span=f"{MOST_PERIODS} {clock.name.upper()}"
    )
    found = con.sql(query, params={"salt": f"{seed}:retention:", "most": MOST_MESSAGES + 1}).pl()
    is_sampled = found.height > MOST_MESSAGES
    if is_sampled and found["agent"][0] != found["agent"][-1]:
        found = found.filter(pl.col("agent") != found["agent"][-1])
    # The last digit of the hash: agents are taken in the order of the first.
    group = found["place"].str.slice(-1).str.to_integer(base=16, strict=False) if found.height else found["topic_id"]
    period, topic = (
        np.unique(found[name].to_physical().to_numpy(), return_inverse=True)[1].astype(np.int64)
        for name in ("period_start", "topic_id")
    )
    agent = found["agent"].rle_id().to_numpy().astype(np.int64)
    return Topics(agent, period, topic, group.to_numpy().astype(np.int64), is_sampled)


def retention(agent: IntArray, period: IntArray, topic: IntArray, shape: tuple[int, int]) -> tuple[IntArray, IntArray]:
    """Return how many who wrote on a topic before write on it again, and how many write at all.

    Parameters
    ----------
    agent, period, topic
        Codes of messages, in any order, shape (messages,).
    shape
        Periods and topics.

    Returns
    -------
    tuple of ndarray
        Shape (periods, topics) each.
    """
    periods, topics = shape
    active = distinct(agent * periods + period)
    wrote = distinct((agent * topics + topic) * periods + period)
    pair, at = wrote // periods, wrote % periods
    begins = np.concatenate([[True], pair[1:] != pair[:-1]])
    # A period after the first of an agent and topic is one in which the agent returns to it.
    again = np.bincount(at[~begins] * topics + pair[~begins] % topics, minlength=periods * topics)
    first, who = at[begins], pair[begins] // topics
    low = np.searchsorted(active, who * periods + first, side="right")
    high = np.searchsorted(active, (who + 1) * periods)
    n = high - low
    place = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n) + np.repeat(low, n)
    k = np.repeat(pair[begins] % topics, n)
    able = np.bincount((active[place] % periods) * topics + k, minlength=periods * topics)
    return again.reshape(shape), able.reshape(shape)


def summaries(again: IntArray, able: IntArray) -> FloatArray:
    """Return retention, forgetting and backward transfer of a matrix, shape (3,); not-a-number where undefined.

    Parameters
    ----------
    again, able
        Shape (periods, topics), as `retention` returns them.

    Returns
    -------
    ndarray
        The share over all cells with `LEAST_AGENTS`; the mean over topics with `LEAST_CELLS` such cells of the largest
        R before the last less the last; and of the last less the first.
    """
    enough = able >= LEAST_AGENTS
    share = np.where(enough, again / np.maximum(able, 1), np.nan)
    whole = float(again[enough].sum() / able[enough].sum()) if enough.any() else np.nan
    gone, back = [], []
    for k in np.flatnonzero(enough.sum(axis=0) >= LEAST_CELLS):
        known = share[enough[:, k], k]
        gone.append(known[:-1].max() - known[-1])
        back.append(known[-1] - known[0])
    return np.array([whole, np.mean(gone) if gone else np.nan, np.mean(back) if back else np.nan])


def dealt_periods(agent: IntArray, period: IntArray, rng: np.random.Generator) -> IntArray:
    """Deal the periods of each agent's messages out anew among them; `agent` is ascending."""
    return period[np.argsort(agent + rng.random(len(agent)))]


def retention_measures(
    con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute retention of topics, forgetting and backward transfer.

    Parameters
    ----------
    con
        Connection with the views ``message`` and ``text_topic`` of one corpus.
    clock
        Its period.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        ``topic_retention``, ``topic_forgetting`` and ``topic_backward_transfer``, with jackknife intervals over 16
        groups of agents, beside the messages of each agent dealt out anew among its periods.
    """
    emit = partial(row, FAMILY, level=sampling.level)
    if clock.period is None:
        return [emit(name, None, 0, "agents", warnings=[*words, str(clock.refusal)]) for name in NAMES]
    found = read_topics(con, clock, sampling.seed)
    n = int(found.agent[-1]) + 1 if len(found.agent) else 0
    if not n:
        return [emit(name, None, 0, "agents", warnings=[*words, "no_topics"]) for name in NAMES]
    shape = (int(found.period.max()) + 1, int(found.topic.max()) + 1)
    values = summaries(*retention(found.agent, found.period, found.topic, shape))
    rng = stream(sampling.seed, RETENTION)
    draws = np.stack([
        summaries(*retention(found.agent, dealt_periods(found.agent, found.period, rng), found.topic, shape))
        for _ in range(affordable(sampling.null_draws, len(found.agent)))
    ])  # fmt: skip
    left = np.stack([_without(found, group, shape) for group in range(GROUPS)])
    said = [*words, *(["units_sampled"] if found.is_sampled else [])]
    rows = []
    for place, name in enumerate(NAMES):
        value = float(values[place])
        few = [] if np.isfinite(value) else ["few_periods" if place else "few_agents"]
        interval = NO_INTERVAL
        if not few:
            interval = jackknife_interval(
                value, left[:, place], level=sampling.level, method="jackknife_author_groups", bounds=(-1.0, 1.0)
            )
        null = against(NULL, value, draws[:, place])
        rows.append(emit(name, value, n, "agents", interval=interval, null=null, warnings=[*said, *few]))
    return rows


def _without(found: Topics, group: int, shape: tuple[int, int]) -> FloatArray:
    kept = found.group != group
    if not kept.any():
        return np.full(len(NAMES), np.nan)
    return summaries(*retention(found.agent[kept], found.period[kept], found.topic[kept], shape))
