"""A project of its own for each test: data, warehouse and Dagster home below a temporary folder."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from whole_runs import project_environment


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Point this process, and what it starts, to an empty project."""
    for name, value in project_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return os.environ
