"""The catalogue: the DuckDB file that users open, built beside the old one and swapped in.

What belongs here: building the file from the published snapshots. The caller holds the catalogue lock.
"""

from __future__ import annotations

import datetime
import logging
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.schema import LAYERS, QUARANTINE_REASONS, TABLES, TEXT_FLAGS, WARNINGS, Table
from pipeline.settings import Settings
from pipeline.warehouse import publish, scratch
from pipeline.warehouse.clean import add_functions, clean_select
from pipeline.warehouse.clean_copies import clean_files
from pipeline.warehouse.files import sync
from pipeline.warehouse.layout import Layout
from pipeline.warehouse.session import connection, files_select, sql_identifier, sql_literal

log = logging.getLogger(__name__)

FORMAT_VERSION = "1"
STORAGE_VERSION = "v1.2.0"
"""The newest storage version that DuckDB 1.2 opens: clients one or two years old can read the file."""

DATABASE = "ethogram"  # the name under which clients see the file; views of users may say it
ALWAYS_VIEWS = frozenset({"embedding", "persona_embedding"})  # large, and read by few
PREFIX = ".ethogram.duckdb-"
FILLERS = 4
"""Tables that are filled at a time, at most."""

META_TABLES: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "part": (
        "What the catalogue was built from: one row per table, corpus and family.",
        {
            "table": ("VARCHAR", "Table, without its schema."),
            "corpus_id": ("VARCHAR", "Corpus; * for tables that describe the project."),
            "family": ("VARCHAR", "Family of measures, empty where the table has none."),
            "fingerprint": ("VARCHAR", "Hash of inputs, configuration, sources and libraries."),
            "rows": ("BIGINT", "Number of rows. Unit: rows."),
            "table_hash": ("VARCHAR", "Hash of the rows in the order of the key."),
            "written_at": ("VARCHAR", "When the part was written (UTC)."),
        },
    ),
    "about": (
        "What this file is, when it was built, and how it may be used.",
        {"name": ("VARCHAR", "What the value says."), "value": ("VARCHAR", "The value.")},
    ),
    "warning_vocabulary": (
        "Words of the columns warnings, reason and flags, with their meaning.",
        {
            "kind": ("VARCHAR", "warning, quarantine_reason or text_flag."),
            "word": ("VARCHAR", "The word."),
            "meaning": ("VARCHAR", "What it means."),
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Build:
    """What a build of the catalogue did."""

    path: Path
    corpora: tuple[str, ...]
    rows: int
    seconds: float
    warnings: tuple[str, ...]


def build(settings: Settings) -> Build:
    """Build the catalogue from the published snapshots and swap it in; the caller holds the catalogue lock."""
    start = time.monotonic()
    layout = Layout(settings.warehouse)
    shown = publish.snapshots(layout)
    rows = sum(entry.rows for snapshot in shown for entry in snapshot.manifests)
    warnings: list[str] = []
    with new_database(settings, layout.root, PREFIX) as (con, path):
        _add_tables(con, settings, shown)
        add_meta(con, shown, _about())
        con.execute("CREATE SCHEMA scratch")
        carried = scratch.carry_over(con, layout.catalogue, DATABASE)
        warnings.extend(carried.warnings)
        con.execute("USE memory")
        con.execute(f"DETACH {DATABASE}")
        if scratch.log_of(path).exists():
            raise RuntimeError(f"{path} was not written in full: its log remains")
        sync(path)
        generation = publish.begin_generation(layout, shown)
        if carried.keep_old:
            backup = scratch.back_up(layout.catalogue)
            warnings.append(f"the old catalogue is kept as {backup.name}")
        # The old file stays attached until here: DuckDB's lock on it keeps anybody from writing into the scratch
        # schema after it was copied.
        path.replace(layout.catalogue)
        scratch.remove_log(layout.catalogue)
        sync(layout.root)
    publish.end_generation(layout, generation)
    for sentence in warnings:
        log.warning("%s", sentence)
    corpora = tuple(snapshot.corpus_id for snapshot in shown)
    return Build(layout.catalogue, corpora, rows, time.monotonic() - start, tuple(warnings))


@contextmanager
def new_database(settings: Settings, folder: Path, prefix: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Attach a new database file under a temporary name in `folder` and make it the default.

    Leftovers of the same prefix go first: the caller holds the lock under which such files are made. What is left
    under the temporary name at the end is removed; a caller that is content renames it before.
    """
    for leftover in folder.glob(f"{prefix}*"):
        leftover.unlink(missing_ok=True)
    path = folder / f"{prefix}{secrets.token_hex(4)}"
    try:
        with connection(settings) as con:
            con.execute(f"ATTACH {sql_literal(str(path))} AS {DATABASE} (STORAGE_VERSION '{STORAGE_VERSION}')")
            con.execute(f"USE {DATABASE}")
            for schema in (*LAYERS, "meta"):
                con.execute(f"CREATE SCHEMA {schema}")
            yield con, path
    finally:
        for leftover in (path, path.with_name(path.name + ".wal")):
            leftover.unlink(missing_ok=True)


def parts_of(layout: Layout, table: Table, shown: Sequence[publish.Snapshot]) -> tuple[list[Path], int, bool]:
    """Return the files of a table over all corpora, its rows, and whether the files in this order are sorted."""
    files: list[Path] = []
    rows = 0
    is_sorted = True
    for snapshot in shown:
        entries = [entry for entry in snapshot.manifests if entry.table == table.name]
        files += [path for entry in entries for path in entry.files(layout)]
        rows += sum(entry.rows for entry in entries)
        is_sorted = is_sorted and len(entries) <= 1
    return files, rows, is_sorted


def comments(table: Table, kind: str = "TABLE", left_out: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the statements that describe a table and its columns inside the database."""
    meaning = table.meaning
    if table.warnings:
        meaning += f" Warnings: {', '.join(table.warnings)}."
    yield f"COMMENT ON {kind} {table.qualified} IS {sql_literal(meaning)}"
    for column in table.all_columns:
        if column.name not in left_out:
            name = f"{table.qualified}.{sql_identifier(column.name)}"
            yield f"COMMENT ON COLUMN {name} IS {sql_literal(column.comment)}"


def add_meta(con: duckdb.DuckDBPyConnection, shown: Sequence[publish.Snapshot], about: Mapping[str, str]) -> None:
    """Fill schema ``meta``."""
    con.execute("BEGIN")
    for table, (meaning, columns) in META_TABLES.items():
        body = ", ".join(f"{sql_identifier(name)} {type_} NOT NULL" for name, (type_, _) in columns.items())
        con.execute(f"CREATE TABLE meta.{table} ({body})")
        con.execute(f"COMMENT ON TABLE meta.{table} IS {sql_literal(meaning)}")
        for name, (_, comment) in columns.items():
            con.execute(f"COMMENT ON COLUMN meta.{table}.{sql_identifier(name)} IS {sql_literal(comment)}")
    rows = [
        (e.table, e.corpus_id, e.family, e.fingerprint, e.rows, e.table_hash, e.written_at)
        for snapshot in shown
        for e in snapshot.manifests
    ]
    _insert(con, "meta.part", sorted(rows))
    layers = {f"schema {layer}": meaning for layer, meaning in LAYERS.items()}  # DuckDB has no comments on schemas
    _insert(con, "meta.about", [*about.items(), *layers.items()])
    vocabularies = {"warning": WARNINGS, "quarantine_reason": QUARANTINE_REASONS, "text_flag": TEXT_FLAGS}
    words = [(kind, *item) for kind, vocabulary in vocabularies.items() for item in sorted(vocabulary.items())]
    _insert(con, "meta.warning_vocabulary", words)
    con.execute("COMMIT")


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[object]]) -> None:
    if rows:
        con.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _add_tables(con: duckdb.DuckDBPyConnection, settings: Settings, shown: Sequence[publish.Snapshot]) -> None:
    """Make every table of the schema: native up to the size of the settings, else a view over its files.

    Neither holds a credential: see `clean` and `clean_copies`.
    """
    layout = Layout(settings.warehouse)
    filled: list[tuple[int, str]] = []
    add_functions(con)
    con.execute("BEGIN")  # one transaction for all descriptions: each commit waits for the disk
    for table in TABLES.values():
        files, rows, is_sorted = parts_of(layout, table, shown)
        if rows > settings.native_max_rows or table.name in ALWAYS_VIEWS:
            shown_files = clean_files(con, layout, table, files)
            con.execute(f"CREATE VIEW {table.qualified} AS {files_select(table, shown_files)}")
            kind = "VIEW"
        else:
            con.execute(table.ddl())
            kind = "TABLE"
            order = ", ".join(f"{sql_identifier(name)} NULLS FIRST" for name in table.sort_key)
            if rows:
                select = clean_select(con, table, files, rows)
                ordered = "" if is_sorted else f" ORDER BY {order}"
                filled.append((rows, f"INSERT INTO {table.qualified} {select}{ordered}"))
        for statement in comments(table, kind):
            con.execute(statement)
    con.execute("COMMIT")
    # The rows of one table are written in their order, by one thread; so tables are filled beside each other.
    statements = [statement for _, statement in sorted(filled, key=lambda item: -item[0])]
    with ThreadPoolExecutor(min(FILLERS, settings.threads)) as fillers:
        list(fillers.map(lambda statement: _fill(con, statement), statements))


def _fill(con: duckdb.DuckDBPyConnection, statement: str) -> None:
    with con.cursor() as own:
        own.execute(f"USE {DATABASE}")
        own.execute("SET TimeZone = 'UTC'")
        own.execute("SET enable_progress_bar = false")
        own.execute(statement)


def _about() -> dict[str, str]:
    return {
        "format_version": FORMAT_VERSION,
        "built_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "built_by": f"duckdb {duckdb.__version__}, storage version {STORAGE_VERSION}",
        "read_only": (
            "Open this file read-only: every run builds it anew. Schema scratch is yours; its tables and views "
            "are carried over. Do not keep the file open for writing: that shuts out readers."
        ),
        "redacted": (
            "What looks like a credential is replaced by [redacted:<kind>]; the parts of the store hold the raw texts, "
            "and text_hash is of those. Names and addresses are as they were read: make share replaces them."
        ),
        "documentation": "docs/tables.md; every table and column has a comment, see duckdb_columns().",
    }
