"""Folders of simulated dumps: written whole or not at all, and only when what decides them has changed.

Layouts of dumps do not belong here; each writer passes a function that fills an empty folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

MARKER = ".demo"  # a hidden file: no collector's layout has it, so ingestion passes it by
ABANDONED_SECONDS = 3600.0  # a temporary folder of that age belongs to a writer that was killed


def fingerprint(truth: Any) -> str:
    """Return the hash of all that decides the files: the dataclass `truth`, this package's source, the libraries."""
    content = json.dumps({"of": type(truth).__name__, **asdict(truth)}, default=str, sort_keys=True)
    digest = hashlib.sha256(content.encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    digest.update(f"numpy {np.__version__} polars {pl.__version__}".encode())
    return digest.hexdigest()


def is_current(folder: Path, truth: Any) -> bool:
    """Say whether `folder` was written from this very truth by this very generator."""
    marker = folder / MARKER
    return marker.is_file() and marker.read_text(encoding="ascii").strip() == fingerprint(truth)


def write_folder(folder: Path, truth: Any, fill: Callable[[Path], None]) -> bool:
    """Write a dump into `folder`, or leave the folder as it is when it is current.

    The files are written beside `folder` under a hidden name and renamed when complete, so that `folder` never
    shows part of a dump.

    Parameters
    ----------
    folder : Path
        Destination; its parent is made if missing.
    truth : dataclass
        What is planted; decides whether the folder is current.
    fill : callable
        Writes the files into the folder that it is given, which exists and is empty.

    Returns
    -------
    bool
        Whether anything was written.

    Raises
    ------
    FileExistsError
        If `folder` holds files that this function did not write.
    """
    if is_current(folder, truth):
        return False
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        message = (
            f"{folder} holds files that the generator did not write (it has no {MARKER}); "
            "move them away or choose another folder."
        )
        raise FileExistsError(message)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    fresh = _hidden(folder, "writing")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    fill(fresh)
    (fresh / MARKER).write_text(fingerprint(truth) + "\n", encoding="ascii")
    _swap_in(fresh, folder, truth)
    return True


def _hidden(folder: Path, purpose: str) -> Path:
    return folder.parent / f".{folder.name}.{purpose}-{os.getpid()}"


def _remove_abandoned(folder: Path) -> None:
    for purpose in ("writing", "old"):
        for left in folder.parent.glob(f".{folder.name}.{purpose}-*"):
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _swap_in(fresh: Path, folder: Path, truth: Any) -> None:
    old = _hidden(folder, "old")
    shutil.rmtree(old, ignore_errors=True)
    try:
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    except OSError:  # another process was faster; fine if it wrote the same
        shutil.rmtree(fresh, ignore_errors=True)
        if not is_current(folder, truth):
            raise
    shutil.rmtree(old, ignore_errors=True)
