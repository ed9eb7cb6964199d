"""Verdicts on planted societies: sameness, difference, too few replicates, and what cannot be compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import duckdb
import pytest
from planted_societies import Society, connect, messages

import pipeline.comparison.judge as judge
from pipeline.activity.concentration import activity_measures
from pipeline.activity.repetition import text_measures
from pipeline.activity.row import Sampling
from pipeline.activity.threads import thread_measures
from pipeline.comparison import Comparison, comparison_frame, load_pairs
from pipeline.comparison.fact import Fact
from pipeline.comparison.judge import Draws, compare_pairs
from pipeline.comparison.pairs import Listed
from pipeline.network.measures import network_measures

DRAWS = Draws(seed=5, bootstrap=200, permutations=400)
FACTS = {
    "activity_gini",
    "activity_tail_exponent",
    "reciprocity_reply_any",
    "comment_depth_mean",
    "duplicate_share",
    "burstiness",
}
BOTH = Listed((("a/all", "b/all"),), with_defaults=False)


FAST = tuple(fact for fact in judge.FACTS if not fact.is_costly)


def compared(
    con: duckdb.DuckDBPyConnection, listed: Listed = BOTH, facts: tuple[Fact, ...] = FAST
) -> dict[str, Comparison]:
    """Compare; without the tail exponent unless it is asked for, since fitting it takes most of the time."""
    with mock.patch.object(judge, "FACTS", facts):
        return {row.measure_id: row for row in compare_pairs(con, load_pairs(con, listed), DRAWS)}


def test_values_equal_the_measures_of_the_corpora_where_nothing_is_rarefied() -> None:
    frame = messages(Society(seed=1, n_messages=2500, burst=0.5))
    rows = compared(connect({"a": frame, "b": frame}), facts=judge.FACTS)
    one = connect({"a": frame})
    sampling = Sampling(seed=1, bootstrap_draws=10, null_draws=2, clustering_draws=1)
    found = {
        row.measure_id: row.value
        for measures in (activity_measures, thread_measures, text_measures, network_measures)
        for row in measures(one, sampling)
    }
    assert set(rows) == FACTS
    for name, row in rows.items():
        assert row.value_a == row.value_b == pytest.approx(found[name], rel=1e-12)
        assert row.ratio == 1
        assert row.distance == 0
        assert "rarefied" not in (row.warnings or "")


def test_copies_are_equivalent_with_enough_windows_and_undecided_with_few() -> None:
    frame = messages(Society(seed=2, n_messages=6000, n_agents=100, spread=0.5))
    rows = compared(connect({"a": frame, "b": frame}))
    assert rows["comment_depth_mean"].verdict == "equivalent"
    assert rows["activity_gini"].verdict == "equivalent"
    assert {row.verdict for row in rows.values()} <= {"equivalent", "undecided"}
    few = compared(connect({"a": frame.head(700), "b": frame.head(700)}))
    assert {row.verdict for row in few.values()} == {"undecided"}
    assert all("3 windows of 200 messages" in (row.reason or "") for row in few.values())


def test_a_single_run_gives_descriptives_only() -> None:
    simulated = Society(seed=3, kind="simulation", n_messages=3000)
    rows = compared(connect({"a": simulated, "b": Society(seed=4, n_messages=3000)}), facts=judge.FACTS)
    for row in rows.values():
        assert row.verdict == "undecided"
        assert "a/all has 1 run" in (row.reason or "")
        assert row.p_value is None and row.q_value is None
        assert "few_runs" in (row.warnings or "")
        assert row.ratio is not None and row.floor is not None
        assert row.n_a and row.n_b and row.unit_of_inference in {"agents", "threads"}
    assert rows["comment_depth_mean"].z is not None


def test_planted_differences_are_found_between_runs_and_windows() -> None:
    plain = Society(seed=5, n_messages=800, n_agents=40, runs=6, kind="simulation")
    planted = replace(plain, seed=6, runs=1, kind="platform", n_messages=8000, repetition=0.5, deepening=0.9)
    rows = compared(connect({"a": plain, "b": planted}))
    for name in ("duplicate_share", "comment_depth_mean"):
        row = rows[name]
        assert row.verdict == "different"
        assert row.ratio_high is not None and row.ratio_high < 1
        assert row.q_value is not None and row.p_value is not None and row.p_value <= row.q_value <= 0.05
        assert (row.n_a, row.n_b, row.unit_of_inference) == (6, 10, "runs and windows")
        assert row.distance is not None and row.floor is not None and row.distance > row.floor
        assert row.z is not None and row.z < -3 and row.percentile == 0


def test_same_truth_in_runs_is_found_equivalent_where_the_measure_is_precise() -> None:
    truth = Society(n_messages=1500, n_agents=40, runs=8, kind="simulation")
    rows = compared(connect({"a": replace(truth, seed=7), "b": replace(truth, seed=8)}))
    assert rows["comment_depth_mean"].verdict == "equivalent"
    assert not [name for name, row in rows.items() if row.verdict == "different"]


def shares_of_small_p(runs: int, pairs: int) -> dict[str, float]:
    """Share of pairs of the same truth in which a measure has p of at most .05; windows of one society if one run."""
    kept = ("activity_gini", "comment_depth_mean", "duplicate_share")
    facts = tuple(fact for fact in FAST if fact.measure_id in kept)
    kind, size = ("simulation", 250) if runs > 1 else ("platform", 1000)
    truth = Society(n_messages=size, n_agents=25, runs=runs, kind=kind)
    found = dict.fromkeys(kept, 0)
    for number in range(pairs):
        con = connect({"a": replace(truth, seed=100 + 2 * number), "b": replace(truth, seed=101 + 2 * number)})
        for name, row in compared(con, facts=facts).items():
            assert row.p_value is not None
            found[name] += row.p_value <= 0.05
        con.close()
    return {name: count / pairs for name, count in found.items()}


@pytest.mark.parametrize("runs", [1, 5])
def test_same_truth_is_seldom_called_different(runs: int) -> None:
    # Three tests of ten pairs: more than six rejections have a probability below .003 at 5 %.
    assert sum(shares_of_small_p(runs, 10).values()) <= 0.6


@pytest.mark.slow
def test_size_between_runs_in_200_pairs(within: Callable[..., None]) -> None:
    within({f"comparison of runs: {name}": share for name, share in shares_of_small_p(5, 200).items()})


@pytest.mark.slow
def test_windows_of_one_society_reject_no_more_than_nominal(within: Callable[..., None]) -> None:
    """The error of members is added to that between windows, which hold part of it already: fewer than 5 % reject."""
    found = shares_of_small_p(1, 200)
    within({f"comparison of windows (cautious): {name}": share for name, share in found.items()}, (0.0, 0.095))


def test_rarefaction_matches_sizes_and_says_so() -> None:
    rows = compared(connect({"a": Society(seed=9, n_agents=200, n_messages=4000), "b": Society(seed=10, n_agents=60)}))
    gini = rows["activity_gini"]
    assert gini.n_a == gini.n_b or gini.unit_of_inference == "windows"
    assert "rarefied" in (gini.warnings or "")
    assert "values at 60 agents of each slice" in (gini.reason or "") or "59 agents" in (gini.reason or "")
    assert "values at 2000 messages" in (rows["duplicate_share"].reason or "")


def test_step_clocks_and_missing_depths_are_not_comparable() -> None:
    odd = Society(seed=11, clock="step", has_depth=False)
    rows = compared(connect({"a": odd, "b": Society(seed=12)}))
    burst, depth = rows["burstiness"], rows["comment_depth_mean"]
    assert (burst.verdict, burst.reason, burst.value_a) == ("not_comparable", "a/all counts steps, not time", None)
    assert "clock_is_step" in (burst.warnings or "")
    assert depth.verdict == "not_comparable"
    assert depth.reason == "a/all has 0 threads with a comment of known depth; at least 10 are needed"
    assert rows["duplicate_share"].verdict in {"equivalent", "different", "undecided"}


def test_zero_has_no_ratio() -> None:
    rows = compared(connect({"a": Society(seed=13, repetition=0.0), "b": Society(seed=14)}))
    row = rows["duplicate_share"]
    assert row.verdict == "not_comparable"
    assert "the value of a/all is zero" in (row.reason or "")
    assert row.value_a == 0 and row.value_b is not None and row.value_b > 0


def test_runs_of_several_models_are_never_pooled() -> None:
    mixed = Society(seed=15, runs=4, kind="simulation", models=("x/1", "y"), n_messages=400)
    con = connect({"a": mixed, "b": Society(seed=16)})
    assert {row.verdict for row in compared(con).values()} == {"not_comparable"}
    assert [(p.a.name, p.b.name) for p in load_pairs(con, Listed())] == [
        ("a/runs-x-1", "b/all"),
        ("a/runs-y", "b/all"),
    ]
    by_model = compared(con, Listed((("a/runs-y", "b/all"),), with_defaults=False))
    assert all("a/runs-y has 2 runs" in (row.reason or "") for row in by_model.values() if row.ratio is not None)


def test_empty_corpora_and_single_corpora_do_not_fail() -> None:
    alone = connect({"a": Society(seed=17)})
    assert load_pairs(alone, Listed()) == []
    assert comparison_frame(compare_pairs(alone, [], DRAWS)).height == 0
    nothing = load_pairs(connect({}), Listed())
    assert nothing == []
    empty = connect({"a": messages(Society(seed=17)).head(0), "b": Society(seed=18)})
    rows = compared(empty)
    assert {row.verdict for row in rows.values()} == {"not_comparable"}
    assert {row.reason for row in rows.values()} == {"a/all has no messages"}


def test_rows_are_the_same_twice_and_do_not_depend_on_the_order_of_rows() -> None:
    a, b = messages(Society(seed=19)), messages(Society(seed=20))
    first = comparison_frame(list(compared(connect({"a": a, "b": b})).values()))
    shuffled = connect({"b": b.sample(fraction=1, shuffle=True, seed=1), "a": a.reverse()})
    assert first.equals(comparison_frame(list(compared(shuffled).values())))


def test_every_row_says_what_it_rests_on() -> None:
    for row in compared(connect({"a": Society(seed=21), "b": Society(seed=22)})).values():
        assert row.margin == pytest.approx(math.log(1.25))
        assert row.reason
        assert row.verdict in {"equivalent", "different", "undecided"}
        assert row.n_a and row.n_b and row.unit_of_inference
