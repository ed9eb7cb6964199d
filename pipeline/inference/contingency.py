"""Two-by-two tables: Woolf, Fisher, Cochran-Mantel-Haenszel, and the reply-level chi-square.

A table is ``[[a, b], [c, d]]``: rows are exposed and not exposed, columns are event and no event.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats
from scipy.stats import contingency as scipy_contingency

from pipeline.inference.result import Fit, Floats, Ints, events_warning, wald


def two_by_two(exposed: Ints, event: Ints) -> Ints:
    """Return the table of two binary columns, shape (2, 2), exposed and event first."""
    counts = np.bincount(2 * (1 - exposed) + (1 - event), minlength=4)
    return counts.reshape(2, 2).astype(np.int64)


def degenerate(table: Ints) -> tuple[str, ...]:
    """Return ``no_variation`` when a margin of the table is zero, so that no odds ratio exists."""
    empty = (table.sum(axis=0) == 0).any() or (table.sum(axis=1) == 0).any()
    return ("no_variation",) if empty else ()


def _counts(table: Ints) -> tuple[int, int]:
    return int(table.sum()), int(table[:, 0].sum())


def _null(table: Ints) -> Fit:
    n_obs, n_events = _counts(table)
    extra = ("few_events",) if n_events == 0 else ()
    return Fit(n_obs=n_obs, n_events=n_events, warnings=(*degenerate(table), *extra))


def woolf(table: Ints, ci_level: float) -> Fit:
    """Return the log odds ratio with Woolf's interval.

    Parameters
    ----------
    table
        Shape (2, 2), counts.
    ci_level
        Level of the interval.

    Returns
    -------
    Fit
        Log odds ratio. One half is added to every cell only when a cell is zero (Haldane 1940, Anscombe 1956),
        and the row then says ``continuity_corrected``.

    Notes
    -----
    Woolf (1955), Annals of Human Genetics 19.
    """
    if degenerate(table):
        return _null(table)
    has_zero = bool((table == 0).any())
    cells: Floats = table + (0.5 if has_zero else 0.0)
    (a, b), (c, d) = cells
    estimate = float(np.log(a * d / (b * c)))
    std_error = float(np.sqrt((1 / cells).sum()))
    test = wald(estimate, std_error, ci_level)
    n_obs, n_events = _counts(table)
    extra = ("continuity_corrected",) if has_zero else ()
    return Fit(
        estimate=estimate,
        std_error=std_error,
        statistic=test.statistic,
        p_value=test.p_value,
        conf_low=test.low,
        conf_high=test.high,
        n_obs=n_obs,
        n_events=n_events,
        warnings=(*events_warning(n_events, n_obs, 1), *extra),
    )


def fisher(table: Ints, ci_level: float) -> Fit:
    """Return the conditional log odds ratio with Fisher's exact p and exact interval.

    Notes
    -----
    `scipy.stats.fisher_exact` and `scipy.stats.contingency.odds_ratio`. A cell of zero makes the conditional
    estimate infinite; the row then keeps the p, has no estimate and says ``separation``.
    """
    if degenerate(table):
        return _null(table)
    n_obs, n_events = _counts(table)
    p_value = float(stats.fisher_exact(table).pvalue)
    few = events_warning(n_events, n_obs, 1)
    if (table == 0).any():
        return Fit(p_value=p_value, n_obs=n_obs, n_events=n_events, warnings=("separation", *few))
    result = scipy_contingency.odds_ratio(table, kind="conditional")
    interval = result.confidence_interval(ci_level)
    return Fit(
        estimate=float(np.log(result.statistic)),
        p_value=p_value,
        conf_low=float(np.log(interval.low)),
        conf_high=float(np.log(interval.high)),
        n_obs=n_obs,
        n_events=n_events,
        warnings=few,
    )


def chi_square(table: Ints, ci_level: float) -> Fit:
    """Return the log odds ratio with the Pearson chi-square test (no continuity correction).

    The interval is Woolf's. On replies both treat dependent rows as independent: callers label the row ``naive``.
    """
    fit = woolf(table, ci_level)
    if fit.estimate is None:
        return fit
    test = stats.chi2_contingency(table, correction=False)
    return Fit(
        estimate=fit.estimate,
        std_error=fit.std_error,
        statistic=float(test.statistic),
        df=1.0,
        p_value=float(test.pvalue),
        conf_low=fit.conf_low,
        conf_high=fit.conf_high,
        n_obs=fit.n_obs,
        n_events=fit.n_events,
        warnings=fit.warnings,
    )


def stratum_tables(exposed: Ints, event: Ints, strata: Ints) -> Ints:
    """Return one table per stratum, shape (S, 2, 2); `strata` are codes from 0."""
    n_strata = int(strata.max()) + 1 if strata.size else 0
    counts = np.bincount(4 * strata + 2 * (1 - exposed) + (1 - event), minlength=4 * n_strata)
    return counts.reshape(n_strata, 2, 2).astype(np.int64)


def cochran_mantel_haenszel(tables: Ints, ci_level: float) -> Fit:
    """Return the Mantel-Haenszel log odds ratio over strata with the Cochran-Mantel-Haenszel test.

    Parameters
    ----------
    tables
        Shape (S, 2, 2). Strata with an empty margin carry no information and do not count as clusters.
    ci_level
        Level of the interval.

    Notes
    -----
    Test: Mantel and Haenszel (1959) with Cochran's variance, no continuity correction. Standard error: Robins,
    Breslow and Greenland (1986).
    """
    pooled = tables.sum(axis=0)
    n_obs, n_events = _counts(pooled)
    margins = np.concatenate([tables.sum(axis=1), tables.sum(axis=2)], axis=1)
    useful: Floats = tables[(margins > 0).all(axis=1)].astype(np.float64)
    if not len(useful):
        return Fit(n_obs=n_obs, n_events=n_events, n_clusters=0, warnings=("no_variation",))
    (a, b), (c, d) = useful.transpose(1, 2, 0)
    total = a + b + c + d
    r, s = a * d / total, b * c / total
    p_test, statistic = _cmh_test(a, b, c, d)
    few = events_warning(n_events, n_obs, 1)
    base = Fit(n_obs=n_obs, n_events=n_events, n_clusters=len(useful))
    if r.sum() == 0 or s.sum() == 0:
        return replace(base, statistic=statistic, df=1.0, p_value=p_test, warnings=("separation", *few))
    estimate = float(np.log(r.sum() / s.sum()))
    p, q = (a + d) / total, (b + c) / total
    variance = (
        (p * r).sum() / (2 * r.sum() ** 2)
        + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
        + (q * s).sum() / (2 * s.sum() ** 2)
    )
    std_error = float(np.sqrt(variance))
    interval = wald(estimate, std_error, ci_level)
    return replace(
        base,
        estimate=estimate,
        std_error=std_error,
        statistic=statistic,
        df=1.0,
        p_value=p_test,
        conf_low=interval.low,
        conf_high=interval.high,
        warnings=few,
    )


def _cmh_test(a: Floats, b: Floats, c: Floats, d: Floats) -> tuple[float, float]:
    total = a + b + c + d
    expected = (a + b) * (a + c) / total
    variance = (a + b) * (c + d) * (a + c) * (b + d) / (total * total * np.maximum(total - 1, 1))
    statistic = float((a - expected).sum() ** 2 / variance.sum())
    return float(stats.chi2.sf(statistic, 1)), statistic
