"""Estimates say that a placebo beside them fails."""

from __future__ import annotations

from pipeline.inference.beside import beside_placebos
from pipeline.schema import Estimate


def estimate(role: str, p_value: float | None, warnings: str | None = None) -> Estimate:
    return Estimate(
        spec_id="0" * 12, family="selection", hypothesis_id="formation", role=role, estimand="", model="",
        estimator="choice_logit", outcome="follow", term="similarity", estimate=None if p_value is None else 0.1,
        p_value=p_value, warnings=warnings,
    )  # fmt: skip


def test_a_placebo_that_fails_marks_what_it_is_of() -> None:
    rows = [
        estimate("primary", 0.001, "attenuated"),
        estimate("exploratory", 0.5),
        estimate("naive", 0.001, "not_evidence"),
        estimate("robustness", None, "few_events"),
        estimate("robustness", 0.2),
        estimate("placebo", 0.04),
        estimate("placebo", 0.0001),
    ]
    keys = ["choice", "choice", "choice", "choice", "tie", "choice", "tie"]
    empty = [False] * 5 + [True, False]  # the last one need not be empty
    found = [row.warnings for row in beside_placebos(rows, keys, empty, 0.95)]
    assert found == ["attenuated,placebo_failed", "placebo_failed", "not_evidence", "few_events", None, None, None]


def test_at_a_higher_level_the_same_placebo_passes() -> None:
    rows = [estimate("primary", 0.001), estimate("placebo", 0.04)]
    assert beside_placebos(rows, [1, 1], [False, True], 0.99) == rows
    assert beside_placebos(rows, [1, 2], [False, True], 0.95) == rows
    assert beside_placebos([rows[0], estimate("placebo", None)], [1, 1], [False, True], 0.95)[0] == rows[0]
