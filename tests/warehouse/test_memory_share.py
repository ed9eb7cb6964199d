"""A step whose libraries hold memory of their own sorts its rows within less of the limit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.published.load import load_measure_dictionary
from pipeline.settings import Settings
from pipeline.steps import STEPS, run_step
from pipeline.warehouse import Manifest, Warehouse

STEP = STEPS["analysis/measure_dictionary"]


@pytest.mark.parametrize(("share", "limit"), [(1.0, "2GB"), (0.6, "1200MB")])
def test_rows_are_written_in_the_share_of_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, limit: str
) -> None:
    settings = Settings.load({"ETHOGRAM_WAREHOUSE": str(tmp_path / "warehouse"), "ETHOGRAM_MEMORY": "2GB"})
    seen: list[str] = []
    write = Warehouse.write_many

    def watched(self: Warehouse, *rest: Any) -> dict[str, Manifest]:
        seen.append(self.settings.memory_limit)
        return write(self, *rest)

    monkeypatch.setattr(Warehouse, "write_many", watched)
    store = Warehouse(settings)
    run_step(replace(STEP, memory_share=share), store, "*")
    assert seen == [limit]
    assert store.read("measure_dictionary").collect().height == load_measure_dictionary().height


def test_steps_that_embed_leave_room_for_their_models() -> None:
    assert STEPS["feature/embedding"].memory_share < 1
    assert STEPS["feature/persona_embedding"].memory_share < 1
