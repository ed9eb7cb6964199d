"""Damaged containers: every record before the damage, and one row that says where it begins."""

from __future__ import annotations

import json

import pytest
from container_helpers import COMPRESSIONS, body, frames, lines, tar_of, zip_of
from ingest_helpers import Corpus, post

ROWS = [post(n, content=f"{n * 7919 % 1000} words {n * 104729 % 99991} " * 9) for n in range(1, 4000)]


def quarantined(corpus: Corpus) -> dict[str, object]:
    """Read; return the one quarantined row."""
    tables = corpus.read()
    assert tables.quarantine.height == 1, tables.quarantine
    row: dict[str, object] = tables.quarantine.to_dicts()[0]
    return {**row, "new": tables.account()[1], "rows_read": tables.account()[0]}


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_a_stream_that_was_cut(corpus: Corpus, kind: str) -> None:
    content = lines(ROWS)
    packed = COMPRESSIONS[kind](content)
    corpus.write(f"all.jsonl.{kind}", packed[: len(packed) * 2 // 3])
    found = quarantined(corpus)
    offset = found["byte_offset"]
    assert (found["reason"], found["path"]) == ("damaged_archive", f"all.jsonl.{kind}")
    assert isinstance(offset, int)
    assert found["new"] == content[:offset].count(b"\n") > 500
    assert found["rows_read"] == found["new"] + 1
    assert f"the {kind} stream is damaged or was cut near its byte {len(packed) * 2 // 3}" in str(found["detail"])


def test_a_stream_with_changed_bytes(corpus: Corpus) -> None:
    """A changed byte is noticed late: what comes out of it meanwhile is no JSON, and quarantined line by line."""
    packed = bytearray(COMPRESSIONS["xz"](lines(ROWS)))
    packed[len(packed) // 2] ^= 0xFF
    corpus.write("all.jsonl.xz", bytes(packed))
    tables = corpus.read()
    assert tables.reasons().count("damaged_archive") == 1
    assert set(tables.reasons()) <= {"damaged_archive", "invalid_json", "truncated_json"}
    assert tables.reasons()[-1] == "damaged_archive"
    assert 1000 < tables.account()[1] < 3999


def test_a_frame_that_was_cut_between_lines(corpus: Corpus) -> None:
    packed = frames(lines(ROWS[:50]))
    corpus.write("all.ndjson.zst", packed[:-20])
    found = quarantined(corpus)
    assert (found["new"], found["byte_offset"]) == (49, len(lines(ROWS[:49])))


def test_bytes_behind_the_end(corpus: Corpus) -> None:
    corpus.write("all.jsonl.gz", COMPRESSIONS["gz"](lines(ROWS[:5])) + b"and more")
    found = quarantined(corpus)
    assert (found["new"], found["byte_offset"]) == (5, len(lines(ROWS[:5])))


def test_a_tar_that_was_cut(corpus: Corpus) -> None:
    content = tar_of({f"{n}.json": body(n, 0) for n in range(1, 9)} | {"all.jsonl": lines(ROWS[100:200])})
    end = content.index(b'"id": "' + str(ROWS[150]["id"]).encode())
    corpus.write("dump.tar", content[:end])
    found = quarantined(corpus)
    assert (found["path"], found["reason"]) == ("dump.tar", "damaged_archive")
    assert found["new"] == 8 + 50
    assert found["byte_offset"] == end


def test_a_tar_that_was_cut_between_two_members(corpus: Corpus) -> None:
    content = tar_of({f"{n}.json": body(n, 0) for n in range(1, 9)})
    corpus.write("dump.tar.gz", COMPRESSIONS["gz"](content[: content.index(b"6.json")]))
    found = quarantined(corpus)
    assert (found["path"], found["reason"], found["new"]) == ("dump.tar.gz", "damaged_archive", 5)


def test_a_compressed_tar_that_was_cut(corpus: Corpus) -> None:
    packed = COMPRESSIONS["gz"](tar_of({"a.jsonl": lines(ROWS[:2000]), "b.jsonl": lines(ROWS[2000:])}))
    corpus.write("dump.tar.gz", packed[: len(packed) * 3 // 4])
    found = quarantined(corpus)
    assert (found["path"], found["reason"]) == ("dump.tar.gz", "damaged_archive")
    assert 2000 < int(str(found["new"])) < 3999


def test_a_zip_that_was_cut(corpus: Corpus) -> None:
    content = zip_of({f"{n}.json": body(n, 0) for n in range(1, 9)} | {"z.jsonl": lines(ROWS[100:])})
    corpus.write("dump.zip", content[: len(content) // 2])
    found = quarantined(corpus)
    assert (found["path"], found["reason"]) == ("dump.zip", "damaged_archive")
    assert int(str(found["new"])) > 8 + 500


def test_a_member_of_a_zip_with_changed_bytes(corpus: Corpus) -> None:
    content = bytearray(zip_of({"a.jsonl": lines(ROWS), "b.json": body(9999)}))
    content[len(content) // 2] ^= 0xFF
    corpus.write("dump.zip", bytes(content))
    tables = corpus.read()
    assert tables.reasons().count("damaged_archive") == 1
    assert set(tables.quarantine["path"]) == {"dump.zip/a.jsonl"}
    assert tables.files["dump.zip/b.json"]["new"] == 4


def test_a_csv_that_was_cut_inside_a_quoted_field(corpus: Corpus) -> None:
    text = "id,title,content,submolt\n" + "".join(f'p-{n:08d},t,"one\ntwo {n * 7919 % 997}",s\n' for n in range(3000))
    packed = COMPRESSIONS["gz"](text.encode())
    corpus.write("posts.csv.gz", packed[: len(packed) // 2])
    found = quarantined(corpus)
    assert found["reason"] == "damaged_archive"
    assert found["new"] == text[: int(str(found["byte_offset"]))].count('",s\n')


def test_a_document_that_was_cut_gives_its_whole_elements(corpus: Corpus) -> None:
    text = json.dumps(ROWS[:1000])
    packed = COMPRESSIONS["gz"](text.encode())
    corpus.write("posts.json.gz", packed[: len(packed) // 2])
    found = quarantined(corpus)
    assert found["new"] == text[: int(str(found["byte_offset"]))].count('{"id": "0a') - 1


def test_what_has_to_be_sought_in_is_lost_whole(corpus: Corpus) -> None:
    import io

    import polars as pl

    buffer = io.BytesIO()
    pl.DataFrame([{"id": "p", "title": "t", "content": "c", "submolt": "s"}]).write_parquet(buffer)
    packed = COMPRESSIONS["zst"](buffer.getvalue())
    corpus.write("posts.parquet.zst", packed[:-10])
    assert quarantined(corpus)["reason"] == "damaged_archive"


def test_an_avro_file_that_was_cut(corpus: Corpus) -> None:
    import io

    import polars as pl

    buffer = io.BytesIO()
    rows = [{"id": f"p-{n:08d}", "title": "t", "content": "c", "submolt": "s"} for n in range(100)]
    pl.DataFrame(rows).write_avro(buffer)
    content = buffer.getvalue()
    header = content.index(content[-16:]) + 16
    corpus.write("posts.avro", content + content[header:-40])
    found = quarantined(corpus)
    assert (found["reason"], found["new"]) == ("bad_avro", 100)
    assert found["byte_offset"] == len(content)  # where the block that was cut begins
