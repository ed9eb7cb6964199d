"""What was staged and then damaged, swapped, or left by a crash is never taken again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from growing import at_once, hashes
from reuse_folder import CRAWLS, entries, folder_of, put

from pipeline.ingest.kept import LIST_NAME, Kept
from pipeline.ingest.scan import SourceFile
from pipeline.settings import Settings


def flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 4
    rewrite(path, bytes(body))


def rewrite(path: Path, body: bytes) -> None:
    path.unlink()
    path.write_bytes(body)


def swap(path: Path) -> None:
    other = next(other for other in sorted(path.parent.iterdir()) if other.suffix == ".parquet" and other != path)
    ours, theirs = path.read_bytes(), other.read_bytes()
    rewrite(path, theirs)
    rewrite(other, ours)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "flipped": flip,
    "cut": lambda path: rewrite(path, path.read_bytes()[:-9]),
    "emptied": lambda path: rewrite(path, b""),
    "gone": Path.unlink,
    "swapped": swap,
}


def relist(entry: Path) -> None:
    """Drop a part from the list of an entry."""
    text = (entry / LIST_NAME).read_text(encoding="utf-8")
    listed = json.loads(text.partition("\n")[2])
    listed["files"].pop()
    rewrite(entry / LIST_NAME, (text.partition("\n")[0] + "\n" + json.dumps(listed)).encode())


def test_no_damage_goes_unseen(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(settings, *CRAWLS[:2])
    hashes(settings)
    whole = entries(settings)[0]
    file = SourceFile("any.jsonl", "", 1, "jsonl", "moltbook_api", "read")
    monkeypatch.setattr(Kept, "key", lambda *_: whole.name)

    def is_taken(change: Callable[[Path], None]) -> bool:
        shutil.rmtree(tmp_path / "copies", ignore_errors=True)
        shutil.copytree(whole, tmp_path / "copies" / whole.name)
        change(tmp_path / "copies" / whole.name)
        into = tmp_path / "into"
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir()
        return Kept(tmp_path / "copies", "", 0).take(7, file, "1", into) is not None

    assert is_taken(lambda _: None)
    assert not is_taken(relist)
    names = sorted(path.name for path in whole.iterdir())
    assert len(names) > 6
    for name in names:
        for damage, change in DAMAGES.items():
            if (name, damage) != (LIST_NAME, "swapped"):
                assert not is_taken(lambda entry, name=name, change=change: change(entry / name)), (name, damage)  # type: ignore[misc]


def test_what_is_damaged_is_read_again(settings: Settings, read: list[str]) -> None:
    put(settings, *CRAWLS)
    first = hashes(settings)
    one, two, three, _ = entries(settings)
    flip(max(one.glob("*.parquet"), key=lambda path: path.stat().st_size))
    DAMAGES["cut"](max(two.glob("*.parquet"), key=lambda path: path.stat().st_size))
    (three / LIST_NAME).unlink()
    read.clear()
    (folder_of(settings) / "corpus.toml").write_text('licence = "other"', encoding="utf-8")
    second = hashes(settings)
    assert len(set(read)) == 3
    but = {"corpus": "", "source_file": ""}  # corpus.toml is a file, too
    assert {**second, **but} == {**first, **but}
    read.clear()
    (folder_of(settings) / "corpus.toml").unlink()
    assert hashes(settings) == first
    assert read == []  # the entries are whole again


def test_an_entry_of_another_file_is_not_taken(settings: Settings, read: list[str]) -> None:
    put(settings, *CRAWLS)
    first = hashes(settings)
    one, two, *_ = entries(settings)
    one.rename(one.with_name("aside"))
    two.rename(one)
    one.with_name("aside").rename(two)
    read.clear()
    (folder_of(settings) / "corpus.toml").write_text('licence = "other"', encoding="utf-8")
    assert hashes(settings)["message"] == first["message"]
    assert len(set(read)) == 2


def test_a_crash_leaves_nothing_that_counts(
    settings: Settings, read: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(settings, *CRAWLS)
    calls: list[Path] = []

    def dies(self: Path, target: Path) -> None:
        calls.extend([self] if ".staged" in self.parts else [])  # parts of tables are renamed meanwhile
        if len(calls) == 3:
            raise OSError("no space left")
        self.replace(target)

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.ingest.kept.Path.rename", dies)
        with pytest.raises(OSError, match="no space left"):
            hashes(settings)
    names = [path.name for path in entries(settings)]
    assert len(names) == 3
    assert sum(name.startswith(".tmp-") for name in names) == 1
    read.clear()
    found = hashes(settings)
    assert len(set(read)) == 2  # two had been renamed
    assert found == at_once(tmp_path, CRAWLS)
    assert len(entries(settings)) == 4
    assert not [path for path in entries(settings) if path.name.startswith(".tmp-")]
