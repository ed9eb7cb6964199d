"""Counts the records of a folder of dumps with the standard library (pyarrow for Parquet and zstandard for zst only).

An independent definition of `rows_read`: nothing of the project is imported. A record is a post, a comment at any
depth, an agent or a community, wherever a body holds it; a row of a table of such; or one row for a document that
holds none of them (an error body, an unknown shape, a file that cannot be read). Archives and compressed files are
unpacked into memory by the standard library, all at once.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

LISTS = ("posts", "recentPosts", "submolts")
KEYED_BY = {"id", "post_id", "name", "post", "posts", "comments", "agent", "submolt"}
TABLES = (
    {"id", "post_id", "content"},
    {"id", "title", "content", "submolt"},
    {"name", "karma", "follower_count"},
    {"name", "display_name", "subscriber_count"},
)


def count_thread(comments: list[Any]) -> int:
    """Count comments and their replies, whatever their depth."""
    total, open_lists = 0, [comments]
    while open_lists:
        for comment in open_lists.pop():
            total += 1
            if isinstance(comment, dict) and isinstance(comment.get("replies"), list):
                open_lists.append(comment["replies"])
    return total


def count_body(body: Any) -> int:
    """Count the records of one JSON document."""
    if isinstance(body, list):
        return sum(count_object(item) for item in body)
    return count_object(body)


def count_object(body: Any, *, is_inner: bool = False) -> int:
    """Count the records of one JSON object; an object without any counts as one (it is quarantined)."""
    if not isinstance(body, dict) or body.get("success") is False:
        return 1
    is_record = body.get("id") is not None
    total = sum(len(body[key]) for key in LISTS if isinstance(body.get(key), list))
    for key in ("post", "comment"):
        total += isinstance(body.get(key), dict)
    if not is_record:
        total += isinstance(body.get("agent"), dict) + isinstance(body.get("submolt"), dict)
    has_list = isinstance(body.get("comments"), list)
    if total or (has_list and not is_record) or any(isinstance(body.get(key), list) for key in LISTS):
        return total + (count_thread(body["comments"]) if has_list else 0)
    data = body.get("data")
    if not is_record and not is_inner and isinstance(data, dict | list):
        return sum(count_object(d, is_inner=True) for d in (data if isinstance(data, list) else [data]))
    if not is_record and not is_inner and body and all(isinstance(value, dict) for value in body.values()):
        if KEYED_BY & set(next(iter(body.values()))):
            return sum(count_object(value, is_inner=True) for value in body.values())
        return 1
    nested = "replies" if body.get("post_id") is not None and body.get("title") is None else "comments"
    return 1 + (count_thread(body[nested]) if isinstance(body.get(nested), list) else 0)


def count_file(path: Path) -> int:
    """Count the records of one file that is known to be a dump."""
    return count_bytes(path.name, path.read_bytes())


def count_any(path: Path) -> dict[str, int]:
    """Count the records of a file, or of each file inside it, by path; archives themselves hold no record."""
    return dict(count_inside(path.name, path.name, path.read_bytes()))


def count_inside(shown: str, name: str, body: bytes) -> list[tuple[str, int]]:
    """Count the records of some bytes and of all that is packed in them."""
    if zipfile.is_zipfile(io.BytesIO(body)):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = [(i.filename, archive.read(i)) for i in archive.infolist() if not i.is_dir()]
        return [found for n, part in members for found in count_inside(f"{shown}/{n}", n, part)]
    if body[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            files = [(i.name, tar.extractfile(i)) for i in tar if i.isfile()]
            return [found for n, part in files if part for found in count_inside(f"{shown}/{n}", n, part.read())]
    for magic, suffixes, unpack in (
        (b"\x1f\x8b", (".gz", ".tgz"), gzip.decompress),
        (b"BZh", (".bz2",), bz2.decompress),
        (b"\xfd7zXZ", (".xz",), lzma.decompress),
        (b"\x28\xb5\x2f\xfd", (".zst",), unpack_zst),
    ):
        if body.startswith(magic):
            stem = next((name[: -len(suffix)] for suffix in suffixes if name.endswith(suffix)), name)
            return count_inside(shown, stem, unpack(body))
    return [(shown, count_bytes(name, body))]


def unpack_zst(body: bytes) -> bytes:
    """Unpack all frames."""
    import zstandard

    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 31)
    return unpacker.stream_reader(io.BytesIO(body), read_across_frames=True).read()


def count_avro(body: bytes) -> int:
    """Count the rows that the blocks of an Avro file announce."""
    place = 4

    def number() -> int:
        nonlocal place
        shift = value = 0
        while True:
            byte = body[place]
            place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return (value >> 1) ^ -(value & 1)

    while entries := number():
        for _ in range(2 * abs(entries)):
            size = number()
            place += size
    place += 16
    total = 0
    while place < len(body):
        total += number()
        size = number()
        place += size + 16
    return total


def count_bytes(name: str, body: bytes) -> int:
    """Count the records of the content of a file."""
    if name.endswith((".csv", ".tsv")):
        csv.field_size_limit(sys.maxsize)
        stream = io.StringIO(body.decode("utf-8-sig", "replace"), newline="")
        rows = [row for row in csv.reader(stream, delimiter="\t" if name.endswith(".tsv") else ",") if row]
        return len(rows) - 1 if any(needed <= set(rows[0]) for needed in TABLES) else 0
    if body.startswith(b"PAR1"):
        import pyarrow.parquet as pq

        table = pq.ParquetFile(io.BytesIO(body))
        return table.metadata.num_rows if any(needed <= set(table.schema_arrow.names) for needed in TABLES) else 0
    if body.startswith(b"Obj\x01"):
        return count_avro(body)
    text = body.decode("utf-8-sig", "replace")
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return sum(count_line(line) for line in io.StringIO(text, newline="\n") if line.strip())
    if isinstance(found, dict) and isinstance(found.get("columns"), list):
        return len(found.get("data") or found.get("rows") or [])
    return count_body(found)


def count_line(line: str) -> int:
    """Count the records of one line of JSON lines; a line that is no JSON is one quarantined row."""
    try:
        return count_body(json.loads(line))
    except json.JSONDecodeError:
        return 1


def count_folder(folder: Path, suffixes: tuple[str, ...]) -> dict[str, int]:
    """Count the records of every file with one of the suffixes, by path below the folder."""
    found: dict[str, int] = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base) / name
            if name.endswith(suffixes):
                found[path.relative_to(folder).as_posix()] = count_file(path)
    return found


def main() -> None:
    """Print path and number of records of every JSON, CSV and Parquet file below a folder."""
    folder = Path(sys.argv[1])
    for path, rows in sorted(count_folder(folder, (".json", ".jsonl", ".csv", ".tsv", ".parquet")).items()):
        sys.stdout.write(f"{rows}\t{path}\n")


if __name__ == "__main__":
    main()
