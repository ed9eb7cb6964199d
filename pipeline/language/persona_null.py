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
from scipy import stats

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

FEWEST_AGENTS = 10
"""With fewer agents there are too few ways to deal the descriptions out."""
LEAST_P = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True)
class Shuffled:
    """A statistic beside its null.

    Attributes
    ----------
    observed, mean, sd
        The statistic, and mean and standard deviation under the null.
    p_value
        Two-sided.
    """

    observed: float
    mean: float
    sd: float
    p_value: float


def shuffled_mean(personas: Floats, sums: Floats) -> Shuffled:
    """Return the mean cosine Σ_a p_a·s_a with its null over permutations of the descriptions, without drawing one.

    Parameters
    ----------
    personas
        Vector of each agent's description, shape (agents, dimensions).
    sums
        Weighted sum of the vectors of each agent's messages, same shape; all weights together are one.

    Notes
    -----
    Mean and variance are those of the linear permutation statistic Σ_a K(a, π(a)) (Hoeffding 1951): the variance is
    Σ K̃² / (A − 1) with K centred by rows and columns, which for K = S Pᵀ is the trace of a product of two matrices
    of the size of the dimensions. The p-value takes the statistic for normal (the combinatorial central limit theorem
    of the same paper); one below what a double holds is the least that it holds, never 0.
    """
    p, s = np.asarray(personas, dtype=np.float64), np.asarray(sums, dtype=np.float64)
    agents = len(p)
    mean = float(p.sum(axis=0) @ s.sum(axis=0)) / agents
    pc, sc = p - p.mean(axis=0), s - s.mean(axis=0)
    variance = float(np.einsum("ij,ij->", pc.T @ pc, sc.T @ sc)) / (agents - 1)
    observed = float(np.einsum("ij,ij->", p, s))
    sd = float(np.sqrt(max(variance, 0.0)))
    p_value = max(float(2 * stats.norm.sf(abs(observed - mean) / sd)), LEAST_P) if sd > 0 else 1.0
    return Shuffled(observed, mean, sd, p_value)


def excess_error(personas: Floats, sums: Floats, weights: Floats) -> float:
    """Return the standard error, over agents, of the mean cosine less its mean under the null.

    Parameters
    ----------
    personas, sums
        As in `shuffled_mean`.
    weights
        Share of each agent in all weights, shape (agents,).

    Notes
    -----
    Agent a contributes (p_a − p̄)·s_a to a ratio whose denominator is Σ weights, linearised.
    """
    p, s = np.asarray(personas, dtype=np.float64), np.asarray(sums, dtype=np.float64)
    agents = len(p)
    parts = np.einsum("ij,ij->i", p - p.mean(axis=0), s)
    rest = parts - parts.sum() * weights
    return float(np.sqrt(rest @ rest * agents / (agents - 1)))


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
    """Return the share of messages whose cosine reaches a threshold with its null over drawn permutations.

    Parameters
    ----------
    personas
        Vector of each agent's description, shape (agents, dimensions).
    vectors, agent, weights
        Vectors of messages, shape (n, dimensions), the code of the author of each, and its weight.
    threshold
        The least cosine that counts.
    draws, rng
        Number of permutations and their stream; p is (1 + draws at least as far from the mean) / (1 + draws).
    """

    def share(order: Ints) -> float:
        cosines = np.einsum("ij,ij->i", personas[order[agent]], vectors)
        return float(np.average(cosines >= threshold, weights=weights))

    observed = share(np.arange(len(personas)))
    found = np.array([share(rng.permutation(len(personas))) for _ in range(draws)])
    mean, sd = float(found.mean()), float(found.std(ddof=1))
    # Sums in another order differ in the last bits: what is equal must count as equal.
    far = np.abs(found - mean) >= abs(observed - mean) - 1e-12
    return Shuffled(observed, mean, sd, float((1 + np.count_nonzero(far)) / (1 + draws)))
