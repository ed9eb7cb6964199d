"""Batches of documents from files that need opening or cutting: archives, compressed files, large JSON documents.

Loose files go the way of `framing`. The files of one archive are read in one walk through it, in the order in which it
holds them. Damage gives one quarantine row: of the file inside where its own bytes are damaged, of the archive (from
`scan`) where the archive is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pyarrow as pa

from pipeline.ingest import framing
from pipeline.ingest.batch import Batch, document_batch, rejected_batch
from pipeline.ingest.containers.split import Piece, array_pieces, object_pieces
from pipeline.ingest.containers.streams import Damage, FileStream, Stream, Utf8
from pipeline.ingest.containers.walk import Walk, spooled
from pipeline.ingest.framing import OPENED_CONTAINERS
from pipeline.ingest.repair import Rejected
from pipeline.ingest.scan import Scan, SourceFile
from pipeline.ingest.tables import stream_batches, table_batches

# A document above this size is cut into pieces while it is read.
SPLIT_BYTES = 32 << 20
PIECE_BYTES = 8 << 20
CHUNK_BYTES = 1 << 20
# Behind all documents of a file.
LAST = 1 << 40
_CHANGED = Rejected("file_changed", "the file changed since it was listed; run again once it is complete", "")

TableKind = Callable[[frozenset[str]], str | None]
Documents = Callable[[Path, SourceFile], Iterator[pa.Table | Rejected]]


def all_batches(
    scan: Scan,
    files: list[tuple[int, SourceFile]],
    table_kind: TableKind,
    documents: Documents | None,
    spool: Path,
) -> Iterator[Batch]:
    """Yield the documents of files, loose or packed.

    Parameters
    ----------
    scan
        What was found in the folder, and kept of it.
    files, table_kind, documents
        As for `framing.batches`.
    spool
        Folder for temporary files.
    """
    loose: list[tuple[int, SourceFile]] = []
    large: list[tuple[int, SourceFile]] = []
    packed: dict[str, dict[str, tuple[int, SourceFile]]] = {}
    for number, file in files:
        if file.outer is not None:
            packed.setdefault(file.outer.path, {})[file.path] = (number, file)
        elif file.container == "json" and file.size > SPLIT_BYTES:
            large.append((number, file))
        else:
            loose.append((number, file))
    reader = _Reader(scan.folder, table_kind, documents, spool)
    return chain(
        framing.batches(scan.folder, loose, table_kind, documents, scan.bodies),
        chain.from_iterable(reader.large(number, file) for number, file in large),
        chain.from_iterable(reader.packed(members) for members in packed.values()),
        reader.rest(),
    )


class _Reader:
    """Reads what is inside, and what is large."""

    def __init__(self, folder: Path, table_kind: TableKind, documents: Documents | None, spool: Path) -> None:
        self.folder, self.table_kind, self.documents, self.spool = folder, table_kind, documents, spool
        self.pending, self.pool = framing._Pending(), framing._Pool()

    def large(self, number: int, file: SourceFile) -> Iterator[Batch]:
        """Yield the pieces of a loose document."""
        path = self.folder / file.path
        try:
            if path.stat().st_size != file.size:
                yield rejected_batch(number, 0, 0, _CHANGED)
                return
            with FileStream(path) as stream:
                yield from self._pieces(number, stream, path)
        except OSError:
            yield rejected_batch(number, 0, 0, Rejected("unreadable", "the file could be listed but not read", ""))

    def packed(self, members: dict[str, tuple[int, SourceFile]]) -> Iterator[Batch]:
        """Yield the documents of the files inside one file of the folder."""
        left = dict(members)
        outer = next(file.outer for _, file in members.values() if file.outer is not None)
        path = self.folder / outer.path
        try:
            state = path.stat()
            if (state.st_size, state.st_mtime_ns) == (outer.size, outer.mtime_ns):
                for entry in Walk(path, outer.path, self.spool, frozenset(members)).entries():
                    if entry.path in left and entry.stream is not None:
                        yield from self._inside(*left.pop(entry.path), entry.stream)
        except OSError as error:
            why = Rejected("unreadable", f"the file could be listed but not unpacked ({type(error).__name__})", "")
        else:
            why = _CHANGED
        for number, _ in left.values():
            yield rejected_batch(number, 0, 0, why)

    def rest(self) -> Iterator[Batch]:
        """Yield what small files of all archives hold."""
        yield from self.pool.rest()
        if self.pending.size or self.pending.rejected:
            yield self.pending.flush()

    def _inside(self, number: int, file: SourceFile, stream: Stream) -> Iterator[Batch]:
        if file.container == "json":
            yield from self._document(number, stream)
        elif file.container == "jsonl":
            yield from self.pool.taken(chain(framing.stream_lines(number, stream), _damaged(number, stream)), file.size)
        elif file.container in (*OPENED_CONTAINERS, "parquet", "json_table"):
            yield from self.pool.taken(self._sought(number, file, stream), file.size)
        else:
            yield from self.pool.taken(self._rows(number, file, stream), file.size)

    def _rows(self, number: int, file: SourceFile, stream: Stream) -> Iterator[Batch]:
        for rows in stream_batches(stream, file, self.table_kind):
            yield framing._table_batch(number, rows)
        yield from _damaged(number, stream)

    def _document(self, number: int, stream: Stream) -> Iterator[Batch]:
        """Yield a document, or pieces of one that is large or damaged."""
        if len(stream.peek(SPLIT_BYTES + 1)) > SPLIT_BYTES or stream.damage is not None:
            yield from self._pieces(number, stream, None)
            yield from _damaged(number, stream)
            return
        self.pending.add(number, stream.exactly(SPLIT_BYTES))
        if self.pending.size >= framing.BATCH_BYTES:
            yield self.pending.flush()

    def _sought(self, number: int, file: SourceFile, stream: Stream) -> Iterator[Batch]:
        """Yield the documents of a file that has to lie on disk."""
        with spooled(stream, self.spool) as path:
            if stream.damage is not None and file.container != "json_table":
                yield from _damaged(number, stream)
                return
            there = replace(file, size=path.stat().st_size)
            if file.container in OPENED_CONTAINERS:
                if self.documents is not None:
                    yield from framing._opened(self.documents(path, there), number)
                return
            for rows in table_batches(path, there, self.table_kind):
                if stream.damage is not None:
                    rows.rejected = [pair for pair in rows.rejected if pair[1].reason != "truncated_json"]
                yield framing._table_batch(number, rows)
            yield from _damaged(number, stream)

    def _pieces(self, number: int, stream: Stream, path: Path | None) -> Iterator[Batch]:
        """Yield the pieces of a document; an object has to lie on disk, since its last members stand in each piece."""
        if stream.peek(2) in framing.UTF16_BOMS:
            stream, path = Utf8(stream), None
        head = stream.peek(1 << 16).lstrip(framing.BOM + b" \t\r\n")
        if head.startswith(b"["):
            yield from _documents(number, stream, array_pieces(stream, PIECE_BYTES, CHUNK_BYTES))
        elif path is not None:
            yield from _documents(number, stream, object_pieces(path, PIECE_BYTES, CHUNK_BYTES))
        else:
            with spooled(stream, self.spool) as spool:
                yield from _documents(number, stream, object_pieces(spool, PIECE_BYTES, CHUNK_BYTES))


def _documents(number: int, stream: Stream, pieces: Iterator[Piece | Rejected]) -> Iterator[Batch]:
    """Yield a batch for each piece; that damage cut the document is told by the damage."""
    for doc_no, piece in enumerate(pieces):
        if isinstance(piece, Piece):
            yield document_batch(number, doc_no, piece.offset, piece.text)
        elif not (stream.damage is not None and piece.reason == "truncated_json"):
            yield rejected_batch(number, doc_no, piece.offset, piece)


def _damaged(number: int, stream: Stream) -> Iterator[Batch]:
    """Yield the one row of a damaged stream; none where the archive around it has one."""
    damage: Damage | None = stream.damage
    if damage is not None and not damage.is_inherited:
        yield rejected_batch(number, LAST, damage.offset, Rejected(damage.reason, damage.detail, ""))
