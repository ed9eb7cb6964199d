"""A slice of lower-cased texts as bytes: where words, tokens and signs stand in it.

What belongs here: the layout of the bytes, and what is read off them once for all cards. Word characters are those of
`boundary.py`; which words matter is in `words.py`.

The texts stand one after the other, with a line break before the first, between any two, and after the last: no word
goes over it, and what stands beside a position is never in another text.
"""

from __future__ import annotations

import functools

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.lexicon.boundary import APOSTROPHES, WORD_BYTES, Bytes, Flags, Positions, flag_wide, utf8_buffer
from pipeline.lexicon.words import PADDING, Codes, WordTable

SEPARATOR = "\n"
WHITE = " \t\n\x0b\x0c\r"
_BLANK = ord(" ")
_BLANKED = bytes(_BLANK if chr(code) in WHITE else code for code in range(256))


class Texts:
    """A slice of texts.

    Parameters
    ----------
    buffer
        UTF-8 bytes of n texts, with the separators and `PADDING` zeros at the end.
    flags
        Whether each byte belongs to a word character.
    separators
        The n + 1 positions of the separators.
    source
        The texts whose words these are too, in the same order, if there are such.
    """

    def __init__(self, buffer: Bytes, flags: Flags, separators: Positions, source: Texts | None = None) -> None:
        self.buffer, self.flags = buffer, flags
        self.first, self.last = separators[:-1] + 1, separators[1:]
        self._separators, self._source = separators, source
        self._known: tuple[Positions, Codes] | None = None

    @classmethod
    def of(cls, lowered: pl.Series) -> Texts:
        """Lay out lower-cased texts."""
        parted = lowered.to_frame("text").select(pl.lit(SEPARATOR) + pl.col("text")).to_series()
        data, offsets = utf8_buffer(parted)
        end = int(offsets[-1])
        buffer = np.zeros(end + 1 + PADDING, dtype=np.uint8)
        buffer[:end] = data[:end]
        buffer[end] = ord(SEPARATOR)
        flags = np.frombuffer(bytearray(buffer.tobytes().translate(WORD_BYTES)), dtype=np.bool_)
        flag_wide(buffer, flags)
        return cls(buffer, flags, offsets.astype(np.int64))

    def spaced(self, lowered: pl.Series) -> Texts:
        """Return the texts with one blank for each run of ASCII white space, and none at the ends.

        Parameters
        ----------
        lowered
            The texts as `of` got them; they hold no other white space.
        """
        blanked = np.frombuffer(self.buffer.tobytes().translate(_BLANKED), dtype=np.uint8)
        is_blank = blanked == _BLANK
        keep = np.ones(len(is_blank), dtype=np.bool_)
        np.logical_and(is_blank[1:], is_blank[:-1], out=keep[1:])
        np.logical_not(keep[1:], out=keep[1:])
        # A run at the end of a text goes on over the separator: that is what stays of it.
        keep[self.first + lowered.str.strip_chars_end(WHITE).str.len_bytes().cast(pl.Int64).to_numpy()] = False
        keep[self._separators] = True
        separators = self._separators - np.searchsorted(np.flatnonzero(~keep), self._separators)
        return Texts(blanked[keep], self.flags[keep], separators, self)

    def series(self) -> pl.Series:
        """Return the texts as a column."""
        buffers = [None, pa.py_buffer(self._separators), pa.py_buffer(self.buffer)]
        parted = pl.Series(pa.Array.from_buffers(pa.large_utf8(), len(self.first), buffers))
        return parted.str.slice(1)

    @functools.cached_property
    def words(self) -> tuple[Positions, Positions]:
        """Where words start and end, in order; a word is a run of word characters."""
        edges = np.flatnonzero(self.flags[1:] != self.flags[:-1]) + 1
        return edges[::2], edges[1::2]

    def known(self, table: WordTable) -> tuple[Positions, Codes]:
        """Return which words a table holds, by their number among the words, and their codes; always the same table."""
        if self._source is not None:
            return self._source.known(table)
        if self._known is None:
            code = table.find(self.buffer, *self.words)
            at = np.flatnonzero(code)
            self._known = at, code[at]
        return self._known

    @functools.cached_property
    def tokens(self) -> Positions:
        """The positions at which the tokens of the texts start: words, but those that an apostrophe joins on."""
        start, end = self.words
        is_joined = np.zeros(len(start), dtype=np.bool_)
        behind = self.buffer[end[:-1]]
        for sign in APOSTROPHES:
            at = np.flatnonzero(behind == sign[0])
            at = at[start[at + 1] - end[at] == len(sign)]
            for step, byte in enumerate(sign):
                at = at[self.buffer[end[at] + step] == byte]
            is_joined[at + 1] = True
        return start[~is_joined]

    def row(self, position: Positions) -> Positions:
        """Return the text that each position lies in; a separator lies in the text before it, the first in -1."""
        return np.searchsorted(self.first, position, side="right") - 1

    def is_inside(self, row: Positions, start: Positions, end: Positions) -> Flags:
        """Tell of each stretch whether it lies in its text."""
        return np.asarray((start >= self.first[row]) & (end <= self.last[row]), dtype=np.bool_)

    def tokens_between(self, start: Positions, end: Positions) -> tuple[Positions, Positions]:
        """Return index of the stretch and position of each token in it; one that began before counts at its start."""
        if not len(start):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        low, high = np.searchsorted(self.tokens, start), np.searchsorted(self.tokens, end)
        owner = np.repeat(np.arange(len(start)), high - low)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
        is_start = np.append(self.tokens, -1)[low] == start
        cut = np.flatnonzero(self.flags[start] & (start < end) & ~is_start)
        return np.concatenate([owner, cut]), np.concatenate([self.tokens[low[owner] + within], start[cut]])
