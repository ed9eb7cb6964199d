"""The process behind a panel, fitted part by part: choices of alters, ends of ties, scores, rates, levels of agents.

What belongs here: putting the estimators of selection and influence together into a
`pipeline.decomposition.forward.Process`, and drawing from their sampling distribution. Each part conditions on the
week before, so that the likelihoods separate and each is fitted alone (Steglich, Snijders & Pearson 2010).

What it assumes: one share of the gap and one weight of similarity for all agents and weeks, one lag of the score, a
closed population, no shocks that tied agents share. Levels of agents and their rates are shrunk to their means by
empirical Bayes, since the raw ones hold the noise of a few weeks each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.decomposition.forward import Process
from pipeline.inference.logit import fit_logit
from pipeline.influence.dynamic_panel import fod_iv
from pipeline.influence.exposure import exposure
from pipeline.influence.frame import make_frame
from pipeline.network.panel import Panel
from pipeline.selection.conditional_logit import covariance
from pipeline.selection.dyads import sandwich
from pipeline.selection.fit import fit_choice, refusal
from pipeline.selection.risk_set import risk_set
from pipeline.selection.terms import design
from pipeline.selection.tie_rows import standing_ties

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHOICE_TERMS = (
    "similarity",
    "reciprocity",
    "two_paths",
    "in_degree",
    "alter_score",
    "alter_score_squared",
    "same_group",
)
END_TERMS = ("similarity", "reciprocity")
FEWEST_WEEKS = 5
"""With fewer weeks a level of its own cannot be told from a lag."""
FEWEST_AGENTS = 30
FEWEST_TIES = 30
FEWEST_ENDS = 20
"""Ties that end, at least, for a model of their ends."""
MOST_ROWS = 200_000
MOST_WEEKS = 26
"""Weeks that a process runs over, unless told otherwise: half a year."""
LARGEST_RHO = 0.98
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Basis:
    """What processes of a panel are built on.

    Attributes
    ----------
    panel
        Standardised scores, and the ties.
    gap
        Gap to the mean of the alters, shape (agents, weeks).
    agents
        Rows of the panel that are in the process, shape (agents of the process,).
    weeks
        Weeks that the process runs over, the last ones of the panel.
    is_sample
        Whether there are more agents than these.
    seed
        Seed of what is missing at the start.
    """

    panel: Panel
    gap: Floats
    agents: Ints
    weeks: int
    is_sample: bool
    seed: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted process with what is needed to draw others.

    Attributes
    ----------
    choice
        Coefficients of `CHOICE_TERMS`, zero where a term does not vary, shape (7,).
    ends
        Constant, coefficient of the distance and of a tie back in the log odds that a tie ends, shape (3,).
    scores
        Influence (share of the gap) and dependence on the own last score, shape (2,).
    choice_covariance, ends_covariance, scores_covariance
        Their covariances; dyadic for ties, by agent for scores.
    process
        The process at these values.
    basis
        What the process is built on, whatever its coefficients.
    n_events, n_ends, n_rows
        New ties, ended ties, and agent-weeks that the fit rests on.
    n_lasting
        Ties and weeks that last.
    words
        Warnings.
    """

    choice: Floats
    ends: Floats
    scores: Floats
    choice_covariance: Floats
    ends_covariance: Floats
    scores_covariance: Floats
    process: Process
    basis: Basis
    n_events: int
    n_ends: int
    n_rows: int
    n_lasting: int
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no process: a word of the vocabulary."""

    word: str


def fit_process(panel: Panel, *, seed: int, most_agents: int, most_weeks: int = MOST_WEEKS) -> Fitted | Refused:
    """Fit the process of a panel.

    Parameters
    ----------
    panel
        The panel; scores are standardised here.
    seed
        Seed of sampled rows and agents.
    most_agents
        More agents are sampled for the process, not for its coefficients: a smaller society in which everybody keeps
        the number of ties and of new ones per week.
    most_weeks
        The process runs over so many last weeks of the panel at most; coefficients and levels rest on all of them.

    Returns
    -------
    Fitted or Refused
        A word where the data do not allow one of the models.
    """
    panel = panel.standardised()
    if panel.n_weeks < FEWEST_WEEKS:
        return Refused("few_weeks")
    if not np.nanstd(panel.scores) > 0:
        return Refused("no_variation")
    scored = _fit_scores(panel)
    chosen = _fit_choices(panel, seed)
    ended = _fit_ends(panel, seed)
    for part in (scored, chosen, ended):
        if isinstance(part, Refused):
            return part
    assert not isinstance(scored, Refused)  # noqa: S101 - told apart above
    assert not isinstance(chosen, Refused) and not isinstance(ended, Refused)  # noqa: S101
    usable = _usable(panel, scored.gap)
    if len(usable) < FEWEST_AGENTS:
        return Refused("few_agents")
    agents = _sample(usable, seed, most_agents)
    words = ("agents_sampled",) if len(agents) < len(usable) else ()
    basis = Basis(panel, scored.gap, agents, min(panel.n_weeks - 1, most_weeks), bool(words), seed)
    process = _process(basis, chosen.beta, ended.beta, scored.beta)
    if len(process.source) < FEWEST_TIES:
        return Refused("few_ties")
    return Fitted(
        chosen.beta, ended.beta, scored.beta, chosen.covariance, ended.covariance, scored.covariance, process, basis,
        chosen.n, ended.n, scored.n, _n_lasting(panel), words,
    )  # fmt: skip


def drawn(fitted: Fitted, rng: np.random.Generator) -> Process:
    """Return a process with coefficients drawn from their normal sampling distributions, levels fitted to them."""
    choice, ends, scores = (
        rng.multivariate_normal(mean, spread, method="eigh", check_valid="ignore")
        for mean, spread in (
            (fitted.choice, fitted.choice_covariance),
            (fitted.ends, fitted.ends_covariance),
            (fitted.scores, fitted.scores_covariance),
        )
    )
    scores[1] = np.clip(scores[1], -LARGEST_RHO, LARGEST_RHO)
    return _process(fitted.basis, choice, ends, scores)


@dataclass(frozen=True, slots=True)
class _Part:
    beta: Floats
    covariance: Floats
    n: int
    gap: Floats


_NO_GAP = np.zeros((0, 0))


def _fit_scores(panel: Panel) -> _Part | Refused:
    gap = exposure(panel).gap(panel.scores)
    frame = make_frame(panel.scores, {"gap": (gap, 1), "own": (panel.scores, 1)}, panel.group)
    if len(np.unique(frame.agent)) < FEWEST_AGENTS:
        return Refused("few_agents")
    solved = fod_iv(frame)
    if solved is None:
        return Refused("singular_terms")
    if not abs(solved.beta[1]) < LARGEST_RHO:
        return Refused("not_stationary")
    return _Part(solved.beta, solved.covariance()[0], solved.rows, gap)


def _fit_choices(panel: Panel, seed: int) -> _Part | Refused:
    rows = risk_set(panel, seed=seed)
    if word := refusal(rows, CHOICE_TERMS):
        return Refused(word)
    choice = fit_choice(rows, panel.scores, panel.group, CHOICE_TERMS, "similarity")
    if choice.fit.beta is None:
        return Refused(str(choice.fit.warning))
    found = covariance(choice.strata, choice.fit, rows.ego, rows.alter, "dyadic")
    kept = [CHOICE_TERMS.index(term) for term in choice.terms]
    beta, spread = np.zeros(len(CHOICE_TERMS)), np.zeros((len(CHOICE_TERMS), len(CHOICE_TERMS)))
    beta[kept] = choice.fit.beta
    spread[np.ix_(kept, kept)] = found.matrix
    return _Part(beta, spread, rows.n_events, _NO_GAP)


def _fit_ends(panel: Panel, seed: int) -> _Part | Refused:
    rows = standing_ties(panel, seed=seed, most_rows=MOST_ROWS)
    n_ends = int((~rows.outcome).sum())
    if min(n_ends, len(rows.outcome) - n_ends) < FEWEST_ENDS:
        return Refused("few_events")
    found = design(rows.pairs, panel.scores, panel.group, END_TERMS)
    x = np.column_stack([np.ones(len(found)), -found[:, 0], found[:, 1]])
    varies = np.r_[True, np.ptp(x[:, 1:], axis=0) > 0]
    y = (~rows.outcome).astype(np.float64)
    fit = fit_logit(x[:, varies], y)
    if fit.is_separated or not fit.converged or not np.isfinite(fit.covariance).all():
        return Refused("separation" if fit.is_separated else "not_converged")
    surprise = y - 1 / (1 + np.exp(-(x[:, varies] @ fit.beta)))
    spread = sandwich(
        np.asarray(fit.covariance), x[:, varies] * surprise[:, None], rows.pairs.ego, rows.pairs.alter, "dyadic"
    )
    beta, whole = np.zeros(3), np.zeros((3, 3))
    beta[varies] = fit.beta
    whole[np.ix_(varies, varies)] = spread.matrix
    # Sampling the ties that last moves the constant alone, by the log of the share that was kept.
    beta[0] += np.log((len(y) - n_ends) / _n_lasting(panel))
    return _Part(beta, whole, n_ends, _NO_GAP)


def _n_lasting(panel: Panel) -> int:
    """Return the ties and weeks between agents with a score at the week before that last through the week."""
    ties, total = panel.ties, 0
    for column in range(1, panel.n_weeks):
        week = panel.first_week + column
        has = np.isfinite(panel.scores[:, column - 1])
        stands = [np.zeros(ties.n_pairs, dtype=np.bool_) for _ in range(2)]
        for found, w in zip(stands, (week - 1, week), strict=True):
            found[ties.pair[(ties.start <= w) & (w < ties.end) & has[ties.source] & has[ties.target]]] = True
        total += int((stands[0] & stands[1]).sum())
    return max(total, 1)


def _usable(panel: Panel, gap: Floats) -> Ints:
    """Return the agents with at least two rows of scores."""
    rows = np.isfinite(panel.scores[:, 1:]) & np.isfinite(gap[:, :-1]) & np.isfinite(panel.scores[:, :-1])
    return np.flatnonzero(rows.sum(axis=1) >= 2)


def _sample(usable: Ints, seed: int, most: int) -> Ints:
    if len(usable) <= most:
        return usable
    return np.sort(np.random.default_rng([seed, 1]).choice(usable, most, replace=False))


def _process(basis: Basis, choice: Floats, ends: Floats, scores: Floats) -> Process:
    own, rho = basis.panel.scores[basis.agents], float(scores[1])
    rest = own[:, 1:] - rho * own[:, :-1] - scores[0] * basis.gap[basis.agents][:, :-1]
    level, trend, innovation = _levels(rest)
    source, target = _start(basis)
    first = own[:, basis.panel.n_weeks - 1 - basis.weeks]
    return Process(
        level=level,
        trend=trend[-basis.weeks :],
        rho=np.array([rho]),
        gap=float(scores[0]),
        innovation=innovation,
        rate=_rates(basis.panel, basis.agents),
        **dict(zip(("similarity", "reciprocity", "two_paths", "popularity", "alter", "alter_square", "community"),
                   choice.tolist(), strict=True)),
        end=float(ends[0]),
        end_distance=float(ends[1]),
        end_mutual=float(ends[2]),
        group=basis.panel.group[basis.agents],
        source=source,
        target=target,
        scores=_first_scores(first, level, trend, rho, innovation, basis.seed)[None, :],
    )  # fmt: skip


def _levels(rest: Floats) -> tuple[Floats, Floats, float]:
    """Return shrunken levels of agents, effects of weeks, and the standard deviation of what is left.

    The mean of the levels is in the weeks' effects. A level is shrunk by tau² / (tau² + sigma² / T_i), tau² the
    variance of the raw levels less what noise adds to it (moments; at least zero). Shrunken levels vary less than
    levels do, and likeness that lasts rests on how much they vary, so they are spread to tau² (Louis 1984).
    """
    is_known = np.isfinite(rest)
    counts, per_week = is_known.sum(axis=1), is_known.sum(axis=0)
    values = np.where(is_known, rest, 0.0)
    level, trend = np.zeros(len(rest)), np.zeros(rest.shape[1])
    for _ in range(_ROUNDS):
        trend = (values - level[:, None] * is_known).sum(axis=0) / np.maximum(per_week, 1)
        level = (values - trend[None, :] * is_known).sum(axis=1) / np.maximum(counts, 1)
    left = np.where(is_known, values - level[:, None] - trend[None, :], 0.0)
    freedom = max(int(counts.sum()) - len(rest) - rest.shape[1] + 1, 1)
    sigma2 = float(np.square(left).sum()) / freedom
    centre = float(np.average(level, weights=counts))
    noise = sigma2 / np.maximum(counts, 1)
    tau2 = max(float(np.var(level, ddof=1)) - float(noise.mean()), 0.0)
    trend = np.where(per_week > 0, trend, trend[per_week > 0].mean()) + centre
    shrunk = (level - centre) * tau2 / np.maximum(tau2 + noise, 1e-300)
    spread = float(shrunk.std())
    return shrunk * (np.sqrt(tau2) / spread if spread > 0 else 0.0), trend, float(np.sqrt(sigma2))


def _rates(panel: Panel, agents: Ints) -> Floats:
    """Return new ties per week of each agent, shrunk as a Poisson-gamma mixture by moments."""
    ties = panel.ties
    begins = np.ones(len(ties.pair), dtype=np.bool_)
    begins[1:] = (ties.pair[1:] != ties.pair[:-1]) | (ties.start[1:] > ties.end[:-1])
    new = begins & (ties.start > panel.first_week) & (ties.start <= panel.first_week + panel.n_weeks - 1)
    weeks = panel.n_weeks - 1
    count = np.bincount(ties.source[new], minlength=panel.n_agents)[agents].astype(np.float64)
    mean = float(count.mean())
    extra = max(float(count.var(ddof=1)) - mean, 0.0)
    if mean == 0 or extra == 0:
        return np.full(len(agents), mean / weeks)
    shape = mean * mean / extra
    return (count + shape) / (weeks + shape * weeks / mean)


def _start(basis: Basis) -> tuple[Ints, Ints]:
    """Return the ties of the first week among the agents of a process.

    Where agents are a sample, their ties are led to agents of the sample by their share of in-degree, so that
    out-degrees stay: the start is then at random, but for degrees.
    """
    panel, n = basis.panel, len(basis.agents)
    shot = panel.ties.at(panel.first_week + panel.n_weeks - 1 - basis.weeks)
    place = np.full(panel.n_agents, -1, dtype=np.int64)
    place[basis.agents] = np.arange(n)
    source, target = place[shot.source], place[shot.target]
    if basis.is_sample:
        source = source[source >= 0]
        weight = 1.0 + np.bincount(shot.target, minlength=panel.n_agents)[basis.agents]
        rng = np.random.default_rng([basis.seed, 2])
        target = rng.choice(n, len(source), p=weight / weight.sum())
    inside = (source >= 0) & (target >= 0) & (source != target)
    keys = np.unique(source[inside] * n + target[inside])
    return keys // n, keys % n


def _first_scores(first: Floats, level: Floats, trend: Floats, rho: float, innovation: float, seed: int) -> Floats:
    """Return the scores of the first week; where one is missing, a draw around the agent's level."""
    centre = (level + trend.mean()) / (1 - rho)
    spread = innovation / np.sqrt(1 - rho * rho)
    fresh = np.random.default_rng([seed, 3]).standard_normal(len(level))
    return np.where(np.isfinite(first), first, centre + spread * fresh)
