"""Packs bytes in every way that dumps are packed, and compares what was read from them with the plain file."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable

import zstandard
from ingest_helpers import Tables, comment, detail, flat, post
from polars.testing import assert_frame_equal


def frames(body: bytes) -> bytes:
    """Return zst in which every line is a frame of its own, as a collector writes that appends line by line."""
    return b"".join(zstandard.compress(line) for line in body.splitlines(keepends=True))


def long_window(body: bytes) -> bytes:
    """Return a zst frame that asks for the longest window (2 GB), with its content in raw blocks."""
    parts = [body[start : start + 100_000] for start in range(0, len(body), 100_000)]
    made = b"\x28\xb5\x2f\xfd\x00" + bytes([21 << 3])
    for number, part in enumerate(parts):
        made += (len(part) << 3 | (number == len(parts) - 1)).to_bytes(3, "little") + part
    return made


def halves(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Return a way to pack in two members, as joined files are."""
    return lambda body: pack(body[: len(body) // 2]) + pack(body[len(body) // 2 :])


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
}
VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    **COMPRESSIONS,
    "two members.gz": halves(gzip.compress),
    "two members.bz2": halves(bz2.compress),
    "two members.xz": halves(lzma.compress),
    "frames.zst": frames,
    "window.zst": long_window,
}


def tar_of(members: dict[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    """Return a tar of some files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def zip_of(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of some files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, body in members.items():
            info = zipfile.ZipInfo(name)  # without a time, so that equal files give an equal archive
            info.compress_type = method
            archive.writestr(info, body)
    return buffer.getvalue()


def records(n: int = 40) -> list[dict[str, object]]:
    """Return posts and comments for JSON lines."""
    return [post(number) for number in range(1, n)] + [flat(number) for number in range(1, n)]


def lines(rows: list[dict[str, object]] | None = None) -> bytes:
    """Return JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows or records()).encode()


def body(number: int = 1, n_comments: int = 3) -> bytes:
    """Return a detail body of the API."""
    return json.dumps(detail(number, [comment(10 * number + n) for n in range(n_comments)])).encode()


CONTENT = ("message", "message_snapshot", "agent", "agent_snapshot", "community", "community_snapshot",
           "membership_event", "tie_event", "reaction", "exposure", "run")  # fmt: skip
PROVENANCE = ("source_file_id", "source_row")


def assert_same_content(one: Tables, other: Tables) -> None:
    """Assert that two readings hold the same rows, whatever file they came from."""
    for name in CONTENT:
        first, second = one.tables[name], other.tables[name]
        kept = [column for column in first.columns if column not in PROVENANCE]
        assert_frame_equal(first.select(kept), second.select(kept), check_row_order=False)
