"""Rare terms, who used them first when, and who answered whom: the arrays that transfer of terms is counted on.

What belongs here: SQL and arrays. A term is a word of four letters or more that is part of no agent's name; it is rare
when few authors use it at all. Of each author and term the first use counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipeline.activity.resampling import FloatArray, IntArray
from pipeline.transfer.order import MESSAGES, MICROSECONDS_PER_HOUR, WORDS

SHORTEST = 4
LEAST_AUTHORS, MOST_AUTHORS, MOST_SHARE = 2, 20, 0.02
"""Authors of a rare term: at least 2, at most one in fifty, but up to 3 in any corpus and to 20 in none."""
LARGEST_SMALL = 3
HOURS, NEXT_MESSAGES, LATEST = 24, 5, 50
"""Within what a first use follows a reply, and how many of the replies before it are looked at, the latest."""
MOST_PAIRS = 250_000
"""Pairs of a first use and a reply before it; authors come in the order of hashes until there are as many."""

Mask = NDArray[np.bool_]

_CUT = f"""
SELECT least({MOST_AUTHORS},
             greatest({LARGEST_SMALL}, CAST(floor({MOST_SHARE} * count(DISTINCT agent_code)) AS BIGINT)))
FROM {MESSAGES}
"""
_NAME = r"\p{L}+"
_RARE = f"""
WITH name AS (
    SELECT DISTINCT unnest(regexp_extract_all(lower(coalesce(name, '') || ' ' || agent_id), '{_NAME}')) AS word
    FROM agent
),
used AS (
    SELECT w.word, m.agent_code FROM {WORDS} AS w JOIN {MESSAGES} AS m ON m.text_id = w.text_id
    WHERE length(w.word) >= {SHORTEST} GROUP BY w.word, m.agent_code
)
SELECT word, CAST(row_number() OVER (ORDER BY word) - 1 AS INTEGER) AS term
FROM (SELECT word FROM used GROUP BY word HAVING count(*) BETWEEN {LEAST_AUTHORS} AND $cut) AS few
WHERE word NOT IN (SELECT word FROM name)
"""
# The first use of each author, and the k-th last message of the author before it.
_USES = f"""
WITH first AS (
    SELECT r.term, m.agent_code, min(m.rank) AS rank FROM transfer_rare AS r
    JOIN {WORDS} AS w ON w.word = r.word JOIN {MESSAGES} AS m ON m.text_id = w.text_id
    GROUP BY r.term, m.agent_code
)
SELECT f.term, f.agent_code, m.moment, coalesce(b.moment, {{nothing}}) AS before_at
FROM first AS f
JOIN {MESSAGES} AS m ON m.agent_code = f.agent_code AND m.rank = f.rank
LEFT JOIN {MESSAGES} AS b ON b.agent_code = f.agent_code AND b.rank = f.rank - {NEXT_MESSAGES}
ORDER BY f.term, f.agent_code
"""
_REPLIES = f"""
SELECT p.agent_code AS target, c.agent_code AS replier, c.moment, c.community, c.cell, c.text_id
FROM {MESSAGES} AS c
JOIN {MESSAGES} AS p ON p.message_id = c.parent_id AND p.run_id = c.run_id
WHERE p.agent_code <> c.agent_code AND p.moment <= c.moment
ORDER BY target, c.moment, c.message_id
"""
_HELD = f"""
SELECT r.term, w.text_id FROM transfer_rare AS r JOIN {WORDS} AS w ON w.word = r.word
WHERE w.text_id IN (
    SELECT c.text_id FROM {MESSAGES} AS c JOIN {MESSAGES} AS p ON p.message_id = c.parent_id AND p.run_id = c.run_id
)
ORDER BY r.term, w.text_id
"""
_HASHES = f"""
SELECT agent_code FROM (SELECT DISTINCT agent_code, agent FROM {MESSAGES}) AS a ORDER BY sha256($salt || agent), agent
"""
_NEVER, _LATE = -(2**62), 2**62
_HOLDERS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Replies:
    """Replies by who was answered, then by time, shape (replies,) each.

    Attributes
    ----------
    target, replier
        Codes of who was answered and of who answered.
    at, community, cell, text
        When, in which community, in which community on which day (or at which step), and what.
    """

    target: IntArray
    replier: IntArray
    at: IntArray
    community: IntArray
    cell: IntArray
    text: IntArray

    @cached_property
    def by_cell(self) -> tuple[IntArray, IntArray, IntArray]:
        """The replies cell after cell, and where the cell of each place begins and ends among them."""
        plain = np.argsort(self.cell, kind="stable")
        cells = self.cell[plain]
        low, high = (np.searchsorted(cells, self.cell, side=side) for side in ("left", "right"))
        return plain, low, high

    @cached_property
    def author_in_community(self) -> IntArray:
        """Code of who was answered in which community."""
        width = int(self.community.max(initial=0)) + 1
        return np.asarray(np.unique(self.target * width + self.community, return_inverse=True)[1], dtype=np.int64)

    @cached_property
    def by_author(self) -> tuple[IntArray, IntArray]:
        """The replies by who was answered in which community, and the code of that of each."""
        plain = np.argsort(self.author_in_community, kind="stable")
        return plain, self.author_in_community[plain]


class Holders:
    """Which owners hold which terms since when: a lookup of many pairs at once.

    Parameters
    ----------
    term, owner, since
        Pairs, in any order, and the time from which each holds.
    """

    _BITS = 23

    def __init__(self, term: IntArray, owner: IntArray, since: IntArray) -> None:
        self._width = int(owner.max(initial=0)) + 1
        key = term * self._width + owner
        order = np.argsort(key, kind="stable")
        self._keys, self._since = key[order], since[order]
        # Most pairs that are asked for are not held; a table of bits says so without a search.
        self._maybe = np.zeros(1 << self._BITS, dtype=np.bool_)
        self._maybe[self._slot(self._keys)] = True

    def _slot(self, key: IntArray) -> IntArray:
        mixed = key.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return (mixed >> np.uint64(64 - self._BITS)).astype(np.int64)

    def held(self, term: IntArray, owner: IntArray, at: IntArray, but: IntArray) -> Mask:
        """Return whether each owner held the term before that time, since another time than `but`, shape (pairs,)."""
        known = owner < self._width
        key = np.where(known, term * self._width + owner, 0)
        found = known & self._maybe[self._slot(key)]
        place = np.flatnonzero(found)
        at_key = np.searchsorted(self._keys, key[place])
        inside = at_key < len(self._keys)
        match = np.zeros(len(place), dtype=np.bool_)
        since = self._since[at_key[inside]]
        match[inside] = (self._keys[at_key[inside]] == key[place[inside]]) & (since < at[place[inside]])
        match[inside] &= since != but[place[inside]]
        found[place] = match
        return found

    def earliest(self, term: IntArray, group: IntArray, members: tuple[IntArray, IntArray]) -> IntArray:
        """Return since when any member of a group holds the term, `_LATE` where none does, shape (pairs,).

        Parameters
        ----------
        term, group
            Pairs.
        members
            Codes of groups, and an owner that belongs to each, shape (members,).
        """
        width = max(self._width, int(members[1].max(initial=0)) + 1)
        belong = np.unique(members[0] * width + members[1])
        asked, which = np.unique(term * (int(group.max(initial=0)) + 1) + group, return_inverse=True)
        terms, groups = np.divmod(asked, int(group.max(initial=0)) + 1)
        low, high = (np.searchsorted(self._keys, (terms + more) * self._width) for more in (0, 1))
        ends = np.cumsum(high - low)
        found = np.full(len(asked), _LATE, dtype=np.int64)
        for start in range(0, int(ends[-1]) if len(ends) else 0, _HOLDERS_AT_ONCE):
            at = np.arange(start, min(start + _HOLDERS_AT_ONCE, int(ends[-1])))
            pair = np.searchsorted(ends, at, side="right")
            place = at - (ends - high)[pair]
            key = groups[pair] * width + self._keys[place] % self._width
            there = belong[np.minimum(np.searchsorted(belong, key), len(belong) - 1)] == key
            np.minimum.at(found, pair[there], self._since[place[there]])
        return np.asarray(found[which], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Pairs:
    """First uses of terms that others had used before, each with the replies that its author got just before.

    Attributes
    ----------
    use, reply
        Number of the use from 0 and place of the reply, shape (pairs,); ordered by use.
    term
        Term of the use of each pair, shape (pairs,).
    author
        Author of each use, shape (uses,).
    is_sampled
        True when authors were left out to bound memory.
    """

    use: IntArray
    reply: IntArray
    term: IntArray
    author: IntArray
    is_sampled: bool


class Terms:
    """Rare terms of one corpus; the tables of `order` must have been made.

    Parameters
    ----------
    con
        Connection with view ``agent`` and the tables.
    seed
        Seed of the choice of authors.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, seed: int) -> None:
        self._con, self.seed = con, seed
        self.cut = int(con.sql(_CUT).fetchall()[0][0])
        con.execute(f"CREATE OR REPLACE TEMP TABLE transfer_rare AS {_RARE}", {"cut": self.cut})
        uses = con.sql(_USES.format(nothing=_NEVER)).pl()
        self.term, self.author, self.at, self.before_at = (
            uses[name].to_numpy().astype(np.int64) for name in ("term", "agent_code", "moment", "before_at")
        )
        found = con.sql(_REPLIES).pl()
        columns = ("target", "replier", "moment", "community", "cell", "text_id")
        self.replies = Replies(*(found[name].to_numpy().astype(np.int64) for name in columns))

    @cached_property
    def users(self) -> Holders:
        """Who had used which term since when."""
        return Holders(self.term, self.author, self.at)

    @cached_property
    def texts(self) -> Holders:
        """Which replies hold which term, by text."""
        found = self._con.sql(_HELD).pl()
        term, text = (found[name].to_numpy().astype(np.int64) for name in ("term", "text_id"))
        return Holders(term, text, np.full(len(term), _NEVER))

    @cached_property
    def is_second_hand(self) -> Mask:
        """Whether another had used the term before, shape (uses,)."""
        begins = np.concatenate([[True], self.term[1:] != self.term[:-1]])[: len(self.term)]
        if not begins.size:
            return np.zeros(0, dtype=np.bool_)
        earliest = np.minimum.reduceat(self.at, np.flatnonzero(begins))[np.cumsum(begins) - 1]
        return np.asarray(self.at > earliest)

    def pairs(self, *, by_hours: bool) -> Pairs:
        """Return the first uses with at least one reply to their author in the window before them.

        Parameters
        ----------
        by_hours
            True for the last `HOURS` hours, False for what was answered since the author's fifth last message.
        """
        low_at = self.at - HOURS * MICROSECONDS_PER_HOUR if by_hours else self.before_at
        order = np.flatnonzero(self.is_second_hand)
        low, high = (_places(self.replies, self.author[order], at[order]) for at in (low_at, self.at))
        low = np.maximum(low, high - LATEST)
        n = high - low
        kept, is_sampled = self._chosen(self.author[order], n)
        order, low, n = order[kept], low[kept], n[kept]
        use = np.repeat(np.arange(len(order)), n)
        reply = np.arange(len(use)) - np.repeat(np.cumsum(n) - n, n) + np.repeat(low, n)
        return Pairs(use, reply, np.repeat(self.term[order], n), self.author[order], is_sampled)

    def _chosen(self, author: IntArray, n: IntArray) -> tuple[IntArray, bool]:
        """Return the places of the uses with replies, of the authors that stay below `MOST_PAIRS` in all."""
        ranked = self._con.sql(_HASHES, params={"salt": f"{self.seed}:transfer:"}).pl()["agent_code"].to_numpy()
        total = np.bincount(author, weights=n, minlength=len(ranked))
        fits = np.zeros(len(ranked), dtype=np.bool_)
        fits[ranked] = np.cumsum(total[ranked]) <= MOST_PAIRS
        return np.flatnonzero((n > 0) & fits[author]), bool(not fits[total > 0].all())


def _places(replies: Replies, author: IntArray, at: IntArray) -> IntArray:
    """Return how many replies are to smaller authors, or to the same before `at`."""
    if not len(replies.at):
        return np.zeros(len(author), dtype=np.int64)
    times = np.unique(replies.at)  # ranks of times keep the key small
    width = len(times) + 1
    key = replies.target * width + np.searchsorted(times, replies.at)
    return np.asarray(np.searchsorted(key, author * width + np.searchsorted(times, at)), dtype=np.int64)


def dealt(replies: Replies, rng: np.random.Generator) -> IntArray:
    """Deal the replies (who and what) out anew among the places of their cell; nobody answers itself.

    Returns
    -------
    ndarray
        For each place the reply that comes there, shape (replies,). A reply that would come to its own author changes
        place with another of the cell; where 20 rounds do not do, the cell stays as it was.
    """
    plain, low, high = replies.by_cell
    came = np.empty(len(plain), dtype=np.int64)
    came[plain] = plain[np.argsort(replies.cell[plain] + rng.random(len(plain)))]
    wrong = np.flatnonzero(replies.replier[came] == replies.target)
    is_wrong = np.zeros(len(plain), dtype=np.bool_)
    for _ in range(20):
        if not wrong.size:
            return came
        other = plain[low[wrong] + (rng.random(len(wrong)) * (high[wrong] - low[wrong])).astype(np.int64)]
        _swap(came, wrong, other, is_wrong, replies)
        wrong = wrong[replies.replier[came[wrong]] == replies.target[wrong]]
    is_wrong[wrong] = True
    bad = np.flatnonzero(np.bincount(replies.cell, weights=is_wrong)[replies.cell])
    came[bad] = bad
    return came


def _swap(came: IntArray, wrong: IntArray, other: IntArray, is_wrong: Mask, replies: Replies) -> None:
    """Change each wrong place with the other where both are right afterwards, one place at a time."""
    # A place that two would change with changes with the first of them.
    other, first = np.unique(other, return_index=True)
    wrong = wrong[first]
    is_wrong[wrong] = True
    apart = ~is_wrong[other]
    is_wrong[wrong] = False
    wrong, other = wrong[apart], other[apart]
    good = (replies.replier[came[other]] != replies.target[wrong]) & (
        replies.replier[came[wrong]] != replies.target[other]
    )
    wrong, other = wrong[good], other[good]
    came[wrong], came[other] = came[other], came[wrong]


def dealt_times(replies: Replies, rng: np.random.Generator) -> IntArray:
    """Deal the replies that an author got in a community out anew among their times there, shape (replies,)."""
    plain, group = replies.by_author
    came = np.empty(len(plain), dtype=np.int64)
    came[plain] = plain[np.argsort(group + rng.random(len(plain)))]
    return came


def reachable(pairs: Pairs, terms: Terms, group: IntArray, *, in_reply: bool) -> Pairs:
    """Keep the pairs that can be hits where replies are dealt out anew within groups, of all uses.

    A reply comes to a place only from its group, shape (replies,). Where nobody who answers in the group ever used the
    term before the reply, no dealing makes a hit, and most pairs are such.
    """
    replies = terms.replies
    owner, holders = (replies.text, terms.texts) if in_reply else (replies.replier, terms.users)
    kept = holders.earliest(pairs.term, group[pairs.reply], (group, owner)) < replies.at[pairs.reply]
    return replace(pairs, use=pairs.use[kept], reply=pairs.reply[kept], term=pairs.term[kept])


def hits(pairs: Pairs, replies: Replies, came: IntArray, terms: Terms, *, in_reply: bool) -> FloatArray:
    """Return for each use whether a reply before it is by somebody who had used the term, or itself holds it.

    Parameters
    ----------
    pairs
        Uses and places of replies.
    replies, came
        The replies, and which of them comes to each place.
    terms
        The lookups.
    in_reply
        True asks the reply, False who answered. Of who answered, a first use in the reply itself does not count: it
        never comes before its own place, and would before a later one where it is dealt to.
    """
    came = came[pairs.reply]
    owner = (replies.text if in_reply else replies.replier)[came]
    held = (terms.texts if in_reply else terms.users).held(pairs.term, owner, replies.at[pairs.reply], replies.at[came])
    return (np.bincount(pairs.use, weights=held, minlength=len(pairs.author)) > 0).astype(np.float64)
