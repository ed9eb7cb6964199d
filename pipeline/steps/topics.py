"""The steps of topics: clusters of the vectors, and what is measured and tested with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.inference.slices import read_slices
from pipeline.language.clock import read_clock, warn_coarse
from pipeline.schema import estimate_frame, measure_frame
from pipeline.steps.analysis import _sampling
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Warehouse


def _prepare(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    del corpus_id
    return {"topics": warehouse.settings.topics, "seed": warehouse.settings.seed}, None


def _topics(context: StepContext) -> Mapping[str, Data]:
    from pipeline.language.topics import make_topics

    settings = context.settings
    return dict(make_topics(context.con, settings.seed, settings.topics, context.progress))


def _results(context: StepContext) -> Mapping[str, Data]:
    from pipeline.language.convergence_sample import KINDS
    from pipeline.language.topic_drift import drift_estimates
    from pipeline.language.topic_measures import read_chosen, topic_measures
    from pipeline.language.topic_quality import read_quality
    from pipeline.language.topic_texts import read_posts

    settings, con = context.settings, context.con
    clock, sampling, posts = read_clock(con), _sampling(settings), read_posts(con)
    context.progress("topics: agreement of seeds, coherence of words")
    quality = read_quality(con, read_chosen(con).number, sampling)
    context.progress("topics: shares and entropy by slice")
    rows = topic_measures(con, clock, sampling, posts=posts, slices=read_slices(con), quality=quality)
    estimates = drift_estimates(
        con, clock, posts=posts, seed=settings.seed, ci_level=settings.ci_level, draws=settings.permutation_draws
    )
    return {
        "measure": measure_frame(warn_periods(warn_coarse(con, rows, KINDS), read_gaps(con).of("post"))),
        "estimate": estimate_frame(estimates),
    }


_LIBRARIES = ("duckdb", "polars", "numpy", "scipy", "scikit-learn")
_CLUSTERS = (
    "pipeline.lexicon.tokens",
    "pipeline.warehouse.redact",
    "pipeline.warehouse.redact_patterns",
    *(
        f"pipeline.language.{name}"
        for name in (
            "convergence_sample",
            "covered",
            "identify",
            "rungs",
            "similarity",
            "topic_clusters",
            "topic_texts",
            "topic_words",
            "topics",
        )
    ),
)

TOPIC_STEPS = (
    Step(
        key="feature/topic",
        tables=("topic", "text_topic", "topic_number"),
        reads=("message", "agent", "text", "embedding"),
        compute=_topics,
        modules=(
            *_CLUSTERS,
            "pipeline.steps.topics",
            "pipeline.activity.resampling",
        ),
        libraries=_LIBRARIES,
        prepare=_prepare,
        description="Topics: k-means on the vectors of posts, as many as stand out most against texts without topics.",
    ),
    Step(
        key="analysis/topics",
        tables=("measure", "estimate"),
        reads=(
            *("message", "agent", "text", "embedding", "lexicon_score", "slice", "collection_gap"),
            *("topic", "text_topic", "topic_number"),
        ),
        family="topic",
        compute=_results,
        modules=(
            *_CLUSTERS,
            *(f"pipeline.language.topic_{name}" for name in ("drift", "measures", "quality", "specification")),
            "pipeline.language.clock",
            "pipeline.activity",
            "pipeline.inference",
            "pipeline.schema.tidy",
            "pipeline.steps.topics",
            "pipeline.steps.analysis",
        ),
        libraries=_LIBRARIES,
        description="Shares, entropy and drift of topics; coherence and agreement of seeds against their nulls.",
    ),
)
