"""What mutated files taught: one damaged place costs the record that it is in, not the file. A test per defect."""

from __future__ import annotations

import gzip
import io
import json
import random
import sqlite3
import time
from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from container_helpers import zip_of
from fuzz_containers import Keyed, Table, plant
from fuzz_tables import Avro, Parquet, Sqlite, avro_long
from ingest_helpers import Corpus, comment, detail, flat, post

from pipeline.ingest.salvage import salvage

SECONDS_PER_MEGABYTE = 2.0


def ids(corpus: Corpus) -> tuple[set[str], int]:
    """Return the messages that were read, and the number of quarantine rows."""
    tables = corpus.read()
    return set(tables.messages), tables.quarantine.height


def posts(*numbers: int) -> set[str]:
    return {post(number)["id"] for number in numbers}


@pytest.mark.parametrize("old, new", [
    ('"Title 2"', '"Title 2'), ('"Title 2"', '"Title 2""'), ('"Title 2"', "Title"), ('"Title 2"', '"Title 2"}]'),
    ('"title": "Title 2"', '"title"'), ('"title": "Title 2"', '"title": {"a": [{'),
])  # fmt: skip
def test_damage_of_one_record_costs_that_record(corpus: Corpus, old: str, new: str) -> None:
    rows = [post(number) for number in range(1, 5)]
    corpus.write("list.json", json.dumps(rows).replace(old, new))
    found, rejected = ids(corpus)
    assert found >= posts(1, 3, 4)
    assert rejected == 1


def test_a_wrapped_list_that_was_cut(corpus: Corpus) -> None:
    text = json.dumps({"success": True, "posts": [post(number) for number in range(1, 5)]})
    corpus.write("cut.json", text[: text.index("Title 3")])
    tables = corpus.read()
    assert set(tables.messages) == posts(1, 2)
    assert tables.account() == (3, 2, 0, 0, 1)
    assert tables.reasons() == ["truncated_json"]
    assert tables.quarantine["byte_offset"][0] == text.index(json.dumps(post(3))[:60])
    assert "the 2 records that are sound were read" in tables.quarantine["detail"][0]


def test_a_body_that_was_cut_keeps_the_post_and_the_comments_before(corpus: Corpus) -> None:
    text = json.dumps({"success": True, "post": post(1), "comments": [comment(1), comment(2), comment(3)]})
    corpus.write("cut.json", text[: text.index("Comment 3")])
    tables = corpus.read()
    assert set(tables.messages) == {post(1)["id"], comment(1)["id"], comment(2)["id"]}
    assert {row["root_id"] for row in tables.messages.values()} == {post(1)["id"]}


def test_comments_keep_their_post_where_the_post_is_damaged(corpus: Corpus) -> None:
    corpus.write("sound.json", detail(2, [comment(9)]))
    text = json.dumps({"success": True, "post": post(1), "comments": [comment(1), comment(2)]})
    corpus.write("damaged.json", text.replace('"Text 1"', "Text"))
    rows = corpus.read().messages
    assert set(rows) == {post(2)["id"], comment(9)["id"], comment(1)["id"], comment(2)["id"]}
    assert {rows[comment(n)["id"]]["root_id"] for n in (1, 2)} == {post(1)["id"]}


@pytest.mark.parametrize("old, new", [("T3", 'T3"'), ('"author": {', '"author": '), ('"upvotes"', "upvotes")])
def test_a_damaged_member_of_a_dict_is_no_part_of_another_one(corpus: Corpus, old: str, new: str) -> None:
    rows = plant(1, 5)
    rows[2]["title"] = "T3"
    written = Keyed().write(rows)
    begin, end = written.spans[2]
    text = written.body.decode()
    corpus.write("corpus.toml", Keyed.toml)
    corpus.write("a.json", text[:begin] + text[begin:end].replace(old, new) + text[end:])
    found, rejected = ids(corpus)
    assert found == {rows[n]["id"] for n in (0, 1, 3, 4)}
    assert rejected == 1


def test_first_lines_that_are_no_records(corpus: Corpus) -> None:
    lines = [json.dumps(flat(number)) for number in range(3)]
    corpus.write("a.jsonl", "7\n" + "\n".join(lines))
    corpus.write("b.jsonl", "[]\n" + "\n".join(lines).replace("c0000000", "c1000000"))
    corpus.write("c.jsonl", "\n".join(lines).replace("c0000000", "c2000000").replace("{", "[", 1))
    tables = corpus.read()
    assert tables.files["a.jsonl"]["new"] == tables.files["b.jsonl"]["new"] == 3
    assert (tables.files["c.jsonl"]["new"], tables.files["c.jsonl"]["quarantined"]) == (2, 1)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_json_lines_in_utf_16(corpus: Corpus, encoding: str) -> None:
    text = "".join(json.dumps(flat(number, content="ünï"), ensure_ascii=False) + "\n" for number in range(3))
    corpus.write("a.jsonl", text.encode(encoding))
    corpus.write("b.zip", zip_of({"a.jsonl": text.replace("c0000000", "c1000000").encode(encoding)}))
    tables = corpus.read()
    assert tables.account() == (6, 6, 0, 0, 0)
    assert {row["content"] for row in tables.messages.values()} == {"ünï"}


HEADER = "id,title,content,submolt\n"


def test_a_table_with_a_nul_and_one_with_old_line_ends(corpus: Corpus) -> None:
    corpus.write("nul.csv", HEADER + "p-0000001,t,c,s\np-0000002,t,a\0b,s\n")
    corpus.write("old.csv", (HEADER + "p-0000003,t,c,s\np-0000004,t,c,s\n").replace("\n", "\r"))
    tables = corpus.read()
    assert sorted(tables.messages) == [f"p-000000{n}" for n in range(1, 5)]
    assert tables.quarantine.height == 0


def test_row_groups_beside_a_damaged_one(corpus: Corpus) -> None:
    rows = [{"id": f"p-{n:07d}", "title": "t", "content": f"c{n} " * 50, "submolt": "s"} for n in range(9)]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer, row_group_size=3, write_page_checksum=True, compression=None)
    body = bytearray(buffer.getvalue())
    body[body.index(b"c4 ")] ^= 1
    corpus.write("a.parquet", bytes(body))
    tables = corpus.read()
    assert sorted(tables.messages) == [f"p-{n:07d}" for n in (0, 1, 2, 6, 7, 8)]
    assert tables.reasons() == ["bad_parquet"]
    assert "1 of 3 row groups" in tables.quarantine["detail"][0]


@pytest.mark.parametrize("damage", ["content", "length", "mark"])
def test_blocks_of_avro_beside_a_damaged_one(corpus: Corpus, damage: str) -> None:
    rows = plant(1, 9)
    written = Avro().write(rows)
    begin, end = written.spans[4]
    place = {"content": begin + 20, "length": begin + 1, "mark": end - 3}[damage]
    body = bytearray(written.body)
    body[place : place + 2] = b"\xff\xff"
    corpus.write("a.avro", bytes(body))
    tables = corpus.read()
    assert {row["id"] for row in rows[:3] + rows[6:]} <= set(tables.messages)


@pytest.mark.parametrize("first", [7, {}, "x", True])
def test_a_json_table_whose_first_row_is_none(corpus: Corpus, first: object) -> None:
    columns = ["id", "title", "content", "submolt"]
    data = [first, ["p-0000001", "t", "c", "s"], ["p-0000002", "t", "c", "s"]]
    corpus.write("a.json", {"columns": columns, "data": data})
    corpus.write("b.json", json.dumps({"columns": columns, "data": [["p-0000003", "t", "c", "s"]]}).encode("utf-16"))
    deep = json.dumps({"columns": columns, "data": [["p-0000004", "t", "c", "s"], ["p-0000005", "t", "c", "deep"]]})
    corpus.write("c.json", deep.replace('"deep"', "[" * 3000 + "]" * 3000))
    tables = corpus.read()
    assert sorted(tables.messages) == [f"p-000000{n}" for n in range(1, 5)]
    assert tables.account() == (6, 4, 0, 0, 2)


def test_first_texts_that_are_longer_than_what_is_looked_at(corpus: Corpus) -> None:
    lines = [json.dumps({"content": "x" * 70_000, **flat(0)}), json.dumps(flat(1))]
    corpus.write("a.jsonl", "\n".join(lines))
    corpus.write("b.zip", zip_of({"b.jsonl": "\n".join(lines).replace("c0000000", "c1000000").encode()}))
    long = {"id": "0" * 12, "content": "x" * 70_000, "title": "t"}
    corpus.write("c.json", json.dumps([long, post(1)]))
    assert corpus.read().message.height == 6


@pytest.mark.parametrize("seed", range(6))
def test_hostile_texts_take_no_long_time(seed: int) -> None:
    rng = random.Random(seed)
    atoms = ['{"a', "},{", "[", "]", '"k":', "{", "}", '"', ",", "[[", '{"a": 1}, {', "\\\\", "1"]
    unit = "".join(rng.choice(atoms) for _ in range(rng.randrange(1, 9)))
    text = rng.choice(["[", "{", '[{"a": 1},', '{"data": [{"a": 1}, ']) + unit * (1_000_000 // len(unit))
    before = time.process_time()
    salvage(text)
    assert time.process_time() - before < SECONDS_PER_MEGABYTE * len(text) / 1e6 + 1


def test_a_key_that_stands_twice_hides_nothing(corpus: Corpus) -> None:
    """Damage that repeats a piece can give a key twice; the later value counts, as for `json`."""
    corpus.write("a.json", '{"success": true, "posts":  true, "posts": ' + json.dumps([post(1), post(2)]) + "}")
    corpus.write("b.json", '{"success": true, "posts": 3, "x": {}}')
    tables = corpus.read()
    assert tables.message.height == 2
    assert tables.quarantine["reason"].to_list() == ["unknown_shape"]


@pytest.mark.parametrize("old, new", [
    ('"title": "T', '"title": "T"}], "T'),  # the record seems to end, and what holds it
    ('"title": "T', '}]"title": "T'),
    ('"title": "T', '"title": "T }, {", "content": 5 }, {", "T'),
])  # fmt: skip
def test_a_stump_behind_a_record_does_not_take_it_along(corpus: Corpus, old: str, new: str) -> None:
    """The one sound record before a record that damage ended early in a dict by id."""
    rows = plant(1, 4)
    body = Keyed().write(rows).body.decode()
    corpus.write("corpus.toml", Keyed.toml)
    second = body.index(rows[1]["id"])
    corpus.write("keyed.json", body[:second] + body[second:].replace(old, new, 1))
    found, rejected = ids(corpus)
    assert found >= {rows[0]["id"], rows[2]["id"], rows[3]["id"]}
    assert rejected == 1


def test_a_key_that_cannot_be_read_costs_its_record(corpus: Corpus) -> None:
    rows = plant(2, 5)
    body = Keyed().write(rows).body.decode()
    corpus.write("corpus.toml", Keyed.toml)
    corpus.write("keyed.json", body.replace(rows[2]["id"], rows[2]["id"][:9] + "\\q" + rows[2]["id"][9:], 1))
    found, rejected = ids(corpus)
    assert found == {row["id"] for n, row in enumerate(rows) if n != 2}
    assert rejected == 1


def test_a_quotation_mark_between_lists_opens_no_text(corpus: Corpus) -> None:
    rows = plant(3, 5)
    body = Table().write(rows).body.decode()
    corpus.write("corpus.toml", Table.toml)
    corpus.write("table.json", body.replace('], ["' + rows[2]["id"], ']," ["' + rows[2]["id"], 1))
    found, rejected = ids(corpus)
    assert found == {row["id"] for row in rows}
    assert rejected == 1


def test_parquet_is_found_from_its_end(corpus: Corpus) -> None:
    rows = plant(4, 9)
    body = Parquet().write(rows).body
    corpus.write("table.parquet", b"XX" + body[2:])
    corpus.write("cut.parquet", body[:-2])
    assert ids(corpus) == ({row["id"] for row in rows}, 1)


def test_what_is_said_of_a_damaged_line_may_end_inside_a_character(corpus: Corpus) -> None:
    """DuckDB quotes the start of what it cannot parse, cut to a number of bytes."""
    usual = [json.dumps(flat(n)) for n in range(40)]
    for shift in range(4):
        damaged = '{"id": ' + "x" * shift + "ä" * 200
        corpus.write(f"{shift}.jsonl", "\n".join([*usual[10 * shift : 10 * shift + 10], damaged]))
    found, rejected = ids(corpus)
    assert (len(found), rejected) == (40, 4)


def test_a_table_whose_name_is_no_text_is_set_aside(corpus: Corpus) -> None:
    rows = plant(5, 3)
    with closing(sqlite3.connect(":memory:")) as con:
        con.deserialize(Sqlite().write(rows).body)
        con.execute("CREATE TABLE other_ (id TEXT)")
        con.commit()
        body = con.serialize()
    corpus.write("corpus.toml", Sqlite.toml)
    corpus.write("base.db", body.replace(b"other_", b"other\xff"))
    assert ids(corpus) == ({row["id"] for row in rows}, 1)


def test_a_line_before_many_nul_characters_is_read(corpus: Corpus) -> None:
    """As where a damaged archive goes on with nothing."""
    line = json.dumps(flat(1)).encode() + b"\n"
    corpus.write("all.jsonl", line + b"\0" * 5000)
    assert set(corpus.read().messages) == {flat(1)["id"]}


def test_a_wrong_length_of_an_avro_block_costs_that_block(corpus: Corpus) -> None:
    """Although another block begins where the wrong length leads."""
    rows = plant(6, 9)
    written = Avro().write(rows)
    sync = Avro.sync
    starts = [written.body.index(sync, written.spans[n][0]) + len(sync) for n in (2, 5)]
    body = written.body
    first = body.index(sync) + len(sync)
    length = starts[1] - first - len(sync)
    count = body[first : first + 1]
    old = body[first + 1 : written.spans[0][0]]
    wrong = avro_long(length - 1 - len(avro_long(length)))
    corpus.write("table.avro", body[:first] + count + wrong + body[first + 1 + len(old) :])
    found, rejected = ids(corpus)
    assert found >= {row["id"] for row in rows[3:]}
    assert rejected >= 1


def test_a_dict_that_seems_to_end_early_keeps_what_it_has(corpus: Corpus) -> None:
    rows = plant(7, 5)
    body = Keyed().write(rows).body.decode()
    corpus.write("corpus.toml", Keyed.toml)
    corpus.write("keyed.json", body.replace(f', "{rows[4]["id"]}"', f'}}], "{rows[4]["id"]}"'))
    found, rejected = ids(corpus)
    assert found == {row["id"] for row in rows[:4]}
    assert rejected == 1


@pytest.mark.parametrize("left", [0, 3])
def test_a_line_that_is_whole_needs_no_newline_before_damage(corpus: Corpus, left: int) -> None:
    text = "\n".join(json.dumps(flat(n)) for n in range(3))
    packed = gzip.compress(text[: len(text) - left].encode())
    corpus.write("all.jsonl.gz", packed[:-4])
    found, rejected = ids(corpus)
    assert found == {flat(n)["id"] for n in range(2 if left else 3)}
    assert rejected == 1
