"""The packings of the fuzz: JSON lines inside gz, bz2, xz, zst, zip and tar, and what is left of them after damage."""

from __future__ import annotations

import bz2
import io
import lzma
import random
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import zstandard
from container_helpers import COMPRESSIONS, tar_of, zip_of
from fuzz_containers import Container, Lines
from fuzz_mutations import RECORD_KINDS, Mutation, Row, common_ends, spoiled

N_MEMBERS = 3


def unpacked(kind: str, body: bytes) -> bytes:
    """Return what a library of the standard unpacks, byte by byte, up to a fault; member after member."""
    found = bytearray()
    if kind == "zst":
        return unpacked_zst(body)
    rest = body
    while rest:
        decoder: Any = {
            "gz": lambda: zlib.decompressobj(31), "bz2": bz2.BZ2Decompressor,
            "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
        }[kind]()  # fmt: skip
        try:
            for place in range(len(rest)):
                found += decoder.decompress(rest[place : place + 1])
                if decoder.eof:
                    rest = rest[place + 1 :].lstrip(b"\0")
                    break
            else:
                return bytes(found)
        except (zlib.error, OSError, lzma.LZMAError, EOFError):
            return bytes(found)
    return bytes(found)


def unpacked_zst(body: bytes) -> bytes:
    found = bytearray()
    decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    try:
        for place in range(len(body)):
            found += decoder.decompress(body[place : place + 1])
    except (zstandard.ZstdError, EOFError):
        pass
    return bytes(found)


class Packed(Container):
    """JSON lines in a packing: either the lines are mutated, or the bytes of the packing."""

    suffix = "jsonl"
    n_records = 6

    def __init__(self, kind: str) -> None:
        self.kind, self.lines = kind, Lines()

    def pack(self, body: bytes) -> bytes:
        return lzma.compress(body, preset=0) if self.kind == "xz" else COMPRESSIONS[self.kind](body)

    def make(self, planted: list[Row], mutation: Mutation) -> tuple[bytes, list[int], int | None]:
        if mutation.kind in RECORD_KINDS or mutation.seed % 3 == 0:
            body, sound, rows = self.lines.make(planted, mutation)
            return self.pack(body), sound, rows
        written = self.lines.write(planted)
        body = spoiled(self.pack(written.body), mutation)
        if not body.startswith(self.magic()):
            return body, [], None
        start = common_ends(written.body, unpacked(self.kind, body))[0]
        return body, [n for n, (_, end) in enumerate(written.spans) if end < start], None

    def magic(self) -> bytes:
        return {"gz": b"\x1f\x8b\x08", "bz2": b"BZh", "xz": b"\xfd7zXZ\0", "zst": b"\x28\xb5\x2f\xfd"}[self.kind]


class Archive(Container):
    """Three files of JSON lines in an archive: one of them is mutated, or the bytes of the archive."""

    n_records = 9

    def __init__(self, kind: str) -> None:
        self.kind, self.lines, self.suffix = kind, Lines(), kind

    def pack(self, members: dict[str, bytes]) -> bytes:
        return zip_of(members) if self.kind == "zip" else tar_of(members)

    def make(self, planted: list[Row], mutation: Mutation) -> tuple[bytes, list[int], int | None]:
        size = len(planted) // N_MEMBERS
        parts = [list(range(start, start + size)) for start in range(0, size * N_MEMBERS, size)]
        bodies = [self.lines.write([planted[n] for n in part]) for part in parts]
        members = {f"m{number}.jsonl": written.body for number, written in enumerate(bodies)}
        if mutation.kind in RECORD_KINDS or mutation.seed % 3 == 0:
            at = random.Random(mutation.seed).randrange(N_MEMBERS)
            body, sound, rows = self.lines.make([planted[n] for n in parts[at]], mutation)
            left = [n for number, part in enumerate(parts) if number != at for n in part]
            total = None if rows is None else rows + size * (N_MEMBERS - 1)
            return self.pack({**members, f"m{at}.jsonl": body}), left + [parts[at][n] for n in sound], total
        whole = self.pack(members)
        body = spoiled(whole, mutation)
        read = {name: text for name, text in self.members(body, whole) if name in members}
        found = []
        for part, (name, text) in zip(parts, members.items(), strict=True):
            held = set(read.get(name, b"").split(b"\n"))
            found += [n for n, line in zip(part, text.split(b"\n"), strict=False) if line in held]
        return body, found, None

    def members(self, body: bytes, whole: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield name and text of what the standard library reads, and of what stands before and behind the damage."""
        if self.kind == "tar":
            yield from self._tar(body, whole)
            return
        if not body.startswith(b"PK\x03\x04"):
            return
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                for info in archive.infolist():
                    try:
                        yield info.filename, archive.read(info)
                    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError,
                            EOFError, lzma.LZMAError):  # fmt: skip
                        continue
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            # Without a directory what stands before the damage is read.
            start = common_ends(whole, body)[0]
            with zipfile.ZipFile(io.BytesIO(whole)) as archive:
                infos = archive.infolist()
                ends = [info.header_offset for info in infos[1:]] + [archive.start_dir]
                if body.startswith(b"PK\x03\x04"):
                    yield from (
                        (i.filename, archive.read(i)) for i, end in zip(infos, ends, strict=True) if end <= start
                    )

    @staticmethod
    def _tar(body: bytes, whole: bytes) -> Iterator[tuple[str, bytes]]:
        if body[257:262] != b"ustar":
            return
        try:
            with tarfile.open(fileobj=io.BytesIO(body), mode="r:") as archive:
                for info in archive:
                    if info.isfile() and (stream := archive.extractfile(info)) is not None:
                        yield info.name, stream.read()
        except (tarfile.TarError, OSError, ValueError, EOFError):
            return
