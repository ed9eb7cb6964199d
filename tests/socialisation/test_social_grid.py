"""The grid of socialisation: its rows, its primary ones against the measures, what is planted, and worlds without."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import polars as pl
import pytest
from planted_words import society

from pipeline.activity.row import Sampling
from pipeline.inference.grid_entries import read_entries
from pipeline.language.clock import read_clock
from pipeline.language.convergence_sample import find_embedding
from pipeline.language.covered import corpus_coverage
from pipeline.report.plots import plot_table
from pipeline.schema import estimate_frame
from pipeline.socialisation import grid
from pipeline.socialisation.cohorts import cohort_measures
from pipeline.socialisation.embedded import embedded_measures
from pipeline.socialisation.grid_estimates import ESTIMANDS, social_estimates
from pipeline.socialisation.periods import read_period_texts
from pipeline.socialisation.turnover import turnover_measures
from pipeline.socialisation.vectors import VectorStore, read_vectors

SAMPLING = Sampling(seed=4, bootstrap_draws=10, null_draws=80, clustering_draws=39)
ROUNDING = 1e-9  # sums of some hundred doubles in another order


def rows_of(con):
    return social_estimates(con, read_clock(con), SAMPLING, [], corpus_coverage(con))


def named(rows):
    return {(row.hypothesis_id, row.model): row for row in rows}


@pytest.fixture(scope="module")
def persona():
    con = society(np.random.default_rng(4), agents=60, per_day=3, persona=1.0)
    return con, rows_of(con)


def test_every_entry_is_a_row_and_every_hypothesis_has_one_primary_one(persona):
    specs, settings = grid.load_social_grid()
    assert [row.spec_id for row in persona[1]] == [spec.spec_id for spec in specs]
    assert len({spec.spec_id for spec in specs}) == len(specs) == 57
    primary = [spec.hypothesis for spec in specs if spec.role == "primary"]
    assert primary == list(grid.HYPOTHESES)
    assert {spec.hypothesis for spec in specs if spec.role == "placebo"} == set(grid.HYPOTHESES)
    assert {(spec.hypothesis, spec.outcome) for spec in specs} == set(ESTIMANDS)
    assert 5 / (settings["draws"] + 1) < 0.05  # five primary rows can pass Holm
    assert plot_table("estimate", "socialisation", estimate_frame(persona[1]).lazy())[:4] == b"\x89PNG"


def test_primary_rows_are_the_measures(persona):
    con, rows = persona
    clock = read_clock(con)
    measures = [*embedded_measures(con, clock, SAMPLING, []), *turnover_measures(con, clock, SAMPLING, [])]
    measures += cohort_measures(con, clock, SAMPLING, [])
    values = {row.measure_id: row for row in measures if row.period is None}
    names = dict(zip(grid.HYPOTHESES, ("ngram_birth_share", "agent_inertia", "feedback_adaptation",
                                       "correction_uptake", "cohort_types_trend"), strict=True))  # fmt: skip
    for row in rows:
        if row.role == "primary":
            found = values[names[row.hypothesis_id]]
            assert row.estimate == found.value, row.hypothesis_id
            assert (row.conf_low, row.conf_high) == (found.ci_low, found.ci_high)
            if row.null_mean is not None:
                assert row.common_scale == pytest.approx(row.estimate - row.null_mean)
                assert row.adj_method == "holm"


def test_planted_agents_stay_and_the_placebos_are_empty(persona):
    rows = [row for row in persona[1] if row.hypothesis_id == grid.AGENTS and row.estimate is not None]
    assert len(rows) >= 10
    for row in rows:
        if row.role == "placebo":
            assert row.p_value > 0.01
            assert row.conf_low < row.null_mean < row.conf_high
        else:
            assert row.conf_low > row.null_mean + 5 * row.null_sd, row.model
    votes = [row for row in persona[1] if row.hypothesis_id == grid.VOTES and row.p_value is not None]
    assert votes
    assert all(row.p_value > 0.01 for row in votes)


def test_planted_rewards_are_found_and_a_hash_of_votes_is_not():
    rows = named(rows_of(society(np.random.default_rng(6), per_day=5, vote_pull=2.0)))
    for model in ("similarity", "similarity, window 5", "similarity, extreme 0.2", "similarity, copies kept"):
        assert rows[grid.VOTES, model].conf_low > 0, model
    assert rows[grid.VOTES, "similarity"].p_value == pytest.approx(1 / 200)
    for model in ("similarity, dealt anew", "similarity, by a hash"):
        found = rows[grid.VOTES, model]
        assert abs(found.estimate) < 4 * found.null_sd


def test_planted_corrections_are_found_after_and_not_before():
    rows = named(rows_of(society(np.random.default_rng(7), agents=160, per_day=3, correction_pull=1.0)))
    assert rows[grid.CORRECTIONS, "uptake"].conf_low > 0.1
    assert rows[grid.CORRECTIONS, "uptake, message 2 after"].conf_low > 0.1
    assert rows[grid.CORRECTIONS, "uptake, within period"].conf_low > 0.1
    for model in ("uptake, dealt anew", "uptake, by a hash"):
        found = rows[grid.CORRECTIONS, model]
        assert abs(found.estimate - found.null_mean) < 4 * found.null_sd  # one dealing among many
    before = rows[grid.CORRECTIONS, "uptake, message before the reply"]
    assert before.estimate is None or before.p_value > 0.01


def test_a_placebo_that_fails_is_told_beside_its_estimates(persona):
    """By hand from the rows: the word stands where, and only where, a control of the same question has p below .05."""
    failed = {
        (row.hypothesis_id, row.outcome)
        for row in persona[1]
        if row.role in ("placebo", "negative_control") and row.p_value is not None and row.p_value < 0.05
    }
    for row in persona[1]:
        if row.role in ("primary", "robustness") and row.estimate is not None:
            said = "placebo_failed" in (row.warnings or "")
            assert said == ((row.hypothesis_id, row.outcome) in failed), row.model


def test_turnover_of_words_by_hand():
    """Births of single words that occur three times, and of words twice, counted with dictionaries."""
    con = society(np.random.default_rng(9), agents=40, per_day=1, tokens=25)
    rows, clock = named(rows_of(con)), read_clock(con)
    chosen = read_period_texts(con, clock, SAMPLING.seed)
    texts = dict(con.sql("SELECT text_hash, text FROM text").fetchall())
    for model, least, longest in (("born, n-grams up to 1", 2, 1), ("born, at least 3", 3, 5)):
        lives: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for period in range(len(chosen.starts)):
            count: Counter[tuple[str, ...]] = Counter()
            for text in chosen.hashes.to_list()[period * chosen.size : (period + 1) * chosen.size]:
                words = texts[text].split()
                for n in range(1, longest + 1):
                    count.update(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
            for gram, times in count.items():
                if times >= least:
                    lives[gram].append(period)
        shares = [
            np.mean([lived[0] == period for lived in lives.values() if period in lived])
            for period in range(1, len(chosen.starts))
        ]
        assert rows[grid.PHRASES, model].estimate == pytest.approx(np.mean(shares), abs=ROUNDING)


def test_only_first_copies_are_read():
    con = society(np.random.default_rng(10), agents=40)
    con.execute("UPDATE message SET text_hash = 't0' WHERE kind = 'post' AND agent_id < 'a010'")
    with grid.first_copies(con):
        texts = con.sql(f"SELECT text_hash FROM message AS m WHERE kind = 'post' {grid.ONLY_FIRST}").pl()["text_hash"]
    assert texts.is_unique().all()
    assert "t0" in texts
    with pytest.raises(Exception, match="socialisation_first"):
        con.sql(f"SELECT 1 FROM message AS m WHERE TRUE {grid.ONLY_FIRST}").fetchall()


def test_the_store_of_vectors_reads_what_is_read_at_once():
    con = society(np.random.default_rng(11), agents=12)
    embedding = find_embedding(con)
    store = VectorStore(con, embedding)
    hashes = con.sql("SELECT text_hash FROM text ORDER BY text_hash DESC").pl()["text_hash"]
    for part in (hashes[:7], hashes[3:20], hashes, pl.concat([hashes[5:8], hashes[:3]])):
        assert np.array_equal(store(part), read_vectors(con, embedding, part))
    store.clear()
    assert len(store(hashes[:0])) == 0


def test_without_clock_vectors_or_language_rows_say_why():
    con = society(np.random.default_rng(8), agents=12)
    con.execute("UPDATE text SET language = 'ja'")
    rows = [row for row in rows_of(con) if row.hypothesis_id in (grid.AGENTS, grid.VOTES, grid.CORRECTIONS)]
    assert all(row.estimate is None and "language_unsupported" in row.warnings for row in rows)
    con.execute("UPDATE text SET language = 'en'")
    con.execute("DELETE FROM embedding")
    rows = [row for row in rows_of(con) if row.hypothesis_id in (grid.AGENTS, grid.VOTES, grid.CORRECTIONS)]
    assert all("model_unavailable" in row.warnings for row in rows)
    con.execute("UPDATE message SET created_at = NULL, step = 1")
    assert all(row.estimate is None and "clock_is_step" in row.warnings for row in rows_of(con))


def test_rows_do_not_depend_on_the_order_of_tables_or_threads():
    found = []
    for order, threads in (("", 1), (" DESC", 2)):
        con = society(np.random.default_rng(12), agents=40)
        con.execute(f"SET threads = {threads}")
        for table, key in (("message", "message_id"), ("text", "text_hash"), ("embedding", "text_hash")):
            con.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {table} ORDER BY {key}{order}")
        found.append(rows_of(con))
    assert found[0] == found[1]


def test_a_wrong_outcome_and_too_few_primary_rows_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("pipeline.inference.grid_entries.files", lambda _: tmp_path)
    entry = '[[spec]]\nrole = "primary"\nhypothesis = "phrases_turn_over"\noutcome = "{}"\n'
    entry = '[[spec]]\nrole = "primary"\nhypothesis = "phrases_turn_over"\noutcome = "{}"\n'
    (tmp_path / "x.toml").write_text(entry.format("types"))
    with pytest.raises(ValueError, match="outcome"):
        read_entries("x.toml", grid._specification, primaries=1)
    (tmp_path / "x.toml").write_text(entry.format("born"))
    with pytest.raises(ValueError, match="4 others"):
        read_entries("x.toml", grid._specification, primaries=5)
