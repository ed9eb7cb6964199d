"""Cuts files into JSON documents and hands them on in batches of bounded size, as Arrow columns.

A document is a whole file (container json) or a line (jsonl); rows of tables come from `tables`. Nothing here knows
what a document means. Offsets come from numpy over the bytes of a chunk: no Python loop over lines.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.ingest.batch import Bad, Batch, document_columns, framed_batch, rejected_batch
from pipeline.ingest.bodies import Bodies, Body
from pipeline.ingest.containers.streams import FileStream, Stream, Utf8
from pipeline.ingest.repair import Rejected
from pipeline.ingest.scan import SourceFile
from pipeline.ingest.tables import TableRows, table_batches

BATCH_BYTES = 48 << 20
# Small files of lines and rows are worked on together: a batch costs as much as a few thousand lines.
SMALL_BYTES, POOL_BYTES, POOL_PARTS = 1 << 20, 8 << 20, 5000
LINES_BYTES = 16 << 20
NEWLINE_BYTES = 4 << 20
BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
OPENED_CONTAINERS = ("sqlite",)


def batches(
    folder: Path,
    files: list[tuple[int, SourceFile]],
    table_kind: Callable[[frozenset[str]], str | None],
    documents: Callable[[Path, SourceFile], Iterator[pa.Table | Rejected]] | None = None,
    bodies: Bodies | None = None,
) -> Iterator[Batch]:
    """Yield the documents of files.

    Parameters
    ----------
    folder
        Folder of the corpus.
    files
        Pairs of file number and file, in reading order.
    table_kind
        Says what the rows of a table are, from its columns.
    documents
        Reads the containers that the adapter opens itself; see `formats.base.Adapter`.
    bodies
        What was kept of small files when they were listed.
    """
    pending, pool = _Pending(bodies), _Pool()
    root = os.open(folder, os.O_RDONLY)
    try:
        for number, file in files:
            if file.container == "json":
                if pending.is_full_before(file):
                    yield pending.flush()
                pending.read(root, number, file)
                continue
            try:
                yield from pool.taken(_parts(folder / file.path, number, file, table_kind, documents), file.size)
            except OSError:
                pending.reject(number, Rejected("unreadable", "the file could be listed but not read", ""))
        yield from pool.rest()
        if pending.size or pending.rejected:
            yield pending.flush()
    finally:
        os.close(root)


def _parts(
    path: Path,
    number: int,
    file: SourceFile,
    table_kind: Callable[[frozenset[str]], str | None],
    documents: Callable[[Path, SourceFile], Iterator[pa.Table | Rejected]] | None,
) -> Iterator[Batch]:
    """Yield the batches of a file that is no JSON document."""
    if file.container == "jsonl":
        with FileStream(path) as stream:
            is_utf16 = stream.peek(2) in UTF16_BOMS
            if is_utf16:
                yield from stream_lines(number, stream)
        if not is_utf16:
            yield from _lines(path, number, file.size)
    elif file.container not in OPENED_CONTAINERS:
        for rows in table_batches(path, file, table_kind):
            yield _table_batch(number, rows)
    elif documents is not None:
        yield from _opened(documents(path, file), number)


class _Pending:
    """Collects whole-file documents until a batch is full."""

    def __init__(self, kept: Bodies | None = None) -> None:
        self.kept = kept or Bodies()
        self.bodies: list[Body] = []
        self.numbers: list[int] = []
        self.size = 0
        self.rejected: Bad = []

    def is_full_before(self, file: SourceFile) -> bool:
        """Tell whether a file belongs to the next batch: this one is full, or the file lies in another chunk."""
        if self.size >= BATCH_BYTES:
            return True
        body = self.kept.kept.get(file.path)
        return body is not None and self.size >= BATCH_BYTES // 2 and body.chunk is not self.bodies[-1].chunk

    def read(self, root: int, number: int, file: SourceFile) -> None:
        """Take one file as it was kept, or read it, or say why it cannot be."""
        if (kept := self.kept.take(file.path)) is not None:
            self.add_body(number, kept)
            return
        try:
            body = _read(root, file)
        except OSError:
            self.reject(number, Rejected("unreadable", "the file could be listed but not read", ""))
            return
        if len(body) != file.size or hashlib.sha256(body).hexdigest() != file.sha256:
            self.reject(number, Rejected("file_changed", "run again once the file is complete", ""))
            return
        self.add(number, body)

    def add(self, number: int, body: bytes) -> None:
        """Add one document that lies in a text of its own."""
        self.add_body(number, Body(memoryview(body), 0, len(body)))

    def add_body(self, number: int, body: Body) -> None:
        """Add one document, without its byte order mark."""
        start = bytes(body.view[: len(BOM)])
        if start.startswith(UTF16_BOMS):
            text = bytes(body.view).decode("utf-16", "replace").encode("utf-8", "replace").removeprefix(BOM)
            body = Body(memoryview(text), 0, len(text))
        elif start == BOM:
            body = Body(body.chunk, body.start + len(BOM), body.end)
        self.bodies.append(body)
        self.numbers.append(number)
        self.size += len(body)

    def reject(self, number: int, rejected: Rejected) -> None:
        """Note that a file gives no document."""
        self.rejected.append((number, 0, 0, rejected))

    def flush(self) -> Batch:
        """Return what was collected, and start again."""
        text, offsets = _side_by_side(self.bodies)
        zeros = np.zeros(len(self.bodies), np.int64)
        batch = framed_batch(text, offsets, np.array(self.numbers, np.int32), zeros, zeros)
        batch.n_bytes, batch.are_whole = self.size, True
        batch.rejected = [*self.rejected, *batch.rejected]
        self.bodies, self.numbers, self.size, self.rejected = [], [], 0, []
        return batch


def _side_by_side(bodies: list[Body]) -> tuple[bytes | memoryview, npt.NDArray[np.int64]]:
    """Return one text of all bodies and where each of them starts and ends; no copy where they are neighbours."""
    starts = np.fromiter((body.start for body in bodies), np.int64, len(bodies))
    ends = np.fromiter((body.end for body in bodies), np.int64, len(bodies))
    are_neighbours = bool((starts[1:] == ends[:-1]).all()) and all(body.chunk is bodies[0].chunk for body in bodies)
    if bodies and are_neighbours:
        return bodies[0].chunk, np.append(starts, ends[-1])
    return b"".join(body.view for body in bodies), np.concatenate(([0], np.cumsum(ends - starts)))


class _Pool:
    """Collects the lines and rows of small files until a batch is worth its cost; a batch has one kind of table."""

    def __init__(self) -> None:
        self.parts: dict[str | None, list[Batch]] = {}

    def taken(self, parts: Iterator[Batch], size: int) -> Iterator[Batch]:
        """Take all batches of one file where they are small, and yield what is ready to be worked on.

        A file is in one batch or has batches of its own. What it holds may be larger than its `size` on disk.
        """
        held: list[Batch] = []
        n_bytes = 0
        for part in parts if size <= SMALL_BYTES else ():
            held.append(part)
            n_bytes += part.documents.nbytes
            if n_bytes > POOL_BYTES:
                break
        kinds = {kind for part in held for kind in part.documents["table_kind"].unique().to_pylist()} or {None}
        if n_bytes > POOL_BYTES or size > SMALL_BYTES or len(kinds) > 1:
            yield from held
            yield from parts
            return
        kind = kinds.pop()
        pooled = self.parts.setdefault(kind, [])
        pooled.extend(held)
        if sum(part.n_bytes for part in pooled) >= POOL_BYTES or len(pooled) >= POOL_PARTS:
            yield self._flush(kind)

    def rest(self) -> Iterator[Batch]:
        """Yield what was collected, and start again."""
        for kind in list(self.parts):
            yield self._flush(kind)

    def _flush(self, kind: str | None) -> Batch:
        parts = self.parts.pop(kind)
        documents = pa.concat_tables([part.documents for part in parts])
        rejected = [row for part in parts for row in part.rejected]
        return Batch(documents, rejected, sum(part.n_bytes for part in parts), table_kind=kind)


def _read(root: int, file: SourceFile) -> bytes:
    descriptor = os.open(file.path, os.O_RDONLY, dir_fd=root)
    try:
        body = os.read(descriptor, file.size + 1)
        while 0 < len(body) < file.size and (more := os.read(descriptor, file.size + 1 - len(body))):
            body += more
        return body
    finally:
        os.close(descriptor)


def _lines(path: Path, number: int, size: int) -> Iterator[Batch]:
    """Cut a JSON-lines file at its newlines; a chunk ends at the last newline that it holds.

    At most `size` bytes are read: what was appended since the file was listed belongs to the next run.
    """
    doc_no = position = 0
    rest = b""
    with path.open("rb", buffering=0) as stream:
        left = size
        while True:
            chunk, n_read = _read_on(stream, rest, min(BATCH_BYTES, left))
            left -= n_read
            if position == 0 and chunk[: len(BOM)] == BOM:
                position, chunk = len(BOM), chunk[len(BOM) :]
            whole = _last_newline(chunk) if n_read else len(chunk)
            rest = bytes(chunk[whole:])
            if whole:
                batch = _cut_lines(chunk[:whole], number, doc_no, position)
                doc_no += batch.documents.num_rows
                position += whole
                yield batch
            if not n_read:
                break
    if left:
        changed = _cut_lines(memoryview(b""), number, doc_no, position)
        rejected = Rejected("file_changed", f"the file ended {left} bytes early; run again once it is complete", "")
        changed.rejected = [(number, doc_no, position, rejected)]
        yield changed


def stream_lines(number: int, stream: Stream) -> Iterator[Batch]:
    """Cut a stream at its newlines; the rest of a line that damage cut is left out, unless its brackets are whole.

    Parameters
    ----------
    number
        Number of the file.
    stream
        Its bytes, at the first one; UTF-16 becomes UTF-8.
    """
    if stream.peek(2) in UTF16_BOMS:
        stream = Utf8(stream)
    doc_no = position = 0
    rest = b""
    while True:
        body = stream.exactly(LINES_BYTES)
        is_last = len(body) < LINES_BYTES
        chunk = memoryview(rest + body)
        if position == 0 and chunk[: len(BOM)] == BOM:
            position, chunk = len(BOM), chunk[len(BOM) :]
        whole = len(chunk) if is_last and stream.damage is None else _last_newline(chunk)
        if is_last and whole < len(chunk) and _is_bracketed(chunk[whole:]):
            whole = len(chunk)
        rest = bytes(chunk[whole:])
        if whole:
            batch = _cut_lines(chunk[:whole], number, doc_no, position)
            doc_no += batch.documents.num_rows
            position += whole
            yield batch
        if is_last:
            return


def _read_on(stream: io.FileIO, rest: bytes, wanted: int) -> tuple[memoryview, int]:
    """Return `rest` and up to `wanted` further bytes, in one piece that is copied no more; and how many were read."""
    piece = np.empty(len(rest) + wanted, np.uint8)
    piece[: len(rest)] = np.frombuffer(rest, np.uint8)
    n_read = (stream.readinto(piece[len(rest) :].data) or 0) if wanted else 0
    return piece[: len(rest) + n_read].data, n_read


def _is_bracketed(line: memoryview) -> bool:
    """Return whether a line is an object or a list, of which nothing can be missing."""
    try:
        return isinstance(json.loads(bytes(line)), dict | list)
    except (RecursionError, ValueError):
        return False


def _last_newline(chunk: memoryview) -> int:
    """Return the place behind the last newline, 0 when there is none."""
    end = len(chunk)
    while end:
        start = max(end - NEWLINE_BYTES, 0)
        if place := bytes(chunk[start:end]).rfind(b"\n") + 1:
            return start + place
        end = start
    return 0


def _newlines(chunk: memoryview) -> npt.NDArray[np.int64]:
    """Return the places behind all newlines; in pieces, since a mask of the whole chunk is new memory each time."""
    found = [
        np.flatnonzero(np.frombuffer(chunk[start : start + NEWLINE_BYTES], np.uint8) == 10) + (start + 1)
        for start in range(0, len(chunk), NEWLINE_BYTES)
    ]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _cut_lines(chunk: memoryview, number: int, doc_no: int, position: int) -> Batch:
    ends = _newlines(chunk)
    if len(chunk) and (len(ends) == 0 or ends[-1] != len(chunk)):
        ends = np.append(ends, len(chunk))
    offsets = np.concatenate(([0], ends)).astype(np.int64)
    n = len(offsets) - 1
    numbers, order = np.full(n, number, np.int32), np.arange(doc_no, doc_no + n, dtype=np.int64)
    batch = framed_batch(chunk, offsets, numbers, order, offsets[:-1] + position)
    batch.single = number
    return batch


def _table_batch(number: int, rows: TableRows) -> Batch:
    n = len(rows.text)
    documents = document_columns(
        np.full(n, number, np.int32), np.array(rows.numbers, np.int64), None, rows.text, rows.kind
    )
    rejected: Bad = [(number, row, reason.offset or None, reason) for row, reason in rows.rejected]
    return Batch(documents, rejected, rows.n_bytes, number, rows.kind)


def _opened(parts: Iterator[pa.Table | Rejected], number: int) -> Iterator[Batch]:
    """Give the documents that an adapter read itself their numbers."""
    doc_no = 0
    for part in parts:
        if isinstance(part, Rejected):
            batch = rejected_batch(number, doc_no, None, part)
            doc_no += 1
        else:
            n = part.num_rows
            text = part["doc"].cast(pa.large_string()).combine_chunks()
            numbers, order = np.full(n, number, np.int32), np.arange(doc_no, doc_no + n, dtype=np.int64)
            table = document_columns(numbers, order, None, text, None)
            place = table.schema.get_field_index("table_kind")
            batch = Batch(table.set_column(place, "table_kind", part["table_kind"].cast(pa.string())), [], part.nbytes)
            batch.single = number
            doc_no += n
        yield batch
