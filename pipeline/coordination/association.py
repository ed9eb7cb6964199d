"""Whether two classifications of the same agents go together: chi-square, Cramér's V and φ.

What belongs here: the test on a table of counts. The study calls √(χ²/n) Cramér's V; it is φ, and with five classes
and six tiers V is half of it. Both are here, so that either can be set beside a printed one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from pipeline.activity.resampling import IntArray


@dataclass(frozen=True, slots=True)
class Association:
    """The association of two classifications.

    Attributes
    ----------
    chi2, df, p_value
        Pearson's chi-square without continuity correction, its degrees of freedom and its p.
    phi, cramers_v
        ``√(χ²/n)``, and ``√(χ²/(n·(min(rows, columns) − 1)))``.
    scale
        What V is of φ, ``1/√(min(rows, columns) − 1)``.
    n
        Agents in the table.
    is_sparse
        True when an expected count is below 5, so that p is rough.
    """

    chi2: float
    df: int
    p_value: float
    phi: float
    cramers_v: float
    scale: float
    n: int
    is_sparse: bool


def table_of(first: IntArray, second: IntArray, shape: tuple[int, int]) -> IntArray:
    """Return the counts of pairs of classes, shape `shape`; a class of −1 is not known and left out."""
    known = (first >= 0) & (second >= 0)
    flat = np.bincount(first[known] * shape[1] + second[known], minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(np.int64)


def association(counts: IntArray) -> Association | None:
    """Test the independence of rows and columns.

    Parameters
    ----------
    counts
        Shape (rows, columns); empty rows and columns are left out.

    Returns
    -------
    Association or None
        ``None`` when fewer than two rows or columns are left.
    """
    kept = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(kept.shape, default=0) < 2:
        return None
    found = stats.chi2_contingency(kept, correction=False)
    n = int(kept.sum())
    phi = float(np.sqrt(found.statistic / n))
    least = float(np.asarray(found.expected_freq).min())
    scale = 1 / float(np.sqrt(min(kept.shape) - 1))
    return Association(
        float(found.statistic), int(found.dof), float(found.pvalue), phi, phi * scale, scale, n, least < 5
    )


def v_interval(found: Association, level: float) -> tuple[float, float]:
    """Return the interval of φ by inverting the noncentral chi-square (Smithson 2003, Confidence Intervals, ch. 4).

    Returns
    -------
    tuple
        Ends of φ; those of V are the same times `scale`. An association of zero still gives a chi-square of
        about its degrees of freedom, so the lower end is no smaller than ``√(df/n)``, or the value where that is less.
    """
    tail = (1 - level) / 2

    def end(probability: float) -> float:
        def gap(noncentrality: float) -> float:
            return float(stats.ncx2.cdf(found.chi2, found.df, noncentrality)) - probability

        if float(stats.chi2.cdf(found.chi2, found.df)) <= probability:
            return 0.0
        most = 1.0
        while gap(most) > 0:
            most *= 2
        return float(optimize.brentq(gap, 1e-12, most))

    low, high = (float(np.sqrt((end(p) + found.df) / found.n)) for p in (1 - tail, tail))
    return min(low, found.phi), max(high, found.phi)
