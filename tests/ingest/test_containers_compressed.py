"""Compressed files: whatever is inside, by whatever name, gives the rows of the plain file."""

from __future__ import annotations

import io
import json
from pathlib import Path

import count_records
import polars as pl
from container_helpers import COMPRESSIONS, VARIANTS, assert_same_content, body, lines, records
from ingest_helpers import POST_ID, Corpus, detail, post
from oasis_platform import Platform, random_run


def rows(prefix: str) -> list[dict[str, object]]:
    return [
        {"id": f"{prefix}-{n:08d}", "title": f"t{n}", "content": f"c{n}", "submolt": "s", "score": n}
        for n in range(200)
    ]


def csv_body() -> bytes:
    text = "id,title,content,submolt,score\r\n"
    made = [f'{r["id"]},{r["title"]},"{r["content"]}\n, more",s,{r["score"]}\r\n' for r in rows("csv")]
    return (text + "".join(made)).encode()


def parquet_body() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(rows("parquet")).write_parquet(buffer)
    return buffer.getvalue()


def avro_body() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(rows("avro")).write_avro(buffer, "snappy")
    return buffer.getvalue()


def split_body() -> bytes:
    held = rows("split")
    return json.dumps({"columns": [*held[0]], "index": [*range(200)], "data": [[*r.values()] for r in held]}).encode()


PLAIN = {
    "a.json": (body(100, 5), 6),
    "list.json": (json.dumps([detail(n) for n in range(101, 108)]).encode(), 7),
    "all.jsonl": (lines(), 78),
    "posts.csv": (csv_body(), 200),
    "posts.parquet": (parquet_body(), 200),
    "posts.avro": (avro_body(), 200),
    "table.json": (split_body(), 200),
}
BOTH = 'format = ["moltbook_api", "moltbook_observatory"]'


def test_every_container_in_every_compression(corpus: Corpus) -> None:
    corpus.write("corpus.toml", BOTH)
    paths = {name: corpus.write(name, content) for name, (content, _) in PLAIN.items()}
    plain = corpus.read()
    for name, (_, n) in PLAIN.items():
        assert plain.files[name]["new"] == plain.files[name]["rows_read"] == n == count_records.count_file(paths[name])
        paths[name].unlink()
    for kind, pack in COMPRESSIONS.items():
        paths = {name: corpus.write(f"{name}.{kind}", pack(content)) for name, (content, _) in PLAIN.items()}
        packed = corpus.read()
        assert packed.account() == plain.account(), kind
        for name, path in paths.items():
            found, before = packed.files[path.name], plain.files[name]
            assert found["rows_read"] == before["rows_read"] == count_records.count_any(path)[path.name]
            assert (found["container"], found["bytes"]) == (before["container"], path.stat().st_size)
            path.unlink()
        assert_same_content(plain, packed)


def test_members_frames_and_windows(corpus: Corpus) -> None:
    content = {}
    for number, (name, pack) in enumerate(VARIANTS.items()):
        content[name] = lines([post(1000 * number + n) for n in range(300)])
        path = corpus.write(f"all.jsonl.{name}", pack(content[name]))
        assert count_records.count_any(path)[path.name] == 300
    packed = corpus.read()
    assert packed.account() == (2700, 2700, 0, 0, 0)
    assert {row["rows_read"] for row in packed.files.values()} == {300}
    assert packed.messages[POST_ID.format(7299)]["source_row"] == 299


def test_compression_is_told_by_the_bytes_not_by_the_name(corpus: Corpus) -> None:
    for kind, pack in COMPRESSIONS.items():
        corpus.write(f"{kind}.json", pack(lines([post(len(kind))])))
        corpus.write(f"{kind}-bare", pack(lines([post(10 + len(kind)), post(20 + len(kind))])))
    corpus.write("not.gz", body(77, 0))
    tables = corpus.read()
    assert tables.account()[0] == 4 + 8 + 1
    assert POST_ID.format(77) in tables.messages


def test_compression_inside_compression(corpus: Corpus) -> None:
    content = lines()
    for pack in COMPRESSIONS.values():
        content = pack(content)
    corpus.write("all.jsonl.gz.bz2.xz.zst", content)
    for pack in COMPRESSIONS.values():
        content = pack(content)
    corpus.write("deep.jsonl", content)
    tables = corpus.read()
    assert tables.reasons() == ["too_many_layers"]
    assert tables.account() == (79, 78, 0, 0, 1)


def test_a_database_in_a_compressed_file(corpus: Corpus, tmp_path: Path) -> None:
    database = tmp_path / "run.db"
    random_run(Platform(database), seed=1)
    corpus.write("run.db", database.read_bytes())
    plain = corpus.read()
    (corpus.folder / "run.db").unlink()
    corpus.write("run.db.zst", COMPRESSIONS["zst"](database.read_bytes()))
    packed = corpus.read()
    assert plain.account() == packed.account()
    assert plain.account()[1] > 100
    assert packed.files["run.db.zst"]["container"] == "sqlite"
    assert not list(corpus.base.glob("staging*/spool*"))


def test_lines_of_json_whatever_the_file_is_called(corpus: Corpus) -> None:
    long = post(90, content="x" * 200_000)
    corpus.write("posts.json", lines([post(1), post(2)]))
    corpus.write("posts.txt", lines([post(3), post(4)]))
    corpus.write("posts", lines([post(5), post(6)]))
    corpus.write("long.json", lines([long, post(7)]))
    corpus.write("packed.txt.gz", COMPRESSIONS["gz"](lines([post(8), post(9)])))
    corpus.write("notes.txt", "{a} is no JSON\n{b} neither\n")
    corpus.write("empty.txt", "")
    tables = corpus.read()
    assert tables.account() == (10, 10, 0, 0, 0)
    assert tables.files["long.json"]["container"] == "jsonl"
    assert {tables.files[name]["status"] for name in ("notes.txt", "empty.txt")} == {"ignored"}


def test_a_change_after_the_listing(corpus: Corpus) -> None:
    path = corpus.write("all.jsonl.gz", COMPRESSIONS["gz"](lines()))
    corpus.write("b.json", body(99))
    tables = corpus.read(between=lambda: path.write_bytes(COMPRESSIONS["gz"](lines(records(50)))))
    assert tables.reasons() == ["file_changed"]
    assert tables.files["all.jsonl.gz"]["quarantined"] == 1


def test_what_the_name_says_is_read_without_the_suffix_of_compression(corpus: Corpus) -> None:
    row = "Fri Jun 16 10:20:13 2023"
    text = f"user_name,user_herf,time,text\nAda,https://chirper.ai/ada,{row},Hallo\n"
    corpus.write("chirper_de.csv.gz", COMPRESSIONS["gz"](text.encode()))
    assert '"lang":"de"' in str(corpus.read().message["extra"][0]).replace(" ", "")
