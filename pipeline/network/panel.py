"""The co-evolution panel: who was tied to whom at the end of each week, and how each agent scored in it.

What belongs here: the one form in which networks with weekly scores reach the estimators of selection and of
influence, whether they come from a corpus or from the generator. Estimators know nothing of tables; the generator
knows nothing of estimators.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.network.snapshots import TieIntervals

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Panel:
    """A network that changes, and the weekly scores of its agents.

    Attributes
    ----------
    ties
        Intervals of weeks [start, end) in which ego `source` is tied to alter `target`. The snapshot of week w are
        the ties that stand at its end: ``ties.at(w)``. Weeks are those of `first_week`.
    scores
        Score of each agent in each week, shape (agents, weeks), not-a-number where the agent has none (it is never
        carried forward). Column k is week ``first_week + k``.
    first_week
        Number of the week of column 0.
    group
        Observed community of each agent, −1 when unknown, shape (agents,).
    halves
        Score of each agent and week from each of two random halves of its messages, shape (2, agents, weeks), or
        None where messages are not halved. `scores` is close to their mean, weighted by messages.
    weight
        Messages behind each score, shape (agents, weeks), or None.
    """

    ties: TieIntervals
    scores: FloatArray
    first_week: int
    group: IntArray
    halves: FloatArray | None = None
    weight: FloatArray | None = None

    @property
    def n_agents(self) -> int:
        """Number of agents."""
        return int(self.scores.shape[0])

    @property
    def n_weeks(self) -> int:
        """Number of weeks."""
        return int(self.scores.shape[1])

    @property
    def weeks(self) -> range:
        """Numbers of the weeks of the columns."""
        return range(self.first_week, self.first_week + self.n_weeks)

    def standardised(self) -> Panel:
        """Return the panel with scores (and halves) z-scored once over all agents and weeks, never per week.

        A score that never varies becomes all zeros; estimators refuse it.
        """
        mean, sd = float(np.nanmean(self.scores)), float(np.nanstd(self.scores))
        scale = 1.0 / sd if sd > 0 else 0.0
        halves = None if self.halves is None else (self.halves - mean) * scale
        return replace(self, scores=(self.scores - mean) * scale, halves=halves)

    def window(self, start: int, stop: int) -> Panel:
        """Return the panel of columns `start` to `stop` (excluded); ties keep their intervals."""
        cut = slice(start, stop)
        return replace(
            self,
            scores=self.scores[:, cut],
            first_week=self.first_week + start,
            halves=None if self.halves is None else self.halves[:, :, cut],
            weight=None if self.weight is None else self.weight[:, cut],
        )

    def windows(self, length: int, step: int) -> Iterator[Panel]:
        """Yield rolling windows of `length` weeks, `step` weeks apart."""
        for start in range(0, self.n_weeks - length + 1, step):
            yield self.window(start, start + length)
