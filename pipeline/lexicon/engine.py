"""Score texts by all lexicons: each card on the text that it asks for, raw or normalised.

What belongs here: the checks of what comes in, one automaton per kind of text, and the tables that come out. How an
automaton scores is in `automaton.py`, what a normalised text is in `normalise.py`; SQL over the scores is in `sql.py`.

How it works: texts go through in slices, so memory does not grow with the corpus, and the arrays of a slice stay near
the processor. Where normalising changes nothing but white space, the words of a text are read once for both kinds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

from pipeline.lexicon.automaton import Automaton, Sums
from pipeline.lexicon.lower import lower_exact
from pipeline.lexicon.model import Card
from pipeline.lexicon.normalise import is_plain, normalise
from pipeline.lexicon.plan import Ints, check_cards
from pipeline.lexicon.texts import Texts
from pipeline.lexicon.tokens import count_tokens
from pipeline.lexicon.words import WordTable

SLICE_BYTES = 4 * 2**20
"""Bytes of text per pass: large enough that fixed costs vanish, small enough that arrays are not paged in anew."""

SLICE_TEXTS = 2**14
"""Most texts per pass: bounds the table of counts by text and category."""

MOST_THREADS = 4
"""Most slices at a time by default: each takes a few times its size in arrays."""

T = TypeVar("T")

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


class Engine:
    """Scores texts by a set of cards.

    Parameters
    ----------
    cards
        One or more cards with distinct ids.
    slice_bytes
        Bytes of text per pass; the scores do not depend on it.
    threads
        Slices that are scored at a time, as many as there are processors up to `MOST_THREADS` when omitted; the scores
        do not depend on it.
    """

    def __init__(self, cards: Sequence[Card], slice_bytes: int = SLICE_BYTES, threads: int | None = None) -> None:
        check_cards(cards)
        kinds = {kind: [card for card in cards if card.text == kind] for kind in ("raw", "normalised")}
        self._automata = {kind: Automaton(chosen) for kind, chosen in kinds.items() if chosen}
        self._slice_bytes = slice_bytes
        self._threads = threads or min(os.cpu_count() or 1, MOST_THREADS)
        table = WordTable(sorted({word for one in self._automata.values() for word in one.first_words}))
        for one in self._automata.values():
            one.read(table)
        self._outputs = _Outputs.of(list(self._automata.values()))

    @property
    def literals(self) -> tuple[str, ...]:
        """The distinct literals of all cards, sorted."""
        return tuple(sorted({literal for one in self._automata.values() for literal in one.plan.literals}))

    def score(self, texts: pl.DataFrame) -> pl.DataFrame:
        """Score texts.

        Parameters
        ----------
        texts
            Columns text_hash (distinct), text (raw) and n_tokens (by the token rule); no nulls.

        Returns
        -------
        polars.DataFrame
            Columns of `SCORE_SCHEMA`, sparse (no row means zero), sorted by text_hash, lexicon, category.
            `count`: entries present, or their non-overlapping matches, as the card says; in a total
            category the capped sum. `weight_sum`: weights of what was counted, never capped. `share`:
            tokens inside matches, each once, as a share of the tokens of the text that was scored (n_tokens, or those
            of the normalised text), at most 1; null when the text has no token.

        Raises
        ------
        ValueError
            When a column is missing or of another type, holds a null, or a text_hash comes twice.
        """
        _check(texts, ("text_hash", "text", "n_tokens"))
        texts = texts.sort("text_hash")
        found = self._each(texts, lambda part: _Found.of(part, part.automaton.score(*part.read), self._outputs))
        return _Found.table(found, texts["text_hash"], self._outputs)

    def score_batches(self, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Score batches of texts one after the other; each result is sorted like that of `score`."""
        for batch in batches:
            yield self.score(batch)

    def entry_counts(self, texts: pl.DataFrame) -> pl.DataFrame:
        """Tell which entries made the scores: for audits and examples.

        Parameters
        ----------
        texts
            Columns text_hash and text.

        Returns
        -------
        polars.DataFrame
            text_hash, lexicon, category, entry (as the card writes it) and count (1 where the card counts
            presence), sorted by these.
        """
        _check(texts, ("text_hash", "text"))
        found = self._each(texts, lambda part: _entry_table(part, texts["text_hash"]))
        return pl.concat([ENTRY_SCHEMA.to_frame(), *found]).sort(*SCORE_KEY, "entry")

    def _each(self, texts: pl.DataFrame, action: Callable[[_Part], T]) -> list[T]:
        """Do something with what each automaton scores, slice by slice, and return the results in order.

        Nearly all of it is work on arrays, which threads do side by side.
        """

        def act(part: pl.DataFrame, are_plain: bool) -> list[T]:
            return [action(one) for one in (self._plain_parts(part) if are_plain else self._other_parts(part))]

        row = pl.Series("row", np.arange(texts.height))
        is_needed = "normalised" in self._automata
        plain = is_plain(texts["text"]) if is_needed else pl.repeat(True, texts.height, eager=True)
        frame = texts.with_columns(row)
        slices = [(part, True) for part in self._slices(frame.filter(plain))]
        slices += [(part, False) for part in self._slices(frame.filter(~plain))]
        if self._threads == 1 or len(slices) < 2:
            done = [act(*one) for one in slices]
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                done = list(pool.map(lambda one: act(*one), slices))
        return [result for results in done for result in results]

    def _plain_parts(self, part: pl.DataFrame) -> Iterator[_Part]:
        """Yield what is scored of a slice of texts in which normalising changes nothing but white space."""
        raw, normalised = (self._automata.get(kind) for kind in ("raw", "normalised"))
        lowered = part["text"].str.to_lowercase() if normalised else lower_exact(part["text"])
        read = Texts.of(lowered)
        if raw:
            yield _Part(raw, part, read, lowered)
        if normalised:
            spaced = read.spaced(lowered)
            yield _Part(normalised, part, spaced, spaced.series())

    def _other_parts(self, part: pl.DataFrame) -> Iterator[_Part]:
        """Yield what is scored of a slice of other texts."""
        raw, normalised = (self._automata.get(kind) for kind in ("raw", "normalised"))
        for automaton, some in ((raw, part), (normalised, _normalised(part))):
            if automaton:
                lowered = lower_exact(some["text"])
                yield _Part(automaton, some, Texts.of(lowered), lowered)

    def _slices(self, texts: pl.DataFrame) -> Iterator[pl.DataFrame]:
        if texts.is_empty():
            return
        size = texts["text"].str.len_bytes().cast(pl.Int64).to_numpy()
        number = np.cumsum(size) // self._slice_bytes
        ends = np.unique(np.append(np.flatnonzero(np.diff(number)) + 1, np.arange(SLICE_TEXTS, len(size), SLICE_TEXTS)))
        for start, end in zip([0, *ends], [*ends, texts.height], strict=True):
            yield texts.slice(int(start), int(end - start))


@dataclass(frozen=True, slots=True)
class _Part:
    """A slice of texts as an automaton reads it: `texts` and `lowered` are what it scores."""

    automaton: Automaton
    frame: pl.DataFrame
    texts: Texts
    lowered: pl.Series

    @property
    def read(self) -> tuple[Texts, pl.Series, pl.Series | None]:
        """What is scored, and its languages where they are known."""
        return self.texts, self.lowered, self.frame["language"] if "language" in self.frame.columns else None


@dataclass(frozen=True, slots=True)
class _Outputs:
    """The output categories of all automata, sorted by lexicon and name; `place` by automaton: where its own are."""

    lexicon: pl.Series
    category: pl.Series
    place: dict[int, Ints]

    @classmethod
    def of(cls, automata: Sequence[Automaton]) -> _Outputs:
        listed = [list(zip(one.plan.category_lexicon, one.plan.category_name, strict=True)) for one in automata]
        names = sorted(name for some in listed for name in some)
        index = {name: at for at, name in enumerate(names)}
        place = {
            id(one): np.array([index[name] for name in some], dtype=np.int64)
            for one, some in zip(automata, listed, strict=True)
        }
        lexicon, category = (pl.Series([name[side] for name in names], dtype=pl.String) for side in (0, 1))
        return cls(lexicon, category, place)


@dataclass(frozen=True, slots=True)
class _Found:
    """Scores of a part: where each belongs in the table (text and output category), and its columns."""

    key: Ints
    columns: tuple[pl.Series, pl.Series, pl.Series]

    @classmethod
    def of(cls, part: _Part, sums: Sums, outputs: _Outputs) -> _Found:
        n_tokens = part.frame["n_tokens"].cast(pl.Int64).to_numpy()[sums.row]
        share = np.minimum(sums.tokens, n_tokens) / np.where(n_tokens > 0, n_tokens, 1)
        shares = pl.Series(share).set(pl.Series(n_tokens == 0), None)
        row = part.frame["row"].to_numpy()[sums.row]
        key = row * len(outputs.lexicon) + outputs.place[id(part.automaton)][sums.category]
        return cls(key, (pl.Series(sums.count), pl.Series(sums.weight), shares))

    @staticmethod
    def table(found: Sequence[_Found], text_hash: pl.Series, outputs: _Outputs) -> pl.DataFrame:
        if not found:
            return SCORE_SCHEMA.to_frame()
        key = np.concatenate([one.key for one in found])
        order = pl.Series(np.argsort(key, kind="stable"))
        key = key[order.to_numpy()]
        category = key % len(outputs.lexicon)
        count, weight, share = (pl.concat([one.columns[at] for one in found]).gather(order) for at in (0, 1, 2))
        columns = {
            "text_hash": text_hash.gather(key // len(outputs.lexicon)),
            "lexicon": outputs.lexicon.gather(category),
            "category": outputs.category.gather(category),
            "count": count,
            "weight_sum": weight,
            "share": share,
        }
        return pl.DataFrame(columns, schema=SCORE_SCHEMA)


def _entry_table(part: _Part, text_hash: pl.Series) -> pl.DataFrame:
    plan = part.automaton.plan
    row, entry, count = part.automaton.entries(*part.read)
    category = plan.entry_category[entry]
    columns = {
        "text_hash": text_hash.gather(part.frame["row"].to_numpy()[row]),
        "lexicon": pl.Series(plan.category_lexicon, dtype=pl.String).gather(category),
        "category": pl.Series(plan.category_name, dtype=pl.String).gather(category),
        "entry": pl.Series(plan.entry_pattern, dtype=pl.String).gather(entry),
        "count": count,
    }
    return pl.DataFrame(columns, schema=ENTRY_SCHEMA)


def _normalised(texts: pl.DataFrame) -> pl.DataFrame:
    """Return the normalised texts with their own tokens: hidden characters cut words, styled letters are letters."""
    return texts.with_columns(text=normalise(texts["text"])).with_columns(n_tokens=count_tokens(pl.col("text")))


def _check(texts: pl.DataFrame, columns: Sequence[str]) -> None:
    if missing := set(columns) - set(texts.columns):
        raise ValueError(f"texts lack the columns {sorted(missing)}; the engine reads {list(columns)}")
    for column in columns:
        dtype = texts.schema[column]
        if not (dtype.is_integer() if column == "n_tokens" else dtype == pl.String):
            raise ValueError(f"column {column} of the texts has the type {dtype}; text is String, n_tokens an integer")
        if texts[column].has_nulls():
            raise ValueError(f"column {column} of the texts has nulls; score distinct texts, '' for an empty one")
    if texts["text_hash"].n_unique() != texts.height:
        raise ValueError("a text_hash comes twice; score every distinct text once")
