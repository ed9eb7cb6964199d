"""The steps of gender performance: scores of texts, and the measures of the weekly scores of agents."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.gender.axis import Anchors, Axis, axis_between, read_anchors
from pipeline.gender.scorers import (
    AXIS_TEACHER,
    SCHEMA,
    AxisScorer,
    LexiconScorer,
    ModelScorer,
    Scorer,
    TextModel,
    find_model,
)
from pipeline.language import teacher
from pipeline.language.cache import Chunks
from pipeline.language.workers import single_threaded
from pipeline.schema import estimate_frame, measure_frame
from pipeline.steps.analysis import _sampling
from pipeline.steps.languages import COVERED
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Staged, Warehouse, check_corpus_id


def _prepare(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    """Return what decides the scores besides the tables: anchors, teacher, model."""
    del corpus_id
    settings, model, anchors = warehouse.settings, find_model(), read_anchors()
    found = teacher.find_teacher(settings.teacher) if settings.has_teacher else None
    config = {
        "anchors": [anchors.version, *anchors.feminine, *anchors.masculine],
        "teacher": found.digest if found else None,
        "model": model.version if model else None,
    }
    return config, (anchors, found, model)


def _gender_score(context: StepContext) -> Mapping[str, Data]:
    paths = []
    for scorer in _scorers(context):
        for number, frame in enumerate(scorer.parts(context.con)):
            path = context.folder / f"gender-{scorer.name}-{number:06d}.parquet"
            frame.cast(SCHEMA).write_parquet(path)  # type: ignore[arg-type]
            paths.append(path)
            context.progress(f"gender performance by {scorer.name}: {number + 1} batches of texts")
    return {"gender_score": Staged(paths)}


def _scorers(context: StepContext) -> list[Scorer]:
    anchors, found, model = context.state
    scorers: list[Scorer] = [LexiconScorer()]
    cached = context.settings.warehouse / ".cache"
    if found is not None:
        axis = cache(partial(_axis, anchors, found, cached / "anchors"))
        scorers.append(AxisScorer(axis, anchors.version))
        scorers.append(AxisScorer(axis, anchors.version, name=AXIS_TEACHER, rung="full"))
    if model is not None:
        scorers.append(ModelScorer(model, Chunks(_model_folder(cached, context.corpus_id, model))))
    return scorers


def _model_folder(cached: Path, corpus_id: str, model: TextModel) -> Path:
    """Return where the scores of a model are kept: below the corpus, so that `forget` finds them."""
    key = hashlib.sha256(model.version.encode()).hexdigest()[:32]
    return cached / "embedding" / f"corpus_id={check_corpus_id(corpus_id)}" / f"gender-{key}"


def _axis(anchors: Anchors, found: teacher.Teacher, folder: Path) -> Axis:
    """Return the axis; the vectors of the anchors are kept, as loading the teacher costs more than all the rest."""
    sentences = [*anchors.feminine, *anchors.masculine]
    key = hashlib.sha256("\n".join([found.digest, *sentences]).encode()).hexdigest()[:32]

    def make() -> Any:
        with single_threaded(1) as pool:
            return teacher.encode(teacher.load(found), sentences, pool)

    vectors = Chunks(folder).get(key, (len(sentences), teacher.DIMENSIONS), make)
    return axis_between(vectors[: len(anchors.feminine)], vectors[len(anchors.feminine) :])


def _measure(context: StepContext) -> Mapping[str, Data]:
    from pipeline.gender.measures import gender_measures

    rows = gender_measures(context.con, _sampling(context.settings), context.progress)
    return {"measure": measure_frame(warn_periods(rows, read_gaps(context.con).of("post", "comment")))}


def _estimate(context: StepContext) -> Mapping[str, Data]:
    from pipeline.gender.estimates import gender_estimates

    return {"estimate": estimate_frame(gender_estimates(context.con, _sampling(context.settings), context.progress))}


_STATISTICS = ("duckdb", "polars", "numpy", "scipy")

GENDER_SCORE_STEPS = (
    Step(
        key="feature/gender_score",
        tables=("gender_score",),
        reads=("text", "lexicon_score", "embedding"),
        compute=_gender_score,
        modules=(
            "pipeline.steps.gender",
            "pipeline.gender.scorers",
            "pipeline.gender.axis",
            "pipeline.language.cache",
            "pipeline.language.teacher",
            "pipeline.language.workers",
        ),
        libraries=("duckdb", "polars", "numpy"),
        prepare=_prepare,
        description="Gender performance of every text: marked words, embedding axis, a model where one is installed.",
    ),
)
"""Before the weekly scores of agents, which are made of them."""

GENDER_STEPS = (
    Step(
        key="analysis/measure/gender",
        tables=("measure",),
        reads=(
            "agent",
            "message",
            "text",
            "lexicon_score",
            "embedding",
            "gender_score",
            "agent_week",
            "collection_gap",
        ),
        family="gender",
        compute=_measure,
        modules=(
            "pipeline.gender",
            "pipeline.steps.gender",
            "pipeline.steps.analysis",
            "pipeline.network.traits",
            "pipeline.network.clock",
            "pipeline.network.ties",
            *COVERED,
            "pipeline.activity.gaps",
            "pipeline.activity.resampling",
            "pipeline.activity.row",
            "pipeline.schema.tidy",
        ),
        libraries=_STATISTICS,
        description="Gender performance by agent and week: variance, order, reliability, validity, beside a placebo.",
    ),
    Step(
        key="analysis/estimate/gender",
        tables=("estimate",),
        reads=("agent", "message", "text", "lexicon_score", "gender_score", "agent_week"),
        family="gender",
        compute=_estimate,
        modules=(
            "pipeline.gender",
            "pipeline.inference",
            "pipeline.steps.gender",
            "pipeline.steps.analysis",
            "pipeline.network.traits",
            "pipeline.network.clock",
            "pipeline.network.ties",
            *COVERED,
            "pipeline.activity.resampling",
            "pipeline.activity.row",
            "pipeline.schema.tidy",
        ),
        libraries=_STATISTICS,
        description="Does a gender score tell what is declared, do agents have a level? All of the grid.",
    ),
)
