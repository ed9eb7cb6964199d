"""Gaps of collection: the rule on simulated streams, published gaps, and what a run writes."""

from collections.abc import Callable
from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from ingest_helpers import Corpus, post

from pipeline.ingest.gaps import collection_gaps, dispersion, load_published_gaps, silences

START = datetime(2026, 3, 2)
Stream = Callable[[np.random.Generator, float, int], np.ndarray]


def poisson(rng: np.random.Generator, rate: float, days: int) -> np.ndarray:
    """Seconds of a stream with `rate` records an hour."""
    return np.sort(rng.uniform(0, days * 86_400, rng.poisson(rate * 24 * days)))


def nights(rng: np.random.Generator, rate: float, days: int) -> np.ndarray:
    """The same rate on average, nearly none of it at night."""
    at = poisson(rng, 2 * rate, days)
    return at[rng.random(len(at)) < 0.5 * (1 + 0.95 * np.cos(2 * np.pi * at / 86_400))]


def bursts(rng: np.random.Generator, rate: float, days: int) -> np.ndarray:
    """A self-exciting stream: each record brings on average .8 others, about an hour later."""
    todo = poisson(rng, 0.2 * rate, days)
    found = [todo]
    while len(todo):
        children = rng.poisson(0.8, len(todo))
        todo = np.repeat(todo, children) + rng.exponential(3_600, children.sum())
        todo = todo[todo < days * 86_400]
        found.append(todo)
    return np.sort(np.concatenate(found))


def growth(rng: np.random.Generator, rate: float, days: int) -> np.ndarray:
    """A stream that grows by a factor of e a day."""
    at = poisson(rng, 4 * rate, days)
    return at[rng.random(len(at)) < np.exp(at / 86_400 - days)]


def lognormal(rng: np.random.Generator, rate: float, days: int) -> np.ndarray:
    """Times between records with a heavy tail: no clusters, so the bound of the rule does not hold."""
    between = np.exp(1.5 * rng.standard_normal(int(rate * 72 * days)) - 1.5**2 / 2) * 3_600 / rate
    at = np.cumsum(between)
    return at[at < days * 86_400]


def hours(at: np.ndarray, precision: str = "us") -> pl.DataFrame:
    times = (pl.Series((at * 1e6).astype(np.int64)).cast(pl.Duration("us")) + START).alias("at")
    fine = pl.len() if precision == "us" else pl.lit(0)
    frame = pl.DataFrame({"at": times}).with_columns(hour=pl.col("at").dt.truncate("1h"))
    ends = {"first_at": pl.col("at").min(), "last_at": pl.col("at").max()}
    return frame.group_by("hour").agg(n=pl.len(), fine=fine, **ends).sort("hour")


def without(at: np.ndarray, start: float, length: float) -> np.ndarray:
    return at[(at < start) | (at > start + length)]


@pytest.mark.parametrize("stream", [poisson, nights, bursts, growth])
@pytest.mark.parametrize(("rate", "days"), [(3, 14), (40, 8), (300, 5)])
def test_streams_without_a_gap_have_none(stream: Stream, rate: float, days: int) -> None:
    flagged = [bool(silences(hours(stream(np.random.default_rng([seed, days]), rate, days)))) for seed in range(12)]
    assert sum(flagged) == 0


def test_heavy_tails_are_seldom_taken_for_gaps() -> None:
    flagged = [bool(silences(hours(lognormal(np.random.default_rng(seed), 20, 14)))) for seed in range(40)]
    assert sum(flagged) <= 3


@pytest.mark.parametrize(
    ("stream", "rate", "days", "length"),
    [(poisson, 20, 7, 8), (poisson, 300, 5, 3), (nights, 300, 9, 24), (bursts, 40, 10, 24), (bursts, 300, 5, 8)],
)
def test_planted_gaps_are_found_with_their_ends(stream: Stream, rate: float, days: int, length: float) -> None:
    found = 0
    for seed in range(10):
        at = stream(np.random.default_rng(seed), rate, days)
        start = (days / 2) * 86_400 - length * 1_800
        kept = without(at, start, length * 3_600)
        expected = (kept[kept < start].max(), kept[kept > start].min())
        ends = tuple(START + timedelta(microseconds=int(second * 1e6)) for second in expected)
        rows = silences(hours(kept))
        assert all(row == ends for row in rows)
        found += len(rows)
    assert found >= 8


def test_coarse_times_say_nothing() -> None:
    at = without(poisson(np.random.default_rng(1), 300, 6), 3 * 86_400, 86_400)
    assert len(silences(hours(at))) == 1
    assert silences(hours(at, "day")) == []
    assert silences(hours(at[:1])) == []


def test_the_spread_of_counts() -> None:
    rng = np.random.default_rng(2)
    assert 1 <= dispersion(rng.poisson(50, 72).astype(float), (1,)) < 1.7
    assert dispersion(np.repeat([0.0, 100.0], 36), (1,)) < dispersion(np.tile([0.0, 100.0], 36), (1,))
    steady_growth = np.arange(1.0, 73.0) * 10
    assert dispersion(steady_growth, (1,)) == 1.0


@pytest.fixture
def merged() -> Callable[..., duckdb.DuckDBPyConnection]:
    def build(**streams: list[datetime]) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect()
        con.execute(
            "CREATE TABLE merged_message (kind VARCHAR, run_id VARCHAR, created_at TIMESTAMP, at_precision VARCHAR)"
        )
        for kind, times in streams.items():
            con.register("times", pl.DataFrame({"created_at": times}, schema={"created_at": pl.Datetime("us")}))
            con.execute("INSERT INTO merged_message SELECT ?, NULL, times.created_at, 'us' FROM times", [kind])
        return con

    return build


def minutes(start: datetime, end: datetime, every: float) -> list[datetime]:
    return [start + timedelta(minutes=every) * i for i in range(int((end - start) / timedelta(minutes=every)))]


OFF, ON = datetime(2026, 2, 1, 17, 35), datetime(2026, 2, 3, 13, 25)
FIRST, LAST = datetime(2026, 1, 28), datetime(2026, 2, 6)


def test_published_gaps_have_a_source_and_an_order() -> None:
    for gap in load_published_gaps():
        assert gap.start_at < gap.end_at
        assert gap.source
        assert set(gap.kinds) <= {"post", "comment"}


def test_a_published_gap_stands_beside_the_silence_that_shows_it(
    merged: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    posts = minutes(FIRST, OFF, 2) + minutes(ON, LAST, 2)
    rows = collection_gaps(merged(post=posts, comment=posts), {"Moltbook"}, {"moltbook_api"}).rows()
    assert rows[0] == ("message", OFF, ON, "published")
    assert [row[0] for row in rows] == ["message", "message.comment", "message.post"]
    assert rows[2][1:] == (OFF - timedelta(minutes=3), ON, "observed")


def test_a_published_gap_that_the_records_contradict_is_left_out(
    merged: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    con = merged(post=minutes(FIRST, LAST, 2))
    assert collection_gaps(con, {"Moltbook"}, {"moltbook_api"}).is_empty()


@pytest.mark.parametrize(
    ("system", "format_", "first", "published"),
    [
        ("Moltbook", "moltbook_observatory", FIRST, ["message", "message.comment"]),
        ("Moltbook", "moltbook_api", FIRST, ["message"]),
        ("Chirper", "chirper_api", FIRST, []),
        ("Moltbook", "moltbook_api", ON, []),  # the corpus starts after it
    ],
)
def test_published_gaps_apply_to_their_platform_and_dumps(
    merged: Callable[..., duckdb.DuckDBPyConnection], system: str, format_: str, first: datetime, published: list[str]
) -> None:
    stop, resume = datetime(2026, 1, 31, 10, 38), datetime(2026, 2, 2, 4, 20)
    posts = minutes(first, OFF, 2) + minutes(max(first, ON), LAST, 2)
    comments = minutes(first, stop, 2) + minutes(max(first, ON, resume), LAST, 2)
    rows = collection_gaps(merged(post=posts, comment=comments), {system}, {format_})
    assert rows.filter(pl.col("origin") == "published")["table_name"].to_list() == published


def test_an_empty_corpus_has_no_gaps(merged: Callable[..., duckdb.DuckDBPyConnection]) -> None:
    frame = collection_gaps(merged(), {"Moltbook"}, {"moltbook_api"})
    assert frame.is_empty()
    assert frame.columns == ["table_name", "start_at", "end_at", "origin"]


def test_runs_of_simulators_have_no_gaps(merged: Callable[..., duckdb.DuckDBPyConnection]) -> None:
    con = merged(post=minutes(FIRST, OFF, 2) + minutes(ON, LAST, 2))
    con.execute("UPDATE merged_message SET run_id = 'run-1'")
    assert collection_gaps(con, {"OASIS"}, {"oasis"}).is_empty()


def test_a_dump_with_a_gap(corpus: Corpus) -> None:
    times = minutes(FIRST, OFF, 5) + minutes(ON, LAST, 5)
    posts = [post(i, created_at=at.isoformat() + "+00:00") for i, at in enumerate(times)]
    corpus.write("posts.json", {"success": True, "posts": posts})
    tables = corpus.read()
    assert tables.collection_gap.select("table_name", "origin").rows() == [
        ("message", "published"),
        ("message.post", "observed"),
    ]
