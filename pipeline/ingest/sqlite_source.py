"""Reads tables of a SQLite database in batches, as text columns of polars frames.

DuckDB's reader of SQLite is a download, so the standard library reads. A database is opened read-only and immutable:
nothing beside it is written, and neither a write-ahead log nor a journal beside it is played back: the caller asks
for them first. A database is checked whole
before its first row is read, because what a damaged one loses is no tail: a table is a tree over the whole file.
Names of tables and columns come from the caller's constants, never from the database; views, virtual tables and
columns that hold a password are not read.
"""

from __future__ import annotations

import re
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pyarrow as pa

from pipeline.ingest.repair import Rejected

MAGIC = b"SQLite format 3\x00"
BATCH_ROWS = 50_000
BATCH_BYTES = 16 << 20
FIRST_ROWS = 1_000
NEVER_READ = frozenset({"password", "passwd", "api_key", "token", "secret"})
_HEADER_BYTES = 100
_SHOWN_TABLES, _SHOWN_CHARS = 12, 40


class UnreadableDatabaseError(Exception):
    """A database that cannot be read; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Database:
    """An open database: its connection, and the columns of each ordinary table, all names in lower case."""

    con: sqlite3.Connection
    tables: dict[str, tuple[str, ...]]

    def has(self, table: str, *columns: str) -> bool:
        """Return whether there is a table that has all of some columns."""
        return table in self.tables and set(columns) <= set(self.tables[table])


def open_database(path: Path) -> Database:
    """Open a database for reading and list its tables; close its connection after use.

    Raises
    ------
    UnreadableDatabaseError
        When the file is no SQLite database or its schema cannot be read.
    """
    uri = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    con = sqlite3.connect(uri, uri=True, check_same_thread=False)
    try:
        con.text_factory = bytes
        con.execute("PRAGMA trusted_schema = OFF")
        con.execute("PRAGMA query_only = ON")
        # Lets a database that was cut say at least which tables it had; nothing can be written here.
        con.execute("PRAGMA writable_schema = ON")
        # A virtual table and a view have no page of their own; reading them would run code of the schema.
        rows = con.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0").fetchall()
        names = sorted(name.decode("utf-8", "replace") for (name,) in rows)
        return Database(con, {name.lower(): _columns(con, name) for name in names if not name.startswith("sqlite_")})
    except sqlite3.Error as error:
        con.close()
        raise UnreadableDatabaseError(_sentence(error)) from error


def has_hot_journal(path: Path) -> bool:
    """Return whether a rollback journal beside the database waits to be played back.

    As SQLite tells it: the journal holds bytes, and the first is not zero (a journal that is kept after the end of its
    transaction starts with zeros). One that cannot be read counts. SQLite looks beside the file that a link points to.
    """
    for journal in {Path(f"{path}-journal"), Path(f"{path.resolve()}-journal")}:
        try:
            with journal.open("rb") as stream:
                if stream.read(1) not in (b"", b"\0"):
                    return True
        except FileNotFoundError:
            continue
        except OSError:
            return True
    return False


def check_database(path: Path, database: Database) -> None:
    """Check that the file has its whole length and that every page of it can be read.

    Raises
    ------
    UnreadableDatabaseError
        With what is wrong.
    """
    _check_length(path)
    try:
        found = database.con.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        raise UnreadableDatabaseError(_sentence(error)) from error
    verdict = found[0][0] if found else b"ok"
    words = verdict.decode("utf-8", "replace") if isinstance(verdict, bytes) else str(verdict)
    # Rows that break a constraint of their schema are readable; only the structure of the file matters here.
    if words != "ok" and not re.match(r"(NULL value in|CHECK constraint failed in|non-unique entry in)", words):
        raise UnreadableDatabaseError(_sentence(sqlite3.DatabaseError(words.split("\n", 1)[0])))


def read_table(database: Database, table: str, columns: tuple[str, ...], where: str = "") -> Iterator[pl.DataFrame]:
    """Yield the rows of a table in the order in which they were written, as text.

    Parameters
    ----------
    database
        The open database.
    table, columns
        What to read; a column that the table lacks is null. A name of `NEVER_READ` is refused.
    where
        A condition in SQL from the caller's constants, empty for all rows.

    Yields
    ------
    polars.DataFrame
        Column ``row`` (number in the table, from 1, as SQLite counts), then `columns`, each with the storage class of
        its value in ``<column>_type`` (null, integer, real, text, blob); at most `BATCH_ROWS` rows, fewer when rows
        are long.

    Raises
    ------
    UnreadableDatabaseError
        When SQLite fails while rows are read.
    """
    if refused := NEVER_READ & set(columns):
        raise ValueError(f"columns {sorted(refused)} are never read")
    held = set(database.tables[table])
    selected = []
    for name in columns:
        value = f'"{name}"' if name in held else "NULL"
        selected.append(f"CAST({value} AS TEXT), typeof({value})")
    schema: dict[str, type[pl.DataType]] = {"row": pl.Int64}
    for name in columns:
        schema |= {name: pl.Binary, f"{name}_type": pl.Binary}
    body = f'{", ".join(selected)} FROM "{table}"{f" WHERE {where}" if where else ""}'
    try:
        with closing(_cursor(database.con, body)) as cursor:
            yield from _batches(cursor, schema)
    except sqlite3.Error as error:
        raise UnreadableDatabaseError(f"table {table}: {_sentence(error)}") from error


def may_hold_rows(database: Database, table: str) -> bool:
    """Return whether a table holds a row, or cannot be asked: its name may be no text, or its page damaged."""
    quoted = table.replace('"', '""')
    try:
        return database.con.execute(f'SELECT 1 FROM "{quoted}" LIMIT 1').fetchone() is not None
    except sqlite3.Error:
        return True


def counted(database: Database, table: str, expression: str) -> list[tuple[str, int]]:
    """Return the values of an expression (SQL from the caller's constants) in a table, and how many rows have each.

    Raises
    ------
    UnreadableDatabaseError
        When SQLite fails.
    """
    quoted = table.replace('"', '""')
    query = f'SELECT {expression}, count(*) FROM "{quoted}" GROUP BY 1 ORDER BY 1'
    try:
        rows = database.con.execute(query).fetchall()
    except sqlite3.Error as error:
        raise UnreadableDatabaseError(f"table {shown_names([table])}: {_sentence(error)}") from error
    return [((value or b"").decode("utf-8", "replace"), int(count)) for value, count in rows]


def shown_names(names: list[str]) -> str:
    """Return some names of tables for a message: only letters, digits and underscores of each, and not too many."""
    shown = [re.sub(r"\W", "?", name, flags=re.ASCII)[:_SHOWN_CHARS] for name in sorted(names)]
    more = f" and {len(shown) - _SHOWN_TABLES} more" if len(shown) > _SHOWN_TABLES else ""
    return (", ".join(shown[:_SHOWN_TABLES]) or "none") + more


def why_unknown(path: Path) -> str:
    """Return why a database of no known format is not read: the names of its tables, or what is wrong with it."""
    try:
        database = open_database(path)
    except UnreadableDatabaseError as error:
        return f"the database cannot be read: {error}"
    with closing(database.con):
        return f"its tables ({shown_names(list(database.tables))}) are those of no format that is read"


def _cursor(con: sqlite3.Connection, body: str) -> sqlite3.Cursor:
    try:
        return con.execute(f"SELECT _rowid_, {body} ORDER BY _rowid_")
    except sqlite3.OperationalError as error:
        if "_rowid_" not in str(error):
            raise
        return con.execute(f"SELECT row_number() OVER (), {body}")


def _batches(cursor: sqlite3.Cursor, schema: dict[str, type[pl.DataType]]) -> Iterator[pl.DataFrame]:
    """Fetch as many rows at a time as the length of those before suggests."""
    count = FIRST_ROWS
    while rows := cursor.fetchmany(count):
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        size = max(int(frame.estimated_size()), 1)
        count = max(1, min(BATCH_ROWS, BATCH_BYTES * len(rows) // size))
        yield _as_text(frame)


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Decode bytes; what is not UTF-8 becomes U+FFFD, value by value."""
    binary = [name for name, kind in frame.schema.items() if kind == pl.Binary]
    try:
        return frame.with_columns(pl.col(binary).cast(pl.String))
    except pl.exceptions.PolarsError:
        columns = [
            pl.Series(name, [v if v is None else v.decode("utf-8", "replace") for v in frame[name]], pl.String)
            for name in binary
        ]
        return frame.with_columns(columns)


def _columns(con: sqlite3.Connection, table: str) -> tuple[str, ...]:
    rows = con.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", (table,)).fetchall()
    return tuple(name.decode("utf-8", "replace").lower() for (name,) in rows)


def _check_length(path: Path) -> None:
    """Compare the size of the file with the number of pages in its header."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEADER_BYTES)
        size = path.stat().st_size
    except OSError as error:
        raise UnreadableDatabaseError("the file could be listed but not read") from error
    if not head.startswith(MAGIC) or len(head) < _HEADER_BYTES:
        raise UnreadableDatabaseError("no SQLite database: the header of 100 bytes is missing; copy the file again")
    page = struct.unpack(">H", head[16:18])[0]
    page = 65_536 if page == 1 else page
    changes, pages, valid_for = (struct.unpack(">I", head[at : at + 4])[0] for at in (24, 28, 92))
    # Old writers leave the number of pages behind; it counts only when both change counters agree.
    if changes == valid_for and pages * page > size:
        raise UnreadableDatabaseError(
            f"the header announces {pages * page} bytes, the file has {size}: it was cut; copy it again, and not while "
            "the simulation writes"
        )


def _sentence(error: sqlite3.Error) -> str:
    words = re.sub(r"[^ -~]", "?", str(error))[:150]
    return f"SQLite says: {words}; copy the database again, once the simulation has closed it, or run sqlite3 .recover"


LOG_ADVICE = (
    "the write-ahead log beside the database is not read; run PRAGMA wal_checkpoint(TRUNCATE) in sqlite3 where it came "
    "from"
)
JOURNAL_ADVICE = (
    "a rollback journal (-journal) lies beside the database: the last transaction is unfinished; let the program that "
    "writes it finish, or open the database once in sqlite3 where it came from (it takes the journal in), and copy it "
    "again; where the journal is of another database, remove it"
)


def database_documents(
    path: Path, size: int, reader: Callable[[Database], Iterator[pa.Table | Rejected]]
) -> Iterator[pa.Table | Rejected]:
    """Open a database that lies ready and yield what is read of it; where it does not, the one reason why.

    Parameters
    ----------
    path
        The database on disk.
    size
        Its size when it was listed.
    reader
        From the open database the tables of documents.
    """
    if path.stat().st_size != size:
        yield Rejected("file_changed", "run again once the program that writes it has closed the database", "")
        return
    if has_hot_journal(path):
        yield Rejected("damaged_sqlite", JOURNAL_ADVICE, "")
        return
    try:
        database = open_database(path)
    except UnreadableDatabaseError as error:
        yield Rejected("damaged_sqlite", str(error), "")
        return
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size:
        yield Rejected("table_not_read", LOG_ADVICE, "")
    with closing(database.con):
        try:
            check_database(path, database)
            yield from reader(database)
        except UnreadableDatabaseError as error:
            yield Rejected("damaged_sqlite", str(error), "")
