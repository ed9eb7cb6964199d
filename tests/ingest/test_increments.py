"""Dumps that arrive one after the other: the tables are those of one ingestion, in any order of arrival."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest
from growing import DAYS, at_once, dumps, hashes, seen, settings_below, write
from ingest_helpers import post

from pipeline.ingest import Ingestion, merge
from pipeline.settings import Settings
from pipeline.steps import corpus as steps_of_corpus
from pipeline.steps.corpus import CORPUS_STEPS
from pipeline.steps.step import run_step
from pipeline.warehouse import Warehouse, parts

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


@pytest.mark.parametrize("edited", [(4, 5), ()], ids=["some seen several times", "seen once"])
def test_states_that_follow_from_messages_are_those_of_the_query(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, edited: tuple[int, ...]
) -> None:
    empty = seen(post(77, title=None, content=None, url="https://a.example"), DAYS[0])
    write(settings.data / "grown", "all.jsonl", [*(seen(post(n), DAYS[0]) for n in range(1, 20)), empty])
    if edited:
        write(settings.data / "grown", "edited.jsonl", [seen(post(n, content="Edited"), DAYS[1]) for n in edited])
    warehouse = Warehouse(settings)
    derived = run_step(CORPUS_STEPS[0], warehouse, "grown").manifests["message_snapshot"]
    states = warehouse.read("message_snapshot", "grown").collect()
    assert (states.height, states["text_hash"].null_count()) == (20 + len(edited), 1)
    assert warehouse.forget("grown") is not None
    monkeypatch.setattr(steps_of_corpus, "Derived", lambda table, make, otherwise: otherwise)  # by the query alone
    queried = run_step(CORPUS_STEPS[0], warehouse, "grown").manifests["message_snapshot"]
    assert queried.table_hash == derived.table_hash


def test_an_error_beside_messages_is_told_and_nothing_becomes_current(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(settings.data / "grown", "all.jsonl", [seen(post(n), DAYS[0]) for n in range(1, 4)])

    def broken(_: object) -> None:
        raise RuntimeError("agents cannot be merged")

    monkeypatch.setattr(merge, "merge_agents", broken)
    with pytest.raises(RuntimeError, match="agents cannot be merged"):
        hashes(settings)
    assert Warehouse(settings).manifest("message", "grown") is None


LONG_QUERY = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 7"


@pytest.mark.parametrize("place", [(merge, "merge_messages"), (parts, "_collect")], ids=["merging", "writing"])
def test_an_error_of_messages_ends_what_is_beside(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, place: tuple[object, str]
) -> None:
    write(settings.data / "grown", "all.jsonl", [seen(post(n), DAYS[0]) for n in range(1, 4)])
    begun, ended = threading.Event(), threading.Event()

    def endless(con: duckdb.DuckDBPyConnection) -> None:
        begun.set()
        try:
            con.execute(LONG_QUERY).fetchall()
        finally:
            ended.set()

    def broken(*_: object) -> None:
        assert begun.wait(20)
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(merge, "merge_agents", endless)
    monkeypatch.setattr(*place, broken)
    with pytest.raises(RuntimeError, match="the disk is full"):
        hashes(settings)
    assert ended.is_set()
    assert list((settings.warehouse / ".steps").glob("*/")) == []


def test_states_are_queried_where_they_are_more_than_the_messages(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, states_of = [], Ingestion.states_of

    def watched(self: Ingestion, messages: pl.DataFrame) -> pl.DataFrame | None:
        made.append(states_of(self, messages))
        return made[-1]

    monkeypatch.setattr(Ingestion, "states_of", watched)
    folder = settings.data / "grown"
    for turn in range(4):
        write(folder, f"crawl-{turn}.jsonl", [seen(post(n, upvotes=n + turn), DAYS[turn]) for n in range(1, 4)])
    warehouse = Warehouse(settings)
    manifests = run_step(CORPUS_STEPS[0], warehouse, "grown").manifests
    assert made == [None]
    assert (manifests["message"].rows, manifests["message_snapshot"].rows) == (3, 12)
    states = warehouse.read("message_snapshot", "grown").collect()
    assert states["upvotes"].to_list() == [n + turn for n in range(1, 4) for turn in range(4)]
