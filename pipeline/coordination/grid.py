"""Shares of autonomous and human-influenced agents under every choice of ``grid.toml``: rows of ``analysis.estimate``.

What belongs here: the grid, and its rows. Every share stands beside what agents that post at random moments would give
under the same choices; the difference is the common scale of the family.
"""

from __future__ import annotations

import hashlib
import itertools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import duckdb
import numpy as np

from pipeline.activity.burstiness import MIN_AGENTS
from pipeline.activity.gaps import Gaps
from pipeline.activity.resampling import FloatArray, stream
from pipeline.activity.row import Sampling
from pipeline.coordination.nulls import affordable, against
from pipeline.coordination.posts import Posts, read_posts
from pipeline.coordination.regularity import FAMILY
from pipeline.coordination.timing import Intervals, coefficients, finite_size, intervals
from pipeline.inference.intervals import wilson
from pipeline.inference.multiplicity import adjust
from pipeline.schema import Estimate, join_warnings

EVENTS = {"posts": ("post",), "posts_and_comments": ("post", "comment"), "memoryless": ("post",)}
_BOUNDS = {"cov": (0.5, 1.0), "finite_size": (-1 / 3, 0.0)}
_HYPOTHESES = {"autonomous": "agents_post_like_clocks", "human": "agents_post_in_bursts"}
_MOST_DRAWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One specification of the grid; the fields are the choices of ``grid.toml``."""

    role: str
    outcome: str
    events: str
    min_intervals: int
    statistic: str
    open_interval: str

    @property
    def model(self) -> str:
        """The choices in words."""
        least = f"{self.min_intervals} intervals or more"
        open_ = "open interval counted" if self.open_interval == "counted" else "closed intervals"
        return f"{self.outcome} | {self.events.replace('_', ' ')}, {least}, {self.statistic.replace('_', ' ')}, {open_}"

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of the choices."""
        parts = (self.outcome, self.events, str(self.min_intervals), self.statistic, self.open_interval)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


@cache
def load_choices() -> tuple[Choice, ...]:
    """Return the specifications of ``grid.toml``: primary, robustness, negative controls."""
    raw = tomllib.loads(files("pipeline.coordination").joinpath("grid.toml").read_text(encoding="utf-8"))
    names = ("outcome", "events", "min_intervals", "statistic", "open_interval")
    values = raw["choices"]
    first = {name: values[name][0] for name in names if name != "outcome"}
    found = []
    for picked in itertools.product(*(values[name] for name in names)):
        chosen = dict(zip(names, picked, strict=True))
        is_primary = all(chosen[name] == value for name, value in first.items())
        found.append(Choice(role="primary" if is_primary else "robustness", **chosen))
    for events in raw["negative_control"]["events"]:
        found += [
            Choice(role="negative_control", outcome=outcome, **{**first, "events": events})
            for outcome in values["outcome"]
        ]
    return tuple(found)


def regularity_estimates(con: duckdb.DuckDBPyConnection, gaps: Gaps, sampling: Sampling) -> list[Estimate]:
    """Compute every specification of the grid.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    gaps
        Interruptions of the collection.
    sampling
        Seed, draws and level.

    Returns
    -------
    list of Estimate
        One row per specification, in the order of the grid.
    """
    posts = {name: read_posts(con, gaps.of(*kinds), kinds) for name, kinds in EVENTS.items()}
    done: dict[tuple[str, int, str], tuple[Intervals, list[dict[str, FloatArray]]]] = {}
    rows = []
    for choice in load_choices():
        key = (choice.events, choice.min_intervals, choice.open_interval)
        if key not in done:
            done[key] = _sample(posts[choice.events], choice, sampling)
        rows.append(_row(choice, posts[choice.events], *done[key], sampling))
    return adjust(rows)


def _sample(posts: Posts, choice: Choice, sampling: Sampling) -> tuple[Intervals, list[dict[str, FloatArray]]]:
    """Return the intervals of the agents that have enough, and both statistics under the null, draw by draw."""
    closed = intervals(posts.agent, posts.at, posts.gaps)
    counts = np.bincount(closed.agent, minlength=len(posts.names))
    found = _with_open(posts, closed) if choice.open_interval == "counted" else closed
    is_kept = counts[found.agent] >= choice.min_intervals
    found = Intervals(found.agent[is_kept], found.length[is_kept])
    name = f"grid/{choice.events}/{choice.min_intervals}/{choice.open_interval}"
    if choice.events == "memoryless" and found.length.size:
        drawn = stream(sampling.seed, f"{name}/control").exponential(size=found.length.size)
        found = Intervals(found.agent, drawn)
    rng, draws = stream(sampling.seed, name), affordable(min(sampling.null_draws, _MOST_DRAWS), found.length.size)
    null = [
        _statistics(Intervals(found.agent, rng.exponential(size=found.length.size)))
        for _ in range(draws if found.length.size else 0)
    ]
    return found, null


def _with_open(posts: Posts, closed: Intervals) -> Intervals:
    """Add to each agent the time from its last message to the last of all, unless it spans a gap."""
    if not posts.at.size:
        return closed
    last = np.flatnonzero(np.append(posts.agent[1:] != posts.agent[:-1], True))
    end = np.full(len(last), posts.at.max())
    is_known = ~posts.gaps.spanned(posts.at[last], end)
    agent = np.concatenate([closed.agent, posts.agent[last][is_known]])
    length = np.concatenate([closed.length, (end - posts.at[last])[is_known].astype(np.float64)])
    order = np.argsort(agent, kind="stable")
    return Intervals(agent[order], length[order])


def _statistics(found: Intervals) -> dict[str, FloatArray]:
    n, cov = coefficients(found)
    return {"cov": cov, "finite_size": finite_size(cov, n)}


def _share(values: FloatArray, choice: Choice) -> tuple[int, int]:
    low, high = _BOUNDS[choice.statistic]
    known = values[~np.isnan(values)]
    hits = known < low if choice.outcome == "autonomous" else known >= high
    return int(hits.sum()), len(known)


def _row(
    choice: Choice, posts: Posts, found: Intervals, null: list[dict[str, FloatArray]], sampling: Sampling
) -> Estimate:
    k, n = _share(_statistics(found)[choice.statistic], choice)
    low, high = wilson(k, n, sampling.level) if n >= MIN_AGENTS else (None, None)
    words = [*posts.words, *([] if n >= MIN_AGENTS else ["few_agents"])]
    draws = np.array(list(_shares(null, choice)))
    against_null = against("memoryless_posting", k / n, draws) if n and len(draws) else None
    row = Estimate(
        spec_id=choice.spec_id,
        family=FAMILY,
        hypothesis_id=_HYPOTHESES[choice.outcome],
        role=choice.role,
        estimand=f"share of agents that look {'autonomous' if choice.outcome == 'autonomous' else 'human-influenced'}",
        model=choice.model,
        estimator="share_of_agents",
        outcome=choice.outcome,
        term="share",
        estimate=k / n if n else None,
        conf_low=low,
        conf_high=high,
        conf_level=None if low is None else sampling.level,
        n_obs=int(found.length.size),
        n_agents=n,
        sampling="all agents",
        warnings=join_warnings(words),
    )
    if against_null is None:
        return row
    scale = [None if value is None else value - against_null.mean for value in (row.estimate, low, high)]
    return replace(
        row, null_mean=against_null.mean, null_sd=against_null.sd, n_perm=len(draws), p_value=against_null.p_value,
        common_scale=scale[0], common_scale_low=scale[1], common_scale_high=scale[2],
    )  # fmt: skip


def _shares(null: list[dict[str, FloatArray]], choice: Choice) -> Iterator[float]:
    for draw in null:
        k, n = _share(draw[choice.statistic], choice)
        yield k / n if n else float("nan")
