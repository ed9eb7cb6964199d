"""The AIRS of posts: how many invite an action or name something sensitive, by slice and by day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import duckdb
import numpy as np
import polars as pl

from pipeline.inference.enforcement_frames import read_posts
from pipeline.inference.intervals import cluster_bootstrap_means, wilson
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS, Floats, percentile_interval
from pipeline.inference.slices import BUILT_IN_SLICES, SliceRule, slice_posts
from pipeline.language.clock import is_precise
from pipeline.language.covered import coverage
from pipeline.schema import Measure, join_warnings

FAMILY = "airs"
N_DRAWS = 1000
"""Bootstrap draws over authors: the ends of a 95 % interval then rest on 25 draws each."""
FEW_POSTS = 30
"""Fewer posts than this make a share too uncertain to read without its interval."""

SHARES = {
    "airs_positive_share": pl.col("airs") > 0,
    "airs_action_share": pl.col("airs_action") > 0,
    "airs_sensitive_share": pl.col("airs_sensitive") > 0,
}
ENTANGLED = frozenset({*SHARES, "airs_mean_count"})
"""What a longer text has more of; a fraction of tokens does not grow with them."""
MEANS = {"airs_mean_count": pl.col("airs"), "airs_fraction_mean": pl.col("airs_fraction")}


def airs_measures(
    con: duckdb.DuckDBPyConnection,
    *,
    seed: int,
    ci_level: float = 0.95,
    slices: Sequence[SliceRule] = BUILT_IN_SLICES,
) -> list[Measure]:
    """Return the AIRS measures of posts, for each slice as a whole and by day.

    Parameters
    ----------
    con
        Connection with the views message, text and lexicon_score of one corpus.
    seed
        Seed of the bootstrap over authors.
    ci_level
        Level of the intervals.
    slices
        The slices to compute on.

    Returns
    -------
    list of Measure
        Shares of posts with AIRS, its action part or its sensitive part above zero; mean count (0 to 10); mean
        share of tokens inside matches. Definitions: METHODS 1.3. Shares by day have Wilson intervals; everything
        else has the percentile bootstrap over authors, unless a share is 0 or 1 or there are fewer than 20
        authors (then Wilson, for shares). Without a clock that tells days, one null row by day says why.
    """
    posts = read_posts(con)
    rows: list[Measure] = []
    for i, rule in enumerate(slices):
        chosen, slice_id = slice_posts(posts, rule), rule.slice_id
        rng = np.random.default_rng([seed, i])
        rows += _rows(chosen, slice_id, None, ci_level, rng)
        rows += _day_rows(chosen, slice_id, ci_level, rng)
    return rows


def _day_rows(posts: pl.DataFrame, slice_id: str, ci_level: float, rng: np.random.Generator) -> Iterator[Measure]:
    timed = posts.filter(is_precise())
    if timed.is_empty():
        yield from _untimed_rows(posts, slice_id)
        return
    days = timed.with_columns(day=pl.col("created_at").dt.truncate("1d")).sort("day", maintain_order=True)
    for (day,), group in days.group_by("day", maintain_order=True):
        assert isinstance(day, datetime)  # noqa: S101 - narrows the type for mypy
        yield from _rows(group, slice_id, day, ci_level, rng)


def _untimed_rows(posts: pl.DataFrame, slice_id: str) -> Iterator[Measure]:
    if posts.is_empty():
        word = "few_posts"
    elif posts["created_at"].null_count() < posts.height:
        word = "time_too_coarse"
    else:
        word = "clock_is_step" if posts["step"].null_count() < posts.height else "no_times"
    for measure_id in (*SHARES, *MEANS):
        yield Measure(
            family=FAMILY,
            measure_id=measure_id,
            value=None,
            n=0,
            n_unit="posts",
            slice_id=slice_id,
            period="day",
            warnings=join_warnings([word]),
        )


def _rows(
    posts: pl.DataFrame, slice_id: str, day: datetime | None, ci_level: float, rng: np.random.Generator
) -> Iterator[Measure]:
    measures = {**SHARES, **MEANS}
    values = posts.select(**{k: v.cast(pl.Float64) for k, v in measures.items()}).to_numpy()
    draws = _author_draws(posts, values, rng)
    few = ["few_posts"] if posts.height < FEW_POSTS else []
    few += coverage(posts["language"]).words
    for column, measure_id in enumerate(measures):
        is_share, sample = measure_id in SHARES, values[:, column]
        low, high, method = _interval(sample, None if draws is None else draws[:, column], ci_level, is_share, day)
        why = ["independence_assumed"] if method == "wilson" else _without_interval(sample) if method is None else []
        yield Measure(
            family=FAMILY,
            measure_id=measure_id,
            value=float(sample.mean()) if sample.size else None,
            n=posts.height,
            n_unit="posts",
            slice_id=slice_id,
            period=None if day is None else "day",
            period_start=day,
            ci_low=low,
            ci_high=high,
            ci_level=None if low is None else ci_level,
            ci_method=method,
            warnings=join_warnings([*few, *why, "composition_sensitive", *_entangled(measure_id, sample)]),
        )


def _entangled(measure_id: str, sample: Floats) -> list[str]:
    return ["length_entangled"] if sample.size and measure_id in ENTANGLED else []


def _without_interval(sample: Floats) -> list[str]:
    """Return why a mean has no interval: nothing varies, or too few authors vary."""
    if not sample.size:
        return []
    return ["no_variation"] if sample.min() == sample.max() else ["few_agents"]


def _author_draws(posts: pl.DataFrame, values: Floats, rng: np.random.Generator) -> Floats | None:
    authors = posts["author"].rank("dense").cast(pl.Int64).to_numpy() - 1
    if authors.size == 0 or authors.max() + 1 < FEWEST_BOOTSTRAP_UNITS:
        return None
    return cluster_bootstrap_means(values, authors, n_draws=N_DRAWS, rng=rng)


def _interval(
    sample: Floats, draws: Floats | None, ci_level: float, is_share: bool, day: datetime | None
) -> tuple[float | None, float | None, str | None]:
    if not sample.size:
        return None, None, None
    is_constant = sample.min() == sample.max()
    if is_share and (day is not None or draws is None or is_constant):
        return (*wilson(int(sample.sum()), sample.size, ci_level), "wilson")
    if draws is None or is_constant:
        return None, None, None
    return (*percentile_interval(draws, ci_level), "author_cluster_bootstrap")
