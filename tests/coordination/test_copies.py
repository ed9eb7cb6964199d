"""Near-duplicates in time: against brute force and networkx, planted and not, and in degenerate corpora."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from planted_coordination import connect, copiers, message

from pipeline.activity.row import Sampling
from pipeline.coordination.copies import near_share, network
from pipeline.coordination.copy_measures import STATISTICS, copy_measures, copy_ties, read_copied

SAMPLING = Sampling(seed=5, bootstrap_draws=100, null_draws=99)


def random_copies(seed):
    """Return templates, agents and times with many equal ones."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 6, 120), rng.integers(0, 9, 120), rng.integers(0, 400, 120)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("window", [0, 3, 25])
def test_shares_and_groups_are_those_of_all_pairs(seed, window):
    template, agent, at = random_copies(seed)
    graph, near = nx.Graph(), set()
    for i, j in combinations(range(120), 2):
        if template[i] == template[j] and agent[i] != agent[j] and abs(at[i] - at[j]) <= window:
            graph.add_edge(int(agent[i]), int(agent[j]))
            near |= {i, j}
    count, marked = near_share(template, agent, at, window)
    assert set(np.flatnonzero(marked)) == near
    assert count == len(near)
    found = network(template, agent, at, window)
    assert found.agents.tolist() == sorted(graph.nodes)
    assert found.groups().tolist() == sorted(map(len, nx.connected_components(graph)), reverse=True)
    # Ties are of neighbours only, so they are some of all.
    assert {(int(a), int(b)) for a, b in zip(found.source, found.target, strict=True)} <= {
        (min(e), max(e)) for e in graph.edges
    }
    assert found.least.max(initial=0) <= window


def test_own_copies_are_no_coordination():
    template, agent = np.zeros(5, dtype=np.int64), np.array([1, 1, 1, 1, 2])
    at = np.array([0, 1, 2, 3, 100])
    assert near_share(template, agent, at, 10)[0] == 0
    assert near_share(template, agent, at, 97)[1].tolist() == [False, False, False, True, True]


def test_planted_coordination_is_found():
    posts, templates = copiers(np.random.default_rng(12), is_coordinated=True)
    copied = read_copied(connect(posts, templates=templates))
    rows = {(r.measure_id, str(r.null_model).split("(")[0]): r for r in copy_measures(copied, SAMPLING)}
    share = rows["copy_near_share", "times_shuffled_within_day"]
    # One post in six is of a template, and almost all of these have another agent's within two minutes.
    assert share.value == pytest.approx(1 / 6, abs=0.03)
    assert share.ci_low < share.value < share.ci_high
    assert share.null_mean < 0.04
    assert share.p_value == 0.01
    assert {name for name, _ in rows} == {*STATISTICS, "copy_groups"}
    ties = copy_ties(copied)
    assert ties.height == rows["copy_ties", "times_shuffled_within_day"].value
    assert (ties["source_id"] < ties["target_id"]).all()
    assert ties["least_seconds"].max() <= 600


def test_the_order_of_rows_and_names_changes_nothing():
    posts, templates = copiers(np.random.default_rng(13), is_coordinated=True, posts=200)
    first = copy_measures(read_copied(connect(posts, templates=templates)), SAMPLING)
    again = copy_measures(read_copied(connect(posts[::-1], templates=templates)), SAMPLING)
    assert first == again


def test_nobody_copies_anybody():
    alone = [message(i, f"a{i % 40}", i) for i in range(80)]
    rows = copy_measures(read_copied(connect(alone)), SAMPLING)
    assert {r.value for r in rows} == {0.0}
    empty = copy_measures(read_copied(connect([])), SAMPLING)
    assert {r.value for r in empty} == {None}
    assert len({r.measure_id for r in empty}) == len(empty)
    assert all("no_times" in str(r.warnings) for r in empty)
