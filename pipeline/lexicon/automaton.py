"""Score texts by several lexicons at once.

What belongs here: one Aho-Corasick automaton over the literals of the cards, the boundary check, and the sums by
category. Which texts a card is scored on is in `engine.py`, what it may say in `card.py`; regular expressions are
found in `expression.py`, overlaps settled in `matches.py`, negation in `modifiers.py`.

How it works: literals that may only start where a word does are found by a trie walked at all starts of words
together; `str.find_many` of polars gives the byte offset of every other literal in the lower-cased texts, overlaps
included, and a trie walked there says which they are. Both agree on their number or the engine stops. Boundaries are
then decided on the UTF-8 bytes around. Texts go through in slices, so memory does not grow with the corpus.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from pipeline.lexicon.boundary import (
    Positions,
    apostrophe_after,
    apostrophe_before,
    token_starts_in,
    utf8_buffer,
    word_after,
    word_before,
    word_flags,
)
from pipeline.lexicon.expression import find_expressions
from pipeline.lexicon.lower import lower_exact
from pipeline.lexicon.matches import NO_LITERAL, Matches, count_entries, distinct, without_shorter
from pipeline.lexicon.model import Card
from pipeline.lexicon.modifiers import modify
from pipeline.lexicon.plan import EDGES, NO_CATEGORY, UNDETERMINED, Flags, Floats, Ints, Plan, compile_plan
from pipeline.lexicon.trie import Trie

SLICE_BYTES = 32 * 2**20
"""Bytes of text per pass: large enough that fixed costs vanish, small enough for any machine."""

FEW_LITERALS = 500
"""So many literals at most are all found by polars: fewer places to look at than there are words."""

SCORE_SCHEMA = pl.Schema(
    {
        "text_hash": pl.String(),
        "lexicon": pl.String(),
        "category": pl.String(),
        "count": pl.Int64(),
        "weight_sum": pl.Float64(),
        "share": pl.Float64(),
    }
)
ENTRY_SCHEMA = pl.Schema(
    {
        "text_hash": pl.String(),
        "lexicon": pl.String(),
        "category": pl.String(),
        "entry": pl.String(),
        "count": pl.Int64(),
    }
)
SCORE_KEY = ("text_hash", "lexicon", "category")


class Automaton:
    """Scores texts by a set of cards, on the texts that it is given.

    Parameters
    ----------
    cards
        One or more cards with distinct ids.
    slice_bytes
        Bytes of text per pass; the scores do not depend on it.
    """

    def __init__(self, cards: Sequence[Card], slice_bytes: int = SLICE_BYTES) -> None:
        self._plan = compile_plan(cards)
        self._slice_bytes = slice_bytes
        walked = self._plan.is_at_word_start & (len(self._plan.literals) > FEW_LITERALS)
        self._at_words, self._anywhere = _Some(self._plan, walked), _Some(self._plan, ~walked)

    @property
    def literals(self) -> tuple[str, ...]:
        """The distinct literals of all cards, sorted."""
        return self._plan.literals

    def score(self, texts: pl.DataFrame) -> pl.DataFrame:
        """Score texts; the columns, and what they mean, are those of `Engine.score`."""
        parts = [self._score_slice(part) for part in self._slices(texts)]
        return pl.concat([SCORE_SCHEMA.to_frame(), *parts]).sort(SCORE_KEY)

    def entry_counts(self, texts: pl.DataFrame) -> pl.DataFrame:
        """Tell which entries made the scores, as `Engine.entry_counts` does."""
        parts = [self._entry_slice(part) for part in self._slices(texts)]
        return pl.concat([ENTRY_SCHEMA.to_frame(), *parts]).sort(*SCORE_KEY, "entry")

    def _slices(self, texts: pl.DataFrame) -> Iterator[pl.DataFrame]:
        if texts.is_empty():
            return
        number = texts["text"].str.len_bytes().cast(pl.Int64).cum_sum() // self._slice_bytes
        ends = np.flatnonzero(np.diff(number.to_numpy())) + 1
        for start, end in zip([0, *ends], [*ends, texts.height], strict=True):
            yield texts.slice(int(start), int(end - start))

    def _score_slice(self, texts: pl.DataFrame) -> pl.DataFrame:
        plan, (matches, weight, texts_) = self._plan, self._match(texts)
        row, entry, count, sums = count_entries(matches, weight, plan)
        n_categories = len(plan.category_name)
        key, source = _to_categories(plan, row, entry)
        keys = distinct(key)
        inverse = np.searchsorted(keys, key)
        counts = np.bincount(inverse, weights=count[source], minlength=len(keys)).astype(np.int64)
        weights = np.bincount(inverse, weights=sums[source], minlength=len(keys))
        category = keys % n_categories
        rows = keys // n_categories
        tokens = self._matched_tokens(matches, texts_, keys)
        n_tokens = texts["n_tokens"].cast(pl.Int64).to_numpy()[rows]
        share = np.minimum(tokens, n_tokens) / np.where(n_tokens > 0, n_tokens, 1)
        columns = {
            "text_hash": texts["text_hash"].gather(rows),
            "lexicon": pl.Series(plan.category_lexicon, dtype=pl.String).gather(category),
            "category": pl.Series(plan.category_name, dtype=pl.String).gather(category),
            "count": np.minimum(counts, plan.category_cap[category]),
            "weight_sum": weights,
            "share": pl.Series(share).set(pl.Series(n_tokens == 0), None),
        }
        return pl.DataFrame(columns, schema=SCORE_SCHEMA)

    def _entry_slice(self, texts: pl.DataFrame) -> pl.DataFrame:
        plan, (matches, weight, _) = self._plan, self._match(texts)
        row, entry, count, _ = count_entries(matches, weight, plan)
        category = plan.entry_category[entry]
        columns = {
            "text_hash": texts["text_hash"].gather(row),
            "lexicon": pl.Series(plan.category_lexicon, dtype=pl.String).gather(category),
            "category": pl.Series(plan.category_name, dtype=pl.String).gather(category),
            "entry": pl.Series(plan.entry_pattern, dtype=pl.String).gather(entry),
            "count": count,
        }
        return pl.DataFrame(columns, schema=ENTRY_SCHEMA)

    def _match(self, texts: pl.DataFrame) -> tuple[Matches, Floats, _Texts]:
        """Return the matches of a slice that count, their weights, and the slice as bytes."""
        lowered = lower_exact(texts["text"])
        slice_ = _Texts(lowered)
        matches = self._words(lowered, slice_)
        if self._plan.expressions:
            matches = _joined(matches, self._expressions(lowered, slice_.offsets))
        if "language" in texts.columns:
            matches = matches[self._is_covered(texts["language"], matches)]
        matches, weight = modify(without_shorter(matches, self._plan), self._plan, lambda: slice_.tokens)
        return matches, weight, slice_

    def _words(self, lowered: pl.Series, texts: _Texts) -> Matches:
        """Return the matches of all entries that denote literals, in the order in which they start."""
        parts = [self._at_words.at_word_starts(texts), self._anywhere.anywhere(lowered, texts)]
        start, literal = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
        order = np.lexsort((literal, start))
        start, literal, plan = start[order], literal[order], self._plan
        row = texts.row(start)
        edges = _Edges(plan, texts, start, row, literal)
        hit, target = plan.targets.expand(literal)
        entry = plan.targets.items[target]
        kept = edges.fit(hit, plan.entry_edge[entry], plan.entry_is_open[entry])
        hit, target, entry = hit[kept], target[kept], entry[kept]
        end = start[hit] + plan.length[literal[hit]]
        return Matches(row[hit], literal[hit], start[hit], end, entry, plan.rank[target])

    def _expressions(self, lowered: pl.Series, offsets: Positions) -> Matches:
        found = find_expressions(lowered, self._plan.expressions)
        start, end = offsets[found.row] + found.start, offsets[found.row] + found.end
        no_literal = np.full(len(start), NO_LITERAL)
        entry = self._plan.expression_entry[found.which]
        return Matches(found.row, no_literal, start, end, entry, np.zeros(len(start), dtype=np.int64))

    def _is_covered(self, languages: pl.Series, matches: Matches) -> Flags:
        known = languages.fill_null(UNDETERMINED)
        names = known.unique().sort()
        place = pl.Series(np.arange(len(names)))
        code = known.replace_strict(names, place, return_dtype=pl.Int64).to_numpy()
        covers = self._plan.covers(names.to_list())
        return np.asarray(covers[code[matches.row], self._plan.entry_card[matches.entry]], dtype=np.bool_)

    def _matched_tokens(self, matches: Matches, texts: _Texts, keys: Ints) -> Ints:
        """Count distinct tokens inside matches for each key (row and output category)."""
        plan, n_categories = self._plan, len(self._plan.category_name)
        word, spoken = np.flatnonzero(matches.literal != NO_LITERAL), np.flatnonzero(matches.literal == NO_LITERAL)
        match, token = plan.tokens.expand(matches.literal[word])
        position = matches.start[word[match]] + plan.tokens.items[token]
        other, place = texts.tokens_between(matches.start[spoken], matches.end[spoken])
        match, position = np.concatenate([word[match], spoken[other]]), np.concatenate([position, place])
        key, source = _to_categories(plan, matches.row[match], matches.entry[match])
        span = int(texts.offsets[-1]) + 1
        found = distinct((key % n_categories) * span + position[source])
        key_of_token = texts.row(found % span) * n_categories + found // span
        return np.bincount(np.searchsorted(keys, key_of_token), minlength=len(keys))


class _Texts:
    """A slice of lower-cased texts as UTF-8 bytes, with its word characters and where its tokens start."""

    def __init__(self, lowered: pl.Series) -> None:
        self.buffer, self.offsets = utf8_buffer(lowered)
        self.flags = word_flags(self.buffer)

    @functools.cached_property
    def tokens(self) -> Positions:
        """The positions at which the tokens of the texts start."""
        return token_starts_in(self.buffer, self.flags, self.offsets)

    def row(self, position: Positions) -> Ints:
        """Return the text that each position lies in."""
        return np.searchsorted(self.offsets, position, side="right") - 1

    def word_starts(self) -> Positions:
        """Return the positions of word characters that no word character of the same text precedes."""
        before = np.zeros(len(self.flags) + 1, dtype=np.bool_)
        before[1:] = self.flags
        before[self.offsets] = False
        return np.flatnonzero(self.flags & ~before[:-1])

    def tokens_between(self, start: Positions, end: Positions) -> tuple[Ints, Positions]:
        """Return index of the stretch and position of each token in it; one that began before counts at its start."""
        if not len(start):
            return _nowhere()
        low, high = np.searchsorted(self.tokens, start), np.searchsorted(self.tokens, end)
        owner = np.repeat(np.arange(len(start)), high - low)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
        is_start = np.append(self.tokens, NO_LITERAL)[low] == start
        cut = np.flatnonzero(word_after(self.flags, start, end) & ~is_start)
        return np.concatenate([owner, cut]), np.concatenate([self.tokens[low[owner] + within], start[cut]])


class _Some:
    """Some of the literals of a plan, and how they are found."""

    def __init__(self, plan: Plan, chosen: Flags) -> None:
        self._number = np.flatnonzero(chosen)
        self._literals = [plan.literals[at] for at in self._number]
        self._trie = Trie([literal.encode() for literal in self._literals])

    def at_word_starts(self, texts: _Texts) -> tuple[Positions, Ints]:
        """Return position and literal of every occurrence at the start of a word."""
        if not self._literals:
            return _nowhere()
        start = texts.word_starts()
        index, literal = self._trie.match(texts.buffer, start, texts.offsets[texts.row(start) + 1])
        return start[index], self._number[literal]

    def anywhere(self, lowered: pl.Series, texts: _Texts) -> tuple[Positions, Ints]:
        """Return position and literal of every occurrence."""
        if not self._literals:
            return _nowhere()
        frame = lowered.to_frame("text")
        found = frame.select(pl.col("text").str.find_many(self._literals, overlapping=True))["text"]
        text_start = np.repeat(texts.offsets[:-1], found.list.len().to_numpy())
        within = found.explode(empty_as_null=False).cast(pl.Int64).to_numpy()
        start = distinct(text_start + within)
        index, literal = self._trie.match(texts.buffer, start, texts.offsets[texts.row(start) + 1])
        if len(index) != len(within):
            raise RuntimeError(
                f"polars found {len(within)} literals where the trie finds {len(index)}: str.find_many no longer"
                " gives byte offsets of all overlapping matches; use the polars version of constraints.txt"
            )
        return start[index], self._number[literal]


def _nowhere() -> tuple[Positions, Ints]:
    return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)


class _Edges:
    """What stands beside occurrences of literals, and whether entries allow it."""

    def __init__(self, plan: Plan, texts: _Texts, start: Positions, row: Ints, literal: Ints) -> None:
        end, flags = start + plan.length[literal], texts.flags
        text_start, text_end = texts.offsets[row], texts.offsets[row + 1]
        before, after = word_before(flags, start, text_start), word_after(flags, end, text_end)
        starts, ends = plan.starts_with_word[literal], plan.ends_with_word[literal]
        self._word_start, self._word_end, self._word_open = before != starts, after != ends, ends | after
        self._token_start, self._token_end = ~before, ~after
        if (plan.entry_edge == EDGES["token"]).any():
            at = np.flatnonzero(self._token_start)
            size = apostrophe_before(texts.buffer, start[at], text_start[at])
            at, size = at[size > 0], size[size > 0]
            self._token_start[at] = ~word_before(flags, start[at] - size, text_start[at])
            at = np.flatnonzero(self._token_end)
            size = apostrophe_after(texts.buffer, end[at], text_end[at])
            at, size = at[size > 0], size[size > 0]
            self._token_end[at] = ~word_after(flags, end[at] + size, text_end[at])

    def fit(self, hit: Ints, edge: Ints, is_open: Flags) -> Flags:
        """Tell of each pair of an occurrence and an entry whether the boundary of the entry is kept."""
        word = self._word_start[hit] & np.where(is_open, self._word_open[hit], self._word_end[hit])
        token = self._token_start[hit] & (is_open | self._token_end[hit])
        return np.asarray(np.choose(edge, [np.ones(len(hit), dtype=np.bool_), word, token]), dtype=np.bool_)


def _joined(one: Matches, other: Matches) -> Matches:
    """Return the matches of both, those of a text in the order in which they start."""
    both = Matches(
        *(
            np.concatenate([getattr(one, name), getattr(other, name)])
            for name in ("row", "literal", "start", "end", "entry", "rank")
        )
    )
    return both[np.argsort(both.start, kind="stable")]


def _to_categories(plan: Plan, row: Ints, entry: Ints) -> tuple[Ints, Ints]:
    """Return the key (row and output category) of every item, once for its category and once for its total.

    The second array holds the item from which each key comes.
    """
    has_total = np.flatnonzero(plan.entry_total[entry] != NO_CATEGORY)
    source = np.concatenate([np.arange(len(entry)), has_total])
    output = np.concatenate([plan.entry_category[entry], plan.entry_total[entry[has_total]]])
    return row[source] * len(plan.category_name) + output, source
