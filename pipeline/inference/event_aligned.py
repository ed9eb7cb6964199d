"""Threads aligned on their first enforcing comment, with placebo events.

For an event at place i of a thread, delta = mean AIRS of the comments after it minus mean AIRS of those before
it. An event is usable when there are comments on both sides, and regulatable when some comment before it has AIRS
above zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS, Fit, Floats, Ints, bootstrap_p, percentile_interval

"""Fewer aligned threads than this give an unreliable percentile bootstrap."""
PLACEBO_MIN_COMMENTS = 3
"""The published rule draws pseudo-events in threads of at least three comments."""
_GATHER_LIMIT = 4_000_000


@dataclass(frozen=True, slots=True)
class Threads:
    """Comments in order within threads: `airs` and `enforces` of shape (n,), thread `starts` of shape (T,)."""

    airs: Ints
    enforces: Ints
    starts: Ints

    @property
    def sizes(self) -> Ints:
        """Number of comments of each thread, shape (T,)."""
        sizes: Ints = np.diff(np.r_[self.starts, self.airs.size])
        return sizes


@dataclass(frozen=True, slots=True)
class Aligned:
    """Delta per thread, shape (T,), ``nan`` where a thread has no admissible event of that kind.

    `placebo_position` is paired with `real`: it is the delta of the donor drawn for that thread's event.
    """

    real: Floats
    placebo_random: Floats
    placebo_position: Floats


def first_events(threads: Threads) -> Ints:
    """Return the place of the first enforcing comment of each thread, shape (T,); the size where there is none."""
    place = np.arange(threads.airs.size) - np.repeat(threads.starts, threads.sizes)
    candidate = np.where(threads.enforces == 1, place, np.repeat(threads.sizes, threads.sizes))
    if not candidate.size:
        return np.empty(0, dtype=np.int64)
    first: Ints = np.minimum.reduceat(candidate, threads.starts)
    return first


def delta_at(threads: Threads, thread: Ints, place: Ints) -> Floats:
    """Return delta for an event at `place` of `thread`; ``nan`` where it is not usable or not regulatable.

    Parameters
    ----------
    thread, place
        Shape (m,): which thread, and the place of the event in it. A place at or past the end is no event.
    """
    total = np.concatenate([[0], np.cumsum(threads.airs)])
    start, size = threads.starts[thread], threads.sizes[thread]
    inside = np.minimum(place, size - 1)
    before = total[start + inside] - total[start]
    after = total[start + size] - total[start + inside + 1]
    n_before, n_after = inside, size - inside - 1
    good = (place < size) & (n_before > 0) & (n_after > 0) & (before > 0)
    out = np.full(thread.size, np.nan)
    out[good] = after[good] / n_after[good] - before[good] / n_before[good]
    return out


def random_placebo(threads: Threads, rng: np.random.Generator) -> Ints:
    """Return the place of a random comment that does not enforce, per thread; the size where none is admissible.

    The published rule: threads of at least `PLACEBO_MIN_COMMENTS` comments (METHODS 1.5).
    """
    n, sizes = threads.airs.size, threads.sizes
    key = rng.random(n) + threads.enforces
    codes = np.repeat(np.arange(sizes.size), sizes)
    order = np.lexsort((key, codes))
    chosen = order[threads.starts]
    place = chosen - threads.starts
    admissible = (sizes >= PLACEBO_MIN_COMMENTS) & (threads.enforces[chosen] == 0)
    out: Ints = np.where(admissible, place, sizes)
    return out


def position_placebo(threads: Threads, first: Ints, real: Floats, rng: np.random.Generator) -> Floats:
    """Return for each real event the delta of a donor thread at the same place, shape (T,).

    Donors are the threads still at risk at that place: no comment up to and including it enforces, and the place
    is usable and regulatable. Up to that place, event and donor then differ by construction only in that the
    comment enforces. ``nan`` where a thread has no event or no donor exists.
    """
    out = np.full(real.size, np.nan)
    events = np.flatnonzero(np.isfinite(real))
    everyone = np.arange(real.size)
    for place in np.unique(first[events]):
        at_risk = everyone[first > place]
        donor_delta = delta_at(threads, at_risk, np.full(at_risk.size, place))
        pool = donor_delta[np.isfinite(donor_delta)]
        here = events[first[events] == place]
        if pool.size:
            out[here] = pool[rng.integers(0, pool.size, here.size)]
    return out


def align(threads: Threads, *, placebo_seed: int, rng: np.random.Generator) -> Aligned:
    """Return the deltas of the real events and of both kinds of placebo event.

    Parameters
    ----------
    threads
        The threads.
    placebo_seed
        Seed of the published random placebo.
    rng
        Generator of the position-matched donors.
    """
    everyone = np.arange(threads.starts.size)
    if not everyone.size:
        empty = np.empty(0)
        return Aligned(empty, empty, empty)
    first = first_events(threads)
    real = delta_at(threads, everyone, first)
    pseudo = random_placebo(threads, np.random.default_rng(placebo_seed))
    return Aligned(
        real,
        delta_at(threads, everyone, pseudo),
        position_placebo(threads, first, real, rng),
    )


def mean_delta(delta: Floats, *, n_draws: int, ci_level: float, rng: np.random.Generator) -> Fit:
    """Return the mean of the deltas (T,), ``nan`` left out, with a bootstrap over threads."""
    used = delta[np.isfinite(delta)]
    return _bootstrap(np.ones_like(used), used, None, None, n_draws, ci_level, rng)


def mean_difference(delta: Floats, placebo: Floats, *, n_draws: int, ci_level: float, rng: np.random.Generator) -> Fit:
    """Return mean(delta) - mean(placebo) with a bootstrap that draws threads with both their deltas.

    Parameters
    ----------
    delta, placebo
        Shape (T,), ``nan`` where a thread has none; a thread may have either, both or neither.
    """
    keep = np.isfinite(delta) | np.isfinite(placebo)
    d, q = delta[keep], placebo[keep]
    has_d, has_q = np.isfinite(d).astype(np.float64), np.isfinite(q).astype(np.float64)
    return _bootstrap(has_d, np.nan_to_num(d), has_q, np.nan_to_num(q), n_draws, ci_level, rng)


def _bootstrap(
    n_real: Floats,
    real: Floats,
    n_placebo: Floats | None,
    placebo: Floats | None,
    n_draws: int,
    ci_level: float,
    rng: np.random.Generator,
) -> Fit:
    size, n_events = real.size, int(n_real.sum())
    base_placebo = n_placebo is None or placebo is None
    if n_events < 2 or (n_placebo is not None and n_placebo.sum() < 2):
        return Fit(n_obs=size, n_clusters=size, n_events=n_events, warnings=("few_events",))
    estimate = float(real.sum() / n_events)
    n_smaller = n_events
    if n_placebo is not None and placebo is not None:
        estimate -= float(placebo.sum() / n_placebo.sum())
        n_smaller = min(n_events, int(n_placebo.sum()))
    if n_smaller < FEWEST_BOOTSTRAP_UNITS:
        return Fit(estimate=estimate, n_obs=size, n_clusters=size, n_events=n_events, warnings=("few_events",))
    draws = np.empty(n_draws)
    chunk = max(1, _GATHER_LIMIT // size)
    with np.errstate(invalid="ignore", divide="ignore"):
        for first in range(0, n_draws, chunk):
            picks = rng.integers(0, size, (min(chunk, n_draws - first), size))
            mean = real[picks].sum(axis=1) / n_real[picks].sum(axis=1)
            if not base_placebo:
                mean = mean - placebo[picks].sum(axis=1) / n_placebo[picks].sum(axis=1)  # type: ignore[index]
            draws[first : first + mean.size] = mean
    draws = draws[np.isfinite(draws)]
    low, high = percentile_interval(draws, ci_level)
    return Fit(
        estimate=estimate,
        std_error=float(draws.std(ddof=1)),
        p_value=bootstrap_p(draws),
        conf_low=low,
        conf_high=high,
        n_obs=size,
        n_clusters=size,
        n_events=n_events,
    )
