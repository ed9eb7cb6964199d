"""Inference: estimators with tidy results, and the families that run them on a corpus.

What belongs here: estimators on arrays (`intervals`, `contingency`, `logit`, `random_intercept`, `matching`,
`permutation`, `event_aligned`), the grid of specifications (`specification`), and the enforcement family that
applies them (`airs`, `replies`, `enforcement`). What does not: orchestration and figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.on_demand import handed_on

if TYPE_CHECKING:
    from pipeline.inference.airs import airs_measures
    from pipeline.inference.enforcement import enforcement_estimates
    from pipeline.inference.replies import reply_measures
    from pipeline.inference.specification import Grid, Specification, load_grid
else:
    __getattr__ = handed_on(
        __name__,
        {
            "airs": ("airs_measures",),
            "enforcement": ("enforcement_estimates",),
            "replies": ("reply_measures",),
            "specification": ("Grid", "Specification", "load_grid"),
        },
    )

__all__ = [
    "Grid",
    "Specification",
    "airs_measures",
    "enforcement_estimates",
    "load_grid",
    "reply_measures",
]
