"""DuckDB connections with the limits of the settings, and the views of one corpus.

What belongs here: opening and closing connections. A connection reads and writes files in the folders it is
given and nowhere else, loads no extension, and keeps what does not fit into memory in a folder of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import duckdb

from pipeline.schema import TABLES, Table
from pipeline.settings import Settings
from pipeline.warehouse import manifest
from pipeline.warehouse.files import remove_stale, temporary_folder
from pipeline.warehouse.layout import Layout
from pipeline.warehouse.locks import shared


def sql_literal(text: str) -> str:
    """Return a text as a SQL literal; for statements that take no bound parameters."""
    return "'" + text.replace("'", "''") + "'"


def sql_identifier(text: str) -> str:
    """Return a quoted SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def empty_select(table: Table) -> str:
    """Return a SELECT with the columns and types of the table and no rows."""
    body = ", ".join(f'CAST(NULL AS {column.type}) AS "{column.name}"' for column in table.all_columns)
    return f"SELECT {body} WHERE false"


def files_select(table: Table, files: Sequence[Path]) -> str:
    """Return a SELECT over an explicit list of part files; a view can hold it, as it binds nothing."""
    if not files:
        return empty_select(table)
    columns = ", ".join(f'"{column.name}"' for column in table.all_columns)
    listed = ", ".join(sql_literal(str(path)) for path in files)
    return f"SELECT {columns} FROM read_parquet([{listed}], hive_partitioning = false)"


@contextlib.contextmanager
def connection(settings: Settings, folders: Sequence[Path] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory DuckDB with the limits of the settings.

    Parameters
    ----------
    settings
        Threads, memory and the place to spill to.
    folders
        Folders besides the warehouse that may be read and written; ``None`` lifts the limit, for binding the
        views that users keep in their own schema.
    """
    layout = Layout(settings.warehouse)
    remove_stale(layout.spill, layout.root)
    with temporary_folder(layout.spill, layout.root) as spill:
        con = duckdb.connect(
            config={
                "threads": settings.threads,
                "memory_limit": settings.memory_limit,
                "temp_directory": str(spill),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "allow_persistent_secrets": False,
                "preserve_insertion_order": True,
            }
        )
        try:
            con.execute("SET TimeZone = 'UTC'")
            con.execute("SET enable_progress_bar = false")  # of queries above 2 s, among what the steps say
            if folders is not None:
                allowed = ", ".join(sql_literal(str(path)) for path in (settings.warehouse, *folders))
                con.execute(f"SET allowed_directories = [{allowed}]")
                con.execute("SET enable_external_access = false")
            yield con
        finally:
            con.close()


@contextlib.contextmanager
def session(
    settings: Settings, corpus_id: str | None, folders: Sequence[Path], tables: Collection[str] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection in which every table is a view, without its layer in the name, over the current parts.

    Parameters
    ----------
    settings
        The settings.
    corpus_id
        The corpus; ``None`` for all corpora together.
    folders
        Folders besides the warehouse that may be read and written.
    tables
        Names of the tables; None for all.
    """
    layout = Layout(settings.warehouse)
    with shared(layout.use_lock, "the warehouse"), connection(settings, folders) as con:
        for table in TABLES.values():
            if tables is not None and table.name not in tables:
                continue
            current = manifest.manifests(layout, table, corpus_id)
            files = [path for entry in current for path in entry.files(layout)]
            con.execute(f'CREATE VIEW "{table.name}" AS {files_select(table, files)}')
        yield con
