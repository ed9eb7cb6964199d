"""From shares, differences and fits to rows of ``analysis.measure`` and ``analysis.estimate`` of this family."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pipeline.activity.resampling import NO_INTERVAL, Interval, Null, cluster_bootstrap, ratio, stream
from pipeline.activity.row import Sampling, row
from pipeline.conversation.turns import FAMILY
from pipeline.conversation.within import Strata, dealt, difference, permuted_difference
from pipeline.inference.intervals import wilson
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS, Fit, Floats, Ints
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, Measure, join_warnings

MOST_DRAWS = 499
"""Draws of each permutation of an estimate."""
DEALT = "labels dealt anew within strata once"
"""What a placebo is where nothing else is said."""


def share_row(
    measure_id: str,
    value: Floats | Ints,
    cluster: Ints,
    n_unit: str,
    sampling: Sampling,
    *,
    few: str = "few_replies",
    words: Iterable[str] = (),
    null: Null | None = None,
    units: str = "agents",
    is_share: bool = True,
) -> Measure:
    """Return a mean, shares among them, with an interval that draws clusters with replacement.

    Parameters
    ----------
    measure_id, n_unit
        As in ``analysis.measure``.
    value, cluster
        Outcome of each unit, and the code of its cluster, shape (n,).
    sampling
        Seed, draws and level.
    few
        Warning where there is no unit.
    words
        Further warnings.
    null
        What stands beside the mean.
    units
        What the clusters are: agents or threads.
    is_share
        Whether the outcome of a unit is 0 or 1. A share of all zeros or all ones has an interval though no cluster
        differs (rule of three; Wilson's); another mean of equal values has none.
    """
    size = value.size
    warnings = [*words] if size else [*words, few]
    interval = NO_INTERVAL
    if size:
        codes = np.unique(cluster, return_inverse=True)[1]
        totals = np.column_stack([np.bincount(codes, weights=value), np.bincount(codes)])
        if len(totals) < FEWEST_BOOTSTRAP_UNITS:
            warnings.append("few_agents" if units == "agents" else few)
        elif np.ptp(value) > 0:
            interval = cluster_bootstrap(
                totals, ratio, draws=sampling.bootstrap_draws, rng=stream(sampling.seed, measure_id),
                level=sampling.level, method=f"cluster_bootstrap_{units}",
            )  # fmt: skip
        elif is_share and not value.any():
            # Drawing clusters again never shows what no cluster has; three in a hundred may (rule of three).
            interval = Interval(0.0, min(1.0, -float(np.log(1 - sampling.level)) / len(totals)), "rule_of_three")
        elif is_share:
            low, high = wilson(len(totals), len(totals), sampling.level)
            interval = Interval(low, high, f"wilson_{units}")
        else:
            warnings.append("no_variation")
    mean = float(value.mean()) if size else None
    return row(
        FAMILY, measure_id, mean, size, n_unit, level=sampling.level, interval=interval, null=null, warnings=warnings
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What the tests of one hypothesis have in common.

    Attributes
    ----------
    hypothesis_id, estimand, outcome, term
        As in ``analysis.estimate``.
    strata, cluster
        What is held fixed, and what the standard error is clustered on, in words.
    """

    hypothesis_id: str
    estimand: str
    outcome: str
    term: str
    strata: str
    cluster: str

    def estimate(
        self, role: str, estimator: str, fit: Fit, sampling: Sampling, clock: Clock, *,
        variant: str = "", model: str | None = None, words: Iterable[str] = (), placebo: str = DEALT,
    ) -> Estimate:  # fmt: skip
        """Return a row of ``analysis.estimate`` for one fit; `variant` tells rows of one role and estimator apart.

        `placebo` says in the row of a placebo what was done in place of the real thing.
        """
        parts = [f"{fit.n_perm} dealings, seed {sampling.seed}"] if fit.n_perm else []
        if role == "placebo":
            parts.append(f"{placebo}, seed {sampling.seed}" if "dealt" in placebo else placebo)
        parts += [fit.sampling] if fit.sampling else []
        return Estimate(
            spec_id="_".join(part for part in (self.hypothesis_id, estimator, variant, role) if part), family=FAMILY,
            hypothesis_id=self.hypothesis_id, role=role, estimand=self.estimand,
            model=model or f"{self.outcome} ~ {self.term} | {self.strata}", estimator=estimator, outcome=self.outcome,
            term=self.term, estimate=fit.estimate, std_error=fit.std_error, statistic=fit.statistic, df=fit.df,
            p_value=fit.p_value, conf_low=fit.conf_low, conf_high=fit.conf_high,
            conf_level=None if fit.conf_low is None else sampling.level, n_obs=fit.n_obs, n_clusters=fit.n_clusters,
            n_events=fit.n_events, cluster=self.cluster, fe=self.strata, sampling="; ".join(parts) or None,
            window_start=clock.first_at, window_end=clock.last_at, null_mean=fit.null_mean, null_sd=fit.null_sd,
            n_perm=fit.n_perm, converged=fit.converged, warnings=join_warnings([*fit.warnings, *words]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contrast:
    """A question with the rows that answer it.

    Attributes
    ----------
    question
        What is asked.
    found
        Rows of strata in which the label varies.
    variant
        Empty for the first answer; else what differs, and the rows are robustness and placebo.
    words
        Warnings.
    """

    question: Question
    found: Strata
    variant: str = ""
    words: tuple[str, ...] = ()

    def __call__(self, sampling: Sampling, clock: Clock, n_draws: int) -> Iterator[Estimate]:
        """Yield the difference within strata, its test by dealing labels anew, and a placebo of labels dealt once."""
        rng = stream(sampling.seed, f"{FAMILY}/{self.question.hypothesis_id}/{self.variant}")
        level, found = sampling.level, self.found
        placebo = replace(found, label=dealt(found.label, found.stratum, rng)) if found.label.size else found
        for role, estimator, fit in (
            ("robustness" if self.variant else "primary", "within_strata", difference(found, level)),
            ("robustness", "labels_permuted", permuted_difference(found, level, min(n_draws, MOST_DRAWS), rng)),
            ("placebo", "within_strata", difference(placebo, level)),
        ):
            yield self.question.estimate(role, estimator, fit, sampling, clock, variant=self.variant, words=self.words)


def ints(frame: pl.DataFrame, name: str) -> Ints:
    """Return a column as whole numbers, shape (n,)."""
    return frame[name].to_numpy().astype(np.int64)


def codes(frame: pl.DataFrame, *names: str) -> Ints:
    """Return codes from 0 of the combinations of some columns, shape (n,)."""
    return frame.select(pl.struct(names).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy().astype(np.int64)
