"""Exact mean and variance of sums over ties under two permutations, without drawing one.

What belongs here: algebra on sums. Each function has the cost of a sort of the nodes; none lists pairs.

Stub permutation
    The targets of the ties are put in random order, the sources stay: out- and in-degrees are fixed, ties to
    oneself and repeated ties are allowed. With ``a(e, f)`` the score of a tie that joins the source of tie e to
    the target of tie f, ``S = Σ a(e, π(e))`` has ``E S = m ā`` and ``Var S = Σ d(e, f)² / (m − 1)``, where m is
    the number of ties and d is a with row means, column means and grand mean taken out (Hoeffding 1951, Ann.
    Math. Stat. 22, 558-566, theorem 2).
Label permutation
    The scores are put in random order over the n nodes, the ties stay. ``Z = Σ_{i≠j} w_ij a_π(i)π(j)`` is
    Mantel's statistic (Mantel 1967, Cancer Res. 27, 209-220; asymmetric w and a as in Cliff & Ord 1981, Spatial
    Processes, chapter 2). ``E Z²`` collects the pairs of ordered pairs by what they share: both nodes in the same
    order, both in the other order, one node (four ways), none; each class contributes (its sum of w w) times (its
    sum of a a) over the number of its members, n(n−1), n(n−1)(n−2) or n(n−1)(n−2)(n−3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and variance of a statistic under a permutation."""

    mean: float
    variance: float

    @property
    def sd(self) -> float:
        """Standard deviation; not-a-number where the variance is not defined."""
        return math.sqrt(max(self.variance, 0.0)) if math.isfinite(self.variance) else math.nan

    def scaled(self, factor: float, shift: float = 0.0) -> Moments:
        """Return the moments of ``shift + factor · statistic``."""
        return Moments(shift + factor * self.mean, factor * factor * self.variance)


@dataclass(frozen=True, slots=True)
class PairSums:
    """What the moments need to know of a matrix over ordered pairs of different nodes.

    Attributes
    ----------
    total
        Σ x_ij.
    squares
        Σ x_ij².
    mirrored
        Σ x_ij x_ji.
    rows, columns
        Σ of the squared row sums, of the squared column sums.
    crossed
        Σ over nodes of row sum times column sum.
    """

    total: float
    squares: float
    mirrored: float
    rows: float
    columns: float
    crossed: float

    def centred(self, nodes: int) -> PairSums:
        """Return the sums after taking the mean over ordered pairs out of every entry."""
        mean = self.total / (nodes * (nodes - 1.0))
        flat, summed = self.total * mean, self.total * mean * (nodes - 1.0)
        return PairSums(
            0.0,
            self.squares - flat,
            self.mirrored - flat,
            self.rows - summed,
            self.columns - summed,
            self.crossed - summed,
        )


def dot(a: NDArray[np.number], b: NDArray[np.number]) -> float:
    """Return Σ a b, summed in the same order whatever the number of threads, which BLAS does not promise."""
    return float((a * b).sum())


def mantel_moments(weights: PairSums, scores: PairSums, nodes: int) -> Moments:
    """Moments of ``Σ_{i≠j} w_ij a_π(i)π(j)`` for a uniformly random permutation π of the nodes.

    Parameters
    ----------
    weights, scores
        Sums of w and of a; neither has to be symmetric.
    nodes
        Number of nodes; the variance is not-a-number below four.
    """
    pairs = nodes * (nodes - 1.0)
    if nodes < 4:
        return Moments(weights.total * scores.total / pairs if nodes > 1 else math.nan, math.nan)
    a, triples = scores.centred(nodes), pairs * (nodes - 2.0)
    w = weights
    one_row = (w.rows - w.squares) * (a.rows - a.squares)
    one_column = (w.columns - w.squares) * (a.columns - a.squares)
    one_crossed = 2 * (w.crossed - w.mirrored) * (a.crossed - a.mirrored)
    none = _disjoint(w) * _disjoint(a)
    variance = (
        (w.squares * a.squares + w.mirrored * a.mirrored) / pairs
        + (one_row + one_column + one_crossed) / triples
        + none / (triples * (nodes - 3.0))
    )
    # The scores are centred, so that the mean of the centred statistic is zero and nothing large cancels.
    return Moments(weights.total * scores.total / pairs, variance)


def _disjoint(x: PairSums) -> float:
    """Sum of x_ij x_kl over four different nodes."""
    return x.total**2 - x.rows - x.columns - 2 * x.crossed + x.squares + x.mirrored


def tie_weights(out_degree: IntArray, in_degree: IntArray, ties: int, mirrored: int) -> PairSums:
    """Return the sums of the 0/1 matrix of distinct ties without self-ties.

    Parameters
    ----------
    out_degree, in_degree
        Degrees, shape (nodes,).
    ties, mirrored
        Number of ties, and of those whose mirror image is a tie.
    """
    o, q = out_degree.astype(np.float64), in_degree.astype(np.float64)
    return PairSums(float(ties), float(ties), float(mirrored), dot(o, o), dot(q, q), dot(o, q))


def excess_weights(
    out_degree: IntArray, in_degree: IntArray, ties: int, mirrored: int, aligned: float, opposed: float
) -> PairSums:
    """Return the sums of ``w_ij = A_ij / m − out_i in_j / m²`` for i ≠ j: ties in excess of their degrees.

    Parameters
    ----------
    out_degree, in_degree, ties, mirrored
        As for `tie_weights`.
    aligned, opposed
        Σ over ties i → j of out_i in_j, and of out_j in_i.

    Notes
    -----
    With the diagonal, rows and columns of w sum to zero; without it, to ``out_i in_i / m²``.
    """
    o, q, m = out_degree.astype(np.float64), in_degree.astype(np.float64), float(ties)
    both = o * q
    left = both / m**2
    squared = dot(both, both)
    squares = 1 / m - 2 * aligned / m**3 + (dot(o, o) * dot(q, q) - squared) / m**4
    turned = mirrored / m**2 - 2 * opposed / m**3 + (dot(o, q) ** 2 - squared) / m**4
    sums = dot(left, left)
    return PairSums(float(left.sum()), squares, turned, sums, sums, sums)


def distance_scores(values: FloatArray) -> tuple[PairSums, FloatArray]:
    """Return the sums of ``|y_i − y_j|``, and the row sums in the order of `values`; one sort, no list of pairs."""
    n = len(values)
    rows = weighted_distances(values, np.ones(n))
    centred = values - values.mean() if n else values
    squares = 2.0 * n * dot(centred, centred)
    of_rows = dot(rows, rows)
    return PairSums(float(rows.sum()), squares, squares, of_rows, of_rows, of_rows), rows


def weighted_distances(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return ``Σ_j weight_j |y_i − y_j|`` for every i by prefix sums over the sorted values, shape (n,)."""
    order = np.argsort(values, kind="stable")
    y, c = values[order], weights[order]
    below, mass = np.cumsum(c), np.cumsum(c * y)
    total, whole = (below[-1], mass[-1]) if len(y) else (0.0, 0.0)
    sums = np.empty(len(values), dtype=np.float64)
    sums[order] = y * (2 * below - total) - 2 * mass + whole
    return sums


def product_scores(values: FloatArray) -> PairSums:
    """Return the sums of ``−(y_i − y_j)² / 2``.

    With weights whose rows and columns sum to zero (`excess_weights` with its diagonal) these scores give the
    covariance over ties: ``Σ w_ij y_i y_j = −½ Σ_{i≠j} w_ij (y_i − y_j)²``, and no diagonal is left.
    """
    n = len(values)
    y = values - values.mean() if n else values
    second, third, fourth = (float((y**power).sum()) for power in (2, 3, 4))
    rows = -(n * y**2 - 2 * y * y.sum() + second) / 2
    squares = (2 * n * fourth - 8 * third * float(y.sum()) + 6 * second**2) / 4
    of_rows = dot(rows, rows)
    return PairSums(float(rows.sum()), squares, squares, of_rows, of_rows, of_rows)


def same_group_scores(sizes: IntArray) -> PairSums:
    """Return the sums of 1 where both nodes are of one group; `sizes` counts the nodes of each group."""
    n = sizes.astype(np.float64)
    total, rows = float((n * (n - 1)).sum()), float((n * (n - 1) ** 2).sum())
    return PairSums(total, total, total, rows, rows, rows)


def own_group_scores(sizes: IntArray) -> PairSums:
    """Return the sums of ``1[g_i = g_j] − π_{g_i}`` with ``π_g = (n_g − 1)/(n − 1)``: Coleman's numerator, pooled.

    Rows sum to zero: an ego meets its own group as often as π says when alters are drawn at random.
    """
    n, everybody = sizes.astype(np.float64), float(sizes.sum())
    share = (n - 1) / (everybody - 1)
    inside = n * (n - 1)
    pooled, squared = dot(n, share), dot(n, share**2)
    columns = n - 1 - (pooled - share)
    squares = float((inside * (1 - 2 * share)).sum()) + (everybody - 1) * squared
    mirrored = float((inside * (1 - 2 * share)).sum()) + pooled**2 - squared
    return PairSums(0.0, squares, mirrored, 0.0, dot(n, columns**2), 0.0)


def one_group_scores(size: int, nodes: int) -> PairSums:
    """Return the sums of ``1[g_i = g] (1[g_j = g] − π_g)``: Coleman's numerator for one group g of `size` nodes."""
    n, rest = float(size), float(nodes - size)
    share = (n - 1) / (nodes - 1)
    inside = n * (n - 1) * (1 - share) ** 2
    columns = n * ((n - 1) * (1 - share)) ** 2 + rest * (n * share) ** 2
    return PairSums(0.0, inside + n * rest * share**2, inside, 0.0, columns, 0.0)


def stub_same_group(out_of: IntArray, into: IntArray, ties: int) -> Moments:
    """Moments of the number of ties inside groups when targets are permuted.

    Parameters
    ----------
    out_of, into
        Ties that leave each group and that enter it, shape (groups,); for one group against the rest pass
        arrays of length one (the hypergeometric distribution).
    ties
        Number of ties.
    """
    o, q, m = out_of.astype(np.float64), into.astype(np.float64), float(ties)
    met = dot(o, q)
    if ties < 2:
        return Moments(met / m if ties else math.nan, math.nan)
    spread = met - dot(o, q**2) / m - dot(q, o**2) / m + (met / m) ** 2
    return Moments(met / m, spread / (m - 1))


def stub_distance(values: FloatArray, out_degree: IntArray, in_degree: IntArray, ties: int) -> Moments:
    """Moments of ``Σ |y_i − y_j|`` over ties when targets are permuted.

    Parameters
    ----------
    values, out_degree, in_degree
        Scores and degrees of the nodes, shape (nodes,).
    ties
        Number of ties.
    """
    o, q, m = out_degree.astype(np.float64), in_degree.astype(np.float64), float(ties)
    if ties < 2:
        return Moments(math.nan, math.nan)
    from_sources, from_targets = weighted_distances(values, q) / m, weighted_distances(values, o) / m
    y = values - values.mean()
    squares = m * (dot(o, y**2) + dot(q, y**2)) - 2 * dot(o, y) * dot(q, y)
    grand = dot(o, from_sources) / m
    spread = squares - m * dot(o, from_sources**2) - m * dot(q, from_targets**2) + (m * grand) ** 2
    return Moments(m * grand, spread / (m - 1))


def folded_moments(beyond: Moments, above: float, below: float) -> Moments:
    """Moments of ``N / above`` where N ≥ 0 and ``N / below`` where N < 0, for a normal N.

    Parameters
    ----------
    beyond
        Moments of N.
    above, below
        Denominators on either side; nothing is expected below where that one is zero.
    """
    mean, sd = beyond.mean, beyond.sd
    if not (sd > 0 and above > 0):
        return Moments(math.nan, math.nan)
    z = mean / sd
    density, upper = math.exp(-z * z / 2) / math.sqrt(2 * math.pi), math.erfc(-z / math.sqrt(2)) / 2
    first = sd * density + mean * upper
    second = (mean**2 + sd**2) * upper + mean * sd * density
    scale = 1 / below if below > 0 else 0.0
    centre = first / above - (first - mean) * scale
    square = second / above**2 + (mean**2 + sd**2 - second) * scale**2
    return Moments(centre, square - centre**2)


def expected_end_variance(values: FloatArray, degree: IntArray, ties: int) -> float:
    """Mean under label permutation of the variance of the score over one end of the ties.

    Parameters
    ----------
    values, degree
        Scores of the nodes and their number of ties at that end, shape (nodes,).
    ties
        Number of ties.
    """
    n = len(values)
    if n < 2 or ties < 1:
        return math.nan
    share = degree.astype(np.float64) / ties
    return float(values.var()) * (1 - dot(share, share)) * n / (n - 1)
