"""Is there a trend over periods in most communities? A slope per community, and tests of their mean.

What belongs here: arrays of cells (value, community, period) in, `Fit`s out. The primary test is the t-test of the
slopes (STATISTICS 4.4): communities are the units, so that neither dependence between the periods of a community nor
slopes that differ between communities count as evidence. What it cannot tell from convergence is a trend that a
cause outside gives to all communities at once.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import stats

from pipeline.inference.result import FEW_CLUSTERS, Fit, Floats, Ints, wald

MIN_PERIODS = 3
"""Periods that a community needs: a line through two points has no error."""
MIN_COMMUNITIES = 5
"""With fewer slopes a t-test has no power to speak of and rests on normality alone; the row is null."""

ROUNDING = 1e-12
"""A standard error below this share of the largest value is what is left of sums, not variation."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One value per community and period.

    Attributes
    ----------
    values
        Shape (n,), finite.
    communities
        Shape (n,): code of the community.
    periods
        Shape (n,): periods since the first of the corpus, in whole periods; each once per community.
    """

    values: Floats
    communities: Ints
    periods: Ints

    def long_enough(self) -> Panel:
        """Keep the communities with at least `MIN_PERIODS` periods, codes made dense; ordered by community, period."""
        finite = np.isfinite(self.values)
        counts = np.bincount(self.communities[finite], minlength=int(self.communities.max(initial=-1)) + 1)
        kept = np.flatnonzero(finite & (counts[self.communities] >= MIN_PERIODS))
        order = kept[np.lexsort((self.periods[kept], self.communities[kept]))]
        codes = np.unique(self.communities[order], return_inverse=True)[1].astype(np.int64)
        return Panel(self.values[order], codes, self.periods[order])

    @property
    def n_communities(self) -> int:
        """Number of communities, when codes are dense."""
        return int(self.communities.max(initial=-1)) + 1


def community_slopes(panel: Panel) -> Floats:
    """Return the least-squares slope per period of each community of a dense panel, shape (communities,)."""
    weights = _slope_weights(panel)
    summed = np.bincount(panel.communities, weights=weights * panel.values, minlength=panel.n_communities)
    return summed.astype(np.float64)


def _slope_weights(panel: Panel) -> Floats:
    """Weights (x − x̄)/Σ(x − x̄)² of each cell: a slope is their sum with the values of a community."""
    x, code, size = panel.periods.astype(np.float64), panel.communities, panel.n_communities
    centre = np.bincount(code, weights=x, minlength=size) / np.bincount(code, minlength=size)
    apart = x - centre[code]
    weights: Floats = apart / np.bincount(code, weights=np.square(apart), minlength=size)[code]
    return weights


def refusal(panel: Panel) -> tuple[str, ...]:
    """Return why a panel that is long enough allows no test, as words of the warning vocabulary; empty when it does."""
    if panel.n_communities >= MIN_COMMUNITIES:
        return () if np.ptp(panel.values) > 0 else ("no_variation",)
    return ("few_clusters",) if panel.n_communities else ("few_clusters", "few_periods")


def _base(panel: Panel) -> Fit:
    words = ("few_clusters",) if panel.n_communities < FEW_CLUSTERS else ()
    return Fit(n_obs=int(panel.values.size), n_clusters=panel.n_communities, warnings=words)


def refused(panel: Panel, words: tuple[str, ...]) -> Fit:
    """Return the fit of a panel that allows none."""
    return Fit(n_obs=int(panel.values.size), n_clusters=panel.n_communities, warnings=words)


def slope_t_test(panel: Panel, ci_level: float) -> Fit:
    """Test the mean slope by a one-sample t-test of the slopes of communities, each of the same weight.

    Parameters
    ----------
    panel
        As `Panel.long_enough` gives it.
    ci_level
        Level of the interval.
    """
    panel = panel.long_enough()
    if words := refusal(panel):
        return refused(panel, words)
    slopes, base = community_slopes(panel), _base(panel)
    mean, error = float(slopes.mean()), float(slopes.std(ddof=1) / np.sqrt(slopes.size))
    if error <= ROUNDING * float(np.abs(panel.values).max()):
        return refused(panel, ("no_variation",))
    test = wald(mean, error, ci_level, slopes.size - 1)
    return Fit(
        estimate=mean,
        std_error=error,
        statistic=test.statistic,
        df=float(slopes.size - 1),
        p_value=test.p_value,
        conf_low=test.low,
        conf_high=test.high,
        n_obs=base.n_obs,
        n_clusters=base.n_clusters,
        warnings=base.warnings,
    )


def slope_permutation(panel: Panel, ci_level: float, *, n_draws: int, rng: np.random.Generator) -> Fit:
    """Test the mean slope by permuting the periods within each community.

    Parameters
    ----------
    panel, ci_level
        As in `slope_t_test`.
    n_draws, rng
        Draws and their generator. p = (1 + draws at least as far from 0)/(draws + 1), which is exact when the periods
        of a community are exchangeable under the null; values that hang together over time are not.
    """
    panel = panel.long_enough()
    if words := refusal(panel):
        return refused(panel, words)
    weights, observed = _slope_weights(panel), float(community_slopes(panel).mean())
    null = np.zeros(n_draws)
    for code in range(panel.n_communities):
        own = panel.communities == code
        shuffled = rng.permuted(np.tile(panel.values[own], (n_draws, 1)), axis=1)
        null += (shuffled * weights[own]).sum(axis=1)
    null /= panel.n_communities
    low, high = np.quantile(null, [0.5 - ci_level / 2, 0.5 + ci_level / 2])
    # 1e-12 of the scale: draws that equal the observed slope up to rounding count as at least as extreme.
    extreme = int((np.abs(null) >= abs(observed) * (1 - 1e-12)).sum())
    base = _base(panel)
    return Fit(
        estimate=observed,
        std_error=float(null.std(ddof=1)),
        p_value=(1 + extreme) / (n_draws + 1),
        conf_low=observed - float(high),
        conf_high=observed - float(low),
        n_obs=base.n_obs,
        n_clusters=base.n_clusters,
        null_mean=float(null.mean()),
        null_sd=float(null.std(ddof=1)),
        n_perm=n_draws,
        warnings=base.warnings,
    )


def mixed_model(panel: Panel, ci_level: float) -> Fit:
    """Fit ``D ~ period + (1 + period | community)`` by REML (statsmodels), tested against the normal."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    panel = panel.long_enough()
    if words := refusal(panel):
        return refused(panel, words)
    # Scaled so that the optimiser sees numbers near one; the slope is scaled back.
    x = panel.periods - panel.periods.mean()
    x_scale, y_scale = float(x.std()), float(panel.values.std())
    design = np.column_stack([np.ones(x.size), x / x_scale])
    base = _base(panel)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = MixedLM(panel.values / y_scale, design, groups=panel.communities, exog_re=design)
            fitted = model.fit(reml=True, method=["lbfgs", "powell"])
            slope, error, converged = float(fitted.fe_params[1]), float(fitted.bse_fe[1]), bool(fitted.converged)
        except np.linalg.LinAlgError:
            return refused(panel, (*base.warnings, "not_converged"))
    if not np.isfinite(error) or error <= 0:
        return refused(panel, (*base.warnings, "not_converged"))
    test = wald(slope, error, ci_level)
    fit = Fit(
        estimate=slope,
        std_error=error,
        statistic=test.statistic,
        p_value=float(2 * stats.norm.sf(abs(test.statistic))),
        conf_low=test.low,
        conf_high=test.high,
        n_obs=base.n_obs,
        n_clusters=base.n_clusters,
        converged=converged,
        warnings=base.warnings if converged else (*base.warnings, "not_converged"),
    )
    return fit.scaled(y_scale / x_scale)


def shuffled_periods(panel: Panel, keys: list[str]) -> Panel:
    """Return the panel with the periods of each community dealt out anew, in the order of `keys` (hashes of cells)."""
    order = np.lexsort((np.array(keys), panel.communities))
    plain = np.lexsort((panel.periods, panel.communities))
    periods = np.empty_like(panel.periods)
    periods[order] = panel.periods[plain]
    return Panel(panel.values, panel.communities, periods)
