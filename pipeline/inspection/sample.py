"""Reads a little of each file, in bounded memory: the first documents, lines or rows.

The container of a file and the formats that know it come from `ingest.scan`; no file is read whole to take its digest.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest.formats import FORMATS, is_table_of
from pipeline.ingest.formats.base import NO_MESSAGES_READ
from pipeline.ingest.formats.literals import literal_to_json
from pipeline.ingest.recognise import (
    DELIMITERS,
    IGNORED_NAMES,
    PACKED_CONTAINERS,
    container_of,
    encoding_of,
    table_columns,
)
from pipeline.ingest.recognise import HEAD_BYTES as SNIFFED_BYTES
from pipeline.ingest.repair import Rejected, repair_document
from pipeline.ingest.sqlite_source import NEVER_READ, UnreadableDatabaseError, open_database, read_table

HEAD_BYTES = 4 << 20
MOST_ROWS = 2_000
MOST_TRIED = 100
MOST_FILES = 5_000
SAMPLED_PER_FOLDER = 12
TAIL_BYTES = 16
MOST_FORM_LINES = 60
OPENED_SHARE = 0.9
# What is not UTF-8 was mostly written so; the draft asks.
GUESSED_ENCODING = "windows-1252"
PACKED = "packed: a run reads what is inside as it is; unpack it to look at it here"
_SKIPPED = re.compile(r"(^|/)(\.|__MACOSX/)")


@dataclass(slots=True)
class SampledFile:
    """A file, what it is, and the documents that were read of it (of one table, for a database).

    Attributes
    ----------
    known
        The format that reads it without a mapping, None when there is none.
    note
        Why it was not read, or that only a part was.
    header_row, encoding
        Of a table of text: the line that names its columns, and how it is written where that is not UTF-8.
    parsed
        Columns whose texts hold an object, as the documents show it.
    """

    path: str
    container: str
    size: int
    known: str | None = None
    note: str = ""
    documents: list[Any] = field(default_factory=list)
    table: str | None = None
    is_part: bool = False
    header_row: int = 1
    encoding: str | None = None
    parsed: tuple[str, ...] = ()


def listed(target: Path) -> tuple[Path, list[str], int]:
    """Return the folder, the paths of its files below it, and how many more there are than are looked at."""
    if target.is_file():
        return target.parent, [target.name], 0
    paths: list[str] = []
    more = 0
    for base, folders, names in os.walk(target, followlinks=False):
        folders.sort()
        relative = os.path.relpath(base, target)
        prefix = "" if relative == "." else f"{relative}/"
        for name in sorted(names):
            path = f"{prefix}{name}"
            if _SKIPPED.search(path) or name == "corpus.toml" or not _is_utf8(path):
                continue
            if len(paths) < MOST_FILES:
                paths.append(path)
            else:
                more += 1
    return target, sorted(paths), more


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def sampled_paths(paths: list[str]) -> list[str]:
    """Return some of the paths: of each folder and suffix the first, the last and some between."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        groups.setdefault((path.rpartition("/")[0], Path(path).suffix.lower()), []).append(path)
    chosen: list[str] = []
    for group in groups.values():
        n = min(len(group), SAMPLED_PER_FOLDER)
        places = {round(i * (len(group) - 1) / max(n - 1, 1)) for i in range(n)}
        chosen.extend(group[place] for place in sorted(places))
    return sorted(chosen)


def sample(folder: Path, path: str) -> list[SampledFile]:
    """Return what a file is and the first of its documents; one entry for each table of a database."""
    target = folder / path
    try:
        size = target.stat().st_size
        with target.open("rb") as stream:
            head = stream.read(SNIFFED_BYTES)
            stream.seek(max(size - TAIL_BYTES, 0))
            tail = stream.read(TAIL_BYTES)
    except OSError:
        return [SampledFile(path, "none", 0, note="it cannot be opened")]
    if IGNORED_NAMES.search(path) and not path.endswith((".json", ".jsonl", ".csv", ".parquet")):
        return [SampledFile(path, "none", size, note="not a dump by its name")]
    container, reason = container_of(path, head, tail, size)
    container, header_row = table_form(container, head)
    if reason is not None or container == "none":
        return [SampledFile(path, container, size, note=reason or "no container that is known")]
    if container in PACKED_CONTAINERS:
        return [SampledFile(path, container, size, note=PACKED)]
    try:
        known = _known(target, path, container, head)
        files = list(_documents(target, SampledFile(path, container, size, known, header_row=header_row)))
        if known is not None and container in ("json", "jsonl") and not _reads(known, files[0]):
            files[0].known = None
    except (OSError, ValueError, pa.ArrowException, UnreadableDatabaseError, csv.Error, RecursionError):
        return [SampledFile(path, container, size, note="its beginning cannot be read")]
    return files


def table_form(container: str, head: bytes) -> tuple[str, int]:
    """Tell a table whose fields are separated by semicolons, and the line that names the columns of a table.

    Lines before it are fewer fields wide than most lines, and the lines that are as wide begin with it.
    """
    if container not in ("csv", "tsv"):
        return container, 1
    lines = head.decode("utf-8-sig", "replace").splitlines()[:MOST_FORM_LINES]
    forms = ("csv", "csv_semicolon") if container == "csv" else ("tsv",)
    found = [(_header_row(lines, DELIMITERS[form]), form) for form in forms]
    (_, (width, row)), form = max(((width > 1, (width, -row)), form) for (width, row), form in found)
    return (form, -row) if width > 1 else (container, 1)


def _header_row(lines: list[str], delimiter: str) -> tuple[int, int]:
    """Return how many fields most lines have, and the number of the first line that has so many."""
    widths = [len(next(csv.reader([line], delimiter=delimiter), [])) for line in lines]
    if not widths:
        return 1, 1
    usual = max(set(widths), key=lambda width: (widths.count(width) if width > 1 else 0, width))
    first = next((n for n, width in enumerate(widths, start=1) if width > 1), 1)
    return usual, first if widths[first - 1] >= usual else widths.index(usual) + 1


def _is_utf8_text(body: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body)
    except UnicodeDecodeError:
        return False
    return True


def _known(target: Path, path: str, container: str, head: bytes) -> str | None:
    """Return the format that recognises a file, as `ingest.scan` asks them."""
    columns = None
    if container == "parquet" or container in DELIMITERS:
        columns = table_columns(target, container)
    for name, adapter in FORMATS.items():
        if container not in adapter.containers:
            continue
        if columns is not None:
            is_known = is_table_of(name, path, columns)
        elif container == "sqlite":
            is_known = adapter.recognises_file is not None and adapter.recognises_file(target)
        else:
            is_known = adapter.recognises(path, container, head)
        if is_known:
            return name
    return None


def _reads(name: str, file: SampledFile) -> bool:
    """Return whether a format that takes a file by a key finds records in it, in at least half of its documents."""
    documents = [json.dumps(document) for document in file.documents[:MOST_TRIED]]
    n = len(documents)
    table = pa.table({
        "file_no": pa.array([0] * n, pa.int32()), "doc_no": pa.array(range(n), pa.int64()),
        "byte_offset": pa.array([0] * n, pa.int64()), "doc": pa.array(documents, pa.large_string()),
        "repair": pa.nulls(n, pa.string()), "table_kind": pa.nulls(n, pa.string()),
    })  # fmt: skip
    with closing(duckdb.connect(config={"threads": 1})) as con:
        con.register("docs", table)
        con.register("source_paths", pa.table({"file_no": pa.array([0], pa.int32()), "path": [file.path]}))
        con.execute(NO_MESSAGES_READ)
        try:
            FORMATS[name].extract(con)
            rows = con.sql(
                "SELECT (SELECT count(DISTINCT doc_no) FROM records), (SELECT count(*) FROM records), "
                "(SELECT count(*) FROM rejects)"
            ).fetchall()[0]
        except duckdb.Error:
            return False
    return bool(rows[1] + rows[2] == 0 or (rows[0] * 2 >= n and rows[1] >= rows[2]))


def _documents(target: Path, file: SampledFile) -> Iterator[SampledFile]:
    if file.container == "sqlite":
        yield from _tables(target, file)
        return
    if file.container == "parquet":
        with pq.ParquetFile(target) as parquet:
            batch = next(parquet.iter_batches(MOST_ROWS), None)
            file.documents = [] if batch is None else _json_like(batch.to_pylist())
            file.is_part = parquet.metadata.num_rows > len(file.documents)
    else:
        with target.open("rb") as stream:
            body = stream.read(HEAD_BYTES)
        file.is_part = file.size > len(body)
        encoding = encoding_of(target)
        text = body.decode(encoding, "replace")
        if file.container == "jsonl":
            lines = text.splitlines()[:-1] if file.is_part else text.splitlines()
            file.is_part = file.is_part or len(lines) > MOST_ROWS
            file.documents = [value for line in lines[:MOST_ROWS] if (value := _parsed(line)) is not None]
        elif file.container == "json":
            value = _parsed(closed(text) if file.is_part else text)
            file.documents = [] if value is None else [value]
            file.note = (
                ""
                if value is not None
                else f"{'its beginning' if file.is_part else 'the document'} is no JSON, or was cut"
            )
        else:
            if not _is_utf8_text(body) and encoding != "utf-16":
                file.encoding = GUESSED_ENCODING
                text = body.decode(GUESSED_ENCODING, "replace")
            file.documents = _rows(text, DELIMITERS[file.container], file)
    yield _opened(file) if file.container != "json" else file


def _opened(file: SampledFile) -> SampledFile:
    """Put the object for its text where a column holds objects as text."""
    names: dict[str, list[tuple[Any, str]]] = {}
    n_texts: dict[str, int] = {}
    for row in file.documents:
        for name, value in row.items() if isinstance(row, dict) else ():
            if isinstance(value, str) and '"' not in name:
                n_texts[name] = n_texts.get(name, 0) + 1
                if value.lstrip().startswith("{"):
                    names.setdefault(name, []).append((row, value))
    for name, texts in names.items():
        if len(texts) < OPENED_SHARE * n_texts[name]:
            continue
        held = [literal_to_json(text) for _, text in texts]
        if sum(text is not None for text in held) < OPENED_SHARE * n_texts[name]:
            continue
        for (row, _), text in zip(texts, held, strict=True):
            row[name] = None if text is None else json.loads(text)
        file.parsed += (name,)
    return file


def _rows(text: str, delimiter: str, file: SampledFile) -> list[Any]:
    stream = io.StringIO(text, newline="")
    for _ in range(file.header_row - 1):
        stream.readline()
    reader = csv.reader(stream, delimiter=delimiter)
    header = [name.strip() for name in next(reader, [])]
    rows: list[Any] = []
    for row in reader:
        if len(rows) >= MOST_ROWS:
            file.is_part = True
            break
        if len(row) == len(header):
            rows.append({name: value or None for name, value in zip(header, row, strict=True)})
    return rows


def _tables(target: Path, file: SampledFile) -> Iterator[SampledFile]:
    database = open_database(target)
    with closing(database.con):
        for name, all_columns in database.tables.items():
            columns = tuple(c for c in all_columns if c not in NEVER_READ and '"' not in c)
            if '"' in name or not columns:
                continue
            frame = next(read_table(database, name, columns), None)
            rows = [] if frame is None else frame.select(columns).head(MOST_ROWS).to_dicts()
            yield _opened(SampledFile(file.path, "sqlite", file.size, file.known, "", list(rows), name))


def _json_like(rows: list[Any]) -> list[Any]:
    return [json.loads(json.dumps(row, default=str)) for row in rows]


def _parsed(text: str) -> Any:
    text = text.strip()
    if not text:
        return None
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        mended = repair_document(text)
        return None if isinstance(mended, Rejected) else json.loads(mended.text)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},]', re.DOTALL)


def closed(text: str) -> str:
    """Return the beginning of a JSON document as a document: cut behind the last whole item, its brackets closed."""
    stack: list[str] = []
    end, closing_there = 0, ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in ("[", "{"):
            stack.append("]" if token == "[" else "}")  # noqa: S105 - a bracket
        elif token in ("]", "}"):
            if stack:
                stack.pop()
            end, closing_there = match.end(), "".join(reversed(stack))
        elif token == "," and stack:  # noqa: S105
            end, closing_there = match.start(), "".join(reversed(stack))
    return text[:end] + closing_there
