"""Fixtures for all tests: the real dumps, unpacked once a session."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import real_dumps

# Distilling takes most of a minute for each fresh warehouse; the tests of embeddings take the teacher on themselves.
os.environ.setdefault("ETHOGRAM_TEACHER", "none")


@pytest.fixture(scope="session")
def real_dump(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from the name of an archive to the folder that it was unpacked into; read-only by custom."""
    unpacked: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in unpacked:
            unpacked[name] = real_dumps.unpack(name, tmp_path_factory.mktemp("real"))
        return unpacked[name]

    return folder
