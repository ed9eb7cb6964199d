"""Fixtures for all tests: the real dumps, unpacked once a session."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import real_dumps

WHOLE_RUNS = ("end_to_end", "browser", "notebook", "test_cli.py", "test_documents.py")

# Distilling takes most of a minute for each fresh warehouse; the tests of embeddings take the teacher on themselves.
os.environ.setdefault("ETHOGRAM_TEACHER", "none")
# No test makes a key of pseudonyms in the folder of the user who runs it.
os.environ.setdefault("ETHOGRAM_KEY", "a key of tests alone, which hides nothing")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where two workers share the tests, a file stays with one, and so do all whole runs, which need room."""
    for item in items:
        is_whole = item.path.parent.name in WHOLE_RUNS or item.path.name in WHOLE_RUNS
        item.add_marker(pytest.mark.xdist_group("whole runs" if is_whole else item.path.name))


@pytest.fixture(scope="session")
def real_dump(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from the name of an archive to the folder that it was unpacked into; read-only by custom."""
    unpacked: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in unpacked:
            unpacked[name] = real_dumps.unpack(name, tmp_path_factory.mktemp("real"))
        return unpacked[name]

    return folder
