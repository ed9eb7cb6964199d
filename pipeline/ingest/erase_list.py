"""`data/erase.toml`: the agents and messages that no table may hold, of whatever corpus.

What belongs here: reading the list. `erasure` applies it. One list for all corpora: who asks to be erased is in several
dumps of one platform, and the next dump that is put into a folder must not bring them back.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "erase.toml"
HASHED = "sha256:"
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_KEYS = ("agents", "messages")


class EraseListError(ValueError):
    """An `erase.toml` that cannot be used; nothing is read before it is corrected."""


@dataclass(frozen=True, slots=True)
class EraseList:
    """Ids and handles of agents and ids of messages, or their SHA-256 after the word ``sha256:``."""

    agents: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether anything is listed."""
        return bool(self.agents or self.messages)

    def digest(self) -> str:
        """Return a hash of the list, which says whether it has changed and not what it holds."""
        return hashlib.sha256("\n".join([*self.agents, "", *self.messages]).encode()).hexdigest()[:16] if self else ""


def load_erase_list(data: Path) -> EraseList:
    """Read the list in the folder of all corpora; an empty one when there is none.

    Parameters
    ----------
    data
        The folder ``data/``.

    Raises
    ------
    EraseListError
        With the key and what was expected: a list that is misread would leave somebody in the tables.
    """
    path = data / NAME
    if not path.exists():
        return EraseList()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EraseListError(f"data/{NAME} is not valid TOML: {error}; correct the file") from error
    if unknown := sorted(set(raw) - set(_KEYS)):
        raise EraseListError(f"data/{NAME}: unknown key {', '.join(unknown)}; the keys are {', '.join(_KEYS)}")
    return EraseList(*(_entries(raw, key) for key in _KEYS))


def _entries(raw: dict[str, Any], key: str) -> tuple[str, ...]:
    values = raw.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) and value.strip() for value in values):
        raise EraseListError(f"data/{NAME}: key {key!r}: expected a list of ids in quotation marks")
    cleaned = [re.sub(r"^(u/|@|name:)", "", value.strip()) for value in values]
    for number, value in enumerate(cleaned, start=1):
        if value.startswith(HASHED) and not _HASH.match(value.removeprefix(HASHED)):
            raise EraseListError(
                f"data/{NAME}: key {key!r}, entry {number}: expected {HASHED} and the 64 lower-case hexadecimal digits "
                "of the SHA-256 of an id"
            )
    return tuple(sorted(set(cleaned)))
