"""Tables that stand in a JSON document as column names and rows, as pandas (orient split) and web APIs write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.ingest.containers.outline import CHUNK_BYTES
from pipeline.ingest.containers.split import PIECE_BYTES, object_pieces
from pipeline.ingest.repair import EXCERPT_CHARS, Rejected

ROW_KEYS = ("data", "rows")
_COLUMNS = re.compile(rb'[{,]\s*"columns"\s*:\s*(?=\[\s*")')
_ROWS = re.compile(rb'[{,\]]\s*"(data|rows)"\s*:\s*\[\s*(\[|\])|[{,\]]\s*"index"\s*:\s*\[')
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
    for piece in object_pieces(path, piece_bytes, chunk_bytes, frozenset({b'"columns"'})):
        if isinstance(piece, Rejected):
            yield piece
            continue
        text = piece.text.decode("utf-8", "replace")
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            yield Rejected("invalid_json", "not readable as a JSON table", text[:EXCERPT_CHARS], piece.offset)
            continue
        rows = next((body[key] for key in ROW_KEYS if isinstance(body.get(key), list)), None)
        columns = body.get("columns")
        if rows is None or not isinstance(columns, list):
            detail = "expected a JSON table: columns, and rows or data as lists of values"
            yield Rejected("unknown_shape", detail, text[:EXCERPT_CHARS], piece.offset)
        else:
            yield tuple(str(name) for name in columns), rows
