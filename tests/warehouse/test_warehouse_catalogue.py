"""The catalogue that users open: what it shows, when it changes, and that nobody's own tables are lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest
from warehouse_rows import make_rows, make_settings

from pipeline.schema import TABLES, WARNINGS
from pipeline.warehouse import CatalogueMissingError, UnknownCorpusError, Warehouse
from pipeline.warehouse.catalogue import STORAGE_VERSION
from pipeline.warehouse.connect import connect

PRINT = "0123456789ab"
FILLED = ("message", "embedding", "corpus")


def fill(warehouse: Warehouse, corpus_id: str, n: int = 20, seed: int = 0) -> None:
    rows = {name: make_rows(name, n if TABLES[name].key else 1, seed) for name in FILLED}
    warehouse.write_many(rows, corpus_id, f"{PRINT}{n}")


def query(warehouse: Warehouse, sql: str) -> list[tuple[object, ...]]:
    with connect(settings=warehouse.settings) as con:
        return con.execute(sql).fetchall()


def write_scratch(warehouse: Warehouse, *statements: str) -> None:
    with connect(read_only=False, settings=warehouse.settings) as con:
        for statement in statements:
            con.execute(statement)


@pytest.mark.parametrize("native_max_rows", [20_000_000, 5])
def test_every_table_is_there_with_comments(tmp_path: Path, native_max_rows: int) -> None:
    warehouse = Warehouse(make_settings(tmp_path, native_max_rows=native_max_rows))
    fill(warehouse, "demo")
    build = warehouse.publish_and_build("demo")
    assert build.warnings == ()
    columns = query(
        warehouse,
        "SELECT schema_name, table_name, column_name, data_type, is_nullable, comment "
        "FROM duckdb_columns() WHERE schema_name IN ('corpus', 'feature', 'analysis')",
    )
    found = {row[:3]: row[3:] for row in columns}
    views = {row[0] for row in query(warehouse, "SELECT view_name FROM duckdb_views() WHERE NOT internal")}
    always = {"embedding", "persona_embedding"}
    assert views == (always if native_max_rows > 5 else {*always, "message"})
    for table in TABLES.values():
        for column in table.all_columns:
            is_nullable = table.name in views or not column.required
            expected = (column.type, is_nullable, column.comment)
            assert found.pop((table.layer, table.name, column.name)) == expected
    assert not found
    described = query(warehouse, "SELECT table_name, comment FROM duckdb_tables() UNION ALL "
                                 "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal")  # fmt: skip
    assert {name for name, comment in described if not comment} == set()
    assert query(warehouse, "SELECT count(*) FROM corpus.message") == [(20,)]
    assert query(warehouse, "SELECT count(*) FROM feature.embedding") == [(20,)]
    words = query(warehouse, "SELECT count(*) FROM meta.warning_vocabulary WHERE kind = 'warning'")
    assert words == [(len(WARNINGS),)]
    parts = query(warehouse, 'SELECT "table", table_hash FROM meta.part ORDER BY 1')
    stored = {name: warehouse.manifest(name, "demo") for name in ("corpus", "embedding", "message")}
    assert parts == [(name, entry.table_hash) for name, entry in stored.items() if entry]


def test_native_tables_are_sorted_over_corpora_and_families(warehouse: Warehouse) -> None:
    for corpus_id in ("b-corpus", "a-corpus"):
        for family in ("x", "y"):
            warehouse.write("measure", corpus_id, make_rows("measure", 4, family=family), PRINT, family)
        warehouse.publish(corpus_id)
    warehouse.build_catalogue()
    rows = query(warehouse, "SELECT corpus_id, family, slice_id FROM analysis.measure")
    assert len(rows) == 16
    assert rows == sorted(rows)


def test_older_clients_can_open_the_file(warehouse: Warehouse) -> None:
    fill(warehouse, "demo")
    warehouse.publish_and_build("demo")
    tags = query(warehouse, "SELECT tags FROM duckdb_databases() WHERE NOT internal")
    assert tags == [({"storage_version": f"{STORAGE_VERSION}+"},)]


def test_only_published_states_are_shown(warehouse: Warehouse) -> None:
    fill(warehouse, "one", 10)
    warehouse.publish_and_build("one")
    fill(warehouse, "one", 30)
    fill(warehouse, "two", 5)
    warehouse.build_catalogue()
    counts = "SELECT corpus_id, count(*) FROM corpus.message GROUP BY corpus_id ORDER BY corpus_id"
    assert query(warehouse, counts) == [("one", 10)]
    warehouse.publish("two")
    warehouse.publish_and_build("one")
    assert query(warehouse, counts) == [("one", 30), ("two", 5)]
    with pytest.raises(UnknownCorpusError, match="known: one, two"):
        warehouse.publish("three")


def test_there_is_a_clear_sentence_before_the_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pipeline

    monkeypatch.setenv("ETHOGRAM_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogueMissingError, match="make demo"):
        pipeline.connect()
    fill(Warehouse(make_settings(tmp_path)), "demo")
    Warehouse(make_settings(tmp_path)).publish_and_build("demo")
    with pipeline.connect() as con:
        assert con.execute("SELECT count(*) FROM corpus.message").fetchall() == [(20,)]


READER = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
for line in sys.stdin:
    print(con.execute("SELECT count(*) FROM corpus.message").fetchone()[0],
          con.execute("SELECT count(*) FROM feature.embedding").fetchone()[0], flush=True)
"""


def test_steps_do_not_print_the_progress_of_single_queries(warehouse: Warehouse) -> None:
    with warehouse.session(None) as con:
        assert con.sql("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_a_reader_keeps_the_catalogue_that_it_opened(warehouse: Warehouse) -> None:
    fill(warehouse, "demo", 10)
    path = warehouse.publish_and_build("demo").path
    command = [sys.executable, "-c", READER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin
        assert reader.stdout

        def ask() -> str:
            reader.stdin.write("\n")
            reader.stdin.flush()
            return reader.stdout.readline().strip()

        assert ask() == "10 10"
        fill(warehouse, "demo", 30)
        warehouse.publish_and_build("demo")
        assert warehouse.gc() == []  # the last but one catalogue still refers to the old parts
        assert ask() == "10 10"
        assert query(warehouse, "SELECT count(*) FROM feature.embedding") == [(30,)]
        reader.stdin.close()
    warehouse.build_catalogue()
    assert len(warehouse.gc()) == 3
    assert query(warehouse, "SELECT count(*) FROM feature.embedding") == [(30,)]


def test_scratch_is_carried_over(warehouse: Warehouse) -> None:
    fill(warehouse, "demo")
    warehouse.publish_and_build("demo")
    write_scratch(
        warehouse,
        'CREATE TABLE scratch."my ""notes""" (id INTEGER PRIMARY KEY, note VARCHAR NOT NULL)',
        'INSERT INTO scratch."my ""notes""" VALUES (1, \'keep\')',
        "CREATE VIEW scratch.c_all AS SELECT * FROM ethogram.corpus.message",
        "CREATE VIEW scratch.b_posts AS SELECT * FROM scratch.c_all WHERE kind IS NOT NULL",
    )
    for n in (21, 22):
        fill(warehouse, "demo", n)
        assert warehouse.publish_and_build("demo").warnings == ()
        assert query(warehouse, 'SELECT * FROM scratch."my ""notes"""') == [(1, "keep")]
        assert query(warehouse, "SELECT count(*) FROM scratch.b_posts") == [(n,)]
    with pytest.raises(duckdb.ConstraintException):
        write_scratch(warehouse, 'INSERT INTO scratch."my ""notes""" VALUES (1, \'twice\')')
    assert list(warehouse.layout.root.glob("*backup*")) == []


def test_what_cannot_be_carried_over_stays_in_a_backup(warehouse: Warehouse) -> None:
    fill(warehouse, "demo")
    warehouse.publish_and_build("demo")
    write_scratch(
        warehouse,
        "CREATE TABLE main.misplaced AS SELECT 1 AS x",
        "CREATE TABLE scratch.kept AS SELECT 2 AS x",
        "CREATE VIEW scratch.lost AS SELECT * FROM main.misplaced",
    )
    build = warehouse.build_catalogue()
    assert any("outside schema scratch" in sentence for sentence in build.warnings)
    assert any("view scratch.lost was not carried over" in sentence for sentence in build.warnings)
    assert query(warehouse, "SELECT * FROM scratch.kept") == [(2,)]
    with duckdb.connect(str(warehouse.layout.root / "ethogram.scratch-backup-1.duckdb"), read_only=True) as con:
        assert con.execute("SELECT * FROM main.misplaced").fetchall() == [(1,)]
    assert warehouse.build_catalogue().warnings == ()


def test_an_unreadable_catalogue_is_replaced_and_kept(warehouse: Warehouse) -> None:
    fill(warehouse, "demo")
    warehouse.layout.catalogue.write_bytes(b"not a database" * 1000)
    build = warehouse.publish_and_build("demo")
    assert "could not be opened" in build.warnings[0]
    kept = warehouse.layout.root / "ethogram.scratch-backup-1.duckdb"
    assert kept.read_bytes().startswith(b"not a database")
    assert query(warehouse, "SELECT count(*) FROM corpus.message") == [(20,)]


WRITER = """
import os, sys, duckdb
con = duckdb.connect(sys.argv[1])
con.execute("CREATE TABLE scratch.mine AS SELECT 1 AS x")
print("open", flush=True); sys.stdin.readline()
con.execute("INSERT INTO scratch.mine VALUES (2)")
if sys.argv[2] == "close": con.close()
print("done", flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("ending", ["close", "crash"])
def test_a_writer_does_not_block_and_loses_nothing(warehouse: Warehouse, ending: str) -> None:
    fill(warehouse, "demo")
    path = warehouse.publish_and_build("demo").path
    command = [sys.executable, "-c", WRITER, str(path), ending]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin
        assert writer.stdout
        assert writer.stdout.readline() == "open\n"
        build = warehouse.build_catalogue()
        assert "could not be opened" in build.warnings[0]
        assert query(warehouse, "SELECT count(*) FROM corpus.message") == [(20,)]
        writer.stdin.write("\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "done\n"
    assert query(warehouse, "SELECT count(*) FROM corpus.message") == [(20,)]
    with duckdb.connect(str(warehouse.layout.root / "ethogram.scratch-backup-1.duckdb")) as con:
        assert con.execute("SELECT x FROM scratch.mine ORDER BY x").fetchall() == [(1,), (2,)]


def test_changes_of_a_program_that_crashed_are_carried_over(warehouse: Warehouse) -> None:
    fill(warehouse, "demo")
    path = warehouse.publish_and_build("demo").path
    code = "import duckdb,os,sys; c=duckdb.connect(sys.argv[1]); " \
           "c.execute('CREATE TABLE scratch.mine AS SELECT 7 AS x'); os._exit(1)"  # fmt: skip
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert path.with_name(path.name + ".wal").exists()
    warehouse.build_catalogue()
    assert query(warehouse, "SELECT x FROM scratch.mine") == [(7,)]
    assert not path.with_name(path.name + ".wal").exists()


BUILDER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from warehouse_rows import make_rows, make_settings
from pipeline.warehouse import Warehouse
warehouse = Warehouse(make_settings(Path(sys.argv[1])))
corpus_id = sys.argv[3]
for version in range(1, 3):
    with warehouse.corpus_lock(corpus_id):
        for table in ("reply_class", "lexicon_score"):
            warehouse.write(table, corpus_id, make_rows(table, version * 7), f"{version:012d}")
        warehouse.publish_and_build(corpus_id)
    warehouse.gc()
"""


def test_two_corpora_at_once_while_somebody_reads(warehouse: Warehouse, tmp_path: Path) -> None:
    fill(warehouse, "base", 3)
    warehouse.publish_and_build("base")
    command = [sys.executable, "-c", BUILDER, str(tmp_path), str(Path(__file__).parent)]
    builders = [subprocess.Popen([*command, corpus_id]) for corpus_id in ("one", "two")]
    seen = 0
    while any(builder.poll() is None for builder in builders):
        rows = query(
            warehouse,
            "SELECT corpus_id, count(*) FROM feature.reply_class GROUP BY ALL EXCEPT "
            "SELECT corpus_id, count(*) FROM feature.lexicon_score GROUP BY ALL",
        )
        assert rows == []
        seen += 1
    assert [builder.returncode for builder in builders] == [0, 0]
    assert seen > 0
    counts = query(warehouse, "SELECT corpus_id, count(*) FROM feature.lexicon_score GROUP BY ALL ORDER BY 1")
    assert counts == [("one", 14), ("two", 14)]


def test_a_second_run_of_a_corpus_waits_and_says_so(warehouse: Warehouse, caplog: pytest.LogCaptureFixture) -> None:
    order = []
    ready = threading.Event()
    child_code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]);"
        "from warehouse_rows import make_settings; from pipeline.warehouse import Warehouse\n"
        "with Warehouse(make_settings(Path(sys.argv[1]))).corpus_lock('demo'): print('in', flush=True); "
        "sys.stdin.readline()"
    )
    command = [sys.executable, "-c", child_code, str(warehouse.settings.home), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == "in\n"

        def second() -> None:
            ready.set()
            with warehouse.corpus_lock("demo"), warehouse.corpus_lock("demo"):  # re-entrant
                order.append("second")

        thread = threading.Thread(target=second)
        thread.start()
        ready.wait()
        thread.join(0.3)
        assert order == []
        with warehouse.corpus_lock("other"):
            pass
        child.stdin.close()
        thread.join(20)
    assert order == ["second"]
    assert "corpus 'demo' is in use by another process; waiting" in caplog.text


def test_garbage_is_not_collected_under_somebody_s_feet(warehouse: Warehouse) -> None:
    fill(warehouse, "demo", 10)
    fill(warehouse, "demo", 11)
    with warehouse.session("demo"):
        assert warehouse.gc() == []
    assert len(warehouse.gc()) == 3
    assert warehouse.check("message", "demo") == []
    assert os.listdir(warehouse.layout.parts(TABLES["message"], "demo", "")) == [f"{PRINT}11"]  # noqa: PTH208
