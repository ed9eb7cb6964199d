"""Fixtures for all tests: the real dumps, unpacked once a session."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import real_dumps

# Distilling takes most of a minute for each fresh warehouse; the tests of embeddings take the teacher on themselves.
os.environ.setdefault("ETHOGRAM_TEACHER", "none")
# No test makes a key of pseudonyms in the folder of the user who runs it.
os.environ.setdefault("ETHOGRAM_KEY", "a key of tests alone, which hides nothing")


REGIONS = {200: (0.015, 0.095), 1000: (0.033, 0.069)}
"""By the number of runs, where the share that an exact test at 5 % rejects lies with 99 % (STATISTICS 2.7)."""
NOTED = "a share of runs"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the Monte Carlo runs of `make validate` found, also where all is well."""
    reports = [r for found in terminalreporter.stats.values() for r in found if getattr(r, "when", "") == "call"]
    if lines := {str(line) for report in reports for name, line in report.user_properties if name == NOTED}:
        terminalreporter.section("shares of runs: rejections at 5 % where nothing is planted, unless said otherwise")
        for line in sorted(lines):
            terminalreporter.line(line)


Within = Callable[..., None]


@pytest.fixture
def within(request: pytest.FixtureRequest) -> Within:
    """Return the function that notes shares of runs for the summary, all of them, and asserts that each is inside."""

    def check(shares: dict[str, float], region: tuple[float, float] | None = None, runs: int = 200) -> None:
        low, high = region or REGIONS[runs]
        outside = []
        for test, share in shares.items():
            is_inside = low <= share <= high
            words = f"{share:6.3f}  [{low:.3f}, {high:.3f}]  {runs:4d} runs  {'inside' if is_inside else 'OUTSIDE'}"
            request.node.user_properties.append((NOTED, f"{request.path.parent.name:14s} {test:100s} {words}"))
            outside += [] if is_inside else [f"{test}: {words}"]
        assert not outside, "\n".join(outside)

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
