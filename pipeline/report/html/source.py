"""What the sections read: the catalogue, one corpus of it, and the titles of the measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import polars as pl

from pipeline.report.html.numbers import number, whole
from pipeline.report.html.page import Glossary

_TITLES = "SELECT measure_id, title, unit, statistic FROM analysis.measure_dictionary ORDER BY measure_id"
# What counts whole things, and is no mean of them.
_COUNTED = frozenset({
    *("agents", "authors", "batches", "clusters", "comments", "communities", "events", "groups", "levels", "messages"),
    *("partners", "posts", "spells of ties", "texts", "threads", "ties", "tokens", "topics", "triads", "types"),
})  # fmt: skip
_WHOLE = frozenset({
    *("count", "maximum", "minimum", "mode", "median", "quantile"),
    *("largest core number", "minimum Kolmogorov-Smirnov distance", "Louvain, resolution 1"),
})  # fmt: skip
_MEASURES = "SELECT * FROM analysis.measure WHERE corpus_id = $corpus_id AND family = $family ORDER BY ALL"
_ESTIMATES = "SELECT * FROM analysis.estimate WHERE corpus_id = $corpus_id AND family = $family ORDER BY ALL"

IS_WHOLE = pl.col("period").is_null() | (pl.col("period") == "all")
"""A measure of the whole slice, written either way."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of one corpus (``'*'`` for all) and the warnings that the page has shown.

    Parameters
    ----------
    con
        The catalogue, open for reading.
    corpus_id
        The corpus; it only ever travels as a bound parameter.
    """

    con: duckdb.DuckDBPyConnection
    corpus_id: str
    glossary: Glossary = field(default_factory=Glossary)
    titles: dict[str, str] = field(default_factory=dict)
    counts: set[str] = field(default_factory=set)

    def frame(self, query: str, **bound: object) -> pl.DataFrame:
        """Return the rows of a query; ``$corpus_id`` is bound when the query names it."""
        parameters = {**({"corpus_id": self.corpus_id} if "$corpus_id" in query else {}), **bound}
        found: pl.DataFrame = self.con.sql(query, params=parameters).pl()
        return found

    def rows(self, query: str, **bound: object) -> list[dict[str, Any]]:
        """Return the rows of a query as dictionaries."""
        return self.frame(query, **bound).to_dicts()

    def measures(self, family: str) -> pl.DataFrame:
        """Return the measures of a family, every column in the order of the table."""
        return self.frame(_MEASURES, family=family)

    def estimates(self, family: str) -> pl.DataFrame:
        """Return the estimates of a family."""
        return self.frame(_ESTIMATES, family=family)

    def title(self, measure_id: str) -> str:
        """Return the title of a measure from the dictionary, its id in words when it has none."""
        self._read_dictionary()
        return self.titles.get(measure_id) or measure_id.replace("_", " ")

    def value(self, measure_id: str, value: object) -> str:
        """Return a value as text: that of a measure which counts without decimals."""
        self._read_dictionary()
        return whole(value) if measure_id in self.counts else number(value)

    def _read_dictionary(self) -> None:
        if self.titles:
            return
        for row in self.rows(_TITLES):
            self.titles[row["measure_id"]] = row["title"]
            if row["unit"] in _COUNTED and row["statistic"] in _WHOLE:
                self.counts.add(row["measure_id"])
