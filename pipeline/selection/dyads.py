"""Covariances for rows that are ordered pairs of agents: sandwiches by ego, by ego and alter, and by all shared agents.

What belongs here: meats, small-sample factors, tests. Estimators bring scores of their rows and a bread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.signedinteger[Any]]

COVARIANCES = ("model", "ego", "two_way", "dyadic")
"""Independent rows; rows of an ego together; rows that share the ego or share the alter (Cameron, Gelbach & Miller
2011); rows that share any agent in any place (Aronow, Samii & Assenova 2015)."""


@dataclass(frozen=True, slots=True)
class Covariance:
    """A covariance of coefficients.

    Attributes
    ----------
    matrix
        Shape (p, p).
    n_clusters
        Clusters it rests on: egos; the fewer of egos and alters; agents. None for the model's.
    is_positive
        False when a variance is not above zero, which multiway sandwiches of few clusters can be: no number then.
    """

    matrix: FloatArray
    n_clusters: int | None
    is_positive: bool

    @property
    def df(self) -> float | None:
        """Degrees of freedom of t tests: clusters less one; None (normal) for the model's."""
        return None if self.n_clusters is None else float(max(self.n_clusters - 1, 1))


def sandwich(bread: FloatArray, scores: FloatArray, ego: IntArray, alter: IntArray, kind: str) -> Covariance:
    """Return a covariance of `COVARIANCES` from scores of rows.

    Parameters
    ----------
    bread
        Inverse of the information, shape (p, p).
    scores
        Derivative of the log-likelihood of each row, shape (rows, p).
    ego, alter
        Node numbers of each row, shape (rows,); ego ≠ alter.
    kind
        Of `COVARIANCES`.

    Notes
    -----
    The dyadic meat is Σ_c S_c S_c' − Σ_d S_d S_d', S_c the sum of the rows that touch agent c as ego or alter, S_d that
    of the rows of an unordered pair: each two rows that share an agent count once. All sandwiches carry G / (G − 1), G
    the number of clusters (of the fewer, two-way), and are tested on t with G − 1 degrees of freedom.
    """
    if kind == "model":
        return Covariance(bread, None, bool((np.diag(bread) > 0).all()))
    meat, n_clusters = _meat(scores, ego, alter, kind)
    matrix = bread @ (meat * n_clusters / max(n_clusters - 1, 1)) @ bread
    return Covariance(matrix, n_clusters, bool((np.diag(matrix) > 0).all()))


def _meat(scores: FloatArray, ego: IntArray, alter: IntArray, kind: str) -> tuple[FloatArray, int]:
    nodes = int(max(ego.max(initial=0), alter.max(initial=0))) + 1
    by_ego = _sums(scores, ego, nodes)
    n_egos = _distinct(ego, nodes)
    if kind == "ego":
        return by_ego.T @ by_ego, n_egos
    by_alter = _sums(scores, alter, nodes)
    if kind == "two_way":
        pairs = _pair_sums(scores, ego.astype(np.int64) * nodes + alter)
        meat = by_ego.T @ by_ego + by_alter.T @ by_alter - pairs.T @ pairs
        return meat, min(n_egos, _distinct(alter, nodes))
    if kind != "dyadic":
        raise ValueError(f"covariance {kind!r} is not one of {list(COVARIANCES)}")
    by_node = by_ego + by_alter
    low, high = np.minimum(ego, alter).astype(np.int64), np.maximum(ego, alter)
    dyads = _pair_sums(scores, low * nodes + high)
    return by_node.T @ by_node - dyads.T @ dyads, _distinct(np.concatenate([ego, alter]), nodes)


def _distinct(codes: IntArray, nodes: int) -> int:
    seen = np.zeros(nodes, dtype=np.bool_)
    seen[codes] = True
    return int(np.count_nonzero(seen))


def _sums(scores: FloatArray, codes: IntArray, n: int) -> FloatArray:
    return np.column_stack([np.bincount(codes, weights=column, minlength=n) for column in scores.T])


def _pair_sums(scores: FloatArray, keys: NDArray[np.int64]) -> FloatArray:
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(keys) else np.zeros(0, dtype=np.int64)
    out: FloatArray = np.add.reduceat(scores[order], starts, axis=0) if len(keys) else scores[:0]
    return out
