"""Finds the brackets of JSON text that stand outside of strings, and their depth, chunk by chunk with numpy.

Only positions are kept: quotation marks and backslashes say by their parity what is a string, cumulative sums of
brackets say how deep a place is. Nothing here looks at a byte in Python.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
_QUOTE, _BACKSLASH, _COMMA = 34, 92, 44
# '[' and '{' are 0x5b and 0x7b, ']' and '}' 0x5d and 0x7d: without the bit that differs, one comparison finds two.
_FOLD, _OPEN, _CLOSE = 0xDF, 0x5B, 0x5D


@dataclass(frozen=True, slots=True)
class Brackets:
    """Brackets of a chunk: places, depth behind each, whether it opens; and what is needed to find commas."""

    places: Places
    after: Places
    opens: npt.NDArray[np.bool_]
    quotes: Places
    before: int
    starts_in_string: bool

    def closes(self, depth: int) -> Places:
        """Return the places behind the brackets that lead back to a depth: the ends of what stands there."""
        found: Places = self.places[(self.after == depth) & ~self.opens] + 1
        return found

    def openings(self, depth: int) -> Places:
        """Return the places of the brackets that lead from a depth into what stands there."""
        found: Places = self.places[(self.after == depth + 1) & self.opens]
        return found

    def commas(self, chunk: npt.NDArray[np.uint8], depth: int) -> Places:
        """Return the places of the commas at a depth."""
        found: Places = np.flatnonzero(chunk == _COMMA)
        found = found[(np.searchsorted(self.quotes, found) & 1) == int(self.starts_in_string)]
        depths = np.concatenate(([self.before], self.after))
        chosen: Places = found[depths[np.searchsorted(self.places, found)] == depth]
        return chosen


class Scanner:
    """Reads JSON text in chunks, cut anywhere, and remembers where it stands between them."""

    def __init__(self) -> None:
        self.depth = 0
        self.is_in_string = False
        self.is_escaped = False

    def feed(self, chunk: npt.NDArray[np.uint8]) -> Brackets:
        """Return the brackets of the next chunk; places count from its start."""
        quotes = self._quotes(chunk)
        folded = chunk & _FOLD
        places = np.flatnonzero((folded == _OPEN) | (folded == _CLOSE))
        starts_in_string, before = self.is_in_string, self.depth
        places = places[(np.searchsorted(quotes, places) & 1) == int(starts_in_string)]
        opens = folded[places] == _OPEN
        after = before + np.cumsum(np.where(opens, 1, -1))
        self.is_in_string ^= bool(len(quotes) & 1)
        if len(after):
            self.depth = int(after[-1])
        return Brackets(places, after, opens, quotes, before, starts_in_string)

    def _quotes(self, chunk: npt.NDArray[np.uint8]) -> Places:
        """Return the places of the quotation marks that begin or end a string."""
        mask = chunk == _QUOTE
        if self.is_escaped and len(chunk):
            mask[0] = False
        slashes = np.flatnonzero(chunk == _BACKSLASH)
        if not len(slashes):
            self.is_escaped = self.is_escaped and not len(chunk)
            return np.flatnonzero(mask)
        order = np.arange(len(slashes))
        begins = np.concatenate(([True], np.diff(slashes) != 1))
        rank = order - np.maximum.accumulate(np.where(begins, order, 0))
        if self.is_escaped and slashes[0] == 0:  # the first of its run is escaped by the end of the chunk before
            rank[: len(order) if begins[1:].sum() == 0 else int(np.flatnonzero(begins[1:])[0]) + 1] += 1
        escaped = slashes[rank % 2 == 0] + 1
        self.is_escaped = bool(len(escaped)) and int(escaped[-1]) == len(chunk)
        mask[escaped[: len(escaped) - 1] if self.is_escaped else escaped] = False
        return np.flatnonzero(mask)
