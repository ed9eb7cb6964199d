"""Measures of the interaction networks of a corpus, one set per rule.

What belongs here: which statistic is computed on which network, with which interval and null. Reciprocity is
not comparable between rules (METHODS section 5), so the rule is part of every measure's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import duckdb
import numpy as np

from pipeline.activity.resampling import Interval, jackknife_interval, stream
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.network.clock import pooled_words
from pipeline.network.edges import IntArray, Network, load_network
from pipeline.network.interactions import RULES
from pipeline.network.nulls import (
    affordable_draws,
    set_against,
    swapped,
    swaps_model,
    without_groups,
)
from pipeline.network.runs import run_numbers
from pipeline.network.structure import (
    BoolArray,
    FloatArray,
    closed_at,
    clustering,
    clustering_of,
    degree_assortativity,
    reciprocated,
    reciprocity,
    triangles,
)
from pipeline.schema import Measure

FAMILY = "network"
MIN_TIES = 30  # below this the value is shown without interval and null

_COVERAGE = """
SELECT count(*) FILTER (WHERE m.agent_id IS NULL) AS anonymous,
       count(*) FILTER (WHERE m.kind = 'comment' AND p.message_id IS NULL) AS dangling
FROM message AS m LEFT JOIN message AS p ON p.message_id = m.parent_id
"""


def network_measures(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> list[Measure]:
    """Compute the network measures of a corpus.

    Parameters
    ----------
    con
        Connection with views ``interaction`` and ``message`` of one corpus.
    sampling
        Seed, draws and level.

    Returns
    -------
    list of Measure
        For each rule nodes, ties, density, reciprocity of ties and of dyads; for ``reply_any`` also
        undirected ties, degree assortativity, transitivity and mean local clustering. Where there are too few
        ties the value or its interval is null, with a warning.
    """
    anonymous, dangling = con.sql(_COVERAGE).fetchall()[0]
    words = ["derived_ties"]
    words += ["null_authors"] if anonymous else []
    words += ["dangling_parents"] if dangling else []
    words += pooled_words(con)
    parts: list[Future[list[Measure]]] = []
    # Each part has random streams of its own, so that the order in which they are worked on does not matter.
    with ThreadPoolExecutor(2) as workers:
        for rule in RULES:
            network = load_network(con, rule)
            few = ["few_ties"] if len(network.source) < MIN_TIES else []
            run = run_numbers(con, network.ids)
            parts.append(workers.submit(_directed, network, run, rule, sampling, [*words, *few]))
            if rule == "reply_any":
                parts.append(workers.submit(_undirected, network, run, rule, sampling, [*words, *few]))
        return [found for part in parts for found in part.result()]


def _directed(network: Network, run: IntArray | None, rule: str, sampling: Sampling, words: list[str]) -> list[Measure]:
    ties, nodes = len(network.source), network.n_nodes
    emit = partial(row, FAMILY, level=sampling.level, warnings=words)
    answered = reciprocated(network.source, network.target, nodes)
    share = float(answered.mean()) if ties else float("nan")
    density = ties / (nodes * (nodes - 1)) if nodes > 1 else float("nan")
    shares, densities = _directed_without_groups(network, answered)
    drawn = _reciprocity_null(network, run, rule, sampling)
    dyads = ties - int(answered.sum()) // 2
    return [
        emit(f"network_nodes_{rule}", nodes, nodes, "agents", interval=CENSUS),
        emit(f"network_ties_{rule}", ties, ties, "ties", interval=CENSUS),
        emit(
            f"network_density_{rule}",
            density,
            nodes,
            "agents",
            interval=_interval(density, densities, sampling),
        ),
        emit(
            f"reciprocity_{rule}",
            share,
            ties,
            "ties",
            interval=_interval(share, shares, sampling),
            null=set_against(share, drawn, swaps_model(run)),
        ),
        emit(
            f"dyad_reciprocity_{rule}",
            float(_of_dyads(share)),
            dyads,
            "dyads",
            interval=_interval(float(_of_dyads(share)), _of_dyads(shares), sampling),
            null=set_against(float(_of_dyads(share)), _of_dyads(drawn), swaps_model(run)),
        ),
    ]


def _undirected(
    network: Network, run: IntArray | None, rule: str, sampling: Sampling, words: list[str]
) -> list[Measure]:
    u, v = network.undirected()
    nodes, ties = network.n_nodes, len(u)
    emit = partial(row, FAMILY, level=sampling.level, warnings=words)
    corners = triangles(u, v, nodes)
    mixing = degree_assortativity(u, v, nodes)
    closure, local = clustering(u, v, nodes, corners)
    left, drawn = np.zeros((0, 3)), (np.zeros(0), np.zeros((0, 2)))
    if ties >= MIN_TIES:
        left = _undirected_without_groups(u, v, network, corners)
        drawn = _undirected_null(u, v, nodes, run, rule, sampling)
    return [
        emit(f"network_undirected_ties_{rule}", ties, ties, "ties", interval=CENSUS),
        emit(
            f"degree_assortativity_{rule}",
            mixing,
            ties,
            "ties",
            interval=_interval(mixing, left[:, 0], sampling, low=-1.0),
            null=set_against(mixing, drawn[0], swaps_model(run)),
        ),
        emit(
            f"transitivity_{rule}",
            closure,
            nodes,
            "agents",
            interval=_interval(closure, left[:, 1], sampling),
            null=set_against(closure, drawn[1][:, 0], swaps_model(run)),
        ),
        emit(
            f"clustering_mean_local_{rule}",
            local,
            nodes,
            "agents",
            interval=_interval(local, left[:, 2], sampling),
            null=set_against(local, drawn[1][:, 1], swaps_model(run)),
        ),
    ]


def _of_dyads(share: FloatArray | float) -> FloatArray:
    """Share of connected pairs tied both ways, from the share r of ties that are answered: r / (2 − r)."""
    return np.asarray(share, dtype=np.float64) / (2 - np.asarray(share, dtype=np.float64))


def _interval(value: float, left_out: FloatArray, sampling: Sampling, low: float = 0.0) -> Interval:
    return jackknife_interval(
        value, left_out, level=sampling.level, method="jackknife_author_groups", bounds=(low, 1.0)
    )


def _directed_without_groups(network: Network, answered: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Reciprocity and density without each group; a tie and its answer always leave together."""
    if len(network.source) < MIN_TIES:
        return np.zeros(0), np.zeros(0)

    def answered_and_all(_u: IntArray, _v: IntArray, kept: IntArray) -> tuple[float, ...]:
        return (float(answered[kept].sum()), float(kept.size))

    sums = without_groups(network.source, network.target, network.group, answered_and_all)
    members = np.bincount(network.group, minlength=256)
    left = network.n_nodes - members[members > 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[:, 0] / sums[:, 1], sums[:, 1] / (left * (left - 1.0))


def _reciprocity_null(network: Network, run: IntArray | None, rule: str, sampling: Sampling) -> FloatArray:
    ties = len(network.source)
    if ties < MIN_TIES:
        return np.zeros(0)
    draws = affordable_draws(sampling.null_draws, ties)
    rng = stream(sampling.seed, f"reciprocity_{rule}")
    ends, n_nodes = (network.source, network.target), network.n_nodes
    drawn = swapped(*ends, n_nodes, draws, rng, is_directed=True, run=run)
    return np.array([reciprocity(source, target, n_nodes) for source, target in drawn])


def _undirected_without_groups(
    u: IntArray, v: IntArray, network: Network, corners: tuple[IntArray, IntArray, IntArray]
) -> FloatArray:
    """Assortativity, transitivity and local clustering without each group, shape (groups, 3)."""
    n_nodes, closed = network.n_nodes, closed_at(corners, network.n_nodes)
    lost = iter(_closed_with(corners, network.group, n_nodes))

    def statistic(a: IntArray, b: IntArray, _kept: IntArray) -> tuple[float, ...]:
        closure, local = clustering_of(a, b, n_nodes, closed - next(lost))
        return (degree_assortativity(a, b, n_nodes), closure, local)

    return without_groups(u, v, network.group, statistic)


def _closed_with(corners: tuple[IntArray, IntArray, IntArray], group: IntArray, n_nodes: int) -> Iterator[IntArray]:
    """Yield for each group that has a node how many triangles with a node of it each node is in, shape (nodes,)."""
    first, second, third = (group[corner] for corner in corners)
    places = (np.arange(len(first)), np.flatnonzero(second != first),
              np.flatnonzero((third != first) & (third != second)))  # fmt: skip
    label = np.concatenate([first, second[places[1]], third[places[2]]])
    order = np.argsort(label, kind="stable")
    place, ordered = np.concatenate(places)[order], label[order]
    for wanted in np.unique(group):
        low, high = np.searchsorted(ordered, [wanted, wanted + 1])
        a, b, c = (corner[place[low:high]] for corner in corners)
        yield closed_at((a, b, c), n_nodes)


def _undirected_null(
    u: IntArray, v: IntArray, n_nodes: int, run: IntArray | None, rule: str, sampling: Sampling
) -> tuple[FloatArray, FloatArray]:
    """Assortativity, shape (draws,), and clustering of the first draws, shape (fewer, 2), under the null."""
    draws = affordable_draws(sampling.null_draws, len(u))
    rng = stream(sampling.seed, f"degree_assortativity_{rule}")
    mixing, closure = [], []
    for draw, (a, b) in enumerate(swapped(u, v, n_nodes, draws, rng, is_directed=False, run=run)):
        mixing.append(degree_assortativity(a, b, n_nodes))
        if draw < sampling.clustering_draws:
            closure.append(clustering(a, b, n_nodes, triangles(a, b, n_nodes)))
    return np.array(mixing), np.array(closure).reshape(-1, 2)
