"""Where the literals of a plan stand in texts.

What belongs here: how each literal is found. Boundaries are decided later, by entry.

Most literals begin with a word that stands whole wherever one of them can match: the words of the texts are looked up
in a table of those, and a trie is walked on from there. A literal that ends in the middle of a word is sought by a trie
from the start of every word, and one that begins with a sign where its first byte stands. The few literals that may
begin in the middle of a word are found by polars.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.lexicon.boundary import WORD_BYTES, Positions, is_word_character
from pipeline.lexicon.plan import Flags, Ints, Plan
from pipeline.lexicon.texts import Texts
from pipeline.lexicon.trie import NO_LITERAL, Trie
from pipeline.lexicon.words import HEAD, WordTable

FEW = 40
"""So many literals that start anywhere are found by polars, those with a sign too."""


class Finder:
    """Finds the literals of a plan.

    Parameters
    ----------
    plan
        The plan whose literals are found.
    """

    def __init__(self, plan: Plan) -> None:
        first = [_first_word(literal) for literal in plan.literals]
        is_word = np.array([is_word_character(literal[0]) for literal in plan.literals], dtype=np.bool_)
        is_whole = np.array(
            [len(word) < len(literal) for word, literal in zip(first, plan.literals, strict=True)], dtype=np.bool_
        )
        whole = plan.is_at_word_start & (is_whole | ~plan.is_open)
        self.first_words = tuple(sorted({word.encode() for word, chosen in zip(first, whole, strict=True) if chosen}))
        self._whole = _Some(plan, whole)
        self._open = _Some(plan, plan.is_at_word_start & ~whole)
        are_few = np.count_nonzero(~plan.is_at_word_start) <= FEW
        self._signs = _Some(plan, ~is_word & ~are_few)
        self._inner = _Some(plan, ~plan.is_at_word_start & (is_word | are_few))

    def read(self, table: WordTable) -> None:
        """Take the table by which the words of the texts are known; it holds `first_words`."""
        self._table, trie = table, self._whole.trie
        self._node = np.zeros(table.n_codes, dtype=np.int32)
        self._depth = np.zeros(table.n_codes, dtype=np.int64)
        self._single = np.full(table.n_codes, NO_LITERAL, dtype=np.int64)
        for word in self.first_words:
            head, code = word[:HEAD], table.code(word)
            node, self._depth[code] = trie.node(head), len(head)
            # Behind a whole word comes no letter: where only letters go on, the word is all there is.
            if len(head) == HEAD or any(WORD_BYTES[byte] == 0 for byte in trie.leads(node)):
                self._node[code] = node
            else:
                self._single[code] = trie.ended(node)

    def find(self, texts: Texts, lowered: pl.Series) -> tuple[Positions, Ints, Ints]:
        """Return start, literal and text of every occurrence.

        Parameters
        ----------
        texts
            Lower-cased texts.
        lowered
            The same texts as a column.
        """
        parts = [self._at_words(texts)]
        if self._open:
            parts.append(self._open.at(texts, texts.words[0]))
        if self._signs:
            parts.append(self._signs.at(texts, self._signs.places(texts)))
        if self._inner:
            parts.append(self._inner.anywhere(texts, lowered))
        start, literal, end = (np.concatenate([part[side] for part in parts]) for side in (0, 1, 2))
        row = texts.row(start)
        inside = texts.is_inside(row, start, end)
        return start[inside], literal[inside], row[inside]

    def _at_words(self, texts: Texts) -> tuple[Positions, Ints, Positions]:
        at, code = texts.known(self._table)
        single, node = self._single[code], self._node[code]
        alone, longer = np.flatnonzero(single != NO_LITERAL), np.flatnonzero(node)
        start = texts.words[0][at[longer]]
        index, literal, _ = self._whole.trie.walk(texts.buffer, node[longer], start + self._depth[code[longer]])
        start = np.concatenate([texts.words[0][at[alone]], start[index]])
        return self._whole.named(start, np.concatenate([single[alone], literal]))


class _Some:
    """Some of the literals of a plan."""

    def __init__(self, plan: Plan, chosen: Flags) -> None:
        self._number = np.flatnonzero(chosen)
        self._length = plan.length
        self._literals = [plan.literals[at] for at in self._number]
        encoded = [literal.encode() for literal in self._literals]
        self.trie = Trie(encoded)
        self._is_first: npt.NDArray[np.bool_] = np.zeros(256, dtype=np.bool_)
        self._is_first[[literal[0] for literal in encoded]] = True
        self._first = bytes(self._is_first)
        self._any = "|".join(map(pl.escape_regex, self._literals))

    def __bool__(self) -> bool:
        return bool(self._literals)

    def named(self, start: Positions, literal: Ints) -> tuple[Positions, Ints, Positions]:
        """Return start, literal by its number in the plan, and end of occurrences."""
        number = self._number[literal]
        return start, number, start + self._length[number]

    def at(self, texts: Texts, start: Positions) -> tuple[Positions, Ints, Positions]:
        """Return the occurrences that start at some positions."""
        index, literal = self.trie.match(texts.buffer, start)
        return self.named(start[index], literal)

    def places(self, texts: Texts) -> Positions:
        """Return the positions of bytes that a literal begins with."""
        return np.flatnonzero(
            np.frombuffer(texts.buffer[: int(texts.last[-1])].tobytes().translate(self._first), dtype=np.bool_)
        )

    def anywhere(self, texts: Texts, lowered: pl.Series) -> tuple[Positions, Ints, Positions]:
        """Return the occurrences that polars finds."""
        rows = lowered.str.contains(self._any).arg_true()  # few texts hold one, and this is the faster search
        some = lowered.gather(rows).to_frame("text")
        found = some.select(pl.col("text").str.find_many(self._literals, overlapping=True)).to_series()
        first = np.repeat(texts.first[rows.to_numpy()], found.list.len().to_numpy())
        within = found.explode(empty_as_null=False).cast(pl.Int64).to_numpy()
        occurrences = self.at(texts, np.unique(first + within))
        start, _, end = occurrences
        n_inside = np.count_nonzero(texts.is_inside(texts.row(start), start, end))
        if n_inside != len(within):
            raise RuntimeError(
                f"polars found {len(within)} literals where the trie finds {n_inside}: str.find_many no longer"
                " gives byte offsets of all overlapping matches; use the polars version of constraints.txt"
            )
        return occurrences


def _first_word(literal: str) -> str:
    """Return the word characters that a literal begins with."""
    length = next((at for at, character in enumerate(literal) if not is_word_character(character)), len(literal))
    return literal[:length]
