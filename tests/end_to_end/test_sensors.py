"""The sensors without a daemon: what launches, what waits, what is left alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest

from pipeline.assets import catalogue, corpora, dropped_folders, partial_runs
from pipeline.assets.build import STEP_ASSETS
from pipeline.assets.instance import LOST, PROCESS_TAG, open_instance, process_tags
from pipeline.definitions import defs


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def data(environment: Mapping[str, str]) -> Path:
    return Path(environment["ETHOGRAM_DATA"])


def drop(data: Path, name: str, text: str = "{}", file: str = "posts/1.json") -> Path:
    path = data / name / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class Ticks:
    """Ticks of the sensor one after another, with the cursor carried over as the daemon does."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None
        self.keys: list[str] = []

    def tick(self) -> list[str]:
        """Return the partitions that a tick launches."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, definitions=defs)
        result = dropped_folders(context)
        assert isinstance(result, dg.SensorResult)
        assert context.cursor == self.cursor  # Dagster refuses a result whose cursor was also set in the context
        self.cursor = result.cursor
        requests = result.run_requests or []
        self.keys += [str(request.run_key) for request in requests]
        added = {name for request in result.dynamic_partitions_requests or [] for name in request.partition_keys}
        names = [str(request.partition_key) for request in requests]
        assert added == set(names)
        assert (result.skip_reason is None) == bool(names)
        return names


def test_a_new_folder_needs_two_ticks_and_runs_once(instance: dg.DagsterInstance, data: Path) -> None:
    ticks = Ticks(instance)
    assert ticks.tick() == []
    drop(data, "one")
    assert ticks.tick() == []
    assert ticks.tick() == ["one"]
    assert ticks.tick() == []
    assert json.loads(ticks.cursor or "")["one"]["launches"] == 1


def test_files_that_still_change_wait(instance: dg.DagsterInstance, data: Path) -> None:
    ticks = Ticks(instance)
    for length in range(1, 4):
        drop(data, "growing", "x" * length)
        assert ticks.tick() == []
    assert ticks.tick() == ["growing"]


@pytest.mark.parametrize("change", ["content", "time", "new file", "removed file"])
def test_a_changed_folder_runs_again(instance: dg.DagsterInstance, data: Path, change: str) -> None:
    ticks = Ticks(instance)
    path = drop(data, "one")
    other = drop(data, "one", file="posts/2.json")
    assert [ticks.tick(), ticks.tick()] == [[], ["one"]]
    if change == "content":
        path.write_text("{} ")
    elif change == "time":
        os.utime(path, ns=(1, 1))
    elif change == "new file":
        drop(data, "one", file="posts/3.json")
    else:
        other.unlink()
    assert [ticks.tick(), ticks.tick(), ticks.tick()] == [[], ["one"], []]
    assert len(set(ticks.keys)) == 2


def test_a_folder_that_comes_back_unchanged_runs_again(instance: dg.DagsterInstance, data: Path) -> None:
    ticks = Ticks(instance)
    drop(data, "one")
    assert [ticks.tick(), ticks.tick()] == [[], ["one"]]
    (data / "one").rename(data.parent / "away")
    assert ticks.tick() == []
    (data.parent / "away").rename(data / "one")
    assert [ticks.tick(), ticks.tick()] == [[], ["one"]]
    assert len(set(ticks.keys)) == 2  # Dagster starts no second run for a run key it knows


def test_bad_names_are_a_warning_and_never_run(
    instance: dg.DagsterInstance, data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("Upper", "with space", "-dash", "a" * 64, "dots.in.it"):
        drop(data, name)
    (data / "a-file.json").write_text("{}")
    drop(data, "good")
    ticks = Ticks(instance)
    assert [ticks.tick(), ticks.tick(), ticks.tick()] == [[], ["good"], []]
    assert "folders -dash, Upper" in capfd.readouterr().err


def test_empty_folders_and_a_missing_data_folder_are_ignored(instance: dg.DagsterInstance, data: Path) -> None:
    ticks = Ticks(instance)
    (data / "empty" / "posts").mkdir(parents=True)
    assert [ticks.tick(), ticks.tick(), ticks.tick()] == [[], [], []]
    (data / "empty" / "posts").rmdir()
    (data / "empty").rmdir()
    data.rmdir()
    assert ticks.tick() == []


def status_context(
    instance: dg.DagsterInstance, assets: list[dg.AssetKey] | None, partition: str | None
) -> dg.RunStatusSensorContext:
    job = defs.resolve_implicit_global_asset_job_def()
    tags = {} if partition is None else {"dagster/partition": partition}
    run = instance.create_run_for_job(job, tags=tags, asset_selection=None if assets is None else frozenset(assets))
    event = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_SUCCESS.value, job_name=run.job_name)
    return dg.build_run_status_sensor_context(
        sensor_name=partial_runs.name, dagster_event=event, dagster_instance=instance, dagster_run=run
    )


def test_a_run_of_single_assets_is_published(instance: dg.DagsterInstance, environment: Mapping[str, str]) -> None:
    instance.add_dynamic_partitions(str(corpora.name), ["one"])
    single = [dg.AssetKey(["feature", "text"])]
    found = partial_runs(status_context(instance, single, "one"))
    assert isinstance(found, dg.RunRequest)
    assert found.partition_key == "one"
    assert isinstance(partial_runs(status_context(instance, single, None)), dg.SkipReason)
    whole = [*(key for asset in STEP_ASSETS for key in asset.keys), catalogue.key]
    assert isinstance(partial_runs(status_context(instance, whole, "one")), dg.SkipReason)
    assert isinstance(partial_runs(status_context(instance, None, "one")), dg.SkipReason)


def test_a_started_run_whose_process_is_gone_counts_as_failed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    job = defs.resolve_job_def("publish")
    with open_instance(home) as found:
        started = dg.DagsterRunStatus.STARTED
        mine = found.create_run_for_job(job, status=started, tags=process_tags(found))
        lost = found.create_run_for_job(job, status=started, tags={PROCESS_TAG: "1-00000000"})
        strange = found.create_run_for_job(job, status=started)
    with open_instance(home) as found:
        statuses = {run.run_id: run.status for run in found.get_runs()}
        messages = [record.message for record in found.all_logs(lost.run_id)]
    assert statuses[mine.run_id] is started
    assert statuses[strange.run_id] is started
    assert statuses[lost.run_id] is dg.DagsterRunStatus.FAILURE
    assert any(LOST in message for message in messages)
