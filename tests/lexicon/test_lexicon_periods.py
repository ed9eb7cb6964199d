"""Shares of lexicons by period: counted by hand, and intervals as those of each period on its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from lexicon_helpers import MINIMAL, frame_of

from pipeline.language.clock import Clock
from pipeline.lexicon import Engine
from pipeline.lexicon.card import parse_card
from pipeline.lexicon.measures import FEWEST_AGENTS, lexicon_measures, ratio_interval
from pipeline.lexicon.periods import period_measures, period_shares
from pipeline.schema import Measure

START = datetime(2026, 1, 5)
DAILY = Clock("day", None, START, START + timedelta(days=2))
MINI = {**MINIMAL, "counting": "occurrence", "categories": [{"name": "a", "entries": [{"pattern": "no"}]}]}


def connect(texts: list[str], held: list[tuple[int, str | None, datetime | None]]) -> duckdb.DuckDBPyConnection:
    frame, con = frame_of(texts), duckdb.connect()
    message = pl.DataFrame(
        [{"message_id": str(n), "agent_id": agent, "text_hash": f"{at:08d}", "created_at": when, "at_precision": "us",
          "step": None} for n, (at, agent, when) in enumerate(held)],
        schema={"message_id": pl.String, "agent_id": pl.String, "text_hash": pl.String,
                "created_at": pl.Datetime("us"), "at_precision": pl.String, "step": pl.Int64},
    )  # fmt: skip
    con.register("message", message.to_arrow())
    con.register("text", frame.with_columns(language=pl.lit("en")).to_arrow())
    con.register("lexicon_score", Engine([parse_card(MINI)]).score(frame).to_arrow())
    return con


def test_values_are_those_counted_by_hand() -> None:
    first, second = START + timedelta(hours=3), START + timedelta(days=1, hours=23)
    held = [(0, "x", first), (1, "x", first), (1, "y", first), (0, "x", second), (0, None, second), (0, "z", None)]
    with connect(["no, no", "yes"], held) as con:
        rows = period_measures(con, [parse_card(MINI)], DAILY)
    found = [(row.period_start, row.value, row.n) for row in rows]
    assert found == [(START, pytest.approx(1 / 3), 3), (START + timedelta(days=1), 1.0, 2)]
    assert {(row.measure_id, row.unit, row.unit_id, row.period, row.ci_low) for row in rows} == {
        ("lexicon_message_share", "lexicon", "mini/a", "day", None)
    }
    assert all({"few_agents", "null_authors"} <= set(str(row.warnings).split(",")) for row in rows)


def test_one_period_is_the_whole_corpus() -> None:
    rng = np.random.default_rng(3)
    texts = ["no, no", "yes", "no more of it"]
    held = [(int(rng.integers(3)), f"a{rng.integers(60)}", START + timedelta(minutes=i)) for i in range(400)]
    with connect(texts, held) as con:
        whole = [row for row in lexicon_measures(con, [parse_card(MINI)]) if row.measure_id == "lexicon_message_share"]
        day = period_measures(con, [parse_card(MINI)], DAILY)
    assert len(whole) == len(day) == 1
    assert day[0].ci_low is not None
    assert plain(day[0]) == pytest.approx(plain(whole[0]), rel=1e-12)
    assert replace(day[0], period=None, period_start=None).warnings == whole[0].warnings


def plain(row: Measure) -> list[float | None]:
    return [row.value, row.n, row.ci_low, row.ci_high]


def test_intervals_are_those_of_each_period_on_its_own() -> None:
    rng = np.random.default_rng(7)
    period = np.sort(rng.integers(0, 5, 300))
    period = np.concatenate([period, np.full(FEWEST_AGENTS - 1, 5)])  # one agent too few
    below = rng.integers(0, 6, len(period)).astype(float)
    above = rng.binomial(below.astype(int), 0.3).astype(float)
    found = period_shares(above, below, period, 7, 0.9)
    for place, (share, messages, _, interval) in enumerate(found):
        here = period == place
        assert messages == below[here].sum()
        assert share == (pytest.approx(above[here].sum() / messages) if messages else None)
        own = ratio_interval(above[here], below[here], level=0.9, is_share=True)
        assert (interval.low, interval.high) == (pytest.approx(own.low), pytest.approx(own.high))
    assert found[5][3].low is None
    assert found[0][3].low is not None


def test_times_that_allow_no_period_are_one_null_row_with_the_reason() -> None:
    with connect(["no"], [(0, "x", None)]) as con:
        (one,) = period_measures(con, [parse_card(MINI)], Clock(None, "clock_is_step"))
    assert (one.value, one.period, one.unit_id) == (None, "week", "mini/a")
    assert "clock_is_step" in str(one.warnings)
