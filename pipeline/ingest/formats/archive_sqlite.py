"""SQLite databases of published archives: rows become documents of the tables that `archive_tables` describes.

Names of tables and columns come from the adapter. What a database holds beside them is said and not read: each unknown
table that holds rows, and the unknown columns of each known table, are one quarantined row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from pipeline.ingest.formats.archive_tables import TABLE_CONTAINERS, ArchiveTable, extractor, kind_in
from pipeline.ingest.formats.base import Adapter
from pipeline.ingest.repair import Rejected
from pipeline.ingest.sqlite_source import (
    Database,
    UnreadableDatabaseError,
    counted,
    database_documents,
    open_database,
    read_table,
    shown_names,
)

if TYPE_CHECKING:
    from pipeline.ingest.scan import SourceFile


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table of the database: its name, the columns that are read, and the `ArchiveTable` of its rows.

    `lookup` names a column that is filled from another table: (column, by which column, table, its key, its value).
    """

    table: str
    columns: tuple[str, ...]
    rows: str
    lookup: tuple[str, str, str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    """The tables of a database that are read; tables, and columns of any table, that are known and hold nothing."""

    tables: tuple[SourceTable, ...]
    skipped: frozenset[str] = frozenset()
    unused: frozenset[str] = frozenset()

    def documents(self, path: Path, file: SourceFile) -> Iterator[pa.Table | Rejected]:
        """Yield the rows of all tables as JSON objects with the name of their `ArchiveTable`."""
        yield from database_documents(path, file.size, self._read)

    def _read(self, database: Database) -> Iterator[pa.Table | Rejected]:
        yield from self._unread(database)
        for source in self.tables:
            yield from _rows(database, source)

    def _unread(self, database: Database) -> Iterator[Rejected]:
        """Name the tables that hold rows and are of none that is read, and the columns that are not read."""
        known = {source.table: source.columns for source in self.tables}
        for table in sorted(set(database.tables) - set(known) - self.skipped):
            for _, found in counted(database, table, "''"):
                yield Rejected("table_not_read", f"table {shown_names([table])}: {found} rows are not read", "")
        for table, columns in known.items():
            if more := sorted(set(database.tables.get(table, ())) - set(columns) - self.unused):
                detail = f"table {shown_names([table])}: its columns {shown_names(more)} are not read"
                yield Rejected("table_not_read", detail, "")


def _rows(database: Database, source: SourceTable) -> Iterator[pa.Table]:
    if not database.has(source.table):
        return
    names = None
    if source.lookup is not None:
        column, by, table, key, value = source.lookup
        names = _lookup(database, table, key, value).rename({key: by, value: column})
    for part in read_table(database, source.table, source.columns):
        frame = part.select(source.columns)
        if names is not None and source.lookup is not None:
            frame = frame.join(names, on=source.lookup[1], how="left", maintain_order="left")
        body = frame.select(pl.struct(pl.all()).struct.json_encode().alias("doc"))
        yield body.with_columns(table_kind=pl.lit(source.rows)).to_arrow()


def _lookup(database: Database, table: str, key: str, value: str) -> pl.DataFrame:
    """Return the pairs of two columns of a table, each key once."""
    parts = [pl.DataFrame(schema={key: pl.String, value: pl.String})]
    if database.has(table, key, value):
        parts += [part.select(key, value) for part in read_table(database, table, (key, value))]
    return pl.concat(parts).drop_nulls().unique(key, keep="first", maintain_order=True)


def sqlite_adapter(
    name: str,
    describes: str,
    archive: Archive,
    tables: tuple[ArchiveTable, ...],
    marks: Mapping[str, tuple[str, ...]] | tuple[Mapping[str, tuple[str, ...]], ...],
    *,
    has_exports: bool = False,
) -> Adapter:
    """Return the adapter of an archive that is a SQLite database.

    Parameters
    ----------
    name, describes, archive
        As in `Adapter`, and the tables of the database.
    tables
        What the rows of the tables are.
    marks
        The columns, by table, that tell a database; several sets where one of them is enough.
    has_exports
        Whether the tables are also published as CSV or Parquet, told by their columns.
    """
    return Adapter(
        name=name,
        version="1",
        system="Moltbook",
        containers=frozenset({"sqlite"}) | (TABLE_CONTAINERS if has_exports else frozenset()),
        recognises=lambda path, container, head: False,
        read_usual=None,
        extract=extractor(tables),
        table_kind=kind_in(tables) if has_exports else lambda columns: None,
        describes=describes,
        recognises_file=_recogniser((marks,) if isinstance(marks, Mapping) else marks),
        documents=archive.documents,
        reads_too=frozenset({"moltbook_observatory"}) if has_exports else frozenset(),
    )


def _recogniser(marks: tuple[Mapping[str, tuple[str, ...]], ...]) -> Callable[[Path], bool]:
    def recognises_file(path: Path) -> bool:
        try:
            database = open_database(path)
        except UnreadableDatabaseError:
            return False
        with closing(database.con):
            return any(all(database.has(table, *columns) for table, columns in mark.items()) for mark in marks)

    return recognises_file
