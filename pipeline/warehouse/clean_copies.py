"""Copies without credentials of the parts that the catalogue shows as they lie, through a view.

What belongs here: where the copies are, and making those that are missing. A large table is a view over files, and a
view that redacted on the fly would do it again for every query, in words of SQL that older clients do not know. So such
a part has a copy beside it, made once: the name of its folder holds that of the part and a digest of the patterns. A
copy lives as long as its part; `publish.collect_garbage` removes both.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipeline.schema import Table
from pipeline.warehouse.clean import MOST_SEARCHED, clean_select, is_cleaned
from pipeline.warehouse.files import sync, temporary_folder
from pipeline.warehouse.layout import Layout
from pipeline.warehouse.parts import ROW_GROUP_ROWS
from pipeline.warehouse.redact import CREDENTIAL_HINT
from pipeline.warehouse.redact_patterns import CREDENTIALS
from pipeline.warehouse.session import sql_literal

PREFIX = "clean-"


@functools.cache
def rules() -> str:
    """Return a digest of the patterns: other patterns make other copies."""
    lines = [CREDENTIAL_HINT, *(f"{pattern.regex}\t{pattern.replacement}" for pattern in CREDENTIALS)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def copy_of(part: Path) -> Path:
    """Return where the copy of a part is, or would be."""
    return part.parent.with_name(f"{PREFIX}{rules()}-{part.parent.name}") / part.name


def original_of(folder: Path) -> Path | None:
    """Return the folder of the part that a folder holds a copy of, ``None`` when it is no such folder."""
    if not folder.name.startswith(PREFIX):
        return None
    return folder.with_name(folder.name.removeprefix(PREFIX).partition("-")[2])


def clean_files(con: duckdb.DuckDBPyConnection, layout: Layout, table: Table, files: Sequence[Path]) -> list[Path]:
    """Return the files that the view of a table may show, in the same order; missing copies are made.

    The caller holds the lock on the catalogue, so nobody else makes copies, and nobody removes any.
    """
    if not is_cleaned(table):
        return list(files)
    for part in files:
        if not copy_of(part).exists():
            _make(con, layout, table, part)
    return [copy_of(part) for part in files]


def _make(con: duckdb.DuckDBPyConnection, layout: Layout, table: Table, part: Path) -> None:
    target = copy_of(part)
    with temporary_folder(target.parent.parent, layout.root) as folder:
        path = folder / part.name
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
        con.execute(
            f"COPY ({clean_select(con, table, [part], MOST_SEARCHED + 1)}) TO {sql_literal(str(path))} ({options})"
        )
        sync(path)
        folder.replace(target.parent)
    sync(target.parent.parent)
