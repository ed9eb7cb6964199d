"""Agents that post near-duplicates of each other within minutes, against the same texts at other moments.

What belongs here: pure functions on templates, agents and times, and the network that they make. Texts are near
duplicates when they share a template of ``feature.template``.

Of all pairs within the window only neighbours are tied: a message and the next one of its template by another agent.
Whatever pair lies within the window, the messages between them do too, so the groups of connected agents are those of
all pairs, at the cost of a sort.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.activity.resampling import IntArray

WINDOW_MINUTES = 10
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Neighbouring messages of a template, by different agents.

    Attributes
    ----------
    first, second
        Places of the earlier and of the later message, shape (pairs,).
    lag
        Time between them, shape (pairs,).
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    lag: IntArray


def neighbours(template: IntArray, agent: IntArray, at: IntArray) -> Neighbours:
    """Return each message with the next one of its template, where another agent wrote that.

    Parameters
    ----------
    template, agent, at
        Template, agent and time of each message, shape (n,), in any order. Messages of one time are ordered by agent.
    """
    order = np.lexsort((agent, at, template))
    t, a, moment = template[order], agent[order], at[order]
    is_next = (t[1:] == t[:-1]) & (a[1:] != a[:-1])
    place = np.flatnonzero(is_next)
    return Neighbours(order[place], order[place + 1], moment[place + 1] - moment[place])


def near_share(template: IntArray, agent: IntArray, at: IntArray, window: int) -> tuple[int, BoolArray]:
    """Count the messages that have a near-duplicate by another agent within the window.

    Parameters
    ----------
    template, agent, at
        As in `neighbours`.
    window
        Longest time between the two, in the unit of `at`.

    Returns
    -------
    tuple
        Their number, and which they are, shape (n,).

    Notes
    -----
    Between a message and the next one of another agent there may be more of its own agent; so that each finds its
    nearest stranger, the times of the ends of every run of one agent are carried through the run.
    """
    order = np.lexsort((agent, at, template))
    t, a, moment = template[order], agent[order], at[order]
    n = len(order)
    marked = np.zeros(n, dtype=np.bool_)
    if n > 1:
        same = t[1:] == t[:-1]
        breaks = np.concatenate([[True], ~same | (a[1:] != a[:-1])])
        run = np.cumsum(breaks) - 1
        starts = np.flatnonzero(breaks)
        ends = np.append(starts[1:], n) - 1
        far = np.iinfo(np.int64).max // 4
        before = np.full(len(starts), -far)
        after = np.full(len(starts), far)
        joined = same[starts[1:] - 1]
        before[1:][joined] = moment[ends[:-1]][joined]
        after[:-1][joined] = moment[starts[1:]][joined]
        close = (moment - before[run] <= window) | (after[run] - moment <= window)
        marked[order] = close
    return int(marked.sum()), marked


@dataclass(frozen=True, slots=True)
class CopyNetwork:
    """Agents tied by near-duplicates within the window.

    Attributes
    ----------
    source, target
        Agents of each tie, source < target, shape (ties,), sorted.
    pairs
        Pairs of neighbouring messages behind each tie, shape (ties,).
    least
        Shortest time between two of them, shape (ties,).
    """

    source: IntArray
    target: IntArray
    pairs: IntArray
    least: IntArray

    @property
    def agents(self) -> IntArray:
        """The agents that have a tie, ascending."""
        return np.unique(np.concatenate([self.source, self.target]))

    def groups(self) -> IntArray:
        """Return the sizes of the groups of connected agents, largest first."""
        known = self.agents
        if not len(known):
            return np.zeros(0, dtype=np.int64)
        ends = np.searchsorted(known, self.source), np.searchsorted(known, self.target)
        shape = (len(known), len(known))
        _, label = connected_components(coo_array((np.ones(len(self.source)), ends), shape=shape), directed=False)
        return np.sort(np.bincount(label))[::-1].astype(np.int64)


def network(template: IntArray, agent: IntArray, at: IntArray, window: int) -> CopyNetwork:
    """Tie the agents of neighbouring messages of a template at most `window` apart."""
    found = neighbours(template, agent, at)
    close = found.lag <= window
    one, two = agent[found.first[close]], agent[found.second[close]]
    width = int(agent.max()) + 1 if len(agent) else 1
    # One number for each pair of agents: sorting numbers is many times faster than sorting rows.
    key, place, pairs = np.unique(
        np.minimum(one, two) * width + np.maximum(one, two), return_inverse=True, return_counts=True
    )
    least = np.full(len(key), np.iinfo(np.int64).max)
    np.minimum.at(least, place, found.lag[close])
    return CopyNetwork(key // width, key % width, pairs.astype(np.int64), least)
