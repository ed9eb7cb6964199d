"""Matches of entries in a slice of texts, and which of those that overlap count.

What belongs here: arrays of matches, the two policies of overlap, and counts by entry. How matches are found is in
`automaton.py`; what words before them change is in `modifiers.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.lexicon.boundary import Positions
from pipeline.lexicon.plan import Flags, Ints, Plan

NO_LITERAL = -1


@dataclass(frozen=True, slots=True)
class Matches:
    """Matches of a slice, one per text, position and entry (arrays of one length n).

    `literal` and `entry` index the plan, a match of an expression has `NO_LITERAL`; `start` and `end` are positions in
    the UTF-8 buffer of the slice, the end of an open entry that of its literal; `rank` orders the literals of an entry.
    """

    row: Ints
    literal: Ints
    start: Positions
    end: Positions
    entry: Ints
    rank: Ints

    def __getitem__(self, chosen: Flags | Ints) -> Matches:
        """Return the chosen matches, in order."""
        return Matches(
            self.row[chosen],
            self.literal[chosen],
            self.start[chosen],
            self.end[chosen],
            self.entry[chosen],
            self.rank[chosen],
        )


def joined(one: Matches, other: Matches) -> Matches:
    """Return the matches of both."""
    names = ("row", "literal", "start", "end", "entry", "rank")
    return Matches(*(np.concatenate([getattr(one, name), getattr(other, name)]) for name in names))


def without_shorter(matches: Matches, plan: Plan, n_bytes: int) -> Matches:
    """Apply the policy ``longest``: in cards that ask for it, matches inside or across a longer one are left out.

    Whole words overlap no other word, so only what touches a match of another kind is sorted. `n_bytes` is the size
    of the buffer.
    """
    card = plan.entry_card[matches.entry]
    is_longest = plan.card_is_longest[card]
    is_word = plan.entry_is_word[matches.entry]
    other = np.flatnonzero(is_longest & ~is_word)
    if not len(other):
        return matches
    is_touched = np.zeros(n_bytes, dtype=np.bool_)
    is_touched[_within(matches.start[other], matches.end[other])] = True
    word = np.flatnonzero(is_longest & is_word)
    at = np.concatenate([other, word[is_touched[matches.start[word]]]])
    at = at[np.lexsort((-matches.end[at], matches.start[at], card[at]))]
    card, start, end = card[at], matches.start[at], matches.end[at]
    is_new = np.ones(len(at), dtype=np.bool_)
    is_new[1:] = (card[1:] != card[:-1]) | (start[1:] != start[:-1]) | (end[1:] != end[:-1])
    taken = take_leftmost(card[is_new], start[is_new], end[is_new])
    kept = np.ones(len(matches.row), dtype=np.bool_)
    kept[at] = taken[np.cumsum(is_new) - 1]
    return matches[kept]


def _within(start: Positions, end: Positions) -> Positions:
    """Return every position of some stretches."""
    size = end - start
    positions: Positions = np.arange(int(size.sum())) + np.repeat(start - (np.cumsum(size) - size), size)
    return positions


def counted_once(matches: Matches, plan: Plan) -> Ints:
    """Return the matches that add one to a count.

    An entry of a card that counts presence counts once per text; another as often as `re.findall` would find it.
    """
    occurs = plan.entry_occurs[matches.entry]
    is_word = plan.entry_is_word[matches.entry]
    at = np.flatnonzero(occurs & ~is_word)
    at = at[np.lexsort((matches.rank[at], matches.start[at], matches.entry[at]))]
    at = at[take_leftmost(matches.entry[at], matches.start[at], matches.end[at])]
    present = np.flatnonzero(~occurs)
    _, first = np.unique(matches.row[present] * len(plan.entry_pattern) + matches.entry[present], return_index=True)
    return np.concatenate([np.flatnonzero(occurs & is_word), at, present[first]])


def count_entries(matches: Matches, plan: Plan) -> tuple[Ints, Ints, Ints]:
    """Return row, entry and count, sorted by row and entry."""
    n_entries, once = len(plan.entry_pattern), counted_once(matches, plan)
    keys, count = np.unique(matches.row[once] * n_entries + matches.entry[once], return_counts=True)
    return keys // n_entries, keys % n_entries, count


def distinct(values: Ints) -> Ints:
    """Return the sorted distinct values; sorting beats the hash table of `np.unique` here."""
    ordered = np.sort(values)
    is_first = np.ones(len(ordered), dtype=np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]


def take_leftmost(group: Ints, start: Positions, end: Positions) -> Flags:
    """Choose matches that do not overlap, from the left, from matches sorted by group, start and preference.

    Only where matches overlap are they walked one by one, each once.
    """
    taken = np.ones(len(group), dtype=np.bool_)
    if len(group) < 2:
        return taken
    shift = group * (int(end.max()) + 1)
    reach = np.maximum.accumulate(end + shift)
    taken[1:] = (start + shift)[1:] >= reach[:-1]  # first of a cluster of overlaps
    cluster = np.cumsum(taken) - 1
    walked = np.flatnonzero(np.bincount(cluster)[cluster] > 1)
    free_from, chosen = 0, []
    for first, begin, stop in zip(taken[walked].tolist(), start[walked].tolist(), end[walked].tolist(), strict=True):
        is_taken = first or begin >= free_from
        free_from = stop if is_taken else free_from
        chosen.append(is_taken)
    taken[walked] = chosen
    return taken
