"""Exposures against dense matrices and networkx; by blocks of weeks; gaps of those who follow nobody."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from influence_panels import gappy_panel

from pipeline.influence.exposure import exposure, exposure_blocks, forming_ties
from pipeline.network.panel import Panel
from pipeline.network.snapshots import tie_intervals

ROUNDING = 1e-12


@pytest.fixture(scope="module")
def panel():
    return gappy_panel()


def test_exposure_equals_dense_matrices(panel):
    found = exposure(panel)
    for column, week in enumerate(panel.weeks):
        ties, scores = panel.ties.at(week), panel.scores[:, column]
        matrix = np.zeros((panel.n_agents, panel.n_agents))
        matrix[ties.source, ties.target] = 1
        known = np.isfinite(scores).astype(float)
        n = matrix @ known
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = matrix @ np.nan_to_num(scores) / n
            variance = matrix @ np.nan_to_num(scores) ** 2 / n - mean**2
        np.testing.assert_array_equal(found.alters[:, column], matrix.sum(1))
        np.testing.assert_array_equal(found.scored[:, column], n)
        np.testing.assert_allclose(found.mean[:, column], mean, atol=ROUNDING)
        np.testing.assert_allclose(found.dispersion[:, column], np.sqrt(np.maximum(variance, 0)), atol=1e-7)


def test_exposure_equals_networkx(panel):
    column = 4
    ties, scores = panel.ties.at(panel.weeks[column]), panel.scores[:, column]
    graph = nx.DiGraph(zip(ties.source.tolist(), ties.target.tolist(), strict=True))
    found, compared = exposure(panel), 0
    for ego in graph:
        alters = [scores[k] for k in graph.successors(ego) if np.isfinite(scores[k])]
        assert found.alters[ego, column] == graph.out_degree(ego)
        if alters:
            assert found.mean[ego, column] == pytest.approx(np.mean(alters), abs=ROUNDING)
            assert found.dispersion[ego, column] == pytest.approx(np.std(alters), abs=1e-7)
            compared += 1
    assert compared > 30


def test_blocks_of_weeks_equal_the_whole(panel):
    whole = exposure(panel)
    blocks = [found for _, found in exposure_blocks(panel, 2)]
    np.testing.assert_allclose(np.concatenate([b.mean for b in blocks], axis=1), whole.mean, atol=ROUNDING)
    np.testing.assert_array_equal(np.concatenate([b.scored for b in blocks], axis=1), whole.scored)


def test_gap_is_zero_without_alters_and_unknown_without_scores():
    nan = np.nan
    ties = tie_intervals(np.array([0, 1]), np.array([2, 3]), np.array([0, 0]), np.array([9, 9]), 4)
    panel = Panel(ties, np.array([[1.0], [1.0], [3.0], [nan]]), 0, np.zeros(4, dtype=np.int64))
    gap = exposure(panel).gap(panel.scores)[:, 0]
    np.testing.assert_array_equal(gap, [2.0, nan, 0.0, nan])  # follows 3; follows the silent; follows nobody; silent


def test_forming_ties_are_new_at_the_end_of_the_next_week():
    # 0-1 stands from the start; 0-2 forms in week 13; 0-3 leaves and comes back in 14; 1-0 is renewed without a break.
    source = np.array([0, 0, 0, 0, 1, 1])
    target = np.array([1, 2, 3, 3, 0, 0])
    start = np.array([10, 13, 9, 14, 9, 13])
    end = np.array([20, 20, 12, 20, 13, 20])
    ties = tie_intervals(source, target, start, end, 4)
    soon = forming_ties(ties, 1, 10)
    assert sorted(
        zip(soon.source.tolist(), soon.target.tolist(), soon.start.tolist(), soon.end.tolist(), strict=True)
    ) == [
        (0, 2, 12, 13),
        (0, 3, 13, 14),
    ]
