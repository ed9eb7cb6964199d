"""A step sees the tables that it says it reads and no others, so that its rows are stale as soon as one of them is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from whole_runs import project, write_corpus

from pipeline.steps import STEPS, StepContext, run_step
from pipeline.warehouse import Warehouse


def test_a_step_sees_what_it_says_it_reads(tmp_path: Path) -> None:
    settings = project(tmp_path)
    write_corpus(settings.data / "small", 20)
    store = Warehouse(settings)
    run_step(STEPS["corpus/ingestion"], store, "small")
    seen: list[set[str]] = []

    def compute(context: StepContext) -> None:
        seen.append({name for (name,) in context.con.sql("SELECT view_name FROM duckdb_views()").fetchall()})
        raise InterruptedError

    step = STEPS["feature/text"]
    with pytest.raises(InterruptedError):
        run_step(replace(step, compute=compute), store, "small")
    assert seen[0] & {"message", "agent", "embedding"} == {"message"}
    assert {"message", "text"} <= seen[0]
