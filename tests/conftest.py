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


VALIDATED = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what the Monte Carlo runs of `make validate` found, also where all is well."""
    if lines := config.stash.get(VALIDATED, []):
        terminalreporter.section("share of runs that reject at 5 % where nothing is planted")
        for line in sorted(lines):
            terminalreporter.line(line)


Within = Callable[[str, float, float, float], None]


@pytest.fixture
def within(request: pytest.FixtureRequest) -> Within:
    """Return the function that notes a share for the summary and asserts that it lies in its region."""

    def check(test: str, share: float, low: float, high: float) -> None:
        is_inside = low <= share <= high
        words = f"{share:.3f}  [{low:.3f}, {high:.3f}]  {'inside' if is_inside else 'OUTSIDE'}"
        request.config.stash.setdefault(VALIDATED, []).append(f"{request.path.parent.name:14s} {test:74.74s} {words}")
        assert is_inside, f"{test}: {words}"

    return check


@pytest.fixture(scope="session")
def real_dump(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from the name of an archive to the folder that it was unpacked into; read-only by custom."""
    unpacked: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in unpacked:
            unpacked[name] = real_dumps.unpack(name, tmp_path_factory.mktemp("real"))
        return unpacked[name]

    return folder
