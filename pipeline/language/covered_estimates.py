"""Estimates that rest on the language of texts: what they say where it is not covered.

What belongs here: rows of ``analysis.estimate`` about scores of agents; `pipeline.language.covered` does measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.language.covered import Coverage
from pipeline.schema import Estimate, join_warnings

LANGUAGE_BOUND = ("airs_share", "gender_lexicon", "gender_axis")
"""Scores that rest on English word lists, or on vectors of English."""
NUMBERS = (
    "estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high", "conf_level", "p_adj", "adj_method",
    "null_mean", "null_sd", "common_scale", "common_scale_low", "common_scale_high",
)  # fmt: skip
"""Columns that are empty in a row without a number."""


def with_language(rows: Sequence[Estimate], found: Coverage) -> list[Estimate]:
    """Add warnings to rows of scores that rest on English words; without a number where vectors do not cover texts."""
    return [_worded(row, found) for row in rows]


def _worded(row: Estimate, found: Coverage) -> Estimate:
    """Word a row whose outcome is a score, or whose term ends with one."""
    if row.outcome not in LANGUAGE_BOUND and not row.term.endswith(LANGUAGE_BOUND):
        return row
    if "gender_axis" in (row.outcome, row.term[-len("gender_axis") :]) and found.is_refused:
        nothing: dict[str, Any] = dict.fromkeys(NUMBERS)
        row = replace(row, **nothing)
    return replace(row, warnings=join_warnings([*(row.warnings or "").split(","), *found.words]))
