"""Do tied agents resemble each other: statistics of ties and of the scores or groups at their ends.

What belongs here: each statistic as a pure function on arrays, with its values without each ego (for the
jackknife) and its two nulls in closed form (`pipeline.network.permutation_moments`). Newman 2003 (Phys. Rev. E 67,
026126) for assortativity, Krackhardt & Stern 1988 for E-I, Coleman 1958 for inbreeding homophily.

The population are the agents with a score (or group) that have at least one tie of the network; ties count when
both ends have one. Under label permutation a ratio is referred to the exact moments of its numerator over the
expected value of its denominators; under stub permutation denominators are fixed and the moments are exact. That
null allows ties to oneself, which networks do not have; rows where that moves its mean by more than a quarter of its
standard deviation say ``self_ties_in_null``, and label permutation is the one to read.
Coleman's index has another denominator above expectation than below: its mean and standard deviation are those of
a normal numerator with the exact moments, folded at zero; its p compares numerators, on which both sides agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.network.permutation_moments import (
    FloatArray,
    IntArray,
    Moments,
    PairSums,
    distance_scores,
    dot,
    excess_weights,
    expected_end_variance,
    folded_moments,
    mantel_moments,
    one_group_scores,
    own_group_scores,
    product_scores,
    same_group_scores,
    stub_distance,
    stub_same_group,
    tie_weights,
)
from pipeline.network.snapshots import BoolArray, Snapshot

UNKNOWN = Moments(math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Mixing:
    """One statistic of one network.

    Attributes
    ----------
    value
        The statistic; not-a-number where it is not defined.
    ties, agents, egos
        Ties with both ends known, agents of the population, agents with such a tie that leaves them.
    left_out
        The statistic without each ego and its ties, shape (egos,).
    stub, label
        Its moments when targets are permuted over ties, and when scores are permuted over agents.
    self_ties
        Ties to oneself expected under stub permutation, over the square root of the ties: about the standard
        deviations by which they shift the mean of that null.
    numerators
        For Coleman's index: how many standard deviations its numerator lies from the mean of each null.
    """

    value: float
    ties: int
    agents: int
    egos: int
    left_out: FloatArray = field(default_factory=lambda: np.zeros(0))
    stub: Moments = UNKNOWN
    label: Moments = UNKNOWN
    self_ties: float = 0.0
    numerators: tuple[float, float] | None = None

    @property
    def distances(self) -> tuple[float, float]:
        """Standard deviations between the value and the mean of each null, stub permutation first."""
        if self.numerators is not None:
            return self.numerators
        return _distance(self.value, self.stub), _distance(self.value, self.label)


def _distance(value: float, moments: Moments) -> float:
    return (value - moments.mean) / moments.sd if moments.sd > 0 else math.nan


@dataclass(frozen=True, slots=True)
class _Known:
    """The ties whose ends are both known; node arrays hold the population only, in the order of nodes."""

    source: IntArray
    target: IntArray
    population: IntArray
    out: IntArray
    into: IntArray
    mirrored: int

    @property
    def ties(self) -> int:
        return len(self.source)

    @property
    def egos(self) -> BoolArray:
        return self.out > 0

    def per_ego(self, weights: FloatArray | BoolArray) -> FloatArray:
        """Sum a quantity of ties over the ties that leave each agent of the population."""
        return np.bincount(self.source, weights, len(self.population)).astype(np.float64)

    def excess(self) -> PairSums:
        o, q, s, t = self.out.astype(np.float64), self.into.astype(np.float64), self.source, self.target
        return excess_weights(self.out, self.into, self.ties, self.mirrored, dot(o[s], q[t]), dot(o[t], q[s]))

    def plain(self) -> PairSums:
        return tie_weights(self.out, self.into, self.ties, self.mirrored)


def _known(network: Snapshot, is_known: BoolArray) -> _Known:
    tied = np.zeros(len(is_known), dtype=np.bool_)
    tied[network.source] = True
    tied[network.target] = True
    population = np.flatnonzero(tied & is_known)
    number = np.full(len(is_known), -1, dtype=np.int64)
    number[population] = np.arange(len(population))
    source, target = number[network.source], number[network.target]
    kept = (source >= 0) & (target >= 0)
    if not kept.all():
        source, target = source[kept], target[kept]
    nodes = len(population)
    out, into = np.bincount(source, minlength=nodes), np.bincount(target, minlength=nodes)
    return _Known(source, target, population, out, into, int(network.mirrored[kept].sum()))


def numeric_mixing(network: Snapshot, scores: FloatArray) -> dict[str, Mixing]:
    """Assortativity and excess similarity of a score.

    Parameters
    ----------
    network
        The ties.
    scores
        Score of each node, not-a-number where there is none, shape (nodes,).

    Returns
    -------
    dict of str to Mixing
        ``assortativity``: Pearson correlation of the scores at both ends over ties; ``excess_similarity``: Gini
        mean difference of the population minus the mean of |y_i − y_j| over ties, in units of the score. Without
        an ego its ties go, and its score goes out of the mean difference; its followers' ties to it stay.
    """
    known = _known(network, np.isfinite(scores))
    y = scores[known.population]
    if known.ties < 2 or len(y) < 4:
        nothing = Mixing(math.nan, known.ties, len(y), int(known.egos.sum()))
        return {"assortativity": nothing, "excess_similarity": nothing}
    y = y - y.mean()
    return {"assortativity": _assortativity(known, y), "excess_similarity": _excess_similarity(known, y)}


def _mixing(
    known: _Known, value: float, left_out: FloatArray, stub: Moments = UNKNOWN, label: Moments = UNKNOWN
) -> Mixing:
    shift = dot(known.out, known.into) / known.ties**1.5
    return Mixing(value, known.ties, len(known.population), int(known.egos.sum()), left_out, stub, label, shift)


def _assortativity(known: _Known, y: FloatArray) -> Mixing:
    m, o, q = known.ties, known.out, known.into
    far = y[known.target]
    alters = known.per_ego(far)
    # Per ego: ties, Σ y_i, Σ y_j, Σ y_i², Σ y_j², Σ y_i y_j.
    sums = np.stack([o, o * y, alters, o * y**2, known.per_ego(far * far), y * alters])
    total = sums.sum(axis=1)
    value = float(_correlation(total[:, None])[0])
    left_out = _correlation(total[:, None] - sums[:, known.egos])
    spread = expected_end_variance(y, o, m) * expected_end_variance(y, q, m)
    if not spread > 0 or not math.isfinite(value):
        return _mixing(known, math.nan, left_out)
    label = mantel_moments(known.excess(), product_scores(y), len(y)).scaled(1 / math.sqrt(spread))
    return _mixing(known, value, left_out, Moments(0.0, 1 / (m - 1)), label)


def _correlation(sums: FloatArray) -> FloatArray:
    n, x, y, xx, yy, xy = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = (n * xx - x * x) * (n * yy - y * y)
        # Rounding leaves about 1e-16 of n² x² y² where nothing varies.
        flat = spread <= 1e-12 * (n * xx) * (n * yy)
        return np.where(flat, np.nan, (n * xy - x * y) / np.sqrt(np.where(flat, 1.0, spread)))


def _excess_similarity(known: _Known, y: FloatArray) -> Mixing:
    m, n = known.ties, len(y)
    per_ego = known.per_ego(np.abs(y[known.source] - y[known.target]))
    distance = float(per_ego.sum())
    pairs, rows = distance_scores(y)
    if not pairs.total > 0:
        return _mixing(known, math.nan, np.zeros(0))
    spread = pairs.total / (n * (n - 1.0))
    egos = known.egos
    with np.errstate(invalid="ignore", divide="ignore"):
        left = (pairs.total - 2 * rows[egos]) / ((n - 1.0) * (n - 2.0)) - (distance - per_ego[egos]) / (
            m - known.out[egos]
        )
    stub = stub_distance(y, known.out, known.into, m).scaled(-1 / m, spread)
    label = mantel_moments(known.plain(), pairs, n).scaled(-1 / m, spread)
    return _mixing(known, spread - distance / m, left, stub, label)


@dataclass(frozen=True, slots=True)
class _Groups:
    """Group totals: agents, ties out of and into each group, ties inside; and per agent of the population."""

    group: IntArray
    sizes: IntArray
    out: FloatArray
    into: FloatArray
    inside: FloatArray
    per_ego: FloatArray

    @property
    def share(self) -> FloatArray:
        """Chance that an alter drawn at random is of one's own group, ``(n_g − 1)/(n − 1)``."""
        return np.asarray((self.sizes - 1) / (self.sizes.sum() - 1.0), dtype=np.float64)


def _groups(known: _Known, group: IntArray) -> _Groups:
    same = group[known.source] == group[known.target]
    per_ego, count = known.per_ego(same), int(group.max(initial=-1)) + 1
    out, into, inside = (
        np.bincount(group, part, minlength=count).astype(np.float64) for part in (known.out, known.into, per_ego)
    )
    return _Groups(group, np.bincount(group, minlength=count), out, into, inside, per_ego)


def categorical_mixing(network: Snapshot, groups: IntArray, largest: int = 0) -> dict[str, Mixing]:
    """E-I index, Newman's assortativity and Coleman's index of a grouping.

    Parameters
    ----------
    network
        The ties.
    groups
        Number of the group of each node, −1 where there is none, shape (nodes,).
    largest
        Coleman's index is also given for so many of the largest groups.

    Returns
    -------
    dict of str to Mixing
        ``ei``: (external − internal) / ties; its value expected from the sizes of the groups is the mean under
        label permutation. ``assortativity``: (Σ e_gg − Σ a_g b_g) / (1 − Σ a_g b_g). ``coleman``: pooled over
        groups, Σ_g (M_gg − M_g π_g) over Σ_g M_g (1 − π_g), or over Σ_g M_g π_g when below expectation, with π_g
        = (n_g − 1)/(n − 1). ``coleman/<g>``: the same of one group.
    """
    known = _known(network, groups >= 0)
    names, group = np.unique(groups[known.population], return_inverse=True)
    if known.ties < 2 or len(group) < 4 or len(names) < 2:
        nothing = Mixing(math.nan, known.ties, len(group), int(known.egos.sum()))
        return {"ei": nothing, "assortativity": nothing, "coleman": nothing}
    totals = _groups(known, group.astype(np.int64))
    found = {"ei": _ei(known, totals), "assortativity": _newman(known, totals), "coleman": _coleman(known, totals)}
    order = np.lexsort((np.arange(len(names)), -totals.sizes))[:largest]
    return {**found, **{f"coleman/{names[g]}": _coleman_of(known, totals, int(g)) for g in order}}


def _integers(values: FloatArray) -> IntArray:
    return np.rint(values).astype(np.int64)


def _ei(known: _Known, totals: _Groups) -> Mixing:
    m, n, egos = known.ties, len(totals.group), known.egos
    inside = float(totals.inside.sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        left = 1 - 2 * (inside - totals.per_ego[egos]) / (m - known.out[egos])
    stub = stub_same_group(_integers(totals.out), _integers(totals.into), m).scaled(-2 / m, 1.0)
    label = mantel_moments(known.plain(), same_group_scores(totals.sizes), n).scaled(-2 / m, 1.0)
    return _mixing(known, 1 - 2 * inside / m, left, stub, label)


def _newman(known: _Known, totals: _Groups) -> Mixing:
    m, n, egos, group = float(known.ties), len(totals.group), known.egos, totals.group
    inside, met = float(totals.inside.sum()), dot(totals.out, totals.into)
    if not met < m * m:
        return _mixing(known, math.nan, np.zeros(0))
    # Σ O_h I_h without ego i of group g: O_g loses its ties, I_h loses its alters of group h.
    to_alters = known.per_ego(totals.out[group[known.target]])
    o, own = known.out[egos], totals.per_ego[egos]
    met_left = met - o * totals.into[group[egos]] - to_alters[egos] + o * own
    left = _newman_of(np.asarray(m - o, dtype=np.float64), inside - own, met_left)
    value = float(_newman_of(np.full(1, m), np.full(1, inside), np.full(1, met))[0])
    scale = 1 / (1 - met / m**2)
    stub = stub_same_group(_integers(totals.out), _integers(totals.into), known.ties).scaled(
        scale / m, -scale * met / m**2
    )
    weights, scores = known.excess(), same_group_scores(totals.sizes)
    # The diagonal of the excess weights is −weights.total; the same node is always in its own group.
    chance = weights.total + (1 - weights.total) * scores.total / (n * (n - 1.0))
    label = mantel_moments(weights, scores, n).scaled(1 / (1 - chance), -weights.total / (1 - chance))
    return _mixing(known, value, left, stub, label)


def _newman_of(ties: FloatArray, inside: FloatArray, met: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = met / ties**2
        return np.asarray(np.where(chance < 1, (inside / ties - chance) / (1 - chance), np.nan))


def _coleman(known: _Known, totals: _Groups) -> Mixing:
    n, egos, share, m = len(totals.group), known.egos, totals.share, known.ties
    own_share = share[totals.group]
    beyond = totals.per_ego - known.out * own_share  # of each ego: ties to its own group beyond expectation
    sums = np.stack([beyond, known.out * (1 - own_share), known.out * own_share])
    stub = stub_same_group(_integers(totals.out), _integers(totals.into), m).scaled(1.0, -dot(totals.out, share))
    label = mantel_moments(known.plain(), own_group_scores(totals.sizes), n)
    above, below = (m * dot(totals.sizes, side) / n for side in (1 - share, share))
    return _coleman_mixing(known, sums, egos, stub, (label, above, below))


def _coleman_of(known: _Known, totals: _Groups, group: int) -> Mixing:
    n, m, share, size = len(totals.group), known.ties, float(totals.share[group]), int(totals.sizes[group])
    member = totals.group == group
    out = np.where(member, known.out, 0).astype(np.float64)
    sums = np.stack([np.where(member, totals.per_ego, 0.0) - out * share, out * (1 - share), out * share])
    one = slice(group, group + 1)
    sent = float(totals.out[group])
    stub = stub_same_group(_integers(totals.out[one]), _integers(totals.into[one]), m).scaled(1.0, -sent * share)
    label = mantel_moments(known.plain(), one_group_scores(size, n), n)
    above, below = m * size / n * (1 - share), m * size / n * share
    found = _coleman_mixing(known, sums, member & known.egos, stub, (label, above, below))
    return replace(found, ties=round(sent), agents=size, egos=int((member & known.egos).sum()))


def _coleman_mixing(
    known: _Known, sums: FloatArray, egos: BoolArray, stub: Moments, labels: tuple[Moments, float, float]
) -> Mixing:
    """Make Coleman's index of what egos contribute to its numerator and to its denominators on either side."""
    total = sums.sum(axis=1)
    label, above, below = labels
    value = float(_coleman_of_sums(total[:, None])[0])
    beyond = float(total[0])
    return replace(
        _mixing(known, value, _coleman_of_sums(total[:, None] - sums[:, egos])),
        stub=folded_moments(stub, float(total[1]), float(total[2])),
        label=folded_moments(label, above, below),
        numerators=(_distance(beyond, stub), _distance(beyond, label)),
    )


def _coleman_of_sums(sums: FloatArray) -> FloatArray:
    beyond, above, below = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        denominator = np.where(beyond >= 0, above, below)
        return np.where(denominator > 0, beyond / denominator, np.nan)
