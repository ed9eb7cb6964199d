"""Rows of one network: what every row of a graph has in common, and how structure is measured.

What belongs here: plan and emitter. Which statistics a network gets is not known here (`network_rows`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.activity.resampling import NO_INTERVAL, Interval, Null
from pipeline.activity.row import row
from pipeline.schema import Measure
from pipeline.structure.graphs import Graph
from pipeline.structure.statistics import Draws

FAMILY = "structure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How structure is measured: seed of the run, level of intervals, draws of the nulls."""

    seed: int
    level: float = 0.95
    draws: Draws = field(default_factory=Draws)


@dataclass(frozen=True, slots=True)
class Emitter:
    """Makes the rows of one network."""

    graph: Graph
    plan: Plan
    words: tuple[str, ...]

    def __call__(
        self,
        measure_id: str,
        value: float | None,
        n: int,
        n_unit: str,
        *,
        interval: Interval = NO_INTERVAL,
        null: Null | None = None,
        words: Iterable[str] = (),
        is_discrete: bool = False,
    ) -> Measure:
        """Return one row; one without a finite value says at least that nothing varies, or that too few are left."""
        if value is not None and not np.isfinite(value):
            words = [*words, "few_agents" if measure_id == "rich_club_top1" else "no_variation"]
        made = row(
            FAMILY,
            measure_id,
            value,
            n,
            n_unit,
            level=self.plan.level,
            interval=interval,
            null=null,
            warnings=[*self.words, *words],
            is_discrete=is_discrete,
        )
        return replace(made, unit="network", unit_id=self.graph.name)
