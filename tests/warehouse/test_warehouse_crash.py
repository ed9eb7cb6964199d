"""A run that is killed at any instant leaves a readable catalogue, and the next run repairs everything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "crash_runs.py"


STEPS_OF_A_RUN = 160  # calls that touch the file system in the first run; later ones make about 120


def crash_runs(home: Path, stride: int, attempts: int) -> dict[str, Any]:
    home.mkdir()
    command = [sys.executable, str(SCRIPT), str(home), str(stride), "20260127", str(attempts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return crash_runs(tmp_path_factory.mktemp("undisturbed") / "home", 1, 0)


@pytest.mark.parametrize(
    ("stride", "attempts"),
    [
        pytest.param(23, STEPS_OF_A_RUN // 23, id="steps"),
        pytest.param(0, 4, id="instants"),
        pytest.param(1, STEPS_OF_A_RUN, id="every-step", marks=pytest.mark.slow),
        pytest.param(0, 100, id="many-instants", marks=pytest.mark.slow),
    ],
)
def test_killed_runs_are_repaired(tmp_path: Path, undisturbed: dict[str, Any], stride: int, attempts: int) -> None:
    found = crash_runs(tmp_path / "home", stride, attempts)
    assert found["killed"] >= attempts // 2
    assert found["with_temporary"] >= attempts // 3
    assert found["problems"] == []
    assert found["hashes"] == undisturbed["hashes"]
    assert found["leftovers"] == []
    assert found["parts"] == undisturbed["parts"]
