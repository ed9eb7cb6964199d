"""Tells JSON lines that do not look like it at first: under the name of a text, or behind a very long first line."""

from __future__ import annotations

import json
import mmap
from pathlib import Path

LONGEST_LINE = 64 << 20
_SPACE = b"\xef\xbb\xbf \t\r\n"


def lines_after_all(path: Path) -> bool:
    """Return whether a file holds lines that are JSON objects: the first one is whole, and another follows.

    Parameters
    ----------
    path
        The file on disk; only its first lines are looked at.
    """
    with path.open("rb") as stream:
        first = stream.read(64).lstrip(_SPACE)
        if not first.startswith(b"{"):
            return False
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as body:
            end = body.find(b"\n")
            while end >= 0 and not body[: min(end, 64)].strip(_SPACE):
                end = body.find(b"\n", end + 1)
            if not 0 < end <= LONGEST_LINE or not body[end : end + 64].lstrip(_SPACE).startswith(b"{"):
                return False
            try:
                return isinstance(json.loads(body[:end].lstrip(_SPACE)), dict)
            except (ValueError, RecursionError):
                return False
