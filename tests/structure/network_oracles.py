"""What networkx, scipy, scikit-learn and powerlaw say of a network: a number for each structural measure.

Each oracle is written from the definition, on graphs of networkx or matrices of scipy, and shares nothing with
`pipeline.structure` but the ties, and Louvain's partitions where what is asked is how they are judged.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import networkx as nx
import numpy as np
import powerlaw
from scipy import sparse, stats
from scipy.sparse import csgraph
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from pipeline.activity.resampling import stream
from pipeline.network.measures import MIN_TIES
from pipeline.structure.communities import louvain
from pipeline.structure.graphs import Graph

Named = Iterator[tuple[str, float]]
MICROSECOND = np.timedelta64(1, "us")
DAY = 86_400_000_000


def as_networkx(graph: Graph) -> tuple[nx.DiGraph, nx.Graph]:
    """Return the ties as graphs of networkx."""
    directed = nx.DiGraph(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    return directed, nx.Graph(directed)


def matrix(graph: Graph, *, weighted: bool = False) -> sparse.csr_array:
    """Return the ties as a matrix of scipy."""
    weight = graph.weight if weighted else np.ones(graph.n_ties)
    return sparse.csr_array((weight, (graph.source, graph.target)), shape=(graph.n_nodes, graph.n_nodes))


def _held(prefix: str, values: list[int]) -> Named:
    """How unequally a degree is held; Gini by all pairs, as it is defined."""
    held = np.array(values, dtype=float)
    pairs = sum(float(np.abs(held - one).sum()) for one in held)
    yield f"{prefix}_gini", pairs / (2 * len(held) ** 2 * held.mean())
    top = sorted(values, reverse=True)[: math.ceil(len(values) / 100)]
    yield f"{prefix}_top1_share", sum(top) / sum(values)
    yield f"{prefix}_evenness", stats.entropy(held) / math.log(len(values))


def degrees(directed: nx.DiGraph, graph: nx.Graph) -> Named:
    """Yield what is said of degrees."""
    degree = [d for _, d in graph.degree]
    said = stats.describe(degree)
    yield "degree_mean", said.mean
    yield "degree_sd", math.sqrt(said.variance)
    yield "degree_min", said.minmax[0]
    yield "degree_max", said.minmax[1]
    yield "degree_mode", stats.mode(degree).mode
    # R's default quantiles (type 7) are those of alphap = betap = 1.
    quartiles = stats.mstats.mquantiles(degree, [0.25, 0.5, 0.75], alphap=1, betap=1)
    yield from zip(("degree_q1", "degree_median", "degree_q3"), quartiles.tolist(), strict=True)
    n = len(degree)
    central = nx.degree_centrality(graph).values()
    yield "centralisation_degree", sum(max(central) - c for c in central) / (n - 2)
    sides = {"in_degree": nx.in_degree_centrality(directed), "out_degree": nx.out_degree_centrality(directed)}
    for side, found in sides.items():
        yield f"centralisation_{side}", sum(max(found.values()) - c for c in found.values()) / (n - 1)
    yield from _held("degree", degree)
    yield from _held("in_degree", [d for _, d in directed.in_degree])
    yield from _held("out_degree", [d for _, d in directed.out_degree])


def tails(directed: nx.DiGraph, graph: nx.Graph) -> Named:
    """Yield the tails of degrees; the rival with a cut-off is held in test_triads_and_degrees, on fewer values."""
    held = {"degree": graph.degree, "in_degree": directed.in_degree}
    for name, view in held.items():
        counts = np.array([d for _, d in view])
        fit = powerlaw.Fit(counts[counts > 0], discrete=True, estimate_discrete=True, verbose=0)
        yield f"{name}_tail_exponent", fit.alpha
        yield f"{name}_tail_xmin", fit.xmin
        for rival in ("lognormal", "exponential"):
            yield f"{name}_tail_{rival}_ratio", fit.distribution_compare("power_law", rival, normalized_ratio=True)[0]


def direction(found: Graph, directed: nx.DiGraph) -> Named:
    """Yield what asks for direction, but distances."""
    yield "network_nodes", directed.number_of_nodes()
    yield "network_ties", directed.number_of_edges()
    density, share = nx.density(directed), nx.overall_reciprocity(directed)
    yield "network_density", density
    yield "reciprocity", share
    both = sum(directed.has_edge(b, a) for a, b in directed.edges) // 2
    yield "dyad_reciprocity", both / (directed.number_of_edges() - both)
    yield "reciprocity_rho", (share - density) / (1 - density)
    weighted = matrix(found, weighted=True)
    yield "reciprocity_weighted", weighted.minimum(weighted.T).sum() / weighted.sum()
    for ego, alter in itertools.product(("out", "in"), repeat=2):
        value = nx.degree_pearson_correlation_coefficient(directed, x=ego, y=alter)
        yield f"degree_assortativity_{ego}_{alter}", value
    yield "clustering_directed", nx.average_clustering(directed)
    for name, count in nx.triadic_census(directed).items():
        yield f"triad_{name.lower()}", count
    yield from prominence(directed)


def prominence(directed: nx.DiGraph) -> Named:
    """Yield what the top agents hold of PageRank, hubs and authorities, and all differences of PageRank."""
    rank = nx.pagerank(directed, tol=1e-13, max_iter=1000)
    held = np.array(list(rank.values()))
    ordered = np.sort(held)
    yield "pagerank_gini", 2 * (ordered * np.arange(1, len(held) + 1)).sum() / len(held) - 1 - 1 / len(held)
    hub, authority = nx.hits(directed, max_iter=1000, tol=1e-12)
    top = -(-len(directed) // 100)
    found = {"pagerank": rank, "hits_authority": authority, "hits_hub": hub}
    yield from ((f"{name}_top1_share", sum(sorted(by.values())[-top:])) for name, by in found.items())


def top_ten(ties: set[tuple[int, int]]) -> set[int]:
    """Return the ten agents of the highest PageRank; those of equal scores by number."""
    rank = nx.pagerank(nx.DiGraph(list(ties)), tol=1e-13, max_iter=1000)
    return set(sorted(rank, key=lambda node: (-round(rank[node], 7), node))[:10])


def prominent(windows: list[set[tuple[int, int]]]) -> Named:
    """Yield the share of the top ten of each window that is in the top ten of the next."""
    tops = [top_ten(ties) if len(ties) >= MIN_TIES else None for ties in windows]
    both = [(len(a & b), len(a)) for a, b in itertools.pairwise(tops) if a and b]
    yield "pagerank_top_persistence", sum(stays for stays, _ in both) / sum(before for _, before in both)


def without_direction(graph: nx.Graph) -> Named:
    """Yield what does not ask for direction, but degrees, communities and distances."""
    yield "network_undirected_ties", graph.number_of_edges()
    yield "degree_assortativity", nx.degree_pearson_correlation_coefficient(graph)
    yield "transitivity", nx.transitivity(graph)
    yield "clustering_mean_local", nx.average_clustering(graph)
    cores = nx.core_number(graph)
    yield "core_number_max", max(cores.values())
    yield "core_innermost_share", sum(k == max(cores.values()) for k in cores.values()) / len(cores)
    yield "largest_component_share", len(max(nx.connected_components(graph), key=len)) / len(graph)
    degree = sorted(dict(graph.degree).values(), reverse=True)
    rich = nx.rich_club_coefficient(graph, normalized=False)
    if (least := degree[int(0.01 * len(degree))]) in rich:  # where fewer than two nodes have more there is none
        yield "rich_club_top1", rich[least]


def core(graph: nx.Graph) -> Named:
    """Yield the best core of Borgatti & Everett among those of the nodes of highest degree, by trying every size."""
    order = sorted(graph, key=lambda node: (-graph.degree[node], node))
    ties, held, penalties = graph.number_of_edges(), 0, []
    for k in range(len(order) + 1):
        penalties.append(k * (k - 1) // 2 + ties - held)  # untied inside plus tied outside
        held += graph.degree[order[k]] if k < len(order) else 0
    size = max(k for k, penalty in enumerate(penalties) if penalty == min(penalties))
    yield "core_node_share", size / len(order)
    inner, outer = graph.subgraph(order[:size]), graph.subgraph(order[size:])
    table = [
        (part.number_of_edges(), len(part) * (len(part) - 1) // 2 - part.number_of_edges()) for part in (inner, outer)
    ]
    # Of a table of two by two Cramér's V is the size of the correlation, which is positive here.
    yield "core_periphery_correlation", stats.contingency.association(np.array(table), method="cramer")


def communities(found: Graph, graph: nx.Graph, seed: int) -> Named:
    """Yield how networkx and scikit-learn judge our partitions."""
    labels = louvain(*found.undirected(), None, found.n_nodes, stream(seed, f"louvain_{found.name}"))
    runs = [[set(np.flatnonzero(label == k).tolist()) for k in np.unique(label)] for label in labels]
    yield "louvain_modularity", float(np.mean([nx.community.modularity(graph, run) for run in runs]))
    yield "louvain_communities", float(np.median([len(run) for run in runs]))
    pairs = list(itertools.combinations(labels, 2))
    yield "louvain_agreement_ari", float(np.mean([adjusted_rand_score(a, b) for a, b in pairs]))
    yield "louvain_agreement_nmi", float(np.mean([normalized_mutual_info_score(a, b) for a, b in pairs]))


def giant(found: Graph) -> sparse.csr_array:
    """Return the ties of the largest weakly connected component, nodes in their order."""
    links = matrix(found)
    _, label = csgraph.connected_components(links, directed=False)
    inside = np.flatnonzero(label == np.bincount(label).argmax())
    return links[inside][:, inside]


def lengths(links: sparse.csr_array, *, directed: bool, at_once: int = 256) -> Iterator[np.ndarray]:
    """Yield the finite distances from each node of a component to others, by scipy, some nodes at a time."""
    n = links.shape[0]
    for start in range(0, n, at_once):
        places = np.arange(start, min(start + at_once, n))
        found = csgraph.shortest_path(links, method="D", directed=directed, unweighted=True, indices=places)
        yield from (row[np.isfinite(row) & (row > 0)] for row in found)


def over_time(found: Graph, marks: int = 30) -> Named:
    """Yield growth by scipy's regression on cumulated snapshots, and the ties that neighbouring days share, as sets."""
    start = dict(zip(zip(found.source.tolist(), found.target.tolist(), strict=True), found.start.tolist(), strict=True))
    arrival: dict[int, int] = {}
    for (a, b), at in start.items():
        for node in (a, b):
            arrival[node] = min(at, arrival.get(node, at))
    times = np.array(sorted(start.values()))
    snapshots = set()
    for mark in np.linspace(times.min(), times.max(), marks + 1)[1:]:
        nodes, ties = sum(at <= mark for at in arrival.values()), int((times <= mark).sum())
        snapshots.add((nodes, ties))
    x, y = np.log(np.array(sorted(snapshots))).T
    yield "densification_exponent", stats.linregress(x, y).slope
    spells = found.spells
    first = -(-int(spells.start.min()) // DAY)  # whole days only
    last = int(spells.start.max() + 1) // DAY
    days: list[set[tuple[int, int]]] = [set() for _ in range(first, last)]
    for a, b, at in zip(spells.source.tolist(), spells.target.tolist(), (spells.start // DAY).tolist(), strict=True):
        if first <= at < last:
            days[at - first].add((a, b))
    both = [(len(a & b), len(a | b)) for a, b in itertools.pairwise(days)]
    yield "tie_persistence", sum(shared for shared, _ in both) / sum(joint for _, joint in both)
    yield from prominent(days)
