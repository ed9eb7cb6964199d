"""How bursty agents write: the spread of the times between their messages.

What belongs here: statistics of the inter-event times of single agents, and their mean over agents. An event is a
post or a comment; an agent with an event that has no usable time is left out, as its gaps are not known.
"""

from __future__ import annotations

from functools import partial

import duckdb
import numpy as np

from pipeline.activity.gaps import NO_GAPS, WORD, Gaps
from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, stream
from pipeline.activity.row import Sampling, row
from pipeline.schema import Measure

FAMILY = "activity"
MIN_GAPS = 5  # inter-event times of an agent; below this the statistic says little of the agent
MIN_AGENTS = 20  # below this the bootstrap interval is left out, as elsewhere
_CHUNK_VALUES = 2_000_000  # resampled values held in memory at a time

# Times finer than a minute: two messages of an agent within the unit of the clock would count as simultaneous.
_EVENTS = """
SELECT agent_id,
       epoch_us(CASE WHEN at_precision IS NULL OR at_precision IN ('us', 'ms', 's') THEN created_at END) AS micros,
       step
FROM message WHERE agent_id IS NOT NULL AND kind IN ('post', 'comment')
ORDER BY agent_id, micros, step
"""
_CLOCK = "SELECT count(created_at) AS timed, count(step) AS stepped FROM message"


def burstiness(agent: IntArray, at: IntArray, min_gaps: int = MIN_GAPS, gaps: Gaps = NO_GAPS) -> FloatArray:
    """Finite-size burstiness of each agent.

    Parameters
    ----------
    agent
        Agent of each event as a number, shape (events,), in ascending order.
    at
        Time of each event in any unit, shape (events,), ascending within an agent.
    min_gaps
        Agents with fewer inter-event times are left out.
    gaps
        Interruptions of the collection; inter-event times that span one are left out (`at` is then in microseconds).

    Returns
    -------
    ndarray
        One value per agent with enough gaps that are not all zero, in the order of the agents:
        ``(√(n+1) r − √(n−1)) / ((√(n+1) − 2) r + √(n−1))`` with n inter-event times and r their standard deviation
        (divisor n) over their mean (Kim & Jo 2016, Phys. Rev. E 94, 032311). It is −1 for a regular sequence, near 0
        for a Poisson process (on average −0.06 at n = 5 and −0.01 at n = 50) and 1 for one burst, whatever n; for
        n → ∞ it is ``(r − 1)/(r + 1)`` (Goh & Barabási 2008, EPL 81, 48002).
    """
    if at.size == 0:
        return np.zeros(0)
    is_gap = (agent[1:] == agent[:-1]) & ~gaps.spanned(at[:-1], at[1:])
    times = np.diff(at)[is_gap].astype(np.float64)
    owner = agent[1:][is_gap]
    if times.size == 0:
        return np.zeros(0)
    starts = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
    n = np.diff(np.append(starts, times.size)).astype(np.float64)
    mean = np.add.reduceat(times, starts) / n
    spread = np.sqrt(np.add.reduceat(np.square(times - np.repeat(mean, n.astype(np.int64))), starts) / n)
    enough = (n >= min_gaps) & (mean > 0)
    n, ratio = n[enough], spread[enough] / mean[enough]
    most, least = np.sqrt(n + 1), np.sqrt(n - 1)
    return np.asarray((most * ratio - least) / ((most - 2) * ratio + least), dtype=np.float64)


def resampled_means(values: FloatArray, *, draws: int, rng: np.random.Generator) -> FloatArray:
    """Return the means of samples of `values` drawn with replacement, shape (draws,)."""
    size = len(values)
    chunk = max(1, _CHUNK_VALUES // max(size, 1))
    parts = [
        values[rng.integers(0, size, size=(min(chunk, draws - start), size))].mean(axis=1)
        for start in range(0, draws, chunk)
    ]
    return np.concatenate(parts)


def burstiness_measures(con: duckdb.DuckDBPyConnection, sampling: Sampling, gaps: Gaps = NO_GAPS) -> list[Measure]:
    """Compute the mean burstiness of agents.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    sampling
        Seed, draws and level.
    gaps
        Interruptions of the collection of posts or comments.

    Returns
    -------
    list of Measure
        One row, ``burstiness``: the mean over agents with at least `MIN_GAPS` inter-event times; the interval draws
        agents. Where the corpus counts steps, gaps are in steps and the row says so; times no finer than a minute
        are refused. Inter-event times that span a gap are left out, and the row says so.
    """
    timed, stepped = con.sql(_CLOCK).fetchall()[0]
    events = con.sql(_EVENTS).pl()
    column, words = ("micros", []) if timed else ("step", ["clock_is_step"])
    agent = events["agent_id"].rle_id().cast(int).to_numpy().astype(np.int64)
    is_known = events[column].is_not_null().to_numpy()
    is_whole = ~np.isin(agent, agent[~is_known])
    known_gaps = gaps if timed else NO_GAPS
    at = events[column].to_numpy()[is_whole].astype(np.int64)
    values = burstiness(agent[is_whole], at, gaps=known_gaps)
    if at.size and known_gaps.spanned(at.min(keepdims=True), at.max(keepdims=True)).any():
        words = [*words, WORD]
    if not is_known.any():
        words = ["time_too_coarse" if timed else "no_times"] if events.height else ["few_agents"]
    elif len(values) < MIN_AGENTS:
        words = [*words, "few_agents"]
    if bool(is_known.any()) and not bool(is_known.all()):
        words = [*words, "time_too_coarse" if timed and not stepped else "no_times"]
    value = float(values.mean()) if len(values) else None
    interval = _interval(values, sampling)
    emit = partial(row, FAMILY, "burstiness", value, len(values), "agents", level=sampling.level)
    return [emit(interval=interval, warnings=words)]


def _interval(values: FloatArray, sampling: Sampling) -> Interval:
    if len(values) < MIN_AGENTS:
        return NO_INTERVAL
    means = resampled_means(values, draws=sampling.bootstrap_draws, rng=stream(sampling.seed, "burstiness"))
    tail = (1 - sampling.level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(low), float(high), "bootstrap_agents")
