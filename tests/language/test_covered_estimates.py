"""What rows of analysis.estimate say where the language of texts is not covered."""

from __future__ import annotations

import pytest

from pipeline.language.covered import Coverage
from pipeline.language.covered_estimates import NUMBERS, with_language
from pipeline.schema import Estimate

ENGLISH, MIXED, FOREIGN = Coverage(100, 0), Coverage(100, 30), Coverage(100, 90)


def row(outcome: str, term: str) -> Estimate:
    return Estimate(
        spec_id="0", family="f", hypothesis_id="h", role="primary", estimand="e", model="m", estimator="o",
        outcome=outcome, term=term, estimate=0.3, std_error=0.1, conf_low=0.1, conf_high=0.5, p_value=0.01,
        null_mean=0.0, null_sd=0.1, n_obs=9, warnings="few_clusters",
    )  # fmt: skip


@pytest.mark.parametrize(("outcome", "term"), [("gender_axis", "gap_follow"), ("follow", "similarity_gender_axis")])
def test_vectors_of_texts_that_are_not_covered_give_no_number(outcome: str, term: str) -> None:
    assert MIXED.is_warned
    assert not MIXED.is_refused
    assert FOREIGN.is_refused
    (kept,) = with_language([row(outcome, term)], MIXED)
    assert (kept.estimate, kept.null_sd) == (0.3, 0.1)
    assert kept.warnings == "few_clusters,language_unsupported"
    (refused,) = with_language([row(outcome, term)], FOREIGN)
    assert {getattr(refused, name) for name in NUMBERS} == {None}
    assert (refused.n_obs, refused.warnings) == (9, "few_clusters,language_unsupported")


@pytest.mark.parametrize(
    ("outcome", "term"), [("airs_share", "gap_follow"), ("follow", "assortativity_gender_lexicon")]
)
def test_word_lists_keep_their_number_and_are_warned(outcome: str, term: str) -> None:
    (found,) = with_language([row(outcome, term)], FOREIGN)
    assert (found.estimate, found.warnings) == (0.3, "few_clusters,language_unsupported")


def test_scores_that_need_no_language_and_covered_texts_are_left_alone() -> None:
    rows = [row("log_length", "gap_follow"), row("follow", "similarity_activity")]
    assert with_language(rows, FOREIGN) == rows
    rows = [row("gender_axis", "gap_follow"), row("follow", "similarity_airs_share")]
    assert with_language(rows, ENGLISH) == rows
