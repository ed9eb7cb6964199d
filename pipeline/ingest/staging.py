"""Runs the adapters over the batches and stages the observations of each batch as Parquet.

A few batches are in memory at a time, each worked on by a thread with a cursor of its own; what a batch yields is
appended to the staging folder, from which `merge` reads. The names of the staged files follow the order of reading,
so threads change nothing in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from pipeline.ingest import events, mapping, profiles
from pipeline.ingest import sqltools as q
from pipeline.ingest.formats import Adapter
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL
from pipeline.ingest.framing import Bad, Batch, batches, repaired_table
from pipeline.ingest.repair import Rejected
from pipeline.ingest.scan import Scan

STAGED = ("obs_message", "obs_agent", "obs_community", "obs_membership", "obs_reject")
MOST_WORKERS = 4
# Read once and thrown away: no time goes to making these files small.
STAGED_OPTIONS = "FORMAT parquet, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1, WRITE_BLOOM_FILTER false"

# Position in reading order within the file; what was rejected has a position too.
_POSITIONS = """
CREATE OR REPLACE TEMP TABLE positions AS
SELECT file_no, rid, origin, row_number() OVER (PARTITION BY file_no ORDER BY doc_no, path) - 1 AS source_row
FROM (SELECT file_no, doc_no, path, rowid AS rid, 'record' AS origin FROM records
      UNION ALL SELECT file_no, doc_no, path, rowid, 'message' FROM read_message
      UNION ALL SELECT file_no, doc_no, path, rowid, 'reject' FROM rejects)
"""
_PLACED = (
    "CREATE OR REPLACE TEMP VIEW placed AS SELECT r.file_no, p.source_row, r.kind, r.rec, r.root_hint, r.parent_hint, "
    "k.observed_at, k.dumped_at, r.repair FROM records r JOIN positions p ON p.origin = 'record' AND p.rid = r.rowid "
    "JOIN clocks k ON k.observed_text IS NOT DISTINCT FROM r.observed_text "
    "AND k.dump_text IS NOT DISTINCT FROM r.dump_text",
    "CREATE OR REPLACE TEMP VIEW placed_rejects AS SELECT r.file_no, p.source_row, r.byte_offset, r.reason, r.detail, "
    "r.excerpt FROM rejects r JOIN positions p ON p.origin = 'reject' AND p.rid = r.rowid",
)
_IS_SOUND = f"json_valid(doc) AND {q.NO_FORBIDDEN_VALUE}"


class Stager:
    """Turns batches of documents into staged observations.

    Parameters
    ----------
    con
        A connection of this ingestion alone; every worker opens a cursor on it.
    folder
        Where the staged Parquet files go; empty at the start.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.con = con
        self.folder = folder
        self.n_batches = 0
        self.paths: pa.Table | None = None
        threads = int(con.sql("SELECT current_setting('threads')").fetchall()[0][0])
        self.n_workers = min(threads, MOST_WORKERS)
        for table in (*STAGED, "obs_event"):
            (folder / table).mkdir(parents=True, exist_ok=True)

    def run(self, scan: Scan, progress: Callable[[int], None]) -> None:
        """Stage every file that is read, and one reject for every file that cannot be.

        Parameters
        ----------
        scan
            The files of the corpus; the position in `scan.files` is the file number.
        progress
            Called with the number of bytes that each batch held.
        """
        bad: Bad = [
            (n, 0, 0, Rejected(file.reason or "unreadable", "see the meaning of the reason", ""))
            for n, file in enumerate(scan.files)
            if file.status == "unreadable"
        ]
        with ThreadPoolExecutor(self.n_workers) as pool:
            for name in scan.formats:
                chosen = [(n, f) for n, f in enumerate(scan.files) if f.status == "read" and f.format == name]
                source = batches(scan.folder, chosen, scan.adapters[name].table_kind, scan.adapters[name].documents)
                if scan.adapters[name].is_canonical:
                    self.paths = pa.table(
                        {"file_no": pa.array([n for n, _ in chosen], pa.int32()), "path": [f.path for _, f in chosen]}
                    )
                self._stage(scan.adapters[name], pool, source, progress)
        if bad or not self.n_batches:
            worker = _Worker(self.con.cursor(), self.folder)
            worker.rejects(bad, self.n_batches)
            worker.close()

    def _stage(
        self, adapter: Adapter, pool: ThreadPoolExecutor, source: Iterator[Batch], progress: Callable[[int], None]
    ) -> None:
        """Hand the batches to the workers, never more than one beyond what they can hold."""
        waiting: list[tuple[Future[None], int]] = []
        bases: dict[int, Future[int]] = {}
        for batch in source:
            base: Future[int] | None = None
            after: Future[int] = Future()
            if batch.single is not None:
                base, bases[batch.single] = bases.get(batch.single), after
            future = pool.submit(self._work, adapter, batch, self.n_batches, base, after)
            waiting.append((future, batch.n_bytes))
            self.n_batches += 1
            while len(waiting) > self.n_workers:
                _finish(waiting.pop(0), progress)
        while waiting:
            _finish(waiting.pop(0), progress)

    def _work(self, adapter: Adapter, batch: Batch, number: int, base: Future[int] | None, after: Future[int]) -> None:
        worker = _Worker(self.con.cursor(), self.folder)
        if adapter.is_canonical:
            worker.con.register("source_paths", self.paths)
        try:
            worker.batch(adapter, batch, number, base, after)
        except BaseException as error:
            if not after.done():
                after.set_exception(error)
            raise
        finally:
            worker.close()


def _finish(waiting: tuple[Future[None], int], progress: Callable[[int], None]) -> None:
    future, n_bytes = waiting
    future.result()
    progress(n_bytes)


class _Worker:
    """Works on one batch at a time, in temporary tables that nobody else sees."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.con = con
        self.folder = folder
        con.execute("SET TimeZone = 'UTC'")

    def close(self) -> None:
        self.con.close()

    def rejects(self, bad: Bad, number: int) -> None:
        """Stage rejects alone, and with them every table in its shape even when no file is read."""
        self.con.execute(RECORDS_DDL)
        self.con.execute(REJECTS_DDL)
        self.con.execute(mapping.NO_MESSAGES_READ)
        self._place(bad)
        self._map(number, 0, is_canonical=False)

    def batch(self, adapter: Adapter, batch: Batch, number: int, base: Future[int] | None, after: Future[int]) -> None:
        """Stage one batch; `base` tells the rows of the same file before it, `after` is told their new number."""
        bad: Bad = []
        is_whole = self._read_usual(adapter, batch)
        if is_whole and not self._any("SELECT count(*) FROM read_message WHERE replies <> '[]'"):
            self.con.execute(RECORDS_DDL)
            self.con.execute(REJECTS_DDL)
        else:
            bad = self._docs(batch)
            adapter.extract(self.con)
        self._place([*batch.rejected, *bad])
        rows = int(self.con.sql("SELECT count(*) FROM positions").fetchall()[0][0])
        before = base.result() if base is not None else 0
        after.set_result(before + rows)
        self._map(number, before, is_canonical=adapter.is_canonical)
        self.con.unregister("framed")

    def _read_usual(self, adapter: Adapter, batch: Batch) -> bool:
        """Let the adapter read what it can in one pass; what is left becomes ``framed``. Return whether nothing is."""
        con = self.con
        con.register("framed", batch.documents)
        if adapter.read_usual is not None:
            try:
                left = adapter.read_usual(con)
            except duckdb.InvalidInputException:
                pass  # some document is no JSON: all of the batch is read step by step
            else:
                con.register("framed", _only(batch.documents, left))
                return not left
        con.execute(mapping.NO_MESSAGES_READ)
        return False

    def _docs(self, batch: Batch) -> Bad:
        """Make ``docs``: the Arrow columns in place, or a copy when some documents had to be repaired."""
        con = self.con
        columns = "file_no, doc_no, byte_offset, doc, repair, table_kind"
        faulty = con.sql(
            f"SELECT file_no, doc_no, byte_offset, doc FROM framed WHERE NOT ({_IS_SOUND}) ORDER BY file_no, doc_no"
        ).fetchall()
        if not faulty:
            con.execute(f"CREATE OR REPLACE TEMP VIEW docs AS SELECT {columns} FROM framed")
            return []
        mended, bad = repaired_table([row for row in faulty if row[3].strip()], batch.table_kind)
        con.register("mended", mended)
        con.register("faulty", pa.table({"file_no": [r[0] for r in faulty], "doc_no": [r[1] for r in faulty]}))
        is_faulty = "EXISTS (SELECT 1 FROM faulty f WHERE f.file_no = d.file_no AND f.doc_no = d.doc_no)"
        kept = "m.file_no, m.doc_no, m.byte_offset, m.doc, m.repair, f.table_kind"
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW docs AS SELECT {columns} FROM framed d WHERE NOT {is_faulty} UNION ALL "
            f"SELECT {kept} FROM mended m JOIN framed f ON f.file_no = m.file_no AND f.doc_no = m.doc_no"
        )
        return bad

    def _place(self, bad: Bad) -> None:
        """Give every record and every reject its position in the file."""
        con = self.con
        if bad:
            con.register("bad", _rejects_table(bad))
            con.execute("INSERT INTO rejects SELECT * FROM bad")
            con.unregister("bad")
        con.execute(_POSITIONS)
        con.execute(mapping.CLOCKS)
        for statement in _PLACED:
            con.execute(statement)

    def _any(self, counting: str) -> bool:
        return bool(self.con.sql(counting).fetchall()[0][0])

    def _map(self, number: int, base: int, *, is_canonical: bool) -> None:
        """Map the records and write the observations of the batch."""
        con = self.con
        messages = f"(SELECT rec FROM records WHERE {mapping.IS_MESSAGE})"
        if has_records := self._any(f"SELECT count(*) FROM {messages}"):
            has_unknown = self._any(mapping.unknown_keys_sql("json_keys(rec)", messages))
            con.execute(mapping.parsed_message_sql(has_unknown=has_unknown, is_canonical=is_canonical))
        con.execute(mapping.parsed_message_view(has_records=has_records, is_canonical=is_canonical))
        is_clean = not self._any(mapping.UNCLEAN_MESSAGES)
        con.execute(mapping.message_sql(is_clean=is_clean, is_canonical=is_canonical))
        con.execute(profiles.parsed_agent_sql())
        con.execute(profiles.agent_sql(is_clean=not self._any(profiles.UNCLEAN_AGENTS)))
        con.execute(profiles.community_sql())
        has_communities = self._any("SELECT count(*) FROM records WHERE kind = 'community'")
        con.execute(profiles.membership_sql() if has_communities else profiles.NO_MEMBERSHIP)
        if has_events := self._any(events.COUNT_EVENTS):
            con.execute(events.event_sql())
        con.execute(mapping.reject_sql(has_events=has_events))
        self._write(number, base, (*STAGED, "obs_event") if has_events else STAGED)

    def _write(self, number: int, base: int, tables: tuple[str, ...]) -> None:
        """Write the observations of the batch."""
        for table in tables:
            target = str(self.folder / table / f"{number:06d}.parquet").replace("'", "''")
            body = {
                "obs_membership": "*",
                "obs_reject": f"* REPLACE (source_row + {base} AS source_row)",
            }.get(table, f"* EXCLUDE (fault) REPLACE (source_row + {base} AS source_row)")
            where = "" if table in ("obs_membership", "obs_reject") else " WHERE fault IS NULL"
            self.con.execute(f"COPY (SELECT {body} FROM {table}{where}) TO '{target}' ({STAGED_OPTIONS})")


def _only(documents: pa.Table, wanted: list[tuple[int, int]]) -> pa.Table:
    """Return some of the documents, which file and number name."""
    if len(wanted) == len(documents):
        return documents
    numbers = np.array(wanted, np.int64).reshape(-1, 2)
    places = documents["file_no"].to_numpy().astype(np.int64) << 32 | documents["doc_no"].to_numpy()
    return documents.filter(pa.array(np.isin(places, numbers[:, 0] << 32 | numbers[:, 1])))


def _rejects_table(bad: Bad) -> pa.Table:
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
