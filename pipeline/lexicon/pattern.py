"""The entry language of lexicon cards: a regular expression that denotes a finite set of literals.

What belongs here: the parser of one entry. Cards, boundaries and matching are elsewhere. Every entry is
also a valid Python regular expression with the same meaning, which is what lets `re` be the oracle of the
engine.
"""

from __future__ import annotations

from collections.abc import Iterable

MAX_LENGTH = 300
"""Longest entry, in characters: keeps the recursion of the parser shallow."""

MAX_LITERALS = 1000
"""Most literals of one entry: an entry that denotes more is a rule, not a word list."""

_SPECIAL = frozenset(".*+{}^$?|()[]\\")
_CONTROL = {"n": "\n", "r": "\r", "t": "\t"}


def expand(entry: str) -> tuple[str, ...]:
    r"""Return the literals that an entry denotes, in the order in which a backtracking matcher tries them.

    Parameters
    ----------
    entry
        Literals, ``(a|b)``, ``(a|b)?``, ``[xy]``, ``x?`` and backslash escapes (punctuation and ``\n``,
        ``\r``, ``\t``). A top-level ``a|b`` is refused: write ``(a|b)``, which means the same inside word
        boundaries.

    Returns
    -------
    tuple of str
        Distinct, non-empty literals.

    Raises
    ------
    ValueError
        When the entry is not of this language (``.``, ``*``, ``+``, ``{}``, ``^``, ``$``, ranges, classes
        such as ``\w``), denotes the empty string or denotes more than `MAX_LITERALS` literals.
    """
    if len(entry) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH} characters; split it into several entries")
    literals, end = _sequence(entry, 0)
    if end < len(entry):
        hint = "; write (a|b) with parentheses" if entry[end] == "|" else ""
        raise ValueError(f"{entry[end]!r} at character {end + 1} is not allowed there{hint}")
    if "" in literals:
        raise ValueError("it denotes the empty string, which would match everywhere")
    return literals


def _bounded(literals: Iterable[str]) -> tuple[str, ...]:
    distinct = tuple(dict.fromkeys(literals))
    if len(distinct) > MAX_LITERALS:
        raise ValueError(f"it denotes more than {MAX_LITERALS} literals; split it into several entries")
    return distinct


def _sequence(entry: str, at: int) -> tuple[tuple[str, ...], int]:
    done: tuple[str, ...] = ("",)
    while at < len(entry) and entry[at] not in "|)":
        piece, at = _atom(entry, at)
        if at < len(entry) and entry[at] == "?":
            piece, at = (*piece, ""), at + 1
        done = _bounded(head + tail for head in done for tail in piece)
    return done, at


def _atom(entry: str, at: int) -> tuple[tuple[str, ...], int]:
    if entry[at] == "(":
        return _group(entry, at + 1)
    if entry[at] == "[":
        return _class(entry, at + 1)
    if entry[at] == "\\":
        return _escape(entry, at)
    if entry[at] in _SPECIAL:
        raise ValueError(
            f"{entry[at]!r} at character {at + 1} is not allowed there; escape a literal one with a backslash"
        )
    return (entry[at],), at + 1


def _group(entry: str, at: int) -> tuple[tuple[str, ...], int]:
    branches: list[str] = []
    while True:
        branch, at = _sequence(entry, at)
        branches.extend(branch)
        if at >= len(entry):
            raise ValueError("a parenthesis is not closed")
        at += 1
        if entry[at - 1] == ")":
            return _bounded(branches), at


def _class(entry: str, at: int) -> tuple[tuple[str, ...], int]:
    start = at
    members: list[str] = []
    while at < len(entry) and entry[at] != "]":
        character = entry[at]
        is_inner_dash = character == "-" and at > start and entry[at + 1 : at + 2] != "]"
        if character == "[" or is_inner_dash or (character == "^" and at == start):
            raise ValueError(f"{character!r} at character {at + 1}: classes hold single characters, no ranges or '^'")
        member, at = _escape(entry, at) if character == "\\" else ((character,), at + 1)
        members.extend(member)
    if at >= len(entry) or not members:
        raise ValueError("a class is empty or not closed")
    return _bounded(members), at + 1


def _escape(entry: str, at: int) -> tuple[tuple[str, ...], int]:
    character = entry[at + 1 : at + 2]
    if character in _CONTROL:
        return (_CONTROL[character],), at + 2
    if not character or not character.isascii() or character.isalnum() or not character.isprintable():
        raise ValueError(
            f"the escape \\{character} at character {at + 1} is not allowed: it is not one literal character"
        )
    return (character,), at + 2
