"""What a second run does: nothing when nothing changed, and exactly what depends on what did change."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from whole_runs import look_at, materialise, project, run_steps, stored, write_corpus

from pipeline.settings import Settings
from pipeline.steps import STEPS, run_step
from pipeline.steps.publication import NotCurrentError, is_up_to_date, publish, stale_steps
from pipeline.steps.step import MissingInputError
from pipeline.warehouse import Warehouse
from pipeline.warehouse.layout import find_table

CORPUS = "small"
SEEDED = {key for key in STEPS if key.startswith("analysis/")} | {"feature/topic"}  # topics are drawn


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which everything is current; tests work on copies of it."""
    root = tmp_path_factory.mktemp("made")
    settings = project(root)
    write_corpus(settings.data / CORPUS, 25)
    shutil.copytree(settings.lexicons, root / "lexicons")
    materialise(project(root, lexicons=root / "lexicons"), CORPUS)
    return root


@pytest.fixture
def settings(made: Path, tmp_path: Path) -> Settings:
    """A copy of the project for one test."""
    root = tmp_path / "copy"
    shutil.copytree(made, root)
    return project(root, lexicons=root / "lexicons")


def is_post(path: Path) -> bool:
    """Tell whether a file of the dump is whole; one is cut short and one is HTML, on purpose."""
    try:
        return "title" in json.loads(path.read_text())["post"]
    except (ValueError, KeyError):
        return False


def recomputed(settings: Settings) -> set[str]:
    """Run every step and return the keys of those that were not skipped."""
    outcomes = run_steps(settings, CORPUS)
    assert all(check.passed for outcome in outcomes for check in outcome.checks)
    return {outcome.step.key for outcome in outcomes if not outcome.is_skipped}


def test_what_is_up_to_date(settings: Settings) -> None:
    store = Warehouse(settings)
    assert is_up_to_date(store, CORPUS)
    assert not is_up_to_date(store, "another")
    assert not is_up_to_date(Warehouse(replace(settings, seed=settings.seed + 1)), CORPUS)
    added = settings.data / CORPUS / "posts" / "added.json"
    added.write_text('{"post": {"id": "0a000000-0000-4000-8000-00000000beef", "title": "t", "content": "c"}}')
    assert not is_up_to_date(store, CORPUS)
    run_steps(settings, CORPUS)
    assert not is_up_to_date(store, CORPUS)  # not published yet
    publish(store, CORPUS)
    assert is_up_to_date(store, CORPUS)
    manifest = store.manifest("text", CORPUS)
    assert manifest is not None
    manifest.files(store.layout)[0].unlink()
    assert not is_up_to_date(store, CORPUS)


def test_nothing_is_recomputed_when_nothing_changed(settings: Settings) -> None:
    before = stored(settings)
    assert recomputed(settings) == set()
    assert stored(settings) == before
    assert stale_steps(Warehouse(settings), CORPUS) == []


def test_moving_the_project_recomputes_nothing(settings: Settings, tmp_path: Path) -> None:
    shutil.move(settings.warehouse.parent, tmp_path / "elsewhere")
    assert recomputed(project(tmp_path / "elsewhere", lexicons=tmp_path / "elsewhere" / "lexicons")) == set()


def test_a_file_without_news_recomputes_ingestion_only(settings: Settings) -> None:
    (settings.data / CORPUS / "README.txt").write_text("Nothing that any format claims.\n")
    found = recomputed(settings)
    assert "corpus/ingestion" in found
    assert not {key for key in found if key.startswith("feature/")}


def test_a_changed_dump_file_recomputes_what_reads_it(settings: Settings) -> None:
    path = next(path for path in sorted((settings.data / CORPUS).rglob("posts/**/*.json")) if is_post(path))
    value = json.loads(path.read_text())
    value["post"]["title"] = "A changed title"
    path.write_text(json.dumps(value))
    found = recomputed(settings)
    assert {"corpus/ingestion", "feature/text", "analysis/measure/text"} <= found
    assert not found & {"analysis/published", "analysis/measure_dictionary"}


def test_a_changed_card_recomputes_scores_but_no_ingestion(settings: Settings) -> None:
    card = next(path for path in sorted(settings.lexicons.rglob("*.toml")) if 'id = "airs"' in path.read_text())
    text = card.read_text()
    title = next(line for line in text.splitlines() if line.startswith("title"))
    card.write_text(text.replace(title, title[:-1] + ' (changed)"'))
    found = recomputed(settings)
    assert "feature/lexicon_score" in found
    assert not found & {"corpus/ingestion", "feature/text", "feature/interaction", "analysis/measure/network"}


def test_a_changed_seed_recomputes_the_analysis_only(settings: Settings) -> None:
    assert recomputed(replace(settings, seed=settings.seed + 1)) <= SEEDED
    assert stale_steps(Warehouse(settings), CORPUS) != []  # the old seed's rows are no longer there


def test_a_stale_step_is_not_published(settings: Settings) -> None:
    before = look_at(settings.warehouse / "ethogram.duckdb")
    other = replace(settings, seed=settings.seed + 1)
    sentence = r"corpus small: .*analysis/measure/network.* are not up to date .*make run CORPUS=small"
    with pytest.raises(NotCurrentError, match=sentence):
        publish(Warehouse(other), CORPUS)
    assert look_at(settings.warehouse / "ethogram.duckdb") == before


def test_a_corpus_of_which_nothing_is_stored_is_not_published(settings: Settings) -> None:
    write_corpus(settings.data / "new", 22)
    with pytest.raises(NotCurrentError, match=r"corpus new: corpus/ingestion, .* are not up to date"):
        publish(Warehouse(settings), "new")


def test_a_damaged_part_is_recomputed(settings: Settings) -> None:
    store = Warehouse(settings)
    manifest = store.manifest("interaction", CORPUS)
    assert manifest is not None
    manifest.files(store.layout)[0].unlink()
    before = stored(settings)
    assert stale_steps(store, CORPUS) == ["feature/interaction"]
    assert recomputed(settings) == {"feature/interaction"}
    assert stored(settings) == before


def test_a_step_whose_input_was_never_written_says_so(settings: Settings) -> None:
    write_corpus(settings.data / "new", 22)
    with pytest.raises(
        MissingInputError, match=r"feature/text of corpus new reads corpus\.message, which is not there"
    ):
        run_step(STEPS["feature/text"], Warehouse(settings), "new")


def test_a_tampered_part_fails_its_check(settings: Settings) -> None:
    tamper(settings, "reply_class")
    outcomes = {outcome.step.key: outcome for outcome in run_steps(settings, CORPUS)}
    failed = {key for key, outcome in outcomes.items() if not all(check.passed for check in outcome.checks)}
    assert failed == {"feature/reply_class"}


def tamper(settings: Settings, table: str) -> None:
    """Exchange the rows of a stored part for others that fit the schema, and keep the books of its size."""
    store = Warehouse(settings)
    manifest = store.manifest(table, CORPUS)
    assert manifest is not None
    (path,) = manifest.files(store.layout)
    rows = pl.read_parquet(path)
    others = rows.with_columns(pl.lit("other").alias("class"))
    assert not rows.equals(others)
    others.write_parquet(path)
    record = store.layout.manifest(find_table(table), CORPUS, "")
    value = json.loads(record.read_text())
    value["parts"][0]["bytes"] = path.stat().st_size
    record.write_text(json.dumps(value))
