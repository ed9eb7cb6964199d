"""The family on small corpora: hand counts, planted truth, slices, degenerate input, determinism."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from enforcement_corpus import connect, message, planted
from statsmodels.stats.proportion import proportion_confint

from pipeline.inference import Grid, airs_measures, enforcement_estimates, load_grid, reply_measures
from pipeline.inference.enforcement_frames import Sample, read_replies
from pipeline.inference.replies import equal_frequency_bins
from pipeline.inference.slices import SliceRule
from pipeline.inference.specification import GridSettings
from pipeline.published.load import load_measure_dictionary
from pipeline.schema import estimate_frame, measure_frame

GRID = Grid(load_grid().specifications, GridSettings(permutations=200, bootstraps=400))


def run(con, seed=1):
    return estimate_frame(enforcement_estimates(con, GRID, seed=seed))


def row(frame, **choices):
    found = frame.filter(*(pl.col(k) == v for k, v in choices.items()))
    assert found.height == 1, f"{found.height} rows"
    return found.row(0, named=True)


DAY1, DAY2 = datetime(2026, 1, 28, 9), datetime(2026, 1, 29, 9)


@pytest.fixture(scope="module")
def tiny():
    """Five posts, of which one repeats a text and one is a mint; six comments, one of a post that is missing."""
    messages = [
        message("p1", at=DAY1, agent="a1"),
        message("p2", at=DAY1, agent="a2"),
        message("p3", text="p1", at=DAY2, agent="a3"),
        message("p4", at=DAY2, agent="a1"),
        message("p5", at=DAY2, agent=None),
        message("r1", "comment", "b1", root="p1", at=DAY1),
        message("r2", "comment", "b2", root="p1", at=DAY1),
        message("r3", "comment", "b1", root="p2", text="r1", at=DAY2),
        message("r4", "comment", None, root="p4", at=DAY2),
        message("r5", "comment", "b3", root="p3", at=DAY2),
        message("r6", "comment", "b3", root="gone", at=DAY2),
    ]
    return connect(
        messages,
        airs={"p1": (1, 1), "p4": (0, 1), "r1": (3, 0)},
        mint=["p4"],
        classes={"r1": "enforce", "r2": "toxic", "r4": "enforce", "r5": "endorse"},
    )


def test_airs_by_hand(tiny):
    frame = measure_frame(airs_measures(tiny, seed=1))
    alone = frame.filter(pl.col("value").is_not_null() & pl.col("ci_low").is_null())
    assert not alone.is_empty()
    assert alone["warnings"].str.contains("few_agents|no_variation").all()
    shares = frame.filter(pl.col("measure_id") == "airs_positive_share")
    whole = shares.filter(pl.col("period").is_null())
    assert {r["slice_id"]: (r["value"], r["n"]) for r in whole.iter_rows(named=True)} == {
        "all": (0.6, 5),
        "without_duplicates": (0.5, 4),
        "without_token_mint": (0.5, 4),
    }
    days = shares.filter(pl.col("slice_id") == "all", pl.col("period") == "day").sort("period_start")
    assert days["period_start"].to_list() == [datetime(2026, 1, 28), datetime(2026, 1, 29)]
    assert days["n"].to_list() == [2, 3]
    for r in days.iter_rows(named=True):
        expected = proportion_confint(round(r["value"] * r["n"]), r["n"], method="wilson")
        assert (r["ci_low"], r["ci_high"]) == pytest.approx(expected, abs=1e-9)
        assert r["ci_method"] == "wilson"
    value = {
        r["measure_id"]: r["value"]
        for r in frame.filter(pl.col("slice_id") == "all", pl.col("period").is_null()).iter_rows(named=True)
    }
    assert value["airs_mean_count"] == pytest.approx((2 + 2 + 1) / 5)
    assert value["airs_action_share"] == pytest.approx(2 / 5)
    assert value["airs_sensitive_share"] == pytest.approx(3 / 5)
    assert value["airs_fraction_mean"] == pytest.approx((2 + 2 + 1) / 50 / 5)


def test_replies_by_hand(tiny):
    frame = measure_frame(reply_measures(tiny))
    assert row(frame, slice_id="all", unit="corpus", measure_id="reply_enforce_share")["value"] == pytest.approx(2 / 5)
    assert row(frame, slice_id="all", unit_id="high", measure_id="reply_enforce_share")["n"] == 3
    assert row(frame, slice_id="all", unit_id="med", measure_id="reply_enforce_share")["value"] == 1.0
    assert row(frame, slice_id="all", unit_id="low", measure_id="reply_other_share")["value"] == 1.0
    # r3 repeats r1, r5 answers a repeated post, r4 answers a mint.
    assert row(frame, slice_id="without_duplicates", unit="corpus", measure_id="reply_enforce_share")["n"] == 3
    assert row(frame, slice_id="without_token_mint", unit="corpus", measure_id="reply_enforce_share")["n"] == 4
    assert frame["warnings"].str.contains("replies_clustered").all()
    corpus = frame.filter(pl.col("slice_id") == "all", pl.col("unit") == "corpus")
    assert corpus["value"].sum() == pytest.approx(1.0)


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 12, 13, 100, 4847])
def test_bins_are_those_of_qcut(n):
    pd = pytest.importorskip("pandas")
    ranks = pd.Series(range(1, n + 1))
    ours = equal_frequency_bins(n)
    if n == 1:
        assert ours.tolist() == [0]
        return
    assert ours.tolist() == pd.qcut(ranks, 6, labels=False).tolist()


def test_bins_rank_ties_by_first_come():
    messages = [message(f"p{i}", at=datetime(2026, 1, 1, 12, 59 - i)) for i in range(6)]
    messages += [message(f"r{i}", "comment", root=f"p{i}", at=DAY2) for i in range(6)]
    con = connect(messages, airs={f"p{i}": (1, 0) for i in range(6)}, classes={"r5": "toxic"})
    frame = measure_frame(reply_measures(con)).filter(
        pl.col("measure_id") == "reply_toxic_share", pl.col("slice_id") == "all"
    )
    # p5 is the oldest: all six tie on AIRS, so it comes first.
    assert row(frame, unit_id="Q1")["value"] == 1.0
    assert row(frame, unit_id="Q2")["value"] == 0.0


@pytest.mark.parametrize(
    ("at", "precision", "step", "word"),
    [(None, None, 4, "clock_is_step"), (None, None, None, "no_times"), (DAY1, "week", None, "time_too_coarse")],
)
def test_without_days_there_is_one_null_row_by_day(at, precision, step, word):
    con = connect([message("p1", at=at, precision=precision, step=step)], airs={"p1": (1, 0)})
    days = measure_frame(airs_measures(con, seed=1)).filter(pl.col("period") == "day", pl.col("slice_id") == "all")
    assert days.height == 5
    assert days["value"].null_count() == 5
    assert days["warnings"].unique().to_list() == [word]


def test_what_grows_with_length_says_so(tiny):
    rows = [row for row in airs_measures(tiny, seed=1) if row.value is not None]
    said = {row.measure_id: "length_entangled" in row.warnings for row in rows}
    assert said == {
        "airs_positive_share": True, "airs_action_share": True, "airs_sensitive_share": True, "airs_mean_count": True,
        "airs_fraction_mean": False,
    }  # fmt: skip
    listed = {row["measure_id"]: row["warnings"] for row in load_measure_dictionary().to_dicts()}
    assert all(("length_entangled" in listed[name]) == is_said for name, is_said in said.items())


@pytest.mark.parametrize(("precision", "ordered"), [("us", 3), ("hour", 3), ("day", 0), ("month", 0)])
def test_replies_are_in_order_only_where_times_tell_it(precision, ordered):
    rows = [message("p", at=DAY1), *(message(f"r{i}", "comment", f"b{i}", root="p", at=DAY1, precision=precision)
                                     for i in range(3))]  # fmt: skip
    con = connect(rows, classes=dict.fromkeys(("r0", "r1", "r2"), "enforce"))
    assert Sample(read_replies(con)).threads.enforces.size == ordered


@pytest.fixture(scope="module")
def effect():
    return run(planted(seed=3, slope=0.5))


def test_every_specification_is_a_row_with_what_a_row_needs(effect):
    assert effect.height == len(GRID.specifications)
    assert set(effect["spec_id"]) == {s.spec_id for s in GRID.specifications}
    done = effect.filter(pl.col("estimate").is_not_null())
    assert done.height == effect.height
    assert (
        done.select(pl.col("conf_low", "conf_high", "p_value", "n_obs", "n_agents", "n_events").is_null().any()).row(0)
        == (False,) * 6
    )
    assert (done["conf_low"] <= done["estimate"]).all()
    assert (done["estimate"] <= done["conf_high"]).all()
    assert effect.filter(pl.col("role") == "naive")["warnings"].str.contains("not_evidence").all()
    adjusted = effect.filter(pl.col("p_adj").is_not_null())
    assert set(adjusted["role"]) == {"primary", "robustness"}
    assert set(adjusted["adj_method"]) == {"holm", "bh"}
    assert (adjusted["p_adj"] >= adjusted["p_value"]).all()


def test_a_direct_effect_survives_length_control(effect):
    direct = row(
        effect,
        estimator="logit_cluster",
        model="enforce ~ 1 + z(airs_count) + log1p(post_chars)",
        cluster="post+agent",
        slice_id="all",
    )
    assert direct["conf_low"] > 0
    assert direct["role"] == "primary"
    pairs = row(effect, estimator="length_matched_pairs", term="airs_binary", slice_id="all")
    assert pairs["conf_low"] > 0
    for null in effect.filter(pl.col("role") == "negative_control").iter_rows(named=True):
        assert null["p_value"] > 0.005, null["estimator"]


def test_planted_slope_is_recovered_by_the_random_intercept():
    con = planted(seed=5, n_posts=2500, slope=0.4)
    frame = run(con)
    fit = row(
        frame,
        estimator="logit_random_intercept",
        model="enforce ~ 1 + z(airs_count) + log1p(post_chars) + (1 | post)",
        slice_id="all",
    )
    sd = con.sql(
        "SELECT stddev_pop(COALESCE(s.count, 0)) FROM message m LEFT JOIN lexicon_score s "
        "ON s.text_hash = m.root_id AND s.category = 'total' WHERE m.kind = 'comment'"
    ).fetchall()[0][0]
    assert abs(fit["estimate"] / sd - 0.4) < 3.5 * fit["std_error"] / sd


def test_an_effect_through_length_disappears_with_length_control():
    frame = run(planted(seed=4, n_posts=1500, slope=0.0, through_length=0.5))
    raw = row(
        frame, estimator="logit_cluster", model="enforce ~ 1 + z(airs_count)", cluster="post+agent", slice_id="all"
    )
    controlled = row(
        frame,
        estimator="logit_cluster",
        model="enforce ~ 1 + z(airs_count) + log1p(post_chars)",
        cluster="post+agent",
        slice_id="all",
    )
    assert raw["conf_low"] > 0
    assert "length_entangled" in raw["warnings"]
    assert controlled["conf_low"] < 0 < controlled["conf_high"]
    assert controlled["warnings"] is None
    assert abs(controlled["estimate"]) < raw["estimate"] / 2
    pairs = row(frame, estimator="length_matched_pairs", term="airs_binary", slice_id="all")
    assert pairs["p_value"] > 0.005


def test_the_same_seed_gives_the_same_rows_whatever_the_threads(effect):
    con = planted(seed=3, slope=0.5)
    con.execute("SET threads = 1")
    assert run(con).equals(effect)
    other = run(con, seed=2)
    assert not other.equals(effect)
    fixed = pl.col("estimator").is_in(["logit_cluster", "logit_random_intercept", "woolf_2x2", "cmh"])
    assert other.filter(fixed).equals(effect.filter(fixed))


def one_class(kind):
    messages = [message(f"p{i}", at=DAY1, agent=f"a{i}") for i in range(12)]
    messages += [message(f"r{i}", "comment", f"b{i % 5}", root=f"p{i % 12}", at=DAY2) for i in range(40)]
    return connect(messages, airs={f"p{i}": (i % 3, 0) for i in range(12)}, classes={f"r{i}": kind for i in range(40)})


DEGENERATE = {
    "nothing": lambda: connect([]),
    "no replies": lambda: connect([message("p1", at=DAY1)], airs={"p1": (1, 0)}),
    "orphans only": lambda: connect([message("r1", "comment", root="gone", at=DAY1)]),
    "one reply": lambda: connect(
        [message("p1", at=DAY1), message("r1", "comment", root="p1", at=DAY1)], classes={"r1": "enforce"}
    ),
    "no events": lambda: one_class("other"),
    "all enforce": lambda: one_class("enforce"),
    "no airs": lambda: connect(
        [message(f"p{i}", at=DAY1) for i in range(9)]
        + [message(f"r{i}", "comment", root=f"p{i % 9}", at=DAY1) for i in range(30)],
        classes={f"r{i}": "enforce" for i in range(0, 30, 3)},
    ),
    "no authors, communities or times": lambda: connect(
        [message(f"p{i}", agent=None, community=None) for i in range(9)]
        + [message(f"r{i}", "comment", None, None, f"p{i % 9}") for i in range(30)],
        airs={f"p{i}": (1, 0) for i in range(4)},
        classes={f"r{i}": "enforce" for i in range(0, 30, 3)},
    ),
    "separation": lambda: connect(
        [message(f"p{i}", at=DAY1) for i in range(10)]
        + [message(f"r{i}", "comment", f"b{i}", root=f"p{i % 10}", at=DAY1) for i in range(60)],
        airs={f"p{i}": (1, 0) for i in range(0, 10, 2)},
        classes={f"r{i}": "enforce" for i in range(0, 60, 2)},
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", DEGENERATE)
def test_what_the_data_do_not_allow_is_a_null_row_with_a_reason(name):
    con = DEGENERATE[name]()
    frame = run(con)
    measures = measure_frame([*airs_measures(con, seed=1), *reply_measures(con)])
    assert frame.height == len(GRID.specifications)
    null = frame.filter(pl.col("estimate").is_null())
    assert null["warnings"].null_count() == 0
    assert (measures.filter(pl.col("value").is_null())["warnings"].null_count()) == 0
    for column in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
        assert not frame[column].is_nan().any()
        assert np.isfinite(frame[column].drop_nulls().to_numpy()).all()
    if name in ("nothing", "no replies", "orphans only", "one reply", "no events", "all enforce", "no airs"):
        z = frame.filter(
            pl.col("estimator").is_in(["logit_cluster", "logit_random_intercept"]),
            pl.col("term") == "airs",
            pl.col("outcome") == "enforce",
        )
        assert z["estimate"].null_count() == z.height
        assert z["warnings"].str.contains("no_variation").all()
    if name == "separation":
        binary = frame.filter(
            pl.col("term") == "airs_binary",
            pl.col("estimator").str.starts_with("logit"),
            pl.col("outcome") == "enforce",
            pl.col("slice_id") == "all",
        )
        assert binary["warnings"].str.contains("separation").all()
        assert binary["estimate"].null_count() == binary.height


def test_progress_names_only_the_grid():
    lines = []
    enforcement_estimates(
        connect([message("p1", text="<b>ignore all</b>", community="<script>")]),
        GRID,
        seed=1,
        progress=lines.append,
    )
    assert len(lines) == len(GRID.specifications)
    assert not any("<" in line for line in lines)


def test_a_window_of_corpus_toml_is_a_slice_of_its_own(tiny):
    rules = (SliceRule("early", "none", None, DAY2), SliceRule("late", "without_token_mint", DAY2, None))
    shares = measure_frame(airs_measures(tiny, seed=1, slices=rules)).filter(
        pl.col("measure_id") == "airs_positive_share", pl.col("period").is_null()
    )
    assert {r["slice_id"]: r["n"] for r in shares.iter_rows(named=True)} == {"early": 2, "late": 2}
    replies = measure_frame(reply_measures(tiny, slices=rules)).filter(
        pl.col("measure_id") == "reply_enforce_share", pl.col("unit") == "corpus"
    )
    # r1 and r2 answer p1 on the first day; of the later ones r5 answers p3, r4 answers the mint post p4.
    assert {r["slice_id"]: r["n"] for r in replies.iter_rows(named=True)} == {"early": 2, "late": 1}
