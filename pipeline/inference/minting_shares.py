"""Shares of family token_mint under every choice of the grid: protocol posts, invaded communities, complaints.

What belongs here: the shares of ``grid/token_mint.toml`` as rows of ``analysis.estimate``, with intervals. A share by
itself has no null; what is tested is in `minting_estimates`.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline.activity.resampling import FloatArray, Interval, cluster_bootstrap, stream
from pipeline.activity.row import Sampling
from pipeline.inference.intervals import wilson
from pipeline.inference.minting import FAMILY
from pipeline.inference.minting_frames import Minting, invaded_communities
from pipeline.inference.minting_grid import INVADED, POSTS, ShareSpecification, load_minting_shares
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.schema import Estimate, join_warnings

_ESTIMANDS = {
    ("posts_are_protocol_posts", "message"): "share of posts that are token-mint protocol posts",
    ("posts_are_protocol_posts", "author"): "share of an author's posts that are protocol posts, mean over authors",
    ("communities_are_invaded", "message"): "share of communities that are invaded by protocol posts",
    ("messages_complain", "message"): "share of messages that complain about minting",
    ("messages_complain", "author"): "share of an author's messages that complain about minting, mean over authors",
}


def share_estimates(minting: Minting, sampling: Sampling) -> list[Estimate]:
    """Compute every share of the grid.

    Parameters
    ----------
    minting
        What was read.
    sampling
        Seed, draws and level.

    Returns
    -------
    list of Estimate
        One row per specification. Shares of messages have the percentile bootstrap over authors, where there are 20;
        shares of communities Wilson's interval.
    """
    return [_communities(s, minting, sampling) if s.hypothesis == INVADED else _messages(s, minting, sampling)
            for s in load_minting_shares()]  # fmt: skip


def _communities(spec: ShareSpecification, minting: Minting, sampling: Sampling) -> Estimate:
    known = invaded_communities(minting.posts, spec.threshold).filter(pl.col("posts") >= spec.least_posts)
    hits = known.filter(pl.col("mints") >= spec.threshold).height
    low, high = wilson(hits, known.height, sampling.level)
    words = ["independence_assumed", "composition_sensitive"] if known.height else ["no_communities"]
    value = hits / known.height if known.height else None
    return _row(spec, value, Interval(low, high, "wilson"), (known.height, None, hits), sampling, words)


def _messages(spec: ShareSpecification, minting: Minting, sampling: Sampling) -> Estimate:
    frame = minting.posts if spec.hypothesis == POSTS else minting.messages
    kept = frame.filter("is_first_copy") if spec.copies == "first_only" else frame
    hit = pl.col("is_mint") if spec.hypothesis == POSTS else pl.col(spec.definition)
    totals = kept.group_by("author").agg(k=hit.sum().cast(pl.Int64), n=pl.len().cast(pl.Int64)).sort("author")
    hits, authors = int(totals["k"].sum() or 0), totals.height
    counts = (kept.height, authors, hits)
    none = Interval(None, None, None)
    if not authors:
        return _row(spec, None, none, counts, sampling, ["few_posts"])
    k, n = (totals[name].to_numpy().astype(np.float64) for name in ("k", "n"))
    if spec.unit == "author":
        k, n = k / n, np.ones(authors)
    value = float(k.sum() / n.sum())
    if authors < FEWEST_BOOTSTRAP_UNITS:
        return _row(spec, value, none, counts, sampling, ["composition_sensitive", "few_agents"])
    if not hits:  # as for the rates of analysis.measure: the rule of three, over authors
        found = Interval(0.0, min(1.0, -float(np.log(1 - sampling.level)) / authors), "rule_of_three")
    else:
        found = cluster_bootstrap(
            np.column_stack([k, n]), _ratio, draws=sampling.bootstrap_draws,
            rng=stream(sampling.seed, f"token_mint/{spec.spec_id}"), level=sampling.level,
            method="cluster_bootstrap_agents",
        )  # fmt: skip
    return _row(spec, value, found, counts, sampling, ["composition_sensitive"])


def _ratio(sums: FloatArray) -> FloatArray:
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def _row(
    spec: ShareSpecification, value: float | None, found: Interval, counts: tuple[int, int | None, int],
    sampling: Sampling, words: list[str],
) -> Estimate:  # fmt: skip
    n_obs, authors, hits = counts
    is_invaded = spec.hypothesis == INVADED
    return Estimate(
        spec_id=spec.spec_id, family=FAMILY, hypothesis_id=spec.hypothesis, role=spec.role,
        estimand=_ESTIMANDS[spec.hypothesis, spec.unit], model=spec.formula,
        estimator="mean_over_authors" if spec.unit == "author" else "share", outcome=spec.hypothesis, term="share",
        estimate=value, conf_low=found.low, conf_high=found.high,
        conf_level=None if found.low is None else sampling.level, n_obs=n_obs, n_agents=authors, n_events=hits,
        n_clusters=n_obs if is_invaded else authors, cluster="community" if is_invaded else "author",
        warnings=join_warnings(words),
    )  # fmt: skip
