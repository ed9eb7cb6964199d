"""Lists the files of a corpus and says what each one is, without reading records.

What belongs here: walking the folder, digests, magic bytes, containers and the choice of the corpus format. What
does not: the content of records, which is the business of `framing` and `formats`.
"""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import io
import json
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest.bodies import HEAD_BYTES, Bodies
from pipeline.ingest.config import CorpusConfig
from pipeline.ingest.formats import FORMATS, is_table_of, kind_of_rows
from pipeline.ingest.formats.unread import why_unread
from pipeline.ingest.sqlite_source import why_unknown

DELIMITERS = {"csv": ",", "tsv": "\t"}
IGNORED_NAMES = re.compile(
    r"(^|/)(\.[^/]*|__MACOSX(/.*)?|Thumbs\.db|corpus\.toml|LICEN[CS]E[^/]*|COPYING[^/]*|README[^/]*|CHANGELOG[^/]*)$"
    r"|(^|/)(\.[^/]*|__MACOSX)/|\.(md|rst|txt|pdf|png|jpe?g|gif|svg|html?|py|ipynb|lock|tmp|part)$",
    re.IGNORECASE,
)
_SIDE_FILES = re.compile(r"(^|/)(\._|__MACOSX/|\.)")
# Files of a folder that have the same suffix and the same keys in their first bytes are recognised once.
LIKE_BYTES = 512
_KEY = re.compile(rb'"([A-Za-z_][A-Za-z0-9_-]*)"\s*:')
_NO_SHAPE = "no known shape in its first 64 kB"
# zip, gzip, xz, bzip2 and zstandard, as their first bytes tell
ARCHIVE_MAGIC = (b"PK\x03\x04", b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh", b"\x28\xb5\x2f\xfd")
PICKLE_PROTOCOLS = (b"\x02", b"\x03", b"\x04", b"\x05")
SQLITE_MAGIC = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the folder: where it is, its digest, its container and format, or why it is not read.

    `follow_direction` is what corpus.toml says of the adapters that may not be able to tell it.
    """

    path: str
    sha256: str
    size: int
    container: str
    format: str | None
    status: str
    reason: str | None = None
    follow_direction: str | None = None

    @property
    def source_file_id(self) -> str:
        """First 16 hex digits of SHA-256 over path and content digest."""
        return hashlib.sha256(f"{self.path}\0{self.sha256}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Scan:
    """The files of a corpus in the order of their paths, the formats that will be read, and what was kept of files."""

    folder: Path
    files: tuple[SourceFile, ...]
    formats: tuple[str, ...]
    format_origin: str
    bodies: Bodies = field(default_factory=Bodies, compare=False, repr=False)

    def digest(self) -> str:
        """Return a digest of the paths and contents of all files: the input fingerprint of ingestion."""
        whole = hashlib.sha256()
        for file in self.files:
            whole.update(f"{file.path}\0{file.sha256}\0{file.status}\n".encode())
        return whole.hexdigest()


def scan(folder: Path, config: CorpusConfig) -> Scan:
    """List the files below `folder`, take their digests and choose the format.

    A corpus is read in one format unless `corpus.toml` names several: the one that holds most bytes. Files of
    another format are listed with status ``other_format``, so that two exports of the same platform with different
    identifiers are never pooled without a word.

    Raises
    ------
    FileNotFoundError
        When the folder does not exist.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder.name} under data/; put the dump files there")
    listing = _Listing(folder, config.exclude)
    try:
        found = sorted((listing.describe(path) for path in _walk(folder)), key=lambda file: file.path)
    finally:
        listing.close()
    formats = config.formats or _dominant(found)
    origin = "corpus.toml" if config.formats else "sniffed"
    chosen = tuple(_choose(folder, file, formats) for file in found)
    if config.follow_direction:
        chosen = tuple(replace(file, follow_direction=config.follow_direction) for file in chosen)
    for file in chosen:
        if file.status != "read":
            listing.bodies.forget(file.path)
    return Scan(folder, chosen, formats, origin, listing.bodies)


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


class _Listing:
    """Describes the files of one folder, one after the other."""

    def __init__(self, folder: Path, exclude: tuple[str, ...]) -> None:
        self.folder, self.exclude = folder, exclude
        self.bodies = Bodies()
        self.root = os.open(folder, os.O_RDONLY)
        self.recognised: dict[tuple[object, ...], str] = {}

    def close(self) -> None:
        os.close(self.root)

    def describe(self, path: str) -> SourceFile:
        """Return what a file is, and keep its bytes where it is small and may be read."""
        folder = self.folder
        if not _is_utf8(path):
            return _odd_name(folder, path, self.exclude)
        if reason := _ignored(path, self.exclude):
            return SourceFile(path, "", _size(folder / path), "none", None, "ignored", reason)
        if path.endswith("/"):
            return SourceFile(path, "", 0, "none", None, "unreadable", "linked_folder")
        try:
            reading = self.bodies.read(self.root, path)
        except OSError:
            return SourceFile(path, "", 0, "none", None, "unreadable", "unreadable")
        sha256, size, head = reading.sha256, reading.size, reading.head
        is_utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
        if is_utf16:
            head = head.decode("utf-16", "replace").encode("utf-8", "replace")
        container, reason = _container(path, head, reading.tail, size)
        if is_utf16 and container == "jsonl":
            reason = "invalid_utf8"
        if container != "json":
            self.bodies.forget(path)
        if reason is not None:
            return SourceFile(path, sha256, size, container, None, "unreadable", reason)
        if container == "parquet" or container in DELIMITERS:
            return _table(folder, path, sha256, size, container)
        name, why = self._format(path, container, head)
        if name is not None:
            return SourceFile(path, sha256, size, container, name, "read")
        return SourceFile(path, sha256, size, container, None, "ignored", why)

    def _format(self, path: str, container: str, head: bytes) -> tuple[str | None, str | None]:
        """Return the format of a file, or why none reads it.

        Files of one folder that start with the same keys are of the same.
        """
        place = path.rpartition("/")[0], path.rpartition(".")[2], container
        looks = (*place, *_KEY.findall(head[:LIKE_BYTES])) if container in ("json", "jsonl") else place
        if len(looks) > len(place) and looks in self.recognised:
            return self.recognised[looks], None
        if (why := why_unread(path, head)) is not None:
            return None, why
        for name, adapter in FORMATS.items():
            if container not in adapter.containers:
                continue
            if container == "sqlite":
                is_known = adapter.recognises_file is not None and adapter.recognises_file(self.folder / path)
            else:
                is_known = adapter.recognises(path, container, head)
            if is_known:
                self.recognised[looks] = name
                return name, None
        return None, why_unknown(self.folder / path) if container == "sqlite" else _NO_SHAPE


def _ignored(path: str, exclude: tuple[str, ...]) -> str | None:
    """Return why a file is not looked into, None when it is."""
    if IGNORED_NAMES.search(path) and not path.endswith((".json", ".jsonl", ".csv", ".parquet")):
        return "not a dump by its name"
    if _SIDE_FILES.search(path):
        return "side file of the system"
    if any(fnmatch.fnmatch(path, pattern) for pattern in exclude):
        return "excluded by corpus.toml"
    return None


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


def _table(folder: Path, path: str, sha256: str, size: int, container: str) -> SourceFile:
    """Recognise a table by its columns."""
    try:
        columns = table_columns(folder / path, container)
    except (OSError, ValueError, pa.ArrowException):
        return SourceFile(path, sha256, size, container, None, "unreadable", "bad_parquet")
    if (why := why_unread(path, columns=columns)) is not None:
        return SourceFile(path, sha256, size, container, None, "ignored", why)
    for name, adapter in FORMATS.items():
        if container in adapter.containers and is_table_of(name, path, columns):
            return SourceFile(path, sha256, size, container, name, "read")
    return SourceFile(path, sha256, size, container, None, "ignored", "its columns are those of no table that is read")


def table_columns(path: Path, container: str) -> frozenset[str]:
    """Return the column names of a CSV, TSV or Parquet file."""
    if container == "parquet":
        return frozenset(pq.read_schema(path).names)
    with path.open(encoding=encoding_of(path), errors="replace", newline="") as stream:
        header = next(csv.reader(io.StringIO(stream.read(HEAD_BYTES)), delimiter=DELIMITERS[container]), [])
    return frozenset(name.strip() for name in header)


def encoding_of(path: Path) -> str:
    """Return the encoding that the byte order mark of a text file announces, UTF-8 when there is none."""
    with path.open("rb") as stream:
        return "utf-16" if stream.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _container(path: str, head: bytes, tail: bytes, size: int) -> tuple[str, str | None]:
    """Return the container of a file and, when it cannot be read, the reason of the quarantine."""
    suffix = path.rsplit(".", 1)[-1].lower()
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:512]
    if size == 0:
        return "none", "empty_file"
    if start.startswith(b"version https://git-lfs"):
        return "none", "git_lfs_pointer"
    if head.startswith(b"PAR1"):
        return ("parquet", None) if tail.endswith(b"PAR1") else ("parquet", "bad_parquet")
    if head.startswith(SQLITE_MAGIC):
        return "sqlite", None
    if head.startswith(ARCHIVE_MAGIC):
        return "none", "archive_not_read"
    if suffix in ("pkl", "pickle", "pt", "joblib") or (head[:1] == b"\x80" and head[1:2] in PICKLE_PROTOCOLS):
        return "none", "pickle_refused"
    if suffix == "parquet":
        return "parquet", "bad_parquet"
    if start[:1] == b"<" and re.match(rb"<(!doctype|html|head|\?xml)", start, re.IGNORECASE):
        return "none", "html_error_body"
    # One such byte in JSON lines costs a record, not the file.
    if b"\0" in head and not (start[:1] == b"{" and b"\n" in head):
        return "none", "binary_file"
    if suffix in ("csv", "tsv"):
        return suffix, None
    if start[:1] in (b"{", b"["):
        return _json_container(suffix, start, head), None
    return ("json", "invalid_json") if suffix in ("json", "jsonl", "ndjson") else ("none", None)


def _json_container(suffix: str, start: bytes, head: bytes) -> str:
    """Tell JSON lines from a JSON document by content: the first line of JSON lines is a whole object."""
    first, separator, rest = head.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")
    if suffix in ("jsonl", "ndjson") and start[:1] == b"{":
        return "jsonl"
    if not separator or first.strip() in (b"{", b"[") or not rest.strip():
        return "json"
    try:
        is_object = isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return "json"
    return "jsonl" if is_object else "json"


def _dominant(files: list[SourceFile]) -> tuple[str, ...]:
    size: dict[str, int] = {}
    for file in files:
        if file.status == "read" and file.format:
            size[file.format] = size.get(file.format, 0) + file.size
    return tuple(sorted(size, key=lambda name: (-size[name], name))[:1])


def _reads_too(folder: Path, file: SourceFile, name: str) -> bool:
    """Return whether a format reads a file of another one as a file of its archive without a mark."""
    adapter = FORMATS[name]
    if file.format not in adapter.reads_too or file.container not in adapter.containers:
        return False
    if file.container != "parquet" and file.container not in DELIMITERS:
        return True
    try:
        columns = table_columns(folder / file.path, file.container)
    except (OSError, ValueError, pa.ArrowException):
        return False
    return kind_of_rows(name, columns) in ("agent", "community")


def _choose(folder: Path, file: SourceFile, formats: tuple[str, ...]) -> SourceFile:
    if file.status != "read" or file.format in formats:
        return file
    for name in formats:
        if _reads_too(folder, file, name):
            return replace(file, format=name)
    return SourceFile(
        file.path,
        file.sha256,
        file.size,
        file.container,
        file.format,
        "other_format",
        f"the corpus is read as {', '.join(formats)}; to read this file too, name both formats in corpus.toml",
    )
