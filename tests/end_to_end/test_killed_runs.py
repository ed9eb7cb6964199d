"""Acceptance: SIGKILL at seeded random instants of a materialisation; the catalogue stays, and a re-run repairs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "kill_runs.py"
SEED = 20260127


def kill_runs(home: Path, kills: int, kills_per_repair: int, real_kills: int, timeout: int) -> list[dict[str, Any]]:
    """Kill runs in a process of its own (it forks); print what was there at each instant and return it."""
    numbers = [str(number) for number in (SEED, kills, kills_per_repair, real_kills)]
    command = [sys.executable, str(SCRIPT), str(home), *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    print(f"an undisturbed run takes {report['seconds']} s")
    for row in report["rows"]:
        print(row)
    return list(report["rows"])


def assert_meaningful(rows: list[dict[str, Any]], kills: int, with_temporary: int) -> None:
    """Assert that the runs were killed, and often enough while a temporary part, manifest or catalogue existed."""
    forked = [row for row in rows if not row["is_real"]]
    assert len(forked) == kills
    killed = [row for row in forked if row["was_killed"]]
    assert len(killed) >= kills - max(1, kills // 10)  # an instant may fall after the end of a run
    temporary = [row for row in killed if set(row["temporaries"]) & {"part", "catalogue", "manifest"}]
    assert len(temporary) >= with_temporary
    assert forked[-1]["is_fresh"]
    assert any(row["shows"] == "earlier" for row in killed)


def test_runs_killed_on_top_of_each_other(tmp_path: Path) -> None:
    rows = kill_runs(tmp_path, kills=6, kills_per_repair=5, real_kills=0, timeout=900)
    assert_meaningful(rows, kills=6, with_temporary=3)


@pytest.mark.slow
def test_twenty_kills_each_repaired(tmp_path: Path) -> None:
    rows = kill_runs(tmp_path, kills=20, kills_per_repair=1, real_kills=3, timeout=1800)
    assert_meaningful(rows, kills=20, with_temporary=5)
    assert {kind for row in rows for kind in row["temporaries"]} >= {"part", "catalogue", "manifest"}
    assert sum(row["is_real"] and row["was_killed"] for row in rows) >= 1
