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
    """A format: its name, the version that provenance records, and its two functions.

    Attributes
    ----------
    recognises
        From path, container and the first 64 kB of a file: whether it is of this format. Not asked for Parquet,
        whose columns `table_kind` is asked about.
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
    extract: Callable[[duckdb.DuckDBPyConnection], None]
    table_kind: Callable[[frozenset[str]], str | None]
    describes: str
