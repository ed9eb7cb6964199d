"""How much of what is written is a near-duplicate within minutes of another agent's, against shuffled times.

What belongs here: from messages and templates to rows of ``analysis.measure`` and of ``feature.copy_tie``. The nulls
keep who wrote what and when the platform was busy, and deal the times anew among the messages of an hour or of a day:
what is left beyond them is that the same text comes at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, cluster_bootstrap, stream
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.coordination.copies import WINDOW_MINUTES, CopyNetwork, near_share, network
from pipeline.coordination.nulls import affordable, against, once
from pipeline.coordination.posts import FINE_SQL, MICROS_PER_HOUR
from pipeline.coordination.regularity import FAMILY
from pipeline.coordination.timing import grouped_order
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.schema import Measure

WINDOW = WINDOW_MINUTES * 60 * 1_000_000
NULLS = (("times_shuffled_within_hour", MICROS_PER_HOUR), ("times_shuffled_within_day", 24 * MICROS_PER_HOUR))
STATISTICS = ("copy_near_share", "copy_agent_share", "copy_ties", "copy_largest_group")
MIN_MESSAGES = 30

# Messages of templates that one agent alone writes are never a copy of another's, so they carry no template here.
_MESSAGES = f"""
WITH template_of AS (SELECT text_hash, min(template_id) AS template_id FROM template GROUP BY text_hash),
timed AS (
    SELECT message_id, agent_id, text_hash, epoch_us(created_at) AS micros FROM message
    WHERE agent_id IS NOT NULL AND kind IN ('post', 'comment') AND created_at IS NOT NULL AND {FINE_SQL}
),
shared AS (
    SELECT o.template_id FROM timed AS m JOIN template_of AS o ON o.text_hash = m.text_hash
    GROUP BY o.template_id HAVING count(DISTINCT m.agent_id) > 1
)
SELECT m.agent_id, m.micros, s.template_id
FROM timed AS m
LEFT JOIN template_of AS o ON o.text_hash = m.text_hash
LEFT JOIN shared AS s ON s.template_id = o.template_id
ORDER BY m.micros, m.message_id
"""


@dataclass(frozen=True, slots=True)
class Copied:
    """Messages with a time and an author, in the order of time, and which of them can be copies.

    Attributes
    ----------
    names
        Identifier of each agent, sorted.
    agent, at
        Agent and time in microseconds of each message, shape (messages,).
    place
        Which messages are of a template of two agents or more, shape (shared,).
    template
        Their templates as numbers, shape (shared,).
    words
        Warnings about all of it.
    """

    names: pl.Series
    agent: IntArray
    at: IntArray
    place: IntArray
    template: IntArray
    words: tuple[str, ...]


def read_copied(con: duckdb.DuckDBPyConnection) -> Copied:
    """Return the messages of a corpus (views ``message`` and ``template``) for `copy_measures`."""
    found: pl.DataFrame = con.sql(_MESSAGES).pl()
    timed, stepped = con.sql("SELECT count(created_at), count(step) FROM message").fetchall()[0]
    refusal = "time_too_coarse" if timed else "clock_is_step" if stepped else "no_times"
    names = found["agent_id"].unique().sort()
    agent = found["agent_id"].cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
    is_shared = found["template_id"].is_not_null()
    template = found["template_id"].drop_nulls()
    return Copied(
        names,
        agent,
        found["micros"].to_numpy().astype(np.int64),
        np.flatnonzero(is_shared.to_numpy()).astype(np.int64),
        (template.rank("dense").cast(pl.Int64) - 1).to_numpy().astype(np.int64),
        () if found.height else (refusal,),
    )


def copy_network(copied: Copied) -> CopyNetwork:
    """Return the ties of agents whose near-duplicates come within `WINDOW_MINUTES`."""
    return network(copied.template, copied.agent[copied.place], copied.at[copied.place], WINDOW)


def copy_ties(copied: Copied) -> pl.DataFrame:
    """Return the rows of ``feature.copy_tie``."""
    found = copy_network(copied)
    names = copied.names
    return pl.DataFrame(
        {
            "source_id": names.gather(found.source),
            "target_id": names.gather(found.target),
            "pairs": found.pairs,
            "least_seconds": found.least / 1_000_000,
        },
        schema={"source_id": pl.String, "target_id": pl.String, "pairs": pl.Int64, "least_seconds": pl.Float64},
    )


def copy_measures(copied: Copied, sampling: Sampling) -> list[Measure]:
    """Compute the share of near-duplicates in time and the network that they make.

    Parameters
    ----------
    copied
        Messages of the corpus.
    sampling
        Seed, draws and level.

    Returns
    -------
    list of Measure
        Each value of `STATISTICS` beside both nulls, and the number of groups of connected agents.
    """
    n, agents = len(copied.agent), len(copied.names)
    words = [*copied.words, *(["few_posts"] if n < MIN_MESSAGES else [])]
    values = _statistics(copied, copied.at[copied.place])
    sizes = {"copy_near_share": (n, "messages")}
    intervals = {"copy_near_share": _interval(copied, sampling), "copy_agent_share": NO_INTERVAL}
    emit = partial(row, FAMILY, level=sampling.level, warnings=words)
    groups = len(copy_network(copied).groups())
    rows = [emit("copy_groups", groups if n else None, agents, "agents", interval=CENSUS)]
    for model, width in NULLS:
        draws = _draws(copied, width, sampling, model)
        for place, name in enumerate(STATISTICS):
            value = float(values[place]) if n else float("nan")
            null = against(model, value, draws[:, place]) if len(draws) else None
            rows.append(
                emit(name, value, *sizes.get(name, (agents, "agents")), interval=intervals.get(name, CENSUS), null=null)
            )
    return once(rows)


def _statistics(copied: Copied, at: IntArray) -> FloatArray:
    agent = copied.agent[copied.place]
    found = network(copied.template, agent, at, WINDOW)
    groups = found.groups()
    marked, _ = near_share(copied.template, agent, at, WINDOW)
    largest = int(groups[0]) if len(groups) else 0
    share = len(found.agents) / max(len(copied.names), 1)
    return np.array([marked / max(len(copied.agent), 1), share, len(found.source), largest])


def _draws(copied: Copied, width: int, sampling: Sampling, model: str) -> FloatArray:
    """Draw the statistics with times dealt anew among all messages of each hour or day, shape (draws, 4)."""
    if not len(copied.place):
        return np.zeros((0, len(STATISTICS)))
    rng, stratum = stream(sampling.seed, f"copies/{model}"), copied.at // width - copied.at[0] // width
    draws = affordable(sampling.null_draws, len(copied.at))
    return np.stack([_statistics(copied, copied.at[grouped_order(stratum, rng)][copied.place]) for _ in range(draws)])


def _interval(copied: Copied, sampling: Sampling) -> Interval:
    """Interval of the share, agents drawn with replacement while what counts as a copy stays as it was found."""
    if len(copied.names) < FEWEST_BOOTSTRAP_UNITS:
        return NO_INTERVAL
    agent = copied.agent[copied.place]
    _, marked = near_share(copied.template, agent, copied.at[copied.place], WINDOW)
    hits = np.bincount(agent[marked], minlength=len(copied.names))
    totals = np.stack([hits, np.bincount(copied.agent, minlength=len(copied.names))], axis=1).astype(np.int64)
    return cluster_bootstrap(
        totals,
        _ratio,
        draws=sampling.bootstrap_draws,
        rng=stream(sampling.seed, "copy_near_share"),
        level=sampling.level,
        method="cluster_bootstrap_agents",
    )


def _ratio(sums: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)
