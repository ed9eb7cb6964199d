"""Choices of alters in one week of the co-evolution process, compiled.

What belongs here: the arithmetic of a choice, given the network and what each agent weighs. Every kernel draws from
streams of its own, one per ego, that start from a number it is given: results do not depend on threads or on the
order of egos.

The weight of alter j for ego i is

    base_j · exp(−b_i |y_i − y_j|) · exp(com)^[c_i = c_j] · exp(rec)^[j → i] · (1 + two-paths i → k → j)^tri
        · exp(−trait |z_i − z_j|)

over j that are present, not i, and not tied to i or picked by it before. Both ways of picking draw from exactly
these weights: `pick_directly` adds them up over all agents; `pick_by_sums` finds the normaliser and the draw in
prefix sums over agents in the order of their scores, adds what answers and two-paths weigh beyond them, and draws
again when the draw is excluded, which changes no other odds.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
NodeArray = NDArray[np.int32]
Network = tuple[IntArray, NodeArray, IntArray, NodeArray]
"""Starts and alters by ego, starts and followers by alter: ego i is tied to ``target[starts[i]:starts[i + 1]]``."""
Traits = tuple[FloatArray, FloatArray, FloatArray, IntArray, FloatArray]
"""Base weight (0 when absent), score y, selection b, community and trait z of each agent, shape (agents,)."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_STEP = 1.0 / 9007199254740992.0  # 2^-53
_MOST_TRIES = 500  # then all weights are added up, which draws from the same odds
_GRID_STEP = 0.1  # of the selection of agents who differ in it; one draw in twenty is drawn again for it


@njit(cache=True)
def _mixed(state: np.uint64) -> np.uint64:
    """Finalise a state of the SplitMix64 generator (Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195)."""
    z = (state ^ (state >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@njit(cache=True)
def _stream(seed: np.uint64, number: int) -> np.uint64:
    return _mixed(seed + _mixed((np.uint64(number) + np.uint64(1)) * _GOLDEN))


@njit(cache=True)
def transposed(starts: IntArray, target: NodeArray) -> tuple[IntArray, NodeArray]:
    """Return the network of the reversed ties as (starts, sources), sources of a node in ascending order."""
    n = len(starts) - 1
    turned = np.zeros(n + 1, dtype=np.int64)
    for k in range(len(target)):
        turned[target[k] + 1] += 1
    for i in range(n):
        turned[i + 1] += turned[i]
    place = turned[:-1].copy()
    source = np.empty(len(target), dtype=np.int32)
    for i in range(n):
        for k in range(starts[i], starts[i + 1]):
            source[place[target[k]]] = i
            place[target[k]] += 1
    return turned, source


@njit(cache=True)
def mutual(starts: IntArray, target: NodeArray, turned: IntArray, follower: NodeArray) -> NDArray[np.bool_]:
    """Mark the ties whose reverse stands too."""
    back = np.zeros(len(target), dtype=np.bool_)
    marked = np.full(len(starts) - 1, -1, dtype=np.int32)
    for i in range(len(starts) - 1):
        for k in range(turned[i], turned[i + 1]):
            marked[follower[k]] = i
        for k in range(starts[i], starts[i + 1]):
            back[k] = marked[target[k]] == i
    return back


@njit(cache=True)
def _uniform(state: np.uint64) -> float:
    return float(_mixed(state) >> _S11) * _STEP


@njit(cache=True)
def _count_paths(starts: IntArray, target: NodeArray, i: int, paths: NodeArray, found: NodeArray) -> int:
    """Count two-paths from i into `paths`, list their ends in `found`, and return how many there are."""
    size = 0
    for k in range(starts[i], starts[i + 1]):
        middle = target[k]
        for m in range(starts[middle], starts[middle + 1]):
            j = target[m]
            if paths[j] == 0:
                found[size] = j
                size += 1
            paths[j] += 1
    return size


@njit(cache=True)
def _weigh(
    network: Network, traits: Traits, odds: FloatArray, i: int, paths: NodeArray, found: NodeArray, weight: FloatArray
) -> None:
    """Write the weight of every agent for ego i into `weight`; `paths` is all zeros before and after."""
    starts, target, turned, follower = network
    base, y, slope, community, trait = traits
    com = np.exp(odds[2])
    for j in range(len(y)):
        weight[j] = base[j] * np.exp(-slope[i] * abs(y[i] - y[j]))
        if community[i] == community[j]:
            weight[j] *= com
        if odds[3] > 0.0:
            weight[j] *= np.exp(-odds[3] * abs(trait[i] - trait[j]))
    for k in range(_count_paths(starts, target, i, paths, found)):
        j = found[k]
        weight[j] *= np.exp(odds[1] * np.log(1.0 + paths[j]))
        paths[j] = 0
    for k in range(turned[i], turned[i + 1]):
        weight[follower[k]] *= np.exp(odds[0])
    for k in range(starts[i], starts[i + 1]):
        weight[target[k]] = 0.0
    weight[i] = 0.0


@njit(cache=True)
def _drawn(weight: FloatArray, uniform: float) -> int:
    """Return a place in `weight` by its weights, −1 when all are 0."""
    sought = weight.sum() * uniform
    running, last = 0.0, -1
    for j in range(len(weight)):
        if weight[j] > 0.0:
            running += weight[j]
            last = j
            if running > sought:
                break
    return last


@njit(cache=True)
def pick_directly(network: Network, traits: Traits, count: IntArray, odds: FloatArray, seed: np.uint64) -> NodeArray:
    """Pick alters by the weights of all agents, one ego after the other; time grows as agents squared.

    Parameters
    ----------
    network, traits
        As the types say.
    count
        Picks of each ego, shape (agents,).
    odds
        Log odds (rec, tri, com, trait).
    seed
        Start of the streams.

    Returns
    -------
    ndarray of int32
        Picks of ego 0, 1, ... in their order; −1 where nobody was left to pick. Shape (sum of `count`,).
    """
    n = len(count)
    picks = np.full(count.sum(), -1, dtype=np.int32)
    weight, paths, found = np.empty(n), np.zeros(n, dtype=np.int32), np.empty(n, dtype=np.int32)
    at = 0
    for i in range(n):
        if count[i] > 0:
            _weigh(network, traits, odds, i, paths, found, weight)
        state = _stream(seed, i)
        for p in range(at, at + count[i]):
            state += _GOLDEN
            picks[p] = _drawn(weight, _uniform(state))
            if picks[p] < 0:
                break
            weight[picks[p]] = 0.0
        at += count[i]
    return picks


def pick_by_sums(network: Network, traits: Traits, count: IntArray, odds: FloatArray, seed: np.uint64) -> NodeArray:
    """Pick alters as `pick_directly` does, with the same odds but other draws; time grows as agents times log agents.

    Beside that it visits every two-path of every ego that picks.

    Raises
    ------
    ValueError
        If one of `odds` is negative, as what is drawn beyond the prefix sums would have a negative weight; or if
        choices depend on the trait: sums are in the order of one score.
    """
    if (odds < 0).any() or odds[3] != 0:
        message = f"pick_by_sums: log odds (rec, tri, com, trait) are {odds}; expected at least 0, and 0 for the trait."
        raise ValueError(message)
    base, y, slope, community, _ = traits
    least = slope.min()
    step = (slope - least) / _GRID_STEP
    grid = least + _GRID_STEP * np.arange(int(step.max()) + 1)
    everyone = _sums(base, y, np.zeros_like(community), grid)
    own = _sums(base, y, community, grid) if odds[2] > 0 else everyone
    most = np.diff(network[0]).max(initial=0)
    tilt = np.exp(least * y) if step.max() == 0 else np.zeros(0)  # one selection for all: no exponential per alter
    near = np.column_stack((y, base * tilt, base / tilt)) if len(tilt) else np.zeros((0, 3))
    tables = grid, step.astype(np.int64), np.exp(odds[1] * np.log1p(np.arange(most + 1))), near
    return _pick_by_sums(network, traits, count, odds, tables, everyone, own, seed)


Sums = tuple[IntArray, IntArray, IntArray, IntArray, FloatArray, FloatArray]


def _sums(base: FloatArray, y: FloatArray, group: IntArray, grid: FloatArray) -> Sums:
    """Return the order by group and score, places in it, first and last place of groups, and sums up and down.

    Row g of the sums, shape (grid, agents + 1), adds up base · exp(±grid[g] · y) over the agents before a place.
    """
    order = np.lexsort((y, group))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    edges = np.searchsorted(group[order], np.arange(group.max(initial=0) + 2))
    up, down = np.zeros((2, len(grid), len(y) + 1))
    np.cumsum(base[order] * np.exp(grid[:, None] * y[order]), axis=1, out=up[:, 1:])
    np.cumsum(base[order] * np.exp(-grid[:, None] * y[order]), axis=1, out=down[:, 1:])
    return order, place, edges[group], edges[group + 1], up, down


@njit(cache=True)
def _mass(sums: Sums, i: int, g: int, b: float, y: float) -> tuple[float, float]:
    """Return the weight of the agents of i's group up to it, and above it, in the order of scores."""
    _, place, first, last, up, down = sums
    here = place[i] + 1
    below = np.exp(-b * y) * (up[g, here] - up[g, first[i]])
    above = np.exp(b * y) * (down[g, last[i]] - down[g, here])
    return below, above


@njit(cache=True)
def _found(sums: Sums, i: int, g: int, b: float, y: float, sought: float, below: float) -> int:
    """Return the agent at which the weights of i's group, in the order of scores, add up to `sought`."""
    order, place, first, last, up, down = sums
    here = place[i] + 1
    if sought < below:
        value = up[g, first[i]] + sought * np.exp(b * y)
        k = first[i] + np.searchsorted(up[g, first[i] + 1 : here + 1], value, side="right")
        return int(order[min(k, here - 1)])
    value = down[g, here] + (sought - below) * np.exp(-b * y)
    k = here + np.searchsorted(down[g, here + 1 : last[i] + 1], value, side="right")
    return int(order[min(k, last[i] - 1)])


@njit(cache=True)
def _pick_by_sums(
    network: Network,
    traits: Traits,
    count: IntArray,
    odds: FloatArray,
    tables: tuple[FloatArray, IntArray, FloatArray, FloatArray],
    everyone: Sums,
    own: Sums,
    seed: np.uint64,
) -> NodeArray:
    starts, target, turned, follower = network
    base, y, slope, community, _ = traits
    grid, cell, closing, near = tables
    is_common = len(near) > 0
    n = len(count)
    picks = np.full(count.sum(), -1, dtype=np.int32)
    paths = np.zeros(n, dtype=np.int32)
    found, spare = np.empty((2, n), dtype=np.int32)
    excluded = np.full(n, -1, dtype=np.int32)
    beyond, weight = np.empty(n), np.empty(n)
    rec, com = np.exp(odds[0]), np.exp(odds[2])
    at = 0
    for i in range(n):
        if count[i] == 0:
            continue
        excluded[i] = i
        for k in range(starts[i], starts[i + 1]):
            excluded[target[k]] = i
        up_i, down_i = np.exp(slope[i] * y[i]), np.exp(-slope[i] * y[i])
        size = _count_paths(starts, target, i, paths, found)
        for k in range(turned[i], turned[i + 1]):
            j = follower[k]
            if paths[j] == 0:
                found[size] = j
                size += 1
            paths[j] = -paths[j] - 1  # marks an answer: -1 − two-paths
        running, kept = 0.0, 0
        for k in range(size):
            j = found[k]
            times = closing[paths[j]] if paths[j] > 0 else rec * closing[-paths[j] - 1]
            paths[j] = 0
            if excluded[j] != i:
                if is_common:
                    below_i = near[j, 0] <= y[i]
                    own_weight = near[j, 1] * down_i if below_i else near[j, 2] * up_i
                else:
                    own_weight = base[j] * np.exp(-slope[i] * abs(y[i] - y[j]))
                if com > 1.0 and community[i] == community[j]:
                    own_weight *= com
                running += own_weight * (times - 1.0)
                found[kept] = j
                beyond[kept] = running
                kept += 1
        g = cell[i]
        b, rest = grid[g], slope[i] - grid[g]
        below, above = _mass(everyone, i, g, b, y[i])
        own_below, own_above = _mass(own, i, g, b, y[i])
        own_mass = (com - 1.0) * (own_below + own_above)
        total = running + below + above + own_mass
        state = _stream(seed, i)
        for p in range(at, at + count[i]):
            for _ in range(_MOST_TRIES):
                state += _GOLDEN
                sought = _uniform(state) * total
                if sought < running:
                    j = found[min(np.searchsorted(beyond[:kept], sought, side="right"), kept - 1)]
                else:
                    sought -= running
                    if sought < own_mass:
                        j = _found(own, i, g, b, y[i], sought / (com - 1.0), own_below)
                    else:
                        j = _found(everyone, i, g, b, y[i], sought - own_mass, below)
                    state += _GOLDEN
                    if _uniform(state) >= np.exp(-rest * abs(y[i] - y[j])):
                        continue
                if excluded[j] != i and base[j] > 0.0:
                    picks[p] = j
                    break
            if picks[p] < 0:
                _weigh(network, traits, odds, i, paths, spare, weight)
                for q in range(at, p):
                    weight[picks[q]] = 0.0
                state += _GOLDEN
                picks[p] = _drawn(weight, _uniform(state))
            if picks[p] < 0:
                break
            excluded[picks[p]] = i
        at += count[i]
    return picks
