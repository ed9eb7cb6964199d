"""The Dagster code location: assembles assets, jobs, sensors and the resource, and nothing else."""

import dagster as dg

from pipeline.assets import ASSETS, dropped_folders, partial_runs
from pipeline.assets.console import console
from pipeline.assets.resource import WarehouseResource
from pipeline.assets.sensors import corpus_job, publish_job

defs = dg.Definitions(
    assets=ASSETS,
    jobs=[corpus_job, publish_job],
    sensors=[dropped_folders, partial_runs],
    loggers={"console": console},
    resources={"warehouse": WarehouseResource()},
    # A process per step would load its libraries anew, seconds each; the steps are already parallel inside.
    executor=dg.in_process_executor,
)
