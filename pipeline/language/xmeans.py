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


def bic(gram: Floats, labels: Ints, d: int) -> float:
    """Return the BIC of clusters as identical spherical Gaussians, larger is better; minus infinity without freedom.

    Parameters
    ----------
    gram
        Inner products of the vectors, shape (n, n).
    labels
        Shape (n,): codes from 0 without a gap, K of them.
    d
        Dimensions of the vectors.

    Notes
    -----
    ``Σ n_k ln(n_k/n) − (n d/2) ln(2π σ²) − (n − K) d/2 − (p/2) ln n`` with ``σ² = Σ|x − μ|²/(d(n − K))`` and
    ``p = K − 1 + K d + 1``: Pelleg & Moore (2000) with the variance per dimension, which they left out of the formula.
    """
    n, sizes = len(labels), np.bincount(labels)
    k = sizes.size
    if n <= k:
        return -np.inf
    _, lengths = _to_centres(gram, labels, sizes)
    variance = float(gram.trace() - sizes @ lengths) / (d * (n - k))
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
    labels, gram = np.zeros(len(vectors), dtype=np.int64), vectors @ vectors.T
    tried: set[bytes] = set()
    while len(vectors):
        count = int(labels.max()) + 1
        split, parts = labels.copy(), count
        for cluster in range(count):
            members = np.flatnonzero(labels == cluster)
            if parts >= most or members.tobytes() in tried:
                continue
            tried.add(members.tobytes())
            halves = _halves(gram[members][:, members], vectors.shape[1])
            if halves is not None:
                split[members[halves == 1]] = parts
                parts += 1
        if parts == count:
            break
        labels = k_means(gram, split)
    return _in_order(labels)


def k_means(gram: Floats, labels: Ints, moves: int = MOST_MOVES) -> Ints:
    """Return labels after moving the centres of clusters until no label changes; empty clusters are dropped.

    Parameters
    ----------
    gram
        Inner products of the vectors, shape (n, n): a centre is a mean of vectors, so that no more is needed.
    labels
        Where each vector begins, codes from 0 without a gap, shape (n,).
    moves
        Rounds at most.
    """
    for _ in range(moves):
        products, lengths = _to_centres(gram, labels, np.bincount(labels))
        nearest = np.argmin(lengths - 2 * products, axis=1)
        if (nearest == labels).all():
            break
        kept = np.bincount(nearest, minlength=lengths.size) > 0
        labels = nearest if kept.all() else (np.cumsum(kept) - 1)[nearest]
    return labels


def _to_centres(gram: Floats, labels: Ints, sizes: Ints) -> tuple[Floats, Floats]:
    """Return the inner product of each vector with each centre, shape (n, K), and the squared length of centres."""
    is_member = labels[:, None] == np.arange(sizes.size)
    products = (gram @ is_member.astype(np.float64)) / sizes
    return products, np.where(is_member, products, 0.0).sum(axis=0) / sizes


def _halves(gram: Floats, d: int) -> Ints | None:
    """Return the labels of the split in two when its BIC is larger than that of one cluster."""
    if len(gram) < _SPLITTABLE:
        return None
    mean = gram.mean(axis=0)
    spread = gram - mean - mean[:, None] + mean.mean()
    # The axis is a sum of the vectors less their mean; `along` holds the inner product of each of them with it.
    along = spread[np.argmax(spread.diagonal())]
    for _ in range(_POWER_STEPS):
        moved = spread @ along
        square = float(along @ moved)
        if not square > 0:
            return None
        along = moved / np.sqrt(square)
    # Both ends are as far from the mean, so that a vector is nearer to the one on its side.
    labels = k_means(spread, (along > 0).astype(np.int64), MOST_MOVES - 1)
    if labels.max() == 0 or bic(spread, labels, d) <= bic(spread, np.zeros_like(labels), d):
        return None
    return labels


def _in_order(labels: Ints) -> Ints:
    _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[codes], dtype=np.int64)
