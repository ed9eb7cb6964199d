"""Gaps of collection in measures of time: what is left out, what is said, and that nothing changes without one."""

from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest

from pipeline.activity.burstiness import burstiness, burstiness_measures
from pipeline.activity.gaps import NO_GAPS, Gaps, read_gaps, warn_periods
from pipeline.activity.row import Sampling
from pipeline.activity.threads import thread_measures
from pipeline.schema import Measure

START = datetime(2026, 1, 28)
HOUR = timedelta(hours=1)
SAMPLING = Sampling(seed=1, bootstrap_draws=50)
GAP = Gaps((("message.comment", START + 10 * HOUR, START + 20 * HOUR),))


def corpus(hours: list[float], latency: float = 0.5) -> duckdb.DuckDBPyConnection:
    """A post at each of these hours, by an agent of its own, with a comment half an hour later by one commenter."""
    rows = []
    for i, hour in enumerate(hours):
        at = START + hour * HOUR
        rows.append((f"p{i}", "post", f"a{i}", None, f"p{i}", 0, at))
        rows.append((f"c{i}", "comment", "b", f"p{i}", f"p{i}", 1, at + latency * HOUR))
    names = ["message_id", "kind", "agent_id", "parent_id", "root_id", "depth", "created_at"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    con = duckdb.connect()
    con.register("frame", frame.with_columns(pl.lit("us").alias("at_precision"), step=pl.lit(None, pl.Int64)))
    con.execute("CREATE TABLE message AS SELECT * FROM frame")
    return con


def value(rows: list[Measure], name: str) -> tuple[float | None, int, bool]:
    (row,) = [row for row in rows if row.measure_id == name]
    return row.value, row.n, "collection_gap" in (row.warnings or "")


def test_posts_whose_first_comment_came_after_a_gap_are_left_out() -> None:
    hours = [float(hour) for hour in range(10)]
    con = corpus([*hours, 9.9], latency=0.5)
    con.execute("UPDATE message SET created_at = ? WHERE message_id = 'c10'", [START + 21 * HOUR])
    without, with_gap = thread_measures(con, SAMPLING), thread_measures(con, SAMPLING, gaps=GAP)
    assert value(without, "first_comment_minutes_mean") == (pytest.approx((10 * 30 + 11.1 * 60) / 11), 11, False)
    assert value(with_gap, "first_comment_minutes_mean") == (30.0, 10, True)
    assert value(with_gap, "posts_with_comment_share") == (1.0, 11, True)  # kept, but comments may be missing


def test_a_gap_of_posts_or_outside_the_time_changes_no_thread() -> None:
    con = corpus([float(hour) for hour in range(30)])
    plain = thread_measures(con, SAMPLING)
    posts = Gaps((("message.post", START + 10 * HOUR, START + 20 * HOUR),))
    later = Gaps((("message", START + 100 * HOUR, START + 200 * HOUR),))
    assert thread_measures(con, SAMPLING, gaps=posts) == plain
    assert thread_measures(con, SAMPLING, gaps=later) == plain
    assert thread_measures(con, SAMPLING, gaps=NO_GAPS) == plain


def test_times_between_events_that_span_a_gap_are_left_out() -> None:
    agent = np.zeros(20, dtype=np.int64)
    epoch = int((START - datetime(1970, 1, 1)).total_seconds() * 1e6)
    at = epoch + np.concatenate([np.arange(10), np.arange(20, 30)]) * 3_600_000_000
    assert burstiness(agent, at)[0] > 0  # one silence of eleven hours makes a regular agent look bursty
    assert burstiness(agent, at, gaps=Gaps((("message", START + 9.5 * HOUR, START + 19 * HOUR),)))[0] == pytest.approx(
        -1
    )
    apart = Gaps((("message", START - 5 * HOUR, START - HOUR),))
    assert burstiness(agent, at, gaps=apart) == burstiness(agent, at)


def test_the_row_of_burstiness_says_so() -> None:
    con = corpus([0.1 * i for i in range(60)] + [20 + 0.1 * i for i in range(60)])
    gap = Gaps((("message", START + 8 * HOUR, START + 19 * HOUR),))
    plain, known = burstiness_measures(con, SAMPLING), burstiness_measures(con, SAMPLING, gap)
    assert value(plain, "burstiness")[2] is False
    assert value(known, "burstiness")[2] is True
    assert value(known, "burstiness")[0] == pytest.approx(-1, abs=0.05)
    assert value(plain, "burstiness")[0] > 0.3


def test_periods_that_meet_a_gap_say_so_and_keep_their_value() -> None:
    def row(period: str | None, start: datetime | None) -> Measure:
        return Measure(
            family="airs", measure_id="x", value=0.5, n=1, n_unit="posts", period=period, period_start=start,
            warnings="few_posts",
        )  # fmt: skip

    day = 24 * HOUR
    rows = [row("day", START - day), row("day", START), row("day", START + day), row("week", START - 2 * day)]
    rows += [row(None, None), row("all", None)]
    found = warn_periods(rows, GAP)
    assert [r.warnings for r in found] == [
        "few_posts", "collection_gap,few_posts", "few_posts", "collection_gap,few_posts", "few_posts", "few_posts",
    ]  # fmt: skip
    assert {r.value for r in found} == {0.5}
    assert warn_periods(rows, GAP.of("post")) == rows
    assert warn_periods(rows, NO_GAPS) == rows


def test_gaps_are_read_from_the_table() -> None:
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE collection_gap (table_name VARCHAR, start_at TIMESTAMP, end_at TIMESTAMP, origin VARCHAR)"
    )
    assert read_gaps(con) == NO_GAPS
    con.execute("INSERT INTO collection_gap VALUES ('message', ?, ?, 'published'), ('message.post', ?, NULL, 'x')",
                [START, START + HOUR, START])  # fmt: skip
    assert read_gaps(con) == Gaps((("message", START, START + HOUR),))
    assert len(read_gaps(con).of("comment").rows) == 1
