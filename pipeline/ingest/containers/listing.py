"""Lists what archives and compressed files hold, each member as a file of its own.

The digest of a member is made from the digest of the file around it and the path, not from its bytes: see
docs/decisions.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ingest.containers.walk import Entry, Walk
from pipeline.ingest.recognise import PACKED_CONTAINERS as PACKED

if TYPE_CHECKING:
    from pipeline.ingest.scan import SourceFile

_JOURNAL = (
    "a rollback journal (-journal) lies beside the database in the archive: the last transaction is unfinished; open "
    "the database once in sqlite3 where it came from, and pack it again"
)


@dataclass(frozen=True, slots=True)
class Outer:
    """The file of the folder that holds another one: path, size and time of change when it was listed."""

    path: str
    size: int
    mtime_ns: int


def is_packed(file: SourceFile) -> bool:
    """Return whether a file of the folder has to be opened before it can be read."""
    return file.container in PACKED and file.status == "ignored"


def listed(
    folder: Path, files: Iterable[SourceFile], describe: Callable[[Entry, SourceFile], SourceFile], spool: Path
) -> Iterator[SourceFile]:
    """Yield the files, and in place of each that is packed what is inside.

    Parameters
    ----------
    folder
        Folder of the corpus.
    files
        Its files.
    describe
        Says of an entry, and of what is known of it, what it is.
    spool
        Folder for temporary files.
    """
    for file in files:
        if is_packed(file):
            yield from _inside(folder, file, describe, spool)
        else:
            yield file


def _inside(
    folder: Path, file: SourceFile, describe: Callable[[Entry, SourceFile], SourceFile], spool: Path
) -> Iterator[SourceFile]:
    path = folder / file.path
    found: list[SourceFile] = []
    try:
        state = path.stat()
        for entry in Walk(path, file.path, spool).entries():
            found.append(_file(entry, file, Outer(file.path, file.size, state.st_mtime_ns), describe))
    except OSError as error:
        if not any(member.path == file.path for member in found):
            detail = f"the file could be listed but not unpacked ({type(error).__name__})"
            found.append(replace(file, status="unreadable", reason="unreadable", detail=detail))
    journals = {member.path for member in found if member.path.endswith("-journal") and member.size}
    for member in found:
        if member.container == "sqlite" and f"{member.path}-journal" in journals:
            yield replace(member, status="unreadable", reason="damaged_sqlite", detail=_JOURNAL)
        else:
            yield member


def _file(
    entry: Entry, around: SourceFile, outer: Outer, describe: Callable[[Entry, SourceFile], SourceFile]
) -> SourceFile:
    is_itself = entry.path == around.path
    digest = around.sha256 if is_itself else digest_of(around.sha256, entry.path)
    size = around.size if is_itself else entry.size
    content = entry.content_path if entry.content_path != entry.path else None
    file = replace(
        around, path=entry.path, sha256=digest, size=size, container=entry.archive or "none", status="read",
        reason=None, outer=outer, content=content,
    )  # fmt: skip
    if entry.fault is not None:
        fault = entry.fault
        if fault.is_inherited:
            return replace(file, status="ignored", reason="the archive around it is damaged; see its row")
        return replace(file, status="unreadable", reason=fault.reason, detail=fault.detail, offset=fault.offset)
    if entry.archive is not None:
        return replace(file, status="opened", reason="its members are listed as files of their own")
    return describe(entry, file)


def digest_of(outer: str, path: str) -> str:
    """Return the digest of a member: SHA-256 of the digest of the file around it and of its path."""
    return hashlib.sha256(f"{outer}\0{path}".encode()).hexdigest()
