"""Coherent norm clusters: which clusters of a community's texts count, and how often chance gives one.

What belongs here: arrays in, counts out. Which texts are clustered is decided in `norm_sample`, what is reported in
`norms` and `norm_estimates`.

A cluster is a norm cluster when it holds at least `MIN_SIZE` texts, by at least `min_authors` authors, and is coherent:
the mean cosine of its texts to its centre is above the 99th percentile of that of as many texts drawn at random from
the whole corpus. Any clustering gathers what is alike, so that alone is little: the null deals the texts out to the
communities anew, keeps their sizes, and clusters them by the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.language.similarity import Floats, Ints, group_sums
from pipeline.language.xmeans import x_means

MIN_SIZE = 5
"""Texts of the smallest cluster that counts."""
QUANTILE, RANDOM_SETS = 0.99, 1000  # a random set is grown: one order of texts gives a set of every size
HDBSCAN_SAMPLES = 5
Labels: TypeAlias = Callable[[Floats], Ints]


def hdbscan(vectors: Floats) -> Ints:
    """Return the clusters of HDBSCAN (Campello, Moulavi & Sander 2013) with at least `MIN_SIZE` texts; −1 is noise."""
    from sklearn.cluster import HDBSCAN

    if len(vectors) < MIN_SIZE:
        return np.full(len(vectors), -1, dtype=np.int64)
    # One cluster may be all there is: a community with a single norm.
    model = HDBSCAN(
        min_cluster_size=MIN_SIZE, min_samples=min(HDBSCAN_SAMPLES, len(vectors)), allow_single_cluster=True, copy=True
    )
    return np.asarray(model.fit_predict(vectors), dtype=np.int64)


ALGORITHMS: Mapping[str, Labels] = {"x_means": x_means, "hdbscan": hdbscan}


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of communities, ordered by community.

    Attributes
    ----------
    vectors
        Shape (n, d), unit length.
    authors
        Shape (n,): codes.
    sizes
        Shape (communities,): texts of each, which stand together in the order of the communities.
    """

    vectors: Floats
    authors: Ints
    sizes: Ints

    def dealt(self, order: Ints) -> Texts:
        """Return the same texts in another order, so that communities of the same sizes hold other texts."""
        return Texts(self.vectors[order], self.authors[order], self.sizes)


@dataclass(frozen=True, slots=True)
class Clusters:
    """Clusters of at least `MIN_SIZE` texts; arrays of shape (clusters,).

    Attributes
    ----------
    community
        Place of the community.
    size, authors
        Texts, and authors of them.
    coherence
        Mean cosine of the texts to the centre of the cluster: |S|/n of unit vectors.
    """

    community: Ints
    size: Ints
    authors: Ints
    coherence: Floats


def find_clusters(texts: Texts, algorithm: str) -> Clusters:
    """Cluster the texts of each community.

    Parameters
    ----------
    texts
        The texts.
    algorithm
        One of `ALGORITHMS`.
    """
    label = ALGORITHMS[algorithm]
    ends = np.cumsum(texts.sizes)
    parts: list[tuple[int, int, int, float]] = []
    for community, (end, size) in enumerate(zip(ends.tolist(), texts.sizes.tolist(), strict=True)):
        vectors, authors = texts.vectors[end - size : end], texts.authors[end - size : end]
        labels = label(vectors)
        kept, codes = np.unique(labels, return_inverse=True)
        lengths = np.sqrt(np.square(group_sums(vectors, codes.astype(np.int64))).sum(axis=1))
        counts = np.bincount(codes)
        for code in np.flatnonzero((counts >= MIN_SIZE) & (kept >= 0)).tolist():
            writers = np.unique(authors[codes == code]).size
            parts.append((community, int(counts[code]), int(writers), float(lengths[code] / counts[code])))
    columns = list(zip(*parts, strict=True)) or [(), (), (), ()]
    whole = [np.array(column, dtype=np.int64) for column in columns[:3]]
    return Clusters(whole[0], whole[1], whole[2], np.array(columns[3], dtype=np.float64))


def random_thresholds(vectors: Floats, largest: int, rng: np.random.Generator) -> Floats:
    """Return the coherence that one random set in a hundred exceeds, by size of the set, shape (largest + 1,).

    Parameters
    ----------
    vectors
        Texts to draw from, shape (n, d); a set holds no text twice.
    largest
        Size of the largest set.
    rng
        Generator.
    """
    sizes = np.arange(1, min(largest, len(vectors)) + 1)
    drawn = np.zeros((RANDOM_SETS, sizes.size))
    for at in range(RANDOM_SETS):
        path = np.cumsum(vectors[rng.choice(len(vectors), sizes.size, replace=False)], axis=0)
        drawn[at] = np.sqrt(np.square(path).sum(axis=1)) / sizes
    out = np.full(largest + 1, np.nan)
    out[sizes] = np.quantile(drawn, QUANTILE, axis=0)
    return out


def is_coherent(
    clusters: Clusters, thresholds: Floats, *, min_authors: int = 2, least: float | None = None
) -> NDArray[np.bool_]:
    """Tell which clusters are norm clusters, shape (clusters,).

    Parameters
    ----------
    clusters
        The clusters.
    thresholds
        As `random_thresholds` gives them.
    min_authors
        Authors that a norm needs.
    least
        A coherence to exceed whatever the corpus, instead of `thresholds`.
    """
    bound = thresholds[clusters.size] if least is None else np.full(clusters.size.size, least)
    return np.asarray((clusters.coherence > bound) & (clusters.authors >= min_authors))


def dealt_orders(count: int, draws: int, rng: np.random.Generator) -> list[Ints]:
    """Return random orders of the texts: each deals them out to communities of the same sizes."""
    return [rng.permutation(count).astype(np.int64) for _ in range(draws)]
