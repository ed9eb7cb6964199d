"""The outline of a large JSON object on disk: where its members lie, and where it can be cut.

One pass, of which only a bounded number of places is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pipeline.ingest.containers.brackets import Brackets, Places, Scanner

CHUNK_BYTES = 1 << 20
MOST_MEMBERS = 1000
MOST_SCALAR_BYTES = 1 << 16
_MEMBER = re.compile(rb'[\s,]*("(?:[^"\\]|\\.)*+")\s*:\s*("(?:[^"\\]|\\.)*+"|[^\s,:"{}\[\]]++)?', re.DOTALL)
_SPACE = b" \t\r\n"


@dataclass(slots=True)
class Outline:
    """Places in the file, all absolute.

    `spans` are the arrays and objects that are members, all of them while they are few, else those that are large;
    `cuts` are places behind members (level 1) and behind elements of members (level 2), about a piece apart; `ends` are
    the last of these; `stop` is the place behind the object, None where the text ends before.
    """

    start: int
    stop: int | None = None
    spans: list[tuple[int, int | None]] = field(default_factory=list)
    n_spans: int = 0
    cuts: dict[int, list[int]] = field(default_factory=lambda: {1: [], 2: []})
    ends: dict[int, int] = field(default_factory=dict)
    first: int | None = None
    read_to: int = 0


def outline_of(stream: BinaryIO, start: int, piece_bytes: int, chunk_bytes: int = CHUNK_BYTES) -> Outline:
    """Return the outline of the object that begins at a place.

    Parameters
    ----------
    stream
        A file that can be sought in.
    start
        Place of the opening bracket.
    piece_bytes
        How far cuts are apart, and from which size on a member is large.
    chunk_bytes
        Bytes that are looked at in one piece.
    """
    found, scanner = Outline(start), Scanner()
    stream.seek(start)
    position, opened = start, None
    while found.stop is None and (body := stream.read(chunk_bytes)):
        chunk = np.frombuffer(body, np.uint8)
        brackets = scanner.feed(chunk)
        ended = brackets.places[brackets.after <= 0]
        if len(ended):
            found.stop = position + int(ended[0]) + 1
            brackets = _up_to(brackets, int(ended[0]))
        opened = _spans(found, brackets, position, opened, piece_bytes)
        for level in (1, 2):
            cuts = brackets.closes(level)
            if not len(cuts) and brackets.before == level and scanner.depth == level:
                cuts = brackets.commas(chunk, level)
            _sparse(found.cuts[level], cuts + position, piece_bytes, start)
            if len(cuts):
                found.ends[level] = position + int(cuts[-1])
        position += len(body)
    if opened is not None:
        found.spans.append((opened, None))
    found.read_to = found.stop or position
    return found


def _up_to(brackets: Brackets, place: int) -> Brackets:
    kept = brackets.places < place
    return Brackets(
        brackets.places[kept], brackets.after[kept], brackets.opens[kept], brackets.quotes, brackets.before,
        brackets.starts_in_string,
    )  # fmt: skip


def _spans(found: Outline, brackets: Brackets, position: int, opened: int | None, piece_bytes: int) -> int | None:
    """Note the members that end in a chunk; return the place of the one that stays open."""
    begins = brackets.openings(1) + position
    ends = brackets.closes(1) + position
    if opened is not None:
        begins = np.concatenate(([opened], begins))
    if len(begins) and found.first is None:
        found.first = int(begins[0])
    still = int(begins[-1]) if len(begins) > len(ends) else None
    begins = begins[: len(ends)]
    ends = ends[: len(begins)]
    found.n_spans += len(ends)
    if found.n_spans > MOST_MEMBERS:
        is_large = ends - begins >= piece_bytes
        begins, ends = begins[is_large][:MOST_MEMBERS], ends[is_large][:MOST_MEMBERS]
    found.spans.extend(zip(begins.tolist(), ends.tolist(), strict=True))
    return still


def _sparse(kept: list[int], cuts: Places, apart: int, start: int) -> None:
    """Keep the first cut that is far enough behind the one before, and so on."""
    while len(cuts):
        place = int(np.searchsorted(cuts, (kept[-1] if kept else start) + apart))
        if place == len(cuts):
            return
        kept.append(int(cuts[place]))
        cuts = cuts[place + 1 :]


def members_between(text: bytes) -> list[tuple[bytes, bytes | None]]:
    """Return the keys (as they are written) in the text between two members, with their scalar values.

    The last one has no value where an array or object follows.
    """
    found: list[tuple[bytes, bytes | None]] = []
    place = 0
    while match := _MEMBER.match(text, place):
        found.append((match.group(1), match.group(2)))
        place = match.end()
    return found


def text_between(path: Path, start: int, stop: int) -> bytes:
    """Return some bytes of a file."""
    with path.open("rb") as stream:
        stream.seek(start)
        return stream.read(max(stop - start, 0))
