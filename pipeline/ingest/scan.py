"""Lists the files of a corpus and says what each one is, without reading records.

What belongs here: walking the folder, digests, magic bytes, containers and the choice of the corpus format. What
does not: the content of records, which is the business of `framing` and `formats`.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.ingest.config import CorpusConfig
from pipeline.ingest.containers.describe import Inside, LookAgain
from pipeline.ingest.containers.listing import Outer, is_packed, listed
from pipeline.ingest.formats import FORMATS
from pipeline.ingest.recognise import HEAD_BYTES, IGNORED_NAMES, NO_SHAPE, NOT_BY_NAME, TABLES, container_of, table_of
from pipeline.ingest.sqlite_source import why_unknown

BLOCK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the folder or of an archive: where it is, digest, container and format, or why it is not read.

    `outer` is the file of the folder that has to be opened for it; `content` the path without a suffix of compression.
    `detail` and `offset` say more of the reason.
    """

    path: str
    sha256: str
    size: int
    container: str
    format: str | None
    status: str
    reason: str | None = None
    outer: Outer | None = None
    content: str | None = None
    detail: str | None = None
    offset: int = 0

    @property
    def content_path(self) -> str:
        """The path as it would be without compression: what the name says of the content is said by this one."""
        return self.content or self.path

    @property
    def source_file_id(self) -> str:
        """First 16 hex digits of SHA-256 over path and content digest."""
        return hashlib.sha256(f"{self.path}\0{self.sha256}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Scan:
    """The files of a corpus in the order of their paths, and the formats that will be read."""

    folder: Path
    files: tuple[SourceFile, ...]
    formats: tuple[str, ...]
    format_origin: str

    def digest(self) -> str:
        """Return a digest of the paths and contents of all files: the input fingerprint of ingestion."""
        whole = hashlib.sha256()
        for file in self.files:
            whole.update(f"{file.path}\0{file.sha256}\0{file.status}\n".encode())
        return whole.hexdigest()


def scan(
    folder: Path,
    config: CorpusConfig,
    spool: Callable[[], AbstractContextManager[str | Path]] = tempfile.TemporaryDirectory,
) -> Scan:
    """List the files below `folder` and inside its archives, take their digests and choose the format.

    A corpus is read in one format unless `corpus.toml` names several: the one that holds most bytes. Files of
    another format are listed with status ``other_format``, so that two exports of the same platform with different
    identifiers are never pooled without a word. `spool` opens a
    folder for temporary files, which databases inside archives need.

    Raises
    ------
    FileNotFoundError
        When the folder does not exist.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder.name} under data/; put the dump files there")
    again = LookAgain(folder, config.exclude, lambda path: _digest(path)[0])
    loose = [again.look(_describe(folder, path, config.exclude)) for path in _walk(folder)]
    if any(is_packed(file) for file in loose):
        with spool() as temporary:
            inside = Inside(Path(temporary), config.exclude)
            loose = list(listed(folder, loose, inside.describe, Path(temporary)))
    found = sorted(loose, key=lambda file: file.path)
    formats = config.formats or _dominant(found)
    origin = "corpus.toml" if config.formats else "sniffed"
    chosen = tuple(_choose(file, formats) for file in found)
    return Scan(folder, chosen, formats, origin)


def _walk(folder: Path) -> list[str]:
    paths: list[str] = []
    for base, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        relative = os.path.relpath(base, folder)
        prefix = "" if relative == "." else f"{relative}/"
        # A link to a folder is not followed, and listed with a slash at its end so that it is not taken for a file.
        linked = [f"{name}/" for name in folders if (Path(base) / name).is_symlink()]
        paths.extend(f"{prefix}{name}" for name in (*names, *linked))
    return sorted(paths)


def _describe(folder: Path, path: str, exclude: tuple[str, ...]) -> SourceFile:
    if not _is_utf8(path):
        return _odd_name(folder, path, exclude)
    if IGNORED_NAMES.search(path) and not path.endswith((".json", ".jsonl", ".csv", ".parquet")):
        return SourceFile(path, "", _size(folder / path), "none", None, "ignored", NOT_BY_NAME)
    if re.search(r"(^|/)(\._|__MACOSX/|\.)", path):
        return SourceFile(path, "", _size(folder / path), "none", None, "ignored", "side file of the system")
    if any(fnmatch.fnmatch(path, pattern) for pattern in exclude):
        return SourceFile(path, "", _size(folder / path), "none", None, "ignored", "excluded by corpus.toml")
    if path.endswith("/"):
        return SourceFile(path, "", 0, "none", None, "unreadable", "linked_folder")
    try:
        sha256, size, head, tail = _digest(f"{folder}/{path}")
    except OSError:
        return SourceFile(path, "", 0, "none", None, "unreadable", "unreadable")
    is_utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if is_utf16:
        head = head.decode("utf-16", "replace").encode("utf-8", "replace")
    container, reason = container_of(path, head, tail, size)
    if is_utf16 and container == "jsonl":
        reason = "invalid_utf8"
    if reason is not None:
        return SourceFile(path, sha256, size, container, None, "unreadable", reason)
    if container in TABLES:
        return table_of(folder / path, SourceFile(path, sha256, size, container, None, "read"))
    for name, adapter in FORMATS.items():
        if container not in adapter.containers:
            continue
        if container == "sqlite":
            is_known = adapter.recognises_file is not None and adapter.recognises_file(folder / path)
        else:
            is_known = adapter.recognises(path, container, head)
        if is_known:
            return SourceFile(path, sha256, size, container, name, "read")
    why = why_unknown(folder / path) if container == "sqlite" else NO_SHAPE
    return SourceFile(path, sha256, size, container, None, "ignored", why)


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _odd_name(folder: Path, path: str, exclude: tuple[str, ...]) -> SourceFile:
    """Describe a file whose name is not UTF-8: no table, digest or address can hold it, so it is not read.

    Its path is shown with escapes; a digest of the name follows where another file may be shown in the same way.
    """
    name = os.fsencode(path)
    shown = name.decode("utf-8", "backslashreplace")
    if b"\\" in name or os.path.lexists(folder / shown):
        shown = f"{shown}-{hashlib.sha256(name).hexdigest()[:8]}"
    if any(fnmatch.fnmatch(shown, pattern) for pattern in exclude):
        return SourceFile(shown, "", _size(folder / path), "none", None, "ignored", "excluded by corpus.toml")
    return SourceFile(shown, "", _size(folder / path), "none", None, "unreadable", "name_not_utf8")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _digest(path: str) -> tuple[str, int, bytes, bytes]:
    whole = hashlib.sha256()
    head = tail = b""
    size = 0
    descriptor = os.open(path, os.O_RDONLY)  # a tree has tens of thousands of files: the shortest way to their bytes
    try:
        expected = os.fstat(descriptor).st_size
        while block := os.read(descriptor, min(expected + 1, BLOCK_BYTES)):
            head = head or block[:HEAD_BYTES]
            tail = block[-16:]
            size += len(block)
            whole.update(block)
            if size == expected < BLOCK_BYTES:
                break
    finally:
        os.close(descriptor)
    return whole.hexdigest(), size, head, tail


def _dominant(files: list[SourceFile]) -> tuple[str, ...]:
    size: dict[str, int] = {}
    for file in files:
        if file.status == "read" and file.format:
            size[file.format] = size.get(file.format, 0) + file.size
    return tuple(sorted(size, key=lambda name: (-size[name], name))[:1])


def _choose(file: SourceFile, formats: tuple[str, ...]) -> SourceFile:
    if file.status != "read" or file.format in formats:
        return file
    why = f"the corpus is read as {', '.join(formats)}; to read this file too, name both formats in corpus.toml"
    return replace(file, status="other_format", reason=why)
