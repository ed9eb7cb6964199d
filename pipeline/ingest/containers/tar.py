"""Reads a tar from the first byte to the last: its members are streams, nothing is sought and nothing is written.

The headers are parsed by the standard library; the walk is ours, since `tarfile` keeps every header in memory, stops at
the first end mark of archives that were joined, and ends without a word where a tar was cut between two members.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.ingest.containers.streams import Damage, Section, Stream

BLOCK = 512
LONGEST_NAME = 1 << 20
MOST_SIZE = 1 << 62  # what a column of sizes holds
_LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_EMPTY = bytes(BLOCK)


@dataclass(frozen=True, slots=True)
class Header:
    """Name, size and kind (file, folder, other) of a member."""

    name: str
    size: int
    kind: str


def is_tar(head: bytes) -> bool:
    """Tell a tar by its first header: the mark, or for the oldest kind a checksum that is right."""
    if head[257:262] == b"ustar":
        return True
    if len(head) < BLOCK or not head[148:156].strip(b" 0\0") or not head[0] or head.startswith((b"{", b"[")):
        return False
    try:
        tarfile.TarInfo.frombuf(head[:BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class Tar:
    """The members of a tar; `damage` says after the last one what was wrong with the archive."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.damage: Damage | None = None

    def members(self) -> Iterator[tuple[Header, Stream]]:
        """Yield header and bytes of each member; what is not read of one is skipped before the next."""
        is_ended = False
        extended: dict[str, str] = {}
        while block := self.stream.exactly(BLOCK):
            if block == _EMPTY[: len(block)]:  # the end mark, or what fills a record behind it
                is_ended = True
                continue
            info = self._header(block)
            if info is None:
                return
            is_ended = False
            if info.type in (*_LONG_NAMES, *_PAX, tarfile.XGLTYPE):
                if not self._extend(info, extended):
                    return
                continue
            size = int(extended.get("size", info.size)) if info.isreg() else 0
            kind = "file" if info.isreg() and not info.issparse() else "folder" if info.isdir() else "other"
            if any(key.startswith("GNU.sparse") for key in extended) or info.type == tarfile.GNUTYPE_SPARSE:
                kind = "other"
            section = Section(self.stream, info.size if kind == "other" and not info.isreg() else size)
            yield Header(extended.get("path", info.name), section.size, kind), section
            extended = {}
            padding = -section.size % BLOCK
            if section.tell() + section.skip() < section.size or self.stream.skip(padding) < padding:
                self._note("it ends inside a member")
                return
        if not is_ended or self.stream.damage is not None:
            self._note("its end mark is missing")

    def _header(self, block: bytes) -> tarfile.TarInfo | None:
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            info = None
        if info is None or not 0 <= info.size <= MOST_SIZE:
            self._note("a header cannot be read" if len(block) == BLOCK else "it ends inside a header")
            return None
        return info

    def _extend(self, info: tarfile.TarInfo, extended: dict[str, str]) -> bool:
        """Read a header that says more of the next member: its long name, its size. Return whether it could be."""
        if info.size > LONGEST_NAME:
            self._note("a name is longer than 1 MB")
            return False
        size = info.size + -info.size % BLOCK
        body = self.stream.exactly(size)
        if len(body) < size:
            self._note("it ends inside a header")
            return False
        body = body[: info.size]
        if info.type == tarfile.GNUTYPE_LONGNAME:
            extended["path"] = body.rstrip(b"\0").decode("utf-8", "surrogateescape")
        elif info.type in _PAX:
            extended.update(_records(body))
        return True

    def _note(self, why: str) -> None:
        around = self.stream.damage
        offset = self.stream.tell()
        if around is not None:
            detail = f"{around.detail} ({why})"
            self.damage = Damage(around.reason, detail, offset, around.is_inherited)
        else:
            detail = (
                f"the tar is damaged or was cut near its byte {offset}: {why}; what stands before was read; copy it"
            )
            self.damage = Damage("damaged_archive", f"{detail} again", offset)


def _records(body: bytes) -> dict[str, str]:
    """Return the records of a pax header, each of which is ``length key=value`` and a newline."""
    found: dict[str, str] = {}
    while body:
        length, _, rest = body.partition(b" ")
        if not length.isdigit() or len(length) > 9 or not 0 < int(length) <= len(body):
            break
        key, _, value = rest[: int(length) - len(length) - 2].partition(b"=")
        if key != b"size" or (value.isdigit() and len(value) <= 18):
            found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        body = body[int(length) :]
    return found
