"""What a second run does: nothing when nothing changed, and exactly what depends on what did change."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from whole_runs import look_at, materialise, project, run_steps, stored, write_corpus

from pipeline.settings import Settings
from pipeline.steps import STEPS
from pipeline.steps.publication import NotCurrentError, publish, stale_steps
from pipeline.warehouse import Warehouse

CORPUS = "small"
SEEDED = {key for key in STEPS if key.startswith("analysis/")}


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


def recomputed(settings: Settings) -> set[str]:
    """Run every step and return the keys of those that were not skipped."""
    outcomes = run_steps(settings, CORPUS)
    assert all(check.passed for outcome in outcomes for check in outcome.checks)
    return {outcome.step.key for outcome in outcomes if not outcome.is_skipped}


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
    path = next(p for p in sorted((settings.data / CORPUS / "posts").rglob("*.json")) if '"title"' in p.read_text())
    path.write_text(
        path.read_text().replace('"title": "', '"title": "changed ', 1).replace('"title":"', '"title":"changed ')
    )
    found = recomputed(settings)
    assert {"corpus/ingestion", "feature/text", "analysis/measure/text"} <= found
    assert not found & {"analysis/published", "analysis/measure_dictionary"}


def test_a_changed_card_recomputes_scores_but_no_ingestion(settings: Settings) -> None:
    card = next(path for path in sorted(settings.lexicons.rglob("*.toml")) if 'id = "airs"' in path.read_text())
    text = card.read_text()
    changed = text.replace("version = ", "version = ", 1) + "\n"
    title = next(line for line in text.splitlines() if line.startswith("title"))
    card.write_text(changed.replace(title, title[:-1] + ' (changed)"'))
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


def test_a_tampered_part_fails_its_check(settings: Settings) -> None:
    tamper(settings, "reply_class")
    outcomes = {outcome.step.key: outcome for outcome in run_steps(settings, CORPUS)}
    failed = {key for key, outcome in outcomes.items() if not all(check.passed for check in outcome.checks)}
    assert failed == {"feature/reply_class"}


def tamper(settings: Settings, table: str) -> None:
    """Change a value of a stored part without changing its size, as a failing disk does."""
    store = Warehouse(settings)
    manifest = store.manifest(table, CORPUS)
    assert manifest is not None
    (path,) = manifest.files(store.layout)
    rows = pl.read_parquet(path)
    other = pl.Series("class", ["other"] * rows.height)
    assert not rows["class"].equals(other)
    size = path.stat().st_size
    rows.with_columns(other).write_parquet(path, compression="zstd")
    content = path.read_bytes()
    assert len(content) <= size, "the changed part must be padded to the old size"
    path.write_bytes(pad(content, size))


def pad(content: bytes, size: int) -> bytes:
    """Return a Parquet file of exactly `size` bytes: the padding goes between the pages and the footer."""
    footer = int.from_bytes(content[-8:-4], "little") + 8
    return content[:-footer] + b"\0" * (size - len(content)) + content[-footer:]
