"""The step of conversations: sanctions, stance, deliberation, attribution of states, floor, returned stances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from pipeline.activity.gaps import read_gaps
from pipeline.conversation.attribution import attribution_rows
from pipeline.conversation.deliberation import deliberation_rows
from pipeline.conversation.exchange import exchange_rows
from pipeline.conversation.narration import narration_rows
from pipeline.conversation.sanctions import sanction_rows
from pipeline.conversation.stance import stance_rows
from pipeline.conversation.turns import FAMILY, drop_turns, make_turns
from pipeline.inference.multiplicity import adjust
from pipeline.language.clock import read_clock
from pipeline.language.covered import corpus_coverage, warned
from pipeline.schema import Estimate, Measure, estimate_frame, join_warnings, measure_frame
from pipeline.steps.analysis import _coverage, _sampling
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data

T = TypeVar("T", Measure, Estimate)


def _conversation(context: StepContext) -> Mapping[str, Data]:
    con, clock, sampling = context.con, read_clock(context.con), _sampling(context.settings)
    n_draws = context.settings.permutation_draws
    turns = make_turns(con)
    measures: list[Measure] = []
    estimates: list[Estimate] = []
    for what, compute in (
        ("sanctions", sanction_rows), ("stances", stance_rows), ("attributions", attribution_rows),
        ("exchanges", exchange_rows),
    ):  # fmt: skip
        rows, tests = compute(con, turns, clock, sampling, n_draws)
        measures += rows
        estimates += tests
        context.progress(f"{what} are measured")
    measures += deliberation_rows(con, turns, read_gaps(con).of("comment"), sampling)
    measures += narration_rows(con, sampling)
    drop_turns(con)
    found, missing = corpus_coverage(con), _coverage(context)
    noted = [_noted(row, missing) for row in warned(measures, found)]
    tested = [_noted(row, [*found.words, *missing]) for row in adjust(estimates)]
    return {"measure": measure_frame(noted), "estimate": estimate_frame(tested)}


def _noted(row: T, words: list[str]) -> T:
    return replace(row, warnings=join_warnings([*(row.warnings or "").split(","), *words]))


CONVERSATION_STEPS = (
    Step(
        key="analysis/conversation",
        tables=("measure", "estimate"),
        reads=(
            "agent", "collection_gap", "corpus", "interaction", "lexicon_score", "message", "reply_class", "text",
        ),
        family=FAMILY,
        compute=_conversation,
        modules=(
            "pipeline.activity.gaps",
            "pipeline.activity.resampling",
            "pipeline.activity.row",
            "pipeline.conversation",
            "pipeline.coordination.nulls",
            "pipeline.inference.multiplicity",
            "pipeline.inference.result",
            "pipeline.language.clock",
            "pipeline.language.covered",
            "pipeline.schema.tidy",
            "pipeline.steps.analysis",
            "pipeline.steps.conversation",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy"),
        description="Sanctions, stance, deliberation, attribution of states and exchanges between agents that answer "
        "each other.",
    ),
)  # fmt: skip
