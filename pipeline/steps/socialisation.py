"""The step of socialisation: lexical diversity, turnover, cohorts, drift, inertia, adaptation, corrections."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import duckdb

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.language.clock import read_clock, warn_coarse
from pipeline.language.covered import corpus_coverage, warned
from pipeline.schema import estimate_frame, measure_frame
from pipeline.socialisation.grid import grid_text
from pipeline.steps.analysis import _sampling
from pipeline.steps.languages import COVERED
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Warehouse

_UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})
"""Languages written without spaces, where the token rule finds runs instead of words."""


def _spaced(con: duckdb.DuckDBPyConnection) -> set[str]:
    rows = con.sql("SELECT DISTINCT language FROM text WHERE language IS NOT NULL ORDER BY language").fetchall()
    return {language for (language,) in rows} - _UNSPACED


def _words(con: duckdb.DuckDBPyConnection) -> list[str]:
    return ["runs_pooled"] if con.sql("SELECT count(DISTINCT run_id) FROM message").fetchall()[0][0] > 1 else []


def _measure(context: StepContext) -> Mapping[str, Data]:
    from pipeline.socialisation.cohorts import cohort_measures
    from pipeline.socialisation.diversity import diversity_measures
    from pipeline.socialisation.embedded import embedded_measures
    from pipeline.socialisation.turnover import turnover_measures
    from pipeline.socialisation.vocabulary import vocabulary_measures

    con, clock, sampling = context.con, read_clock(context.con), _sampling(context.settings)
    words = _words(con)
    rows = vocabulary_measures(con, context.folder, sampling, words)
    context.progress("the vocabulary is counted")
    rows += diversity_measures(con, sampling, words)
    context.progress("diversity is measured")
    rows += [*turnover_measures(con, clock, sampling, words), *cohort_measures(con, clock, sampling, words)]
    rows = warned(rows, corpus_coverage(con, _spaced(con)))
    rows += embedded_measures(con, clock, sampling, words)
    rows, gaps = warn_coarse(con, rows), read_gaps(con).of("post", "comment")
    return {"measure": measure_frame(warn_periods(rows, gaps))}


def _estimate(context: StepContext) -> Mapping[str, Data]:
    from pipeline.socialisation.grid_estimates import social_estimates

    con, sampling = context.con, _sampling(context.settings)
    rows = social_estimates(
        con, read_clock(con), sampling, _words(con), corpus_coverage(con, _spaced(con)), context.progress
    )
    return {"estimate": estimate_frame(rows)}


def _grid(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    del warehouse, corpus_id
    return {"grid": hashlib.sha256(grid_text().encode()).hexdigest()}, None


_MODULES = (
    "pipeline.socialisation",
    "pipeline.steps.socialisation",
    "pipeline.steps.analysis",
    "pipeline.schema.tidy",
    "pipeline.activity.gaps",
    "pipeline.activity.resampling",
    "pipeline.activity.row",
    "pipeline.coordination.nulls",
    "pipeline.language.clock",
    "pipeline.language.convergence_sample",
    *COVERED,
    "pipeline.language.rungs",
    "pipeline.language.similarity",
    "pipeline.network.edges",
    "pipeline.lexicon.tokens",
)

SOCIALISATION_STEPS = (
    Step(
        key="analysis/measure/socialisation",
        tables=("measure",),
        reads=("message", "text", "embedding", "reply_class", "collection_gap"),
        family="socialisation",
        compute=_measure,
        modules=_MODULES,
        libraries=("duckdb", "polars", "numpy", "scipy"),
        description="Diversity of words, phrases that come and go, drift, inertia, adaptation, each with its null.",
    ),
    Step(
        key="analysis/estimate/socialisation",
        tables=("estimate",),
        reads=("message", "text", "embedding", "reply_class"),
        family="socialisation",
        compute=_estimate,
        modules=(
            *_MODULES,
            *(
                f"pipeline.inference.{name}"
                for name in ("beside", "grid_entries", "multiplicity", "result", "specification")
            ),
        ),
        libraries=("duckdb", "polars", "numpy", "scipy"),
        prepare=_grid,
        description="Turnover, inertia, adaptation, corrections and cohorts under every choice of the registered grid.",
    ),
)
