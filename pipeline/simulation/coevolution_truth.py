"""The planted truth of a co-evolving network: every parameter of the process, with its unit.

Only parameters and what follows from them in closed form belong here; the process is in `coevolution`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from pipeline.simulation.truth import require

CORNERS: dict[str, dict[str, float]] = {
    "00": {"beta_s": 0.0, "beta_i": 0.0},
    "S0": {"beta_s": 0.8, "beta_i": 0.0},
    "0I": {"beta_s": 0.0, "beta_i": 0.08},
    "SI": {"beta_s": 0.8, "beta_i": 0.08},
}
"""Selection and influence by name: neither, selection only, influence only, both."""
STRESSES: dict[str, dict[str, float]] = {
    "noise": {"noise": 0.4},
    "latent": {"b_com": 2.0, "gamma": 0.3},
    "fitness": {"fitness_sd": 0.7},
    "slopes": {"slope_sd": 0.5},
    "dissolution": {"d_s": 0.5},
    "missing": {"missing_share": 0.2, "entry_share": 0.2, "exit_share": 0.2},
    "ar2": {"rho": 0.4, "rho_2": 0.2},
    "unseen": {"unseen_share": 0.2},
    "snapshots": {"weeks_between_snapshots": 4},
}
"""What each stress changes; the last two censor ties: a fifth never seen, or all seen every fourth week only."""

_SHARES = ("missing_share", "entry_share", "exit_share", "unseen_share")
_NOT_NEGATIVE = (
    "lam", "rate_sd", "level_sd", "innovation_sd", "trend_sd", "fitness_sd", "slope_sd", "noise", "initial_ties",
    "burn_in", "b_rec", "b_tri", "b_com", "b_trait",
)  # fmt: skip
_COUNTS = ("n_agents", "n_weeks", "n_communities", "weeks_between_snapshots")


@dataclass(frozen=True, kw_only=True)
class CoevolutionTruth:
    """What is planted in a network whose ties and scores shape each other, week by week.

    The score of an agent is in arbitrary units (its standard deviation is near 1); coefficients of ties are log
    odds, those of distances per unit of score. "Week" is the step of the process.

    Parameters
    ----------
    n_agents, n_weeks : int
        Sizes; weeks are those that are observed, after the burn-in.
    burn_in : int
        Weeks before the first that is observed.
    seed : int
        Seed of every random stream.
    beta_s : float
        Selection: log odds of a choice per unit of smaller distance in score between ego and alter.
    beta_i : float
        Influence: share of the gap to the mean score of those followed that closes per week.
    rho, rho_2 : float
        Dependence of a score on the agent's own of one and of two weeks before.
    level_sd : float
        Standard deviation over agents of the level mu around which its score moves.
    innovation_sd, trend_sd : float
        Standard deviations of what is new in a score each week, of its own and common to all agents.
    gamma : float
        Weight of the shock of the agent's community in its score; the shock is an AR(1) series of variance 1.
    n_communities, community_weights : int, tuple of float
        Latent communities, of which each agent is in one, all alike; or their shares of the agents, which are then
        rounded and not drawn.
    lam, rate_sd : float
        Mean number of ties that an agent forms per week, and the standard deviation of the log of its rate.
    b_rec, b_tri, b_pop, b_alt, b_com : float
        Log odds of a choice for: a tie back; the log of 1 + two-paths; the log of 1 + in-degree; a unit of the
        alter's score; the same community. The first two and the last are at least 0 (sampling relies on it).
    b_trait : float
        Log odds of a choice per standard deviation of smaller distance in a stable trait that has nothing to do with
        scores; at least 0.
    fitness_sd : float
        Standard deviation over agents of what draws ties to them beyond all that is observed, log odds.
    slope_sd : float
        Standard deviation over agents of their own selection around `beta_s`.
    d0, d_s, d_rec : float
        Log odds that a tie ends in a week: constant, per unit of distance in score, and taken off when it is mutual.
    initial_ties : float
        Ties of each agent before the burn-in, to anyone.
    noise : float
        Standard deviation of the error of an observed score.
    missing_share : float
        Probability that the score of an agent and week is not observed.
    is_missing_silent : bool
        Whether an agent without an observed score is also unseen by those who follow it, who are then drawn to the
        others only; by default only the observer misses it.
    entry_share, exit_share : float
        Share of the agents who enter, and who leave, in one of the observed weeks. Absent agents form no ties, are
        not chosen, end no ties and influence nobody; ties to one who has left end as others do.
    unseen_share : float
        Probability that an interval of a tie is not observed at all.
    weeks_between_snapshots : int
        Ties are only seen at the end of every so many weeks: a start moves to the next of them, an end as well.

    Notes
    -----
    The process is that of the Notes of `pipeline.simulation.coevolution.simulate`; defaults give 11 ties per agent.
    """

    n_agents: int = 500
    n_weeks: int = 20
    burn_in: int = 30
    seed: int = 20250106
    beta_s: float = 0.0
    beta_i: float = 0.0
    rho: float = 0.5
    rho_2: float = 0.0
    level_sd: float = 0.7
    innovation_sd: float = 0.5
    trend_sd: float = 0.1
    gamma: float = 0.0
    n_communities: int = 10
    community_weights: tuple[float, ...] = ()
    lam: float = 0.8
    rate_sd: float = 0.5
    b_rec: float = 1.5
    b_tri: float = 0.8
    b_pop: float = 0.3
    b_alt: float = 0.1
    b_com: float = 0.0
    b_trait: float = 0.0
    fitness_sd: float = 0.0
    slope_sd: float = 0.0
    d0: float = -2.6
    d_s: float = 0.0
    d_rec: float = 0.3
    initial_ties: int = 10
    noise: float = 0.0
    missing_share: float = 0.0
    is_missing_silent: bool = False
    entry_share: float = 0.0
    exit_share: float = 0.0
    unseen_share: float = 0.0
    weeks_between_snapshots: int = 1

    def __post_init__(self) -> None:
        """Reject a parameter that the process could not honour.

        Raises
        ------
        ValueError
            Names the parameter, its value and what is expected.
        """
        require(self, _SHARES, lambda v: 0.0 <= v <= 1.0, "a probability between 0 and 1")
        require(self, _NOT_NEGATIVE, lambda v: v >= 0, "a number of at least 0")
        require(self, _COUNTS, lambda v: v >= 1, "a number of at least 1")
        require(self, ("initial_ties",), lambda v: v < self.n_agents, "fewer ties than agents")
        if self.community_weights and len(self.community_weights) != self.n_communities:
            message = f"CoevolutionTruth.community_weights: expected {self.n_communities} shares, one per community."
            raise ValueError(message)
        if self.rho_2 + abs(self.rho) >= 1 or abs(self.rho_2) >= 1:
            message = f"CoevolutionTruth: rho {self.rho} and rho_2 {self.rho_2} make no stationary series."
            raise ValueError(message)

    @classmethod
    def corner(cls, name: str, **changes: Any) -> Self:
        """Return the truth of one of the `CORNERS`.

        Parameters
        ----------
        name
            ``"00"``, ``"S0"``, ``"0I"`` or ``"SI"``.
        **changes
            Other fields to set, as in the constructor.
        """
        return cls(**({**CORNERS[name], **changes}))

    @classmethod
    def stress(cls, name: str, corner: str = "SI", **changes: Any) -> Self:
        """Return the truth of a corner under one of the `STRESSES`.

        Parameters
        ----------
        name, corner
            A stress, and the corner that it is put to.
        **changes
            Other fields to set, as in the constructor.
        """
        return cls.corner(corner, **{**STRESSES[name], **changes})

    @classmethod
    def large(cls, **changes: Any) -> Self:
        """Return 70,000 agents over 52 weeks with about 10 million intervals of ties, and both effects."""
        return cls.corner("SI", **{"n_agents": 70_000, "n_weeks": 52, "lam": 2.15, "initial_ties": 30, **changes})

    def but(self, **changes: Any) -> Self:
        """Return this truth with some fields changed."""
        return replace(self, **changes)
