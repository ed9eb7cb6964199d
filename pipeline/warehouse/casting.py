"""Whether rows fit the description of their table, said in sentences.

What belongs here: the comparison of columns and types before rows are written, and the explanation of a
failed cast afterwards. A cast that could lose something (a rounded number, a time zone, a text that happens
to be a number) is refused by its type, so the answer does not depend on what a corpus holds; a column of
nothing but nulls fits any type.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from pipeline.schema import Column, Table
from pipeline.warehouse.errors import SchemaMismatch
from pipeline.warehouse.session import sql_identifier

_WHOLE = {f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")} | {
    "INTEGER",
    "UINTEGER",
}
_LOSSLESS: dict[str, set[str]] = {
    "VARCHAR": {"VARCHAR", "JSON", "UUID"},
    "BIGINT": _WHOLE,
    "INTEGER": _WHOLE,
    "DOUBLE": {"DOUBLE", "FLOAT"} | _WHOLE,
    "BOOLEAN": {"BOOLEAN"},
    "DATE": {"DATE"},
    "TIMESTAMP": {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "DATE"},
    "FLOAT[]": {"FLOAT[]"},
}


def is_lossless(found: str, expected: str) -> bool:
    """Tell whether every value of type `found` fits `expected`; whole numbers may still be out of range."""
    if found.strip('"') == "NULL" or found in _LOSSLESS[expected]:
        return True
    if expected == "VARCHAR":
        return found.startswith("ENUM(")
    if expected == "DOUBLE":
        return found.startswith("DECIMAL(")
    return expected == "FLOAT[]" and found.startswith("FLOAT[")


def check_source(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    source: str,
    params: Mapping[str, object],
    corpus_id: str,
) -> None:
    """Compare the columns of a query with the table before it is run.

    Parameters
    ----------
    con
        The connection that `source` belongs to.
    table
        Description of the table.
    source
        A parenthesised query.
    params
        Its bound parameters.
    corpus_id
        The corpus; a column ``corpus_id`` in the source has to say the same.

    Raises
    ------
    SchemaMismatch
        When columns are missing or unknown, or a type would lose something.
    """
    described = con.sql(f"DESCRIBE SELECT * FROM {source}", params=dict(params)).fetchall()
    found = {str(row[0]): str(row[1]) for row in described}
    expected = {column.name: column for column in table.columns}
    problems = []
    if missing := [name for name in expected if name not in found]:
        problems.append(f"columns {', '.join(missing)} are missing")
    if unknown := sorted(set(found) - set(expected) - {"corpus_id"}):
        problems.append(f"columns {', '.join(name[:60] for name in unknown)} are not in the description")
    if problems:
        raise SchemaMismatch(f"{table.qualified}: {'; '.join(problems)} (pipeline/schema describes the table)")
    doubtful = [c for name, c in expected.items() if not is_lossless(found[name], c.type)]
    if doubtful or "corpus_id" in found:
        _check_values(con, table, source, params, corpus_id, doubtful, found)


def _check_values(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    source: str,
    params: Mapping[str, object],
    corpus_id: str,
    doubtful: list[Column],
    found: Mapping[str, str],
) -> None:
    """Count the values of doubtful columns, and the rows of another corpus."""
    counts = [f'count("{column.name}")' for column in doubtful]
    bound = dict(params)
    if "corpus_id" in found:
        bound["corpus_id"] = corpus_id
        counts.append("count(*) FILTER (WHERE corpus_id IS DISTINCT FROM $corpus_id)")
    row = con.sql(f"SELECT {', '.join(counts)} FROM {source}", params=bound).fetchall()[0]
    for column, values in zip(doubtful, row, strict=False):
        if values:
            raise SchemaMismatch(
                f"{table.qualified}: column {column.name} should be {column.type}, found {found[column.name]} in "
                f"{values} rows; that cast could lose something, so write it in the query or frame"
            )
    if "corpus_id" in found and row[-1]:
        raise SchemaMismatch(
            f"{table.qualified}: column corpus_id should be {corpus_id!r}, found another corpus in {row[-1]} rows"
        )


def explain_failed_cast(
    con: duckdb.DuckDBPyConnection, table: Table, source: str, params: Mapping[str, object]
) -> str | None:
    """Return a sentence on the first column whose values do not fit its type, ``None`` when all fit."""
    bad = [
        f'count(*) FILTER (WHERE "{c.name}" IS NOT NULL AND TRY_CAST("{c.name}" AS {c.type}) IS NULL)'
        for c in table.columns
    ]
    types = [f'typeof(any_value("{c.name}"))' for c in table.columns]
    statement = f"SELECT {', '.join([*bad, *types])} FROM {source}"
    row = con.sql(statement, params=dict(params)).fetchall()[0]
    for index, column in enumerate(table.columns):
        if row[index]:
            found = row[len(table.columns) + index]
            return (
                f"{table.qualified}: column {column.name} should be {column.type}, found {found} "
                f"with {row[index]} values that do not fit"
            )
    return None


def check_stored(con: duckdb.DuckDBPyConnection, table: Table, paths: list[str]) -> list[str]:
    """Return what is wrong with the columns of stored files: names, order, types, nulls.

    Parameters
    ----------
    con
        A connection that may read the files.
    table
        Description of the table.
    paths
        The Parquet files.
    """
    relation = "read_parquet($paths, hive_partitioning = false)"
    described = con.sql(f"DESCRIBE SELECT * FROM {relation}", params={"paths": paths}).fetchall()
    found = [(str(row[0]), str(row[1])) for row in described]
    expected = [(column.name, column.type) for column in table.all_columns]
    if found != expected:
        differing = [f"{n} {t}" for n, t in expected if (n, t) not in found] or ["the order of the columns"]
        return [f"{table.qualified}: the stored columns differ from the description: {', '.join(differing)}"]
    required = [column.name for column in table.all_columns if column.required]
    counts = ", ".join(f"count(*) - count({sql_identifier(name)})" for name in required)
    nulls = con.sql(f"SELECT {counts} FROM {relation}", params={"paths": paths}).fetchall()[0]
    return [
        f"{table.qualified}: column {name} may not be null, found {count} nulls"
        for name, count in zip(required, nulls, strict=True)
        if count
    ]
