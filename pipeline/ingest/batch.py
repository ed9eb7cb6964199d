"""A batch of documents as Arrow columns over the bytes that were read.

What belongs here: building batches. `pipeline.ingest.framing` cuts files into documents.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.ingest.repair import Rejected

Bad = list[tuple[int, int, int | None, Rejected]]


@dataclass(slots=True)
class Batch:
    """Documents of one or several files: file number, number in the file, byte offset, text, kind of table.

    `doc_no` counts the documents of a file from 0 across batches; `rejected` holds what could not be framed, with
    reason and excerpt; `single` is the file number when the file may have further batches; `are_whole` tells documents
    that may hold many records from lines and rows.
    """

    documents: pa.Table
    rejected: Bad = field(default_factory=list)
    n_bytes: int = 0
    single: int | None = None
    table_kind: str | None = None
    are_whole: bool = False

    def is_like(self, other: Batch) -> bool:
        """Tell whether the documents of another batch may be read together with these."""
        return (self.single, self.table_kind, self.are_whole) == (other.single, other.table_kind, other.are_whole)


def framed_batch(
    body: bytes | memoryview,
    offsets: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int32],
    doc_no: npt.NDArray[np.int64],
    positions: npt.NDArray[np.int64],
) -> Batch:
    """Build the Arrow columns over the bytes; what is not UTF-8 becomes U+FFFD, document by document."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(body)]
    raw = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)
    try:
        text = raw.cast(pa.large_string())
    except pa.ArrowInvalid:
        text = pa.array([value.as_py().decode("utf-8", "replace") for value in raw], pa.large_string())
    return Batch(document_columns(numbers, doc_no, positions, text, None), [], len(body))


def document_columns(
    numbers: npt.NDArray[np.int32],
    doc_no: npt.NDArray[np.int64],
    positions: npt.NDArray[np.int64] | None,
    text: pa.Array,
    kind: str | None,
) -> pa.Table:
    """Return the table of documents: where each stands, its text, and the kind of table that it is a row of."""
    none = pa.nulls(len(text), pa.string())
    kinds = none if kind is None else pa.repeat(pa.scalar(kind), len(text))
    return pa.table(
        {
            "file_no": _column(numbers, pa.int32()), "doc_no": _column(doc_no, pa.int64()),
            "byte_offset": pa.nulls(len(text), pa.int64()) if positions is None else _column(positions, pa.int64()),
            "doc": text, "repair": none, "table_kind": kinds,
        }
    )  # fmt: skip


def _column(values: npt.NDArray[Any], type_: pa.DataType) -> pa.Array:
    """Return the Arrow column over the memory of an array; `pyarrow.array` would load pandas to look at it."""
    return pa.Array.from_buffers(type_, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def document_batch(number: int, doc_no: int, position: int, body: bytes) -> Batch:
    """Return a batch of one document of a file that has several."""
    offsets, order = np.array([0, len(body)], np.int64), np.array([doc_no], np.int64)
    batch = framed_batch(body, offsets, np.array([number], np.int32), order, np.array([position], np.int64))
    batch.single, batch.are_whole = number, True
    return batch


def rejected_batch(number: int, doc_no: int, position: int | None, rejected: Rejected) -> Batch:
    """Return a batch of nothing but a document that was set aside."""
    none = np.empty(0, np.int64)
    batch = framed_batch(b"", np.zeros(1, np.int64), none.astype(np.int32), none, none)
    batch.single, batch.rejected = number, [(number, doc_no, position, rejected)]
    return batch
