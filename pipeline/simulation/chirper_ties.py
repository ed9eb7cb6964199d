"""Ties of the simulated follower network: who follows whom in which week. Texts and files do not belong here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.random import Generator

from pipeline.simulation.chirper_truth import ChirperTruth
from pipeline.simulation.compose import BoolArray, FloatArray, IntArray

MILLISECOND = 1_000  # the API shows milliseconds


@dataclass(frozen=True)
class TieHistory:
    """What happened to the ties.

    Attributes
    ----------
    snapshots : DataFrame
        One row (``week``, ``source``, ``target``) per tie that a crawl shows; agents are places in the agents.
    changes : DataFrame
        One row (``week``, ``source``, ``target``, ``action`` add or remove, ``at`` microseconds since 1970) per
        change inside the window. Ties older than the first week have none.
    """

    snapshots: pl.DataFrame
    changes: pl.DataFrame


def draw_ties(truth: ChirperTruth, agents: pl.DataFrame, rng: Generator) -> TieHistory:
    """Draw the ties week by week.

    The number of new ties of an agent that stay in its language is binomial (`ChirperTruth.language_homophily`);
    which agents they reach is drawn without replacement with the weights of `alter_weights`.

    Parameters
    ----------
    truth : ChirperTruth
        What is planted.
    agents : DataFrame
        With ``group``, ``propensity``, ``popularity``, ``following_rate``, ``entry_week`` and ``entered``.
    rng : Generator
        Random stream.
    """
    n = truth.n_agents
    group, entry_week = agents["group"].to_numpy(), agents["entry_week"].to_numpy()
    is_own = group[:, None] == group[None, :]
    same_share = (truth.group_sizes[group] - 1) / (n - 1)
    inside = truth.language_homophily + (1 - truth.language_homophily) * same_share
    log_weight = alter_weights(truth, agents)
    tied = np.zeros((n, n), dtype=np.bool_)
    snapshots, changes = [], []
    for week in range(-1, truth.n_weeks):
        present = entry_week <= max(week, 0)
        mean = truth.initial_ties if week < 0 else truth.ties_per_week
        wanted = rng.poisson(mean * agents["following_rate"].to_numpy()) * present
        wanted_own = rng.binomial(wanted, inside)
        keys = log_weight + rng.gumbel(size=(n, n))
        keys[tied | ~present[None, :] | np.eye(n, dtype=np.bool_)] = -np.inf
        added = _highest(np.where(is_own, keys, -np.inf), wanted_own)
        added |= _highest(np.where(is_own, -np.inf, keys), wanted - wanted_own)
        ended = tied & (rng.random((n, n)) < (truth.drop_probability if week > 0 else 0.0))
        tied = (tied & ~ended) | added
        if week >= 0:
            snapshots.append(_pairs(tied, week))
            changes += [_changes(truth, agents, added, week, "add", rng)]
            changes += [_changes(truth, agents, ended, week, "remove", rng)]
    return TieHistory(pl.concat(snapshots), pl.concat(changes).sort("at", "source", "target"))


def alter_weights(truth: ChirperTruth, agents: pl.DataFrame) -> FloatArray:
    """Return the log-weight of alter j for ego i, shape (n, n): popularity of j less s times their distance."""
    propensity = agents["propensity"].to_numpy() / truth.propensity_sd
    distance = np.abs(propensity[:, None] - propensity[None, :])
    popularity = np.log(agents["popularity"].to_numpy())
    return np.asarray(popularity[None, :] - truth.airs_homophily * distance, dtype=np.float64)


def coleman(source: IntArray, target: IntArray, group: IntArray) -> float:
    """Return Coleman's index over all groups: ties inside beyond chance, over the most that could be.

    Parameters
    ----------
    source, target : array of int
        The ties.
    group : array of int
        Group of every agent that could have been chosen.
    """
    inside = (group[source] == group[target]).sum()
    expected = ((np.bincount(group)[group] - 1) / (len(group) - 1))[source].sum()
    return float((inside - expected) / (len(source) - expected))


def numeric_assortativity(source: IntArray, target: IntArray, value: FloatArray) -> float:
    """Return the correlation of `value` over ties, ego against alter."""
    return float(np.corrcoef(value[source], value[target])[0, 1])


def _highest(keys: FloatArray, count: IntArray) -> BoolArray:
    """Mark the `count[i]` largest finite entries of row i: with Gumbel noise, draws without replacement."""
    rank = np.argsort(np.argsort(-keys, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray((rank < count[:, None]) & np.isfinite(keys), dtype=np.bool_)


def _pairs(tied: BoolArray, week: int) -> pl.DataFrame:
    source, target = np.nonzero(tied)
    return pl.DataFrame({"week": np.full(len(source), week), "source": source, "target": target})


def _changes(
    truth: ChirperTruth, agents: pl.DataFrame, changed: BoolArray, week: int, action: str, rng: Generator
) -> pl.DataFrame:
    source, target = np.nonzero(changed)
    entered = agents["entered"].to_numpy()
    first, last = (edge[week] for edge in truth.windows)
    first = np.maximum(first, np.maximum(entered[source], entered[target]))
    at = first + (rng.random(len(source)) * (last - first)).astype(np.int64)
    at -= at % MILLISECOND
    frame = pl.DataFrame({"week": np.full(len(source), week), "source": source, "target": target, "at": at})
    return frame.with_columns(pl.lit(action).alias("action"))
