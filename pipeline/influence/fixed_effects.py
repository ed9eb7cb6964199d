"""Panel estimators that the literature uses for influence, as contrasts: each is wrong here in a way that is known.

What belongs here: pooled and two-way fixed effects least squares and instrumental variables, and the half-panel
jackknife. None of them is evidence (STATISTICS 3.1): they are shown so that a reader can see what they would say.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from pipeline.inference.result import Fit
from pipeline.influence.frame import Frame, demeaned
from pipeline.influence.solve import Solved, fit_from, solve
from pipeline.network.panel import FloatArray, IntArray

MOST_CELLS = 4000
"""Cells of a two-way model that is solved exactly."""


def pooled(frame: Frame) -> Solved | None:
    """Estimate with effects of cells only; instruments as the frame has them (the terms themselves: least squares)."""
    if frame.rows == 0:
        return None
    outcome, regressors = demeaned(frame.outcome, frame.cell), demeaned(frame.regressors, frame.cell)
    own = np.array_equal(frame.instruments, frame.regressors)
    return solve(frame, outcome, regressors, regressors if own else demeaned(frame.instruments, frame.cell), frame.rows)


def two_way(frame: Frame) -> Solved | None:
    """Estimate with effects of agents and of cells, taken out exactly, also in unbalanced panels.

    Raises
    ------
    ValueError
        With more than `MOST_CELLS` cells.
    """
    frame = frame.without_lone()
    if frame.rows == 0:
        return None
    take_out = _TwoWay(frame)
    outcome = take_out(frame.outcome)
    regressors = np.stack([take_out(row) for row in frame.regressors])
    own = np.array_equal(frame.instruments, frame.regressors)
    instruments = regressors if own else np.stack([take_out(row) for row in frame.instruments])
    return solve(frame, outcome, regressors, instruments, frame.rows)


class _TwoWay:
    """Residuals on effects of agents and cells (Frisch, Waugh and Lovell): one small system, solved once."""

    def __init__(self, frame: Frame) -> None:
        self.agent: IntArray = np.unique(frame.agent, return_inverse=True)[1].astype(np.int64)
        self.cell: IntArray = np.unique(frame.cell, return_inverse=True)[1].astype(np.int64)
        cells = int(self.cell.max()) + 1
        if cells > MOST_CELLS:
            raise ValueError(f"two-way effects of {cells} cells; at most {MOST_CELLS} are solved exactly")
        ones = np.ones(frame.rows)
        stood = sparse.csr_array((ones, (self.agent, self.cell)))
        weighted = stood.T @ sparse.diags_array(1.0 / stood.sum(axis=1)) @ stood
        normal = np.diag(np.bincount(self.cell).astype(np.float64)) - weighted.toarray()
        self.inverse = np.linalg.pinv(normal, rcond=1e-11, hermitian=True)

    def __call__(self, values: FloatArray) -> FloatArray:
        within = demeaned(values, self.agent)
        effect: FloatArray = np.asarray(self.inverse @ np.bincount(self.cell, weights=within), dtype=np.float64)
        out: FloatArray = within - demeaned(effect[self.cell], self.agent)
        return out


def half_panel_jackknife(frame: Frame, term: str, level: float) -> Fit | None:
    """Return 2 b − (b of the first half + b of the second) / 2 of the two-way estimator, clustered by agent.

    Notes
    -----
    Dhaene and Jochmans (2015). Its error is taken from the influence of each agent on all three estimates. It needs
    stationarity and little feedback, which selection is not.
    """
    middle = np.median(np.unique(frame.week)) if frame.rows else 0.0
    parts = [two_way(frame), two_way(frame.taken(frame.week < middle)), two_way(frame.taken(frame.week >= middle))]
    found = [part for part in parts if part is not None]
    if len(found) < 3:
        return None
    whole, first, second = found
    place, size = whole.names.index(term), int(frame.agent.max()) + 1
    estimate = 2 * whole.beta[place] - (first.beta[place] + second.beta[place]) / 2
    influence = [part.influence(size)[:, place] for part in found]
    total = 2 * influence[0] - (influence[1] + influence[2]) / 2
    agents = len(np.unique(whole.agent))
    variance = float(total @ total) * agents / max(agents - 1, 1)
    return fit_from(float(estimate), variance, agents, level, n_obs=whole.rows, n_agents=agents)
