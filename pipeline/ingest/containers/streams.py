"""Byte streams that end where they are damaged, say so, and can be opened again.

A stream of this package never raises for damage: it gives every byte before it, then ends, and `damage` says what was
wrong. Nothing is held but one piece.
"""

from __future__ import annotations

import codecs
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PIECE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Damage:
    """Why a stream ended early: word of the quarantine, sentence, offset in the unpacked bytes.

    `is_inherited` is true where the layer around the stream is damaged, whose own row tells it.
    """

    reason: str
    detail: str
    offset: int
    is_inherited: bool = False


class Stream(io.RawIOBase):
    """Bytes that are read once, from the first to the last. Subclasses give `_pull` and `reopen`."""

    def __init__(self) -> None:
        super().__init__()
        self.damage: Damage | None = None
        self._held, self._used = b"", 0  # bytes that were looked at, and how many of them were read since
        self._position = 0

    def _pull(self, wanted: int) -> bytes:
        """Return up to `wanted` further bytes, none at the end."""
        raise NotImplementedError

    def reopen(self) -> Stream:
        """Return the same stream, from its first byte."""
        raise NotImplementedError

    def readable(self) -> bool:
        """Return that the stream can be read."""
        return True

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, none only at the end; all that is left when `size` is negative."""
        if size < 0:
            return b"".join(iter(lambda: self.read(PIECE_BYTES), b""))
        if self._used < len(self._held):
            part = self._held[self._used : self._used + size]
            self._used += len(part)
        else:
            self._held, self._used = b"", 0
            part = self._pull(size) if size else b""
        self._position += len(part)
        return part

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer."""
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def exactly(self, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        parts, left = [], size
        while left and (part := self.read(left)):
            parts.append(part)
            left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes without reading them, fewer only at the end."""
        have = len(self._held) - self._used
        if have < size:
            parts = [self._held[self._used :]]
            while have < size and (part := self._pull(size - have)):
                parts.append(part)
                have += len(part)
            self._held, self._used = b"".join(parts), 0
        return self._held[self._used : self._used + size]

    def skip(self, size: int | None = None) -> int:
        """Read on and drop `size` bytes, or all that is left; return how many there were."""
        done = 0
        while (size is None or done < size) and (
            part := self.read(PIECE_BYTES if size is None else min(PIECE_BYTES, size - done))
        ):
            done += len(part)
        return done


class FileStream(Stream):
    """A file, or a part of it."""

    def __init__(self, path: Path, start: int = 0, size: int | None = None) -> None:
        super().__init__()
        self.path, self.start, self.size = path, start, size
        self._left = size
        self._file = path.open("rb", buffering=0)
        self._file.seek(start)

    def _pull(self, wanted: int) -> bytes:
        if self._left is not None:
            wanted = min(wanted, self._left)
        part = (self._file.read(wanted) or b"") if wanted else b""
        if self._left is not None:
            self._left -= len(part)
        return part

    def reopen(self) -> Stream:
        """Return the same stream, from its first byte."""
        return FileStream(self.path, self.start, self.size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


class Section(Stream):
    """The next `size` bytes of another stream, as a member of a tar is."""

    def __init__(self, parent: Stream, size: int) -> None:
        super().__init__()
        self.parent, self.size, self.start = parent, size, parent.tell()
        self._left = size

    def _pull(self, wanted: int) -> bytes:
        part = self.parent.read(min(wanted, self._left))
        self._left -= len(part)
        if not part and self._left and self.damage is None:
            around = self.parent.damage
            reason = around.reason if around else "damaged_archive"
            detail = "the archive ends inside this member; see its own row"
            self.damage = Damage(reason, detail, self.size - self._left, is_inherited=True)
        return part

    def reopen(self) -> Stream:
        """Return the same stream, from its first byte."""
        parent = self.parent.reopen()
        parent.skip(self.start)
        return Section(parent, self.size)


class Verified(Stream):
    """A stream whose CRC-32 is known: another sum at its end is damage, somewhere in it."""

    def __init__(self, inner: Stream, crc: int) -> None:
        super().__init__()
        self.inner, self.crc = inner, crc
        self._sum = 0

    def _pull(self, wanted: int) -> bytes:
        part = self.inner.read(wanted)
        self._sum = zlib.crc32(part, self._sum)
        if not part and self.damage is None:
            self.damage = self.inner.damage
            if self.damage is None and self._sum != self.crc:
                detail = "the checksum of the member differs: some of its bytes were changed; copy the archive again"
                self.damage = Damage("damaged_archive", detail, self.inner.tell())
        return part

    def close(self) -> None:
        """Close the stream inside."""
        self.inner.close()
        super().close()

    def reopen(self) -> Stream:
        """Return the same stream, from its first byte."""
        return Verified(self.inner.reopen(), self.crc)


class Utf8(Stream):
    """UTF-16 text, which its byte order mark announces, as UTF-8."""

    def __init__(self, inner: Stream) -> None:
        super().__init__()
        self.inner = inner
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")

    def _pull(self, wanted: int) -> bytes:
        while part := self.inner.read(max(wanted // 3, 4)):
            if text := self._decoder.decode(part):
                return text.encode("utf-8", "replace")
        self.damage = self.inner.damage
        return self._decoder.decode(b"", final=True).encode("utf-8", "replace")

    def reopen(self) -> Stream:
        """Return the same stream, from its first byte."""
        return Utf8(self.inner.reopen())


class WholeLines(Stream):
    """Text of which a last line that damage cut is left out."""

    def __init__(self, inner: Stream) -> None:
        super().__init__()
        self.inner = inner
        self._line, self._ready = b"", b""

    def _pull(self, wanted: int) -> bytes:
        if self._ready:
            return self._kept(self._ready, wanted)
        while part := self.inner.read(max(wanted, 1)):
            place = part.rfind(b"\n") + 1
            if place:
                given, self._line = self._line + part[:place], part[place:]
                return self._kept(given, wanted)
            self._line += part
        self.damage = self.inner.damage
        last, self._line = (b"" if self.damage else self._line), b""
        return self._kept(last, wanted)

    def _kept(self, text: bytes, wanted: int) -> bytes:
        self._ready = text[wanted:]
        return text[:wanted]

    def reopen(self) -> Stream:
        """Return the same stream, from its first byte."""
        return WholeLines(self.inner.reopen())
