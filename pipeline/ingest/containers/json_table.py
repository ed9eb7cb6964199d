"""Tables that stand in a JSON document as column names and rows, as pandas (orient split) and web APIs write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.ingest.containers.outline import CHUNK_BYTES
from pipeline.ingest.containers.split import PIECE_BYTES, Piece, object_pieces
from pipeline.ingest.repair import EXCERPT_CHARS, Rejected, repair_document
from pipeline.ingest.salvage import salvaged_document

ROW_KEYS = ("data", "rows")
_COLUMNS = re.compile(rb'[{,]\s*"columns"\s*:\s*(?=\[\s*")')
# In front of the first row may stand what is none.
_ROWS = re.compile(
    rb'[{,\]]\s*"(data|rows)"\s*:\s*\[(\s*\]|(?:[^\[\]{}]|\{[^\[\]{}]*+\})*+\[)|[{,\]]\s*"index"\s*:\s*\['
)
_START = re.compile(rb'\s*\{\s*"(columns|index|data|rows|ok|database|table|schema|name)"')


def columns_of(head: bytes) -> tuple[str, ...] | None:
    """Return the column names of a table from the start of its text; None when it is none."""
    head = head.removeprefix(b"\xef\xbb\xbf")
    if not _START.match(head):
        return None
    match = _COLUMNS.search(head)
    if match is None or not _ROWS.search(head):
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(head[match.end() :].decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return tuple(found) if found and all(isinstance(name, str) for name in found) else None


def batches(
    path: Path, piece_bytes: int = PIECE_BYTES, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[tuple[tuple[str, ...], list[object]] | Rejected]:
    """Yield columns and some rows at a time; at the end what was wrong, if anything.

    Parameters
    ----------
    path
        The document on disk.
    piece_bytes, chunk_bytes
        As for `split.array_pieces`.
    """
    for piece in _pieces(path, piece_bytes, chunk_bytes):
        if isinstance(piece, Rejected):
            yield piece
            continue
        text = piece.text.decode("utf-8-sig", "replace")
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            sound, why = salvaged_document(text, _reason(text))
            yield replace(why, offset=piece.offset + why.offset)
            if sound is None:
                continue
            body = json.loads(sound.text)
        members = body if isinstance(body, dict) else {}
        rows = next((members[key] for key in ROW_KEYS if isinstance(members.get(key), list)), None)
        columns = members.get("columns")
        if rows is None or not isinstance(columns, list):
            detail = "expected a JSON table: columns, and rows or data as lists of values"
            yield Rejected("unknown_shape", detail, text[:EXCERPT_CHARS], piece.offset)
        else:
            yield tuple(str(name) for name in columns), rows


def _pieces(path: Path, piece_bytes: int, chunk_bytes: int) -> Iterator[Piece | Rejected]:
    """Cut a large document; a small one is one piece, so that damage cannot mislead the cutting."""
    if path.stat().st_size <= piece_bytes:
        body = path.read_bytes()
        if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
            body = body.decode("utf-16", "replace").encode("utf-8", "replace")
        yield Piece(body, 0)
    else:
        yield from object_pieces(path, piece_bytes, chunk_bytes, frozenset({b'"columns"'}))


def _reason(text: str) -> Rejected:
    found = repair_document(text)
    if isinstance(found, Rejected):
        return replace(found, detail=f"not readable as a JSON table: {found.detail}")
    return Rejected("invalid_json", "not readable as a JSON table", text[:EXCERPT_CHARS])
