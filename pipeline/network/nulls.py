"""Null models and left-out networks: what a statistic would be if only degrees mattered, and how it moves.

What belongs here: the draws. A node bootstrap is not here on purpose: a node drawn twice has no defined tie
to itself.

The null is the uniform distribution over simple networks with the degrees of the real one, sampled by
swapping the ends of pairs of ties. Permuting all targets at once and collapsing the repeated ties is faster
and wrong here: with hubs a tenth of the ties collapses, most of them between hubs, where answers are
likeliest, and networks without any reciprocity beyond their degrees are called reciprocal far more often than
the level says (tests/network/test_structure.py shows it, and holds the swaps to their level).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.activity.resampling import Null
from pipeline.network.edges import IntArray
from pipeline.network.kernels import offer_swaps

FloatArray = NDArray[np.float64]

_TIES_PER_NULL = 20_000_000  # ties of all draws of one null; larger networks get fewer draws
_FEWEST_DRAWS = 20
# In one round every tie is offered one swap. On the first days of Moltbook 12 % of the ties outlive one round
# and 3 % two, most of them between hubs, which are tied in nearly all networks of these degrees.
_ROUNDS_BEFORE = 20
_MOST_ROUNDS = 60  # dense networks refuse most swaps; more rounds would not help those that refuse nearly all
_SWAPS_PER_TIE = 10
_ROUNDS_BETWEEN = 2


def affordable_draws(draws: int, ties: int) -> int:
    """Return `draws`, or fewer (at least 20) where all draws together would hold over 20 million ties."""
    return max(min(draws, _FEWEST_DRAWS), min(draws, _TIES_PER_NULL // max(ties, 1)))


def swapped(
    source: IntArray,
    target: IntArray,
    n_nodes: int,
    draws: int,
    rng: np.random.Generator,
    *,
    is_directed: bool,
    run: IntArray | None = None,
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield networks drawn uniformly from the simple networks with the same degrees.

    Parameters
    ----------
    source, target
        Ends of the distinct ties, no self-ties, shape (ties,).
    n_nodes, draws, rng
        Number of nodes, number of networks to yield, random stream.
    is_directed
        True to keep out- and in-degrees, false to keep degrees of undirected ties.
    run
        Run of each node, shape (n_nodes,): ties swap within runs only, since agents of different runs never meet.

    Yields
    ------
    tuple of ndarray
        The ends of the ties, each of shape (ties,), in no order.

    Notes
    -----
    The first network comes after at least ten successful swaps per tie (at most 60 rounds: dense networks refuse most
    swaps), each later one after two more rounds.

    A Markov chain of rounds as in global edge switching (Carstens, Hamann, Meyer, Penschuck, Tran & Wagner 2018,
    doi:10.4230/LIPIcs.ESA.2018.11), all swaps of a round at once: ties are paired at random, a-b and c-d become a-d
    and c-b. A swap is refused when it makes a self-tie, or when one of its new ties exists or is offered by another
    swap, or when one of its old ties is offered by another swap. With these rules a
    round and its reverse are equally likely, so the uniform distribution is stationary. Three directed ties
    in a ring cannot be turned round by swaps of pairs; in networks of more than a few ties that does not
    matter.
    """
    u, v = source.copy(), target.copy()
    of = None if run is None else run[source]
    swaps = rounds = 0
    while draws and rounds < _MOST_ROUNDS and (rounds < _ROUNDS_BEFORE or swaps < _SWAPS_PER_TIE * len(u)):
        swaps += _round(u, v, n_nodes, rng, is_directed, of)
        rounds += 1
    for draw in range(draws):
        for _ in range(_ROUNDS_BETWEEN if draw else 0):
            _round(u, v, n_nodes, rng, is_directed, of)
        yield u.copy(), v.copy()


def _round(
    u: IntArray, v: IntArray, n_nodes: int, rng: np.random.Generator, is_directed: bool, of: IntArray | None
) -> int:
    """Offer every tie one swap, in place; return how many pairs of ties swapped. `of` is the run of each tie."""
    half = len(u) // 2
    order = rng.permutation(len(u))
    if of is not None:  # neighbours in this order are of one run, but for one pair in each run
        order = order[np.argsort(of[order], kind="stable")]
        order = np.concatenate([order[0 : 2 * half : 2], order[1 : 2 * half : 2], order[2 * half :]])
    if not is_directed:  # which end is swapped must not depend on how the tie happens to be stored
        turned = (u ^ v) * rng.integers(0, 2, size=len(u), dtype=np.int8)
        u ^= turned
        v ^= turned
    return offer_swaps(u, v, order, of, n_nodes, ordered=is_directed)


def swaps_model(run: IntArray | None) -> str:
    """Return the name of the null model whose networks `swapped` draws."""
    return "degree_preserving_swaps" if run is None else "degree_preserving_swaps_within_runs"


def set_against(value: float, drawn: FloatArray, model: str) -> Null | None:
    """Compare a value with draws of a null model.

    Parameters
    ----------
    value
        The observed value.
    drawn
        Values under the null, shape (draws,).
    model
        Name of the null model; the number of draws is added to it.

    Returns
    -------
    Null or None
        Mean and standard deviation (ddof 1) of the null and the two-sided
        ``p = (1 + #{|null − mean| ≥ |value − mean|}) / (draws + 1)``; ``None`` when fewer than two draws are
        defined.
    """
    finite = drawn[np.isfinite(drawn)]
    if finite.size < 2 or not np.isfinite(value):
        return None
    mean = float(finite.mean())
    far = int((np.abs(finite - mean) >= abs(value - mean)).sum())
    return Null(f"{model}({finite.size})", mean, float(finite.std(ddof=1)), (1 + far) / (finite.size + 1))


def without_groups(
    u: IntArray,
    v: IntArray,
    group: IntArray,
    statistics: Callable[[IntArray, IntArray, IntArray], tuple[float, ...]],
) -> FloatArray:
    """Return statistics of the network without the nodes of each hash group.

    Parameters
    ----------
    u, v
        Ends of the ties, shape (ties,).
    group
        Hash group of each node, shape (nodes,).
    statistics
        Called for each group, in ascending order, with the ends of the remaining ties and their places among
        all ties; returns k numbers.

    Returns
    -------
    ndarray
        Shape (groups that have a node, k).
    """
    values, of_u, of_v = [], group[u], group[v]
    for label in np.unique(group):
        kept = np.flatnonzero((of_u != label) & (of_v != label))
        values.append(statistics(u[kept], v[kept], kept))
    return np.array(values, dtype=np.float64)
