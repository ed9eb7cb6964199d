"""The store as one object: what assets and commands call.

What belongs here: `Warehouse`, which takes the locks and delegates. The rules are in the modules it calls.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from pipeline.schema import Table
from pipeline.settings import Settings
from pipeline.warehouse import catalogue, publish
from pipeline.warehouse import manifest as manifests
from pipeline.warehouse.casting import check_stored
from pipeline.warehouse.errors import WarehouseError
from pipeline.warehouse.layout import PROJECT, Layout, check_corpus_id, find_table
from pipeline.warehouse.locks import BusyError, exclusive, shared
from pipeline.warehouse.manifest import Manifest
from pipeline.warehouse.parts import Address, digest_manifest, write_parts
from pipeline.warehouse.publish import Snapshot
from pipeline.warehouse.session import connection, session
from pipeline.warehouse.share import share
from pipeline.warehouse.sources import Data

SAVERS = 8
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was removed with a corpus, and which files may still hold rows of it."""

    corpus_id: str
    manifests: int
    parts: int
    bytes: int
    has_removed_dump: bool
    remaining: tuple[str, ...]


class Warehouse:
    """Write, read, publish and forget tables.

    Parameters
    ----------
    settings
        Where the store is, and its limits.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout(settings.warehouse)

    def write(self, table: str | Table, corpus_id: str, data: Data, fingerprint: str, family: str = "") -> Manifest:
        """Replace the rows of a table for one corpus and family.

        Parameters
        ----------
        table
            The table or its name.
        corpus_id
            The corpus; ``'*'`` for tables about the project.
        data
            The rows: a polars frame, a `Query` or `Staged` files, without ``corpus_id``, columns in any order.
        fingerprint
            Hash of what the rows were made from.
        family
            Name of the part of the table that the caller owns; other families are not touched.

        Raises
        ------
        SchemaMismatch
            When the rows do not fit the table; the last good state stays.
        """
        return self.write_many({find_table(table).name: data}, corpus_id, fingerprint, family)[find_table(table).name]

    def write_many(
        self, data: Mapping[str, Data], corpus_id: str, fingerprint: str, family: str = ""
    ) -> dict[str, Manifest]:
        """Replace the rows of several tables; no manifest changes before all parts are written and verified.

        Should the process die between two manifests, the fingerprints of the remaining ones differ, and a re-run
        writes them.

        Raises
        ------
        SchemaMismatch
            When the rows of any table do not fit; the last good state of all of them stays.
        """
        names = [find_table(name).name for name in data]
        addresses = [Address(find_table(name), corpus_id, family, fingerprint) for name in names]
        with shared(self.layout.use_lock, "the warehouse"):
            parts = write_parts(self.settings, list(zip(addresses, data.values(), strict=True)))
            written = dict(zip(names, parts, strict=True))
            # To save one is to wait for the disk, and the disk serves several at once.
            with ThreadPoolExecutor(SAVERS) as savers:
                for _ in savers.map(
                    lambda item: manifests.save(self.layout, find_table(item[0]), item[1]), written.items()
                ):
                    pass
        return written

    def manifest(self, table: str | Table, corpus_id: str, family: str = "") -> Manifest | None:
        """Return the current state of a table, ``None`` when it was never written."""
        return manifests.load(self.layout, find_table(table), corpus_id, family)

    def is_current(self, table: str | Table, corpus_id: str, family: str, fingerprint: str) -> bool:
        """Tell whether the rows of this fingerprint are current and their files are whole."""
        manifest = self.manifest(table, corpus_id, family)
        return manifest is not None and manifest.fingerprint == fingerprint and not manifest.damage(self.layout)

    def check(self, table: str | Table, corpus_id: str, family: str = "") -> list[str]:
        """Check the stored rows against the description again; an empty list means that all is well."""
        entry = find_table(table)
        manifest = self.manifest(entry, corpus_id, family)
        if manifest is None:
            return [f"{entry.qualified}: nothing was written for corpus {corpus_id!r}, family {family!r}"]
        if damage := manifest.damage(self.layout):
            return damage
        with connection(self.settings, []) as con:
            try:
                problems = check_stored(con, entry, [str(path) for path in manifest.files(self.layout)])
            except duckdb.Error as error:
                return [f"{entry.qualified}: a part cannot be read: {str(error).splitlines()[0][:200]}"]
        if problems:
            return problems
        digest = digest_manifest(self.settings, entry, manifest)
        if problem := digest.problem(entry):
            problems.append(problem)
        if digest.rows != manifest.rows or digest.table_hash != manifest.table_hash:
            problems.append(f"{entry.qualified}: the stored rows are not those that were written")
        return problems

    def read(self, table: str | Table, corpus_id: str | None = None, family: str | None = None) -> pl.LazyFrame:
        """Return the current rows, of one corpus or all, of one family or all."""
        entry = find_table(table)
        current = manifests.manifests(self.layout, entry, corpus_id)
        files = [path for item in current if family in (None, item.family) for path in item.files(self.layout)]
        if not files:
            return pl.LazyFrame(schema=entry.polars_schema)
        return pl.scan_parquet(files, hive_partitioning=False)

    def session(
        self, corpus_id: str | None, folders: Sequence[Path] = (), tables: Collection[str] | None = None
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open DuckDB with every table of one corpus (``None``: of all) as a view named without its layer.

        Parameters
        ----------
        corpus_id
            The corpus.
        folders
            Folders besides warehouse, data and lexicons that the connection may read and write.
        tables
            Names of the tables; None for all.
        """
        allowed = [self.settings.data, self.settings.lexicons, *(Path(folder).absolute() for folder in folders)]
        return session(self.settings, corpus_id, allowed, tables)

    def corpus_lock(self, corpus_id: str) -> AbstractContextManager[None]:
        """Hold the work on one corpus; a second run of it waits, and says so in the log."""
        return exclusive(self.layout.corpus_lock(corpus_id), f"corpus {corpus_id!r}")

    def publish(self, corpus_id: str) -> Snapshot:
        """Make the current state of a corpus the one that the next catalogue shows."""
        check_corpus_id(corpus_id)
        with self._catalogue_lock():
            return publish.publish(self.layout, corpus_id)

    def build_catalogue(self) -> catalogue.Build:
        """Build the catalogue from what is published and swap it in; waits for a build in progress."""
        with self._catalogue_lock():
            return catalogue.build(self.settings)

    def publish_and_build(self, corpus_id: str) -> catalogue.Build:
        """Publish a corpus and build the catalogue without letting go of the lock in between."""
        with self._catalogue_lock():
            self.publish(corpus_id)
            return self.build_catalogue()

    def gc(self) -> list[str]:
        """Remove parts that nothing refers to; return the paths that went, none when somebody is at work."""
        try:
            with exclusive(self.layout.use_lock, "the warehouse", wait=False), self._catalogue_lock():
                return publish.collect_garbage(self.layout)
        except BusyError as error:
            log.info("nothing removed: %s", error)
            return []

    def share(self, out: Path, corpora: Sequence[str] | None = None, privacy: Mapping[str, str] | None = None) -> Path:
        """Write one DuckDB file to pass on, pseudonymised but where `privacy` says ``keep``, without credentials."""
        with shared(self.layout.use_lock, "the warehouse"):
            return share(self.settings, Path(out), corpora, privacy)

    def known_corpora(self) -> list[str]:
        """Return the ids of all corpora of which anything is stored, without the project's own tables."""
        return [name for name in publish.known(self.layout) if name != PROJECT]

    def forget(self, corpus_id: str, *, dump: bool = False) -> Forgotten:
        """Remove all of a corpus from the store and the catalogue.

        Parameters
        ----------
        corpus_id
            The corpus.
        dump
            True also removes the user's folder under data/.

        Raises
        ------
        UnknownCorpusError
            When nothing is known of it; the sentence lists the corpora that are.
        """
        if check_corpus_id(corpus_id) != corpus_id:
            raise WarehouseError("the tables about the project are not a corpus and cannot be forgotten")
        with self._alone(corpus_id):
            publish.require_known(self.layout, corpus_id)
            # The parts go last: as long as one is there the corpus is known, and a re-run can finish the work.
            self.layout.snapshot(corpus_id).unlink(missing_ok=True)
            self.build_catalogue()
            publish.drop_from_generations(self.layout, corpus_id)
            for page in (corpus_id, PROJECT):
                self.layout.report(page).unlink(missing_ok=True)
            removed = publish.remove_corpus(self.layout, corpus_id)
        folder = self.settings.data / corpus_id
        has_dump = dump and folder.is_dir()
        linked_to = folder.resolve() if folder.is_symlink() else None
        if has_dump and linked_to is not None:
            folder.unlink()  # the files behind a link are elsewhere, and the caller is told where
        elif has_dump:
            shutil.rmtree(folder)
        backups = sorted(self.layout.root.glob("ethogram.scratch-backup-*.duckdb"))
        remaining = [*backups, *([folder] if folder.exists() else []), *([linked_to] if has_dump and linked_to else [])]
        return Forgotten(corpus_id, **removed, has_removed_dump=has_dump, remaining=tuple(map(str, remaining)))

    def _catalogue_lock(self) -> AbstractContextManager[None]:
        return exclusive(self.layout.catalogue_lock, "the catalogue")

    @contextlib.contextmanager
    def _alone(self, corpus_id: str) -> Iterator[None]:
        with (
            self.corpus_lock(corpus_id),
            exclusive(self.layout.use_lock, "the warehouse"),
            self._catalogue_lock(),
        ):
            yield
