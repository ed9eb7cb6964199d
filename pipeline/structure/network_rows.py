"""From statistics of a network to rows of ``analysis.measure``: each beside its null, with its n and its warnings.

What belongs here: which statistics a network gets, which interval each has, and what is refused. Unit ``network``,
unit_id the name of the network. Measures that family ``network`` has of the same network are not repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from pipeline.activity.resampling import NO_INTERVAL, Interval, Null, gini, jackknife_interval, stream
from pipeline.activity.row import CENSUS
from pipeline.network.edges import IntArray, distinct
from pipeline.network.measures import MIN_TIES
from pipeline.network.nulls import set_against, swaps_model
from pipeline.schema import Measure
from pipeline.structure.communities import agreement, louvain, modularity
from pipeline.structure.degrees import (
    FloatArray,
    centralisation,
    core_periphery,
    evenness,
    top_share,
    weighted_reciprocity,
)
from pipeline.structure.emitter import Emitter, Plan
from pipeline.structure.graphs import ACTION, Graph
from pipeline.structure.paths import distances, largest_component
from pipeline.structure.prominence import hits
from pipeline.structure.statistics import (
    directed_cheap,
    directed_triangles,
    null_draws,
    undirected_cheap,
    undirected_triangles,
    without_each_group,
)
from pipeline.structure.tails import MIN_TAIL, Tail, fit
from pipeline.structure.triads import TRIADS

_ELSEWHERE = {
    "reply_any": (
        "network_nodes", "network_ties", "network_density", "network_undirected_ties", "reciprocity",
        "dyad_reciprocity", "degree_assortativity", "transitivity", "clustering_mean_local",
    ),
    "mention": ("network_nodes", "network_ties", "network_density", "reciprocity", "dyad_reciprocity"),
}  # fmt: skip
"""What family ``network`` computes of each rule, as a measure of the corpus with the rule in its name."""

Words = Sequence[str]
MOST_TIES_BESIDE = 1_000_000
"""Ties up to which what asks for direction is measured beside what does not: the triangles of both are in memory."""


def network_rows(graph: Graph, plan: Plan, words: Words = ()) -> list[Measure]:
    """Measure one network.

    Parameters
    ----------
    graph
        The network.
    plan
        Seed, level and draws.
    words
        Warnings that hold for every row.

    Returns
    -------
    list of Measure
        With fewer than `MIN_TIES` ties the counts alone have values; everything else is null with ``few_ties``, and
        left out where there is no tie at all.
    """
    few = graph.n_ties < MIN_TIES
    emit = Emitter(graph, plan, (*words, *(["few_ties"] if few else [])))
    u, v = graph.undirected()
    found = _counts(emit, u, few=few)
    if not graph.n_ties:
        return _wanted(graph, found)
    if few:
        return _wanted(graph, [*found, *(emit(name, None, graph.n_ties, "ties") for name in _refused(graph))])
    if graph.name == ACTION:
        return _wanted(graph, [*found, *_directed(emit, is_brief=True)])
    found += _degrees(emit, u, v)
    if not graph.is_directed:
        return _wanted(graph, [*found, *_undirected(emit, u, v)])
    # Each has random streams of its own, so that the order in which they are worked on does not matter.
    with ThreadPoolExecutor(2 if graph.n_ties <= MOST_TIES_BESIDE else 1) as workers:
        parts = [workers.submit(_directed, emit), workers.submit(_undirected, emit, u, v)]
        return _wanted(graph, [*found, *(row for part in parts for row in part.result())])


def _wanted(graph: Graph, rows: list[Measure]) -> list[Measure]:
    return [found for found in rows if found.measure_id not in _ELSEWHERE.get(graph.name, ())]


def _counts(emit: Emitter, u: IntArray, *, few: bool) -> list[Measure]:
    graph = emit.graph
    nodes, ties = graph.n_nodes, graph.n_ties
    pairs = nodes * (nodes - 1) / (1 if graph.is_directed else 2)
    return [
        emit("network_nodes", nodes, nodes, "agents", interval=CENSUS),
        emit("network_ties", ties, ties, "ties", interval=CENSUS),
        *([emit("network_undirected_ties", len(u), len(u), "ties", interval=CENSUS)] if graph.is_directed else []),
        emit("network_density", None if few else ties / pairs, nodes, "agents", interval=CENSUS),
    ]


_SPREAD = ("degree_sd", "degree_mode", "degree_min", "degree_q1", "degree_median", "degree_q3", "degree_max")
_DEGREES = ("degree_mean", *_SPREAD, "degree_gini", "degree_top1_share", "degree_evenness")
_SIDES = ("in_degree", "out_degree")
_TAILS = ("tail_exponent", "tail_xmin", "tail_lognormal_ratio", "tail_exponential_ratio", "tail_truncated_ratio")


def _refused(graph: Graph) -> list[str]:
    """Return the measures that a network with few ties does without."""
    both = ("centralisation_degree", "degree_assortativity", "core_periphery_correlation", "rich_club_top1",
            "transitivity", "clustering_mean_local", "core_number_max", "core_innermost_share", "core_node_share",
            "largest_component_share", "path_length", "diameter", "louvain_modularity", "louvain_communities",
            "louvain_agreement_ari", "louvain_agreement_nmi")  # fmt: skip
    names = [*_DEGREES, *(f"degree_{tail}" for tail in _TAILS), *both]
    if not graph.is_directed:
        return names
    names += [f"{side}_{what}" for side in _SIDES for what in ("gini", "top1_share", "evenness")]
    names += [f"in_degree_{tail}" for tail in _TAILS]
    names += [f"centralisation_{side}" for side in _SIDES]
    names += ["reciprocity", "dyad_reciprocity", "reciprocity_rho", "reciprocity_weighted", "clustering_directed",
              *(f"degree_assortativity_{form}" for form in ("out_in", "out_out", "in_out", "in_in")),
              *(f"triad_{name.lower()}" for name in TRIADS), "pagerank_gini", "pagerank_top1_share",
              "hits_authority_top1_share", "hits_hub_top1_share", "path_length_directed",
              "diameter_directed"]  # fmt: skip
    return names


def _degrees(emit: Emitter, u: IntArray, v: IntArray) -> list[Measure]:
    """Degrees: their middle, how unequal they are, how far one node stands out, and their tail."""
    graph, n = emit.graph, emit.graph.n_nodes
    degree = np.bincount(np.concatenate([u, v]), minlength=n)
    sides = {"in_degree": np.bincount(graph.target, minlength=n), "out_degree": np.bincount(graph.source, minlength=n)}
    sides = sides if graph.is_directed else {}

    def unequal(source: IntArray, target: IntArray, nodes: int) -> dict[str, float]:
        into, out = np.bincount(target, minlength=nodes), np.bincount(source, minlength=nodes)
        if not graph.is_directed:
            return _inequality("degree", into + out)
        both = distinct(np.minimum(source, target) * nodes + np.maximum(source, target))
        joint = np.bincount(both // nodes, minlength=nodes) + np.bincount(both % nodes, minlength=nodes)
        parts = (_inequality("degree", joint), _inequality("in_degree", into), _inequality("out_degree", out))
        return {key: value for part in parts for key, value in part.items()}

    values = unequal(graph.source, graph.target, n)
    left = without_each_group(graph.source, graph.target, graph.group, unequal)
    intervals = _jackknifed(values, left, emit.plan, {"degree_mean": np.inf})
    found = [emit(name, value, n, "agents", interval=intervals[name]) for name, value in values.items()]
    found += [
        *(emit(name, value, n, "agents", interval=CENSUS) for name, value in _spread(degree).items()),
        emit("centralisation_degree", centralisation(degree, is_directed=False), n, "agents", interval=CENSUS),
    ]
    found += [
        emit(f"centralisation_{side}", centralisation(held, is_directed=True), n, "agents", interval=CENSUS)
        for side, held in sides.items()
    ]
    for name, held in (("degree", degree), *((s, h) for s, h in sides.items() if s == "in_degree")):
        found += tail_rows(emit, name, held)
    return found


def _spread(degree: IntArray) -> dict[str, float]:
    """Return what R's ``sd`` and ``summary`` say of degrees, and their mode, the smallest where several are equal."""
    low, first, middle, third, high = np.quantile(degree, [0, 0.25, 0.5, 0.75, 1])
    values = (degree.std(ddof=1), np.bincount(degree).argmax(), low, first, middle, third, high)
    return {name: float(value) for name, value in zip(_SPREAD, values, strict=True)}


def _inequality(name: str, held: IntArray) -> dict[str, float]:
    levels, copies = np.unique(held, return_counts=True)
    found = {
        f"{name}_gini": float(gini(levels, copies)),
        f"{name}_top1_share": top_share(held, 0.01),
        f"{name}_evenness": evenness(held),
    }
    return {"degree_mean": float(held.mean()), **found} if name == "degree" else found


def _jackknifed(
    values: Mapping[str, float],
    left: Mapping[str, FloatArray],
    plan: Plan,
    highest: Mapping[str, float] | None = None,
    lowest: float = 0.0,
) -> dict[str, Interval]:
    return {
        name: jackknife_interval(
            value,
            left[name],
            level=plan.level,
            method="jackknife_agent_groups",
            bounds=(lowest, (highest or {}).get(name, 1.0)),
        )
        for name, value in values.items()
    }


def tail_rows(emit: Emitter, name: str, counts: IntArray) -> list[Measure]:
    """Return exponent and rivals of the tail of degrees."""
    tail = fit(counts)
    n = int((counts > 0).sum())
    if tail is None:
        word = "few_agents" if n < MIN_TAIL else "no_variation"
        return [emit(f"{name}_{what}", None, n, "agents", words=[word]) for what in _TAILS]
    return [
        emit(
            f"{name}_{what}", value, tail.n_tail, "agents", interval=interval, null=null, words=tail_words(tail)
        )
        for what, value, interval, null in tail_parts(tail, emit.plan.level)
    ]  # fmt: skip


def tail_words(tail: Tail) -> list[str]:
    """Return the warnings of a fitted tail."""
    words = ["xmin_selected"]
    words += ["few_agents"] if tail.n_tail < MIN_TAIL else []
    return words + (["tail_not_power_law"] if not tail.lognormal.ratio > 0 else [])


def tail_parts(tail: Tail, level: float) -> list[tuple[str, float, Interval, Null | None]]:
    """Return name, value, interval and null of what a fitted tail says."""
    from scipy import stats

    reach = float(stats.norm.ppf((1 + level) / 2)) * (tail.alpha - 1) / np.sqrt(tail.n_tail)
    around = Interval(tail.alpha - reach, tail.alpha + reach, "asymptotic_given_xmin")
    rivals = {"lognormal": tail.lognormal, "exponential": tail.exponential, "truncated": tail.truncated}
    found: list[tuple[str, float, Interval, Null | None]] = [
        ("tail_exponent", tail.alpha, around, None),
        ("tail_xmin", tail.xmin, CENSUS, None),
    ]
    for name, rival in rivals.items():
        model = "nested_likelihood_ratio" if name == "truncated" else "vuong"
        is_known = np.isfinite(rival.ratio) and np.isfinite(rival.p_value)
        null = Null(model, 0.0, 1.0, rival.p_value) if is_known else None
        found.append((f"tail_{name}_ratio", rival.ratio, NO_INTERVAL, null))
    return found


def _directed(emit: Emitter, *, is_brief: bool = False) -> list[Measure]:
    """Measure reciprocity and, unless brief, assortativities, directed clustering, triads and directed distances."""
    graph, plan = emit.graph, emit.plan
    source, target, n = graph.source, graph.target, graph.n_nodes
    draws = replace(plan.draws, triangles=0, dear=0) if is_brief else plan.draws
    drawn = null_draws(source, target, n, draws, plan.seed, graph.name, is_directed=True, run=graph.run)
    cheap = directed_cheap(source, target, n)
    left = without_each_group(source, target, graph.group, directed_cheap)
    intervals = _jackknifed(cheap, left, plan, lowest=-1.0)
    weighted = weighted_reciprocity(source, target, graph.weight, n)
    found = []
    for name, value in cheap.items():
        interval = intervals[name]
        if interval.low is not None and name in ("reciprocity", "dyad_reciprocity"):
            interval = replace(interval, low=max(interval.low, 0.0))
        null = set_against(value, drawn[name], swaps_model(graph.run))
        found.append(emit(name, value, graph.n_ties, "ties", interval=interval, null=null))
    found.append(emit("reciprocity_weighted", weighted, int(graph.weight.sum()), "events", interval=CENSUS))
    if is_brief:
        return [made for made in found if made.measure_id.endswith("reciprocity")]
    return [*found, *_triads(emit, drawn), *_directed_distances(emit, drawn)]


def _triads(emit: Emitter, drawn: Mapping[str, FloatArray]) -> list[Measure]:
    """Triads, and what walks along ties find: clustering, PageRank, hubs and authorities."""
    graph, n, found = emit.graph, emit.graph.n_nodes, []
    unsettled = [] if hits(graph.source, graph.target, n).is_settled else ["not_converged"]
    for name, value in directed_triangles(graph.source, graph.target, n).items():
        n_unit = (n * (n - 1) * (n - 2) // 6, "triads") if name.startswith("triad_") else (n, "agents")
        words = unsettled if name.startswith("hits_") else []
        found.append(
            emit(name, value, *n_unit, null=set_against(value, drawn[name], swaps_model(graph.run)), words=words)
        )
    return found


def _directed_distances(emit: Emitter, drawn: Mapping[str, FloatArray]) -> list[Measure]:
    graph, plan = emit.graph, emit.plan
    arcs = largest_component(graph.source, graph.target, graph.n_nodes)
    reach = distances(*arcs, stream(plan.seed, f"path_length_directed_{graph.name}"))
    null = set_against(reach.mean, drawn["path_length_directed"], swaps_model(graph.run))
    words = [] if reach.is_exact else ["sampled_sources"]
    return [
        emit(
            "path_length_directed", reach.mean, reach.nodes, "agents", interval=reach.interval(plan.level), null=null,
            words=words,
        ),
        emit("diameter_directed", reach.longest, reach.nodes, "agents", interval=CENSUS, words=words),
    ]  # fmt: skip


def _undirected(emit: Emitter, u: IntArray, v: IntArray) -> list[Measure]:
    """Measure what does not ask for direction: clustering, cores, communities, distances."""
    graph, plan, n = emit.graph, emit.plan, emit.graph.n_nodes
    drawn = null_draws(u, v, n, plan.draws, plan.seed, graph.name, is_directed=False, run=graph.run)
    values = {**undirected_cheap(u, v, n), **undirected_triangles(u, v, n)}
    found = []
    for name, value in values.items():
        n_unit = (len(u), "ties") if name == "degree_assortativity" else (n, "agents")
        found.append(emit(name, value, *n_unit, null=set_against(value, drawn[name], swaps_model(graph.run))))
    core = core_periphery(u, v, n)
    found.append(emit("core_node_share", core.size / n, n, "agents", interval=CENSUS))
    return [*found, *_communities(emit, u, v, drawn), *_distances(emit, u, v, drawn)]


def _communities(emit: Emitter, u: IntArray, v: IntArray, drawn: Mapping[str, FloatArray]) -> list[Measure]:
    graph, plan, n = emit.graph, emit.plan, emit.graph.n_nodes
    labels = louvain(u, v, None, n, stream(plan.seed, f"louvain_{graph.name}"))
    quality = np.array([modularity(u, v, None, label) for label in labels])
    number = np.array([len(np.unique(label)) for label in labels], dtype=np.float64)
    rand, shared = agreement(labels)
    return [
        emit(
            "louvain_modularity",
            float(quality.mean()),
            n,
            "agents",
            interval=over_seeds(quality, plan.level),
            null=set_against(float(quality.mean()), drawn["louvain_modularity"], swaps_model(graph.run)),
        ),
        emit(
            "louvain_communities",
            float(np.median(number)),
            len(labels),
            "seeds",
            interval=over_seeds(number, plan.level),
            is_discrete=True,
        ),
        *(
            emit(
                f"louvain_agreement_{name}",
                float(index.mean()),
                len(index),
                "pairs of seeds",
                interval=over_seeds(index, plan.level),
            )
            for name, index in (("ari", rand), ("nmi", shared))
        ),
    ]


def over_seeds(values: FloatArray, level: float) -> Interval:
    """Return the middle part of values over seeds: how far chance in the method moves them, not sampling."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), "quantiles_of_seeds")


def _distances(emit: Emitter, u: IntArray, v: IntArray, drawn: Mapping[str, FloatArray]) -> list[Measure]:
    """Distances within the largest component, whatever the direction of ties."""
    graph, plan, n = emit.graph, emit.plan, emit.graph.n_nodes
    a, b, members = largest_component(u, v, n)
    arcs = np.concatenate([a, b]), np.concatenate([b, a])
    reach = distances(*arcs, members, stream(plan.seed, f"path_length_{graph.name}"))
    words = [] if reach.is_exact else ["sampled_sources"]
    share, mean = members / n, reach.mean
    return [
        emit(
            "largest_component_share",
            share,
            n,
            "agents",
            null=set_against(share, drawn["largest_component_share"], swaps_model(graph.run)),
        ),
        emit(
            "path_length",
            mean,
            members,
            "agents",
            interval=reach.interval(plan.level),
            null=set_against(mean, drawn["path_length"], swaps_model(graph.run)),
            words=words,
        ),
        emit("diameter", reach.longest, members, "agents", interval=CENSUS, words=words),
    ]
