"""What one estimator said of one term in one run, and the table of such lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import polars as pl

SCHEMA = {
    "scenario": pl.String,
    "run": pl.Int64,
    "estimator": pl.String,
    "role": pl.String,
    "term": pl.String,
    "truth": pl.Float64,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "conf_low": pl.Float64,
    "conf_high": pl.Float64,
    "p_value": pl.Float64,
    "warnings": pl.String,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One term of one estimator in one run.

    Attributes
    ----------
    scenario, run
        Name of the scenario and number of the run.
    estimator, role, term
        Name and role of the estimator, and the term it estimates.
    truth
        The planted coefficient; None for a term that has none in the process.
    estimate, std_error, conf_low, conf_high, p_value
        As in ``analysis.estimate``; None where the estimator refused.
    warnings
        Its words, joined by commas.
    """

    scenario: str
    run: int
    estimator: str
    role: str
    term: str
    truth: float | None
    estimate: float | None
    std_error: float | None
    conf_low: float | None
    conf_high: float | None
    p_value: float | None
    warnings: str = ""


def draw_frame(draws: Iterable[Draw]) -> pl.DataFrame:
    """Return draws as a table with the columns of `SCHEMA`."""
    return pl.DataFrame([asdict(draw) for draw in draws], schema=SCHEMA)
