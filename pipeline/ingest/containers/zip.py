"""Reads a zip by its directory; one that was cut has none, and is read member by member from its start.

The directory is parsed by the standard library; the bytes are unpacked by `compression`, which knows zst and gives the
bytes before a fault.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.ingest.containers.compression import Decompressed
from pipeline.ingest.containers.limits import Budget
from pipeline.ingest.containers.streams import Damage, FileStream, Section, Stream, Verified

MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08PK")
METHODS = {0: "stored", 8: "deflate", 12: "bz2", 93: "zst", 95: "xz"}
_LOCAL = struct.Struct("<4s5H3L2H")
MOST_SIZE = 1 << 62  # what a column of sizes holds
_ENCRYPTED, _STREAMED = 1, 8
_UNIX = 3
_KIND_MASK, _LINK = 0o170000, 0o120000
_FAULTS = (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Header:
    """Name, unpacked size and kind (file, folder, link, encrypted, method) of a member; detail of the last."""

    name: str
    size: int
    kind: str
    detail: str = ""


class Zip:
    """The members of a zip that lies on disk; `damage` says after the last one what was wrong with the archive."""

    def __init__(self, path: Path, budget: Budget) -> None:
        self.path, self.budget = path, budget
        self.damage: Damage | None = None

    def members(self) -> Iterator[tuple[Header, Stream | None]]:
        """Yield header and bytes of each member, none where it cannot be unpacked."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                infos = archive.infolist()
        except _FAULTS:
            yield from self._in_sequence()
            return
        for info in infos:
            header = _described(info)
            yield header, self._stream(info) if header.kind == "file" else None

    def _stream(self, info: zipfile.ZipInfo) -> Stream | None:
        """Return the bytes of a member, none when its local header is not where the directory says."""
        if not 0 <= info.header_offset < self.path.stat().st_size:
            return None
        local = FileStream(self.path, info.header_offset)
        head = local.exactly(_LOCAL.size)
        local.close()
        if len(head) < _LOCAL.size or not head.startswith(MAGIC[0]):
            return None
        *_, name_size, extra_size = _LOCAL.unpack(head)
        start = info.header_offset + _LOCAL.size + name_size + extra_size
        packed = FileStream(self.path, start, info.compress_size)
        kind = METHODS[info.compress_type]
        if kind == "stored":
            self.budget.spend(max(info.compress_size, 0))  # members may overlap, so that all together are larger
            return Verified(packed, info.CRC)
        return Verified(Decompressed(packed, kind, self.budget), info.CRC)

    def _in_sequence(self) -> Iterator[tuple[Header, Stream | None]]:
        """Yield the members that stand before the cut, as far as their local headers say where they end."""
        stream = FileStream(self.path)
        try:
            while len(head := stream.exactly(_LOCAL.size)) == _LOCAL.size and head.startswith(MAGIC[0]):
                _, _, flags, method, _, _, crc, packed, size, name_size, extra_size = _LOCAL.unpack(head)
                name = stream.exactly(name_size).decode("utf-8" if flags & 0x800 else "cp437", "replace")
                stream.skip(extra_size)
                if flags & _STREAMED or packed == 0xFFFFFFFF or method not in METHODS or flags & _ENCRYPTED:
                    break
                section = Section(stream, packed)
                kind = METHODS[method]
                inner = section if kind == "stored" else Decompressed(section, kind, self.budget)
                yield Header(name, size, "folder" if name.endswith("/") else "file"), Verified(inner, crc)
                section.skip()
            offset = stream.tell()
        finally:
            stream.close()
        detail = f"the directory at the end of the zip is missing: it was cut; it was read up to byte {offset}; copy it"
        self.damage = Damage("damaged_archive", f"{detail} again", offset)


def _described(info: zipfile.ZipInfo) -> Header:
    mode = info.external_attr >> 16
    if info.is_dir():
        kind, detail = "folder", ""
    elif info.flag_bits & _ENCRYPTED or info.compress_type == 99:
        kind, detail = "encrypted", ""
    elif info.create_system == _UNIX and mode & _KIND_MASK == _LINK:
        kind, detail = "link", ""
    elif info.compress_type not in METHODS:
        kind, detail = "method", f"it is packed by method {info.compress_type} of zip; pack it anew by deflate"
    else:
        kind, detail = "file", ""
    return Header(info.filename, min(info.file_size, MOST_SIZE), kind, detail)
