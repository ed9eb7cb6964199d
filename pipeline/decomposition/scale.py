"""Effects of selection, influence, structure and dissolution in one unit: excess tie similarity per week and tie.

What belongs here: what an effect does to the similarity of tied agents in one week, in standard deviations of the
score, so that a log odds and a share of a gap can be set side by side (STATISTICS 2.5). Fits come from elsewhere as
arrays.

Selection: by how much ties are formed to the more alike than with the coefficient at zero, times ties formed per tie
and week. Dissolution: the same of ties that end. Influence: by how much ties get more alike when every gap closes by
its share, *less what the same does to random pairs with the same degrees*: moving towards others narrows the whole
distribution, ties or no ties, and taking that for influence makes it ten times too large (`Influence.unnetted`,
naive).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.inference.result import wald
from pipeline.network.panel import Panel
from pipeline.schema import Estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RANDOM_DRAWS = 10
"""Permutations of the alters that stand for random pairs; their noise enters the error."""
MOST_TIES = 2_000_000
"""Ties and weeks at most; more are sampled."""
STEP = 1e-4
"""Step of numerical derivatives in the share of the gap that closes."""


@dataclass(frozen=True, slots=True)
class Scale:
    """An effect in standard deviations of excess tie similarity per week and tie; None where it cannot be told."""

    value: float | None = None
    std_error: float | None = None
    low: float | None = None
    high: float | None = None


NO_SCALE = Scale()


def with_scale(row: Estimate, scale: Scale) -> Estimate:
    """Return the row with its effect on the common scale; a row without an estimate stays without."""
    if row.estimate is None:
        return row
    return replace(row, common_scale=scale.value, common_scale_low=scale.low, common_scale_high=scale.high)


@dataclass(frozen=True, slots=True)
class Turnover:
    """Ties formed and ended per tie and week, and standing ties of the mean week."""

    formed: float
    ended: float
    ties: float


def turnover(panel: Panel) -> Turnover:
    """Return how many ties form and end per week and tie that stood the week before."""
    formed, ended, standing = [], [], []
    before = _pairs_at(panel, panel.first_week)
    for week in list(panel.weeks)[1:]:
        now = _pairs_at(panel, week)
        standing.append(int(before.sum()))
        formed.append(int((now & ~before).sum()))
        ended.append(int((before & ~now).sum()))
        before = now
    total = sum(standing)
    if not total:
        return Turnover(0.0, 0.0, 0.0)
    return Turnover(sum(formed) / total, sum(ended) / total, total / len(standing))


def _pairs_at(panel: Panel, week: int) -> Bools:
    ties = panel.ties
    stands = np.zeros(ties.n_pairs, dtype=np.bool_)
    stands[ties.pair[(ties.start <= week) & (week < ties.end)]] = True
    return stands


@dataclass(frozen=True, slots=True)
class Choices:
    """Candidates that were not chosen, by choice, as a conditional logit was given them.

    Attributes
    ----------
    x
        Terms, shape (rows, p); candidates of a choice adjoin.
    start
        First row of each choice, shape (choices,).
    ego
        Who chose, shape (choices,).
    similarity
        −|y_i − y_j| of each row in standard deviations of the score, shape (rows,).
    offset
        Log of how many candidates a row stands for, shape (rows,), None when all stand for as many.
    """

    x: Floats
    start: Ints
    ego: Ints
    similarity: Floats
    offset: Floats | None = None


def without_cases(
    x: Floats, start: Ints, case: Bools, ego: Ints, similarity: Floats, offset: Floats | None = None
) -> Choices:
    """Return the candidates of case-control strata without the cases; choices left with fewer than two go.

    Parameters
    ----------
    x, case, ego, similarity, offset
        Of each row: terms, whether it was chosen, ego, −|y_i − y_j|, log sampling weight; strata adjoin.
    start
        First row of each stratum.
    """
    sizes = np.diff(np.r_[start, len(x)])
    stratum = np.repeat(np.arange(len(start)), sizes)
    left = np.bincount(stratum[~case], minlength=len(start))
    kept = ~case & (left[stratum] > 1)
    sizes = left[left > 1]
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64) if len(sizes) else np.zeros(0, np.int64)
    return Choices(
        x[kept], first, ego[kept][first], similarity[kept], None if offset is None else offset[kept]
    )  # fmt: skip


def choice_scale(
    choices: Choices, beta: Floats, covariance: Floats, off: Sequence[int], formed: float, ci_level: float
) -> Scale:
    """Return what terms of a choice model do to the similarity of ties, per week and tie.

    Parameters
    ----------
    choices
        Candidates (STATISTICS 2.5 wants fifty per choice; with m of them the bias is of order 1/m).
    beta, covariance
        Coefficients of the terms of `choices`, shape (p,), and their covariance.
    off
        Terms of the effect: of similarity for selection, of reciprocity, two-paths and popularity for structure.
    formed
        Ties formed per week and tie (`turnover`).
    ci_level
        Level of the interval.

    Returns
    -------
    Scale
        ``formed · mean over choices of (E s − E_off s)``, s the similarity, E under the model and E_off with the
        coefficients of `off` at zero. Error: delta method for the coefficients, and the spread over egos.
    """
    if not len(choices.start):
        return NO_SCALE
    without = beta.copy()
    without[list(off)] = 0.0
    mean, gradient = _expected(choices, beta)
    away, away_gradient = _expected(choices, without)
    away_gradient[list(off)] = 0.0
    each = formed * (mean - away)
    slope = formed * (gradient - away_gradient)
    variance = float(slope @ covariance @ slope) + _variance_of_mean(each, choices.ego)
    return _scale(float(each.mean()), variance, ci_level)


def _expected(choices: Choices, beta: Floats) -> tuple[Floats, Floats]:
    """Return the expected similarity of each choice and the gradient of their mean in the coefficients."""
    eta = choices.x @ beta + (0.0 if choices.offset is None else choices.offset)
    sizes = np.diff(np.r_[choices.start, len(eta)])
    weight = np.exp(eta - np.repeat(np.maximum.reduceat(eta, choices.start), sizes))
    share = weight / np.repeat(np.add.reduceat(weight, choices.start), sizes)
    mean = np.add.reduceat(share * choices.similarity, choices.start)
    away = share * (choices.similarity - np.repeat(mean, sizes))
    return mean, choices.x.T @ away / len(choices.start)


def dissolution_scale(
    x: Floats,
    distance: Floats,
    ego: Ints,
    beta: Floats,
    covariance: Floats,
    off: Sequence[int],
    ended: float,
    ci_level: float,
    weight: Floats | None = None,
) -> Scale:
    """Return what terms of a model of ending ties do to the similarity of ties, per week and tie.

    Parameters
    ----------
    x
        Terms of ties and weeks at risk, the constant among them, shape (rows, p).
    distance
        |y_i − y_j| in standard deviations, shape (rows,).
    ego
        Ego of each row.
    beta, covariance
        Coefficients of a logit of ending, shape (p,), and their covariance.
    off
        Terms of the effect, usually that of the distance.
    ended
        Ties that end per week and tie.
    ci_level
        Level of the interval.
    weight
        How many ties and weeks a row stands for; one each if None.

    Returns
    -------
    Scale
        ``ended · (E d − E_off d)``, d the distance, E over ties weighted by their chance to end; positive when
        dissimilar ties end sooner.
    """
    if not len(x):
        return NO_SCALE
    weight = np.ones(len(x)) if weight is None else weight
    without = beta.copy()
    without[list(off)] = 0.0
    found = []
    for coefficients in (beta, without):
        p = 1 / (1 + np.exp(-(x @ coefficients)))
        total = float((weight * p).sum())
        mean = float((weight * p * distance).sum()) / total
        away = weight * p * (distance - mean) / total
        found.append((mean, away, x.T @ (away * (1 - p))))
    found[1][2][list(off)] = 0.0
    slope = ended * (found[0][2] - found[1][2])
    names, code = np.unique(ego, return_inverse=True)
    by_ego = np.bincount(code, weights=ended * (found[0][1] - found[1][1]))
    variance = float(slope @ covariance @ slope) + float(by_ego @ by_ego) * len(names) / max(len(names) - 1, 1)
    return _scale(ended * (found[0][0] - found[1][0]), variance, ci_level)


@dataclass(frozen=True, slots=True)
class Influence:
    """Influence on the common scale, and without what it does to random pairs (naive)."""

    netted: Scale
    unnetted: Scale


def influence_scale(
    panel: Panel, beta: float, std_error: float, ci_level: float, seed: int, draws: int = RANDOM_DRAWS
) -> Influence:
    """Return what closing gaps by `beta` does to the similarity of ties, per week and tie.

    Parameters
    ----------
    panel
        Standardised scores (`Panel.standardised`): the scale is then in their standard deviations.
    beta, std_error
        Share of the gap to the alters' mean that closes in a week, and its standard error.
    ci_level
        Level of the interval.
    seed
        Seed of the random pairs: permutations of the alters over the ties of a week, which keep all degrees.
    draws
        Permutations per week.

    Returns
    -------
    Influence
        Mean over ties and weeks of |y_i − y_j| − |y_i + β gap_i − y_j − β gap_j|, without and with the same mean over
        random pairs taken off. Error: delta method for beta, and the spread over agents, each with all its ties.
    """
    found = _convergence(panel, (beta, beta - STEP, beta + STEP), seed, draws)
    if found is None:
        return Influence(NO_SCALE, NO_SCALE)
    value, variance = found
    slope = (value[2] - value[1]) / (2 * STEP)
    variance = (slope * std_error) ** 2 + variance
    return Influence(*(_scale(float(value[0, k]), float(variance[k]), ci_level) for k in range(2)))


def _convergence(panel: Panel, betas: tuple[float, ...], seed: int, draws: int) -> tuple[Floats, Floats] | None:
    """Return netted and unnetted convergence by beta, shape (betas, 2), and the variance over agents at the first.

    Gaps rest on all ties; the mean is over at most `MOST_TIES` of them, the same share of each week's by seed.
    """
    n, quota = panel.n_agents, MOST_TIES // max(panel.n_weeks, 1)
    ends, moved = np.zeros((2, n)), np.zeros(n)  # of ties and of random pairs, at the first beta
    total, ties, pairs = np.zeros((len(betas), 2)), 0, 0
    for column, week in enumerate(panel.weeks):
        rng, y, shot = np.random.default_rng([seed, column]), panel.scores[:, column], panel.ties.at(week)
        known = np.isfinite(y[shot.source]) & np.isfinite(y[shot.target])
        source, target = shot.source[known], shot.target[known]
        gap = _gap(y, source, target)
        if len(source) > quota:
            chosen = rng.choice(len(source), quota, replace=False)
            source, target = source[chosen], target[chosen]
        ties += len(source)
        _to_ends(moved, np.ones(len(source)), source, target)
        for place, beta in enumerate(betas):
            own = _closer(y, y + beta * gap, source, target)
            total[place, 0] += own.sum()
            if place == 0:
                _to_ends(ends[0], own, source, target)
        for _ in range(draws):
            other = rng.permutation(target)
            one, other = source[other != source], other[other != source]
            pairs += len(one)
            for place, beta in enumerate(betas):
                theirs = _closer(y, y + beta * gap, one, other)
                total[place, 1] += theirs.sum()
                if place == 0:
                    _to_ends(ends[1], theirs / draws, one, other)
    if not ties or not pairs:
        return None
    alone, random = total[:, 0] / ties, total[:, 1] / pairs
    netted = alone - random
    apart = ((ends[0] - ends[1] - netted[0] * moved) / ties, (ends[0] - alone[0] * moved) / ties)
    return np.column_stack([netted, alone]), np.array([float(part @ part) for part in apart])


def _gap(y: Floats, source: Ints, target: Ints) -> Floats:
    n = len(y)
    count = np.bincount(source, minlength=n)
    total = np.bincount(source, weights=y[target], minlength=n)
    return np.where(count > 0, total / np.maximum(count, 1) - np.nan_to_num(y), 0.0)


def _closer(before: Floats, after: Floats, source: Ints, target: Ints) -> Floats:
    found: Floats = np.abs(before[source] - before[target]) - np.abs(after[source] - after[target])
    return found


def _to_ends(sums: Floats, values: Floats, source: Ints, target: Ints) -> None:
    for end in (source, target):
        sums += np.bincount(end, weights=values, minlength=len(sums))


def _variance_of_mean(each: Floats, cluster: Ints) -> float:
    names, code = np.unique(cluster, return_inverse=True)
    away = np.bincount(code, weights=each - each.mean()) / len(each)
    return float(away @ away) * len(names) / max(len(names) - 1, 1)


def _scale(value: float, variance: float, ci_level: float) -> Scale:
    error = float(np.sqrt(variance))
    if not np.isfinite(value) or not np.isfinite(error):
        return NO_SCALE
    if error == 0.0:
        return Scale(value)
    test = wald(value, error, ci_level)
    return Scale(value, error, test.low, test.high)
