"""Rows of the tidy result tables as frozen dataclasses, and their conversion to typed frames.

What belongs here: `Measure` (a row of ``analysis.measure``) and `Estimate` (a row of ``analysis.estimate``).
The columns and their meaning are described once, in `pipeline.schema.analysis`; a test holds the fields of these
classes to that description.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of the analysis layer with its uncertainty, its n and its warnings."""

    family: str
    measure_id: str
    value: float | None
    n: int
    n_unit: str
    slice_id: str = "all"
    unit: str = "corpus"
    unit_id: str = "corpus"
    period: str | None = None
    period_start: datetime | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    ci_level: float | None = None
    ci_method: str | None = None
    null_model: str | None = None
    null_mean: float | None = None
    null_sd: float | None = None
    p_value: float | None = None
    warnings: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One term of one fitted specification: the columns of STATISTICS 4.5 with slice and warnings."""

    spec_id: str
    family: str
    hypothesis_id: str
    role: str
    estimand: str
    model: str
    estimator: str
    outcome: str
    term: str
    estimate: float | None
    slice_id: str = "all"
    run_id: str = "observed"
    platform: str | None = None
    std_error: float | None = None
    statistic: float | None = None
    df: float | None = None
    p_value: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    conf_level: float | None = None
    p_adj: float | None = None
    adj_method: str | None = None
    n_obs: int | None = None
    n_agents: int | None = None
    n_clusters: int | None = None
    n_events: int | None = None
    cluster: str | None = None
    fe: str | None = None
    instruments: str | None = None
    sampling: str | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    score_version: str | None = None
    common_scale: float | None = None
    common_scale_low: float | None = None
    common_scale_high: float | None = None
    null_mean: float | None = None
    null_sd: float | None = None
    n_perm: int | None = None
    converged: bool | None = None
    warnings: str | None = None


def measure_frame(rows: Sequence[Measure]) -> pl.DataFrame:
    """Return the rows as a frame with the types of ``analysis.measure`` (without ``corpus_id``)."""
    return _frame(rows, "measure")


def estimate_frame(rows: Sequence[Estimate]) -> pl.DataFrame:
    """Return the rows as a frame with the types of ``analysis.estimate`` (without ``corpus_id``)."""
    return _frame(rows, "estimate")


def _frame(rows: Sequence[Measure] | Sequence[Estimate], table: str) -> pl.DataFrame:
    from pipeline.schema.registry import TABLES

    schema = {k: v for k, v in TABLES[table].polars_schema.items() if k != "corpus_id"}
    records = [asdict(row) for row in rows]
    frame = pl.DataFrame(records, schema={k: schema[k] for k in schema}, strict=False).fill_nan(None)
    return frame.sort(list(TABLES[table].key), nulls_last=False)
