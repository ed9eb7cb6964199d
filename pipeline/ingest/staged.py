"""What batches staged: tables of the first ones, files of the others, and files that an earlier ingestion staged.

What belongs here: where staged observations lie, and the SELECT over all of them. `staging` makes them, `kept` holds
those of large files from one ingestion to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.ingest import mapping
from pipeline.ingest.batch import Bad

HELD_BATCHES = 8  # as tables; further ones are files
# The columns of each kind of observation, where no batch holds any.
_SHAPES = {
    "obs_message": {
        "INTEGER": "file_no",
        "BIGINT": "source_row n_chars step score upvotes downvotes claimed_comment_count",
        "VARCHAR": "kind message_id author_id author_name community_id parent_id root_id title content text_hash "
        "at_precision run_id url flags extra",
        "TIMESTAMP": "created_at observed_at dumped_at",
        "BOOLEAN": "is_deleted is_spam has_author_record",
    },
    "obs_agent": {
        "INTEGER": "file_no",
        "BIGINT": "source_row karma followers following owner_followers",
        "VARCHAR": "agent_id name persona at_precision owner_handle owner_name display_name model agent_kind owner_bio "
        "extra",
        "TIMESTAMP": "created_at observed_at dumped_at",
        "BOOLEAN": "is_record is_claimed is_deleted",
    },
    "obs_community": {
        "INTEGER": "file_no",
        "BIGINT": "source_row subscribers claimed_post_count",
        "VARCHAR": "community_id title description at_precision extra given_id",
        "TIMESTAMP": "created_at observed_at dumped_at",
        "BOOLEAN": "is_record",
    },
    "obs_membership": {"VARCHAR": "community_id agent_id agent_name action role origin"},
    "obs_reject": {"INTEGER": "file_no", "BIGINT": "source_row byte_offset", "VARCHAR": "reason detail excerpt"},
    "obs_event": {
        "INTEGER": "file_no",
        "BIGINT": "source_row step seed",
        "VARCHAR": "kind run_id source_id source_name target_id target_name target_display message_id community_id "
        "what action role origin system scenario model clock target_kind value at_precision",
        "TIMESTAMP": "event_at",
    },
}
STAGED = tuple(_SHAPES)
# Mostly read once and thrown away: little time goes to making these files small.
STAGED_OPTIONS = "FORMAT parquet, COMPRESSION snappy, DICTIONARY_SIZE_LIMIT 1, WRITE_BLOOM_FILTER false"
# The row a message has in its file counts from the start of its batch until the batches before it are known.
_COLUMNS = {"obs_message": ", ".join(mapping.OBSERVED_COLUMNS), "obs_membership": "*"}


def empty(kind: str) -> str:
    """Return a SELECT of no observations of a kind."""
    columns = (f"CAST(NULL AS {type_}) AS {name}" for type_, names in _SHAPES[kind].items() for name in names.split())
    return f"SELECT {', '.join(columns)} WHERE false"


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

    Attributes
    ----------
    n_held
        How many batches are left in tables.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.n_held = HELD_BATCHES
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

    def add_rejects(self, con: duckdb.DuckDBPyConnection, bad: Bad) -> None:
        """Stage files that cannot be read, one row for each."""
        if not bad:
            return
        con.register("bad", rejects_table(bad))
        con.execute(
            "CREATE TABLE staged.obs_reject_000000 AS SELECT file_no, doc_no AS source_row, byte_offset, reason, "
            "detail, excerpt FROM bad"
        )
        con.unregister("bad")
        self.parts.append(Part("obs_reject", "staged.obs_reject_000000", 0, None))

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
        return " UNION ALL BY NAME ".join(selects or [empty(kind)])

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


def rejects_table(bad: Bad) -> pa.Table:
    """Return documents that were set aside as the rows of the table ``rejects``."""
    return pa.table(
        {
            "file_no": pa.array([b[0] for b in bad], pa.int32()),
            "doc_no": pa.array([b[1] for b in bad], pa.int64()),
            "path": pa.array(["" for _ in bad], pa.string()),
            "byte_offset": pa.array([b[2] for b in bad], pa.int64()),
            "reason": pa.array([b[3].reason for b in bad], pa.string()),
            "detail": pa.array([b[3].detail for b in bad], pa.string()),
            "excerpt": pa.array([b[3].excerpt for b in bad], pa.string()),
        }
    )
