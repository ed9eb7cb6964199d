"""The documents are true: generated pages are current, and what the README tells a reader to type works."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pipeline.ingest.config import load_config
from pipeline.report.documents import stale_documents, write_documents
from pipeline.schema import TABLES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[number]


def test_generated_documents_are_current() -> None:
    assert stale_documents(ROOT / "docs") == []


def test_a_stale_document_is_noticed(tmp_path: Path) -> None:
    write_documents(tmp_path)
    (tmp_path / "tables.md").write_text("old", encoding="utf-8")
    (tmp_path / "formats.md").unlink()
    assert stale_documents(tmp_path) == ["tables.md", "formats.md"]


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for verb in set(re.findall(r"make ([a-z]+)", README)) - {"and"}:
        assert re.search(rf"^{verb}:", makefile, re.MULTILINE), verb


def test_files_and_tables_that_the_readme_names_exist() -> None:
    for path in re.findall(r"\]\(([a-z][^)#]*)\)", README):
        assert (ROOT / path).exists(), path
    for layer, name in re.findall(r"`(corpus|feature|analysis)\.(?!toml)([a-z_]+)`", README):
        assert TABLES[name].layer == layer


def test_corpus_toml_of_the_readme_is_accepted(tmp_path: Path) -> None:
    text = block("toml")
    (tmp_path / "corpus.toml").write_text(text, encoding="utf-8")
    config = load_config(tmp_path, "x", ("moltbook_api",))
    assert config.title == tomllib.loads(text)["title"]
    assert [s.slice_id for s in config.slices] == ["first_days"]


def test_python_of_the_readme_runs_from_any_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "end_to_end"))
    from whole_runs import materialise, project, project_environment, write_corpus

    settings = project(tmp_path)
    write_corpus(settings.data / "demo-moltbook", 40)
    materialise(settings, "demo-moltbook")
    done = subprocess.run(
        [sys.executable, "-c", block("python")],
        cwd=tmp_path,
        env={**os.environ, **project_environment(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "activity_gini" in done.stdout
