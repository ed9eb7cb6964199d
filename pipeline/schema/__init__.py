"""Every table as data: columns, types, units, keys, meaning and warnings.

Everything that needs to know a table reads it from here: the cast on write, the schema check of each asset, the
comments in the catalogue and the generated dictionary docs/tables.md.
"""

from pipeline.schema.model import Column, Table
from pipeline.schema.personal import PRIVATE_ROLES, ROLES, SAFE_EXTRA
from pipeline.schema.registry import LAYERS, TABLES
from pipeline.schema.tidy import Estimate, Measure, estimate_frame, measure_frame
from pipeline.schema.vocabulary import (
    FILE_STATUS,
    QUARANTINE_REASONS,
    TEXT_FLAGS,
    WARNINGS,
    join_warnings,
)

__all__ = [
    "FILE_STATUS",
    "LAYERS",
    "PRIVATE_ROLES",
    "QUARANTINE_REASONS",
    "ROLES",
    "SAFE_EXTRA",
    "TABLES",
    "TEXT_FLAGS",
    "WARNINGS",
    "Column",
    "Estimate",
    "Measure",
    "Table",
    "estimate_frame",
    "join_warnings",
    "measure_frame",
]
