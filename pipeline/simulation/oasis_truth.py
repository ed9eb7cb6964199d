"""The planted truth of simulated OASIS runs: every parameter of the generator, with its unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.simulation.truth import require

_SHARES = ("share_of_share", "airs_share", "duplicate_share")
_ACTION_SHARES = {
    "create_post": "post_share",
    "repost": "repost_share",
    "quote_post": "quote_share",
    "create_comment": "comment_share",
    "like_post": "like_share",
    "unlike_post": "unlike_share",
    "dislike_post": "dislike_share",
    "like_comment": "comment_like_share",
    "dislike_comment": "comment_dislike_share",
    "follow": "follow_share",
    "unfollow": "unfollow_share",
    "mute": "mute_share",
    "unmute": "unmute_share",
    "report_post": "report_share",
}


@dataclass(frozen=True)
class OasisTruth:
    """What is planted in simulated runs of OASIS.

    Parameters
    ----------
    n_runs, n_agents, n_steps : int
        Number of runs; agents and steps of each.
    n_text_time_runs : int
        As many of the last runs show times as text, as the Reddit mode of OASIS does; the others show step numbers.
    start : datetime
        Time of step 0 in runs with text times, naive UTC.
    step_hours : float
        Length of a step there, hours.
    seed : int
        Seed of every random stream.
    actions_per_step : float
        Mean number of actions of all agents together; each acting agent refreshes its feed first.
    activity_exponent : float
        Exponent of the power law of actions per agent (greater than 1; smaller is more unequal).
    post_share, repost_share, quote_share, comment_share, like_share, unlike_share, dislike_share, \
    comment_like_share, comment_dislike_share, follow_share, unfollow_share, mute_share, unmute_share, \
    report_share : float
        Probabilities of the actions; the rest does nothing. An action without a possible target does nothing either.
    share_of_share : float
        Probability that a repost or quote takes up a repost or quote rather than an original post.
    initial_ties : float
        Mean number of agents that an agent follows in step 0.
    feed_size : int
        Posts that a refresh shows, at most.
    airs_share, duplicate_share : float
        Probabilities that a text holds an AIRS pattern, and that it is a verbatim template; independent.
    n_hostile : int
        Texts per run with an inert payload of `pools.HOSTILE`; as many agents carry one in their bio, and the first
        agents have the handles of `pools.ODD_HANDLES`.
    """

    n_runs: int = 3
    n_agents: int = 80
    n_steps: int = 40
    n_text_time_runs: int = 1
    start: datetime = datetime(2026, 2, 1, 8)
    step_hours: float = 12.0
    seed: int = 20260201
    actions_per_step: float = 45.0
    activity_exponent: float = 2.6
    post_share: float = 0.22
    repost_share: float = 0.12
    quote_share: float = 0.05
    comment_share: float = 0.14
    like_share: float = 0.16
    unlike_share: float = 0.01
    dislike_share: float = 0.02
    comment_like_share: float = 0.04
    comment_dislike_share: float = 0.01
    follow_share: float = 0.10
    unfollow_share: float = 0.03
    mute_share: float = 0.015
    unmute_share: float = 0.01
    report_share: float = 0.006
    share_of_share: float = 0.45
    initial_ties: float = 3.0
    feed_size: int = 4
    airs_share: float = 0.25
    duplicate_share: float = 0.15
    n_hostile: int = 9

    def __post_init__(self) -> None:
        """Reject a parameter that the generator could not honour.

        Raises
        ------
        ValueError
            Names the parameter, its value and what is expected.
        """
        shares = (*_SHARES, *_ACTION_SHARES.values())
        require(self, shares, lambda v: 0.0 <= v <= 1.0, "a probability between 0 and 1")
        require(self, ("n_runs", "n_steps", "feed_size"), lambda v: v >= 1, "at least 1")
        require(self, ("n_agents",), lambda v: v >= 2, "at least 2 agents")
        require(self, ("n_text_time_runs",), lambda v: 0 <= v <= self.n_runs, "between 0 and n_runs")
        require(self, ("activity_exponent",), lambda v: v > 1.0, "an exponent above 1")
        require(self, ("actions_per_step", "step_hours"), lambda v: v > 0.0, "a number above 0")
        require(self, ("initial_ties", "n_hostile"), lambda v: v >= 0, "a number of at least 0")
        if sum(self.action_shares.values()) > 1.0:
            message = "the shares of the actions in OasisTruth add up to more than 1; lower one of them."
            raise ValueError(message)

    @property
    def action_shares(self) -> dict[str, float]:
        """Probability of every action of OASIS that the runs hold."""
        return {action: getattr(self, name) for action, name in _ACTION_SHARES.items()}

    def has_text_time(self, run: int) -> bool:
        """Say whether run 0, 1, ... shows times as text rather than steps."""
        return run >= self.n_runs - self.n_text_time_runs

    def clock(self, run: int, step: int, number: int) -> int | str:
        """Return the time of action `number` of a step, as the run shows it."""
        if not self.has_text_time(run):
            return step
        moment = self.start + timedelta(hours=step * self.step_hours, seconds=number, microseconds=574_000)
        return f"{moment:%Y-%m-%d %H:%M:%S.%f}"
