"""Choices of alters in one week of the co-evolution process, compiled.

What belongs here: the arithmetic of a choice, given the network and what each agent weighs. Every kernel draws from
streams of its own, one per ego, that start from a number it is given: results do not depend on threads or on the
order of egos.

The weight of alter j for ego i is

    base_j · exp(−b_i |y_i − y_j|) · exp(com)^[c_i = c_j] · exp(rec)^[j → i] · (1 + two-paths i → k → j)^tri

over j that are present, not i, and not tied to i or picked by it before.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
NodeArray = NDArray[np.int32]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_STEP = 1.0 / 9007199254740992.0  # 2^-53


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
def pick_directly(
    starts: IntArray,
    target: NodeArray,
    turned: IntArray,
    follower: NodeArray,
    count: IntArray,
    base: FloatArray,
    y: FloatArray,
    slope: FloatArray,
    community: IntArray,
    odds: FloatArray,
    seed: np.uint64,
) -> NodeArray:
    """Pick alters by the weights of all agents, one ego after the other; time grows as agents squared.

    Parameters
    ----------
    starts, target
        The network by ego: ego i is tied to ``target[starts[i]:starts[i + 1]]``.
    turned, follower
        The same by alter, as `transposed` returns it.
    count
        Picks of each ego, shape (agents,).
    base
        Weight of each agent for all egos alike, 0 for the absent, shape (agents,).
    y, slope, community
        Score, selection b and community of each agent, shape (agents,).
    odds
        Log odds (rec, tri, com).
    seed
        Start of the streams.

    Returns
    -------
    ndarray of int32
        Picks of ego 0, 1, ... in their order; −1 where nobody was left to pick. Shape (sum of `count`,).
    """
    n = len(y)
    picks = np.full(count.sum(), -1, dtype=np.int32)
    weight = np.empty(n)
    paths = np.zeros(n, dtype=np.int64)
    rec, com = np.exp(odds[0]), np.exp(odds[2])
    at = 0
    for i in range(n):
        if count[i] == 0:
            continue
        for j in range(n):
            weight[j] = base[j] * np.exp(-slope[i] * abs(y[i] - y[j]))
            if community[i] == community[j]:
                weight[j] *= com
        for k in range(starts[i], starts[i + 1]):
            middle = target[k]
            for m in range(starts[middle], starts[middle + 1]):
                paths[target[m]] += 1
        for k in range(starts[i], starts[i + 1]):
            middle = target[k]
            for m in range(starts[middle], starts[middle + 1]):
                j = target[m]
                if paths[j] > 0:
                    weight[j] *= np.exp(odds[1] * np.log(1.0 + paths[j]))
                    paths[j] = 0
        for k in range(turned[i], turned[i + 1]):
            weight[follower[k]] *= rec
        for k in range(starts[i], starts[i + 1]):
            weight[target[k]] = 0.0
        weight[i] = 0.0
        state = _stream(seed, i)
        for p in range(at, at + count[i]):
            state += _GOLDEN
            sought = weight.sum() * (float(_mixed(state) >> _S11) * _STEP)
            running, last = 0.0, -1
            for j in range(n):
                if weight[j] > 0.0:
                    running += weight[j]
                    last = j
                    if running > sought:
                        break
            picks[p] = last
            if last < 0:
                break
            weight[last] = 0.0
        at += count[i]
    return picks
