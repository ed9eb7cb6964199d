"""Conditional logit: which of the members of a stratum is the case, given what they are like.

What belongs here: the likelihood, its maximum, and saying when there is none. What rows are is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.selection.dyads import Covariance, sandwich

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.signedinteger[Any]]
BoolArray = NDArray[np.bool_]

MAX_ITERATIONS = 50
TOLERANCE = 1e-12
"""On the Newton decrement g'H^-1 g, in units of log-likelihood: the estimate is then exact to about 1e-6 SE."""
SINGULAR = 1e-10
"""Smallest over largest eigenvalue of the information of standardised terms below which terms cannot be told apart."""
COLLAPSED = 1e-7
"""Information at the maximum over that at zero, in its weakest direction, below which the maximum is at infinity."""
_BLOCK = 1 << 18  # rows taken at a time, so that no copy of all rows is made

SENTENCES = {
    "few_events": "No stratum holds a case and a non-case.",
    "no_variation": "Terms do not vary within strata: nothing tells cases from non-cases by them.",
    "singular_terms": "Terms add up to one another within strata; they cannot be told apart.",
    "separation": "Terms tell cases from non-cases without error; the estimate lies at infinity.",
    "not_converged": "The optimiser did not converge.",
}


@dataclass(frozen=True, slots=True)
class Strata:
    """Stacked rows, those of a stratum together.

    Attributes
    ----------
    x
        Terms, shape (rows, p), float64.
    start
        First row of each stratum, shape (strata,).
    case
        Whether a row was chosen, shape (rows,).
    offset
        Known part of the log odds, such as log(N_k / m_k) of stratified sampling of non-cases, shape (rows,), or None.
    """

    x: FloatArray
    start: NDArray[np.int64]
    case: BoolArray
    offset: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class ConditionalFit:
    """A maximum, or why there is none.

    Attributes
    ----------
    beta
        Coefficients, shape (p,), None when there are none.
    information
        Of the coefficients, shape (p, p).
    log_likelihood
        At the maximum.
    n_strata, n_cases, n_rows
        Strata with a case and a non-case, and their cases and rows; other strata tell nothing.
    terms
        Numbers of the terms that the warning is about.
    warning, sentence
        A word of the vocabulary and what it means here, None when there is a maximum.
    """

    beta: FloatArray | None
    information: FloatArray | None
    log_likelihood: float | None
    n_strata: int
    n_cases: int
    n_rows: int
    terms: tuple[int, ...] = ()
    warning: str | None = None
    sentence: str | None = None

    @property
    def bread(self) -> FloatArray:
        """Inverse of the information.

        Raises
        ------
        ValueError
            When there is no maximum.
        """
        if self.information is None:
            raise ValueError(f"no maximum, so no covariance: {self.sentence}")
        return np.asarray(np.linalg.inv(self.information), dtype=np.float64)


def strata_of(x: FloatArray, stratum: IntArray, case: BoolArray, offset: FloatArray | None = None) -> Strata:
    """Return strata from rows that carry the number of theirs, in order of it (rows of a stratum need not adjoin)."""
    order = np.argsort(stratum, kind="stable")
    codes = stratum[order]
    start = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]) if len(codes) else np.zeros(0, dtype=np.int64)
    return Strata(np.ascontiguousarray(x[order]), start, case[order], None if offset is None else offset[order])


def fit_conditional_logit(strata: Strata, start: FloatArray | None = None) -> ConditionalFit:
    """Maximise the conditional likelihood by Newton steps, halved while they go down.

    Parameters
    ----------
    strata
        Rows. A stratum with d cases counts as d choices, each from all of its rows (Breslow 1974); with one case per
        stratum that is the exact conditional logit (McFadden 1974). It is also the Poisson likelihood with an effect
        of each stratum, so that both have the same maximum.
    start
        Coefficients from which to search, zero by default.

    Returns
    -------
    ConditionalFit
        Without a number where no stratum tells anything (``few_events``), a term does not vary within strata
        (``no_variation``), terms cannot be told apart (``singular_terms``), the maximum lies at infinity
        (``separation``) or was not found (``not_converged``).
    """
    likelihood = _Likelihood.of(strata)
    n = (likelihood.n_strata, likelihood.n_cases, likelihood.n_rows)
    if likelihood.n_strata == 0:
        return _none("few_events", n)
    if flat := tuple(int(i) for i in np.flatnonzero(likelihood.scale <= 0)):
        return _none("no_variation", n, flat)
    p = strata.x.shape[1]
    beta = np.zeros(p)
    value, gradient, information = likelihood.at(beta)
    first = information
    eigen = np.linalg.eigvalsh(first)
    if not eigen[0] > SINGULAR * eigen[-1]:
        return _none("singular_terms", n, tuple(range(p)))
    if apart := likelihood.separated():
        return _none("separation", n, apart)
    if start is not None:
        beta = start * likelihood.scale
        value, gradient, information = likelihood.at(beta)
    for _ in range(MAX_ITERATIONS):
        if _weakest(information, first) < COLLAPSED:
            return _none("separation", n, tuple(range(p)))
        step = np.linalg.solve(information, gradient)
        if float(gradient @ step) < TOLERANCE:
            scale = likelihood.scale
            return ConditionalFit(beta / scale, information * np.outer(scale, scale), value, *n)
        size, floor = 1.0, value - 1e-9 - 1e-13 * abs(value)  # a fall within rounding of the sum is no fall
        proposed = likelihood.at(beta + step)
        while not proposed[0] >= floor and size > 1e-6:
            size /= 2
            proposed = likelihood.at(beta + size * step)
        beta = beta + size * step
        value, gradient, information = proposed
    return _none("not_converged", n, tuple(range(p)))


def row_scores(strata: Strata, beta: FloatArray) -> FloatArray:
    """Return the score of each row, (case − d p)(x − x̄), shape (rows, p).

    p is its probability in the stratum, d the cases of the stratum, x̄ its mean by p.
    """
    out = np.empty_like(strata.x)
    for rows, parts in _blocks(strata):
        probability, cases, local = _probabilities(strata, beta, rows, parts)
        x = strata.x[rows]
        mean = _folded(np.add, x * probability[:, None], local)
        sizes = np.diff(np.r_[local, len(x)])
        surprise = strata.case[rows] - probability * np.repeat(cases, sizes)
        out[rows] = surprise[:, None] * (x - np.repeat(mean, sizes, axis=0))
    return out


def covariance(
    strata: Strata, fit: ConditionalFit, ego: IntArray, alter: IntArray, kind: str, scores: FloatArray | None = None
) -> Covariance:
    """Return a covariance of `pipeline.selection.dyads.COVARIANCES` of a fit.

    Parameters
    ----------
    strata, fit
        What was fitted, with a maximum.
    ego, alter
        Node numbers of each row.
    kind
        Of `COVARIANCES`.
    scores
        As `row_scores` returns them, when they are at hand.
    """
    if fit.beta is None:
        raise ValueError(f"no maximum, so no covariance: {fit.sentence}")
    found = row_scores(strata, fit.beta) if scores is None and kind != "model" else scores
    return sandwich(fit.bread, strata.x[:0] if found is None else found, ego, alter, kind)


def _none(warning: str, n: tuple[int, int, int], terms: tuple[int, ...] = ()) -> ConditionalFit:
    return ConditionalFit(None, None, None, *n, terms, warning, SENTENCES[warning])


def _weakest(information: FloatArray, first: FloatArray) -> float:
    """Return the smallest ratio of v' I v to v' I_0 v over all directions v."""
    half = np.linalg.cholesky(first)
    inner = np.linalg.solve(half, np.linalg.solve(half, information).T)
    return float(np.linalg.eigvalsh((inner + inner.T) / 2)[0]) if np.isfinite(inner).all() else 0.0


def _blocks(strata: Strata) -> Iterator[tuple[slice, slice]]:
    """Yield runs of whole strata: their rows and their places among the strata."""
    n_rows, n_strata, first = len(strata.x), len(strata.start), 0
    ends = np.r_[strata.start[1:], n_rows]
    while first < n_strata:
        last = int(np.searchsorted(ends, strata.start[first] + _BLOCK, side="right"))
        last = min(max(last, first + 1), n_strata)
        yield slice(int(strata.start[first]), int(ends[last - 1])), slice(first, last)
        first = last


def _folded(operation: np.ufunc, values: FloatArray, local: NDArray[np.int64]) -> FloatArray:
    """Reduce the rows of each stratum, by reshaping where all have as many."""
    n, size = len(local), len(values) // max(len(local), 1)
    if n and len(values) == n * size and local[-1] == (n - 1) * size and (np.diff(local) == size).all():
        folded: FloatArray = operation.reduce(values.reshape(n, size, *values.shape[1:]), axis=1)
        return folded
    out: FloatArray = operation.reduceat(values, local, axis=0)
    return out


def _probabilities(
    strata: Strata, beta: FloatArray, rows: slice, parts: slice
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Return the probability of each row in its stratum, the cases of the strata, and where they start in the block."""
    local = strata.start[parts] - rows.start
    eta = strata.x[rows] @ beta
    if strata.offset is not None:
        eta = eta + strata.offset[rows]
    sizes = np.diff(np.r_[local, len(eta)])
    weight = np.exp(eta - np.repeat(_folded(np.maximum, eta, local), sizes))
    probability = weight / np.repeat(_folded(np.add, weight, local), sizes)
    cases = _folded(np.add, strata.case[rows].astype(np.float64), local)
    return probability, cases, local


@dataclass(frozen=True, slots=True)
class _Likelihood:
    """Log-likelihood, gradient and information in units of `scale`, over the strata that tell something."""

    strata: Strata
    scale: FloatArray
    n_strata: int
    n_cases: int
    n_rows: int

    @classmethod
    def of(cls, strata: Strata) -> _Likelihood:
        sizes = np.diff(np.r_[strata.start, len(strata.x)])
        none = np.zeros(0, dtype=np.int64)
        cases = np.add.reduceat(strata.case.astype(np.int64), strata.start) if len(strata.start) else none
        tells = (cases > 0) & (cases < sizes)
        if not tells.all():
            kept = np.repeat(tells, sizes)
            offset = None if strata.offset is None else strata.offset[kept]
            start = np.r_[0, np.cumsum(sizes[tells])[:-1]] if tells.any() else none
            strata = Strata(strata.x[kept], start, strata.case[kept], offset)
        squares, n_rows = np.zeros(strata.x.shape[1]), len(strata.x)
        for rows, parts in _blocks(strata):
            x, local = strata.x[rows], strata.start[parts] - rows.start
            counts = np.diff(np.r_[local, len(x)])
            mean = _folded(np.add, x, local) / counts[:, None]
            squares += np.sum((x - np.repeat(mean, counts, axis=0)) ** 2, axis=0)
        scale = np.sqrt(squares / max(n_rows, 1))
        size = np.abs(strata.x).max(axis=0, initial=0.0)
        return cls(
            strata, np.where(scale > 1e-12 * size, scale, 0.0), len(strata.start), int(cases[tells].sum()), n_rows
        )

    def at(self, beta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return log-likelihood, gradient (p,) and information (p, p) at coefficients of standardised terms."""
        raw, strata = beta / self.scale, self.strata
        p = len(beta)
        value, gradient, information = 0.0, np.zeros(p), np.zeros((p, p))
        for rows, parts in _blocks(strata):
            probability, cases, local = _probabilities(strata, raw, rows, parts)
            x, case = strata.x[rows], strata.case[rows]
            sizes = np.diff(np.r_[local, len(x)])
            # A probability that underflows belongs to a step far out, which halving takes back.
            value += float(np.log(np.maximum(probability[case], 1e-300)).sum())
            weight = probability * np.repeat(cases, sizes)
            gradient += (case - weight) @ x
            weighted = x * weight[:, None]
            mean = _folded(np.add, weighted, local)
            information += weighted.T @ x - (mean / cases[:, None]).T @ mean
        return value, gradient / self.scale, information / np.outer(self.scale, self.scale)

    def separated(self) -> tuple[int, ...]:
        """Return the terms in which every case stands at the same end of its stratum, and not all rows are equal."""
        strata = self.strata
        low, high = np.ones(strata.x.shape[1], dtype=np.bool_), np.ones(strata.x.shape[1], dtype=np.bool_)
        for rows, parts in _blocks(strata):
            x, case, local = strata.x[rows], strata.case[rows], strata.start[parts] - rows.start
            sizes = np.diff(np.r_[local, len(x)])
            owner = np.repeat(np.arange(len(local)), sizes)[case]
            low &= (x[case] <= _folded(np.minimum, x, local)[owner]).all(axis=0)
            high &= (x[case] >= _folded(np.maximum, x, local)[owner]).all(axis=0)
        return tuple(int(i) for i in np.flatnonzero(low | high))
