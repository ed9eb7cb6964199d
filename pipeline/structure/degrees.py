"""Degrees: how unequal they are, how they go together along ties, and the core that they make.

What belongs here: statistics of degree sequences and of ties by the degrees of their ends, as pure functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.network.edges import IntArray
from pipeline.structure import kernels

FloatArray = NDArray[np.float64]

FORMS = ("out_in", "out_out", "in_out", "in_in")
"""The four directed forms of degree assortativity: degree of the ego that is read, degree of the alter."""


def directed_assortativity(source: IntArray, target: IntArray, n_nodes: int) -> dict[str, float]:
    """Return the four directed forms of degree assortativity.

    Returns
    -------
    dict of float
        By `FORMS`: Pearson correlation over ties i to j of the out- or in-degree of i with that of j (Foster, Foster,
        Grassberger & Paczuski 2010, PNAS 107, 10815); exact until the last division, not-a-number where a degree does
        not vary.
    """
    out = np.bincount(source, minlength=n_nodes)
    into = np.bincount(target, minlength=n_nodes)
    ends = {"out": out, "in": into}
    result = {}
    for form in FORMS:
        ego, alter = form.split("_")
        result[form] = _correlation(ends[ego][source], ends[alter][target])
    return result


def _correlation(x: IntArray, y: IntArray) -> float:
    """Pearson correlation of whole numbers; sums are exact."""
    n, sx, sy = len(x), int(x.sum()), int(y.sum())
    spread_x = n * int(np.square(x).sum()) - sx**2
    spread_y = n * int(np.square(y).sum()) - sy**2
    if spread_x <= 0 or spread_y <= 0:
        return float("nan")
    shared = n * int((x * y).sum()) - sx * sy
    return float(shared / (np.sqrt(float(spread_x)) * np.sqrt(float(spread_y))))


def garlaschelli_loffredo(reciprocity: float | FloatArray, density: float) -> FloatArray:
    """Return ρ = (r − a) / (1 − a): reciprocity r beyond the density a (Garlaschelli & Loffredo 2004)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (np.asarray(reciprocity, dtype=np.float64) - density) / np.float64(1 - density)


def weighted_reciprocity(source: IntArray, target: IntArray, weight: IntArray, n_nodes: int) -> float:
    """Return the share of events that the other side balances.

    Returns
    -------
    float
        ``Σ min(w_ij, w_ji) / Σ w_ij`` over ordered pairs (Squartini, Picciolo, Ruzzenenti & Garlaschelli 2013, Sci.
        Rep. 3, 2729); not-a-number without events.
    """
    total = int(weight.sum())
    if total == 0:
        return float("nan")
    keys = source * n_nodes + target
    order = np.argsort(keys)
    keys, ordered = keys[order], weight[order]
    back = target * n_nodes + source
    place = np.minimum(np.searchsorted(keys, back), len(keys) - 1)
    returned = np.where(keys[place] == back, ordered[place], 0)
    return int(np.minimum(weight, returned).sum()) / total


def centralisation(degree: IntArray, *, is_directed: bool) -> float:
    """Freeman's centralisation of a degree.

    Parameters
    ----------
    degree
        Degree of each node, shape (nodes,); in- or out-degree of a directed network.
    is_directed
        Whether the most that a network of this size can have is that of a directed star.

    Returns
    -------
    float
        ``Σ (max − d_i)`` over its largest value, (n − 1)² directed and (n − 1)(n − 2) undirected (Freeman 1978);
        not-a-number for fewer than three nodes.
    """
    n = len(degree)
    if n < 3:
        return float("nan")
    most = (n - 1) ** 2 if is_directed else (n - 1) * (n - 2)
    return int((int(degree.max()) - degree).sum()) / most


def top_share(values: IntArray, share: float) -> float:
    """Return what the top `share` of the units hold (at least one unit), not-a-number when nobody holds anything."""
    total = int(values.sum())
    if total == 0:
        return float("nan")
    top = max(1, int(np.ceil(share * len(values))))
    return int(np.sort(values)[::-1][:top].sum()) / total


def evenness(values: IntArray) -> float:
    """Return Shannon entropy of the units' shares over its largest value, log n: 1 when all hold the same."""
    held = values[values > 0].astype(np.float64)
    if len(values) < 2 or held.size == 0:
        return float("nan")
    share = np.sort(held) / held.sum()
    return float(-(share * np.log(share)).sum() / np.log(len(values)))


@dataclass(frozen=True, slots=True)
class Core:
    """The best discrete core of an undirected network.

    Attributes
    ----------
    size
        Nodes in the core.
    correlation
        Correlation of ties with the ideal pattern: tied within the core, untied within the periphery, pairs across
        ignored; not-a-number where either side has no pair.
    """

    size: int
    correlation: float


def core_periphery(u: IntArray, v: IntArray, n_nodes: int) -> Core:
    """Split an undirected network into core and periphery.

    Notes
    -----
    Discrete model of Borgatti & Everett 2000, which punishes pairs untied in the core and tied in the periphery.
    With E ties the penalty of a core of the k nodes of highest degree is ``k (k − 1)/2 + E − Σ d``, so the best core is
    read off the ordered degrees (Lip 2011, arXiv 1102.5511): the largest k whose k-th degree is at least k − 1.
    Nodes of equal degree enter in the order of their numbers, which does not change the penalty but may change the ties
    inside.
    """
    degree = np.bincount(np.concatenate([u, v]), minlength=n_nodes)
    order = np.lexsort((np.arange(n_nodes), -degree))
    size = int((degree[order] >= np.arange(n_nodes)).sum())
    is_core = np.zeros(n_nodes, dtype=np.bool_)
    is_core[order[:size]] = True
    inside = int((is_core[u] & is_core[v]).sum())
    outside = int((~is_core[u] & ~is_core[v]).sum())
    core_pairs = size * (size - 1) // 2
    rest = n_nodes - size
    rest_pairs = rest * (rest - 1) // 2
    return Core(size, _phi(inside, core_pairs - inside, outside, rest_pairs - outside))


def _phi(a: int, b: int, c: int, d: int) -> float:
    """Correlation of two yes-or-no columns from their table."""
    margins = float(a + b) * float(c + d) * float(a + c) * float(b + d)
    return (a * d - b * c) / float(np.sqrt(margins)) if margins > 0 else float("nan")


def rich_club(u: IntArray, v: IntArray, n_nodes: int, share: float) -> float:
    """Density among the nodes of highest degree.

    Returns
    -------
    float
        ``2 E_{>k} / (N_{>k} (N_{>k} − 1))`` with the smallest k that at most `share` of the nodes exceed (Colizza,
        Flammini, Serrano & Vespignani 2006); not-a-number when fewer than two nodes exceed it.
    """
    degree = np.bincount(np.concatenate([u, v]), minlength=n_nodes)
    ordered = np.sort(degree)[::-1]
    most = int(share * n_nodes)
    threshold = int(ordered[most]) if most < n_nodes else -1
    is_rich = degree > threshold
    n = int(is_rich.sum())
    if n < 2:
        return float("nan")
    return 2 * int((is_rich[u] & is_rich[v]).sum()) / (n * (n - 1))


def core_numbers(u: IntArray, v: IntArray, n_nodes: int) -> IntArray:
    """Return the core number of each node of a simple undirected network (Seidman 1983), shape (nodes,)."""
    ego, alter = np.concatenate([u, v]), np.concatenate([v, u])
    by_ego = np.argsort(ego, kind="stable")
    return kernels.core_numbers(np.searchsorted(ego[by_ego], np.arange(n_nodes + 1)), alter[by_ego])
