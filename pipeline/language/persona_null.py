"""Messages against the descriptions of other agents: the null of persona alignment.

What belongs here: pure functions on arrays. Under the null an agent's messages are no more like its own description
than like anybody's, so the descriptions are dealt out anew among the agents. The messages stay where they are: whatever
the messages of an agent share with each other is under the null what it is in the data, and the test needs no model of
it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

FEWEST_AGENTS = 10
"""With fewer agents there are too few ways to deal the descriptions out."""


@dataclass(frozen=True, slots=True)
class Shuffled:
    """A statistic beside its draws under the null.

    Attributes
    ----------
    observed, mean, sd
        The statistic, and mean and standard deviation under the null: exact for `shuffled_mean`, of the draws else.
    p_value
        (1 + draws at least as far from the mean as the statistic) / (1 + draws).
    draws
        Number of draws.
    """

    observed: float
    mean: float
    sd: float
    p_value: float
    draws: int


def shuffled_mean(personas: Floats, sums: Floats, *, draws: int, rng: np.random.Generator) -> Shuffled:
    """Return the mean cosine Σ_a p_a·s_a with its null over permutations of the descriptions.

    Parameters
    ----------
    personas
        Vector of each agent's description, shape (agents, dimensions).
    sums
        Weighted sum of the vectors of each agent's messages, same shape; all weights together are one.
    draws, rng
        Number of permutations and their stream.

    Notes
    -----
    Mean and variance are those of the linear permutation statistic Σ_a K(a, π(a)) (Hoeffding 1951): the variance is
    Σ K̃² / (A − 1) with K centred by rows and columns, which for K = S Pᵀ is the trace of a product of two matrices
    of the size of the dimensions.
    """
    p, s = personas.astype(np.float64), sums.astype(np.float64)
    agents = len(p)
    mean = float(p.sum(axis=0) @ s.sum(axis=0)) / agents
    pc, sc = p - p.mean(axis=0), s - s.mean(axis=0)
    variance = float(np.einsum("ij,ij->", pc.T @ pc, sc.T @ sc)) / (agents - 1)
    observed = float(np.einsum("ij,ij->", p, s))
    found = np.array([np.einsum("ij,ij->", p[rng.permutation(agents)], s) for _ in range(draws)])
    sd = float(np.sqrt(max(variance, 0.0)))
    return Shuffled(observed, mean, sd, _p_value(observed, mean, found), draws)


def shuffled_share(
    personas: Floats,
    vectors: Floats,
    agent: Ints,
    weights: Floats,
    threshold: float,
    *,
    draws: int,
    rng: np.random.Generator,
) -> Shuffled:
    """Return the share of messages whose cosine reaches a threshold with its null over permutations.

    Parameters
    ----------
    personas
        Vector of each agent's description, shape (agents, dimensions).
    vectors, agent, weights
        Vectors of messages, shape (n, dimensions), the code of the author of each, and its weight.
    threshold
        The least cosine that counts.
    draws, rng
        Number of permutations and their stream.
    """

    def share(order: Ints) -> float:
        cosines = np.einsum("ij,ij->i", personas[order[agent]], vectors)
        return float(np.average(cosines >= threshold, weights=weights))

    observed = share(np.arange(len(personas)))
    found = np.array([share(rng.permutation(len(personas))) for _ in range(draws)])
    mean, sd = float(found.mean()), float(found.std(ddof=1))
    return Shuffled(observed, mean, sd, _p_value(observed, mean, found), draws)


def _p_value(observed: float, mean: float, found: NDArray[np.float64]) -> float:
    # Sums in another order differ in the last bits: what is equal must count as equal.
    far = np.abs(found - mean) >= abs(observed - mean) - 1e-12
    return float((1 + np.count_nonzero(far)) / (1 + len(found)))
