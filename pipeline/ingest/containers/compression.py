"""Unpacks gz, bz2, xz and zst as they are read, whatever the number of their members or frames.

Told by magic bytes. Where decoding fails, the bytes before the fault are not in reach of the call that fails; so the
stream is opened again and the last piece is given byte by byte, which costs a second pass of damaged files only.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable
from typing import IO, Protocol, cast

import zstandard

from pipeline.ingest.containers.limits import Budget, UnpacksTooFarError
from pipeline.ingest.containers.streams import PIECE_BYTES, Damage, Stream

INPUT_BYTES = 1 << 16
XZ_MEMORY = 2 << 30
LONGEST_WINDOW = 1 << 31
MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
# A skippable frame, with which some writers of zstandard begin.
SKIPPABLE = tuple(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16))
SUFFIXES = {"gz": ("gz", "gzip"), "bz2": ("bz2",), "xz": ("xz",), "zst": ("zst", "zstd", "zst_blocks")}
TAR_SUFFIXES = frozenset({"tgz", "tbz", "tbz2", "txz", "tzst"})
_FAULTS = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError, MemoryError)
_END = b"\x00the end of the stream\x00"


def compression_of(head: bytes) -> str | None:
    """Return the compression that the first bytes announce: gz, bz2, xz or zst."""
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    return "zst" if head.startswith(SKIPPABLE) else None


def without_suffix(path: str, kind: str) -> str:
    """Return the path without the suffix of a compression, as the file inside would be called."""
    stem, dot, suffix = path.rpartition(".")
    if not dot or "/" in suffix:
        return path
    if suffix.lower() in TAR_SUFFIXES:
        return f"{stem}.tar"
    return stem if suffix.lower() in SUFFIXES.get(kind, ()) and stem and not stem.endswith("/") else path


class _Decoder(Protocol):
    """What the decoders of the standard library have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Inflate:
    """zlib with the interface of the other decoders."""

    def __init__(self, bits: int) -> None:
        self._decoder = zlib.decompressobj(bits)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._decoder.decompress(self._decoder.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        return not self._decoder.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data


_NEW: dict[str, Callable[[], _Decoder]] = {
    "gz": lambda: _Inflate(31),
    "deflate": lambda: _Inflate(-15),
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY),
}


class _FaultError(Exception):
    """A fault of the compressed bytes."""


class _Members:
    """gz, bz2 and xz: one member after another, with zeros between and behind them."""

    def __init__(self, source: Stream, kind: str) -> None:
        self.source, self.kind = source, kind
        self.decoder: _Decoder | None = None
        self.piece, self.used, self.step = b"", 0, INPUT_BYTES
        self.is_begun = False

    def read(self, wanted: int) -> bytes:
        """Return some further bytes, none at the end; raise where there is a fault."""
        while True:
            decoder = self.decoder or self._begin()
            if decoder is None:
                return b""
            given = b""
            if decoder.needs_input:
                self.piece = self.piece or self.source.read(self.step)
                if not self.piece:
                    raise _FaultError("it ends before it is complete")
                given, self.piece = self.piece[: self.step], self.piece[self.step :]
            try:
                part = decoder.decompress(given, wanted)
            except _FAULTS as error:
                raise _FaultError(_words(error)) from error
            self.used += len(given)
            self.decoder = decoder
            if decoder.eof:
                self.used -= len(decoder.unused_data)
                self.piece, self.decoder = decoder.unused_data + self.piece, None
            if part:
                return part

    def rest(self) -> bytes:
        """Return what was held back: nothing."""
        return b""

    def _begin(self) -> _Decoder | None:
        """Return the decoder of the next member, none behind the last."""
        while self.is_begun:  # zeros may follow a member
            self.piece = self.piece or self.source.read(INPUT_BYTES)
            if not self.piece:
                return None
            bare = self.piece.lstrip(b"\0")
            self.used += len(self.piece) - len(bare)
            self.piece = bare
            if bare:
                self.piece += self.source.exactly(max(6 - len(bare), 0))
                if compression_of(self.piece) != self.kind:
                    raise _FaultError("behind its end stand bytes of something else")
                break
        self.is_begun = True
        return _NEW[self.kind]()


class _Frames:
    """zst: the library reads across frames, but does not tell a stream that was cut from one that has ended.

    So a frame of our own follows the last one: where its text does not come out at the end, the stream was cut. As
    many bytes as it has are held back.
    """

    def __init__(self, source: Stream) -> None:
        self.source = source
        self.used, self.step = 0, PIECE_BYTES
        self.tail = b""
        self.sentinel: bytes | None = None
        unpacker = zstandard.ZstdDecompressor(max_window_size=LONGEST_WINDOW)
        given = cast(IO[bytes], _Input(self._more))
        self.reader = unpacker.stream_reader(given, read_size=INPUT_BYTES, read_across_frames=True)

    def read(self, wanted: int) -> bytes:
        """Return some further bytes, none at the end; raise where there is a fault."""
        while len(self.tail) <= len(_END):
            try:
                part = self.reader.read(min(wanted, self.step))
            except _FAULTS as error:
                raise _FaultError(_words(error)) from error
            if not part:
                if self.tail != _END:
                    raise _FaultError("it ends before it is complete")
                return b""
            self.tail += part
        given, self.tail = self.tail[: -len(_END)], self.tail[-len(_END) :]
        return given

    def rest(self) -> bytes:
        """Return what was held back."""
        return self.tail

    def _more(self, size: int) -> bytes:
        if self.sentinel is None:
            part = self.source.read(size)
            self.used += len(part)
            if part:
                return part
            self.sentinel = zstandard.ZstdCompressor(write_checksum=True).compress(_END)
        part, self.sentinel = self.sentinel[:size], self.sentinel[size:]
        return part


class _Input:
    """What the library asks for compressed bytes."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.read = read


class Decompressed(Stream):
    """What a compressed stream unpacks to.

    Parameters
    ----------
    source
        The compressed stream, at its first byte.
    kind
        gz, bz2, xz, zst, or deflate as zip has it.
    budget
        What may be unpacked.
    """

    def __init__(self, source: Stream, kind: str, budget: Budget) -> None:
        super().__init__()
        self.source, self.kind, self.budget = source, kind, budget
        self._unpacked = 0
        self._reader = self._new(source)

    def reopen(self) -> Stream:
        """Return the same stream, from its first byte."""
        return Decompressed(self.source.reopen(), self.kind, self.budget.again())

    def close(self) -> None:
        """Close the compressed stream."""
        self.source.close()
        super().close()

    def _new(self, source: Stream) -> _Members | _Frames:
        return _Frames(source) if self.kind == "zst" else _Members(source, self.kind)

    def _pull(self, wanted: int) -> bytes:
        if self.damage is not None:
            return b""
        used = self._reader.used
        try:
            part = self._reader.read(min(wanted, PIECE_BYTES))
        except _FaultError as fault:
            part = self._up_to_fault(used, str(fault))
        try:
            self.budget.spend(len(part))
        except UnpacksTooFarError as error:
            self.damage = Damage("unpacks_too_far", str(error), self._unpacked)
            return b""
        self._unpacked += len(part)
        return part

    def _up_to_fault(self, used: int, why: str) -> bytes:
        """Return the bytes between the last that were given and the fault, and note the damage."""
        found, done = [], 0
        reader = self._new(self.source.reopen())
        try:
            while done < self._unpacked:
                if reader.used + 2 * INPUT_BYTES > used:
                    reader.step = 1
                done += len(reader.read(min(PIECE_BYTES, self._unpacked - done)))
            reader.step = 1
            while part := reader.read(PIECE_BYTES):
                found.append(part)
        except _FaultError as fault:
            why = str(fault)
        found.append(reader.rest())
        last = b"".join(found)
        detail = (
            f"the {self.kind} stream is damaged or was cut near its byte {reader.used} ({why}); what stands before was "
            "read; copy the file again"
        )
        around = self.source.damage
        offset = self._unpacked + len(last)
        self.damage = Damage(around.reason if around else "damaged_archive", detail, offset, around is not None)
        return last


def _words(error: BaseException) -> str:
    """Return what a library says of a fault, in characters that may stand in a sentence."""
    return re.sub(r"[^ -~]", "?", str(error) or type(error).__name__)[:100]
