"""The identity of a table: a hash of its rows that does not depend on files, threads or the order of arrival.

What belongs here: the canonical text of a row, its digest, and the digest of the table. Every value is
rendered as its length, a colon and its text, a null as ``-``; so no two rows share a text. Doubles are
rendered as the 64 bits of their IEEE form, which is exact and does not change with how an engine prints
numbers; every NaN counts as the same. The rows are read in the order of the key, which is unique, so the
order is defined; their MD5 digests (identity, not security) are fed to one SHA-256, after the description of the
columns.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from pipeline.schema import Column, Table

BATCH_ROWS = 50_000  # rows fetched at a time: a digest and a key digest each, about 100 bytes


@dataclass(frozen=True, slots=True)
class Digest:
    """What one pass over stored rows finds: how many, how many repeat the key of another, and their hash."""

    rows: int
    repeated_keys: int
    table_hash: str


def _text(column: Column) -> str:
    """Return a SQL expression for the canonical text of a value that is not null."""
    name = f'"{column.name}"'
    if column.type == "VARCHAR":
        return name
    if column.type == "DOUBLE":
        return f"CASE WHEN isnan({name}) THEN 'nan' ELSE CAST(CAST({name} AS BIT) AS VARCHAR) END"
    return f"CAST({name} AS VARCHAR)"  # FLOAT[]: the shortest text that reads back as the same float


def _row_text(columns: tuple[Column, ...]) -> str:
    pieces = []
    for column in columns:
        text = _text(column)
        pieces.append(f"CASE WHEN \"{column.name}\" IS NULL THEN '-' ELSE length({text}) || ':' || {text} END")
    return f"concat({', '.join(pieces)})" if pieces else "''"


def digest_select(table: Table) -> str:
    """Return the statement that digests the rows of Parquet files (bound parameter ``$paths``) in key order."""
    keys = tuple(column for column in table.columns if column.name in table.key)
    order = ", ".join(f'"{name}" NULLS FIRST' for name in table.sort_key)
    return (
        f"SELECT md5({_row_text(table.all_columns)}) AS row_digest, md5({_row_text(keys)}) AS key_digest "
        f"FROM read_parquet($paths, hive_partitioning = false) ORDER BY {order}"
    )


def digest_files(con: duckdb.DuckDBPyConnection, table: Table, paths: list[Path]) -> Digest:
    """Read stored rows once and return their number, repeated keys and hash.

    Parameters
    ----------
    con
        A connection that may read the files.
    table
        Description of the table that the files hold.
    paths
        Parquet files of one corpus and family.
    """
    hasher = hashlib.sha256()
    header = "|".join(f"{column.name}:{column.type}" for column in table.all_columns)
    hasher.update(f"{table.qualified}|{header}\n".encode())
    rows = repeated = 0
    last: str | None = None
    relation = con.sql(digest_select(table), params={"paths": [str(path) for path in paths]})
    for batch in relation.to_arrow_reader(BATCH_ROWS):
        frame = pl.from_arrow(batch)
        if not isinstance(frame, pl.DataFrame) or frame.is_empty():
            continue
        keys = frame["key_digest"]
        repeated += int((keys == keys.shift(1)).sum() or 0) + int(keys[0] == last)
        last = keys[-1]
        rows += frame.height
        hasher.update("\n".join(frame["row_digest"].to_list()).encode() + b"\n")
    return Digest(rows, repeated, hasher.hexdigest())
