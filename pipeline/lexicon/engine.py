"""Score texts by all lexicons: each card on the text that it asks for, raw or normalised.

What belongs here: the checks of what comes in, and one automaton per kind of text. How an automaton scores is in
`automaton.py`, what a normalised text is in `normalise.py`; SQL over the scores is in `sql.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import polars as pl

from pipeline.lexicon.automaton import ENTRY_SCHEMA, SCORE_KEY, SCORE_SCHEMA, SLICE_BYTES, Automaton
from pipeline.lexicon.model import Card
from pipeline.lexicon.normalise import normalise
from pipeline.lexicon.plan import check_cards
from pipeline.lexicon.tokens import count_tokens


class Engine:
    """Scores texts by a set of cards.

    Parameters
    ----------
    cards
        One or more cards with distinct ids.
    slice_bytes
        Bytes of text per pass; the scores do not depend on it.
    """

    def __init__(self, cards: Sequence[Card], slice_bytes: int = SLICE_BYTES) -> None:
        check_cards(cards)
        kinds = {kind: [card for card in cards if card.text == kind] for kind in ("raw", "normalised")}
        self._automata = {kind: Automaton(chosen, slice_bytes) for kind, chosen in kinds.items() if chosen}

    @property
    def literals(self) -> tuple[str, ...]:
        """The distinct literals of all cards, sorted."""
        return tuple(sorted({literal for one in self._automata.values() for literal in one.literals}))

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
        parts = self._each(texts, lambda automaton, chosen: automaton.score(chosen))
        return pl.concat([SCORE_SCHEMA.to_frame(), *parts]).sort(SCORE_KEY)

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
        parts = self._each(texts, lambda automaton, chosen: automaton.entry_counts(chosen))
        return pl.concat([ENTRY_SCHEMA.to_frame(), *parts]).sort(*SCORE_KEY, "entry")

    def _each(
        self, texts: pl.DataFrame, score: Callable[[Automaton, pl.DataFrame], pl.DataFrame]
    ) -> Iterator[pl.DataFrame]:
        for kind, automaton in self._automata.items():
            yield score(automaton, texts if kind == "raw" else _normalised(texts))


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
