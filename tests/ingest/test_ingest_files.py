"""Irregular files: each is read, quarantined with a reason, or listed as what it is; the account is exact."""

from __future__ import annotations

import json
import os
import pickle

import pytest
from ingest_helpers import POST_ID, Corpus, comment, detail, flat, post

from pipeline.ingest import bodies
from pipeline.ingest.bodies import Bodies, Reading
from pipeline.schema.vocabulary import QUARANTINE_REASONS

BODY = json.dumps(detail(1)).encode()
UNREADABLE = {
    "pointer.json": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "git_lfs_pointer"),
    "pointer.parquet": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "git_lfs_pointer"),
    "empty.json": (b"", "empty_file"),
    "empty.parquet": (b"", "empty_file"),
    "page.json": (b"<!DOCTYPE html><html><body>502</body></html>", "html_error_body"),
    "page2.json": (b"\n <html lang='en'>", "html_error_body"),
    "error.json": (b'{"success": false, "error": "Post not found"}', "api_error_body"),
    "error2.json": (b'{"success":true,"error":"rate limited","post":null}', "api_error_body"),
    "truncated.json": (BODY[:300], "truncated_json"),
    "cut-string.json": (BODY[:-150], "truncated_json"),
    "garbage.json": (b"hello", "invalid_json"),
    "two.json": (BODY + b" x", "invalid_json"),
    "posts.pkl": (pickle.dumps({"post": 1}), "pickle_refused"),
    "pickle.json": (pickle.dumps({"post": 1}), "pickle_refused"),
    "seven.json": (b"7z\xbc\xaf\x27\x1c\x00\x04", "archive_not_read"),
    "rar.json": (b"Rar!\x1a\x07\x01\x00", "archive_not_read"),
    "lz4.jsonl": (b"\x04\x22\x4d\x18\x64\x40", "archive_not_read"),
    "zst.json": (b"\x28\xb5\x2f\xfd\x04\x00", "damaged_archive"),
    "binary.json": (b'{"post"\x00\x01\x02', "binary_file"),
    "paper.json": (b"%PDF-1.7\n%text and more text\n", "binary_file"),
    "rows.csv": (b"%PDF-1.7\nid,title\n", "binary_file"),
    "picture.jsonl": (b"\xff\xd8\xff\xe0JFIF", "binary_file"),
    "program.json": (b"\x7fELF\x02\x01", "binary_file"),
    "shape.json": (b'{"posts_by_day": {"success": 1}, "success": true}', "unknown_shape"),
    "number.json": (b'[{"post": {"id": "p9", "title": "t"}}, 5]', "not_an_object"),
}


def test_every_bad_file_is_quarantined_with_its_reason(corpus: Corpus) -> None:
    for name, (content, _) in UNREADABLE.items():
        corpus.write(name, content)
    corpus.write("good.json", detail(2))
    tables = corpus.read()
    found = {row["path"]: row["reason"] for row in tables.quarantine.to_dicts()}
    assert found == {name: reason for name, (_, reason) in UNREADABLE.items()}
    assert all(tables.files[name]["quarantined"] == 1 for name in UNREADABLE)
    assert tables.files["good.json"]["new"] == 1
    assert all(row["detail"] for row in tables.quarantine.to_dicts())
    said = {row["path"]: row["detail"] for row in tables.quarantine.to_dicts()}
    assert said["paper.json"] == said["rows.csv"] == "It is a PDF document, whatever its name says."
    assert said["picture.jsonl"] == "It is a JPEG picture, whatever its name says."


def test_truncated_line_has_its_offset(corpus: Corpus) -> None:
    lines = [json.dumps(post(n)) for n in (1, 2, 3)]
    text = "\n".join(lines)
    corpus.write("all.jsonl", "\ufeff" + text[:-40])
    tables = corpus.read()
    assert tables.account() == (3, 2, 0, 0, 1)
    row = tables.quarantine.to_dicts()[0]
    assert (row["source_row"], row["reason"]) == (2, "truncated_json")
    start = 3 + len(lines[0]) + len(lines[1]) + 2
    assert start < row["byte_offset"] <= 3 + len(text)


def test_side_files_of_systems_are_ignored(corpus: Corpus) -> None:
    for name in ("._a.json", "posts/._b.json", "__MACOSX/posts/a.json", ".DS_Store", ".git/config.json", "Thumbs.db"):
        corpus.write(name, b"\x00\x05\x16\x07Mac OS X")
    for name in ("LICENSE", "README.md", "notes.txt"):
        corpus.write(name, '{"post": 1}')
    corpus.write("a.json", detail(1))
    tables = corpus.read()
    assert tables.account() == (1, 1, 0, 0, 0)
    assert {row["status"] for path, row in tables.files.items() if path != "a.json"} == {"ignored"}


def test_byte_order_marks_and_encodings(corpus: Corpus) -> None:
    body = json.dumps(detail(1, content="né"), ensure_ascii=False)
    corpus.write("a.json", b"\xef\xbb\xbf" + body.encode())
    corpus.write("b.json", json.dumps(detail(2, content="né"), ensure_ascii=False).encode("utf-16"))
    corpus.write("c.json", json.dumps(detail(3, content="n~"), ensure_ascii=False).encode().replace(b"~", b"\xe9"))
    tables = corpus.read()
    assert [tables.messages[POST_ID.format(n)]["content"] for n in (1, 2, 3)] == ["né", "né", "n\ufffd"]
    assert tables.messages[POST_ID.format(3)]["flags"] == "replacement_character"


def test_a_line_in_utf_16_or_with_wrong_bytes_spoils_no_other(corpus: Corpus) -> None:
    lines = [json.dumps(post(1)).encode(), b'{"id": "p\xff", "title": "t", "submolt": "s"}', b"\xff\xfe{", b"nonsense",
             json.dumps(post(2)).encode()]  # fmt: skip
    corpus.write("all.jsonl", b"\n".join(lines))
    tables = corpus.read()
    assert tables.account() == (5, 3, 0, 0, 2)
    assert tables.messages["p\ufffd"]["title"] == "t"
    assert tables.messages[POST_ID.format(2)]["source_row"] == 4


def test_one_line_of_several_megabytes(corpus: Corpus) -> None:
    corpus.lines("all.jsonl", [flat(1, content="a" * 3_400_000), flat(2)])
    corpus.write("posts/b.json", detail(1, content="b" * 3_400_000))
    rows = corpus.read().messages
    assert len(rows[flat(1)["id"]]["content"]) == len(rows[POST_ID.format(1)]["content"]) == 3_400_000


def test_line_longer_than_a_block(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingest.framing.BATCH_BYTES", 700)
    corpus.lines("all.jsonl", [flat(1, content="é" * 5000), flat(2), flat(3, content="x" * 2000)])
    tables = corpus.read()
    assert tables.account() == (3, 3, 0, 0, 0)
    assert tables.messages[flat(3)["id"]]["source_row"] == 2


def test_deep_nesting(corpus: Corpus) -> None:
    deep: list[object] = []
    for number in range(150, 0, -1):
        deep = [comment(number, deep)]  # type: ignore[arg-type]
    corpus.write("a.json", detail(1, deep))
    replies = "".join(f'{{"id":"d{n}","content":"x","replies":[' for n in range(5000)) + "]}" * 5000
    corpus.write("b.json", f'{{"success":true,"post":{{"id":"p2","title":"t"}},"comments":[{replies}]}}')
    corpus.write("c.json", '{"post":{"id":"p3","title":"t"},"comments":' + "[" * 5000 + "]" * 5000 + "}")
    tables = corpus.read()
    assert tables.messages[comment(150)["id"]]["depth"] == 150
    by_file = {row["path"]: row for row in tables.quarantine.to_dicts()}
    assert by_file["b.json"]["reason"] == "too_large"
    assert "nested deeper" in by_file["b.json"]["detail"]
    assert by_file["c.json"]["reason"] == "not_an_object"
    assert {"p2", "p3"} <= set(tables.messages)


def test_small_file_is_read_as_it_was_listed(corpus: Corpus) -> None:
    changed, gone = corpus.write("a.json", detail(1)), corpus.write("b.json", detail(2))

    def change() -> None:
        changed.write_text(changed.read_text().replace("Text 1", "Text 9"))
        gone.unlink()

    tables = corpus.read(between=change)
    assert tables.account() == (2, 2, 0, 0, 0)
    assert tables.messages[POST_ID.format(1)]["content"] == "Text 1"


def test_file_grows_or_shrinks_between_scan_and_read(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGEST_BYTES", 0)  # as files are that are not kept when they are listed
    tree = corpus.write("a.json", detail(1))
    same = corpus.write("b.json", detail(2))
    lines = corpus.lines("c.jsonl", [post(3), post(4)])
    gone = corpus.write("d.json", detail(5))
    short = corpus.lines("e.jsonl", [post(6), post(7)])

    def change() -> None:
        tree.write_text(tree.read_text() + " ")
        same.write_text(same.read_text().replace("Text 2", "Text 9"))
        with lines.open("a") as stream:
            stream.write(json.dumps(post(8)) + "\n")
        gone.unlink()
        short.write_bytes(short.read_bytes()[:300])

    tables = corpus.read(between=change)
    reasons = {(row["path"], row["reason"]) for row in tables.quarantine.to_dicts()}
    assert {("a.json", "file_changed"), ("b.json", "file_changed"), ("d.json", "unreadable")} <= reasons
    assert ("e.jsonl", "file_changed") in reasons
    assert tables.files["c.jsonl"]["new"] == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(corpus: Corpus) -> None:
    corpus.write("a.json", detail(1)).chmod(0)
    corpus.write("b.json", detail(2))
    assert corpus.read().reasons() == ["unreadable"]


def test_file_that_the_system_refuses(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.write("a.json", detail(1))
    corpus.write("b.json", detail(2))
    real = Bodies.read

    def refuse(self: Bodies, folder: int, path: str) -> Reading:
        if path.endswith("a.json"):
            raise PermissionError(13, "no")
        return real(self, folder, path)

    monkeypatch.setattr(Bodies, "read", refuse)
    tables = corpus.read()
    assert tables.reasons() == ["unreadable"]
    assert tables.files["a.json"]["status"] == "unreadable"


def test_awkward_file_names(corpus: Corpus) -> None:
    names = ['it\'s "quoted".json', "ünïcode/日本語.json", "semi;colon --.json", "a%20b[1]*?.json", "new\nline.json"]
    for number, name in enumerate(names):
        corpus.write(name, detail(number + 1))
    corpus.lines("o'clock.jsonl", [post(77)])
    tables = corpus.read()
    assert tables.account() == (6, 6, 0, 0, 0)
    assert set(names) <= set(tables.files)


def test_names_that_are_not_utf8(corpus: Corpus) -> None:
    corpus.write("a.json", detail(1))
    corpus.write("twin\\xe9.json", detail(2))  # a name of its own, with a backslash in it
    for name in (b"not\xe9s.txt", b"d\xe9/b.json", b"twin\xe9.json"):
        corpus.write(os.fsdecode(name), detail(3))
    tables = corpus.read()
    assert set(tables.messages) == {POST_ID.format(1), POST_ID.format(2)}
    found = {row["path"]: row["reason"] for row in tables.quarantine.to_dicts()}
    twin = next(path for path in found if path.startswith("twin"))
    assert found == dict.fromkeys(["not\\xe9s.txt", "d\\xe9/b.json", twin], "name_not_utf8")
    assert twin.startswith("twin\\xe9.json-")
    assert "rename it" in QUARANTINE_REASONS["name_not_utf8"]
    corpus.write("corpus.toml", 'exclude = ["not*", "d*/*", "twin?xe9.json-*"]')
    again = corpus.read()
    assert again.reasons() == []
    assert again.files["not\\xe9s.txt"]["status"] == "ignored"


def test_links_are_read_but_not_followed_in_circles(corpus: Corpus) -> None:
    corpus.write("posts/a.json", detail(1))
    (corpus.folder / "posts" / "loop").symlink_to(corpus.folder)
    (corpus.folder / "broken.json").symlink_to(corpus.folder / "nothing.json")
    tables = corpus.read()
    assert POST_ID.format(1) in tables.messages
    found = {row["path"]: row["reason"] for row in tables.quarantine.to_dicts()}
    assert found == {"broken.json": "unreadable", "posts/loop/": "linked_folder"}


def test_empty_folder_and_folder_without_dumps(corpus: Corpus) -> None:
    assert corpus.read().account() == (0, 0, 0, 0, 0)
    corpus.write("README.md", "nothing")
    tables = corpus.read()
    assert tables.corpus["format"].to_list() == ["none"]
    assert tables.message.height == 0


def test_other_format_beside_the_corpus(corpus: Corpus) -> None:
    corpus.write("posts.json", [post(n) for n in range(1, 30)])
    corpus.write("posts.csv", "id,title,content,submolt\n1,t,c,s\n")
    tables = corpus.read()
    assert tables.files["posts.csv"]["status"] == "other_format"
    assert "other_formats_present" in tables.corpus["warnings"][0]
    assert tables.message.height == 29
    corpus.write("corpus.toml", 'format = ["moltbook_api", "moltbook_observatory"]')
    both = corpus.read()
    assert both.message.height == 30
    assert both.corpus["format_origin"].to_list() == ["corpus.toml"]
    corpus.write("corpus.toml", 'format = "moltbook_observatory"\nexclude = ["nothing/*"]')
    assert corpus.read().message.height == 1


def test_exclude(corpus: Corpus) -> None:
    corpus.write("posts/a.json", detail(1))
    corpus.write("old/a.json", detail(2))
    corpus.write("corpus.toml", 'exclude = ["old/*"]')
    tables = corpus.read()
    assert list(tables.messages) == [POST_ID.format(1)]
    assert tables.files["old/a.json"]["reason"] == "excluded by corpus.toml"


def test_threads_change_nothing(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingest.framing.BATCH_BYTES", 12_000)
    for number in range(1, 30):
        corpus.write(f"posts/{number}.json", detail(number, [comment(n + 5 * number) for n in range(8)]))
    corpus.lines("more.jsonl", [flat(n, content=f"later {n}") for n in range(1, 90)])
    one, many = corpus.read(threads=1), corpus.read(threads=4)
    for name, frame in one.tables.items():
        assert frame.sort(frame.columns).equals(many.tables[name].sort(frame.columns)), name
