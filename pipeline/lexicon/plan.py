"""Compile lexicon cards into the arrays of one automaton.

What belongs here: which distinct literals there are over all cards, and which entry, category and total
each of them feeds. Nothing here sees a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.lexicon.boundary import is_word_character, token_starts_in, utf8_buffer, word_flags
from pipeline.lexicon.model import Card, Entry

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NO_CATEGORY = -1
COUNTED, NEGATION, BOOSTER = 0, 1, 2
"""Roles of entries."""
EDGES = {"none": 0, "word": 1, "token": 2}
UNDETERMINED = "und"
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
    """Literals of all cards (L), their targets, the entries (E), the output categories with totals (C), the cards (K).

    `is_at_word_start`: no entry allows the literal but where a word starts; `is_open`: an entry goes on behind it.
    `entry_is_word`: the entry is one whole word, so that its matches never overlap. `rank` runs parallel to
    ``targets.items`` and is the place of the literal among those of its entry.
    `entry_category` and `entry_total` index the output categories; an entry without total, and a modifier, has
    `NO_CATEGORY`. `expressions` are the regular expressions, `expression_entry` the entries that they are of.
    `scopes` and `factors` are of cards, `scopes` by role; a factor that is not a number takes the match out.
    """

    literals: tuple[str, ...]
    length: Ints
    starts_with_word: Flags
    ends_with_word: Flags
    is_at_word_start: Flags
    is_open: Flags
    targets: Groups
    rank: Ints
    tokens: Groups
    expressions: tuple[str, ...]
    expression_entry: Ints
    entry_pattern: tuple[str, ...]
    entry_edge: Ints
    entry_is_open: Flags
    entry_occurs: Flags
    entry_is_word: Flags
    entry_weight: Floats
    entry_category: Ints
    entry_total: Ints
    entry_card: Ints
    entry_role: Ints
    category_lexicon: tuple[str, ...]
    category_name: tuple[str, ...]
    category_cap: Ints
    card_is_longest: Flags
    card_languages: tuple[frozenset[str] | None, ...]
    scopes: Mapping[int, Ints]
    factors: Floats

    def covers(self, languages: Sequence[str]) -> Flags:
        """Tell of each language and each card whether its texts are scored; one that is undetermined always is."""
        rows = [
            [codes is None or language in codes or language == UNDETERMINED for codes in self.card_languages]
            for language in languages
        ]
        return np.array(rows, dtype=np.bool_).reshape(len(languages), len(self.card_languages))


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
    listed = [item for at, card in enumerate(cards) for item in _listed(at, card, index)]
    entries = [item.entry for item in listed]
    targets = _targets(entries)
    literals = tuple(targets)
    caps = [card.cap if card.cap and name == card.total else NO_CAP for card, name in outputs]
    spoken = [(at, entry.expression) for at, entry in enumerate(entries) if entry.expression is not None]
    return Plan(
        literals=literals,
        length=_ints(len(literal.encode()) for literal in literals),
        starts_with_word=np.array([is_word_character(literal[0]) for literal in literals], dtype=np.bool_),
        ends_with_word=np.array([is_word_character(literal[-1]) for literal in literals], dtype=np.bool_),
        targets=_group([[entry for entry, _ in pairs] for pairs in targets.values()]),
        rank=_ints(rank for pairs in targets.values() for _, rank in pairs),
        is_at_word_start=_at_word_start(entries, targets),
        is_open=np.array(
            [any(entries[entry].is_open for entry, _ in pairs) for pairs in targets.values()], dtype=np.bool_
        ),
        tokens=_tokens(literals),
        expressions=tuple(expression for _, expression in spoken),
        expression_entry=_ints(at for at, _ in spoken),
        entry_pattern=tuple(entry.pattern for entry in entries),
        entry_edge=_ints(EDGES[entry.boundary] for entry in entries),
        entry_is_open=np.array([entry.is_open for entry in entries]),
        entry_occurs=np.array([cards[item.card].counting == "occurrence" for item in listed]),
        entry_is_word=np.array([_is_word(entry) for entry in entries]),
        entry_weight=np.array([entry.weight for entry in entries], dtype=np.float64),
        entry_category=_ints(item.category for item in listed),
        entry_total=_ints(item.total for item in listed),
        entry_card=_ints(item.card for item in listed),
        entry_role=_ints(item.role for item in listed),
        category_lexicon=tuple(card.id for card, _ in outputs),
        category_name=tuple(name for _, name in outputs),
        category_cap=_ints(caps),
        card_is_longest=np.array([card.overlap == "longest" for card in cards]),
        card_languages=tuple(card.scored_languages for card in cards),
        scopes={
            NEGATION: _ints(card.negation.scope if card.negation else 0 for card in cards),
            BOOSTER: _ints(card.boosters.scope if card.boosters else 0 for card in cards),
        },
        factors=np.array([_factor(card) for card in cards], dtype=np.float64),
    )


@dataclass(frozen=True, slots=True)
class _Listed:
    """An entry with the card, the output categories and the role that it has."""

    entry: Entry
    card: int
    category: int
    total: int
    role: int


def _listed(at: int, card: Card, index: Mapping[tuple[str, str], int]) -> Iterator[_Listed]:
    total = index[card.id, card.total] if card.total else NO_CATEGORY
    for category in card.categories:
        for entry in category.entries:
            yield _Listed(entry, at, index[card.id, category.name], total, COUNTED)
    for role, modifiers in ((NEGATION, card.negation), (BOOSTER, card.boosters)):
        for entry in modifiers.entries if modifiers else ():
            yield _Listed(entry, at, NO_CATEGORY, NO_CATEGORY, role)


def _factor(card: Card) -> float:
    return np.nan if card.negation is None or card.negation.factor is None else card.negation.factor


def _targets(entries: Sequence[Entry]) -> dict[str, list[tuple[int, int]]]:
    """Return for each literal, sorted, the entries it belongs to and its rank among the literals of each."""
    targets: dict[str, list[tuple[int, int]]] = {}
    for number, entry in enumerate(entries):
        for rank, literal in enumerate(entry.literals):
            targets.setdefault(literal, []).append((number, rank))
    return dict(sorted(targets.items()))


def _at_word_start(entries: Sequence[Entry], targets: Mapping[str, Sequence[tuple[int, int]]]) -> Flags:
    return np.array(
        [
            is_word_character(literal[0]) and all(entries[entry].boundary != "none" for entry, _ in pairs)
            for literal, pairs in targets.items()
        ],
        dtype=np.bool_,
    )


def _is_word(entry: Entry) -> bool:
    is_closed = entry.expression is None and not entry.is_open and entry.boundary != "none"
    return is_closed and all(is_word_character(character) for literal in entry.literals for character in literal)


def _tokens(literals: Sequence[str]) -> Groups:
    """Return the offsets in bytes at which the tokens of each literal start."""
    buffer, offsets = utf8_buffer(pl.Series(literals, dtype=pl.String))
    starts = token_starts_in(buffer, word_flags(buffer), offsets)
    owner = np.searchsorted(offsets, starts, side="right") - 1
    first = np.searchsorted(owner, np.arange(len(literals) + 1)).astype(np.int64)
    return Groups(first, starts - offsets[owner])


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), dtype=np.int64)


def _group(groups: Sequence[Sequence[int]]) -> Groups:
    first = np.concatenate([[0], np.cumsum([len(group) for group in groups])]).astype(np.int64)
    return Groups(first, _ints(item for group in groups for item in group))
