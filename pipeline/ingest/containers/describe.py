"""Says what the files inside archives and compressed files are, and looks again where a first look misled."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ingest.config import MAPPED
from pipeline.ingest.containers import avro, json_table
from pipeline.ingest.containers.second_look import lines_after_all
from pipeline.ingest.containers.streams import Stream
from pipeline.ingest.containers.walk import SIDE_FILE, Entry, spooled
from pipeline.ingest.formats.mapped_rules import RecordRule, rule_of
from pipeline.ingest.recognise import (
    DELIMITERS,
    HEAD_BYTES,
    IGNORED_NAMES,
    NO_SHAPE,
    NOT_BY_NAME,
    container_of,
    header_columns,
    mapped_container,
    of_columns,
    of_database,
    of_head,
    table_of,
    what_it_is,
)

if TYPE_CHECKING:
    from pipeline.ingest.scan import SourceFile


# A first line that is longer than the head of a file is recognised by more of it.
LINE_BYTES = 4 << 20
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Inside:
    """Says what the files inside archives and compressed files are; `spool` holds those that have to be sought in."""

    spool: Path
    exclude: tuple[str, ...]
    rules: tuple[RecordRule, ...] = ()

    def describe(self, entry: Entry, file: SourceFile) -> SourceFile:
        """Return the file with container, format and status."""
        name = file.content_path
        if any(fnmatch.fnmatch(file.path, pattern) for pattern in self.exclude):
            return replace(file, status="ignored", reason="excluded by corpus.toml")
        if entry.stream is None:
            return replace(file, status="ignored", reason="side file of the system")
        rule = rule_of(self.rules, name) if self.rules else None
        if rule is not None:
            head = entry.stream.peek(HEAD_BYTES)
            container, reason = mapped_container(name, head, b"PAR1", 1, rule)
            if reason is not None:
                what = what_it_is(head)
                return replace(file, container=container, status="unreadable", reason=reason, detail=what)
            file = replace(file, header_row=rule.header_row, encoding=rule.encoding)
            return replace(file, container=container, format=MAPPED)
        is_text = name.lower().endswith(".txt")
        if IGNORED_NAMES.search(name) and not is_text and not name.endswith((".json", ".jsonl", ".csv", ".parquet")):
            return replace(file, status="ignored", reason=NOT_BY_NAME)
        head = entry.stream.peek(HEAD_BYTES)
        if not head and (damage := entry.stream.damage) is not None:
            if damage.is_inherited:
                return replace(file, status="ignored", reason="it stands where the archive is damaged; see its row")
            return replace(file, status="unreadable", reason=damage.reason, detail=damage.detail)
        is_utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
        if is_utf16:
            head = head.decode("utf-16", "replace").encode("utf-8", "replace")
        container, reason = container_of(name, head, b"PAR1", len(head))
        if is_text and container != "jsonl":
            return replace(file, status="ignored", reason=NOT_BY_NAME)
        file = replace(file, container=container)
        if reason is not None:
            return replace(file, status="unreadable", reason=reason, detail=what_it_is(head))
        return self._recognised(entry.stream, file, head)

    def _recognised(self, stream: Stream, file: SourceFile, head: bytes) -> SourceFile:
        if file.container in DELIMITERS:
            text = head.decode("utf-8-sig", "replace")
            return of_columns(file, header_columns(text, file.container))
        if file.container == "avro":
            try:
                return of_columns(file, frozenset(avro.read_header(stream).columns))
            except ValueError as error:
                return replace(file, status="unreadable", reason="bad_avro", detail=str(error))
        if file.container in ("parquet", "sqlite"):
            with spooled(stream, self.spool) as path:
                return self._sought(stream, file, path)
        known = of_head(file, head)
        if known.format is None and len(head) >= HEAD_BYTES:  # a first line may be longer
            known = of_head(file, stream.peek(LINE_BYTES))
        if known.format is None and file.container == "json" and (columns := json_table.columns_of(head)):
            return of_columns(replace(file, container="json_table"), frozenset(columns))
        return known

    def _sought(self, stream: Stream, file: SourceFile, path: Path) -> SourceFile:
        """Recognise a file that lies on disk for the time being."""
        if (damage := stream.damage) is not None:
            if damage.is_inherited:
                return replace(file, status="ignored", reason="it stands where the archive is damaged; see its row")
            return replace(file, status="unreadable", reason=damage.reason, detail=damage.detail, offset=damage.offset)
        if file.container == "parquet":
            return table_of(path, file)
        return of_database(file, path)


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Looks again at loose files whose name or first line misled: lines of JSON, or a table.

    `digest` takes the digest of a file that was not read at first.
    """

    folder: Path
    exclude: tuple[str, ...]
    digest: Callable[[str], str]

    def look(self, file: SourceFile) -> SourceFile:
        """Return a file as it is after all."""
        is_text = file.reason == NOT_BY_NAME and file.path.lower().endswith(".txt") and not SIDE_FILE.search(file.path)
        is_long = file.container == "json" and file.size > HEAD_BYTES and file.status in ("read", "ignored")
        is_unknown = file.container in ("json", "jsonl") and file.reason == NO_SHAPE
        if not (is_text or is_long or is_unknown):
            return file
        if any(fnmatch.fnmatch(file.path, pattern) for pattern in self.exclude):
            return file
        try:
            return self._again(file, may_be_lines=is_text or is_long)
        except (OSError, ValueError):  # an empty file cannot be mapped into memory
            return file

    def _again(self, file: SourceFile, *, may_be_lines: bool) -> SourceFile:
        path = self.folder / file.path
        if may_be_lines and lines_after_all(path):
            sha256 = file.sha256 or self.digest(str(path))
            found = replace(file, sha256=sha256, container="jsonl", format=None, status="read", reason=None)
            return of_head(found, _head(path, LINE_BYTES))
        if file.container == "jsonl":
            return of_head(replace(file, status="read", reason=None), _head(path, LINE_BYTES))
        if file.reason == NO_SHAPE and (columns := json_table.columns_of(_head(path))):
            return of_columns(replace(file, container="json_table"), frozenset(columns))
        if file.reason == NO_SHAPE and file.size > HEAD_BYTES:  # a first text may be longer
            found = of_head(replace(file, status="read", reason=None), _head(path, LINE_BYTES))
            return file if found.format is None else found
        return file


def _head(path: Path, size: int = HEAD_BYTES) -> bytes:
    with path.open("rb") as stream:
        head = stream.read(size)
    return head.decode("utf-16", "replace").encode("utf-8", "replace") if head[:2] in UTF16_BOMS else head
