"""Sensors: a folder dropped in data/ becomes a corpus; a run of single assets is published once it is coherent."""

import hashlib
import json
import os
from pathlib import Path

import dagster as dg

from pipeline.assets.build import STEP_ASSETS
from pipeline.assets.catalogue import catalogue
from pipeline.assets.partitions import corpora
from pipeline.ingest.config import CORPUS_ID
from pipeline.settings import Settings

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
    return hashlib.sha256("\n".join(entries).encode()).hexdigest()[:24] if entries else None


@dg.sensor(
    job=corpus_job,
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds a partition and starts a run for each folder under data/ whose files did not change for a tick.",
)
def dropped_folders(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Look at the folders under data/; the cursor holds what was seen at the last tick and what was launched."""
    data = Settings.load().data
    cursor = json.loads(context.cursor or "{}")
    seen, requests, odd = {}, [], []
    for folder in sorted(path for path in data.iterdir() if path.is_dir()) if data.is_dir() else []:
        if not CORPUS_ID.match(folder.name):
            odd.append(folder.name)
            continue
        mark = signature(folder)
        before = cursor.get(folder.name, {})
        launched = before.get("launched")
        if mark is not None and mark == before.get("seen") and mark != launched:
            requests.append(dg.RunRequest(run_key=f"{folder.name}-{mark}", partition_key=folder.name))
            launched = mark
        seen[folder.name] = {"seen": mark, "launched": launched}
    if odd:
        context.log.warning(
            f"folders {', '.join(odd)} are not corpora: expected names of lower-case letters, digits and hyphens"
        )
    context.update_cursor(json.dumps(seen, sort_keys=True))
    if not requests:
        return dg.SkipReason("no folder under data/ is new or changed, or its files still change")
    names = [str(request.partition_key) for request in requests]
    return dg.SensorResult(
        run_requests=requests,
        cursor=json.dumps(seen, sort_keys=True),
        dynamic_partitions_requests=[corpora.build_add_request(names)],
    )


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
