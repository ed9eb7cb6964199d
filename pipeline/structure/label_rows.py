"""Rows on what agents have in common along ties, as He, Wallis & Rathje measured it, and on who is chosen in two ways.

What belongs here: modularity and assortativity of languages and of communities on weighted, undirected networks, and
correlations of how often agents are followed, liked and disliked.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import polars as pl

from pipeline.activity.resampling import Null, jackknife_interval, stream
from pipeline.activity.row import row
from pipeline.network.edges import IntArray
from pipeline.network.measures import MIN_TIES
from pipeline.network.nulls import set_against
from pipeline.schema import Measure
from pipeline.structure.communities import category_assortativity, louvain, modularity
from pipeline.structure.emitter import FAMILY, Emitter, Plan
from pipeline.structure.graphs import Graph
from pipeline.structure.network_rows import over_seeds
from pipeline.structure.tails import MIN_TAIL, lognormal_total

_NAMES = ("community_modularity", "community_assortativity", "language_modularity", "language_assortativity",
          "community_language_cramers_v", "community_language_chi2")  # fmt: skip
_NULL = "label_permutation"


def label_rows(graph: Graph, plan: Plan, language: Mapping[str, str], words: tuple[str, ...] = ()) -> list[Measure]:
    """Measure how communities and languages lie in a weighted network.

    Parameters
    ----------
    graph
        The network, taken without direction, ties weighted by their events.
    plan
        Seed, level and draws.
    language
        Language of each agent that has one.
    words
        Warnings that hold for every row.

    Returns
    -------
    list of Measure
        Communities are Louvain's, over 20 orders of the nodes, and the first of these beside languages; agents without
        a language are left out of what is said
        of languages. The null permutes the labels among the agents.
    """
    emit = Emitter(graph, plan, words)
    if graph.n_ties < MIN_TIES:
        return [emit(name, None, graph.n_ties, "ties", words=["few_ties"]) for name in _NAMES]
    u, v, weight = graph.undirected_weights()
    runs = louvain(u, v, weight, graph.n_nodes, stream(plan.seed, f"labels_{graph.name}"))
    community = runs[0]
    names = pl.Series([language.get(agent) for agent in graph.ids], dtype=pl.String)
    known = names.is_not_null().to_numpy()
    codes = names.rank("dense").fill_null(0).cast(pl.Int64).to_numpy() - 1
    kept = known[u] & known[v]
    quality = np.array([modularity(u, v, weight, label) for label in runs])
    alike = np.array([category_assortativity(u, v, weight, label) for label in runs])
    found = [
        emit(name, float(values.mean()), *size, interval=over_seeds(values, plan.level))
        for name, values, size in (
            (_NAMES[0], quality, (graph.n_nodes, "agents")),
            (_NAMES[1], alike, (len(u), "ties")),
        )
    ]
    if kept.sum() < MIN_TIES or len(np.unique(codes[known])) < 2:
        word = "few_ties" if kept.sum() < MIN_TIES else "no_variation"
        return found + [emit(name, None, int(kept.sum()), "ties", words=[word]) for name in _NAMES[2:]]
    a, b, w = u[kept], v[kept], weight[kept]
    rng = stream(plan.seed, f"languages_{graph.name}")
    places = np.flatnonzero(known)

    def statistics(label: IntArray) -> tuple[float, ...]:
        joint = association(community[known], label[known])
        return modularity(a, b, w, label), category_assortativity(a, b, w, label), *joint

    drawn = []
    for _ in range(plan.draws.cheap):
        mixed = codes.copy()
        mixed[places] = rng.permutation(codes[places])
        drawn.append(statistics(mixed))
    values, columns = statistics(codes), np.array(drawn).T
    ties, agents = (len(a), "ties"), (int(known.sum()), "agents")
    return found + [
        emit(name, value, *size, null=set_against(value, column, _NULL))
        for name, value, column, size in zip(_NAMES[2:], values, columns, (ties, ties, agents, agents), strict=True)
    ]


def association(a: IntArray, b: IntArray) -> tuple[float, float]:
    """Cramér's V and Pearson's chi-square of two categories, not-a-number where either does not vary."""
    _, a = np.unique(a, return_inverse=True)
    _, b = np.unique(b, return_inverse=True)
    rows, columns = int(a.max()) + 1, int(b.max()) + 1
    if min(rows, columns) < 2:
        return float("nan"), float("nan")
    table = np.bincount(a * columns + b, minlength=rows * columns).reshape(rows, columns).astype(np.float64)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    chi2 = float((np.square(table - expected) / expected).sum())
    return float(np.sqrt(chi2 / table.sum() / (min(rows, columns) - 1))), chi2


def choice_rows(frame: pl.DataFrame, plan: Plan, words: tuple[str, ...] = ()) -> list[Measure]:
    """Correlate how often agents are followed, liked and disliked.

    Parameters
    ----------
    frame
        Columns agent_id, hash_group, follow, like, dislike: how often each agent was chosen in each way; agents chosen
        in no way are not in it.
    plan
        Level of the intervals.
    words
        Warnings that hold for every row.
    """
    emit = partial(row, FAMILY, level=plan.level)
    found = []
    for one, other in (("follow", "like"), ("like", "dislike"), ("dislike", "follow")):
        name = f"degree_correlation_{one}_{other}"
        x, y = (frame[column].to_numpy().astype(np.float64) for column in (one, other))
        if len(x) < MIN_TIES or not x.std() or not y.std():
            word = "few_agents" if len(x) < MIN_TIES else "no_variation"
            found.append(emit(name, None, len(x), "agents", warnings=[*words, word]))
            continue
        value = float(np.corrcoef(x, y)[0, 1])
        group = frame["hash_group"].to_numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            left = [np.corrcoef(x[group != k], y[group != k])[0, 1] for k in np.unique(group)]
        interval = jackknife_interval(
            value, np.array(left), level=plan.level, method="jackknife_agent_groups", bounds=(-1.0, 1.0)
        )
        found.append(emit(name, value, len(x), "agents", interval=interval, warnings=words))
    return found


def dislike_row(given: IntArray, plan: Plan, words: tuple[str, ...] = ()) -> Measure:
    """Compare power law and lognormal on how many others each agent dislikes, as Labbe printed it.

    Parameters
    ----------
    given
        Distinct agents that each agent disliked, shape (agents that disliked,).
    plan
        Level that the row names.
    words
        Warnings that hold for the row.
    """
    name = "dislike_out_degree_lognormal_total"
    found = lognormal_total(given)
    if found is None:
        word = "few_agents" if len(given) < MIN_TAIL else "no_variation"
        return row(FAMILY, name, None, len(given), "agents", level=plan.level, warnings=[*words, word])
    tail, total = found
    warned = [*words, "xmin_selected", *(["few_agents"] if tail.n_tail < MIN_TAIL else [])]
    spread = total / tail.lognormal.ratio if tail.lognormal.ratio else 0.0
    null = Null("vuong", 0.0, spread, tail.lognormal.p_value) if np.isfinite(tail.lognormal.ratio) else None
    return row(FAMILY, name, total, tail.n_tail, "agents", level=plan.level, null=null, warnings=warned)
