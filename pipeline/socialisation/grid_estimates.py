"""Every specification of socialisation: rows of ``analysis.estimate``, family socialisation.

What belongs here: from values and draws to rows. The statistics are those of the measures, with other choices.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from pipeline.activity.resampling import stream
from pipeline.activity.row import Sampling
from pipeline.coordination.nulls import against
from pipeline.inference.beside import beside_placebos
from pipeline.inference.multiplicity import adjust
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import find_embedding
from pipeline.language.covered import WORD, Coverage, corpus_coverage
from pipeline.schema import Estimate, join_warnings
from pipeline.socialisation.grid import (
    AGENTS,
    COHORTS,
    CORRECTIONS,
    PHRASES,
    VOTES,
    SocialSpecification,
    first_copies,
    load_social_grid,
)
from pipeline.socialisation.grid_values import Corpus, Found, nothing, value_of
from pipeline.socialisation.vectors import listed_vectors
from pipeline.socialisation.vocabulary import FAMILY

ESTIMANDS = {
    (PHRASES, "born"): "share of n-grams of a period that are born in it, mean over periods",
    (PHRASES, "gone"): "share of n-grams of a period that die in it, mean over periods",
    (AGENTS, "similarity"): "cosine of consecutive messages of an agent, mean over agents",
    (VOTES, "similarity"): "cosine of the next post with the best-voted of the last less that with the worst-voted",
    (CORRECTIONS, "uptake"): "cosine of the next message with the first reply, corrected less other authors",
    (CORRECTIONS, "returns"): "share of authors who write again after the first reply, corrected less other authors",
    (COHORTS, "types"): "types of a cohort, slope per cohort",
    (COHORTS, "new_types"): "share of a cohort's types that no earlier cohort had, mean over cohorts",
}
NULLS = {
    PHRASES: "periods dealt anew among texts", AGENTS: "authors dealt anew", VOTES: "votes dealt anew within agents",
    CORRECTIONS: "labels dealt anew within strata", COHORTS: "agents dealt anew among cohorts",
}  # fmt: skip
_WITHOUT_VECTORS = (PHRASES, COHORTS)


def social_estimates(
    con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling, words: list[str], spaced: Coverage,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Estimate]:  # fmt: skip
    """Run every specification of the grid and adjust the p-values.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text``, ``embedding`` and ``reply_class`` of one corpus.
    clock
        Its period.
    sampling
        Seed and level; the draws are those of the grid.
    words
        Warnings about the corpus.
    spaced
        Coverage of languages whose words stand apart, for what counts words; vectors have their own.
    progress
        Receives a sentence per specification.

    Returns
    -------
    list of Estimate
        One row per specification, in the order of the grid: value, interval where units are agents, and mean and
        standard deviation of the null with p; `common_scale` is the value less the mean of its null. Null with the
        reason in `warnings` where the data do not allow one; ``placebo_failed`` where a placebo or a negative control
        of the same hypothesis and outcome is away from its null.
    """
    specs, settings = load_social_grid()
    vectors = corpus_coverage(con)
    corpus = Corpus(con, clock, find_embedding(con), sampling.seed, sampling.level, specs)
    rows = []
    with first_copies(con), listed_vectors(con, corpus.embedding):
        for spec in specs:
            progress(f"socialisation: {spec.hypothesis.replace('_', ' ')}, {spec.formula}")
            covered = spaced if spec.hypothesis in _WITHOUT_VECTORS else vectors
            if spec.hypothesis not in _WITHOUT_VECTORS and covered.is_refused:
                found = nothing(WORD)
            else:
                draws = settings["draws" if spec.role == "primary" else "draws_elsewhere"]
                found = value_of(spec, corpus, draws, stream(sampling.seed, f"socialisation/{spec.spec_id}"))
            rows.append(_row(spec, found, clock, sampling, [*words, *covered.words]))
    keys = [(row.hypothesis_id, row.outcome) for row in rows]
    must_be_empty = [row.role in ("placebo", "negative_control") for row in rows]
    return adjust(beside_placebos(rows, keys, must_be_empty, sampling.level))


def _row(spec: SocialSpecification, found: Found, clock: Clock, sampling: Sampling, words: list[str]) -> Estimate:
    null = against(NULLS[spec.hypothesis], found.value, found.draws)
    has, interval = found.value == found.value, found.interval
    scale = [None if null is None or v is None else v - null.mean for v in (found.value, interval.low, interval.high)]
    words = [*words, found.word] if found.word else words
    words = [*words, "not_evidence"] if spec.role == "naive" else words
    return Estimate(
        spec_id=spec.spec_id, family=FAMILY, hypothesis_id=spec.hypothesis, role=spec.role,
        estimand=ESTIMANDS[spec.hypothesis, spec.outcome], model=spec.formula,
        estimator={PHRASES: "share_of_ngrams", COHORTS: "count_of_types", CORRECTIONS: "matched_difference"}.get(
            spec.hypothesis, "mean_over_agents"
        ),
        outcome=spec.outcome, term=spec.hypothesis, estimate=found.value if has else None, conf_low=interval.low,
        conf_high=interval.high, conf_level=None if interval.low is None else sampling.level, n_obs=found.n_obs,
        n_agents=found.n_agents, cluster="agent", p_value=null.p_value if null else None,
        null_mean=null.mean if null else None, null_sd=null.sd if null else None,
        n_perm=len(found.draws) if null else None, common_scale=scale[0], common_scale_low=scale[1],
        common_scale_high=scale[2], sampling=f"{len(found.draws)} dealings: {NULLS[spec.hypothesis]}" if null else None,
        window_start=clock.first_at, window_end=clock.last_at, warnings=join_warnings(words),
    )  # fmt: skip
