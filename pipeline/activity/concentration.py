"""How unequally agents take part: counts, Gini coefficient and the tail of messages per author.

What belongs here: measures of posts and comments per author. Authors are agents with at least one message;
messages without author are left out and counted in a warning.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial

import duckdb
import numpy as np
import powerlaw
from scipy import stats

from pipeline.activity.burstiness import burstiness_measures
from pipeline.activity.first_day import first_day_measures
from pipeline.activity.gaps import NO_GAPS, Gaps
from pipeline.activity.resampling import NO_INTERVAL, IntArray, Interval, Null, gini, gini_interval, stream
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.schema import Measure

FAMILY = "activity"
MIN_AGENTS = 10
MIN_TAIL_AGENTS = 50  # Clauset, Shalizi & Newman 2009: estimates are unreliable below about 50 values in the tail

_PER_AUTHOR = """
SELECT count(*) AS messages FROM message
WHERE agent_id IS NOT NULL AND kind IN ('post', 'comment') GROUP BY agent_id ORDER BY messages
"""
_COUNTS = """
SELECT count(*) FILTER (WHERE kind = 'post') AS posts, count(*) FILTER (WHERE kind = 'comment') AS comments,
       count(*) FILTER (WHERE agent_id IS NULL AND kind IN ('post', 'comment')) AS anonymous,
       count(DISTINCT agent_id) FILTER (WHERE kind = 'post') AS post_authors,
       count(DISTINCT agent_id) FILTER (WHERE kind = 'comment') AS commenters
FROM message
"""


@dataclass(frozen=True, slots=True)
class TailFit:
    """A discrete power law fitted to the tail of counts.

    Attributes
    ----------
    alpha
        Exponent.
    xmin
        Smallest value of the tail, chosen by the smallest Kolmogorov-Smirnov distance.
    n_tail
        Values in the tail.
    ratio, ratio_p
        Normalised log-likelihood ratio to a lognormal on the same tail (positive: the power law fits better)
        and its two-sided p (Vuong).
    """

    alpha: float
    xmin: float
    n_tail: int
    ratio: float
    ratio_p: float


def fit_tail(counts: IntArray) -> TailFit | None:
    """Fit a discrete power law by approximate maximum likelihood.

    Parameters
    ----------
    counts
        Positive integers, one per agent, shape (n,).

    Returns
    -------
    TailFit or None
        Clauset, Shalizi & Newman 2009 (arXiv 0706.1062), section 3.1 and 3.3, as package powerlaw computes it
        with ``discrete=True, estimate_discrete=True``; ``None`` when there is no variation or the fit fails.
    """
    if len(np.unique(counts)) < 3:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            fit = powerlaw.Fit(counts, discrete=True, estimate_discrete=True, verbose=0)
            alpha, xmin = float(fit.power_law.alpha), float(fit.power_law.xmin)
            ratio, p_value = fit.distribution_compare("power_law", "lognormal", normalized_ratio=True)
        except (ValueError, ZeroDivisionError, IndexError, FloatingPointError):
            return None
    if not np.isfinite(alpha):
        return None
    return TailFit(alpha, xmin, int((counts >= xmin).sum()), float(ratio), float(p_value))


def tail_interval(fit: TailFit, level: float) -> Interval:
    """Asymptotic interval ``α ± z (α − 1)/√n_tail`` given the cut-off xmin (Clauset et al. 2009, eq. 3.2)."""
    reach = float(stats.norm.ppf((1 + level) / 2)) * (fit.alpha - 1) / np.sqrt(fit.n_tail)
    return Interval(fit.alpha - reach, fit.alpha + reach, "asymptotic_given_xmin")


def activity_measures(con: duckdb.DuckDBPyConnection, sampling: Sampling, gaps: Gaps = NO_GAPS) -> list[Measure]:
    """Compute counts, Gini coefficient and tail of messages per author, burstiness, and messages of the first day.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    sampling
        Seed, draws and level.
    gaps
        Interruptions of the collection, for measures of times between messages.
    """
    counts = con.sql(_PER_AUTHOR).pl()["messages"].to_numpy().astype(np.int64)
    posts, comments, anonymous, post_authors, commenters = con.sql(_COUNTS).fetchall()[0]
    words = ["null_authors"] if anonymous else []
    few = ["few_agents"] if len(counts) < MIN_AGENTS else []
    emit = partial(row, FAMILY, level=sampling.level)
    distinct, copies = np.unique(counts, return_counts=True)
    value = float(gini(distinct, copies)) if len(counts) else float("nan")
    rng = stream(sampling.seed, "activity_gini")
    interval = gini_interval(counts, draws=sampling.bootstrap_draws, rng=rng, level=sampling.level)
    return [
        emit("n_agents", len(counts), len(counts), "agents", interval=CENSUS, warnings=words),
        emit("n_posts", posts, posts, "posts", interval=CENSUS),
        emit("n_comments", comments, comments, "comments", interval=CENSUS),
        emit("n_post_authors", post_authors, post_authors, "agents", interval=CENSUS, warnings=words),
        emit("n_commenters", commenters, commenters, "agents", interval=CENSUS, warnings=words),
        emit(
            "activity_gini",
            value,
            len(counts),
            "agents",
            interval=NO_INTERVAL if few else interval,
            warnings=[*words, *few],
        ),
        *_tail(counts, sampling, words),
        *burstiness_measures(con, sampling, gaps),
        *first_day_measures(con, sampling, gaps),
    ]


def _tail(counts: IntArray, sampling: Sampling, words: list[str]) -> list[Measure]:
    emit = partial(row, FAMILY, level=sampling.level)
    names = (
        "activity_tail_exponent",
        "activity_tail_xmin",
        "activity_tail_share",
        "activity_tail_lognormal_ratio",
    )
    fit = fit_tail(counts) if len(counts) >= MIN_AGENTS else None
    if fit is None:
        word = "few_agents" if len(counts) < MIN_TAIL_AGENTS else "no_variation"
        return [emit(name, None, len(counts), "agents", warnings=[*words, word]) for name in names]
    words = [*words, "xmin_selected"]
    words += ["few_agents"] if fit.n_tail < MIN_TAIL_AGENTS else []
    words += ["tail_not_power_law"] if not fit.ratio > 0 else []
    return [
        emit(
            names[0],
            fit.alpha,
            fit.n_tail,
            "agents",
            interval=tail_interval(fit, sampling.level),
            warnings=words,
        ),
        emit(names[1], fit.xmin, len(counts), "agents", interval=CENSUS, warnings=words),
        emit(names[2], fit.n_tail / len(counts), len(counts), "agents", interval=CENSUS, warnings=words),
        _vuong(names[3], fit, sampling, words),
    ]


def _vuong(name: str, fit: TailFit, sampling: Sampling, words: list[str]) -> Measure:
    # The normalised ratio is standard normal when both distributions are equally far from the truth.
    null = Null("vuong", 0.0, 1.0, fit.ratio_p) if np.isfinite(fit.ratio) else None
    return row(FAMILY, name, fit.ratio, fit.n_tail, "agents", level=sampling.level, null=null, warnings=words)
