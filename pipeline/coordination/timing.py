"""How regular the posts of each agent are: the spread and the order of the times between them.

What belongs here: pure functions on the times of posts. Their rows in ``analysis.measure`` are made in `regularity`.

The coefficient of variation of a few intervals says little: with n intervals it is at most √(n − 1), so an agent
with three posts never exceeds 1, and of three posts at random moments 30 % fall below 0.3. That is why every share of
a class stands beside what random moments give for the same numbers of posts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.activity.gaps import NO_GAPS, Gaps
from pipeline.activity.resampling import FloatArray, IntArray

MIN_INTERVALS = 2
"""Intervals that an agent needs for a coefficient of variation: the study takes authors of three posts."""
MIN_ORDERED = 5
"""Intervals that an agent needs for memory and burstiness."""
BOUNDS = (0.3, 0.5, 1.0, 2.0)
CLASSES = ("very_regular", "regular", "mixed", "irregular", "very_irregular")
"""The study's classes: below 0.3, then from each bound up to the next, and from 2 on."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Times between consecutive posts of the same agent.

    Attributes
    ----------
    agent
        Agent of each interval as a number, shape (n,), ascending.
    length
        Length of each interval in the unit of the times, shape (n,), in the order of time within an agent.
    """

    agent: IntArray
    length: FloatArray


@dataclass(frozen=True, slots=True)
class Spread:
    """What the intervals of each agent say; one entry per agent with at least one interval.

    Attributes
    ----------
    agent, n
        The agent and its number of intervals, shape (agents,).
    mean, least
        Mean and smallest interval, shape (agents,).
    cov
        Standard deviation (divisor n) over mean; not-a-number below `MIN_INTERVALS`, and where all intervals are zero.
    burstiness
        Finite-size burstiness; not-a-number below `MIN_ORDERED`, and where all intervals are zero.
    memory
        Correlation of each interval with the next; not-a-number below `MIN_ORDERED`, and where it is undefined.
    """

    agent: IntArray
    n: IntArray
    mean: FloatArray
    least: FloatArray
    cov: FloatArray
    burstiness: FloatArray
    memory: FloatArray


def intervals(agent: IntArray, at: IntArray, gaps: Gaps = NO_GAPS) -> Intervals:
    """Return the times between consecutive posts.

    Parameters
    ----------
    agent
        Agent of each post as a number, shape (posts,), ascending.
    at
        Time of each post, shape (posts,), ascending within an agent.
    gaps
        Interruptions of the collection: an interval that spans one is left out (`at` is then in microseconds).
    """
    if at.size == 0:
        return Intervals(np.zeros(0, dtype=np.int64), np.zeros(0))
    is_kept = (agent[1:] == agent[:-1]) & ~gaps.spanned(at[:-1], at[1:])
    return Intervals(agent[1:][is_kept], np.diff(at)[is_kept].astype(np.float64))


def spread(found: Intervals) -> Spread:
    """Summarise the intervals of each agent (Goh & Barabási 2008, EPL 81, 48002; Kim & Jo 2016, PRE 94, 032311)."""
    if found.length.size == 0:
        nothing = np.zeros(0)
        none = np.zeros(0, dtype=np.int64)
        return Spread(none, none, nothing, nothing, nothing, nothing, nothing)
    agent, n, starts, mean, ratio = _ratios(found)
    return Spread(
        agent,
        n,
        mean,
        np.minimum.reduceat(found.length, starts),
        np.where(n >= MIN_INTERVALS, ratio, np.nan),
        np.where(n >= MIN_ORDERED, finite_size(ratio, n), np.nan),
        memory(found),
    )


def coefficients(found: Intervals) -> tuple[IntArray, FloatArray]:
    """Return the number of intervals and the coefficient of variation of each agent: what draws need of `spread`."""
    if found.length.size == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    _, n, _, _, ratio = _ratios(found)
    return n, np.where(n >= MIN_INTERVALS, ratio, np.nan)


def _ratios(found: Intervals) -> tuple[IntArray, IntArray, NDArray[np.intp], FloatArray, FloatArray]:
    """Return agents, numbers of intervals, places of the first ones, means, and standard deviations over means."""
    starts = _starts(found.agent)
    n = np.diff(np.append(starts, found.length.size))
    mean = np.add.reduceat(found.length, starts) / n
    squares = np.square(found.length - np.repeat(mean, n))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(mean > 0, np.sqrt(np.add.reduceat(squares, starts) / n) / mean, np.nan)
    return found.agent[starts], n.astype(np.int64), starts, mean, ratio


def finite_size(cov: FloatArray, n: IntArray) -> FloatArray:
    """Return the burstiness of coefficients of variation of n intervals each (Kim & Jo 2016, equation 22).

    It is −1 for a clock, 0 on average for random moments and 1 for one burst, whatever n.
    """
    most, least = np.sqrt(n + 1.0), np.sqrt(n - 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((most * cov - least) / ((most - 2) * cov + least), dtype=np.float64)


def memory(found: Intervals, min_intervals: int = MIN_ORDERED) -> FloatArray:
    """Return the memory of each agent: the correlation of its intervals but the last with those but the first.

    Returns
    -------
    ndarray
        One value per agent, in order; not-a-number with fewer than `min_intervals` intervals or without variation.
    """
    return remembering(found.agent, min_intervals)(found.length)


def remembering(agent: IntArray, min_intervals: int = MIN_ORDERED) -> Callable[[FloatArray], FloatArray]:
    """Return the function from lengths of intervals to the `memory` of each agent; agents are put in order once."""
    starts = _starts(agent)
    n = np.diff(np.append(starts, agent.size))
    if not len(n):
        return lambda length: np.zeros(0)
    later = np.flatnonzero(agent[1:] == agent[:-1])
    place, pairs = np.repeat(np.arange(len(n)), n)[later + 1], np.maximum(n - 1, 1)

    def total(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(place, weights=values, minlength=len(n)), dtype=np.float64)

    def compute(length: FloatArray) -> FloatArray:
        before, after = length[later], length[later + 1]
        x = before - (total(before) / pairs)[place]
        y = after - (total(after) / pairs)[place]
        xx, yy = total(x * x), total(y * y)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = total(x * y) / np.sqrt(xx * yy)
        # Intervals that are equal up to rounding have no order; their correlation would be noise of the last digit.
        scale = np.maximum.reduceat(np.abs(length), starts)
        is_flat = np.minimum(xx, yy) <= n * np.square(scale * 1e-9)
        return np.asarray(np.where((n >= min_intervals) & ~is_flat, value, np.nan), dtype=np.float64)

    return compute


def classify(cov: FloatArray) -> IntArray:
    """Return the place in `CLASSES` of each coefficient of variation, −1 where there is none."""
    place = np.searchsorted(BOUNDS, np.nan_to_num(cov), side="right")
    return np.where(np.isnan(cov), -1, place).astype(np.int64)


def class_shares(cov: FloatArray) -> FloatArray:
    """Return the share of each class among the agents with a coefficient, shape (5,); not-a-number without any."""
    place = classify(cov)
    known = place[place >= 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.bincount(known, minlength=len(CLASSES)) / np.float64(len(known)), dtype=np.float64)


def grouped_order(group: IntArray, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return an order that shuffles the entries of each group among the places of the group.

    Parameters
    ----------
    group
        Group of each entry, shape (n,), ascending.
    rng
        Where the order is drawn from.
    """
    # One sort of group + fraction: the same as sorting by group and then by chance, at half the time.
    return np.argsort(group + rng.random(len(group)))


def ordered_within(group: IntArray, values: IntArray) -> IntArray:
    """Return values in their order within groups; groups are ascending and not negative, shape (n,)."""
    low = int(values.min()) if values.size else 0
    bits = (int(values.max()) - low).bit_length() if values.size else 0
    if int(group.max(initial=0)).bit_length() + bits > 62:
        return np.asarray(values[np.lexsort((values, group))], dtype=np.int64)
    packed = np.sort((group << bits) | (values - low))  # group and value as one number: several times faster
    return np.asarray((packed & ((1 << bits) - 1)) + low, dtype=np.int64)


def _starts(agent: IntArray) -> NDArray[np.intp]:
    if len(agent) == 0:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(np.concatenate([[True], agent[1:] != agent[:-1]]))
