"""What verdicts rest on: events of shares, copies within runs, runs long enough, and a floor of the same size."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import polars as pl
import pytest
from planted_societies import Society, connect, messages

import pipeline.comparison.judge as judge
from pipeline.comparison import Comparison, load_pairs
from pipeline.comparison.fact import Fact
from pipeline.comparison.facts import FACTS
from pipeline.comparison.judge import Draws, compare_pairs
from pipeline.comparison.pairs import Listed
from pipeline.comparison.sample import Sample, load_sample
from pipeline.comparison.units import log_values, pooled_ratio

BY_NAME = {fact.measure_id: fact for fact in FACTS}
DUPLICATES, RECIPROCITY = BY_NAME["duplicate_share"], BY_NAME["reciprocity_reply_any"]
RUNS = Society(kind="simulation", runs=6, n_messages=300, repetition=0.0)
KINDS = {"a": "simulation", "b": "simulation"}


def compared(
    a: Society | pl.DataFrame, b: Society | pl.DataFrame, fact: Fact, kinds: dict[str, str] = KINDS
) -> Comparison:
    con = connect({"a": a, "b": b}, kinds)
    with mock.patch.object(judge, "FACTS", (fact,)):
        (row,) = compare_pairs(con, load_pairs(con, Listed((("a/all", "b/all"),), False)), Draws(seed=1, bootstrap=100))
    return row


def loaded(corpus: Society | pl.DataFrame, slice_id: str = "all") -> Sample:
    con = connect({"a": corpus, "b": Society(n_messages=50)}, KINDS)
    (pair,) = load_pairs(con, Listed(((f"a/{slice_id}", "b/all"),), False))
    return load_sample(con, pair.a, seed=1)


def with_copies(truth: Society, copies: int) -> pl.DataFrame:
    """Give the first `copies` runs one repetition of a text each."""
    frame = messages(truth)
    place = pl.int_range(pl.len()).over("run_id")
    chosen = pl.col("run_id").is_in(frame["run_id"].unique().sort().head(copies).implode())
    text = pl.when(chosen & (place < 2)).then(pl.concat_str("run_id", pl.lit(":copied")))
    return frame.with_columns(text_hash=text.otherwise(pl.col("text_hash")))


def unanswered(truth: Society, share: float) -> pl.DataFrame:
    """Let comments answer posts of agents who never comment, and keep about a share of the comments."""
    frame = messages(truth).with_columns(
        agent_id=pl.when(pl.col("kind") == "post").then("message_id").otherwise("agent_id"),
        parent_id=pl.when(pl.col("kind") == "comment").then("root_id"),
    )
    place = pl.int_range(pl.len()).over("run_id")
    return frame.filter((pl.col("kind") == "post") | (place % 100 < share * 100))


@pytest.mark.parametrize("runs", [6, 1])
def test_shares_without_events_have_their_raw_zero_and_no_verdict(runs: int) -> None:
    kind, size = ("simulation", 300) if runs > 1 else ("platform", 2000)
    truth = replace(RUNS, runs=runs, kind=kind, n_messages=size)
    row = compared(truth, replace(truth, seed=2), DUPLICATES)
    assert (row.value_a, row.value_b, row.verdict, row.ratio, row.p_value) == (0, 0, "not_comparable", None, None)
    assert "a/all has 0 repetitions of a text; at least 5 are needed" in (row.reason or "")
    assert "few_events" in (row.warnings or "")


def test_unequal_numbers_of_ties_of_which_none_is_answered_are_no_difference() -> None:
    row = compared(unanswered(RUNS, 1.0), unanswered(replace(RUNS, seed=3), 0.4), RECIPROCITY)
    assert (row.value_a, row.value_b, row.verdict) == (0, 0, "not_comparable")
    assert "b/all has 0 pairs of agents who answer each other" in (row.reason or "")


def test_few_events_on_one_side_leave_the_raw_value_undecided() -> None:
    row = compared(with_copies(RUNS, 4), replace(RUNS, seed=2, repetition=0.3), DUPLICATES)
    assert (row.verdict, row.p_value, row.ratio) == ("undecided", None, None)
    assert row.value_a == pytest.approx(4 / 1800)
    assert (row.reason or "").startswith("a/all has 4 repetitions of a text; at least 5 are needed; geometric means")
    assert row.warnings == "few_events"
    enough = compared(with_copies(RUNS, 5), replace(RUNS, seed=2, repetition=0.3), DUPLICATES)
    assert enough.verdict == "different"
    assert "continuity_corrected" in (enough.warnings or "")


def test_few_events_in_windows_decide_nothing_though_the_slices_have_enough() -> None:
    frame = messages(Society(n_messages=2000, repetition=0.0))
    place = pl.int_range(pl.len())  # every text of the first 200 messages comes again, later
    text = pl.when(place >= 1800).then(pl.col("text_hash").shift(1800)).otherwise(pl.col("text_hash"))
    row = compared(frame.with_columns(text_hash=text), Society(seed=2), DUPLICATES, kinds={})
    assert row.value_a == pytest.approx(0.1)
    assert (row.verdict, row.p_value) == ("undecided", None)
    assert row.ratio is not None and row.z is None
    assert "in the windows a/all has 0 repetitions of a text" in (row.reason or "")
    assert "few_events" in (row.warnings or "")


def test_replicates_without_events_do_not_differ_by_their_size() -> None:
    sample = loaded(replace(RUNS, runs=1, n_messages=600))
    large, small = sample.take(np.arange(600)), sample.take(np.arange(100))
    first, second, added = log_values(DUPLICATES, ([large, large], [small, small]))
    assert np.ptp(np.concatenate([first, second])) == 0
    assert added == pytest.approx(0.5 / 350)


def test_rare_events_are_not_equivalent_because_one_half_evens_them_out() -> None:
    truth = replace(RUNS, runs=20, n_messages=200)
    a, b = with_copies(truth, 19), with_copies(replace(truth, seed=2), 19)
    row = compared(a, b, DUPLICATES)
    assert row.verdict == "undecided"
    assert row.ratio_low is not None and row.ratio_low <= np.exp(-1.96 * (2 / 19) ** 0.5) + 1e-3
    runs = (loaded(a).runs(), loaded(b).runs())
    pooled = pooled_ratio(DUPLICATES, runs)
    assert pooled is not None
    assert (pooled.difference, pooled.error) == pytest.approx((0, (2 / 19) ** 0.5))


def test_copies_all_by_one_author_have_no_interval() -> None:
    frame = messages(Society(n_messages=600, repetition=0.0))
    spammer = frame["agent_id"].value_counts(sort=True)["agent_id"][0]
    text = pl.when(pl.col("agent_id") == spammer).then(pl.lit("copied")).otherwise(pl.col("text_hash"))
    sample = loaded(frame.with_columns(text_hash=text))
    row = compared(frame.with_columns(text_hash=text), Society(n_messages=600, seed=2), DUPLICATES)
    assert (row.ratio is not None, row.ratio_low, row.ratio_high) == (True, None, None)
    assert "few_events" in (row.warnings or "")
    assert DUPLICATES.value(sample) > 0
    assert DUPLICATES.draws(sample, draws=50, rng=np.random.default_rng(1)).size == 0
    spread = loaded(Society(n_messages=600, repetition=0.3))
    assert DUPLICATES.draws(spread, draws=50, rng=np.random.default_rng(1)).size == 50


def test_runs_that_start_from_the_same_texts_are_not_copies_of_each_other() -> None:
    place = pl.int_range(pl.len()).over("run_id")
    seeded = pl.concat_str(pl.lit("seed"), (place % 100).cast(pl.String))
    text = pl.when(place < 200).then(seeded).otherwise(pl.col("text_hash"))
    sample = loaded(messages(RUNS).with_columns(text_hash=text), "without_duplicates")
    assert [len(run) for run in sample.runs()] == [200] * 6


def crashed(truth: Society, runs: int) -> pl.DataFrame:
    """Keep three messages of the last runs."""
    frame = messages(truth)
    short = frame["run_id"].unique().sort().tail(runs).implode()
    return frame.filter(~pl.col("run_id").is_in(short) | (pl.int_range(pl.len()).over("run_id") < 3))


def test_a_crashed_run_is_set_aside_by_name_and_the_others_decide() -> None:
    truth = Society(kind="simulation", runs=7, n_messages=400)
    whole = replace(truth, runs=6)
    row = compared(crashed(truth, 1), replace(truth, seed=2), BY_NAME["comment_depth_mean"])
    without = compared(whole, replace(truth, seed=2), BY_NAME["comment_depth_mean"])
    assert row.verdict == without.verdict == "equivalent"
    assert (row.n_a, row.value_a, row.ratio_high) == (6, without.value_a, without.ratio_high)
    assert "set aside of a/all, with fewer than 200 messages: r6 (3 messages)" in (row.reason or "")
    few = compared(crashed(truth, 3), replace(truth, seed=2), BY_NAME["comment_depth_mean"])
    assert few.verdict == "undecided"
    assert "a/all has 4 runs of at least 200 messages" in (few.reason or "")


def test_floor_lies_between_neighbouring_windows_of_the_size_compared() -> None:
    fact, platform = BY_NAME["activity_gini"], Society(n_messages=3300, seed=2, n_agents=200)
    row = compared(replace(RUNS, n_messages=220), platform, fact)
    windows = loaded(platform).windows(220)
    logs = np.log([fact.value(window) for window in windows])
    assert len(windows) == 15
    assert row.floor == pytest.approx(np.abs(np.diff(logs)).mean())


def test_a_slice_of_a_language_holds_its_texts() -> None:
    truth = Society(n_messages=200)
    con = connect({"a": truth, "b": Society(n_messages=50)}, KINDS)
    texts = messages(truth)["text_hash"].unique().sort().head(30)
    con.register("texts", pl.DataFrame({"text_hash": texts}))
    con.execute("CREATE TABLE text AS SELECT 'a' AS corpus_id, text_hash, 'de' AS language FROM texts")
    con.execute("INSERT INTO text SELECT 'b', text_hash, 'de' FROM message WHERE corpus_id = 'a'")
    con.execute("INSERT INTO slice (corpus_id, slice_id, \"filter\") VALUES ('a', 'german', 'language:de')")
    (pair,) = load_pairs(con, Listed((("a/german", "b/all"),), False))
    found = load_sample(con, pair.a, seed=1)
    assert len(found) == messages(truth)["text_hash"].is_in(texts.implode()).sum()
    assert len(np.unique(found.text)) == 30
