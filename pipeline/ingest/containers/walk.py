"""Walks through compressed files and archives, whatever stands in what, and yields the files inside as streams.

A file inside is shown as the path of the archive, a slash and its name: ``dump.zip/posts/a.json``. No file of the
folder can have that path, since ``dump.zip`` is no folder; where an archive holds a name twice, ``#2`` follows. A
compressed file that is no archive keeps its path. A name is only ever shown: nothing is written to it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.ingest.containers import tar, zip
from pipeline.ingest.containers.compression import MAGIC, SKIPPABLE, Decompressed, compression_of, without_suffix
from pipeline.ingest.containers.limits import LAYERS_SENTENCE, MOST_LAYERS, Budget, UnpacksTooFarError
from pipeline.ingest.containers.streams import Damage, FileStream, Stream

HEAD_BYTES = 1 << 16
PACKED_MAGIC = (*MAGIC, *SKIPPABLE, *zip.MAGIC)
SIDE_FILE = re.compile(r"(^|/)(\._|__MACOSX/|\.)")
_UNSAFE = re.compile(r"^([/\\]|[A-Za-z]:)|(^|[/\\])\.\.([/\\]|$)")
_NAMED = {
    "encrypted": ("encrypted", "it is protected by a password; unpack it, and put the file into the folder"),
    "link": ("no_ordinary_file", "it is a link"),
    "other": ("no_ordinary_file", "it is a link, a device or a sparse file"),
    "method": ("archive_not_read", ""),
}


@dataclass(slots=True)
class Entry:
    """A file inside (with its stream), one that cannot be read (with its fault), or an archive (behind its members).

    `path` is how it is shown, `content_path` the same without the suffix of a compression.
    """

    path: str
    content_path: str
    size: int
    stream: Stream | None = None
    fault: Damage | None = None
    archive: str | None = None


def packing_of(head: bytes) -> str | None:
    """Return what has to be opened before it can be read: gz, bz2, xz, zst, zip or tar."""
    if kind := compression_of(head):
        return kind
    if head.startswith(zip.MAGIC):
        return "zip"
    return "tar" if tar.is_tar(head) else None


class Walk:
    """One walk through a file of the folder.

    Parameters
    ----------
    path
        The file on disk.
    shown
        Its path below the folder of the corpus.
    spool
        Folder for the temporary file that an archive inside another one becomes, where it has to be sought in.
    wanted
        Paths that matter, as shown; None for all. Nothing is opened for the others.
    """

    def __init__(self, path: Path, shown: str, spool: Path, wanted: frozenset[str] | None = None) -> None:
        self.path, self.shown, self.spool = path, shown, spool
        self.budget = Budget(path.stat().st_size)
        self.wanted = None if wanted is None else wanted | {part for name in wanted for part in _above(name)}
        self.taken: dict[str, int] = {shown: 1}

    def entries(self) -> Iterator[Entry]:
        """Yield what is inside, in the order of the bytes; a stream is valid until the next entry is asked for."""
        stream = FileStream(self.path)
        try:
            yield from self._opened(stream, self.shown, self.shown, 0, stream.size or self.path.stat().st_size)
        finally:
            stream.close()

    def _opened(self, stream: Stream, shown: str, name: str, layer: int, size: int) -> Iterator[Entry]:
        kind = packing_of(stream.peek(HEAD_BYTES))
        if kind is None:
            yield Entry(shown, name, size, stream)
        elif layer >= MOST_LAYERS:
            yield Entry(shown, name, size, fault=Damage("too_many_layers", LAYERS_SENTENCE, 0))
        elif kind == "zip":
            yield from self._zip(stream, shown, name, layer, size)
        elif kind == "tar":
            yield from self._members(tar.Tar(stream), shown, name, layer, size)
        else:
            inner = Decompressed(stream, kind, self.budget)
            yield from self._opened(inner, shown, without_suffix(name, kind), layer + 1, size)

    def _zip(self, stream: Stream, shown: str, name: str, layer: int, size: int) -> Iterator[Entry]:
        if isinstance(stream, FileStream) and stream.size is None:
            yield from self._members(zip.Zip(stream.path, self.budget), shown, name, layer, size)
            return
        with spooled(stream, self.spool) as path:
            archive = zip.Zip(path, self.budget)
            yield from self._members(archive, shown, name, layer, size, stream)

    def _members(
        self, archive: tar.Tar | zip.Zip, shown: str, name: str, layer: int, size: int, around: Stream | None = None
    ) -> Iterator[Entry]:
        """Yield the members of an archive, and behind them the archive itself."""
        fault = None
        try:
            for header, stream in archive.members():
                self.budget.count_member()
                if header.kind == "folder":
                    continue
                yield from self._member(header, stream, shown, layer)
        except UnpacksTooFarError as error:
            fault = Damage("unpacks_too_far", str(error), 0)
        fault = fault or (around.damage if around else None) or archive.damage
        kind = "tar" if isinstance(archive, tar.Tar) else "zip"
        yield Entry(shown, name, size, fault=fault, archive=kind)

    def _member(
        self, header: tar.Header | zip.Header, stream: Stream | None, above: str, layer: int
    ) -> Iterator[Entry]:
        plain = header.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        plain = re.sub(r"^(\./+)+", "", plain)
        shown = self._free(f"{above}/{plain}")
        if self.wanted is not None and shown not in self.wanted:
            return
        fault = None
        if SIDE_FILE.search(plain) and not _UNSAFE.search(plain):
            yield Entry(shown, shown, header.size)  # named by its name alone
            return
        if _UNSAFE.search(plain) or "\0" in plain or not plain:
            fault = Damage("unsafe_name", "its name leads out of the archive; rename it there", 0)
        elif header.kind in _NAMED:
            reason, detail = _NAMED[header.kind]
            fault = Damage(reason, detail or getattr(header, "detail", ""), 0)
        elif stream is None:
            fault = Damage("damaged_archive", "its header is not where the directory of the zip says; copy it again", 0)
        if fault is not None or stream is None:
            yield Entry(shown, shown, header.size, fault=fault)
            return
        yield from self._opened(stream, shown, shown, layer + 1, header.size)
        stream.close()

    def _free(self, shown: str) -> str:
        """Return the path, with a number behind it where it is taken."""
        number, free = self.taken.get(shown, 0), shown
        while free in self.taken:
            number += 1
            free = f"{shown}#{number}"
        self.taken[shown] = max(number, 1)
        self.taken.setdefault(free, 1)
        return free


def _above(path: str) -> list[str]:
    """Return the paths that a path lies below."""
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


@contextmanager
def spooled(stream: Stream, folder: Path) -> Iterator[Path]:
    """Write what is left of a stream into a temporary file, which is removed afterwards."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix="spool-") as target:
        while part := stream.read(1 << 20):
            target.write(part)
        target.flush()
        yield Path(target.name)
