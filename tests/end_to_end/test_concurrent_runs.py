"""Acceptance: a reader holds the catalogue open while two corpora materialise at once; nobody disturbs anybody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from whole_runs import look_at, materialise, parts_of, project, stored, write_corpus

from pipeline.steps import STEPS

RUN_SECONDS = 600
READER = Path(__file__).parent / "reader.py"


def start_run(corpus_id: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipeline", "run", corpus_id]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(*runs: subprocess.Popen[str]) -> list[str]:
    texts = [run.communicate(timeout=RUN_SECONDS)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * len(runs), "\n".join(texts)
    return texts


def test_two_corpora_and_a_reader_at_once(environment: Mapping[str, str], tmp_path: Path) -> None:
    settings = project(tmp_path)
    for corpus_id, n_posts in (("earlier", 25), ("first", 40), ("second", 30)):
        write_corpus(settings.data / corpus_id, n_posts)
    materialise(settings, "earlier")
    before = parts_of(stored(settings), "earlier")
    stop = tmp_path / "stop"
    catalogue = settings.warehouse / "ethogram.duckdb"
    reader = subprocess.Popen(
        [sys.executable, str(READER), str(catalogue), str(stop)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    # The Dagster home does not exist yet: both processes also make its databases at once.
    texts = finish(start_run("first"), start_run("second"))
    for text in texts:
        assert all(f"{key} is written" in text or STEPS[key].is_project for key in STEPS), text
    finish(start_run("first"), start_run("first"))  # the same corpus twice at once: one waits for the other
    stop.touch()
    output, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors
    report = json.loads(output)
    assert report["opened"] > 3
    after = stored(settings)
    shown = look_at(catalogue)
    assert shown == after
    seen = {corpus: [[tuple(row) for row in state] for state in states] for corpus, states in report["seen"].items()}
    assert seen["earlier"] == [before]
    for corpus_id in ("first", "second"):
        assert seen[corpus_id] == [parts_of(after, corpus_id)]  # once, and whole
