"""Regularity of posting: by hand, against the independent script and scipy, and against its own limits."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from planted_coordination import START, connect, message, posters
from regularity import cov_by_author
from scipy import stats
from synthetic import connect as connect_threads
from synthetic import random_threads

from pipeline.activity.burstiness import burstiness
from pipeline.activity.gaps import Gaps
from pipeline.activity.row import Sampling
from pipeline.coordination.posts import read_posts
from pipeline.coordination.regularity import STATISTICS, regularity_measures, summary
from pipeline.coordination.signals import agent_signals
from pipeline.coordination.timing import Intervals, class_shares, classify, intervals, memory, ordered_within, spread

SAMPLING = Sampling(seed=4, bootstrap_draws=200, null_draws=99)
EXACT = 1e-12  # float64 sums of a few numbers in another order


def by_name(rows, null="memoryless"):
    """Return measures by name, those beside one null model where there are two."""
    return {r.measure_id: r for r in rows if r.null_model is None or "permuted_authors" not in r.null_model or
            null == "permuted"}  # fmt: skip


def test_cov_by_hand():
    agent = np.array([0, 0, 0, 1, 1, 2, 3, 3, 3])
    at = np.array([0, 10, 40, 0, 5, 7, 4, 4, 4])
    found = spread(intervals(agent, at))
    assert found.agent.tolist() == [0, 1, 3]
    assert found.n.tolist() == [2, 1, 2]
    # Intervals 10 and 30: mean 20, deviation 10. One interval has no spread; three posts at once have no mean.
    assert found.cov[0] == pytest.approx(0.5, abs=EXACT)
    assert np.isnan(found.cov[1:]).all()
    assert found.least.tolist() == [10, 5, 0]


def test_bounds_belong_to_the_class_above():
    below = np.nextafter([0.3, 0.5, 1.0, 2.0], 0)
    assert classify(below).tolist() == [0, 1, 2, 3]
    assert classify(np.array([0.0, 0.3, 0.5, 1.0, 2.0, 33.0, np.nan])).tolist() == [0, 1, 2, 3, 4, 4, -1]
    assert class_shares(np.array([0.1, 0.4, 0.6, 3.0, np.nan])).tolist() == [0.25, 0.25, 0.25, 0.0, 0.25]


@pytest.mark.parametrize("faults", [False, True])
def test_equal_to_the_independent_script(faults):
    messages = random_threads(31, posts=400, authors=60, faults=faults)
    if faults:  # the script leaves posts without time out, ours their authors
        lost = {m["author"] for m in messages if m["kind"] == "post" and m["at"] is None}
        messages = [m for m in messages if m["author"] not in lost]
    expected = cov_by_author(messages)
    posts = read_posts(connect_threads(messages))
    found = spread(intervals(posts.agent, posts.at))
    ours = {posts.names[int(a)]: c for a, c in zip(found.agent, found.cov, strict=True) if not np.isnan(c)}
    assert len(ours) > 10
    assert ours == pytest.approx(expected, abs=EXACT)


def test_memory_is_the_correlation_of_neighbours_and_bursts_are_those_of_the_activity_family():
    rng = np.random.default_rng(8)
    lengths = [rng.gamma(0.4, size=n) for n in (5, 9, 40)]
    agent = np.repeat(np.arange(3), [5, 9, 40])
    expected = [stats.pearsonr(x[:-1], x[1:]).statistic for x in lengths]
    assert memory(Intervals(agent, np.concatenate(lengths))) == pytest.approx(expected, abs=1e-10)
    at = np.concatenate([np.concatenate([[0], np.cumsum(np.round(x * 1e6))]) for x in lengths]).astype(np.int64)
    owner = np.repeat(np.arange(3), [6, 10, 41])
    assert spread(intervals(owner, at)).burstiness == pytest.approx(burstiness(owner, at), abs=1e-10)


def test_memory_of_a_clock_is_undefined_and_of_alternation_is_minus_one():
    assert np.isnan(memory(Intervals(np.zeros(8, dtype=np.int64), np.full(8, 0.1)))).all()
    alternating = Intervals(np.zeros(8, dtype=np.int64), np.tile([1.0, 5.0], 4))
    assert memory(alternating) == pytest.approx([-1], abs=EXACT)


def test_three_posts_never_exceed_one_and_are_regular_by_chance_half_of_the_time():
    rng = np.random.default_rng(9)
    found = spread(Intervals(np.repeat(np.arange(20_000), 2), rng.exponential(size=40_000))).cov
    assert found.max() <= 1
    # |a − b|/(a + b) of two exponentials is uniform; four standard errors of 20,000 agents.
    assert summary(found)[STATISTICS.index("cov_autonomous_share")] == pytest.approx(0.5, abs=0.015)


def test_clocks_and_bursts_are_found_beyond_chance():
    rng = np.random.default_rng(10)
    posts = posters(rng, agents=40)
    for a in range(40):
        clock = np.arange(12) * 3600 + rng.normal(0, 60, size=12)
        burst = np.concatenate([rng.uniform(0, 60, 11), [160_000 + 60 * a]])
        posts += [message(len(posts) + i, f"clock{a:02d}", 600 + t) for i, t in enumerate(clock)]
        posts += [message(len(posts) + i, f"burst{a:02d}", t) for i, t in enumerate(burst)]
    rows = by_name(regularity_measures(read_posts(connect(posts)), SAMPLING))
    for name, chance in (("cov_below_03_share", 0.05), ("cov_above_20_share", 0.05)):
        assert rows[name].value == pytest.approx(1 / 3, abs=0.05)
        assert rows[name].ci_low < rows[name].value < rows[name].ci_high
        assert rows[name].null_mean < chance
        assert rows[name].p_value == 0.01  # the least that 99 draws can give
    assert rows["cov_eligible_agents"].value == 120


def test_random_moments_look_like_their_nulls():
    rows = regularity_measures(read_posts(connect(posters(np.random.default_rng(11), agents=300))), SAMPLING)
    for found in rows:
        if found.measure_id in STATISTICS:
            assert abs(found.value - found.null_mean) < 4 * found.null_sd + 1e-9, (found.measure_id, found.null_model)
    assert {str(r.null_model).split("(")[0] for r in rows if r.measure_id == "cov_mean"} == {
        "memoryless_posting", "permuted_authors",
    }  # fmt: skip


def test_few_intervals_are_null_with_the_reason():
    posts = [message(0, "one", 0), message(1, "two", 0), message(2, "two", 60)]
    posts += [message(3 + i, "three", 60 * i) for i in range(3)] + [message(6 + i, "once", 5) for i in range(3)]
    posts.append(message(9, "reader", 7, kind="comment"))
    con = connect(posts)
    rows = {r["agent_id"]: r for r in agent_signals(con, read_posts(con)).iter_rows(named=True)}
    assert {name: r["cov"] for name, r in rows.items()} == {
        "one": None, "two": None, "three": 0.0, "once": None, "reader": None,
    }  # fmt: skip
    assert {name: r["warnings"] for name, r in rows.items()} == {
        "one": "few_intervals", "two": "few_intervals", "three": None, "once": "no_variation", "reader": None,
    }  # fmt: skip
    assert rows["three"]["cov_class"] == "very_regular"
    assert rows["two"]["mean_hours"] == pytest.approx(1 / 60)
    assert rows["reader"]["n_comments"] == 1
    few = {r.measure_id: r for r in regularity_measures(read_posts(con), SAMPLING)}
    assert few["cov_mean"].warnings == "few_agents"
    assert few["cov_mean"].ci_low is None


def test_intervals_across_a_gap_are_left_out():
    posts = [message(i, "a", t) for i, t in enumerate([0, 10, 20, 5000, 5010, 5030])]
    gap = Gaps((("message", START + timedelta(seconds=100), START + timedelta(seconds=200)),))
    found = read_posts(connect(posts), gap.of("post"))
    assert found.words == ("collection_gap",)
    assert intervals(found.agent, found.at, found.gaps).length.tolist() == [1e7, 1e7, 1e7, 2e7]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"created_at": None, "at_precision": None}, "no_times"),
        ({"at_precision": "day"}, "time_too_coarse"),
    ],
)
def test_without_fine_times_there_is_no_value(change, word):
    posts = [{**m, **change} for m in posters(np.random.default_rng(1), agents=5)]
    rows = regularity_measures(read_posts(connect(posts)), SAMPLING)
    assert {r.value for r in rows if r.measure_id != "cov_eligible_agents"} == {None}
    assert len({r.measure_id for r in rows}) == len(rows)  # without a null there is one row
    assert all(word in str(r.warnings) for r in rows)


def test_steps_are_a_clock_too():
    posts = [{**message(i, f"a{i % 30}", None), "step": i * i} for i in range(300)]
    con = connect(posts)
    rows = by_name(regularity_measures(read_posts(con), SAMPLING))
    assert rows["cov_eligible_agents"].value == 30
    assert rows["cov_mean"].warnings == "clock_is_step"
    signals = agent_signals(con, read_posts(con))
    assert signals["mean_hours"].null_count() == 30
    assert signals["cov"].null_count() == 0


def test_nothing_at_all():
    con = connect([])
    rows = regularity_measures(read_posts(con), SAMPLING)
    assert {r.value for r in rows} == {None, 0.0}
    assert agent_signals(con, read_posts(con)).schema["cov"] == pl.Float64


@pytest.mark.parametrize(("low", "width"), [(0, 40), (-(2**40), 40), (0, 62)])  # 62 bits are too many to be packed
def test_values_in_groups_are_those_of_a_plain_sort(low, width):
    rng = np.random.default_rng(1)
    group, values = np.sort(rng.integers(0, 50, size=2_000)), rng.integers(low, low + 2**width, size=2_000)
    assert np.array_equal(ordered_within(group, values), values[np.lexsort((values, group))])
