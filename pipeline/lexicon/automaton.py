"""Score texts by several lexicons at once.

What belongs here: one Aho-Corasick automaton over the literals of the cards, the word-boundary check, and
the sums by category. Which texts a card is scored on is in `engine.py`, what it may say in `card.py`.

How it works: `str.find_many` of polars gives the byte offset of every literal in the lower-cased texts,
overlaps included; a trie walked at these offsets says which literals they are; word boundaries are then
decided on the UTF-8 bytes around them. Both agree on the number of matches or the engine stops. Texts go
through in slices, so memory does not grow with the corpus. polars compiles up to 100 literals into its
fastest automaton, beyond that into one half as fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline.lexicon.boundary import Bytes, Positions, utf8_buffer, word_after, word_before
from pipeline.lexicon.card import Card
from pipeline.lexicon.lower import lower_exact
from pipeline.lexicon.plan import NO_CATEGORY, Flags, Ints, Plan, compile_plan
from pipeline.lexicon.trie import Trie

SLICE_BYTES = 32 * 2**20
"""Bytes of text per pass: large enough that fixed costs vanish, small enough for any machine."""

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


@dataclass(frozen=True, slots=True)
class _Matches:
    """Valid matches of a slice, one per text, position and entry (arrays of one length n).

    `literal` and `entry` index the plan; `start` and `end` are positions in the UTF-8 buffer of the slice.
    """

    row: Ints
    literal: Ints
    start: Positions
    end: Positions
    entry: Ints
    rank: Ints


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
        self._trie = Trie([literal.encode() for literal in self._plan.literals])

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
        plan, (matches, offsets) = self._plan, self._match(texts["text"])
        row, entry, count = _count_entries(matches, plan.entry_occurs)
        n_categories = len(plan.category_name)
        key, source = _to_categories(plan, row, entry)
        keys = _distinct(key)
        inverse = np.searchsorted(keys, key)
        counts = np.bincount(inverse, weights=count[source], minlength=len(keys)).astype(np.int64)
        weights = np.bincount(inverse, weights=(count * plan.entry_weight[entry])[source], minlength=len(keys))
        category = keys % n_categories
        rows = keys // n_categories
        tokens = self._matched_tokens(matches, offsets, keys)
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
        plan, (matches, _) = self._plan, self._match(texts["text"])
        row, entry, count = _count_entries(matches, plan.entry_occurs)
        category = plan.entry_category[entry]
        columns = {
            "text_hash": texts["text_hash"].gather(row),
            "lexicon": pl.Series(plan.category_lexicon, dtype=pl.String).gather(category),
            "category": pl.Series(plan.category_name, dtype=pl.String).gather(category),
            "entry": pl.Series(plan.entry_pattern, dtype=pl.String).gather(entry),
            "count": count,
        }
        return pl.DataFrame(columns, schema=ENTRY_SCHEMA)

    def _match(self, texts: pl.Series) -> tuple[_Matches, Positions]:
        """Return the valid matches of a slice and the offsets of its texts in the UTF-8 buffer."""
        plan, lowered = self._plan, lower_exact(texts)
        buffer, offsets = utf8_buffer(lowered)
        row, start, literal = self._find(lowered, buffer, offsets)
        end = start + plan.length[literal]
        is_bounded = word_before(buffer, start, offsets[row]) != plan.starts_with_word[literal]
        is_bounded &= word_after(buffer, end, offsets[row + 1]) != plan.ends_with_word[literal]
        hit, target = plan.targets.expand(literal)
        entry = plan.targets.items[target]
        kept = is_bounded[hit] | ~plan.entry_is_bounded[entry]
        hit, target, entry = hit[kept], target[kept], entry[kept]
        return _Matches(row[hit], literal[hit], start[hit], end[hit], entry, plan.rank[target]), offsets

    def _find(self, lowered: pl.Series, buffer: Bytes, offsets: Positions) -> tuple[Ints, Positions, Ints]:
        """Return row, position in the buffer and literal of every occurrence of every literal."""
        frame = lowered.to_frame("text")
        expression = pl.col("text").str.find_many(list(self._plan.literals), overlapping=True)
        found = frame.select(expression)["text"]
        text_start = np.repeat(offsets[:-1], found.list.len().to_numpy())
        within = found.explode(empty_as_null=False).cast(pl.Int64).to_numpy()
        start = _distinct(text_start + within)
        row = np.searchsorted(offsets, start, side="right") - 1
        index, literal = self._trie.match(buffer, start, offsets[row + 1])
        if len(index) != len(within):
            raise RuntimeError(
                f"polars found {len(within)} literals where the trie finds {len(index)}: str.find_many no longer"
                " gives byte offsets of all overlapping matches; use the polars version of constraints.txt"
            )
        return row[index], start[index], literal

    def _matched_tokens(self, matches: _Matches, offsets: Positions, keys: Ints) -> Ints:
        """Count distinct tokens inside matches for each key (row and output category)."""
        plan, n_categories = self._plan, len(self._plan.category_name)
        match, token = plan.tokens.expand(matches.literal)
        position = matches.start[match] + plan.tokens.items[token]
        key, source = _to_categories(plan, matches.row[match], matches.entry[match])
        span = int(offsets[-1]) + 1
        distinct = _distinct((key % n_categories) * span + position[source])
        row = np.searchsorted(offsets, distinct % span, side="right") - 1
        key_of_token = row * n_categories + distinct // span
        return np.bincount(np.searchsorted(keys, key_of_token), minlength=len(keys))


def _count_entries(matches: _Matches, occurs: Flags) -> tuple[Ints, Ints, Ints]:
    """Return row, entry and count, sorted by row and entry: 1 for presence, matches for occurrence."""
    n_entries = len(occurs)
    key = matches.row * n_entries + matches.entry
    is_occurrence = occurs[matches.entry]
    counted = [_distinct(key[~is_occurrence])]
    if is_occurrence.any():
        at = np.flatnonzero(is_occurrence)
        at = at[np.lexsort((matches.rank[at], matches.start[at], key[at]))]
        counted.append(key[at][_take_leftmost(key[at], matches.start[at], matches.end[at])])
    ordered = np.sort(np.concatenate(counted))
    keys = _distinct(ordered)
    count = np.searchsorted(ordered, keys, side="right") - np.searchsorted(ordered, keys)
    return keys // n_entries, keys % n_entries, count


def _distinct(values: Ints) -> Ints:
    """Return the sorted distinct values; sorting beats the hash table of `np.unique` here."""
    ordered = np.sort(values)
    is_first = np.ones(len(ordered), dtype=np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]


def _take_leftmost(group: Ints, start: Positions, end: Positions) -> Flags:
    """Choose non-overlapping matches per group as `re.findall` does, from matches sorted by group, start and rank.

    Only groups in which matches overlap are walked one by one, each match once.
    """
    taken = np.ones(len(group), dtype=np.bool_)
    overlaps = np.flatnonzero((group[1:] == group[:-1]) & (start[1:] < end[:-1]))
    walked = np.flatnonzero(np.isin(group, np.unique(group[overlaps])))
    current, free_from = -1, 0
    for at in walked.tolist():
        if group[at] != current:
            current, free_from = int(group[at]), 0
        taken[at] = start[at] >= free_from
        if taken[at]:
            free_from = int(end[at])
    return taken


def _to_categories(plan: Plan, row: Ints, entry: Ints) -> tuple[Ints, Ints]:
    """Return the key (row and output category) of every item, once for its category and once for its total.

    The second array holds the item from which each key comes.
    """
    has_total = np.flatnonzero(plan.entry_total[entry] != NO_CATEGORY)
    source = np.concatenate([np.arange(len(entry)), has_total])
    output = np.concatenate([plan.entry_category[entry], plan.entry_total[entry[has_total]]])
    return row[source] * len(plan.category_name) + output, source
