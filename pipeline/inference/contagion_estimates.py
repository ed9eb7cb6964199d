"""Is a label contagious in threads? Every specification of the contagion grid on one corpus.

What belongs here: samples and designs of the specifications, and their rows. Tests of order are in `order`.

A comment is never exposed to its own author: comments on one's own post, later comments of who wrote the first one, and
answers to oneself are left out where the exposure is that message, and tests of order take an author's first comment of
a thread only. What an author says everywhere is a trait and no contagion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import stream
from pipeline.inference.contagion_frames import EMOTIONS, Corpus, floats, integers, mark, read_messages
from pipeline.inference.contagion_specification import (
    ANY_EMOTION,
    ORDER,
    ContagionSpecification,
    load_contagion_grid,
)
from pipeline.inference.logit import fit_logit
from pipeline.inference.multiplicity import adjust
from pipeline.inference.order import blocks, order_test
from pipeline.inference.result import FEW_CLUSTERS, Fit, Floats, events_warning, wald
from pipeline.inference.slices import BUILT_IN_SLICES, slice_replies
from pipeline.language.covered import coverage
from pipeline.schema import Estimate, join_warnings

FAMILY = "contagion"
FEW_GROUPS = 10
"""Fewer runs or threads than this that hold a label twice, and the draws take too few values for a p-value."""


def contagion_estimates(
    con: duckdb.DuckDBPyConnection,
    grid: Sequence[ContagionSpecification] | None = None,
    *,
    seed: int,
    ci_level: float = 0.95,
    n_draws: int = 1000,
    progress: Callable[[str], None] | None = None,
) -> list[Estimate]:
    """Run every specification of the grid and adjust the p-values.

    Parameters
    ----------
    con
        Connection with the views message, text, text_label and lexicon_score of one corpus.
    grid
        The specifications; without it, the registered grid.
    seed, ci_level, n_draws
        Seed and number of the permutations, level of the intervals.
    progress
        Called with one line per specification.

    Returns
    -------
    list of Estimate
        One row per specification, in the order of the grid. A specification that the data do not allow is a row with a
        null estimate and its reason in `warnings`.
    """
    corpus = Corpus(read_messages(con))
    version = con.sql("SELECT min(classifier) FROM text_label WHERE scheme = 'conflict'").fetchall()[0][0]
    rules = {rule.slice_id: rule for rule in BUILT_IN_SLICES}
    rows = []
    for i, spec in enumerate(grid or load_contagion_grid(), 1):
        if progress is not None:
            progress(f"contagion {i}: {spec.estimator}, {spec.formula}, {spec.slice}")
        sample = slice_replies(corpus.comments, rules[spec.slice])
        fit = fit_specification(corpus, sample, spec, seed=seed, ci_level=ci_level, n_draws=n_draws)
        rows.append(_row(spec, sample, fit, ci_level, version))
    return adjust(rows)


def fit_specification(
    corpus: Corpus, sample: pl.DataFrame, spec: ContagionSpecification, *, seed: int, ci_level: float, n_draws: int
) -> Fit:
    """Fit one specification to the comments of its slice."""
    if spec.estimator == "order_permutation":
        return _order(sample, spec, seed, ci_level, n_draws)
    return _logit(design(corpus, sample, spec), spec, ci_level)


# Logits


def design(corpus: Corpus, sample: pl.DataFrame, spec: ContagionSpecification) -> pl.DataFrame:
    """Return the rows of a logit: y, x, post, agent and the controls of the specification."""
    outcome = spec.outcome
    frame = sample.with_columns(y=mark(outcome), post_label=mark(outcome, "post_"))
    running = pl.col("y").cum_sum().over("root_id") - pl.col("y")
    is_self = {
        "post": pl.col("is_own_post"),
        "first": (pl.col("agent") == pl.col("agent").first().over("root_id")) | (pl.col("place") == 1),
        "before": ~pl.col("is_first_of_author") | (pl.col("place") == 1),
        "parent": (pl.col("agent_id") == pl.col("parent_agent_id")).fill_null(False),
    }.get(spec.exposure, pl.col("is_own_post"))
    exposure = {
        "post": pl.col("post_label"),
        "first": pl.col("y").first().over("root_id"),
        "before": running / (pl.col("place") - 1).clip(lower_bound=1),
        "parent": mark(outcome, "parent_"),
        "placebo_post": mark(outcome, "placebo_"),
        "hash_binary": pl.col("post_hash_binary"),
    }[spec.exposure]
    # Places are counted within the slice, since the first comment of a thread may not belong to it.
    placed = frame.with_columns(place=pl.int_range(1, pl.len() + 1).over("root_id"))
    exposed = placed.with_columns(x=exposure.cast(pl.Float64), is_self=is_self)
    if spec.exposure in ("first", "before"):
        exposed = exposed.filter("is_ordered")
    kept = exposed.filter(~pl.col("is_self") & pl.col("x").is_not_null())
    if {"author_rate", "community_rate"} & set(spec.controls):
        kept = kept.join(corpus.base_rates(outcome), on="message_id", how="left", maintain_order="left")
    columns = {
        "reply_length": pl.col("n_chars").log1p(),
        "post_length": pl.col("post_n_chars").log1p(),
        "position": pl.col("position").cast(pl.Float64).log(),
    }
    return kept.select("y", "x", "post", "agent", *(columns.get(c, pl.col(c)).alias(c) for c in spec.controls))


def _logit(frame: pl.DataFrame, spec: ContagionSpecification, ci_level: float) -> Fit:
    y, n_events = floats(frame, "y"), int(frame["y"].sum())
    base = Fit(
        n_obs=frame.height, n_agents=frame["agent"].n_unique(), n_clusters=frame["post"].n_unique(), n_events=n_events
    )
    used = [name for name in spec.controls if frame[name].n_unique() > 1]
    if n_events in (0, frame.height) or frame["x"].n_unique() < 2:
        words: tuple[str, ...] = ("few_replies",) if frame.height == 0 else ("no_variation",)
        return replace(base, warnings=words)
    x = np.column_stack([np.ones(frame.height), floats(frame, "x"), *(_centred(floats(frame, name)) for name in used)])
    clusters = [np.unique(integers(frame, name), return_inverse=True)[1].astype(np.int64) for name in spec.clusters]
    fit = fit_logit(x, y, clusters)
    error = float(np.sqrt(fit.covariance[1, 1])) if fit.covariance[1, 1] > 0 else float("nan")
    if fit.is_separated or not fit.converged or not np.isfinite(error):
        return replace(base, converged=fit.converged, warnings=("separation" if fit.is_separated else "not_converged",))
    few = ("few_clusters",) if (fit.n_clusters or 0) < FEW_CLUSTERS else ()
    test = wald(float(fit.beta[1]), error, ci_level)
    # Events at the exposed are what an odds ratio of a rare label stands on.
    exposed = frame.filter(pl.col("x") > 0)
    words = (*few, *events_warning(n_events, frame.height, x.shape[1]))
    if exposed.height < frame.height and int(exposed["y"].sum()) < FEW_GROUPS:
        words = (*words, "few_events")
    return replace(
        base, estimate=float(fit.beta[1]), std_error=error, statistic=test.statistic, p_value=test.p_value,
        conf_low=test.low, conf_high=test.high, n_clusters=fit.n_clusters, converged=True, warnings=words,
    )  # fmt: skip


def _centred(values: Floats) -> Floats:
    spread = values.std()
    out: Floats = (values - values.mean()) / (spread if spread > 0 else 1.0)
    return out


# Order


def _no_order(sample: pl.DataFrame) -> str:
    """Return why no comment has a place: times are too coarse, or there are none."""
    return "time_too_coarse" if sample["created_at"].count() else "no_times"


def _order(sample: pl.DataFrame, spec: ContagionSpecification, seed: int, ci_level: float, n_draws: int) -> Fit:
    frame = sample.filter(pl.col("is_ordered") & pl.col("is_first_of_author"))
    codes = {name: i for i, name in enumerate(EMOTIONS, 1)}
    if spec.outcome == ANY_EMOTION:
        labels = frame["emotion"].replace_strict(codes, default=0, return_dtype=pl.Int64)
    else:
        labels = frame.select(mark(spec.outcome)).to_series()
    frame = frame.select("post", "agent", label=labels)
    group = integers(frame, "post")
    if spec.block:
        group = blocks(group, spec.block)
    base = Fit(
        n_obs=frame.height, n_agents=frame["agent"].n_unique(), n_clusters=int(np.unique(group).size),
        n_events=int((frame["label"] > 0).sum()),
    )  # fmt: skip
    rng = stream(seed, f"contagion {spec.spec_id}")
    group = np.unique(group, return_inverse=True)[1].astype(np.int64) if group.size else group
    test = order_test(integers(frame, "label"), group, spec.exposure, n_draws=n_draws, rng=rng)
    if test is None or test.n_groups < FEW_GROUPS or (spec.exposure == "adjacent" and test.expected <= 0):
        return replace(base, warnings=("few_events",) if sample["is_ordered"].any() else (_no_order(sample),))
    # Neighbours are counted, so a ratio; the mean before is a product of residuals about 0, so a difference.
    is_ratio = spec.exposure == "adjacent"
    scale, null = (test.expected, 1.0) if is_ratio else (float(test.n_labels), 0.0)
    shift = 0.0 if is_ratio else test.expected
    value, draws = (test.observed - shift) / scale, (test.draws - shift) / scale
    low, high = np.quantile(draws - null, [0.5 - ci_level / 2, 0.5 + ci_level / 2])
    return replace(
        base, estimate=value, std_error=test.sd / scale, p_value=test.p_value, conf_low=value - float(high),
        conf_high=value - float(low), null_mean=null, null_sd=test.sd / scale, n_perm=int(draws.size),
        n_clusters=test.n_groups,
        sampling=f"first comment of an author in a thread; {draws.size} random orders, seed {seed}",
    )  # fmt: skip


# Rows


def estimand(spec: ContagionSpecification) -> str:
    """Say in words what a specification estimates."""
    label = "the same emotion" if spec.outcome == ANY_EMOTION else f"label {spec.outcome}"
    if spec.estimator == "order_permutation":
        where = f"runs of {spec.block} comments" if spec.block else "whole threads"
        if spec.exposure == "adjacent":
            return f"{ORDER['adjacent']} ({label}), seen over expected in random order within {where}; 1 without"
        return f"mean of the label before a labelled comment ({label}), less that in random order within {where}"
    what = {
        "post": "comments on posts with the label against others",
        "first": "later comments after a first comment with the label against others",
        "before": "comments when all comments before have the label against none",
        "parent": "answers to a message with the label against others",
        "placebo_post": "comments where another post of the community has the label against others",
        "hash_binary": "comments on posts with an even hash against others",
    }[spec.exposure]
    return f"log odds ratio that a comment has {label}: {what}"


def _row(
    spec: ContagionSpecification, sample: pl.DataFrame, fit: Fit, ci_level: float, version: str | None
) -> Estimate:
    times = sample["created_at"]
    is_confounded = spec.exposure in ("post", "first", "before", "parent") and spec.estimator == "logit_cluster"
    words = ["classifier_error", *fit.warnings, *coverage(sample["language"]).words]
    return Estimate(
        spec_id=spec.spec_id, family=FAMILY, hypothesis_id=spec.hypothesis, role=spec.role, estimand=estimand(spec),
        model=spec.formula, estimator=spec.estimator, outcome=spec.outcome, term=spec.exposure, estimate=fit.estimate,
        slice_id=spec.slice, std_error=fit.std_error, statistic=fit.statistic, p_value=fit.p_value,
        conf_low=fit.conf_low, conf_high=fit.conf_high, conf_level=None if fit.conf_low is None else ci_level,
        n_obs=fit.n_obs, n_agents=fit.n_agents, n_clusters=fit.n_clusters, n_events=fit.n_events,
        cluster="+".join(spec.clusters) or None, sampling=fit.sampling,
        window_start=times.min(), window_end=times.max(),  # type: ignore[arg-type]
        score_version=version, null_mean=fit.null_mean, null_sd=fit.null_sd, n_perm=fit.n_perm,
        converged=fit.converged, warnings=join_warnings([*words, *(["homophily_or_contagion"] * is_confounded)]),
    )  # fmt: skip
