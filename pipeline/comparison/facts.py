"""The six stylised facts; those of activity are here, those of threads, ties and texts in `thread_facts`.

Values equal the measures of the same name in ``analysis.measure``. Distances are differences of logarithms. Burstiness
lies in [−1, 1], so its logarithm is taken of (1 + B)/(1 − B), which for long sequences is the standard deviation of
inter-event times over their mean.
"""

from __future__ import annotations

import numpy as np

from pipeline.activity.burstiness import burstiness, resampled_means
from pipeline.activity.concentration import fit_tail
from pipeline.activity.resampling import FloatArray, IntArray, gini
from pipeline.comparison.fact import NAN, Fact
from pipeline.comparison.resample import weighted_totals
from pipeline.comparison.sample import Sample
from pipeline.comparison.thread_facts import CommentDepth, DuplicateShare, Reciprocity


def _per_agent(sample: Sample) -> IntArray:
    """Return messages per author, ascending, as `pipeline.activity.concentration` counts them."""
    agents = sample.agent[sample.is_activity & (sample.agent >= 0)]
    return np.sort(np.unique(agents, return_counts=True)[1]).astype(np.int64)


def _evenly(sample: Sample, rng: np.random.Generator) -> IntArray:
    """Messages per agent if each message had an author drawn from all agents alike; silent agents left out."""
    counts = _per_agent(sample)
    if counts.size == 0:
        return counts
    drawn = rng.multinomial(int(counts.sum()), np.full(counts.size, 1 / counts.size))
    return np.sort(drawn[drawn > 0]).astype(np.int64)


class ActivityGini(Fact):
    """Gini coefficient of messages per author; agents are drawn; baseline: every message by an agent at random."""

    measure_id = "activity_gini"

    def value(self, sample: Sample) -> float:
        """Gini coefficient."""
        return _gini(_per_agent(sample))

    def draws(self, sample: Sample, *, draws: int, rng: np.random.Generator) -> FloatArray:
        """Agents drawn with replacement."""
        values, copies = np.unique(_per_agent(sample), return_counts=True)
        parts = [gini(values, weights) for weights in weighted_totals(copies, draws=draws, rng=rng)]
        return np.log(np.concatenate(parts))

    def baseline(self, sample: Sample, rng: np.random.Generator) -> float:
        """Every message by an agent at random."""
        return _gini(_evenly(sample, rng))


def _gini(counts: IntArray) -> float:
    values, copies = np.unique(counts, return_counts=True)
    return float(gini(values, copies)) if counts.size else NAN


class ActivityTail(Fact):
    """Exponent of the tail of messages per author; agents are drawn, the cut-off kept."""

    measure_id = "activity_tail_exponent"
    is_costly = True
    words = ("xmin_selected",)

    def value(self, sample: Sample) -> float:
        """Exponent."""
        counts = _per_agent(sample)
        fit = fit_tail(counts) if counts.size >= self.least else None
        return fit.alpha if fit else NAN

    def draws(self, sample: Sample, *, draws: int, rng: np.random.Generator) -> FloatArray:
        """Agents drawn with replacement; xmin is that of the sample, which makes the interval too narrow."""
        counts = _per_agent(sample)
        fit = fit_tail(counts)
        if fit is None:
            return np.zeros(0)
        values, copies = np.unique(counts, return_counts=True)
        is_tail = values >= fit.xmin
        logs = np.where(is_tail, np.log(np.maximum(values, 1) / (fit.xmin - 0.5)), 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            parts = [1 + (w @ is_tail) / (w @ logs) for w in weighted_totals(copies, draws=draws, rng=rng)]
            return np.log(np.concatenate(parts))

    def baseline(self, sample: Sample, rng: np.random.Generator) -> float:
        """Every message by an agent at random."""
        fit = fit_tail(_evenly(sample, rng))
        return fit.alpha if fit else NAN


class Burstiness(Fact):
    """Mean burstiness of agents; agents are drawn; baseline: Poisson processes with as many events."""

    measure_id = "burstiness"
    has_clock = True

    def n_clusters(self, sample: Sample) -> int:
        """Return the number of agents with enough gaps."""
        return len(burstiness(*_events(sample)))

    def value(self, sample: Sample) -> float:
        """Mean over agents with enough gaps."""
        values = burstiness(*_events(sample))
        return float(values.mean()) if values.size >= self.least else NAN

    def draws(self, sample: Sample, *, draws: int, rng: np.random.Generator) -> FloatArray:
        """Agents drawn with replacement."""
        values = burstiness(*_events(sample))
        means = resampled_means(values, draws=draws, rng=rng)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log((1 + means) / (1 - means))

    def baseline(self, sample: Sample, rng: np.random.Generator) -> float:
        """Gaps of each agent drawn from one exponential distribution."""
        agent, at = _events(sample)
        gaps = np.maximum(1, rng.exponential(1e9, size=at.size)).astype(np.int64)
        values = burstiness(agent, np.cumsum(gaps))
        return float(values.mean()) if values.size >= self.least else NAN

    def log(self, value: float) -> float:
        """Logarithm of (1 + B)/(1 − B)."""
        return float(np.log((1 + value) / (1 - value))) if -1 < value < 1 else NAN

    def unlog(self, value: float) -> float:
        """Inverse of `log`."""
        return float(np.tanh(value / 2))


def _events(sample: Sample) -> tuple[IntArray, IntArray]:
    """Return author and time of the events of agents all of whose events have a fine time."""
    events = sample.take(sample.is_activity & (sample.agent >= 0))
    is_known = events.is_fine & ~np.isnan(events.at)
    events = events.take(~np.isin(events.agent, events.agent[~is_known]))
    events = events.take(np.lexsort((events.at, events.agent)))
    return events.agent, events.at.astype(np.int64)


FACTS: tuple[Fact, ...] = (
    ActivityGini(),
    ActivityTail(),
    Reciprocity(),
    CommentDepth(),
    DuplicateShare(),
    Burstiness(),
)
