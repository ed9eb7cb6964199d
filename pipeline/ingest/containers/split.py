"""Cuts JSON documents that are too large for one piece into several smaller ones that adapters read as usual.

An array becomes arrays of some of its elements. An object with large arrays becomes objects that hold some of the
elements each; its scalar members are repeated in all of them, its small arrays and objects stand in the first alone,
and for such an object that has an ``id`` the others have the member ``<key>_id`` (a post and its comments:
``post_id``). The same holds for objects inside it. An object of many members becomes objects of some members each. An
object with an ``id`` is a record: it is one element, and never cut. Texts are cut, not parsed: a piece holds the bytes
of the document. Memory holds a chunk, a piece and the largest single element.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.ingest.containers.brackets import Scanner
from pipeline.ingest.containers.outline import (
    CHUNK_BYTES,
    MOST_MEMBERS,
    MOST_SCALAR_BYTES,
    Outline,
    members_between,
    outline_of,
    text_between,
)
from pipeline.ingest.containers.streams import Stream
from pipeline.ingest.repair import EXCERPT_CHARS, Rejected

PIECE_BYTES = 8 << 20
MOST_NESTING = 3
FEWEST_ENTRIES = 16
_SPACE = b" \t\r\n"
_BETWEEN = b" \t\r\n,"
_TRUNCATED = "the JSON ends before it is complete; what stands before was read; fetch the file again"
_BEHIND = "text follows the end of the JSON document; it was set aside; put one document into a file, or use JSON lines"

Members = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Piece:
    """A document of its own, and where in the whole one its first element stands."""

    text: bytes
    offset: int


def array_pieces(
    stream: Stream, piece_bytes: int = PIECE_BYTES, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[Piece | Rejected]:
    """Yield the pieces of an array while it is read; at the end what was wrong, if anything.

    Parameters
    ----------
    stream
        The text; white space may stand before the array.
    piece_bytes
        Size of a piece, which is exceeded by up to a chunk and an element.
    chunk_bytes
        Bytes that are looked at in one piece.
    """
    scanner, held = Scanner(), bytearray()
    begin = position = 0  # where `held` begins, and where it ends
    cut = -1
    while body := stream.read(chunk_bytes):
        chunk = np.frombuffer(body, np.uint8)
        is_first = scanner.depth == 0
        brackets = scanner.feed(chunk)
        if is_first and len(brackets.places):
            begin = position + int(brackets.places[0]) + 1
            body = body[int(brackets.places[0]) + 1 :]
        elif is_first:
            position += len(body)
            continue
        held += body
        ended = brackets.places[brackets.after <= 0]
        if len(ended):
            stop = position + int(ended[0])
            yield from _array(bytes(held[: stop - begin]), begin)
            rest = bytes(held[stop + 1 - begin :]).lstrip(_SPACE) or stream.read(1 << 16).lstrip(_SPACE)
            if rest:
                yield Rejected("invalid_json", _BEHIND, _shown(rest), stop + 1)
            return
        cuts = brackets.closes(1)
        if not len(cuts) and brackets.before == scanner.depth == 1:
            cuts = brackets.commas(chunk, 1)
        if len(cuts):
            cut = position + int(cuts[-1])
        position += len(chunk)
        if position - begin >= piece_bytes and cut > begin:
            yield from _array(bytes(held[: cut - begin]), begin)
            del held[: cut - begin]
            begin = cut
    if cut > begin:
        yield from _array(bytes(held[: cut - begin]), begin)
        del held[: cut - begin]
        begin = cut
    rest = bytes(held)
    offset = begin + len(rest) - len(rest.lstrip(_BETWEEN))
    yield Rejected("truncated_json", _TRUNCATED, _shown(rest.lstrip(_BETWEEN)), offset)


def _array(text: bytes, offset: int) -> Iterator[Piece]:
    bare = text.lstrip(_BETWEEN)
    if bare:
        yield Piece(b"[" + bare.rstrip(_SPACE) + b"]", offset + len(text) - len(bare))


def object_pieces(
    path: Path,
    piece_bytes: int = PIECE_BYTES,
    chunk_bytes: int = CHUNK_BYTES,
    repeated: frozenset[bytes] = frozenset(),
) -> Iterator[Piece | Rejected]:
    """Yield the pieces of an object on disk; at the end what was wrong, if anything.

    Parameters
    ----------
    path
        The file; white space may stand before the object.
    piece_bytes, chunk_bytes
        As for `array_pieces`.
    repeated
        Keys of small arrays or objects that stand in every piece, as scalars do.
    """
    with path.open("rb") as stream:
        start = 0
        while (head := stream.read(1 << 16)) and not head.strip(_SPACE + b"\xef\xbb\xbf"):
            start += len(head)
        start += len(head) - len(head.lstrip(_SPACE + b"\xef\xbb\xbf"))
    cutter = _Cutter(path, piece_bytes, chunk_bytes, repeated)
    yield from cutter.pieces(start, 1)
    if cutter.stop is None:
        size = path.stat().st_size
        shown = text_between(path, cutter.lost, min(size, cutter.lost + EXCERPT_CHARS)).lstrip(_BETWEEN)
        yield Rejected("truncated_json", _TRUNCATED, _shown(shown), cutter.lost)
    elif rest := text_between(path, cutter.stop, cutter.stop + (1 << 16)).lstrip(_SPACE):
        yield Rejected("invalid_json", _BEHIND, _shown(rest), cutter.stop)


class _Cutter:
    """Cuts one object; `stop` is the place behind it, None where it is cut off; from `lost` on it is lost."""

    def __init__(self, path: Path, piece_bytes: int, chunk_bytes: int, repeated: frozenset[bytes]) -> None:
        self.path, self.piece_bytes, self.chunk_bytes, self.repeated = path, piece_bytes, chunk_bytes, repeated
        self.stop: int | None = None
        self.lost = 0

    def pieces(self, start: int, nesting: int) -> Iterator[Piece]:
        """Yield the pieces of the object at a place."""
        outline = self._outline(start)
        yield from self._cut(outline, nesting)
        self.stop = outline.stop

    def _outline(self, start: int) -> Outline:
        with self.path.open("rb") as stream:
            return outline_of(stream, start, self.piece_bytes, self.chunk_bytes)

    def _cut(self, outline: Outline, nesting: int) -> Iterator[Piece]:
        is_large = any(stop is None or stop - begin >= self.piece_bytes for begin, stop in outline.spans)
        if outline.n_spans > MOST_MEMBERS or (outline.n_spans >= FEWEST_ENTRIES and not is_large):
            yield from self._dictionary(outline)
        elif is_large and nesting < MOST_NESTING and not self._is_record(outline):
            yield from self._envelope(outline, nesting)
        elif outline.stop is not None:
            yield Piece(self._text(outline.start, outline.stop), outline.start)
        else:
            self.lost = outline.start

    def _is_record(self, outline: Outline) -> bool:
        return any(key == b'"id"' for key, _ in self._gaps(outline)[1])

    def _dictionary(self, outline: Outline) -> Iterator[Piece]:
        """Yield objects of some members each; the scalars before the first and behind the last are repeated."""
        stop = outline.stop - 1 if outline.stop is not None else outline.ends.get(1, outline.start + 1)
        if outline.stop is None:
            self.lost = stop
        first = min(outline.first or stop, stop)
        before = _scalars(self._text(outline.start + 1, min(first, outline.start + MOST_SCALAR_BYTES)))
        last = max(outline.ends.get(1, stop), stop - MOST_SCALAR_BYTES)
        behind = _scalars(self._text(last, stop)) if outline.stop is not None else []
        edges = [outline.start + 1, *(cut for cut in outline.cuts[1] if cut < stop), stop]
        for number, (begin, end) in enumerate(pairwise(edges)):
            text = self._text(begin, end)
            bare = text.lstrip(_BETWEEN).rstrip(_SPACE)
            is_last = number == len(edges) - 2
            # What stands behind the last cut may be scalars alone, which the piece before has already.
            if not bare or (is_last and number and begin >= last and behind):
                continue
            added = [*(before if number else []), *([] if end > last else behind)]
            yield Piece(_object(added, bare), begin + len(text) - len(text.lstrip(_BETWEEN)))

    def _envelope(self, outline: Outline, nesting: int) -> Iterator[Piece]:
        """Yield objects with some elements of the large members each, in one envelope."""
        keys, scalars = self._gaps(outline)
        once: Members = []
        large: list[tuple[bytes, int, int | None, Outline | None]] = []
        for key, (begin, stop) in zip(keys, outline.spans, strict=True):
            inner = None
            is_large = stop is None or stop - begin >= self.piece_bytes
            if is_large and self._text(begin, begin + 1) == b"{":
                inner = self._outline(begin)
                is_large = not self._is_record(inner)
            if is_large:
                large.append((key, begin, stop, inner))
            elif stop is not None:
                (scalars if key in self.repeated else once).append((key, self._text(begin, stop)))
            else:
                self.lost = begin
        ids = _ids(once, {key for key, _ in scalars} | set(keys))
        is_first = True
        for key, begin, stop, inner in large:
            parts = self._cut(inner, nesting + 1) if inner is not None else self._elements(outline, begin, stop)
            for piece in parts:
                given = [*scalars, *(once if is_first else ids)]
                yield Piece(_object([*given, (key, piece.text)], b""), piece.offset)
                is_first = False
        if is_first and once:
            yield Piece(_object([*scalars, *once], b""), outline.start)

    def _elements(self, outline: Outline, begin: int, stop: int | None) -> Iterator[Piece]:
        """Yield the pieces of a large array that is a member."""
        end = stop - 1 if stop is not None else max(outline.ends.get(2, 0), begin + 1)
        if stop is None:
            self.lost = end
        edges = [begin + 1, *(cut for cut in outline.cuts[2] if begin < cut < end), end]
        for left, right in pairwise(edges):
            yield from _array(self._text(left, right), left)

    def _gaps(self, outline: Outline) -> tuple[list[bytes], Members]:
        """Return the keys of the arrays and objects, and the scalar members."""
        keys: list[bytes] = []
        scalars: Members = []
        place = outline.start + 1
        ends = [*outline.spans, (outline.read_to, None)]
        for number, (begin, stop) in enumerate(ends):
            found = members_between(self._text(place, begin))
            if number < len(outline.spans):
                keys.append(found[-1][0] if found and found[-1][1] is None else b'""')
            scalars.extend((key, value) for key, value in found if value is not None)
            if stop is None:
                break
            place = stop
        return keys, [pair for pair in scalars if len(pair[1]) <= MOST_SCALAR_BYTES]

    def _text(self, start: int, stop: int) -> bytes:
        return text_between(self.path, start, stop)


def _scalars(text: bytes) -> Members:
    return [(key, value) for key, value in members_between(text) if value is not None]


def _ids(once: Members, taken: set[bytes]) -> Members:
    """Return a member ``<key>_id`` for each small object that has an id, where nothing has that name."""
    found: Members = []
    for key, text in once:
        name = key[:-1] + b'_id"'
        if not text.startswith(b"{") or name in taken:
            continue
        try:
            value = json.loads(text).get("id")
        except (ValueError, RecursionError):
            continue
        if isinstance(value, str | int):
            found.append((name, json.dumps(value).encode()))
    return found


def _object(members: Members, raw: bytes) -> bytes:
    parts = [key + b": " + text for key, text in members]
    return b"{" + b", ".join([*parts, raw] if raw else parts) + b"}"


def _shown(text: bytes) -> str:
    return text[:EXCERPT_CHARS].decode("utf-8", "replace")
