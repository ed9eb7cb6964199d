"""Which literals stand at given byte positions: a trie walked at all positions at once.

What belongs here: only that. The Aho-Corasick pass of polars says where literals start; this says which
ones, without a second pass over the text and without making a string per match.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.lexicon.boundary import Bytes, Positions

Ints = npt.NDArray[np.int64]

_DEAD, _ROOT = 0, 1
_NO_LITERAL = -1


class Trie:
    """A byte trie over distinct, non-empty literals.

    Parameters
    ----------
    literals
        UTF-8 encoded literals; results refer to their places in this sequence.
    """

    def __init__(self, literals: Sequence[bytes]) -> None:
        used = sorted({byte for literal in literals for byte in literal})
        self._column = np.zeros(256, dtype=np.int64)  # column 0: a byte that no literal holds
        self._column[used] = np.arange(1, len(used) + 1)
        rows: list[array[int]] = [array("i", [_DEAD]) * (len(used) + 1) for _ in (_DEAD, _ROOT)]
        ends: dict[int, int] = {}
        for number, literal in enumerate(literals):
            node = _ROOT
            for byte in literal:
                column = int(self._column[byte])
                if rows[node][column] == _DEAD:
                    rows[node][column] = len(rows)
                    rows.append(array("i", [_DEAD]) * (len(used) + 1))
                node = rows[node][column]
            ends[node] = number
        self._next = np.array(rows, dtype=np.int32)
        self._literal = np.array([ends.get(node, _NO_LITERAL) for node in range(len(rows))], dtype=np.int64)
        self._depth = max(map(len, literals), default=0)

    def match(self, buffer: Bytes, start: Positions, text_end: Positions) -> tuple[Ints, Ints]:
        """Find every literal that starts at each position and ends within its text.

        Parameters
        ----------
        buffer
            UTF-8 bytes of all texts.
        start, text_end
            Positions of length n, and where the text of each ends.

        Returns
        -------
        tuple of arrays
            Index into `start` and literal, one pair per match, sorted by both.
        """
        walking = np.flatnonzero(start < text_end)
        node = np.full(len(walking), _ROOT)
        found: list[tuple[Ints, Ints]] = []
        for depth in range(self._depth):
            node = self._next[node, self._column[buffer[start[walking] + depth]]]
            ended = self._literal[node]
            here = np.flatnonzero(ended != _NO_LITERAL)
            found.append((walking[here], ended[here]))
            goes_on = (node != _DEAD) & (start[walking] + depth + 1 < text_end[walking])
            walking, node = walking[goes_on], node[goes_on]
            if not len(walking):
                break
        none: Ints = np.zeros(0, dtype=np.int64)
        index = np.concatenate([none, *(index for index, _ in found)])
        literal = np.concatenate([none, *(literal for _, literal in found)])
        order = np.lexsort((literal, index))
        return index[order], literal[order]
