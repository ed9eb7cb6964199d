"""The step of what passes from agent to agent: rare terms, alignment with partners, beliefs and their recall."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.language.clock import coarse_words, read_clock
from pipeline.language.covered import corpus_coverage, warned
from pipeline.schema import Measure, measure_frame
from pipeline.steps.analysis import _sampling
from pipeline.steps.languages import COVERED
from pipeline.steps.socialisation import _spaced, _words
from pipeline.steps.step import Step, StepContext
from pipeline.transfer.order import FAMILY, drop_tables, make_messages, make_words, read_order
from pipeline.transfer.retention import retention_measures
from pipeline.warehouse import Data


def _transfer(context: StepContext) -> Mapping[str, Data]:
    spaced, english = _rows(context)
    con = context.con
    rows = [*warned(spaced, corpus_coverage(con, _spaced(con))), *warned(english, corpus_coverage(con))]
    return {"measure": measure_frame(warn_periods(rows, read_gaps(con).of("post", "comment")))}


def _rows(context: StepContext) -> tuple[list[Measure], list[Measure]]:
    """Return the rows about languages that are written with spaces, and those about English."""
    from pipeline.transfer.adoption import adoption_measure
    from pipeline.transfer.openings import opening_measures
    from pipeline.transfer.partners import partner_measures
    from pipeline.transfer.recall import recall_measures
    from pipeline.transfer.states import state_measures
    from pipeline.transfer.trajectories import trajectory_measures
    from pipeline.transfer.transfers import transfer_measures

    con, clock, sampling = context.con, read_clock(context.con), _sampling(context.settings)
    words, order = _words(con), read_order(con)
    ordered = [*words, *(coarse_words(con, "order") if order.is_timed else [])]
    dated = [*words, *(coarse_words(con, clock.name) if clock.period else [])]
    make_messages(con, order)
    try:
        make_words(con)
        context.progress("the words of texts are listed")
        spaced = transfer_measures(con, order, sampling, ordered)
        context.progress("rare terms are followed from who answers to who is answered")
        spaced += partner_measures(con, order, sampling, ordered)
        context.progress("answers are aligned with partners")
        english = trajectory_measures(con, order, sampling, ordered)
        english += recall_measures(con, order, sampling, ordered)
    finally:
        drop_tables(con)
    context.progress("beliefs are followed")
    english += state_measures(con, sampling, words)
    english += retention_measures(con, clock, sampling, dated)
    spaced += [*opening_measures(con, clock, sampling, dated), adoption_measure(con, clock, sampling, dated)]
    return spaced, english


TRANSFER_STEPS = (
    Step(
        key="analysis/measure/transfer",
        tables=("measure",),
        reads=("agent", "message", "text", "text_topic", "template", "lexicon_score", "collection_gap"),
        family=FAMILY,
        compute=_transfer,
        modules=(
            "pipeline.transfer",
            "pipeline.steps.transfer",
            "pipeline.steps.socialisation",
            "pipeline.steps.analysis",
            "pipeline.schema.tidy",
            "pipeline.activity.gaps",
            "pipeline.activity.resampling",
            "pipeline.activity.row",
            "pipeline.coordination.nulls",
            "pipeline.inference.intervals",
            "pipeline.inference.result",
            "pipeline.language.clock",
            "pipeline.language.convergence_sample",
            *COVERED,
            "pipeline.language.statements",
            "pipeline.network.edges",
            "pipeline.lexicon.tokens",
            "pipeline.socialisation.diversity",
            "pipeline.socialisation.periods",
            "pipeline.socialisation.rows",
            "pipeline.socialisation.vectors",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy", "scikit-learn"),
        description="Rare terms taken up from who answers, alignment with new partners, beliefs that change, recall.",
    ),
)
"""Transfer: what passes from agent to agent in answers, and what one keeps of its own beliefs."""
