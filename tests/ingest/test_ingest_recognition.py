"""Every layout is told as its own when it is offered to all formats, and none is taken for another's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import test_ingest_bluesky as bluesky
import test_ingest_convokit as convokit
import test_ingest_mastodon as mastodon
import test_ingest_pushshift as pushshift
import test_ingest_ysocial as ysocial
from ingest_helpers import Corpus, comment, detail, flat, post

from pipeline.ingest import load_config, scan
from pipeline.ingest.formats import FORMATS

NEW = {"bluesky", "convokit", "mastodon", "pushshift", "ysocial"}


def layouts() -> dict[str, tuple[str, list[object]]]:
    """Return for a file name the format and the objects, one a line, or one document for .json."""
    turn = convokit.utterance("a1", "a1", None)
    status = mastodon.status(1, mastodon.ADA, "<p>x</p>")
    stream = {"usr": bluesky.usr(bluesky.ADA), "rid": "r1", "crt": 1728518400.5}
    return {
        "RC_2012-01": ("pushshift", [pushshift.comment_2012(), pushshift.comment_2012()]),
        "RC_2012-01_one": ("pushshift", [pushshift.comment_2012()]),
        "RC_2024-01.jsonl": ("pushshift", [pushshift.comment_2024()]),
        "RS_2024-01.ndjson": ("pushshift", [pushshift.submission()]),
        "a/utterances.jsonl": ("convokit", [turn]), "b/utterances.jsonl": ("convokit", [convokit.old(turn)]),
        "a/speakers.json": ("convokit", [{"ada": {"meta": {}, "vectors": []}}]),
        "b/users.json": ("convokit", [{"ada": {"age": 3}}]),
        "flat.jsonl": ("bluesky", [{"uri": bluesky.uri("did:plc:a", "r1"), **bluesky.record("x")}]),
        "2024-10-10_atproto_general.jsonl": ("bluesky", [{"typ": "post", "txt": "x", **stream}]),
        "2024-10-10_atproto_interactions.jsonl": ("bluesky", [{"typ": "like", "pst": stream, **stream}]),
        "status.json": ("mastodon", [status]), "timeline.jsonl": ("mastodon", [status]),
        "outbox.json": ("mastodon", [{"orderedItems": [mastodon.activity(1, "Create", mastodon.note(1, "x"))]}]),
        "list.json": ("moltbook_api", [{"success": True, "posts": [post()]}]),
        "detail.json": ("moltbook_api", [detail(comments=[comment()])]), "flat_v3.jsonl": ("moltbook_api", [flat()]),
    }  # fmt: skip


def test_every_layout_is_its_own(corpus: Corpus) -> None:
    for path, (_, rows) in layouts().items():
        corpus.write(path, "".join(json.dumps(row) + "\n" for row in rows))
    ysocial.small_run(corpus.folder / "exp.db", ysocial.integer)
    found = scan(corpus.folder, load_config(corpus.folder, "corpus"))
    told = {file.path: file.format for file in found.files}
    assert told == {"exp.db": "ysocial", **{path: name for path, (name, _) in layouts().items()}}


def test_texts_that_quote_a_layout_stay_where_they_are(corpus: Corpus) -> None:
    """A post may hold a record of any platform as its text."""
    for number, (name, (_, rows)) in enumerate(layouts().items()):
        text = json.dumps(rows[0])
        corpus.lines(f"{number}.jsonl", [flat(number, content=text), flat(number + 100, content=f"{name}: {text}")])
    tables = corpus.read()
    assert {row["format"] for row in tables.files.values()} == {"moltbook_api"}
    assert tables.message.height == 2 * len(layouts())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("moltbook-api-v1-tree", {"moltbook_api"}), ("moltbook-api-v2-list", {"moltbook_api"}),
        ("moltbook-api-v3-enriched", {"moltbook_api"}), ("moltbook-http-cache", {"moltbook_api"}),
        ("moltbook-observatory-csv", {"moltbook_observatory"}), ("chirper-masquerade23", {"chirper_masquerade"}),
        ("sim-oasis-fixture", {"oasis"}), ("sim-govsim", set()), ("sim-repeatedgames", set()),
    ],
)  # fmt: skip
def test_real_dumps_are_told_as_before(real_dump: Callable[[str], Path], name: str, expected: set[str]) -> None:
    folder = real_dump(name)
    told = {file.format for file in scan(folder, load_config(folder, "real")).files if file.format}
    assert not told & NEW
    assert expected <= told
    assert FORMATS.keys() >= NEW


def test_a_file_is_not_taken_for_its_neighbour(corpus: Corpus) -> None:
    """What one file of a folder is says nothing of another that starts with the same keys and has another name."""
    for name in ("a", "agents", "b1", "b2"):  # agents.json of that folder is known, and not read
        corpus.write(f"derived/{name}.json", {"success": True, "posts": [post(len(name))]})
    files = corpus.read().files
    assert {path: row["format"] for path, row in files.items()} == {
        "derived/a.json": "moltbook_api", "derived/agents.json": None, "derived/b1.json": "moltbook_api",
        "derived/b2.json": "moltbook_api",
    }  # fmt: skip
    assert "raw/" in files["derived/agents.json"]["reason"]
