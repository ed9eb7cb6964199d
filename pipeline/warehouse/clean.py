"""What the catalogue and shared files hold instead of the raw value of a column: the same without credentials.

What belongs here: the choice of what is done to which column, as SQL. Raw texts stay in the parts of the store only.
Hashes stay as they are, because rows are joined by them; an id that holds a credential is replaced by the same in every
table, so joins by ids hold too. The result depends on the value alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipeline.schema import Column, Table
from pipeline.warehouse.redact import has_credential_sql, redact_credentials_sql, redact_json
from pipeline.warehouse.session import files_select, sql_identifier

# Columns of corpus and feature tables that hold words of ours or of a fixed list; every other VARCHAR of those
# layers may hold anything that somebody wrote.
_OURS = frozenset(
    {
        "sha256", "container", "status", "reason", "adapter_version", "at_precision", "clock", "kind", "format",
        "format_origin", "table_name", "agent_kind", "relation", "action", "flags", "lexicon", "category", "rule",
        "class", "rung", "filter", "target_kind",
    }
)  # fmt: skip
_OURS_IDS = frozenset(
    {"corpus_id", "slice_id", "measure_id", "spec_id", "hypothesis_id", "run_id", "source_file_id", "template_id"}
)
_OURS_TABLES = frozenset(
    {"embedding", "persona_embedding"}
)  # the name of the model is ours, and vectors are not copied without need
_WRITTEN = frozenset({"unit_id"})  # of the analysis layer: names of communities and of models
_JSON = frozenset({"extra"})
MOST_SEARCHED = 50_000  # rows that are searched for hints before they are copied


def holds_text(table: Table, column: Column) -> bool:
    """Tell whether a column may hold text of the corpus."""
    is_ours = table.layer == "analysis" or table.name in _OURS_TABLES or column.name in _OURS
    if column.type != "VARCHAR" or is_ours:
        return False
    return not column.name.endswith(("_id", "_hash"))


def holds_id(table: Table, column: Column) -> bool:
    """Tell whether a column holds an id that somebody else gave."""
    if column.type != "VARCHAR" or not column.name.endswith("_id") or column.name in _OURS_IDS:
        return False
    return table.layer != "analysis" or column.name in _WRITTEN


def is_cleaned(table: Table) -> bool:
    """Tell whether any column of a table may hold a credential."""
    return any(_may_hold(table, column) for column in table.all_columns)


def clean_sql(table: Table, column: Column, prefix: str = "") -> str:
    """Return a DuckDB expression of the value of a column without credentials.

    Parameters
    ----------
    table, column
        The column.
    prefix
        What stands before the name, such as ``t.``. The connection has `add_functions`.
    """
    name = prefix + sql_identifier(column.name)
    if column.name in _JSON:
        # An escape may hide what the hint looks for.
        return (
            f"CASE WHEN {has_credential_sql(name)} OR contains({name}, '\\u') THEN redact_json({name}) ELSE {name} END"
        )
    if holds_text(table, column):
        return redact_credentials_sql(name)
    if holds_id(table, column):
        clean = redact_credentials_sql(name)
        return (
            f"CASE WHEN NOT {has_credential_sql(name)} OR {clean} = {name} THEN {name} "
            f"ELSE {clean} || '#' || left(sha256({name}), 12) END"
        )
    return name


def suspects(con: duckdb.DuckDBPyConnection, table: Table, select: str, rows: int) -> frozenset[str]:
    """Return the columns that have to be cleaned: those in which some value hints at a credential.

    To bind the expressions of a column costs more than to search a small table for hints; the texts of a large one are
    searched as they are copied, and so only once.

    Parameters
    ----------
    con
        A connection.
    table
        The table.
    select
        A SELECT of its rows.
    rows
        Their number.
    """
    found = {c.name for c in table.all_columns if holds_text(table, c) and rows > MOST_SEARCHED}
    looked_at = [c.name for c in table.all_columns if c.name not in found and _may_hold(table, c)]
    if looked_at and rows:
        hints = ", ".join(f"coalesce(bool_or({_hint_sql(sql_identifier(name))}), false)" for name in looked_at)
        answers = con.sql(f"SELECT {hints} FROM ({select})").fetchall()[0]
        found |= {name for name, answer in zip(looked_at, answers, strict=True) if answer}
    return frozenset(found)


def clean_select(con: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path], rows: int) -> str:
    """Return a SELECT of the columns of a table without credentials, in the order of the files."""
    select = files_select(table, files)
    if not (found := suspects(con, table, select, rows)):
        return select
    columns = ", ".join(
        f"{clean_sql(table, c) if c.name in found else sql_identifier(c.name)} AS {sql_identifier(c.name)}"
        for c in table.all_columns
    )
    return f"SELECT {columns} FROM ({select})"


def _may_hold(table: Table, column: Column) -> bool:
    return holds_text(table, column) or holds_id(table, column)


def _hint_sql(name: str) -> str:
    # Of JSON, an escape may hide what the hint looks for.
    return f"{has_credential_sql(name)}" + (f" OR contains({name}, '\\u')" if name.endswith('"extra"') else "")


def add_functions(con: duckdb.DuckDBPyConnection) -> None:
    """Add the one function that is no SQL; it is called for the few unmapped fields that may hold a credential."""
    con.create_function("redact_json", redact_json, ["VARCHAR"], "VARCHAR")
