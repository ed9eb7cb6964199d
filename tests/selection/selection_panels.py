"""Small panels with planted selection, for tests: choices drawn from the model that is then estimated."""

from __future__ import annotations

import numpy as np

from pipeline.network.panel import Panel
from pipeline.network.snapshots import NEVER, tie_intervals


def random_panel(seed: int, n: int = 60, weeks: int = 6, density: float = 0.06, missing: float = 0.0) -> Panel:
    """Return ties with random beginnings and ends, and independent scores."""
    rng = np.random.default_rng(seed)
    source, target = np.nonzero((rng.random((n, n)) < density) & ~np.eye(n, dtype=bool))
    start = rng.integers(-2, weeks, size=len(source))
    end = np.where(rng.random(len(source)) < 0.5, NEVER, start + rng.integers(1, weeks, size=len(source)))
    scores = rng.normal(size=(n, weeks))
    scores[rng.random((n, weeks)) < missing] = np.nan
    return Panel(tie_intervals(source, target, start, end, n), scores, 0, rng.integers(-1, 3, size=n))
