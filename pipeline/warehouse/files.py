"""Files that are whole or absent, and temporary folders whose owner may have died.

What belongs here: dealings with the file system that know nothing of tables. A temporary folder carries the
token of the process that made it, and that process holds a lock on a file of that name for as long as it
lives. So a leftover is told from work in progress by the lock, which a killed process loses, and not by a
process id, which may be in use again or belong to another container.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TMP_PREFIX = ".tmp-"

_tokens: dict[tuple[int, Path], tuple[str, int]] = {}


def write_json(path: Path, value: Any, root: Path) -> None:
    """Replace a JSON file as a whole: readers see the old text or the new one, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TMP_PREFIX}{token(root)}-{secrets.token_hex(4)}.json"
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, sort_keys=True, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, ``None`` when there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON ({error}); remove it and run again") from error


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(path: Path, root: Path) -> None:
    """Make `path` below `root` and flush the entry of each folder that is new."""
    missing = [folder for folder in (path, *path.parents) if folder.is_relative_to(root) and not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync(folder.parent)


def token(root: Path) -> str:
    """Return the token of this process in the warehouse `root`, and hold its lock until the process ends."""
    key = (os.getpid(), root)
    while key not in _tokens:
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        path = root / ".locks" / f"{name}.alive"
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Another process may have taken the unlocked file for a leftover in between and removed it: try again.
        if path.exists():
            _tokens[key] = (name, descriptor)
        else:
            os.close(descriptor)
    return _tokens[key][0]


@contextlib.contextmanager
def temporary_folder(parent: Path, root: Path) -> Iterator[Path]:
    """Make a folder in `parent` for work in progress, and remove it afterwards unless it was renamed."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / f"{TMP_PREFIX}{token(root)}-{secrets.token_hex(4)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_stale(path: Path, root: Path) -> bool:
    """Tell whether the process that made a temporary folder or file has ended."""
    parts = path.name.removeprefix(TMP_PREFIX).removesuffix(".json").split("-")
    return len(parts) < 2 or not _is_alive(root / ".locks" / f"{parts[0]}-{parts[1]}.alive", unlink=False)


def _is_alive(path: Path, *, unlink: bool) -> bool:
    """Tell whether a process holds the lock on `path`; remove the file, if asked, when none does."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        if unlink:
            path.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)


def remove_stale(folder: Path, root: Path) -> int:
    """Remove the temporary folders and files in `folder` whose process has ended; return how many."""
    removed = 0
    if not folder.is_dir():
        return 0
    for path in sorted(folder.iterdir()):
        if path.name.startswith(TMP_PREFIX) and is_stale(path, root):
            remove(path)
            removed += 1
    return removed


def remove_dead_tokens(root: Path) -> None:
    """Remove the lock files of processes that have ended; call it after their leftovers are gone."""
    for path in sorted((root / ".locks").glob("*.alive")):
        _is_alive(path, unlink=True)


def remove(path: Path) -> None:
    """Remove a file or a folder with all in it; nothing happens when it is gone already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
