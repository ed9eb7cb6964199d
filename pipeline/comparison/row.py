"""A row of ``analysis.comparison`` as a frozen dataclass, and the conversion to a typed frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import polars as pl

from pipeline.schema import TABLES

VERDICTS = ("equivalent", "different", "undecided", "not_comparable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measure on two slices; the columns are described in `pipeline.schema.analysis`."""

    measure_id: str
    slice_a: str
    slice_b: str
    value_a: float | None = None
    value_b: float | None = None
    n_a: int | None = None
    n_b: int | None = None
    unit_of_inference: str | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    distance: float | None = None
    floor: float | None = None
    ceiling: float | None = None
    z: float | None = None
    percentile: float | None = None
    p_value: float | None = None
    q_value: float | None = None
    margin: float | None = None
    verdict: str = "not_comparable"
    reason: str | None = None
    warnings: str | None = None


def comparison_frame(rows: Sequence[Comparison]) -> pl.DataFrame:
    """Return the rows as a frame with the types of ``analysis.comparison`` (without ``corpus_id``), sorted by key."""
    table = TABLES["comparison"]
    schema = {name: kind for name, kind in table.polars_schema.items() if name != "corpus_id"}
    frame = pl.DataFrame([asdict(row) for row in rows], schema=schema, strict=False).fill_nan(None)
    return frame.sort(list(table.key))
