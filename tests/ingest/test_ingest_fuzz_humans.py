"""Mutated records of the human platforms: nothing crashes, every line is accounted for, sound lines arrive."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
import test_ingest_bluesky as bluesky
import test_ingest_convokit as convokit
import test_ingest_mastodon as mastodon
import test_ingest_pushshift as pushshift
from fuzzing import TIMES
from ingest_helpers import Corpus

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**20, 1.5, 1e300, "", " ", "-1", "null", "[deleted]", "9" * 19, "x" * 300, "\u0000",
    "{", '"', "<p", "at://", [], {}, [None], [{}], {"a": None}, {"id": {"id": 1}}, [["x"]], {"did": 3}, {"uri": []},
)  # fmt: skip


def view() -> dict[str, Any]:
    author = {"did": bluesky.CY, "handle": "cy.example"}
    record = bluesky.record("deeper", reply=bluesky.REPLY)
    made = {"uri": bluesky.uri(bluesky.CY, "r3"), "author": author, "record": record, "likeCount": 3}
    return {"post": {**made, "indexedAt": "2024-01-02T03:04:06Z"}}


LIKE = {"typ": "like", "usr": bluesky.usr(bluesky.BO), "rid": "l1", "crt": 1728518470.0,
        "pst": {"usr": bluesky.usr(bluesky.ADA, ["ada.example"]), "rid": "r1"}}  # fmt: skip
FOLLOW = {
    "typ": "follow",
    "usr": bluesky.usr(bluesky.BO, "bo"),
    "rid": "f",
    "tgt": bluesky.usr(bluesky.ADA),
    "chg": "x",
}
COMMIT = {"did": bluesky.BO, "time_us": 1704164646000000, "kind": "commit", "commit": {
    "operation": "create", "collection": "app.bsky.feed.post", "rkey": "3jzfcijpj2z2a", "cid": "c",
    "record": bluesky.record("x", embed={"record": bluesky.ref(bluesky.ADA, "r1")})}}  # fmt: skip
RECORDS: dict[str, list[Callable[[], Any]]] = {
    "pushshift": [pushshift.comment_2012, pushshift.comment_2024, pushshift.submission],
    "convokit": [lambda: convokit.utterance("c1", "a1", "a1"),
                 lambda: convokit.old(convokit.utterance("c", "a", None))],
    "bluesky": [view, lambda: LIKE, lambda: FOLLOW, lambda: COMMIT,
                lambda: {"uri": bluesky.uri(bluesky.ADA, "r1"), "cid": "c", **bluesky.record("first")}],
    "mastodon": [lambda: mastodon.status(2, mastodon.BO, "<p>a</p>", card={"url": "u"}, tags=[{"name": "x"}]),
                 lambda: mastodon.activity(1, "Create", mastodon.note(1, "<p>x</p>")),
                 lambda: mastodon.status(4, mastodon.BO, "", reblog=mastodon.status(1, mastodon.ADA, "<p>x</p>"))],
}  # fmt: skip


def mutated(rng: random.Random, record: Any) -> Any:
    """Return a copy in which one value, at some depth, is another or gone."""
    made = copy.deepcopy(record)
    target = made
    while True:
        inner = [
            v for v in (target.values() if isinstance(target, dict) else target) if isinstance(v, dict | list) and v
        ]
        if not inner or rng.random() < 0.4:
            break
        target = rng.choice(inner)
    key = rng.choice(list(target) if isinstance(target, dict) else range(len(target)))
    if rng.random() < 0.2:
        del target[key]
    else:
        target[key] = rng.choice(ODD)
    return made


@pytest.mark.parametrize("turn", range(TIMES))
@pytest.mark.parametrize("name", list(RECORDS))
def test_mutated_records(corpus: Corpus, name: str, turn: int) -> None:
    rng = random.Random(11 + turn)
    kinds = RECORDS[name]
    sound = [make() for make in kinds]
    lines = [json.dumps(row) for row in sound]
    lines += [json.dumps(mutated(rng, rng.choice(kinds)())) for _ in range(400)]
    lines += ["7", "[]", '"x"', "{}", "[[[[[{}]]]]]", '{"a": ', "null"]
    corpus.write("dump.jsonl", "".join(line + "\n" for line in lines))
    tables = corpus.read()
    assert tables.files["dump.jsonl"]["format"] == name
    # A line is a row at least; what it shares may be one more, and an empty list is none.
    read = tables.account()[0]
    assert len(lines) - 1 <= read <= 2 * len(lines)
    assert tables.message.height > 0
    turned = lines[: len(sound)] + lines[: len(sound) - 1 : -1]
    corpus.write("dump.jsonl", "".join(line + "\n" for line in turned))
    assert corpus.read().account()[0] == read
