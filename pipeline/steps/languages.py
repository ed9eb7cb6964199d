"""The step that names slices of one language, and what lets a family of measures run on them as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pipeline.inference.slices import read_slices
from pipeline.language.language_slices import FAMILY, in_language, language_slices, of_languages
from pipeline.schema import Measure
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data

MODULES = ("pipeline.steps.languages", "pipeline.language.language_slices", "pipeline.inference.slices")
"""Modules of every step that runs on slices of one language; it also reads ``slice`` and ``text``."""
COVERED = ("pipeline.language.covered", "pipeline.language.identify")
"""Modules of every step that asks how much of a corpus is in a language that it can read."""


def per_language(
    compute: Callable[[StepContext], list[Measure]], scope: str = "message"
) -> Callable[[StepContext], list[Measure]]:
    """Return `compute` on everything and then on each slice of one language.

    Parameters
    ----------
    compute
        Returns the measures of what the views of the connection show.
    scope
        As in `in_language`.
    """

    def run(context: StepContext) -> list[Measure]:
        rows = list(compute(context))
        for rule in of_languages(read_slices(context.con)):
            context.progress(f"the same for {rule.slice_id}")
            with in_language(context.con, rule, scope):
                rows += [replace(row, slice_id=rule.slice_id) for row in compute(context) if row.slice_id == "all"]
        return rows

    return run


def _slices(context: StepContext) -> Mapping[str, Data]:
    return {"slice": language_slices(context.con)}


LANGUAGE_STEPS = (
    Step(
        key="feature/slice_language",
        tables=("slice",),
        reads=("text",),
        family=FAMILY,
        compute=_slices,
        modules=(*MODULES, *COVERED),
        description="Slices of one language: the three largest besides English, and English where languages mix.",
    ),
)
