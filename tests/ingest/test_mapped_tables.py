"""Invented tables and odd records that a corpus.toml alone describes, asserted down to the rows of the tables."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

import polars as pl
from ingest_helpers import Corpus, Row

PREFIXED = """
[[records]]
files = "dump/*.tsv"
kinds = [{ kind = "comment", field = "parent" }]
kind = "post"
where = { field = "kind", is_not = "system" }
[records.fields]
id = { from = "name", strip = ["t1_", "t3_"] }
parent_id = { from = "parent", strip = ["t1_", "t3_"] }
root_id = { from = "link", strip = ["t3_"] }
author_name = { from = "author", null = ["[deleted]", "[removed]"] }
content = { from = "body", null = ["[removed]"] }
community = "sub"
step = "round"
upvotes = "ups"
[records.constants]
run_id = "run-7"
"""


def test_a_table_with_a_parent_column_prefixes_and_steps(corpus: Corpus) -> None:
    corpus.write("corpus.toml", PREFIXED)
    corpus.write("dump/m.tsv", (
        "name\tparent\tlink\tauthor\tbody\tsub\tround\tups\tkind\n"
        "t3_a\t\t\tada\tstart\tgames\t3.0\t24.0\tuser\n"
        "t1_b\tt3_a\tt3_a\t[deleted]\t[removed]\tgames\t4\t-1\tuser\n"
        "t1_c\tt1_b\tt3_a\tbo\tNone\tgames\tfive\t2\tuser\n"
        "t1_d\tt1_gone\t\tbo\tlost\tgames\t5\t2\tuser\n"
        "t1_s\t\t\tx\tx\tx\t1\t1\tsystem\n"
    ))  # fmt: skip
    tables = corpus.read()
    rows = tables.messages
    assert sorted(rows) == ["a", "b", "c", "d"]
    assert [(rows[key]["parent_id"], rows[key]["root_id"], rows[key]["depth"]) for key in "abcd"] == [
        (None, "a", 0), ("a", "a", 1), ("b", "a", 2), ("gone", None, None),
    ]  # fmt: skip
    assert [rows[key]["step"] for key in "abcd"] == [3, 4, None, 5]
    assert (rows["b"]["agent_id"], rows["b"]["content"], rows["c"]["content"]) == (None, None, "None")
    assert (rows["a"]["upvotes"], rows["b"]["upvotes"]) == (24, -1)
    assert {row["run_id"] for row in rows.values()} == {"run-7"}
    assert tables.run["run_id"].to_list() == ["run-7"]
    assert tables.reasons() == ["not_mapped"]
    assert "records 1, line 2: no entry under [[records]] takes it" in tables.quarantine["detail"][0]
    assert tables.account() == (5, 4, 0, 0, 1)


REPRS = """
[[records]]
files = "users.csv"
kind = "agent"
[records.fields]
id = "uid"
name = "screen"
description = "about"

[[records]]
files = "users.csv"
path = "follows[*]"
kind = "tie"
[records.fields]
source_id = "^.uid"
target_id = "@item"
[records.constants]
relation = "follow"
origin = "follows"

[[records]]
files = "users.csv"
path = "tweets[*]"
kind = "post"
[records.fields]
id = { hash = ["^.uid", "@position"] }
author_id = "^.uid"
content = "text"
created_at = { from = "at", time = "step" }
"""


def test_lists_in_the_notation_of_python(corpus: Corpus) -> None:
    corpus.write("corpus.toml", REPRS)
    evil = "[__import__('os').system('touch evil')]"
    frame = pl.DataFrame({
        "uid": ["1", "2", "3"], "screen": ["ada", "bo", "cy"], "about": ["['not', 'a list']", None, "x"],
        "follows": ["[2, 3]", "(1.0,)", evil],
        "tweets": [
            """[{'text': "it's \\x41", 'at': 2, 'ok': None}, {'text': 'b\\n"c"', 'at': 3, 'tags': ('x',)}]""",
            "[]",
            None,
        ],
    })  # fmt: skip
    corpus.write("users.csv", frame.write_csv())
    tables = corpus.read()
    assert tables.tie_event.sort("source_id", "target_id").select("source_id", "target_id", "origin").rows() == [
        ("1", "2", "follows"), ("1", "3", "follows"), ("2", "1", "follows"),
    ]  # fmt: skip
    posts = tables.message.sort("step")
    assert posts["content"].to_list() == ["it's A", 'b\n"c"']
    assert posts["step"].to_list() == [2, 3]
    assert posts["created_at"].null_count() == 2
    assert posts["extra"].to_list() == [None, '{"tags":["x"]}']
    assert tables.agents["1"]["persona"] == "['not', 'a list']"
    assert tables.reasons() == ["not_mapped"]
    assert "expected a list at follows, found a JSON varchar" in tables.quarantine["detail"][0]
    assert tables.account() == (9, 8, 0, 0, 1)


PARSED = """
[[records]]
files = "m.csv"
kind = "post"
parse = ["meta", "tags"]
[records.fields]
id = "id"
content = "tags[*]"
community = "meta.room"
"""


def test_columns_that_hold_json_as_text(corpus: Corpus) -> None:
    corpus.write("corpus.toml", PARSED)
    frame = pl.DataFrame({"id": ["1", "2"], "meta": ['{"room": "r", "n": 5}', "no json"], "tags": ["['a', 'b']", None]})
    corpus.write("m.csv", frame.write_csv())
    rows = corpus.read().messages
    assert (rows["1"]["content"], rows["1"]["community_id"]) == ("a b", "r")
    assert json.loads(rows["1"]["extra"]) == {"meta": {"n": 5}, "tags": ["a", "b"]}
    assert (rows["2"]["content"], rows["2"]["community_id"]) == (None, None)
    assert json.loads(rows["2"]["extra"]) == {"meta": "no json"}


NUMBERED = """
[[records]]
files = "posts.csv"
kind = "post"
fields = { id = "n", content = "text" }

[[records]]
files = "comments.csv"
kind = "comment"
[records.fields]
id = { from = "n", prefix = "c-" }
root_id = "post"
parent_id = { from = "answers", prefix = "c-", null = ["0"] }
content = "text"
"""


def test_comments_that_are_numbered_like_posts(corpus: Corpus) -> None:
    corpus.write("corpus.toml", NUMBERED)
    corpus.write("posts.csv", "n,text\n1,a\n2,b\n")
    corpus.write("comments.csv", "n,post,answers,text\n1,2,0,x\n2,2,1.0,y\n3,1,,z\n")
    tables = corpus.read()
    assert {key: (row["parent_id"], row["root_id"], row["depth"]) for key, row in tables.messages.items()} == {
        "1": (None, "1", 0), "2": (None, "2", 0), "c-1": ("2", "2", 1), "c-2": ("c-1", "2", 2), "c-3": ("1", "1", 1),
    }  # fmt: skip
    assert tables.account() == (5, 5, 0, 0, 0)


THREADS = """
[[records]]
files = "*.jsonl"
kinds = [{ kind = "comment", has = "parent_id" }]
kind = "post"
where = [{ field = "sort", is_not = ["x", "y"] }, { field = "gone", missing = true }]
[records.fields]
id = "ts"
parent_id = { from = "thread_ts", null = ["0"] }
content = "text"

[[records]]
files = "*.jsonl"
path = "hearts[*]"
kind = "reaction"
where = { field = "[1]", is = "heart" }
[records.fields]
agent_id = "[0]"
message_id = "^.ts"
type = "[1]"
"""


def test_a_first_message_that_names_itself_and_lists_in_records(corpus: Corpus) -> None:
    corpus.write("corpus.toml", THREADS)
    corpus.lines("a.jsonl", [
        {"ts": "1.5", "thread_ts": "1.5", "text": "a", "hearts": [["u1", "heart"], ["u2", "star"]]},
        {"ts": "1.6", "thread_ts": "1.5", "text": "b", "sort": "z"},
        {"ts": "1.7", "thread_ts": "0", "text": "c"},
        {"ts": "1.8", "sort": "x"},
        {"ts": "1.9", "gone": {"by": "m"}},
    ])  # fmt: skip
    tables = corpus.read()
    assert {key: (row["kind"], row["depth"]) for key, row in tables.messages.items()} == {
        "1.5": ("post", 0), "1.6": ("comment", 1), "1.7": ("post", 0),
    }  # fmt: skip
    # What an entry does not take inside of a record that is read stays with that record.
    assert tables.reaction.select("agent_id", "message_id", "type").rows() == [("u1", "1.5", "heart")]
    assert json.loads(tables.messages["1.5"]["extra"]) == {"hearts": [["u1", "heart"], ["u2", "star"]]}
    assert tables.reasons() == ["not_mapped", "not_mapped"]
    assert tables.account() == (6, 4, 0, 0, 2)


DATABASE = """
[[records]]
files = "*.db"
table = "Messages"
kind = "post"
[records.fields]
id = "msg"
content = "text"
author_id = "who"
created_at = { from = "ns", time = "ns" }
"""


def test_a_table_of_a_database(corpus: Corpus) -> None:
    corpus.write("corpus.toml", DATABASE)
    con = sqlite3.connect(corpus.folder / "a.db")
    con.execute("CREATE TABLE Messages (msg INTEGER, text TEXT, who REAL, ns INTEGER, password TEXT)")
    con.execute("CREATE TABLE other (x)")
    con.execute("CREATE TABLE no_rows (x)")
    con.execute("INSERT INTO other VALUES (1)")
    con.execute("INSERT INTO Messages VALUES (1, 'a', 7.0, 1769767200123456789, 'hunter2'), (2, NULL, NULL, NULL, 'x')")
    con.commit()
    con.close()
    tables = corpus.read()
    assert (tables.messages["1"]["agent_id"], tables.messages["1"]["extra"]) == ("7", None)
    assert tables.messages["1"]["created_at"] == datetime(2026, 1, 30, 10, 0, 0, 123_457)
    assert tables.messages["2"]["content"] is None
    assert tables.quarantine.select("reason", "detail").rows() == [
        ("table_not_read", "table other: no entry names it by table")
    ]


def test_a_table_of_parquet_and_files_that_no_entry_means(corpus: Corpus) -> None:
    corpus.write("corpus.toml", '[[records]]\nfiles = "a/*"\nkind = "post"\nfields = { id = "s.id", content = "t" }')
    frame = pl.DataFrame({"s": [{"id": 1}, {"id": 2}], "t": ["x", None], "at": [datetime(2026, 1, 1), None]})
    (corpus.folder / "a").mkdir()
    frame.write_parquet(corpus.folder / "a/m.parquet")
    corpus.write("b/m.json", {"id": 1})
    corpus.write("b/api.json", {"success": True, "posts": [{"id": "p", "title": "t", "submolt": {"name": "s"}}]})
    corpus.write("a/notes.dat", "plain words")
    corpus.write("a/README.md", "read me")
    tables = corpus.read()
    assert sorted(tables.messages) == ["1", "2"]
    assert json.loads(tables.messages["1"]["extra"])["at"].startswith("2026-01-01")
    found = {path: (row["status"], row["format"], row["reason"]) for path, row in tables.files.items()}
    assert found["a/m.parquet"][:2] == ("read", "mapped")
    assert found["b/api.json"][:2] == ("other_format", "moltbook_api")
    assert found["b/m.json"][0] == "ignored"
    assert found["a/README.md"][0] == "ignored"
    assert found["a/notes.dat"] == ("unreadable", None, "other_container")


def test_the_order_of_files_and_the_threads_change_nothing(corpus: Corpus) -> None:
    corpus.write("corpus.toml", THREADS)
    for number in range(6):
        rows: list[object] = [
            {"ts": f"{number}.{n}", "thread_ts": f"{number}.1", "text": "x" * n, "hearts": [["u", "star"]]}
            for n in range(1, 40)
        ]
        corpus.lines(f"{number}.jsonl", [*rows, {"ts": f"{number}.5", "text": "again"}, {"sort": "x"}])
    one, other = corpus.read(threads=1), corpus.read(threads=4)
    for name in ("message", "quarantine", "source_file", "reaction"):
        assert one.tables[name].equals(other.tables[name].select(one.tables[name].columns)) or (
            one.tables[name].sort(pl.all()).equals(other.tables[name].sort(pl.all()))
        ), name


CHANNELS = """
[[records]]
files = "*.json"
path = "channels[*].threads[*].messages[*]"
where = { field = "@position", is = "1" }
kind = "post"
replies = "answers[*]"
[records.fields]
id = "mid"
author_id = "by"
title = "^.subject"
community = "^^.slug"
content = "txt"
created_at = { from = "t", time = "s", origin = "2026-01-01T00:00:00" }
upvotes = "claps"

[[records]]
files = "*.json"
path = "channels[*].threads[*].messages[*]"
where = { field = "@position", is_not = "1" }
kind = "comment"
replies = "answers[*]"
[records.fields]
id = "mid"
author_id = "by"
parent_id = "^.messages[0].mid"
community = "^^.slug"
content = "txt"
created_at = { from = "t", time = "s", origin = "2026-01-01" }
upvotes = "claps"
"""


def test_replies_answer_what_holds_them_whatever_stands_above(corpus: Corpus) -> None:
    """Also where conditions and parents of the outer records look at their place, and times count from another year."""
    corpus.write("corpus.toml", CHANNELS)

    def said(mid: str, t: int, *answers: Row, claps: object = 1) -> Row:
        return {"mid": mid, "by": "a", "txt": mid, "t": t, "claps": claps, "answers": list(answers)}

    deep = said("b3", 86_400)
    messages = [said("b1", 0, said("x", 3), said("b2", 1, deep), claps="many"), said("b4", 60, said("b5", 61))]
    channel = {"slug": "den", "threads": [{"subject": "Hello", "messages": messages}]}
    corpus.write("day.json", {"channels": [channel]})
    rows = corpus.read().messages
    assert {key: (row["parent_id"], row["depth"], row["title"]) for key, row in rows.items()} == {
        "b1": (None, 0, "Hello"), "x": ("b1", 1, None), "b2": ("b1", 1, None), "b3": ("b2", 2, None),
        "b4": ("b1", 1, None), "b5": ("b4", 2, None),
    }  # fmt: skip
    assert {row["community_id"] for row in rows.values()} == {"den"}
    assert (rows["b1"]["created_at"], rows["b3"]["created_at"]) == (datetime(2026, 1, 1), datetime(2026, 1, 2))
    assert (rows["b1"]["upvotes"], json.loads(rows["b1"]["extra"])) == (None, {"raw_upvotes": "many"})
    assert (rows["b2"]["upvotes"], rows["b2"]["extra"]) == (1, None)
