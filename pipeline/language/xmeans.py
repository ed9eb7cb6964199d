"""X-means: k-means that finds the number of clusters by splitting while the BIC gains (Pelleg & Moore 2000).

What belongs here: arrays in, labels out, and nothing drawn at random. A cluster is tried as two by a local 2-means that
starts at both ends of its first principal axis; the split stays when the BIC of two clusters of identical spherical
Gaussians beats that of one. After a round of splits all centres move together by k-means, and so on until no split
stays or there are `MOST_CLUSTERS`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

MOST_CLUSTERS = 20
"""Largest number of clusters; 20 are labelled in the published figure (METHODS 2.2, inferred)."""
MOST_MOVES = 25
"""Rounds of a k-means; a round that changes no label is the last."""
_POWER_STEPS = 12  # of the principal axis: it only starts a 2-means
_SPLITTABLE = 4  # fewer vectors have no two clusters with a variance


def bic(vectors: Floats, labels: Ints) -> float:
    """Return the BIC of clusters as identical spherical Gaussians, larger is better; minus infinity without freedom.

    Parameters
    ----------
    vectors
        Shape (n, d).
    labels
        Shape (n,): codes from 0 without a gap, K of them.

    Notes
    -----
    ``Σ n_k ln(n_k/n) − (n d/2) ln(2π σ²) − (n − K) d/2 − (p/2) ln n`` with ``σ² = Σ|x − μ|²/(d(n − K))`` and
    ``p = K − 1 + K d + 1``: Pelleg & Moore (2000) with the variance per dimension, which they left out of the formula.
    """
    n, d = vectors.shape
    sizes = np.bincount(labels)
    k = sizes.size
    if n <= k:
        return -np.inf
    residual = vectors - _centres(vectors, labels, k)[labels]
    variance = float(np.square(residual).sum()) / (d * (n - k))
    if variance <= 1e-12:  # each cluster is copies of one vector: nothing is left to gain
        return np.inf
    likelihood = float((sizes * np.log(sizes / n)).sum()) - n * d / 2 * np.log(2 * np.pi * variance) - (n - k) * d / 2
    return float(likelihood - (k + k * d) / 2 * np.log(n))


def x_means(vectors: Floats, most: int = MOST_CLUSTERS) -> Ints:
    """Return the cluster of each vector, shape (n,), codes from 0 in the order of the first vector of a cluster.

    Parameters
    ----------
    vectors
        Shape (n, d).
    most
        Largest number of clusters.
    """
    labels = np.zeros(len(vectors), dtype=np.int64)
    tried: set[bytes] = set()
    while len(vectors):
        count = int(labels.max()) + 1
        split = labels.copy()
        for cluster in range(count):
            members = np.flatnonzero(labels == cluster)
            if int(split.max()) + 1 >= most or members.tobytes() in tried:
                continue
            tried.add(members.tobytes())
            halves = _halves(vectors[members])
            if halves is not None:
                split[members[halves == 1]] = int(split.max()) + 1
        if int(split.max()) + 1 == count:
            break
        labels = k_means(vectors, _centres(vectors, split, int(split.max()) + 1))
    return _in_order(labels)


def k_means(vectors: Floats, centres: Floats) -> Ints:
    """Return labels after moving centres until none changes, at most `MOST_MOVES` times; empty clusters are dropped."""
    labels = np.full(len(vectors), -1, dtype=np.int64)
    for _ in range(MOST_MOVES):
        nearest = np.argmin(np.square(centres).sum(axis=1) - 2 * (vectors @ centres.T), axis=1)
        if (nearest == labels).all():
            break
        labels = np.unique(nearest, return_inverse=True)[1].astype(np.int64)
        centres = _centres(vectors, labels, int(labels.max()) + 1)
    return labels


def _halves(vectors: Floats) -> Ints | None:
    """Return the labels of the split in two when its BIC is larger than that of one cluster."""
    if len(vectors) < _SPLITTABLE:
        return None
    centre = vectors.mean(axis=0)
    spread = vectors - centre
    axis = spread[np.argmax(np.square(spread).sum(axis=1))]
    for _ in range(_POWER_STEPS):
        axis = spread.T @ (spread @ axis)
        length = np.sqrt(axis @ axis)
        if length == 0:
            return None
        axis = axis / length
    reach = np.sqrt(np.square(spread @ axis).mean())
    labels = k_means(vectors, np.stack([centre - reach * axis, centre + reach * axis]))
    if labels.max() == 0 or bic(vectors, labels) <= bic(vectors, np.zeros_like(labels)):
        return None
    return labels


def _centres(vectors: Floats, labels: Ints, count: int) -> Floats:
    """Return the means of the clusters, added in the order of the vectors."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(count))
    sums = np.add.reduceat(vectors[order], starts, axis=0)
    return np.asarray(sums / np.bincount(labels, minlength=count)[:, None], dtype=np.float64)


def _in_order(labels: Ints) -> Ints:
    _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[codes], dtype=np.int64)
