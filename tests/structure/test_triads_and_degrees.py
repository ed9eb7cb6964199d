"""Structural statistics against networkx, scipy, scikit-learn and powerlaw, and against brute force on small graphs."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import numpy as np
import powerlaw
import pytest
from scipy import special, stats
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from pipeline.network.edges import directed_ties, undirected_ties
from pipeline.structure import communities, degrees, label_rows, network_rows, paths, prominence, tails, triads
from pipeline.structure.emitter import Plan

EXACT = 1e-12  # both sides divide integers once or twice
SUMMED = 1e-9  # the other side accumulates floats in its own order
ITERATED = 1e-7  # hubs and authorities are approached by the ratio of two eigenvalues
NODES = 70


def random_ties(seed, nodes=NODES, ties=350):
    """Return distinct directed ties with hubs and answers."""
    rng = np.random.default_rng(seed)
    skew = rng.zipf(1.7, size=(2, ties)) % nodes
    uniform = rng.integers(0, nodes, size=(2, ties // 2))
    source, target = np.concatenate([skew, uniform, uniform[::-1, : ties // 6]], axis=1).astype(np.int64)
    return directed_ties(source, target, nodes)


def graphs(seed):
    """Return ties and both graphs of networkx, with isolated nodes."""
    source, target = random_ties(seed)
    directed = nx.DiGraph()
    directed.add_nodes_from(range(NODES))
    directed.add_edges_from(zip(source.tolist(), target.tolist(), strict=True))
    return source, target, directed, nx.Graph(directed)


@pytest.mark.parametrize("seed", range(4))
def test_triads_and_directed_clustering_equal_networkx(seed):
    source, target, directed, _ = graphs(seed)
    pairs = triads.dyads(source, target, NODES)
    listed = triads.list_triangles(pairs, NODES)
    assert triads.triad_census(pairs, NODES, listed) == nx.triadic_census(directed)
    clustering = triads.directed_clustering(pairs, NODES, listed)
    assert clustering == pytest.approx(nx.average_clustering(directed), abs=SUMMED)


def test_a_census_of_nothing():
    none = np.zeros(0, dtype=np.int64)
    pairs = triads.dyads(none, none, 4)
    assert triads.triad_census(pairs, 4, triads.list_triangles(pairs, 4)) == nx.triadic_census(
        nx.empty_graph(4, nx.DiGraph)
    )
    assert math.isnan(triads.directed_clustering(pairs, 0, triads.list_triangles(pairs, 0)))


@pytest.mark.parametrize("seed", range(3))
def test_degrees_equal_networkx(seed):
    source, target, directed, graph = graphs(seed)
    u, v = undirected_ties(source, target, NODES)
    forms = degrees.directed_assortativity(source, target, NODES)
    for form, value in forms.items():
        ego, alter = form.split("_")
        expected = nx.degree_pearson_correlation_coefficient(directed, x=ego, y=alter)
        assert value == pytest.approx(expected, abs=SUMMED)
        assert value == pytest.approx(nx.degree_assortativity_coefficient(directed, x=ego, y=alter), abs=SUMMED)
    expected_cores = nx.core_number(graph)
    assert degrees.core_numbers(u, v, NODES).tolist() == [expected_cores[node] for node in range(NODES)]
    degree = np.array([graph.degree(node) for node in range(NODES)])
    threshold = sorted(degree, reverse=True)[int(0.1 * NODES)]
    rich = nx.rich_club_coefficient(graph, normalized=False)[threshold]
    assert degrees.rich_club(u, v, NODES, 0.1) == pytest.approx(rich, abs=EXACT)
    star = nx.star_graph(NODES - 1)
    spread = sum(max(d for _, d in star.degree) - d for _, d in star.degree)
    assert degrees.centralisation(np.array([d for _, d in star.degree]), is_directed=False) == pytest.approx(
        1, abs=EXACT
    )
    expected = sum(degree.max() - degree) / spread
    assert degrees.centralisation(degree, is_directed=False) == pytest.approx(expected, abs=EXACT)
    into = np.array([d for _, d in directed.in_degree()])
    hub = nx.reverse(nx.DiGraph([(0, k) for k in range(1, NODES)]))
    full = sum(NODES - 1 - d for _, d in hub.in_degree())
    assert degrees.centralisation(into, is_directed=True) == pytest.approx(sum(into.max() - into) / full, abs=EXACT)


def test_core_is_the_best_of_all_subsets():
    """Lip's rule against every subset of nine nodes; the correlation against numpy on the pairs that count."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        u, v = undirected_ties(*rng.integers(0, 9, size=(2, 18)), 9)
        tied = {frozenset(tie) for tie in zip(u.tolist(), v.tolist(), strict=True)}
        pairs = [frozenset(pair) for pair in itertools.combinations(range(9), 2)]

        def penalty(core, tied=tied, pairs=pairs):
            untied = sum(pair <= core and pair not in tied for pair in pairs)
            return untied + sum(not pair & core and pair in tied for pair in pairs)

        best = min(penalty(frozenset(c)) for k in range(10) for c in itertools.combinations(range(9), k))
        found = degrees.core_periphery(u, v, 9)
        degree = np.bincount(np.concatenate([u, v]), minlength=9)
        core = frozenset(np.lexsort((np.arange(9), -degree))[: found.size].tolist())
        assert penalty(core) == best
        counted = [pair for pair in pairs if pair <= core or not pair & core]
        table = np.array([[pair in tied, pair <= core] for pair in counted], dtype=float)
        if table.std(axis=0).all():
            assert found.correlation == pytest.approx(np.corrcoef(table.T)[0, 1], abs=SUMMED)


def test_reciprocity_by_weight_and_beyond_density():
    source, target = np.array([0, 1, 1, 2]), np.array([1, 0, 2, 0])
    weight = np.array([5, 2, 3, 4])
    matrix = np.zeros((3, 3))
    matrix[source, target] = weight
    expected = np.minimum(matrix, matrix.T).sum() / matrix.sum()
    assert degrees.weighted_reciprocity(source, target, weight, 3) == pytest.approx(expected, abs=EXACT)
    # ρ is the correlation of the matrix with its transpose off the diagonal (Garlaschelli & Loffredo 2004, eq. 2).
    tied, apart = matrix > 0, ~np.eye(3, dtype=bool)
    rho = np.corrcoef(tied[apart], tied.T[apart])[0, 1]
    assert degrees.garlaschelli_loffredo(0.5, 4 / 6) == pytest.approx(rho, abs=EXACT)


def test_concentration():
    held = np.array([0, 1, 1, 2, 16])
    assert degrees.top_share(held, 0.2) == pytest.approx(16 / 20)
    assert degrees.top_share(held, 0.01) == pytest.approx(16 / 20)  # at least one unit
    assert degrees.evenness(held) == pytest.approx(stats.entropy(held) / math.log(5), abs=SUMMED)
    assert degrees.evenness(np.full(7, 3)) == pytest.approx(1, abs=SUMMED)
    assert math.isnan(degrees.top_share(np.zeros(3, dtype=int), 0.5))


@pytest.mark.parametrize("seed", range(3))
def test_distances_equal_networkx(seed, monkeypatch):
    monkeypatch.setattr(paths, "_AT_ONCE", 1)  # 64 sources at a time: several chunks
    source, target, directed, graph = graphs(seed)
    a, b, members = paths.largest_component(source, target, NODES)
    expected = graph.subgraph(max(nx.connected_components(graph), key=len))
    assert members == len(expected)
    rng = np.random.default_rng(0)
    found = paths.distances(np.concatenate([a, b]), np.concatenate([b, a]), members, rng)
    assert found.is_exact
    assert found.mean == pytest.approx(nx.average_shortest_path_length(expected), abs=EXACT)
    assert found.longest == nx.diameter(expected)
    along = paths.distances(a, b, members, rng)
    lengths = [d for _, to in nx.all_pairs_shortest_path_length(directed.subgraph(expected)) for d in to.values() if d]
    assert along.mean == pytest.approx(np.mean(lengths), abs=EXACT)
    assert along.longest == max(lengths)


def test_sampled_distances_cover_the_exact_mean():
    """95 % intervals from a quarter of the sources: 88 or more of 100 must hold the mean (p < .002 otherwise)."""
    source, target = random_ties(5, nodes=200, ties=900)
    a, b, members = paths.largest_component(source, target, 200)
    arcs = np.concatenate([a, b]), np.concatenate([b, a])
    exact = paths.distances(*arcs, members, np.random.default_rng(0)).mean
    covered = 0
    for seed in range(100):
        interval = paths.distances(*arcs, members, np.random.default_rng(seed), sources=50).interval(0.95)
        covered += interval.low <= exact <= interval.high
    assert covered >= 88


def test_modularity_and_assortativity_of_partitions_equal_networkx():
    source, target, _, graph = graphs(1)
    u, v = undirected_ties(source, target, NODES)
    rng = np.random.default_rng(3)
    label = rng.integers(0, 5, size=NODES)
    weight = rng.integers(1, 9, size=len(u))
    for a, b, w in zip(u.tolist(), v.tolist(), weight.tolist(), strict=True):
        graph[a][b]["weight"] = w
    groups = [set(np.flatnonzero(label == k).tolist()) for k in range(5)]
    assert communities.modularity(u, v, weight, label) == pytest.approx(
        nx.community.modularity(graph, groups), abs=SUMMED
    )
    plain = nx.community.modularity(graph, groups, weight=None)
    assert communities.modularity(u, v, None, label) == pytest.approx(plain, abs=SUMMED)
    nx.set_node_attributes(graph, dict(enumerate(label.tolist())), "label")
    expected = nx.attribute_assortativity_coefficient(graph, "label")
    assert communities.category_assortativity(u, v, None, label) == pytest.approx(expected, abs=SUMMED)


def test_louvain_finds_planted_communities_as_networkx_does():
    graph = nx.planted_partition_graph(6, 25, 0.4, 0.02, seed=4)
    u, v = (np.array(ends) for ends in zip(*graph.edges, strict=True))
    labels = communities.louvain(u, v, None, 150, np.random.default_rng(0))
    again = communities.louvain(u, v, None, 150, np.random.default_rng(0))
    assert (labels == again).all()
    best = max(communities.modularity(u, v, None, label) for label in labels)
    theirs = nx.community.modularity(graph, nx.community.louvain_communities(graph, seed=1))
    assert best == pytest.approx(theirs, abs=0.005)  # two heuristics for one maximum
    rand, shared = communities.agreement(labels)
    assert len(rand) == 190
    assert rand.mean() > 0.9
    assert shared.mean() > 0.9
    for place, (a, b) in enumerate(itertools.combinations(range(4), 2)):
        few = communities.agreement(labels[:4])
        assert few[0][place] == pytest.approx(adjusted_rand_score(labels[a], labels[b]), abs=SUMMED)
        assert few[1][place] == pytest.approx(normalized_mutual_info_score(labels[a], labels[b]), abs=SUMMED)
    planted = np.repeat(np.arange(6), 25)
    assert communities.agreement(np.stack([labels[0], planted]))[0][0] > 0.9


def test_seeds_disagree_where_there_are_no_communities():
    graph = nx.gnm_random_graph(200, 800, seed=2)
    u, v = (np.array(ends) for ends in zip(*graph.edges, strict=True))
    rand, _ = communities.agreement(communities.louvain(u, v, None, 200, np.random.default_rng(0)))
    assert rand.mean() < 0.6


def test_tails_equal_powerlaw():
    """Exponent, cut-off and rivals are powerlaw's own; nothing may change them on the way."""
    counts = np.minimum(np.random.default_rng(0).zipf(1.9, 300), 60)
    found = tails.fit(counts)
    theirs = powerlaw.Fit(counts, discrete=True, estimate_discrete=True, verbose=0)
    assert (found.alpha, found.xmin) == (theirs.alpha, theirs.xmin)
    for name in ("lognormal", "exponential"):
        ratio, p = theirs.distribution_compare("power_law", name, normalized_ratio=True)
        assert (getattr(found, name).ratio, getattr(found, name).p_value) == (ratio, p)
    assert tails.fit(np.array([3, 3, 3])) is None
    assert tails.fit(counts, xmin=5).xmin == 5


def test_the_ratio_that_is_not_normalised_equals_powerlaw():
    """It is powerlaw's own number; over its spread it is the normalised one, which gives the spread of its null."""
    counts = np.minimum(np.random.default_rng(0).zipf(1.9, 300), 60)
    theirs = powerlaw.Fit(counts, discrete=True, estimate_discrete=True, verbose=0)
    total, p = theirs.distribution_compare("power_law", "lognormal", normalized_ratio=False)
    tail, ours = tails.lognormal_total(np.append(counts, 0))
    assert ours == total
    found = label_rows.dislike_row(counts, Plan(seed=1))
    assert (found.value, found.p_value, found.n) == (total, p, tail.n_tail)
    assert found.null_sd == pytest.approx(total / tail.lognormal.ratio, rel=EXACT)
    assert tails.lognormal_total(np.array([3, 3, 3])) is None
    assert label_rows.dislike_row(np.array([3, 3, 3]), Plan(seed=1)).warnings == "few_agents"


def test_the_spread_of_degrees_is_that_of_r():
    """By hand, as R's sd, quantile (type 7) and table say."""
    found = network_rows._spread(np.array([1, 1, 2, 2, 6]))
    assert found == pytest.approx(
        {"degree_sd": math.sqrt(4.3), "degree_mode": 1, "degree_min": 1, "degree_q1": 1, "degree_median": 2,
         "degree_q3": 2, "degree_max": 6}, abs=EXACT)  # fmt: skip


def test_the_sum_of_a_cut_off_law_joins_its_integral():
    """Without a cut-off to speak of it is Hurwitz' zeta function; with a strong one a sum of few terms."""
    for alpha in (1.5, 2.5):
        slow = tails._log_sum(alpha, 1e-9, 3)
        # Beyond x = 1/λ the cut-off takes away λ^(α − 1) of the sum: 1e-4.5 at most here.
        assert slow == pytest.approx(math.log(special.zeta(alpha, 3)), abs=2e-4 if alpha < 2 else 1e-8)
    x = np.arange(4, 2000)
    assert tails._log_sum(1.7, 0.05, 4) == pytest.approx(math.log((x**-1.7 * np.exp(-0.05 * x)).sum()), abs=SUMMED)


@pytest.mark.slow
def test_the_cut_off_equals_powerlaw():
    """powerlaw asks mpmath for every term, which takes most of a minute; its optimiser stops at its own tolerance."""
    counts = np.minimum(np.random.default_rng(0).zipf(1.9, 300), 60)
    theirs = powerlaw.Fit(counts, discrete=True, estimate_discrete=True, verbose=0)
    _, p = theirs.distribution_compare("power_law", "truncated_power_law", nested=True)
    assert tails.fit(counts).truncated.p_value == pytest.approx(p, rel=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_pagerank_hubs_and_authorities_equal_networkx(seed):
    source, target, directed, _ = graphs(seed)
    rank = nx.pagerank(directed, tol=1e-13, max_iter=1000)
    assert prominence.pagerank(source, target, NODES).tolist() == pytest.approx(list(rank.values()), abs=SUMMED)
    hub, authority = nx.hits(directed, max_iter=1000, tol=1e-12)
    found = prominence.hits(source, target, NODES)
    assert found.is_settled
    assert found.hub.tolist() == pytest.approx(list(hub.values()), abs=ITERATED)
    assert found.authority.tolist() == pytest.approx(list(authority.values()), abs=ITERATED)
    values = prominence.prominence(source, target, NODES)
    assert values["pagerank_top1_share"] == pytest.approx(max(rank.values()), abs=SUMMED)
    assert values["hits_hub_top1_share"] == pytest.approx(max(hub.values()), abs=ITERATED)
    assert values["hits_authority_top1_share"] == pytest.approx(max(authority.values()), abs=ITERATED)
    held = np.array(list(rank.values()))
    unequal = np.abs(held[:, None] - held[None, :]).sum() / (2 * NODES**2 * held.mean())
    assert values["pagerank_gini"] == pytest.approx(unequal, abs=SUMMED)


def test_prominence_of_nothing_and_of_rivals_that_never_settle():
    none = np.zeros(0, dtype=np.int64)
    assert all(math.isnan(value) for value in prominence.prominence(none, none, 0).values())
    assert prominence.pagerank(none, none, 4).tolist() == [0.25] * 4
    sizes = (60, 61)  # two stars: what is left falls by 60/61 in each round, to 1e-12 in 1,670 of them
    source = np.concatenate([np.full(n, place) for place, n in enumerate(sizes)]).astype(np.int64)
    target = np.arange(2, 2 + sum(sizes), dtype=np.int64)
    found = prominence.hits(source, target, 2 + sum(sizes))
    assert not found.is_settled
    assert found.hub[1] > 0.99


def windows_of(rng, *, keep, active=60, windows=12):
    """Return ranked windows in which ten agents draw most replies: the same ones, or others each time."""
    ranked = []
    stars = np.arange(10)
    for _ in range(windows):
        stars = stars if keep else rng.choice(active, 10, replace=False)
        source = rng.integers(0, active, 600)
        target = np.where(rng.random(600) < 0.7, rng.choice(stars, 600), rng.integers(0, active, 600))
        ranked.append(prominence.ranked_window(*directed_ties(source, target, active)))
    return list(itertools.pairwise(ranked))


def test_prominent_agents_who_stay_are_told_from_those_who_change():
    """Where others are on top each time, 40 tests at 5 % reject 6 times or fewer with probability .997."""
    rng = np.random.default_rng(5)
    rejected = 0
    for _ in range(40):
        pairs = windows_of(rng, keep=False)
        value = sum(prominence.stayed(*pair)[0] for pair in pairs) / sum(prominence.stayed(*pair)[1] for pair in pairs)
        null = network_rows.set_against(value, prominence.stayed_by_chance(pairs, 199, rng), "null")
        rejected += null.p_value <= 0.05
    assert rejected <= 6
    pairs = windows_of(rng, keep=True)
    kept, before = (sum(column) for column in zip(*(prominence.stayed(*pair) for pair in pairs), strict=True))
    assert kept / before > 0.95
    null = network_rows.set_against(kept / before, prominence.stayed_by_chance(pairs, 199, rng), "null")
    assert null.p_value == pytest.approx(1 / 200)
    assert null.mean == pytest.approx(10 / 60, abs=0.01)  # ten of sixty, all of whom are active
