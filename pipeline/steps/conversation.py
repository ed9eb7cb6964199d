"""The step of conversations: sanctions, stance, deliberation, states of mind, floor, repair, support, accusations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from pipeline.activity.gaps import read_gaps
from pipeline.conversation.turns import FAMILY, drop_turns, make_turns
from pipeline.inference.beside import beside_placebos
from pipeline.language.clock import read_clock
from pipeline.language.covered import corpus_coverage, warned
from pipeline.schema import Estimate, Measure, estimate_frame, join_warnings, measure_frame
from pipeline.steps.analysis import _coverage, _sampling
from pipeline.steps.languages import COVERED
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data

T = TypeVar("T", Measure, Estimate)


def _conversation(context: StepContext) -> Mapping[str, Data]:
    from pipeline.conversation.accusation import accusation_rows
    from pipeline.conversation.attribution import attribution_rows
    from pipeline.conversation.challenge import challenge_rows
    from pipeline.conversation.deliberation import deliberation_rows
    from pipeline.conversation.entrainment import entrainment_rows
    from pipeline.conversation.exchange import exchange_rows
    from pipeline.conversation.naming import naming_rows
    from pipeline.conversation.narration import narration_rows
    from pipeline.conversation.repair import repair_rows
    from pipeline.conversation.sanctions import sanction_rows
    from pipeline.conversation.stance import stance_rows
    from pipeline.conversation.support import support_rows
    from pipeline.inference.multiplicity import adjust

    con, clock, sampling = context.con, read_clock(context.con), _sampling(context.settings)
    n_draws = context.settings.permutation_draws
    turns = make_turns(con)
    measures: list[Measure] = []
    estimates: list[Estimate] = []
    for what, compute in (
        ("sanctions", sanction_rows), ("stances", stance_rows), ("attributions", attribution_rows),
        ("exchanges", exchange_rows), ("repair", repair_rows), ("challenges", challenge_rows),
        ("shared words", entrainment_rows), ("support", support_rows), ("accusations", accusation_rows),
        ("named states", naming_rows),
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
    tested = [_noted(row, [*found.words, *missing]) for row in adjust(_beside(estimates, sampling.level))]
    return {"measure": measure_frame(noted), "estimate": estimate_frame(tested)}


def _beside(rows: list[Estimate], level: float) -> list[Estimate]:
    """Return the estimates with ``placebo_failed`` where a placebo of their own contrast, or the first one, fails."""
    names = [
        row.spec_id.removeprefix(f"{row.hypothesis_id}_{row.estimator}").removesuffix(row.role).strip("_")
        for row in rows
    ]
    both = [(row.hypothesis_id, name) for row, name in zip(rows, names, strict=True)]
    placebo = [row.role == "placebo" for row in rows]
    # A contrast without a placebo, and a placebo without a contrast, belong to the first contrast of the hypothesis.
    own = {key for key, is_it in zip(both, placebo, strict=True) if is_it}
    own &= {key for key, is_it in zip(both, placebo, strict=True) if not is_it}
    keys = [key if key in own else (key[0], "") for key in both]
    return beside_placebos(rows, keys, placebo, level)


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
            "pipeline.inference.beside",
            "pipeline.inference.intervals",
            "pipeline.inference.multiplicity",
            "pipeline.inference.result",
            "pipeline.language.clock",
            *COVERED,
            "pipeline.schema.tidy",
            "pipeline.steps.analysis",
            "pipeline.steps.conversation",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy"),
        description="Sanctions, stance, deliberation, attribution of states, repair, support, accusations and "
        "exchanges between agents that answer each other.",
    ),
)  # fmt: skip
