"""Large files are read once: what was staged of them is taken again, and never where it would give other rows."""

from __future__ import annotations

import json
import os
import random
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from growing import DAYS, at_once, dumps, general, hashes, seen, settings_below, text_of, write
from ingest_helpers import Row, comment, detail, post
from reuse_folder import CRAWLS, entries, folder_of, put

from pipeline.ingest import merge
from pipeline.ingest.formats import FORMATS
from pipeline.ingest.staging import Stager
from pipeline.settings import Settings
from pipeline.warehouse import Warehouse

ORDERS = 2
EVE = "a0000000-0000-4000-8000-0000000000e1"


def test_an_added_dump_alone_is_read(tmp_path: Path, settings: Settings, read: list[str]) -> None:
    put(settings, *CRAWLS[1:])
    hashes(settings)
    assert set(read) == set(CRAWLS[1:])
    n_each = {name: read.count(name) for name in CRAWLS[1:]}
    assert min(n_each.values()) > 1
    assert len(entries(settings)) == 3
    read.clear()
    put(settings, CRAWLS[0], "edited.jsonl")  # both sort before others, so numbers of files change
    found = hashes(settings)
    assert set(read) == {CRAWLS[0], "edited.jsonl"}
    assert len(entries(settings)) == 4
    assert found == at_once(tmp_path, [*CRAWLS, "edited.jsonl"])


def test_any_order_of_arrival_gives_the_tables_of_one_ingestion(tmp_path: Path, read: list[str]) -> None:
    names = sorted(dumps())
    expected = at_once(tmp_path, names)
    draw = random.Random(20260128)
    for order in range(ORDERS):
        draw.shuffle(names)
        settings = settings_below(tmp_path / f"order-{order}")
        last: dict[str, str] = {}
        read.clear()
        for some in (names[:4], names[4:6], names[6:]):
            put(settings, *some)
            last = hashes(settings)
        assert last == expected, names
        # The first four are kept where they are more than the two batches that stay tables; all later ones are.
        assert all(read.count(name) == 2 for name in (*CRAWLS, "again/bodies.jsonl") if name in names[4:]), names


def test_a_dump_that_is_removed_was_never_there(tmp_path: Path, settings: Settings, read: list[str]) -> None:
    put(settings, *dumps())
    hashes(settings)
    n_entries = len(entries(settings))
    read.clear()
    (folder_of(settings) / CRAWLS[2]).unlink()
    left = [name for name in dumps() if name != CRAWLS[2]]
    found = hashes(settings)
    assert not set(read) & {*CRAWLS, "again/bodies.jsonl"}
    assert found == at_once(tmp_path, left)
    assert len(entries(settings)) == n_entries - 1


def test_a_file_that_says_something_else_is_read_again(settings: Settings, read: list[str], tmp_path: Path) -> None:
    put(settings, *CRAWLS)
    hashes(settings)
    read.clear()
    other = [seen(detail(n, [comment(10 * n)], upvotes=99), DAYS[2]) for n in range(1, 30)]
    write(folder_of(settings), CRAWLS[2], other)
    found = hashes(settings)
    assert set(read) == {CRAWLS[2]}
    fresh = settings_below(tmp_path / "fresh")
    put(fresh, *CRAWLS)
    write(folder_of(fresh), CRAWLS[2], other)
    assert found == hashes(fresh)
    assert len(entries(settings)) == 4


def test_a_renamed_file_is_read_again(settings: Settings, read: list[str]) -> None:
    put(settings, *CRAWLS)
    hashes(settings)
    read.clear()
    (folder_of(settings) / CRAWLS[1]).rename(folder_of(settings) / "crawl-1/2026-03-01.jsonl")
    hashes(settings)
    assert set(read) == {"crawl-1/2026-03-01.jsonl"}


def test_another_version_of_the_code_reads_everything(
    settings: Settings, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, *CRAWLS)
    first = hashes(settings)
    before = entries(settings)
    read.clear()
    changed = {name: replace(adapter, version="999") for name, adapter in FORMATS.items()}
    monkeypatch.setattr(sys.modules["pipeline.ingest.scan"], "FORMATS", changed)  # a function has the name too
    (folder_of(settings) / "corpus.toml").write_text('title = "Another"', encoding="utf-8")
    second = hashes(settings)
    assert set(read) == set(CRAWLS)
    assert second["source_file"] != first["source_file"]
    assert second["message"] == first["message"]
    assert not set(before) & set(entries(settings))


def test_another_title_reads_nothing(settings: Settings, read: list[str]) -> None:
    put(settings, *CRAWLS)
    first = hashes(settings)
    read.clear()
    (folder_of(settings) / "corpus.toml").write_text('title = "Another"', encoding="utf-8")
    second = hashes(settings)
    assert read == []
    assert second["corpus"] != first["corpus"]
    assert second["message"] == first["message"]


def staged_text(settings: Settings) -> str:
    """Return all values of all rows that are kept."""
    paths = [str(path) for entry in entries(settings) for path in sorted(entry.glob("*.parquet"))]
    return "\n".join(str(row) for path in paths for row in duckdb.read_parquet(path).fetchall())


def with_eve() -> list[Row]:
    """Return a crawl in which Eve comments once."""
    author = {"id": EVE, "name": "EveOfErasure", "karma": 9}
    rows: list[Row] = list(dumps()[CRAWLS[3]])
    rows[5] = seen(detail(15, [comment(150), comment(9151, author=author)]), DAYS[3])
    return rows


def test_nothing_of_the_erased_is_kept(settings: Settings, read: list[str], tmp_path: Path) -> None:
    names = [*CRAWLS, "again/bodies.jsonl"]
    moderated = [*dumps()[CRAWLS[1]], general(1, {"id": EVE, "name": "EveOfErasure", "role": "moderator"})]

    def fill(place: Settings) -> None:
        put(place, *names)
        write(folder_of(place), CRAWLS[3], with_eve())
        write(folder_of(place), CRAWLS[1], moderated)

    fill(settings)
    first = hashes(settings)
    assert "EveOfErasure" in staged_text(settings)
    assert len(entries(settings)) == 5
    (settings.data / "erase.toml").write_text('agents = ["EveOfErasure"]', encoding="utf-8")
    for _ in range(2):
        read.clear()
        found = hashes(settings)
        assert len(entries(settings)) == 3
        assert staged_text(settings)
        assert "EveOfErasure" not in staged_text(settings)
        assert EVE not in staged_text(settings)
        (folder_of(settings) / "corpus.toml").write_text('title = "Another"', encoding="utf-8")
    assert set(read) == {CRAWLS[3], CRAWLS[1]}
    fresh = settings_below(tmp_path / "fresh")
    (fresh.data / "erase.toml").write_text('agents = ["EveOfErasure"]', encoding="utf-8")
    fill(fresh)
    (folder_of(fresh) / "corpus.toml").write_text('title = "Another"', encoding="utf-8")
    assert hashes(fresh) == found
    (folder_of(settings) / "corpus.toml").unlink()
    (settings.data / "erase.toml").unlink()
    assert hashes(settings) == first


def test_who_is_erased_by_a_later_dump_leaves_what_was_kept(settings: Settings) -> None:
    """A handle is known to be the erased agent's only when a dump says so; the rows of older dumps go then."""
    by_handle = [
        {**post(n), "author": {"name": "EveOfErasure"}, "_downloaded_at": f"{DAYS[0]}T08:00:00Z"}
        for n in range(500, 530)
    ]
    put(settings, *CRAWLS[:2])
    write(folder_of(settings), "handles.jsonl", by_handle)
    (settings.data / "erase.toml").write_text(f'agents = ["{EVE}"]', encoding="utf-8")
    hashes(settings)
    assert "EveOfErasure" in staged_text(settings)  # as in the tables: nobody knows yet
    write(folder_of(settings), CRAWLS[3], with_eve())
    hashes(settings)
    assert "EveOfErasure" not in staged_text(settings)
    assert len(entries(settings)) == 2


def test_forgetting_removes_it(settings: Settings) -> None:
    put(settings, *CRAWLS)
    hashes(settings)
    warehouse = Warehouse(settings)
    size = sum(path.stat().st_size for entry in entries(settings) for path in entry.iterdir())
    assert warehouse.forget("grown").bytes > size > 0
    assert not warehouse.layout.staged("grown").exists()
    assert warehouse.known_corpora() == []


def test_what_a_broken_first_ingestion_left_can_be_forgotten(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, *CRAWLS)
    monkeypatch.setattr(sys.modules["pipeline.ingest.run"], "_run_frame", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        hashes(settings)
    warehouse = Warehouse(settings)
    assert len(entries(settings)) == 4
    assert warehouse.known_corpora() == ["grown"]
    warehouse.forget("grown")
    assert not warehouse.layout.staged("grown").exists()


def test_no_more_is_kept_than_the_limit(tmp_path: Path, read: list[str]) -> None:
    free = settings_below(tmp_path)
    put(free, *CRAWLS)
    first = hashes(free)
    sizes = [sum(path.stat().st_size for path in entry.glob("*.parquet")) for entry in entries(free)]
    limit = f"{sum(sizes) * 0.6 / 1000:.3f}KB"
    for kept, n_left in ((limit, 2), ("0GB", 0)):
        some = settings_below(tmp_path, ETHOGRAM_KEPT=kept)
        (folder_of(some) / "corpus.toml").write_text(f'title = "{kept}"', encoding="utf-8")
        assert hashes(some)["message"] == first["message"]
        assert len(entries(some)) == n_left
    with pytest.raises(ValueError, match="ETHOGRAM_KEPT is 'much'"):
        settings_below(tmp_path, ETHOGRAM_KEPT="much")


def test_small_dumps_keep_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingest.staged.HELD_BATCHES", 100)
    put(settings, *CRAWLS)
    hashes(settings)
    assert not Warehouse(settings).layout.staged("grown").exists()


def test_members_of_archives_are_kept_each(settings: Settings, read: list[str], tmp_path: Path) -> None:
    for place in (settings, settings_below(tmp_path / "fresh")):
        with zipfile.ZipFile(folder_of(place) / "crawls.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name in (*CRAWLS[:2], "edited.jsonl"):
                stamp = zipfile.ZipInfo(name, (2026, 2, 3, 0, 0, 0))
                archive.writestr(stamp, text_of(dumps()[name]))
    hashes(settings)
    assert len(entries(settings)) == 2
    read.clear()
    for place in (settings, settings_below(tmp_path / "fresh")):
        put(place, CRAWLS[2])
    found = hashes(settings)
    assert set(read) == {CRAWLS[2], "crawls.zip/edited.jsonl"}
    assert found == hashes(settings_below(tmp_path / "fresh"))


def test_a_file_that_changed_while_it_was_read_is_not_kept(
    settings: Settings, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, *CRAWLS)
    prepare = merge.merge_messages

    def touched(*arguments: object) -> None:
        os.utime(folder_of(settings) / CRAWLS[1])
        prepare(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(merge, "merge_messages", touched)
    hashes(settings)
    assert len(entries(settings)) == 3


def test_a_file_that_was_cut_while_it_was_read_is_not_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    put(settings, *CRAWLS)
    path = folder_of(settings) / CRAWLS[1]
    whole = path.read_bytes()
    run = Stager.run

    def cut(self: Stager, *arguments: object) -> None:
        path.write_bytes(whole[:-100])
        run(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Stager, "run", cut)
        hashes(settings)
    assert len(entries(settings)) == 3


def test_folders_that_look_like_partitions_are_no_columns(tmp_path: Path) -> None:
    settings = settings_below(tmp_path / "title=x" / "extra=1")
    put(settings, *CRAWLS[:3])
    hashes(settings)
    put(settings, CRAWLS[3])
    assert hashes(settings) == at_once(tmp_path, CRAWLS)


def test_copies_and_documents_cut_in_pieces(
    settings: Settings, read: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("pipeline.ingest.packed.SPLIT_BYTES", 3000)
    monkeypatch.setattr("pipeline.ingest.packed.PIECE_BYTES", 2500)
    monkeypatch.setattr("pipeline.ingest.packed.CHUNK_BYTES", 1000)
    fresh = settings_below(tmp_path / "fresh")
    for place in (settings, fresh):
        for name in ("b.json", "copy.json"):
            (folder_of(place) / name).write_text(json.dumps(dumps()[CRAWLS[1]]), encoding="utf-8")
    hashes(settings)
    assert len(entries(settings)) == 2
    read.clear()
    for place in (settings, fresh):
        (folder_of(place) / "a.json").write_text(json.dumps(dumps()[CRAWLS[0]]), encoding="utf-8")
    found = hashes(settings)
    assert set(read) == {"a.json"}
    assert found == hashes(fresh)


def test_what_was_kept_counts_where_room_in_memory_is_judged(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = []
    are_few = Stager.are_few.fget
    assert are_few is not None

    def judged(self: Stager) -> bool:
        few.append((are_few(self), self.n_batches))
        return few[-1][0]

    monkeypatch.setattr(Stager, "are_few", property(judged))
    put(settings, *CRAWLS)
    hashes(settings)
    write(folder_of(settings), "small.jsonl", [seen(post(999), DAYS[3])])
    hashes(settings)
    assert few[0][0] is False
    assert few[1] == (False, 1)  # one batch is read, and many were kept
    monkeypatch.setattr("pipeline.ingest.staged.HELD_BATCHES", 100)
    write(folder_of(settings), "other.jsonl", [seen(post(998), DAYS[3])])
    hashes(settings)
    assert few[2][0] is True
