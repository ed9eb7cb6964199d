"""Every published archive is told from every other, and what is known not to be read says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import archive_fixtures as a
import polars as pl
import pytest
from ingest_helpers import Corpus, Tables, detail

from pipeline.ingest import load_config, scan
from pipeline.ingest.formats import FORMATS
from pipeline.ingest.formats.unread import UNREAD, is_known_unread, why_unread
from pipeline.settings import Settings
from pipeline.steps.corpus import CORPUS_STEPS
from pipeline.steps.step import run_step
from pipeline.warehouse import Warehouse

# Files that bear no mark of their archive, and are read as its files once the corpus is known to be it.
UNMARKED = {"submolts.json", "submolts/train-00000-of-00001.parquet", "submolts.parquet"}


def test_confusion_matrix(corpus: Corpus) -> None:
    """With all archives in one folder, each file is offered to the whole registry and told as its own."""
    for name, (_, write) in a.ARCHIVES.items():
        write(corpus.folder / name)
    corpus.write("api/thread.json", detail())
    told: dict[str, set[str]] = {}
    for file in scan(corpus.folder, load_config(corpus.folder, "corpus", tuple(FORMATS))).files:
        archive, path = file.path.split("/", 1)
        if file.status == "ignored":
            assert is_known_unread(file.reason), file
        elif path not in UNMARKED or archive == "labels":
            told.setdefault(archive, set()).add(str(file.format))
    assert told == {**{name: {expected} for name, (expected, _) in a.ARCHIVES.items()}, "api": {"moltbook_api"}}


@pytest.mark.parametrize("name", sorted(a.ARCHIVES))
def test_a_folder_is_read_whole(corpus: Corpus, name: str) -> None:
    """No file of an archive is left aside as of another format, and each that is not read says why."""
    expected, write = a.ARCHIVES[name]
    write(corpus.folder)
    found = scan(corpus.folder, load_config(corpus.folder, "corpus", tuple(FORMATS)))
    assert found.formats == (expected,)
    assert {file.format for file in found.files if file.status == "read"} == {expected}
    assert all(file.status == "read" or is_known_unread(file.reason) for file in found.files)


def test_generic_formats_come_last() -> None:
    moltbook = [name for name in FORMATS if name.startswith("moltbook_")]
    assert moltbook[-2:] == ["moltbook_api", "moltbook_observatory"]


def test_an_observatory_is_no_other_archive(corpus: Corpus) -> None:
    """Tables of the Observatory lie in folders that other archives have too."""
    rows = {"id": ["p"], "agent_name": ["A"], "submolt": ["s"], "title": ["t"], "content": ["c"], "score": [1],
            "created_at": ["2026-02-01"], "dump_date": ["2026-02-01"]}  # fmt: skip
    for folder in ("data/posts", "posts", "profiles"):
        (corpus.folder / folder).mkdir(parents=True)
        pl.DataFrame(rows).write_parquet(corpus.folder / folder / "2026-02-01.parquet")
    assert {file["format"] for file in corpus.read().files.values()} == {"moltbook_observatory"}


def test_messages_of_another_dump_are_not_pooled(corpus: Corpus) -> None:
    """Only tables of communities and agents are read as an archive's without a mark of it."""
    a.lnajt(corpus.folder)
    community = {"name": ["s"], "display_name": ["S"], "subscriber_count": [1]}
    pl.DataFrame(community).write_parquet(corpus.folder / "submolts.parquet")
    post = {"id": ["p"], "title": ["t"], "content": ["c"], "submolt": ["s"]}
    pl.DataFrame(post).write_parquet(corpus.folder / "other.parquet")
    tables = corpus.read()
    assert {path: (row["format"], row["status"]) for path, row in tables.files.items()} == {
        "comments.parquet": ("moltbook_lnajt", "read"), "posts.parquet": ("moltbook_lnajt", "read"),
        "submolts.parquet": ("moltbook_lnajt", "read"), "other.parquet": ("moltbook_observatory", "other_format"),
    }  # fmt: skip


def test_reasons_are_sentences() -> None:
    for unread in UNREAD:
        assert len(unread.reason) > 40
        assert is_known_unread(unread.sentence)
        assert unread.sentence.endswith(f"({unread.archive})")
    assert why_unread("posts.json", b'{"id": 1}') is None
    assert why_unread("manifest.json", b'{"other": 1}') is None  # the name alone is not enough
    assert not is_known_unread(None)


def test_the_step_stores_every_archive(tmp_path: Path) -> None:
    """The step of ingestion writes all tables, labels too, and its account holds for each archive."""
    (tmp_path / "data").mkdir()
    settings = Settings.load({"ETHOGRAM_DATA": str(tmp_path / "data"), "ETHOGRAM_WAREHOUSE": str(tmp_path / "store")})
    store = Warehouse(settings)
    labels = {}
    for name, (_, write) in a.ARCHIVES.items():
        corpus_id = name.replace("_", "-")
        write(settings.data / corpus_id)
        (step,) = CORPUS_STEPS
        checks = {check.name: check.passed for check in run_step(step, store, corpus_id).checks}
        assert checks["row_accounting"], name
        labels[name] = store.read("label", corpus_id).collect().height
    assert {name: count for name, count in labels.items() if count} == {
        "moltnet": 2, "trustairlab": 3, "padas": 4, "alanchen": 3, "labels": 3,
    }  # fmt: skip


def test_a_folder_of_aggregates_names_them(tmp_path: Path) -> None:
    """A corpus without a file that is read fails with the reason of the first files."""
    folder = tmp_path / "data" / "counts"
    folder.mkdir(parents=True)
    (folder / "submolts.json").write_text('{"submolts": [{"name": "general", "dailyStats": []}]}')
    settings = Settings.load({"ETHOGRAM_DATA": str(tmp_path / "data"), "ETHOGRAM_WAREHOUSE": str(tmp_path / "store")})
    with pytest.raises(FileNotFoundError, match=r"submolts[.]json: counts that the collector took"):
        run_step(CORPUS_STEPS[0], Warehouse(settings), "counts")


def read(corpus: Corpus, folder: Path) -> Tables:
    corpus.folder = folder
    return corpus.read()


# rows_read, new, revised, repeated and quarantined of the real folders, and what was kept of them.
REAL = {
    "moltbook-graph-snapshots": ((6178, 6170, 1, 7, 0), {"message": 6170, "label": 0}),
    "moltbook-labels": ((29287, 26347, 0, 2940, 0), {"message": 0, "label": 23764, "community": 2583}),
    "moltbook-medallion-runs": ((53, 33, 3, 17, 0), {"message": 33, "label": 0}),
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_folders(corpus: Corpus, real_dump: Callable[[str], Path], name: str) -> None:
    tables = read(corpus, real_dump(name))
    account, kept = REAL[name]
    assert tables.account() == account
    assert {table: tables.tables[table].height for table in kept} == kept
    ignored = [row for row in tables.files.values() if row["status"] == "ignored" and row["path"] != "LICENSE"]
    assert ignored
    assert all(is_known_unread(row["reason"]) for row in ignored)


@pytest.mark.parametrize("name", ["moltbook-author-signals", "moltbook-watcher-aggregates"])
def test_real_aggregates_are_named(corpus: Corpus, real_dump: Callable[[str], Path], name: str) -> None:
    tables = read(corpus, real_dump(name))
    assert tables.account() == (0, 0, 0, 0, 0)
    data = [row for row in tables.files.values() if row["path"].endswith((".json", ".parquet"))]
    assert len(data) >= 2
    assert all(row["status"] == "ignored" and is_known_unread(row["reason"]) for row in data)
