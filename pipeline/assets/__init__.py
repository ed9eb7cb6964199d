"""Dagster assets, thin: each wraps a step of `pipeline.steps` and reports what a person wants to see of it."""

from pipeline.assets.build import STEP_ASSETS
from pipeline.assets.catalogue import catalogue
from pipeline.assets.partitions import corpora
from pipeline.assets.sensors import dropped_folders, partial_runs

ASSETS = [*STEP_ASSETS, catalogue]

__all__ = ["ASSETS", "catalogue", "corpora", "dropped_folders", "partial_runs"]
