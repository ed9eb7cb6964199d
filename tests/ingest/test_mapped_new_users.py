"""Layouts that new users invented: rooms with nested reactions, tables with a preamble, a log of events."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from ingest_helpers import Corpus, Row, Tables

ROOMS = """
[[records]]
files = "rooms/*.json"
kind = "community"
[records.fields]
id = "room.rid"
name = "room.slug"
created_by_id = "room.founder"

[[records]]
files = "rooms/*.json"
path = "room.roster[*]"
kind = "agent"
[records.fields]
id = "uid"
name = "nick"

[[records]]
files = "rooms/*.json"
path = "room.roster[*]"
kind = "membership"
[records.fields]
agent_id = "uid"
community = "^.room.rid"

[[records]]
files = "rooms/*.json"
path = "conversation[*]"
kind = "post"
replies = "answers[*]"
[records.fields]
id = "mid"
author_id = "by"
content = "says"
created_at = { from = "ms", time = "ms" }
community = "^.room.rid"

[[records]]
files = "rooms/*.json"
path = "conversation[*].answers[**].reactions[*].from[*]"
kind = "reaction"
[records.fields]
agent_id = "@item"
message_id = "^^.mid"
type = "^.emoji"
at = { from = "$.exported", time = "ms" }
"""
DAY = 1_769_817_600_000  # 2026-01-31 in ms


def said(mid: str, by: str, reactions: list[Row], answers: list[Row]) -> Row:
    return {"mid": mid, "by": by, "ms": DAY, "says": f"words {mid}", "reactions": reactions, "answers": answers}


def room(number: int, conversation: list[Row]) -> Row:
    roster = [{"uid": "u1", "nick": "Ada", "rank": "keeper"}, {"uid": "u2", "nick": "Bo"}]
    return {"exported": DAY, "conversation": conversation,
            "room": {"rid": f"R{number}", "slug": f"room-{number}", "founder": "u1", "roster": roster}}  # fmt: skip


@pytest.fixture
def rooms(corpus: Corpus) -> Tables:
    third = said("m3", "u1", [{"emoji": "eyes", "from": ["u1", "u2"]}], [])
    second = said("m2", "u2", [{"emoji": "up", "from": ["u1"]}], [third])
    corpus.write("rooms/1.json", room(1, [said("m1", "u1", [{"emoji": "up", "from": ["u2"]}], [second])]))
    corpus.write("rooms/2.json", room(2, [said("m4", "u2", [], [])]))
    corpus.write("corpus.toml", ROOMS)
    return corpus.read()


def test_what_stands_in_replies_is_read_at_any_depth(rooms: Tables) -> None:
    found = rooms.reaction.select("message_id", "agent_id", "type", "at").sort("message_id", "agent_id").rows()
    exported = datetime(2026, 1, 31)
    assert found == [
        ("m1", "u2", "up", exported), ("m2", "u1", "up", exported), ("m3", "u1", "eyes", exported),
        ("m3", "u2", "eyes", exported),
    ]  # fmt: skip
    assert [rooms.messages[f"m{n}"]["depth"] for n in (1, 2, 3, 4)] == [0, 1, 2, 0]


def test_a_community_that_is_named_by_its_id_is_one_community(rooms: Tables) -> None:
    assert sorted(rooms.communities) == ["room-1", "room-2"]
    assert {row["community_id"] for row in rooms.messages.values()} == {"room-1", "room-2"}
    members = rooms.membership_event.select("agent_id", "community_id", "action").sort(
        "agent_id", "community_id", "action"
    )
    assert members.rows() == [
        ("u1", "room-1", "create"), ("u1", "room-1", "join"), ("u1", "room-2", "create"), ("u1", "room-2", "join"),
        ("u2", "room-1", "join"), ("u2", "room-2", "join"),
    ]  # fmt: skip


def test_a_room_keeps_no_copy_of_what_is_read_of_it(rooms: Tables) -> None:
    assert json.loads(rooms.communities["room-1"]["extra"]) == {"exported": DAY}
    # Reactions are events, which keep nothing of their own; the message keeps them.
    assert json.loads(rooms.messages["m1"]["extra"]) == {"reactions": [{"emoji": "up", "from": ["u2"]}]}


def test_an_id_that_is_the_name_of_another_community_is_a_name(corpus: Corpus) -> None:
    corpus.write("corpus.toml", ROOMS)
    corpus.write("rooms/1.json", {"room": {"rid": "b", "slug": "a"}, "conversation": [said("m1", "u1", [], [])]})
    corpus.write("rooms/2.json", {"room": {"rid": "c", "slug": "b"}, "conversation": []})
    tables = corpus.read()
    assert tables.messages["m1"]["community_id"] == "b"
    assert sorted(tables.communities) == ["a", "b"]


PREAMBLE = """
[[records]]
files = "*.csv"
container = "csv_semicolon"
header_row = 4
encoding = "windows-1252"
kind = "post"
kinds = [{ kind = "comment", has = "parent_id" }]
[records.fields]
id = "Sheet"
author_name = "Hand"
content = "Scribble"
parent_id = "Under"
created_at = { join = ["Day", "Clock"], separator = " ", time = "%d/%m/%Y %H:%M:%S" }
"""
TABLE = (
    "Agora Society 2 - export\r\nCreated 01/06/2026 by Zo\u00eb; do not pass on\r\n\r\n"
    "Sheet;Day;Clock;Hand;Scribble;Under\r\n"
    'B-1;01/03/2026;07:05:44;Zo\u00eb;"two; ""so""\nlines";\r\n'
    "B-2;02/03/2026;07:06:00;Bo;caf\u00e9;B-1\r\n"
).encode("windows-1252")


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_table_below_a_preamble_in_another_encoding(corpus: Corpus, *, is_packed: bool) -> None:
    corpus.write("corpus.toml", PREAMBLE)
    if is_packed:
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            archive.writestr("posts.csv", TABLE)
        corpus.write("dump.zip", body.getvalue())
    else:
        corpus.write("posts.csv", TABLE)
    tables = corpus.read()
    rows = tables.messages
    assert (rows["B-1"]["content"], rows["B-2"]["content"]) == ('two; "so"\nlines', "caf\u00e9")
    assert (rows["B-1"]["agent_id"], rows["B-2"]["parent_id"]) == ("name:Zo\u00eb", "B-1")
    assert (rows["B-1"]["created_at"], rows["B-1"]["at_precision"]) == (datetime(2026, 3, 1, 7, 5, 44), "s")
    assert tables.account() == (2, 2, 0, 0, 0)


def test_a_header_of_one_field_says_what_may_be_wrong(corpus: Corpus) -> None:
    corpus.write("corpus.toml", PREAMBLE.replace("header_row = 4\n", ""))
    corpus.write("posts.csv", TABLE)
    tables = corpus.read()
    assert set(tables.reasons()) == {"bad_row_width"}
    assert "say header_row" in tables.quarantine["detail"][0]


LOG = """
[[records]]
files = "world.sqlite"
table = "ledger"
parse = ["payload"]
where = { field = "kind", is = ["ThreadOpened", "ReplyGiven"] }
kind = "post"
kinds = [{ kind = "comment", field = "kind", is = "ReplyGiven" }]
[records.fields]
id = ["payload.threadId", "payload.replyId"]
author_id = "payload.actor"
content = "payload.body"
parent_id = "payload.target"
created_at = { from = "at", time = "us" }
observed_at = { from = "at", time = "us" }

[[records]]
files = "world.sqlite"
table = "ledger"
parse = ["payload"]
where = { field = "kind", is = "TextRevised" }
kind = "revision"
[records.fields]
id = "payload.what"
content = "payload.body"
observed_at = { from = "at", time = "us" }

[[records]]
files = "world.sqlite"
table = "ledger"
parse = ["payload"]
where = { field = "kind", is = "Retracted" }
kind = "revision"
[records.fields]
id = "payload.what"
observed_at = { from = "at", time = "us" }
[records.constants]
is_deleted = true
"""
EVENTS: list[tuple[str, Row]] = [
    ("ThreadOpened", {"threadId": "t1", "actor": "a", "body": "first"}),
    ("ReplyGiven", {"replyId": "r1", "actor": "b", "body": "second", "target": "t1"}),
    ("ReplyGiven", {"replyId": "r2", "actor": "a", "body": "third", "target": "r1"}),
    ("TextRevised", {"what": "r1", "body": "second, again"}),
    ("Retracted", {"what": "t1"}),
    ("TextRevised", {"what": "gone", "body": "of nothing"}),
]


def log(path: Path, events: list[tuple[str, Row]]) -> None:
    con = sqlite3.connect(path)
    con.execute("CREATE TABLE ledger (seq INTEGER PRIMARY KEY, at INTEGER, kind TEXT, payload TEXT)")
    start = DAY * 1000
    con.executemany(
        "INSERT INTO ledger VALUES (?, ?, ?, ?)",
        [(n, start + n * 1_000_000, kind, json.dumps(body)) for n, (kind, body) in enumerate(events)],
    )
    con.commit()
    con.close()


@pytest.mark.parametrize("mapping", [LOG, LOG.replace('observed_at = { from = "at", time = "us" }\n', "")])
def test_revisions_have_kind_author_and_parent_of_their_message(corpus: Corpus, mapping: str) -> None:
    corpus.write("corpus.toml", mapping)
    log(corpus.folder / "world.sqlite", EVENTS)
    tables = corpus.read()
    rows = tables.messages
    names = ("kind", "agent_id", "parent_id", "root_id", "depth", "content", "is_deleted")
    assert [tuple(rows[key][name] for name in names) for key in ("t1", "r1", "r2")] == [
        ("post", "a", None, "t1", 0, "first", True),
        ("comment", "b", "t1", "t1", 1, "second, again", None),
        ("comment", "a", "r1", "t1", 2, "third", None),
    ]
    assert rows["r1"]["created_at"] == datetime(2026, 1, 31, 0, 0, 1)
    assert tables.reasons() == ["unresolved_target"]
    assert "the message that this one revises" in tables.quarantine["detail"][0]
    assert tables.account() == (6, 3, 2, 0, 1)
