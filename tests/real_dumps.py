"""Finds the real dumps: archives in the folder that ETHOGRAM_REAL_DATA names."""

import os
import tarfile
from pathlib import Path

import pytest


def archive(name: str) -> Path:
    """Return the path of an archive; skip the test without it, unless this is CI, where that is a failure."""
    folder = os.environ.get("ETHOGRAM_REAL_DATA")
    path = Path(folder) / f"{name}.tar.xz" if folder else None
    if path is not None and path.is_file():
        return path
    message = f"the test needs {name}.tar.xz in the folder that ETHOGRAM_REAL_DATA names"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def unpack(name: str, folder: Path) -> Path:
    """Unpack an archive into a folder; return the folder that it makes there."""
    with tarfile.open(archive(name)) as tar:
        tar.extractall(folder, filter="data")
    return folder / name
