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
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.ingest.bodies import Bodies
from pipeline.ingest.config import MAPPED, CorpusConfig, CorpusConfigError
from pipeline.ingest.containers.describe import Inside, LookAgain
from pipeline.ingest.containers.listing import Outer, is_packed, listed
from pipeline.ingest.formats import FORMATS, Adapter, kind_of_rows
from pipeline.ingest.formats.mapped import adapter_for
from pipeline.ingest.formats.mapped_rules import RecordRule, rule_of
from pipeline.ingest.recognise import (
    IGNORED_NAMES,
    NOT_BY_NAME,
    PACKED_CONTAINERS,
    TABLES,
    container_of,
    format_of,
    mapped_container,
    table_columns,
    table_of,
    what_it_is,
)

# Files whose paths differ in numbers only, and which have the same keys in their first bytes, are recognised once.
LIKE_BYTES = 512
_NUMBER = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|[0-9]+")
_KEY = re.compile(rb'"([A-Za-z_][A-Za-z0-9_-]*)"\s*:')
_NAMED_TO_BE_READ = (".json", ".jsonl", ".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the folder or of an archive: where it is, digest, container and format, or why it is not read.

    `outer` is the file of the folder that has to be opened for it; `content` the path without a suffix of compression.
    `detail` and `offset` say more of the reason. `follow_direction`, `header_row` and `encoding` are what corpus.toml
    says of it.
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
    follow_direction: str | None = None
    header_row: int = 1
    encoding: str | None = None

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
    """The files of a corpus in the order of their paths, the formats that will be read, and the adapters by name.

    `bodies` is what was kept of small files.
    """

    folder: Path
    files: tuple[SourceFile, ...]
    formats: tuple[str, ...]
    format_origin: str
    bodies: Bodies = field(default_factory=Bodies, compare=False, repr=False)
    adapters: Mapping[str, Adapter] = field(default_factory=lambda: FORMATS, compare=False, repr=False)

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
    identifiers are never pooled without a word. `spool` opens a folder for temporary files, which databases inside
    archives need.

    Raises
    ------
    FileNotFoundError
        When the folder does not exist.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder.name} under data/; put the dump files there")
    listing = _Listing(folder, config)
    try:
        loose = [listing.describe(path) for path in _walk(folder)]
    finally:
        listing.close()
    if any(is_packed(file) for file in loose):
        with spool() as temporary:
            inside = Inside(Path(temporary), config.exclude, config.records)
            loose = list(listed(folder, loose, inside.describe, Path(temporary)))
    found = sorted(loose, key=lambda file: file.path)
    if config.records:
        _check_rules(config, found)
    formats = config.formats or ((MAPPED,) if config.records else _dominant(found))
    origin = "corpus.toml" if config.formats else "sniffed"
    chosen = tuple(_choose(folder, file, formats) for file in found)
    if config.follow_direction:
        chosen = tuple(replace(file, follow_direction=config.follow_direction) for file in chosen)
    for file in chosen:
        if file.status != "read" or file.container != "json":
            listing.bodies.forget(file.path)
    adapters = {**FORMATS, MAPPED: adapter_for(config.records)} if config.records else FORMATS
    return Scan(folder, chosen, formats, origin, listing.bodies, adapters)


def _check_rules(config: CorpusConfig, found: list[SourceFile]) -> None:
    """Check that every `[[records]]` means some file, and names a table where the file has several."""
    for rule in config.records:
        meant = [file for file in found if file.container != "none" and rule.takes(file.content_path)]
        where = f"corpus.toml of corpus {config.corpus_id}: key 'files', {rule.place}"
        if not any(rule.takes(file.content_path) for file in found):
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


class _Listing:
    """Describes the files of one folder, one after the other."""

    def __init__(self, folder: Path, config: CorpusConfig) -> None:
        self.folder, self.exclude, self.rules = folder, config.exclude, config.records
        self.bodies = Bodies()
        self.root = os.open(folder, os.O_RDONLY)
        self.again = LookAgain(folder, config.exclude, lambda path: Bodies(limit=0).read(self.root, path).sha256)
        self.recognised: dict[tuple[object, ...], str] = {}

    def close(self) -> None:
        os.close(self.root)

    def describe(self, path: str) -> SourceFile:
        """Return what a file is, and keep its bytes where it is small and may be read."""
        rule = rule_of(self.rules, path) if self.rules and _is_utf8(path) else None
        if rule is not None and _may_be_mapped(path, rule, self.exclude):
            file = self._mapped(path, rule)
            if not is_packed(file):
                return file
        return self.again.look(self._describe(path))

    def _mapped(self, path: str, rule: RecordRule) -> SourceFile:
        """Describe a file that `[[records]]` of corpus.toml means: it is of the format that they make."""
        try:
            reading = self.bodies.read(self.root, path)
        except OSError:
            return SourceFile(path, "", 0, "none", None, "unreadable", "unreadable")
        container, reason = mapped_container(path, reading.head, reading.tail, reading.size, rule)
        if container != "json":
            self.bodies.forget(path)
        file = SourceFile(path, reading.sha256, reading.size, container, MAPPED, "read")
        file = replace(file, header_row=rule.header_row, encoding=rule.encoding)
        if container in PACKED_CONTAINERS:
            return replace(file, format=None, status="ignored")
        if reason is None:
            return file
        return replace(file, format=None, status="unreadable", reason=reason, detail=what_it_is(reading.head))

    def _describe(self, path: str) -> SourceFile:
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
        head = reading.head
        is_utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
        if is_utf16:
            head = head.decode("utf-16", "replace").encode("utf-8", "replace")
        container, reason = container_of(path, head, reading.tail, reading.size)
        if container != "json":
            self.bodies.forget(path)
        if reason is not None:
            file = SourceFile(path, reading.sha256, reading.size, container, None, "unreadable", reason)
            return replace(file, detail=what_it_is(reading.head))
        looks = _looks(path, container, head)
        file = SourceFile(path, reading.sha256, reading.size, container, self.recognised.get(looks), "read")
        if file.format is not None:
            return file
        if container in TABLES:
            return table_of(folder / path, file)
        found = format_of(file, head, folder / path)
        if looks and found.format is not None:
            self.recognised[looks] = found.format
        return found


def _looks(path: str, container: str, head: bytes) -> tuple[object, ...]:
    """Return what files have in common that are named alike and start with the same keys: they are of one format."""
    if container not in ("json", "jsonl") or not (keys := _KEY.findall(head[:LIKE_BYTES])):
        return ()
    return (_NUMBER.sub("#", path), container, *keys)


def _may_be_mapped(path: str, rule: RecordRule, exclude: tuple[str, ...]) -> bool:
    """Return whether a file that a rule takes is no file of the system, of the project, or excluded."""
    if path.endswith("/") or _is_side_file(path) or re.search(r"(^|/)corpus(-\d+)?\.toml$", path):
        return False
    # A read-me or a picture is meant only by a pattern that names its suffix.
    if IGNORED_NAMES.search(path) and not any(p.endswith(Path(path).suffix or path) for p in rule.files):
        return False
    return not any(fnmatch.fnmatch(path, pattern) for pattern in exclude)


def _ignored(path: str, exclude: tuple[str, ...]) -> str | None:
    """Return why a file is not looked into, None when it is."""
    if not path.endswith(_NAMED_TO_BE_READ) and IGNORED_NAMES.search(path):
        return NOT_BY_NAME
    if _is_side_file(path):
        return "side file of the system"
    if exclude and any(fnmatch.fnmatch(path, pattern) for pattern in exclude):
        return "excluded by corpus.toml"
    return None


def _is_side_file(path: str) -> bool:
    return path.startswith((".", "__MACOSX/")) or "/." in path or "/__MACOSX/" in path


def _is_utf8(path: str) -> bool:
    if path.isascii():
        return True
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
    if file.container not in TABLES:
        return True
    if file.outer is not None:
        return False
    try:
        columns = table_columns(folder / file.path, file.container)
    except (OSError, ValueError):
        return False
    return kind_of_rows(name, columns) in ("agent", "community")


def _choose(folder: Path, file: SourceFile, formats: tuple[str, ...]) -> SourceFile:
    if file.status != "read" or file.format in formats:
        return file
    for name in formats:
        if _reads_too(folder, file, name):
            return replace(file, format=name)
    why = f"the corpus is read as {', '.join(formats)}; to read this file too, name both formats in corpus.toml"
    return replace(file, status="other_format", reason=why)
