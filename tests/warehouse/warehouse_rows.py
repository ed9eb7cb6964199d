"""Rows for any table of the schema, made from its description: the tests of the store depend on no one table."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl

from pipeline.schema import TABLES
from pipeline.settings import Settings

EPOCH = dt.datetime(2026, 1, 27)
WORDS = ["", "naïve", "line\nbreak", "'; DROP TABLE message; --", "emoji 🦞", "null", "1:a", "\x01"]


def make_settings(home: Path, threads: int = 2, native_max_rows: int = 20_000_000) -> Settings:
    """Return settings of a project in `home`, with limits for small tests."""
    environ = {
        "ETHOGRAM_HOME": str(home),
        "ETHOGRAM_THREADS": str(threads),
        "ETHOGRAM_MEMORY": "500MB",
        "ETHOGRAM_NATIVE_MAX_ROWS": str(native_max_rows),
    }
    return Settings.load(environ)


def make_rows(table: str, n: int, seed: int = 0, **constant: object) -> pl.DataFrame:
    """Return `n` rows with distinct keys, awkward values and nulls where the description allows them."""
    rng = np.random.default_rng(seed)
    described = TABLES[table]
    columns: dict[str, pl.Series] = {}
    for column in described.columns:
        values = [_value(column.type, i, rng) for i in range(n)]
        if column.name in described.key and column.type == "VARCHAR":
            values = [f"{column.name}-{i:06d}" for i in range(n)]
        elif not column.required and column.name not in described.key:
            values = [None if rng.random() < 0.2 else value for value in values]
        if column.name in constant:
            values = [constant[column.name]] * n
        columns[column.name] = pl.Series(column.name, values, dtype=described.polars_schema[column.name])
    return pl.DataFrame(columns)


def _value(type_: str, i: int, rng: np.random.Generator) -> object:
    draws: dict[str, object] = {
        "VARCHAR": f"{WORDS[int(rng.integers(len(WORDS)))]}{int(rng.integers(1000))}",
        "BIGINT": int(rng.integers(-(2**62), 2**62)),
        "INTEGER": int(rng.integers(-1000, 1000)),
        "DOUBLE": [float(rng.normal()), float("nan"), float("-inf"), 1 / 3, 5e-324, -0.0][int(rng.integers(6))],
        "BOOLEAN": bool(rng.integers(2)),
        "DATE": (EPOCH + dt.timedelta(days=i)).date(),
        "TIMESTAMP": EPOCH + dt.timedelta(microseconds=int(rng.integers(10**12))),
        "FLOAT[]": [float(x) for x in rng.normal(size=3)],
    }
    return draws[type_]
