"""The enforcement family of ``analysis.estimate``: every specification of the grid on one corpus."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from pipeline.inference.enforcement_fits import Task, fit_specification
from pipeline.inference.enforcement_frames import Sample, read_replies
from pipeline.inference.multiplicity import adjust
from pipeline.inference.result import Fit
from pipeline.inference.slices import BUILT_IN_SLICES, slice_replies
from pipeline.inference.specification import BINARY_EXPOSURES, Grid, Specification, load_grid
from pipeline.schema import Estimate, join_warnings

FAMILY = "enforcement"


def enforcement_estimates(
    con: duckdb.DuckDBPyConnection,
    grid: Grid | None = None,
    *,
    seed: int,
    ci_level: float = 0.95,
    progress: Callable[[str], None] | None = None,
) -> list[Estimate]:
    """Run every specification of the grid and adjust the p-values.

    Parameters
    ----------
    con
        Connection with the views message, text, lexicon_score and reply_class of one corpus.
    grid
        The specifications; without it, the registered grid.
    seed
        Seed of permutations, bootstraps and matches.
    ci_level
        Level of the intervals.
    progress
        Called with one line per specification; the line holds labels of the grid only.

    Returns
    -------
    list of Estimate
        One row per specification, in the order of the grid. A specification that the data do not allow is a row
        with a null estimate and its reason in `warnings`.
    """
    used = grid or load_grid()
    replies = read_replies(con)
    samples: dict[str, Sample] = {}
    rules = {rule.slice_id: rule for rule in BUILT_IN_SLICES}
    rows = []
    for i, spec in enumerate(used.specifications, 1):
        if progress is not None:
            progress(f"enforcement {i}/{len(used.specifications)}: {spec.estimator}, {spec.formula}, {spec.slice}")
        if spec.slice not in samples:
            samples[spec.slice] = Sample(slice_replies(replies, rules[spec.slice]))
        sample = samples[spec.slice]
        fit = fit_specification(Task(spec, sample, used.settings, seed, ci_level))
        rows.append(_row(spec, sample, fit, ci_level))
    return adjust(rows)


def _row(spec: Specification, sample: Sample, fit: Fit, ci_level: float) -> Estimate:
    times = sample.replies["created_at"]
    return Estimate(
        spec_id=spec.spec_id,
        family=FAMILY,
        hypothesis_id=spec.hypothesis,
        role=spec.role,
        estimand=estimand(spec),
        model=spec.formula,
        estimator=spec.estimator,
        outcome=spec.outcome,
        term=spec.exposure,
        estimate=fit.estimate,
        slice_id=spec.slice,
        std_error=fit.std_error,
        statistic=fit.statistic,
        df=fit.df,
        p_value=fit.p_value,
        conf_low=fit.conf_low,
        conf_high=fit.conf_high,
        conf_level=None if fit.conf_low is None else ci_level,
        n_obs=fit.n_obs,
        n_agents=fit.n_agents,
        n_clusters=fit.n_clusters,
        n_events=fit.n_events,
        cluster="+".join(spec.clusters) or None,
        fe=spec.strata or None,
        sampling=fit.sampling,
        window_start=times.min(),  # type: ignore[arg-type]
        window_end=times.max(),  # type: ignore[arg-type]
        null_mean=fit.null_mean,
        null_sd=fit.null_sd,
        n_perm=fit.n_perm,
        converged=fit.converged,
        warnings=join_warnings(fit.warnings),
    )


def estimand(spec: Specification) -> str:
    """Say in words what a specification estimates."""
    if spec.estimator == "event_aligned":
        what = {
            "event": "the first enforcing comment",
            "placebo_random": "a random comment that does not enforce",
            "placebo_position": "a comment at the same place of a thread without enforcement so far",
            "event_minus_random": "the first enforcing comment, less a random other comment",
            "event_minus_position": "the first enforcing comment, less a comment at the same place elsewhere",
        }[spec.exposure]
        return f"mean AIRS of the comments after minus before {what}"
    event = "any reply enforces" if spec.outcome == "any_enforce" else f"a reply is of class {spec.outcome}"
    if spec.estimator == "length_matched_pairs":
        return f"difference in the share of replies of class {spec.outcome}, exposed minus matched post"
    if spec.estimator == "length_matched_sign":
        return f"log odds that the exposed post of a pair has the larger share of class {spec.outcome}"
    per = "exposed against not exposed" if spec.exposure in BINARY_EXPOSURES else "per standard deviation"
    given = " given the post" if spec.estimator == "logit_random_intercept" else ""
    return f"log odds ratio that {event}, {per}{given}"
