"""Which of the words that lexicons begin with stand at given places: a hash table looked up for all words at once.

What belongs here: only that. A word is read as the number that its bytes are; longer ones by their first bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.lexicon.boundary import Bytes, Positions

HEAD = 16
"""So many bytes of a word are read: words that begin with the same ones are one word here."""

PADDING = 16
"""Zeros that a buffer needs at its end."""

_HALF = 8
_FACTOR = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd: spreads neighbours
_LOAD = 16  # slots per word at least: few words meet in a slot
_MOST_TRIES = 64

Numbers = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.int32]
_MASKS: Numbers = np.array([(1 << (8 * size)) - 1 for size in range(_HALF + 1)], dtype=np.uint64)


class WordTable:
    """A table of words.

    Parameters
    ----------
    words
        UTF-8 encoded words without zero bytes; of each the first `HEAD` bytes are kept.
    """

    def __init__(self, words: Sequence[bytes]) -> None:
        heads = sorted({word[:HEAD] for word in words})
        self._code = {head: number for number, head in enumerate(heads, 1)}
        short = [head for head in heads if len(head) <= _HALF]
        long = [head for head in heads if len(head) > _HALF]
        self._short, self._long = _Slots(self._numbers(short)), _Slots(self._numbers(long))

    @property
    def n_codes(self) -> int:
        """One more than the highest code."""
        return len(self._code) + 1

    def code(self, word: bytes) -> int:
        """Return the code of a word of the table."""
        return self._code[word[:HEAD]]

    def _numbers(self, heads: Sequence[bytes]) -> tuple[Numbers, Numbers, Codes]:
        low = np.array([int.from_bytes(head[:_HALF], "little") for head in heads], dtype=np.uint64)
        high = np.array([int.from_bytes(head[_HALF:], "little") for head in heads], dtype=np.uint64)
        return low, high, np.array([self._code[head] for head in heads], dtype=np.int32)

    def find(self, buffer: Bytes, start: Positions, end: Positions) -> Codes:
        """Return the code of each word, 0 for one that is not in the table.

        Parameters
        ----------
        buffer
            Bytes, with `PADDING` zeros at the end.
        start, end
            Where the n words start and end.
        """
        window = np.ndarray(shape=(len(buffer) - _HALF + 1,), dtype="<u8", buffer=buffer, strides=(1,))
        size = np.minimum(end - start, HEAD)
        low = window[start]
        low &= _MASKS[np.minimum(size, _HALF)]
        code = self._short.find(low, None)
        long = np.flatnonzero(size > _HALF)
        high = window[start[long] + _HALF] & _MASKS[size[long] - _HALF]
        code[long] = self._long.find(low[long], high)
        return code


class _Slots:
    """Words of one or two numbers by their hash; those that meet in a slot are in the next level."""

    def __init__(self, numbers: tuple[Numbers, Numbers, Codes], level: int = 0) -> None:
        low, high, code = numbers
        bits = max(8, int(len(code) * _LOAD).bit_length())
        self._factor, self._shift = np.uint64(_FACTOR + (level << 32)), np.uint64(64 - bits)
        slot = self._hash(low, high)
        _, first = np.unique(slot, return_index=True)
        self._at = np.zeros(1 << bits, dtype=np.int32)
        self._at[slot[first]] = np.arange(1, len(first) + 1)
        zero = np.zeros(1, dtype=np.uint64)
        self._low, self._high = np.append(zero, low[first]), np.append(zero, high[first])
        self._code = np.append(np.zeros(1, dtype=np.int32), code[first])
        rest = np.setdiff1d(np.arange(len(code)), first)
        if level > _MOST_TRIES:
            raise RuntimeError("words of the lexicons cannot be told apart by their bytes")
        self._next = _Slots((low[rest], high[rest], code[rest]), level + 1) if len(rest) else None

    def _hash(self, low: Numbers, high: Numbers | None) -> Numbers:
        mixed = low if high is None else low ^ (high * np.uint64(_FACTOR | 2))
        return np.asarray((mixed * self._factor) >> self._shift, dtype=np.uint64)

    def find(self, low: Numbers, high: Numbers | None) -> Codes:
        at = self._at[self._hash(low, high)]
        code = np.zeros(len(at), dtype=np.int32)
        filled = np.flatnonzero(at)
        at = at[filled]
        is_same = low[filled] == self._low[at]
        if high is not None:
            is_same &= high[filled] == self._high[at]
        code[filled[is_same]] = self._code[at[is_same]]
        if self._next is not None:
            others = filled[~is_same]
            code[others] = self._next.find(low[others], None if high is None else high[others])
        return code
