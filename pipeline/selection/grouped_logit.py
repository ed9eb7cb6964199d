"""Logit with an intercept for each group of rows, whatever the number of groups.

What belongs here: the maximum, and the score of each row with intercepts taken out. Intercepts enter the information as
a diagonal block, so that a step costs as much as one without them (Greene 2004, on such "brute force" fixed effects).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.selection.conditional_logit import MAX_ITERATIONS, SINGULAR, TOLERANCE
from pipeline.selection.dyads import FloatArray

LINEAR_LIMIT = 25.0
"""A fitted log odds beyond this is a probability within 1e-11 of 0 or 1: separation, not an estimate."""


@dataclass(frozen=True, slots=True)
class GroupedLogit:
    """A maximum, or why there is none.

    Attributes
    ----------
    beta
        Coefficients of the terms, shape (p,).
    bread
        Their block of the inverse information, shape (p, p).
    scores
        Score of each row for the terms, intercepts taken out, shape (rows, p): with `bread` it gives the terms' block
        of every sandwich.
    warning
        ``separation``, ``singular_terms``, ``not_converged``, or None when there is a maximum.
    """

    beta: FloatArray
    bread: FloatArray
    scores: FloatArray
    warning: str | None


def fit_grouped_logit(x: FloatArray, y: FloatArray, group: NDArray[np.signedinteger[Any]]) -> GroupedLogit:
    """Maximise the likelihood of a logit by Newton steps, halved while they go down.

    Parameters
    ----------
    x
        Terms, shape (rows, p), no column of ones.
    y
        Outcome, 0 or 1, shape (rows,); both in every group.
    group
        Group of each row from 0, shape (rows,).
    """
    scale = x.std(axis=0)
    none = GroupedLogit(np.full(x.shape[1], np.nan), np.zeros((0, 0)), np.zeros((0, 0)), "singular_terms")
    if not (scale > 0).all():
        return none
    z = (x - x.mean(axis=0)) / scale
    n_groups = int(group.max()) + 1
    beta, rate = np.zeros(x.shape[1]), np.bincount(group, weights=y) / np.bincount(group)
    level = np.log(rate / (1 - rate))
    value, warning = _value(z, y, group, beta, level), "not_converged"
    for _ in range(MAX_ITERATIONS):
        surprise, means, information, weight = _parts(z, y, group, beta, level, n_groups)
        eigen = np.linalg.eigvalsh(information)
        if not eigen[0] > SINGULAR * eigen[-1]:
            return none if np.abs(level[group] + z @ beta).max() <= LINEAR_LIMIT else _apart(none)
        gradient = surprise @ (z - means[group])
        by_group = np.bincount(group, weights=surprise, minlength=n_groups)
        step = np.linalg.solve(information, gradient)
        step_level = by_group / weight - means @ step
        if float(gradient @ step + by_group @ (by_group / weight)) < TOLERANCE:
            warning = ""
            break
        size, floor = 1.0, value - 1e-9 - 1e-13 * abs(value)
        proposed = _value(z, y, group, beta + step, level + step_level)
        while not proposed >= floor and size > 1e-6:
            size /= 2
            proposed = _value(z, y, group, beta + size * step, level + size * step_level)
        beta, level, value = beta + size * step, level + size * step_level, proposed
    if np.abs(level[group] + z @ beta).max() > LINEAR_LIMIT:
        return _apart(none)
    scores = surprise[:, None] * (z - means[group]) * scale
    bread = np.linalg.inv(information) / np.outer(scale, scale)
    return GroupedLogit(beta / scale, bread, scores, warning or None)


def _apart(none: GroupedLogit) -> GroupedLogit:
    return GroupedLogit(none.beta, none.bread, none.scores, "separation")


def _value(z: FloatArray, y: FloatArray, group: NDArray[Any], beta: FloatArray, level: FloatArray) -> float:
    eta = z @ beta + level[group]
    return float((y * eta - np.logaddexp(0, eta)).sum())


def _parts(
    z: FloatArray, y: FloatArray, group: NDArray[Any], beta: FloatArray, level: FloatArray, n_groups: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return y − p, weighted means of terms by group, information with intercepts taken out, and weights by group."""
    eta = np.clip(z @ beta + level[group], -700, 700)
    p = 1 / (1 + np.exp(-eta))
    weight = p * (1 - p)
    by_group = np.maximum(np.bincount(group, weights=weight, minlength=n_groups), 1e-300)
    sums = np.column_stack([np.bincount(group, weights=weight * column, minlength=n_groups) for column in z.T])
    means = sums / by_group[:, None]
    information = (z * weight[:, None]).T @ z - (means * by_group[:, None]).T @ means
    return y - p, means, information, by_group
