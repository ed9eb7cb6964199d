"""What batches staged: tables of the first ones, files of the others, and files that an earlier ingestion staged.

What belongs here: where staged observations lie, and the SELECT over all of them. `staging` makes them, `kept` holds
those of large files from one ingestion to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.ingest import mapping

STAGED = ("obs_message", "obs_agent", "obs_community", "obs_membership", "obs_reject", "obs_event")
# Mostly read once and thrown away: little time goes to making these files small.
STAGED_OPTIONS = "FORMAT parquet, COMPRESSION snappy, DICTIONARY_SIZE_LIMIT 1, WRITE_BLOOM_FILTER false"
# The row a message has in its file counts from the start of its batch until the batches before it are known.
_COLUMNS = {"obs_message": ", ".join(mapping.OBSERVED_COLUMNS), "obs_membership": "*"}


@dataclass(frozen=True, slots=True)
class Part:
    """Observations of one kind of one batch: a table with the number of rows before it, or a file.

    `single` is the number of the file that the whole batch is of.
    """

    kind: str
    table: str
    base: int
    single: int | None
    path: Path | None = None

    def select(self) -> str:
        """Return the SELECT of a table, with rows that count from the start of their file."""
        shifted = "" if self.kind == "obs_membership" else f" REPLACE (source_row + {self.base:d} AS source_row)"
        return f"SELECT *{shifted} FROM (SELECT {_COLUMNS.get(self.kind, '*')} FROM {self.table})"


class Staged:
    """What the batches of an ingestion staged.

    A query over all tables holds a block of each column of each table at once, so a large dump is not left in tables.

    Parameters
    ----------
    folder
        Where the files are written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: list[Part] = []
        self.reused: list[tuple[int, str, Path]] = []

    def add(
        self, con: duckdb.DuckDBPyConnection, kind: str, table: str, base: int, single: int | None, *, is_held: bool
    ) -> None:
        """Take the table of a batch, and write it to a file unless it is one of those that stay tables."""
        part = Part(kind, table, base, single)
        if not is_held:
            path = self.write(con, part)
            con.execute(f"DROP TABLE {table}")
            part = Part(kind, table, base, single, path)
        self.parts.append(part)

    def reuse(self, number: int, files: Iterable[tuple[str, Path]]) -> None:
        """Take what an earlier ingestion staged of a file that is the number `number` now."""
        self.reused.extend((number, kind, path) for kind, path in files)

    def write(self, con: duckdb.DuckDBPyConnection, part: Part) -> Path:
        """Write a table to a file, and return its path."""
        path = self.folder / f"{part.table.removeprefix('staged.')}.parquet"
        con.execute(f"COPY ({part.select()}) TO {_quoted(path)} ({STAGED_OPTIONS})")
        return path

    def files_of(self, con: duckdb.DuckDBPyConnection, number: int) -> list[tuple[str, Path]]:
        """Return kind and path of all that was staged of a file; tables are written once more, as files."""
        return [(part.kind, part.path or self.write(con, part)) for part in self.parts if part.single == number]

    def select(self, kind: str) -> str:
        """Return the SELECT of all observations of a kind."""
        tables = sorted((p for p in self.parts if p.kind == kind and p.path is None), key=lambda p: p.table)
        selects = [part.select() for part in tables]
        # A folder above that is called `name=value` must not become a column.
        if files := sorted(part.path for part in self.parts if part.kind == kind and part.path is not None):
            selects.append(f"SELECT * FROM read_parquet([{_listed(files)}], hive_partitioning = false)")
        if reused := sorted((number, path) for number, of_kind, path in self.reused if of_kind == kind):
            # The number that a file had when it was staged is in its rows still, and means another one by now.
            columns = "*" if kind == "obs_membership" else f"* REPLACE ({_now(reused)} AS file_no)"
            paths = _listed(path for _, path in reused)
            selects.append(f"SELECT {columns} FROM read_parquet([{paths}], hive_partitioning = false)")
        return " UNION ALL BY NAME ".join(selects)

    def memberships(self) -> str:
        """Return a SELECT of the memberships of files with batches of their own, with the numbers of the files."""
        parts = [part for part in self.parts if part.kind == "obs_membership" and part.single is not None]
        selects = ["SELECT 0 AS file_no, '' AS agent_id, '' AS agent_name WHERE false"]
        selects += [
            f"SELECT {part.single:d}, agent_id, agent_name FROM {part.table}" for part in parts if part.path is None
        ]
        files = [(part.single, part.path) for part in parts if part.path is not None and part.single is not None]
        files += [(number, path) for number, kind, path in self.reused if kind == "obs_membership"]
        if files:
            paths = _listed(path for _, path in files)
            selects.append(
                f"SELECT {_now(files)}, agent_id, agent_name FROM read_parquet([{paths}], hive_partitioning = false)"
            )
        return " UNION ALL ".join(selects)


def _now(files: Iterable[tuple[int, Path]]) -> str:
    """Return SQL for the number that goes with the file of a row, of files that are read in this order."""
    numbers = ", ".join(str(number) for number, _ in files)
    return f"CAST(list_extract([{numbers}], CAST(file_index AS BIGINT) + 1) AS INTEGER)"


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(_quoted(path) for path in paths)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
