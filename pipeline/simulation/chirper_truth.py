"""The planted truth of a simulated follower network: every parameter of the generator, with its unit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np

from pipeline.simulation import pools
from pipeline.simulation.coevolution_truth import CoevolutionTruth
from pipeline.simulation.compose import IntArray
from pipeline.simulation.people import epoch_microseconds
from pipeline.simulation.truth import require

WORDS = (10, 70)  # fewest and most words of a chirp whose length is planted
FIRST_MONDAY = datetime(2025, 1, 6)
CRAWL_AFTER = timedelta(days=6, hours=20)  # Sunday evening: all that a crawl shows is of its own calendar week

_SHARES = (
    "language_homophily",
    "late_share",
    "drop_probability",
    "logged_share",
    "reply_share",
    "mention_share",
    "duplicate_share",
)
_NOT_NEGATIVE = (
    "airs_homophily",
    "activity_sd",
    "popularity_sd",
    "following_sd",
    "initial_ties",
    "likes_per_chirp",
    "n_hostile",
    "n_truncated",
    "length_slope",
    "length_sd",
)
_POSITIVE = ("airs_alpha", "airs_beta", "chirps_per_week", "ties_per_week")

DEMO: dict[str, Any] = {
    "n_agents": 150,
    "n_weeks": 52,
    "language_homophily": 0.0,
    "airs_homophily": 0.0,
    "activity_sd": 0.5,
    "chirps_per_week": 1.15,
    "likes_per_chirp": 0.4,
}
"""The demo network: small enough to be read in a minute, large enough that its effects are found."""
DEMO_PROCESS: dict[str, Any] = {
    "beta_s": 1.0,
    "beta_i": 0.25,
    "lam": 0.45,
    "initial_ties": 6,
    "b_com": 1.0,
    "b_trait": 0.8,
    "missing_share": 0.1,
    "is_missing_silent": True,
    "entry_share": 0.1,
}
"""Its process; the errors of both effects with 150 agents are about 0.05 and 0.02."""


@dataclass(frozen=True)
class ChirperTruth:
    """What is planted in a simulated follower network that is crawled once a week.

    Parameters
    ----------
    n_agents, n_weeks : int
        Sizes; one crawl per week, on Sunday evening.
    start : datetime
        First instant, a Monday, naive UTC.
    seed : int
        Seed of every random stream.
    languages : tuple of str
        Codes of `pools.LANGUAGES`; an agent has one, and all its chirps are in it.
    language_weights : tuple of float
        Share of the agents per language; group sizes are these shares, rounded, not drawn.
    language_homophily : float
        Probability h that a new tie is drawn inside the ego's own language, otherwise it falls on any other agent
        alike. So a tie stays inside with probability h + (1 - h) (n_g - 1) / (n - 1), and the expectation of
        Coleman's index is h, for every group and for all of them together.
    airs_homophily : float
        Strength s of numeric homophily: inside the group so chosen, the log-weight of an alter falls by s per
        standard deviation of difference in propensity.
    airs_alpha, airs_beta : float
        The stable propensity of an agent, the probability that a chirp of its holds an AIRS pattern, is drawn from
        Beta(airs_alpha, airs_beta), independently of everything else.
    activity_sd, popularity_sd, following_sd : float
        Standard deviations of the logs of an agent's rate of chirps, weight as an alter, and rate of new ties.
    chirps_per_week, ties_per_week, initial_ties : float
        Means per agent; ``initial_ties`` exist before the first week.
    drop_probability : float
        Probability per week that a tie ends, independent of everything.
    late_share : float
        Share of the agents that join after the first week.
    logged_share : float
        Probability that a new or dropped tie also has a line in the activity log; the crawls show all of them.
    reply_share, mention_share, duplicate_share : float
        Probability that a chirp answers an earlier one, begins with a mention, or is a verbatim template; all
        independent of language and propensity.
    likes_per_chirp : float
        Mean number of likes; a tenth as many dislikes.
    n_hostile : int
        Chirps with an inert payload of `pools.HOSTILE`. As many agents carry one in their bio, and the first agents
        have the handles of `pools.ODD_HANDLES`.
    n_truncated : int
        Lines cut in the middle, one each at the end of as many activity files.
    coevolution : CoevolutionTruth, optional
        The process that ties and scores follow, of as many agents and weeks, a community per language. Where it is
        given, it decides languages, ties, entries and the weeks in which an agent writes;
        ``language_weights``, the two homophilies, ``popularity_sd``, ``following_sd``, ``ties_per_week``,
        ``initial_ties``, ``drop_probability`` and ``late_share`` then do not apply, and ``chirps_per_week`` is the
        mean of the weeks in which an agent writes, at least 1. Its stable trait is the propensity, on the scale of
        ranks.
    length_mean, length_slope, length_sd : float
        A chirp of an agent with score y has W words, log(1 + W) = length_mean + length_slope · y + an error of
        standard deviation length_sd, rounded and kept in `WORDS`: so the score is read from the lengths of chirps.
    """

    n_agents: int = 400
    n_weeks: int = 12
    start: datetime = FIRST_MONDAY
    seed: int = 20250106
    languages: tuple[str, ...] = ("en", "de", "es")
    language_weights: tuple[float, ...] = (0.5, 0.3, 0.2)
    language_homophily: float = 0.4
    airs_homophily: float = 1.0
    airs_alpha: float = 0.8
    airs_beta: float = 1.4
    activity_sd: float = 0.8
    popularity_sd: float = 0.6
    following_sd: float = 0.6
    chirps_per_week: float = 1.5
    ties_per_week: float = 0.95
    initial_ties: float = 4.5
    drop_probability: float = 0.025
    late_share: float = 0.1
    logged_share: float = 0.8
    reply_share: float = 0.25
    mention_share: float = 0.05
    duplicate_share: float = 0.08
    likes_per_chirp: float = 0.8
    n_hostile: int = 9
    n_truncated: int = 1
    coevolution: CoevolutionTruth | None = None
    length_mean: float = 3.2
    length_slope: float = 0.4
    length_sd: float = 0.04

    def __post_init__(self) -> None:
        """Reject a parameter that the generator could not honour.

        Raises
        ------
        ValueError
            Names the parameter, its value and what is expected.
        """
        require(self, _SHARES, lambda v: 0.0 <= v <= 1.0, "a probability between 0 and 1")
        require(self, _NOT_NEGATIVE, lambda v: v >= 0, "a number of at least 0")
        require(self, _POSITIVE, lambda v: v > 0.0, "a number above 0")
        require(self, ("n_agents",), lambda v: v >= 20, "at least 20 agents")
        require(self, ("n_weeks",), lambda v: v >= 1, "at least 1 week")
        require(self, ("n_truncated",), lambda v: v <= self.n_weeks, "at most one line per crawl")
        if len(self.languages) != len(self.language_weights) or not set(self.languages) <= set(pools.LANGUAGES):
            message = f"ChirperTruth.languages: expected codes of {', '.join(pools.LANGUAGES)} with a weight each."
            raise ValueError(message)
        if self.start.weekday() != 0 or min(self.group_sizes) < 2:
            message = "ChirperTruth: expected a start on a Monday and at least 2 agents in every language."
            raise ValueError(message)

        if self.coevolution is not None:
            self._check_process(self.coevolution)

    def _check_process(self, process: CoevolutionTruth) -> None:
        sizes = (process.n_agents, process.n_weeks, process.n_communities)
        if sizes != (self.n_agents, self.n_weeks, len(self.languages)) or self.chirps_per_week < 1:
            message = (
                f"ChirperTruth.coevolution: expected as many agents, weeks and communities ({sizes}) as the network "
                f"has agents, weeks and languages, and at least 1 chirp per week."
            )
            raise ValueError(message)

    @classmethod
    def coevolving(cls, process: dict[str, Any] | None = None, **changes: Any) -> Self:
        """Return the truth of the demo: a year in which ties and the lengths of chirps shape each other.

        Parameters
        ----------
        process
            Fields of `CoevolutionTruth` to set; the corner without effects is ``{"beta_s": 0.0, "beta_i": 0.0}``.
        **changes
            Other fields to set, as in the constructor.
        """
        fields: dict[str, Any] = {**DEMO, **changes}
        planted: dict[str, Any] = {
            "n_agents": fields["n_agents"],
            "n_weeks": fields["n_weeks"],
            "n_communities": len(fields.get("languages", cls.languages)),
            "community_weights": fields.get("language_weights", cls.language_weights),
            "seed": fields.get("seed", cls.seed),
        }
        return cls(**fields, coevolution=CoevolutionTruth(**{**DEMO_PROCESS, **planted, **(process or {})}))

    @classmethod
    def null(cls, **changes: Any) -> Self:
        """Return the default truth with no homophily planted; degrees, drops and texts stay.

        Parameters
        ----------
        **changes
            Other fields to set, as in the constructor.
        """
        nothing: dict[str, Any] = {"language_homophily": 0.0, "airs_homophily": 0.0}
        return replace(cls(), **(nothing | changes))

    @property
    def group_sizes(self) -> IntArray:
        """Agents per language, shape (len(languages),); the last group takes what rounding leaves."""
        shares = np.asarray(self.language_weights, dtype=np.float64)
        ends = np.rint(np.cumsum(shares / shares.sum()) * self.n_agents).astype(np.int64)
        return np.asarray(np.diff(ends, prepend=0), dtype=np.int64)

    @property
    def propensity_sd(self) -> float:
        """Standard deviation of the propensity over agents."""
        total = self.airs_alpha + self.airs_beta
        return float(np.sqrt(self.airs_alpha * self.airs_beta / (total**2 * (total + 1.0))))

    @property
    def airs_share(self) -> float:
        """Expected propensity of an agent, and so the expected share of chirps with AIRS > 0."""
        return self.airs_alpha / (self.airs_alpha + self.airs_beta)

    def week_start(self, week: int) -> datetime:
        """Return the Monday on which week 0, 1, ... begins."""
        return self.start + timedelta(weeks=week)

    def crawl_time(self, week: int) -> datetime:
        """Return the time of the crawl of week 0, 1, ..."""
        return self.week_start(week) + CRAWL_AFTER

    @property
    def windows(self) -> tuple[IntArray, IntArray]:
        """Microseconds since 1970 of the start and the crawl of every week, shape (n_weeks,) each."""
        weeks = range(self.n_weeks)
        starts = [epoch_microseconds(self.week_start(week)) for week in weeks]
        crawls = [epoch_microseconds(self.crawl_time(week)) for week in weeks]
        return np.array(starts, dtype=np.int64), np.array(crawls, dtype=np.int64)
