"""Says what a file is from its name and its first bytes: its container, and the format that reads it.

What belongs here: magic bytes, suffixes, headers of tables. What does not: walking the folder (`scan`) and opening
archives (`containers`).
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest.containers import avro
from pipeline.ingest.containers.streams import FileStream
from pipeline.ingest.containers.walk import PACKED_MAGIC, packing_of
from pipeline.ingest.formats import FORMATS, Adapter, is_table_of
from pipeline.ingest.formats.unread import why_unread
from pipeline.ingest.sqlite_source import why_unknown

if TYPE_CHECKING:
    from pipeline.ingest.formats.mapped_rules import RecordRule
    from pipeline.ingest.scan import SourceFile

HEAD_BYTES = 65_536
DELIMITERS = {"csv": ",", "tsv": "\t", "csv_semicolon": ";"}
TABLES = frozenset({*DELIMITERS, "parquet", "avro"})
IGNORED_NAMES = re.compile(
    r"(^|/)(\.[^/]*|__MACOSX(/.*)?|Thumbs\.db|corpus\.toml|LICEN[CS]E[^/]*|COPYING[^/]*|README[^/]*|CHANGELOG[^/]*)$"
    r"|(^|/)(\.[^/]*|__MACOSX)/|\.(md|rst|txt|pdf|png|jpe?g|gif|svg|html?|py|ipynb|lock|tmp|part)$",
    re.IGNORECASE,
)
NO_SHAPE = "no known shape in its first 64 kB"
NOT_BY_NAME = "not a dump by its name"
# 7z, rar, lz4, compress and lzip, as their first bytes tell
FOREIGN_MAGIC = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x04\x22\x4d\x18", b"\x1f\x9d", b"LZIP")
# What is no text and no dump, however it is named
BINARY_MAGIC = {
    b"%PDF-": "a PDF document",
    b"\x89PNG\r\n\x1a\n": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF87a": "a GIF picture",
    b"GIF89a": "a GIF picture",
    b"\x7fELF": "a program (ELF)",
    b"\xcf\xfa\xed\xfe": "a program (Mach-O)",
    b"\xca\xfe\xba\xbe": "a program (Java or Mach-O)",
    b"\x00asm": "a program (WebAssembly)",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a document of an old Office",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
}
PICKLE_PROTOCOLS = (b"\x02", b"\x03", b"\x04", b"\x05")
SQLITE_MAGIC = b"SQLite format 3\x00"
LINES_SUFFIXES = ("jsonl", "ndjson")
TEXT_SUFFIXES = ("csv", "tsv", "json", *LINES_SUFFIXES)
NUL_SHARE = 16  # a text of another encoding, or what is none, holds more than one NUL in so many bytes
FIRST_LINES = 8
PACKED_CONTAINERS = frozenset({"gz", "bz2", "xz", "zst", "zip", "tar"})


def table_of(path: Path, file: SourceFile) -> SourceFile:
    """Return a table on disk with the format that reads its columns."""
    try:
        columns = table_columns(path, file.container)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason, detail = ("bad_avro", str(error)) if file.container == "avro" else ("bad_parquet", None)
        return replace(file, status="unreadable", reason=reason, detail=detail)
    return of_columns(file, columns)


def of_columns(file: SourceFile, columns: frozenset[str]) -> SourceFile:
    """Return a table with the format that reads its columns."""
    if (why := why_unread(file.content_path, columns=columns)) is not None:
        return replace(file, status="ignored", reason=why)
    for name, adapter in FORMATS.items():
        if takes(adapter, file.container) and is_table_of(name, file.content_path, columns):
            return replace(file, format=name, status="read", reason=None)
    return replace(file, status="ignored", reason="its columns are those of no table that is read")


def takes(adapter: Adapter, container: str) -> bool:
    """Return whether an adapter reads a container; rows of Avro and of JSON tables are rows like any other."""
    if container in adapter.containers:
        return True
    return container in ("avro", "json_table") and not adapter.containers.isdisjoint((*DELIMITERS, "parquet"))


def table_columns(path: Path, container: str) -> frozenset[str]:
    """Return the column names of a CSV, TSV, Parquet or Avro file."""
    if container == "parquet":
        return frozenset(pq.read_schema(path).names)
    if container == "avro":
        return frozenset(avro.read_header(FileStream(path)).columns)
    with path.open(encoding=encoding_of(path), errors="replace", newline="") as stream:
        return header_columns(stream.read(HEAD_BYTES), container)


def header_columns(text: str, container: str) -> frozenset[str]:
    """Return the column names in the first line of CSV or TSV."""
    header = next(csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[container]), [])
    return frozenset(name.strip() for name in header)


def of_head(file: SourceFile, head: bytes) -> SourceFile:
    """Return a text with the format that recognises its start."""
    if (why := why_unread(file.content_path, head)) is not None:
        return replace(file, status="ignored", reason=why)
    for name, adapter in FORMATS.items():
        if file.container in adapter.containers and adapter.recognises(file.content_path, file.container, head):
            return replace(file, format=name)
    return replace(file, status="ignored", reason=NO_SHAPE)


def of_database(file: SourceFile, path: Path) -> SourceFile:
    """Return a database on disk with the format that recognises its tables."""
    for name, adapter in FORMATS.items():
        if "sqlite" in adapter.containers and adapter.recognises_file and adapter.recognises_file(path):
            return replace(file, format=name)
    return replace(file, status="ignored", reason=why_unknown(path))


def format_of(file: SourceFile, head: bytes, path: Path) -> SourceFile:
    """Return a file on disk that is no table with its format."""
    return of_database(file, path) if file.container == "sqlite" else of_head(file, head)


def encoding_of(path: Path) -> str:
    """Return the encoding that the byte order mark of a text file announces, UTF-8 when there is none."""
    with path.open("rb") as stream:
        return "utf-16" if stream.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def container_of(path: str, head: bytes, tail: bytes, size: int) -> tuple[str, str | None]:
    """Return the container of a file and, when it cannot be read, the reason of the quarantine."""
    suffix = path.rsplit(".", 1)[-1].lower()
    # Most files of a tree are this, and nothing below is anything else that starts so.
    if head[:1] in (b"{", b"[") and suffix == "json" and head[257:262] != b"ustar" and b"\0" not in head:
        return _json_container(suffix, head[:512], head), None
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:512]
    if size == 0:
        return "none", "empty_file"
    if start.startswith(b"version https://git-lfs"):
        return "none", "git_lfs_pointer"
    if head.startswith(b"PAR1"):
        return ("parquet", None) if tail.endswith(b"PAR1") else ("parquet", "bad_parquet")
    if head.startswith(SQLITE_MAGIC):
        return "sqlite", None
    if head.startswith(PACKED_MAGIC) or head[257:262] == b"ustar":
        return packing_of(head) or "none", None
    if head.startswith(FOREIGN_MAGIC):
        return "none", "archive_not_read"
    if head.startswith(avro.MAGIC):
        return "avro", None
    if what_it_is(head) is not None:
        return "none", "binary_file"
    if suffix in ("pkl", "pickle", "pt", "joblib") or (head[:1] == b"\x80" and head[1:2] in PICKLE_PROTOCOLS):
        return "none", "pickle_refused"
    if suffix == "parquet":  # all is found from its end, so damage at the start is no matter
        return "parquet", None if tail.endswith(b"PAR1") else "bad_parquet"
    if start[:1] == b"<" and re.match(rb"<(!doctype|html|head|\?xml)", start, re.IGNORECASE):
        return "none", "html_error_body"
    # Some such bytes in a text cost a record, not the file.
    is_text = suffix in TEXT_SUFFIXES or start[:1] in (b"{", b"[")
    has_few = is_text and NUL_SHARE * head.count(b"\0") < len(head)
    if b"\0" in head and not has_few and not (suffix in LINES_SUFFIXES and _has_line(head)):
        return ("tar", None) if packing_of(head) == "tar" else ("none", "binary_file")
    if suffix in ("csv", "tsv"):
        return suffix, None
    if suffix in LINES_SUFFIXES and _has_line(head):
        return "jsonl", None
    if start[:1] in (b"{", b"["):
        return _json_container(suffix, start, head), None
    return ("json", "invalid_json") if suffix in ("json", "jsonl", "ndjson") else ("none", None)


def what_it_is(head: bytes) -> str | None:
    """Return what a binary file is by its first bytes, where they are among `BINARY_MAGIC`."""
    kind = next((kind for magic, kind in BINARY_MAGIC.items() if head.startswith(magic)), None)
    return None if kind is None else f"It is {kind}, whatever its name says."


def mapped_container(path: str, head: bytes, tail: bytes, size: int, rule: RecordRule) -> tuple[str, str | None]:
    """Return the container of a mapped file: the one that its rule names, wherever its bytes do not forbid it."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode("utf-8", "replace")
    container, reason = container_of(path, head, tail, size)
    if container in PACKED_CONTAINERS:
        return container, None
    is_text = reason in (None, "invalid_json") and container not in ("parquet", "sqlite", "avro")
    if rule.container is not None and (is_text or container == rule.container):
        return rule.container, None if is_text else reason
    if reason is None and (container == "none" or (rule.container or container) != container):
        return container, "other_container"
    return container, reason


def _has_line(head: bytes) -> bool:
    """Return whether one of the first lines is a JSON object by itself, and the first does not open a document."""
    first, *others = head.lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n", FIRST_LINES)
    if first.strip() in (b"[", b"{", b"[{"):
        return False
    return any(_is_object(line) for line in (first, *others[: FIRST_LINES - 1]))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _json_container(suffix: str, start: bytes, head: bytes) -> str:
    """Tell JSON lines from a JSON document by content: the first line of JSON lines is a whole object."""
    first, separator, rest = head.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")
    if suffix in ("jsonl", "ndjson") and start[:1] == b"{":
        return "jsonl"
    if not separator or first.strip() in (b"{", b"[") or not rest.strip():
        return "json"
    return "jsonl" if _is_object(first) else "json"
