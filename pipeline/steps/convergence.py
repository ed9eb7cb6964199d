"""The steps of norm and template convergence: templates, their shares, similarity over time and its tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import polars as pl

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.language.clock import coarse_words, read_clock, warn_coarse
from pipeline.language.slots import MOST_TEMPLATES, MOST_TEXTS, members_sql, patterns
from pipeline.schema import Measure, estimate_frame, join_warnings, measure_frame
from pipeline.steps.analysis import _sampling
from pipeline.steps.languages import MODULES as _LANGUAGES
from pipeline.steps.languages import per_language
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Query

BATCH_ROWS = 10_000

_TEXTS = "SELECT text_hash, text, copies FROM text ORDER BY text_hash"


def _template(context: StepContext) -> Mapping[str, Data]:
    from pipeline.language.template_shares import template_sql
    from pipeline.language.templates import find_templates

    ordered, found = context.folder / "ordered.parquet", context.folder / "found.parquet"
    context.con.execute(f"COPY ({_TEXTS}) TO '{_quoted(ordered)}' (FORMAT parquet)")
    find_templates(_batches(context, pl.scan_parquet(ordered)), context.folder).write_parquet(found)
    return {"template": Query(context.con, template_sql(f"read_parquet('{_quoted(found)}')"))}


def _pattern(context: StepContext) -> Mapping[str, Data]:
    members = context.con.sql(members_sql(), params={"templates": MOST_TEMPLATES, "texts": MOST_TEXTS}).pl()
    return {"template_pattern": patterns(members)}


def _quoted(path: object) -> str:
    return str(path).replace("'", "''")


def _batches(context: StepContext, texts: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    total = int(texts.select(pl.len()).collect().item())
    for start in range(0, total, BATCH_ROWS):
        yield texts.slice(start, BATCH_ROWS).collect()
        context.progress(f"cut {min(start + BATCH_ROWS, total)} of {total} distinct texts into shingles")


def _rows(context: StepContext) -> list[Measure]:
    from pipeline.language.convergence import similarity_measures
    from pipeline.language.norm_trends import Trends, trend_measures
    from pipeline.language.template_shares import template_measures

    clock, sampling = read_clock(context.con), _sampling(context.settings)
    shares = template_measures(context.con, clock, sampling)
    trends = trend_measures(Trends(context.con, clock, sampling))
    return [*shares, *similarity_measures(context.con, clock, sampling), *trends]


def _measure(context: StepContext) -> Mapping[str, Data]:
    from pipeline.language.convergence_sample import KINDS

    rows = warn_coarse(context.con, per_language(_rows)(context), KINDS)
    return {"measure": measure_frame(warn_periods(rows, read_gaps(context.con).of("post")))}


def _estimate(context: StepContext) -> Mapping[str, Data]:
    from pipeline.inference.multiplicity import adjust
    from pipeline.language.convergence_estimates import convergence_estimates
    from pipeline.language.convergence_sample import KINDS
    from pipeline.language.norm_trend_estimates import trend_estimates
    from pipeline.language.norm_trends import Trends

    settings, clock = context.settings, read_clock(context.con)
    rows = convergence_estimates(
        context.con,
        clock,
        seed=settings.seed,
        ci_level=settings.ci_level,
        n_draws=settings.permutation_draws,
    )
    trends = Trends(context.con, clock, _sampling(settings))
    rows += trend_estimates(trends, n_draws=settings.permutation_draws)
    words = coarse_words(context.con, clock.name, KINDS)
    rows = [replace(row, warnings=join_warnings([*(row.warnings or "").split(","), *words])) if row.n_obs else row
            for row in adjust(rows)]  # fmt: skip
    return {"estimate": estimate_frame(rows)}


_OWN = ("pipeline.steps.convergence", "pipeline.steps.analysis", "pipeline.schema.tidy")
_LANGUAGE = tuple(
    f"pipeline.language.{name}"
    for name in (
        "clock",
        "convergence",
        "convergence_estimates",
        "covered",
        "convergence_sample",
        "identify",
        "newcomers",
        "norm_trend_estimates",
        "norm_trends",
        "rungs",
        "shingles",
        "similarity",
        "slopes",
        "template_entropy",
        "template_shares",
        "templates",
    )
)
_SHARED = (
    "pipeline.activity.gaps",
    "pipeline.activity.resampling",
    "pipeline.activity.row",
    "pipeline.inference.result",
)
_STATISTICS = ("duckdb", "polars", "numpy", "scipy")

CONVERGENCE_STEPS = (
    Step(
        key="feature/template",
        tables=("template",),
        reads=("text", "message"),
        compute=_template,
        modules=(
            "pipeline.steps.convergence",
            "pipeline.language.shingles",
            "pipeline.language.templates",
            "pipeline.language.template_shares",
            "pipeline.lexicon.tokens",
        ),
        libraries=_STATISTICS,
        description="Texts that occur twice or resemble another: exact and near-duplicates by word 3-shingles.",
    ),
    Step(
        key="feature/template_pattern",
        tables=("template_pattern",),
        reads=("text", "template"),
        compute=_pattern,
        modules=("pipeline.steps.convergence", "pipeline.language.slots"),
        description="Slots of templates: what nine in ten texts of one share, and where they differ.",
    ),
    Step(
        key="analysis/measure/convergence",
        tables=("measure",),
        reads=("message", "text", "template", "embedding", "slice", "collection_gap"),
        family="convergence",
        compute=_measure,
        modules=(*_LANGUAGE, *_LANGUAGES, *_SHARED, *_OWN),
        libraries=_STATISTICS,
        description="Share of templates; similarity within and between communities, newcomers and incumbents.",
    ),
    Step(
        key="analysis/estimate/convergence",
        tables=("estimate",),
        reads=("message", "text", "template", "embedding"),
        family="convergence",
        compute=_estimate,
        modules=(*_LANGUAGE, *_SHARED, "pipeline.inference.multiplicity", *_OWN),
        libraries=(*_STATISTICS, "statsmodels"),
        description="Do the texts of communities become more alike over time? Test of slopes, and checks.",
    ),
)
