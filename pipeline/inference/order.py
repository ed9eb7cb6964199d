"""Does the order of comments matter? Labels of a thread against the same labels in random order.

What belongs here: statistics on ordered labels within groups, and their draws. A group is a thread, or a run of
consecutive comments of one. The null conditions on which labels a group holds: threads that are hotter than others, and
topics that draw conflict, are the same under it. So is a contagion that depends only on how many came before, whatever
the order (Pólya's urn is exchangeable): no test of order can see that one, and a model with controls has to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pipeline.inference.result import Floats, Ints

MOST_CELLS = 15_000_000
"""Cells that are shuffled at most in one test; above, there are fewer draws (not below `LEAST_DRAWS`)."""
LEAST_DRAWS = 199
LAST_PLACE = 30


@dataclass(frozen=True, slots=True)
class OrderTest:
    """What was seen and what random order gives.

    Attributes
    ----------
    observed, expected, sd
        The statistic, its mean and its standard deviation over the draws.
    draws
        Shape (B,).
    p_value
        Two-sided: share of draws, the observation counted, at least as far from the mean.
    n_labels, n_groups
        Labels in the groups that can move the statistic, and these groups.
    """

    observed: float
    expected: float
    sd: float
    draws: Floats
    p_value: float
    n_labels: int
    n_groups: int


def blocks(group: Ints, size: int) -> Ints:
    """Cut groups, given sorted, into runs of `size` consecutive rows; a rest of fewer rows is a run too."""
    if group.size == 0:
        return group
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    lengths = np.diff(np.r_[starts, group.size])
    place = np.arange(group.size) - np.repeat(starts, lengths)
    number: Ints = group * (int(lengths.max()) // size + 1) + place // size
    return np.asarray(np.unique(number, return_inverse=True)[1], dtype=np.int64)


def adjacent(label: Ints, is_next: Ints) -> float:
    """Count neighbours with the same label; 0 is no label. `is_next` is 1 where a row follows one of its group."""
    return float(((label[1:] == label[:-1]) & (label[1:] > 0) & (is_next[1:] == 1)).sum())


def adjacent_moments(n: Ints, m: Ints) -> tuple[Floats, Floats]:
    """Return mean and variance of the number of neighbours with the label when m of n in a row have it, in any order.

    The 11-join count on a path: of the ordered pairs of neighbouring places, n − 1 are the same, 2(n − 2) share a place
    and the rest share none (Moran 1948).
    """
    n_, m_ = n.astype(np.float64), m.astype(np.float64)

    def falling(k: int) -> Floats:
        top = np.prod([m_ - i for i in range(k)], axis=0)
        below = np.prod([n_ - i for i in range(k)], axis=0)
        out: Floats = np.divide(top, below, out=np.zeros_like(top), where=below != 0)
        return out

    joins = n_ - 1
    mean = joins * falling(2)
    second = mean + 2 * np.maximum(n_ - 2, 0) * falling(3) + (joins**2 - joins - 2 * np.maximum(n_ - 2, 0)) * falling(4)
    return mean, second - mean**2


def order_test(label: Ints, group: Ints, statistic: str, *, n_draws: int, rng: np.random.Generator) -> OrderTest | None:
    """Set a statistic of ordered labels against random orders within groups.

    Parameters
    ----------
    label
        Shape (n,): 0 without, 1 and above the label, in the order of time within groups.
    group
        Shape (n,): sorted codes.
    statistic
        ``adjacent``: neighbours with the same label. ``before``: sum over rows of the label times its mean over the
        rows before, in their group, both less the share of the label at their place (`residuals`).
    n_draws, rng
        Draws and their stream.

    Returns
    -------
    OrderTest or None
        ``None`` when no group holds a label twice and a row without it.
    """
    if label.size:
        counts = np.bincount(group, weights=label > 0)
        sizes = np.bincount(group)
        pairs = np.unique(np.column_stack([group, label])[label > 0], axis=0, return_counts=True)
        repeated = np.zeros(counts.size, dtype=bool)
        repeated[pairs[0][pairs[1] >= 2, 0]] = True
        one_label = np.bincount(pairs[0][:, 0], minlength=counts.size) == 1
        moves = repeated & ~((counts == sizes) & one_label)
        keep = moves[group]
        label, group = label[keep], np.unique(group[keep], return_inverse=True)[1].astype(np.int64)
    if label.size == 0:
        return None
    is_next = np.r_[0, (group[1:] == group[:-1]).astype(np.int64)]
    rows: Any = label if statistic == "adjacent" else residuals(label, is_next)
    compute = partial(adjacent, is_next=is_next) if statistic == "adjacent" else _before(is_next)
    observed = compute(rows)
    n_used = int(min(n_draws, max(LEAST_DRAWS, MOST_CELLS // label.size)))
    draws = np.empty(n_used)
    for i in range(n_used):
        # Sorted by group first, so that each group gets its own rows back, in random order.
        draws[i] = compute(rows[np.argsort(group + rng.random(label.size), kind="stable")])
    mean = float(draws.mean())
    # 1e-9: draws that equal the observation up to rounding count as at least as far.
    extreme = int((np.abs(draws - mean) >= abs(observed - mean) - 1e-9).sum())
    return OrderTest(
        observed=observed,
        expected=mean,
        sd=float(draws.std(ddof=1)),
        draws=draws,
        p_value=(1 + extreme) / (n_used + 1),
        n_labels=int((label > 0).sum()),
        n_groups=int(group[-1]) + 1,
    )


def _places(is_next: Ints) -> tuple[Ints, Ints, Ints]:
    """Return where groups start, how long they are, and the place of each row in its group, from 0."""
    starts = np.flatnonzero(is_next == 0)
    lengths = np.diff(np.r_[starts, is_next.size])
    return starts, lengths, np.arange(is_next.size) - np.repeat(starts, lengths)


def residuals(label: Ints, is_next: Ints) -> Floats:
    """Return the labels, one column each, less their share at the same place of all groups, shape (n, labels).

    Where conflict grows with the place in a thread, late rows have more of it and more before them: without this, a
    test of herding rejects a trend. Places from `LAST_PLACE` on are taken together.
    """
    place = np.minimum(_places(is_next)[2], LAST_PLACE)
    codes = np.unique(label[label > 0])
    has = (label[:, None] == codes[None, :]).astype(np.float64)
    n = np.bincount(place)
    trend = np.column_stack([np.bincount(place, weights=column) / np.maximum(n, 1) for column in has.T])
    out: Floats = has - trend[place]
    return out


def _before(is_next: Ints) -> Callable[[Floats], float]:
    """Return the function that sums rows times the mean of those before them in their group."""
    starts, lengths, place = _places(is_next)
    n_before = np.maximum(place, 1)[:, None]

    def compute(rows: Floats) -> float:
        running = np.cumsum(rows, axis=0)
        before = running - rows - np.repeat(running[starts] - rows[starts], lengths, axis=0)
        return float((rows * before / n_before).sum())

    return compute
