"""Contagion: shares by hand, models against statsmodels, planted effects, and error rates with nothing planted."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from contagion_corpus import threads, views

from pipeline.activity.row import Sampling
from pipeline.inference.contagion import cluster_share, contagion_measures, herding_counts
from pipeline.inference.contagion_estimates import contagion_estimates, design, fit_specification
from pipeline.inference.contagion_frames import Corpus, read_messages
from pipeline.inference.contagion_specification import ContagionSpecification, load_contagion_grid
from pipeline.simulation.contagion import ContagionTruth, planted_threads

SAMPLING = Sampling(seed=7, bootstrap_draws=200, null_draws=100)
GRID = load_contagion_grid()


def measures(con) -> dict[tuple[str, str], object]:
    rows = contagion_measures(con, SAMPLING)
    return {(row.measure_id, row.unit_id): row for row in rows if row.slice_id == "all"}


def one(role: str, exposure: str, estimator: str = "logit_cluster", outcome: str = "conflict"):
    wanted = (role, exposure, estimator, outcome, "all")
    return next(s for s in GRID if (s.role, s.exposure, s.estimator, s.outcome, s.slice) == wanted)


POST, FIRST = one("primary", "post"), one("primary", "first")
ORDER = one("primary", "adjacent", "order_permutation")
HERDING = one("robustness", "before", "order_permutation")
CONTROLLED = (
    POST,
    FIRST,
    ORDER,
    HERDING,
    one("robustness", "before"),
    one("robustness", "parent"),
    one("robustness", "adjacent", "order_permutation", "any_emotion"),
    one("placebo", "placebo_post"),
    one("negative_control", "hash_binary"),
)


def fits(seed: int, specs, n_draws: int = 199, **truth):
    corpus = Corpus(planted_threads(ContagionTruth(seed=seed, **truth)))
    return [
        fit_specification(corpus, corpus.comments, spec, seed=seed, ci_level=0.95, n_draws=n_draws) for spec in specs
    ]


# By hand


def test_conditional_shares_by_hand():
    found = measures(views(threads(("x", "xoo"), ("x", "ox"), ("o", "ooox"), ("o", "xx"), ("o", ""))))
    # Posts in conflict: 2 of the 4 with a comment; their comments xoo and ox: 2 of 5; the others ooox and xx: 3 of 6.
    assert found["conflict_post_share", "corpus"].value == 0.5
    assert found["conflict_share_post_conflict", "corpus"].value == pytest.approx(2 / 5)
    assert found["conflict_share_post_calm", "corpus"].value == pytest.approx(3 / 6)
    assert found["conflict_ratio_post", "corpus"].value == pytest.approx((2 / 5) / (3 / 6))
    # First comments: x, o, o, x; later after x: oo and x, 1 of 3; after o: x and oox, 2 of 4.
    assert found["conflict_share_first_conflict", "corpus"].value == pytest.approx(1 / 3)
    assert found["conflict_share_first_calm", "corpus"].value == pytest.approx(2 / 4)
    assert found["conflict_any_first_conflict", "corpus"].value == pytest.approx(1 / 2)
    assert found["emotion_share", "anger"].value == pytest.approx(7 / 16)


def test_comments_dated_to_the_month_have_no_order():
    con = views(planted_threads(ContagionTruth(seed=1)))
    con.execute("UPDATE message SET at_precision = 'month'")
    corpus = Corpus(read_messages(con))
    assert not corpus.comments["is_ordered"].any()
    for spec in (ORDER, HERDING):
        fit = fit_specification(corpus, corpus.comments, spec, seed=1, ci_level=0.95, n_draws=19)
        assert (fit.estimate, fit.warnings) == (None, ("time_too_coarse",))


def test_one_does_not_catch_it_from_oneself():
    con = views(threads(("x", "xxo"), ("o", "xxo"), authors=("abba", "cddd")))
    found = measures(con)
    # After the first comment in conflict: x, o and x, o; without those of its author (b, d): o by a only.
    assert found["conflict_share_first_conflict", "corpus"].value == pytest.approx(1 / 2)
    assert found["conflict_share_first_conflict_others", "corpus"].value == 0
    assert found["conflict_share_first_conflict_others", "corpus"].n == 1
    # The post of a: its comments by b are in conflict, the one by a is not counted.
    assert found["conflict_share_post_conflict_others", "corpus"].value == 1


def test_response_rates_by_hand():
    found = measures(views(threads(("x", "xoo"), ("o", "xo"))))
    assert found["influence_driven_response_rate", "corpus"].value == pytest.approx(1 / 3)
    assert found["spontaneous_response_rate", "corpus"].value == pytest.approx(1 / 2)
    assert found["response_rate_correlation", "corpus"].value is None
    assert "few_agents" in found["response_rate_correlation", "corpus"].warnings


def test_nobody_responds_to_oneself_and_nobody_to_what_is_not_there():
    messages = threads(("x", "xxo"), ("o", "xo"), authors=("abba", "ccd"))
    lost = messages.with_columns(
        parent_id=pl.when(pl.col("message_id") == "t0-1").then(pl.lit("gone")).otherwise("parent_id"),
        agent_id=pl.when(pl.col("message_id") == "t1-2").then(None).otherwise("agent_id"),
    )
    found = measures(views(lost))
    # To the post of a: b, once (the other answers what is gone), and not a itself. To that of c: nobody who is known.
    driven = found["influence_driven_response_rate", "corpus"]
    assert (driven.value, driven.n) == (1.0, 1)
    assert found["spontaneous_response_rate", "corpus"].n == 0


def test_cluster_share_is_the_linearised_ratio():
    rng = np.random.default_rng(3)
    n = rng.poisson(6, 400) + 1
    k = rng.binomial(n, rng.beta(2, 8, 400))
    share, low, high, method, variance = cluster_share(k, n, 0.95)
    y = np.concatenate([np.r_[np.ones(a), np.zeros(b - a)] for a, b in zip(k, n, strict=True)])
    groups = np.repeat(np.arange(400), n)
    fit = sm.OLS(y, np.ones_like(y)).fit(cov_type="cluster", cov_kwds={"groups": groups})
    assert share == pytest.approx(fit.params[0], rel=1e-12)
    # statsmodels corrects by (N − 1)/(N − 1) · G/(G − 1), the same here.
    assert variance == pytest.approx(float(fit.cov_params()[0, 0]), rel=1e-9)
    assert low < share < high
    assert method == "cluster_logit"


def test_herding_counts_against_a_loop():
    rng = np.random.default_rng(5)
    label, thread = rng.integers(0, 2, 300), np.sort(rng.integers(0, 40, 300))
    k, n = np.zeros(3, int), np.zeros(3, int)
    for i in range(2, 300):
        if thread[i] == thread[i - 1] == thread[i - 2]:
            before = label[i - 1] + label[i - 2]
            n[before] += 1
            k[before] += label[i]
    assert [list(x) for x in herding_counts(label, thread)] == [list(k), list(n)]


# Models


def test_logit_equals_statsmodels():
    corpus = Corpus(planted_threads(ContagionTruth(seed=11, threads=200)))
    spec = ContagionSpecification(
        role="primary", hypothesis="h", outcome="conflict", exposure="post", estimator="logit_cluster",
        controls=("reply_length", "position"), clusters=("post",),
    )  # fmt: skip
    frame = design(corpus, corpus.comments, spec)
    fit = fit_specification(corpus, corpus.comments, spec, seed=1, ci_level=0.95, n_draws=1)
    x = np.column_stack([np.ones(frame.height), frame.select("x", "reply_length", "position").to_numpy()])
    theirs = sm.GLM(frame["y"].to_numpy(), x, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": frame["post"].to_numpy()}, tol=1e-12
    )
    # Both stop at the tolerance of their optimisers.
    assert fit.estimate == pytest.approx(theirs.params[1], rel=1e-5)
    assert fit.std_error == pytest.approx(theirs.bse[1], rel=1e-4)


def test_base_rates_leave_the_thread_out():
    messages = threads(("o", "x"), ("o", "x"), ("o", "o"), authors=("ab", "ab", "ab"))
    corpus = Corpus(read_messages(views(messages)))
    rates = corpus.base_rates("conflict").filter(pl.col("message_id") == "t0-1")["author_rate"].item()
    # b in the other threads: 1 of 2; drawn to the mean 2 of 6 by ten messages.
    share = (1 + 10 * (2 / 6)) / (2 + 10)
    assert rates == pytest.approx(np.log(share / (1 - share)))


def test_the_placebo_is_another_post():
    corpus = Corpus(read_messages(views(threads(("x", "oo"), ("o", "oo"), ("x", "oo")))))
    frame = design(corpus, corpus.comments, one("placebo", "placebo_post"))
    # Of t0 the next post is calm, of t1 in conflict, and t2 has none after it.
    assert frame.group_by("post").agg(pl.col("x").first()).sort("post")["x"].to_list() == [0.0, 1.0]


def test_the_grid_is_run_whole_and_thin_corpora_give_reasons():
    rows = contagion_estimates(views(planted_threads(ContagionTruth(threads=60))), seed=1, n_draws=50)
    assert [row.spec_id for row in rows] == [spec.spec_id for spec in GRID]
    assert all(row.estimate is not None or row.warnings for row in rows)
    for thin in (threads(("o", "")), threads(("o", "oo"), ("o", "o")), threads(("x", "x"))):
        assert all(row.estimate is None and row.warnings for row in contagion_estimates(views(thin), seed=1))
        assert len(contagion_measures(views(thin), SAMPLING)) > 40


def test_rows_do_not_depend_on_the_order_of_messages():
    messages = planted_threads(ContagionTruth(threads=50, post=1.0))
    shuffled = messages.sample(fraction=1.0, shuffle=True, seed=3)
    first, second = (contagion_estimates(views(m), GRID[:3], seed=1, n_draws=50) for m in (messages, shuffled))
    assert first == second


# Planted


def test_planted_contagion_is_recovered():
    runs = 8
    post = [fits(seed, [POST], post=1.0)[0].estimate for seed in range(runs)]
    first = [fits(seed, [FIRST], first=1.0)[0].estimate for seed in range(runs)]
    # The model averages over traits that it knows only roughly, which shrinks log odds by some 5 %; the mean of 8 runs
    # has a standard error of .05.
    assert np.mean(post) == pytest.approx(1.0, abs=0.2)
    assert np.mean(first) == pytest.approx(1.0, abs=0.2)
    order = [fits(seed, [ORDER], previous=0.8)[0] for seed in range(runs)]
    assert all(fit.p_value < 0.05 and fit.estimate > 1.2 for fit in order)


def test_topics_look_like_contagion_to_models_and_not_to_order():
    runs = [fits(seed, [POST, ORDER, HERDING], thread_sd=0.8) for seed in range(8)]
    # Nothing is contagious here: threads differ. What the model says then is the reason for its warning.
    assert np.mean([run[0].p_value < 0.05 for run in runs]) > 0.7
    assert np.mean([run[1].p_value < 0.05 for run in runs]) <= 0.25
    assert np.mean([run[2].p_value < 0.05 for run in runs]) <= 0.25


def test_nothing_planted_is_rarely_rejected():
    rejected = np.array([[f.p_value < 0.05 for f in fits(seed, CONTROLLED, 99)] for seed in range(20)])
    # 20 runs at 5 %: 5 or more have a probability of .3 %, for each of nine tests.
    assert (rejected.sum(axis=0) <= 4).all()


def short(spec):
    return f"{spec.outcome}, {spec.exposure}, {spec.estimator}"


def rejection_shares(world, specs, first_seed, **truth):
    rejected = np.array([[f.p_value < 0.05 for f in fits(first_seed + s, specs, **truth)] for s in range(200)])
    return {f"{world}: {short(spec)}": share for spec, share in zip(specs, rejected.mean(axis=0), strict=True)}


@pytest.mark.slow
def test_size_of_every_test_in_200_runs(within):
    within(rejection_shares("contagion", CONTROLLED, 1000))


@pytest.mark.slow
def test_a_trend_along_threads_is_not_contagion(within):
    within(rejection_shares("contagion, trend along threads", (POST, FIRST, ORDER, HERDING), 3000, drift=0.08))


@pytest.mark.slow
def test_planted_contagion_is_recovered_in_200_runs(within):
    planted = {POST: {"post": 1.0}, FIRST: {"first": 1.0}, ORDER: {"previous": 0.8}}
    power, means = {}, {}
    for spec, truth in planted.items():
        found = [fits(5000 + seed, [spec], **truth)[0] for seed in range(200)]
        power[f"contagion planted: {short(spec)}: found"] = np.mean([fit.p_value < 0.05 for fit in found])
        means[f"contagion planted: {short(spec)}: mean log odds, planted 1"] = np.mean([fit.estimate for fit in found])
    within(power, (0.9, 1.0))
    del means[f"contagion planted: {short(ORDER)}: mean log odds, planted 1"]  # a ratio of counts
    within(means, (0.9, 1.1))  # traits that the model knows only roughly take some 5 %
