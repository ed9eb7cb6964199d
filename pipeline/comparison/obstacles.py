"""Why a measure cannot be compared, in sentences, and the warnings that hold for a measure on two slices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.comparison.fact import Fact
from pipeline.comparison.pairs import Pair, Side
from pipeline.comparison.sample import Sample


class Problem(NamedTuple):
    """A sentence, and the word of the warning vocabulary for it."""

    reason: str
    word: str


def clock_problem(fact: Fact, side: Side, sample: Sample) -> Problem | None:
    """Return why the clock of a slice does not allow a fact; steps of a simulator are no time."""
    if not fact.has_clock or len(sample) == 0:
        return None
    is_timed = ~np.isnan(sample.at)
    if not is_timed.any() and not np.isnan(sample.step).all():
        return Problem(f"{side.name} counts steps, not time", "clock_is_step")
    if not is_timed.any():
        return Problem(f"{side.name} has no times", "no_times")
    if not (is_timed & sample.is_fine).any():
        return Problem(f"the times of {side.name} are no finer than a minute", "time_too_coarse")
    return None


def missing(fact: Fact, pair: Pair, wholes: tuple[Sample, Sample]) -> str:
    """Return which slice holds too little for a fact."""
    for side, sample in zip(pair, wholes, strict=True):
        size = fact.size(sample)
        if len(sample) == 0:
            return f"{side.name} has no messages"
        if size < fact.least:
            return f"{side.name} has {size} {fact.unit} {fact.needs}; at least {fact.least} are needed"
    return f"no run or window holds {fact.least} {fact.unit} {fact.needs}"


def facts_warnings(fact: Fact, wholes: tuple[Sample, Sample]) -> list[str]:
    """Return the warnings of a fact on two slices."""
    words = list(fact.words)
    if fact.unit == "agents" and any(bool(((sample.agent < 0) & sample.is_activity).any()) for sample in wholes):
        words.append("null_authors")
    if fact.unit == "threads" and any(bool((np.isnan(s.depth) & s.is_comment).any()) for s in wholes):
        words.append("dangling_parents")
    return words
