"""Rows do not depend on the cores of a machine: what a step computes is summed in one thread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info
from whole_runs import project

from pipeline.steps import STEPS, StepContext, run_step
from pipeline.warehouse import Warehouse


def test_steps_compute_with_libraries_of_algebra_in_one_thread(tmp_path: Path) -> None:
    threads = []

    def compute(context: StepContext) -> None:
        threads.extend(pool["num_threads"] for pool in threadpool_info())
        raise InterruptedError

    step = replace(STEPS["analysis/published"], compute=compute)
    with pytest.raises(InterruptedError):
        run_step(step, Warehouse(project(tmp_path)), "any")
    assert set(threads) == {1}
