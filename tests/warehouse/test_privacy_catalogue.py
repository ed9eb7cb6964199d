"""The catalogue holds no credential, as tables and as views, and its rows are otherwise those of the store."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
from warehouse_rows import make_rows, make_settings

from pipeline.warehouse import Warehouse
from pipeline.warehouse.clean_copies import copy_of

PRINT = "0123456789ab"
SECRET = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"


def write(store: Warehouse, fingerprint: str = PRINT) -> pl.DataFrame:
    n = 50
    rows = make_rows("message", n).with_columns(
        content=pl.Series([f"{i} {SECRET} jane@example.org" if i % 10 == 3 else f"text {i}" for i in range(n)]),
        message_id=pl.Series([f"m{i:03d}-{SECRET}" if i == 7 else f"m{i:03d}" for i in range(n)]),
        parent_id=pl.Series([f"m007-{SECRET}" if i == 8 else None for i in range(n)], dtype=pl.String),
        extra=pl.Series(['{"n":1,"k":"x\\nghp_' + SECRET[4:] + '"}' if i == 2 else '{"n":1}' for i in range(n)]),
        step=pl.Series(range(n)),
        title=pl.lit(None, dtype=pl.String),
        url=pl.lit(None, dtype=pl.String),
    )
    store.write("message", "demo", rows, fingerprint)
    store.publish_and_build("demo")
    return rows


def shown(store: Warehouse) -> pl.DataFrame:
    with duckdb.connect(str(store.layout.catalogue), read_only=True) as con:
        return con.sql("SELECT * EXCLUDE (corpus_id) FROM corpus.message ORDER BY step").pl()


def test_tables_and_views_hold_the_same_and_no_credential(tmp_path: Path) -> None:
    native, views = (
        Warehouse(make_settings(tmp_path / "a")),
        Warehouse(make_settings(tmp_path / "b", native_max_rows=0)),
    )
    rows = write(native)
    write(views)
    found = shown(native)
    assert found.equals(shown(views))
    assert SECRET.encode() not in native.layout.catalogue.read_bytes()
    text = str(found.rows())
    assert SECRET not in text
    assert text.count("[redacted:github_token] jane@example.org") == 5
    same = [name for name in rows.columns if name not in ("content", "message_id", "parent_id", "extra")]
    assert found.select(same).equals(rows.sort("step").select(same), null_equal=True)
    ids = set(found["message_id"])
    assert len(ids) == 50
    assert found["parent_id"].drop_nulls().to_list() == [name for name in ids if "redacted" in name]
    assert '{"k":"x\\n[redacted:github_token]","n":1}' in found["extra"].to_list()
    stored = native.read("message", "demo").collect()
    assert stored["content"].str.contains(SECRET).sum() == 5  # the parts keep what was read


def test_copies_are_made_once_and_go_with_their_part(tmp_path: Path) -> None:
    store = Warehouse(make_settings(tmp_path, native_max_rows=0))
    write(store)
    part = store.manifest("message", "demo").files(store.layout)[0]  # type: ignore[union-attr]
    copy = copy_of(part)
    written = copy.stat().st_mtime_ns
    store.build_catalogue()
    assert store.gc() == []
    assert copy.stat().st_mtime_ns == written
    assert SECRET.encode() not in copy.read_bytes()
    for fingerprint in ("1" * 12, "2" * 12):  # the last two catalogues keep their parts
        write(store, fingerprint)
    store.build_catalogue()
    store.gc()
    assert not part.exists()
    assert not copy.parent.exists()
    assert len(shown(store)) == 50
