"""A file to pass on: the published tables without personal columns and with credentials redacted.

What belongs here: which columns leave, which are redacted, and the writing of the file. Identifiers and
hashes stay as they are, because rows are joined by them.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl

from pipeline.schema import TABLES, Column, Table
from pipeline.settings import Settings
from pipeline.warehouse import catalogue, publish
from pipeline.warehouse.errors import UnknownCorpusError, WarehouseError
from pipeline.warehouse.files import sync
from pipeline.warehouse.layout import Layout
from pipeline.warehouse.redact import redact_sql, scrub_json
from pipeline.warehouse.session import files_select, sql_identifier, sql_literal

# Columns of corpus and feature tables that hold words of ours or of a fixed list; every other VARCHAR of those
# layers may hold anything that somebody wrote.
_OURS = frozenset(
    {
        "sha256", "container", "status", "reason", "adapter_version", "at_precision", "clock", "kind", "format",
        "format_origin", "table_name", "agent_kind", "relation", "action", "flags", "lexicon", "category", "rule",
        "class", "rung", "filter", "target_kind",
    }
)  # fmt: skip
_OURS_IDS = frozenset({"corpus_id", "slice_id", "measure_id", "spec_id", "hypothesis_id", "run_id", "source_file_id"})
_JSON = frozenset({"extra"})
_SIDES = ("slice_a", "slice_b")  # columns that name a slice as corpus/slice
_BATCH = 20_000  # unmapped fields scrubbed at a time


def holds_text(table: Table, column: Column) -> bool:
    """Tell whether a column may hold text of the corpus, which is then redacted."""
    if column.type != "VARCHAR" or table.layer == "analysis" or column.name in _OURS:
        return False
    return not column.name.endswith(("_id", "_hash"))


def share(settings: Settings, out: Path, corpora: Sequence[str] | None) -> Path:
    """Write one self-contained DuckDB file of published corpora; the caller holds the use lock.

    Parameters
    ----------
    settings
        The settings.
    out
        The file; it is replaced when it exists.
    corpora
        Corpus ids; ``None`` for all that are published. Tables about the project always come along, of comparisons
        the rows whose two sides are chosen.

    Raises
    ------
    UnknownCorpusError
        When a corpus is not published.
    """
    layout = Layout(settings.warehouse)
    out = out.absolute()
    shown = _chosen(layout, corpora)
    if out.is_dir() or out == layout.catalogue:
        raise WarehouseError(f"cannot write the shared file to {out}: name a new file, such as share/ethogram.duckdb")
    out.parent.mkdir(parents=True, exist_ok=True)
    with catalogue.new_database(settings, out.parent, f".{out.name}-") as (con, path):
        for table in TABLES.values():
            _add_table(con, layout, table, shown, None if corpora is None else sorted(set(corpora)))
        catalogue.add_meta(con, shown, _about(shown))
        if corpora is not None:
            _count_comparisons(con)
        con.execute("USE memory")
        con.execute(f"DETACH {catalogue.DATABASE}")
        sync(path)
        path.replace(out)
        sync(out.parent)
    return out


def _chosen(layout: Layout, corpora: Sequence[str] | None) -> list[publish.Snapshot]:
    shown = publish.snapshots(layout)
    published = [snapshot.corpus_id for snapshot in shown if snapshot.corpus_id != "*"]
    if corpora is None:
        return shown
    if unknown := sorted(set(corpora) - set(published)):
        raise UnknownCorpusError(
            f"corpora {', '.join(map(repr, unknown))} are not published; published: {', '.join(published) or 'none'}"
        )
    return [snapshot for snapshot in shown if snapshot.corpus_id in {"*", *corpora}]


def _add_table(
    con: duckdb.DuckDBPyConnection,
    layout: Layout,
    table: Table,
    shown: list[publish.Snapshot],
    corpora: Sequence[str] | None,
) -> None:
    """Make a native table of the columns that may leave, of the rows about the chosen corpora (``None``: all)."""
    columns = [column for column in table.all_columns if not column.is_private]
    body = ", ".join(f"{sql_identifier(c.name)} {c.type}{' NOT NULL' if c.required else ''}" for c in columns)
    con.execute(f"CREATE TABLE {table.qualified} ({body})")
    files, rows, _ = catalogue.parts_of(layout, table, shown)
    if rows:
        expressions = [_expression(table, column) for column in columns]
        joined = ""
        if any(column.name in _JSON for column in columns):
            _scrub_extras(con, files_select(table, files))
            joined = " LEFT JOIN memory.scrubbed AS s ON s.before = t.extra"
        order = ", ".join(f"t.{sql_identifier(name)} NULLS FIRST" for name in table.sort_key)
        con.execute(
            f"INSERT INTO {table.qualified} SELECT {', '.join(expressions)} "
            f"FROM ({files_select(table, files)}) AS t{joined}{_only(table, corpora)} ORDER BY {order}"
        )
    left_out = frozenset(column.name for column in table.all_columns if column.is_private)
    for statement in catalogue.comments(table, left_out=left_out):
        con.execute(statement)


def _only(table: Table, corpora: Sequence[str] | None) -> str:
    """Return the condition on rows that name corpora on two sides; other tables have none."""
    if corpora is None or not {column.name for column in table.columns}.issuperset(_SIDES):
        return ""
    chosen = ", ".join(map(sql_literal, corpora))
    return " WHERE " + " AND ".join(f"split_part(t.{side}, '/', 1) IN ({chosen})" for side in _SIDES)


def _count_comparisons(con: duckdb.DuckDBPyConnection) -> None:
    """Set the number of rows in ``meta.part`` to those that came along."""
    for table in TABLES.values():
        if {column.name for column in table.columns}.issuperset(_SIDES):
            con.execute(
                "UPDATE meta.part AS p SET rows = "
                f'(SELECT count(*) FROM {table.qualified} AS t WHERE t.corpus_id = p.corpus_id) WHERE "table" = ?',
                [table.name],
            )


def _expression(table: Table, column: Column) -> str:
    name = f"t.{sql_identifier(column.name)}"
    if column.name in _JSON:
        return "s.after"
    if holds_text(table, column):
        return redact_sql(name)
    if column.type == "VARCHAR" and column.name.endswith("_id") and column.name not in _OURS_IDS:
        # Ids are joined on: what is redacted in one table is so in all, and two of them stay different.
        clean = redact_sql(name)
        return (
            f"CASE WHEN {clean} IS DISTINCT FROM {name} THEN {clean} || '#' || left(sha256({name}), 12) ELSE {name} END"
        )
    return name


def _scrub_extras(con: duckdb.DuckDBPyConnection, select: str) -> None:
    """Make the table ``scrubbed`` of every distinct JSON of unmapped fields and what may leave of it."""
    con.execute("CREATE OR REPLACE TABLE memory.scrubbed (before VARCHAR, after VARCHAR)")
    reader = con.sql(f"SELECT DISTINCT extra FROM ({select}) AS t WHERE extra IS NOT NULL").to_arrow_table()
    distinct = pl.Series(reader.column(0).to_pylist(), dtype=pl.String)
    for start in range(0, len(distinct), _BATCH):
        before = distinct[start : start + _BATCH]
        after = [scrub_json(text) for text in before]
        con.register("batch", pl.DataFrame({"before": before, "after": after}, schema_overrides={"after": pl.String}))
        con.execute("INSERT INTO memory.scrubbed SELECT before, after FROM batch")
        con.unregister("batch")


def _about(shown: list[publish.Snapshot]) -> dict[str, str]:
    return {
        "format_version": catalogue.FORMAT_VERSION,
        "built_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "corpora": ", ".join(snapshot.corpus_id for snapshot in shown),
        "shared": (
            "Personal columns are left out; what looks like a credential, an e-mail address or a wallet is "
            "replaced by [redacted:<kind>]. Patterns miss what they do not know: look before you pass the file "
            "on. table_hash and text_hash are of the rows and texts before redaction."
        ),
        "documentation": "docs/tables.md; every table and column has a comment, see duckdb_columns().",
    }
