"""One specification of the enforcement grid, fitted on one sample.

What belongs here: which arrays a specification is about, and which estimator gets them. What does not: the
estimators themselves, the reading of tables, the adjustment for multiplicity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from pipeline.inference import contingency, event_aligned, matching, permutation
from pipeline.inference.enforcement_frames import Sample, integers
from pipeline.inference.logit import fit_logit
from pipeline.inference.random_intercept import fit_random_intercept
from pipeline.inference.result import FEW_CLUSTERS, Fit, Floats, Ints, events_warning, wald
from pipeline.inference.specification import BINARY_EXPOSURES, GridSettings, Specification

ENTANGLED_CORRELATION = 0.2
"""An exposure that correlates with log length by more than this is called entangled with it."""


@dataclass(frozen=True)
class Task:
    """A specification with its sample, the settings of the grid, a generator seed and the level of intervals."""

    spec: Specification
    sample: Sample
    settings: GridSettings
    seed: int
    ci_level: float

    @cached_property
    def rng(self) -> np.random.Generator:
        """Generator of this specification: its numbers do not depend on which others are run."""
        return np.random.default_rng([self.seed, int(self.spec.spec_id, 16)])

    @property
    def rows(self) -> pl.DataFrame:
        """The rows of the specification's unit."""
        return self.sample.replies if self.spec.unit == "reply" else self.sample.target_posts

    @property
    def exposure(self) -> Ints:
        """The exposure as integers, shape (n,)."""
        return integers(self.rows, self.spec.exposure)

    @property
    def outcome(self) -> Ints:
        """The outcome as integers, shape (n,)."""
        return integers(self.rows, self.spec.outcome)


def fit_specification(task: Task) -> Fit:
    """Fit one specification; where the data do not allow it, return a null estimate with the reason.

    Returns
    -------
    Fit
        With `n_agents` and the warnings that hold for every estimator on this sample.
    """
    if task.spec.estimator != "event_aligned" and task.rows.is_empty():
        return Fit(n_obs=0, n_agents=0, n_clusters=0, n_events=0, warnings=("few_replies", "no_variation"))
    fit = _ESTIMATORS[task.spec.estimator](task)
    return replace(fit, n_agents=_n_agents(task), warnings=(*fit.warnings, *_sample_warnings(task, fit)))


def _n_agents(task: Task) -> int:
    return task.sample.post_authors if task.spec.unit in ("target_post", "pair") else task.sample.agents


def _sample_warnings(task: Task, fit: Fit) -> list[str]:
    spec, out = task.spec, [*task.sample.words]
    if spec.role == "naive":
        out += ["not_evidence", "replies_clustered"]
    if spec.unit in ("target_post", "pair"):
        out.append("conditional_on_replies")
    if fit.n_clusters is not None and fit.n_clusters < FEW_CLUSTERS:
        out.append("few_clusters")
    if spec.unit in ("reply", "target_post") and "post_length" not in spec.controls:
        exposure = task.rows[spec.exposure].to_numpy()
        if abs(_correlation(exposure, task.rows["post_length"].to_numpy())) > ENTANGLED_CORRELATION:
            out.append("length_entangled")
    return out


def _correlation(a: Floats, b: Floats) -> float:
    if a.size < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _design(task: Task) -> Floats | None:
    """Return ones, exposure (z-scored unless binary) and controls that vary; ``None`` for a constant exposure."""
    rows, spec = task.rows, task.spec
    exposure = rows[spec.exposure].to_numpy().astype(np.float64)
    if exposure.min() == exposure.max():
        return None
    if spec.exposure not in BINARY_EXPOSURES:
        exposure = (exposure - exposure.mean()) / exposure.std()
    columns = [np.ones(exposure.size), exposure]
    for name in spec.controls:
        values = np.log1p(rows["n_replies"].to_numpy()) if name == "thread" else rows[name].to_numpy()
        if values.max() - values.min() > 0:
            columns.append((values - values.mean()) / values.std())
    return np.column_stack(columns)


def _logit_null(task: Task, design: Floats | None) -> tuple[str, ...]:
    """Return the reasons why no logit can be fitted: no variation, or a binary exposure with an empty cell."""
    y = task.outcome
    if not 0 < y.sum() < y.size:
        return ("few_events", "no_variation")
    if design is None:
        return ("no_variation",)
    if design.shape[0] <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        return ("few_replies", "no_variation")
    if task.spec.exposure in BINARY_EXPOSURES and (contingency.two_by_two(task.exposure, y) == 0).any():
        return ("separation",)
    return ()


def _logit_cluster(task: Task) -> Fit:
    y, design = task.outcome, _design(task)
    base = Fit(n_obs=y.size, n_events=int(y.sum()), converged=False)
    if (reasons := _logit_null(task, design)) or design is None:
        return replace(base, warnings=reasons)
    fit = fit_logit(design, y.astype(np.float64), [integers(task.rows, name) for name in task.spec.clusters])
    if fit.is_separated or not fit.converged:
        words = ("separation",) if fit.is_separated else ("not_converged",)
        return replace(base, n_clusters=fit.n_clusters, warnings=words)
    df = None if fit.n_clusters is None else float(fit.n_clusters - 1)
    return _wald_row(base, float(fit.beta[1]), float(fit.covariance[1, 1]), df, fit.n_clusters, task, design)


def _logit_random_intercept(task: Task) -> Fit:
    y, design = task.outcome, _design(task)
    base = Fit(n_obs=y.size, n_events=int(y.sum()), converged=False)
    if (reasons := _logit_null(task, design)) or design is None:
        return replace(base, warnings=reasons)
    groups = integers(task.rows, "post")
    fit = fit_random_intercept(design, y.astype(np.float64), groups)
    if not fit.converged:
        return replace(base, n_clusters=fit.n_groups, warnings=("not_converged",))
    return _wald_row(base, float(fit.beta[1]), float(fit.covariance[1, 1]), None, fit.n_groups, task, design)


def _wald_row(
    base: Fit,
    estimate: float,
    variance: float,
    df: float | None,
    n_clusters: int | None,
    task: Task,
    design: Floats,
) -> Fit:
    few = events_warning(base.n_events or 0, base.n_obs or 0, design.shape[1] - 1)
    fitted = replace(base, estimate=estimate, converged=True, n_clusters=n_clusters, warnings=few)
    if not variance > 0 or (df is not None and df < 1):
        # Two-way clustering with few clusters can give a variance below zero; one cluster gives none at all.
        return replace(fitted, warnings=(*few, "few_clusters"))
    std_error = float(np.sqrt(variance))
    test = wald(estimate, std_error, task.ci_level, df)
    return replace(
        fitted,
        std_error=std_error,
        statistic=test.statistic,
        df=df,
        p_value=test.p_value,
        conf_low=test.low,
        conf_high=test.high,
    )


def _woolf(task: Task) -> Fit:
    return contingency.woolf(contingency.two_by_two(task.exposure, task.outcome), task.ci_level)


def _fisher(task: Task) -> Fit:
    return contingency.fisher(contingency.two_by_two(task.exposure, task.outcome), task.ci_level)


def _chi2_naive(task: Task) -> Fit:
    return contingency.chi_square(contingency.two_by_two(task.exposure, task.outcome), task.ci_level)


def _cmh(task: Task) -> Fit:
    tables = contingency.stratum_tables(task.exposure, task.outcome, integers(task.rows, "community"))
    return contingency.cochran_mantel_haenszel(tables, task.ci_level)


def _pairs(task: Task) -> tuple[Floats, matching.Pairs]:
    rows = task.rows
    share = rows[task.spec.outcome].to_numpy() / rows["n_replies"].to_numpy()
    # Seeded by the sample, not by the specification: mean difference and sign test look at the same pairs.
    pairs = matching.length_matched_pairs(
        task.exposure,
        rows["post_length"].to_numpy(),
        caliper=float(np.log(task.settings.caliper_ratio)),
        rng=np.random.default_rng(task.seed),
    )
    return share, pairs


def _matched_mean(task: Task) -> Fit:
    share, pairs = _pairs(task)
    draws = task.settings.bootstraps
    fit = matching.mean_difference(share, pairs, n_draws=draws, ci_level=task.ci_level, rng=task.rng)
    return replace(fit, sampling=f"bootstrap over matched posts, draws={draws}, seed={task.seed}")


def _matched_sign(task: Task) -> Fit:
    return replace(matching.sign_test(*_pairs(task), task.ci_level), sampling=f"seed={task.seed}")


def _permutation(task: Task) -> Fit:
    draws, scale = task.settings.permutations, 1.0
    if task.spec.exposure not in BINARY_EXPOSURES:
        scale = float(task.sample.replies[task.spec.exposure].to_numpy().std())
    if task.spec.unit == "reply":
        fit = permutation.permute_replies(
            task.exposure, task.outcome, n_draws=draws, ci_level=task.ci_level, rng=task.rng
        )
    else:
        fit = permutation.permute_posts(
            task.exposure,
            integers(task.rows, "n_replies"),
            task.outcome,
            strata=integers(task.rows, task.spec.strata) if task.spec.strata else None,
            n_draws=draws,
            ci_level=task.ci_level,
            rng=task.rng,
        )
    return replace(fit.scaled(scale), sampling=f"permutation, draws={draws}, seed={task.seed}")


def _event_aligned(task: Task) -> Fit:
    aligned = event_aligned.align(
        task.sample.threads,
        placebo_seed=task.settings.placebo_seed,
        rng=np.random.default_rng([task.seed, task.settings.placebo_seed]),
    )
    draws, kind = task.settings.bootstraps, task.spec.exposure
    # The difference at matched places compares pairs: events without a donor are left out of both sides.
    has_donor = np.isfinite(aligned.placebo_position)
    sides: dict[str, tuple[Floats, Floats | None]] = {
        "event": (aligned.real, None),
        "placebo_random": (aligned.placebo_random, None),
        "placebo_position": (aligned.placebo_position, None),
        "event_minus_random": (aligned.real, aligned.placebo_random),
        "event_minus_position": (np.where(has_donor, aligned.real, np.nan), aligned.placebo_position),
    }
    delta, placebo = sides[kind]
    if placebo is None:
        fit = event_aligned.mean_delta(delta, n_draws=draws, ci_level=task.ci_level, rng=task.rng)
    else:
        fit = event_aligned.mean_difference(delta, placebo, n_draws=draws, ci_level=task.ci_level, rng=task.rng)
    words = () if kind == "event_minus_position" else ("regression_to_the_mean",)
    sampling = f"bootstrap over threads, draws={draws}, seed={task.seed}, placebo_seed={task.settings.placebo_seed}"
    return replace(fit, warnings=(*fit.warnings, *words), sampling=sampling)


_ESTIMATORS: dict[str, Callable[[Task], Fit]] = {
    "logit_cluster": _logit_cluster,
    "logit_random_intercept": _logit_random_intercept,
    "woolf_2x2": _woolf,
    "fisher": _fisher,
    "cmh": _cmh,
    "chi2_naive": _chi2_naive,
    "length_matched_pairs": _matched_mean,
    "length_matched_sign": _matched_sign,
    "permutation": _permutation,
    "event_aligned": _event_aligned,
}
