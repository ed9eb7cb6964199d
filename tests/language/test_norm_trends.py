"""Newcomers and entropy of templates: definitions against outside references, planted truth, and worlds without it."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import numpy as np
import pytest
from convergence_corpora import messages_of, on_corpus, on_frames, with_templates
from scipy import stats

from pipeline.activity.row import Sampling
from pipeline.inference.result import Fit
from pipeline.language.clock import read_clock
from pipeline.language.convergence_sample import Choice, Embedding, period_texts
from pipeline.language.newcomers import dealt, once_each, tenure_cells
from pipeline.language.norm_trend_estimates import (
    ENTROPY_SPECIFICATIONS,
    NEWCOMER_SPECIFICATIONS,
    _dealt_fit,
    corpus_slope,
    trend_estimates,
)
from pipeline.language.norm_trends import Trends, trend_measures
from pipeline.language.similarity import newcomer_similarity
from pipeline.language.template_entropy import POSTS, expected_entropy, template_counts
from pipeline.simulation.convergence import MODEL, ConvergenceTruth, simulate_convergence

SAMPLING = Sampling(seed=3, null_draws=100)
ARRIVING = {"communities": 6, "periods": 10, "texts": 50, "authors": 60, "spell": 10, "dimensions": 32}
MONDAY = datetime(2026, 1, 5)


def arriving(seed=1, **planted):
    con = on_corpus(simulate_convergence(ConvergenceTruth(seed=seed, **{**ARRIVING, **planted})))
    con.execute("CREATE TABLE template (text_hash VARCHAR, community_id VARCHAR, template_id VARCHAR)")
    return con


@pytest.fixture(scope="module")
def world():
    return arriving()


@pytest.fixture(scope="module")
def flat(world):
    return estimates(world)


def estimates(con, sampling=SAMPLING, n_draws=200):
    return {row.spec_id: row for row in trend_estimates(Trends(con, read_clock(con), sampling), n_draws=n_draws)}


def test_gap_of_a_cell_is_that_of_the_measures(world):
    """The products of authors give what the sums of vectors give."""
    con = world
    clock, embedding = read_clock(con), Embedding(MODEL, "static")
    cells = {(cell.start, cell.community): cell for cell in tenure_cells(con, embedding, clock, 3)}
    choice = Choice(embedding, clock, 3, by_tenure=True)
    checked = 0
    for part in period_texts(con, choice):
        towards, among = newcomer_similarity(part.vectors, part.cell, part.author, part.is_newcomer)
        for code, (run, community) in enumerate(part.cells.iter_rows()):
            if (cell := cells.get((part.start, f"{run}\n{community}"))) is not None:
                ours = cell.gaps(cell.is_new[None, :])[0]
                assert ours == pytest.approx(towards[code] - among[code], abs=1e-12)
                checked += 1
    assert checked == len(cells) >= 20


def test_no_author_is_in_two_cells_and_dealing_keeps_their_number(world):
    con = world
    cells = once_each(tenure_cells(con, Embedding(MODEL, "static"), read_clock(con), 3), 3)
    names = [name for cell in cells for name in cell.authors]
    assert len(names) == len(set(names)) > 50
    drawn = dealt(cells[0], 50, np.random.default_rng(1))
    assert (drawn.sum(axis=1) == cells[0].is_new.sum()).all()
    assert len({tuple(row) for row in drawn}) > 1


def test_expected_entropy_is_the_mean_over_all_samples():
    """All samples of 4 of 7 posts with scipy's entropy; a cell of 3 posts has none."""
    template = np.array([0, 0, 0, 1, 1, 2, 3])
    every = [stats.entropy(np.bincount(template[list(chosen)])) for chosen in itertools.combinations(range(7), 4)]
    cell = np.concatenate([np.zeros(7, dtype=np.int64), np.ones(3, dtype=np.int64)])
    codes = np.concatenate([template, [0, 1, 2]])
    found = expected_entropy(cell, codes, np.ones(10, dtype=np.int64), 2, 4)
    assert found[0] == pytest.approx(np.mean(every) / np.log(4), abs=1e-12)
    assert np.isnan(found[1])


def test_corpus_slope_is_a_line_and_its_jackknife():
    rng = np.random.default_rng(2)
    values, left_out = rng.random(6), rng.random((20, 6))
    fit = corpus_slope(values, left_out, 0.95)
    assert fit.estimate == pytest.approx(stats.linregress(np.arange(6), values).slope)
    without = np.array([stats.linregress(np.arange(6), line).slope for line in left_out])
    assert fit.std_error == pytest.approx(np.sqrt(19**2 / 20 * without.var(ddof=1)))
    assert corpus_slope(values[:2], left_out[:, :2], 0.95).warnings == ("few_periods",)


def templated(seed, communities=8, periods=6, authors=12, *, own=0.0, fewer=0.0):
    """Texts of authors who have a template of their own, copy one of their community, or write afresh.

    `own` is the share of posts that copy the template of the community, and `fewer` what is added to it by each period.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for community, author in itertools.product(range(communities), range(authors)):
        habit, busy = rng.random(), rng.integers(2, 6)
        for period, post in itertools.product(range(periods), range(busy)):
            drawn = rng.random()
            if drawn < own + fewer * period:
                text = f"template of community {community} alone"
            elif drawn < own + fewer * period + 0.5 * habit:
                text = f"habit of {community} {author} always"
            else:
                text = f"afresh {community} {author} {period} {post}"
            rows.append((f"c{community}", f"u{community}-{author}", MONDAY + timedelta(weeks=period, hours=post), text))
    community, author, created, texts = (list(column) for column in zip(*rows, strict=True))
    message, text = messages_of(texts, community_id=community, agent_id=author, created_at=created)
    con = on_frames(message, text)
    con.execute("CREATE TABLE template AS SELECT text_hash, '' AS community_id, text_hash AS template_id FROM text")
    return con


def test_planted_templates_and_trend_are_found():
    flat, own, fewer = (estimates(templated(1, **planted)) for planted in ({}, {"own": 0.4}, {"fewer": 0.08}))
    assert own["template_entropy_dealt"].p_value < 0.03
    assert own["template_entropy_dealt"].estimate < own["template_entropy_dealt"].null_mean - 0.05
    assert own["template_entropy_placebo"].p_value > 0.01
    assert flat["template_entropy_dealt"].p_value > 0.01
    for spec_id in ("template_entropy_slope_t", "template_entropy_slope_permutation", "template_entropy_slope_corpus"):
        assert fewer[spec_id].p_value < 0.01
        assert fewer[spec_id].estimate < 0
        assert flat[spec_id].p_value > 0.001
    assert own["newcomer_gap_permutation"].warnings == "model_unavailable"
    specs = (*NEWCOMER_SPECIFICATIONS, *ENTROPY_SPECIFICATIONS)
    assert set(own) == {spec.spec_id for spec in specs}


def test_where_no_two_posts_share_a_template_there_is_nothing_to_test():
    """All write afresh: the entropy is 1 whoever is dealt where, but for rounding."""
    con = templated(1, own=-1.0)
    found = estimates(con)
    for spec_id in ("template_entropy_dealt", "template_entropy_placebo"):
        row = found[spec_id]
        assert row.estimate == pytest.approx(1.0, abs=1e-9)
        assert row.estimate <= 1
        assert (row.p_value, row.conf_low, row.null_sd) == (None, None, None)
        assert "no_variation" in row.warnings.split(",")
    rows = trend_measures(Trends(con, read_clock(con), SAMPLING))
    entropies = [row for row in rows if row.measure_id == "template_entropy"]
    assert len(entropies) == 14  # six weeks and eight communities
    for row in entropies:
        assert row.value == pytest.approx(1.0, abs=1e-9)
        assert row.value <= 1
        assert (row.p_value, row.ci_high) == (None, None)
        assert "no_variation" in row.warnings.split(",")


def test_a_share_of_the_maximum_has_no_interval_above_one():
    con = templated(1, communities=6, periods=3, own=-0.2)
    rows = trend_measures(Trends(con, read_clock(con), SAMPLING))
    by_period = [row for row in rows if row.measure_id == "template_entropy" and row.unit == "corpus"]
    assert [row.ci_high for row in by_period] == [1.0] * 3  # t-intervals of means near 1 reach beyond it
    drawn = np.random.default_rng(1).uniform(0.92, 0.98, 99)
    fit = _dealt_fit(0.975, drawn, 0.95, Fit(n_obs=4, n_clusters=4))
    assert (fit.conf_high, fit.p_value) == (1.0, pytest.approx(0.2, abs=0.2))
    assert 0.9 < fit.conf_low < fit.estimate


def test_planted_newcomers_are_found_and_their_size_is_covered():
    """Texts of newcomers hold f·g of their community: N − I is g²(f − 1)."""
    factor, truth = 0.4, {"periods": 17, "authors": 54, "texts": 40, "author_share": 0.0}
    found = estimates(arriving(newcomer_strength=factor, slope_sd=0.0, **truth))
    assert found["newcomer_gap_permutation"].p_value < 0.01
    # Some write for the first time weeks after they came, and are taken for new when they are not: hence .04.
    assert found["newcomer_gap_permutation"].estimate == pytest.approx(0.3 * (factor - 1), abs=0.04)
    assert found["newcomer_gap_t"].p_value < 0.01
    assert found["newcomer_gap_t"].estimate == pytest.approx(0.3 * (factor - 1), abs=0.04)
    assert found["newcomer_gap_placebo"].p_value > 0.01
    assert "short_tenure" not in (found["newcomer_gap_t"].warnings or "")


def test_without_newcomers_of_their_own_nothing_is_found(flat):
    assert flat["newcomer_gap_permutation"].p_value > 0.01
    assert flat["newcomer_slope_t"].estimate is not None


def test_measures_have_intervals_and_nulls():
    con = arriving(newcomer_strength=0.4)
    rows = trend_measures(Trends(con, read_clock(con), SAMPLING))
    gaps = [row for row in rows if row.measure_id == "newcomer_gap"]
    assert len(gaps) >= 4
    assert all(row.ci_low < row.value < row.ci_high < row.null_mean and row.p_value < 0.05 for row in gaps)
    assert all("short_tenure" in row.warnings for row in gaps)  # ten weeks
    con = templated(1, own=0.4)
    rows = trend_measures(Trends(con, read_clock(con), SAMPLING))
    by_period = [row for row in rows if row.measure_id == "template_entropy" and row.unit == "corpus"]
    assert len(by_period) == 6
    assert all(row.ci_low < row.value < row.ci_high < row.null_mean for row in by_period)
    by_community = [row for row in rows if row.unit == "community"]
    assert len(by_community) == 8
    assert all(row.null_sd > 0 for row in by_community)
    whole = [row for row in rows if row.measure_id == "template_entropy_corpus"]
    assert len(whole) == 6
    assert all(row.ci_low < row.value < row.ci_high for row in whole)


def test_an_author_counts_at_home_and_order_of_rows_does_not_matter():
    con = templated(2)
    counts = template_counts(con, read_clock(con), has_communities=True)
    assert counts.posts.sum() == con.sql("SELECT count(*) FROM message").fetchall()[0][0]
    con.execute("UPDATE message SET community_id = 'c9' WHERE agent_id = 'u1-1' AND message_id LIKE '%7'")
    moved = template_counts(con, read_clock(con), has_communities=True)
    assert 0 < counts.posts.sum() - moved.posts.sum() < 20
    before = estimates(con)
    con.execute("CREATE OR REPLACE TABLE message AS SELECT * FROM message ORDER BY md5(message_id)")
    assert estimates(con) == before


def test_refusals():
    nothing = with_templates(on_frames())
    rows = trend_measures(Trends(nothing, read_clock(nothing), SAMPLING))
    assert {row.measure_id for row in rows} == {"newcomer_gap", "template_entropy", "template_entropy_corpus"}
    assert all(row.value is None and "no_times" in row.warnings for row in rows)
    assert all(row.estimate is None and "no_times" in row.warnings for row in estimates(nothing).values())
    con = templated(1)
    con.execute("UPDATE message SET community_id = NULL")
    rows = {row.measure_id: row for row in trend_measures(Trends(con, read_clock(con), SAMPLING))}
    assert (rows["template_entropy"].value, rows["template_entropy"].warnings) == (None, "no_communities")
    assert rows["template_entropy_corpus"].value is not None
    con.execute("DELETE FROM message WHERE message_id NOT LIKE '%3'")
    few = {row.measure_id: row for row in trend_measures(Trends(con, read_clock(con), SAMPLING))}
    assert few["template_entropy_corpus"].warnings == "few_posts"
    assert POSTS == 20


def shares(runs, make, spec_ids, first_seed=0):
    hits = dict.fromkeys(spec_ids, 0)
    for seed in range(first_seed, first_seed + runs):
        con = make(seed)
        found = estimates(con, Sampling(seed=seed, null_draws=100), n_draws=199)
        con.close()
        for spec_id in spec_ids:
            hits[spec_id] += found[spec_id].p_value < 0.05
    return {spec_id: count / runs for spec_id, count in hits.items()}


_ENTROPY_TESTS = (
    "template_entropy_dealt", "template_entropy_slope_t", "template_entropy_slope_permutation",
    "template_entropy_slope_corpus",
)  # fmt: skip
_NEWCOMER_TESTS = ("newcomer_gap_permutation", "newcomer_gap_t", "newcomer_slope_t", "newcomer_slope_permutation")


def test_size_in_a_small_design():
    """15 runs at 5 %: 5 or more rejections have a probability of .0006."""
    assert all(share < 5 / 15 for share in shares(15, templated, _ENTROPY_TESTS).values())


@pytest.mark.slow
def test_size_in_200_runs(within):
    """Without an effect the share of rejections lies in [.015, .095]."""
    within({**shares(200, templated, _ENTROPY_TESTS), **shares(200, arriving, _NEWCOMER_TESTS)})


@pytest.mark.slow
def test_power_in_200_runs(within):
    """Copies of a template of the community, and more of them by the week, are nearly always found."""
    own = shares(200, lambda seed: templated(seed, own=0.4), _ENTROPY_TESTS[:1])
    fewer = shares(200, lambda seed: templated(seed, fewer=0.08), _ENTROPY_TESTS[1:])
    within({f"templates planted: {spec_id}: found": share for spec_id, share in {**own, **fewer}.items()}, (0.9, 1.0))
