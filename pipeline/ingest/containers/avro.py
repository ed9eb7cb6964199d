"""Reads Avro files block by block: each batch of blocks is a small Avro file of its own, which polars reads.

So memory holds a batch, whatever the size of the file, and blocks that were appended later are read like the first.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from pipeline.ingest.containers.streams import Damage, Stream

MAGIC = b"Obj\x01"
SYNC_BYTES = 16
BATCH_BYTES = 1 << 20
MOST_HEADER_BYTES = 16 << 20
MOST_BLOCK_BYTES = 1 << 30
_ADVICE = "write the table as Parquet or JSON lines"


class AvroError(ValueError):
    """An Avro file that cannot be read; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Header:
    """The head of an Avro file: its bytes, the names of the columns, and the mark behind every block."""

    body: bytes
    columns: tuple[str, ...]
    sync: bytes


class _Cut(Exception):  # noqa: N818
    """The bytes end inside a value."""


class _Cursor:
    """Reads the values of a header from bytes."""

    def __init__(self, body: bytes) -> None:
        self.body, self.place = body, len(MAGIC)

    def long(self) -> int:
        shift = value = 0
        while True:
            if self.place >= len(self.body):
                raise _Cut
            byte = self.body[self.place]
            self.place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return (value >> 1) ^ -(value & 1)
            if shift > 63:
                raise AvroError("a number of the header is too long; copy the file again")

    def bytes(self) -> bytes:
        size = self.long()
        if size < 0 or size > MOST_HEADER_BYTES:
            raise AvroError("a text of the header has no possible length; copy the file again")
        if self.place + size > len(self.body):
            raise _Cut
        self.place += size
        return self.body[self.place - size : self.place]


def read_header(stream: Stream) -> Header:
    """Return the header at the start of a stream, which is left where it stands.

    Raises
    ------
    AvroError
        When there is none.
    """
    size = 1 << 16
    while True:
        head = stream.peek(size)
        try:
            return _parsed(head)
        except _Cut:
            if len(head) < size or size >= MOST_HEADER_BYTES:
                raise AvroError("the header ends before it is complete; copy the file again") from None
            size *= 4


def _parsed(head: bytes) -> Header:
    cursor = _Cursor(head)
    found: dict[bytes, bytes] = {}
    while count := cursor.long():
        if count < 0:
            cursor.long()
        for _ in range(abs(count)):
            key = cursor.bytes()
            found[key] = cursor.bytes()
    end = cursor.place + SYNC_BYTES
    if end > len(head):
        raise _Cut
    try:
        schema = json.loads(found[b"avro.schema"])
        columns = tuple(str(column["name"]) for column in schema["fields"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise AvroError(f"its schema is no record; {_ADVICE}") from error
    return Header(head[:end], columns, head[end - SYNC_BYTES : end])


def frames(stream: Stream) -> Iterator[pl.DataFrame | Damage]:
    """Yield the rows of an Avro file as frames of bounded size; at the end what was wrong, if anything.

    Parameters
    ----------
    stream
        The file, at its first byte.
    """
    header = read_header(stream)
    stream.skip(len(header.body))
    blocks: list[bytes] = []
    size = 0
    damage = None
    while damage is None and (first := stream.read(1)):
        block, why = _block(stream, first, header.sync)
        if why:
            offset = stream.tell()
            detail = f"the Avro file is damaged or was cut near byte {offset}: {why}; what stands before was read"
            damage = Damage("bad_avro", f"{detail}; copy it again", offset)
            break
        blocks.append(block)
        size += len(block)
        if size >= BATCH_BYTES:
            yield _frame(header, blocks)
            blocks, size = [], 0
    if blocks:
        yield _frame(header, blocks)
    if damage is not None:
        yield damage


def _block(stream: Stream, first: bytes, sync: bytes) -> tuple[bytes, str]:
    """Return one block, or why there is none."""
    numbers = first
    values: list[int] = []
    while len(values) < 2:
        cursor = _Cursor(MAGIC + numbers)
        try:
            values = [cursor.long() for _ in range(2)]
        except _Cut:
            byte = stream.read(1)
            if not byte:
                return b"", "it ends inside a block"
            numbers += byte
        except AvroError:
            return b"", "a block has no possible length"
    count, size = values
    if count < 0 or not 0 <= size <= MOST_BLOCK_BYTES:
        return b"", "a block has no possible length"
    body = stream.exactly(size + SYNC_BYTES)
    if len(body) < size + SYNC_BYTES:
        return b"", "it ends inside a block"
    if body[-SYNC_BYTES:] != sync:
        return b"", "the mark behind a block is missing"
    return numbers + body, ""


def _frame(header: Header, blocks: list[bytes]) -> pl.DataFrame:
    try:
        return pl.read_avro(io.BytesIO(b"".join([header.body, *blocks])))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        words = str(error).split("\n", 1)[0][:100]
        raise AvroError(f"a block cannot be read ({words}); {_ADVICE}") from error
