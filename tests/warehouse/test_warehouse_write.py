"""Writing and checking rows: what is refused, what is kept, and that the hash of a table is its identity."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from warehouse_rows import make_rows, make_settings

from pipeline.schema import TABLES
from pipeline.warehouse import Derived, Query, SchemaMismatch, Staged, Warehouse, WarehouseError
from pipeline.warehouse.digest import digest_files

PRINT = "0123456789ab"
OTHER = "ba9876543210"


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_comes_back_as_it_was_written(warehouse: Warehouse, table: str) -> None:
    rows = make_rows(table, 1 if not TABLES[table].key else 50)
    manifest = warehouse.write(table, "demo", rows.sample(fraction=1, shuffle=True, seed=1), PRINT)
    assert manifest.rows == rows.height
    assert warehouse.check(table, "demo") == []
    stored = warehouse.read(table, "demo").collect()
    assert stored.schema == TABLES[table].polars_schema
    assert stored["corpus_id"].unique().to_list() == ["demo"]
    expected = rows.sort(list(TABLES[table].key)) if TABLES[table].key else rows
    assert stored.drop("corpus_id").equals(expected, null_equal=True)


def test_the_kinds_of_data_give_the_same_table(tmp_path: Path) -> None:
    rows = make_rows("message", 300)
    rows.write_parquet(tmp_path / "a.parquet")
    shuffled = rows.select(rows.columns[::-1]).sample(fraction=1, shuffle=True, seed=3)
    con = duckdb.connect()
    con.register("source", shuffled)
    kinds = {
        "frame": rows,
        "shuffled": shuffled,
        "lazy": shuffled.lazy(),
        "query": Query(con, "SELECT * FROM source WHERE score IS NULL OR score <> $x; ", {"x": 3}),
        "staged": Staged([tmp_path / "a.parquet"]),
    }
    hashes = set()
    for threads in (1, 4):
        for name, data in kinds.items():
            store = Warehouse(make_settings(tmp_path / f"{name}{threads}", threads))
            hashes.add(store.write("message", "demo", data, PRINT).table_hash)
    assert len(hashes) == 1
    changed = rows.with_columns(pl.when(pl.col("message_id").str.ends_with("7")).then(1).alias("upvotes"))
    assert Warehouse(make_settings(tmp_path / "x")).write("message", "demo", changed, PRINT).table_hash not in hashes


def test_every_value_enters_the_hash(tmp_path: Path) -> None:
    """Whatever single value changes, of any type, the hash does; NaN has one form, and nulls are no empty texts."""
    table = TABLES["message"]
    rows = make_rows("message", 40).sort("message_id")
    con = duckdb.connect()

    def table_hash(frame: pl.DataFrame) -> str:
        names = [column.name for column in table.all_columns]
        frame.with_columns(corpus_id=pl.lit("demo")).select(names).write_parquet(tmp_path / "rows.parquet")
        return digest_files(con, table, [tmp_path / "rows.parquet"]).table_hash

    seen = {table_hash(rows)}
    expressions: dict[str, Any] = {"VARCHAR": pl.lit("other"), "BIGINT": pl.lit(977), "INTEGER": pl.lit(977)}
    expressions["TIMESTAMP"] = pl.lit(datetime(1999, 1, 1))
    changes = 0
    for column in TABLES["message"].columns:
        if column.name in TABLES["message"].key:
            continue
        other = ~pl.col(column.name).fill_null(False) if column.type == "BOOLEAN" else expressions[column.type]
        values = [other] if column.required else [other, pl.lit(None)]
        for value in [*values, *([pl.lit("")] if column.type == "VARCHAR" else [])]:
            at = pl.int_range(pl.len()) == 7
            changed = rows.with_columns(pl.when(at).then(value).otherwise(pl.col(column.name)).alias(column.name))
            if changed[column.name].equals(rows[column.name], null_equal=True):
                continue
            changes += 1
            seen.add(table_hash(changed))
    assert len(seen) == changes + 1 > 40


def test_unordered_rows_are_refused(tmp_path: Path) -> None:
    """The hash is defined on the order of the key, so a file that is not in it is no part."""
    table = TABLES["lexicon_score"]
    rows = make_rows("lexicon_score", 20).sort(list(table.key)).with_columns(corpus_id=pl.lit("demo"))
    rows = rows.select([column.name for column in table.all_columns])
    found = []
    for name, frame in (("sorted", rows), ("reversed", rows.reverse()), ("doubled", pl.concat([rows, rows.tail(1)]))):
        frame.write_parquet(tmp_path / f"{name}.parquet")
        digest = digest_files(duckdb.connect(), table, [tmp_path / f"{name}.parquet"])
        found.append((digest.repeated_keys, digest.unordered_keys))
    assert found == [(0, 0), (0, 19), (1, 0)]


def test_the_hash_is_the_documented_one(warehouse: Warehouse) -> None:
    """Recompute the hash in plain Python from the documentation in pipeline/warehouse/digest.py."""
    rows = make_rows("lexicon_score", 20)
    manifest = warehouse.write("lexicon_score", "demo", rows.reverse(), PRINT)

    table = TABLES["lexicon_score"]
    header = "|".join(f"{c.name}:{c.type}" for c in table.all_columns)
    whole = hashlib.sha256(f"{table.qualified}|{header}|20\n".encode())
    stored = [("demo", *row) for row in sorted(rows.rows(), key=lambda row: row[:3])]
    for column, values in zip(table.all_columns, zip(*stored, strict=True), strict=True):
        shape, kept = hashlib.sha256(), hashlib.sha256()
        for value in values:
            if column.type == "VARCHAR":
                encoded = (value or "").encode()
                shape.update(struct.pack("<q", -1 if value is None else len(encoded)))
            else:
                encoded = b"" if value is None else struct.pack({"BIGINT": "<q", "DOUBLE": "<d"}[column.type], value)
                shape.update(bytes([value is not None]))
            kept.update(encoded)
        whole.update(shape.digest() + kept.digest())
    assert manifest.table_hash == whole.hexdigest()


def test_values_that_concatenate_alike_differ_in_hash(warehouse: Warehouse) -> None:
    first = pl.DataFrame({"message_id": ["ab"], "class": ["c"]})
    second = pl.DataFrame({"message_id": ["a"], "class": ["bc"]})
    hashes = {warehouse.write("reply_class", "demo", rows, PRINT).table_hash for rows in (first, second)}
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            pl.col("score").cast(pl.String),
            r"corpus\.message: column score should be BIGINT, found VARCHAR in \d+ rows",
        ),
        (pl.col("score").cast(pl.Float64), "column score should be BIGINT, found DOUBLE"),
        (
            pl.col("created_at").dt.replace_time_zone("UTC"),
            "created_at should be TIMESTAMP, found TIMESTAMP WITH TIME",
        ),
        (
            pl.lit(2**40).alias("depth"),
            "column depth should be INTEGER, found BIGINT with 30 values that do not fit",
        ),
        (pl.lit("x").alias("surprise"), "columns surprise are not in the description"),
        (pl.lit(None, pl.String).alias("kind"), "column kind may not be null, found 30 nulls"),
        (pl.lit("same").alias("message_id"), r"key \(message_id\) should be unique, found 29 of 30 rows"),
        (pl.lit("other").alias("corpus_id"), "corpus_id should be 'demo', found another corpus in 30 rows"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(warehouse: Warehouse, change: pl.Expr, sentence: str) -> None:
    good = make_rows("message", 30)
    before = warehouse.write("message", "demo", good, PRINT)
    for data in (good.with_columns(change), good.lazy().with_columns(change)):
        with pytest.raises(SchemaMismatch, match=sentence):
            warehouse.write("message", "demo", data, OTHER)
    with pytest.raises(SchemaMismatch, match="columns content are missing"):
        warehouse.write("message", "demo", good.drop("content"), OTHER)
    assert warehouse.manifest("message", "demo") == before
    assert warehouse.check("message", "demo") == []
    folder = warehouse.layout.parts(TABLES["message"], "demo", "")
    assert [path.name for path in folder.iterdir()] == [PRINT]


def test_the_error_of_a_failed_cast_does_not_quote_the_data(warehouse: Warehouse) -> None:
    con = duckdb.connect()
    sql = "SELECT 'm' AS message_id, CAST('<script>' AS INTEGER) AS class"
    with pytest.raises(Exception, match="script"):  # the query itself is wrong: its own error is passed on
        warehouse.write("reply_class", "demo", Query(con, sql), PRINT)
    rows = make_rows("message", 3).with_columns(pl.lit("<script>").alias("score"))
    with pytest.raises(SchemaMismatch) as caught:
        warehouse.write("message", "demo", rows, PRINT)
    assert "script" not in str(caught.value)


def test_columns_of_nulls_fit_and_so_do_whole_numbers(warehouse: Warehouse) -> None:
    con = duckdb.connect()
    sql = "SELECT 'a' AS text_hash, 'l' AS lexicon, 'c' AS category, sum(2) AS count, 3 AS weight_sum, NULL AS share"
    manifest = warehouse.write("lexicon_score", "demo", Query(con, sql), PRINT)
    assert warehouse.read("lexicon_score", "demo").collect().row(0) == ("demo", "a", "l", "c", 2, 3.0, None)
    assert manifest.rows == 1


def test_one_row_at_most_where_the_key_is_the_corpus(warehouse: Warehouse) -> None:
    with pytest.raises(SchemaMismatch, match="at most one row"):
        warehouse.write("corpus", "demo", make_rows("corpus", 2), PRINT)


def test_empty_tables_are_tables(warehouse: Warehouse) -> None:
    warehouse.write("message", "demo", make_rows("message", 0), PRINT)
    assert warehouse.check("message", "demo") == []
    with warehouse.session("demo") as con:
        assert con.sql("SELECT count(*) FROM message").fetchall() == [(0,)]


def test_families_stand_side_by_side(warehouse: Warehouse) -> None:
    for family in ("airs", "network"):
        rows = make_rows("measure", 5, family=family)
        warehouse.write("measure", "demo", rows, PRINT, family=family)
    first = warehouse.manifest("measure", "demo", "airs")
    warehouse.write("measure", "demo", make_rows("measure", 2, family="network"), OTHER, family="network")
    assert warehouse.manifest("measure", "demo", "airs") == first
    with warehouse.session("demo") as con:
        found = con.sql("SELECT family, count(*) FROM measure GROUP BY family ORDER BY family").fetchall()
    assert found == [("airs", 5), ("network", 2)]
    assert warehouse.read("measure", "demo", "network").collect().height == 2


def test_nothing_becomes_current_when_one_of_several_tables_is_wrong(warehouse: Warehouse) -> None:
    good = {"message": make_rows("message", 5), "agent": make_rows("agent", 5)}
    before = warehouse.write_many(good, "demo", PRINT)
    bad = {"message": make_rows("message", 6), "agent": make_rows("agent", 5).drop("name")}
    with pytest.raises(SchemaMismatch):
        warehouse.write_many(bad, "demo", OTHER)
    assert warehouse.manifest("message", "demo") == before["message"]


def _states(messages: pl.DataFrame) -> pl.DataFrame:
    return messages.select(*TABLES["message_snapshot"].polars_schema)


def test_rows_that_follow_from_another_table_are_those_of_a_query(warehouse: Warehouse) -> None:
    messages = make_rows("message", 300).sample(fraction=1, shuffle=True, seed=3)
    never = Staged([])  # would raise: there is nothing to read
    written = warehouse.write_many(
        {"message": messages, "message_snapshot": Derived("message", _states, never)}, "demo", PRINT
    )
    columns = [name for name in TABLES["message_snapshot"].polars_schema if name != "corpus_id"]
    plain = warehouse.write("message_snapshot", "other", messages.select(columns), PRINT)
    stored = warehouse.read("message_snapshot", "demo").collect()
    assert stored.drop("corpus_id").equals(warehouse.read("message_snapshot", "other").collect().drop("corpus_id"))
    assert written["message_snapshot"].rows == plain.rows == 300


def test_rows_follow_from_no_table_that_is_too_large_for_memory(tmp_path: Path) -> None:
    small = Warehouse(replace(make_settings(tmp_path), memory_limit="1MB"))
    messages = make_rows("message", 3000)
    assert messages.estimated_size() > 1e6 / 6
    columns = [name for name in TABLES["message_snapshot"].polars_schema if name != "corpus_id"]

    def never(_: pl.DataFrame) -> pl.DataFrame:
        raise AssertionError("the messages are not in memory")

    con = duckdb.connect()
    con.register("source", messages)
    given = Query(con, "SELECT * FROM source", about_bytes=1 << 30)
    states = messages.select(columns)
    written = small.write_many({"message": given, "message_snapshot": Derived("message", never, states)}, "demo", PRINT)
    assert written["message_snapshot"].rows == 3000


def test_rows_that_follow_and_are_too_many_are_taken_elsewhere(warehouse: Warehouse) -> None:
    messages = make_rows("message", 30)
    columns = [name for name in TABLES["message_snapshot"].polars_schema if name != "corpus_id"]
    states = Derived("message", lambda _: None, messages.select(columns).head(20))
    written = warehouse.write_many({"message": messages, "message_snapshot": states}, "demo", PRINT)
    assert written["message_snapshot"].rows == 20


def test_rows_that_follow_have_the_columns_of_their_table(warehouse: Warehouse) -> None:
    wrong = Derived("message", lambda frame: frame, Staged([]))
    with pytest.raises(SchemaMismatch, match="message_snapshot: expected the columns"):
        warehouse.write_many({"message": make_rows("message", 5), "message_snapshot": wrong}, "demo", PRINT)
    assert warehouse.manifest("message", "demo") is None


def test_current_means_same_fingerprint_and_whole_files(warehouse: Warehouse) -> None:
    assert not warehouse.is_current("message", "demo", "", PRINT)
    manifest = warehouse.write("message", "demo", make_rows("message", 5), PRINT)
    assert warehouse.is_current("message", "demo", "", PRINT)
    assert not warehouse.is_current("message", "demo", "", OTHER)
    path = manifest.files(warehouse.layout)[0]
    path.write_bytes(path.read_bytes()[:-1])
    assert not warehouse.is_current("message", "demo", "", PRINT)
    assert "bytes" in warehouse.check("message", "demo")[0]
    with pytest.raises(WarehouseError, match="not published"):
        warehouse.publish("demo")
    again = warehouse.write("message", "demo", make_rows("message", 5), PRINT)
    assert again.table_hash == manifest.table_hash
    assert warehouse.check("message", "demo") == []


def test_the_check_notices_rows_that_were_changed_behind_its_back(warehouse: Warehouse) -> None:
    manifest = warehouse.write("reply_class", "demo", make_rows("reply_class", 9), PRINT)
    path = manifest.files(warehouse.layout)[0]
    pl.read_parquet(path).with_columns(pl.lit("toxic").alias("class")).write_parquet(path)
    size = path.stat().st_size
    record = warehouse.layout.manifest(TABLES["reply_class"], "demo", "")
    record.write_text(record.read_text().replace(f'"bytes": {manifest.parts[0].bytes}', f'"bytes": {size}'))
    assert warehouse.check("reply_class", "demo") == [
        "feature.reply_class: the stored rows are not those that were written"
    ]


@pytest.mark.parametrize("corpus_id", ["", "..", "a/b", "A", "-a", "a" * 64, "x\n", "_project", "a.b"])
def test_only_safe_names_become_paths(warehouse: Warehouse, corpus_id: str) -> None:
    rows = make_rows("message", 1)
    for call in (
        lambda: warehouse.write("message", corpus_id, rows, PRINT),
        lambda: warehouse.publish(corpus_id),
        lambda: warehouse.forget(corpus_id),
        lambda: warehouse.corpus_lock(corpus_id),
    ):
        with pytest.raises(WarehouseError, match="corpus id"):
            call()
    for fingerprint, family in (("../../x", ""), (PRINT, "../x")):
        with pytest.raises(WarehouseError, match=r"fingerprint|family"):
            warehouse.write("message", "demo", rows, fingerprint, family)


def test_a_session_reads_nothing_else_and_cleans_up(warehouse: Warehouse, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    warehouse.settings.data.mkdir()
    (warehouse.settings.data / "inside.csv").write_text("a\n1\n")
    with warehouse.session("demo") as con:
        assert con.sql(f"SELECT a FROM read_csv('{warehouse.settings.data}/inside.csv')").fetchall() == [(1,)]
        with pytest.raises(duckdb.PermissionException):
            con.execute(f"SELECT * FROM read_csv('{outside}')")
        assert con.sql("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
        assert len(list(warehouse.layout.spill.iterdir())) == 1
    assert list(warehouse.layout.spill.iterdir()) == []
