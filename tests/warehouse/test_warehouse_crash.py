"""A run that is killed at any instant leaves a readable catalogue, and the next run repairs everything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "crash_runs.py"


def crash_runs(home: Path, mode: str, attempts: int) -> dict[str, Any]:
    home.mkdir()
    command = [sys.executable, str(SCRIPT), str(home), mode, "20260127", str(attempts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return crash_runs(tmp_path_factory.mktemp("undisturbed") / "home", "step", 0)


@pytest.mark.parametrize(("mode", "attempts"), [("step", 40), ("random", 12)])
def test_killed_runs_are_repaired(tmp_path: Path, undisturbed: dict[str, Any], mode: str, attempts: int) -> None:
    found = crash_runs(tmp_path / "home", mode, attempts)
    assert found["killed"] >= attempts // 3
    assert found["with_temporary"] >= 3
    assert found["problems"] == []
    assert found["hashes"] == undisturbed["hashes"]
    assert found["leftovers"] == []
    assert found["parts"] == undisturbed["parts"]
