"""Pairs of exposed and unexposed posts of like length (the length-matched robustness check of METHODS 1.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from pipeline.inference.intervals import cluster_bootstrap_means
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS, Fit, Floats, Ints, bootstrap_p, percentile_interval

N_DECILES = 10


@dataclass(frozen=True, slots=True)
class Pairs:
    """Indices of matched posts: `exposed[i]` goes with `control[i]`; both of shape (m,)."""

    exposed: Ints
    control: Ints


def length_matched_pairs(exposed: Ints, log_length: Floats, *, caliper: float, rng: np.random.Generator) -> Pairs:
    """Match every exposed post to the unexposed post of nearest length in the same decile, with replacement.

    Parameters
    ----------
    exposed
        Shape (n,), 0 or 1.
    log_length
        Shape (n,), log of length.
    caliper
        Largest allowed difference in log length, for instance log 1.25.
    rng
        Breaks ties: many posts have the same length, and taking the first would use one control for all.

    Returns
    -------
    Pairs
        Exposed posts without a control within the caliper are left out.
    """
    edges = np.quantile(log_length, np.arange(1, N_DECILES) / N_DECILES) if log_length.size else np.empty(0)
    decile = np.searchsorted(edges, log_length, side="right")
    treated: list[Ints] = []
    matched: list[Ints] = []
    for d in range(N_DECILES):
        t = np.flatnonzero((decile == d) & (exposed == 1))
        c = np.flatnonzero((decile == d) & (exposed == 0))
        if t.size and c.size:
            c = c[np.argsort(log_length[c], kind="stable")]
            near = _nearest(log_length[t], log_length[c], rng)
            keep = np.abs(log_length[c[near]] - log_length[t]) <= caliper
            treated.append(t[keep])
            matched.append(c[near[keep]])
    empty = np.empty(0, dtype=np.int64)
    return Pairs(np.concatenate([empty, *treated]), np.concatenate([empty, *matched]))


def _nearest(wanted: Floats, pool: Floats, rng: np.random.Generator) -> Ints:
    """Return for each wanted value the index of a nearest value of the sorted pool, ties at random."""
    right = np.clip(np.searchsorted(pool, wanted), 0, pool.size - 1)
    left = np.maximum(right - 1, 0)
    value = np.where(np.abs(pool[left] - wanted) <= np.abs(pool[right] - wanted), pool[left], pool[right])
    first = np.searchsorted(pool, value, side="left")
    past = np.searchsorted(pool, value, side="right")
    nearest: Ints = rng.integers(first, past)
    return nearest


def mean_difference(share: Floats, pairs: Pairs, *, n_draws: int, ci_level: float, rng: np.random.Generator) -> Fit:
    """Return the mean difference in `share` (n,) over pairs, with a bootstrap over matched posts.

    Notes
    -----
    The bootstrap draws control posts together with every exposed post matched to them, so that a control used
    many times counts as one draw. Interval and p are those of the percentile bootstrap.
    """
    m = pairs.exposed.size
    _, control = np.unique(pairs.control, return_inverse=True)
    n_controls = int(control.max()) + 1 if m else 0
    if n_controls < 2:
        return Fit(n_obs=m, n_clusters=n_controls, warnings=("few_posts", "no_variation"))
    difference = share[pairs.exposed] - share[pairs.control]
    if not difference.any():
        return Fit(n_obs=m, n_clusters=n_controls, n_events=0, warnings=("few_events", "no_variation"))
    if n_controls < FEWEST_BOOTSTRAP_UNITS:
        words = ("few_posts", "matched_with_replacement")
        return Fit(estimate=float(difference.mean()), n_obs=m, n_clusters=n_controls, warnings=words)
    draws = cluster_bootstrap_means(difference[:, None], control, n_draws=n_draws, rng=rng)[:, 0]
    low, high = percentile_interval(draws, ci_level)
    return Fit(
        estimate=float(difference.mean()),
        std_error=float(draws.std(ddof=1)),
        p_value=bootstrap_p(draws),
        conf_low=low,
        conf_high=high,
        n_obs=m,
        n_clusters=n_controls,
        n_events=int(np.count_nonzero(difference)),
        warnings=("matched_with_replacement",),
    )


def sign_test(share: Floats, pairs: Pairs, ci_level: float) -> Fit:
    """Return the log odds that the exposed post of a pair has the larger share, ties dropped.

    The p-value is the exact two-sided sign test; the interval is Clopper and Pearson's, on the log-odds scale.
    Both treat pairs as independent although controls repeat, and compare shares of unequal numbers of replies.
    """
    difference = share[pairs.exposed] - share[pairs.control]
    positive, untied = int((difference > 0).sum()), int((difference != 0).sum())
    warnings = ("matched_with_replacement", "independence_assumed")
    if positive in (0, untied):
        return Fit(n_obs=pairs.exposed.size, n_events=untied, warnings=("few_events", *warnings))
    test = stats.binomtest(positive, untied, 0.5)
    interval = test.proportion_ci(ci_level)
    negative = untied - positive
    return Fit(
        estimate=float(np.log(positive / negative)),
        std_error=float(np.sqrt(1 / positive + 1 / negative)),
        p_value=float(test.pvalue),
        conf_low=float(np.log(interval.low / (1 - interval.low))),
        conf_high=float(np.log(interval.high / (1 - interval.high))),
        n_obs=pairs.exposed.size,
        n_events=untied,
        warnings=warnings,
    )
