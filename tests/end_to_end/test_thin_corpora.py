"""Folders that hold little: the run ends with tables that say why they are empty, or with a sentence."""

import json
from pathlib import Path

import duckdb
import pytest
from whole_runs import materialise, project, run_steps

from pipeline.assets.metadata import table_metadata
from pipeline.warehouse import Warehouse


def test_a_corpus_without_messages_runs_and_says_so(tmp_path: Path) -> None:
    settings = project(tmp_path)
    folder = settings.data / "agents-only"
    folder.mkdir()
    agent = {"id": "a1", "name": "lonely", "karma": 0, "created_at": "2026-01-30T10:00:00Z"}
    (folder / "lonely.json").write_text(json.dumps({"success": True, "agent": agent, "recentPosts": []}))
    outcomes = materialise(settings, "agents-only")
    for outcome in outcomes:
        for table in outcome.step.tables:
            assert "plot" in table_metadata(Warehouse(settings), outcome, table)
    with duckdb.connect(str(settings.warehouse / "ethogram.duckdb"), read_only=True) as con:
        (warnings,) = con.sql("SELECT warnings FROM corpus.corpus").fetchall()[0]
        assert "no_messages" in warnings.split(",")
        values = con.sql("SELECT count(*) FROM analysis.estimate WHERE estimate IS NOT NULL").fetchall()
        assert values == [(0,)]
        (unexplained,) = con.sql("SELECT count(*) FROM analysis.estimate WHERE warnings IS NULL").fetchall()[0]
        assert unexplained == 0


def test_a_folder_without_dump_files_is_a_sentence(tmp_path: Path) -> None:
    settings = project(tmp_path)
    (settings.data / "notes").mkdir()
    (settings.data / "notes" / "notes.txt").write_text("nothing to read")
    with pytest.raises(FileNotFoundError, match="make forget CORPUS=notes"):
        run_steps(settings, "notes")
