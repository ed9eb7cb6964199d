"""Cuts files into JSON documents and hands them on in batches of bounded size, as Arrow columns.

A document is a whole file (container json), a line (jsonl), or a row turned into an object (csv, parquet). Nothing
here knows what a document means. Offsets come from numpy over the bytes of a chunk: no Python loop over lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.ingest.repair import Rejected, repair_document
from pipeline.ingest.scan import SourceFile

BATCH_BYTES = 48 << 20
DOCUMENT_LIMIT = 512 << 20
BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(slots=True)
class Batch:
    """Documents of one or several files: file number, number in the file, byte offset, text.

    `doc_no` counts the documents of a file from 0 across batches; `rejected` holds the documents that are not
    JSON, with reason and excerpt.
    """

    documents: pa.Table
    rejected: list[tuple[int, int, int, Rejected]] = field(default_factory=list)
    n_bytes: int = 0


def json_batches(folder: Path, files: list[tuple[int, SourceFile]]) -> Iterator[Batch]:
    """Yield the documents of JSON and JSON-lines files.

    Parameters
    ----------
    folder
        Folder of the corpus.
    files
        Pairs of file number and file, in reading order; other containers than json and jsonl are refused.
    """
    pending = _Pending()
    for number, file in files:
        path = folder / file.path
        if file.container == "jsonl":
            if pending.size:
                yield pending.flush()
            yield from _lines(path, number)
            continue
        if file.size > DOCUMENT_LIMIT:
            pending.reject(number, Rejected("too_large", f"a document of {file.size} bytes; use JSON lines", ""))
            continue
        body = path.read_bytes()
        if len(body) != file.size:
            pending.reject(number, Rejected("file_changed", "run again once the file is complete", ""))
            continue
        pending.add(number, body)
        if pending.size >= BATCH_BYTES:
            yield pending.flush()
    if pending.size or pending.rejected:
        yield pending.flush()


class _Pending:
    """Collects whole-file documents until a batch is full."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.numbers: list[int] = []
        self.size = 0
        self.rejected: list[tuple[int, int, int, Rejected]] = []

    def add(self, number: int, body: bytes) -> None:
        if body.startswith(UTF16_BOMS):
            body = body.decode("utf-16", "replace").encode("utf-8", "replace")
        self.bodies.append(body.removeprefix(BOM))
        self.numbers.append(number)
        self.size += len(body)

    def reject(self, number: int, rejected: Rejected) -> None:
        self.rejected.append((number, 0, 0, rejected))

    def flush(self) -> Batch:
        lengths = np.fromiter((len(body) for body in self.bodies), np.int64, len(self.bodies))
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        zeros = np.zeros(len(self.bodies), np.int64)
        batch = _batch(b"".join(self.bodies), offsets, np.array(self.numbers, np.int32), zeros, zeros)
        batch.rejected = [*self.rejected, *batch.rejected]
        self.__init__()  # type: ignore[misc]
        return batch


def _lines(path: Path, number: int) -> Iterator[Batch]:
    """Cut a JSON-lines file at its newlines; a chunk ends at the last newline that it holds."""
    doc_no = 0
    position = 0
    rest = b""
    with path.open("rb") as stream:
        while True:
            block = stream.read(BATCH_BYTES)
            if position == 0 and not rest:
                block = block.removeprefix(BOM)
            chunk = rest + block
            cut = len(chunk) if not block else chunk.rfind(b"\n") + 1
            if cut == 0 and block:
                rest = chunk
                continue
            batch = _cut_lines(chunk[:cut], number, doc_no, position)
            doc_no += batch.documents.num_rows + len(batch.rejected)
            position += cut
            rest = chunk[cut:]
            yield batch
            if not block:
                return


def _cut_lines(chunk: bytes, number: int, doc_no: int, position: int) -> Batch:
    ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == 10) + 1
    if len(ends) == 0 or ends[-1] != len(chunk):
        ends = np.append(ends, len(chunk))
    offsets = np.concatenate(([0], ends)).astype(np.int64)
    n = len(offsets) - 1
    return _batch(
        chunk,
        offsets,
        np.full(n, number, np.int32),
        np.arange(doc_no, doc_no + n, dtype=np.int64),
        offsets[:-1] + position,
    )


def _batch(
    body: bytes,
    offsets: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int32],
    doc_no: npt.NDArray[np.int64],
    positions: npt.NDArray[np.int64],
) -> Batch:
    """Build the Arrow columns over the bytes; documents that are not UTF-8 are repaired one by one."""
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(body)]
    raw = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)
    rejected: list[tuple[int, int, int, Rejected]] = []
    try:
        text = raw.cast(pa.large_string())
    except pa.ArrowInvalid:
        decoded = [value.as_py().decode("utf-8", "replace") for value in raw]
        text = pa.array(decoded, pa.large_string())
    table = pa.table({"file_no": numbers, "doc_no": doc_no, "byte_offset": positions, "doc": text})
    return Batch(table, rejected, len(body))


def repaired_table(rows: list[tuple[int, int, int, str]]) -> tuple[pa.Table, list[tuple[int, int, int, Rejected]]]:
    """Repair documents that a strict parser refuses.

    Parameters
    ----------
    rows
        File number, document number, byte offset and text of each document.

    Returns
    -------
    tuple
        The documents that could be repaired, and those that could not, with the reason.
    """
    good: list[tuple[int, int, int, str]] = []
    bad: list[tuple[int, int, int, Rejected]] = []
    for number, doc_no, offset, text in rows:
        outcome = repair_document(text)
        if isinstance(outcome, Rejected):
            bad.append((number, doc_no, offset + outcome.offset, outcome))
        else:
            good.append((number, doc_no, offset, outcome))
    columns = list(zip(*good, strict=True)) if good else [[], [], [], []]
    types = (pa.int32(), pa.int64(), pa.int64(), pa.large_string())
    names = ("file_no", "doc_no", "byte_offset", "doc")
    table = pa.table({n: pa.array(c, t) for n, c, t in zip(names, columns, types, strict=True)})
    return table, bad
