"""The steps of human influence and coordination: signals of agents, copies in time, their measures and their grid."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.activity.gaps import read_gaps
from pipeline.coordination.posts import Posts, read_posts
from pipeline.schema import estimate_frame, measure_frame
from pipeline.steps.analysis import _sampling
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data


def _posts(context: StepContext) -> Posts:
    return read_posts(context.con, read_gaps(context.con).of("post"))


def _agent_signal(context: StepContext) -> Mapping[str, Data]:
    from pipeline.coordination.signals import agent_signals

    return {"agent_signal": agent_signals(context.con, _posts(context))}


def _copy_tie(context: StepContext) -> Mapping[str, Data]:
    from pipeline.coordination.copy_measures import copy_ties, read_copied

    return {"copy_tie": copy_ties(read_copied(context.con))}


def _measure(context: StepContext) -> Mapping[str, Data]:
    from pipeline.coordination.commenters import commenter_measures
    from pipeline.coordination.copy_measures import copy_measures, read_copied
    from pipeline.coordination.regularity import regularity_measures
    from pipeline.coordination.signals import signal_measures
    from pipeline.structure.echo import side_rows

    posts, sampling = _posts(context), _sampling(context.settings)
    signals = context.con.sql("SELECT * FROM agent_signal ORDER BY agent_id").pl()
    rows = [*regularity_measures(posts, sampling), *signal_measures(signals, posts, sampling)]
    context.progress("regularity, owners and batches are measured")
    rows += commenter_measures(context.con, sampling)
    context.progress("the busiest accounts are measured")
    rows += copy_measures(read_copied(context.con), sampling)
    rows += side_rows(context.con, "coordination", sampling)
    return {"measure": measure_frame(rows)}


def _estimate(context: StepContext) -> Mapping[str, Data]:
    from pipeline.coordination.grid import regularity_estimates

    rows = regularity_estimates(context.con, read_gaps(context.con), _sampling(context.settings))
    return {"estimate": estimate_frame(rows)}


_FEATURES = ("pipeline.coordination", "pipeline.steps.coordination", "pipeline.activity.resampling")
_SHARED = (
    *_FEATURES,
    "pipeline.steps.analysis",
    "pipeline.schema.tidy",
    "pipeline.structure.echo",
    "pipeline.activity.burstiness",
    "pipeline.activity.gaps",
    "pipeline.activity.row",
    "pipeline.inference.intervals",
    "pipeline.inference.result",
)
_STATISTICS = ("duckdb", "polars", "numpy", "scipy")

COORDINATION_STEPS = (
    Step(
        key="feature/agent_signal",
        tables=("agent_signal",),
        reads=("agent", "message", "collection_gap"),
        compute=_agent_signal,
        modules=(*_FEATURES, "pipeline.activity.gaps"),
        libraries=("duckdb", "polars", "numpy"),
        description="Regularity of the posts of each agent, its batch of names, the tier of its owner.",
    ),
    Step(
        key="feature/copy_tie",
        tables=("copy_tie",),
        reads=("message", "template"),
        compute=_copy_tie,
        modules=_FEATURES,
        libraries=_STATISTICS,
        description="Pairs of agents that wrote near-duplicates of each other within ten minutes.",
    ),
    Step(
        key="analysis/measure/coordination",
        tables=("measure",),
        reads=("agent", "message", "template", "agent_signal", "collection_gap"),
        family="coordination",
        compute=_measure,
        modules=_SHARED,
        libraries=_STATISTICS,
        description="Regularity of posting, batches, owners, busiest accounts, copies in time, each with its null.",
    ),
    Step(
        key="analysis/estimate/coordination",
        tables=("estimate",),
        reads=("message", "collection_gap"),
        family="coordination",
        compute=_estimate,
        modules=(*_SHARED, "pipeline.inference.multiplicity"),
        libraries=_STATISTICS,
        description="Shares of autonomous and of human-influenced agents under every choice of the registered grid.",
    ),
)
