"""Compile lexicon cards into the arrays of one automaton.

What belongs here: which distinct literals there are over all cards, and which entry, category and total
each of them feeds. Nothing here sees a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.lexicon.boundary import is_word_character
from pipeline.lexicon.card import Card, Entry
from pipeline.lexicon.tokens import token_starts

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NO_CATEGORY = -1
NO_CAP = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Groups:
    """Items in groups: group g holds ``items[first[g]:first[g + 1]]``."""

    first: Ints
    items: Ints

    def expand(self, groups: Ints) -> tuple[Ints, Ints]:
        """Return, for a list of groups, the position in that list and the index of every item of every group."""
        sizes = self.first[groups + 1] - self.first[groups]
        owner = np.repeat(np.arange(len(groups)), sizes)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return owner, self.first[groups][owner] + within


@dataclass(frozen=True, slots=True)
class Plan:
    """Literals of all cards (L), their targets, the entries (E) and the output categories with totals (C).

    `rank` runs parallel to ``targets.items`` and is the place of the literal among those of its entry.
    `entry_category` and `entry_total` index the output categories; an entry without total has `NO_CATEGORY`.
    """

    literals: tuple[str, ...]
    length: Ints
    starts_with_word: Flags
    ends_with_word: Flags
    targets: Groups
    rank: Ints
    tokens: Groups
    entry_pattern: tuple[str, ...]
    entry_is_bounded: Flags
    entry_occurs: Flags
    entry_weight: Floats
    entry_category: Ints
    entry_total: Ints
    category_lexicon: tuple[str, ...]
    category_name: tuple[str, ...]
    category_cap: Ints


def check_cards(cards: Sequence[Card]) -> None:
    """Raise a ValueError when there is no card or two share an id."""
    ids = [card.id for card in cards]
    if not ids or len(set(ids)) != len(ids):
        raise ValueError(f"the engine needs one or more lexicon cards with distinct ids, not {ids}")


def compile_plan(cards: Sequence[Card]) -> Plan:
    """Compile one or more cards; a ValueError says when there is none or two share an id."""
    check_cards(cards)
    outputs = [(card, category.name) for card in cards for category in card.categories]
    outputs += [(card, card.total) for card in cards if card.total is not None]
    index = {(card.id, name): at for at, (card, name) in enumerate(outputs)}
    entries = [(c, category.name, entry) for c in cards for category in c.categories for entry in category.entries]
    targets = _targets([entry for _, _, entry in entries])
    literals = tuple(targets)
    totals = [index[card.id, card.total] if card.total else NO_CATEGORY for card, _, _ in entries]
    caps = [card.cap if card.cap and name == card.total else NO_CAP for card, name in outputs]
    return Plan(
        literals=literals,
        length=_ints(len(literal.encode()) for literal in literals),
        starts_with_word=np.array([is_word_character(literal[0]) for literal in literals]),
        ends_with_word=np.array([is_word_character(literal[-1]) for literal in literals]),
        targets=_group([[entry for entry, _ in pairs] for pairs in targets.values()]),
        rank=_ints(rank for pairs in targets.values() for _, rank in pairs),
        tokens=_group(token_starts(list(literals))),
        entry_pattern=tuple(entry.pattern for _, _, entry in entries),
        entry_is_bounded=np.array([entry.boundary == "word" for _, _, entry in entries]),
        entry_occurs=np.array([card.counting == "occurrence" for card, _, _ in entries]),
        entry_weight=np.array([entry.weight for _, _, entry in entries], dtype=np.float64),
        entry_category=_ints(index[card.id, name] for card, name, _ in entries),
        entry_total=_ints(totals),
        category_lexicon=tuple(card.id for card, _ in outputs),
        category_name=tuple(name for _, name in outputs),
        category_cap=_ints(caps),
    )


def _targets(entries: Sequence[Entry]) -> dict[str, list[tuple[int, int]]]:
    """Return for each literal, sorted, the entries it belongs to and its rank among the literals of each."""
    targets: dict[str, list[tuple[int, int]]] = {}
    for number, entry in enumerate(entries):
        for rank, literal in enumerate(entry.literals):
            targets.setdefault(literal, []).append((number, rank))
    return dict(sorted(targets.items()))


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), dtype=np.int64)


def _group(groups: Sequence[Sequence[int]]) -> Groups:
    first = np.concatenate([[0], np.cumsum([len(group) for group in groups])]).astype(np.int64)
    return Groups(first, _ints(item for group in groups for item in group))
