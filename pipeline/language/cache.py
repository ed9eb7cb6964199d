"""Things that are dear to compute and kept on disk: whole or absent, whoever else is writing them.

What belongs here: folders that are made once, and arrays of finished chunks. No pickle is read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def make_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder, made by `make` if it is not there yet.

    Two processes may do it at the same time: each writes a folder of its own, the first to finish renames it, and the
    other takes that one.

    Parameters
    ----------
    folder
        The folder; its name says all that decides its content.
    make
        Writes the content into the folder that it is given.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(4)}")
    temporary.mkdir()
    try:
        make(temporary)
        try:
            temporary.rename(folder)
        except OSError:  # somebody else was first
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


class Chunks:
    """Arrays of finished chunks in a folder, so that a run that was killed goes on where it was.

    Parameters
    ----------
    folder
        The folder; its name says all that decides what the chunks hold.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str, shape: tuple[int, ...], make: Callable[[], NDArray[np.float16]]) -> NDArray[np.float16]:
        """Return a chunk, computed and stored if it is not there or is not whole."""
        path = self.folder / f"{name}.npy"
        with contextlib.suppress(OSError, ValueError, EOFError):
            stored: NDArray[np.float16] = np.load(path, allow_pickle=False)
            if stored.shape == shape and stored.dtype == np.float16:
                return stored
        made = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".tmp-{os.getpid()}-{secrets.token_hex(4)}.npy"
        try:
            np.save(temporary, made, allow_pickle=False)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return made
