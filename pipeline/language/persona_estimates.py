"""Persona and votes: the specifications of family ``persona`` of ``analysis.estimate`` on one corpus.

What belongs here: from the rows of ``feature.persona_alignment`` to fits, and from fits to rows. The cosines are those
of the static vectors, which every message has; they are no unbiased stand-in for the teacher's, so an effect is in
units of the static cosine (warning ``static_vectors``), while a test of none is as valid as with the teacher's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.activity.resampling import stream
from pipeline.inference.multiplicity import adjust
from pipeline.inference.result import Fit, wald
from pipeline.language.clock import COARSE
from pipeline.language.covered import WORD, corpus_coverage
from pipeline.language.drift import (
    change_at,
    matched,
    matched_dose,
    matched_effect,
    one_placebo,
    paired_t,
    sign_share,
    whole_changes,
)
from pipeline.language.persona import FAMILY
from pipeline.language.persona_frame import days, in_order, of_kind, read_aligned, sampled, series_of
from pipeline.language.persona_grid import ESTIMATORS, PersonaSpecification
from pipeline.language.persona_null import FEWEST_AGENTS, excess_error, shuffled_mean
from pipeline.language.persona_sums import AgentSums, agent_sums
from pipeline.language.trend import dealt_anew, rank_correlation, slope
from pipeline.schema import Estimate, join_warnings

SIMILARITY = "similarity_static"
_EVENTS = ("matched_event", "matched_dose", "raw_event", "whole_event", "sign_event")
_SLOPES = ("within_slope", "pooled_slope", "pooled_slope_iid")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """What all specifications share."""

    aligned: pl.DataFrame
    seed: int
    ci_level: float


def persona_estimates(
    con: duckdb.DuckDBPyConnection,
    grid: Sequence[PersonaSpecification],
    *,
    seed: int,
    ci_level: float = 0.95,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Estimate]:
    """Run every specification of the grid and adjust the p-values.

    Parameters
    ----------
    con
        Connection with the views ``agent``, ``message``, ``text``, ``embedding``, ``persona_embedding`` and
        ``persona_alignment`` of one corpus.
    grid
        The specifications, from `pipeline.language.persona_grid.load_persona_grid`.
    seed
        Seed of what is dealt out anew.
    ci_level
        Level of the intervals.
    progress
        Called with one line per specification.

    Returns
    -------
    list of Estimate
        One row per specification, in the order of the grid. What the data do not allow is a row with a null estimate
        and its reason in `warnings`.
    """
    covered = corpus_coverage(con)
    rows = Rows(read_aligned(con, min(spec.least_tokens for spec in grid), seed), seed, ci_level)
    word = refusal(con, rows.aligned) or (WORD if covered.is_refused else None)
    shuffled = {} if word else _all_shuffled(con, rows, grid)
    found = []
    for spec in grid:
        progress(f"persona: {spec.formula}")
        chosen = _chosen(rows, spec)
        fit = Fit(n_obs=0, n_agents=0, warnings=(word,)) if word else _fit(rows, spec, chosen, shuffled)
        words = [*fit.warnings, *(covered.words if fit.n_obs else [])]
        found.append(_row(spec, chosen, replace(fit, warnings=tuple(words)), ci_level))
    return adjust(found)


def refusal(con: duckdb.DuckDBPyConnection, aligned: pl.DataFrame) -> str | None:
    """Return the word that says why no message has an alignment, None when some have."""
    if aligned.height:
        return None
    texts, vectors = con.sql(
        "SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM embedding WHERE rung = 'static')"
    ).fetchall()[0]
    return "no_messages" if not texts else "no_descriptions" if vectors else "model_unavailable"


def _chosen(rows: Rows, spec: PersonaSpecification) -> pl.DataFrame:
    long_enough = rows.aligned.filter(pl.col("persona_tokens") >= spec.least_tokens)
    return sampled(of_kind(long_enough, spec.kind), spec.sample)


def _all_shuffled(con: duckdb.DuckDBPyConnection, rows: Rows, grid: Sequence[PersonaSpecification]) -> dict[str, Fit]:
    """Return the fits against dealt descriptions by specification; sums of one sample are held at a time."""
    chosen = [spec for spec in grid if spec.estimator == "shuffled_personas"]
    found: dict[str, Fit] = {}
    for key in sorted({(spec.kind, spec.sample) for spec in chosen}):
        sums = agent_sums(con, {key: sampled(of_kind(rows.aligned, key[0]), key[1])})[key]
        found |= {spec.spec_id: _shuffled(rows, spec, sums) for spec in chosen if (spec.kind, spec.sample) == key}
    return found


def _fit(rows: Rows, spec: PersonaSpecification, chosen: pl.DataFrame, shuffled: dict[str, Fit]) -> Fit:
    if chosen.is_empty():
        return Fit(n_obs=0, n_agents=0, warnings=("few_replies" if spec.kind == "comment" else "few_posts",))
    if spec.estimator == "shuffled_personas":
        return shuffled[spec.spec_id]
    if spec.estimator == "rank_correlation":
        by_agent = chosen.group_by("author", maintain_order=True).agg(
            n=pl.len(), mean=pl.col(SIMILARITY).mean().round(9)
        )
        counts, means = by_agent["n"].to_numpy().astype(np.float64), by_agent["mean"].to_numpy()
        return rank_correlation(counts, means, rows.ci_level)
    return _event(rows, spec, chosen) if spec.estimator in _EVENTS else _slope(rows, spec, chosen)


def _shuffled(rows: Rows, spec: PersonaSpecification, found: AgentSums) -> Fit:
    part = found.of(found.tokens >= spec.least_tokens)
    agents, n = len(part.counts), int(part.counts.sum())
    if agents < FEWEST_AGENTS:
        return Fit(n_obs=n, n_agents=agents, n_clusters=agents, warnings=("few_agents",))
    weights = part.counts / n if spec.weight == "message" else np.full(agents, 1 / agents)
    scaled = part.sums * (weights / part.counts)[:, None]
    personas = part.personas
    if spec.placebo:
        personas = personas[stream(rows.seed, spec.spec_id).permutation(agents)]
    shuffled = shuffled_mean(personas, scaled)
    excess, error = shuffled.observed - shuffled.mean, excess_error(personas, scaled, weights)
    if shuffled.sd <= 0 or error <= 0:
        return Fit(estimate=excess, n_obs=n, n_agents=agents, n_clusters=agents, warnings=("no_variation",))
    interval = wald(excess, error, rows.ci_level, agents - 1)
    return Fit(
        estimate=excess,
        std_error=error,
        statistic=excess / shuffled.sd,
        p_value=shuffled.p_value,
        conf_low=interval.low,
        conf_high=interval.high,
        n_obs=n,
        n_agents=agents,
        n_clusters=agents,
        null_mean=0.0,
        null_sd=shuffled.sd,
    )


def _slope(rows: Rows, spec: PersonaSpecification, chosen: pl.DataFrame) -> Fit:
    timed = days(chosen)
    if timed.is_empty():
        word = "time_too_coarse" if chosen["created_at"].count() else "no_times"
        return Fit(n_obs=0, n_agents=0, warnings=("clock_is_step" if chosen["step"].count() else word,))
    values, times = _outcome(timed, spec), timed["day"].to_numpy()
    agent = timed["author"].to_numpy()
    if spec.placebo:
        times = dealt_anew(times, agent, _numbers(timed))
    within, clustered = spec.estimator == "within_slope", spec.estimator != "pooled_slope_iid"
    fit = slope(values, times, agent, rows.ci_level, within=within, clustered=clustered)
    dropped = (COARSE,) if timed.height < chosen["created_at"].count() else ()
    return replace(fit, warnings=(*fit.warnings, *dropped))


def _event(rows: Rows, spec: PersonaSpecification, chosen: pl.DataFrame) -> Fit:
    if chosen["votes"].count() == 0:
        return Fit(n_obs=0, n_agents=0, n_events=0, warnings=("no_scores",))
    ordered = in_order(chosen)
    if ordered.is_empty():
        return Fit(n_obs=0, n_agents=0, n_events=0, warnings=("time_too_coarse",))
    fit = _event_of(rows, spec, ordered)
    dropped = (COARSE,) if ordered["created_at"].count() < chosen["created_at"].count() else ()
    return replace(fit, warnings=(*fit.warnings, *dropped))


def _event_of(rows: Rows, spec: PersonaSpecification, ordered: pl.DataFrame) -> Fit:
    ordered = ordered.with_columns(outcome=pl.Series(_outcome(ordered, spec)))
    series, most = series_of(ordered, "outcome")
    if spec.estimator in ("whole_event", "sign_event"):
        before, after = whole_changes(series)
        change = (after - before)[np.isfinite(after - before)]
        tested = paired_t if spec.estimator == "whole_event" else sign_share
        fit = tested(change, rows.ci_level)
        return replace(fit, warnings=(*fit.warnings, "regression_to_the_mean"))
    if spec.estimator == "raw_event":
        change = change_at(series, np.arange(len(series.sizes)), series.event, spec.window)
        return paired_t(change[np.isfinite(change)], rows.ci_level)
    if spec.placebo:
        series = one_placebo(series, spec.window, stream(rows.seed, spec.spec_id))
    found = matched(series, spec.window)
    if spec.estimator == "matched_dose":
        return matched_dose(found, np.log1p(most[found.agents]), rows.ci_level)
    return matched_effect(found, rows.ci_level)


def _outcome(frame: pl.DataFrame, spec: PersonaSpecification) -> Floats:
    """Return the outcome of each row: the cosine, or a number from 0 to 1 made of the id."""
    if spec.outcome == "similarity":
        return frame[SIMILARITY].to_numpy().astype(np.float64)
    return _numbers(frame)


def _numbers(frame: pl.DataFrame) -> Floats:
    """Return a number from 0 to 1 made of the id of each message."""
    return frame["digest"].str.to_integer(base=16, dtype=pl.Int64).to_numpy() / 16.0**12


def _row(spec: PersonaSpecification, chosen: pl.DataFrame, fit: Fit, ci_level: float) -> Estimate:
    is_similarity = spec.outcome == "similarity"
    extra = [*(["static_vectors"] if is_similarity else []), *(["not_evidence"] if spec.role == "naive" else [])]
    return Estimate(
        spec_id=spec.spec_id,
        family=FAMILY,
        hypothesis_id=spec.hypothesis,
        role=spec.role,
        estimand=ESTIMATORS[spec.estimator] if is_similarity else f"of a number made of the id: {spec.estimator}",
        model=spec.formula,
        estimator=spec.estimator,
        outcome=spec.outcome,
        term={"rank_correlation": "activity"}.get(spec.estimator, "event" if spec.estimator in _EVENTS else "day")
        if spec.estimator != "shuffled_personas"
        else "own_description",
        estimate=fit.estimate,
        std_error=fit.std_error,
        statistic=fit.statistic,
        df=fit.df,
        p_value=fit.p_value,
        conf_low=fit.conf_low,
        conf_high=fit.conf_high,
        conf_level=None if fit.conf_low is None else ci_level,
        n_obs=fit.n_obs,
        n_agents=fit.n_agents,
        n_clusters=fit.n_clusters,
        n_events=fit.n_events,
        cluster=None if spec.estimator == "pooled_slope_iid" else "agent",
        fe="agent" if spec.estimator in ("within_slope", "matched_event", "matched_dose") else None,
        window_start=chosen["created_at"].min(),  # type: ignore[arg-type]
        window_end=chosen["created_at"].max(),  # type: ignore[arg-type]
        score_version="static" if is_similarity else None,
        null_mean=fit.null_mean,
        null_sd=fit.null_sd,
        warnings=join_warnings([*fit.warnings, *(extra if fit.n_obs else [])]),
    )
