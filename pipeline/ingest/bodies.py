"""Small files are read once: their bytes are kept from listing, where the digest is taken, until they are parsed.

A tree of dumps has tens of thousands of small files, and opening one costs as much as reading it. The bytes of
neighbours lie side by side in one chunk, so that a batch of documents is a view of the chunk and nothing is copied.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from dataclasses import dataclass, field

CHUNK_BYTES = 48 << 20
LARGEST_BYTES = 4 << 20  # larger files are not kept
KEPT_BYTES = 240 << 20  # what is kept of a corpus at most; the rest is read again
BLOCK_BYTES = 4 << 20
HEAD_BYTES = 65_536
TAIL_BYTES = 16


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a file: the chunk that holds them, and where in it they start and end."""

    chunk: memoryview
    start: int
    end: int

    def __len__(self) -> int:
        """Return the number of bytes."""
        return self.end - self.start

    @property
    def view(self) -> memoryview:
        """The bytes, not copied."""
        return self.chunk[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one pass over a file tells: SHA-256, size, first and last bytes."""

    sha256: str
    size: int
    head: bytes
    tail: bytes


@dataclass(slots=True)
class Bodies:
    """Reads files and keeps the small ones.

    Attributes
    ----------
    limit
        Bytes that are kept at most.
    stamps
        `stamp_of` the files that were not kept, as they were before their digest was taken.
    """

    limit: int = KEPT_BYTES
    kept: dict[str, Body] = field(default_factory=dict)
    stamps: dict[str, tuple[int, ...]] = field(default_factory=dict)
    size: int = 0
    _chunk: memoryview = field(default_factory=lambda: memoryview(b""))
    _used: int = 0

    def read(self, folder: int, path: str) -> Reading:
        """Take the digest of a file, and keep its bytes where it is small.

        Parameters
        ----------
        folder
            Descriptor of the folder that `path` is relative to.
        path
            The file.

        Raises
        ------
        OSError
            When the file cannot be read.
        """
        descriptor = os.open(path, os.O_RDONLY, dir_fd=folder)
        try:
            state = os.fstat(descriptor)
            expected = state.st_size
            if expected <= LARGEST_BYTES and self.size + expected <= self.limit:
                body = self._read_whole(descriptor, expected)
                if body is not None:
                    self.kept[path] = body
                    self.size += len(body)
                    view = body.view
                    digest = hashlib.sha256(view).hexdigest()
                    return Reading(digest, len(body), bytes(view[:HEAD_BYTES]), bytes(view[-TAIL_BYTES:]))
                os.lseek(descriptor, 0, os.SEEK_SET)
            self.stamps[path] = stamp_of(state)
            return _read_on(descriptor)
        finally:
            os.close(descriptor)

    def take(self, path: str) -> Body | None:
        """Return the bytes of a file and forget them, None where they were not kept."""
        return self.kept.pop(path, None)

    def forget(self, path: str) -> None:
        """Drop the bytes of a file that is not parsed from them."""
        self.kept.pop(path, None)

    def _read_whole(self, descriptor: int, expected: int) -> Body | None:
        """Read a file of the expected size into the chunk, None when it has another size by now."""
        if self._used + expected + 1 > len(self._chunk):
            # Not from numpy, which asks for huge pages: to get those can take longer than to read what goes there.
            self._chunk = memoryview(mmap.mmap(-1, CHUNK_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
            self._used = 0
        start, end = self._used, self._used
        # One byte more is asked for, to see the end of the file; a read of all but that one has seen it.
        while end - start < expected and (n := os.readv(descriptor, [self._chunk[end : start + expected + 1]])):
            end += n
        if end - start != expected:
            return None
        self._used = end
        return Body(self._chunk, start, end)


def stamp_of(state: os.stat_result) -> tuple[int, ...]:
    """Return what changes whenever a file is written or replaced."""
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino


def _read_on(descriptor: int) -> Reading:
    """Read an open file block by block."""
    whole, size, head, tail = hashlib.sha256(), 0, b"", b""
    while block := os.read(descriptor, BLOCK_BYTES):
        head = head or block[:HEAD_BYTES]
        tail = (tail + block[-TAIL_BYTES:])[-TAIL_BYTES:]
        size += len(block)
        whole.update(block)
    return Reading(whole.hexdigest(), size, head, tail)
