"""Whom a deleted follow of OASIS pointed to.

The trace of a follow names only its ``follow_id``, and an unfollow deletes that row; the trace of the unfollow names
the followee. So a follow whose row is gone belongs to one of its agent's later unfollows: to one of a followee that was
not unfollowed in between. Where only one fits the answer is certain. Where several do (two follows, then two
unfollows), the earliest unfollow that fits is taken, which matches as many as can be matched, and the tie says so.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import polars as pl

MOST_PEELED = 400  # candidates are compared pairwise; an agent with more deleted follows gets no certain answers

SCHEMA = {"row": pl.Int64, "target": pl.String, "is_inferred": pl.Boolean}


@dataclass(slots=True)
class _Agent:
    """The deleted follows and the unfollows of one agent, in the order of the trace."""

    follows: list[int] = field(default_factory=list)
    unfollows: list[tuple[int, int, str]] = field(default_factory=list)  # after which row, row, followee
    last: dict[str, int] = field(default_factory=dict)

    def unfollow(self, row: int, target: str) -> None:
        """Add an unfollow: its follow stands after the last unfollow of the same followee."""
        self.unfollows.append((self.last.get(target, -1), row, target))
        self.last[target] = row


def deleted_follows(events: pl.DataFrame) -> pl.DataFrame:
    """Match follows whose row is gone with the unfollows that deleted it.

    The loop is over deleted ties of agents that have any, not over messages.

    Parameters
    ----------
    events
        Columns ``row`` (order of the trace), ``source``, ``target``: follows whose row is gone with a null target,
        and all unfollows with theirs.

    Returns
    -------
    polars.DataFrame
        For each follow that could be matched its ``row``, the ``target``, and whether another one was possible
        (``is_inferred``).
    """
    needed = events.filter(pl.col("target").is_null()).select("source").unique()
    agents: dict[str, _Agent] = {}
    for row, source, target in events.join(needed, on="source", how="semi").sort("row").iter_rows():
        agent = agents.setdefault(source, _Agent())
        if target is None:
            agent.follows.append(row)
        else:
            agent.unfollow(row, target)
    found = [match for agent in agents.values() for match in _match(agent)]
    return pl.DataFrame(found, schema=SCHEMA, orient="row").sort("row")


def _match(agent: _Agent) -> list[tuple[int, str, bool]]:
    """Give every follow the earliest unfollow that fits, after those that fit only once."""
    found: list[tuple[int, str, bool]] = []
    follows, unfollows = agent.follows, agent.unfollows
    if len(follows) <= MOST_PEELED and len(unfollows) <= MOST_PEELED:
        found, follows, unfollows = _certain(follows, unfollows)
    waiting = sorted(unfollows)  # by the row after which they fit
    fitting: list[tuple[int, str]] = []
    position = 0
    for follow in follows:
        while position < len(waiting) and waiting[position][0] < follow:
            _, row, target = waiting[position]
            heapq.heappush(fitting, (row, target))
            position += 1
        while fitting and fitting[0][0] < follow:
            heapq.heappop(fitting)
        if fitting:
            found.append((follow, heapq.heappop(fitting)[1], True))
    return found


_Unfollows = list[tuple[int, int, str]]


def _certain(follows: list[int], unfollows: _Unfollows) -> tuple[list[tuple[int, str, bool]], list[int], _Unfollows]:
    """Take out follows that only one unfollow fits, again and again; return them and what is left of both."""
    found: list[tuple[int, str, bool]] = []
    left, open_ones = list(follows), list(unfollows)
    is_moving = True
    while is_moving:
        is_moving = False
        for follow in reversed(left):
            fitting = [u for u in open_ones if u[0] < follow < u[1]]
            if len(fitting) == 1:
                found.append((follow, fitting[0][2], False))
                left.remove(follow)
                open_ones.remove(fitting[0])
                is_moving = True
    return found, left, open_ones
