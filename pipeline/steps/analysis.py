"""The steps of layer ``analysis``: measures, estimates, published numbers and their replication."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.activity.repetition import text_measures
from pipeline.activity.row import Sampling
from pipeline.activity.threads import thread_measures
from pipeline.inference.slices import read_slices
from pipeline.language.clock import warn_coarse
from pipeline.published.load import load_measure_dictionary, load_published
from pipeline.published.replication import replication, society
from pipeline.schema import Measure, estimate_frame, measure_frame
from pipeline.settings import Settings
from pipeline.steps.languages import COVERED, per_language
from pipeline.steps.languages import MODULES as _LANGUAGES
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data

NULL_DRAWS, CLUSTERING_DRAWS = 200, 40


def _sampling(settings: Settings) -> Sampling:
    return Sampling(
        seed=settings.seed,
        bootstrap_draws=settings.bootstrap_draws,
        null_draws=NULL_DRAWS,
        clustering_draws=CLUSTERING_DRAWS,
        level=settings.ci_level,
    )


def _measures(compute: Callable[[StepContext], list[Measure]]) -> Callable[[StepContext], Mapping[str, Data]]:
    return lambda context: {"measure": measure_frame(compute(context))}


def _activity(context: StepContext) -> list[Measure]:
    from pipeline.activity.concentration import activity_measures

    return activity_measures(context.con, _sampling(context.settings), read_gaps(context.con))


def _network(context: StepContext) -> list[Measure]:
    from pipeline.network.measures import network_measures

    return network_measures(context.con, _sampling(context.settings))


def _airs(context: StepContext) -> list[Measure]:
    from pipeline.inference import airs_measures

    settings, slices = context.settings, read_slices(context.con)
    rows = airs_measures(context.con, seed=settings.seed, ci_level=settings.ci_level, slices=slices)
    return warn_periods(warn_coarse(context.con, rows, ("post",)), read_gaps(context.con).of("post"))


def _replies(context: StepContext) -> list[Measure]:
    from pipeline.inference import reply_measures

    return reply_measures(context.con, ci_level=context.settings.ci_level, slices=read_slices(context.con))


def _coverage(context: StepContext) -> list[str]:
    """Return the warnings of the corpus about how much of its threads it holds."""
    words = context.con.sql("SELECT warnings FROM corpus").fetchall()[0][0] or ""
    return [word for word in words.split(",") if word in ("partial_coverage", "truncated_threads")]


def _enforcement(context: StepContext) -> Mapping[str, Data]:
    from pipeline.inference import enforcement_estimates, load_grid

    settings = context.settings
    rows = enforcement_estimates(
        context.con, load_grid(), seed=settings.seed, ci_level=settings.ci_level, progress=context.progress
    )
    return {"estimate": estimate_frame(rows)}


def _replication(context: StepContext) -> Mapping[str, Data]:
    store, corpus_id = context.warehouse, context.corpus_id
    corpus = store.read("corpus", corpus_id).collect().row(0, named=True)
    system = store.read("run", corpus_id).select("system").head(1).collect().item()
    rows = replication(
        store.read("measure", corpus_id).collect(),
        store.read("published").collect(),
        estimates=store.read("estimate", corpus_id).collect(),
        corpus_id=corpus_id,
        platform=society(corpus["kind"], system),
        first_at=corpus["first_at"],
        last_at=corpus["last_at"],
    )
    return {"replication": rows}


# How a step calls what computes, and how rows become frames, decide the result too.
_OWN = ("pipeline.steps.analysis", "pipeline.schema.tidy")
_STATISTICS = ("duckdb", "polars", "numpy", "scipy", "statsmodels")

ANALYSIS_STEPS = (
    Step(
        key="analysis/published",
        tables=("published",),
        reads=(),
        compute=lambda context: {"published": load_published()},
        modules=("pipeline.published", *_OWN),
        is_project=True,
        description="Numbers that studies printed, each with the evidence that it rests on.",
    ),
    Step(
        key="analysis/measure_dictionary",
        tables=("measure_dictionary",),
        reads=(),
        compute=lambda context: {"measure_dictionary": load_measure_dictionary()},
        modules=("pipeline.published", *_OWN),
        is_project=True,
        description="What each measure is: formula, unit, source, warnings.",
    ),
    Step(
        key="analysis/measure/activity",
        tables=("measure",),
        reads=("message", "text", "slice", "collection_gap"),
        family="activity",
        compute=_measures(per_language(_activity)),
        modules=("pipeline.activity", *_LANGUAGES, *_OWN),
        libraries=(*_STATISTICS, "powerlaw"),
        description="Concentration and tail of activity.",
    ),
    Step(
        key="analysis/measure/thread",
        tables=("measure",),
        reads=("message", "text", "slice", "corpus", "collection_gap"),
        family="thread",
        compute=_measures(
            per_language(
                lambda c: thread_measures(c.con, _sampling(c.settings), _coverage(c), read_gaps(c.con)), "thread"
            )
        ),
        modules=("pipeline.activity", *_LANGUAGES, *_OWN),
        libraries=_STATISTICS,
        description="Depth, replies and latency of threads.",
    ),
    Step(
        key="analysis/measure/network",
        tables=("measure",),
        reads=("message", "interaction"),
        family="network",
        compute=_measures(_network),
        modules=("pipeline.network", "pipeline.activity", *_OWN),
        libraries=_STATISTICS,
        description="Reciprocity, assortativity and clustering of interaction networks, against their nulls.",
    ),
    Step(
        key="analysis/measure/text",
        tables=("measure",),
        reads=("message", "text", "slice"),
        family="text",
        compute=_measures(per_language(lambda c: text_measures(c.con, _sampling(c.settings)))),
        modules=("pipeline.activity", *_LANGUAGES, *_OWN),
        libraries=_STATISTICS,
        description="Share of repeated texts.",
    ),
    Step(
        key="analysis/measure/airs",
        tables=("measure",),
        reads=("message", "text", "lexicon_score", "slice", "collection_gap"),
        family="airs",
        compute=_measures(_airs),
        modules=(
            "pipeline.inference",
            "pipeline.activity.gaps",
            "pipeline.activity.resampling",
            "pipeline.language.clock",
            *COVERED,
            *_OWN,
        ),
        libraries=_STATISTICS,
        description="Share of posts with action-inducing language (AIRS), whole and by day, by slice.",
    ),
    Step(
        key="analysis/measure/reply_class",
        tables=("measure",),
        reads=("message", "text", "lexicon_score", "reply_class", "slice"),
        family="reply_class",
        compute=_measures(_replies),
        modules=("pipeline.inference", "pipeline.language.clock", *COVERED, *_OWN),
        libraries=_STATISTICS,
        description="Shares of reply classes, whole, by AIRS level and along the response curve.",
    ),
    Step(
        key="analysis/estimate/enforcement",
        tables=("estimate",),
        reads=("message", "text", "lexicon_score", "reply_class", "slice"),
        family="enforcement",
        compute=_enforcement,
        modules=("pipeline.inference", "pipeline.language.clock", *COVERED, *_OWN),
        libraries=_STATISTICS,
        description="Do replies correct risky instructions? Every specification of the registered grid.",
    ),
    Step(
        key="analysis/replication",
        tables=("replication",),
        reads=("measure", "estimate", "*published", "corpus", "run"),
        compute=_replication,
        modules=("pipeline.published", *_OWN),
        description="Our numbers beside the printed ones, and why they differ.",
    ),
)
