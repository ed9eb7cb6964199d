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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest.config import MAPPED, CorpusConfig, CorpusConfigError
from pipeline.ingest.formats import FORMATS, Adapter
from pipeline.ingest.formats.mapped import adapter_for
from pipeline.ingest.formats.mapped_rules import RecordRule, rule_of
from pipeline.ingest.sqlite_source import why_unknown

HEAD_BYTES = 65_536
BLOCK_BYTES = 4 << 20
DELIMITERS = {"csv": ",", "tsv": "\t", "csv_semicolon": ";"}
IGNORED_NAMES = re.compile(
    r"(^|/)(\.[^/]*|__MACOSX(/.*)?|Thumbs\.db|corpus\.toml|LICEN[CS]E[^/]*|COPYING[^/]*|README[^/]*|CHANGELOG[^/]*)$"
    r"|(^|/)(\.[^/]*|__MACOSX)/|\.(md|rst|txt|pdf|png|jpe?g|gif|svg|html?|py|ipynb|lock|tmp|part)$",
    re.IGNORECASE,
)
_NO_SHAPE = "no known shape in its first 64 kB"
# zip, gzip, xz, bzip2 and zstandard, as their first bytes tell
ARCHIVE_MAGIC = (b"PK\x03\x04", b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh", b"\x28\xb5\x2f\xfd")
PICKLE_PROTOCOLS = (b"\x02", b"\x03", b"\x04", b"\x05")
SQLITE_MAGIC = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the folder: where it is, its digest, its container and format, or why it is not read."""

    path: str
    sha256: str
    size: int
    container: str
    format: str | None
    status: str
    reason: str | None = None

    @property
    def source_file_id(self) -> str:
        """First 16 hex digits of SHA-256 over path and content digest."""
        return hashlib.sha256(f"{self.path}\0{self.sha256}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Scan:
    """The files of a corpus in the order of their paths, the formats that will be read, and the adapters by name."""

    folder: Path
    files: tuple[SourceFile, ...]
    formats: tuple[str, ...]
    format_origin: str
    adapters: Mapping[str, Adapter] = field(default_factory=lambda: FORMATS)

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
    found = sorted((_described(folder, path, config) for path in _walk(folder)), key=lambda file: file.path)
    if config.records:
        _check_rules(config, found)
    formats = config.formats or ((MAPPED,) if config.records else _dominant(found))
    origin = "corpus.toml" if config.formats else "sniffed"
    chosen = tuple(_choose(file, formats) for file in found)
    adapters = {**FORMATS, MAPPED: adapter_for(config.records)} if config.records else FORMATS
    return Scan(folder, chosen, formats, origin, adapters)


def _described(folder: Path, path: str, config: CorpusConfig) -> SourceFile:
    """Describe a file; one that `[[records]]` of corpus.toml means is of the format that they make."""
    rule = rule_of(config.records, path)
    if rule is None or not _is_utf8(path) or re.search(r"(^|/)corpus(-\d+)?\.toml$", path):
        return _describe(folder, path, config.exclude)
    # A read-me or a picture is meant only by a pattern that names its suffix.
    if IGNORED_NAMES.search(path) and not any(p.endswith(Path(path).suffix or path) for p in rule.files):
        return _describe(folder, path, config.exclude)
    if re.search(r"(^|/)(\._|__MACOSX/|\.)", path) or path.endswith("/"):
        return _describe(folder, path, config.exclude)
    if any(fnmatch.fnmatch(path, pattern) for pattern in config.exclude):
        return _describe(folder, path, config.exclude)
    try:
        sha256, size, head, tail = _digest(f"{folder}/{path}")
    except OSError:
        return SourceFile(path, "", 0, "none", None, "unreadable", "unreadable")
    container, reason = _mapped_container(path, head, tail, size, rule)
    if reason is not None:
        return SourceFile(path, sha256, size, container, None, "unreadable", reason)
    return SourceFile(path, sha256, size, container, MAPPED, "read")


def _mapped_container(path: str, head: bytes, tail: bytes, size: int, rule: RecordRule) -> tuple[str, str | None]:
    """Return the container of a mapped file: the one that its rule names, wherever its bytes do not forbid it."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode("utf-8", "replace")
    container, reason = _container(path, head, tail, size)
    is_text = reason in (None, "invalid_json") and container not in ("parquet", "sqlite")
    if rule.container is not None and (is_text or container == rule.container):
        return rule.container, None if is_text else reason
    if reason is None and (container == "none" or (rule.container or container) != container):
        return container, "other_container"
    return container, reason


def _check_rules(config: CorpusConfig, found: list[SourceFile]) -> None:
    """Check that every `[[records]]` means some file, and names a table where the file has several."""
    for rule in config.records:
        meant = [file for file in found if file.container != "none" and rule.takes(file.path)]
        where = f"corpus.toml of corpus {config.corpus_id}: key 'files', {rule.place}"
        if not any(rule.takes(file.path) for file in found):
            raise CorpusConfigError(f"{where}: no file below data/{config.corpus_id} fits {', '.join(rule.files)}")
        if rule.table is None and any(file.container == "sqlite" for file in meant):
            raise CorpusConfigError(f"{where}: expected the key table, since a database holds several")


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
        return SourceFile(path, "", _size(folder / path), "none", None, "ignored", "not a dump by its name")
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
    container, reason = _container(path, head, tail, size)
    if is_utf16 and container == "jsonl":
        reason = "invalid_utf8"
    if reason is not None:
        return SourceFile(path, sha256, size, container, None, "unreadable", reason)
    if container == "parquet" or container in DELIMITERS:
        return _table(folder, path, sha256, size, container)
    for name, adapter in FORMATS.items():
        if container not in adapter.containers:
            continue
        if container == "sqlite":
            is_known = adapter.recognises_file is not None and adapter.recognises_file(folder / path)
        else:
            is_known = adapter.recognises(path, container, head)
        if is_known:
            return SourceFile(path, sha256, size, container, name, "read")
    why = why_unknown(folder / path) if container == "sqlite" else _NO_SHAPE
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


def _table(folder: Path, path: str, sha256: str, size: int, container: str) -> SourceFile:
    """Recognise a table by its columns."""
    try:
        columns = table_columns(folder / path, container)
    except (OSError, ValueError, pa.ArrowException):
        return SourceFile(path, sha256, size, container, None, "unreadable", "bad_parquet")
    for name, adapter in FORMATS.items():
        if container in adapter.containers and adapter.table_kind(columns) is not None:
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


container_of = _container  # for those who look at a file without listing its folder


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


def _choose(file: SourceFile, formats: tuple[str, ...]) -> SourceFile:
    if file.status != "read" or file.format in formats:
        return file
    return SourceFile(
        file.path,
        file.sha256,
        file.size,
        file.container,
        file.format,
        "other_format",
        f"the corpus is read as {', '.join(formats)}; to read this file too, name both formats in corpus.toml",
    )
