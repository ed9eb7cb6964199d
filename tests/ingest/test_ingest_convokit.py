"""ConvoKit corpora: old and new keys, dicts by name and by root, sentinels, and replies whose parent is missing."""

from __future__ import annotations

import json
from datetime import datetime

from ingest_helpers import Corpus, Row


def utterance(ident: str, root: str, answers: str | None, **changes: object) -> Row:
    """Return an utterance of a Reddit corpus, with the keys of version 3."""
    meta = {"score": 4, "top_level_comment": None, "retrieved_on": -1, "gilded": -1, "subreddit": "Cornell",
            "stickied": False, "permalink": f"/r/Cornell/comments/{root}/x/{ident}/"}  # fmt: skip
    made: Row = {
        "id": ident, "conversation_id": root, "text": f"Text {ident}", "speaker": f"s_{ident}", "meta": meta,
        "reply_to": answers, "timestamp": 1334602486, "vectors": [],
    }  # fmt: skip
    made.update(changes)
    return made


def old(row: Row) -> Row:
    """Return an utterance with the keys of old corpora."""
    names = {"speaker": "user", "conversation_id": "root", "reply_to": "reply-to"}
    return {names.get(key, key): value for key, value in row.items() if key != "vectors"}


def test_new_layout(corpus: Corpus) -> None:
    thread: list[object] = [
        utterance(
            "a1", "a1", None, meta={"score": -1, "subreddit": "Cornell", "retrieved_on": 1334700000, "gilded": 2}
        ),
        utterance("c1", "a1", "a1"),
        utterance("c2", "a1", "c1", speaker="[deleted]", text="[removed]"),
        utterance("c3", "a1", "gone"),
        utterance("c4", "a1", None, timestamp="1334602600.5"),
        utterance("c5", "b1", "b1", timestamp=3, meta={}),
        utterance("c5", "b1", "b1", timestamp=3, meta={}),
        {"id": "x", "meta": {}, "vectors": []},
    ]
    corpus.lines("subreddit-Cornell/utterances.jsonl", thread)
    corpus.write("subreddit-Cornell/speakers.json", {
        "s_c1": {"meta": {"num_posts": 3}, "vectors": []}, "[deleted]": {"meta": {}, "vectors": []}, "odd": 3,
    })  # fmt: skip
    corpus.write("subreddit-Cornell/conversations.json", {
        "a1": {"meta": {"title": "Dorms", "num_comments": 9, "subreddit": "Cornell", "domain": "self"}, "vectors": []},
        "b1": {"meta": {"title": "Food", "num_comments": 1, "stickied": True}, "vectors": []},
    })  # fmt: skip
    corpus.write("subreddit-Cornell/corpus.json", {"subreddit": "Cornell", "num_posts": 74467})
    corpus.write("subreddit-Cornell/index.json", {"utterances-index": {"score": ["<class 'int'>"]}, "version": 1})
    tables = corpus.read()
    formats = {path.split("/")[1]: row["format"] for path, row in tables.files.items()}
    assert formats == {"utterances.jsonl": "convokit", "speakers.json": "convokit", "conversations.json": "convokit",
                       "corpus.json": None, "index.json": None}  # fmt: skip
    # Eight utterances, three speakers, two conversations, one of them a second record of an utterance.
    assert tables.account() == (13, 8, 1, 1, 3)
    assert sorted(tables.reasons()) == ["missing_id", "not_an_object", "unknown_shape"]

    found = {key: (m["kind"], m["parent_id"], m["root_id"], m["depth"]) for key, m in tables.messages.items()}
    assert found == {
        "a1": ("post", None, "a1", 0), "b1": ("post", None, "b1", 0), "c1": ("comment", "a1", "a1", 1),
        "c2": ("comment", "c1", "a1", 2), "c3": ("comment", "gone", "a1", None), "c4": ("comment", "a1", "a1", 1),
        "c5": ("comment", "b1", "b1", 1),
    }  # fmt: skip
    assert "dangling_parents" in tables.corpus["warnings"][0]
    first, ghost = tables.messages["a1"], tables.messages["b1"]
    assert (first["title"], first["claimed_comment_count"], first["score"]) == ("Dorms", 9, -1)
    assert (first["content"], first["agent_id"], first["community_id"]) == ("Text a1", "s_a1", "Cornell")
    assert (first["created_at"], first["at_precision"]) == (datetime(2012, 4, 16, 18, 54, 46), "s")
    assert first["observed_at"] == datetime(2012, 4, 17, 22)
    assert json.loads(first["extra"]) == {"meta": {"gilded": 2}}
    assert (ghost["title"], ghost["content"], ghost["agent_id"]) == ("Food", None, None)
    assert json.loads(ghost["extra"]) == {"conversation": {"stickied": True}}

    reply, removed, late = (tables.messages[key] for key in ("c1", "c2", "c4"))
    assert (reply["score"], reply["is_deleted"]) == (4, None)
    assert json.loads(reply["extra"]) == {"meta": {"stickied": False, "permalink": "/r/Cornell/comments/a1/x/c1/"}}
    assert (removed["agent_id"], removed["content"], removed["is_deleted"]) == (None, None, True)
    assert (late["created_at"], late["at_precision"]) == (datetime(2012, 4, 16, 18, 56, 40, 500_000), "us")
    assert (tables.messages["c5"]["created_at"], tables.messages["c5"]["extra"]) == (None, '{"created_raw":"3"}')
    assert tables.agents["s_c1"]["has_profile"]
    assert json.loads(tables.agents["s_c1"]["extra"]) == {"meta": {"num_posts": 3}}
    assert not tables.agents["s_a1"]["has_profile"]


def test_old_layout(corpus: Corpus) -> None:
    """A dialogue in the keys of version 1: lists, users.json without `meta`, no times."""
    turns = [utterance("L1", "L1", None), utterance("L2", "L1", "L1", speaker="s_L1"), utterance("L3", "L1", "L2")]
    corpus.write("utterances.json", [old({**turn, "timestamp": None, "meta": {"movie_id": "m0"}}) for turn in turns])
    corpus.write("users.json", {"s_L1": {"gender": "f"}, "s_L3": {"gender": "m"}})
    corpus.write("conversations.json", {"L1": {"movie": "A film"}})
    tables = corpus.read()
    assert {row["format"] for row in tables.files.values()} == {"convokit"}
    assert tables.account() == (6, 5, 1, 0, 0)
    found = {key: (m["kind"], m["parent_id"], m["depth"], m["agent_id"]) for key, m in tables.messages.items()}
    assert found == {
        "L1": ("post", None, 0, "s_L1"), "L2": ("comment", "L1", 1, "s_L1"), "L3": ("comment", "L2", 2, "s_L3"),
    }  # fmt: skip
    assert json.loads(tables.agents["s_L3"]["extra"]) == {"meta": {"gender": "m"}}
    assert tables.messages["L1"]["created_at"] is None
    assert json.loads(tables.messages["L1"]["extra"]) == {"meta": {"movie_id": "m0"}}  # not that of the conversation
    assert json.loads(tables.messages["L2"]["extra"]) == {"meta": {"movie_id": "m0"}}


def test_only_dicts_with_the_names_are_taken(corpus: Corpus) -> None:
    corpus.write("people.json", {"ada": {"meta": {}}})
    corpus.write("users.json", {"users": [1, 2]})
    corpus.lines("utterances.jsonl", [utterance("a1", "a1", None)])
    tables = corpus.read()
    assert [tables.files[name]["format"] for name in ("people.json", "users.json")] == [None, None]
