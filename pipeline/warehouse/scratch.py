"""The user's schema ``scratch``: carried over from the old catalogue to the new one, and never lost.

What belongs here: copying the schema, and keeping the old file when that cannot be done in full.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from pipeline.schema import LAYERS
from pipeline.warehouse.session import sql_identifier, sql_literal

OLD = "previous"
SCHEMA = "scratch"


@dataclass(slots=True)
class CarryOver:
    """What became of the user's schema."""

    keep_old: bool = False
    warnings: list[str] = field(default_factory=list)

    def lost(self, sentence: str) -> None:
        """Note something that is not in the new catalogue, so that the old file has to stay."""
        self.keep_old = True
        self.warnings.append(sentence)


def carry_over(con: duckdb.DuckDBPyConnection, old: Path, database: str) -> CarryOver:
    """Copy tables and views of the user's schema from the old catalogue into the attached new one.

    Parameters
    ----------
    con
        A connection whose default database is the new catalogue, with an empty schema ``scratch``.
    old
        The old catalogue; nothing is copied when there is none. It stays attached, so that nobody can write into
        it between the copy and the swap.
    database
        Name under which the new catalogue is attached.
    """
    result = CarryOver()
    if not old.exists():
        return result
    try:
        con.execute(f"ATTACH {sql_literal(str(old))} AS {OLD} (READ_ONLY)")
    except duckdb.Error as error:
        result.lost(
            "schema scratch was not carried over, because the old catalogue could not be opened: "
            f"{_why(error)}. Close what has it open for writing; its tables are in the file that is kept"
        )
        return result
    if log_of(old).exists():  # changes that are not in the main file yet: keep both, whatever we can read of them
        result.lost("the old catalogue had unsaved changes, because a program that wrote into it did not end well")
    try:
        _note_what_stays(con, result)
        _copy_tables(con, database, result)
        _copy_views(con, database, result)
    except duckdb.Error as error:
        result.lost(f"schema scratch was not carried over in full: {_why(error)}")
    return result


def _note_what_stays(con: duckdb.DuckDBPyConnection, result: CarryOver) -> None:
    """Note what the user made that is neither a table nor a view of the schema: it stays in the old file."""
    schemas = [SCHEMA, "meta", *LAYERS]
    elsewhere = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = $old AND NOT list_contains($schemas, schema_name)",
        {"old": OLD, "schemas": schemas},
    ).fetchall()[0][0]
    if elsewhere:
        result.lost(f"{elsewhere} tables outside schema scratch were not carried over: make them in scratch")
    for kind, source in (("indexes", "duckdb_indexes()"), ("sequences", "duckdb_sequences()")):
        count = con.execute(
            f"SELECT count(*) FROM {source} WHERE database_name = $old AND schema_name = $schema",
            {"old": OLD, "schema": SCHEMA},
        ).fetchall()[0][0]
        if count:
            result.lost(f"{count} {kind} of schema scratch were not carried over")
    macros = con.execute(
        "SELECT count(*) FROM duckdb_functions() WHERE database_name = $old AND NOT internal",
        {"old": OLD},
    ).fetchall()[0][0]
    if macros:
        result.lost(f"{macros} macros were not carried over")


def _copy_tables(con: duckdb.DuckDBPyConnection, database: str, result: CarryOver) -> None:
    """Copy the tables, with their constraints where that works, else as plain rows."""
    listed = con.execute(
        "SELECT table_name, sql FROM duckdb_tables() WHERE database_name = $old AND schema_name = $schema "
        "ORDER BY table_name",
        {"old": OLD, "schema": SCHEMA},
    ).fetchall()
    for name, ddl in listed:
        target, source = (f"{where}.{SCHEMA}.{sql_identifier(name)}" for where in (database, OLD))
        try:
            con.execute("BEGIN")
            con.execute(ddl)
            con.execute(f"INSERT INTO {target} SELECT * FROM {source}")
            con.execute("COMMIT")
        except duckdb.Error:
            con.execute("ROLLBACK")
            try:
                con.execute(f"CREATE TABLE {target} AS SELECT * FROM {source}")
                result.warnings.append(f"table scratch.{_shown(name)} was carried over without its constraints")
            except duckdb.Error as error:
                result.lost(f"table scratch.{_shown(name)} was not carried over: {_why(error)}")


def _copy_views(con: duckdb.DuckDBPyConnection, database: str, result: CarryOver) -> None:
    """Make the views again, in as many rounds as they build on each other."""
    left = con.execute(
        "SELECT view_name, sql FROM duckdb_views() WHERE database_name = $old AND schema_name = $schema "
        "AND NOT internal ORDER BY view_name",
        {"old": OLD, "schema": SCHEMA},
    ).fetchall()
    con.execute(f"USE {database}")
    while left:
        failed = []
        reasons = {}
        for name, ddl in left:
            try:
                con.execute(ddl)
            except duckdb.Error as error:
                failed.append((name, ddl))
                reasons[name] = _why(error)
        if len(failed) == len(left):
            for name, _ in failed:
                result.lost(f"view scratch.{_shown(name)} was not carried over: {reasons[name]}")
            return
        left = failed


def back_up(old: Path) -> Path:
    """Give the old catalogue a second name that the swap leaves alone; a program that has it open goes on."""
    number = 1
    while (backup := old.with_name(f"{old.stem}.scratch-backup-{number}.duckdb")).exists():
        number += 1
    if log_of(old).exists():
        log_of(old).replace(log_of(backup))
    try:
        backup.hardlink_to(old)
    except OSError:  # a file system without hard links: for a moment there is no catalogue
        old.rename(backup)
    return backup


def remove_log(catalogue: Path) -> None:
    """Remove the log of unsaved changes of the old catalogue, which must not be applied to the new one."""
    log_of(catalogue).unlink(missing_ok=True)


def log_of(path: Path) -> Path:
    """Return where DuckDB keeps the unsaved changes of a database file."""
    return path.with_name(path.name + ".wal")


def _why(error: Exception) -> str:
    return str(error).splitlines()[0][:200]


def _shown(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name[:60])
