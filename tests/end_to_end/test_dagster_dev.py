"""Acceptance: `dagster dev` runs, launches through its API, shows what a person wants to see, and senses folders."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from dagster_page import ADD_PARTITION, Page, dagster_dev
from whole_runs import look_at, parts_of, project, stored, write_corpus

from pipeline.assets.build import table_key
from pipeline.schema import TABLES
from pipeline.steps import STEPS

RUN_SECONDS = 400
SENSE_SECONDS = 400  # two ticks of the sensor, at most 30 s apart, and the run


def assert_metadata(page: Page, corpus_id: str) -> None:
    """Assert that every asset shows row count, schema, preview and plot, and that the count is the stored one."""
    for step in STEPS.values():
        for table in step.tables:
            found = page.metadata(table_key(step, table).path, None if step.is_project else corpus_id)
            assert found["plot"]["mdStr"].startswith("![plot](data:image/png;base64,"), table
            columns = found["dagster/column_schema"]["schema"]["columns"]
            assert [column["name"] for column in columns] == [c.name for c in TABLES[table].all_columns]
            assert all(column["description"] for column in columns)
            rows = found["dagster/row_count"]["intValue"]
            assert len(found["preview"]["table"]["records"]) == min(rows, 5)


def test_dev_launches_and_senses(environment: Mapping[str, str], tmp_path: Path) -> None:
    settings = project(tmp_path)
    # The folder appears at once, as by a move: whoever looks sees it whole.
    write_corpus(tmp_path / "made" / "launched", 25)
    with dagster_dev(environment, tmp_path / "dagster.log") as page:
        added = page.ask(ADD_PARTITION, repository=page.repository, key="launched")
        assert added["addDynamicPartition"]["__typename"] == "AddDynamicPartitionSuccess"
        shutil.move(tmp_path / "made" / "launched", settings.data / "launched")
        run = page.launch("launched")
        write_corpus(settings.data / "dropped", 22)
        (settings.data / "Not A Corpus").mkdir()
        page.wait("the launched run", lambda: page.runs("launched").get(run) in {"SUCCESS", "FAILURE"}, RUN_SECONDS)
        assert page.runs("launched")[run] == "SUCCESS", page.tail()
        assert_metadata(page, "launched")
        assert {row[1] for row in look_at(settings.warehouse / "ethogram.duckdb")} >= {"launched", "*"}
        page.wait("the dropped folder", lambda: page.has_succeeded("dropped"), SENSE_SECONDS)
    shown = look_at(settings.warehouse / "ethogram.duckdb")
    assert {row[1] for row in shown} == {"launched", "dropped", "*"}
    assert parts_of(shown, "dropped") == parts_of(stored(settings), "dropped")
