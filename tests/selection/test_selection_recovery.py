"""Selection on worlds with planted coefficients: recovery, coverage, placebos and the correction for noisy scores."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from pipeline.inference.result import Fit
from pipeline.network.panel import Panel
from pipeline.network.reliability import error_variances, split_half
from pipeline.selection import placebos
from pipeline.selection.common_scale import selection_scale
from pipeline.selection.fit import estimate_choice, estimate_ties, fit_choice
from pipeline.selection.grid import SelectionSpecification
from pipeline.selection.panel_fits import PanelFits, RowStore
from pipeline.selection.risk_set import RiskSet, risk_set
from pipeline.selection.simex import simex
from pipeline.selection.tie_rows import open_pairs, standing_ties
from pipeline.simulation.coevolution import simulate
from pipeline.simulation.coevolution_truth import CORNERS, STRESSES, CoevolutionTruth

FULL = ("similarity", "reciprocity", "two_paths", "in_degree", "alter_score")
TRUTH = {"reciprocity": 1.5, "two_paths": 0.8, "in_degree": 0.3, "alter_score": 0.1}
RUNS, AGENTS, WEEKS = 6, 250, 12


@cache
def _world(
    corner: str, run: int, agents: int = AGENTS, weeks: int = WEEKS, noise: float = 0.0, d_s: float = 0.0
) -> Panel:
    more = {"noise": noise, "d_s": d_s}
    truth = CoevolutionTruth(n_agents=agents, n_weeks=weeks, burn_in=15, seed=7000 + run, **CORNERS[corner], **more)
    return simulate(truth).panel


@cache
def _rows(corner: str, run: int) -> RiskSet:
    return risk_set(_world(corner, run))


def _fit(corner: str, run: int, terms: tuple[str, ...] = FULL, term: str = "similarity") -> Fit:
    panel = _world(corner, run)
    return estimate_choice(_rows(corner, run), panel.scores, panel.group, terms, term=term)


def _mean_within(fits: list[Fit], truth: float) -> bool:
    """Say whether the mean estimate lies within three Monte Carlo standard errors of the truth, by their errors."""
    values = np.array([fit.estimate for fit in fits], dtype=np.float64)
    errors = np.array([fit.std_error for fit in fits], dtype=np.float64)
    return bool(abs(values.mean() - truth) < 3 * np.sqrt(np.mean(errors**2) / len(fits)))


@pytest.mark.parametrize("corner", list(CORNERS))
def test_planted_selection_is_found_with_and_without_influence(corner: str) -> None:
    assert _mean_within([_fit(corner, run) for run in range(RUNS)], CORNERS[corner]["beta_s"])


@pytest.mark.parametrize("term", list(TRUTH))
def test_planted_structure_is_found(term: str) -> None:
    assert _mean_within([_fit("SI", run, term=term) for run in range(RUNS)], TRUTH[term])


def test_placebos_are_empty_where_selection_is_strong() -> None:
    fits: dict[str, list[Fit]] = {"shuffled_agents": [], "hash_score": []}
    for run in range(RUNS):
        panel, rows, rng = _world("S0", run), _rows("S0", run), np.random.default_rng(run)
        scores = {
            "shuffled_agents": placebos.shuffled_agents(panel.scores, panel.group, rng),
            "hash_score": placebos.hash_score(panel.scores, rng),
        }
        for name, values in scores.items():
            fits[name].append(estimate_choice(rows, values, panel.group, FULL))
    assert all(_mean_within(found, 0.0) for found in fits.values())


def test_shuffled_weeks_keep_the_part_that_is_the_agents_own() -> None:
    panel = _world("S0", 0)
    values = placebos.shuffled_weeks(panel.scores, np.random.default_rng(1))
    left = estimate_choice(_rows("S0", 0), values, panel.group, FULL).estimate
    whole = _fit("S0", 0).estimate
    assert left is not None
    assert whole is not None
    assert 0.1 * whole < left < 0.8 * whole
    for agent in range(0, panel.n_agents, 9):  # each agent keeps its scores
        assert np.allclose(np.sort(values[agent]), np.sort(panel.scores[agent]))


def test_shuffled_agents_stay_in_their_group_and_week() -> None:
    rng = np.random.default_rng(3)
    scores, group = rng.normal(size=(30, 4)), rng.integers(-1, 2, size=30)
    scores[rng.random((30, 4)) < 0.2] = np.nan
    values = placebos.shuffled_agents(scores, group, rng)
    assert np.array_equal(np.isnan(values), np.isnan(scores))
    for code in (-1, 0, 1):
        for week in range(4):
            assert np.allclose(
                np.sort(values[group == code, week]), np.sort(scores[group == code, week]), equal_nan=True
            )
    assert np.nanmean(values != scores) > 0.5


def test_dropping_structure_moves_the_estimate() -> None:
    """STATISTICS 3.1: without structure .820 for .8."""
    alone = np.mean([_fit("S0", run, ("similarity",)).estimate for run in range(RUNS)])
    full = np.mean([_fit("S0", run).estimate for run in range(RUNS)])
    assert alone > full


def test_simex_takes_back_part_of_the_loss_to_noise() -> None:
    """STATISTICS 3.4: truth .8, naive .532, quadratic SIMEX .715 at noise .4."""
    panel = _world("S0", 3, noise=0.4)
    rows, error, reliability = risk_set(panel), error_variances(panel), split_half(panel)
    assert error is not None
    assert reliability.error_variance == pytest.approx(0.16, rel=0.1)  # .4 squared; 5 standard errors of 3,000 cells
    naive = estimate_choice(rows, panel.scores, panel.group, FULL)
    rng = np.random.default_rng(2)
    found = simex(rows, panel.scores, panel.group, FULL, error, reliability, rng=rng, draws=4)
    assert naive.estimate is not None
    assert found.fit.estimate is not None
    assert found.fit.std_error is not None
    assert naive.std_error is not None
    assert naive.estimate < 0.65
    assert naive.estimate + 0.08 < found.fit.estimate < 0.85
    assert found.fit.std_error > naive.std_error
    assert found.path[0] == pytest.approx(naive.estimate)
    assert all(a > b for a, b in zip(found.path, found.path[1:], strict=False))  # more noise, less is left


def test_persistence_and_formation() -> None:
    panel = _world("S0", 5, d_s=0.5)
    terms = ("similarity", "reciprocity")
    lasts = estimate_ties(standing_ties(panel), panel.scores, panel.group, terms)
    mutual = estimate_ties(standing_ties(panel), panel.scores, panel.group, terms, term="reciprocity")
    # Ties end with log odds d_s |y_i − y_j| − d_rec [mutual]: planted .5 and .3, within three standard errors.
    for fit, truth in ((lasts, 0.5), (mutual, 0.3)):
        assert fit.estimate is not None
        assert fit.std_error is not None
        assert abs(fit.estimate - truth) < 3 * fit.std_error
    ergm = ("similarity", "reciprocity", "two_paths", "ego_score", "alter_score")
    formed = estimate_ties(open_pairs(panel), panel.scores, panel.group, ergm)
    assert formed.estimate is not None
    assert formed.conf_low is not None
    assert formed.conf_low > 0.3


def test_common_scale_is_zero_without_selection_and_grows_with_it() -> None:
    found = []
    for corner in ("00", "S0"):
        panel = _world(corner, 1)
        rows, many = _rows(corner, 1), risk_set(panel, controls=50, most_events=500)
        choice = fit_choice(rows, panel.scores, panel.group, FULL, "similarity")
        scale = selection_scale(many, panel.scores, panel.group, choice, 0.0, 1.0)
        assert scale is not None
        assert scale.low == 0
        found.append(scale.value)
    # STATISTICS 2.5: M_S .0195 in S0, .0005 in 0I, at 500 agents.
    assert abs(found[0]) < 0.003
    assert 0.01 < found[1] < 0.04


def test_too_little_is_refused_in_a_word() -> None:
    panel = _world("00", 0)
    scores, group = panel.scores, panel.group
    few = risk_set(panel, controls=2, most_events=20)
    assert estimate_choice(few, scores, group, FULL).warnings == ("few_events",)
    short = panel.window(0, 3)
    assert estimate_choice(risk_set(short), short.scores, group, FULL).warnings == ("few_weeks",)
    constant = np.zeros_like(scores)
    found = estimate_choice(_rows("00", 0), constant, group, FULL)
    assert (found.estimate, found.warnings) == (None, ("no_variation",))
    dropped = estimate_choice(_rows("00", 0), scores, group, (*FULL, "same_group"))
    assert "control_dropped" in dropped.warnings  # no group is known
    assert dropped.estimate == pytest.approx(_fit("00", 0).estimate)
    with pytest.raises(ValueError, match="same for all alters"):
        estimate_choice(_rows("00", 0), scores, group, ("similarity", "ego_score"))


def test_found_communities_take_out_what_latent_ones_put_in() -> None:
    """STATISTICS 3.3: .112 where .0 is planted, .003 with the communities found in the network."""
    stress = STRESSES["latent"]
    truth = CoevolutionTruth(n_agents=300, n_weeks=12, burn_in=20, seed=11, **CORNERS["00"], **stress)
    panel = simulate(truth).panel
    fits = {
        groups: SelectionSpecification(
            role="robustness",
            hypothesis="formation",
            estimator="choice_logit",
            terms=(*FULL, "same_group"),
            groups=groups,
        )
        for groups in ("observed", "found")
    }
    results = PanelFits(panel, RowStore(0), seed=0, level=0.95, name="test").all(fits)
    false, repaired = (found.fit for found in results)
    assert false.conf_low is not None
    assert false.conf_low > 0
    assert repaired.estimate is not None
    assert repaired.std_error is not None
    assert abs(repaired.estimate) < 3 * repaired.std_error


@pytest.mark.slow
@pytest.mark.parametrize("corner", list(CORNERS))
def test_coverage_of_two_hundred_worlds(corner: str, within) -> None:  # type: ignore[no-untyped-def]
    runs, truth = 200, CORNERS[corner]["beta_s"]
    covered, values, errors = 0, [], []
    for run in range(runs):
        panel = _world.__wrapped__(corner, 40_000 + run, 500, 20)
        fit = estimate_choice(risk_set(panel), panel.scores, panel.group, FULL)
        assert fit.estimate is not None
        covered += (fit.conf_low or 0) < truth < (fit.conf_high or 0)
        values.append(fit.estimate)
        errors.append(fit.std_error)
    within({f"choice logit, dyadic: share covered, corner {corner}": covered / runs}, (0.905, 0.985))
    bias = float(np.mean(values) - truth) / float(np.mean([e for e in errors if e]))
    within({f"choice logit: bias in standard errors, corner {corner}": bias}, (-0.25, 0.25))
