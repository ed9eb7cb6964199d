"""Word lists in the formats of other tools: recognised by their content, read line by line.

What belongs here: which formats there are, and the reading of one file. A card for a list is made in `load.py`.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipeline.lexicon.foreign.base import STATUSES, Format, Line, collect, decode, split_lines
from pipeline.lexicon.foreign.liwc import DIC, DICX
from pipeline.lexicon.foreign.tables import HURTLEX, LONG, WIDE
from pipeline.lexicon.foreign.words import AFINN, EMPATH, VADER
from pipeline.lexicon.model import Category

__all__ = ["FORMATS", "STATUSES", "ForeignList", "Format", "Line", "read_list"]

FORMATS: dict[str, Format] = {one.name: one for one in (DIC, DICX, HURTLEX, VADER, WIDE, LONG, AFINN, EMPATH)}
"""By name, in the order in which they are tried: the stricter come first; wide and long exclude each other."""


@dataclass(frozen=True, slots=True)
class ForeignList:
    """A word list of another tool: its categories, and what became of each line."""

    name: str
    format: str
    title: str
    sha256: str
    encoding_note: str | None
    categories: tuple[Category, ...]
    lines: tuple[Line, ...]

    @property
    def rejected(self) -> tuple[Line, ...]:
        """The lines that were not read."""
        return tuple(line for line in self.lines if line.status == "rejected")

    def count(self, status: str) -> int:
        """Return how many lines have a status."""
        return sum(line.status == status for line in self.lines)


def read_list(path: Path, name: str | None = None) -> ForeignList:
    """Read a word list.

    Parameters
    ----------
    path
        The file.
    name
        Its format, one of `FORMATS`; told by the content when None.

    Raises
    ------
    ValueError
        When the format is unknown, or the file holds no term; the sentence names the file.
    """
    return _read(path.read_bytes(), path.name, name)


@functools.lru_cache(maxsize=32)
def _read(data: bytes, file_name: str, name: str | None) -> ForeignList:
    text, encoding_note = decode(data)
    lines = split_lines(text)
    if name is not None and name not in FORMATS:
        raise ValueError(f"format {name!r} is not known; word lists are {sorted(FORMATS)}")
    chosen = FORMATS[name] if name else next((one for one in FORMATS.values() if one.recognises(lines)), None)
    if chosen is None:
        raise ValueError(f"{file_name} is in no format that is known ({', '.join(sorted(FORMATS))})")
    categories, told = collect(chosen.read(lines), has_wildcards=chosen.has_wildcards)
    if not categories:
        reasons = "; ".join(f"line {line.number}: {line.reason}" for line in told if line.status == "rejected")
        raise ValueError(f"{file_name}, read as {chosen.title}, holds no term ({reasons[:300] or 'it is empty'})")
    return ForeignList(
        file_name, chosen.name, chosen.title, hashlib.sha256(data).hexdigest(), encoding_note, categories, told
    )
