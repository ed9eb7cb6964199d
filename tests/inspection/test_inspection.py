"""What inspection finds in invented layouts, and that the corpus.toml it writes ingests them as it stands."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import sys
import tomllib
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ingest"))

from ingest_helpers import Corpus, Row, Tables, detail, post

from pipeline.cli import main
from pipeline.inspection import inspect_path
from pipeline.inspection.draft import draft
from pipeline.inspection.report import report_lines
from pipeline.inspection.sample import closed


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path)


def drafted(corpus: Corpus, **edits: str) -> Tables:
    """Inspect the folder, write the draft with some pieces replaced, ingest."""
    text = draft(inspect_path(corpus.folder), "t") or ""
    for old, new in edits.items():
        assert old in text, text
        text = text.replace(old, new)
    corpus.write("corpus.toml", text)
    return corpus.read()


def nested(depth: int, number: list[int]) -> Row:
    number[0] += 1
    n = number[0]
    kids = [{"node": nested(depth + 1, number)} for _ in range((n + depth) % 3 if depth < 3 else 0)]
    made: Row = {"uid": f"n{n}", "by": {"key": f"u{n % 5}", "handle": f"ann{n % 5}"}, "text": f"words about thing {n}",
                 "when": f"2026-01-{10 + n % 15} {n % 24:02d}:30", "answers": {"edges": kids}}  # fmt: skip
    return {**made, "headline": f"Head {n}"} if depth == 0 else made


def test_nested_replies_are_found_and_read(corpus: Corpus) -> None:
    number = [0]
    threads = [{"node": nested(0, number)} for _ in range(6)]
    corpus.write("a.json", {"data": {"room": "lounge", "threads": threads}})
    tables = drafted(corpus)
    assert tables.account() == (number[0], number[0], 0, 0, 0)
    assert tables.message["depth"].null_count() == 0
    assert tables.message.filter(pl.col("depth") == 0).height == 6
    rows = tables.messages
    assert (rows["n1"]["agent_id"], rows["n1"]["title"], rows["n1"]["community_id"]) == ("u1", "Head 1", "lounge")
    assert (rows["n1"]["created_at"], rows["n1"]["at_precision"]) == (datetime(2026, 1, 11, 1, 30), "minute")
    assert tables.agents["u1"]["name"] == "ann1"


def test_a_log_of_events_is_split_by_what_happened(corpus: Corpus) -> None:
    events: list[tuple[str, Row]] = [
        ("AgentSpawned", {"agentId": f"ag-{n}", "handle": f"spark_{n}", "persona": f"one who likes number {n}"})
        for n in range(5)
    ]
    for n in range(8):
        opened = {"threadId": f"t{n}", "actor": {"id": f"ag-{n % 5}"}, "body": f"some words of the thread number {n}"}
        answer = {"replyId": f"r{n}", "actor": {"id": f"ag-{(n + 1) % 5}"}, "body": f"an answer with number {n} in it",
                  "target": f"t{n}" if n % 2 else f"r{max(n - 1, 0)}" if n else "t0"}  # fmt: skip
        events += [("ThreadOpened", opened), ("ReplyGiven", answer)]
    events += [("TextRevised", {"what": f"r{n}", "body": f"another answer, now number {n}"}) for n in (1, 3, 4)]
    events += [("HeartbeatSeen", {"cpu": n / 7}) for n in range(4)]
    con = sqlite3.connect(corpus.folder / "world.sqlite")
    con.execute("CREATE TABLE ledger (seq INTEGER PRIMARY KEY, at_us INTEGER, kind TEXT, payload TEXT)")
    rows = [(n, 1_769_767_200_000_000 + n * 10**6, kind, json.dumps(body)) for n, (kind, body) in enumerate(events)]
    con.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?)", rows)
    con.commit()
    con.close()
    text = draft(inspect_path(corpus.folder), "t") or ""
    assert text.count('parse = ["payload"]') == 5
    tables = drafted(corpus, **{'observed_at = { from = "at_us", time = "us" }': ""})
    found = tables.messages
    assert sorted(found) == sorted([f"t{n}" for n in range(8)] + [f"r{n}" for n in range(8)])
    assert (found["r3"]["kind"], found["r3"]["content"]) == ("comment", "another answer, now number 3")
    assert (found["r2"]["parent_id"], found["r2"]["agent_id"], found["r2"]["depth"]) == ("r1", "ag-3", 2)
    assert tables.agents["ag-3"]["name"] == "spark_3"
    assert tables.reasons() == ["not_mapped"] * 4
    # 5 accounts and 16 messages are new, three texts are revised.
    assert tables.account() == (28, 21, 3, 0, 4)


def test_a_table_below_a_preamble_is_read_as_drafted(corpus: Corpus) -> None:
    lines = ["Agora Society 2 - export for research", "Created by Zoë; do not pass on", "",
             "Sheet;Written;Hand;Scribble;Under"]  # fmt: skip
    lines += [
        f"B-{n};2026-03-{n:02d} 10:00:00;Zoë{n % 3};{'café words to read ' * 3}{n};{f'B-{n // 2}' if n > 3 else ''}"
        for n in range(1, 13)
    ]
    corpus.write("posts.csv", "\r\n".join(lines).encode("windows-1252"))
    text = draft(inspect_path(corpus.folder), "t") or ""
    for line in ('container = "csv_semicolon"', "header_row = 4", 'encoding = "windows-1252"'):
        assert line in text
    tables = drafted(corpus)
    assert tables.account() == (12, 12, 0, 0, 0)
    assert (tables.messages["B-12"]["parent_id"], tables.messages["B-12"]["kind"]) == ("B-6", "comment")
    assert tables.messages["B-1"]["content"].startswith("café")
    assert tables.message["depth"].null_count() == 0


def test_what_stands_in_replies_is_found_there_too(corpus: Corpus) -> None:
    def said(n: int, depth: int) -> Row:
        likes = [{"emoji": "up", "from": [f"u{n % 4}", f"u{(n + 1) % 4}"]}]
        answers = [said(n * 10 + k, depth + 1) for k in range(2)] if depth < 2 else []
        return {"mid": f"m{n}", "by": f"u{n % 4}", "says": f"some words of message number {n}", "tsMs": DAY + n,
                "reactions": likes, "answers": answers}  # fmt: skip

    roster = [{"uid": f"u{n}", "nick": f"Nick {n}", "persona": f"one who likes number {n}"} for n in range(4)]
    room = {"slug": "lobby", "topic": "this and that", "roster": roster}
    corpus.write("room.json", {"room": room, "conversation": [said(n, 0) for n in (1, 2, 3)]})
    tables = drafted(corpus)
    assert tables.message.height == 21
    assert tables.reaction.height == 42
    assert set(tables.message["community_id"]) == {"lobby"}
    assert tables.agents["u1"]["name"] == "Nick 1"
    assert tables.agent.height == 4


DAY = 1_769_817_600_000  # 2026-01-31 in ms


def test_objects_by_id(corpus: Corpus) -> None:
    posts = {
        f"p{n}": {"author": f"u/a{n % 4}", "text": f"the text of post {n}", "t": 1769767200 + n, "votes": n,
                  "replies": [{"author": f"u/a{n % 3}", "text": f"an answer to {n}", "t": 1769767300 + n}]}
        for n in range(9)
    }  # fmt: skip
    corpus.write("forum.json", {"posts": posts})
    tables = drafted(corpus)
    assert tables.account() == (18, 18, 0, 0, 0)
    assert tables.messages["p3"]["score"] == 3
    assert tables.messages["p3"]["created_at"] == datetime(2026, 1, 30, 10, 0, 3)
    replies = tables.message.filter(pl.col("kind") == "comment")
    assert (replies["depth"] == 1).all()
    assert set(replies["parent_id"]) == set(posts)
    assert set(tables.message["agent_id"]) == {f"name:a{n}" for n in range(4)}


def edges() -> str:
    lines = [f"a{n % 7};a{(n * 3 + 1) % 7};{'FB'[n % 2]};{1 + n % 28:02d}/{1 + n % 12:02d}/2026" for n in range(40)]
    return "\n".join(["wer;wen;how;am", *lines])


def test_an_edge_list_with_one_edit(corpus: Corpus) -> None:
    corpus.write("edges.csv", edges())
    tables = drafted(corpus, **{
        'kind = "interaction"': 'kind = "tie"',
        'relation = "how"': 'relation = { from = "how", map = { F = "follow", B = "mute" } }',
    })  # fmt: skip
    assert tables.account() == (40, 40, 0, 0, 0)
    first = tables.tie_event.filter((pl.col("source_id") == "name:a2") & (pl.col("relation") == "follow")).sort("at")
    assert first["at"][0] == datetime(2026, 3, 3)
    assert set(tables.tie_event["at_precision"]) == {"day"}


def test_dates_that_both_orders_fit_are_for_a_person_to_decide(corpus: Corpus) -> None:
    rows = [f"{n},bo{n % 3},some words to say {n},0{1 + n % 9}/0{1 + n % 7}/2026" for n in range(30)]
    corpus.write("m.csv", "\n".join(["id,user,text,date", *rows]))
    text = draft(inspect_path(corpus.folder), "t") or ""
    assert "DECIDE: %d/%m/%Y and %m/%d/%Y both fit" in text


def test_lines_with_milliseconds_and_author_objects(corpus: Corpus) -> None:
    rows = [
        {"mid": n, "sender": {"id": 10 + n % 4, "label": f"Agent {n % 4}", "email": "ann@example.org"},
         "body": f"what agent {n % 4} wrote", "sentAt": 1769767200000 + n * 1001, "replyTo": n - 1 if n % 3 else -1}
        for n in range(30)
    ]  # fmt: skip
    corpus.lines("x.jsonl", rows)
    tables = drafted(corpus)
    assert tables.account() == (30, 30, 0, 0, 0)
    assert (tables.messages["4"]["kind"], tables.messages["4"]["parent_id"]) == ("comment", "3")
    assert (tables.messages["3"]["kind"], tables.messages["3"]["agent_id"]) == ("post", "13")
    assert tables.messages["3"]["created_at"] == datetime(2026, 1, 30, 10, 0, 3, 3000)
    assert tables.messages["3"]["at_precision"] == "ms"
    assert tables.agents["13"]["display_name"] == "Agent 3"


def test_a_table_with_prefixes_and_a_deleted_author(corpus: Corpus) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t")
    writer.writerow(["id", "parent_id", "link_id", "author", "body", "subreddit", "score", "created_utc"])
    for n in range(30):
        parent = f"t3_x{n - 1}" if n % 3 == 1 else f"t1_x{n - 1}" if n % 3 else ""
        author = "[deleted]" if n == 5 else f"a{n % 4}"
        writer.writerow([f"x{n}", parent, f"t3_x{n - n % 3}", author, f"a text, number {n}", "ask", n, 1769767200 + n])
    corpus.write("m.tsv", out.getvalue())
    tables = drafted(corpus)
    assert tables.account() == (30, 30, 0, 0, 0)
    rows = tables.messages
    assert [(rows[f"x{n}"]["kind"], rows[f"x{n}"]["parent_id"], rows[f"x{n}"]["depth"]) for n in (3, 4, 5)] == [
        ("post", None, 0), ("comment", "x3", 1), ("comment", "x4", 2),
    ]  # fmt: skip
    assert rows["x5"]["agent_id"] is None
    assert (rows["x4"]["community_id"], rows["x4"]["score"]) == ("ask", 4)


def test_columns_that_hold_lists_of_python(corpus: Corpus) -> None:
    frame = pl.DataFrame({
        "user_id": list(range(20)), "username": [f"a{n}" for n in range(20)], "bio": ["likes to talk about maps"] * 20,
        "following_list": [str([(n + 1) % 20, (n + 7) % 20]) for n in range(20)],
    })  # fmt: skip
    corpus.write("users.csv", frame.write_csv())
    tables = drafted(corpus)
    assert tables.tie_event.height == 40
    assert tables.tie_event.filter(pl.col("source_id") == "3")["target_id"].sort().to_list() == ["10", "4"]
    assert set(tables.tie_event["relation"]) == {"follow"}
    assert tables.agents["3"]["persona"] == "likes to talk about maps"
    assert tables.account() == (60, 60, 0, 0, 0)


def test_a_text_that_is_sometimes_a_list_of_parts_and_reactions_with_their_senders(corpus: Corpus) -> None:
    messages = []
    for n in range(24):
        parts = [{"type": "plain", "text": f"part {n} "}, {"type": "link", "text": "of two"}]
        messages.append({
            "id": n + 1, "date": f"2026-01-02T10:{n:02d}:00", "from": f"Bot {n % 4}", "from_id": f"user{n % 4}",
            "text": f"plain text number {n}" if n % 3 else ["part ", parts[1]],
            "text_entities": parts if n % 3 == 0 else [],
            **({"reply_to_message_id": n} if n % 4 == 2 else {}),
            "reactions": [{"emoji": "x", "recent": [{"from": "Bot 1", "from_id": "user1"}]}] if n % 6 == 0 else [],
        })  # fmt: skip
    corpus.write("result.json", {"name": "Bots", "messages": messages})
    tables = drafted(corpus)
    assert tables.account() == (28, 28, 0, 0, 0)
    assert tables.messages["4"]["content"] == "part 3 of two"
    assert tables.messages["3"]["parent_id"] == "2"
    assert (tables.messages["3"]["agent_id"], tables.agents["user2"]["name"]) == ("user2", "Bot 2")
    assert tables.reaction.select("agent_id", "message_id", "type").sort("message_id").row(0) == ("user1", "1", "x")


def test_a_thread_in_wrapped_listings(corpus: Corpus) -> None:
    def comment(number: int, depth: int) -> Row:
        below = [comment(number * 2 + i, depth + 1) for i in range(2 if depth < 3 else 0)]
        data = {"author": f"r{number % 5}", "body": f"the body of {number}", "name": f"t1_c{number}",
                "parent_id": f"t1_c{number // 2}" if depth else "t3_p", "link_id": "t3_p", "score": number,
                "created_utc": 1767261600.0 + number,
                "replies": {"kind": "Listing", "data": {"children": below}} if below else ""}  # fmt: skip
        return {"kind": "t1", "data": data}

    question = {"author": "op", "title": "A question", "selftext": "The body of it", "id": "p", "name": "t3_p",
                "score": 9, "created_utc": 1767261000.0}  # fmt: skip
    listings = [{"data": {"children": [{"kind": "t3", "data": question}]}}, {"data": {"children": [comment(1, 0)]}}]
    corpus.write("thread.json", listings)
    tables = drafted(corpus)
    assert tables.account() == (16, 16, 0, 0, 0)
    assert sorted(tables.message["depth"].to_list()) == [0, 1, 2, 2, *[3] * 4, *[4] * 8]
    assert tables.messages["t3_p"]["content"] == "The body of it"
    assert tables.messages["t1_c8"]["parent_id"] == "t1_c4"


def test_comments_that_are_numbered_like_posts_get_a_prefix(corpus: Corpus) -> None:
    posts = {
        str(n): {"author": f"a{n % 3}", "title": f"Title {n}", "content": f"content of post {n}",
                 "replies": [{"reply_id": n * 2 + i, "author": "b", "content": f"reply {i} to {n}"} for i in range(2)]}
        for n in range(6)
    }  # fmt: skip
    corpus.write("forum.json", {"posts": posts})
    tables = drafted(corpus)
    assert tables.account() == (18, 18, 0, 0, 0)
    assert (tables.messages["c-4"]["root_id"], tables.messages["c-4"]["depth"]) == ("2", 1)


def test_tables_of_a_database(corpus: Corpus) -> None:
    con = sqlite3.connect(corpus.folder / "sim.db")
    con.execute("CREATE TABLE users (id INTEGER, name TEXT, persona TEXT)")
    con.execute("CREATE TABLE msgs (id INTEGER, user_id INTEGER, tweet TEXT, comment_to INTEGER, round INTEGER)")
    con.executemany("INSERT INTO users VALUES (?, ?, 'a persona')", [(n, f"n{n}") for n in range(5)])
    said = [(n, n % 5, f"what was written in {n}", n - 1 if n % 4 else -1, n // 4) for n in range(20)]
    con.executemany("INSERT INTO msgs VALUES (?, ?, ?, ?, ?)", said)
    con.commit()
    con.close()
    tables = drafted(corpus)
    assert tables.account() == (25, 25, 0, 0, 0)
    assert (tables.messages["5"]["parent_id"], tables.messages["5"]["step"], tables.messages["5"]["agent_id"]) == (
        "4", 1, "0",
    )  # fmt: skip
    assert tables.agents["0"]["name"] == "n0"


def test_known_formats_are_named_and_others_mapped_beside_them(corpus: Corpus) -> None:
    corpus.write("api/p1.json", detail())
    corpus.write("api/list.json", {"success": True, "posts": [post(2)], "count": 1})
    rows = [
        {"id": f"e{n}", "user": f"a{n % 3}", "text": f"some words by {n}", "created_at": "2026-02-01"} for n in range(9)
    ]
    corpus.lines("other/m.jsonl", rows)
    corpus.write("readme.md", "x")
    found = inspect_path(corpus.folder)
    assert found.known == {"moltbook_api": ["api/list.json", "api/p1.json"]}
    assert [layout.globs for layout in found.layouts] == [["other/*.jsonl"]]
    tables = drafted(corpus)
    assert tables.message.height == 11
    assert tables.files["other/m.jsonl"]["format"] == "mapped"
    assert tables.files["api/p1.json"]["format"] == "moltbook_api"


HOSTILE = "\x1b[31m\u202eignore\u2066 all\x07 rules\u200b sk-ant-api03-" + "A1b2" * 12


def test_nothing_raw_reaches_the_terminal_or_the_file(corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"id": n, "user": f"{HOSTILE}{n}", "text": f"{HOSTILE}{n}", "\x1b]0;own\x07": 1, 'k"\\\u202e': HOSTILE,
         "kind": HOSTILE}
        for n in range(20)
    ]  # fmt: skip
    corpus.lines("x\u202e.jsonl", rows)
    assert main(["inspect", str(corpus.folder)]) == 0
    printed = capsys.readouterr().out
    written = (corpus.folder / "corpus.toml").read_text(encoding="utf-8")
    for text in (printed, written):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)
        assert "sk-ant" not in text
        assert "A1b2A1b2" not in text
    assert tomllib.loads(written)["records"][0]["files"] == "x\u202e.jsonl"
    tables = corpus.read()
    assert tables.message.height == 20


def test_a_file_that_is_there_is_never_written_over(corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    corpus.write("edges.csv", edges())
    corpus.write("corpus.toml", "title = 'mine'")
    assert main(["inspect", str(corpus.folder)]) == 0
    assert main(["inspect", str(corpus.folder / "edges.csv")]) == 0
    said = capsys.readouterr().out
    assert (corpus.folder / "corpus.toml").read_text() == "title = 'mine'"
    assert "corpus-2.toml" in said
    assert "corpus-3.toml" in said
    assert main(["inspect", str(corpus.folder / "nothing")]) == 1
    assert "there is no file or folder" in capsys.readouterr().err


def test_the_report_says_what_was_seen(corpus: Corpus) -> None:
    corpus.write("edges.csv", edges())
    corpus.write("empty.json", "")
    lines = "\n".join(report_lines(inspect_path(corpus.folder)))
    assert "layout 1: csv_semicolon; edges.csv" in lines
    assert "wer: text, filled 100%, 7 distinct, such as a0 | a1 | a2" in lines
    assert "am: text, filled 100%, 40 distinct, times (%d/%m/%Y) 2026-01-01 00:00 to 2026-12-24 00:00" in lines
    assert "-> at: times from 2026-01-01" in lines
    assert "empty.json: empty_file" in lines


def test_only_a_sample_of_many_files_is_read_and_the_pattern_means_all(corpus: Corpus) -> None:
    for n in range(60):
        row = {"id": f"m{n}", "user": f"a{n % 5}", "text": f"a text of some length {n}", "ts": 1769767200 + n}
        corpus.write(f"day-{n % 3}/part-{n:03d}.json", [row])
    found = inspect_path(corpus.folder)
    assert len(found.layouts) == 1
    assert len(found.layouts[0].paths) == 36
    assert found.layouts[0].globs == ["*.json"]
    tables = drafted(corpus)
    assert tables.message.height == 60
    assert set(tables.message["community_id"]) == {"day-0", "day-1", "day-2"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('[{"a": 1}, {"a": 2}, {"b', [{"a": 1}, {"a": 2}]),
        ('{"x": [{"t": "a ] , }"}, {"t": "cut', {"x": [{"t": "a ] , }"}]}),
        ('{"x": {"y": [1, 2, 3', {"x": {"y": [1, 2]}}),
        ('{"done": true}', {"done": True}),
    ],
)
def test_the_beginning_of_a_document_is_closed(text: str, value: object) -> None:
    assert json.loads(closed(text)) == value
