"""Forgetting a corpus leaves nothing of it; fingerprints and settings say what they should."""

from __future__ import annotations

from pathlib import Path

import pytest
from warehouse_rows import make_rows, make_settings

from pipeline.schema import TABLES
from pipeline.settings import MOST_THREADS, Settings
from pipeline.warehouse import UnknownCorpusError, Warehouse, WarehouseError, fingerprint
from pipeline.warehouse.connect import connect

PRINT = "0123456789ab"


def files_with(root: Path, needle: bytes) -> list[str]:
    return [p.name for p in root.rglob("*") if p.is_file() and (needle in p.read_bytes() or needle.decode() in str(p))]


def test_nothing_of_a_forgotten_corpus_stays(warehouse: Warehouse) -> None:
    for corpus_id in ("keep-me", "forget-me"):
        (warehouse.settings.data / corpus_id).mkdir(parents=True)
        for n in (3, 4):
            warehouse.write("message", corpus_id, make_rows("message", n), f"{PRINT}{n}")
            warehouse.write("embedding", corpus_id, make_rows("embedding", n), f"{PRINT}{n}")
            warehouse.publish_and_build(corpus_id)
    with connect(read_only=False, settings=warehouse.settings) as con:
        con.execute("CREATE TABLE scratch.mine AS SELECT 1 AS x")
    warehouse.write("published", "*", make_rows("published", 1), PRINT)  # a table about the project
    with pytest.raises(UnknownCorpusError, match=r"'missing' is not in the store; known: forget-me, keep-me"):
        warehouse.forget("missing")
    with pytest.raises(WarehouseError, match="cannot be forgotten"):
        warehouse.forget("*")
    result = warehouse.forget("forget-me")
    assert (result.manifests, result.parts, result.has_removed_dump) == (2, 4, False)
    assert result.remaining == (str(warehouse.settings.data / "forget-me"),)
    assert files_with(warehouse.layout.root, b"forget-me") == ["forget-me.lock"]  # an empty file, for the next run
    with connect(settings=warehouse.settings) as con:
        assert con.execute("SELECT DISTINCT corpus_id FROM corpus.message").fetchall() == [("keep-me",)]
        assert con.execute("SELECT count(*) FROM feature.embedding").fetchall() == [(4,)]
        assert con.execute("SELECT x FROM scratch.mine").fetchall() == [(1,)]
    assert warehouse.known_corpora() == ["keep-me"]


def test_the_dump_goes_only_when_asked(warehouse: Warehouse) -> None:
    folder = warehouse.settings.data / "demo"
    folder.mkdir(parents=True)
    warehouse.write("message", "demo", make_rows("message", 1), PRINT)  # never published
    result = warehouse.forget("demo", dump=True)
    assert result.has_removed_dump
    assert not folder.exists()
    assert result.remaining == ()


def test_forgetting_can_be_finished_after_a_crash(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.write("message", "demo", make_rows("message", 3), PRINT)
    warehouse.publish_and_build("demo")
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.warehouse.publish.remove_corpus", lambda *_: (_ for _ in ()).throw(OSError("crash")))
        with pytest.raises(OSError, match="crash"):
            warehouse.forget("demo")
    assert warehouse.known_corpora() == ["demo"]
    assert warehouse.forget("demo").parts == 1
    assert warehouse.known_corpora() == []


def make_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = folder / "fingerprinted"
    package.mkdir(parents=True)
    for name, text in {"__init__.py": "", "a.py": "x = 1\n", "q.sql": "SELECT 1\n", "notes.md": "no\n"}.items():
        (package / name).write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    return package


def test_a_fingerprint_changes_with_what_matters_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = make_package(tmp_path / "one", monkeypatch)
    card = tmp_path / "card.toml"
    card.write_text("a = 1\n")

    def take(**changes: object) -> str:
        given = {
            "inputs": {"message": "1", "agent": "2"}, "config": {"w": [1, 8], "r": {"a": 0.1, "b": None}},
            "modules": ["fingerprinted"], "files": [card], "tables": [TABLES["message"]], "libraries": ["duckdb"],
        }  # fmt: skip
        return fingerprint(**{**given, **changes})  # type: ignore[arg-type]

    base = take()
    assert 16 <= len(base) <= 24
    assert base == take(config={"r": {"b": None, "a": 0.1}, "w": [1, 8]}, inputs={"agent": "2", "message": "1"})
    (package / "notes.md").write_text("other\n")
    assert base == take()
    changed = {
        take(inputs={"message": "1", "agent": "3"}),
        take(config={"w": [8, 1], "r": {"a": 0.1, "b": None}}),
        take(modules=["fingerprinted.a"]),
        take(tables=[TABLES["agent"]]),
        take(libraries=["polars"]),
        take(files=[]),
    }
    with monkeypatch.context() as patch:
        patch.setattr("importlib.metadata.version", lambda _: "99.0")
        changed.add(take())
    for path in (package / "a.py", package / "q.sql", card):
        before = path.read_text()
        path.write_text(before + "# changed\n")
        changed.add(take())
        path.write_text(before)
    (package / "q.sql").rename(package / "r.sql")
    changed.add(take())
    assert len(changed) == 11
    assert base not in changed


def test_a_fingerprint_refuses_what_it_cannot_hash() -> None:
    with pytest.raises(TypeError):
        fingerprint(config={"a": {1, 2}})
    with pytest.raises(FileNotFoundError, match="no_such_module"):
        fingerprint(modules=["no_such_module"])


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    defaults = Settings.load({})
    assert defaults.home == Path(__file__).resolve().parents[2]
    assert (defaults.data, defaults.warehouse) == (defaults.home / "data", defaults.home / "warehouse")
    assert 1 <= defaults.threads <= MOST_THREADS
    assert (defaults.memory_limit, defaults.seed, defaults.native_max_rows) == ("3GB", 20260127, 20_000_000)
    changed = make_settings(tmp_path, threads=3, native_max_rows=7)
    assert (changed.home, changed.threads, changed.native_max_rows) == (tmp_path, 3, 7)
    elsewhere = Settings.load({"ETHOGRAM_DATA": str(tmp_path / "d"), "ETHOGRAM_WAREHOUSE": str(tmp_path / "w")})
    assert (elsewhere.data, elsewhere.warehouse) == (tmp_path / "d", tmp_path / "w")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("THREADS", "0"),
        ("THREADS", "two"),
        ("MEMORY", "3"),
        ("MEMORY", "lots"),
        ("SEED", "-1"),
        ("HOME", __file__),
    ],
)
def test_bad_settings_are_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"ETHOGRAM_{name} is .*: expected"):
        Settings.load({f"ETHOGRAM_{name}": value})
