"""What the simulators that leave a SQLite database have in common: a file is a run, and its rows become documents.

What belongs here: the id of a run, the state of the file before it is read, the joining of small tables, and the step
from documents to records. What a row means belongs to the adapter.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL
from pipeline.ingest.repair import Rejected
from pipeline.ingest.sqlite_source import (
    BATCH_BYTES,
    BATCH_ROWS,
    Database,
    UnreadableDatabaseError,
    database_documents,
)

if TYPE_CHECKING:
    from pipeline.ingest.scan import SourceFile

Reader = Callable[[Database, duckdb.DuckDBPyConnection, str], Iterator[pa.Table]]

# Names that would be taken for no run at all, or for the run of a platform; room behind a run for a letter and a UUID.
_NO_RUNS = frozenset({*q.NULL_WORDS, "-1", "observed"})
_MOST_RUN_CHARS, _SHORT_RUN_CHARS = q.MAX_ID_CHARS - 48, 60


def run_id_of(path: str) -> str:
    """Return the id of a run: the path of its file below the corpus, without suffix and without odd characters.

    Where that alone does not give the path back, a digest of the path follows: ``a/b.db`` and ``a-b.db`` are two runs.
    So it does behind a spelling of null and ``observed``, and behind the first characters of a long path.
    """
    stem = path[: -len(suffix)] if (suffix := Path(path).suffix) else path
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", stem)
    if path == f"{plain}.db" and plain.lower() not in _NO_RUNS and len(plain) <= _MOST_RUN_CHARS:
        return plain
    digest = hashlib.sha256(path.encode()).hexdigest()[:8]
    return f"{plain if len(plain) + 9 <= _MOST_RUN_CHARS else plain[:_SHORT_RUN_CHARS]}-{digest}"


def run_documents(path: Path, file: SourceFile, reader: Reader) -> Iterator[pa.Table | Rejected]:
    """Yield the records of a database, each as a JSON object with its kind; rejects have the kind 'reject'.

    Parameters
    ----------
    path
        The database on disk.
    file
        Its description; the run takes its id from the path below the corpus.
    reader
        From the open database, a DuckDB connection of its own and the id of the run the tables of documents.
    """

    def read(database: Database) -> Iterator[pa.Table | Rejected]:
        with closing(duckdb.connect(config={"threads": 1})) as con:
            con.execute("SET TimeZone = 'UTC'")
            yield from joined(reader(database, con, run_id_of(file.path)))

    yield from database_documents(path, file.size, read)


def joined(parts: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Join small tables of documents: every table that is handed on costs a round of statements."""
    held: list[pa.Table] = []
    try:
        for part in parts:
            held.append(part)
            if sum(t.num_rows for t in held) >= BATCH_ROWS or sum(t.nbytes for t in held) >= BATCH_BYTES:
                yield pa.concat_tables(held)
                held = []
    except UnreadableDatabaseError:
        if held:
            yield pa.concat_tables(held)
        raise
    if held:
        yield pa.concat_tables(held)


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` and ``rejects`` from ``docs``: every document is one record or reject."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    con.execute("""
        INSERT INTO records
        SELECT file_no, doc_no, '', table_kind, CAST(doc AS JSON), NULL, NULL, NULL, NULL, repair, NULL, 0
        FROM docs WHERE table_kind <> 'reject'
    """)
    con.execute("""
        INSERT INTO rejects
        SELECT file_no, doc_no, '', NULL, json_extract_string(doc, '$.reason'), json_extract_string(doc, '$.detail'),
               json_extract_string(doc, '$.excerpt')
        FROM docs WHERE table_kind = 'reject'
    """)
