"""Finds and unpacks the real dumps that benchmarks read."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path


def unpack(name: str, folder: Path) -> Path:
    """Unpack an archive of the folder that ETHOGRAM_REAL_DATA names; return the folder that it makes."""
    with tarfile.open(Path(os.environ["ETHOGRAM_REAL_DATA"]) / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / name
