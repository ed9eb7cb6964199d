"""The steps of what agents say of themselves, and of how they write: goals, beliefs, authorship, styles."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.language.clock import coarse_words, read_clock
from pipeline.language.covered import corpus_coverage, refused, warned
from pipeline.language.statements import FAMILY as STATEMENTS
from pipeline.schema import measure_frame
from pipeline.steps.analysis import _sampling
from pipeline.steps.languages import COVERED
from pipeline.steps.socialisation import _words
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data


def _statements(context: StepContext) -> Mapping[str, Data]:
    from pipeline.language.beliefs import belief_measures
    from pipeline.language.convergence_sample import find_embedding
    from pipeline.language.goals import goal_measures

    con, clock, sampling = context.con, read_clock(context.con), _sampling(context.settings)
    words, covered = [*_words(con), *coarse_words(con, "order")], corpus_coverage(con)
    rows = warned(goal_measures(con, clock, sampling, words), covered)
    context.progress("goals are measured")
    rows += refused(belief_measures(con, find_embedding(con, "static"), clock, sampling, words), covered)
    return {"measure": measure_frame(rows)}


def _authorship(context: StepContext) -> Mapping[str, Data]:
    from pipeline.language.authorship import authorship_measures
    from pipeline.language.multiplicity import multiplicity_measures

    con, clock, sampling = context.con, read_clock(context.con), _sampling(context.settings)
    coarse = coarse_words(con, clock.name) if clock.period else []
    rows = authorship_measures(con, clock, sampling, [*_words(con), *coarse])
    context.progress("texts are attributed to authors")
    return {"measure": measure_frame([*rows, *multiplicity_measures(con, sampling, _words(con))])}


_SHARED = (
    "pipeline.activity.resampling",
    "pipeline.activity.row",
    "pipeline.coordination.nulls",
    "pipeline.inference.intervals",
    "pipeline.language.clock",
    "pipeline.language.statements",
    "pipeline.schema.tidy",
    "pipeline.socialisation.diversity",
    "pipeline.steps.analysis",
    "pipeline.steps.socialisation",
    "pipeline.steps.statements",
)

STATEMENT_STEPS = (
    Step(
        key="analysis/measure/self_statement",
        tables=("measure",),
        reads=("message", "text", "embedding"),
        family=STATEMENTS,
        compute=_statements,
        modules=(
            *_SHARED,
            "pipeline.inference.result",
            "pipeline.language.beliefs",
            "pipeline.language.convergence_sample",
            *COVERED,
            "pipeline.language.goals",
            "pipeline.language.rungs",
            "pipeline.language.similarity",
            "pipeline.socialisation.vectors",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy", "scikit-learn"),
        description="Goals and beliefs that agents state: how often, how steady, and whether the nearer is chosen.",
    ),
    Step(
        key="analysis/measure/authorship",
        tables=("measure",),
        reads=("agent", "message", "text", "template"),
        family="authorship",
        compute=_authorship,
        modules=(*_SHARED, "pipeline.language.authorship", "pipeline.language.multiplicity"),
        libraries=("duckdb", "polars", "numpy", "scipy", "scikit-learn"),
        description="Attribution of texts to authors across periods, and in how many styles an account writes.",
    ),
)
