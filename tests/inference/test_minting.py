"""Token-mint posts: shares and complaints by definition, planted corrections and complaints, and worlds without."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy import stats

from pipeline.activity.row import Sampling
from pipeline.inference.minting import minting_measures
from pipeline.inference.minting_estimates import event_test, minting_estimates
from pipeline.inference.minting_frames import read_minting, windows
from pipeline.inference.minting_grid import load_minting_grid, load_minting_shares
from pipeline.language.clock import read_clock

START = datetime(2026, 1, 28)
SAMPLING = Sampling(seed=5, bootstrap_draws=200)
MINT = 'CLAW mint {"p":"mbc-20","op":"mint","tick":"CLAW"}'
COMPLAINT = "please stop the mbc-20 spam in here"


def connect(rows, classes):
    """Views of a corpus of (message_id, kind, agent, community, root, created_at, text) and the classes of comments."""
    names = ("message_id", "kind", "agent_id", "community_id", "root_id", "created_at", "text")
    schema = {name: pl.Datetime("us") if name == "created_at" else pl.String for name in names}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        text_hash=pl.col("text").hash().cast(pl.String),
        at_precision=pl.lit("us"), step=pl.lit(None, dtype=pl.Int64),
    )  # fmt: skip
    text = frame.select("text_hash", "text", n_chars=pl.col("text").str.len_chars()).unique().sort("text_hash")
    con = duckdb.connect()
    tables = {
        "message": frame.drop("text"),
        "text": text,
        "lexicon_score": text.filter(pl.col("text").str.contains('"p":"mbc-20"', literal=True))
        .select("text_hash", lexicon=pl.lit("token_mint"), category=pl.lit("mint"), count=pl.lit(1))
        .vstack(
            text.filter(pl.col("text").str.contains(r"(?i)\bstop\b")).select(
                "text_hash", lexicon=pl.lit("reply"), category=pl.lit("enforce"), count=pl.lit(1)
            )
        ),
        "reply_class": pl.DataFrame(classes, schema={"message_id": pl.String, "class": pl.String}, orient="row"),
    }
    for name, table in tables.items():
        con.register("given", table.to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        con.unregister("given")
    return con


def world(seed, *, odds=1.0, complain=0.0, communities=16, authors=12, posts=9, days=12.0):
    """Communities of their own tone, authors of their own; the first half is invaded around the middle.

    `odds` multiplies the odds of a corrective reply under protocol posts, `complain` is added to the share of
    complaints after the invasion.
    """
    rng = np.random.default_rng(seed)
    rows, classes = [], []
    for c in range(communities):
        tone, invaded = rng.normal(-1.2, 0.5), c < communities // 2
        start = START + timedelta(days=float(rng.uniform(0.4, 0.6)) * days)
        moan = rng.uniform(0.05, 0.2)
        for a in range(authors):
            mints, temper = invaded and a % 3 == 0, rng.normal(0, 0.6)
            for p in range(posts):
                day = rng.uniform(0, days)
                at = START + timedelta(days=float(day))
                if mints:
                    at = start + timedelta(days=float(rng.uniform(0, 0.3)) * days)
                is_mint = mints and p % 2 == 0
                is_late = invaded and at > start
                is_complaint = not is_mint and rng.random() < moan + complain * is_late
                text = MINT if is_mint else COMPLAINT if is_complaint else "a thought of some length on something"
                text = f"{text} {c} {a} {p}" + " and so on" * rng.integers(0, 8)
                post = f"p{c}-{a}-{p}"
                rows.append((post, "post", f"u{c}-{a}", f"c{c:02d}", post, at, text))
                log_odds = tone + temper + np.log(odds) * is_mint
                for r in range(rng.integers(0, 4)):
                    is_hit = rng.random() < 1 / (1 + np.exp(-log_odds))
                    name, agent = f"r{c}-{a}-{p}-{r}", f"u{c}-{(a + 1 + r) % authors}"
                    said = COMPLAINT if rng.random() < moan + complain * is_late else f"an answer {c} {a} {p} {r}"
                    rows.append((name, "comment", agent, None, post, at + timedelta(minutes=1 + r), said))
                    classes.append((name, "enforce" if is_hit else "other"))
    return connect(rows, classes)


def estimates(con, seed=5, n_draws=200):
    rows = minting_estimates(read_minting(con), read_clock(con), Sampling(seed=seed), n_draws=n_draws)
    assert [row.spec_id for row in rows] == [spec.spec_id for spec in (*load_minting_grid(), *load_minting_shares())]
    return {row.spec_id: row for row in rows}


def test_posts_dated_to_the_month_are_in_no_day_and_before_no_moment():
    rows = [(f"p{i}", "post", f"a{i % 20}", "x", f"p{i}", START + timedelta(hours=2 * i), MINT if i % 3 else "hello")
            for i in range(60)]  # fmt: skip
    con = connect(rows, [])
    con.execute("UPDATE message SET created_at = ?, at_precision = 'month' WHERE message_id < 'p3'", [START])
    minting = read_minting(con)
    kept = 60 - con.sql("SELECT count(*) FROM message WHERE at_precision = 'month'").fetchall()[0][0]
    found = [
        row for row in minting_measures(minting, read_clock(con), SAMPLING) if row.measure_id.endswith("post_share")
    ]
    assert sum(row.n for row in found if row.period == "day" and row.unit == "corpus") == kept
    assert [row.n for row in found if row.period is None and row.unit == "corpus"] == [60]
    assert minting.messages["created_at"].count() < minting.messages.height
    con.execute("UPDATE message SET at_precision = 'month'")
    rows = minting_measures(read_minting(con), read_clock(con), SAMPLING)
    assert [(row.value, row.warnings) for row in rows if row.period == "day"] == [(None, "time_too_coarse")]
    assert [row.value for row in rows if row.measure_id == "token_mint_invaded_share"] == [1.0]
    con = world(1)
    dated = estimates(con)["mint_complaints_level"]
    con.execute("UPDATE message SET at_precision = 'month' WHERE message_id LIKE 'p0-%'")
    invaded = read_minting(con).invaded.filter("is_invaded")
    assert (invaded.height, invaded["invaded_at"].null_count()) == (8, 1)
    found = estimates(con)
    assert found["mint_complaints_level"].estimate == dated.estimate  # whole spans need no time
    assert found["mint_complaints_event"].n_obs == estimates(world(1))["mint_complaints_event"].n_obs - 1


def test_rows_are_read_as_defined():
    at = START
    rows = [
        ("p1", "post", "a", "x", "p1", at, MINT),
        ("p2", "post", "b", "x", "p2", at, "hello"),
        ("r1", "comment", "b", None, "p1", at, "Stop MINTING, this is spam"),
        ("r2", "comment", "a", None, "p1", at, "no, don't stop"),  # own post
        ("r3", "comment", "c", None, "p1", at, MINT + " too"),  # a protocol text is no reply
        ("r4", "comment", "a", None, "p2", at, "no"),
        ("r5", "comment", "d", None, "gone", at, "tired of minting"),  # its post is not there
    ]
    classes = [(name, "enforce") for name in ("r1", "r2", "r3", "r4", "r5")]
    found = read_minting(connect(rows, classes))
    assert found.posts["is_mint"].to_list() == [True, False]
    assert found.replies.select("post_is_mint", "is_corrective").rows() == [(1, 1), (0, 1)]
    assert found.messages.height == 5
    assert found.messages["is_complaint"].sum() == 2
    assert found.invaded.select("community", "posts", "mints", "invaded_at").rows() == [("x", 2, 1, None)]


def test_windows_are_those_counted_by_hand():
    con = world(3, communities=6, complain=0.2)
    found = read_minting(con)
    names = found.invaded["community"].to_list()[::-1]  # in no order
    moments = [START + timedelta(days=3), START + timedelta(days=5)]
    ours = windows(found.messages, names, moments, 86_400.0)
    for c, m in ((0, 0), (3, 1), (5, 0)):
        own = found.messages.filter(pl.col("community") == names[c])
        after = own.filter(pl.col("created_at").is_between(moments[m], moments[m] + timedelta(days=1), closed="left"))
        before = own.filter(pl.col("created_at").is_between(moments[m] - timedelta(days=1), moments[m], closed="left"))
        assert (ours.after[c, m], ours.before[c, m]) == (after.height, before.height)
        assert ours.complaints_after[c, m] == after["is_complaint"].sum()
        assert ours.complaints_before[c, m] == before["is_complaint"].sum()


def test_planted_corrections_and_complaints_are_found():
    rows = estimates(world(1, odds=4.0, complain=0.35))
    assert rows["mint_correction_authors"].p_value < 0.02
    assert rows["mint_correction_authors"].conf_low < np.log(4) < rows["mint_correction_authors"].conf_high
    assert rows["mint_correction_cmh"].p_value < 0.001
    assert rows["mint_correction_first_replies"].estimate > 0.5
    assert rows["mint_correction_hash"].p_value > 0.01
    event = rows["mint_complaints_event"]
    assert event.p_value < 0.02
    assert event.conf_low < 0.35 < event.conf_high
    assert rows["mint_complaints_placebo"].p_value > 0.01
    assert rows["mint_correction_chi2"].warnings.endswith("not_evidence")


def test_nothing_planted_nothing_found_and_cmh_is_that_of_statsmodels():
    from statsmodels.stats.contingency_tables import StratifiedTable

    con = world(2)
    rows = estimates(con)
    assert rows["mint_correction_authors"].p_value > 0.01
    assert rows["mint_complaints_event"].p_value > 0.01
    replies = read_minting(con).replies.with_columns(both=pl.col("post_is_mint").n_unique().over("community"))
    tables = []
    for _, part in replies.filter(pl.col("both") == 2).group_by("community"):
        posts = part.group_by("post").agg(x=pl.col("post_is_mint").first(), y=pl.col("is_corrective").max())
        x, y = posts["x"].to_numpy(), posts["y"].to_numpy()
        tables.append([[sum((x == i) & (y == j)) for j in (1, 0)] for i in (1, 0)])
    theirs = StratifiedTable([np.array(table, dtype=float) for table in tables])
    assert rows["mint_correction_cmh"].estimate == pytest.approx(theirs.logodds_pooled, rel=1e-9)
    assert rows["mint_correction_cmh"].p_value == pytest.approx(
        theirs.test_null_odds(correction=False).pvalue, rel=1e-9
    )


def test_event_test_of_invaded_alone_is_that_of_scipy():
    rng = np.random.default_rng(1)
    change = rng.normal(size=(14, 6))
    theirs = stats.ttest_1samp(np.diag(change), 0)
    fit = event_test(change, "before_after_t_test", 0.95, 10, rng)
    assert (fit.statistic, fit.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))
    by_hand = np.mean([change[i, i] - change[6:, i].mean() for i in range(6)])
    fit = event_test(change, "before_after_permutation", 0.95, 99, rng)
    assert fit.estimate == pytest.approx(by_hand)
    change[:3, :3] = np.nan
    assert event_test(change, "before_after_permutation", 0.95, 99, rng).warnings == ("few_clusters",)


TEXTS = {
    "a1": "please stop the mbc-20 spam",  # all four
    "a2": "So many mints. I am tired of it",  # two sentences
    "a3": "minting is spam",
    "a4": "stop minting and enough of it",
    "a5": "stop it, no reason",  # names nothing
    "a6": MINT + " stop this spam",  # a protocol text
    "a7": "mint tea",
}


def test_definitions_of_a_complaint():
    rows = [(name, "post", "u", "x", name, START, text) for name, text in TEXTS.items()]
    found = read_minting(connect(rows, [])).messages  # in the order of ids, without a6
    expected = {"named_unwanted": "111100", "same_sentence": "101100", "named_corrective": "100100",
                "named_spam": "101000"}  # fmt: skip
    for name, flags in expected.items():
        assert "".join(str(int(v)) for v in found[name]) == flags, name
    assert found["is_complaint"].to_list() == found["named_unwanted"].to_list()


def test_the_grid_of_tests_and_shares():
    tests, shares = load_minting_grid(), load_minting_shares()
    ids = [spec.spec_id for spec in (*tests, *shares)]
    assert len(ids) == len(set(ids)) == 39 + 4 + 9 + 16
    assert [spec.spec_id for spec in tests if spec.role == "primary"] == [
        "mint_correction_authors", "mint_complaints_event"
    ]  # fmt: skip
    assert [spec.role for spec in shares].count("primary") == 3


def test_shares_are_those_of_a_plain_count_and_the_first_are_the_measures():
    con = world(6, complain=0.2)
    found, names = read_minting(con), con.sql("SELECT message_id, kind, agent_id, community_id, root_id, text FROM "
                                              "message JOIN text USING (text_hash)").fetchall()  # fmt: skip
    rows = estimates(con)
    seen: set[str] = set()
    posts: dict[str, list[tuple[bool, bool]]] = {}
    order = dict(con.sql("SELECT message_id, created_at FROM message").fetchall())
    for _, kind, agent, _, _, text in sorted(names, key=lambda row: (order[row[0]], row[0])):
        if kind == "post":
            posts.setdefault(agent, []).append(('"p":"mbc-20"' in text, text not in seen))
        seen.add(text)
    for spec in load_minting_shares():
        row = rows[spec.spec_id]
        if spec.hypothesis == "posts_are_protocol_posts":
            kept = {a: [m for m, first in own if first or spec.copies == "kept"] for a, own in posts.items()}
            kept = {a: own for a, own in kept.items() if own}
            every = [m for own in kept.values() for m in own]
            means = [np.mean(own) for own in kept.values()]
            assert row.estimate == pytest.approx(np.mean(every) if spec.unit == "message" else np.mean(means))
            assert row.conf_low < row.estimate < row.conf_high
        if spec.hypothesis == "communities_are_invaded":
            table = found.invaded.filter(pl.col("posts") >= spec.least_posts)
            hits = sum(mints >= spec.threshold for mints in table["mints"])
            assert (row.estimate, row.n_obs) == (hits / table.height if table.height else None, table.height)
    measures = {r.measure_id: r.value for r in minting_measures(found, read_clock(con), SAMPLING)
                if r.unit == "corpus" and r.period is None}  # fmt: skip
    first = {spec.hypothesis: rows[spec.spec_id].estimate for spec in load_minting_shares() if spec.role == "primary"}
    assert first == {
        "posts_are_protocol_posts": measures["token_mint_post_share"],
        "communities_are_invaded": measures["token_mint_invaded_share"],
        "messages_complain": measures["token_mint_complaint_rate"],
    }


def test_a_planted_rise_of_complaints_is_found_under_other_choices():
    rows = estimates(world(1, odds=4.0, complain=0.35))
    for name in ("sentence", "corrective", "spam", "first_copies", "from_1"):
        row = rows[f"mint_complaints_{name}"]
        assert row.estimate > 0.1, name
        assert row.p_value < 0.05, name
    for name in ("sentence", "corrective", "from_1", "first_copies"):
        assert rows[f"mint_placebo_{name}"].p_value > 0.01, name
    # All complaints of this world are one by every definition.
    assert rows["mint_placebo_sentence"].estimate == rows["mint_complaints_placebo"].estimate
    assert rows["mint_unwanted"].estimate is None or rows["mint_unwanted_hash"].p_value > 0.01
    assert rows["mint_complaints_one_day"].n_obs <= rows["mint_complaints_event"].n_obs


def test_measures():
    con = world(4, odds=4.0)
    rows = minting_measures(read_minting(con), read_clock(con), SAMPLING)
    by = {(row.measure_id, row.unit, row.unit_id): row for row in rows if row.period is None}
    share = by["token_mint_post_share", "corpus", "corpus"]
    assert share.value == pytest.approx(8 * 4 * 5 / (16 * 12 * 9))
    assert share.ci_low < share.value < share.ci_high
    assert by["token_mint_post_share", "community", "c15"].value == 0
    assert by["token_mint_post_share", "community", "c01"].value == pytest.approx(20 / 108)
    assert by["token_mint_invaded_share", "corpus", "corpus"].value == 0.5
    hit, other = (by[name, "corpus", "corpus"] for name in ("token_mint_correction_rate", "ordinary_correction_rate"))
    assert hit.value > other.value + 0.1
    assert hit.ci_low < hit.value < hit.ci_high
    assert {unit_id for name, unit, unit_id in by if unit == "community_kind"} == {"invaded", "not_invaded"}
    days = [row for row in rows if row.period == "day" and row.unit == "corpus"]
    assert len(days) == 12
    assert sum(row.n for row in days) == 16 * 12 * 9


def test_refusals():
    for con in (connect([], []), connect([("p", "post", "a", None, "p", None, "hello")], [])):
        rows = estimates(con)
        assert all(row.warnings for row in rows.values())
        assert all(rows[spec.spec_id].estimate is None for spec in load_minting_grid())
        shares = [rows[spec.spec_id] for spec in load_minting_shares()]
        assert all(row.conf_low is None for row in shares)
        assert {row.estimate for row in shares} <= {None, 0.0}
        measures = minting_measures(read_minting(con), read_clock(con), SAMPLING)
        assert {row.measure_id for row in measures} == {
            "token_mint_post_share", "token_mint_invaded_share", "token_mint_correction_rate",
            "ordinary_correction_rate", "token_mint_complaint_rate",
        }  # fmt: skip
        assert all(row.warnings for row in measures)


_TESTS = ("mint_correction_authors", "mint_correction_first_replies", "mint_correction_lengths",
          "mint_correction_cmh", "mint_complaints_event", "mint_complaints_level")  # fmt: skip


def shares(runs):
    hits = dict.fromkeys(_TESTS, 0)
    for seed in range(runs):
        found = estimates(world(seed), seed, 199)
        for name in _TESTS:
            hits[name] += found[name].p_value < 0.05
    return {name: count / runs for name, count in hits.items()}


def test_size_in_a_small_design():
    """12 runs at 5 %: 5 or more rejections have a probability of .0002."""
    assert all(share < 5 / 12 for name, share in shares(12).items() if name != "mint_correction_cmh")


@pytest.mark.slow
def test_size_in_200_runs(within):
    """Without an effect the share of rejections lies in [.015, .095], that of CMH too, which ignores tempers."""
    within(shares(200))
