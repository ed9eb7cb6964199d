"""The step of the specification curve of AIRS: the share of posts under every choice of the registered grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.lexicon import card_by_id, fingerprint
from pipeline.schema import estimate_frame
from pipeline.steps.analysis import _sampling
from pipeline.steps.feature import lexicon_cards
from pipeline.steps.languages import COVERED
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Warehouse


def _card(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    _, cards = lexicon_cards(warehouse, corpus_id)
    chosen = card_by_id(cards, "airs")
    return {"cards": fingerprint([chosen])}, chosen


def _airs(context: StepContext) -> Mapping[str, Data]:
    from pipeline.inference.airs_estimates import airs_estimates

    settings = context.settings
    rows = airs_estimates(context.con, context.state, _sampling(settings), threads=settings.threads)
    return {"estimate": estimate_frame(rows)}


AIRS_STEPS = (
    Step(
        key="analysis/estimate/airs",
        tables=("estimate",),
        reads=("message", "text", "lexicon_score"),
        family="airs",
        compute=_airs,
        modules=(
            "pipeline.inference",
            "pipeline.activity.resampling",
            "pipeline.activity.row",
            "pipeline.language.clock",
            *COVERED,
            "pipeline.lexicon",
            "pipeline.schema.tidy",
            "pipeline.steps.airs",
            "pipeline.steps.analysis",
            "pipeline.steps.feature",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy", "pyarrow"),
        prepare=_card,
        description="Share of posts with action-inducing language under every choice of the registered grid.",
    ),
)
