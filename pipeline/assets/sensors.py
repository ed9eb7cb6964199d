"""Sensors: a folder dropped in data/ becomes a corpus; a run of single assets is published once it is coherent."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from pipeline.assets.build import STEP_ASSETS
from pipeline.assets.catalogue import catalogue
from pipeline.assets.instance import settle_lost_runs
from pipeline.assets.partitions import corpora
from pipeline.ingest.config import CORPUS_ID
from pipeline.settings import Settings

Cursor = dict[str, dict[str, str | int | None]]

corpus_job = dg.define_asset_job(
    "corpus",
    selection=dg.AssetSelection.assets(*STEP_ASSETS, catalogue),
    partitions_def=corpora,
    config={"loggers": {"console": {}}},
    description="Everything for one corpus, from its dump to the catalogue.",
)
publish_job = dg.define_asset_job(
    "publish",
    selection=dg.AssetSelection.assets(catalogue),
    partitions_def=corpora,
    description="Publish one corpus whose tables are all current.",
)


def signature(folder: Path) -> str | None:
    """Return a digest of the names, sizes and times of the files below a folder, None when it holds no file."""
    entries = []
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(base) / name
            try:
                found = path.stat()
            except OSError:
                return None
            entries.append(f"{path.relative_to(folder)}\0{found.st_size}\0{found.st_mtime_ns}")
    names_and_times = "\n".join(entries).encode("utf-8", "surrogateescape")  # a name may be no UTF-8
    return hashlib.sha256(names_and_times).hexdigest()[:24] if entries else None


@dg.sensor(
    job=corpus_job,
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds a partition and starts a run for each folder under data/ whose files did not change for a tick.",
)
def dropped_folders(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Look at the folders under data/; the cursor holds what was seen at the last tick and what was launched."""
    if lost := settle_lost_runs(context.instance):
        context.log.warning(f"runs {', '.join(lost)} lost their process and count as failed now")
    data = Settings.load().data
    folders = sorted(path for path in data.iterdir() if path.is_dir()) if data.is_dir() else []
    marks = {folder.name: signature(folder) for folder in folders if CORPUS_ID.match(folder.name)}
    if odd := [folder.name for folder in folders if folder.name not in marks]:
        context.log.warning(
            f"folders {', '.join(odd)} are not corpora: expected names of lower-case letters, digits and hyphens"
        )
    cursor, requests = advance(json.loads(context.cursor or "{}"), marks)
    names = [str(request.partition_key) for request in requests]
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if names else "no folder under data/ is new or changed, or its files still change",
        cursor=json.dumps(cursor, sort_keys=True),
        dynamic_partitions_requests=[corpora.build_add_request(names)] if names else [],
    )


def advance(cursor: Cursor, marks: Mapping[str, str | None]) -> tuple[Cursor, list[dg.RunRequest]]:
    """Return the cursor after a tick and the runs to start: of folders that are as at the last tick, but not as run.

    Parameters
    ----------
    cursor
        By folder: the signature seen last, the one launched last, and the number of launches. That number makes the
        key of a run its own: a folder that was forgotten and comes back unchanged runs again.
    marks
        The signatures now; ``None`` for a folder without files.
    """
    after: Cursor = {}
    requests = []
    for name in sorted({*cursor, *marks}):
        mark = marks.get(name)
        before = cursor.get(name, {"seen": None, "launched": None, "launches": 0})
        entry = {**before, "seen": mark}
        if mark is None:
            entry["launched"] = None
        elif mark == before["seen"] and mark != before["launched"]:
            entry |= {"launched": mark, "launches": int(before["launches"] or 0) + 1}
            requests.append(dg.RunRequest(run_key=f"{name}-{mark}-{entry['launches']}", partition_key=name))
        after[name] = entry
    return after, requests


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    request_job=publish_job,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="After a run of single assets: publish the corpus, when all of its tables are current.",
)
def partial_runs(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for the catalogue after a run that did not build it itself."""
    run = context.dagster_run
    partition = run.tags.get("dagster/partition")
    if partition is None or run.asset_selection is None or catalogue.key in run.asset_selection:
        return dg.SkipReason("the run built the catalogue itself, or belongs to no corpus")
    return dg.RunRequest(run_key=f"publish-{run.run_id}", partition_key=partition)
