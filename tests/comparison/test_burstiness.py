"""Burstiness against its definition, computed agent by agent, and against processes whose burstiness is known."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from planted_societies import Society, connect, messages
from scipy import stats

from pipeline.activity.burstiness import burstiness, burstiness_measures
from pipeline.activity.row import Sampling
from pipeline.schema import Measure

SAMPLING = Sampling(seed=3, bootstrap_draws=400)


def by_definition(times: list[float], finite: bool = True) -> float:
    gaps = [later - earlier for earlier, later in zip(sorted(times), sorted(times)[1:], strict=False)]
    n, mean = len(gaps), sum(gaps) / len(gaps)
    ratio = (sum((gap - mean) ** 2 for gap in gaps) / n) ** 0.5 / mean
    if not finite:
        return (ratio - 1) / (ratio + 1)
    return ((n + 1) ** 0.5 * ratio - (n - 1) ** 0.5) / (((n + 1) ** 0.5 - 2) * ratio + (n - 1) ** 0.5)


def measured(frame: pl.DataFrame) -> Measure:
    con = duckdb.connect()
    con.register("message", frame)
    (found,) = burstiness_measures(con, SAMPLING)
    return found


def test_values_equal_the_definition_agent_by_agent() -> None:
    frame = messages(Society(seed=4, burst=1.0))
    times: dict[str, list[float]] = {}
    for agent, at in frame.select("agent_id", "created_at").iter_rows():
        times.setdefault(agent, []).append((at - datetime(2026, 1, 1)) / timedelta(microseconds=1))
    expected = [by_definition(own) for own in times.values() if len(own) >= 6]
    found = measured(frame)
    assert found.n == len(expected)
    assert found.value == pytest.approx(np.mean(expected), rel=1e-10)  # float64 sums in another order


def test_regular_one_burst_and_poisson() -> None:
    agent = np.repeat(np.arange(3), 11)
    assert burstiness(agent, np.tile(np.arange(11) * 10, 3)) == pytest.approx(-1, abs=1e-12)
    assert burstiness(agent, np.tile([0] * 10 + [7], 3)) == pytest.approx(1, abs=1e-12)
    rng = np.random.default_rng(5)
    events = np.sort(rng.integers(0, 10**15, (400, 301)), axis=1)
    poisson = burstiness(np.repeat(np.arange(400), 301), events.ravel())
    # The mean of n = 300 differs from 0 by about 1/(2n); four standard errors of 400 agents besides.
    assert abs(poisson.mean()) < 0.002 + 4 * poisson.std() / 20


def test_finite_size_correction_removes_most_of_the_bias_at_small_n() -> None:
    rng = np.random.default_rng(6)
    events = np.sort(rng.integers(0, 10**15, (3000, 11)), axis=1)
    corrected = burstiness(np.repeat(np.arange(3000), 11), events.ravel()).mean()
    plain = np.mean([by_definition(list(map(float, own)), finite=False) for own in events])
    assert plain < -0.07
    assert abs(corrected) < 0.5 * abs(plain)


def test_interval_covers_the_mean_of_the_agents_population() -> None:
    frame = messages(Society(seed=7, burst=1.0, n_messages=3000))
    found = measured(frame)
    assert found.ci_method == "bootstrap_agents"
    agent = frame.sort("agent_id", "created_at")
    codes = agent["agent_id"].rle_id().cast(pl.Int64).to_numpy()
    values = burstiness(codes, agent["created_at"].dt.timestamp("us").to_numpy())
    expected = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    # A percentile bootstrap of 400 draws moves by about a tenth of the width.
    assert (found.ci_low, found.ci_high) == pytest.approx(expected, abs=0.15 * (expected[1] - expected[0]))


def test_steps_are_used_with_a_warning_and_coarse_or_absent_times_are_refused() -> None:
    stepped = measured(messages(Society(seed=8, clock="step")))
    assert stepped.value is not None
    assert "clock_is_step" in (stepped.warnings or "")
    frame = messages(Society(seed=8))
    coarse = measured(frame.with_columns(at_precision=pl.lit("hour")))
    assert (coarse.value, coarse.n, coarse.warnings) == (None, 0, "time_too_coarse")
    timeless = measured(frame.with_columns(created_at=pl.lit(None, dtype=pl.Datetime("us"))))
    assert (timeless.value, timeless.warnings) == (None, "no_times")
    empty = measured(frame.head(0))
    assert (empty.value, empty.n, empty.warnings) == (None, 0, "few_agents")
    nobody = measured(frame.with_columns(agent_id=pl.lit(None, dtype=pl.String)))
    assert (nobody.value, nobody.n) == (None, 0)


def test_an_agent_with_an_event_without_time_is_left_out() -> None:
    frame = messages(Society(seed=9))
    whole = measured(frame)
    busiest = frame["agent_id"].value_counts(sort=True)["agent_id"][0]
    first = frame.filter(pl.col("agent_id") == busiest)["message_id"][0]
    at = pl.when(pl.col("message_id") == first).then(None).otherwise(pl.col("created_at"))
    assert measured(frame.with_columns(created_at=at)).n == whole.n - 1


def test_all_gaps_zero_and_a_second_corpus_do_not_matter() -> None:
    agent, at = np.repeat(np.arange(2), 8), np.concatenate([np.zeros(8), np.arange(8)]).astype(np.int64)
    assert burstiness(agent, at) == pytest.approx([-1.0], abs=1e-12)
    con = connect({"a": Society(seed=1), "b": Society(seed=1)})
    assert con.sql("SELECT count(DISTINCT corpus_id) FROM message").fetchall() == [(2,)]
