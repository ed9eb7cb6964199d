"""Matches of entries in a slice of texts, and which of those that overlap count.

What belongs here: arrays of matches, the two policies of overlap, and counts by entry. How matches are found is in
`automaton.py`; what words before them change is in `modifiers.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.lexicon.boundary import Positions
from pipeline.lexicon.plan import Flags, Floats, Ints, Plan

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


def without_shorter(matches: Matches, plan: Plan) -> Matches:
    """Apply the policy ``longest``: in cards that ask for it, matches inside or across a longer one are left out."""
    card = plan.entry_card[matches.entry]
    at = np.flatnonzero(plan.card_is_longest[card])
    if not len(at):
        return matches
    at = at[np.lexsort((-matches.end[at], matches.start[at], card[at]))]
    card, start, end = card[at], matches.start[at], matches.end[at]
    is_new = np.ones(len(at), dtype=np.bool_)
    is_new[1:] = (card[1:] != card[:-1]) | (start[1:] != start[:-1]) | (end[1:] != end[:-1])
    taken = take_leftmost(card[is_new], start[is_new], end[is_new])
    kept = np.ones(len(matches.row), dtype=np.bool_)
    kept[at] = taken[np.cumsum(is_new) - 1]
    return matches[kept]


def count_entries(matches: Matches, weight: Floats, plan: Plan) -> tuple[Ints, Ints, Ints, Floats]:
    """Return row, entry, count and sum of weights, sorted by row and entry.

    An entry of a card that counts presence counts once per text; another as often as `re.findall` would find it.
    """
    n_entries = len(plan.entry_pattern)
    key = matches.row * n_entries + matches.entry
    occurs = plan.entry_occurs[matches.entry]
    at = np.flatnonzero(occurs)
    at = at[np.lexsort((matches.rank[at], matches.start[at], matches.entry[at]))]
    at = at[take_leftmost(matches.entry[at], matches.start[at], matches.end[at])]
    present = distinct(key[~occurs])
    listed = np.concatenate([present, key[at]])
    weights = np.concatenate([plan.entry_weight[present % n_entries], weight[at]])
    order = np.argsort(listed, kind="stable")
    listed, weights = listed[order], weights[order]
    keys = distinct(listed)
    first = np.searchsorted(listed, keys)
    count: Ints = np.diff(np.append(first, len(listed))).astype(np.int64)
    owner = np.repeat(np.arange(len(keys)), count)
    sums: Floats = np.bincount(owner, weights=weights, minlength=len(keys)).astype(np.float64)
    return keys // n_entries, keys % n_entries, count, sums


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
