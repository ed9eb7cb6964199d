"""Printed numbers that are ours in ``analysis.estimate``: which row of the registered grid each stands beside.

What belongs here: the names of specifications, and how a row of ``analysis.estimate`` becomes the number that a study
printed. Specifications are fixed in `pipeline/inference/grid/enforcement.toml` and ``airs.toml``; a changed one has
another id.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Printed:
    """Where a printed number is among ours.

    Attributes
    ----------
    spec_id
        Of ``analysis.estimate``.
    column
        Column that holds the number; its interval is taken with it where the column is ``estimate``.
    n, n_unit
        Column that counts what it rests on, and its unit.
    is_odds_ratio
        True where the study printed the exponential of ours.
    """

    spec_id: str
    column: str
    n: str
    n_unit: str
    is_odds_ratio: bool = False


PRINTED: Mapping[str, Printed] = {
    "airs_enforcement_log_odds": Printed("bce2f426dd95", "estimate", "n_obs", "replies"),
    "airs_enforcement_odds_ratio": Printed("bce2f426dd95", "estimate", "n_obs", "replies", is_odds_ratio=True),
    "airs_enforcement_permutation_p": Printed("a45f61af7800", "p_value", "n_obs", "replies"),
    "airs_event_threads": Printed("47d0beede7b5", "n_events", "n_obs", "threads"),
    "airs_positive_content_share": Printed("9a7de9a9c895", "estimate", "n_obs", "posts"),
    "airs_positive_title_share": Printed("987936864be9", "estimate", "n_obs", "posts"),
}


def as_measures(estimates: pl.DataFrame) -> dict[str, dict[str, object]]:
    """Return by the name of the printed number what `pipeline.published.replication` reads of a measure.

    Parameters
    ----------
    estimates
        Rows of ``analysis.estimate`` of one corpus.
    """
    ids = [printed.spec_id for printed in PRINTED.values()]
    rows = {row["spec_id"]: row for row in estimates.filter(pl.col("spec_id").is_in(ids)).iter_rows(named=True)}
    return {
        name: _as_measure(name, printed, rows[printed.spec_id])
        for name, printed in PRINTED.items()
        if printed.spec_id in rows
    }


def _as_measure(name: str, printed: Printed, row: Mapping[str, object]) -> dict[str, object]:
    has_interval = printed.column == "estimate"
    value, low, high = (
        _exponential(row[column]) if printed.is_odds_ratio else row[column]
        for column in (printed.column, "conf_low", "conf_high")
    )
    return {
        "measure_id": name,
        "slice_id": row["slice_id"],
        "value": value,
        "ci_low": low if has_interval else None,
        "ci_high": high if has_interval else None,
        "n": row[printed.n],
        "n_unit": printed.n_unit,
        "warnings": row["warnings"],
    }


def _exponential(value: object) -> float | None:
    return math.exp(value) if isinstance(value, int | float) else None
