"""Runs the adapters over the batches and stages the observations of each batch as Parquet.

One batch is in memory at a time; what it yields is appended to the staging folder, from which `merge` reads.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.ingest import mapping
from pipeline.ingest.formats import FORMATS, Adapter
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL
from pipeline.ingest.framing import Batch, json_batches, repaired_table
from pipeline.ingest.repair import Rejected
from pipeline.ingest.scan import Scan, SourceFile

STAGED = ("obs_message", "obs_agent", "obs_community", "obs_membership", "obs_reject")
CSV_LINE_LIMIT = 256 << 20

_DOCS_DDL = (
    "CREATE OR REPLACE TEMP TABLE docs (file_no INTEGER, doc_no BIGINT, byte_offset BIGINT, doc VARCHAR, "
    "is_repaired BOOLEAN, table_kind VARCHAR)"
)
# Position in reading order within the file; what was rejected has a position too.
_POSITIONS = """
CREATE OR REPLACE TEMP TABLE positions AS
SELECT file_no, doc_no, path, $base + row_number() OVER (PARTITION BY file_no ORDER BY doc_no, path) - 1 AS source_row
FROM (SELECT file_no, doc_no, path FROM records UNION ALL SELECT file_no, doc_no, path FROM rejects)
"""
_PLACED = """
CREATE OR REPLACE TEMP TABLE placed AS
SELECT r.file_no, p.source_row, r.kind, r.rec, r.root_hint, r.parent_hint, r.observed_text, r.is_repaired
FROM records r JOIN positions p ON p.file_no = r.file_no AND p.doc_no = r.doc_no AND p.path = r.path;
CREATE OR REPLACE TEMP TABLE placed_rejects AS
SELECT r.file_no, p.source_row, r.byte_offset, r.reason, r.detail, r.excerpt
FROM rejects r JOIN positions p ON p.file_no = r.file_no AND p.doc_no = r.doc_no AND p.path = r.path
"""
_DROP_REJECTED = """
DELETE FROM {table} WHERE EXISTS (
    SELECT 1 FROM obs_reject r WHERE r.file_no = {table}.file_no AND r.source_row = {table}.source_row)
"""


class Stager:
    """Turns batches of documents into staged observations.

    Parameters
    ----------
    con
        A connection of this ingestion alone; temporary tables are left in it.
    folder
        Where the staged Parquet files go; empty at the start.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.con = con
        self.folder = folder
        self.n_batches = 0
        self.rows_of: dict[int, int] = {}

    def run(self, scan: Scan, progress: Callable[[int], None]) -> None:
        """Stage every file that is read, and one reject for every file that cannot be.

        Parameters
        ----------
        scan
            The files of the corpus; the position in `scan.files` is the file number.
        progress
            Called with the number of bytes that each batch held.
        """
        numbered = list(enumerate(scan.files))
        self._unreadable([(n, file) for n, file in numbered if file.status == "unreadable"])
        for name in scan.formats:
            adapter = FORMATS[name]
            chosen = [(n, file) for n, file in numbered if file.status == "read" and file.format == name]
            json_files = [(n, file) for n, file in chosen if file.container in ("json", "jsonl")]
            for batch in json_batches(scan.folder, json_files):
                self._json(adapter, batch)
                progress(batch.n_bytes)
            for number, file in chosen:
                if file.container in ("csv", "tsv", "parquet"):
                    self._table(adapter, scan.folder, number, file)
                    progress(file.size)

    def _unreadable(self, files: list[tuple[int, SourceFile]]) -> None:
        rejected = [
            (n, 0, 0, Rejected(file.reason or "unreadable", "see the meaning of the reason", ""))
            for n, file in files
        ]
        self.con.execute(RECORDS_DDL)
        self.con.execute(REJECTS_DDL)
        self._finish(rejected, 0)

    def _json(self, adapter: Adapter, batch: Batch) -> None:
        con = self.con
        con.register("framed", batch.documents)
        is_good = "json_valid(doc) AND NOT contains(doc, '\\u0000')"
        faulty = con.sql(
            f"SELECT file_no, doc_no, byte_offset, doc FROM framed WHERE NOT ({is_good}) ORDER BY file_no, doc_no"
        ).fetchall()
        if faulty:
            mended, bad = repaired_table([row for row in faulty if row[3].strip()])
            con.register("mended", mended)
            con.execute(_DOCS_DDL)
            con.execute(
                f"INSERT INTO docs SELECT file_no, doc_no, byte_offset, doc, false, NULL FROM framed WHERE {is_good} "
                "UNION ALL SELECT file_no, doc_no, byte_offset, doc, true, NULL FROM mended"
            )
            con.unregister("mended")
        else:
            # All documents are sound: the adapter reads the Arrow columns in place.
            con.execute("DROP TABLE IF EXISTS docs")
            con.execute("CREATE OR REPLACE TEMP VIEW docs AS SELECT *, false AS is_repaired FROM framed")
            bad = []
        adapter.extract(con)
        con.execute("DROP VIEW docs" if not faulty else "DROP TABLE docs")
        con.unregister("framed")
        numbers = batch.documents["file_no"]
        single = numbers[0].as_py() if len(numbers) and numbers[0] == numbers[-1] else None
        self._finish([*batch.rejected, *bad], self.rows_of.get(single, 0) if single is not None else 0, single)

    def _table(self, adapter: Adapter, folder: Path, number: int, file: SourceFile) -> None:
        self.con.execute(_DOCS_DDL)
        loader = self._load_parquet if file.container == "parquet" else self._load_csv
        bad = loader(adapter, folder / file.path, number)
        adapter.extract(self.con)
        self._finish(bad, 0)

    def _load_parquet(self, adapter: Adapter, path: Path, number: int) -> list[tuple[int, int, int, Rejected]]:
        try:
            names = self.con.sql("SELECT * FROM read_parquet($path) LIMIT 0", params={"path": str(path)}).columns
            kind = adapter.table_kind(frozenset(names))
            if kind is None:
                return []
            self.con.execute(
                "INSERT INTO docs SELECT $number, row_number() OVER () - 1, NULL, CAST(to_json(t) AS VARCHAR), false, "
                "$kind FROM read_parquet($path, hive_partitioning = false) t",
                {"number": number, "kind": kind, "path": str(path)},
            )
        except duckdb.Error as error:
            self.con.execute(_DOCS_DDL)
            return [(number, 0, 0, Rejected("bad_parquet", str(error).split("\n", 1)[0][:200], ""))]
        return []

    def _load_csv(self, adapter: Adapter, path: Path, number: int) -> list[tuple[int, int, int, Rejected]]:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            header = [name.strip() for name in next(csv.reader(stream, delimiter=delimiter), [])]
        kind = adapter.table_kind(frozenset(header))
        if kind is None or len(set(header)) != len(header):
            return []
        types = dict.fromkeys(header, "VARCHAR")
        self.con.execute(
            "INSERT INTO docs SELECT $number, row_number() OVER () - 1, NULL, CAST(to_json(t) AS VARCHAR), false, $kind "
            "FROM read_csv($path, auto_detect = false, columns = $types, header = true, delim = $delim, quote = '\"', "
            "escape = '\"', store_rejects = true, rejects_table = 'csv_rejects', rejects_scan = 'csv_scans', "
            "max_line_size = $limit, strict_mode = true, parallel = false) t",
            {
                "number": number,
                "kind": kind,
                "path": str(path),
                "types": types,
                "delim": delimiter,
                "limit": CSV_LINE_LIMIT,
            },
        )
        return list(self._csv_rejects(number))

    def _csv_rejects(self, number: int) -> Iterator[tuple[int, int, int, Rejected]]:
        rows = self.con.sql(
            "SELECT line, min(line_byte_position), min(CAST(error_type AS VARCHAR)), min(csv_line) FROM csv_rejects "
            "GROUP BY line ORDER BY line"
        ).fetchall()
        self.con.execute("DROP TABLE csv_rejects; DROP TABLE csv_scans")
        for index, (line, offset, kind, text) in enumerate(rows):
            reason = "invalid_utf8" if "UNICODE" in kind.upper() else "bad_row_width"
            detail = f"line {line}: {kind.lower().replace('_', ' ')}; the row was set aside"
            yield number, 10**12 + index, offset, Rejected(reason, detail, text or "")

    def _finish(self, bad: list[tuple[int, int, int, Rejected]], base: int, single: int | None = None) -> None:
        """Place the records in their files, map them, and write the observations of the batch."""
        con = self.con
        if bad:
            con.register("bad", _rejects_table(bad))
            con.execute("INSERT INTO rejects SELECT * FROM bad")
            con.unregister("bad")
        con.execute(_POSITIONS, {"base": base})
        if single is not None:
            self.rows_of[single] = base + int(con.sql("SELECT count(*) FROM positions").fetchall()[0][0])
        for statement in _PLACED.split(";"):
            con.execute(statement)
        for statement in mapping.message_sql().split(";\n"):
            con.execute(statement)
        con.execute(mapping.agent_sql())
        con.execute(mapping.community_sql())
        con.execute(mapping.membership_sql())
        con.execute(mapping.reject_sql())
        for table in ("obs_message", "obs_agent", "obs_community"):
            con.execute(_DROP_REJECTED.format(table=table))
        for table in STAGED:
            target = self.folder / table / f"{self.n_batches:06d}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            con.execute(f"COPY {table} TO '{_quoted(target)}' (FORMAT parquet)")
        self.n_batches += 1


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _rejects_table(bad: list[tuple[int, int, int, Rejected]]) -> pa.Table:
    return pa.table(
        {
            "file_no": pa.array([b[0] for b in bad], pa.int32()),
            "doc_no": pa.array([b[1] for b in bad], pa.int64()),
            "path": pa.array(["" for _ in bad], pa.string()),
            "byte_offset": pa.array([b[2] for b in bad], pa.int64()),
            "reason": pa.array([b[3].reason for b in bad], pa.string()),
            "detail": pa.array([b[3].detail for b in bad], pa.string()),
            "excerpt": pa.array([b[3].excerpt for b in bad], pa.string()),
        }
    )
