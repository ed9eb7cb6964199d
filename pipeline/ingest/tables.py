"""Rows of tables (CSV, TSV, Parquet, Avro, JSON tables) become JSON documents, in batches of bounded size.

CSV is read by the standard library: its reader is the reference for stray quotes, embedded line ends and rows of the
wrong width. An empty field is null, an empty line is no row. Keys and values are data: they reach JSON through its
writer, never a statement.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest.containers import avro, json_table
from pipeline.ingest.containers.streams import Damage, FileStream, Stream, WholeLines
from pipeline.ingest.recognise import DELIMITERS, HEAD_BYTES, encoding_of, header_columns, table_columns
from pipeline.ingest.repair import EXCERPT_CHARS, Rejected
from pipeline.ingest.scan import SourceFile

BATCH_ROWS = 20_000
BATCH_BYTES = 16 << 20
CHUNK_ROWS = 64
FIELD_LIMIT = 1 << 30
# Arrow raises whatever a damaged file leads it to; a file that is not there is another thing.
_PARQUET_FAULTS = (pa.ArrowException, ValueError, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
_END = "\x00the end of the file\x00"


@dataclass(slots=True)
class TableRows:
    """Rows of a table: kind of record, row numbers, JSON texts, the rows set aside with their number, bytes read."""

    kind: str
    numbers: list[int] = field(default_factory=list)
    text: pa.Array = field(default_factory=lambda: pa.array([], pa.large_string()))
    rejected: list[tuple[int, Rejected]] = field(default_factory=list)
    n_bytes: int = 0


def table_batches(
    path: Path, file: SourceFile, table_kind: Callable[[frozenset[str]], str | None]
) -> Iterator[TableRows]:
    """Yield the rows of a table as JSON objects.

    Parameters
    ----------
    path
        The file.
    file
        Its description; the container says how it is read.
    table_kind
        Says what the rows are, from the columns.
    """
    if file.container == "json_table":
        return _json_table(path, table_kind)
    try:
        kind = table_kind(table_columns(path, file.container)) or "unknown"
    except (pa.ArrowException, ValueError) as error:
        if file.container != "parquet":
            raise
        return iter([TableRows("unknown", rejected=[(0, Rejected("bad_parquet", str(error)[:200], ""))])])
    if file.container == "avro":
        return _avro(FileStream(path), kind)
    return _parquet(path, kind) if file.container == "parquet" else _csv(path, file, kind)


def stream_batches(
    stream: Stream, file: SourceFile, table_kind: Callable[[frozenset[str]], str | None]
) -> Iterator[TableRows]:
    """Yield the rows of CSV, TSV or Avro from a stream as JSON objects; a row that damage cut is left out."""
    if file.container == "avro":
        return _avro(stream, table_kind(frozenset(avro.read_header(stream).columns)) or "unknown")
    head = stream.peek(HEAD_BYTES)
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    columns = header_columns(head.decode(encoding, "replace"), file.container)
    lines = WholeLines(stream)
    raw: io.BufferedReader = io.BufferedReader(lines)
    kind = table_kind(columns) or "unknown"
    return _csv_rows(raw, encoding, file, kind, lambda: lines.damage is not None)


def _avro(stream: Stream, kind: str) -> Iterator[TableRows]:
    number = 0
    try:
        for part in avro.frames(stream):
            if isinstance(part, Damage):
                if stream.damage is None:  # else the damage of the layer around says it
                    yield TableRows(kind, rejected=[(number, Rejected(part.reason, part.detail, "", part.offset))])
            else:
                n = part.height
                yield TableRows(
                    kind, list(range(number, number + n)), _frame_rows(part), [], int(part.estimated_size())
                )
                number += n
    except avro.AvroError as error:
        yield TableRows(kind, rejected=[(number, Rejected("bad_avro", str(error), "", stream.tell()))])


def _json_table(path: Path, table_kind: Callable[[frozenset[str]], str | None]) -> Iterator[TableRows]:
    number = 0
    for part in json_table.batches(path):
        if isinstance(part, Rejected):
            yield TableRows("unknown", rejected=[(number, part)])
            number += 1
            continue
        columns, rows = part
        batch = TableRows(table_kind(frozenset(columns)) or "unknown")
        texts = []
        for row in rows:
            if isinstance(row, list) and len(row) == len(columns):
                texts.append(json.dumps(dict(zip(columns, row, strict=True))))
                batch.numbers.append(number)
            else:
                shown = row if isinstance(row, list) else [row]
                batch.rejected.append((number, _wrong_width([json.dumps(value) for value in shown], list(columns))))
            number += 1
        batch.text = pa.array(texts, pa.large_string())
        batch.n_bytes = batch.text.nbytes
        yield batch


def _parquet(path: Path, kind: str) -> Iterator[TableRows]:
    number = 0
    with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
        n_rows = max(parquet.metadata.num_rows, 1)
        size = path.stat().st_size
        try:
            for part in parquet.iter_batches(BATCH_ROWS):
                n = part.num_rows
                yield TableRows(kind, list(range(number, number + n)), _json_rows(part), [], size * n // n_rows)
                number += n
        except _PARQUET_FAULTS as error:
            yield from _sound_groups(parquet, kind, number, str(error).split("\n", 1)[0][:200])


def _sound_groups(parquet: pq.ParquetFile, kind: str, done: int, why: str) -> Iterator[TableRows]:
    """Yield the rows behind the first `done` of the row groups that can be read, and one row for those that cannot."""
    end, lost = 0, 0
    for group in range(parquet.metadata.num_row_groups):
        start, end = end, end + parquet.metadata.row_group(group).num_rows
        if end <= done:
            continue
        try:
            parts = list(parquet.iter_batches(BATCH_ROWS, row_groups=[group]))
            frame = pl.from_arrow(pa.Table.from_batches(parts).replace_schema_metadata())
            texts = _frame_rows(frame.slice(max(done - start, 0))) if isinstance(frame, pl.DataFrame) else None
        except _PARQUET_FAULTS:
            lost += 1
            continue
        if texts is not None:
            first = max(done, start)
            yield TableRows(kind, list(range(first, first + len(texts))), texts, [], texts.nbytes)
    detail = f"{why}; {lost} of {parquet.metadata.num_row_groups} row groups cannot be read; copy the file again"
    yield TableRows(kind, rejected=[(max(end, done), Rejected("bad_parquet", detail, ""))])


def _json_rows(part: pa.RecordBatch) -> pa.Array:
    """Return every row as a JSON object."""
    frame = pl.from_arrow(part.replace_schema_metadata())
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("expected a table")
    return _frame_rows(frame)


def _frame_rows(frame: pl.DataFrame) -> pa.Array:
    if not any("Binary" in str(kind) for kind in frame.dtypes):
        return _written(frame)
    columns = (_without_bytes(frame[name]) for name in frame.columns)
    return _written(frame.select(column for column in columns if column is not None))


def _without_bytes(column: pl.Series) -> pl.Series | None:
    """Return a column in which bytes are text, where they are UTF-8, and null elsewhere; None for lists of bytes.

    Old writers of Parquet do not mark their texts as such.
    """
    if column.dtype == pl.Binary:
        try:
            return column.cast(pl.String)
        except pl.exceptions.PolarsError:
            return pl.Series(column.name, [_as_text(value) for value in column], pl.String)
    if isinstance(column.dtype, pl.Struct):
        fields = [_without_bytes(column.struct.field(each.name)) for each in column.dtype.fields]
        frame = pl.DataFrame([each for each in fields if each is not None])
        whole = pl.when(column.is_not_null()).then(pl.struct(pl.all())).otherwise(None)
        return frame.select(whole.alias(column.name))[column.name] if frame.width else None
    return None if "Binary" in str(column.dtype) else column


def _as_text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _written(frame: pl.DataFrame) -> pa.Array:
    """Write a frame as JSON lines and return the lines."""
    if not frame.height or not frame.width:
        return pa.array(["{}"] * frame.height, pa.large_string())
    buffer = io.BytesIO()
    frame.write_ndjson(buffer)
    body = buffer.getvalue()
    ends = np.flatnonzero(np.frombuffer(body, np.uint8) == 10) + 1
    offsets = pa.py_buffer(np.concatenate(([0], ends)).astype(np.int64).tobytes())
    return pa.LargeStringArray.from_buffers(len(ends), offsets, pa.py_buffer(body))


def _csv(path: Path, file: SourceFile, kind: str) -> Iterator[TableRows]:
    with path.open("rb") as raw:
        yield from _csv_rows(raw, encoding_of(path), file, kind, lambda: False)


def _csv_rows(
    raw: io.BufferedReader, encoding: str, file: SourceFile, kind: str, is_cut: Callable[[], bool]
) -> Iterator[TableRows]:
    previous = csv.field_size_limit(FIELD_LIMIT)
    try:
        stream = io.TextIOWrapper(raw, encoding=file.encoding or encoding, errors="replace", newline="")
        for _ in range(file.header_row - 1):
            stream.readline()
        # The last line is ours: when the file leaves a quotation mark open, it ends up inside a field.
        reader = csv.reader(chain(stream, [_END]), delimiter=DELIMITERS[file.container])
        header = [name.strip() for name in next(reader, [])]
        if len(set(header)) != len(header):
            detail = "the header names a column twice; give every column a name of its own"
            yield TableRows(kind, rejected=[(0, Rejected("unknown_shape", detail, ""))])
            return
        yield from _csv_batches(reader, raw, header, kind, is_cut)
    finally:
        csv.field_size_limit(previous)


def _csv_batches(
    reader: Iterator[list[str]], raw: BinaryIO, header: list[str], kind: str, is_cut: Callable[[], bool]
) -> Iterator[TableRows]:
    """Collect rows of the right width until a batch is full; set the others aside.

    Where `is_cut` says at the end that damage cut the text, a quotation mark that stays open is part of that damage.
    """
    batch, good, number, read = TableRows(kind), [], 0, 0
    held: list[list[str]] = []
    is_last = False
    while not is_last:
        chunk = list(islice(reader, CHUNK_ROWS))
        is_last = len(chunk) < CHUNK_ROWS
        rows = held + [row for row in chunk if row]
        held = [rows.pop()] if rows else []  # the last row may be the end of the file
        for row in rows:
            if len(row) == len(header):
                good.append(row)
                batch.numbers.append(number)
            else:
                batch.rejected.append((number, _wrong_width(row, header)))
            number += 1
        if is_last and held and held[0] != [_END] and not is_cut():
            detail = "a quotation mark is opened and never closed; the rest of the file was set aside"
            excerpt = ",".join(held[0])[:EXCERPT_CHARS]
            batch.rejected.append((number, Rejected("bad_row_width", detail, excerpt)))
        position = raw.tell()
        if is_last or len(good) >= BATCH_ROWS or position - read >= BATCH_BYTES:
            batch.text, batch.n_bytes, read = _encoded(good, header), position - read, position
            yield batch
            batch, good = TableRows(kind), []


def _wrong_width(row: list[str], header: list[str]) -> Rejected:
    detail = f"the row has {len(row)} fields, the header has {len(header)}; the row was set aside"
    if len(header) == 1:
        detail += (
            "; where lines stand before the header say header_row, where fields are separated by semicolons or tabs "
            "say container, in a mapping of corpus.toml"
        )
    return Rejected("bad_row_width", detail, ",".join(row)[:EXCERPT_CHARS])


def _encoded(rows: list[list[str]], header: list[str]) -> pa.Array:
    columns = zip(*rows, strict=True)
    series = [pl.Series(name, column, pl.String) for name, column in zip(header, columns, strict=False)]
    return _written(pl.DataFrame(series).with_columns(pl.all().replace("", None)))
