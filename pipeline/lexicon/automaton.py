"""Score a slice of texts by several lexicons at once.

What belongs here: which occurrences of literals count for which entry, and the sums by category. Which texts a card is
scored on is in `engine.py`, what it may say in `card.py`; literals are found in `finder.py`, regular expressions in
`expression.py`, boundaries are read in `edges.py`, overlaps settled in `matches.py`, negation in `modifiers.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline.lexicon.edges import Edges
from pipeline.lexicon.expression import find_expressions
from pipeline.lexicon.finder import Finder
from pipeline.lexicon.finite import Finite
from pipeline.lexicon.matches import (
    NO_LITERAL,
    Matches,
    count_entries,
    counted_once,
    distinct,
    joined,
    without_shorter,
)
from pipeline.lexicon.model import Card
from pipeline.lexicon.modifiers import modify
from pipeline.lexicon.plan import NO_CATEGORY, UNDETERMINED, Flags, Floats, Ints, compile_plan
from pipeline.lexicon.texts import Texts
from pipeline.lexicon.words import WordTable


@dataclass(frozen=True, slots=True)
class Sums:
    """Scores of a slice (arrays of one length n): text, output category, count, sum of weights, tokens matched."""

    row: Ints
    category: Ints
    count: Ints
    weight: Floats
    tokens: Ints


class Automaton:
    """Scores slices of texts by a set of cards, on the texts that it is given.

    Parameters
    ----------
    cards
        One or more cards with distinct ids.
    """

    def __init__(self, cards: Sequence[Card]) -> None:
        self.plan = compile_plan(cards)
        self._finder, self._finite = Finder(self.plan), Finite(self.plan)
        self._endless = np.setdiff1d(np.arange(len(self.plan.expressions)), self._finite.which)
        self.first_words = (*self._finder.first_words, *self._finite.first_words)

    def read(self, table: WordTable) -> None:
        """Take the table by which the words of the texts are known; it holds `first_words`."""
        self._finder.read(table)
        self._finite.read(table)

    def score(self, texts: Texts, lowered: pl.Series, languages: pl.Series | None) -> Sums:
        """Score a slice.

        Parameters
        ----------
        texts
            Lower-cased texts.
        lowered
            The same as a column.
        languages
            The language of each, or None when it is not known.
        """
        plan = self.plan
        matches, weight = self._match(texts, lowered, languages)
        n_categories = len(plan.category_name)
        n_cells = len(lowered) * n_categories
        once = counted_once(matches, plan)
        cell, source = _to_categories(self, matches.row[once], matches.entry[once])
        counts = np.bincount(cell, minlength=n_cells)
        weights = np.bincount(cell, weights=weight[once][source], minlength=n_cells)
        tokens = np.bincount(self._matched_cells(matches, texts), minlength=n_cells)
        cells = np.flatnonzero(counts)
        row, category = cells // n_categories, cells % n_categories
        count = np.minimum(counts[cells], plan.category_cap[category])
        return Sums(row, category, count, weights[cells].astype(np.float64), tokens[cells])

    def entries(self, texts: Texts, lowered: pl.Series, languages: pl.Series | None) -> tuple[Ints, Ints, Ints]:
        """Return row, entry and count, for slices as `score` gets them."""
        matches, _ = self._match(texts, lowered, languages)
        return count_entries(matches, self.plan)

    def _match(self, texts: Texts, lowered: pl.Series, languages: pl.Series | None) -> tuple[Matches, Floats]:
        """Return the matches of a slice that count, and their weights."""
        matches = self._words(texts, lowered)
        if self.plan.expressions:
            matches = joined(matches, self._expressions(texts, lowered))
        if languages is not None:
            matches = matches[self._is_covered(languages, matches)]
        n_bytes = len(texts.buffer)
        return modify(without_shorter(matches, self.plan, n_bytes), self.plan, lambda: texts.tokens, n_bytes)

    def _words(self, texts: Texts, lowered: pl.Series) -> Matches:
        """Return the matches of all entries that denote literals."""
        start, literal, row = self._finder.find(texts, lowered)
        plan = self.plan
        end = start + plan.length[literal]
        edges = Edges(plan, texts, start, end, literal)
        hit, target = plan.targets.expand(literal)
        entry = plan.targets.items[target]
        kept = edges.fit(hit, plan.entry_edge[entry], plan.entry_is_open[entry])
        hit, target, entry = hit[kept], target[kept], entry[kept]
        return Matches(row[hit], literal[hit], start[hit], end[hit], entry, plan.rank[target])

    def _expressions(self, texts: Texts, lowered: pl.Series) -> Matches:
        start, end, which = self._finite.find(texts)
        found = find_expressions(lowered, [self.plan.expressions[at] for at in self._endless])
        first = texts.first[found.row]
        row = np.concatenate([texts.row(start), found.row])
        entry = self.plan.expression_entry[np.concatenate([which, self._endless[found.which]])]
        start, end = np.concatenate([start, first + found.start]), np.concatenate([end, first + found.end])
        return Matches(row, np.full(len(row), NO_LITERAL), start, end, entry, np.zeros(len(row), dtype=np.int64))

    def _is_covered(self, languages: pl.Series, matches: Matches) -> Flags:
        known = languages.fill_null(UNDETERMINED)
        names = known.unique().sort()
        place = pl.Series(np.arange(len(names)))
        code = known.replace_strict(names, place, return_dtype=pl.Int64).to_numpy()
        covers = self.plan.covers(names.to_list())
        return np.asarray(covers[code[matches.row], self.plan.entry_card[matches.entry]], dtype=np.bool_)

    def _matched_cells(self, matches: Matches, texts: Texts) -> Ints:
        """Return the cell (row and output category) of each distinct token inside the matches of it."""
        plan = self.plan
        word, spoken = np.flatnonzero(matches.literal != NO_LITERAL), np.flatnonzero(matches.literal == NO_LITERAL)
        match, token = plan.tokens.expand(matches.literal[word])
        position = matches.start[word[match]] + plan.tokens.items[token]
        other, place = texts.tokens_between(matches.start[spoken], matches.end[spoken])
        match, position = np.concatenate([word[match], spoken[other]]), np.concatenate([position, place])
        cell, source = _to_categories(self, matches.row[match], matches.entry[match])
        span = len(texts.buffer)
        return distinct(cell * span + position[source]) // span


def _to_categories(automaton: Automaton, row: Ints, entry: Ints) -> tuple[Ints, Ints]:
    """Return the cell (row and output category) of every item, once for its category and once for its total.

    The second array holds the item from which each cell comes.
    """
    plan = automaton.plan
    base, total = row * len(plan.category_name), plan.entry_total[entry]
    has_total = np.flatnonzero(total != NO_CATEGORY)
    source = np.concatenate([np.arange(len(entry)), has_total])
    cell = np.concatenate([base + plan.entry_category[entry], base[has_total] + total[has_total]])
    return cell, source
