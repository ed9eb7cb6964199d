"""Influence by forward orthogonal deviations with lagged levels as instruments: the estimator that is believed.

What belongs here: FOD-IV of STATISTICS 2.3 and the test of second-order correlation of its residuals. Contrasts that
the literature uses are in `fixed_effects`.

The model is y_t = a_i + d_t + rho y_{t-1} + beta gap_{t-1} + e_t, where the gap is what the alters score less what the
ego does. Within-agent demeaning ties e_t to every regressor of the agent (Nickell 1981), and who is followed reacts to
e_t (selection), so two-way fixed effects are wrong at any length that is seen here. Deviations from the mean of
*later* rows take a_i out and leave levels of t − 1 uncorrelated with the error, whatever e_t does to later ties.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from pipeline.influence.frame import Frame, demeaned, forward_orthogonal
from pipeline.influence.solve import Solved, solve
from pipeline.network.panel import FloatArray


@dataclass(frozen=True, slots=True)
class SerialTest:
    """Test of second-order serial correlation (Arellano and Bond 1991): standard normal where there is none."""

    statistic: float
    p_value: float
    agents: int


def fod_iv(frame: Frame) -> Solved | None:
    """Estimate an equation by forward orthogonal deviations with levels as instruments.

    Parameters
    ----------
    frame
        Rows with levels; `Frame.instruments` are the levels that instrument the terms.

    Returns
    -------
    Solved or None
        ``None`` where the terms do not vary enough to be told apart.

    Notes
    -----
    STATISTICS 2.3: (1) demean every variable by cell (week, or group and week), (2) forward orthogonal deviations over
    the rows that an agent has, (3) demean again, (4) just-identified instrumental variables, (5) sandwich by agent.
    In a balanced panel (3) alone would do; in an unbalanced one (1) takes the week's shock out of the later rows too.
    """
    frame = frame.without_lone()
    if frame.rows == 0:
        return None
    outcome, regressors, instruments, kept = _transformed(frame)
    return solve(frame.taken(kept), outcome, regressors, instruments, frame.rows)


def _transformed(frame: Frame) -> tuple[FloatArray, FloatArray, FloatArray, np.ndarray]:
    outcome, kept = forward_orthogonal(demeaned(frame.outcome, frame.cell), frame.agent)
    regressors = np.empty((len(frame.names), len(outcome)))
    for i, row in enumerate(frame.regressors):
        regressors[i] = forward_orthogonal(demeaned(row, frame.cell), frame.agent)[0]
    cell = np.unique(frame.cell[kept], return_inverse=True)[1]
    instruments = demeaned(frame.instruments[:, kept], cell)
    return demeaned(outcome, cell), demeaned(regressors, cell), instruments, kept


def stacked_fod_iv(frames: tuple[Frame, ...]) -> Solved | None:
    """Estimate one equation on several sets of rows at once: sums of their Z'X and Z'y.

    Rows of an agent in any of the sets are one cluster, so two halves of the same messages count once.
    """
    parts = [frame.without_lone() for frame in frames]
    if any(part.rows == 0 for part in parts):
        return None
    moved = [_transformed(part) for part in parts]
    kept = [part.taken(found[3]) for part, found in zip(parts, moved, strict=True)]
    joined = replace(
        kept[0],
        agent=np.concatenate([part.agent for part in kept]),
        week=np.concatenate([part.week for part in kept]),
        cell=np.concatenate([part.cell for part in kept]),
        group=np.concatenate([part.group for part in kept]),
        outcome=np.concatenate([part.outcome for part in kept]),
    )
    values = [np.concatenate([found[i] for found in moved], axis=-1) for i in range(3)]
    return solve(joined, values[0], values[1], values[2], parts[0].rows)


def second_order_test(frame: Frame, solved: Solved) -> SerialTest | None:
    """Test whether residuals of the differenced equation are correlated two weeks apart (m2).

    Parameters
    ----------
    frame
        The rows with levels.
    solved
        The estimate that the residuals belong to; its agents' influence enters the variance.

    Returns
    -------
    SerialTest or None
        ``None`` where no agent has four consecutive weeks. A rejection says that the model lacks a lag of the score.

    Notes
    -----
    m2 = sum_i r_i / sqrt(sum_i (r_i − w'psi_i)²) with r_i = sum_t du_{i,t-2} du_{i,t}, psi_i the influence of agent i
    on the estimate and w = sum du_{t-2} dx_t: the variance of Arellano and Bond (1991, eq. 8) written by agent.
    """
    frame = frame.without_lone()
    step = np.flatnonzero((np.diff(frame.agent) == 0) & (np.diff(frame.week) == 1)) + 1
    if len(step) == 0:
        return None
    outcome, regressors = demeaned(frame.outcome, frame.cell), demeaned(frame.regressors, frame.cell)
    cell = np.unique(frame.cell[step], return_inverse=True)[1]
    change = demeaned(outcome[step] - outcome[step - 1], cell)
    moves = demeaned(regressors[:, step] - regressors[:, step - 1], cell)
    residual = np.full(frame.rows, np.nan)
    residual[step] = change - solved.beta @ moves
    now = step[step >= 3]
    same = (frame.agent[now] == frame.agent[now - 2]) & (frame.week[now] - frame.week[now - 2] == 2)
    now = now[same]
    now = now[np.isfinite(residual[now - 2])]
    if len(now) == 0:
        return None
    before, size = residual[now - 2], int(frame.agent.max()) + 1
    place = np.searchsorted(step, now)
    r = np.bincount(frame.agent[now], weights=before * residual[now], minlength=size)
    w = moves[:, place] @ before
    adjusted = r - solved.influence(size) @ w
    variance = float(adjusted @ adjusted)
    if not variance > 0:
        return None
    statistic = float(r.sum()) / math.sqrt(variance)
    return SerialTest(statistic, math.erfc(abs(statistic) / math.sqrt(2)), len(np.unique(frame.agent[now])))
