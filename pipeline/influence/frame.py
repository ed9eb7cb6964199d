"""Rows of a dynamic panel: outcome of week t, regressors of the week before, and effects to take out.

What belongs here: which agent-weeks an equation can use, and the arithmetic of demeaning that every estimator shares.
Rows are flat arrays sorted by agent and week, so that sparse panels cost what they hold.

A row of week t needs the score of t, and every regressor as of t − 1 (further lags as far back as they go). A week
without a score makes no row and fills none: nothing is carried forward (STATISTICS 2.3, 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.network.panel import FloatArray, IntArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Frame:
    """The rows of an equation.

    Attributes
    ----------
    agent, week
        Agent and column of the panel of each row, sorted by both, shape (rows,).
    cell
        Number of the effect that is taken out of every variable: the week, or the group and week, shape (rows,).
    outcome
        Outcome of each row, shape (rows,).
    regressors, instruments
        Shape (terms, rows); as many instruments as terms.
    names
        Names of the terms; the first is the one that is asked about.
    group
        Group of the agent of each row for clustered errors, −1 unknown, shape (rows,).
    """

    agent: IntArray
    week: IntArray
    cell: IntArray
    outcome: FloatArray
    regressors: FloatArray
    instruments: FloatArray
    names: tuple[str, ...]
    group: IntArray

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.agent)

    def taken(self, kept: BoolArray) -> Frame:
        """Return some of the rows."""
        return replace(
            self, agent=self.agent[kept], week=self.week[kept], cell=self.cell[kept], outcome=self.outcome[kept],
            regressors=self.regressors[:, kept], instruments=self.instruments[:, kept], group=self.group[kept],
        )  # fmt: skip

    def without_lone(self) -> Frame:
        """Return the rows of agents with two or more: an effect of an agent takes a lone row away whole."""
        alone = np.bincount(self.agent)[self.agent] < 2 if self.rows else np.zeros(0, dtype=np.bool_)
        return self.taken(~alone) if alone.any() else self


def lagged(values: FloatArray, lag: int) -> FloatArray:
    """Return the value of `lag` weeks before at each week, not-a-number before the first, shape as `values`."""
    out = np.full(values.shape, np.nan)
    out[..., lag:] = values[..., : values.shape[-1] - lag] if lag else values
    return out


def make_frame(
    outcome: FloatArray,
    regressors: Mapping[str, tuple[FloatArray, int]],
    group: IntArray,
    *,
    instruments: Mapping[str, tuple[FloatArray, int]] | None = None,
    needed: Sequence[tuple[FloatArray, int]] = (),
    by_group: bool = False,
) -> Frame:
    """Return the rows of an equation.

    Parameters
    ----------
    outcome
        Outcome of each agent and week, shape (agents, weeks).
    regressors
        Name, values (agents, weeks) and lag in weeks of each term, the first one asked about.
    group
        Group of each agent, −1 unknown, shape (agents,).
    instruments
        Values and lag for the terms that are not their own instrument.
    needed
        Further values that a row must have, so that two equations use the same rows.
    by_group
        Take out an effect per group and week instead of per week; agents of unknown group share one.
    """
    replaced = dict(instruments or {})
    if unknown := set(replaced) - set(regressors):
        raise ValueError(f"instruments for {sorted(unknown)}, which are no terms of the equation")
    used = np.isfinite(outcome)
    for values, lag in (*regressors.values(), *replaced.values(), *needed):
        used &= _shifted_finite(values, lag)
    agent, week = np.nonzero(used)
    taken = {name: values[agent, week - lag] for name, (values, lag) in regressors.items()}
    levels = {name: values[agent, week - lag] for name, (values, lag) in replaced.items()}
    cell = week
    if by_group:
        number = np.unique(group, return_inverse=True)[1]
        cell = number[agent] * outcome.shape[1] + week
    empty = np.zeros((0, len(agent)))
    return Frame(
        agent=agent,
        week=week,
        cell=np.unique(cell, return_inverse=True)[1].astype(np.int64),
        outcome=outcome[agent, week],
        regressors=np.stack(list(taken.values())) if taken else empty,
        instruments=np.stack([levels.get(name, taken[name]) for name in taken]) if taken else empty,
        names=tuple(regressors),
        group=group[agent],
    )


def _shifted_finite(values: FloatArray, lag: int) -> BoolArray:
    found = np.isfinite(values)
    if lag:
        out = np.zeros_like(found)
        out[:, lag:] = found[:, :-lag]
        return out
    return found


def demeaned(values: FloatArray, cell: IntArray) -> FloatArray:
    """Subtract the mean of each cell from the rows in it, shape (..., rows)."""
    if values.ndim > 1:
        return np.stack([demeaned(row, cell) for row in values])
    counts = np.maximum(np.bincount(cell), 1)
    out: FloatArray = values - (np.bincount(cell, weights=values) / counts)[cell]
    return out


def starts_of(sorted_numbers: IntArray) -> IntArray:
    """Return where each run of equal numbers begins, shape (runs,)."""
    if len(sorted_numbers) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.concatenate([[0], np.flatnonzero(np.diff(sorted_numbers)) + 1]).astype(np.int64)


def forward_orthogonal(values: FloatArray, agent: IntArray) -> tuple[FloatArray, BoolArray]:
    """Return forward orthogonal deviations over the rows of each agent, and which rows have one.

    Parameters
    ----------
    values
        Shape (..., rows), rows sorted by agent and week.
    agent
        Agent of each row.

    Returns
    -------
    tuple
        The deviations of the rows with a later row of the same agent, shape (..., kept rows), and the kept rows.

    Notes
    -----
    Arellano and Bover (1995): sqrt(F / (F + 1)) (q_t − mean of the F later rows). Errors that are independent stay so.
    """
    rows = len(agent)
    starts = starts_of(agent)
    last = np.repeat(np.append(starts[1:], rows), np.diff(np.append(starts, rows))) if rows else agent
    later = last - np.arange(rows) - 1
    kept = later > 0
    left, weight = later[kept], np.sqrt(later[kept] / (later[kept] + 1.0))
    places = np.flatnonzero(kept)

    def one(row: FloatArray) -> FloatArray:
        running = np.concatenate([[0.0], np.cumsum(row)])
        future = (running[last[kept]] - running[places + 1]) / left
        out: FloatArray = weight * (row[kept] - future)
        return out

    if values.ndim > 1:
        return np.stack([one(row) for row in values]), kept
    return one(values), kept
