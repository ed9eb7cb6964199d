"""The rhythm against scipy and planted periods, the echo against curve_fit and printed numbers, shares by loops."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy import optimize, signal

from pipeline.activity.row import Sampling
from pipeline.published.load import load_measure_dictionary
from pipeline.structure import echo, periodicity, reach

SAMPLING = Sampling(seed=3, bootstrap_draws=200, clustering_draws=39)
START = datetime(2026, 2, 2)
SUMMED = 1e-9
OPTIMISED = 1e-5  # two optimisers, relative
MESSAGE = {
    "message_id": pl.String, "kind": pl.String, "agent_id": pl.String, "community_id": pl.String,
    "root_id": pl.String, "depth": pl.Int32, "content": pl.String, "text_hash": pl.String,
    "created_at": pl.Datetime("us"), "at_precision": pl.String, "step": pl.Int64, "upvotes": pl.Int64,
    "downvotes": pl.Int64, "claimed_comment_count": pl.Int64,
}  # fmt: skip


def connect(messages):
    rows = [{**dict.fromkeys(MESSAGE), "at_precision": "us", "depth": 0, **m} for m in messages]
    for r in rows:
        r["root_id"], r["text_hash"] = r["root_id"] or r["message_id"], r["text_hash"] or str(r["content"])
    con = duckdb.connect()
    con.register("given", pl.DataFrame(rows, schema=MESSAGE))
    con.execute("CREATE TABLE message AS SELECT * FROM given")
    return con


# Rhythm


def test_the_series_is_that_of_a_rolling_mean_and_the_periodogram_is_scipys():
    rng = np.random.default_rng(1)
    at = np.sort(rng.uniform(0, 70, 3000))
    y = periodicity.series(at)
    counts = np.log1p(np.bincount(((at - at[0]) / 0.25).astype(int)))
    by_hand = [counts[t] - counts[max(t - 48, 0) : t + 48].mean() for t in range(len(counts))]
    assert y == pytest.approx(np.array(by_hand) - np.mean(by_hand), abs=SUMMED)
    hz, power = signal.periodogram(y, fs=4.0, detrend=False, scaling="spectrum")
    assert periodicity.frequencies(len(y)) == pytest.approx(hz[1:], abs=SUMMED)
    # Welch's method with one boxcar segment is the periodogram; one-sided power counts all but the last twice.
    whole = signal.welch(y, fs=4.0, window="boxcar", nperseg=len(y), noverlap=0, detrend=False, scaling="spectrum")[1]
    assert whole == pytest.approx(power, abs=SUMMED)
    twice = np.full(len(hz) - 1, 2.0)
    twice[-1] = 1.0 if len(y) % 2 == 0 else 2.0
    mine = periodicity.periodogram(y)
    assert mine * twice / len(y) ** 2 == pytest.approx(power[1:], abs=SUMMED)
    g, target = periodicity.statistics(y)
    assert g == pytest.approx(mine.max() / mine.sum(), abs=SUMMED)
    assert target == mine[np.argmin(np.abs(hz[1:] - 0.25))]


def test_noise_that_remembers_is_as_simulated():
    rng = np.random.default_rng(2)
    y = periodicity.simulated(0.6, 2.0, 4000, 50, rng)
    fitted = [periodicity.autoregression(one) for one in y]
    # Of 50 series of 4,000 the mean coefficient has an error of sqrt(1 - .36) / sqrt(200,000) = .002.
    assert np.mean([phi for phi, _ in fitted]) == pytest.approx(0.6, abs=0.008)
    assert np.mean([sd for _, sd in fitted]) == pytest.approx(2.0, abs=0.02)
    assert y[:, 0].std() == pytest.approx(2.0 / 0.8, rel=0.35)
    slow = [float(one[:-1] @ one[1:] / (one[:-1] @ one[:-1])) for one in y]
    assert slow == pytest.approx([phi for phi, _ in fitted], abs=SUMMED)


def test_the_longest_stretch():
    at = np.array([0.0, 1, 2, 9, 10, 14, 19, 30])
    assert periodicity.longest_stretch(at).tolist() == [9, 10, 14, 19]


def comments(rng, hours=72.0, per_hour=60.0, depth=0.0, period=4.0):
    """Comments whose rate swings by `depth` with a period, and slowly by chance."""
    t = np.arange(0, hours, 0.05)
    slow = np.exp(0.3 * np.cumsum(rng.normal(size=len(t))) * np.sqrt(0.05) / 3)
    rate = per_hour * slow * (1 + depth * np.cos(2 * np.pi * t / period))
    n = rng.poisson(rate * 0.05)
    at = np.repeat(t, n) + rng.uniform(0, 0.05, n.sum())
    return [
        {"message_id": f"c{i}", "kind": "comment", "created_at": START + timedelta(hours=float(h))}
        for i, h in enumerate(at)
    ]


def named(rows):
    return {row.measure_id: row for row in rows}


def test_a_planted_period_is_found_and_none_is_not():
    rows = named(periodicity.periodicity_rows(connect(comments(np.random.default_rng(3), depth=0.6)), SAMPLING))
    assert rows["periodicity_4h_p"].value == pytest.approx(1 / 2001)
    assert rows["periodicity_4h_target_p"].value == pytest.approx(1 / 2001)
    assert rows["periodicity_dominant_hours"].value == pytest.approx(4.0, abs=0.2)
    assert rows["periodicity_4h_power_ratio"].value > 20
    g = rows["periodicity_4h_g"]
    assert g.p_value == rows["periodicity_4h_p"].value
    assert g.value > g.null_mean + 5 * g.null_sd
    other = named(
        periodicity.periodicity_rows(connect(comments(np.random.default_rng(4), depth=0.6, period=7)), SAMPLING)
    )
    assert other["periodicity_4h_target_p"].value > 0.01
    assert other["periodicity_dominant_hours"].value == pytest.approx(7.0, abs=0.5)
    assert {rows[name].warnings for name in ("periodicity_4h_g", "periodicity_4h_p")} == {"not_evidence"}


def p_values(y, seed):
    found = periodicity.rhythm(y, 300, np.random.default_rng(seed))
    return [(1 + (null >= v).sum()) / 301 for null, v in zip(found.null, (found.g, found.target), strict=True)]


def test_size_without_a_period():
    """Of 30 runs at 5 %, 7 or more rejections have a probability of .0006; drift makes g reject, not the target."""
    ar = [p_values(periodicity.simulated(0.6, 1.0, 288, 1, np.random.default_rng(s))[0], s + 1) for s in range(30)]
    assert (np.array(ar) < 0.05).sum(axis=0).max() < 7
    drift = []
    for seed in range(30):
        hours = [(m["created_at"] - START).total_seconds() / 3600 for m in comments(np.random.default_rng(seed))]
        drift.append(p_values(periodicity.series(np.sort(hours)), seed))
    rejected = (np.array(drift) < 0.05).sum(axis=0)
    assert rejected[1] < 7
    assert rejected[0] > 7  # why g says not_evidence: 34 of 60 worlds


def test_rhythm_refusals():
    few = comments(np.random.default_rng(5), hours=3)
    for con, word in (
        (connect([]), "few_replies"),
        (connect(few), "few_periods"),
        (connect([{**m, "at_precision": "day"} for m in few]), "time_too_coarse"),
        (connect([{**m, "created_at": None, "step": 1} for m in few]), "clock_is_step"),
        (connect([{**m, "created_at": None} for m in few]), "no_times"),
    ):
        rows = periodicity.periodicity_rows(con, SAMPLING)
        assert [row.measure_id for row in rows] == list(periodicity.NAMES)
        assert all(row.value is None and row.warnings == word for row in rows), word


# Echo


def curve(depth, a, rate, c):
    return a * np.exp(-rate * depth) + c


def test_the_decay_is_that_of_curve_fit_and_of_the_printed_numbers():
    depth = np.arange(5.0)
    # Mean words by depth in p3_echo_decay.json of ln9527/moltbook-research, threads that a human seeded.
    words = np.array([108.48, 66.79, 19.26, 18.46, 43.18])
    found = echo.decay(depth, words / words[0])
    assert (found.amplitude, found.rate, found.floor) == pytest.approx((0.7845, 1.069, 0.2345), abs=5e-4)
    assert np.log(2) / found.rate == pytest.approx(0.65, abs=5e-3)
    rng = np.random.default_rng(6)
    for _ in range(20):
        true = rng.uniform(0.3, 1.0), rng.uniform(0.3, 3.0), rng.uniform(0, 0.5)
        value = curve(depth, *true) + rng.normal(scale=0.01, size=5)
        theirs, _ = optimize.curve_fit(curve, depth, value, p0=true, maxfev=20_000)
        mine = echo.decay(depth, value)
        assert (mine.amplitude, mine.rate, mine.floor) == pytest.approx(theirs, rel=OPTIMISED, abs=OPTIMISED)
    assert echo.decay(depth, np.array([0.1, 0.5, 0.7, 0.78, 0.8])) is None  # grows
    assert echo.decay(depth, np.array([1.0, 0.9, 0.8, 0.7, 0.6])) is None  # a straight line has no rate


def threads(rng, words, posts=120, authors=30):
    """Posts with a chain of comments below each, of so many words on average at each depth."""
    messages = []
    for p in range(posts):
        for depth, mean in enumerate(words):
            messages.append({
                "message_id": f"{p}-{depth}", "kind": "comment" if depth else "post", "depth": depth,
                "root_id": f"{p}-0", "agent_id": f"a{p % authors}",
                "content": " ".join(["word"] * max(1, rng.poisson(mean))),
            })  # fmt: skip
    return messages


def test_a_planted_echo_is_found_and_flat_lengths_are_refused():
    words = [round(100 * curve(d, 0.8, 0.9, 0.2)) for d in range(5)]
    rate, half = echo.echo_rows(connect(threads(np.random.default_rng(7), words)), SAMPLING)
    assert rate.ci_low < 0.9 < rate.ci_high
    assert rate.value == pytest.approx(0.9, abs=0.1)
    assert half.value == pytest.approx(np.log(2) / rate.value)
    assert (half.ci_low, half.ci_high) == pytest.approx((np.log(2) / rate.ci_high, np.log(2) / rate.ci_low))
    assert rate.n == 600
    growing = echo.echo_rows(connect(threads(np.random.default_rng(8), [20, 30, 34, 36, 37])), SAMPLING)
    assert [row.warnings for row in growing] == ["not_converged"] * 2
    for messages in ([], threads(np.random.default_rng(9), [50, 20, 10])):
        rows = echo.echo_rows(connect(messages), SAMPLING)
        assert [(row.value, row.warnings) for row in rows] == [(None, "few_replies")] * 2


def test_no_interval_where_a_fit_without_a_group_fails(monkeypatch):
    words = [round(100 * curve(d, 0.8, 0.9, 0.2)) for d in range(5)]
    con, fits, decay = connect(threads(np.random.default_rng(7), words)), [], echo.decay
    monkeypatch.setattr(echo, "decay", lambda *given: fits.append(given) or (None if len(fits) == 4 else decay(*given)))
    rows = echo.echo_rows(con, SAMPLING)
    assert len(fits) > 12
    assert [(row.value is None, row.ci_low, row.warnings) for row in rows] == [(False, None, "not_converged")] * 2


# Caps, votes, communities


def society(seed=10, posts=300):
    rng = np.random.default_rng(seed)
    messages = []
    for p in range(posts):
        author = int(min(rng.exponential(15), 59))
        where = f"c{author % 7}" if rng.random() < 0.7 else f"c{rng.integers(12)}"
        claimed = int(rng.choice([0, 3, 40, 100, 250]))
        messages.append({
            "message_id": f"p{p:03d}", "kind": "post", "agent_id": f"a{author}" if rng.random() > 0.03 else None,
            "community_id": where, "content": f"text {rng.integers(200)}", "claimed_comment_count": claimed,
            "upvotes": int(rng.integers(0, 30)), "downvotes": int(rng.integers(0, 2)),
        })  # fmt: skip
        for c in range(int(rng.choice([0, 2, 130], p=[0.5, 0.45, 0.05]))):
            messages.append({"message_id": f"p{p:03d}-{c}", "kind": "comment", "root_id": f"p{p:03d}", "depth": 1,
                             "agent_id": "x", "content": "yes"})  # fmt: skip
    return messages


def test_shares_are_those_of_loops():
    messages = society()
    rows = named(reach.reach_rows(connect(messages), SAMPLING))
    stored = Counter(m["root_id"] for m in messages if m["kind"] == "comment")
    posts = [m for m in messages if m["kind"] == "post"]
    size = {m["message_id"]: max(stored[m["message_id"]], m["claimed_comment_count"]) for m in posts}
    capped = [n for n in size.values() if n >= 100]
    assert rows["capped_post_share"].value == pytest.approx(len(capped) / len(posts))
    assert rows["capped_comment_share"].value == pytest.approx(sum(capped) / sum(size.values()))
    up, down = sum(m["upvotes"] for m in posts), sum(m["downvotes"] for m in posts)
    assert rows["upvote_downvote_ratio"].value == pytest.approx(up / down)
    known = [m for m in posts if m["agent_id"]]
    largest = [c for c, _ in sorted(Counter(m["community_id"] for m in known).items(), key=lambda i: (-i[1], i[0]))[:5]]
    for name, unit, kept in (
        ("cross_posting_author_share", "agent_id", [m for m in known if m["community_id"] in largest]),
        ("cross_posting_author_share_all", "agent_id", known),
        ("cross_posted_text_share", "content", known),
    ):
        places = defaultdict(set)
        for m in kept:
            places[m[unit]].add(m["community_id"])
        share = np.mean([len(where) > 1 for where in places.values()])
        assert rows[name].value == pytest.approx(share), name
        assert rows[name].n == len(places)
    for row in rows.values():
        assert row.ci_low < row.value < row.ci_high, row.measure_id
    assert rows["cross_posted_text_share"].ci_method == "bootstrap_texts"
    assert rows["cross_posting_author_share"].ci_method == "cluster_bootstrap_agents"
    # Authors have a community of their own for 70 % of their posts: fewer stray than when places are dealt out.
    authors = rows["cross_posting_author_share_all"]
    assert authors.value < authors.null_mean - 2 * authors.null_sd


def test_reach_refusals():
    rows = named(reach.reach_rows(connect([]), SAMPLING))
    assert {row.value for row in rows.values()} == {None}
    assert rows["upvote_downvote_ratio"].warnings == "no_scores"
    assert rows["cross_posting_author_share"].warnings == "no_communities"
    lone = [{"message_id": f"p{i}", "kind": "post", "agent_id": f"a{i}", "community_id": "c", "content": "x",
             "upvotes": 3, "downvotes": 0} for i in range(40)]  # fmt: skip
    rows = named(reach.reach_rows(connect(lone), SAMPLING))
    assert (rows["upvote_downvote_ratio"].value, rows["upvote_downvote_ratio"].warnings) == (None, "no_variation")
    assert rows["capped_post_share"].value == 0
    assert rows["capped_comment_share"].warnings == "few_replies"


def test_every_measure_is_described():
    described = set(load_measure_dictionary()["measure_id"])
    con = connect(society())
    rows = [
        *reach.reach_rows(con, SAMPLING),
        *periodicity.periodicity_rows(con, SAMPLING),
        *echo.echo_rows(con, SAMPLING),
    ]
    assert {row.measure_id for row in rows} <= described
