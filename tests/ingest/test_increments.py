"""Dumps that arrive one after the other: the tables are those of one ingestion, in any order of arrival."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from growing import DAYS, at_once, dumps, hashes, seen, settings_below, write
from ingest_helpers import post

from pipeline.settings import Settings
from pipeline.warehouse import Warehouse

ORDERS = 10


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    yield settings_below(tmp_path)


def test_any_order_of_arrival_gives_the_tables_of_one_ingestion(tmp_path: Path) -> None:
    found = dumps()
    expected = at_once(tmp_path, sorted(found))
    draw = random.Random(20260127)
    for order in range(ORDERS):
        names = sorted(found)
        draw.shuffle(names)
        cuts = (2 + order % 5, len(names))
        settings = settings_below(tmp_path / f"order-{order}")
        folder, start = settings.data / "grown", 0
        last: dict[str, str] = {}
        for cut in cuts:
            for name in names[start:cut]:
                write(folder, name, found[name])
            start, last = cut, hashes(settings)
        assert last == expected, names


def test_a_dump_that_is_removed_was_never_there(tmp_path: Path, settings: Settings) -> None:
    found = dumps()
    folder = settings.data / "grown"
    for name in found:
        write(folder, name, found[name])
    full = hashes(settings)
    for gone in ("crawl-2/bodies.jsonl", "edited.jsonl"):
        (folder / gone).unlink()
    left = [name for name in sorted(found) if (folder / name).exists()]
    without = hashes(settings)
    assert without == at_once(tmp_path, left)
    assert without["message"] != full["message"]


def test_a_dump_that_is_issued_again_updates_in_place(settings: Settings) -> None:
    folder = settings.data / "grown"
    write(folder, "all.jsonl", [seen(post(n, upvotes=1), DAYS[0]) for n in range(1, 4)])
    hashes(settings)
    write(folder, "all.jsonl", [seen(post(n, upvotes=9), DAYS[1]) for n in range(1, 5)])
    hashes(settings)
    with Warehouse(settings).session("grown", []) as con:
        rows = con.sql("SELECT upvotes, count(*) FROM message GROUP BY 1").fetchall()
        files = con.sql('SELECT rows_read, "new" FROM source_file').fetchall()
    assert rows == [(9, 4)]
    assert files == [(4, 4)]
