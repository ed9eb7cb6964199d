"""What follows an agent's highest-voted post, as published, with nulls; and the curve around the event.

What belongs here: rows of ``analysis.measure``. The tests are in `persona_estimates`, the statistics in `drift`.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from pipeline.activity.resampling import Interval, Null, median_interval
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.language.covered import corpus_coverage, refused
from pipeline.language.drift import FEWEST_AGENTS, Series, event_curve, paired_t, whole_changes
from pipeline.language.persona import FAMILY, FEWEST_TOKENS
from pipeline.language.persona_estimates import refusal
from pipeline.language.persona_frame import in_order, of_kind, read_aligned, read_posts, series_of
from pipeline.schema import Measure, join_warnings

REACH = 5
"""Posts on each side that the curve shows."""
NULL = "random_own_post"

Floats = NDArray[np.float64]

_SHIFT = (
    "output_shift_agents",
    "output_shift_ratio_mean",
    "output_shift_ratio_median",
    "output_shift_ratio_mean_upvoted",
    "output_shift_ratio_median_upvoted",
    "output_shift_elevated_share",
)
_DRIFT = (
    "persona_drift_away_share",
    "persona_drift_toward_share",
    "persona_similarity_before",
    "persona_similarity_after",
    "persona_similarity_change",
)


def drift_measures(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> list[Measure]:
    """Compute the Output Shift Ratio, the drift of alignment after the event, and the event-time curve.

    Parameters
    ----------
    con
        Connection with the views ``agent``, ``message``, ``text``, ``embedding`` and ``persona_alignment``.
    sampling
        Level of the intervals.

    Returns
    -------
    list of Measure
        What cannot be computed is a null row with its reason in `warnings`.
    """
    aligned = of_kind(read_aligned(con, FEWEST_TOKENS), "post")
    return [
        *output_shift(read_posts(con), sampling.level),
        *refused(_drift(aligned, refusal(con, aligned), sampling.level), corpus_coverage(con)),
    ]


def output_shift(posts: pl.DataFrame, level: float) -> list[Measure]:
    """Return the share of an agent's posts that come after its highest-voted post, over agents.

    Agents with karma above zero, where the platform has karma. The first of several posts with as many votes is the
    event. The null puts the event at any of the agent's own posts with the same chance: mean (n − 1)/(2n) and variance
    (n² − 1)/(12n²) for n posts.
    """
    ordered = in_order(posts)
    word = _no_event(posts, ordered)
    if word:
        return [_null(name, [word]) for name in _SHIFT]
    if ordered["karma"].count():
        ordered = ordered.filter(pl.col("karma") > 0)
    votes = pl.col("votes").fill_null(0)
    agents = ordered.group_by("author", maintain_order=True).agg(
        n=pl.len().cast(pl.Int64), place=votes.arg_max().cast(pl.Int64), most=votes.max()
    )
    n, place = (agents[name].to_numpy().astype(np.float64) for name in ("n", "place"))
    ratio, is_upvoted = (n - 1 - place) / n, agents["most"].to_numpy() > 0
    words = ["regression_to_the_mean"]
    rows = [row(FAMILY, _SHIFT[0], len(n), len(n), "agents", level=level, interval=CENSUS)]
    for suffix, which in (("", np.ones(len(n), bool)), ("_upvoted", is_upvoted)):
        rows.append(_mean_ratio(f"output_shift_ratio_mean{suffix}", ratio[which], n[which], level))
        ranked = np.sort(ratio[which])
        median = float(np.median(ranked)) if len(ranked) else None
        interval = median_interval(ranked, level=level)
        rows.append(
            row(FAMILY, f"output_shift_ratio_median{suffix}", median, len(ranked), "agents", level=level,
                interval=interval, warnings=words if median is not None else ["few_agents"], is_discrete=True)
        )  # fmt: skip
    rows.append(_elevated(n[n > 1], place[n > 1], level))
    return rows


def _mean_ratio(name: str, ratio: Floats, n: Floats, level: float) -> Measure:
    if len(ratio) < 2:
        return _null(name, ["few_agents"])
    mean, sd = float(((n - 1) / (2 * n)).mean()), float(np.sqrt(((n * n - 1) / (12 * n * n)).sum()) / len(n))
    value, null = float(ratio.mean()), None
    if sd > 0:
        null = Null(NULL, mean, sd, float(2 * stats.norm.sf(abs(value - mean) / sd)))
    reach = float(stats.t.ppf((1 + level) / 2, len(ratio) - 1) * ratio.std(ddof=1) / np.sqrt(len(ratio)))
    interval = Interval(max(value - reach, 0.0), min(value + reach, 1.0), "t_agents")
    return row(
        FAMILY, name, value, len(ratio), "agents", level=level, interval=interval, null=null,
        warnings=["regression_to_the_mean"],
    )  # fmt: skip


def _elevated(n: Floats, place: Floats, level: float) -> Measure:
    """Return the share of agents with more posts after the event than before it."""
    name = "output_shift_elevated_share"
    if not len(n):
        return _null(name, ["few_agents"])
    more = n - 1 - place > place
    chance = np.floor(n / 2) / n  # places with more posts behind than before them, of n
    sd = float(np.sqrt((chance * (1 - chance)).sum()) / len(n))
    value, mean = float(more.mean()), float(chance.mean())
    null = Null(NULL, mean, sd, float(2 * stats.norm.sf(abs(value - mean) / sd)))
    warnings = ["definition_inferred", "regression_to_the_mean"]
    interval = _wilson(int(more.sum()), len(n), level)
    return row(
        FAMILY, name, value, len(n), "agents with two posts", level=level, interval=interval, null=null,
        warnings=warnings,
    )  # fmt: skip


def _wilson(k: int, n: int, level: float) -> Interval:
    low, high = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    return Interval(float(low), float(high), "wilson")


def _no_event(posts: pl.DataFrame, ordered: pl.DataFrame) -> str | None:
    if posts.is_empty():
        return "few_posts"
    if posts["votes"].count() == 0:
        return "no_scores"
    return "time_too_coarse" if ordered.is_empty() else None


def _null(name: str, words: list[str]) -> Measure:
    return Measure(family=FAMILY, measure_id=name, value=None, n=0, n_unit="agents", warnings=join_warnings(words))


def _drift(aligned: pl.DataFrame, refused_by: str | None, level: float) -> list[Measure]:
    ordered = in_order(aligned)
    word = refused_by or _no_event(aligned, ordered)
    if word:
        return [_null(name, [word]) for name in (*_DRIFT, "persona_event_curve")]
    series, _ = series_of(ordered, "similarity_static")
    return [*_published(series, level), *_curve(series, level)]


def _published(series: Series, level: float) -> Iterator[Measure]:
    """Return the drift as published: all posts before against all posts after, nothing controlled."""
    before, after = whole_changes(series)
    both = np.isfinite(before) & np.isfinite(after)
    before, after = before[both], after[both]
    n, words = len(before), ["regression_to_the_mean", "static_vectors"]
    if n < FEWEST_AGENTS:
        yield from (_null(name, ["few_agents"]) for name in _DRIFT)
        return
    for name, k in ((_DRIFT[0], int((after < before).sum())), (_DRIFT[1], int((after > before).sum()))):
        yield row(FAMILY, name, k / n, n, "agents", level=level, interval=_wilson(k, n, level), warnings=words)
    for name, values in ((_DRIFT[2], before), (_DRIFT[3], after)):
        fit = paired_t(values, level)
        interval = Interval(fit.conf_low, fit.conf_high, "t_agents" if fit.conf_low is not None else None)
        yield row(FAMILY, name, float(values.mean()), n, "agents", level=level, interval=interval, warnings=words)
    change, error = _relative(before, after)
    reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    interval = Interval(change - reach, change + reach, "delta_agents")
    yield row(FAMILY, _DRIFT[4], change, n, "agents", level=level, interval=interval, warnings=words)


def _relative(before: Floats, after: Floats) -> tuple[float, float]:
    """Return mean(after)/mean(before) − 1 and its standard error over agents (delta method)."""
    ratio = float(after.mean() / before.mean())
    rest = (after - ratio * before) / before.mean()
    return ratio - 1, float(rest.std(ddof=1) / np.sqrt(len(rest)))


def _curve(series: Series, level: float) -> Iterator[Measure]:
    points = event_curve(series, REACH, window=1)
    if not points:
        yield _null("persona_event_curve", ["few_agents"])
    for point in points:
        reach = float(stats.t.ppf((1 + level) / 2, point.agents - 1)) * point.error
        yield Measure(
            family=FAMILY,
            measure_id="persona_event_curve",
            unit="event_offset",
            unit_id=str(point.offset),
            value=point.mean,
            n=point.agents,
            n_unit="agents",
            ci_low=point.mean - reach if reach else None,
            ci_high=point.mean + reach if reach else None,
            ci_level=level if reach else None,
            ci_method="t_agents" if reach else None,
            warnings=join_warnings(["static_vectors"]),
        )
