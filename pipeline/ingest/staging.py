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
import pyarrow as pa

from pipeline.ingest.batch import Bad, Batch
from pipeline.ingest.config import MAPPED
from pipeline.ingest.formats import Adapter, kind_of_rows
from pipeline.ingest.kept import Kept
from pipeline.ingest.observing import Observer, Reading, together
from pipeline.ingest.packed import all_batches
from pipeline.ingest.repair import Rejected
from pipeline.ingest.reuse import Reuse
from pipeline.ingest.scan import Scan
from pipeline.ingest.staged import STAGED, Staged

MOST_WORKERS = 4
# Batches of which most is read in one parse share the statements for what is left of them: to plan those takes longer
# than to run them.
GROUP_BATCHES = 2
SEE_REASON = "see the meaning of the reason"


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

    @property
    def are_few(self) -> bool:
        """True where all that is staged is in tables, and there is a second thread to work on it."""
        n_batches = self.n_batches + sum(entry.n_batches for entry in self.reuse.reused)
        return n_batches <= self.staged.n_held and self.n_workers > 1

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
        self.staged.add_rejects(self.con, bad)
        with ThreadPoolExecutor(self.n_workers) as pool:
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
        """Hand the batches to the workers, never more than one beyond what they can hold.

        The workers take what is submitted in order, so what waits for a batch before it never waits for ever.
        """
        waiting: list[tuple[Future[Reading] | Future[None], int]] = []
        group: list[Callable[[], Reading]] = []
        read: list[tuple[tuple[Callable[[], Reading], ...], int | None, int]] = []
        bases: dict[int, Future[int]] = {}
        last: Batch | None = None

        def close(n_bytes: int = 0) -> None:
            if last is not None and group:
                read.append((tuple(group), last.single, n_bytes))
                group.clear()

        def observe(n_left: int = 0) -> None:
            while len(read) > n_left:
                readings, single, n_bytes = read.pop(0)
                base: Future[int] | None = None
                after: Future[int] = Future()
                if single is not None:
                    base, bases[single] = bases.get(single), after
                waiting.append((pool.submit(self._observe, adapter, readings, base, after), n_bytes))

        for batch in source:
            self.reuse.note(batch, scan, adapter)
            if last is not None and not batch.is_like(last):
                close()
            last = batch
            self.n_batches += 1
            if adapter.read_usual is None or self.n_batches > self.staged.n_held:
                close()
                group.append(partial(self._read, adapter, batch, self.n_batches))
                close(batch.n_bytes)
                observe()
            else:
                reading = pool.submit(self._read, adapter, batch, self.n_batches)
                waiting.append((reading, batch.n_bytes))
                group.append(reading.result)
                if len(group) == GROUP_BATCHES:
                    close()
                    observe(1)  # by its turn the next group is read: nobody waits for a batch of a group
            while len(waiting) > self.n_workers:
                _finish(waiting.pop(0), progress)
        close()
        observe()
        while waiting:
            _finish(waiting.pop(0), progress)

    def _read(self, adapter: Adapter, batch: Batch, number: int) -> Reading:
        """Read the usual documents of a batch."""
        with self.con.cursor() as con:
            return Reading.of(con, adapter, batch, number)

    def _observe(
        self, adapter: Adapter, group: tuple[Callable[[], Reading], ...], base: Future[int] | None, after: Future[int]
    ) -> None:
        """Stage what the batches of a group hold; `base` tells the rows of the same file before them."""
        try:
            with self.con.cursor() as con:
                if adapter.is_canonical:
                    con.register("source_paths", self.paths)
                observer = Observer(con, self.staged, adapter)
                rows = 0
                units = together([reading() for reading in group])
                for unit in units:
                    observer.place(unit)
                    before = rows + (base.result() if base is not None else 0)
                    rows += observer.n_rows
                    if unit is units[-1]:
                        after.set_result(before + observer.n_rows)
                    observer.stage(unit, before)
        except BaseException as error:
            if not after.done():
                after.set_exception(error)
            raise

    def keep(self, scan: Scan, without: frozenset[int]) -> None:
        """Keep what was staged of large files but those whose numbers are in `without`; call it once all is merged."""
        self.reuse.keep(self.con, scan, self.n_batches, self.staged.n_held, without)


def _finish(waiting: tuple[Future[Reading] | Future[None], int], progress: Callable[[int], None]) -> None:
    future, n_bytes = waiting
    future.result()
    if n_bytes:
        progress(n_bytes)
