"""Replicates of two slices on one measure: runs of a simulator, windows of an observed corpus.

What belongs here: which replicates there are, whether they are enough for a verdict, and their values. Replicates are
matched on messages: every one holds the same number of consecutive messages. Nothing is drawn from them, since leaving
out a busy agent moves all windows of a society at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.activity.resampling import FloatArray
from pipeline.comparison.fact import GROUPS, Fact
from pipeline.comparison.pairs import SIMULATION, Side
from pipeline.comparison.sample import Sample

FEWEST_UNITS = 5  # METHODS 8: with fewer runs descriptives only
LEAST_WINDOW = 200  # messages; smaller windows say little of any of the facts
WINDOWS = 10  # of the smaller slice, when neither has several runs


@dataclass(frozen=True, slots=True)
class Replicates:
    """The replicates of one side.

    Attributes
    ----------
    whole
        All messages of the slice.
    units
        Messages of each replicate.
    word
        What a replicate is: runs or windows.
    shortage
        Why they are too few for a verdict; ``None`` when they are enough.
    """

    whole: Sample
    units: tuple[Sample, ...]
    word: str
    shortage: str | None


def replicates(sides: tuple[Side, Side], wholes: tuple[Sample, Sample]) -> tuple[Replicates, Replicates]:
    """Cut two slices into replicates of about the same size.

    Parameters
    ----------
    sides, wholes
        The slices and their messages.

    Returns
    -------
    tuple of Replicates
        Of equal numbers of messages. A slice with several runs is cut by run, and of each run the first messages count,
        as many as the shortest run has; one with a single run is cut into windows of as many consecutive messages, or
        of a tenth of the smaller slice where neither has several runs.
    """
    runs = [whole.runs() for whole in wholes]
    lengths = [len(run) for own in runs if len(own) > 1 for run in own]
    size = min(lengths) if lengths else max(LEAST_WINDOW, min(map(len, wholes)) // WINDOWS)
    first, second = (_of_side(side, whole, own, size) for side, whole, own in zip(sides, wholes, runs, strict=True))
    return first, second


def _of_side(side: Side, whole: Sample, runs: list[Sample], size: int) -> Replicates:
    windows = [run.take(np.arange(size)) for run in runs] if len(runs) > 1 else whole.windows(size)
    word = "runs" if len(runs) > 1 else "windows"
    shortage = None
    if side.kind == SIMULATION and len(runs) < FEWEST_UNITS:
        shortage = f"{side.name} has {len(runs)} {'run' if len(runs) == 1 else 'runs'}"
    elif not whole.has_order() and word == "windows":
        shortage = f"{side.name} has messages without time or step, so it cannot be cut into windows"
    elif len(windows) < FEWEST_UNITS:
        shortage = f"{side.name} has {len(windows)} {word} of {size} messages"
    return Replicates(whole, tuple(windows), word, shortage)


def matched(fact: Fact, first: Sample, second: Sample) -> tuple[Sample, Sample, int]:
    """Return two samples at the size of the smaller one, and that size; zero where one is too small for the fact."""
    size = min(fact.size(first), fact.size(second))
    if size < fact.least:
        return first, second, 0
    return fact.rarefied(first, size), fact.rarefied(second, size), size


def usable(fact: Fact, units: Sequence[Sample]) -> list[Sample]:
    """Return the replicates that are large enough for a fact."""
    return [sample for sample in units if fact.size(sample) >= fact.least]


def log_values(fact: Fact, groups: tuple[list[Sample], list[Sample]]) -> tuple[FloatArray, FloatArray, bool]:
    """Return the logarithms of a fact on matched samples of two sides, and whether one half was added to counts.

    Where the fact is a share and any replicate has none, ``(part + ½)/(whole + 1)`` is used for all of them.
    Values that are not defined are left out.
    """
    counts = [[fact.count(sample) for sample in group] for group in groups]
    is_corrected = any(count is not None and count.part == 0 for group in counts for count in group)
    first, second = (_finite(fact, group, is_corrected) for group in groups)
    return first, second, is_corrected


def _finite(fact: Fact, group: Sequence[Sample], is_corrected: bool) -> FloatArray:
    if is_corrected:
        counts = [count for sample in group if (count := fact.count(sample)) is not None]
        values = [(count.part + 0.5) / (count.whole + 1) for count in counts]
    else:
        values = [fact.value(sample) for sample in group]
    logs = np.array([fact.log(value) for value in values], dtype=np.float64)
    return logs[np.isfinite(logs)]


def shared_error(fact: Fact, windows: Sequence[Sample], is_corrected: bool) -> float:
    """Return the standard error that the members of a society give to the mean of its windows.

    Parameters
    ----------
    fact
        The fact.
    windows
        Windows of one run: mostly the same members, so that their spread does not show what other members would give.
    is_corrected
        As `log_values` says.

    Returns
    -------
    float
        Delete-a-group jackknife over members (agents, or threads for depth) of the mean logarithm over windows;
        infinite where the mean is not defined without each group.
    """
    means = []
    for group in range(GROUPS):
        logs = _finite(fact, [fact.without(window, group) for window in windows], is_corrected)
        if logs.size < len(windows):  # a share falls to zero without some group: one half is added for this error
            return math.inf if is_corrected else shared_error(fact, windows, is_corrected=True)
        means.append(float(logs.mean()))
    left = np.array(means)
    return float(np.sqrt((GROUPS - 1) / GROUPS * np.square(left - left.mean()).sum()))
