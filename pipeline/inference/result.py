"""The result of one estimator as a small frozen dataclass, before it becomes a row of ``analysis.estimate``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats: TypeAlias = NDArray[np.floating[Any]]
Ints: TypeAlias = NDArray[np.signedinteger[Any]]

FEW_CLUSTERS = 40
"""Below this number of clusters the sandwich is known to be too small (STATISTICS 4.1)."""

EVENTS_PER_TERM = 10
"""Events and non-events wanted per term of a logit (Peduzzi et al. 1996, the usual rule of thumb)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One estimated term with its uncertainty; every number may be ``None`` when the data do not allow it."""

    estimate: float | None = None
    std_error: float | None = None
    statistic: float | None = None
    df: float | None = None
    p_value: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    n_obs: int | None = None
    n_agents: int | None = None
    n_clusters: int | None = None
    n_events: int | None = None
    null_mean: float | None = None
    null_sd: float | None = None
    n_perm: int | None = None
    sampling: str | None = None
    converged: bool | None = None
    warnings: tuple[str, ...] = ()

    def scaled(self, factor: float) -> Fit:
        """Return the fit in other units of the exposure: estimate, errors, interval and null times `factor`."""
        names = ("estimate", "std_error", "conf_low", "conf_high", "null_mean", "null_sd")
        values = {name: getattr(self, name) for name in names}
        scaled: dict[str, Any] = {k: None if v is None else v * factor for k, v in values.items()}
        return replace(self, **scaled)


@dataclass(frozen=True, slots=True)
class Wald:
    """Statistic, two-sided p and interval of an estimate with a standard error."""

    statistic: float
    p_value: float
    low: float
    high: float


def wald(estimate: float, std_error: float, ci_level: float, df: float | None = None) -> Wald:
    """Return the Wald test of zero and its interval, on t with `df` degrees of freedom or on the normal."""
    law = stats.norm() if df is None else stats.t(df)
    statistic = estimate / std_error
    half = float(law.ppf(0.5 + ci_level / 2)) * std_error
    return Wald(statistic, float(2 * law.sf(abs(statistic))), estimate - half, estimate + half)


def events_warning(n_events: int, n_obs: int, n_terms: int) -> tuple[str, ...]:
    """Return ``few_events`` when events or non-events per term are fewer than `EVENTS_PER_TERM`."""
    return ("few_events",) if min(n_events, n_obs - n_events) < EVENTS_PER_TERM * n_terms else ()


FEWEST_BOOTSTRAP_UNITS = 20
"""With fewer units a percentile bootstrap rejects a true null too often (17 % of the time with 5 units, 7 to 9 % with
15, at a level of 5 %): the estimate then stands without interval and p."""


def percentile_interval(draws: Floats, ci_level: float) -> tuple[float, float]:
    """Return the percentile interval of bootstrap draws, shape (B,)."""
    low, high = np.quantile(draws, [0.5 - ci_level / 2, 0.5 + ci_level / 2])
    return float(low), float(high)


def bootstrap_p(draws: Floats) -> float:
    """Return the two-sided bootstrap p of zero: twice the smaller tail share, with one draw added to each."""
    below = 1 + np.count_nonzero(draws <= 0)
    above = 1 + np.count_nonzero(draws >= 0)
    return float(min(1.0, 2 * min(below, above) / (draws.size + 1)))
