"""Exposure: what the alters of each agent scored, week by week.

What belongs here: the mean, number and dispersion of the scores that stand at the other end of an ego's ties, from
intervals of ties. What does not: estimators, and where ties and scores come from.

The exposure of week w rests on the ties that stand at the end of w and on the scores of w. A week needs no other
week, so weeks can be computed in blocks, or only those that are new. Scores are never carried forward: an alter
without a score in a week is counted among the alters and not among the scored ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.network.panel import FloatArray, Panel
from pipeline.network.snapshots import EVER, NEVER, TieIntervals

CountArray = NDArray[np.int32]

BLOCK_WEEKS = 64
"""Weeks computed at once: memory is four numbers per agent and week of a block."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Exposure of each agent (rows) in each week (columns).

    Attributes
    ----------
    mean
        Mean score of the alters that have one, not-a-number without any, shape (agents, weeks).
    alters
        Alters at the end of the week, shape (agents, weeks).
    scored
        Those of them with a score in the week, shape (agents, weeks).
    dispersion
        Standard deviation of the scored alters' scores (divided by their number), shape (agents, weeks).
    """

    mean: FloatArray
    alters: CountArray
    scored: CountArray
    dispersion: FloatArray

    def gap(self, scores: FloatArray) -> FloatArray:
        """Return exposure minus the ego's own score; 0 without alters, not-a-number where nothing is known.

        An ego that follows nobody has no gap to close, which is a fact. An ego whose alters were all silent has one
        that nobody knows.
        """
        return np.where(self.alters == 0, np.where(np.isfinite(scores), 0.0, np.nan), self.mean - scores)


def exposure(panel: Panel, ties: TieIntervals | None = None) -> Exposure:
    """Return the exposure of every agent in every week of a panel.

    Parameters
    ----------
    panel
        Scores, and the ties where `ties` is left out. A panel cut by `Panel.window` gives the same columns as the
        whole: exposure is incremental by week.
    ties
        Other ties than those of the panel, as placebos need.

    Notes
    -----
    One pass over the weeks of every interval, sums in float64 in the order of the intervals, so that a result does
    not depend on the number of threads. Scores are centred first: the dispersion would lose digits otherwise.
    """
    ties = panel.ties if ties is None else ties
    shape = (panel.n_agents, panel.n_weeks)
    centre = float(np.nanmean(panel.scores)) if np.isfinite(panel.scores).any() else 0.0
    total, squares = np.zeros(shape), np.zeros(shape)
    alters, scored = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    for start in range(0, panel.n_weeks, BLOCK_WEEKS):
        cut = slice(start, start + BLOCK_WEEKS)
        scores = np.ascontiguousarray(panel.scores[:, cut] - centre, dtype=np.float64)
        first = panel.first_week + start
        _accumulate(
            ties.source, ties.target, ties.start, ties.end, first, scores,
            total[:, cut], squares[:, cut], alters[:, cut], scored[:, cut],
        )  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / scored
        dispersion = np.sqrt(np.maximum(squares / scored - mean * mean, 0.0))
    return Exposure(mean + centre, alters, scored, dispersion)


@njit(cache=True)
def _accumulate(source, target, start, end, first, scores, total, squares, alters, scored):  # type: ignore[no-untyped-def] # pragma: no cover
    weeks = scores.shape[1]
    for tie in range(source.shape[0]):
        ego, alter = source[tie], target[tie]
        for week in range(max(start[tie] - first, 0), min(end[tie] - first, weeks)):
            alters[ego, week] += 1
            value = scores[alter, week]
            if value == value:  # not-a-number is no score
                scored[ego, week] += 1
                total[ego, week] += value
                squares[ego, week] += value * value


def exposure_blocks(panel: Panel, length: int = BLOCK_WEEKS) -> Iterator[tuple[Panel, Exposure]]:
    """Yield a panel cut into blocks of weeks with the exposure of each, for tables larger than memory allows."""
    for start in range(0, panel.n_weeks, length):
        block = panel.window(start, min(start + length, panel.n_weeks))
        yield block, exposure(block)


def chosen(
    ties: TieIntervals, keep: NDArray[np.bool_], start: NDArray[np.int32], end: NDArray[np.int32]
) -> TieIntervals:
    """Return some intervals of a network with other weeks; the pairs keep their numbers."""
    return replace(
        ties, source=ties.source[keep], target=ties.target[keep], pair=ties.pair[keep],
        start=start[keep].astype(np.int32), end=end[keep].astype(np.int32),
    )  # fmt: skip


def formed(ties: TieIntervals) -> NDArray[np.bool_]:
    """Return whether an interval begins with a new tie: a known start, and no interval of the pair that ends there."""
    is_new = (ties.start > EVER) & (ties.start < NEVER)
    follows = (ties.pair[1:] == ties.pair[:-1]) & (ties.end[:-1] == ties.start[1:])
    is_new[1:] &= ~follows
    return np.asarray(is_new, dtype=np.bool_)


def forming_ties(ties: TieIntervals, lead: int, first_week: int) -> TieIntervals:
    """Return, as ties of week t, those that form `lead` weeks later and did not stand the week before.

    Parameters
    ----------
    ties
        The network.
    lead
        1 gives the just-formed ties of STATISTICS 2.4: alters whose tie appears in week t + 1, with their scores of
        week t.
    first_week
        First week of the panel: ties that stand in it already were not seen to form.
    """
    keep = formed(ties) & (ties.start > first_week)
    start = ties.start - np.int32(lead)
    return chosen(ties, keep, start, start + np.int32(1))
