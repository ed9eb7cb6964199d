"""One panel that influence is asked of, with what all of its specifications share.

What belongs here: standardised scores, exposures, groups and communities, computed once; and the words that say why a
panel cannot answer. What does not: specifications and their fits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pipeline.influence.communities import RUNS, Communities, communities
from pipeline.influence.exposure import Exposure, exposure
from pipeline.network.panel import FloatArray, IntArray, Panel

MIN_AGENTS = 20
"""Agents with two rows that an estimate needs; with fewer the sandwich is no estimate of anything."""
MIN_WEEKS = 4
"""Weeks with scores: one for the lag, two for a deviation, one for a later mean."""
MIN_TIES = 30
"""Ties of any week."""
MIN_ROWS = 100
MANY_TIES = 1_000_000
"""Intervals of ties from which the communities of two runs are compared, not of more."""
SEED = 20261129


@dataclass(frozen=True)
class Problem:
    """A panel and what its specifications share.

    Attributes
    ----------
    panel
        Scores standardised once over all agents and weeks.
    seed
        Of communities, placebos and added errors.
    shared
        Communities of networks that other problems have found, by network and weeks.
    """

    panel: Panel
    seed: int = SEED
    shared: dict[tuple[int, int, int], Communities] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls, panel: Panel, seed: int = SEED, shared: dict[tuple[int, int, int], Communities] | None = None
    ) -> Problem:
        """Return the problem of a panel whose scores are in their own units."""
        some = panel.standardised() if np.isfinite(panel.scores).any() else panel
        return cls(some, seed, {} if shared is None else shared)

    def rng(self, purpose: int) -> np.random.Generator:
        """Return the stream of one purpose, whatever else was drawn."""
        return np.random.default_rng([self.seed, purpose])

    @cached_property
    def exposure(self) -> Exposure:
        """Exposures to the scores of the panel."""
        return exposure(self.panel)

    @cached_property
    def gap(self) -> FloatArray:
        """Exposure less own score, shape (agents, weeks)."""
        return self.exposure.gap(self.panel.scores)

    @cached_property
    def communities(self) -> Communities:
        """Communities of the pooled network."""
        return self._communities(self.panel, RUNS if len(self.panel.ties.source) < MANY_TIES else 2)

    def _communities(self, panel: Panel, runs: int) -> Communities:
        key = (id(panel.ties), panel.first_week, panel.n_weeks)
        if key not in self.shared:
            self.shared[key] = communities(panel, self.seed, runs)
        return self.shared[key]

    @property
    def has_groups(self) -> bool:
        """Whether the agents are in more than one observed group."""
        return len(np.unique(self.panel.group)) > 1

    @cached_property
    def kin(self) -> IntArray:
        """Group of each agent for placebos within and across groups: observed ones, else communities of the first week.

        Ties of later weeks would tell how scores move later, which a placebo must not know.
        """
        return self.panel.group if self.has_groups else self._communities(self.panel.window(0, 1), 1).number

    def of_weeks(self, start: int, stop: int) -> Problem:
        """Return the problem of some columns, scores as they are standardised over all."""
        return Problem(self.panel.window(start, stop), self.seed, self.shared)

    def refusals(self) -> tuple[str, ...]:
        """Return the words that say why there is no estimate, none where there can be one."""
        scores = self.panel.scores
        finite = np.isfinite(scores)
        words = []
        if int((finite.sum(axis=1) >= 3).sum()) < MIN_AGENTS:
            words.append("few_agents")
        if int(finite.any(axis=0).sum()) < MIN_WEEKS:
            words.append("few_weeks")
        if int((self.exposure.alters.sum(axis=0)).max(initial=0)) < MIN_TIES:
            words.append("few_ties")
        if finite.any() and not self._varies_within():
            words.append("no_variation")
        return tuple(words)

    def _varies_within(self) -> bool:
        """Return whether scores of agents change; one that never does has nothing to be influenced."""
        scores = self.panel.scores
        known = scores[np.isfinite(scores).any(axis=1)]
        spread = np.nanmax(known, axis=1) - np.nanmin(known, axis=1)
        return bool(np.any(spread > 1e-9 * max(float(np.nanmax(np.abs(known))), 1e-300)))
