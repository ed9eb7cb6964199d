"""Newcomers and the entropy of templates: tests of level and trend, rows of ``analysis.estimate``.

What belongs here: which tests are run, fixed before any result is seen, and their rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from pipeline.activity.resampling import stream
from pipeline.inference.result import FEW_CLUSTERS, Fit
from pipeline.language.newcomers import MEASURE, level_permutation, level_t_test, once_each, placebo_cells, trend
from pipeline.language.norm_trends import ENTROPY, Trends, finite_means, is_constant, null_of
from pipeline.language.similarity import Floats
from pipeline.language.slopes import MIN_PERIODS, Panel, refusal, slope_permutation, slope_t_test
from pipeline.language.template_entropy import CORPUS_POSTS, POSTS
from pipeline.language.template_shares import FAMILY
from pipeline.schema import Estimate, join_warnings

_STAND_OFF, _COME_NEAR = "newcomers_stand_off", "newcomers_come_near"
_OWN, _FEWER = "communities_have_templates_of_their_own", "templates_concentrate"


@dataclass(frozen=True, slots=True)
class TrendSpecification:
    """One test: its name and role, the hypothesis, and the estimator, a key of `_ESTIMANDS`."""

    spec_id: str
    role: str
    hypothesis: str
    estimator: str


NEWCOMER_SPECIFICATIONS = (
    TrendSpecification("newcomer_gap_permutation", "primary", _STAND_OFF, "tenure_permutation"),
    TrendSpecification("newcomer_gap_t", "robustness", _STAND_OFF, "community_t_test"),
    TrendSpecification("newcomer_gap_placebo", "placebo", _STAND_OFF, "tenure_permutation"),
    TrendSpecification("newcomer_slope_t", "primary", _COME_NEAR, "slope_t_test"),
    TrendSpecification("newcomer_slope_permutation", "robustness", _COME_NEAR, "slope_permutation"),
)
ENTROPY_SPECIFICATIONS = (
    TrendSpecification("template_entropy_dealt", "primary", _OWN, "author_permutation"),
    TrendSpecification("template_entropy_placebo", "placebo", _OWN, "author_permutation"),
    TrendSpecification("template_entropy_slope_t", "primary", _FEWER, "slope_t_test"),
    TrendSpecification("template_entropy_slope_permutation", "robustness", _FEWER, "slope_permutation"),
    TrendSpecification("template_entropy_slope_corpus", "robustness", _FEWER, "slope_jackknife"),
)
"""The whole of what is tested here."""

_ESTIMANDS = {
    _STAND_OFF: "mean cosine of a newcomer's and an incumbent's text less that of two incumbents' texts",
    _COME_NEAR: "change per {period} of the cosine to incumbents less that among them, mean over communities",
    _OWN: f"entropy of the templates of {POSTS} posts of a community and {{period}}, as a share of its maximum",
    _FEWER: "change per {period} of the entropy of templates, as a share of its maximum",
}


def trend_estimates(trends: Trends, *, n_draws: int = 1000) -> list[Estimate]:
    """Run every test of newcomers and of the entropy of templates.

    Parameters
    ----------
    trends
        What was read.
    n_draws
        Draws of the permutations of newcomers and of periods; authors are dealt out as often as `Sampling` says.

    Returns
    -------
    list of Estimate
        One row per specification; p-values are not adjusted yet. A test that the data do not allow is a row with a
        null estimate and its reason in `warnings`.
    """
    fits = {**_newcomer_fits(trends, n_draws), **_entropy_fits(trends, n_draws)}
    specs = (*NEWCOMER_SPECIFICATIONS, *ENTROPY_SPECIFICATIONS)
    return [_row(spec, fits[spec.spec_id], trends) for spec in specs]


def _newcomer_fits(trends: Trends, n_draws: int) -> dict[str, Fit]:
    if words := trends.newcomer_refusal:
        refused_fit = Fit(n_obs=0, n_clusters=0, warnings=tuple(words))
        return {spec.spec_id: refused_fit for spec in NEWCOMER_SPECIFICATIONS}
    level, seed = trends.sampling.level, trends.sampling.seed
    apart = once_each(trends.cells, seed)
    slopes = trend(trends.cells, trends.clock, level, n_draws, seed)
    fits = {
        "newcomer_gap_permutation": level_permutation(apart, level, n_draws, stream(seed, "newcomer_gap_permutation")),
        "newcomer_gap_t": level_t_test(trends.cells, level),
        "newcomer_gap_placebo": level_permutation(
            placebo_cells(apart, seed), level, n_draws, stream(seed, "newcomer_gap_placebo_draws")
        ),
        "newcomer_slope_t": slopes["slope_t_test"],
        "newcomer_slope_permutation": slopes["slope_permutation"],
    }
    short = ("short_tenure",) if trends.clock.is_tenure_short else ()
    return {name: replace(fit, warnings=(*fit.warnings, *short, *trends.covered.words)) for name, fit in fits.items()}


def _entropy_fits(trends: Trends, n_draws: int) -> dict[str, Fit]:
    if trends.counts is None:
        nothing = Fit(n_obs=0, n_clusters=0, warnings=(trends.clock.refusal or "few_posts",))
        return {spec.spec_id: nothing for spec in ENTROPY_SPECIFICATIONS}
    jackknifed = corpus_slope(*trends.corpus_draws(), trends.sampling.level)
    fits = {"template_entropy_slope_corpus": jackknifed}
    if not trends.named:
        nothing = Fit(n_obs=0, n_clusters=0, warnings=("no_communities",))
        return {**{spec.spec_id: nothing for spec in ENTROPY_SPECIFICATIONS}, **fits}
    level, found = trends.sampling.level, trends.entropy
    observed, drawn = finite_means(found.reshape(1, -1))[0], finite_means(trends.dealt.reshape(len(trends.dealt), -1))
    n_obs, n_clusters = int(np.isfinite(found).sum()), int(np.isfinite(found).any(axis=1).sum())
    base = Fit(n_obs=n_obs, n_clusters=n_clusters, n_agents=len(trends.counts.names))
    fits["template_entropy_dealt"] = _dealt_fit(observed, drawn, level, base)
    # The first dealing stands for the corpus, the others for its null.
    fits["template_entropy_placebo"] = _dealt_fit(float(drawn[0]), drawn[1:], level, base)
    code, at = np.nonzero(np.isfinite(found))
    first = trends.counts.periods[0]
    since = [round((trends.counts.periods[int(i)] - first) / trends.clock.length) for i in at]
    panel = Panel(found[code, at], code.astype(np.int64), np.array(since, dtype=np.int64))
    tests: dict[str, Callable[[], Fit]] = {
        "template_entropy_slope_t": lambda: slope_t_test(panel, level),
        "template_entropy_slope_permutation": lambda: slope_permutation(
            panel, level, n_draws=n_draws, rng=stream(trends.sampling.seed, "template_entropy_slope_permutation")
        ),
    }
    words = refusal(panel.long_enough()) if panel.values.size else ("few_posts",)
    for name, test in tests.items():
        fits[name] = Fit(n_obs=n_obs, n_clusters=n_clusters, warnings=words) if words else test()
    return fits


def _dealt_fit(observed: float, drawn: Floats, level: float, base: Fit) -> Fit:
    if np.isfinite(observed) and is_constant(drawn):
        return replace(base, estimate=min(observed, 1.0), warnings=("no_variation",))
    null = null_of(observed, drawn)
    if not np.isfinite(observed) or null is None or base.n_clusters is None or base.n_clusters < 2:
        return replace(base, warnings=("few_posts",) if not base.n_obs else ("few_clusters",))
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn - null.mean, [0.5 - level / 2, 0.5 + level / 2])
    few = ("few_clusters",) if base.n_clusters < FEW_CLUSTERS else ()
    return replace(
        base, estimate=observed, p_value=null.p_value, std_error=null.sd, conf_low=max(0.0, observed - float(high)),
        conf_high=min(1.0, observed - float(low)), null_mean=null.mean, null_sd=null.sd, n_perm=int(drawn.size),
        sampling="each author in the community where it posts most", warnings=few,
    )  # fmt: skip


def corpus_slope(values: Floats, left_out: Floats, level: float) -> Fit:
    """Return the slope over periods of a value of the whole corpus, with a jackknife over groups of authors.

    Parameters
    ----------
    values
        Shape (periods,); not-a-number where there is none.
    left_out
        Shape (groups, periods): without each group.
    level
        Level of the interval, on t with groups − 1 degrees of freedom.
    """
    at = np.flatnonzero(np.isfinite(values) & np.isfinite(left_out).all(axis=0))
    base = Fit(n_obs=int(at.size), n_clusters=len(left_out), sampling=f"{CORPUS_POSTS} posts per period, rarefied")
    if at.size < MIN_PERIODS:
        return replace(base, warnings=("few_periods",))
    x = at - at.mean()
    weights = x / np.square(x).sum()
    slope, without = float(values[at] @ weights), left_out[:, at] @ weights
    groups = len(left_out)
    error = float(np.sqrt((groups - 1) / groups * np.square(without - without.mean()).sum()))
    if error <= 1e-12:  # what is left of sums
        return replace(base, warnings=("no_variation",))
    law = stats.t(groups - 1)
    half = float(law.ppf(0.5 + level / 2)) * error
    return replace(
        base, estimate=slope, std_error=error, statistic=slope / error, df=float(groups - 1),
        p_value=float(2 * law.sf(abs(slope / error))), conf_low=slope - half, conf_high=slope + half,
        warnings=("few_clusters",),
    )  # fmt: skip


def _row(spec: TrendSpecification, fit: Fit, trends: Trends) -> Estimate:
    is_entropy = spec in ENTROPY_SPECIFICATIONS
    outcome = ENTROPY if is_entropy else MEASURE
    is_trend = spec.hypothesis in (_COME_NEAR, _FEWER)
    level = trends.sampling.level
    return Estimate(
        spec_id=spec.spec_id, family=FAMILY, hypothesis_id=spec.hypothesis, role=spec.role,
        estimand=_ESTIMANDS[spec.hypothesis].format(period=trends.clock.name),
        model=f"{outcome} ~ 1 + period by community" if is_trend else f"{outcome} ~ 1",
        estimator=spec.estimator, outcome=outcome, term="slope" if is_trend else "mean", estimate=fit.estimate,
        std_error=fit.std_error, statistic=fit.statistic, df=fit.df, p_value=fit.p_value, conf_low=fit.conf_low,
        conf_high=fit.conf_high, conf_level=None if fit.conf_low is None else level, n_obs=fit.n_obs,
        n_agents=fit.n_agents, n_clusters=fit.n_clusters,
        cluster="author groups" if spec.estimator == "slope_jackknife" else "community", sampling=fit.sampling,
        window_start=trends.clock.first_at, window_end=trends.clock.last_at,
        score_version=None if is_entropy or trends.embedding is None else trends.embedding.version,
        null_mean=fit.null_mean, null_sd=fit.null_sd, n_perm=fit.n_perm, warnings=join_warnings(fit.warnings),
    )  # fmt: skip
