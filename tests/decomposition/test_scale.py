"""The common scale: against expectations over whole risk sets by hand, the generator's truth, and its errors."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pipeline.decomposition.scale import (
    Choices,
    choice_scale,
    dissolution_scale,
    influence_scale,
    turnover,
    with_scale,
    without_cases,
)
from pipeline.network.panel import Panel
from pipeline.schema import Estimate
from pipeline.simulation.coevolution import CoevolutionTruth, simulate

NONE = np.zeros((1, 1))


def world(corner: str, seed: int = 1, **changes: object) -> Panel:
    truth = CoevolutionTruth.corner(corner, seed=seed, **{"n_agents": 200, "n_weeks": 8, "burn_in": 15, **changes})
    return simulate(truth).panel.standardised()


def whole_risk_sets(panel: Panel, weeks: int = 3) -> Choices:
    """Every agent that an ego could choose, for every ego: similarity and the alter's score."""
    x, ego, start = [], [], [0]
    for column in range(weeks):
        y, shot = panel.scores[:, column], panel.ties.at(panel.first_week + column)
        for i in range(panel.n_agents):
            free = np.setdiff1d(np.arange(panel.n_agents), np.append(shot.target[shot.source == i], i))
            x.append(np.column_stack([-np.abs(y[i] - y[free]), y[free]]))
            ego.append(i)
            start.append(start[-1] + len(free))
    stacked = np.concatenate(x)
    return Choices(stacked, np.array(start[:-1]), np.array(ego), stacked[:, 0])


def test_selection_is_the_expectation_over_the_risk_set() -> None:
    panel = world("S0")
    choices = whole_risk_sets(panel)
    beta, formed = np.array([0.8, 0.1]), turnover(panel).formed
    found = choice_scale(choices, beta, np.diag([0.03**2, 0.02**2]), [0], formed, 0.95)
    differences = []
    for rows in np.split(np.arange(len(choices.x)), choices.start[1:]):
        s, y = choices.x[rows].T
        weight, without = np.exp(0.8 * s + 0.1 * y), np.exp(0.1 * y)
        differences.append(np.average(s, weights=weight) - np.average(s, weights=without))
    assert found.value == pytest.approx(formed * np.mean(differences), rel=1e-9)
    assert found.std_error is not None and found.value is not None
    # Delta: the coefficient's error of .03 in .8 is about 4 % of the effect; egos add their spread.
    assert 0.03 * found.value < found.std_error < 0.15 * found.value
    assert 0.01 < found.value < 0.03  # STATISTICS 2.5: .0198 in this corner
    assert choice_scale(choices, beta * 0, np.zeros((2, 2)), [0], formed, 0.95).value == pytest.approx(0, abs=1e-12)


def test_error_of_selection_follows_the_coefficient() -> None:
    choices = whole_risk_sets(world("S0"), weeks=1)
    step = 1e-5
    up, down = (
        choice_scale(choices, np.array([0.8 + h, 0.1]), np.zeros((2, 2)), [0], 1.0, 0.95).value for h in (step, -step)
    )
    alone = choice_scale(choices, np.array([0.8, 0.1]), np.zeros((2, 2)), [0], 1.0, 0.95).std_error
    both = choice_scale(choices, np.array([0.8, 0.1]), np.diag([0.2**2, 0]), [0], 1.0, 0.95).std_error
    assert up is not None and down is not None and alone is not None and both is not None
    assert np.sqrt(both**2 - alone**2) == pytest.approx(0.2 * (up - down) / (2 * step), rel=1e-4)


def test_cases_are_taken_out_of_strata() -> None:
    case = np.array([True, False, False, True, False, True, False, False])
    x = np.arange(8.0)[:, None]
    found = without_cases(x, np.array([0, 3, 5]), case, np.array([4, 4, 4, 5, 5, 6, 6, 6]), -x[:, 0])
    assert found.x[:, 0].tolist() == [1, 2, 6, 7]
    assert found.start.tolist() == [0, 2]
    assert found.ego.tolist() == [4, 6]


def test_influence_is_netted_by_random_pairs() -> None:
    """STATISTICS 2.5: .0033 (truth) in corner 0I and .00035 in SI; without the netting ten times as much and more."""
    netted, unnetted = [], []
    for seed in range(3):
        found = influence_scale(world("0I", seed, n_agents=500, n_weeks=12, burn_in=30), 0.08, 0.02, 0.95, 1)
        assert found.netted.value is not None and found.unnetted.value is not None
        netted.append(found.netted.value)
        unnetted.append(found.unnetted.value)
    assert np.mean(netted) == pytest.approx(0.0034, abs=0.0008)  # spread over worlds about .0004
    assert np.mean(unnetted) > 10 * np.mean(netted)


def test_influence_on_ties_that_are_random_pairs_is_zero() -> None:
    panel = world("00")
    found = influence_scale(panel, 0.3, 0.0, 0.99, 2)
    assert found.netted.low is not None and found.netted.high is not None and found.unnetted.low is not None
    # Egos move to the mean of their own alters, also where these are random: what is left is that, and is positive.
    assert found.netted.low > -0.005
    assert found.netted.value is not None and found.unnetted.value is not None
    assert found.netted.value < found.unnetted.value / 5
    none = influence_scale(panel, 0.0, 0.1, 0.95, 2)
    assert none.netted.value == 0.0
    assert none.netted.std_error is not None and none.netted.std_error > 0


def test_dissolution_is_the_mean_distance_of_what_ends() -> None:
    rng = np.random.default_rng(0)
    distance = rng.exponential(size=40_000)
    x = np.column_stack([np.ones_like(distance), distance])
    beta = np.array([-2.6, 0.5])
    ego = rng.integers(0, 300, len(distance))
    found = dissolution_scale(x, distance, ego, beta, np.diag([0.0, 0.05**2]), [1], 0.07, 0.95)
    ends = rng.random((50, len(distance))) < 1 / (1 + np.exp(-x @ beta))
    drawn = np.mean([distance[end].mean() for end in ends])
    assert found.value == pytest.approx(0.07 * (drawn - distance.mean()), rel=0.02)  # 50 draws of 4,600 ends
    zero = dissolution_scale(x, distance, ego, np.array([-2.6, 0.0]), np.zeros((2, 2)), [1], 0.07, 0.95)
    assert zero.value == pytest.approx(0, abs=1e-12)
    assert dissolution_scale(x[:0], distance[:0], ego[:0], beta, NONE, [1], 0.07, 0.95).value is None


def test_turnover_counts_ties_that_form_and_end() -> None:
    panel = world("00")
    stands = [
        {(i, j) for i, j in zip(shot.source.tolist(), shot.target.tolist(), strict=True)}
        for shot in (panel.ties.at(week) for week in panel.weeks)
    ]
    pairs = list(pairwise(stands))
    at_risk = sum(len(old) for old, _ in pairs)
    found = turnover(panel)
    assert found.formed == pytest.approx(sum(len(new - old) for old, new in pairs) / at_risk)
    assert found.ended == pytest.approx(sum(len(old - new) for old, new in pairs) / at_risk)


def test_a_row_carries_its_scale_only_with_an_estimate() -> None:
    row = Estimate(
        spec_id="a", family="selection", hypothesis_id="h", role="primary", estimand="e", model="m", estimator="c",
        outcome="follow", term="t", estimate=0.5,
    )  # fmt: skip
    found = influence_scale(world("00"), 0.1, 0.02, 0.95, 1)
    assert with_scale(row, found.netted).common_scale == found.netted.value
    bare = Estimate(**{**{n: getattr(row, n) for n in row.__slots__}, "estimate": None})
    assert with_scale(bare, found.netted).common_scale is None
    empty = Panel(world("00").ties, np.full((200, 8), np.nan), 0, np.full(200, -1))
    assert influence_scale(empty, 0.1, 0.02, 0.95, 1).netted.value is None
