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
MOST_SOUGHT_BYTES, _NEAR = 16 << 20, 64  # blocks that are looked for behind damage, and how near
_MOST_NUMBERS = 24  # bytes of two numbers
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
    faults: list[tuple[int, str]] = []
    while stream.peek(1):
        block, why = _block(stream, header.sync)
        if why:
            faults.append((stream.tell(), why))
            if not _skip_block(stream, header.sync):
                break
            continue
        blocks.append(block)
        size += len(block)
        if size >= BATCH_BYTES:
            yield from _frames(header, blocks, faults, stream.tell())
            blocks, size = [], 0
    yield from _frames(header, blocks, faults, stream.tell())
    if faults:
        offset, why = faults[0]
        detail = f"the Avro file is damaged or was cut near byte {offset}: {why}; the blocks that are sound were read"
        yield Damage("bad_avro", f"{detail}; copy it again", offset)


def _block(stream: Stream, sync: bytes) -> tuple[bytes, str]:
    """Return one block, or why there is none; then the stream is left where it stands."""
    cursor = _Cursor(MAGIC + stream.peek(_MOST_NUMBERS))
    try:
        count, size = cursor.long(), cursor.long()
    except _Cut:
        return b"", "it ends inside a block"
    except AvroError:
        return b"", "a block has no possible length"
    if count < 0 or not 0 <= size <= MOST_BLOCK_BYTES:
        return b"", "a block has no possible length"
    whole = cursor.place - len(MAGIC) + size + SYNC_BYTES
    body = stream.peek(whole)
    if len(body) < whole:
        return b"", "it ends inside a block"
    if body[whole - SYNC_BYTES : whole] != sync:
        return b"", "the mark behind a block is missing"
    return stream.exactly(whole), ""


def _skip_block(stream: Stream, sync: bytes) -> bool:
    """Go on behind a damaged block; return whether anything follows.

    Where the next block stands where this one ends by its length, its mark is damaged; else that mark is sought.
    """
    cursor = _Cursor(MAGIC + stream.peek(_MOST_NUMBERS))
    try:
        count, size = cursor.long(), cursor.long()
        whole = cursor.place - len(MAGIC) + size + SYNC_BYTES
        # Some bytes of the end and of the mark may be missing, or be too many.
        if count >= 0 and 0 <= size <= MOST_SOUGHT_BYTES:
            for place in sorted(range(max(whole - _NEAR, 1), whole + _NEAR), key=lambda place: abs(place - whole)):
                if _is_block_at(stream, place, sync):
                    # Unless the length is what is damaged, and a mark tells that another block is before that place.
                    mark = stream.peek(place).find(sync)
                    place = place if mark < 0 else mark + SYNC_BYTES
                    return stream.skip(place) == place
    except (_Cut, AvroError):
        pass
    while True:
        held = stream.peek(BATCH_BYTES)
        place = held.find(sync)
        if place >= 0:
            stream.skip(place + SYNC_BYTES)
            return True
        if len(held) < BATCH_BYTES:
            return False
        stream.skip(len(held) - SYNC_BYTES + 1)


def _is_block_at(stream: Stream, place: int, sync: bytes) -> bool:
    """Return whether a block begins some bytes further on, and its mark stands where it ends."""
    cursor = _Cursor(MAGIC + stream.peek(place + _MOST_NUMBERS)[place:])
    try:
        count, size = cursor.long(), cursor.long()
    except (_Cut, AvroError):
        return False
    end = place + cursor.place - len(MAGIC) + size
    is_possible = count > 0 and 0 < size <= MOST_SOUGHT_BYTES
    return is_possible and stream.peek(end + SYNC_BYTES)[end : end + SYNC_BYTES] == sync


def _frames(header: Header, blocks: list[bytes], faults: list[tuple[int, str]], end: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of some blocks together; one by one where they cannot all be read."""
    if not blocks:
        return
    try:
        yield _frame(header, blocks)
    except AvroError as error:
        if len(blocks) == 1:
            faults.append((end, str(error)))
            return
        for number, block in enumerate(blocks):
            behind = sum(map(len, blocks[number + 1 :]))
            yield from _frames(header, [block], faults, end - behind)


def _frame(header: Header, blocks: list[bytes]) -> pl.DataFrame:
    try:
        return pl.read_avro(io.BytesIO(b"".join([header.body, *blocks])))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        words = str(error).split("\n", 1)[0][:100]
        raise AvroError(f"a block cannot be read ({words}); {_ADVICE}") from error
