"""Do communities converge? The specifications of family ``convergence`` of ``analysis.estimate``.

What belongs here: which tests are run on which cells, fixed before any result is seen, and their rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import stream
from pipeline.inference.multiplicity import adjust
from pipeline.inference.result import Fit
from pipeline.language.clock import Clock
from pipeline.language.convergence import empty_cells, read_cells
from pipeline.language.convergence_sample import Choice, find_embedding, has_communities
from pipeline.language.covered import WORD, Coverage, corpus_coverage
from pipeline.language.slopes import Panel, mixed_model, shuffled_periods, slope_permutation, slope_t_test
from pipeline.language.template_shares import FAMILY
from pipeline.schema import Estimate, join_warnings

T_TEST, PERMUTATION, MIXED = "slope_t_test", "slope_permutation", "mixed_model_reml"


@dataclass(frozen=True, slots=True)
class Specification:
    """One test: of what, on which cells.

    Attributes
    ----------
    spec_id, role, estimator
        As in ``analysis.estimate``.
    outcome
        Column of the cells (`convergence.read_cells`): ``net_gap`` (W − B, a community's part in the B of others put to
        its account), ``net_gap_authors`` (pairs within are by different authors), ``gap`` (plain W − B) or ``within``.
    rung
        Rung of the vectors; None takes the dearest that every text has.
    with_copies
        True counts exact copies as often as they were posted.
    is_placebo
        True deals the periods of each community out anew, once, by hash.
    """

    spec_id: str
    role: str
    estimator: str
    outcome: str = "net_gap"
    rung: str | None = None
    with_copies: bool = False
    is_placebo: bool = False


SPECIFICATIONS = (
    Specification("convergence_slope_t", "primary", T_TEST),
    Specification("convergence_slope_permutation", "robustness", PERMUTATION),
    Specification("convergence_mixed_model", "robustness", MIXED),
    Specification("convergence_slope_t_copies", "robustness", T_TEST, with_copies=True),
    Specification("convergence_slope_t_authors", "robustness", T_TEST, outcome="net_gap_authors"),
    Specification("convergence_slope_t_plain", "robustness", T_TEST, outcome="gap"),
    Specification("convergence_slope_t_full", "robustness", T_TEST, rung="full"),
    Specification("convergence_slope_t_placebo", "placebo", T_TEST, is_placebo=True),
    Specification("convergence_slope_t_unnetted", "naive", T_TEST, outcome="within"),
)
"""The whole of the family. ``plain`` is too cautious where communities have much in common; ``unnetted`` shows what a
trend common to all texts does to W alone, and is no evidence."""

_OUTCOMES = {
    "net_gap": "W − B, mean cosine within less between communities",
    "net_gap_authors": "W − B, pairs within by different authors",
    "gap": "W − B, dependence between communities ignored",
    "within": "W, mean cosine within communities",
}


def convergence_estimates(
    con: duckdb.DuckDBPyConnection, clock: Clock, *, seed: int, ci_level: float = 0.95, n_draws: int = 1000
) -> list[Estimate]:
    """Test whether the texts of communities become more alike over periods.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``embedding`` of one corpus.
    clock
        The period of the corpus.
    seed
        Seed of the choice of texts and of the permutations.
    ci_level, n_draws
        Level of the intervals, draws of the permutation test.

    Returns
    -------
    list of Estimate
        One row per specification, estimates per period (week or day). A test that the data do not allow is a row
        with a null estimate and its reason in `warnings`.
    """
    named, covered = has_communities(con), corpus_coverage(con)
    cells: dict[tuple[str | None, bool], tuple[pl.DataFrame, str | None, str | None]] = {}
    rows = []
    for spec in SPECIFICATIONS:
        key = (spec.rung, spec.with_copies)
        if key not in cells:
            cells[key] = _cells(con, spec, clock, named, seed, covered)
        frame, version, word = cells[key]
        fit = (
            Fit(n_obs=0, n_clusters=0, warnings=(word,)) if word else _fit(spec, frame, clock, seed, ci_level, n_draws)
        )
        row = _row(spec, frame, version, fit, clock, seed, ci_level)
        words = [*(row.warnings or "").split(","), *(covered.words if fit.n_obs else [])]
        rows.append(replace(row, warnings=join_warnings(words)))
    return adjust(rows)


def _cells(
    con: duckdb.DuckDBPyConnection, spec: Specification, clock: Clock, named: bool, seed: int, covered: Coverage
) -> tuple[pl.DataFrame, str | None, str | None]:
    """Return the cells, the version of the vectors, and the word that says why there are no cells."""
    embedding = find_embedding(con, spec.rung)
    if clock.period is None:
        return empty_cells(), None, clock.refusal
    if embedding is None:
        return empty_cells(), None, "model_unavailable"
    if covered.is_refused:
        return empty_cells(), embedding.version, WORD
    if not named:
        return empty_cells(), embedding.version, "no_communities"
    frame = read_cells(con, Choice(embedding, clock, seed, with_copies=spec.with_copies))
    return frame, embedding.version, "few_posts" if frame.is_empty() else None


def _panel(spec: Specification, frame: pl.DataFrame, clock: Clock, seed: int) -> Panel:
    used = frame.drop_nulls(spec.outcome)
    communities = used.select(code=pl.concat_str("run_id", pl.lit("\n"), "community_id").rank("dense") - 1)
    since = (used["period_start"] - frame["period_start"].min()).dt.total_seconds()  # none may be used
    periods = (since.to_numpy() / clock.length.total_seconds()).round().astype(np.int64)
    panel = Panel(used[spec.outcome].to_numpy(), communities["code"].to_numpy().astype(np.int64), periods)
    if not spec.is_placebo:
        return panel
    names = used.select(pl.concat_str("run_id", pl.lit("\n"), "community_id", pl.lit("\n"), "period_start")).to_series()
    return shuffled_periods(panel, [hashlib.sha256(f"{seed}:{name}".encode()).hexdigest() for name in names])


def _fit(spec: Specification, frame: pl.DataFrame, clock: Clock, seed: int, ci_level: float, n_draws: int) -> Fit:
    panel = _panel(spec, frame, clock, seed)
    if spec.estimator == PERMUTATION:
        return slope_permutation(panel, ci_level, n_draws=n_draws, rng=stream(seed, spec.spec_id))
    return mixed_model(panel, ci_level) if spec.estimator == MIXED else slope_t_test(panel, ci_level)


def _row(
    spec: Specification, frame: pl.DataFrame, version: str | None, fit: Fit, clock: Clock, seed: int, ci_level: float
) -> Estimate:
    random_part = " + (1 + period | community)" if spec.estimator == MIXED else " by community"
    size = int(frame["texts"].max() or 0) if frame.height else 0  # type: ignore[arg-type]
    unit = "messages" if spec.with_copies else "distinct texts"
    extra = ("not_evidence",) if spec.role == "naive" else ()
    return Estimate(
        spec_id=spec.spec_id,
        family=FAMILY,
        hypothesis_id="template_convergence",
        role=spec.role,
        estimand=f"change per {clock.name} of {_OUTCOMES[spec.outcome]}, mean over communities",
        model=f"{spec.outcome} ~ 1 + period{random_part}",
        estimator=spec.estimator,
        outcome=spec.outcome,
        term="slope",
        estimate=fit.estimate,
        std_error=fit.std_error,
        statistic=fit.statistic,
        df=fit.df,
        p_value=fit.p_value,
        conf_low=fit.conf_low,
        conf_high=fit.conf_high,
        conf_level=None if fit.conf_low is None else ci_level,
        n_obs=fit.n_obs,
        n_clusters=fit.n_clusters,
        cluster="community",
        sampling=f"{size} {unit} per community and {clock.name} by hash, seed {seed}" if size else None,
        window_start=frame["period_start"].min(),  # type: ignore[arg-type]
        window_end=frame["period_start"].max(),  # type: ignore[arg-type]
        score_version=version,
        null_mean=fit.null_mean,
        null_sd=fit.null_sd,
        n_perm=fit.n_perm,
        converged=fit.converged,
        warnings=join_warnings([*fit.warnings, *extra]),
    )
