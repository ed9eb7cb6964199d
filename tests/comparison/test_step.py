"""The step over all corpora: stale when a corpus comes, changes or goes, current otherwise."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from planted_societies import Society, messages

from pipeline.comparison.pairs import PairsError
from pipeline.schema import TABLES
from pipeline.settings import Settings
from pipeline.steps.comparison import COMPARISON_STEPS
from pipeline.steps.step import Outcome, run_step
from pipeline.warehouse import PROJECT, Warehouse

(STEP,) = COMPARISON_STEPS
TRUTH = Society(n_messages=400, n_agents=15)


def store(folder: Path) -> Warehouse:
    settings = Settings.load({"ETHOGRAM_WAREHOUSE": str(folder / "w"), "ETHOGRAM_DATA": str(folder / "d")})
    return Warehouse(replace(settings, home=folder, bootstrap_draws=50, permutation_draws=50))


def put(warehouse: Warehouse, corpus_id: str, truth: Society) -> None:
    frame = messages(truth).drop("corpus_id")
    corpus = pl.DataFrame({"kind": [truth.kind], "format": ["x"], "warnings": [None]})
    for name, rows in {"message": frame, "corpus": corpus, "run": frame.select("run_id").unique()}.items():
        columns = [column.name for column in TABLES[name].columns]
        empty = pl.DataFrame(schema={k: v for k, v in TABLES[name].polars_schema.items() if k in columns})
        typed = pl.concat([empty, rows.select([c for c in rows.columns if c in columns])], how="diagonal_relaxed")
        warehouse.write(name, corpus_id, typed, hashlib.sha256(str(truth).encode()).hexdigest()[:20])


def ran(warehouse: Warehouse) -> Outcome:
    return run_step(STEP, warehouse, PROJECT)


def test_an_empty_warehouse_and_one_corpus_give_a_table_without_rows(tmp_path: Path) -> None:
    warehouse = store(tmp_path)
    assert ran(warehouse).manifests["comparison"].rows == 0
    put(warehouse, "one", TRUTH)
    assert ran(warehouse).manifests["comparison"].rows == 0


def test_a_corpus_that_comes_changes_or_goes_makes_it_run_again(tmp_path: Path) -> None:
    warehouse = store(tmp_path)
    put(warehouse, "observed", TRUTH)
    put(warehouse, "simulated", replace(TRUTH, kind="simulation", seed=2))
    first = ran(warehouse)
    assert not first.is_skipped
    assert first.manifests["comparison"].rows == 6
    assert warehouse.read("comparison").collect()["slice_a"].unique().to_list() == ["simulated/all"]
    assert ran(warehouse).is_skipped
    put(warehouse, "simulated", replace(TRUTH, kind="simulation", seed=3))
    second = ran(warehouse)
    assert not second.is_skipped
    assert second.manifests["comparison"].table_hash != first.manifests["comparison"].table_hash
    put(warehouse, "third", replace(TRUTH, seed=4))
    assert ran(warehouse).manifests["comparison"].rows == 12
    warehouse.forget("third")
    last = ran(warehouse)
    assert not last.is_skipped
    assert last.manifests["comparison"].table_hash == second.manifests["comparison"].table_hash


def test_pairs_of_the_file_decide_and_its_errors_are_sentences(tmp_path: Path) -> None:
    warehouse = store(tmp_path)
    put(warehouse, "x", TRUTH)
    put(warehouse, "y", replace(TRUTH, seed=2))
    assert ran(warehouse).manifests["comparison"].rows == 0
    listed = tmp_path / "comparison.toml"
    listed.write_text('[[pair]]\na = "x/all"\nb = "y/all"\n', encoding="utf-8")
    assert ran(warehouse).manifests["comparison"].rows == 6
    listed.write_text('[[pair]]\na = "x/all"\nb = "z/all"\n', encoding="utf-8")
    with pytest.raises(PairsError, match="no corpus 'z'"):
        ran(warehouse)
