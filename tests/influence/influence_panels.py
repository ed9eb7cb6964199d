"""Small panels with missing weeks, and their rows as pandas sees them, for tests of influence."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.influence.exposure import exposure
from pipeline.influence.frame import Frame, make_frame
from pipeline.network.panel import Panel
from pipeline.network.snapshots import TieIntervals, tie_intervals


def random_ties(rng: np.random.Generator, agents: int, weeks: int, per_agent: int, first: int) -> TieIntervals:
    """Return random intervals, one per ordered pair."""
    pairs = rng.permutation(agents * agents)[: agents * per_agent]
    pairs = pairs[pairs // agents != pairs % agents]
    start = first + rng.integers(-2, weeks, len(pairs))
    end = start + rng.integers(1, weeks, len(pairs))
    return tie_intervals(pairs // agents, pairs % agents, start, end, agents)


def gappy_panel(seed: int = 3, agents: int = 60, weeks: int = 9, per_agent: int = 6, share: float = 0.85) -> Panel:
    """Return a panel of correlated scores with weeks missing at random; no influence in it."""
    rng = np.random.default_rng(seed)
    first = 2800
    scores = np.cumsum(rng.normal(size=(agents, weeks)), axis=1) * 0.4 + rng.normal(size=(agents, 1))
    scores[rng.random(scores.shape) > share] = np.nan
    return Panel(random_ties(rng, agents, weeks, per_agent, first), scores, first, rng.integers(0, 3, agents))


def gappy_frame(panel: Panel, *, by_group: bool = False, lags: int = 1) -> Frame:
    """Return the rows of the model with a gap and lags of the score."""
    gap = exposure(panel).gap(panel.scores)
    terms = {"gap": (gap, 1), **{f"lag{k}": (panel.scores, k) for k in range(1, lags + 1)}}
    return make_frame(panel.scores, terms, panel.group, by_group=by_group)


def as_pandas(frame: Frame) -> pd.DataFrame:
    """Return the rows as a frame of pandas with a column per variable."""
    columns = {"agent": frame.agent, "week": frame.week, "cell": frame.cell, "group": frame.group, "y": frame.outcome}
    return pd.DataFrame({**columns, **dict(zip(frame.names, frame.regressors, strict=True))})
