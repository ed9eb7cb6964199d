"""Fixtures: a folder that is ingested on a plain DuckDB connection."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "independent"))

from fuzzing import COUNTS
from ingest_helpers import Corpus


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Corpus]:
    """An empty corpus folder; write files into it, then call `read`."""
    made = Corpus(tmp_path)
    yield made
    made.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many mutated files of each container were read."""
    if COUNTS:
        terminalreporter.section("mutated files")
        for name, (files, seconds) in COUNTS.items():
            terminalreporter.write_line(f"{name}: {files:,} files, {seconds:.0f} s of the processor")
