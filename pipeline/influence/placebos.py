"""Placebos of influence: exposures that cannot work, each with what it means when one seems to.

What belongs here: regressors that stand beside the real gap (their coefficient is zero whatever the influence of the
real alters is), and a score that nobody can see. What does not: future ties as a placebo; ties that will form are
chosen for how the score moves now, so they fail wherever there is selection (100 % of runs, STATISTICS 3.1). They are
reported as a diagnostic of that alone.

Arrays are of shape (agents, weeks); column w holds what is known at the end of week w, the row of week t uses w = t−1.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.inference.result import Fit
from pipeline.influence.exposure import chosen, exposure, forming_ties
from pipeline.network.panel import FloatArray, IntArray, Panel

PLACEBOS = ("just_formed", "permuted_ties", "shuffled_weeks", "matched_alters")
"""Placebos that stand beside the real gap."""
HASH_SCORE, FUTURE_TIES = "hash_score", "future_ties"
LEADS = (2, 3, 4)
"""Weeks after w in which the ties of the diagnostic form: one to three after the outcome's week."""
SCORE_BINS, COUNT_BINS = 20, 3
REACH = 6
"""Neighbours in the order of scores that are tried for a stand-in of another group."""

FAILURES = {
    "just_formed": "ties that did not stand yet seem to influence: who will be tied shares something else that moves "
    "both (latent homophily), the score is noisy, or influence acts within the week",
    "permuted_ties": "agents whom the ego does not follow, of the group of those it does, seem to influence: what the "
    "group shares moves both",
    "shuffled_weeks": "exposure of weeks long past seems to act beside that of last week: the dynamics need more lags",
    "matched_alters": "agents of other groups that resemble the alters seem to influence: agents of that kind move "
    "alike, without a tie",
    HASH_SCORE: "a number that nobody sees seems to spread: the estimator or its errors are wrong on these data",
    FUTURE_TIES: "ties are chosen for how the score moves (selection), or share something latent; this tells nothing "
    "against the estimate of influence",
    "serial_correlation": "residuals are correlated two weeks apart: the model lacks a lag of the score, which "
    "shows as influence that is not there",
}
"""What a rejection means."""
SUCCESSES = {
    "just_formed": "ties that did not stand yet do not seem to influence: no sign of latent homophily",
    "permuted_ties": "it matters who is followed, not which group they are of",
    "shuffled_weeks": "exposure of weeks long past does not seem to act beside that of last week",
    "matched_alters": "agents of other groups that resemble the alters do not seem to influence",
    HASH_SCORE: "a number that nobody sees does not spread",
    FUTURE_TIES: "no sign that ties are chosen for how the score moves",
    "serial_correlation": "no sign that the model lacks a lag of the score",
}
"""What the absence of a rejection allows to say; it is no proof."""


def verdict(placebo: str, fit: Fit, level: float) -> str:
    """Return the sentence that a placebo's result allows."""
    if fit.p_value is None:
        return "not computed: the data do not allow this placebo, so that nothing speaks for or against the estimate"
    if fit.p_value < 1 - level:
        return f"failed: {FAILURES[placebo]}"
    return f"passed: {SUCCESSES[placebo]}"


def just_formed(panel: Panel) -> FloatArray:
    """Return the gap to alters whose tie forms in the week after, by scores of the week before it forms."""
    return exposure(panel, forming_ties(panel.ties, 1, panel.first_week)).gap(panel.scores)


def future_ties(panel: Panel) -> FloatArray:
    """Return the gap to alters whose tie forms after the week of the outcome; not-a-number where none is seen to."""
    total, scored = np.zeros(panel.scores.shape), np.zeros(panel.scores.shape)
    for lead in LEADS:
        found = exposure(panel, forming_ties(panel.ties, lead, panel.first_week))
        total += np.where(found.scored > 0, found.mean * found.scored, 0.0)
        scored += found.scored
    gap = np.where(
        scored > 0, total / np.maximum(scored, 1) - panel.scores, np.where(np.isfinite(panel.scores), 0.0, np.nan)
    )
    gap[:, max(panel.n_weeks - max(LEADS), 0) :] = np.nan  # the ties of those weeks are not seen yet
    return gap


def permuted_ties(panel: Panel, group: IntArray, rng: np.random.Generator) -> FloatArray:
    """Return the gap to alters that were dealt out anew among the ties to one group; degrees stay as they are."""
    ties, last = panel.ties, panel.first_week + panel.n_weeks
    kept = (ties.start < last) & (ties.end > panel.first_week)
    ties = chosen(ties, kept, ties.start, ties.end)
    place = np.lexsort((rng.random(len(ties.target)), group[ties.target]))
    order = np.argsort(group[ties.target], kind="stable")
    target = ties.target.copy()
    target[order] = ties.target[place]
    apart = target != ties.source
    dealt = chosen(replace(ties, target=target), apart, ties.start, ties.end)
    return exposure(panel, dealt).gap(panel.scores)


def shuffled_weeks(mean: FloatArray, scores: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the gap to an exposure drawn from the agent's weeks at least two before.

    Only earlier weeks are drawn from: exposure of later weeks reacts to the outcome where there is selection, and a
    placebo that shuffled all weeks would fail for it.
    """
    agents, weeks = mean.shape
    column = np.broadcast_to(np.arange(weeks), mean.shape)
    drawn = (rng.random(mean.shape) * np.maximum(column - 1, 0)).astype(np.int64)
    earlier = mean[np.arange(agents)[:, None], drawn]
    return np.where(column >= 2, earlier, np.nan) - scores


def matched_alters(panel: Panel, group: IntArray) -> FloatArray:
    """Return the gap to stand-ins of the alters: agents of another group, alike in score, in-degree and activity.

    The stand-in of week w is matched on the score of w − 1, so that what happened in w is its own.
    """
    ties, last = panel.ties, panel.first_week + panel.n_weeks
    seen = (ties.start < last) & (ties.end > panel.first_week)
    degree = np.bincount(ties.target[seen], minlength=panel.n_agents)
    activity = np.isfinite(panel.scores).sum(axis=1)
    kind = _bins(degree) * COUNT_BINS + _bins(activity)
    stand_in = np.full(panel.scores.shape, np.nan)
    for week in range(1, panel.n_weeks):
        before, now = panel.scores[:, week - 1], panel.scores[:, week]
        agents = np.flatnonzero(np.isfinite(before) & np.isfinite(now) & (group >= 0))
        if len(agents) > 1:
            stand_in[:, week] = _stand_ins(agents, before, now, kind, group)
    found = exposure(replace(panel, scores=stand_in))
    return np.where(found.alters == 0, np.where(np.isfinite(panel.scores), 0.0, np.nan), found.mean - panel.scores)


def _bins(counts: IntArray) -> IntArray:
    edges = np.quantile(counts, np.arange(1, COUNT_BINS) / COUNT_BINS)
    return np.searchsorted(edges, counts, side="right").astype(np.int64)


def _stand_ins(agents: IntArray, before: FloatArray, now: FloatArray, kind: IntArray, group: IntArray) -> FloatArray:
    """Return the score of the nearest agent of another group in the order of scores of the week before, by kind."""
    order = agents[np.lexsort((before[agents], kind[agents]))]
    score, own, cell = before[order], group[order], kind[order]
    best, nearest = np.full(len(order), np.nan), np.full(len(order), np.inf)
    for step in range(1, min(REACH, len(order) - 1) + 1):
        for here, there in ((slice(None, -step), slice(step, None)), (slice(step, None), slice(None, -step))):
            apart = np.abs(score[here] - score[there])
            better = (own[here] != own[there]) & (cell[here] == cell[there]) & (apart < nearest[here])
            nearest[here] = np.where(better, apart, nearest[here])
            best[here] = np.where(better, now[order][there], best[here])
    out = np.full(len(before), np.nan)
    out[order] = best
    return out


def hash_scores(panel: Panel, seed: int) -> Panel:
    """Return the panel with each score replaced by a standard normal-like number made of agent, week and seed."""
    agents = np.arange(panel.n_agents, dtype=np.uint64)[:, None]
    weeks = np.arange(panel.first_week, panel.first_week + panel.n_weeks).astype(np.uint64)[None, :]
    mixed = _mixed(_mixed(agents + np.uint64(seed % 2**63)) ^ weeks)
    uniform = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    scores = np.where(np.isfinite(panel.scores), (uniform - 0.5) * np.sqrt(12.0), np.nan)
    return replace(panel, scores=scores, halves=None)


def _mixed(values: np.ndarray) -> np.ndarray:
    """Return numbers whose bits depend on all bits of `values` (splitmix64, Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        z = values + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
