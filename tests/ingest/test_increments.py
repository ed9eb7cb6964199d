"""Dumps that arrive one after the other: the tables are those of one ingestion, in any order of arrival."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from ingest_helpers import comment, detail, flat, post

from pipeline.settings import Settings
from pipeline.steps.corpus import CORPUS_STEPS
from pipeline.steps.step import run_step
from pipeline.warehouse import Warehouse

ORDERS = 10
DAYS = ("2026-01-31", "2026-02-01", "2026-02-02", "2026-02-03")


def seen(body: dict[str, object], day: str) -> dict[str, object]:
    return {**body, "_downloaded_at": f"{day}T08:00:00+00:00"}


def dumps() -> dict[str, list[dict[str, object]]]:
    """Return overlapping dumps: revised scores, edited texts, the same issued again, ties in time, agents."""
    found: dict[str, list[dict[str, object]]] = {}
    for turn, day in enumerate(DAYS):
        threads = range(1 + 3 * turn, 12 + 3 * turn)
        found[f"crawl-{turn}/bodies.jsonl"] = [
            seen(detail(n, [comment(10 * n, [comment(10 * n + 1)]), comment(10 * n + 5)], upvotes=n + turn), day)
            for n in threads
        ]
    found["edited.jsonl"] = [seen(post(n, content=f"Text {n}, edited"), DAYS[1]) for n in (4, 5, 13)]
    found["other-edit.jsonl"] = [seen(post(n, content=f"Text {n}, edited otherwise"), DAYS[1]) for n in (4, 5)]
    found["again/bodies.jsonl"] = found["crawl-1/bodies.jsonl"]
    found["no-time.jsonl"] = [flat(n, score=7) for n in (10, 11, 9001)]
    found["renamed.jsonl"] = [
        seen(post(n, author={"id": "a0000000-0000-4000-8000-000000000001", "name": "Ada2", "karma": n}), DAYS[3])
        for n in (1, 2)
    ]
    return found


def write(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def hashes(settings: Settings) -> dict[str, str]:
    """Ingest what is there and return the hash of every table."""
    outcome = run_step(CORPUS_STEPS[0], Warehouse(settings), "grown")
    assert all(check.passed for check in outcome.checks), outcome.checks
    return {name: manifest.table_hash for name, manifest in outcome.manifests.items()}


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    (tmp_path / "data" / "grown").mkdir(parents=True)
    environ = {"ETHOGRAM_DATA": str(tmp_path / "data"), "ETHOGRAM_WAREHOUSE": str(tmp_path / "warehouse")}
    yield Settings.load(environ)


def at_once(tmp_path: Path, names: list[str]) -> dict[str, str]:
    """Return the hashes of one ingestion of some dumps in a fresh warehouse."""
    mark = hashlib.sha256(repr(names).encode()).hexdigest()[:8]
    root = tmp_path / f"once-{mark}"
    for name in names:
        write(root / "data" / "grown", name, dumps()[name])
    return hashes(Settings.load({"ETHOGRAM_DATA": str(root / "data"), "ETHOGRAM_WAREHOUSE": str(root / "warehouse")}))


def test_any_order_of_arrival_gives_the_tables_of_one_ingestion(tmp_path: Path) -> None:
    found = dumps()
    expected = at_once(tmp_path, sorted(found))
    draw = random.Random(20260127)
    for order in range(ORDERS):
        names = sorted(found)
        draw.shuffle(names)
        cuts = (2 + order % 5, len(names))
        folder, start = tmp_path / f"order-{order}" / "data" / "grown", 0
        settings = Settings.load(
            {"ETHOGRAM_DATA": str(folder.parent), "ETHOGRAM_WAREHOUSE": str(folder.parent.parent / "warehouse")}
        )
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
