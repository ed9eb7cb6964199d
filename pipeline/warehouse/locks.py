"""Locks between processes, on files: who waits for whom, said aloud.

What belongs here: `exclusive` (re-entrant within a thread) and `shared`. Locks are taken in the order
corpus, use, catalogue; nobody asks for an earlier one while holding a later one, so no two processes wait
for each other. The kernel drops the locks of a killed process. The warehouse has to be on a local disk:
network file systems may not honour ``flock``.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)


class BusyError(RuntimeError):
    """The lock is held elsewhere and the caller asked not to wait."""


class _Held:
    """The state of one lock in this process: a thread lock around the lock on the file."""

    def __init__(self) -> None:
        self.thread_lock = threading.RLock()
        self.depth = 0
        self.owner: int | None = None
        self.descriptor = -1


_held: dict[tuple[int, Path], _Held] = {}
_shared: dict[tuple[int, Path], int] = {}
_guard = threading.Lock()


@contextlib.contextmanager
def exclusive(path: Path, what: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock on `path` alone; entering again in the same thread is free.

    Parameters
    ----------
    path
        The lock file; it is made when missing and never removed.
    what
        What the lock protects, for the message while waiting.
    wait
        False raises instead of waiting.

    Raises
    ------
    BusyError
        When `wait` is false and another process or thread holds the lock, and when this process holds it shared.
    """
    with _guard:
        held = _held.setdefault((os.getpid(), path), _Held())
        if _shared.get((os.getpid(), path), 0):
            raise BusyError(f"{what} is in use by this process: close its sessions first")
    if not held.thread_lock.acquire(blocking=wait):
        raise BusyError(f"{what} is in use by another thread")
    try:
        if held.depth == 0:
            held.descriptor = _lock(path, fcntl.LOCK_EX, what, wait=wait)
            held.owner = threading.get_ident()
        held.depth += 1
        try:
            yield
        finally:
            held.depth -= 1
            if held.depth == 0:
                held.owner = None
                _unlock(held.descriptor)
    finally:
        held.thread_lock.release()


def is_held(path: Path) -> bool:
    """Tell whether this thread holds the lock on `path` alone."""
    held = _held.get((os.getpid(), path))
    return held is not None and held.owner == threading.get_ident()


@contextlib.contextmanager
def shared(path: Path, what: str) -> Iterator[None]:
    """Hold the lock on `path` together with others; whoever wants it alone waits."""
    key = (os.getpid(), path)
    if is_held(path):  # holding it alone is stronger
        yield
        return
    descriptor = _lock(path, fcntl.LOCK_SH, what, wait=True)
    with _guard:
        _shared[key] = _shared.get(key, 0) + 1
    try:
        yield
    finally:
        with _guard:
            _shared[key] -= 1
        _unlock(descriptor)


def _lock(path: Path, kind: int, what: str, *, wait: bool) -> int:
    """Open the file and lock it; return the descriptor, whose closing frees the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        if not wait:
            os.close(descriptor)
            raise BusyError(f"{what} is in use by another process") from None
        log.warning("%s is in use by another process; waiting for it to finish", what)
        try:
            fcntl.flock(descriptor, kind)
        except BaseException:
            os.close(descriptor)
            raise
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _unlock(descriptor: int) -> None:
    """Free the lock also for children that inherited the descriptor, and close it."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
