"""Differences within strata: the estimator of family ``conversation``, with labels dealt anew as its null.

What belongs here: pure functions on arrays. The estimate is the slope of the outcome on a label with a fixed effect of
each stratum; for a label of 0 or 1 that is a mean of differences within strata weighted by n·share·(1 − share). Its
variance is clustered. The labels dealt anew within strata are the placebo: they keep how many of each stratum carry
the label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pipeline.inference.result import FEW_CLUSTERS, Fit, Floats, Ints, wald

LEAST_LABELLED = 10
"""Rows with the label, and rows without, that an estimate needs."""
LEAST_CLUSTERS = 10
"""Clusters that a standard error needs."""
LEAST_DRAWS = 79
"""Dealings of a permutation that are made whatever they cost; 79 tell p = .0125."""
_MOST_DEALT = 20_000_000
"""Labels dealt in all dealings of a permutation."""


@dataclass(frozen=True, slots=True)
class Strata:
    """Rows of strata in which the label varies; the others tell nothing of a difference within strata.

    Attributes
    ----------
    value
        Outcome, shape (n,).
    label
        0 or 1, or a count from 0, shape (n,).
    stratum, cluster
        Codes from 0, shape (n,).
    """

    value: Floats
    label: Ints
    stratum: Ints
    cluster: Ints


def informative(value: Floats, label: Ints, stratum: Ints, cluster: Ints) -> Strata:
    """Return the rows of strata in which the label varies, strata and clusters numbered from 0."""
    if not value.size:
        return Strata(value, label, stratum, cluster)
    codes = np.unique(stratum, return_inverse=True)[1]
    low, high = np.full(int(codes.max()) + 1, np.iinfo(np.int64).max), np.full(int(codes.max()) + 1, -1)
    np.minimum.at(low, codes, label)
    np.maximum.at(high, codes, label)
    kept = (low < high)[codes]
    renumbered = [np.unique(codes_[kept], return_inverse=True)[1].astype(np.int64) for codes_ in (stratum, cluster)]
    return Strata(value[kept].astype(np.float64), label[kept].astype(np.int64), *renumbered)


def centred(values: Floats | Ints, group: Ints) -> Floats:
    """Return values less the mean of their group, shape (n,)."""
    n = np.maximum(np.bincount(group), 1)
    out: Floats = values - (np.bincount(group, weights=values) / n)[group]
    return out


def slope(found: Strata, label: Ints) -> float:
    """Return the slope of the outcome on a label with an effect of each stratum."""
    x = centred(label, found.stratum)
    spread = float(x @ x)
    return float(x @ found.value) / spread if spread > 0 else float("nan")


def difference(found: Strata, level: float) -> Fit:
    """Estimate the difference within strata with a clustered standard error.

    Parameters
    ----------
    found
        As `informative` gives it.
    level
        Level of the interval.

    Returns
    -------
    Fit
        Slope with the sandwich over clusters (Liang & Zeger 1986), corrected by G/(G − 1) and, where strata are not
        within clusters, by (n − 1)/(n − S − 1); t on G − 1 degrees of freedom. Null with a warning for fewer than
        `LEAST_LABELLED` rows of either label or `LEAST_CLUSTERS` clusters.
    """
    labelled = int((found.label > 0).sum())
    base = Fit(n_obs=found.value.size, n_events=labelled, n_clusters=int(found.cluster.max(initial=-1)) + 1)
    if reason := refusal(found):
        return replace(base, warnings=reason)
    x, y = centred(found.label, found.stratum), centred(found.value, found.stratum)
    spread = float(x @ x)
    beta = float(x @ y) / spread
    sums = np.bincount(found.cluster, weights=x * (y - beta * x))
    clusters, strata = sums.size, int(found.stratum.max()) + 1
    correction = clusters / (clusters - 1)
    if not _are_nested(found):
        correction *= (x.size - 1) / max(x.size - strata - 1, 1)
    error = float(np.sqrt(correction * float(sums @ sums))) / spread
    if not error > 0:
        return replace(base, estimate=beta, warnings=("no_variation",))
    test = wald(beta, error, level, clusters - 1)
    return replace(
        base, estimate=beta, std_error=error, statistic=test.statistic, df=float(clusters - 1), p_value=test.p_value,
        conf_low=test.low, conf_high=test.high, warnings=("few_clusters",) if clusters < FEW_CLUSTERS else (),
    )  # fmt: skip


def refusal(found: Strata) -> tuple[str, ...]:
    """Return why no difference can be estimated; empty where it can."""
    labelled = int((found.label > 0).sum())
    if min(labelled, found.label.size - labelled) < LEAST_LABELLED:
        return ("few_events",)
    if int(found.cluster.max(initial=-1)) + 1 < LEAST_CLUSTERS:
        return ("few_clusters",)
    return ("no_variation",) if not np.ptp(found.value) > 0 else ()


def _are_nested(found: Strata) -> bool:
    one = np.empty(int(found.stratum.max()) + 1, dtype=np.int64)
    one[found.stratum] = found.cluster
    return bool((one[found.stratum] == found.cluster).all())


def dealer(stratum: Ints) -> Callable[[Ints, np.random.Generator], Ints]:
    """Return the function that deals labels anew within strata; strata are put in order once."""
    order = np.argsort(stratum, kind="stable")

    def deal(label: Ints, rng: np.random.Generator) -> Ints:
        keys = stratum + rng.random(stratum.size)
        out = np.empty_like(label)
        if label.size and label.min() >= 0 and label.max() < 4:
            out[order] = _carried(keys, label)
        else:
            out[order] = label[np.argsort(keys)]
        return out

    return deal


_BASE = 0x300 << 52
"""Bits of 2**-255: keys of a dealing are larger or zero."""


def _carried(keys: Floats, label: Ints) -> Ints:
    """Return labels of 0 to 3 in the order of keys, which are not negative: sorted as whole numbers that carry them.

    The bits of floats that are not negative are in the order of the floats; less those of the smallest they leave two
    bits free. To sort these is faster than to sort places.
    """
    packed = np.maximum(keys.view(np.int64) - _BASE, 0)
    packed <<= 2
    packed |= label
    packed.sort()
    packed &= 3
    return packed


def dealt(label: Ints, stratum: Ints, rng: np.random.Generator) -> Ints:
    """Return the labels dealt anew within strata, shape (n,)."""
    return dealer(stratum)(label, rng)


def permuted_difference(found: Strata, level: float, n_draws: int, rng: np.random.Generator) -> Fit:
    """Test the difference within strata by dealing the labels anew within strata.

    Returns
    -------
    Fit
        The slope; p = (1 + #{|null − mean| ≥ |observed − mean|})/(B + 1); the interval inverts the test under a
        constant shift. Rows count as exchangeable within strata: clusters are not respected.
    """
    base = Fit(
        n_obs=found.value.size, n_events=int((found.label > 0).sum()), n_clusters=int(found.stratum.max(initial=-1)) + 1
    )
    if reason := refusal(found):
        return replace(base, warnings=reason)
    observed = slope(found, found.label)
    draws = min(n_draws, max(LEAST_DRAWS, _MOST_DEALT // found.value.size))
    return against_draws(observed, dealt_slopes(found, draws, rng), level, base)


def dealt_slopes(found: Strata, draws: int, rng: np.random.Generator) -> Floats:
    """Return the slopes on labels dealt anew within strata, shape (draws,).

    Dealing changes neither the mean nor the spread of the labels of a stratum, so that a draw is one product of the
    labels with the outcome less its mean of the stratum, over one spread (Frisch & Waugh 1933). Where labels and
    outcomes are 0 or 1, the labelled rows of a stratum with outcome 1 are a hypergeometric number.
    """
    x = centred(found.label, found.stratum)
    spread = float(x @ x)
    strata = int(found.stratum.max()) + 1
    low, high = np.full(strata, np.inf), np.full(strata, -np.inf)
    np.minimum.at(low, found.stratum, found.value)
    np.maximum.at(high, found.stratum, found.value)
    # A stratum of one outcome adds nothing to any draw.
    kept = np.flatnonzero((low < high)[found.stratum])
    if not kept.size:
        return np.zeros(draws)
    order = kept[np.argsort(found.stratum[kept], kind="stable")]
    stratum = np.unique(found.stratum[order], return_inverse=True)[1].astype(np.int64)
    label, value = found.label[order], found.value[order]
    if label.max() == 1 and np.isin(value, (0.0, 1.0)).all():
        return _counted(value.astype(np.int64), label, stratum, draws, rng) / spread
    rest = centred(value, stratum) / spread
    # Whole numbers, sorted: the stratum on top, random bits, and the label, which they carry along, at the bottom.
    bits = int(label.max()).bit_length()
    middle = 63 - bits - int(stratum[-1]).bit_length()
    top = stratum << np.int64(middle + bits)
    null = np.empty(draws)
    for i in range(draws):
        keys = rng.integers(0, 1 << middle, stratum.size)
        keys <<= bits
        keys |= label
        keys += top
        keys.sort()
        keys &= (1 << bits) - 1
        null[i] = float(keys @ rest)
    return null


def _counted(value: Ints, label: Ints, stratum: Ints, draws: int, rng: np.random.Generator) -> Floats:
    """Return the sums over dealt labels of outcomes less their mean of the stratum, all 0 or 1, shape (draws,)."""
    n, ones = np.bincount(stratum), np.bincount(stratum[value == 1], minlength=int(stratum[-1]) + 1)
    labelled = np.bincount(stratum[label == 1], minlength=n.size)
    expected = float((labelled * ones / n).sum())
    return np.array([float(rng.hypergeometric(ones, n - ones, labelled).sum()) - expected for _ in range(draws)])


def against_draws(observed: float, null: Floats, level: float, base: Fit) -> Fit:
    """Return the estimate beside the draws of its null, shape (B,); not-a-number draws are left out."""
    finite = null[np.isfinite(null)]
    if finite.size < 2 or not np.isfinite(observed):
        return replace(base, warnings=(*base.warnings, "few_events"))
    centre = float(finite.mean())
    spread = float(finite.std(ddof=1))
    if not spread > 0:
        return replace(base, estimate=observed, null_mean=centre, warnings=(*base.warnings, "no_variation"))
    # 1e-12: draws that equal the observed value up to rounding count as at least as extreme.
    extreme = int((np.abs(finite - centre) >= abs(observed - centre) - 1e-12).sum())
    low, high = np.quantile(finite - centre, [0.5 - level / 2, 0.5 + level / 2])
    return replace(
        base, estimate=observed, std_error=spread, p_value=(1 + extreme) / (finite.size + 1),
        conf_low=observed - float(high), conf_high=observed - float(low), null_mean=centre, null_sd=spread,
        n_perm=int(finite.size),
    )  # fmt: skip
