"""Where the rows of a table can come from: a frame, a query, files, or the rows of another table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl


@dataclass(frozen=True, slots=True)
class Query:
    """Rows that a query makes on an open connection; written without passing through Python.

    Parameters
    ----------
    con
        The connection, usually of `Warehouse.session`.
    sql
        One SELECT with the columns of the table in any order.
    params
        Named bound parameters.
    about_bytes
        What the rows hold, about, where that is known beforehand; more than fits into memory is not tried there.
    """

    con: duckdb.DuckDBPyConnection
    sql: str
    params: Mapping[str, object] = field(default_factory=dict)
    about_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows in Parquet files that were written elsewhere, with the columns of the table in any order."""

    paths: Sequence[Path]


Rows = pl.DataFrame | pl.LazyFrame | Query | Staged


@dataclass(frozen=True, slots=True)
class Later:
    """Rows that are made when it is their turn to be written, while those before them are on their way."""

    make: Callable[[], Rows]


@dataclass(frozen=True, slots=True)
class Derived:
    """Rows that follow from those of a table that is written before, in the order of its key.

    Parameters
    ----------
    table
        Name of that table.
    make
        Takes its rows as they are stored, and returns these as they are to be stored, in the order of their key; None
        where they are too many for memory.
    otherwise
        The rows where those of either table are too many for memory.
    """

    table: str
    make: Callable[[pl.DataFrame], pl.DataFrame | None]
    otherwise: Rows


Data = Rows | Later | Derived
