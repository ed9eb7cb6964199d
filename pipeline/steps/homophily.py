"""The steps of homophily: intervals of ties, weekly scores of agents, and whether ties join the like."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.language.covered import corpus_coverage, refused, warned
from pipeline.language.covered_estimates import with_language
from pipeline.network.homophily import homophily_measures
from pipeline.network.ties import tie_sql
from pipeline.network.traits import agent_week_sql
from pipeline.schema import estimate_frame, measure_frame
from pipeline.steps.languages import COVERED
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Query


def _tie(context: StepContext) -> Mapping[str, Data]:
    return {"tie": Query(context.con, tie_sql())}


def _agent_week(context: StepContext) -> Mapping[str, Data]:
    return {"agent_week": Query(context.con, agent_week_sql())}


def _homophily(context: StepContext) -> Mapping[str, Data]:
    from pipeline.gender.measures import axis_warned

    rows = homophily_measures(context.con, level=context.settings.ci_level, progress=context.progress)
    covered = corpus_coverage(context.con)
    axis = [row for row in rows if row.measure_id.endswith("_gender_axis")]
    counted = [row for row in rows if row.measure_id.endswith(("_airs_share", "_gender_lexicon"))]  # English word lists
    others = [row for row in rows if row not in axis and row not in counted]
    gaps = read_gaps(context.con).of("post", "comment")
    axis = refused(axis_warned(context.con, axis), covered)
    return {"measure": measure_frame(warn_periods([*others, *warned(counted, covered), *axis], gaps))}


def _estimates(context: StepContext) -> Mapping[str, Data]:
    from pipeline.network.homophily_estimates import homophily_estimates

    rows = homophily_estimates(context.con, level=context.settings.ci_level, progress=context.progress)
    return {"estimate": estimate_frame(with_language(rows, corpus_coverage(context.con)))}


HOMOPHILY_STEPS = (
    Step(
        key="feature/tie",
        tables=("tie",),
        reads=("tie_event", "agent"),
        compute=_tie,
        modules=("pipeline.steps.homophily", "pipeline.network.clock", "pipeline.network.ties"),
        description="Intervals in which a tie stood, from observed adds and removes.",
    ),
    Step(
        key="feature/agent_week",
        tables=("agent_week",),
        reads=("message", "text", "lexicon_score", "gender_score"),
        compute=_agent_week,
        modules=(
            "pipeline.steps.homophily",
            "pipeline.network.traits",
            "pipeline.network.clock",
            "pipeline.network.ties",
        ),
        description="Weekly scores of agents: AIRS share, length, activity, gender performance and its placebo.",
    ),
    Step(
        key="analysis/measure/homophily",
        tables=("measure",),
        reads=(
            "agent",
            "message",
            "text",
            "lexicon_score",
            "embedding",
            "gender_score",
            "interaction",
            "tie_event",
            "agent_week",
            "collection_gap",
        ),
        family="homophily",
        compute=_homophily,
        modules=(
            "pipeline.steps.homophily",
            "pipeline.network",
            "pipeline.gender.measures",
            *COVERED,
            "pipeline.language.covered_estimates",
            "pipeline.activity.gaps",
            "pipeline.activity.resampling",
            "pipeline.activity.row",
            "pipeline.schema.tidy",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy"),
        description="Are tied agents alike: by week and over the whole span, against two nulls in closed form.",
    ),
    Step(
        key="analysis/estimate/homophily",
        tables=("estimate",),
        reads=("agent", "message", "text", "lexicon_score", "gender_score", "interaction", "tie_event"),
        family="homophily",
        compute=_estimates,
        modules=(
            "pipeline.steps.homophily",
            "pipeline.network",
            "pipeline.inference.multiplicity",
            "pipeline.inference.result",
            *COVERED,
            "pipeline.language.covered_estimates",
            "pipeline.activity.resampling",
            "pipeline.activity.row",
            "pipeline.schema.tidy",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy"),
        description="Are tied agents alike, window by window (weeks, or hours in a corpus of days), beside two nulls.",
    ),
)
