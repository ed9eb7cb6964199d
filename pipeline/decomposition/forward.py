"""The process of ties and scores run forward, with selection, influence or structure switched on or off.

What belongs here: what a fitted (or planted) process looks like, one step of it, and a run over weeks. A closed
population: all agents are there from the first week to the last. Estimation and the shares that follow from runs are
elsewhere.

The process is that of `pipeline.simulation.coevolution.simulate`, whose compiled choices it uses: every choice is drawn
from all agents, none is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.decomposition.accounting import excess_similarity
from pipeline.network.nulls import swapped
from pipeline.simulation.coevolution_kernels import mutual, pick_directly, transposed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SELECTION, INFLUENCE, STRUCTURE = 1, 2, 4
"""Bits of a coalition: what is switched on."""
COALITIONS = range(8)
_MOST = 700.0
_GOLDEN, _MIX_1, _MIX_2 = (np.uint64(x) for x in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Everything that moves ties and scores, in standard deviations of the score.

    Attributes
    ----------
    level
        What is added to each agent's score each week, a_i, shape (agents,).
    trend
        What is added to all scores in each week, d_t, shape (weeks,): as many weeks as are run.
    rho
        Dependence on the own score of one, two, … weeks before, shape (lags,).
    gap
        Influence: share of the gap to the mean of the alters that closes in a week.
    innovation
        Standard deviation of what is new in a score.
    rate
        Ties that an agent forms per week, shape (agents,).
    similarity
        Selection: log odds of a choice per unit of smaller distance.
    reciprocity, two_paths, popularity
        Structure: log odds for a tie back, for log(1 + two-paths), for log(1 + in-degree).
    alter, alter_square, community
        Log odds for the alter's score, its square, and the same community.
    end, end_distance, end_mutual
        Log odds that a tie ends: constant, per unit of distance, for a tie back (negative: it lasts).
    group
        Community of each agent, −1 unknown (nobody's), shape (agents,).
    source, target
        Ties of the start, sorted by source and target, shape (ties,).
    scores
        Scores of the start and of the weeks before it, latest first, shape (lags, agents).
    """

    level: Floats
    trend: Floats
    rho: Floats
    gap: float
    innovation: float
    rate: Floats
    similarity: float
    reciprocity: float
    two_paths: float
    popularity: float
    alter: float
    alter_square: float
    community: float
    end: float
    end_distance: float
    end_mutual: float
    group: Ints
    source: Ints
    target: Ints
    scores: Floats

    @property
    def n_agents(self) -> int:
        """Number of agents."""
        return len(self.level)

    def only(self, coalition: int) -> Process:
        """Return the process with what is not in a coalition of `SELECTION`, `INFLUENCE`, `STRUCTURE` at zero."""
        changed = self
        if not coalition & SELECTION:
            changed = replace(changed, similarity=0.0, end_distance=0.0)
        if not coalition & INFLUENCE:
            changed = replace(changed, gap=0.0)
        if not coalition & STRUCTURE:
            changed = replace(changed, reciprocity=0.0, two_paths=0.0, popularity=0.0, end_mutual=0.0)
        return changed

    def rewired(self, seed: int) -> Process:
        """Return the process from a random start: ties with the same in- and out-degrees, scores as they were."""
        rng = np.random.default_rng([seed, 0])
        drawn = swapped(self.source, self.target, self.n_agents, 1, rng, is_directed=True)
        source, target = next(drawn)
        order = np.lexsort((target, source))
        return replace(self, source=source[order], target=target[order])


@dataclass(frozen=True, slots=True)
class Chance:
    """Random numbers of a run, the same for all coalitions: two runs then differ by what is switched on.

    Attributes
    ----------
    fresh
        Standard normals, shape (weeks, agents).
    count
        New ties that agents form, shape (weeks, agents).
    picks, ends
        Seeds of the choices, by ego, and of the ends, by tie, shape (weeks,).
    """

    fresh: Floats
    count: Ints
    picks: NDArray[np.uint64]
    ends: NDArray[np.uint64]


def chance(process: Process, seed: int) -> Chance:
    """Return the random numbers of a run over the weeks of a process's trend."""
    rng, shape = np.random.default_rng([seed, 1]), (len(process.trend), process.n_agents)
    seeds = rng.integers(0, 2**64, (2, shape[0]), dtype=np.uint64)
    return Chance(rng.standard_normal(shape), rng.poisson(process.rate, shape), seeds[0], seeds[1])


def run(process: Process, numbers: Chance) -> tuple[float, float]:
    """Run the process over the weeks of its trend; return assortativity and excess similarity at its end."""
    n = process.n_agents
    key, scores = process.source * n + process.target, process.scores
    group = np.where(process.group >= 0, process.group, -1 - np.arange(n))
    odds = np.array([process.reciprocity, process.two_paths, process.community, 0.0])
    slope, level = np.full(n, process.similarity), np.zeros(n)
    nodes, edges = np.arange(n), np.arange(n + 1) * n
    for week, trend in enumerate(process.trend):
        source, target = np.divmod(key, n)
        starts, alters, y = np.searchsorted(key, edges), target.astype(np.int32), scores[0]
        turned, follower = transposed(starts, alters)
        appeal = process.popularity * np.log1p(np.diff(turned)) + process.alter * y + process.alter_square * y * y
        base = np.exp(np.maximum(appeal - appeal.max(), -_MOST))
        network, count = (starts, alters, turned, follower), numbers.count[week]
        picks = pick_directly(network, (base, y, slope, group, level), count, odds, numbers.picks[week])
        ends = process.end + process.end_distance * np.abs(y[source] - y[target])
        ends += process.end_mutual * mutual(starts, alters, turned, follower)
        stays = _uniform(key, numbers.ends[week]) >= 1 / (1 + np.exp(-ends))
        new = (np.repeat(nodes, count) * n + picks)[picks >= 0]
        heard = np.diff(starts)
        total = np.bincount(source, weights=y[target], minlength=n)
        gap = np.where(heard > 0, total / np.maximum(heard, 1) - y, 0.0)
        now = process.level + trend + process.rho @ scores + process.gap * gap
        scores = np.vstack([now + process.innovation * numbers.fresh[week], scores[:-1]])
        key = np.sort(np.concatenate([key[stays], new]))
    return _homophily(scores[0], key, n)


def _uniform(key: Ints, seed: np.uint64) -> Floats:
    """Return a number in [0, 1) for each tie that depends on its ends and the seed alone (SplitMix64)."""
    with np.errstate(over="ignore"):
        z = (key.astype(np.uint64) + np.uint64(1)) * _GOLDEN + seed
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        z ^= z >> np.uint64(31)
    return np.asarray((z >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _homophily(y: Floats, key: Ints, n: int) -> tuple[float, float]:
    """Return assortativity (correlation over directed ties) and excess similarity; not-a-number without ties."""
    source, target = np.divmod(key, n)
    if len(key) < 2:
        return float("nan"), float("nan")
    a, b = y[source] - y[source].mean(), y[target] - y[target].mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return (float(a @ b) / spread if spread > 0 else float("nan")), excess_similarity(y, source, target)
