"""Risk sets: events, who could have been picked, and the state before, against networkx and plain loops."""

from dataclasses import fields, replace

import networkx as nx
import numpy as np
import pytest
from scipy import stats
from selection_panels import random_panel

from pipeline.network.panel import Panel
from pipeline.network.snapshots import EVER, NEVER, tie_intervals
from pipeline.selection.adjacency import adjacency, draw_alters, pair_hash
from pipeline.selection.risk_set import RiskSet, risk_set
from pipeline.selection.terms import Pairs, design


def _graph(panel: Panel, week: int) -> nx.DiGraph:
    ties = panel.ties
    graph = nx.DiGraph()
    graph.add_nodes_from(range(panel.n_agents))
    for source, target, start, end in zip(ties.source, ties.target, ties.start, ties.end, strict=True):
        if start <= week < end:
            graph.add_edge(int(source), int(target))
    return graph


def _rows(found: RiskSet, choice: int) -> slice:
    ends = np.r_[found.start[1:], len(found.ego)]
    return slice(int(found.start[choice]), int(ends[choice]))


def test_events_are_ties_not_of_the_week_before_between_scored_agents() -> None:
    panel = random_panel(1, missing=0.2)
    found = risk_set(panel, controls=5)
    expected, n_new = set(), 0
    for week in range(1, panel.n_weeks):
        for ego, alter in set(_graph(panel, week).edges) - set(_graph(panel, week - 1).edges):
            n_new += 1
            if np.isfinite(panel.scores[[ego, alter], week - 1]).all():
                expected.add((ego, alter, week))
    cases = {
        (int(e), int(a), int(c))
        for e, a, c in zip(*(v[found.case] for v in (found.ego, found.alter, found.column)), strict=True)
    }
    assert cases == expected
    assert (found.n_new, found.n_unseen) == (n_new, n_new - len(expected))


def test_alters_could_have_been_picked() -> None:
    panel = random_panel(2, missing=0.2)
    found = risk_set(panel, controls=8)
    for choice in range(found.n_events):
        rows = _rows(found, choice)
        ego, week, alters = int(found.ego[rows][0]), int(found.column[rows][0]), found.alter[rows]
        taken = set(_graph(panel, week - 1)[ego]) | set(_graph(panel, week)[ego]) | {ego}
        assert found.case[rows].tolist() == [True] + [False] * 8
        assert len(set(alters.tolist())) == 9
        assert not taken & set(alters[1:].tolist())
        assert np.isfinite(panel.scores[alters, week - 1]).all()


def test_structure_equals_networkx() -> None:
    panel = random_panel(3, density=0.15)
    found = risk_set(panel, controls=3)
    for week in range(1, panel.n_weeks):
        graph = _graph(panel, week - 1)
        for row in np.flatnonzero(found.column == week)[:200]:
            i, j = int(found.ego[row]), int(found.alter[row])
            paths = len(set(graph.successors(i)) & set(graph.predecessors(j)))
            expected = [graph.has_edge(j, i), np.log1p(paths), np.log1p(graph.in_degree(j))]
            assert np.allclose(found.structure[row], expected)
            assert found.out_degree[row] == pytest.approx(np.log1p(graph.out_degree(i)))


def test_terms_are_of_the_week_before() -> None:
    panel = random_panel(4)
    found = risk_set(panel, controls=2)
    names = ["similarity", "alter_score", "alter_score_squared", "same_group", "similarity_by_ego_score"]
    columns = design(Pairs.of(found), panel.scores, panel.group, names)
    for row in range(0, len(columns), 7):
        i, j, week = found.ego[row], found.alter[row], found.column[row]
        own, other = panel.scores[i, week - 1], panel.scores[j, week - 1]
        same = panel.group[i] == panel.group[j] >= 0
        assert np.allclose(columns[row], [-abs(own - other), other, other**2, same, -abs(own - other) * own])
    with pytest.raises(ValueError, match="not one of"):
        design(Pairs.of(found), panel.scores, panel.group, ["mystery"])


def test_draws_depend_on_the_pair_alone() -> None:
    panel = random_panel(5)
    whole = risk_set(panel, controls=4)
    one = risk_set(panel, controls=4, columns=range(3, 4))
    here = whole.column == 3
    assert np.array_equal(whole.alter[here], one.alter)
    again = risk_set(panel, controls=4)
    for field in fields(RiskSet):
        assert np.array_equal(getattr(whole, field.name), getattr(again, field.name))
    assert not np.array_equal(whole.alter, risk_set(panel, controls=4, seed=1).alter)


@pytest.mark.parametrize("n_taken", [0, 34])
def test_draws_are_uniform(n_taken: int) -> None:
    """With few alters left all are ranked by hash, with many they are drawn: both must be uniform."""
    n = 41
    ego = np.zeros(n_taken, dtype=np.int64)
    week = np.zeros(n_taken, dtype=np.int64)
    network = adjacency(tie_intervals(ego, np.arange(1, n_taken + 1), week, week + 9, n), 0, n)
    none = adjacency(tie_intervals(ego[:0], ego[:0], ego[:0], ego[:0], n), 0, n)
    egos = np.zeros(6000, dtype=np.int32)
    drawn = draw_alters(network, none, np.ones(n, dtype=np.bool_), egos, pair_hash(3, 1, egos, np.arange(6000)), 3)
    counts = np.bincount(drawn.ravel(), minlength=n)
    assert counts[: n_taken + 1].sum() == 0
    # A fixed seed: the test asks that its p-value be no outlier.
    assert stats.chisquare(counts[n_taken + 1 :]).pvalue > 0.01


def test_ties_that_continue_or_whose_start_is_unknown_are_no_events() -> None:
    source, target = np.array([0, 0, 1, 2]), np.array([1, 1, 2, 0])
    start, end = np.array([1, 2, EVER, 2]), np.array([2, NEVER, NEVER, NEVER])
    scores = np.arange(15.0).reshape(5, 3)
    panel = Panel(tie_intervals(source, target, start, end, 5), scores, 0, np.full(5, -1))
    found = risk_set(panel, controls=2)
    assert list(zip(found.ego[found.case], found.alter[found.case], found.column[found.case], strict=True)) == [
        (0, 1, 1),
        (2, 0, 2),
    ]


def test_few_alters_and_none() -> None:
    panel = random_panel(6, n=8, density=0.5)
    found = risk_set(panel, controls=10)
    sizes = np.diff(np.r_[found.start, len(found.ego)])
    assert sizes.min() >= 2
    assert sizes.max() < 11
    full = np.ones((3, 3), dtype=bool) & ~np.eye(3, dtype=bool)
    source, target = np.nonzero(full)
    start = np.where((source == 0) & (target == 1), 1, 0)
    alone = Panel(tie_intervals(source, target, start, np.full(6, NEVER), 3), np.ones((3, 2)), 0, np.full(3, -1))
    assert (risk_set(alone).n_events, risk_set(alone).n_alone) == (0, 1)
    empty = replace(alone, ties=tie_intervals(source[:0], target[:0], start[:0], start[:0], 3))
    assert risk_set(empty).n_events == 0


def test_many_events_are_sampled_by_hash() -> None:
    panel = random_panel(7, density=0.2)
    whole, part = risk_set(panel, controls=2), risk_set(panel, controls=2, most_events=50)
    assert (part.n_events, part.is_sampled, part.n_new) == (50, True, whole.n_new)
    assert not whole.is_sampled
