"""The co-evolution process: what is planted is in the world, by tools that know nothing of the generator."""

from __future__ import annotations

import hashlib
from dataclasses import fields

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import sparse, stats
from statsmodels.duration.hazard_regression import PHReg

from pipeline.network.snapshots import NEVER, TieIntervals
from pipeline.simulation.coevolution import FIRST_WEEK, CoevolutionTruth, CoevolutionWorld, simulate
from pipeline.simulation.coevolution_kernels import pick_by_sums, pick_directly, transposed
from pipeline.simulation.coevolution_truth import CORNERS, STRESSES

FOUR_SE = 4.0  # one false alarm in 16,000 for a fixed seed that somebody changes
LEAST_P = 1e-4  # of a test that is made some ten times with fixed seeds
SMALL = CoevolutionTruth.corner("SI", n_agents=100, n_weeks=9, burn_in=15)


def network(ties: TieIntervals, week: int, n: int) -> sparse.csr_array:
    found = ties.at(FIRST_WEEK + week)
    return sparse.csr_array((np.ones(len(found.source)), (found.source, found.target)), shape=(n, n))


def gaps(world: CoevolutionWorld, week: int, visible: np.ndarray | None = None) -> np.ndarray:
    """Mean score of those followed less the own, 0 for those who follow nobody (visible), by a sparse product."""
    y = world.latent[:, week]
    seen = np.ones(len(y)) if visible is None else visible.astype(float)
    tied = network(world.ties, week, len(y))
    heard = tied @ seen
    return np.where(heard > 0, (tied @ (seen * y)) / np.maximum(heard, 1) - y, 0.0)


def digest(world: CoevolutionWorld) -> str:
    content = hashlib.sha256()
    for part in (
        world.panel.scores,
        world.latent,
        world.panel.halves,
        *(getattr(world.ties, f.name) for f in fields(world.ties)),
    ):
        content.update(b"" if part is None else np.ascontiguousarray(part).tobytes())
    for events in (world.formed, world.ended):
        content.update(np.stack([events.ego, events.alter, events.week, events.place]).tobytes())
    return content.hexdigest()


def risk_sets(world: CoevolutionWorld) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cases, covariates and strata of all choices from the second observed week on, over full risk sets.

    Covariates: closeness, tie back, log two-paths, log in-degree, score of the alter, same community.
    """
    n = world.truth.n_agents
    cases, rows, strata = [], [], []
    for week in range(1, world.truth.n_weeks):
        tied, y = network(world.ties, week - 1, n).toarray(), world.latent[:, week - 1]
        paths, indegree = tied @ tied, tied.sum(axis=0)
        chosen = world.formed.week == FIRST_WEEK + week
        picked: dict[int, list[int]] = {}
        for ego, alter in zip(world.formed.ego[chosen].tolist(), world.formed.alter[chosen].tolist(), strict=True):
            before = picked.setdefault(ego, [])
            free = tied[ego] == 0
            free[[ego, *before]] = False
            j = np.flatnonzero(free)
            same = world.community[j] == world.community[ego]
            covariates = (-abs(y[ego] - y[j]), tied[j, ego], np.log1p(paths[ego, j]), np.log1p(indegree[j]), y[j], same)
            rows.append(np.column_stack(covariates))
            cases.append(j == alter)
            strata.append(np.full(len(j), len(strata)))
            before.append(alter)
    return np.concatenate(cases), np.concatenate(rows), np.concatenate(strata)


@pytest.mark.parametrize("is_direct", [True, False])
def test_planted_choices_are_recovered_over_full_risk_sets(is_direct: bool) -> None:
    truth = SMALL.but(n_agents=70, b_com=1.0, n_communities=4)
    case, rows, strata = risk_sets(simulate(truth, is_direct=is_direct))
    # A conditional logit is a stratified proportional-hazards model in which all are at risk at one time.
    fit = PHReg(np.ones(len(case)), rows, status=case.astype(int), strata=strata, ties="breslow").fit()
    planted = np.array([truth.beta_s, truth.b_rec, truth.b_tri, truth.b_pop, truth.b_alt, truth.b_com])
    assert len(np.unique(strata)) > 400
    assert np.all(np.abs(fit.params - planted) < FOUR_SE * fit.bse)
    assert fit.params[0] > FOUR_SE * fit.bse[0]  # the tolerance tells the planted value from none


@pytest.mark.parametrize("pick", [pick_directly, pick_by_sums])
@pytest.mark.parametrize("sd", [0.0, 0.8])
def test_both_ways_of_picking_have_the_stated_odds(pick, sd: float) -> None:
    """First and second picks in 2,000 draws of one week against probabilities written out in numpy."""
    n, draws, odds = 24, 2000, np.array([1.5, 0.8, 0.7, 0.0])
    rng = np.random.default_rng(5)
    tied = (rng.random((n, n)) < 0.15) & ~np.eye(n, dtype=bool)
    tied[0] = np.arange(n) > 2  # one has nearly nobody left
    source, target = (part.astype(np.int32) for part in np.nonzero(tied))
    starts = np.searchsorted(source, np.arange(n + 1))
    y, slope = rng.normal(size=n), 0.8 + sd * rng.normal(size=n)
    base, community = rng.random(n), rng.integers(0, 3, n)
    base[5] = 0.0  # absent
    odds_of = np.log(np.maximum(base, 1e-300)) - slope[:, None] * abs(y[:, None] - y)
    odds_of += (
        odds[0] * tied.T + odds[1] * np.log1p(tied.astype(int) @ tied) + odds[2] * (community[:, None] == community)
    )
    weight = np.where(tied | np.eye(n, dtype=bool) | (base == 0), 0.0, np.exp(odds_of))
    first = weight / weight.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        second = np.nan_to_num(first / (1 - first)).sum(axis=1, keepdims=True) * first - np.nan_to_num(
            first**2 / (1 - first)
        )
    tables = np.zeros((2, n, n))
    graph = (starts, target, *transposed(starts, target))
    for draw in range(draws):
        picks = pick(graph, (base, y, slope, community, y), np.full(n, 2), odds, np.uint64(draw)).reshape(n, 2)
        for k in range(2):
            tables[k, np.arange(n)[picks[:, k] >= 0], picks[picks[:, k] >= 0, k]] += 1
    assert tables[:, :, 5].sum() == 0
    for table, probability in zip(tables, (first, second), strict=True):
        for i in range(1, n):
            common = draws * probability[i] > 5
            seen = np.append(table[i, common], table[i, ~common].sum())
            expected = np.append(probability[i, common], probability[i, ~common].sum())
            assert seen[expected == 0].sum() == 0
            assert stats.chisquare(seen[expected > 0], draws * expected[expected > 0]).pvalue > LEAST_P / n
    assert tables[0, 0, 1:3].sum() == tables[1, 0, 1:3].sum() == draws  # two were left: both are picked


def test_sums_refuse_what_they_cannot_draw() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        simulate(SMALL.but(b_trait=1.0), is_direct=False)


def test_equal_truths_give_equal_worlds() -> None:
    truth = SMALL.but(noise=0.4, slope_sd=0.5, missing_share=0.2, entry_share=0.2)
    for is_direct in (True, False):
        assert digest(simulate(truth, is_direct=is_direct)) == digest(simulate(truth, is_direct=is_direct))
    assert digest(simulate(truth)) != digest(simulate(truth.but(seed=1)))


@pytest.mark.parametrize("changes", [{}, {"entry_share": 0.3, "exit_share": 0.3}])
def test_intervals_snapshots_and_events_agree(changes: dict[str, float]) -> None:
    world = simulate(SMALL.but(**changes))
    n, formed, ended = world.truth.n_agents, world.formed, world.ended
    before = network(world.ties, -1, n).toarray()
    for week in range(world.truth.n_weeks):
        after = network(world.ties, week, n).toarray()
        new, lost = np.zeros((2, n, n))
        now = formed.week == FIRST_WEEK + week
        np.add.at(new, (formed.ego[now], formed.alter[now]), 1)
        gone = ended.week == FIRST_WEEK + week
        np.add.at(lost, (ended.ego[gone], ended.alter[gone]), 1)
        assert np.array_equal(after, before + new - lost)
        assert after.max() == 1
        assert (new * before).sum() == 0  # what ends in a week is not formed anew in it
        assert np.array_equal(lost, lost * before)
        for ego in np.unique(formed.ego[now]):
            assert formed.place[now & (formed.ego == ego)].tolist() == list(range(int(new[ego].sum())))
        absent = ~world.is_present[:, week]
        assert new[absent].sum() == new[:, absent].sum() == 0
        before = after
    assert np.array_equal(np.isfinite(world.panel.scores), world.is_present)
    assert world.panel.ties.start.min() == FIRST_WEEK - world.truth.burn_in - 1  # of before the burn-in
    late = np.flatnonzero(~world.is_present[:, 0])
    assert (len(late) > 10) == ("entry_share" in changes)
    assert not np.isin(world.ties.source[world.ties.start < FIRST_WEEK], late).any()


def test_after_the_burn_in_scores_and_degrees_stand_still() -> None:
    truth = CoevolutionTruth.corner("S0", n_agents=1500, n_weeks=16, seed=3)
    world = simulate(truth)
    # Within a week: levels, and the stationary variance of an AR(1) series; 9 % is four standard errors of a variance
    # of 1,500 agents, and less of the mean of weeks.
    expected = truth.level_sd**2 + truth.innovation_sd**2 / (1 - truth.rho**2)
    assert world.latent.var(axis=0).mean() == pytest.approx(expected, rel=0.09)
    degree = np.array([network(world.ties, week, 1500).sum() for week in range(16)]) / 1500
    mutual = world.ties.at(FIRST_WEEK + 8).mirrored.mean()
    ending = mutual / (1 + np.exp(-truth.d0 + truth.d_rec)) + (1 - mutual) / (1 + np.exp(-truth.d0))
    # Ties formed per week are as many as end; 0.93^30 of the start is left after the burn-in.
    assert degree.mean() == pytest.approx(truth.lam / ending, rel=0.05)
    assert degree[8:].mean() == pytest.approx(degree[:8].mean(), rel=0.03)
    assert np.bincount(world.formed.ego, minlength=1500).mean() / 16 == pytest.approx(truth.lam, rel=0.05)


@pytest.mark.parametrize("name", ["SI", "latent", "ar2", "missing"])
def test_scores_follow_their_equation(name: str) -> None:
    """Given the levels, least squares finds what is planted, and what is left has the planted spread."""
    if name in CORNERS:
        truth = CoevolutionTruth.corner(name, n_agents=400)
    else:
        silent = {"is_missing_silent": True} if name == "missing" else {}
        truth = CoevolutionTruth.stress(name, n_agents=400, **silent)
    world = simulate(truth)
    left, right = [], []
    for week in range(2, truth.n_weeks):
        visible = np.isfinite(world.panel.scores[:, week - 1]) if name == "missing" else None
        now, one, two = (world.latent[:, week - k] for k in range(3))
        there = world.is_present[:, week - 1]
        columns = np.column_stack([gaps(world, week - 1, visible), one - world.level, two - world.level])[there]
        groups = world.community[there] if truth.gamma else np.zeros(there.sum(), dtype=int)
        for values in ((now - world.level)[there], *columns.T):
            values -= (np.bincount(groups, values) / np.maximum(np.bincount(groups), 1))[groups]
        outcome = (now - world.level)[there]
        left.append(outcome - (np.bincount(groups, outcome) / np.maximum(np.bincount(groups), 1))[groups])
        right.append(columns)
    fit = sm.OLS(np.concatenate(left), np.concatenate(right)).fit()
    assert np.all(np.abs(fit.params - [truth.beta_i, truth.rho, truth.rho_2]) < FOUR_SE * fit.bse)
    assert fit.params[0] > FOUR_SE * fit.bse[0]
    assert np.sqrt(fit.scale) == pytest.approx(truth.innovation_sd, rel=0.04)


def test_ends_of_ties_have_the_planted_odds() -> None:
    truth = CoevolutionTruth.stress("dissolution")
    world = simulate(truth)
    ends, rows = [], []
    for week in range(1, truth.n_weeks):
        ties, y = world.ties.at(FIRST_WEEK + week - 1), world.latent[:, week - 1]
        lost = world.ended.week == FIRST_WEEK + week
        gone = set(zip(world.ended.ego[lost].tolist(), world.ended.alter[lost].tolist(), strict=True))
        ends += [pair in gone for pair in zip(ties.source.tolist(), ties.target.tolist(), strict=True)]
        rows.append(np.column_stack([abs(y[ties.source] - y[ties.target]), ties.mirrored]))
    fit = sm.Logit(np.array(ends, dtype=float), sm.add_constant(np.concatenate(rows))).fit(disp=0)
    assert np.all(np.abs(fit.params - [truth.d0, truth.d_s, -truth.d_rec]) < FOUR_SE * fit.bse)
    assert fit.params[1] > FOUR_SE * fit.bse[1]


def test_halves_have_the_reliability_of_their_noise() -> None:
    truth = CoevolutionTruth.stress("noise")
    world = simulate(truth)
    assert world.panel.halves is not None
    halves, scores = world.panel.halves, world.panel.scores
    assert halves.mean(axis=0) == pytest.approx(scores, abs=1e-12)
    errors = (halves - world.latent).reshape(2, -1)
    assert np.std(scores - world.latent) == pytest.approx(truth.noise, rel=0.03)
    assert errors.std(axis=1) == pytest.approx(truth.noise * np.sqrt(2), rel=0.03)
    assert abs(np.corrcoef(errors)[0, 1]) < FOUR_SE / np.sqrt(errors.shape[1])
    half = np.corrcoef(halves.reshape(2, -1))[0, 1]
    assert 2 * half / (1 + half) == pytest.approx(world.latent.var() / (world.latent.var() + truth.noise**2), abs=0.02)
    assert simulate(CoevolutionTruth.corner("SI", n_weeks=2)).panel.halves is None


def test_every_stress_does_what_it_says() -> None:
    worlds = {name: simulate(CoevolutionTruth.stress(name)) for name in STRESSES}
    plain = simulate(CoevolutionTruth.corner("SI"))
    inside = {
        name: (world.community[world.formed.ego] == world.community[world.formed.alter]).mean()
        for name, world in (("latent", worlds["latent"]), ("plain", plain))
    }
    assert inside["plain"] == pytest.approx(0.1, abs=0.02)  # ten communities
    # e² / (e² + 9) is .45 of all choices alike; two-paths inside add to it.
    assert 0.45 < inside["latent"] < 0.75
    latent = worlds["latent"].latent - worlds["latent"].level[:, None]
    means = np.array([latent[worlds["latent"].community == c].mean(axis=0) for c in range(10)])
    assert (means - means.mean(axis=0)).std() > 0.3  # gamma through an AR(1): .3 / (1 − .5) at most
    popularity = {
        name: np.bincount(w.formed.alter, minlength=500).std()
        for name, w in (("fitness", worlds["fitness"]), ("plain", plain))
    }
    assert popularity["fitness"] > 1.5 * popularity["plain"]
    assert worlds["slopes"].slope.std() == pytest.approx(0.5, rel=0.13)  # four standard errors of 500 agents
    assert worlds["slopes"].slope.mean() == pytest.approx(0.8, abs=0.09)
    missing = worlds["missing"]
    there = missing.is_present
    assert np.isnan(missing.panel.scores[there]).mean() == pytest.approx(0.2, abs=0.02)
    assert np.isnan(missing.panel.scores[~there]).all()
    assert (~there[:, 0]).mean() == pytest.approx(0.2, abs=0.07)
    assert (~there[:, -1]).mean() == pytest.approx(0.2, abs=0.07)
    assert (np.diff(there.astype(int), axis=1) == 1).sum(axis=1).max() == 1  # who has left does not come back
    assert len(worlds["unseen"].panel.ties.source) / len(worlds["unseen"].ties.source) == pytest.approx(0.8, abs=0.02)


def test_rare_snapshots_hide_what_happens_between_them() -> None:
    world = simulate(CoevolutionTruth.stress("snapshots"))
    seen, n = world.panel.ties, world.truth.n_agents
    assert set((seen.start[seen.start >= FIRST_WEEK] - FIRST_WEEK) % 4) == {0}
    assert set((seen.end[seen.end < NEVER] - FIRST_WEEK) % 4) == {0}
    for week in range(0, world.truth.n_weeks, 4):
        true, shown = world.ties.at(FIRST_WEEK + week), seen.at(FIRST_WEEK + week)
        assert np.array_equal(true.source * n + true.target, shown.source * n + shown.target)
    assert len(seen.source) < len(world.ties.source)


@pytest.mark.parametrize(
    "changes", [{"rho": 1.0}, {"missing_share": 1.5}, {"n_agents": 5}, {"community_weights": (1.0,)}]
)
def test_impossible_truths_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="CoevolutionTruth"):
        CoevolutionTruth(**changes)


def test_constructors_name_what_they_plant() -> None:
    assert CoevolutionTruth.corner("0I") == CoevolutionTruth(beta_i=0.08)
    assert CoevolutionTruth.stress("ar2", "00").rho_2 == 0.2
    assert CoevolutionTruth.large().n_agents == 70_000
    assert simulate(SMALL).with_communities().group.max() == 9


@pytest.mark.slow
def test_many_agents_take_little_more_than_proportional_time() -> None:
    import time

    seconds = []
    for n in (10_000, 20_000):
        started = time.process_time()
        world = simulate(CoevolutionTruth.large(n_agents=n, n_weeks=10, burn_in=10))
        seconds.append(time.process_time() - started)
        assert len(world.formed.ego) == pytest.approx(n * 10 * 2.15, rel=0.03)
    assert seconds[1] < 2.6 * seconds[0]
