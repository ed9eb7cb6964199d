"""What rows of the analysis layer owe their reader, rule by rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.schema import Estimate, Measure, estimate_frame, measure_frame
from pipeline.schema.uncertainty import uncertainty_problems

MEASURE = Measure(
    family="activity", measure_id="activity_gini", value=0.5, n=9, n_unit="agents", ci_low=0.4, ci_high=0.6
)
ESTIMATE = Estimate(
    spec_id="a", family="airs", hypothesis_id="h", role="primary", estimand="e", model="m", estimator="ols",
    outcome="y", term="x", estimate=0.5, conf_low=0.4, conf_high=0.6, n_obs=9,
)  # fmt: skip
BARE = {"ci_low": None, "ci_high": None}


@pytest.mark.parametrize(
    "row",
    [
        MEASURE,
        replace(MEASURE, **BARE, ci_method="census"),
        replace(MEASURE, **BARE, null_model="shuffled", null_mean=0.1),
        replace(MEASURE, **BARE, warnings="few_agents"),
        replace(MEASURE, value=None, **BARE, warnings="no_messages"),
        replace(MEASURE, value=0.6 + 1e-12),
        replace(MEASURE, value=0.7, warnings="few_agents"),
    ],
)
def test_rows_that_say_what_they_are_worth_pass(row: Measure):
    assert uncertainty_problems(measure_frame([row]), "measure") == []


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (replace(MEASURE, **BARE), "neither an interval, nor a null"),
        (replace(MEASURE, ci_high=None), "neither an interval, nor a null"),
        (replace(MEASURE, value=None, **BARE), "no value and no warning"),
        (replace(MEASURE, value=float("inf")), "not finite"),
        (replace(MEASURE, ci_low=0.6, ci_high=0.4, warnings="few_agents"), "ends before it begins"),
        (replace(MEASURE, value=0.7), "outside their own interval"),
        (replace(MEASURE, n=-1), "no n"),
    ],
)
def test_each_rule_names_the_row_that_breaks_it(row: Measure, words: str):
    problems = uncertainty_problems(measure_frame([MEASURE, replace(row, measure_id="bad")]), "measure")
    assert any(words in problem and "1 rows" in problem and "bad/corpus/corpus" in problem for problem in problems)


def test_estimates_are_held_to_the_same_rules():
    assert uncertainty_problems(estimate_frame([ESTIMATE]), "estimate") == []
    bare = replace(ESTIMATE, conf_low=None, conf_high=None, n_obs=None, term="bare")
    (first, second) = uncertainty_problems(estimate_frame([ESTIMATE, bare]), "estimate")
    assert "neither an interval" in first and "h/bare/primary" in first
    assert "no n" in second


def test_a_long_list_is_cut():
    bad = [replace(MEASURE, **BARE, measure_id=f"bad_{number}") for number in range(7)]
    (problem,) = uncertainty_problems(measure_frame(bad), "measure")
    assert problem.startswith("7 rows have neither") and problem.endswith(", …") and "bad_5" not in problem


def test_rows_of_one_name_are_all_counted():
    bad = [replace(MEASURE, **BARE, slice_id=f"slice-{number}") for number in range(3)]
    (problem,) = uncertainty_problems(measure_frame(bad), "measure")
    assert problem.startswith("3 rows have neither") and problem.count("activity_gini") == 1
