"""The planted truth of a simulated forum: every parameter of the generator, with its unit.

Only parameters and what follows from them in closed form belong here; drawing happens in the sibling modules.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

import numpy as np

LOG_TWO = math.log(2.0)
FIRST_DAY = datetime(2026, 1, 27)
MIN_POSTS = 20  # room for every planted irregularity, each in a post of its own
QUADRATURE_POINTS = 40  # Gauss-Hermite nodes; 40 integrate a logistic over sd < 3 to better than 1e-8

_SHARES = (
    "airs_positive_share",
    "toxic_share",
    "endorse_share",
    "reciprocation",
    "duplicate_share",
    "token_mint_share",
    "comment_airs_share",
    "mention_share",
    "foreign_share",
)
_OPEN_SHARES = ("enforcement_baseline", "reply_probability")  # logit and 1 / (1 - p) must exist
_POSITIVE = ("days", "comments_per_post", "comment_delay_minutes")
_NOT_NEGATIVE = (
    "post_effect_sd",
    "thread_size_sd",
    "n_revised",
    "n_repeated",
    "n_null_authors",
    "n_truncated",
    "n_html",
    "n_empty_comment_files",
    "n_hostile",
)


@dataclass(frozen=True)
class ForumTruth:
    """What is planted in a simulated Moltbook-like forum.

    Parameters
    ----------
    n_agents, n_posts, n_communities : int
        Sizes. The number of comments is random with mean ``n_posts * comments_per_post``.
    days : float
        Length of the window in which posts are written, days. Comments end at most a day later.
    start : datetime
        First instant, naive UTC.
    seed : int
        Seed of every random stream.
    airs_positive_share : float
        Probability that a post has AIRS > 0, independent of author, community, length and time.
    enforcement_log_odds : float
        Direct effect of AIRS > 0 of the target post on the log-odds that a comment below it is of class
        ``enforce``, conditional on the random intercept of the post. Not through length.
    enforcement_baseline : float
        Probability of ``enforce`` below a post with AIRS = 0, random intercept 0 and mean length.
    post_effect_sd : float
        Standard deviation of the random intercept per post, log-odds.
    length_log_odds : float
        Change of the log-odds of ``enforce`` per standard deviation of the post's log(1 + characters).
    airs_length_shift : float
        Mean difference in log number of sentences of posts with AIRS > 0. With ``length_log_odds`` it plants
        an association that runs through length only.
    correction_log_odds : float
        Change of the log-odds that a comment has AIRS > 0 once its thread holds an ``enforce`` comment.
    comment_airs_share : float
        Probability that a comment has AIRS > 0 before any ``enforce`` comment of its thread.
    toxic_share, endorse_share : float
        Shares of these classes among comments that are not ``enforce``; the rest are ``other``.
    comments_per_post : float
        Mean number of comments per post, nested ones included.
    thread_size_sd : float
        Standard deviation of the log expected thread size (0: Poisson).
    reply_probability : float
        Probability that a comment shallower than `max_depth` gets a reply (at most one is planted).
    max_depth : int
        Depth of the deepest comment, a direct reply to the post being 1.
    reciprocation : float
        Probability that a reply to a comment is planted as a back-reply, by whoever that comment answered.
    duplicate_share : float
        Probability that a comment is a verbatim template, independent of its class.
    token_mint_share : float
        Probability that a post carries an mbc-20 mint, independent of its AIRS label.
    activity_exponent : float
        Exponent of the power law of messages per agent (greater than 1; smaller is more unequal).
    mention_share : float
        Probability that a comment begins by mentioning an agent.
    foreign_share : float
        Probability that a message has its neutral sentences in another language than English.
    comment_delay_minutes : float
        Median delay between a comment and what it answers, minutes.
    n_revised, n_repeated : int
        Posts downloaded a second time, with another score and unchanged.
    n_null_authors : int
        Comments whose author is null.
    n_truncated, n_html, n_empty_comment_files : int
        Files cut in the middle, files that hold an HTML error, files under ``comments/`` without any row.
    n_hostile : int
        Posts that carry an inert payload (markup, injection phrase, fake key; see `pools.HOSTILE`).
    """

    n_agents: int = 400
    n_posts: int = 1600
    n_communities: int = 12
    days: float = 6.0
    start: datetime = FIRST_DAY
    seed: int = 20260127
    airs_positive_share: float = 0.30
    enforcement_log_odds: float = LOG_TWO
    enforcement_baseline: float = 0.10
    post_effect_sd: float = 0.4
    length_log_odds: float = 0.0
    airs_length_shift: float = 0.0
    correction_log_odds: float = -LOG_TWO
    comment_airs_share: float = 0.15
    toxic_share: float = 0.02
    endorse_share: float = 0.12
    comments_per_post: float = 8.0
    thread_size_sd: float = 0.8
    reply_probability: float = 0.12
    max_depth: int = 5
    reciprocation: float = 0.5
    duplicate_share: float = 0.20
    token_mint_share: float = 0.05
    activity_exponent: float = 2.2
    mention_share: float = 0.05
    foreign_share: float = 0.04
    comment_delay_minutes: float = 8.0
    n_revised: int = 3
    n_repeated: int = 1
    n_null_authors: int = 2
    n_truncated: int = 1
    n_html: int = 1
    n_empty_comment_files: int = 3
    n_hostile: int = 9

    def __post_init__(self) -> None:
        """Reject a parameter that the generator could not honour.

        Raises
        ------
        ValueError
            Names the parameter, its value and what is expected.
        """
        require(self, _SHARES, lambda v: 0.0 <= v <= 1.0, "a probability between 0 and 1")
        require(self, _OPEN_SHARES, lambda v: 0.0 < v < 1.0, "a probability strictly between 0 and 1")
        require(self, _POSITIVE, lambda v: v > 0.0, "a number above 0")
        require(self, _NOT_NEGATIVE, lambda v: v >= 0, "a number of at least 0")
        require(self, ("n_agents",), lambda v: v >= 2, "at least 2 agents")
        require(self, ("n_communities", "max_depth"), lambda v: v >= 1, "at least 1")
        require(self, ("n_posts",), lambda v: v >= MIN_POSTS, f"at least {MIN_POSTS} posts")
        require(self, ("activity_exponent",), lambda v: v > 1.0, "an exponent above 1")
        if self.toxic_share + self.endorse_share > 1.0:
            message = "toxic_share and endorse_share add up to more than 1; lower one of them."
            raise ValueError(message)

    @classmethod
    def null(cls, **changes: Any) -> Self:
        """Return the default truth with no effect planted.

        Composition (AIRS share, duplicates, mints, thread sizes) and the random post intercept stay: they are
        what a wrong test mistakes for an effect.

        Parameters
        ----------
        **changes
            Other fields to set, as in the constructor.
        """
        nothing: dict[str, Any] = {
            "enforcement_log_odds": 0.0,
            "length_log_odds": 0.0,
            "airs_length_shift": 0.0,
            "correction_log_odds": 0.0,
            "reciprocation": 0.0,
        }
        return replace(cls(), **(nothing | changes))

    @property
    def generation_sizes(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Expected comments at depth 1, 2, ... per comment at depth 1, shape (max_depth,)."""
        return np.power(self.reply_probability, np.arange(self.max_depth, dtype=np.float64))

    @property
    def expected_depth_mean(self) -> float:
        """Expected mean depth of comments (direct reply = 1)."""
        sizes = self.generation_sizes
        return float(sizes @ np.arange(1, self.max_depth + 1) / sizes.sum())

    @property
    def expected_replied_share(self) -> float:
        """Expected share of comments that get a reply; below `reply_probability` through `max_depth`."""
        sizes = self.generation_sizes
        return float(self.reply_probability * sizes[:-1].sum() / sizes.sum())

    @property
    def marginal_enforcement_log_odds(self) -> float:
        """Log odds ratio of ``enforce`` over all comments, the random intercept integrated out.

        A raw 2x2 table of comments estimates this; it is nearer to 0 than `enforcement_log_odds` (the odds
        ratio does not collapse). Holds while `length_log_odds` is 0. Gauss-Hermite quadrature.
        """
        baseline = math.log(self.enforcement_baseline / (1.0 - self.enforcement_baseline))
        low = _marginal_logit(baseline, self.post_effect_sd)
        return _marginal_logit(baseline + self.enforcement_log_odds, self.post_effect_sd) - low


def require(truth: object, names: tuple[str, ...], holds: Callable[[float], bool], expected: str) -> None:
    """Reject a parameter that does not hold, with a sentence that names it, its value and what is expected."""
    for name in names:
        value = getattr(truth, name)
        if not holds(value):
            message = f"{type(truth).__name__}.{name} is {value!r}; expected {expected}."
            raise ValueError(message)


def _marginal_logit(mean: float, sd: float) -> float:
    nodes, weights = np.polynomial.hermite.hermgauss(QUADRATURE_POINTS)
    probability = float(weights @ (1.0 / (1.0 + np.exp(-(mean + math.sqrt(2.0) * sd * nodes)))))
    probability /= math.sqrt(math.pi)
    return math.log(probability / (1.0 - probability))
