"""Shares of selection, influence and structure in homophily: Shapley values over counterfactual runs.

What belongs here: runs of a process with every coalition switched on, and how their homophily is divided. Homophily of
no coalition is inertia: what the network and the scores of the start, their common trend, popular alters and the end of
ties leave by themselves. The share of a player is what it adds, averaged over all orders of adding (Shapley 1953; for
selection and influence: Steglich, Snijders & Pearson 2010), so that shares and inertia add up to homophily with all on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.decomposition.forward import COALITIONS, Process, chance, run

Floats = NDArray[np.float64]

SHARES = ("inertia", "selection", "influence", "structure", "whole")
"""What homophily is divided into, and their sum."""
STATISTICS = ("assortativity", "excess_similarity")
_WEIGHTS = (1 / 3, 1 / 6, 1 / 3)  # |C|! (2 − |C|)! / 3! for coalitions of 0, 1 and 2 others


def shapley(values: Floats) -> Floats:
    """Return inertia, the shares of the three players and the whole from the values of the eight coalitions.

    Parameters
    ----------
    values
        Homophily by coalition, bits as in `pipeline.decomposition.forward`, shape (8, …).

    Returns
    -------
    ndarray
        By `SHARES`, shape (5, …).
    """
    shares = []
    for player in range(3):
        bit = 1 << player
        shares.append(
            sum(
                _WEIGHTS[coalition.bit_count()] * (values[coalition | bit] - values[coalition])
                for coalition in COALITIONS
                if not coalition & bit
            )
        )
    return np.stack([values[0], *shares, values[7]])


@dataclass(frozen=True, slots=True)
class Runs:
    """Homophily of all coalitions over replications.

    Attributes
    ----------
    end
        In the last week, shape (replications, 8, 2): coalition, and assortativity and excess similarity.
    """

    end: Floats

    @property
    def shares(self) -> Floats:
        """Shares of each replication, shape (5, replications, 2)."""
        return shapley(np.moveaxis(self.end, 1, 0))


def coalition_runs(process: Process, replications: int, seed: int, *, is_rewired: bool) -> Runs:
    """Run every coalition, with the same random numbers within a replication.

    Parameters
    ----------
    process
        The process with all switched on.
    replications
        Number of replications.
    seed
        Seed; replication r uses (seed, r).
    is_rewired
        True to start each replication from ties at random with the same degrees, so that what an earlier selection
        has left in the network is not inertia.
    """
    end = []
    for replication in range(replications):
        number = int(np.random.SeedSequence([seed, replication]).generate_state(1, np.uint32)[0])
        start = process.rewired(number) if is_rewired else process
        numbers = chance(start, number)
        end.append([run(start.only(coalition), numbers) for coalition in COALITIONS])
    return Runs(np.array(end).reshape(replications, len(COALITIONS), len(STATISTICS)))
