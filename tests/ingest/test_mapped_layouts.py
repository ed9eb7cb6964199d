"""Invented layouts that a corpus.toml alone describes, asserted down to the rows of the tables."""

from __future__ import annotations

import json
from datetime import datetime

from ingest_helpers import Corpus

NESTED = """
[[records]]
files = "threads/*.json"
path = "data.threads[*].node"
kind = "post"
replies = "answers.edges[*].node"

[records.fields]
id = "uid"
author_id = "by.key"
author_name = "by.handle"
title = "headline"
content = ["text", "body"]
created_at = { from = "when", timezone = "Europe/Berlin" }
community = "$.data.room"
score = "points"
"""


def test_nested_replies_in_lists_of_wrapped_objects(corpus: Corpus) -> None:
    corpus.write("corpus.toml", NESTED)
    deep = {"node": {"uid": "c2", "by": {"handle": "bo"}, "body": "deep", "when": "2026-07-01 12:00:30"}}
    reply = {"uid": "c1", "by": {"key": "u2", "handle": "bo", "colour": "red"}, "text": "",
             "body": "first", "when": "2026-01-10 01:30", "answers": {"edges": [deep]}}  # fmt: skip
    post = {"uid": "p1", "by": {"key": "u1", "handle": "ada"}, "headline": "Hi", "text": "null", "lang": "de",
            "points": 4, "when": "2026-01-10T01:00:00.250+01:00", "timestamp": 7, "answers": {"edges": [
                {"node": reply},
                {"node": {"uid": "c3", "text": "flat", "when": None, "answers": {"edges": []}}}]}}  # fmt: skip
    corpus.write("threads/a.json", {"data": {"room": "lounge", "threads": [{"node": post}]}})
    corpus.write("threads/empty.json", {"data": {"room": "lounge", "threads": []}})
    tables = corpus.read()
    rows = tables.messages
    assert {key: (row["kind"], row["depth"], row["parent_id"], row["root_id"]) for key, row in rows.items()} == {
        "p1": ("post", 0, None, "p1"),
        "c1": ("comment", 1, "p1", "p1"),
        "c2": ("comment", 2, "c1", "p1"),
        "c3": ("comment", 1, "p1", "p1"),
    }
    assert (rows["p1"]["title"], rows["p1"]["content"], rows["p1"]["score"]) == ("Hi", "null", 4)
    assert {row["community_id"] for row in rows.values()} == {"lounge"}
    assert json.loads(rows["p1"]["extra"]) == {"lang": "de", "raw_timestamp": 7}
    assert json.loads(rows["c1"]["extra"]) == {"by": {"colour": "red"}}
    assert rows["c3"]["extra"] is None
    # Berlin is an hour ahead in winter and two in summer; the offset that a time names itself wins.
    assert (rows["p1"]["created_at"], rows["p1"]["at_precision"]) == (datetime(2026, 1, 10, 0, 0, 0, 250_000), "us")
    assert (rows["c1"]["created_at"], rows["c1"]["at_precision"]) == (datetime(2026, 1, 10, 0, 30), "minute")
    assert (rows["c2"]["created_at"], rows["c2"]["at_precision"]) == (datetime(2026, 7, 1, 10, 0, 30), "s")
    assert (rows["c3"]["created_at"], rows["c3"]["at_precision"]) == (None, None)
    assert (rows["p1"]["agent_id"], rows["c1"]["agent_id"], rows["c2"]["agent_id"], rows["c3"]["agent_id"]) == (
        "u1", "u2", "u2", None,
    )  # fmt: skip
    assert tables.account() == (4, 4, 0, 0, 0)
    assert tables.corpus["format"].to_list() == ["mapped"]


KEYED = """
[[records]]
files = "forum.json"
path = "posts.*"
kind = "post"
[records.fields]
id = "@key"
author_name = { from = "author", strip = ["u/", "@"] }
content = "text"
created_at = { from = "t", time = "s" }
score = { from = "votes", null = ["hidden"] }

[[records]]
files = "forum.json"
path = "posts.*.replies[*]"
kind = "comment"
[records.fields]
id = { join = ["^@key", "@position"], separator = "/" }
root_id = "^@key"
author_name = { from = "author", strip = ["u/", "@"] }
content = "text"
created_at = { from = "t", time = "s" }

[[records]]
files = "forum.json"
path = "members.*"
kind = "agent"
[records.fields]
name = "@key"
description = "bio"
created_at = { from = "since", time = "%d.%m.%Y" }
"""


def test_objects_by_id_whose_key_is_a_field(corpus: Corpus) -> None:
    corpus.write("corpus.toml", KEYED)
    corpus.write("forum.json", {
        "posts": {
            "p/1": {"author": "u/ada", "text": "one", "t": 1769767200, "votes": "hidden", "replies": [
                {"author": "@bo", "text": "yes", "t": 1769767260.5}, {"author": "cy", "text": "no", "t": 1769767261}]},
            "p2": {"author": "bo", "text": "", "t": None, "votes": "7", "replies": []},
        },
        "members": {"ada": {"bio": "writes", "since": "03.02.2025"}, "bo": {"bio": None}},
    })  # fmt: skip
    tables = corpus.read()
    rows = tables.messages
    assert sorted(rows) == ["p/1", "p/1/1", "p/1/2", "p2"]
    assert (rows["p/1"]["score"], rows["p2"]["score"], rows["p2"]["content"]) == (None, 7, "")
    assert (rows["p/1"]["created_at"], rows["p/1"]["at_precision"]) == (datetime(2026, 1, 30, 10), "s")
    assert (rows["p/1/1"]["created_at"], rows["p/1/1"]["at_precision"]) == (
        datetime(2026, 1, 30, 10, 1, 0, 500_000), "us",
    )  # fmt: skip
    assert (rows["p/1/2"]["parent_id"], rows["p/1/2"]["root_id"], rows["p/1/2"]["depth"]) == ("p/1", "p/1", 1)
    assert rows["p/1"]["agent_id"] == "name:ada"
    assert rows["p/1"]["extra"] is None  # its replies are records of their own
    assert tables.agents["name:ada"]["created_at"] == datetime(2025, 2, 3)
    assert (tables.agents["name:ada"]["at_precision"], tables.agents["name:ada"]["persona"]) == ("day", "writes")
    assert tables.agents["name:bo"]["has_profile"] is True
    assert tables.account() == (6, 6, 0, 0, 0)


EDGES = """
[[records]]
files = "edges/*.csv"
container = "csv_semicolon"
kinds = [
  { kind = "tie", field = "how", is = ["F", "B"] },
  { kind = "none", field = "how", is = "?" },
]
kind = "interaction"
[records.fields]
source_name = "wer"
target_name = "wen"
relation = { from = "how", map = { F = "follow", B = "mute" } }
at = { from = "am", time = ["%d/%m/%Y %H:%M", "%d/%m/%Y", "%m/%Y"], null = ["-"] }
"""


def test_an_edge_list_with_the_day_before_the_month(corpus: Corpus) -> None:
    corpus.write("corpus.toml", EDGES)
    corpus.write("edges/e.csv", (
        "wer;wen;how;am\nada;bo;F;02/03/2026 14:05\nada;cy;B;02/03/2026\nbo;ada;like;12/2025\n"
        "bo;cy;like;-\ncy;;F;02/03/2026\ncy;ada;?;\nada;dy;F;2026-03-02\n"
    ))  # fmt: skip
    tables = corpus.read()
    ties = tables.tie_event.sort("target_id").select(
        "source_id", "target_id", "relation", "action", "at", "at_precision"
    )
    assert ties.rows() == [
        ("name:ada", "name:bo", "follow", "add", datetime(2026, 3, 2, 14, 5), "minute"),
        ("name:ada", "name:cy", "mute", "add", datetime(2026, 3, 2), "day"),
    ]
    reactions = tables.reaction.sort("target_agent_id").select(
        "agent_id", "target_agent_id", "type", "at", "at_precision"
    )
    assert reactions.rows() == [
        ("name:bo", "name:ada", "like", datetime(2025, 12, 1), "month"),
        ("name:bo", "name:cy", "like", None, None),
    ]
    assert tables.reasons() == ["incomplete_event", "left_out", "unreadable_field"]
    details = tables.quarantine["detail"].to_list()
    assert "records 1, line 12, fields.target_name: nothing is found there, and a tie needs it" in details[0]
    assert "line 14, fields.at: the value does not fit time = %d/%m/%Y %H:%M or %d/%m/%Y or %m/%Y" in details[2]
    assert tables.account() == (7, 4, 0, 0, 3)


LINES = """
[[records]]
files = "*.jsonl"
kinds = [
  { kind = "dm", field = "channel.private", is = true },
  { kind = "comment", field = "replyTo" },
]
kind = "post"
[records.fields]
id = "mid"
author_id = "sender.id"
author_display_name = "sender.label"
author_model = "sender.llm"
content = "parts[*].text"
created_at = { from = "sentAt", time = "ms" }
parent_id = { from = ["replyTo.mid", "replyTo"], null = ["0"] }
community = "channel.name"
is_deleted = "gone"
url = "links[kind=out,ok=true].href"
"""


def test_json_lines_with_author_objects_and_milliseconds(corpus: Corpus) -> None:
    corpus.write("corpus.toml", LINES)
    sender = {"id": 12, "label": "Ada the First", "llm": "m-1", "avatar": "x.png"}
    corpus.lines("a.jsonl", [
        {"mid": 1, "sender": sender, "parts": [{"text": "one"}, {"image": 3}, {"text": "two"}], "sentAt": 1769767200123,
         "channel": {"name": "Null Room", "private": False}, "gone": False,
         "links": [{"kind": "in", "ok": True, "href": "i"}, {"kind": "out", "ok": True, "href": "https://o"}]},
        {"mid": 2.0, "sender": {"id": 13}, "parts": [], "sentAt": 1769767200999, "replyTo": {"mid": 1}, "gone": True},
        {"mid": "3", "sender": None, "parts": [{"text": "c"}], "sentAt": "1769767201000", "replyTo": "2"},
        {"mid": 4, "sender": {"id": 13}, "parts": [{"text": "d"}], "channel": {"private": True}},
        {"sender": {"id": 13}, "parts": [{"text": "no id"}]},
        {"mid": 6, "replyTo": 0, "parts": [{"text": "an answer to nothing"}]},
        {"mid": 7, "sentAt": "yesterday"},
    ])  # fmt: skip
    tables = corpus.read()
    rows = tables.messages
    assert {key: row["kind"] for key, row in rows.items()} == {"1": "post", "2": "comment", "3": "comment", "4": "dm"}
    assert rows["1"]["content"] == "one two"
    assert (rows["1"]["url"], rows["1"]["community_id"], rows["1"]["is_deleted"]) == ("https://o", "Null Room", False)
    assert (rows["1"]["created_at"], rows["1"]["at_precision"]) == (datetime(2026, 1, 30, 10, 0, 0, 123_000), "ms")
    assert [rows[key]["depth"] for key in "123"] == [0, 1, 2]
    assert (rows["3"]["parent_id"], rows["3"]["root_id"], rows["3"]["agent_id"]) == ("2", "1", None)
    assert (rows["2"]["content"], rows["2"]["is_deleted"]) == (None, True)
    assert (tables.agents["12"]["display_name"], tables.agents["12"]["model"]) == ("Ada the First", "m-1")
    assert json.loads(rows["1"]["extra"])["sender"] == {"avatar": "x.png"}
    assert json.loads(rows["1"]["extra"])["links"][0]["href"] == "i"
    assert tables.reasons() == ["missing_id", "missing_post_id", "unreadable_field"]
    assert all("records 1, line" in detail for detail in tables.quarantine["detail"])
    assert tables.account() == (7, 4, 0, 0, 3)
