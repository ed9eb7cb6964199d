"""Every real dump: rows_read of each file equals an independent count, and what is known of the dumps holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from count_records import count_folder
from ingest_helpers import Corpus, Tables


def read(corpus: Corpus, folder: Path) -> Tables:
    corpus.folder = folder
    return corpus.read()


@pytest.mark.parametrize(
    "name",
    [
        "moltbook-api-v2-list",
        "moltbook-api-v3-enriched",
        "moltbook-http-cache",
        "moltbook-medallion-runs",
        "moltbook-observatory-csv",
    ],
)
def test_every_file_is_counted(corpus: Corpus, real_dump: Callable[[str], Path], name: str) -> None:
    folder = real_dump(name)
    tables = read(corpus, folder)
    read_files = {path: row for path, row in tables.files.items() if row["status"] == "read"}
    assert read_files
    suffixes = (".json", ".jsonl", ".csv", ".tsv", ".parquet")
    counted = count_folder(folder, suffixes)
    assert {path: row["rows_read"] for path, row in read_files.items()} == {p: counted[p] for p in read_files}
    assert all(row["reason"] for row in tables.files.values() if row["status"] != "read")


def test_tree_of_api_v1(corpus: Corpus, real_dump: Callable[[str], Path]) -> None:
    folder = real_dump("moltbook-api-v1-tree")
    tables = read(corpus, folder)
    counted = count_folder(folder, (".json",))
    assert {path: row["rows_read"] for path, row in tables.files.items() if row["status"] == "read"} == counted
    by_kind = dict(tables.message.group_by("kind").len().iter_rows())
    in_posts = {path: row for path, row in tables.files.items() if path.startswith("posts/")}
    assert len(in_posts) == 14_291
    assert sum(row["rows_read"] for row in in_posts.values()) == 14_291 + 130_244
    assert by_kind == {"post": 14_291, "comment": 130_244}
    assert tables.quarantine.height == 0
    assert tables.message.filter(tables.message["kind"] == "comment")["depth"].null_count() == 0


def test_observatory(corpus: Corpus, real_dump: Callable[[str], Path]) -> None:
    tables = read(corpus, real_dump("moltbook-observatory-csv"))
    assert dict(tables.message.group_by("kind").len().iter_rows()) == {"post": 1710, "comment": 97}
    assert tables.message["url"].null_count() == tables.message.height  # permalinks are no external links
