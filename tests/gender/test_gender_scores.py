"""Scores of texts and of agent-weeks, declared gender, and the measures on corpora with planted gender performance."""

from __future__ import annotations

import sys
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from planted_gender import FEMININE, MASCULINE, MONDAY, PLAIN, connect, corpus
from scipy import stats
from sklearn.metrics import roc_auc_score

from pipeline.activity.row import Sampling
from pipeline.gender.axis import axis_between, project, read_anchors
from pipeline.gender.declared import declare
from pipeline.gender.measures import UNITS, gender_measures
from pipeline.gender.panel import Halves, Panel, read_panel
from pipeline.gender.scorers import SCHEMA, AxisScorer, ModelScorer
from pipeline.gender.validation import area
from pipeline.gender.variance import components, reliability, totals, variance_components
from pipeline.language.cache import Chunks
from pipeline.published.load import load_measure_dictionary
from pipeline.schema import TABLES, measure_frame

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "independent"))
from gender import intraclass_correlation, weekly_scores

SAMPLING = Sampling(seed=0, bootstrap_draws=200, null_draws=199)
COUNTS = {FEMININE: (2, 0), MASCULINE: (0, 2)}
EXACT = 1e-12  # sums of a few hundred numbers below one


@pytest.fixture(scope="module")
def planted():
    return gender_measures(connect(**corpus()), SAMPLING)


def pick(rows, measure_id, unit_id, period=None):
    (found,) = [r for r in rows if (r.measure_id, r.unit_id, r.period) == (measure_id, unit_id, period)]
    return found


def test_weekly_scores_are_those_of_plain_python():
    tables = corpus(people=10, weeks=3)
    con = connect(**tables)
    listed = [(m["agent_id"], m["created_at"].isocalendar()[:2], m["text_hash"]) for m in tables["message"]]
    query = "SELECT agent_id, week_start, value FROM agent_week WHERE variable = 'gender_lexicon'"
    found = {(agent, week.isocalendar()[:2]): value for agent, week, value in con.sql(query).fetchall()}
    assert found == weekly_scores(listed, COUNTS)
    assert {m["text_hash"] for m in tables["message"]} >= {FEMININE, MASCULINE, PLAIN}


def test_a_text_without_a_marked_word_and_one_of_another_language_have_no_score():
    tables = corpus(people=4, weeks=1)
    assert {row[0] for row in connect(**tables).sql("SELECT text_hash FROM gender_score").fetchall()} <= set(COUNTS)
    foreign = [{**text, "language": "de"} for text in tables["text"]]
    con = connect(agent=tables["agent"], message=tables["message"], text=foreign)
    assert con.sql("SELECT count(*) FROM gender_score").fetchall() == [(0,)]


def test_the_axis_is_one_at_the_feminine_mean_and_minus_one_at_the_masculine():
    rng = np.random.default_rng(1)
    feminine, masculine = rng.normal(size=(5, 8)), rng.normal(size=(5, 8))
    axis = axis_between(feminine, masculine)
    ends = np.array(
        [feminine.mean(axis=0), masculine.mean(axis=0), (feminine.mean(axis=0) + masculine.mean(axis=0)) / 2]
    )
    assert project(axis, ends) == pytest.approx([1, -1, 0], abs=EXACT)
    far = ends[0] + 3 * axis.direction / (axis.direction @ axis.direction)
    assert project(axis, np.array([far, np.zeros(8)])) == pytest.approx([1.0, np.nan], nan_ok=True)
    with pytest.raises(ValueError, match="span no axis"):
        axis_between(feminine, feminine)
    anchors = read_anchors()
    assert len(anchors.feminine) == len(anchors.masculine) == len(set(anchors.feminine)) == 12


def test_scorers_of_vectors_and_of_a_model_that_is_brought(tmp_path):
    tables = corpus(people=4, weeks=1)
    vectors = {FEMININE: [1.0, 0.0], MASCULINE: [0.0, 1.0], PLAIN: [0.0, 0.0]}
    tables["embedding"] = [{"text_hash": t, "model": "m", "rung": "static", "vector": v} for t, v in vectors.items()]
    con = connect(**tables)
    scorer = AxisScorer(lambda: axis_between(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])), "1")
    frame = pl.concat(scorer.parts(con))
    assert dict(frame.schema) == SCHEMA
    assert dict(frame.select("text_hash", "numerator").rows()) == {FEMININE: 1_000_000, MASCULINE: -1_000_000}

    class Model:
        version, asked = "rules 1", 0

        def __call__(self, texts):
            self.asked += len(texts)
            return np.array([0.5 if "sweetie" in t else -0.25 if "bro" in t else np.nan for t in texts])

    model = Model()
    for _ in range(2):
        frame = pl.concat(ModelScorer(model, Chunks(tmp_path)).parts(con))
        assert dict(frame.select("text_hash", "numerator").rows()) == {FEMININE: 500_000, MASCULINE: -250_000}
    assert model.asked == 3  # the second time its scores were kept
    model.__class__.__call__ = lambda self, texts: np.full(len(texts), 2.0)
    with pytest.raises(ValueError, match="between -1 and 1"):
        list(ModelScorer(model, Chunks(tmp_path / "other")).parts(con))


@pytest.mark.parametrize(
    ("persona", "field", "gender", "rule"),
    [
        ("17F, SHE/HER. Likes Dune.", None, 1, "pronouns"),
        ("He/they. Surfacing.", None, -1, "pronouns"),
        ("Father and bird enthusiast", None, -1, "noun"),
        ("Cat mom, loud and proud.", None, 1, "noun"),
        ("A curious AI, always seeking to expand her understanding of the world.", None, 1, "third_person"),
        ("Bot", "female", 1, "field"),
        ("A kind man.", "F", 1, "field"),
        ("Love his wife Fiona, surfer and man of the sea", None, -1, "noun"),
        ("Named after my human's late grandfather.", None, None, None),
        ("An AI assistant who loves dad jokes.", None, None, None),
        ("Helping my human and his family.", None, None, None),
        ("I am both boy and girl.", None, None, None),
        ("Baki Gül'ün asistanı, her zaman", None, None, None),
        ("", None, None, None),
        (None, None, None, None),
    ],
)
def test_what_a_profile_declares(persona, field, gender, rule):
    lower = [None if text is None else text.lower() for text in (persona, field)]
    schema = {"agent_id": pl.String, "persona": pl.String, "field": pl.String}
    found = declare(pl.DataFrame([["a", *lower]], schema=schema, orient="row"))
    assert found.rows() == ([] if gender is None else [("a", gender, rule)])


def test_planted_levels_are_found_and_the_placebo_finds_nothing(planted):
    """Levels of ± 0.35 in probability are scores of ± 0.7; a week of 3.2 marked messages has a noise of known size."""
    lexicon = pick(planted, "gender_auc", "lexicon")
    assert lexicon.value > 0.98
    assert lexicon.p_value < 1e-6
    placebo = pick(planted, "gender_auc", "placebo")
    assert placebo.ci_low < 0.5 < placebo.ci_high
    between = pick(planted, "gender_between_sd", "lexicon")
    assert between.ci_low < 0.69 < between.ci_high + 0.03  # drifts that leave [.02, .98] are cut
    assert pick(planted, "gender_icc", "lexicon").p_value == 1 / 200
    assert pick(planted, "gender_icc", "placebo").value == 1.0
    assert pick(planted, "gender_within_sd", "placebo").value == 0.0
    assert pick(planted, "gender_reliability", "lexicon").value > 0.6


def test_the_intraclass_correlation_is_that_of_plain_python(planted):
    panel = read_panel(connect(**corpus()), "lexicon")
    groups = defaultdict(list)
    for agent, value in zip(panel.agent, panel.value, strict=True):
        groups[agent].append(value)
    expected = intraclass_correlation(groups)
    assert pick(planted, "gender_icc", "lexicon").value == pytest.approx(expected, abs=1e-9)


def test_rows_are_a_table_with_unique_keys_and_a_dictionary(planted):
    frame = measure_frame(planted)
    assert frame.select(TABLES["measure"].key).n_unique() == frame.height
    assert set(frame["measure_id"]) <= set(load_measure_dictionary()["measure_id"])
    assert set(frame.filter(pl.col("unit") == "scorer")["unit_id"]) == set(UNITS)
    share = frame.filter(
        (pl.col("measure_id") == "gender_tercile_transition_share") & pl.col("unit_id").str.starts_with("l")
    )
    rows = (
        share.with_columns(start=pl.col("unit_id").str.split("/").list.get(1))
        .group_by("start")
        .agg(pl.col("value").sum())
    )
    assert rows["value"].to_list() == pytest.approx([1.0] * rows.height)


def test_without_embeddings_and_without_a_model_rows_say_so(planted):
    for unit_id, word in (("axis", "model_unavailable"), ("model", "no_gender_model")):
        for measure_id in ("gender_icc", "gender_auc", "gender_tercile_transition_share"):
            row = pick(planted, measure_id, unit_id)
            assert row.value is None
            assert word in row.warnings.split(",")
    assert "model_unavailable" not in pick(planted, "gender_auc", "model").warnings


def test_components_that_are_no_share_are_null():
    """Agents with two weeks in forty, whose weeks differ by far more than the agents: the ratio is below -1."""
    rng = np.random.default_rng(1)
    weeks = np.where(np.arange(400) < 30, 2, 1)
    agent = np.repeat(np.arange(400), weeks)
    value = rng.normal(0, 0.02, len(agent))
    value[:60] = np.tile([-0.5, 0.5], 30)
    panel = Panel(agent, np.concatenate([np.arange(n) for n in weeks]), value)
    found = variance_components(panel, draws=50, null_draws=20, rng=rng, level=0.95)
    assert np.isnan(found["gender_icc"].value)
    assert (found["gender_icc"].interval.low, found["gender_icc"].null) == (None, None)
    assert found["gender_within_sd"].value == pytest.approx(0.707, abs=0.01)  # of -0.5 and 0.5
    con = connect(**corpus(weeks=1))
    rows = [("a000", 8, 0.5), ("a000", 9, -0.5), *((f"a{i:03d}", 8, 0.01 * i) for i in range(1, 40))]
    con.execute("DELETE FROM agent_week WHERE variable = 'gender_lexicon'")
    for name, week, score in rows:
        at = MONDAY + timedelta(weeks=week)
        con.execute("INSERT INTO agent_week (agent_id, week_start, variable, value) VALUES (?, ?, 'gender_lexicon', ?)",
                    [name, at.date(), score])  # fmt: skip
    row = pick(gender_measures(con, SAMPLING), "gender_icc", "lexicon")
    assert (row.value, row.warnings) == (None, "few_periods")


@pytest.mark.parametrize(
    ("times", "word"),
    [
        ({"at_precision": "month"}, "time_too_coarse"),
        ({"created_at": None, "at_precision": None, "step": 3}, "clock_is_step"),
        ({"created_at": None, "at_precision": None}, "no_times"),
    ],
)
def test_coarse_clocks_are_null_rows_but_the_whole_span_is_scored(times, word):
    rows = gender_measures(connect(**corpus(weeks=2, **times)), SAMPLING)
    icc = pick(rows, "gender_icc", "lexicon")
    assert (icc.value, icc.warnings) == (None, word)
    assert pick(rows, "gender_auc", "lexicon").value > 0.9


def test_few_agents_and_constant_scores_have_no_value_or_no_interval():
    few = gender_measures(connect(**corpus(people=6)), SAMPLING)
    assert pick(few, "gender_auc", "lexicon").value is None
    assert pick(few, "gender_auc", "lexicon").warnings == "few_agents"
    assert pick(few, "gender_icc", "lexicon").p_value is None
    constant = gender_measures(connect(**corpus(between=0.0, noise=0.0, messages=1)), SAMPLING)
    assert pick(constant, "gender_icc", "lexicon").value is not None
    tables = corpus()
    same = [{**m, "text_hash": FEMININE} for m in tables["message"]]
    rows = gender_measures(connect(agent=tables["agent"], message=same, text=tables["text"]), SAMPLING)
    for measure_id in ("gender_icc", "gender_lag1_correlation", "gender_tercile_stay_share", "gender_reliability"):
        row = pick(rows, measure_id, "lexicon")
        assert (row.value, row.warnings) == (None, "no_variation")
    empty = gender_measures(connect(), SAMPLING)
    assert {row.value for row in empty} == {None}
    assert pick(empty, "gender_icc", "lexicon").warnings == "no_messages"


def test_the_order_of_rows_does_not_matter(planted):
    tables = corpus()
    rng = np.random.default_rng(3)
    con = connect(**{name: [rows[i] for i in rng.permutation(len(rows))] for name, rows in tables.items()})
    con.execute("SET threads = 1")
    assert measure_frame(gender_measures(con, SAMPLING)).equals(measure_frame(planted))


def test_area_is_that_of_scikit_learn_and_its_null_that_of_scipy():
    rng = np.random.default_rng(5)
    feminine, masculine = rng.normal(0.6, 1, 40).round(1), rng.normal(0, 1, 30).round(1)
    found = area(feminine, masculine, level=0.95)
    labels, scores = np.repeat([1, 0], [40, 30]), np.concatenate([feminine, masculine])
    assert found.value == pytest.approx(roc_auc_score(labels, scores), abs=EXACT)
    test = stats.mannwhitneyu(feminine, masculine, method="asymptotic", use_continuity=False)
    assert found.null.p_value == pytest.approx(test.pvalue, rel=1e-9)
    assert found.interval.low < found.value < found.interval.high


def test_intervals_of_the_area_cover_its_true_value():
    """Two normal distributions one sd apart: the area is Φ(1/√2)."""
    rng, truth = np.random.default_rng(6), stats.norm.cdf(1 / np.sqrt(2))
    hits = 0
    for _ in range(400):
        interval = area(rng.normal(1, 1, 30), rng.normal(0, 1, 30), level=0.95).interval
        hits += interval.low < truth < interval.high
    assert 0.92 <= hits / 400 <= 0.98  # 95 % ± 2.8 standard errors of 400 runs


def test_reliability_is_the_correlation_of_scores_with_equal_scores_measured_again():
    """Halves with noise of variance 1 around a truth of variance 1: the whole has reliability 2/3."""
    rng = np.random.default_rng(7)
    agent = np.repeat(np.arange(400), 5)
    truth = rng.normal(size=2000)
    halves = Halves(agent, truth + rng.normal(size=2000), truth + rng.normal(size=2000))
    for is_within in (False, True):
        found = reliability(halves, is_within=is_within, draws=200, rng=rng, level=0.95)
        assert found.value == pytest.approx(2 / 3, abs=0.04)  # four standard errors of 2,000 pairs
        assert found.interval.low < 2 / 3 < found.interval.high


def test_components_of_unequal_groups_are_those_that_were_planted():
    rng = np.random.default_rng(8)
    weeks = rng.integers(1, 12, 3000)
    agent = np.repeat(np.arange(3000), weeks)
    value = rng.normal(0, 0.3, 3000)[agent] + rng.normal(0, 0.4, len(agent))
    panel = Panel(agent, np.concatenate([np.arange(n) for n in weeks]), value)
    _, between, within, icc = components(totals(panel).sum(axis=0, keepdims=True))[0]
    assert (between, within, icc) == pytest.approx((0.3, 0.4, 0.36), abs=0.02)  # about four standard errors
