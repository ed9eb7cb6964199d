"""JSON documents that are too large for one piece are cut while they are read; account and rows stay the same."""

from __future__ import annotations

import json

import pytest
from container_helpers import COMPRESSIONS, assert_same_content, zip_of
from ingest_helpers import POST_ID, Corpus, Tables, comment, detail, post

SEEN = "2026-02-01T08:00:00+00:00"
POSTS = [post(n, content=f'a "quoted" \\ {{[text]}} {n}' * 5) for n in range(1, 200)]
COMMENTS = [comment(n, [comment(1000 + n)]) for n in range(1, 200)]
DOCUMENTS = {
    "array": (POSTS, 199),
    "details": ([detail(n, [comment(10 * n), comment(10 * n + 1)]) for n in range(1, 100)], 297),
    "wrapper": ({"success": True, "posts": POSTS, "has_more": False, "fetched_at": SEEN}, 199),
    "cache": ({"timestamp": SEEN, "data": POSTS}, 199),
    "thread": ({"success": True, "post": post(1), "comments": COMMENTS, "_downloaded_at": SEEN}, 399),
    "nested": ({"data": {"posts": POSTS, "n": 5}, "timestamp": SEEN}, 199),
    "two lists": ({"posts": POSTS, "submolts": [], "comments": COMMENTS, "post_id": POST_ID.format(1)}, 199 + 398),
}


def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingest.packed.SPLIT_BYTES", 5000)
    monkeypatch.setattr("pipeline.ingest.packed.PIECE_BYTES", 3000)
    monkeypatch.setattr("pipeline.ingest.packed.CHUNK_BYTES", 700)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_pieces_give_the_rows_of_the_whole(corpus: Corpus, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    document, rows = DOCUMENTS[name]
    text = json.dumps(document, indent=1 if name == "wrapper" else None).encode()
    path = corpus.write("a.json", text)
    whole = corpus.read()
    assert whole.account() == (rows, rows, 0, 0, 0)
    small_pieces(monkeypatch)
    pieces = corpus.read()
    assert pieces.account() == whole.account()
    assert_same_content(whole, pieces)
    assert pieces.message["source_row"].is_unique().all()
    if name in ("array", "thread"):
        path.unlink()
        corpus.write("a.zip", zip_of({"a.json": text}))
        assert_same_content(whole, corpus.read())


def test_documents_in_other_encodings_and_forms(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pieces(monkeypatch)
    corpus.write("a.json", json.dumps(POSTS[:60]).encode("utf-16"))
    corpus.write("b.json", b"\xef\xbb\xbf \n" + json.dumps({"posts": POSTS[60:120]}).encode())
    corpus.write("c.json.xz", COMPRESSIONS["xz"](json.dumps({"posts": POSTS[120:]}).encode("utf-16")))
    assert corpus.read().account() == (199, 199, 0, 0, 0)


def cut(corpus: Corpus, text: str) -> Tables:
    corpus.write("a.json", text)
    tables = corpus.read()
    assert tables.reasons() == ["truncated_json"]
    return tables


def test_a_large_array_that_was_cut(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pieces(monkeypatch)
    text = json.dumps(POSTS)
    end = text.index(json.dumps(POSTS[150])) + 40
    tables = cut(corpus, text[:end])
    assert tables.account() == (151, 150, 0, 0, 1)
    assert tables.quarantine["byte_offset"].to_list() == [end - 40]
    assert tables.quarantine["excerpt"][0].startswith('{"id"')


def test_a_large_object_that_was_cut(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pieces(monkeypatch)
    text = json.dumps({"success": True, "data": {"posts": POSTS}})
    end = text.index(json.dumps(POSTS[150])) + 40
    tables = cut(corpus, text[:end])
    assert tables.account() == (151, 150, 0, 0, 1)


def test_text_behind_a_large_document(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pieces(monkeypatch)
    corpus.write("a.json", json.dumps(POSTS) + "\n]")
    corpus.write("b.json", json.dumps({"posts": POSTS}) + "\nnonsense")
    tables = corpus.read()
    assert tables.reasons() == ["invalid_json", "invalid_json"]
    assert tables.account() == (400, 199, 0, 199, 2)
    assert tables.quarantine["byte_offset"][0] == len(json.dumps(POSTS))


def test_a_large_record_is_never_cut(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pieces(monkeypatch)
    corpus.write("a.json", post(1, content="long " * 9000, comments=COMMENTS))
    corpus.write("b.json", {"success": True, "post": post(2, tags=["x" * 10_000]), "comments": COMMENTS[:150]})
    tables = corpus.read()
    assert tables.account()[0] == 399 + 301
    assert tables.files["a.json"]["quarantined"] == tables.files["b.json"]["quarantined"] == 0
    assert set(tables.message.filter(tables.message["kind"] == "post")["message_id"]) == {
        POST_ID.format(1), POST_ID.format(2),
    }  # fmt: skip


def test_tables_in_json(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingest.containers.json_table.batches.__defaults__", (4000, 1000))
    rows: list[list[object]] = [[f"p-{n:08d}", f"t{n}", None, "s", n] for n in range(300)]
    columns = ["id", "title", "content", "submolt", "score"]
    corpus.write("a.json", {"columns": columns, "index": [*range(300)], "data": rows})
    corpus.write("b.json", {"ok": True, "columns": columns, "rows": [["q-00000001", "t", "c", "s", 1], ["short"], 5]})
    tables = corpus.read()
    assert tables.account() == (303, 301, 0, 0, 2)
    assert tables.reasons() == ["bad_row_width", "bad_row_width"]
    assert tables.messages["p-00000299"]["score"] == 299
    assert tables.messages["p-00000299"]["source_row"] == 299
