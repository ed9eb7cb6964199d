"""Whether an instrument covers the languages of what it measured: the warning ``language_unsupported``.

What belongs here: shares of texts in languages that a word list or a model was not made for, and what follows for a
row. A count of English words keeps its value in any language, and the row says so; an embedding measure is null where
most texts are of a language that the card of the model does not cover, since its distances mean nothing there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import duckdb
import polars as pl

from pipeline.language.identify import UNDETERMINED
from pipeline.schema import Measure, join_warnings

ENGLISH = frozenset({"en"})
"""Languages of the word lists (field `language` of their cards) and of the teacher (card of all-MiniLM-L6-v2)."""
WORD = "language_unsupported"
MOST_FOREIGN = 0.05
"""More than this share of the texts whose language is known, and the row carries the warning."""
MOST_REFUSED = 0.5
"""More than this share, and an embedding measure is null."""

_LANGUAGES = "SELECT language, CAST(sum(copies) AS BIGINT) AS n FROM text GROUP BY language ORDER BY language"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Texts whose language is known, and how many of them are of a language that is not covered."""

    known: int
    foreign: int

    @property
    def is_warned(self) -> bool:
        """True when the row has to carry the warning."""
        return self.foreign > MOST_FOREIGN * self.known

    @property
    def is_refused(self) -> bool:
        """True when an embedding measure has no value."""
        return self.foreign > MOST_REFUSED * self.known

    @property
    def words(self) -> list[str]:
        """The warning as a list, empty when there is none."""
        return [WORD] if self.is_warned else []


def coverage(languages: pl.Series, weights: pl.Series | None = None, covered: Collection[str] = ENGLISH) -> Coverage:
    """Count the texts of known language, and those of a language that is not covered.

    Parameters
    ----------
    languages
        Codes as in ``feature.text.language``; null and ``und`` are not known.
    weights
        Texts that each row stands for; one without it.
    covered
        Codes that the instrument covers.
    """
    ones = pl.Series([1], dtype=pl.Int64).new_from_index(0, len(languages))
    counts = pl.DataFrame({"language": languages, "n": ones if weights is None else weights})
    known = counts.filter(pl.col("language").is_not_null() & (pl.col("language") != UNDETERMINED))
    foreign = known.filter(~pl.col("language").is_in(sorted(covered)))
    return Coverage(int(known["n"].sum()), int(foreign["n"].sum()))


def corpus_coverage(con: duckdb.DuckDBPyConnection, covered: Collection[str] = ENGLISH) -> Coverage:
    """Return the coverage of a corpus from its view ``text``, each text by its copies."""
    found = con.sql(_LANGUAGES).pl()
    return coverage(found["language"], found["n"], covered)


def warned(rows: Iterable[Measure], found: Coverage) -> list[Measure]:
    """Return the rows with the warning, where there is one; values are kept."""
    return [replace(row, warnings=_with_words(row, found.words)) for row in rows]


def refused(rows: Iterable[Measure], found: Coverage) -> list[Measure]:
    """Return rows of an embedding measure: null where most texts are not covered, else as `warned`."""
    if not found.is_refused:
        return warned(rows, found)
    return [
        replace(
            row, value=None, ci_low=None, ci_high=None, ci_level=None, ci_method=None, null_model=None, null_mean=None,
            null_sd=None, p_value=None, warnings=_with_words(row, [WORD]),
        )
        for row in rows
    ]  # fmt: skip


def _with_words(row: Measure, words: Iterable[str]) -> str | None:
    return join_warnings([*(row.warnings or "").split(","), *words])
