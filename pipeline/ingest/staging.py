"""Runs the adapters over the batches and stages the observations of each batch in tables of their own.

A few batches are in memory at a time, each worked on by a thread with a cursor of its own; what a batch yields are
tables of the schema ``staged``, or files where there are many, from which `merge` reads. Their names follow the order
of reading, so threads change nothing in the result. What was staged of a large file before is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from pipeline.ingest import events, mapping, profiles
from pipeline.ingest import sqltools as q
from pipeline.ingest.batch import Bad, Batch
from pipeline.ingest.config import MAPPED
from pipeline.ingest.formats import Adapter, kind_of_rows
from pipeline.ingest.formats.base import NO_MESSAGES_READ, RECORDS_DDL, REJECTS_DDL
from pipeline.ingest.kept import Kept
from pipeline.ingest.mending import repaired_table
from pipeline.ingest.packed import all_batches
from pipeline.ingest.repair import Rejected
from pipeline.ingest.reuse import Reuse
from pipeline.ingest.scan import Scan
from pipeline.ingest.staged import STAGED, Staged

MOST_WORKERS = 4
HELD_BATCHES = 8  # as tables; further ones are files
SEE_REASON = "see the meaning of the reason"

# Position in reading order within the file, where documents have other numbers of rows than one; what was rejected
# has a position too.
_POSITIONS = """
CREATE OR REPLACE TEMP TABLE positions AS
SELECT file_no, rid, origin, doc_no, place, row_number() OVER (PARTITION BY file_no ORDER BY doc_no, path) - 1
    AS source_row
FROM (SELECT file_no, doc_no, path, rowid AS rid, 'record' AS origin, 0 AS place FROM records
      UNION ALL SELECT file_no, doc_no, path, rowid, 'reject', 0 FROM rejects{messages})
"""
_USUAL_POSITIONS = """
      UNION ALL SELECT file_no, doc_no, path, NULL, 'message', place FROM read_message
      WHERE {are_all_placed} OR file_no IN (SELECT file_no FROM framed UNION ALL SELECT file_no FROM records
                                            UNION ALL SELECT file_no FROM rejects)"""
_PLACED = (
    "CREATE OR REPLACE TEMP VIEW placed AS SELECT r.file_no, p.source_row, r.kind, r.rec, r.root_hint, r.parent_hint, "
    "k.observed_at, k.dumped_at, r.repair FROM records r JOIN positions p ON p.origin = 'record' AND p.rid = r.rowid "
    "JOIN clocks k ON k.observed_text IS NOT DISTINCT FROM r.observed_text "
    "AND k.dump_text IS NOT DISTINCT FROM r.dump_text",
    "CREATE OR REPLACE TEMP VIEW placed_rejects AS SELECT r.file_no, p.source_row, r.byte_offset, r.reason, r.detail, "
    "r.excerpt FROM rejects r JOIN positions p ON p.origin = 'reject' AND p.rid = r.rowid",
)
# The messages of usual bodies as adapters and profiles look at them.
_READ_MESSAGE = """
CREATE OR REPLACE TEMP VIEW read_message AS
SELECT *, CASE WHEN kind = 'post' THEN 'a' ELSE 'b' || lpad(CAST(place - 1 AS VARCHAR), 8, '0') END AS path FROM {table}
"""
_IS_SOUND = f"json_valid(doc) AND {q.NO_FORBIDDEN_VALUE}"


class Stager:
    """Turns batches of documents into staged observations.

    Parameters
    ----------
    con
        A connection of this ingestion alone; every worker opens a cursor on it.
    spool
        Folder for what has to be unpacked.
    kept
        What was staged of large files before; None where nothing is to be kept.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, spool: Path, kept: Kept | None = None) -> None:
        self.con = con
        self.spool = spool
        self.n_batches = 0
        self.paths: pa.Table | None = None
        self.staged = Staged(spool)
        self.reuse = Reuse(kept, self.staged)
        threads = int(con.sql("SELECT current_setting('threads')").fetchall()[0][0])
        self.n_workers = min(threads, MOST_WORKERS)
        con.execute("CREATE SCHEMA staged")

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
            (n, 0, file.offset, Rejected(file.reason or "unreadable", file.detail or SEE_REASON, ""))
            for n, file in enumerate(scan.files)
            if file.status == "unreadable"
        ]
        with ThreadPoolExecutor(self.n_workers) as pool:
            rejecting = pool.submit(self._reject, bad)
            for name in scan.formats:
                chosen = [(n, f) for n, f in enumerate(scan.files) if f.status == "read" and f.format == name]
                adapter = scan.adapters[name]
                kind_of = adapter.table_kind if name == MAPPED else partial(kind_of_rows, name)
                source = all_batches(
                    scan, self.reuse.not_staged(chosen, adapter, self.spool), kind_of, adapter.documents, self.spool
                )
                if adapter.is_canonical:
                    numbers = pa.array([n for n, _ in chosen], pa.int32())
                    self.paths = pa.table({"file_no": numbers, "path": [f.content_path for _, f in chosen]})
                self._stage(scan, adapter, pool, source, progress)
            rejecting.result()
        for name in STAGED:
            self.con.execute(f"CREATE VIEW st_{name} AS {self.staged.select(name)}")

    def _stage(
        self,
        scan: Scan,
        adapter: Adapter,
        pool: ThreadPoolExecutor,
        source: Iterator[Batch],
        progress: Callable[[int], None],
    ) -> None:
        """Hand the batches to the workers, never more than one beyond what they can hold."""
        waiting: list[tuple[Future[None], int]] = []
        bases: dict[int, Future[int]] = {}
        for batch in source:
            base: Future[int] | None = None
            after: Future[int] = Future()
            self.reuse.note(batch, scan, adapter)
            if batch.single is not None:
                base, bases[batch.single] = bases.get(batch.single), after
            self.n_batches += 1
            future = pool.submit(self._work, adapter, batch, self.n_batches, base, after)
            waiting.append((future, batch.n_bytes))
            while len(waiting) > self.n_workers:
                _finish(waiting.pop(0), progress)
        while waiting:
            _finish(waiting.pop(0), progress)

    def _reject(self, bad: Bad) -> None:
        worker = _Worker(self.con.cursor(), self.staged)
        try:
            worker.rejects(bad)
        finally:
            worker.close()

    def _work(self, adapter: Adapter, batch: Batch, number: int, base: Future[int] | None, after: Future[int]) -> None:
        worker = _Worker(self.con.cursor(), self.staged, batch.single)
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

    def keep(self, scan: Scan, without: frozenset[int]) -> None:
        """Keep what was staged of large files but those whose numbers are in `without`; call it once all is merged."""
        self.reuse.keep(self.con, scan, self.n_batches, HELD_BATCHES, without)


def _finish(waiting: tuple[Future[None], int], progress: Callable[[int], None]) -> None:
    future, n_bytes = waiting
    future.result()
    progress(n_bytes)


class _Worker:
    """Works on one batch at a time, in temporary tables that nobody else sees."""

    def __init__(self, con: duckdb.DuckDBPyConnection, staged: Staged, single: int | None = None) -> None:
        self.con = con
        self.staged = staged
        self.single = single
        con.execute("SET TimeZone = 'UTC'")

    def close(self) -> None:
        self.con.close()

    def rejects(self, bad: Bad) -> None:
        """Stage rejects alone, as batch 0, and with them every table in its shape even when no file is read."""
        self.con.execute(RECORDS_DDL)
        self.con.execute(REJECTS_DDL)
        self.con.execute(NO_MESSAGES_READ)
        self._place(bad, None, are_all_placed=True)
        self._map(0, 0, None, is_canonical=False, are_all=True)

    def batch(self, adapter: Adapter, batch: Batch, number: int, base: Future[int] | None, after: Future[int]) -> None:
        """Stage one batch; `base` tells the rows of the same file before it, `after` is told their new number."""
        bad: Bad = []
        con = self.con
        usual, left = self._read_usual(adapter, batch, number)
        has_replies = usual is not None and self._any("SELECT count(*) FROM read_message WHERE replies <> '[]'")
        con.register("framed", left)
        if len(left) or has_replies:
            bad = self._docs(left, batch.table_kind, are_whole=batch.are_whole)
            adapter.extract(con)
        else:
            con.execute(RECORDS_DDL)
            con.execute(REJECTS_DDL)
        # Bodies that hold several messages count theirs as if each were alone in its file.
        are_all_placed = usual is not None and self._any(
            "SELECT count(*) FROM read_message WHERE place > 1 AND doc_no > 0"
        )
        self._place([*batch.rejected, *bad], usual, are_all_placed=are_all_placed)
        rows = self._count("records") + self._count("rejects") + (self._count(usual) if usual else 0)
        before = base.result() if base is not None else 0
        after.set_result(before + rows)
        self._map(number, before, usual, is_canonical=adapter.is_canonical)
        con.unregister("framed")

    def _read_usual(self, adapter: Adapter, batch: Batch, number: int) -> tuple[str | None, pa.Table]:
        """Let the adapter read what it can in one pass; return the table of it, and the documents that are left."""
        con, table = self.con, f"staged.usual_{number:06d}"
        con.register("framed", batch.documents)
        con.execute(NO_MESSAGES_READ)
        if adapter.read_usual is None:
            return None, batch.documents
        first_doc = (
            int(batch.documents["doc_no"][0].as_py()) if batch.single is not None and len(batch.documents) else 0
        )
        left = adapter.read_usual(con, table, first_doc)
        if left is None:
            return None, batch.documents
        con.execute(_READ_MESSAGE.format(table=table))
        return table, _only(batch.documents, left)

    def _docs(self, documents: pa.Table, table_kind: str | None, *, are_whole: bool) -> Bad:
        """Make ``docs``: the Arrow columns in place, or a copy when some documents had to be repaired."""
        con = self.con
        columns = "file_no, doc_no, byte_offset, doc, repair, table_kind"
        faulty = con.sql(
            f"SELECT file_no, doc_no, byte_offset, doc FROM framed WHERE NOT ({_IS_SOUND}) ORDER BY file_no, doc_no"
        ).fetchall()
        if not faulty:
            con.execute(f"CREATE OR REPLACE TEMP VIEW docs AS SELECT {columns} FROM framed")
            return []
        mended, bad = repaired_table([row for row in faulty if row[3].strip()], table_kind, are_whole=are_whole)
        con.register("mended", mended)
        con.register("faulty", pa.table({"file_no": [r[0] for r in faulty], "doc_no": [r[1] for r in faulty]}))
        is_faulty = "EXISTS (SELECT 1 FROM faulty f WHERE f.file_no = d.file_no AND f.doc_no = d.doc_no)"
        kept = "m.file_no, m.doc_no, m.byte_offset, m.doc, m.repair, f.table_kind"
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW docs AS SELECT {columns} FROM framed d WHERE NOT {is_faulty} UNION ALL "
            f"SELECT {kept} FROM mended m JOIN framed f ON f.file_no = m.file_no AND f.doc_no = m.doc_no"
        )
        return bad

    def _place(self, bad: Bad, usual: str | None, *, are_all_placed: bool) -> None:
        """Give every record and every reject its position in the file, and the messages beside them."""
        con = self.con
        if bad:
            con.register("bad", _rejects_table(bad))
            con.execute("INSERT INTO rejects SELECT * FROM bad")
            con.unregister("bad")
        placed = "" if usual is None else _USUAL_POSITIONS.format(are_all_placed=str(are_all_placed).lower())
        con.execute(_POSITIONS.format(messages=placed))
        if usual is not None and self._any("SELECT count(*) FROM positions WHERE origin = 'message'"):
            con.execute(
                f"UPDATE {usual} u SET source_row = p.source_row FROM positions p WHERE p.origin = 'message' "
                "AND p.file_no = u.file_no AND p.doc_no = u.doc_no AND p.place = u.place"
            )
        con.execute(mapping.CLOCKS)
        for statement in _PLACED:
            con.execute(statement)

    def _count(self, table: str) -> int:
        return int(self.con.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0])

    def _any(self, counting: str) -> bool:
        return bool(self.con.sql(counting).fetchall()[0][0])

    def _map(self, number: int, base: int, usual: str | None, *, is_canonical: bool, are_all: bool = False) -> None:
        """Map the records and stage the observations of the batch."""
        con = self.con
        messages = f"(SELECT rec FROM records WHERE {mapping.IS_MESSAGE})"
        # To plan a statement costs more than to run it on nothing, so those are left out whose rows are not there.
        has_messages = are_all or self._any(f"SELECT count(*) FROM {messages}")
        has_events = are_all or self._any(events.COUNT_EVENTS)
        has_communities = are_all or self._any("SELECT count(*) FROM records WHERE kind = 'community'")
        if has_messages:
            has_unknown = self._any(mapping.unknown_keys_sql("json_keys(rec)", messages))
            con.execute(mapping.parsed_message_sql(has_unknown=has_unknown, is_canonical=is_canonical))
            is_clean = not self._any(mapping.UNCLEAN_MESSAGES)
            con.execute(mapping.message_sql(is_clean=is_clean, is_canonical=is_canonical))
        else:
            con.execute(mapping.NO_PARSED_MESSAGE)
        for statement in profiles.parsed_agent_sql():
            con.execute(statement)
        con.execute(profiles.agent_sql(is_clean=not self._any(profiles.UNCLEAN_AGENTS)))
        con.execute(profiles.community_sql())
        if has_communities:
            con.execute(profiles.membership_sql())
        if has_events:
            con.execute(events.event_sql())
        con.execute(mapping.reject_sql(has_messages=has_messages, has_events=has_events))
        is_there = {"obs_message": has_messages, "obs_membership": has_communities, "obs_event": has_events}
        for name in STAGED:
            if is_there.get(name, True):
                self._stage(name, number, base)
        if usual is not None:
            self._hand_over("obs_message", usual, number, base)

    def _stage(self, name: str, number: int, base: int) -> None:
        """Make a table of the observations of one kind, without those that are no use."""
        table = f"staged.{name}_{number:06d}"
        is_whole = name in ("obs_membership", "obs_reject")
        kept = f"SELECT * FROM {name}" if is_whole else f"SELECT * EXCLUDE (fault) FROM {name} WHERE fault IS NULL"
        self.con.execute(f"CREATE TABLE {table} AS {kept}")
        self._hand_over(name, table, number, base)

    def _hand_over(self, name: str, table: str, number: int, base: int) -> None:
        self.staged.add(self.con, name, table, base, self.single, is_held=number <= HELD_BATCHES)


def _only(documents: pa.Table, wanted: list[tuple[int, int]]) -> pa.Table:
    """Return some of the documents, which file and number name."""
    if not wanted or len(wanted) == len(documents):
        return documents if wanted else documents.slice(0, 0)
    place = pl.col("file_no").cast(pl.Int64) * (1 << 32) + pl.col("doc_no")
    are_wanted = pl.DataFrame(wanted, schema=("file_no", "doc_no"), orient="row").select(place).to_series()
    columns = pl.DataFrame([pl.Series(name, documents[name]) for name in ("file_no", "doc_no")])
    return documents.filter(columns.select(place.is_in(are_wanted.implode())).to_series().to_arrow())


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
