"""The identity of a table: a hash of its rows that does not depend on files, threads or the order of arrival.

What belongs here: the canonical bytes of a column, and the digest of the table. Stored rows are in the order of the
key, which is unique, so the order is defined; that it is kept is counted in the same pass. Of every column two streams
are hashed, whatever the size of the batches that are read: what says where values end and which are null (a length of
bytes or items, -1 for null, or one byte for types of fixed width), and the values. A double counts as its 64 bits,
which is exact and does not change with how an engine prints numbers; every NaN counts as the same. Arrays are looked at
with numpy: to make a pyarrow scalar, or an array of Python values, is to import pandas first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.schema import Column, Table

BATCH_ROWS = 16_384  # rows in memory at a time, about 16 MB of posts; more is new memory every time, and slower


@dataclass(frozen=True, slots=True)
class Digest:
    """What one pass over stored rows finds: how many, how many repeat a key or come before their turn, their hash."""

    rows: int
    repeated_keys: int
    unordered_keys: int
    table_hash: str

    def problem(self, table: Table) -> str | None:
        """Return a sentence on what is wrong with the keys, None when nothing is."""
        key = ", ".join(table.key) or "no columns: at most one row"
        if self.repeated_keys:
            return (
                f"{table.qualified}: the key ({key}) should be unique, found {self.repeated_keys} of {self.rows} rows "
                "that repeat the key of another"
            )
        if self.unordered_keys:
            return (
                f"{table.qualified}: rows should be in the order of the key ({key}), found {self.unordered_keys} of "
                f"{self.rows} that come before their turn"
            )
        return None


class _ColumnHash:
    """Hashes the values of one column, batch by batch."""

    def __init__(self, column: Column) -> None:
        self.type = column.type
        self.shape, self.values = hashlib.sha256(), hashlib.sha256()

    def update(self, array: pa.Array) -> None:
        """Add the values of one batch."""
        import pyarrow.compute as pc

        if self.type == "VARCHAR":
            text = array.cast(pa.large_string())
            self._lengths(pc.binary_length(text))
            self._bytes(text.drop_null() if text.null_count else text)
        elif self.type == "FLOAT[]":
            lists = array.cast(pa.large_list(pa.float32()))
            self._lengths(pc.list_value_length(lists))
            self._fixed(lists.flatten())
        else:
            self.shape.update(pc.is_valid(array).cast(pa.uint8()).buffers()[1])
            self._fixed(array.drop_null() if array.null_count else array)

    def digest(self) -> bytes:
        """Return the digest of all values so far."""
        return self.shape.digest() + self.values.digest()

    def _lengths(self, lengths: pa.Array) -> None:
        values = np.frombuffer(_buffer(lengths.cast(pa.int64()), 8), np.int64)
        if lengths.null_count:
            is_there = np.frombuffer(_buffer(lengths.is_valid().cast(pa.uint8()), 1), np.bool_)
            values = np.where(is_there, values, -1)
        self.shape.update(values.data)

    def _bytes(self, text: pa.Array) -> None:
        """Hash the bytes between the first and the last offset of an array of texts."""
        if len(text) == 0:
            return
        offsets = memoryview(text.buffers()[1]).cast("q")
        first, last = offsets[text.offset], offsets[text.offset + len(text)]
        if last > first:
            self.values.update(memoryview(text.buffers()[2])[first:last])

    def _fixed(self, array: pa.Array) -> None:
        if pa.types.is_boolean(array.type):
            array = array.cast(pa.uint8())
        if not len(array):
            return
        values = _buffer(array, array.type.bit_width // 8)
        if pa.types.is_floating(array.type):
            numbers = np.frombuffer(values, array.type.to_pandas_dtype())
            values = np.where(np.isnan(numbers), np.array(np.nan, numbers.dtype), numbers).data
        self.values.update(values)


def _buffer(array: pa.Array, width: int) -> memoryview:
    """Return the bytes of an array of fixed width without nulls."""
    whole = memoryview(array.buffers()[1])
    return whole[array.offset * width : (array.offset + len(array)) * width]


class _KeyOrder:
    """Counts, batch by batch, the keys that repeat the one before them or come before it."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.repeated = self.unordered = 0
        self.last: pl.DataFrame | None = None

    def update(self, keys: pl.DataFrame) -> None:
        """Look at the keys of one batch and at the last one before it."""
        if self.last is not None:
            keys = pl.concat([self.last, keys])
        self.last = keys.tail(1)
        above, below = keys.head(keys.height - 1), keys.tail(keys.height - 1)
        is_same = pl.repeat(True, below.height, eager=True)
        is_after = pl.repeat(False, below.height, eager=True)
        for name in self.names:
            before, after = above[name], below[name]
            follows = (before < after).fill_null(False) | (before.is_null() & after.is_not_null())
            is_after |= is_same & follows
            is_same &= before.eq_missing(after)
        self.repeated += int(is_same.sum())
        self.unordered += int((~is_after & ~is_same).sum())


class _Rows:
    """Takes the digest of rows in the order of their key, batch by batch."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.columns = [_ColumnHash(column) for column in table.all_columns]
        self.order = _KeyOrder(table.key)
        self.rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Add a batch with the columns of the table in their order; its keys are another matter."""
        if batch.num_rows == 0:
            return
        for column, array in zip(self.columns, batch.columns, strict=True):
            column.update(array)
        self.rows += batch.num_rows

    def digest(self) -> Digest:
        """Return the digest of all rows so far."""
        header = "|".join(f"{column.name}:{column.type}" for column in self.table.all_columns)
        whole = hashlib.sha256(f"{self.table.qualified}|{header}|{self.rows}\n".encode())
        for column in self.columns:
            whole.update(column.digest())
        return Digest(self.rows, self.order.repeated, self.order.unordered, whole.hexdigest())


def digest_files(con: duckdb.DuckDBPyConnection, table: Table, paths: list[Path]) -> Digest:
    """Read stored rows once and return their number, what is wrong with their keys, and their hash.

    Parameters
    ----------
    con
        A connection that may read the files.
    table
        Description of the table that the files hold.
    paths
        Parquet files of one corpus and family.
    """
    rows = _Rows(table)
    names = ", ".join(f'"{column.name}"' for column in table.all_columns)
    relation = con.sql(
        f"SELECT {names} FROM read_parquet($paths, hive_partitioning = false)",
        params={"paths": [str(path) for path in paths]},
    )
    for batch in relation.to_arrow_reader(BATCH_ROWS):
        rows.update(batch)
        if batch.num_rows:
            rows.order.update(_keys(batch, table))
    return rows.digest()


def digest_frame(table: Table, frame: pl.DataFrame) -> Digest:
    """Return what `digest_files` returns, for rows in memory that are in the order of their key.

    Parameters
    ----------
    table
        Description of the table.
    frame
        The rows, with all columns of the table in their order.
    """
    rows = _Rows(table)
    if frame.height:
        rows.order.update(frame.select(table.key) if table.key else _no_key(frame.height))
    for part in frame.iter_slices(BATCH_ROWS):
        for batch in part.to_arrow().combine_chunks().to_batches():
            rows.update(batch)
    return rows.digest()


def _keys(batch: pa.RecordBatch, table: Table) -> pl.DataFrame:
    """Return the key columns of a batch; one constant column where the key has none."""
    columns: dict[str, Any] = {name: pl.from_arrow(batch.column(name)) for name in table.key}
    return pl.DataFrame(columns) if columns else _no_key(batch.num_rows)


def _no_key(rows: int) -> pl.DataFrame:
    return pl.DataFrame({"": pl.repeat(0, rows, eager=True)})
