"""The grid of shares: its rows, its primary ones against the measures, its negative control; what is described."""

from __future__ import annotations

import numpy as np
import pytest
from planted_coordination import connect, copiers, posters

from pipeline.activity.gaps import NO_GAPS
from pipeline.activity.row import Sampling
from pipeline.coordination.commenters import commenter_measures
from pipeline.coordination.copy_measures import copy_measures, read_copied
from pipeline.coordination.grid import load_choices, regularity_estimates
from pipeline.coordination.posts import read_posts
from pipeline.coordination.regularity import regularity_measures
from pipeline.coordination.signals import agent_signals, signal_measures
from pipeline.published.load import load_measure_dictionary
from pipeline.report.plots import plot_table
from pipeline.schema import estimate_frame, measure_frame

SAMPLING = Sampling(seed=7, bootstrap_draws=100, null_draws=50)


@pytest.fixture(scope="module")
def corpus():
    posts, templates = copiers(np.random.default_rng(16), is_coordinated=True)
    return connect(posts, templates=templates)


@pytest.fixture(scope="module")
def estimates(corpus):
    return regularity_estimates(corpus, NO_GAPS, SAMPLING)


def test_every_combination_is_there_once():
    choices = load_choices()
    assert len(choices) == 2 * 2 * 3 * 2 * 2 + 2
    assert len({choice.spec_id for choice in choices}) == len(choices)
    assert [c.role for c in choices].count("primary") == 2
    assert [c.role for c in choices].count("negative_control") == 2


def test_primary_rows_are_the_measures(corpus, estimates):
    shares = {r.measure_id: r.value for r in regularity_measures(read_posts(corpus), SAMPLING)}
    primary = {row.outcome: row for row in estimates if row.role == "primary"}
    for outcome, row in primary.items():
        assert row.estimate == shares[f"cov_{outcome}_share"]
        assert row.common_scale == pytest.approx(row.estimate - row.null_mean)
        assert row.conf_low <= row.estimate <= row.conf_high
        assert row.adj_method == "holm"
    assert len({row.spec_id for row in estimates}) == len(estimates)


def test_counting_the_open_interval_adds_one_to_each_agent(estimates):
    rows = {row.model: row for row in estimates}
    closed = rows["autonomous | posts, 2 intervals or more, cov, closed intervals"]
    opened = rows["autonomous | posts, 2 intervals or more, cov, open interval counted"]
    assert opened.n_agents == closed.n_agents
    assert opened.n_obs == closed.n_obs + closed.n_agents


def test_the_negative_control_is_near_its_null():
    con = connect(posters(np.random.default_rng(17), agents=300))
    for row in regularity_estimates(con, NO_GAPS, SAMPLING):
        if row.role == "negative_control":
            assert abs(row.estimate - row.null_mean) < 4 * row.null_sd
            assert row.p_adj is None


def test_an_empty_corpus_has_rows_without_values():
    rows = regularity_estimates(connect([]), NO_GAPS, SAMPLING)
    assert {row.estimate for row in rows} == {None}
    assert all("few_agents" in row.warnings for row in rows)


def test_every_measure_is_described_and_drawn(corpus, estimates):
    posts = read_posts(corpus)
    rows = [
        *regularity_measures(posts, SAMPLING),
        *signal_measures(agent_signals(corpus, posts), posts, SAMPLING),
        *commenter_measures(corpus, SAMPLING),
        *copy_measures(read_copied(corpus), SAMPLING),
    ]
    frame = measure_frame(rows)
    keys = ["measure_id", "null_model"]
    assert frame.select(keys).is_duplicated().sum() == 0
    described = set(load_measure_dictionary()["measure_id"])
    assert {row.measure_id for row in rows} <= described
    for table, drawn in (("measure", frame), ("estimate", estimate_frame(estimates))):
        assert plot_table(table, "coordination", drawn.lazy()).startswith(b"\x89PNG")
        assert plot_table(table, "coordination", drawn.clear().lazy()).startswith(b"\x89PNG")
