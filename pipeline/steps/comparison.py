"""The step ``analysis/comparison``: slices of all corpora side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.comparison import comparison_frame, load_pairs
from pipeline.comparison.pairs import Listed, read_listed
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Warehouse


def _listed(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Listed]:
    del corpus_id
    listed = read_listed(warehouse.settings.home)
    return {"pairs": [list(pair) for pair in listed.pairs], "with_defaults": listed.with_defaults}, listed


def _comparison(context: StepContext) -> Mapping[str, Data]:
    from pipeline.comparison.judge import Draws, compare_pairs

    settings, listed = context.settings, context.state
    draws = Draws(
        seed=settings.seed,
        bootstrap=settings.bootstrap_draws,
        permutations=settings.permutation_draws,
        level=settings.ci_level,
    )
    rows: list[Any] = compare_pairs(context.con, load_pairs(context.con, listed), draws, context.progress)
    return {"comparison": comparison_frame(rows)}


COMPARISON_STEPS = (
    Step(
        key="analysis/comparison",
        tables=("comparison",),
        reads=("corpus", "run", "slice", "message", "interaction", "lexicon_score", "text"),
        compute=_comparison,
        modules=(
            "pipeline.steps.comparison",
            "pipeline.comparison",
            "pipeline.activity",
            "pipeline.network",
            "pipeline.inference.slices",
            "pipeline.inference.multiplicity",
            "pipeline.inference.result",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy", "powerlaw"),
        prepare=_listed,
        is_project=True,
        description="Simulated beside observed societies: six facts at matched size, the noise floor, and a verdict.",
    ),
)
