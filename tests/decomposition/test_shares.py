"""Shapley shares over coalitions: the arithmetic, the process against the generator, and shares that are recovered."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from planted_process import planted

from pipeline.decomposition.accounting import excess_similarity
from pipeline.decomposition.coalitions import SHARES, coalition_runs, shapley
from pipeline.decomposition.fitting import Fitted, Refused, fit_process
from pipeline.decomposition.forward import INFLUENCE, SELECTION, STRUCTURE, chance, run
from pipeline.decomposition.shares import MOST_RUNS, decompose, plan
from pipeline.network.panel import Panel
from pipeline.simulation.coevolution import CoevolutionTruth, simulate

SMALL = {"n_agents": 120, "n_weeks": 12, "burn_in": 20}


def test_shares_are_the_mean_over_all_orders_of_adding() -> None:
    values = np.random.default_rng(0).normal(size=8)
    wanted = np.zeros(3)
    for order in permutations(range(3)):
        have = 0
        for player in order:
            wanted[player] += (values[have | 1 << player] - values[have]) / 6
            have |= 1 << player
    found = shapley(values)
    assert found[1:4] == pytest.approx(wanted, abs=1e-12)
    assert found[0] == values[0] and found[4] == values[7]
    assert found[:4].sum() == pytest.approx(values[7], abs=1e-12)
    assert dict(zip(SHARES[1:4], (SELECTION, INFLUENCE, STRUCTURE), strict=True)) == {
        "selection": 1, "influence": 2, "structure": 4,
    }  # fmt: skip


def test_the_process_makes_the_homophily_that_the_generator_makes() -> None:
    """Both from random ties, over 50 weeks, in the corner of selection; means over worlds, errors of about .006."""
    ours, theirs = [], []
    for seed in range(4):
        world = simulate(CoevolutionTruth.corner("S0", n_agents=200, n_weeks=30, burn_in=20, seed=seed))
        process = planted(world, weeks=50).rewired(seed)
        ours.append(run(process, chance(process, seed)))
        shot = world.panel.ties.at(world.panel.first_week + 29)
        y = world.panel.standardised().scores[:, -1]
        theirs.append(
            (np.corrcoef(y[shot.source], y[shot.target])[0, 1], excess_similarity(y, shot.source, shot.target))
        )
    assert np.mean(ours, axis=0) == pytest.approx(np.mean(theirs, axis=0), abs=0.035)
    assert np.mean(ours, axis=0)[0] > 0.08


def test_a_run_is_the_same_each_time_and_switches_share_their_chance() -> None:
    process = planted(simulate(CoevolutionTruth.corner("S0", **SMALL)))
    numbers = chance(process, 3)
    assert run(process, numbers) == run(process, chance(process, 3))
    # Nothing is planted for influence, so switching it off changes nothing at all.
    assert run(process.only(SELECTION | STRUCTURE), numbers) == run(process, numbers)
    assert run(process.only(0), numbers) != run(process, numbers)


def test_rewiring_keeps_degrees() -> None:
    process = planted(simulate(CoevolutionTruth.corner("S0", **SMALL)))
    other = process.rewired(1)
    for name in ("source", "target"):
        assert np.array_equal(np.bincount(getattr(process, name)), np.bincount(getattr(other, name)))
    old, new = (set(zip(p.source.tolist(), p.target.tolist(), strict=True)) for p in (process, other))
    assert len(new) == len(old) and len(new & old) < 0.35 * len(old)


def test_selection_is_found_and_influence_is_not() -> None:
    world = simulate(CoevolutionTruth.corner("S0", n_agents=110, n_weeks=14, burn_in=20))
    found = decompose(world.panel, seed=1, ci_level=0.99, seconds=0.1)
    assert not isinstance(found, Refused)
    rewired, observed = found.shares
    for share in (rewired, observed):
        assert share.value[:4].sum(axis=0) == pytest.approx(share.value[4], abs=1e-12)
        selection, influence = share.value[1, 0], share.value[2, 0]
        assert share.low[1, 0] > 0.02 < selection
        assert share.low[2, 0] < 0 < share.high[2, 0]
        assert abs(influence) < 0.4 * selection
    assert observed.value[0, 0] > rewired.value[0, 0]  # what selection left before the window is inertia


def test_fit_is_near_the_planted_process() -> None:
    world = simulate(CoevolutionTruth.corner("SI", n_agents=400, n_weeks=16, beta_i=0.2, d_s=0.4))
    fitted, truth = fit_process(world.panel, seed=1, most_agents=1000), planted(world)
    assert isinstance(fitted, Fitted)
    process = fitted.process
    errors = np.sqrt(np.diag(fitted.choice_covariance))
    for place, name in enumerate(("similarity", "reciprocity", "two_paths", "popularity", "alter", "alter_square")):
        assert abs(getattr(process, name) - getattr(truth, name)) < 3.5 * errors[place], name
    ends = np.sqrt(np.diag(fitted.ends_covariance))
    for place, name in enumerate(("end", "end_distance", "end_mutual")):
        assert abs(getattr(process, name) - getattr(truth, name)) < 3.5 * ends[place], name
    assert abs(process.gap - truth.gap) < 3.5 * np.sqrt(fitted.scores_covariance[0, 0])
    assert process.innovation == pytest.approx(truth.innovation, rel=0.08)
    assert np.corrcoef(process.level, truth.level)[0, 1] > 0.85
    assert process.level.std() == pytest.approx(truth.level.std(), rel=0.15)
    assert process.rate.mean() == pytest.approx(0.8, rel=0.1)


def test_a_sample_of_agents_keeps_degrees_and_rates() -> None:
    world = simulate(CoevolutionTruth.corner("S0", n_agents=300, n_weeks=10, burn_in=20))
    fitted = fit_process(world.panel, seed=1, most_agents=100)
    assert isinstance(fitted, Fitted)
    assert fitted.words == ("agents_sampled",)
    process = fitted.process
    shot = world.panel.ties.at(world.panel.first_week)
    wanted = np.bincount(shot.source, minlength=300)[fitted.basis.agents]
    got = np.bincount(process.source, minlength=100)
    assert np.all(got <= wanted)
    assert got.sum() > 0.85 * wanted.sum()  # repeated and self-ties are not drawn again


def test_what_cannot_be_fitted_is_a_word() -> None:
    panel = simulate(CoevolutionTruth.corner("S0", **SMALL)).panel
    constant = Panel(panel.ties, np.ones_like(panel.scores), panel.first_week, panel.group)
    assert fit_process(constant, seed=1, most_agents=100) == Refused("no_variation")
    assert fit_process(panel.window(0, 3), seed=1, most_agents=100) == Refused("few_weeks")
    few = panel.scores.copy()
    few[20:] = np.nan
    assert fit_process(Panel(panel.ties, few, panel.first_week, panel.group), seed=1, most_agents=100) == Refused(
        "few_agents"
    )
    level = np.repeat(panel.scores[:, :1], panel.n_weeks, axis=1)
    never = fit_process(Panel(panel.ties, level, panel.first_week, panel.group), seed=1, most_agents=100)
    assert isinstance(never, Refused)


def test_plan_is_a_formula() -> None:
    panel = simulate(CoevolutionTruth.corner("S0", **SMALL)).panel
    assert plan(panel, 1.0) == plan(panel, 1.0)
    assert plan(panel, 1e6).runs == MOST_RUNS
    assert plan(panel, 1e-6).runs < MOST_RUNS


def _against_truth(runs: int, agents: int, corner: str, **changes: object) -> tuple[np.ndarray, np.ndarray]:
    estimated, true = [], []
    for seed in range(runs):
        truth = CoevolutionTruth.corner(corner, **{"n_agents": agents, "n_weeks": 20, "seed": seed, **changes})
        world = simulate(truth)
        fitted = fit_process(world.panel, seed=1, most_agents=2 * agents)
        assert isinstance(fitted, Fitted)
        for process, found in ((fitted.process, estimated), (planted(world), true)):
            found.append(coalition_runs(process, 4, seed, is_rewired=True).shares[:, :, 0].mean(axis=1))
    return np.array(estimated), np.array(true)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("corner", "changes"),
    [
        ("S0", {}),
        ("SI", {}),
        ("0I", {"beta_i": 0.35, "lam": 0.36, "initial_ties": 5}),
        ("SI", {"beta_s": 0.5, "beta_i": 0.35, "lam": 0.36, "initial_ties": 5}),
    ],
)
def test_estimated_shares_are_those_of_the_true_process(corner: str, changes: dict[str, object]) -> None:
    """STATISTICS 2.6: n = 300, 8 runs, estimated against true parameters, e.g. S .128/.127, I .030/.039."""
    estimated, true = _against_truth(8, 300, corner, **changes)
    assert estimated.mean(axis=0) == pytest.approx(true.mean(axis=0), abs=0.025)
