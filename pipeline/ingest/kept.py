"""Staged observations of large files, kept from one ingestion to the next so that no large file is read twice.

What belongs here: what decides them (`Kept.key`), how they are stored, checked, taken again and removed. They hold raw
text, so they lie inside the warehouse, in a folder of the corpus that goes with it. An entry is a folder that was
written under another name and renamed; what in it is not as it was written is read again from the dump.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.ingest.scan import SourceFile
from pipeline.ingest.staged import STAGED

LIST_NAME = "entry.json"
TMP_PREFIX = ".tmp-"
BLOCK_BYTES = 1 << 20
CHECKING_THREADS = 2
_NAME = re.compile(r"[a-z]+(_[a-z]+)?_\d+\.parquet\Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """What was staged of one file: its number, how many batches and bytes it had, kind and path of each part."""

    number: int
    key: str
    n_batches: int
    n_bytes: int
    files: tuple[tuple[str, Path], ...]


class Kept:
    """The entries of one corpus.

    Parameters
    ----------
    folder
        Where they lie; it is made when there is something to keep.
    code
        Fingerprint of the source, the libraries and the rules that turn a file into observations.
    limit
        Bytes that the entries of all corpora, which are the folders beside this one, may take.
    """

    def __init__(self, folder: Path, code: str, limit: int) -> None:
        self.folder, self.code, self.limit = folder, code, limit
        self.reused_bytes = 0  # as they were read
        self.skipped_bytes = 0  # as they lie in the folder of the dump
        self._there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to take."""
        return not self._there

    def key(self, file: SourceFile, adapter_version: str) -> str:
        """Return the name of the entry of a file: a digest of all that decides what is staged of it.

        That is all that the scan says of it but the archive around it, whose digest is in its own: among that the path,
        since adapters take names of tables, runs and times from it. The number of the file is not.
        """
        decides = (self.code, adapter_version, asdict(replace(file, outer=None)))
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def take(self, number: int, file: SourceFile, adapter_version: str, into: Path) -> Entry | None:
        """Return the entry of a file, with its parts in the folder `into`; None where there is none that is whole."""
        if (key := self.key(file, adapter_version)) not in self._there:
            return None
        try:
            entry = self._taken(number, key, into)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self.reused_bytes += entry.n_bytes
        self.skipped_bytes += file.size
        return entry

    def _taken(self, number: int, key: str, into: Path) -> Entry:
        folder = self.folder / key
        text = (folder / LIST_NAME).read_text(encoding="utf-8")
        digest, _, body = text.partition("\n")
        if hashlib.sha256(body.encode()).hexdigest() != digest:
            raise ValueError("the list of the entry was changed")
        listed: dict[str, Any] = json.loads(body)
        if listed["key"] != key or not all(kind in STAGED and _NAME.match(name) for kind, name, *_ in listed["files"]):
            raise ValueError("the list of the entry is of something else")
        files = tuple((kind, into / f"kept_{number:08d}_{name}") for kind, name, *_ in listed["files"])
        for (_, path), (_, name, _, _) in zip(files, listed["files"], strict=True):
            _link(folder / name, path)
        expected = [(size, check) for *_, size, check in listed["files"]]
        if _checked([path for _, path in files]) != expected:
            raise ValueError("a part of the entry was changed")
        return Entry(number, key, int(listed["n_batches"]), int(listed["n_bytes"]), files)

    def settle(self, reused: Iterable[Entry], new: Iterable[Entry], without: frozenset[int]) -> None:
        """Keep the entries that fit into the limit, those that were reused first, and remove everything else.

        Parameters
        ----------
        reused, new
            The entries of files that are in the corpus.
        without
            Numbers of the files of which nothing may be kept.
        """
        room, used = self.limit - self._beside(), set()
        for entries, are_new in ((reused, False), (new, True)):
            for entry in entries:
                size = sum(path.stat().st_size for _, path in entry.files)
                if entry.number not in without and size <= room:
                    if are_new:
                        self._store(entry)
                    used.add(entry.key)
                    room -= size
        self._sweep(used)

    def _store(self, entry: Entry) -> None:
        """Write an entry under another name, and rename it once it is whole."""
        temporary, target = self.folder / f"{TMP_PREFIX}{entry.key}", self.folder / entry.key
        for folder in (temporary, target):
            shutil.rmtree(folder, ignore_errors=True)
        temporary.mkdir(parents=True)
        paths = [path for _, path in entry.files]
        for path in paths:
            _link(path, temporary / path.name)
        listed = [(kind, path.name, *check) for (kind, path), check in zip(entry.files, _checked(paths), strict=True)]
        body = json.dumps({"key": entry.key, "n_batches": entry.n_batches, "n_bytes": entry.n_bytes, "files": listed})
        digest = hashlib.sha256(body.encode()).hexdigest()
        (temporary / LIST_NAME).write_text(f"{digest}\n{body}", encoding="utf-8")
        temporary.rename(target)

    def _sweep(self, used: set[str]) -> None:
        """Remove what is of no use: entries of files that are gone or changed, and what a crash left."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if path.name not in used:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not used:
            self.folder.rmdir()

    def _beside(self) -> int:
        """Return the bytes that the entries of other corpora take."""
        others = self.folder.parent.glob("*/*/*.parquet")
        return sum(_size(path) for path in others if path.parent.parent != self.folder)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or make a copy where the file system has no second names."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # another ingestion has removed it just now
        return 0


def _checked(paths: list[Path]) -> list[tuple[int, int]]:
    """Return size and checksum of files: enough to find damage by accident, at several times the speed of SHA-256."""
    with ThreadPoolExecutor(CHECKING_THREADS) as pool:
        return list(pool.map(_check, paths))


def _check(path: Path) -> tuple[int, int]:
    size = check = 0
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(BLOCK_BYTES):
            size += len(block)
            check = zlib.crc32(block, check)
    return size, check
