"""Fixtures: a folder that is ingested on a plain DuckDB connection, and the real dumps, unpacked once."""

from __future__ import annotations

import os
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "independent"))

from ingest_helpers import Corpus


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Corpus]:
    """An empty corpus folder; write files into it, then call `read`."""
    made = Corpus(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def real_dump(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a real dump; skip when it is not here, which CI does not allow."""
    base = tmp_path_factory.mktemp("real")

    def unpack(name: str) -> Path:
        folder = base / name
        if folder.exists():
            return folder
        home = os.environ.get("ETHOGRAM_REAL_DATA", "")
        archive = Path(home) / f"{name}.tar.xz"
        if not home or not archive.exists():
            if os.environ.get("CI") == "true":
                pytest.fail(f"{name} is needed in CI: set ETHOGRAM_REAL_DATA")
            pytest.skip("set ETHOGRAM_REAL_DATA to the folder of the real dumps")
        with tarfile.open(archive) as packed:
            packed.extractall(base, filter="data")
        return folder

    return unpack
