"""Writing a part: from a frame or a query to an immutable, sorted, verified Parquet file.

What belongs here: the writing and the verification of what `sources` describes. Nothing becomes current here: that
takes a manifest.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.schema import Table
from pipeline.settings import Settings
from pipeline.warehouse.casting import check_source, check_stored, explain_failed_cast
from pipeline.warehouse.digest import Digest, digest_files, digest_frame
from pipeline.warehouse.errors import SchemaMismatch
from pipeline.warehouse.files import make_folders, remove_stale, sync, temporary_folder
from pipeline.warehouse.layout import Layout, check_corpus_id, check_fingerprint
from pipeline.warehouse.manifest import Manifest, Part
from pipeline.warehouse.session import connection, sql_identifier, sql_literal
from pipeline.warehouse.sources import Data, Derived, Later, Query, Rows, Staged

ROW_GROUP_ROWS = 20_000  # about 10 MB of posts: what is written is in memory for as long as its group is not whole
PART_NAME = "part-00000.parquet"
STAGED_NAME, UNSORTED_NAME = "staged.parquet", "unsorted.parquet"
BATCH_ROWS = 50_000
WRITERS = 4  # most of them wait for the disk
SMALL_SHARE = 48  # tables of less than this share of the memory limit are written beside each other
HELD_SHARE = 6  # rows of more than a sixth of the memory limit are sorted by DuckDB, which spills


@dataclass(frozen=True, slots=True)
class Address:
    """What a part belongs to."""

    table: Table
    corpus_id: str
    family: str
    fingerprint: str


def write_parts(settings: Settings, rows: Sequence[tuple[Address, Data]]) -> list[Manifest]:
    """Write the rows of several tables as new parts and return the manifests that would make them current.

    Rows that fit into memory are sorted and written there, while the next table is computed; of more rows DuckDB
    makes a sorted file, which is then read back. Either way the digest is that of the rows in the order of their key.

    Parameters
    ----------
    settings
        Limits and places.
    rows
        For each part its table, corpus, family and fingerprint, and its rows.

    Raises
    ------
    SchemaMismatch
        When the rows do not fit their table; no part is left behind that is not whole.
    """
    layout = Layout(settings.warehouse)
    with contextlib.ExitStack() as folders, ThreadPoolExecutor(WRITERS) as writers:
        written: list[Future[Manifest]] = []
        large: Future[Manifest] | None = None
        checking = folders.enter_context(_second(settings, rows))
        parents = list(writers.map(lambda row: _parent(layout, row[0]), rows))
        wanted = {given.table for _, given in rows if isinstance(given, Derived)}
        held: dict[str, pl.DataFrame] = {}
        for (address, given), parent in zip(rows, parents, strict=True):
            folder = folders.enter_context(temporary_folder(parent, layout.root))
            most = settings.memory_bytes // HELD_SHARE
            frame = _derived(address, given, held)
            if frame is None:
                data = _made(given)
                frame = _as_stored(address, data, most)
            if frame is None:
                is_large = isinstance(data, Query) and data.about_bytes > most
                with _source(settings, data, folder, checking) as (con, sql, params):
                    _check(con, address, f"({sql}\n)", params)
                    frame = None if is_large else _collect(con, address, f"({sql}\n)", params, most)
                    if frame is None:
                        _copy(con, address, f"({sql}\n)", params, folder / PART_NAME)
            if frame is not None and address.table.name in wanted:
                held[address.table.name] = frame
            is_small = frame is not None and frame.estimated_size() <= settings.memory_bytes // SMALL_SHARE
            if large is not None and not is_small:
                large.result()  # two large tables in memory at most
            written.append(writers.submit(_finish, settings, checking.cursor(), address, folder, frame))
            large = large if is_small else written[-1]
            del frame
        return [future.result() for future in written]


def _made(given: Data) -> Rows:
    """Return the rows of a table, where they have to be made first."""
    if isinstance(given, Later):
        return given.make()
    return given.otherwise if isinstance(given, Derived) else given


def _derived(address: Address, given: Data, held: dict[str, pl.DataFrame]) -> pl.DataFrame | None:
    """Return the rows of a table that follow from one that is in memory still, as they are stored; else None.

    The other one is let go.
    """
    if not isinstance(given, Derived) or given.table not in held:
        return None
    frame, expected = given.make(held.pop(given.table)), dict(address.table.polars_schema)
    if frame is None:
        return None
    if dict(frame.schema) != expected:
        raise SchemaMismatch(f"{address.table.qualified}: expected the columns {expected}, found {dict(frame.schema)}")
    return frame.select(*expected)


@contextlib.contextmanager
def _second(settings: Settings, rows: Sequence[tuple[Address, Data]]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to verify with: a second one to the database of a query, as to open a database takes long."""
    sources = (data.otherwise if isinstance(data, Derived) else data for _, data in rows)
    query = next((data for data in sources if isinstance(data, Query)), None)
    with connection(settings, []) if query is None else query.con.cursor() as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


def _parent(layout: Layout, address: Address) -> Path:
    """Make the folder of the parts of a table, without leftovers, and return it."""
    check_corpus_id(address.corpus_id)
    parent = layout.parts(address.table, address.corpus_id, address.family)
    make_folders(parent, layout.root)
    remove_stale(parent, layout.root)
    return parent


def _finish(
    settings: Settings, con: duckdb.DuckDBPyConnection, address: Address, folder: Path, frame: pl.DataFrame | None
) -> Manifest:
    """Write what is not written yet, verify the part, put it in its place and return its manifest."""
    table, path = address.table, folder / PART_NAME
    with con:
        if frame is None:
            digest, written = digest_files(con, table, [path]), _flushed(path)
        else:
            with ThreadPoolExecutor(1) as digester:
                digesting = digester.submit(digest_frame, table, frame)
                frame.write_parquet(
                    path, compression="zstd", compression_level=1, row_group_size=ROW_GROUP_ROWS, statistics=False
                )
                written = _flushed(path)
                digest = digesting.result()
            if (stored := pq.read_metadata(path).num_rows) != digest.rows:
                raise SchemaMismatch(
                    f"{table.qualified}: {digest.rows} rows were to be written, the file holds {stored}"
                )
        if problems := [*check_stored(con, table, [str(path)]), *filter(None, [digest.problem(table)])]:
            raise SchemaMismatch("; ".join(problems))
    sync(folder)
    final = _place(settings, address, folder, digest) / PART_NAME
    if folder.exists():  # a part with the same rows was there, perhaps of other bytes
        written = _sha256(final)
    part = Part(Layout(settings.warehouse).relative(final), digest.rows, final.stat().st_size, written)
    return _describe(address, digest, part)


def _describe(address: Address, digest: Digest, part: Part) -> Manifest:
    """Return the manifest that makes `part` current."""
    return Manifest(
        table=address.table.name,
        corpus_id=address.corpus_id,
        family=address.family,
        fingerprint=check_fingerprint(address.fingerprint),
        parts=(part,),
        rows=digest.rows,
        table_hash=digest.table_hash,
        written_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        versions={name: _version(name) for name in ("duckdb", "polars")},
    )


@functools.cache
def _version(name: str) -> str:
    return importlib.metadata.version(name)


def digest_manifest(settings: Settings, table: Table, manifest: Manifest) -> Digest:
    """Read the stored rows of a manifest again and return their digest."""
    layout = Layout(settings.warehouse)
    with connection(settings, []) as con:
        return digest_files(con, table, manifest.files(layout))


@contextlib.contextmanager
def _source(
    settings: Settings, data: Rows, folder: Path, checking: duckdb.DuckDBPyConnection
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str, Mapping[str, object]]]:
    """Yield a connection, a SELECT and its parameters for any kind of data."""
    if isinstance(data, Query):
        if not isinstance(data.params, Mapping):
            raise TypeError("Query takes named parameters: write $name in the statement and pass a mapping")
        yield data.con, data.sql.strip().rstrip(";"), data.params
        return
    if isinstance(data, pl.LazyFrame):
        staged = folder / STAGED_NAME
        data.sink_parquet(staged)
        data = Staged([staged])
    if isinstance(data, Staged):
        paths = [Path(path).absolute() for path in data.paths]
        with connection(settings, sorted({path.parent for path in paths})) as con:
            listed = ", ".join(sql_literal(str(path)) for path in paths)
            yield con, f"SELECT * FROM read_parquet([{listed}], hive_partitioning = false)", {}
    elif isinstance(data, pl.DataFrame):
        with checking.cursor() as con:  # to open a connection of its own takes as long as to write a small table
            con.execute("SET TimeZone = 'UTC'")
            con.register("incoming", data)
            yield con, "SELECT * FROM incoming", {}
    else:
        raise TypeError(f"cannot write {type(data).__name__}: expected a polars frame, Query or Staged")


def _check(con: duckdb.DuckDBPyConnection, address: Address, source: str, params: Mapping[str, object]) -> None:
    """Raise when the columns of `source` are not those of the table."""
    table, corpus_id = address.table, address.corpus_id
    if params.get("corpus_id", corpus_id) != corpus_id:
        raise SchemaMismatch(f"{table.qualified}: parameter corpus_id of the query is not {corpus_id!r}")
    check_source(con, table, source, params, corpus_id)


def _collect(
    con: duckdb.DuckDBPyConnection, address: Address, source: str, params: Mapping[str, object], limit: int
) -> pl.DataFrame | None:
    """Cast the rows of `source` and sort them by the key; None when they have more than `limit` bytes."""
    table, corpus_id = address.table, address.corpus_id
    statement, bound = table.cast_select(source, is_sorted=False), {**params, "corpus_id": corpus_id}
    with _explained(con, table, source, params):
        reader = con.sql(statement, params=bound).to_arrow_reader(BATCH_ROWS)
        batches, size = [], 0
        for batch in reader:
            batches.append(batch)
            size += batch.nbytes
            if size > limit:
                reader.close()
                return None
        frame = pl.from_arrow(pa.Table.from_batches(batches, reader.schema))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("expected a table")
    return _sorted(table, frame)


def _as_stored(address: Address, data: Rows, limit: int) -> pl.DataFrame | None:
    """Return a frame as it is stored, where its columns are those of the table and no cast is needed, else None."""
    table = address.table
    expected = {name: type_ for name, type_ in table.polars_schema.items() if name != "corpus_id"}
    if not isinstance(data, pl.DataFrame) or dict(data.schema) != expected or data.estimated_size() > limit:
        return None
    corpus_id = pl.lit(address.corpus_id, pl.String).alias("corpus_id")
    return _sorted(
        table, data.select(corpus_id, *expected) if data.height else pl.DataFrame(schema=table.polars_schema)
    )


def _sorted(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(table.key, nulls_last=False) if table.key else frame


def _copy(
    con: duckdb.DuckDBPyConnection, address: Address, source: str, params: Mapping[str, object], path: Path
) -> None:
    """Cast the rows of `source`, sort them by the key and write them to `path`, in bounded memory.

    Sorting spills, but not where the rows come from joins and many tables: both together ran out of memory on 1.5 GB of
    messages with a limit of 1 GB. So the rows are written as they come, and the file is sorted.
    """
    options = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
    staged = path.with_name(UNSORTED_NAME)
    unsorted = address.table.cast_select(source, is_sorted=False)
    with _explained(con, address.table, source, params):
        bound = {**params, "corpus_id": address.corpus_id}
        con.execute(f"COPY ({unsorted}) TO {sql_literal(str(staged))} ({options})", bound).fetchall()
    order = ", ".join(f"{sql_identifier(name)} NULLS FIRST" for name in address.table.key)
    rows = f"SELECT * FROM read_parquet({sql_literal(str(staged))}, hive_partitioning = false)"
    ordered = f"{rows} ORDER BY {order}" if order else rows
    con.execute(f"COPY ({ordered}) TO {sql_literal(str(path))} ({options})").fetchall()
    staged.unlink()


@contextlib.contextmanager
def _explained(
    con: duckdb.DuckDBPyConnection, table: Table, source: str, params: Mapping[str, object]
) -> Iterator[None]:
    """Turn a cast that fails into a sentence that names the column."""
    try:
        yield
    except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        sentence = explain_failed_cast(con, table, source, params)
        # The text of the error may quote hostile data, so it is not passed on when the cause is known.
        if sentence is None:
            raise
        raise SchemaMismatch(sentence) from error.with_traceback(None)


def _place(settings: Settings, address: Address, folder: Path, digest: Digest) -> Path:
    """Rename the finished folder to its fingerprint; reuse what is there when it holds the same rows."""
    layout = Layout(settings.warehouse)
    parent = layout.parts(address.table, address.corpus_id, address.family)
    (folder / STAGED_NAME).unlink(missing_ok=True)
    for turn in range(1000):
        suffix = f"-{turn}" if turn else ""
        final = parent / f"{check_fingerprint(address.fingerprint)}{suffix}"
        if not final.exists():
            try:
                folder.rename(final)
            except OSError:
                if not final.exists():
                    raise
            else:
                sync(parent)
                return final
        if _holds(settings, address.table, final / PART_NAME, digest):
            return final
    raise RuntimeError(f"{parent} holds a thousand parts of one fingerprint; run the garbage collection")


def _holds(settings: Settings, table: Table, path: Path, digest: Digest) -> bool:
    """Tell whether a part that is there already holds the rows that were to be written."""
    if not path.is_file():
        return False
    try:
        with connection(settings, []) as con:
            return not check_stored(con, table, [str(path)]) and digest_files(con, table, [path]) == digest
    except duckdb.Error:
        return False


def _flushed(path: Path) -> str:
    """Flush a file to the disk and return its SHA-256."""
    sync(path)
    return _sha256(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
