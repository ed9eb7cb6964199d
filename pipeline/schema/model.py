"""The vocabulary in which tables are described: `Column`, `Table` and their rendering as SQL and Arrow types.

What belongs here: the two classes and pure conversions of them. The tables themselves are in `corpus.py`,
`feature.py` and `analysis.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

POLARS_TYPES: dict[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "BIGINT": pl.Int64(),
    "INTEGER": pl.Int32(),
    "DOUBLE": pl.Float64(),
    "BOOLEAN": pl.Boolean(),
    "DATE": pl.Date(),
    "TIMESTAMP": pl.Datetime("us"),
    "FLOAT[]": pl.List(pl.Float32()),
}

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, DuckDB type, meaning, unit, and whether a value is required.

    Parameters
    ----------
    name
        Lower-case identifier; units are a suffix, booleans start with ``is_`` or ``has_``.
    type
        A DuckDB type among the keys of `POLARS_TYPES`.
    meaning
        One sentence for the data dictionary and the `COMMENT`.
    unit
        Unit of the value, where it has one.
    required
        True when the column may not be null.
    personal
        What a personal column holds, a key of `pipeline.schema.personal.ROLES`; ``None`` for all others. Set from
        the list there.
    """

    name: str
    type: str
    meaning: str
    unit: str | None = None
    required: bool = False
    personal: str | None = None

    def __post_init__(self) -> None:
        """Refuse names and types that could not be quoted safely in SQL."""
        if not _IDENTIFIER.match(self.name):
            raise ValueError(f"column name {self.name!r} is not a lower-case identifier")
        if self.type not in POLARS_TYPES:
            raise ValueError(f"column {self.name}: type {self.type!r} is not one of {sorted(POLARS_TYPES)}")

    @property
    def comment(self) -> str:
        """The sentence that DuckDB shows for the column."""
        parts = [self.meaning]
        if self.unit:
            parts.append(f"Unit: {self.unit}.")
        if self.required:
            parts.append("Never null.")
        if self.personal:
            parts.append(f"Personal: {self.personal}.")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Table:
    """One table, described once: from it come the cast, the schema check, the comments and the dictionary.

    Parameters
    ----------
    name, layer
        The table is ``layer.name`` in the catalogue and ``warehouse/layer/name`` on disk.
    meaning
        What a row is and what the table is for.
    key
        Columns that identify a row (within the corpus); rows are stored sorted by it.
    columns
        All columns but ``corpus_id``, which every table has first.
    produced_by
        The asset that writes it; ``None`` while no asset does, and the dictionary says so.
    warnings
        Words of the warning vocabulary that hold for the whole table.
    """

    name: str
    layer: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    produced_by: str | None = None
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the key names columns and that no column is described twice."""
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"table {self.name}: a column is described twice")
        if missing := set(self.key) - set(names):
            raise ValueError(f"table {self.name}: key columns {sorted(missing)} are not columns")

    @property
    def qualified(self) -> str:
        """``layer.name``, the name in the catalogue."""
        return f"{self.layer}.{self.name}"

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """``corpus_id`` and the columns of the table, in the order in which they are stored."""
        return (CORPUS_ID, *self.columns)

    @property
    def polars_schema(self) -> pl.Schema:
        """The polars schema of the stored table."""
        return pl.Schema({column.name: POLARS_TYPES[column.type] for column in self.all_columns})

    @property
    def sort_key(self) -> tuple[str, ...]:
        """The columns by which stored rows are ordered."""
        return ("corpus_id", *self.key)

    def with_personal(self, roles: Mapping[str, str]) -> Table:
        """Return the table with the role of each personal column; `roles` is by the name of the column."""
        columns = tuple(replace(column, personal=roles.get(column.name)) for column in self.columns)
        return replace(self, columns=columns)

    def ddl(self, qualified: str | None = None) -> str:
        """Return the ``CREATE TABLE`` statement of the catalogue."""
        body = ", ".join(f'"{c.name}" {c.type}{" NOT NULL" if c.required else ""}' for c in self.all_columns)
        return f"CREATE TABLE {qualified or self.qualified} ({body})"

    def cast_select(self, source: str, *, is_sorted: bool = True) -> str:
        """Return a SELECT that casts the columns of `source` to the schema, by name.

        Parameters
        ----------
        source
            A relation name or a parenthesised query which has every column but ``corpus_id``; the
            corpus id is the bound parameter ``$corpus_id``.
        is_sorted
            Whether the rows come in the order of the key, nulls first.
        """
        body = ", ".join(f'CAST("{c.name}" AS {c.type}) AS "{c.name}"' for c in self.columns)
        order = ", ".join(f'"{name}" NULLS FIRST' for name in self.key)
        suffix = f" ORDER BY {order}" if order and is_sorted else ""
        return f"SELECT CAST($corpus_id AS VARCHAR) AS corpus_id, {body} FROM {source}{suffix}"


CORPUS_ID = Column(
    "corpus_id",
    "VARCHAR",
    "The corpus (folder under data/) of the row; '*' in tables that describe the project itself.",
    required=True,
)


def column(
    name: str,
    type_: str,
    meaning: str,
    *,
    unit: str | None = None,
    required: bool = False,
) -> Column:
    """Build a `Column`; the short form in which the tables are written."""
    return Column(name, type_, meaning, unit, required)
