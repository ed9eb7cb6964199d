"""Counts the records of a folder of dumps with the standard library (pyarrow for Parquet only).

An independent definition of `rows_read`: nothing of the project is imported. A record is a post, a comment at any
depth, an agent or a community, wherever a body holds it; a row of a table of such; or one row for a document that
holds none of them (an error body, an unknown shape, a file that cannot be read).
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

LISTS = ("posts", "recentPosts", "submolts")
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
    nested = "replies" if body.get("post_id") is not None and body.get("title") is None else "comments"
    return 1 + (count_thread(body[nested]) if isinstance(body.get(nested), list) else 0)


def count_file(path: Path) -> int:
    """Count the records of one file that is known to be a dump."""
    if path.suffix in (".csv", ".tsv"):
        csv.field_size_limit(sys.maxsize)
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            rows = [row for row in csv.reader(stream, delimiter="\t" if path.suffix == ".tsv" else ",") if row]
        return len(rows) - 1 if any(needed <= set(rows[0]) for needed in TABLES) else 0
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        columns = set(pq.read_schema(path).names)
        return pq.read_metadata(path).num_rows if any(needed <= columns for needed in TABLES) else 0
    text = path.read_bytes().decode("utf-8-sig", "replace")
    try:
        return count_body(json.loads(text))
    except json.JSONDecodeError:
        lines = [line for line in io.StringIO(text, newline="\n") if line.strip()]
    return sum(count_line(line) for line in lines)


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
