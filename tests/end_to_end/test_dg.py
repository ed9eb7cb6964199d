"""The `dg` command line from the project's folder: it lists the definitions and launches without a page."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from whole_runs import look_at, project, write_corpus

from pipeline.assets import ASSETS, corpora
from pipeline.assets.instance import open_instance
from pipeline.settings import Settings

pytestmark = pytest.mark.slow  # each command starts Dagster anew


def dg_command(*arguments: str) -> str:
    """Run `dg` in the project's folder and return what it prints."""
    command = [str(Path(sys.executable).with_name("dg")), *arguments]
    home = Settings.load().home
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_dg_lists_and_launches(environment: Mapping[str, str], tmp_path: Path) -> None:
    home = Path(environment["DAGSTER_HOME"])
    home.mkdir()
    with open_instance(home) as instance:  # as the sensor, or an earlier `make run`, would have
        instance.add_dynamic_partitions(str(corpora.name), ["small"])
    settings = project(tmp_path)
    write_corpus(settings.data / "small", 22)
    listed = json.loads(dg_command("list", "defs", "--json"))
    assert {asset["asset_key"] for asset in listed["assets"]} == {
        key.to_user_string() for asset in ASSETS for key in asset.keys
    }
    dg_command("launch", "--assets", "*", "--partition", "small")
    assert {row[1] for row in look_at(settings.warehouse / "ethogram.duckdb")} == {"small", "*"}
