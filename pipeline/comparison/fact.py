"""What a stylised fact has to offer: value, size, rarefaction, resampling, random baseline.

What belongs here: the base class. Each fact says what slices are matched on: agents (all messages of the chosen ones
are kept), threads (whole) or messages. Units are chosen by the smallest hashes, so a corpus gives the same subset in
every pair of the same size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np

from pipeline.activity.resampling import FloatArray, IntArray
from pipeline.comparison.sample import Sample

NAN = float("nan")
GROUPS = 20  # of members left out in turn


class Count(NamedTuple):
    """A share as what is counted, of how many."""

    part: int
    whole: int


class Fact(ABC):
    """One stylised fact.

    Attributes
    ----------
    measure_id
        Name of the measure.
    unit
        What slices are matched on: agents, threads or messages.
    clusters
        What the interval of the ratio resamples.
    least
        Fewest units for a value.
    has_clock
        True when the fact needs times.
    is_costly
        True when the value takes too long to compute it without each group of members; the error of `draws` is used.
    needs
        What makes a unit count, for sentences.
    events
        What a share counts, for sentences.
    parts_per_event
        How many of what a share counts come about at once, so that they are one event.
    words
        Warnings that always hold.
    """

    measure_id: ClassVar[str]
    unit: ClassVar[str] = "agents"
    clusters: ClassVar[str] = "agents"
    least: ClassVar[int] = 10
    has_clock: ClassVar[bool] = False
    is_costly: ClassVar[bool] = False
    needs: ClassVar[str] = "with a post or comment"
    events: ClassVar[str] = ""
    parts_per_event: ClassVar[int] = 1
    words: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def value(self, sample: Sample) -> float:
        """Return the value, not-a-number where it is not defined."""

    @abstractmethod
    def draws(self, sample: Sample, *, draws: int, rng: np.random.Generator) -> FloatArray:
        """Return logarithms of the value on resampled clusters, shape (draws,); empty where that is not possible."""

    def baseline(self, sample: Sample, rng: np.random.Generator) -> float:
        """Return the value in a random society of the same size; not-a-number where there is none."""
        del sample, rng
        return NAN

    def count(self, sample: Sample) -> Count | None:
        """Return the value as a count, for facts that are shares."""
        del sample
        return None

    def log(self, value: float) -> float:
        """Return the scale on which values are compared; not-a-number where it is not defined."""
        return float(np.log(value)) if value > 0 else NAN

    def unlog(self, value: float) -> float:
        """Return the value of a point of that scale."""
        return float(np.exp(value))

    def n_clusters(self, sample: Sample) -> int:
        """Return the number of clusters that the interval of the ratio rests on."""
        return len(np.unique(sample.agent_hash[sample.is_activity & (sample.agent >= 0)]))

    def size(self, sample: Sample) -> int:
        """Return the number of units that the sample is matched on."""
        return len(self._units(sample))

    def rarefied(self, sample: Sample, size: int) -> Sample:
        """Return the messages of the `size` units with the smallest hashes."""
        units = self._units(sample)
        if size >= len(units):
            return sample
        return self._keep(sample, int(np.partition(units, size)[size]))

    def without(self, sample: Sample, group: int) -> Sample:
        """Return the messages without one of `GROUPS` groups of members, told apart by their hashes."""
        return sample.take(sample.agent_hash % GROUPS != group)

    def _units(self, sample: Sample) -> IntArray:
        """Return the distinct hashes of the units."""
        return np.unique(sample.agent_hash[sample.is_activity & (sample.agent >= 0)])

    def _keep(self, sample: Sample, below: int) -> Sample:
        return sample.take(sample.agent_hash < below)
