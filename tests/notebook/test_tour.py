"""The notebook runs from top to bottom, is stored without outputs, and shows what it promises."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from hostile_catalogue import write_catalogue
from nbclient import NotebookClient

from pipeline.settings import Settings

TOUR = Path(__file__).parents[2] / "notebooks" / "tour.ipynb"
SECONDS = 120


def read() -> nbformat.NotebookNode:
    notebook = nbformat.read(TOUR, as_version=4)
    nbformat.validate(notebook)
    return notebook


def run(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    # The kernel inherits the environment of this process; the notebook itself names no path.
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings = Settings.load({**os.environ, "ETHOGRAM_WAREHOUSE": str(tmp_path / "warehouse")})
    write_catalogue(settings)
    monkeypatch.setenv("ETHOGRAM_WAREHOUSE", str(settings.warehouse))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    return settings.warehouse


def test_stored_without_outputs() -> None:
    for cell in read().cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
            assert set(cell.metadata) <= {"tags"}


def test_runs_from_top_to_bottom(warehouse: Path, tmp_path: Path) -> None:
    assert warehouse.is_dir()
    done = run(read(), tmp_path)
    outputs = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    text = "\n".join(output["data"].get("text/html", "") for output in outputs if "data" in output)
    for promised in ("rows_read", "holds", "0.839", "few_ties", "equivalent", "not_comparable"):
        assert promised in text
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
