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
from pipeline.comparison.equivalence import Welch
from pipeline.comparison.fact import GROUPS, Count, Fact
from pipeline.comparison.pairs import SIMULATION, Side
from pipeline.comparison.sample import Sample

FEWEST_UNITS = 5  # METHODS 8: with fewer runs descriptives only
LEAST_WINDOW = 200  # messages; smaller windows say little of any of the facts
FEWEST_EVENTS = 5  # of a share on each side; with fewer no verdict
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
    aside
        Which runs are too short to count; ``None`` when all count.
    """

    whole: Sample
    units: tuple[Sample, ...]
    word: str
    shortage: str | None
    aside: str | None = None


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
        of a tenth of the smaller slice where neither has several runs. Runs below the least window, such as those that
        crashed, are set aside, unless the slice has no longer ones.
    """
    runs = [whole.runs() for whole in wholes]
    lengths = [len(run) for own in runs if len(own) > 1 for run in _long_enough(own)]
    size = min(lengths) if lengths else max(LEAST_WINDOW, min(map(len, wholes)) // WINDOWS)
    first, second = (_of_side(side, whole, own, size) for side, whole, own in zip(sides, wholes, runs, strict=True))
    return first, second


def _long_enough(runs: list[Sample]) -> list[Sample]:
    return [run for run in runs if len(run) >= LEAST_WINDOW] or runs


def _set_aside(side: Side, runs: list[Sample]) -> str | None:
    """Name the runs that are too short to count."""
    kept = {int(run.run[0]) for run in _long_enough(runs)} if len(runs) > 1 else set()
    short = [run for run in runs if kept and int(run.run[0]) not in kept]
    named = ", ".join(f"{run.run_names[int(run.run[0])]} ({len(run)} messages)" for run in short)
    return f"set aside of {side.name}, with fewer than {LEAST_WINDOW} messages: {named}" if short else None


def _of_side(side: Side, whole: Sample, runs: list[Sample], size: int) -> Replicates:
    aside, word = _set_aside(side, runs), "runs" if len(runs) > 1 else "windows"
    runs = _long_enough(runs)
    windows = [run.take(np.arange(size)) for run in runs] if word == "runs" else whole.windows(size)
    shortage = None
    if side.kind == SIMULATION and len(runs) < FEWEST_UNITS:
        enough = f" of at least {LEAST_WINDOW} messages" if aside else ""
        shortage = f"{side.name} has {len(runs)} {'run' if len(runs) == 1 else 'runs'}{enough}"
    elif not whole.has_order() and word == "windows":
        shortage = f"{side.name} has messages without time or step, so it cannot be cut into windows"
    elif len(windows) < FEWEST_UNITS:
        shortage = f"{side.name} has {len(windows)} {word} of {size} messages"
    return Replicates(whole, tuple(windows), word, shortage, aside)


def matched(fact: Fact, first: Sample, second: Sample) -> tuple[Sample, Sample, int]:
    """Return two samples at the size of the smaller one, and that size; zero where one is too small for the fact."""
    size = min(fact.size(first), fact.size(second))
    if size < fact.least:
        return first, second, 0
    return fact.rarefied(first, size), fact.rarefied(second, size), size


def usable(fact: Fact, units: Sequence[Sample]) -> list[Sample]:
    """Return the replicates that are large enough for a fact."""
    return [sample for sample in units if fact.size(sample) >= fact.least]


def log_values(fact: Fact, groups: tuple[list[Sample], list[Sample]]) -> tuple[FloatArray, FloatArray, float]:
    """Return the logarithms of a fact on matched samples of two sides, and the share added to each; mostly zero.

    Where the fact is a share and any replicate has none, `correction` is added to all of them.
    Values that are not defined are left out.
    """
    counts = [count for group in groups for sample in group if (count := fact.count(sample)) is not None]
    added = correction(counts) if any(count.part == 0 for count in counts) else 0.0
    first, second = (_finite(fact, group, added) for group in groups)
    return first, second, added


def correction(counts: Sequence[Count]) -> float:
    """Return one half over the mean of what shares are of.

    It is the same for all replicates: one half in each would make replicates with none differ by their size alone.
    """
    whole = sum(count.whole for count in counts)
    return 0.5 * len(counts) / whole if whole else 0.0


def pooled_count(fact: Fact, group: Sequence[Sample]) -> Count | None:
    """Return what a share counts over all samples; ``None`` for facts that are no shares."""
    counts = [count for sample in group if (count := fact.count(sample)) is not None]
    return Count(sum(count.part for count in counts), sum(count.whole for count in counts)) if counts else None


def few_events(fact: Fact, side: Side, group: Sequence[Sample]) -> str | None:
    """Return why a share rests on too few events for a verdict; ``None`` where it is none or there are enough."""
    count = pooled_count(fact, group)
    if count is None or count.part // fact.parts_per_event >= FEWEST_EVENTS:
        return None
    return f"{side.name} has {count.part // fact.parts_per_event} {fact.events}; at least {FEWEST_EVENTS} are needed"


def pooled_ratio(fact: Fact, groups: tuple[list[Sample], list[Sample]]) -> Welch | None:
    """Return the logarithm of the ratio of pooled shares with the error of two Poisson counts of events.

    Adding to counts draws rare shares towards each other and makes them vary less; this does neither. ``None`` where
    the fact is no share or a side has no events.
    """
    counts = [pooled_count(fact, group) for group in groups]
    known = [count for count in counts if count is not None and count.part > 0]
    if len(known) < len(counts):
        return None
    first, second = (math.log(count.part / count.whole) for count in known)
    error = math.sqrt(sum(fact.parts_per_event / count.part for count in known))
    return Welch(first - second, error, math.inf)


def _finite(fact: Fact, group: Sequence[Sample], added: float) -> FloatArray:
    values = [(fact.value(sample) + added) / (1 + 2 * added) if added else fact.value(sample) for sample in group]
    logs = np.array([fact.log(value) for value in values], dtype=np.float64)
    return logs[np.isfinite(logs)]


def shared_error(fact: Fact, windows: Sequence[Sample], added: float) -> float:
    """Return the standard error that the members of a society give to the mean of its windows.

    Parameters
    ----------
    fact
        The fact.
    windows
        Windows of one run: mostly the same members, so that their spread does not show what other members would give.
    added
        As `log_values` says.

    Returns
    -------
    float
        Delete-a-group jackknife over members (agents, or threads for depth) of the mean logarithm over windows;
        infinite where the mean is not defined without each group.
    """
    means = []
    for group in range(GROUPS):
        logs = _finite(fact, [fact.without(window, group) for window in windows], added)
        if logs.size < len(windows):  # a share falls to zero without some group: one half is added for this error
            more = correction([count for window in windows if (count := fact.count(window)) is not None])
            return shared_error(fact, windows, more) if more and not added else math.inf
        means.append(float(logs.mean()))
    left = np.array(means)
    return float(np.sqrt((GROUPS - 1) / GROUPS * np.square(left - left.mean()).sum()))
