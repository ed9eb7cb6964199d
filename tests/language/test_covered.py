"""The warning language_unsupported: when rows carry it, and when an embedding measure is refused."""

import duckdb
import polars as pl
import pytest
from convergence_corpora import on_corpus

from pipeline.activity.row import Sampling
from pipeline.language.clock import read_clock
from pipeline.language.convergence import similarity_measures
from pipeline.language.convergence_estimates import convergence_estimates
from pipeline.language.covered import ENGLISH, WORD, Coverage, corpus_coverage, coverage, refused, warned
from pipeline.lexicon import load_cards
from pipeline.schema import Measure
from pipeline.simulation.convergence import ConvergenceTruth, simulate_convergence

ROW = Measure(
    family="embedding", measure_id="mean_similarity", value=0.4, n=9, n_unit="texts", ci_low=0.3, ci_high=0.5,
    ci_level=0.95, ci_method="x", warnings="few_texts",
)  # fmt: skip


def test_shares_are_of_texts_whose_language_is_known() -> None:
    found = coverage(pl.Series(["en", "en", "de", "und", None]), pl.Series([10, 9, 1, 500, 500]))
    assert found == Coverage(known=20, foreign=1)
    assert not found.is_warned  # exactly one in twenty
    assert coverage(pl.Series(["en"] * 18 + ["zh"])).is_warned
    assert coverage(pl.Series(["und", None], dtype=pl.String)) == Coverage(0, 0)
    assert coverage(pl.Series([], dtype=pl.String)).words == []


def test_a_corpus_counts_every_copy() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE text AS SELECT * FROM (VALUES ('en', 3), ('de', 4), ('und', 9)) AS t(language, copies)")
    assert corpus_coverage(con) == Coverage(known=7, foreign=4)


@pytest.mark.parametrize(
    ("foreign", "word", "value"), [(5, False, 0.4), (6, True, 0.4), (50, True, 0.4), (51, True, None)]
)
def test_embedding_rows_are_null_where_most_texts_are_not_covered(
    foreign: int, word: bool, value: float | None
) -> None:
    row = refused([ROW], Coverage(100, foreign))[0]
    assert row.value == value
    assert (row.ci_low is None) == (value is None)
    assert row.warnings == (f"few_texts,{WORD}" if word else "few_texts")
    assert warned([ROW], Coverage(100, foreign))[0].value == 0.4


def test_the_word_lists_are_english() -> None:
    assert {card.language for card in load_cards() if card.id in ("airs", "reply")} == set(ENGLISH)


@pytest.mark.parametrize(("german", "is_null"), [(0.0, False), (0.2, False), (0.8, True)])
def test_convergence_of_texts_that_the_teacher_does_not_read(german: float, is_null: bool) -> None:
    corpus = simulate_convergence(ConvergenceTruth(seed=4))
    con = on_corpus(corpus)
    con.execute(f"UPDATE text SET language = 'de' WHERE hash(text_hash) % 100 < {100 * german}")
    clock = read_clock(con)
    rows = similarity_measures(con, clock, Sampling(seed=3))
    estimates = convergence_estimates(con, clock, seed=3, n_draws=20)
    values = {row.value is None for row in rows if row.measure_id == "within_similarity"}
    assert values == {is_null}
    assert {WORD in (row.warnings or "") for row in rows} == {german > 0}
    primary = [row for row in estimates if row.role == "primary"]
    assert {row.estimate is None for row in primary} == {is_null}
    assert {WORD in (row.warnings or "") for row in primary} == {german > 0}
