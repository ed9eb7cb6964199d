"""Names, owners, busiest accounts and associations: by hand, against scipy and brute force, planted and not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from planted_coordination import connect, message, posters
from scipy import stats
from scipy.stats.contingency import association as scipy_association

from pipeline.activity.row import Sampling
from pipeline.coordination.association import association, table_of, v_interval
from pipeline.coordination.commenters import commenter_measures
from pipeline.coordination.names import base_name, batches
from pipeline.coordination.owners import TIERS, owner_tier
from pipeline.coordination.posts import read_posts
from pipeline.coordination.signals import agent_signals, signal_measures

SAMPLING = Sampling(seed=6, bootstrap_draws=200, null_draws=99)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("Clawd-14", "Clawd"), ("ClawdBot_5765", "Clawd"), ("Clawd_Assistant", "Clawd"), ("Clawd_", "Clawd"),
        ("coalition_node_022", "coalition_node"), ("0x96", "0x"), ("AI-Bot-007", "AI"), ("Agent01", "Agent"),
        ("OpenClawAgent_1769921234", "OpenClawAgent_176992"), ("Sai", "Sai"), ("M", None), (None, None),
        ("a\nb7", "a\nb"), ("$^(x)42", "$^(x)"), ("日本語ボット99", "日本語ボット"),
    ],
)  # fmt: skip
def test_bases_of_names(name, base):
    frame = pl.DataFrame({"name": [name]}, schema={"name": pl.String})
    assert frame.select(base_name()).item() == base


def test_a_batch_has_three_members():
    names = ["Nova1", "NovaBot", "Nova_7", "Luna1", "Luna2", "nova3", None]
    found = batches(pl.DataFrame({"agent_id": [f"a{i}" for i in range(7)], "name": names}))
    assert found.rows() == [("a0", "Nova", 3), ("a1", "Nova", 3), ("a2", "Nova", 3)]


def test_tiers_of_owners():
    rows = [("Zhang34600000", 0), ("x", 0), ("x", 9), ("x", 10), ("x", 99), ("x", 100), ("x", 1000), ("x", None),
            (None, 5), ("Zhang346000001", 1000)]  # fmt: skip
    frame = pl.DataFrame(rows, schema={"owner_handle": pl.String, "owner_followers": pl.Int64}, orient="row")
    assert frame.select(owner_tier()).to_series().to_list() == [
        "auto_generated", "burner", "low_profile", "moderate", "moderate", "established", "high_profile", None,
        "low_profile", "high_profile",
    ]  # fmt: skip


def test_association_is_scipys():
    rng = np.random.default_rng(14)
    counts = table_of(rng.integers(-1, 5, 900), rng.integers(-1, 6, 900), (5, 6))
    found = association(counts)
    assert found.n == counts.sum() < 900
    assert found.cramers_v == pytest.approx(scipy_association(counts, method="cramer"), rel=1e-12)
    assert found.phi == pytest.approx(found.cramers_v * 2, rel=1e-12)
    assert association(np.array([[3, 0], [4, 0]])) is None
    nothing = association(np.array([[6, 6], [12, 12]]))
    assert (nothing.chi2, nothing.phi, nothing.cramers_v) == (0, 0, 0)
    assert v_interval(nothing, 0.95) == (0, pytest.approx(np.sqrt(1 / 36)))
    low, high = v_interval(found, 0.95)
    assert low <= found.phi <= high
    # The upper end is where so small a chi-square has the probability of one tail.
    reach = high**2 * found.n - found.df
    assert stats.ncx2.cdf(found.chi2, found.df, reach) == pytest.approx(0.025, abs=1e-6)


def comments(threads=60, seed=0, *, is_chasing=False):
    """Return threads in which four accounts write most, each on its own or one right after the other."""
    rng, found = np.random.default_rng(seed), []
    for thread in range(threads):
        who = [f"a{k:02d}" for k in rng.integers(4, 40, size=4 + 2 * (thread % 5))] + [
            f"a{k:02d}" for k in rng.permutation(4)
        ]
        times = rng.uniform(0, 3600, size=len(who))
        if is_chasing:
            times[-4:] = rng.uniform(0, 3600) + 5.0 * np.arange(4)
        for name, at in zip(who, times, strict=True):
            found.append(message(len(found), name, at, kind="comment", root_id=f"p{thread:03d}"))
    return found


def test_busiest_accounts():
    rows = {r.measure_id: r for r in commenter_measures(connect(comments()), SAMPLING)}
    assert rows["super_commenter_share"].value == pytest.approx(4 / 12)
    assert rows["super_commenter_share"].ci_low <= 4 / 12 <= rows["super_commenter_share"].ci_high
    half = rows["comment_half_agents"]
    assert 4 < half.value < half.n
    gap = rows["super_commenter_gap_seconds"]
    assert gap.p_value > 0.05


def test_the_share_of_the_busiest_lies_in_its_interval_where_all_are_equally_busy():
    rng = np.random.default_rng(1)
    found = [
        message(place, f"a{int(who):03d}", float(place), kind="comment", root_id=f"p{place % 200:03d}")
        for place, who in enumerate(rng.integers(0, 600, size=600))
    ]
    rows = {r.measure_id: r for r in commenter_measures(connect(found), SAMPLING)}
    share = rows["super_commenter_share"]
    assert share.ci_low < share.value < share.ci_high


def test_accounts_that_follow_each_other_are_found():
    rows = {r.measure_id: r for r in commenter_measures(connect(comments(is_chasing=True)), SAMPLING)}
    gap = rows["super_commenter_gap_seconds"]
    assert gap.value == pytest.approx(5)
    assert gap.null_mean > 10 * gap.value
    assert gap.p_value == 0.01


def test_batches_that_post_together_are_found():
    rng = np.random.default_rng(15)
    posts = posters(rng, agents=80)
    names = {f"a{i:03d}": f"Loner of {i}th street" for i in range(80)}
    for _ in range(30):
        start = rng.uniform(0, 160_000)
        for k in range(5):
            posts.append(message(len(posts), f"node{k}", start + rng.uniform(0, 50)))
            names[f"node{k}"] = f"node_00{k}"
    agents = [{"agent_id": a, "name": n, "owner_handle": "x", "owner_followers": i} for i, (a, n) in
              enumerate(sorted(names.items()))]  # fmt: skip
    con = connect(posts, agents)
    found = read_posts(con)
    rows = {r.measure_id: r for r in signal_measures(agent_signals(con, found), found, SAMPLING)}
    assert rows["batch_count"].value == 1
    assert rows["batch_largest_size"].value == 5
    assert rows["batch_member_share"].value == pytest.approx(5 / 85)
    assert rows["batch_burst_share"].value > 0.9
    assert rows["batch_burst_share"].n == 150
    # With 20 posts on average others seldom meet within a minute of 48 hours; agents of like activity are few.
    assert rows["batch_burst_share"].p_value < 0.05
    assert sum(rows[f"owner_{tier}_share"].value for tier in TIERS) == pytest.approx(1)
    assert rows["cov_batch_chi2"].null_mean >= 1
    low, value, high = (getattr(rows["cov_batch_cramers_v"], name) for name in ("ci_low", "value", "ci_high"))
    assert low <= value <= high


def test_corpora_without_agents_or_owners():
    con = connect(posters(np.random.default_rng(2), agents=25))
    found = read_posts(con)
    rows = {r.measure_id: r for r in signal_measures(agent_signals(con, found), found, SAMPLING)}
    assert rows["owner_burner_share"].value is None
    assert "few_agents" in rows["owner_burner_share"].warnings
    assert rows["batch_count"].value is None  # nobody has a name
    assert rows["cov_batch_chi2"].warnings == "no_variation"
    empty = connect([])
    nothing = read_posts(empty)
    assert {r.value for r in signal_measures(agent_signals(empty, nothing), nothing, SAMPLING)} <= {None, 0.0}
    assert {r.value for r in commenter_measures(empty, SAMPLING)} == {None}
