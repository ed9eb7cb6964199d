"""Corpora are dynamic partitions: one per folder under data/."""

import dagster as dg

corpora = dg.DynamicPartitionsDefinition(name="corpus")
