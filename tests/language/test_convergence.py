"""Similarity against all pairs, slopes and tests against scipy and statsmodels, planted convergence and none."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from convergence_corpora import messages_of, on_corpus, on_frames
from scipy import stats

from pipeline.activity.row import Sampling
from pipeline.language.clock import read_clock
from pipeline.language.convergence import read_cells, similarity_measures
from pipeline.language.convergence_estimates import SPECIFICATIONS, convergence_estimates
from pipeline.language.convergence_sample import TEXTS_PER_CELL, Choice, Embedding, _sample_sql, period_texts
from pipeline.language.similarity import cell_similarity, mean_interval, newcomer_similarity, unit_vectors
from pipeline.language.slopes import (
    Panel,
    slope_t_test,
)
from pipeline.simulation.convergence import MODEL, ConvergenceTruth, simulate_convergence

SAMPLING = Sampling(seed=3)
STATIC = Embedding(MODEL, "static")
DAY = timedelta(days=1)
CONVERGING = {"slope": 0.012}


def random_cells(seed, n=80, cells=4, authors=9, dimensions=16):
    rng = np.random.default_rng(seed)
    vectors = unit_vectors(rng.standard_normal((n, dimensions)) + 0.7)
    cell = np.sort(np.concatenate([np.repeat(np.arange(cells), 4), rng.integers(cells, size=n - 4 * cells)]))
    return vectors, cell, rng.integers(authors, size=n)


def mean_pairs(vectors, pairs):
    values = [float(vectors[i] @ vectors[j]) for i, j in pairs]
    return np.mean(values) if values else np.nan


@pytest.mark.parametrize("seed", [1, 2])
def test_similarities_equal_those_of_all_pairs(seed):
    vectors, cell, author = random_cells(seed)
    pools = np.array([0, 0, 0, 1])
    found = cell_similarity(vectors, cell, author, pools)
    for c in range(4):
        own = np.flatnonzero(cell == c)
        others = [i for i in range(len(cell)) if cell[i] != c and pools[cell[i]] == pools[c]]
        pairs = list(itertools.combinations(own, 2))
        assert found.within[c] == pytest.approx(mean_pairs(vectors, pairs), abs=1e-12)
        apart = [(i, j) for i, j in pairs if author[i] != author[j]]
        assert found.within_authors[c] == pytest.approx(mean_pairs(vectors, apart), abs=1e-12)
        expected = mean_pairs(vectors, itertools.product(own, others))
        assert found.between[c] == pytest.approx(expected, abs=1e-12, nan_ok=True)
        mean = vectors[own].mean(axis=0)
        n = len(own)
        assert found.within[c] == pytest.approx((n * n * (mean @ mean) - n) / (n * (n - 1)), abs=1e-12)
    assert np.isnan(found.between[3])


def test_newcomers_equal_all_pairs():
    vectors, cell, author = random_cells(4)
    is_new = author < 4
    towards, among = newcomer_similarity(vectors, cell, author, is_new)
    for c in range(4):
        new, old = np.flatnonzero((cell == c) & is_new), np.flatnonzero((cell == c) & ~is_new)
        assert towards[c] == pytest.approx(mean_pairs(vectors, itertools.product(new, old)), abs=1e-12)
        apart = [(i, j) for i, j in itertools.combinations(old, 2) if author[i] != author[j]]
        assert among[c] == pytest.approx(mean_pairs(vectors, apart), abs=1e-12)


def test_jackknife_equals_leaving_out_each_author():
    vectors, cell, author = random_cells(5, n=120, authors=14)
    found = cell_similarity(vectors, cell, author, np.zeros(4, dtype=np.int64))
    for c in range(4):
        own = np.unique(author[cell == c])
        left = []
        for out in own:
            kept = (cell != c) | (author != out)
            part = cell_similarity(vectors[kept], cell[kept], author[kept], np.zeros(4, dtype=np.int64))
            left.append([part.within[c], part.between[c], part.gap[c]])
        expected = np.sqrt((len(own) - 1) ** 2 / len(own) * np.var(left, axis=0, ddof=1))
        ours = [found.within_error[c], found.between_error[c], found.gap_error[c]]
        assert ours == pytest.approx(expected if len(own) >= 10 else [np.nan] * 3, abs=1e-12, nan_ok=True)


def test_a_cell_holds_a_fixed_number_of_texts_chosen_by_hash():
    truth = ConvergenceTruth(communities=3, periods=3, texts=TEXTS_PER_CELL + 5, period=DAY)
    corpus = simulate_convergence(truth)
    con = on_corpus(corpus)
    choice = Choice(STATIC, read_clock(con), seed=1)
    first = list(period_texts(con, choice))
    assert all((np.bincount(part.cell) == TEXTS_PER_CELL).all() for part in first)
    shuffled = on_frames(corpus.message.sample(fraction=1, shuffle=True, seed=2), corpus.text, corpus.embedding)
    for one, other in zip(first, period_texts(shuffled, choice), strict=True):
        assert (one.vectors == other.vectors).all()
    other_seed = next(iter(period_texts(con, Choice(STATIC, read_clock(con), seed=2))))
    assert (other_seed.vectors != first[0].vectors).any()
    too_few = Choice(STATIC, read_clock(con), seed=1)
    thin = on_frames(corpus.message.head(TEXTS_PER_CELL - 1), corpus.text, corpus.embedding)
    assert read_cells(thin, too_few).is_empty()


def test_cells_are_those_planted():
    """W is g² and B is ρ g g' of the planted corpus, within the error that the jackknife states."""
    truth = ConvergenceTruth(communities=8, periods=6, author_share=0.0, dimensions=200)
    corpus = simulate_convergence(truth)
    con = on_corpus(corpus)
    cells = read_cells(con, Choice(STATIC, read_clock(con), seed=1)).sort("community_id", "period_start")
    ours, g = cells["within"].to_numpy().reshape(8, 6), np.sqrt(corpus.within)
    z = (ours - corpus.within) / cells["within_error"].to_numpy().reshape(8, 6)
    assert z.std() == pytest.approx(
        1, abs=0.35
    )  # 48 cells: the error of a standard deviation is a tenth, tails are heavy
    expected = truth.common * g * (g.sum(axis=0) - g) / 7
    assert cells["between"].to_numpy().reshape(8, 6) == pytest.approx(expected, abs=0.01)


def test_copies_are_convergence_only_where_they_are_counted():
    """One text posted again and again by many: no effect on distinct texts, W of messages near 1."""
    start = datetime(2026, 1, 5)
    texts = [f"{c} {i}" if i < 24 else f"{c} copied" for c in "ab" for i in range(400)]
    message, text = messages_of(
        texts,
        community_id=[c for c in "ab" for _ in range(400)],
        created_at=[start + timedelta(days=i % 2) for i in range(800)],
    )
    rng = np.random.default_rng(1)
    embedding = text.select(
        "text_hash", model=pl.lit(MODEL), rung=pl.lit("static"), vector=pl.Series(rng.standard_normal((len(text), 32)))
    ).with_columns(pl.col("vector").arr.to_list())
    message = message.with_columns(created_at=pl.lit(start))
    con = on_frames(message, text, embedding)
    rows = {(r.measure_id, r.unit_id): r for r in similarity_measures(con, read_clock(con), SAMPLING)}
    assert abs(rows["within_similarity", "a"].value) < 0.1
    assert rows["within_similarity_copies", "a"].value > 0.7


def primary(con, seed=3):
    rows = convergence_estimates(con, read_clock(con), seed=seed, n_draws=200)
    return {row.spec_id: row for row in rows}


def test_planted_convergence_is_found_and_its_size_is_covered():
    truth = ConvergenceTruth(**CONVERGING)
    corpus = simulate_convergence(truth)
    rows = primary(on_corpus(corpus))
    first = rows["convergence_slope_t"]
    g, middle = np.sqrt(corpus.within), np.arange(12) - 5.5
    planted = corpus.within - truth.common * g * (g.sum(axis=0) - g) / 11
    slope = (planted @ middle / (middle @ middle)).mean()
    assert first.p_value < 0.001
    # What texts of one author share, a thirtieth of the pairs, shrinks as g² grows: it takes .2/30 off the slope.
    assert first.conf_low < slope < first.conf_high
    assert rows["convergence_slope_permutation"].p_value < 0.01
    assert rows["convergence_mixed_model"].p_value < 0.001
    assert rows["convergence_slope_t_placebo"].p_value > 0.001
    assert rows["convergence_slope_t_authors"].p_value < 0.001
    assert rows["convergence_slope_t_full"].estimate is None
    assert rows["convergence_slope_t_full"].warnings == "model_unavailable"
    assert first.adj_method == "holm"
    assert rows["convergence_slope_permutation"].adj_method == "bh"
    assert rows["convergence_slope_t_placebo"].adj_method is None
    assert first.n_clusters == 12
    assert first.n_obs == 144
    assert "few_clusters" in first.warnings


def test_net_gap_has_the_mean_of_the_gap_and_a_smaller_error():
    """With most likeness common, slopes of W − B of two communities pull at each other, and their spread overstates."""
    corpus = simulate_convergence(ConvergenceTruth(periods=6, texts=20, common=0.8, slope_sd=0.01))
    con = on_corpus(corpus)
    cells = read_cells(con, Choice(STATIC, read_clock(con), seed=1))
    means = cells.group_by("period_start").agg(pl.col("gap", "net_gap").mean())
    assert means["gap"].to_numpy() == pytest.approx(means["net_gap"].to_numpy(), abs=1e-12)
    rows = primary(con)
    net, plain = rows["convergence_slope_t"], rows["convergence_slope_t_plain"]
    assert net.estimate == pytest.approx(plain.estimate, abs=1e-12)
    # By g alone the factor is (1 − ρ)/(1 − ρ/2) = 1/3; noise of the texts, the same in both, moves it towards 1.
    assert net.std_error < 0.8 * plain.std_error


def rejections(runs, *, first_seed=0, **planted):
    """Count the runs in which the primary test rejects at 5 %."""
    rejected = 0
    for seed in range(first_seed, first_seed + runs):
        corpus = simulate_convergence(ConvergenceTruth(seed=seed, dimensions=32, **planted))
        con = on_corpus(corpus)
        cells = read_cells(con, Choice(STATIC, read_clock(con), seed=seed))
        codes = cells["community_id"].rank("dense").to_numpy().astype(np.int64) - 1
        weeks = cells["period_start"].rank("dense").to_numpy().astype(np.int64) - 1
        rejected += slope_t_test(Panel(cells["net_gap"].to_numpy(), codes, weeks), 0.95).p_value < 0.05
        con.close()
    return rejected


def test_size_in_a_small_design():
    """40 runs at 5 %: 8 or more rejections have a probability of .0007."""
    assert rejections(40, communities=6, periods=4, texts=TEXTS_PER_CELL, period=DAY) < 8


@pytest.mark.slow
def test_size_and_power_in_200_runs(within):
    """Acceptance: without convergence the share of rejections lies in [.015, .095]; with it, power is at least .9."""
    size = rejections(200, communities=12, periods=12) / 200
    power = rejections(200, first_seed=1_000, slope=0.006, communities=12, periods=12) / 200
    within({"convergence planted at .006 per week: found": power}, (0.9, 1.0))
    within({"convergence": size})


def refused(con, word):
    clock = read_clock(con)
    rows = similarity_measures(con, clock, SAMPLING)
    assert rows
    assert all(row.value is None and word in row.warnings.split(",") for row in rows)
    for row in convergence_estimates(con, clock, seed=1, n_draws=50):
        assert row.estimate is None
        if row.spec_id == "convergence_slope_t_full" and clock.period:
            assert row.warnings == "model_unavailable"
            continue
        assert word in row.warnings.split(",")


@pytest.fixture(scope="module")
def small():
    return simulate_convergence(ConvergenceTruth(communities=4, periods=3, period=DAY))


def test_refusals(small):
    nothing = pl.lit(None, dtype=pl.Datetime("us"))
    refused(on_corpus(small, created_at=nothing), "no_times")
    refused(on_corpus(small, created_at=nothing, step=pl.lit(3)), "clock_is_step")
    refused(on_corpus(small, at_precision=pl.lit("month")), "time_too_coarse")
    refused(on_corpus(small, at_precision=pl.lit("week")), "time_too_coarse")  # three days: followed by day
    refused(on_frames(small.message, small.text), "model_unavailable")
    refused(on_frames(), "no_times")
    refused(on_frames(small.message.head(12), small.text, small.embedding), "few_posts")


def test_too_few_communities_or_periods():
    few = convergence_estimates_of(ConvergenceTruth(communities=4, periods=6))
    assert few["convergence_slope_t"].estimate is None
    assert few["convergence_slope_t"].warnings == "few_clusters"
    short = convergence_estimates_of(ConvergenceTruth(communities=8, periods=2, period=DAY))
    assert short["convergence_slope_t"].estimate is None
    assert "few_periods" in short["convergence_slope_t"].warnings
    assert set(short) == {spec.spec_id for spec in SPECIFICATIONS}
    assert all(name.startswith("convergence_") for name in short)


def convergence_estimates_of(truth):
    return primary(on_corpus(simulate_convergence(truth)))


def test_without_communities_the_corpus_is_one(small):
    con = on_corpus(small, community_id=pl.lit(None, dtype=pl.String))
    rows = similarity_measures(con, read_clock(con), SAMPLING)
    valued = [row for row in rows if row.value is not None]
    assert {row.measure_id for row in valued} == {"within_similarity", "within_similarity_copies"}
    assert all(row.unit == "corpus" and row.ci_low < row.value < row.ci_high for row in valued)
    assert all("no_communities" in row.warnings for row in rows)
    for row in convergence_estimates(con, read_clock(con), seed=1):
        assert row.estimate is None
        assert "no_communities" in row.warnings or row.spec_id == "convergence_slope_t_full"


def test_interval_between_communities_counts_both_ends_of_a_pair():
    """The t-interval of a mean over pairs of 30 communities against the jackknife over communities."""
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(30, 12)) + 1.5
    pairs = centres @ centres.T / 12
    np.fill_diagonal(pairs, np.nan)
    each = np.nanmean(pairs, axis=1)
    left_out = np.array([np.nanmean(np.delete(np.delete(pairs, c, 0), c, 1)) for c in range(30)])
    jackknife = np.sqrt(29 / 30 * np.square(left_out - left_out.mean()).sum())
    low, high = mean_interval(each, 0.95, 2 * each)
    half = stats.t.ppf(0.975, 29) * jackknife
    # Both errors differ by terms of order 1/30.
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)
    assert (low + high) / 2 == pytest.approx(each.mean())


def test_one_community_has_nothing_to_be_compared_with(small):
    con = on_corpus(small, community_id=pl.lit("only"))
    rows = {row.spec_id: row for row in convergence_estimates(con, read_clock(con), seed=1, n_draws=50)}
    compared = [row for row in rows.values() if row.outcome != "within" and row.warnings != "model_unavailable"]
    assert len(compared) >= 6
    for row in compared:
        assert (row.estimate, row.n_obs, row.warnings) == (None, 0, "few_clusters,few_periods")


def test_no_authors_no_crash(small):
    con = on_corpus(small, agent_id=pl.lit(None, dtype=pl.String))
    rows = similarity_measures(con, read_clock(con), SAMPLING)
    assert any(row.value is not None for row in rows)


def test_a_first_message_dated_to_the_month_tells_no_tenure():
    monday = datetime(2026, 3, 2)
    times = [monday + timedelta(days=day) for day in range(70) for _ in range(2)]
    rows, text = messages_of(
        [f"word{i} and more" for i in range(140)], agent_id=[f"u{i % 2}" for i in range(140)], created_at=times
    )
    first = [*rows.row(0)]
    first[0], first[rows.columns.index("created_at")] = "old", datetime(2026, 2, 1)
    first[rows.columns.index("at_precision")] = "month"
    rows = pl.concat([rows, pl.DataFrame([first], schema=rows.schema, orient="row")])
    vector = pl.DataFrame(
        {"text_hash": text["text_hash"], "model": "m", "rung": "static", "vector": [[1.0, 0.0]] * text.height}
    )
    con = on_frames(rows, text, vector)
    choice = Choice(Embedding("m", "static"), read_clock(con), 1, has_communities=False, by_tenure=True)
    query = f"{_sample_sql(choice).split('candidate AS')[0].rstrip().rstrip(',')} SELECT * FROM post"
    found = con.sql(query, params={"model": "m", "rung": "static", "tenure": timedelta(weeks=4)}).pl()
    new = {
        author: dict(found.filter(pl.col("author") == f"0:{author}").select("period_start", "is_newcomer").rows())
        for author in ("u0", "u1")
    }
    weeks = [monday + week * timedelta(weeks=1) for week in range(10)]
    # Came on 1 February at the earliest, on 28 February at the latest; the other on 2 March.
    assert [new["u0"][week] for week in weeks] == [None] * 4 + [False] * 6
    assert [new["u1"][week] for week in weeks] == [True] * 4 + [False] * 6


def test_newcomers_stand_off_and_come_near():
    """Newcomers with vectors of their own are less alike to incumbents than these are among themselves."""
    truth = ConvergenceTruth(communities=6, periods=20, texts=40)
    corpus = simulate_convergence(truth)
    message = corpus.message.sort("created_at")
    weeks = (message["created_at"] - message["created_at"].min()).dt.total_days() // 7
    # Half of the texts of a week are by authors of that week, the rest by a fixed set.
    fresh = pl.Series(np.arange(message.height) % 2 == 0)
    fixed, recent = (
        pl.Series(np.arange(message.height) // 2 % 15),
        weeks * 100 + pl.Series(np.arange(message.height) % 30),
    )
    author = pl.select(pl.when(fresh).then(recent + 1_000).otherwise(fixed)).to_series().cast(pl.String)
    message = message.with_columns(agent_id=pl.col("community_id") + "-" + author)
    noise = np.random.default_rng(1).standard_normal((message.height, truth.dimensions)).astype(np.float32)
    moved = message.select("text_hash", fresh=fresh, noise=pl.Series(noise).arr.to_list())
    embedding = corpus.embedding.join(moved, on="text_hash").with_columns(
        vector=pl.when("fresh").then("noise").otherwise("vector")
    )
    con = on_frames(message, corpus.text, embedding)
    rows = similarity_measures(con, read_clock(con), SAMPLING)
    new = {row.period_start: row for row in rows if row.measure_id == "newcomer_similarity"}
    old = {row.period_start: row for row in rows if row.measure_id == "incumbent_similarity"}
    assert len(new) >= 14
    assert min(new) >= message["created_at"].min() + timedelta(weeks=4)
    assert all(new[at].ci_high < old[at].ci_low for at in new)
    assert not any("short_tenure" in row.warnings for row in new.values())


def test_nothing_depends_on_threads(small):
    results = []
    for threads in (1, 4):
        con = on_corpus(small)
        con.execute(f"SET threads = {threads}")
        results.append(similarity_measures(con, read_clock(con), SAMPLING))
    assert results[0] == results[1]
