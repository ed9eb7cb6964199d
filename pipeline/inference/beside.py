"""Placebos beside estimates: an estimate says so itself when a placebo of its own data is away from zero.

What belongs here: carrying the word from placebos to the estimates that they are of. What does not: which placebo is of
which estimate, and which must be empty; the families say so.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from pipeline.schema import Estimate, join_warnings

WORD = "placebo_failed"
READ = ("primary", "robustness", "exploratory")
"""Roles of rows that are read as estimates; naive rows say ``not_evidence`` already."""


def beside_placebos(
    rows: Sequence[Estimate], keys: Sequence[Hashable], must_be_empty: Sequence[bool], level: float
) -> list[Estimate]:
    """Add ``placebo_failed`` to estimates whose placebo is away from zero.

    Parameters
    ----------
    rows
        Estimates and placebos of one panel.
    keys
        What each row is of, shape (rows,): a placebo speaks of the rows of its key.
    must_be_empty
        Whether a row is a placebo that is zero wherever model and errors are right, shape (rows,).
    level
        Of the intervals; a placebo fails with p below 1 − level, as one in twenty does by chance at 95 %.
    """
    failed = {
        key
        for row, key, is_placebo in zip(rows, keys, must_be_empty, strict=True)
        if is_placebo and row.p_value is not None and row.p_value < 1 - level
    }
    return [
        replace(row, warnings=join_warnings([*(row.warnings or "").split(","), WORD]))
        if key in failed and row.role in READ and row.estimate is not None
        else row
        for row, key in zip(rows, keys, strict=True)
    ]
