"""A just-identified linear equation and its clustered covariance: what all panel estimators end in.

What belongs here: b = (Z'X)⁻¹Z'y, the influence of each agent on it, and sandwiches by agent, by agent and week, and
by group. What does not: how Z, X and y were transformed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.inference.result import FEW_CLUSTERS, Fit, wald
from pipeline.influence.frame import Frame
from pipeline.network.panel import FloatArray, IntArray

CLUSTERS = ("agent", "agent+week", "group")
WORST_CONDITION = 1e10
"""Above this condition number of Z'X, both scaled, the terms are not told apart and there is no estimate."""
FEWEST_CLUSTERS = 10
"""With fewer clusters a sandwich is no estimate of anything: no standard error and no interval."""


@dataclass(frozen=True, slots=True)
class Solved:
    """An estimated equation.

    Attributes
    ----------
    names
        Terms.
    beta
        Estimates, shape (terms,).
    bread
        (Z'X)⁻¹, shape (terms, terms).
    scores
        z u of each row, shape (terms, rows).
    agent, week, group
        Of each row, shape (rows,).
    rows
        Rows before a transformation took the last of each agent away.
    strength
        First-stage F of the first term, given the others, clustered by agent; None for least squares.
    """

    names: tuple[str, ...]
    beta: FloatArray
    bread: FloatArray
    scores: FloatArray
    agent: IntArray
    week: IntArray
    group: IntArray
    rows: int
    strength: float | None = None

    def influence(self, n_agents: int) -> FloatArray:
        """Return what each agent contributes to the error of the estimate, shape (n_agents, terms)."""
        return _sums(self.scores, self.agent, n_agents).T @ self.bread.T

    def covariance(self, cluster: str = "agent") -> tuple[FloatArray, int]:
        """Return the clustered covariance of the estimates and the number of clusters (the smaller of two).

        Parameters
        ----------
        cluster
            ``agent``, ``agent+week`` (Cameron, Gelbach and Miller 2011) or ``group``.
        """
        if cluster == "agent+week":
            by_agent, agents = _meat(self.scores, self.agent)
            by_week, weeks = _meat(self.scores, self.week)
            by_row = self.scores @ self.scores.T
            meat = by_agent + by_week - by_row * len(self.agent) / max(len(self.agent) - 1, 1)
            return self.bread @ meat @ self.bread.T, min(agents, weeks)
        meat, clusters = _meat(self.scores, self.agent if cluster == "agent" else self.group)
        return self.bread @ meat @ self.bread.T, clusters


def _sums(scores: FloatArray, numbers: IntArray, size: int = 0) -> FloatArray:
    return np.stack([np.bincount(numbers, weights=row, minlength=size) for row in scores])


def _meat(scores: FloatArray, numbers: IntArray) -> tuple[FloatArray, int]:
    dense = np.unique(numbers, return_inverse=True)[1]
    sums = _sums(scores, dense)
    clusters = sums.shape[1]
    return sums @ sums.T * clusters / max(clusters - 1, 1), clusters


def solve(
    frame: Frame, outcome: FloatArray, regressors: FloatArray, instruments: FloatArray, rows: int
) -> Solved | None:
    """Solve the equation of transformed rows, or return ``None`` where the terms are not told apart.

    Parameters
    ----------
    frame
        Agents, weeks and groups of the transformed rows.
    outcome, regressors, instruments
        Transformed values, shape (rows,) and (terms, rows).
    rows
        Rows before the transformation.
    """
    if frame.rows <= len(frame.names):
        return None
    left, right = np.sqrt((instruments**2).sum(1)), np.sqrt((regressors**2).sum(1))
    if not (np.all(left > 0) and np.all(right > 0)):
        return None
    cross = instruments @ regressors.T
    scaled = cross / np.outer(left, right)
    if not np.all(np.isfinite(scaled)) or np.linalg.cond(scaled) > WORST_CONDITION:
        return None
    bread = np.linalg.inv(scaled) / np.outer(right, left)
    beta = bread @ (instruments @ outcome)
    residual = outcome - beta @ regressors
    strength = None if instruments is regressors else _strength(bread[0] @ instruments, regressors, frame.agent)
    return Solved(
        frame.names, beta, bread, instruments * residual, frame.agent, frame.week, frame.group, rows, strength
    )  # fmt: skip


def _strength(instrument: FloatArray, regressors: FloatArray, agent: IntArray) -> float:
    """Return the first-stage F of the first regressor on the part of the instruments that the others do not use.

    That part, a combination of the instruments, is orthogonal to the other regressors and has the product 1 with the
    first (Sanderson and Windmeijer 2016 do the same by steps); its F is clustered by agent.
    """
    others = np.vstack([regressors[1:], instrument])
    residual = regressors[0] - np.linalg.lstsq(others @ others.T, others @ regressors[0], rcond=None)[0] @ others
    moved = np.bincount(agent, weights=instrument * residual)
    error = float(moved @ moved)
    return 1.0 / error if error > 0 else np.inf


def fit_of(solved: Solved, term: str, cluster: str, level: float) -> Fit:
    """Return one term as a fit: t distribution with one degree of freedom less than clusters."""
    place = solved.names.index(term)
    covariance, clusters = solved.covariance(cluster)
    return fit_from(
        float(solved.beta[place]), float(covariance[place, place]), clusters, level,
        n_obs=solved.rows, n_agents=len(np.unique(solved.agent)),
    )  # fmt: skip


def fit_from(estimate: float, variance: float, clusters: int, level: float, *, n_obs: int, n_agents: int) -> Fit:
    """Return a fit of an estimate and its variance; without a usable variance only the estimate's absence is told."""
    if clusters < FEWEST_CLUSTERS:
        return Fit(n_obs=n_obs, n_agents=n_agents, n_clusters=clusters, warnings=("few_clusters",))
    if not (variance > 0 and np.isfinite(variance) and np.isfinite(estimate)):
        return Fit(n_obs=n_obs, n_agents=n_agents, n_clusters=clusters, warnings=("no_variation",))
    error, df = float(np.sqrt(variance)), float(clusters - 1)
    test = wald(estimate, error, level, df)
    return Fit(
        estimate=estimate, std_error=error, statistic=test.statistic, df=df, p_value=test.p_value,
        conf_low=test.low, conf_high=test.high, n_obs=n_obs, n_agents=n_agents, n_clusters=clusters,
        warnings=("few_clusters",) if clusters < FEW_CLUSTERS else (),
    )  # fmt: skip
