"""What an adapter is, and the two tables that it fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

RECORDS_DDL = (
    "CREATE OR REPLACE TEMP TABLE records (file_no INTEGER, doc_no BIGINT, path VARCHAR, kind VARCHAR, rec JSON, "
    "root_hint VARCHAR, parent_hint VARCHAR, observed_text VARCHAR, dump_text VARCHAR, repair VARCHAR, "
    "replies JSON, nesting INTEGER)"
)
REJECTS_DDL = (
    "CREATE OR REPLACE TEMP TABLE rejects (file_no INTEGER, doc_no BIGINT, path VARCHAR, byte_offset BIGINT, "
    "reason VARCHAR, detail VARCHAR, excerpt VARCHAR)"
)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A format: its name, the version that provenance records, and its functions.

    Attributes
    ----------
    recognises
        From path, container and the first 64 kB of a file: whether it is of this format. Not asked for Parquet,
        whose columns `table_kind` is asked about.
    read_usual
        Where most documents have one shape: fills ``read_message`` from ``framed`` in one parse, and returns the
        documents (file_no, doc_no) that are left to `extract`. Fails with DuckDB's error when one is no JSON.
    extract
        Fills ``records`` and ``rejects`` from ``docs``.
    table_kind
        For containers with columns (csv, parquet): the kind of record that a table of these columns holds, or
        None when it holds none.
    describes
        One paragraph for docs/formats.md: the layout, and what it cannot tell us.
    """

    name: str
    version: str
    system: str
    containers: frozenset[str]
    recognises: Callable[[str, str, bytes], bool]
    read_usual: Callable[[duckdb.DuckDBPyConnection], list[tuple[int, int]]] | None
    extract: Callable[[duckdb.DuckDBPyConnection], None]
    table_kind: Callable[[frozenset[str]], str | None]
    describes: str
