"""Which files are read, and what is kept of those that were: the rules, between `staging` and the store in `kept`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.ingest import framing
from pipeline.ingest.batch import Batch
from pipeline.ingest.bodies import stamp_of
from pipeline.ingest.formats import Adapter
from pipeline.ingest.framing import OPENED_CONTAINERS
from pipeline.ingest.kept import Entry, Kept
from pipeline.ingest.scan import Scan, SourceFile
from pipeline.ingest.staged import Staged

Chosen = list[tuple[int, SourceFile]]

# What could not be read because of the moment, and not because of what the file holds.
MOMENTARY = ("file_changed", "unreadable")


@dataclass(slots=True)
class _Read:
    """The key of a file under which it may be kept, how many batches of it alone were read, and their bytes."""

    key: str
    n_batches: int = 0
    n_bytes: int = 0


class Reuse:
    """Takes what was staged of large files before, and keeps what is staged of them now.

    Parameters
    ----------
    kept
        The store of the corpus; None where everything is read and nothing is kept.
    staged
        What this ingestion stages.
    """

    def __init__(self, kept: Kept | None, staged: Staged) -> None:
        self.kept, self.staged = kept, staged
        self.reused: list[Entry] = []
        self.read: dict[int, _Read] = {}
        self.spoiled: set[int] = set()

    def not_staged(self, chosen: Chosen, adapter: Adapter, spool: Path) -> Chosen:
        """Return the files that have to be read, and take what was staged of the others into the folder `spool`."""
        if self.kept is None or self.kept.is_empty:
            return chosen
        left = []
        for number, file in chosen:
            if (entry := self.kept.take(number, file, adapter.version, spool)) is None:
                left.append((number, file))
                continue
            self.staged.reuse(number, entry.files)
            self.reused.append(entry)
        return left

    def note(self, batch: Batch, scan: Scan, adapter: Adapter) -> None:
        """Count what is read of files with batches of their own, and note what was not read as it was listed."""
        if self.kept is None:
            return
        if batch.single is not None:
            if batch.single not in self.read:
                self.read[batch.single] = _Read(self.kept.key(scan.files[batch.single], adapter.version))
            read = self.read[batch.single]
            read.n_batches += 1
            read.n_bytes += batch.n_bytes
        self.spoiled.update(number for number, _, _, rejected in batch.rejected if rejected.reason in MOMENTARY)

    def keep(
        self, con: duckdb.DuckDBPyConnection, scan: Scan, n_batches: int, n_held: int, without: frozenset[int]
    ) -> None:
        """Keep what was staged of large files, where the dump is large enough that it pays.

        A file is large that fills a batch: what is smaller shares batches with others, and costs little. The dump is
        that has more batches than are held in tables: a smaller one is not written to files, and would only be to be
        kept.

        Parameters
        ----------
        con
            Connection with the tables that were staged.
        scan
            The files of the corpus.
        n_batches, n_held
            How many batches were read, and how many of them may be tables.
        without
            Numbers of the files of which nothing may be kept.
        """
        if self.kept is None:
            return
        new = []
        if n_batches + sum(entry.n_batches for entry in self.reused) > n_held and self.kept.limit:
            for number, read in sorted(self.read.items()):
                if number not in without and self._is_worth_it(number, scan):
                    files = tuple(self.staged.files_of(con, number))
                    new.append(Entry(number, read.key, read.n_batches, read.n_bytes, files))
        self.kept.settle(self.reused, new, without)

    def _is_worth_it(self, number: int, scan: Scan) -> bool:
        file = scan.files[number]
        # A database is read with the logs that lie beside it, so its digest does not say all.
        return (
            self.read[number].n_bytes >= framing.BATCH_BYTES
            and number not in self.spoiled
            and file.container not in OPENED_CONTAINERS
            and is_as_listed(scan, file)
        )


def is_as_listed(scan: Scan, file: SourceFile) -> bool:
    """Tell whether the file of the folder is still the one whose digest was taken, whatever was read meanwhile."""
    path = file.outer.path if file.outer is not None else file.path
    stamp = scan.bodies.stamps.get(path)
    try:
        return stamp is not None and stamp == stamp_of((scan.folder / path).stat())
    except OSError:
        return False
