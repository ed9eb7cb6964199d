"""Small batches, so that a crawl fills several, and what was read of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from growing import settings_below

from pipeline.ingest.reuse import Reuse
from pipeline.settings import Settings


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crawl fills several batches, and more than two batches are a large dump."""
    monkeypatch.setattr("pipeline.ingest.framing.BATCH_BYTES", 11_000)
    monkeypatch.setattr("pipeline.ingest.framing.SMALL_BYTES", 0)
    monkeypatch.setattr("pipeline.ingest.framing.LINES_BYTES", 11_000)
    monkeypatch.setattr("pipeline.ingest.staged.HELD_BATCHES", 2)
    monkeypatch.setattr("pipeline.ingest.bodies.LARGEST_BYTES", 0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_below(tmp_path)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The path of every batch that was read, one for each batch."""
    paths: list[str] = []
    note = Reuse.note

    def noted(self: Reuse, batch: object, scan: object, adapter: object) -> None:
        numbers = batch.documents["file_no"].unique().to_pylist()  # type: ignore[attr-defined]
        paths.extend(scan.files[number].path for number in numbers)  # type: ignore[attr-defined]
        note(self, batch, scan, adapter)  # type: ignore[arg-type]

    monkeypatch.setattr(Reuse, "note", noted)
    yield paths
