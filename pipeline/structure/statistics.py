"""Which statistics a network has, computed together: once on the network, then on each draw of its null.

What belongs here: from ties to a dictionary of numbers, and the draws. What does not: rows, intervals, refusals
(`pipeline.structure.network_rows`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.activity.resampling import stream
from pipeline.network.edges import IntArray
from pipeline.network.nulls import affordable_draws, swapped
from pipeline.network.structure import clustering, degree_assortativity, reciprocity, triangles
from pipeline.structure.communities import louvain, modularity
from pipeline.structure.degrees import (
    FloatArray,
    core_numbers,
    core_periphery,
    directed_assortativity,
    garlaschelli_loffredo,
    rich_club,
)
from pipeline.structure.paths import distances, largest_component
from pipeline.structure.prominence import prominence
from pipeline.structure.triads import directed_clustering, dyads, list_triangles, triad_census

Numbers = dict[str, float]
RICH_SHARE = 0.01
NULL_SOURCES = 256
"""Sources of the distances in a draw of the null."""


@dataclass(frozen=True, slots=True)
class Draws:
    """How many networks of each null are drawn.

    Attributes
    ----------
    cheap
        For degrees and reciprocity.
    triangles
        For what lists triangles, cores, PageRank and HITS.
    dear
        For communities and distances.
    """

    cheap: int = 100
    triangles: int = 30
    dear: int = 20


def directed_cheap(source: IntArray, target: IntArray, n: int) -> Numbers:
    """Return what needs no triangle: reciprocity under its names, and the four forms of degree assortativity."""
    share = reciprocity(source, target, n)
    density = len(source) / (n * (n - 1)) if n > 1 else float("nan")
    forms = directed_assortativity(source, target, n)
    return {
        "reciprocity": share,
        "dyad_reciprocity": share / (2 - share),
        "reciprocity_rho": float(garlaschelli_loffredo(share, density)),
        **{f"degree_assortativity_{form}": value for form, value in forms.items()},
    }


def directed_triangles(source: IntArray, target: IntArray, n: int) -> Numbers:
    """Return directed clustering, the triad census, and how unequal PageRank, hubs and authorities are."""
    pairs = dyads(source, target, n)
    listed = list_triangles(pairs, n)
    census = triad_census(pairs, n, listed)
    return {
        "clustering_directed": directed_clustering(pairs, n, listed),
        **{f"triad_{name.lower()}": float(count) for name, count in census.items()},
        **prominence(source, target, n),
    }


def undirected_cheap(u: IntArray, v: IntArray, n: int) -> Numbers:
    """Return what needs degrees and ties only."""
    core = core_periphery(u, v, n)
    return {
        "degree_assortativity": degree_assortativity(u, v, n),
        "core_periphery_correlation": core.correlation,
        "rich_club_top1": rich_club(u, v, n, RICH_SHARE),
    }


def undirected_triangles(u: IntArray, v: IntArray, n: int) -> Numbers:
    """Return clustering and cores."""
    closure, local = clustering(u, v, n, triangles(u, v, n))
    cores = core_numbers(u, v, n)
    return {
        "transitivity": closure,
        "clustering_mean_local": local,
        "core_number_max": float(cores.max(initial=0)),
        "core_innermost_share": float((cores == cores.max(initial=0)).mean()) if n else float("nan"),
    }


def undirected_dear(u: IntArray, v: IntArray, n: int, rng: np.random.Generator) -> Numbers:
    """Return Louvain's modularity from one order of the nodes, and the mean distance from a few sources."""
    label = louvain(u, v, None, n, rng, seeds=1)[0]
    a, b, members = largest_component(u, v, n)
    arcs = np.concatenate([a, b]), np.concatenate([b, a])
    return {
        "louvain_modularity": modularity(u, v, None, label),
        "path_length": distances(*arcs, members, rng, sources=NULL_SOURCES).mean,
        "largest_component_share": members / n if n else float("nan"),
    }


def directed_dear(source: IntArray, target: IntArray, n: int, rng: np.random.Generator) -> Numbers:
    """Return the mean distance along directed ties, from a few sources."""
    a, b, members = largest_component(source, target, n)
    return {"path_length_directed": distances(a, b, members, rng, sources=NULL_SOURCES).mean}


Statistic = Callable[[IntArray, IntArray, int], Numbers]


def null_draws(
    source: IntArray,
    target: IntArray,
    n: int,
    draws: Draws,
    seed: int,
    name: str,
    *,
    is_directed: bool,
    run: IntArray | None = None,
) -> dict[str, FloatArray]:
    """Compute every statistic on networks drawn from the degree-preserving null.

    Parameters
    ----------
    source, target, n
        Distinct ties; of an undirected network each once.
    draws
        How many networks; large networks get fewer (`pipeline.network.nulls.affordable_draws`).
    seed, name
        Seed of the run, and the name of the network: each has its own stream.
    is_directed
        Whether in- and out-degrees are kept, or degrees.
    run
        Run of each node: ties swap within runs only.

    Returns
    -------
    dict of ndarray
        Values under the null by statistic, of as many draws as it was computed on.
    """
    rng = stream(seed, f"structure_{name}_{'directed' if is_directed else 'undirected'}")
    chance = stream(seed, f"structure_{name}_orders")
    cheap: Statistic = directed_cheap if is_directed else undirected_cheap
    closed: Statistic = directed_triangles if is_directed else undirected_triangles
    dear = directed_dear if is_directed else undirected_dear
    found: dict[str, list[float]] = {}
    most = affordable_draws(draws.cheap, len(source))
    for draw, (a, b) in enumerate(swapped(source, target, n, most, rng, is_directed=is_directed, run=run)):
        values = cheap(a, b, n)
        if draw < draws.triangles:
            values |= closed(a, b, n)
        if draw < draws.dear:
            values |= dear(a, b, n, chance)
        for key, value in values.items():
            found.setdefault(key, []).append(value)
    return {key: np.array(values, dtype=np.float64) for key, values in found.items()}


def without_each_group(
    source: IntArray, target: IntArray, group: IntArray, statistic: Statistic
) -> dict[str, FloatArray]:
    """Compute statistics of the network without the nodes of each hash group.

    Parameters
    ----------
    source, target
        Distinct ties, shape (ties,).
    group
        Hash group of each node, shape (nodes,).
    statistic
        Called with the remaining ties, nodes renumbered, and the number of nodes outside the group; a node that loses
        all of its ties to the group still counts.

    Returns
    -------
    dict of ndarray
        Values by statistic, each of shape (groups that have a node,).
    """
    found: dict[str, list[float]] = {}
    for label in np.unique(group):
        stays = group != label
        codes = np.cumsum(stays) - 1
        kept = stays[source] & stays[target]
        for key, value in statistic(codes[source[kept]], codes[target[kept]], int(stays.sum())).items():
            found.setdefault(key, []).append(value)
    return {key: np.array(values, dtype=np.float64) for key, values in found.items()}
