"""`python -m pipeline run`: one sentence per step, a readable cause of failure, and an exit status."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import polars as pl
from whole_runs import look_at, materialise, project, write_corpus

from pipeline.assets.instance import open_instance
from pipeline.headless import failures
from pipeline.ingest import scan
from pipeline.ingest.config import CorpusConfig, load_config
from pipeline.steps import STEPS
from pipeline.warehouse import Warehouse
from pipeline.warehouse.layout import find_table

LINE = re.compile(r"\d\d:\d\d:\d\d (\S+) (is written|was current): \d+ rows, \d+\.\d s")
SECOND_RUN_SECONDS = 120.0  # it verifies all that is stored; 30 s on two cores, three times that on slow ones


def run(corpus_id: str) -> tuple[int, list[str]]:
    """Run one corpus as a user does and return the exit status and the lines printed."""
    command = [sys.executable, "-m", "pipeline", "run", corpus_id]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert ("make report" in done.stdout) == (done.returncode == 0), done.stdout  # below the summary
    lines = done.stderr.splitlines()
    assert not any("Traceback" in line or "dagster" in line.lower() for line in lines), done.stderr
    return done.returncode, lines


def outcomes(lines: list[str]) -> dict[str, str]:
    """Return what was said of each step."""
    return {match[1]: match[2] for line in lines if (match := LINE.fullmatch(line))}


def test_runs_say_one_line_per_step_and_failures_their_cause(environment: Mapping[str, str], tmp_path: Path) -> None:
    settings = project(tmp_path)
    folder = settings.data / "small"
    write_corpus(folder, 22)
    catalogue = settings.warehouse / "ethogram.duckdb"

    materialise(settings, "small")
    shown = look_at(catalogue)

    status, lines = run("small")
    assert status == 0
    assert outcomes(lines) == dict.fromkeys(STEPS, "was current")
    assert re.fullmatch(r"small: done after \d+\.\d s", lines[-1])
    assert len(lines) == len(STEPS) + 1
    assert float(lines[-1].split()[-2]) < SECOND_RUN_SECONDS

    tamper(settings.warehouse, Warehouse(settings))
    status, lines = run("small")
    assert status == 1
    said = outcomes(lines)
    assert said["feature/reply_class"] == "was current"
    assert "analysis/estimate/enforcement" not in said  # it reads what failed its check
    assert "analysis/measure/network" in said  # it does not
    assert lines[-2] == (
        "feature/reply_class: check schema_reply_class failed: "
        "feature.reply_class: the stored rows are not those that were written"
    )
    assert look_at(catalogue) == shown

    toml = folder / "corpus.toml"
    toml.write_text('titel = "x"\n' + toml.read_text())
    status, lines = run("small")
    assert status == 1
    (sentence,) = lines  # before Dagster starts
    assert sentence.startswith("error: corpus.toml of corpus small: unknown key titel; the keys are title, kind, ")
    assert look_at(catalogue) == shown


def test_a_missing_folder_is_a_sentence(environment: Mapping[str, str]) -> None:
    status, lines = run("missing")
    assert status == 1
    assert lines == ["error: there is no folder data/missing; put the dump files there"]


def tamper(root: Path, store: Warehouse) -> None:
    """Exchange the rows of a stored part for others that fit the schema, and keep the books of its size."""
    manifest = store.manifest("reply_class", "small")
    assert manifest is not None
    (path,) = manifest.files(store.layout)
    pl.read_parquet(path).with_columns(pl.lit("other").alias("class")).write_parquet(path)
    record = store.layout.manifest(find_table("reply_class"), "small", "")
    value = json.loads(record.read_text())
    value["parts"][0]["bytes"] = path.stat().st_size
    record.write_text(json.dumps(value))


def test_an_error_is_told_by_its_first_cause(tmp_path: Path) -> None:
    @dg.op
    def fails() -> None:
        raise RuntimeError("what came of it") from KeyError("the first cause")

    @dg.job
    def one() -> None:
        fails()

    (tmp_path / "home").mkdir()
    with open_instance(tmp_path / "home") as instance:
        result = one.execute_in_process(instance=instance, raise_on_error=False)
    assert list(failures(result.all_events)) == ["fails: KeyError: 'the first cause'"]


def test_a_sentence_of_ours_wins_over_its_stranger_cause(tmp_path: Path) -> None:
    (tmp_path / "corpus.toml").write_text("title = ")

    @dg.op
    def wraps() -> None:
        load_config(tmp_path, "mine")

    @dg.op
    def raises() -> None:
        scan(tmp_path / "away", CorpusConfig("away", "away"))

    @dg.job
    def both() -> None:
        wraps()
        raises()

    (tmp_path / "home").mkdir()
    with open_instance(tmp_path / "home") as instance:
        result = both.execute_in_process(instance=instance, raise_on_error=False)
    assert sorted(failures(result.all_events)) == [
        "raises: there is no folder away under data/; put the dump files there",
        "wraps: corpus.toml of corpus mine is not valid TOML: Invalid value (at end of document); correct the file",
    ]
