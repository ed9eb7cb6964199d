"""Which literals stand at given byte positions: a trie walked at all positions at once.

What belongs here: only that. Where literals may start is known before, from the starts of words or from the
Aho-Corasick
pass of polars; this says which ones do, without a second pass over the text and without making a string per match.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.lexicon.boundary import Bytes, Positions

Ints = npt.NDArray[np.int64]

DEAD, ROOT = 0, 1
NO_LITERAL = -1
_TABLE_BYTES = 3


class Walker:
    """An automaton on bytes.

    Parameters
    ----------
    column
        The column of `following` of each of the 256 bytes; column 0 leads nowhere.
    following
        For each node and column the next node; node 0 is the end of the way.
    ended
        What ends in each node, or `NO_LITERAL`.
    """

    root = ROOT

    def __init__(self, column: Bytes, following: npt.NDArray[np.int32], ended: Ints) -> None:
        self._column, self._following, self._ended = column, following, ended
        self._is_leaf = ~(following != DEAD).any(axis=1)

    def node(self, prefix: bytes) -> int:
        """Return the node that a prefix leads to; 0 when nothing begins with it."""
        node = self.root
        for byte in prefix:
            node = int(self._following[node, self._column[byte]])
        return node

    def leads(self, node: int) -> list[int]:
        """Return the bytes that lead on from a node."""
        return [int(byte) for byte in np.flatnonzero(self._following[node, self._column] != DEAD)]

    def ended(self, node: int) -> int:
        """Return what ends in a node."""
        return int(self._ended[node])

    def walk(self, buffer: Bytes, node: npt.NDArray[np.int32], position: Positions) -> tuple[Ints, Ints, Positions]:
        """Find everything that ends on the way from each node.

        Parameters
        ----------
        buffer
            UTF-8 bytes with zeros at the end.
        node, position
            Nodes of length n, none 0, and what is read next from each.

        Returns
        -------
        tuple of arrays
            Index into `node`, what ends there, and the position behind it, one per match.
        """
        walking = np.arange(len(node))
        found: list[tuple[Ints, Ints, Positions]] = []
        following = self._following.ravel()
        while len(walking):
            literal = self._ended[node]
            here = np.flatnonzero(literal != NO_LITERAL)
            found.append((walking[here], literal[here], position[here]))
            goes_on = np.flatnonzero(~self._is_leaf[node])
            walking, node, position = walking[goes_on], node[goes_on], position[goes_on]
            at = node.astype(np.int64) * self._following.shape[1] + self._column[buffer.take(position, mode="clip")]
            node, position = following[at], position + 1
            goes_on = np.flatnonzero(node != DEAD)
            walking, node, position = walking[goes_on], node[goes_on], position[goes_on]
        if not found:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        index, literals, ends = (np.concatenate([part[side] for part in found]) for side in (0, 1, 2))
        return index, literals, ends


class Trie(Walker):
    """A byte trie over distinct, non-empty literals.

    Parameters
    ----------
    literals
        UTF-8 encoded literals; results refer to their places in this sequence.
    """

    def __init__(self, literals: Sequence[bytes]) -> None:
        used = sorted({byte for literal in literals for byte in literal})
        column = np.zeros(256, dtype=np.uint8)  # column 0: a byte that no literal holds
        column[used] = np.arange(1, len(used) + 1)
        self._width = len(used) + 1
        rows: list[array[int]] = [array("i", [DEAD]) * (len(used) + 1) for _ in (DEAD, ROOT)]
        ends: dict[int, int] = {}
        for number, literal in enumerate(literals):
            node = ROOT
            for byte in literal:
                step = int(column[byte])
                if rows[node][step] == DEAD:
                    rows[node][step] = len(rows)
                    rows.append(array("i", [DEAD]) * (len(used) + 1))
                node = rows[node][step]
            ends[node] = number
        ended = np.array([ends.get(node, NO_LITERAL) for node in range(len(rows))], dtype=np.int64)
        super().__init__(column, np.array(rows, dtype=np.int32), ended)
        # What the first bytes lead to, in one table: most positions end there.
        self._table = np.array([ROOT], dtype=np.int32)
        self._early: dict[int, Ints] = {}
        for depth in range(1, _TABLE_BYTES + 1):
            self._table = self._following[self._table].ravel()
            ended = self._ended[self._table]
            if depth < _TABLE_BYTES and (ended != NO_LITERAL).any():
                self._early[depth] = ended

    def match(self, buffer: Bytes, start: Positions) -> tuple[Ints, Ints]:
        """Find every literal that starts at each position.

        Parameters
        ----------
        buffer
            UTF-8 bytes with zeros at the end.
        start
            Positions of length n.

        Returns
        -------
        tuple of arrays
            Index into `start` and literal, one pair per match.
        """
        code = self._column[buffer[start]].astype(np.int64)
        for step in range(1, _TABLE_BYTES):
            code = code * self._width + self._column[buffer[start + step]]
        node = self._table[code]
        walking = np.flatnonzero(node != DEAD)
        short, short_literal = self._short(code)
        index, literal, _ = self.walk(buffer, node[walking], start[walking] + _TABLE_BYTES)
        return np.concatenate([short, walking[index]]), np.concatenate([short_literal, literal])

    def _short(self, code: Ints) -> tuple[Ints, Ints]:
        """Return the literals that end before the table does: index of the code and literal."""
        found: list[tuple[Ints, Ints]] = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))]
        for depth, ended in self._early.items():
            literal = ended[code // self._width ** (_TABLE_BYTES - depth)]
            here = np.flatnonzero(literal != NO_LITERAL)
            found.append((here, literal[here]))
        index, literal = (np.concatenate([pair[side] for pair in found]) for side in (0, 1))
        return index, literal
