r"""Regular expressions without endless repetition, found like words: one automaton for all of them, walked from words.

What belongs here: which expressions are of this kind, their automaton, and where they match. The others are in
`expression.py`; how an expression is read and made an automaton of is in `syntax.py`.

An expression qualifies when it stands between word boundaries of ASCII and begins with one of a few words. The texts
are then not searched: those words are known already, and the automaton is walked on from each.
"""

from __future__ import annotations

import re

import numpy as np

from pipeline.lexicon.boundary import Flags, Positions
from pipeline.lexicon.matches import take_leftmost
from pipeline.lexicon.plan import Ints, Plan
from pipeline.lexicon.syntax import EMPTY, Machine, machine_of
from pipeline.lexicon.texts import Texts
from pipeline.lexicon.trie import Walker
from pipeline.lexicon.words import HEAD, WordTable

_FORM = re.compile(r"\(\?a:\\b\(\?:(.*)\)\\b\)\Z", re.DOTALL)
_MOST_WORDS = 1_000
_MARGIN = 8  # bytes behind a match that decide its boundary, and more
_IS_WORD: Flags = np.array([code < 128 and (chr(code).isalnum() or chr(code) == "_") for code in range(256)])


class Finite:
    """The expressions of a plan that are found from words.

    Parameters
    ----------
    plan
        The plan; `which` tells the places of the chosen ones in its `expressions`.
    """

    def __init__(self, plan: Plan) -> None:
        patterns = [plan.entry_pattern[entry] for entry in plan.expression_entry]
        bodies = {at: found.group(1) for at, found in enumerate(map(_FORM.match, patterns)) if found}
        chosen = [at for at, body in bodies.items() if _first_words(machine_of([body])) is not None]
        machine = machine_of([bodies[at] for at in chosen])
        words = _first_words(machine)
        if machine is None or words is None:  # each is small, all together are not
            machine, words, chosen = EMPTY, (), []
        self.which: Ints = np.array(chosen, dtype=np.int64)
        self.first_words = words
        self._patterns = [re.compile(patterns[at]) for at in chosen]
        self._walker, self._ended = Walker(machine.column, machine.following, machine.ended), machine.expressions

    def read(self, table: WordTable) -> None:
        """Take the table by which the words of the texts are known; it holds `first_words`."""
        self._table = table
        self._node = np.zeros(table.n_codes, dtype=np.int32)
        self._depth = np.zeros(table.n_codes, dtype=np.int64)
        for word in self.first_words:
            code = table.code(word)
            self._node[code], self._depth[code] = self._walker.node(word), len(word)

    def find(self, texts: Texts) -> tuple[Positions, Positions, Ints]:
        """Return start, end and expression (by its place in the plan) of matches, as `re.finditer` finds them."""
        at, code = texts.known(self._table)
        node = self._node[code]
        first = np.flatnonzero(node)
        start, node, depth = texts.words[0][at[first]], node[first], self._depth[code[first]]
        mixed = _mixed_starts(texts)
        mixed = mixed[np.append(start, -1)[np.searchsorted(start, mixed)] != mixed]
        start = np.concatenate([start, mixed])
        node = np.concatenate([node, np.full(len(mixed), self._walker.root, dtype=np.int32)])
        depth = np.concatenate([depth, np.zeros(len(mixed), dtype=np.int64)])
        index, ended, end = self._walker.walk(texts.buffer, node, start + depth)
        is_edge = _IS_WORD[texts.buffer[end - 1]] != _IS_WORD[texts.buffer[end]]
        index, ended, end = index[is_edge], ended[is_edge], end[is_edge]
        start = start[index]
        row = texts.row(start)
        kept = texts.is_inside(row, start, end)
        start, end, ended = start[kept], end[kept], ended[kept]
        hit, target = self._ended.expand(ended)
        start, end, which = start[hit], end[hit], self._ended.items[target]
        order = np.lexsort((end, start, which))
        start, end, which = self._first_choice(texts, start[order], end[order], which[order])
        taken = take_leftmost(which, start, end)
        return start[taken], end[taken], self.which[which[taken]]

    def _first_choice(
        self, texts: Texts, start: Positions, end: Positions, which: Ints
    ) -> tuple[Positions, Positions, Ints]:
        """Keep one end for each start of an expression; where there are several, `re` says which it takes."""
        same = (start[1:] == start[:-1]) & (which[1:] == which[:-1])
        last = np.append(~same, np.ones(min(1, len(start)), dtype=np.bool_))
        several = np.flatnonzero(last & np.append(False, same)[: len(last)])
        end = end.copy()
        for at in several:
            limit = min(int(end[at]) + _MARGIN, int(texts.last[texts.row(start[at : at + 1])[0]]))
            written = texts.buffer[int(start[at]) : limit].tobytes().decode("utf-8", "ignore")
            found = self._patterns[int(which[at])].match(written)
            if found is None:
                raise RuntimeError("re and the automaton of the lexicon expressions do not agree")
            end[at] = start[at] + len(found.group().encode())
        return start[last], end[last], which[last]


def _mixed_starts(texts: Texts) -> Positions:
    """Return where an ASCII word starts in a word that has other letters too: boundaries of ASCII are inside it."""
    wide = texts.flags & (texts.buffer >= 0x80)
    behind = np.flatnonzero(wide[:-1] & ~wide[1:] & texts.flags[1:]) + 1
    ahead = np.flatnonzero(~wide[:-1] & texts.flags[:-1] & wide[1:])
    word = np.unique(np.searchsorted(texts.words[0], ahead, side="right") - 1)
    start = texts.words[0][word]
    return np.unique(np.concatenate([behind, start[~wide[start]]]))


def _first_words(machine: Machine | None) -> tuple[bytes, ...] | None:
    """Return the ASCII words that matches begin with; None when they do not all, or are too many or too long."""
    if machine is None:
        return None
    words: list[bytes] = []
    waiting = [(machine.root, b"")]
    while waiting:
        node, word = waiting.pop()
        steps = machine.steps(node)
        if any(not _IS_WORD[byte] for byte in steps) or machine.ended[node] >= 0:
            words.append(word)
        waiting.extend((target, word + bytes([byte])) for byte, target in steps.items() if _IS_WORD[byte])
        if len(words) + len(waiting) > _MOST_WORDS or len(word) > HEAD:
            return None
    return None if b"" in words else tuple(sorted(words))
