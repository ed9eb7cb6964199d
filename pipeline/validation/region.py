"""Regions in which a share of runs must fall if the estimator is as good as it says."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binom


@dataclass(frozen=True, slots=True)
class Region:
    """Lowest and highest share of runs that a perfect estimator shows with the probability asked for."""

    low: float
    high: float

    def __contains__(self, share: float) -> bool:
        """Return whether a share lies in the region, its ends included."""
        return self.low - 1e-12 <= share <= self.high + 1e-12


def region(runs: int, share: float, checks: int = 1, alpha: float = 0.01) -> Region:
    """Return the binomial region of a share.

    Parameters
    ----------
    runs
        Number of independent runs.
    share
        The true share: the level of the intervals for coverage, one minus it for size.
    checks
        Checks that are made together; each has the probability ``alpha / checks`` of a false alarm (Bonferroni).
    alpha
        Probability that one or more of the checks fails although all estimators are perfect.
    """
    tail = alpha / checks / 2
    return Region(float(binom.ppf(tail, runs, share)) / runs, float(binom.isf(tail, runs, share)) / runs)
