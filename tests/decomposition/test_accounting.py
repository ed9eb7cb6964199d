"""The account of a change of homophily: against sets of pairs in plain loops, SciPy's distances, and its errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from pipeline.decomposition.accounting import PARTS, accounts, excess_similarity, mean_distance, week_account
from pipeline.network.panel import Panel
from pipeline.network.snapshots import tie_intervals
from pipeline.simulation.coevolution import CoevolutionTruth, simulate

EXACT = 1e-12
"""The sum is an identity; only rounding is left."""


def world(seed: int = 1, **changes: object) -> Panel:
    truth = CoevolutionTruth.corner("SI", seed=seed, **{"n_agents": 150, "n_weeks": 8, **changes})
    return simulate(truth).panel.standardised()


def by_hand(panel: Panel, column: int) -> dict[str, float]:
    """The definitions of the module's docstring, on Python sets."""
    week = panel.first_week + column
    y = panel.scores[:, column - 1], panel.scores[:, column]
    known = [set(np.flatnonzero(np.isfinite(score)).tolist()) for score in y]
    ties = []
    for w, who in zip((week - 1, week), known, strict=True):
        shot = panel.ties.at(w)
        pairs = zip(shot.source.tolist(), shot.target.tolist(), strict=True)
        ties.append({(i, j) for i, j in pairs if i in who and j in who})
    stay = known[0] & known[1]
    old, now = ({(i, j) for i, j in some if i in stay and j in stay} for some in ties)

    def far(pairs: set[tuple[int, int]], score: np.ndarray) -> float:
        return float(np.mean([abs(score[i] - score[j]) for i, j in pairs]))

    def alike(pairs: set[tuple[int, int]], who: set[int], score: np.ndarray) -> float:
        return float(pdist(score[sorted(who)][:, None]).mean()) - far(pairs, score)

    came, went = now - old, old - now
    return {
        "leaving": alike(old, stay, y[0]) - alike(ties[0], known[0], y[0]),
        "new_ties": -np.mean([len(came) / len(now) * (far(came, s) - far(old, s)) for s in y]),
        "lost_ties": np.mean([len(went) / len(now) * (far(went, s) - far(old, s)) for s in y]),
        "behaviour": np.mean([alike(pairs, stay, y[1]) - alike(pairs, stay, y[0]) for pairs in (old, now)]),
        "entering": alike(ties[1], known[1], y[1]) - alike(now, stay, y[1]),
        "change": alike(ties[1], known[1], y[1]) - alike(ties[0], known[0], y[0]),
    }


@pytest.mark.parametrize("missing", [0.0, 0.25])
def test_parts_are_those_of_the_definition_and_add_up(missing: float) -> None:
    panel = world(missing_share=missing, entry_share=missing, exit_share=missing)
    for column in (1, 4, 7):
        found = week_account(panel, column)
        assert found is not None
        account, _ = found
        wanted = by_hand(panel, column)
        assert account.parts == pytest.approx([wanted[name] for name in PARTS], abs=EXACT)
        assert account.parts.sum() == pytest.approx(account.after - account.before, abs=EXACT)
        assert account.after - account.before == pytest.approx(wanted["change"], abs=EXACT)


def test_total_is_the_change_of_the_whole_span() -> None:
    panel = world(missing_share=0.2, entry_share=0.3, exit_share=0.3)
    weeks, total = accounts(panel)
    assert total is not None
    assert [account.week for account in weeks] == list(panel.weeks)[1:]
    ends = []
    for column in (0, panel.n_weeks - 1):
        shot = panel.ties.at(panel.first_week + column)
        ends.append(excess_similarity(panel.scores[:, column], shot.source, shot.target))
    assert total.values[-1] == pytest.approx(ends[1] - ends[0], abs=EXACT)
    assert total.values[:-1].sum() == pytest.approx(total.values[-1], abs=EXACT)


def test_a_tie_in_two_intervals_that_touch_stood_all_the_time() -> None:
    """100 agents in a ring; every interval is cut at week 3."""
    n = 100
    ego = np.tile(np.arange(n), 2)
    start, end = np.repeat([0, 3], n), np.repeat([3, 9], n)
    ties = tie_intervals(ego, (ego + 1) % n, start, end, n)
    scores = np.random.default_rng(0).normal(size=(n, 6))
    found = week_account(Panel(ties, scores, 0, np.full(n, -1)), 3)
    assert found is not None
    assert (found[0].new, found[0].lost, found[0].standing) == (0, 0, n)
    assert found[0].parts[1] == found[0].parts[2] == 0.0
    assert found[0].errors[1] == 0.0


def test_selection_shows_as_new_ties_and_the_rest_as_behaviour() -> None:
    """STATISTICS 2.6 over 19 weeks: new ties +.182, behaviour -.181 on 500 agents with selection alone."""
    truth = CoevolutionTruth.corner("S0", n_agents=500, n_weeks=20)
    _, total = accounts(simulate(truth).panel.standardised())
    assert total is not None
    new, behaviour = total.values[PARTS.index("new_ties")], total.values[PARTS.index("behaviour")]
    assert 0.13 < new < 0.26  # one world; the error of each is about .01 and .024
    assert -0.29 < behaviour < -0.12


def test_a_week_with_few_ties_has_no_account_and_breaks_the_run() -> None:
    panel = world()
    scores = panel.scores.copy()
    scores[:, 2] = np.nan
    scores[:5, 2] = 0.0
    weeks, total = accounts(Panel(panel.ties, scores, panel.first_week, panel.group))
    assert [account.week - panel.first_week for account in weeks] == [1, 4, 5, 6, 7]
    assert total is not None and (total.first_week, total.last_week) == (panel.first_week + 3, panel.first_week + 7)
    nobody = Panel(panel.ties, np.full_like(scores, np.nan), panel.first_week, panel.group)
    assert accounts(nobody) == ([], None)


def test_mean_distance_is_that_of_all_pairs() -> None:
    scores = np.random.default_rng(3).choice([0.0, 0.5, 2.0, 2.5], 40)
    mean, each = mean_distance(scores)
    assert mean == pytest.approx(pdist(scores[:, None]).mean(), abs=EXACT)
    assert each[7] == pytest.approx(np.abs(scores - scores[7]).sum() / 39, abs=EXACT)


def _spread_over_errors(runs: int) -> np.ndarray:
    values, errors = [], []
    for seed in range(runs):
        _, total = accounts(world(seed, n_agents=200, n_weeks=6, missing_share=0.1, burn_in=12))
        assert total is not None
        values.append(total.values)
        errors.append(total.errors)
    spread: np.ndarray = np.std(values, axis=0, ddof=1) / np.sqrt(np.mean(np.square(errors), axis=0))
    return spread


def test_errors_are_the_spread_over_worlds() -> None:
    # 30 draws know a standard deviation to 13 %; three times that, and what 200 agents leave to second order.
    assert np.all(np.abs(_spread_over_errors(30) - 1) < 0.45)


@pytest.mark.slow
def test_errors_are_the_spread_over_many_worlds() -> None:
    assert np.all(np.abs(_spread_over_errors(300) - 1) < 0.18)
