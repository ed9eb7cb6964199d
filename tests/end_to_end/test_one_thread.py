"""Rows do not depend on the cores of a machine: what a step computes is summed in one thread."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from whole_runs import project_environment

# Libraries of algebra are loaded when a step needs them, so each case is a process of its own.
PROGRAM = """
import importlib
import sys
from dataclasses import replace

from threadpoolctl import threadpool_info

from pipeline.settings import Settings
from pipeline.steps import STEPS, run_step
from pipeline.warehouse import Warehouse


def load():
    for name in ("scipy.linalg", "sklearn.cluster"):
        importlib.import_module(name)


def compute(context):
    load()
    pools = [(pool["internal_api"], pool["num_threads"]) for pool in threadpool_info()]
    print(sorted({threads for library, threads in pools if library == "openblas"}), len(pools))
    raise InterruptedError


if sys.argv[1] == "before":
    load()
try:
    run_step(replace(STEPS["analysis/published"], compute=compute), Warehouse(Settings.load()), "any")
except InterruptedError:
    pass
"""


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_steps_compute_with_libraries_of_algebra_in_one_thread(tmp_path: Path, when: str) -> None:
    environment = {**os.environ, **project_environment(tmp_path), "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, when], env=environment, capture_output=True, text=True, check=True
    )
    threads, pools = done.stdout.rsplit(" ", 1)
    assert threads == "[1]"
    assert int(pools) >= 2  # numpy has one library of its own, scipy another
