"""Permutation tests of the logit slope of a reply class on the AIRS of the target post."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.inference.result import Fit, Floats, Ints

Counts: TypeAlias = NDArray[np.floating[Any]] | NDArray[np.signedinteger[Any]]

_NEWTON_STEPS = 30
_SLOPE_LIMIT = 30.0
"""Log odds per unit of AIRS beyond which a slope is infinite (separation)."""


def collapsed_slopes(trials: Counts, successes: Counts) -> Floats:
    """Return the logit slope on the value 0, 1, ... from counts collapsed by value.

    Parameters
    ----------
    trials, successes
        Shape (B, V): number of replies and of events at each value of the exposure, one row per draw.

    Returns
    -------
    numpy.ndarray
        Shape (B,), log odds per unit; ``nan`` where the slope is not finite. The maximum of the likelihood depends
        on the counts only, so collapsing is exact.
    """
    value = np.arange(trials.shape[1], dtype=np.float64)
    n, k = trials.sum(axis=1), successes.sum(axis=1)
    centre = (trials @ value / np.maximum(n, 1))[:, None]
    v = value[None, :] - centre
    share = np.clip(k / np.maximum(n, 1), 1e-12, 1 - 1e-12)
    intercept, slope = np.log(share / (1 - share)), np.zeros(trials.shape[0])
    with np.errstate(all="ignore"):
        for _ in range(_NEWTON_STEPS):
            p = 1 / (1 + np.exp(-np.clip(intercept[:, None] + slope[:, None] * v, -500, 500)))
            residual, weight = successes - trials * p, trials * p * (1 - p)
            g0, g1 = residual.sum(axis=1), (residual * v).sum(axis=1)
            h00, h01, h11 = weight.sum(axis=1), (weight * v).sum(axis=1), (weight * v * v).sum(axis=1)
            determinant = h00 * h11 - h01**2
            step0 = np.clip((h11 * g0 - h01 * g1) / determinant, -3, 3)
            step1 = np.clip((h00 * g1 - h01 * g0) / determinant, -3, 3)
            intercept, slope = intercept + step0, slope + step1
            if not (np.abs(step1) > 1e-10).any():
                break
    slope[~(np.abs(slope) < _SLOPE_LIMIT) | ~(np.abs(step1) < 1e-6)] = np.nan
    return slope


def permute_posts(
    exposure: Ints,
    trials: Ints,
    successes: Ints,
    *,
    strata: Ints | None,
    n_draws: int,
    ci_level: float,
    rng: np.random.Generator,
) -> Fit:
    """Test the slope by permuting the exposure across target posts, each keeping its replies together.

    Parameters
    ----------
    exposure
        Shape (P,): AIRS count of each target post.
    trials, successes
        Shape (P,): replies to the post, and how many of them are events.
    strata
        Shape (P,) codes: permute within each stratum only; ``None`` permutes freely.
    n_draws, ci_level, rng
        Draws B, level of the interval, generator.

    Returns
    -------
    Fit
        Slope per unit of AIRS. p = (1 + #{|null - mean(null)| >= |obs - mean(null)|}) / (B + 1): within strata the
        null is not centred at zero, and the row's null mean is what the slope is judged against. The interval
        inverts the test under a constant shift of the slope.
    """
    size = int(exposure.max(initial=0)) + 1
    observed = _slope(exposure, trials, successes, size)
    n_obs, n_events = int(trials.sum()), int(successes.sum())
    base = Fit(n_obs=n_obs, n_events=n_events, n_clusters=exposure.size)
    if np.isnan(observed):
        return replace(base, warnings=_why_null(exposure, n_events, n_obs))
    n_draw, k_draw = np.empty((n_draws, size)), np.empty((n_draws, size))
    by_stratum = None if strata is None else np.argsort(strata, kind="stable")
    sorted_exposure = exposure if by_stratum is None else exposure[by_stratum]
    held, hits = trials.astype(np.float64), successes.astype(np.float64)
    for draw in range(n_draws):
        if strata is None:
            shuffled, n_of, k_of = rng.permutation(exposure), held, hits
        else:
            # Random order within stratum: the exposures sorted by stratum go to these posts.
            places = np.argsort(strata + rng.random(strata.size))
            shuffled, n_of, k_of = sorted_exposure, held[places], hits[places]
        n_draw[draw] = np.bincount(shuffled, weights=n_of, minlength=size)
        k_draw[draw] = np.bincount(shuffled, weights=k_of, minlength=size)
    return _test(observed, collapsed_slopes(n_draw, k_draw), ci_level, base)


def permute_replies(exposure: Ints, event: Ints, *, n_draws: int, ci_level: float, rng: np.random.Generator) -> Fit:
    """Test the slope by permuting the reply labels across replies, as published: ignores nesting in posts.

    Shuffling labels makes the events at each value of AIRS multivariate hypergeometric, so the counts are drawn
    directly. Callers label the row ``naive``.
    """
    size = int(exposure.max(initial=0)) + 1
    observed = _slope(exposure, np.ones_like(exposure), event, size)
    n_obs, n_events = exposure.size, int(event.sum())
    base = Fit(n_obs=n_obs, n_events=n_events)
    if np.isnan(observed):
        return replace(base, warnings=_why_null(exposure, n_events, n_obs))
    trials = np.bincount(exposure, minlength=size)
    k_draw = rng.multivariate_hypergeometric(trials, n_events, size=n_draws).astype(np.float64)
    n_draw = np.broadcast_to(trials.astype(np.float64), k_draw.shape)
    return _test(observed, collapsed_slopes(n_draw, k_draw), ci_level, base)


def _slope(exposure: Ints, trials: Ints, successes: Ints, size: int) -> float:
    n = np.bincount(exposure, weights=trials, minlength=size)[None, :]
    k = np.bincount(exposure, weights=successes, minlength=size)[None, :]
    if np.count_nonzero(n) < 2 or k.sum() in (0, n.sum()):
        return float("nan")
    return float(collapsed_slopes(n, k)[0])


def _why_null(exposure: Ints, n_events: int, n_obs: int) -> tuple[str, ...]:
    if n_events in (0, n_obs) or np.unique(exposure).size < 2:
        return ("no_variation", "few_events") if n_events in (0, n_obs) else ("no_variation",)
    return ("separation",)


def _test(observed: float, null: Floats, ci_level: float, base: Fit) -> Fit:
    usable = null[np.isfinite(null)]
    if usable.size < 2:
        return replace(base, estimate=observed, n_perm=int(usable.size), warnings=("few_events",))
    centre, spread = float(usable.mean()), float(usable.std(ddof=1))
    # 1e-12: draws that equal the observed slope up to rounding count as at least as extreme.
    extreme = int((np.abs(usable - centre) >= abs(observed - centre) - 1e-12).sum())
    low, high = np.quantile(usable - centre, [0.5 - ci_level / 2, 0.5 + ci_level / 2])
    return replace(
        base,
        estimate=observed,
        std_error=spread,
        p_value=(1 + extreme) / (usable.size + 1),
        conf_low=observed - float(high),
        conf_high=observed - float(low),
        null_mean=centre,
        null_sd=spread,
        n_perm=int(usable.size),
        warnings=() if usable.size == null.size else ("few_events",),
    )
