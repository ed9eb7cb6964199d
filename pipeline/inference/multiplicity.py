"""Adjustment of p-values for the number of tests: Holm over primaries, Benjamini-Hochberg within a family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.inference.result import Floats
from pipeline.schema import Estimate


def holm(p_values: Floats) -> Floats:
    """Return Holm's step-down adjusted p-values (Holm 1979), shape (m,)."""
    m = p_values.size
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * (m - np.arange(m)))
    out = np.empty(m)
    out[order] = np.minimum(stepped, 1.0)
    return out


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Return Benjamini-Hochberg adjusted p-values (q-values, 1995), shape (m,)."""
    m = p_values.size
    order = np.argsort(p_values, kind="stable")
    raw = p_values[order] * m / np.arange(1, m + 1)
    stepped = np.minimum.accumulate(raw[::-1])[::-1]
    out = np.empty(m)
    out[order] = np.minimum(stepped, 1.0)
    return out


def adjust(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Fill `p_adj` and `adj_method`: Holm over primaries, Benjamini-Hochberg over robustness rows.

    Rows without a p-value do not count as tests. Placebos, negative controls, naive and exploratory rows are not
    adjusted (STATISTICS 4.5).
    """
    out = list(estimates)
    for role, method, function in (
        ("primary", "holm", holm),
        ("robustness", "bh", benjamini_hochberg),
    ):
        for family in sorted({row.family for row in out}):
            chosen = [
                i for i, row in enumerate(out) if (row.role, row.family) == (role, family) and row.p_value is not None
            ]
            adjusted = function(np.array([out[i].p_value for i in chosen], dtype=np.float64))
            for i, value in zip(chosen, adjusted, strict=True):
                out[i] = replace(out[i], p_adj=float(value), adj_method=method)
    return out
