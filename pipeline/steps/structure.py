"""The steps of structure: networks beside their nulls, threads and the waits for answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.activity.row import Sampling
from pipeline.schema import measure_frame
from pipeline.settings import Settings
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Warehouse

if TYPE_CHECKING:
    from pipeline.structure.emitter import Plan

_MODULES = (
    "pipeline.steps.structure",
    "pipeline.structure",
    "pipeline.activity.gaps",
    "pipeline.activity.resampling",
    "pipeline.activity.row",
    "pipeline.network.edges",
    "pipeline.network.kernels",
    "pipeline.network.measures",
    "pipeline.network.nulls",
    "pipeline.network.runs",
    "pipeline.network.structure",
    "pipeline.network.clock",
    "pipeline.network.ties",
    "pipeline.network.traits",
    "pipeline.schema.tidy",
)
_STATISTICS = ("duckdb", "polars", "numpy", "scipy", "powerlaw", "networkit")


def plan(settings: Settings) -> Plan:
    """Return how many networks of each null are drawn."""
    from pipeline.structure.emitter import Plan
    from pipeline.structure.statistics import Draws

    most = settings.null_draws
    draws = Draws(cheap=most, triangles=max(10, 3 * most // 10), dear=max(10, most // 5))
    return Plan(seed=settings.seed, level=settings.ci_level, draws=draws)


def _knobs(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], None]:
    del corpus_id
    return {"null_draws": warehouse.settings.null_draws}, None


def _sampling(settings: Settings) -> Sampling:
    return Sampling(seed=settings.seed, bootstrap_draws=settings.bootstrap_draws, level=settings.ci_level)


def _structure(context: StepContext) -> Mapping[str, Data]:
    from pipeline.structure.measures import structure_measures

    settings = context.settings
    rows = structure_measures(context.con, plan(settings), _sampling(settings), context.progress)
    return {"measure": measure_frame(warn_periods(rows, read_gaps(context.con).of("post", "comment")))}


def _cascade(context: StepContext) -> Mapping[str, Data]:
    from pipeline.structure.thread_rows import cascade_measures

    words = context.con.sql("SELECT warnings FROM corpus").fetchall()[0][0] or ""
    coverage = [word for word in words.split(",") if word in ("partial_coverage", "truncated_threads")]
    rows = cascade_measures(context.con, _sampling(context.settings), coverage, read_gaps(context.con))
    return {"measure": measure_frame(rows)}


STRUCTURE_STEPS = (
    Step(
        key="analysis/measure/structure",
        tables=("measure",),
        reads=(
            "message", "agent", "interaction", "tie_event", "reaction", "membership_event", "community_snapshot",
            "collection_gap",
        ),
        family="structure",
        compute=_structure,
        modules=_MODULES,
        libraries=_STATISTICS,
        prepare=_knobs,
        description="Shape of every network, over time and beside networks with the same degrees; who takes part.",
    ),
    Step(
        key="analysis/measure/cascade",
        tables=("measure",),
        reads=("message", "agent", "corpus", "collection_gap"),
        family="cascade",
        compute=_cascade,
        modules=_MODULES,
        libraries=_STATISTICS,
        description="Shape and spread of threads, who returns to them, and how fast comments are answered.",
    ),
)  # fmt: skip
