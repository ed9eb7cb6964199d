"""Archives: each file inside is a file of its own, and what is no dump is named for what it is."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import count_records
import pytest
from container_helpers import COMPRESSIONS, assert_same_content, body, lines, tar_of, zip_of
from ingest_helpers import POST_ID, Corpus, Tables, detail, post

from pipeline.ingest.containers import limits

MEMBERS = {
    "posts/a.json": body(1),
    "posts/b.json": body(2, 0),
    "all.jsonl": lines([post(n) for n in range(30, 40)]),
    "packed/more.jsonl.zst": COMPRESSIONS["zst"](lines([post(n) for n in range(50, 60)])),
    "README.md": b"# what this is",
    "__MACOSX/posts/._a.json": b"\x00\x05\x16\x07Mac OS X",
    "posts/._b.json": b"\x00\x05\x16\x07Mac OS X",
}
INNER = tar_of({"deep/c.json": body(3)})
HELD = {**MEMBERS, "inner.tar.xz": COMPRESSIONS["xz"](INNER)}
ARCHIVES = {
    "dump.zip": zip_of(HELD),
    "dump.tar": tar_of(HELD),
    "dump.tar.gz": COMPRESSIONS["gz"](tar_of(HELD, tarfile.PAX_FORMAT)),
    "dump.tar.zst": COMPRESSIONS["zst"](tar_of(HELD)),
    "stored.zip": zip_of(HELD, zipfile.ZIP_STORED),
}
ROWS = {
    "posts/a.json": 4,
    "posts/b.json": 1,
    "all.jsonl": 10,
    "packed/more.jsonl.zst": 10,
    "inner.tar.xz/deep/c.json": 4,
}


def test_archives_hold_files_of_their_own(corpus: Corpus) -> None:
    loose = {**MEMBERS, "deep/c.json": body(3)}
    for name, content in loose.items():
        corpus.write(name, content)
    plain = corpus.read()
    assert plain.account() == (29, 29, 0, 0, 0)
    for name in loose:
        (corpus.folder / name).unlink()
    for name in ("dump.zip", "dump.tar.gz"):
        path = corpus.write(name, ARCHIVES[name])
        tables = corpus.read()
        assert_same_content(plain, tables)
        found = {p: row["rows_read"] for p, row in tables.files.items() if row["rows_read"]}
        assert found == {f"{name}/{inner}": n for inner, n in ROWS.items()}
        counted = count_records.count_any(path)
        assert {p: counted[p] for p in found} == found
        assert {tables.files[p]["status"] for p in (name, f"{name}/inner.tar.xz")} == {"opened"}
        assert tables.files[f"{name}/__MACOSX/posts/._a.json"]["reason"] == "side file of the system"
        assert tables.files[f"{name}/README.md"]["status"] == "ignored"
        assert len({row["sha256"] for row in tables.files.values()}) == len(tables.files) == 10
        path.unlink()


def test_the_same_members_in_every_archive_are_repeated(corpus: Corpus) -> None:
    for name, content in ARCHIVES.items():
        corpus.write(name, content)
    assert corpus.read().account() == (5 * 29, 29, 0, 4 * 29, 0)


def odd_tar() -> bytes:
    buffer = io.BytesIO()
    members = {**UNREAD, "/etc/cron.json": body(6), "../up.json": body(7), "n" * 300 + ".json": body(8)}
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, target in (("link.json", tarfile.SYMTYPE, "/etc/passwd"), ("hard.json", tarfile.LNKTYPE, "a"),
                                   ("pipe", tarfile.FIFOTYPE, "")):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


UNREAD = {
    "pointer.json": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
    "page.json": b"<!DOCTYPE html><html>502",
    "empty.json": b"",
    "posts.pkl": pickle.dumps({"a": 1}),
    "inner.7z": b"7z\xbc\xaf\x27\x1c\x00\x04",
}
REASONS = {
    "pointer.json": "git_lfs_pointer", "page.json": "html_error_body", "empty.json": "empty_file",
    "posts.pkl": "pickle_refused", "inner.7z": "archive_not_read", "link.json": "no_ordinary_file",
    "hard.json": "no_ordinary_file", "pipe": "no_ordinary_file", "/etc/cron.json": "unsafe_name",
    "../up.json": "unsafe_name",
}  # fmt: skip


def test_what_cannot_be_read_inside_is_named(corpus: Corpus) -> None:
    corpus.write("odd.tar", odd_tar())
    tables = corpus.read()
    found = {row["path"]: row["reason"] for row in tables.quarantine.to_dicts()}
    assert found == {f"odd.tar/{name}": reason for name, reason in REASONS.items()}
    assert tables.account() == (14, 4, 0, 0, 10)
    assert POST_ID.format(8) in tables.messages
    assert all(len(row["detail"]) > 10 for row in tables.quarantine.to_dicts())
    assert not (corpus.folder.parent / "up.json").exists()


def test_members_that_are_protected_or_linked_in_a_zip(corpus: Corpus) -> None:
    made = bytearray(zip_of({"secret.json": body(1), "open.json": body(2)}))
    place = made.index(b"PK\x01\x02")
    made[place + 8] |= 1  # the flag of encryption, in the directory
    corpus.write("a.zip", bytes(made))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("link.json")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    corpus.write("b.zip", buffer.getvalue())
    tables = corpus.read()
    found = {row["path"]: row["reason"] for row in tables.quarantine.to_dicts()}
    assert found == {"a.zip/secret.json": "encrypted", "b.zip/link.json": "no_ordinary_file"}
    assert tables.files["a.zip/open.json"]["new"] == 4


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_paths_inside_never_clash(corpus: Corpus) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in (1, 2, 3):
            archive.writestr("a.json", body(number, 0))
        archive.writestr("a.json#2", body(4, 0))
        archive.writestr("in.zip", zip_of({"x.json": body(5, 0)}))
        archive.writestr("in.zip/x.json", body(6, 0))
    corpus.write("d.zip", buffer.getvalue())
    corpus.write("d.zip-x/a.json", body(7, 0))
    tables = corpus.read()
    assert tables.account() == (7, 7, 0, 0, 0)
    assert {p for p, row in tables.files.items() if row["new"]} == {
        "d.zip/a.json", "d.zip/a.json#2", "d.zip/a.json#3", "d.zip/a.json#2#2", "d.zip/in.zip/x.json",
        "d.zip/in.zip/x.json#2", "d.zip-x/a.json",
    }  # fmt: skip


def test_archives_in_archives_have_a_depth(corpus: Corpus) -> None:
    content = body(1)
    for number in range(limits.MOST_LAYERS):
        content = zip_of({f"{number}.bin": content})
    corpus.write("a.zip", content)
    corpus.write("b.zip", zip_of({"one.zip": content}))
    tables = corpus.read()
    assert tables.reasons() == ["too_many_layers"]
    assert tables.account() == (5, 4, 0, 0, 1)


def bombs() -> dict[str, bytes]:
    row = json.dumps(post(1)).encode() + b"\n"
    text = row + b'{"x": "' + b" " * 3_000_000 + b'"}\n' * 2
    return {"bomb.jsonl.gz": COMPRESSIONS["gz"](text), "bomb.zip": zip_of({"a.jsonl": text}), "z.jsonl.zst":
            COMPRESSIONS["zst"](text)}  # fmt: skip


def test_bombs_are_read_up_to_the_limit(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FREE_BYTES", 1_000_000)
    monkeypatch.setattr(limits, "MOST_TIMES", 10)
    for name, content in bombs().items():
        corpus.write(name, content)
    tables = corpus.read()
    assert tables.reasons() == ["unpacks_too_far"] * 3
    assert tables.account() == (6, 1, 0, 2, 3)
    assert "1000000 bytes" in tables.quarantine["detail"][0]


def test_an_archive_of_too_many_members(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_MEMBERS", 3)
    corpus.write("a.tar", tar_of({f"{n}.json": body(n, 0) for n in range(1, 9)}))
    tables = corpus.read()
    assert tables.reasons() == ["unpacks_too_far"]
    assert tables.account() == (4, 3, 0, 0, 1)


def test_a_change_of_the_archive_changes_all_of_its_members(corpus: Corpus) -> None:
    def digests(members: dict[str, bytes]) -> dict[str, str]:
        corpus.write("a.zip", zip_of(members))
        found: Tables = corpus.read()
        return {path: row["source_file_id"] for path, row in found.files.items()}

    first = digests({"a.json": body(1), "b.json": body(2)})
    assert first == digests({"a.json": body(1), "b.json": body(2)})
    second = digests({"a.json": body(1), "b.json": body(3)})
    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())


def test_tars_that_were_joined_are_read_to_the_end(corpus: Corpus) -> None:
    corpus.write("a.tar", tar_of({"a.json": body(1)}) + tar_of({"b.json": json.dumps(detail(2)).encode()}))
    assert corpus.read().account() == (5, 5, 0, 0, 0)


def test_a_database_with_a_journal_in_an_archive(corpus: Corpus, tmp_path: Path) -> None:
    import sqlite3

    con = sqlite3.connect(tmp_path / "run.db")
    con.executescript("CREATE TABLE user (user_id); CREATE TABLE post (post_id, user_id, content, created_at); "
                      "CREATE TABLE trace (user_id, action, info); INSERT INTO user VALUES (1)")  # fmt: skip
    con.close()
    content = (tmp_path / "run.db").read_bytes()
    corpus.write("runs.zip", zip_of({"one.db": content, "two.db": content, "two.db-journal": b"\xd9\xd5\x05\xf9 hot"}))
    tables = corpus.read()
    found = {row["path"]: row["reason"] for row in tables.quarantine.to_dicts()}
    assert found["runs.zip/two.db"] == "damaged_sqlite"
    assert tables.files["runs.zip/one.db"]["status"] == "read"
