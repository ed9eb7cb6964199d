"""What stands beside occurrences of literals, and whether entries allow it.

What belongs here: the three kinds of boundary of an entry, decided on the bytes around all occurrences at once.
"""

from __future__ import annotations

import numpy as np

from pipeline.lexicon.boundary import APOSTROPHES, Flags, Positions
from pipeline.lexicon.plan import EDGES, Ints, Plan
from pipeline.lexicon.texts import Texts


class Edges:
    """What stands beside occurrences.

    Parameters
    ----------
    plan
        The plan of the literals.
    texts, start, end, literal
        Where the n occurrences stand in the texts, and of which literal.
    """

    def __init__(self, plan: Plan, texts: Texts, start: Positions, end: Positions, literal: Ints) -> None:
        before, after = texts.flags[start - 1], texts.flags[end]
        starts, ends = plan.starts_with_word[literal], plan.ends_with_word[literal]
        self._word_start, self._word_end, self._word_open = before != starts, after != ends, ends | after
        self._token_start, self._token_end = ~before, ~after
        if (plan.entry_edge == EDGES["token"]).any():
            self._token_start &= ~_joins_before(texts, start)
            self._token_end &= ~_joins_after(texts, end)

    def fit(self, hit: Ints, edge: Ints, is_open: Flags) -> Flags:
        """Tell of each pair of an occurrence and an entry whether the boundary of the entry is kept."""
        word = self._word_start[hit] & np.where(is_open, self._word_open[hit], self._word_end[hit])
        token = self._token_start[hit] & (is_open | self._token_end[hit])
        return np.where(edge == EDGES["token"], token, word | (edge == EDGES["none"]))


def _joins_before(texts: Texts, start: Positions) -> Flags:
    """Tell whether an apostrophe ends at each position, and a word ends before that."""
    found = np.zeros(len(start), dtype=np.bool_)
    byte = texts.buffer[start - 1]
    for sign in APOSTROPHES:
        at = np.flatnonzero(byte == sign[-1])
        begin = start[at] - len(sign)
        at, begin = at[begin > 0], begin[begin > 0]
        for step, expected in enumerate(sign):
            kept = texts.buffer[begin + step] == expected
            at, begin = at[kept], begin[kept]
        found[at] = texts.flags[begin - 1]
    return found


def _joins_after(texts: Texts, end: Positions) -> Flags:
    """Tell whether an apostrophe starts at each position, and a word starts behind that."""
    found = np.zeros(len(end), dtype=np.bool_)
    byte = texts.buffer[end]
    for sign in APOSTROPHES:
        at = np.flatnonzero(byte == sign[0])
        for step, expected in enumerate(sign):
            at = at[texts.buffer[end[at] + step] == expected]
        found[at] = texts.flags[end[at] + len(sign)]
    return found
