"""From regular expressions without endless repetition to one automaton on bytes that knows them all.

What belongs here: the parser of the expressions, and the automaton by sets of states. What is beyond the parser gives
None, not an error: such an expression is left to polars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.lexicon.boundary import is_word_character
from pipeline.lexicon.plan import Groups, Ints
from pipeline.lexicon.trie import DEAD, NO_LITERAL, ROOT

MOST_STATES = 20_000
_MOST_REPEATS = 64
_CLASSES = {
    "w": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz",
    "d": "0123456789",
    "s": " \t\n\r\x0b\x0c",
}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}


class _BeyondError(Exception):
    """The expression has something that is not read here."""


@dataclass(frozen=True, slots=True)
class Machine:
    """An automaton on bytes: states by rows, and which expressions end in each.

    `ended` holds for each state a group of `expressions`, or `NO_LITERAL`; `column` maps bytes to columns of
    `following`.
    """

    column: npt.NDArray[np.uint8]
    following: npt.NDArray[np.int32]
    ended: Ints
    expressions: Groups
    root: int = ROOT

    def steps(self, node: int) -> Mapping[int, int]:
        """Return the bytes that lead on from a state, and where they lead."""
        return {
            int(byte): int(self.following[node, self.column[byte]])
            for byte in np.flatnonzero(self.following[node, self.column] != DEAD)
        }


def machine_of(expressions: Sequence[str]) -> Machine | None:
    """Return the automaton of expressions, or None when one is beyond the parser or there are too many states."""
    net = _Net()
    start, ends = [], {}
    try:
        for number, expression in enumerate(expressions):
            first = net.state()
            start.append(first)
            ends[_Parser(expression, net).whole(first)] = number
        return _by_sets(net, start, ends)
    except _BeyondError:
        return None


@dataclass(slots=True)
class _Net:
    """States with steps by byte, and free steps."""

    steps: list[list[tuple[int, int]]] = field(default_factory=list)
    free: list[list[int]] = field(default_factory=list)

    def state(self) -> int:
        if len(self.steps) >= MOST_STATES:
            raise _BeyondError
        self.steps.append([])
        self.free.append([])
        return len(self.steps) - 1

    def closure(self, states: Sequence[int]) -> frozenset[int]:
        found, waiting = set(states), list(states)
        while waiting:
            for target in self.free[waiting.pop()]:
                if target not in found:
                    found.add(target)
                    waiting.append(target)
        return frozenset(found)


class _Parser:
    """Reads an expression into a net; a part that repeats is read again for each time."""

    def __init__(self, expression: str, net: _Net) -> None:
        self._text, self._net, self._at = expression, net, 0

    def whole(self, start: int) -> int:
        end = self._choice(start)
        if self._at < len(self._text):
            raise _BeyondError
        return end

    def _choice(self, start: int) -> int:
        end = self._net.state()
        while True:
            first = self._net.state()
            self._net.free[start].append(first)
            self._net.free[self._sequence(first)].append(end)
            if self._text[self._at : self._at + 1] != "|":
                return end
            self._at += 1

    def _sequence(self, start: int) -> int:
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            begin = self._at
            end = self._atom(start)
            low, high = self._repeats()
            after = self._at
            skipping = [start] if low == 0 else []
            for done in range(1, high):
                if done >= low:
                    skipping.append(end)
                self._at = begin
                end = self._atom(end)
            self._at = after
            stop = self._net.state()
            for state in (*skipping, end):
                self._net.free[state].append(stop)
            start = stop
        return start

    def _repeats(self) -> tuple[int, int]:
        sign = self._text[self._at : self._at + 1]
        low = high = 1
        if sign == "?":
            low, self._at = 0, self._at + 1
        elif sign == "{":
            stop = self._text.find("}", self._at)
            parts = self._text[self._at + 1 : stop].split(",") if stop > 0 else []
            if not 1 <= len(parts) <= 2 or not all(part.isascii() and part.isdigit() for part in parts):
                raise _BeyondError
            low, high, self._at = int(parts[0]), int(parts[-1]), stop + 1
        if not max(low, 1) <= high <= _MOST_REPEATS or self._text[self._at : self._at + 1] in tuple("*+?{"):
            raise _BeyondError
        return low, high

    def _atom(self, start: int) -> int:
        sign = self._text[self._at]
        self._at += 1
        if sign == "(":
            self._at += 2 if self._text.startswith("?:", self._at) else 0
            end = self._choice(start)
            if self._text[self._at : self._at + 1] != ")":
                raise _BeyondError
            self._at += 1
            return end
        if sign == "[":
            return self._one_of(start, self._class())
        if sign == "\\":
            return self._one_of(start, self._escape())
        if sign in ".^$*+?{}])":
            raise _BeyondError
        return self._one_of(start, sign)

    def _class(self) -> str:
        found = ""
        while (sign := self._text[self._at : self._at + 1]) != "]" or not found:
            self._at += 1
            if sign in ("", "^", "["):
                raise _BeyondError
            members = self._escape() if sign == "\\" else sign
            if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] != "]":
                last = self._text[self._at + 1 : self._at + 2]
                if not last or last in "\\[" or len(members) != 1 or not (members + last).isascii() or members > last:
                    raise _BeyondError
                members = "".join(map(chr, range(ord(members), ord(last) + 1)))
                self._at += 2
            found += members
        self._at += 1
        return found

    def _escape(self) -> str:
        sign = self._text[self._at : self._at + 1]
        self._at += 1
        if sign in _CLASSES:
            return _CLASSES[sign]
        if sign in _CONTROLS:
            return _CONTROLS[sign]
        if not sign or sign.isalnum() or not sign.isascii():
            raise _BeyondError
        return sign

    def _one_of(self, start: int, characters: str) -> int:
        end = self._net.state()
        for character in set(characters):
            if not character.isascii() and is_word_character(character):
                raise _BeyondError  # words of the texts are of any script, those of an expression are not
            state, data = start, character.encode()
            for byte in data[:-1]:
                following = self._net.state()
                self._net.steps[state].append((byte, following))
                state = following
            self._net.steps[state].append((data[-1], end))
        return end


def _by_sets(net: _Net, start: Sequence[int], ends: Mapping[int, int]) -> Machine:
    """Return the automaton whose states are sets of states of the net."""
    root = net.closure(start)
    number = {frozenset[int](): DEAD, root: ROOT}
    listed, steps = [frozenset[int](), root], []
    for states in listed:  # grows on the way
        targets: dict[int, list[int]] = {}
        for state in states:
            for byte, target in net.steps[state]:
                targets.setdefault(byte, []).append(target)
        row = {}
        for byte, some in sorted(targets.items()):
            reached = net.closure(some)
            if reached not in number:
                number[reached] = len(listed)
                listed.append(reached)
                if len(listed) > MOST_STATES:
                    raise _BeyondError
            row[byte] = number[reached]
        steps.append(row)
    used = sorted({byte for row in steps for byte in row})
    column = np.zeros(256, dtype=np.uint8)
    column[used] = np.arange(1, len(used) + 1)
    following = np.full((len(listed), len(used) + 1), DEAD, dtype=np.int32)
    for node, row in enumerate(steps):
        following[node, column[list(row)]] = list(row.values())
    groups = [tuple(sorted(ends[state] for state in states if state in ends)) for states in listed]
    distinct = sorted({group for group in groups if group})
    place = {group: at for at, group in enumerate(distinct)}
    first = np.concatenate([[0], np.cumsum([len(group) for group in distinct])]).astype(np.int64)
    items = np.array([item for group in distinct for item in group], dtype=np.int64)
    ended = np.array([place.get(group, NO_LITERAL) for group in groups], dtype=np.int64)
    return Machine(column, following, ended, Groups(first, items))


EMPTY = _by_sets(_Net(), (), {})
"""The automaton of no expression."""
