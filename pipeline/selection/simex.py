"""Simulation extrapolation: what the estimate would be without the error of the scores.

What belongs here: adding error to scores, and the way back. Reliability is `pipeline.network.reliability`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.inference.result import Fit, wald
from pipeline.network.reliability import Reliability
from pipeline.selection.adjacency import FloatArray
from pipeline.selection.dyads import sandwich
from pipeline.selection.fit import Groups, choice_base, fit_choice, influence, refusal
from pipeline.selection.risk_set import RiskSet

ADDED = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Error that is added, as multiples of the variance of the error that scores have."""
DRAWS = 10
"""Draws of added error per multiple."""
LEAST_RELIABILITY = 0.3
"""Below it the way back is longer than what is known of it: no number."""


@dataclass(frozen=True, slots=True)
class Simex:
    """A corrected coefficient: the result, and the mean coefficient at each multiple of the error."""

    fit: Fit
    path: tuple[float, ...]


def simex(
    rows: RiskSet,
    scores: FloatArray,
    group: Groups,
    terms: Sequence[str],
    error: FloatArray,
    reliability: Reliability,
    *,
    rng: np.random.Generator,
    kind: str = "dyadic",
    level: float = 0.95,
    draws: int = DRAWS,
) -> Simex:
    """Correct the coefficient of similarity for errors of the scores.

    Parameters
    ----------
    rows, scores, group, terms, kind, level
        As for `pipeline.selection.fit.estimate_choice`.
    error
        Error variance of each score, shape (agents, weeks), in squared units of the score.
    reliability
        How it is known; its standard error enters that of the result.
    rng
        Stream of the added error.
    draws
        Draws per multiple of the error.

    Returns
    -------
    Simex
        The quadratic through the mean coefficients at `ADDED` times the error, taken to −1 (Cook & Stefanski 1994). The
        covariance is that of the influence of each row on it (Carroll, Küchenhoff, Lombard & Stefanski 1996): the
        extrapolation is linear in the coefficients, so that the sandwich of the rows' combined influence is what a
        bootstrap of agents approaches; the error of the error variance is added to it.
    """
    base, term = choice_base(rows), "similarity"
    if word := refusal(rows, terms):
        return Simex(replace(base, warnings=(word,)), ())
    if reliability.reliability is None or reliability.error_variance is None:
        return Simex(replace(base, warnings=(reliability.warning or "no_halves",)), ())
    if reliability.reliability < LEAST_RELIABILITY:
        return Simex(replace(base, warnings=("unreliable_score",)), ())
    weights, slope = _extrapolation()
    sd = np.sqrt(np.nan_to_num(error))
    path, combined, start = [], np.zeros(len(rows.ego)), None
    for added, weight in zip(ADDED, weights, strict=True):
        n = draws if added else 1
        values = []
        for _ in range(n):
            noisy = scores + np.sqrt(added) * sd * rng.standard_normal(scores.shape) if added else scores
            choice = fit_choice(rows, noisy, group, terms, term, start)
            if choice.fit.beta is None:
                return Simex(replace(base, converged=False, warnings=(str(choice.fit.warning),)), ())
            start = choice.fit.beta if len(choice.terms) == len(terms) else None
            values.append(float(choice.fit.beta[choice.place]))
            combined += weight / n * influence(choice)
        path.append(float(np.mean(values)))
    estimate = float(np.dot(weights, path))
    found = sandwich(np.eye(1), combined[:, None], rows.ego, rows.alter, kind)
    relative = (reliability.error_variance_se or 0.0) / max(reliability.error_variance, 1e-300)
    variance = float(found.matrix[0, 0]) + (float(np.dot(slope, path)) * relative) ** 2
    if not variance > 0:
        return Simex(replace(base, warnings=("few_clusters",)), tuple(path))
    test = wald(estimate, float(np.sqrt(variance)), level, found.df)
    result = replace(
        base, estimate=estimate, std_error=float(np.sqrt(variance)), statistic=test.statistic, df=found.df,
        p_value=test.p_value, conf_low=test.low, conf_high=test.high, n_clusters=found.n_clusters, converged=True,
        sampling=f"{base.sampling}; reliability {reliability.reliability:.3f} from {reliability.n_cells} agent-weeks "
        f"with two halves, {draws} draws of added error at each of {len(ADDED) - 1} sizes",
    )  # fmt: skip
    return Simex(result, tuple(path))


def _extrapolation() -> tuple[FloatArray, FloatArray]:
    """Return the weights of the coefficients in the quadratic at −1, and in its slope there."""
    x = np.array(ADDED)
    solve = np.linalg.pinv(np.column_stack([np.ones_like(x), x, x**2]))
    return np.array([1.0, -1.0, 1.0]) @ solve, np.array([0.0, 1.0, -2.0]) @ solve
