"""Whether templates whose posts were voted up are taken up by others afterwards: an analogue of social learning.

What belongs here: one row of ``analysis.measure``. In the simulation of Social Learning and Collective Norm Formation
(arXiv 2510.14401, METHODS 6 row 1) agents copy those with the larger payoff. The corpus analogue: among templates that
as many authors used in a period, is the share of authors of the next period who use one for the first time larger where
its posts had more votes? Votes are those last seen, so that some were given after the template had been taken up; and
what is good of itself is voted up and used again: an association.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, cluster_bootstrap, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import KINDS
from pipeline.schema import Measure
from pipeline.transfer.order import FAMILY

NAME = "template_adoption_score_correlation"
NULL = "scores_dealt_within_period_and_users"
MIN_CELLS = 20
"""Templates in periods that can be compared with another one."""

# Users fall into halvings: 1, 2 to 3, 4 to 7 and so on.
_CELLS = """
WITH used AS (
    SELECT k.template_id, m.run_id || chr(10) || m.agent_id AS agent, {start} AS period_start,
           coalesce(m.score, m.upvotes) AS votes
    FROM message AS m
    JOIN (SELECT DISTINCT text_hash, template_id FROM template) AS k ON k.text_hash = m.text_hash
    WHERE m.agent_id IS NOT NULL AND m.kind IN ({kinds}) AND {timed}
),
able AS (
    SELECT {start} AS period_start, count(DISTINCT m.run_id || chr(10) || m.agent_id) AS authors
    FROM message AS m WHERE m.agent_id IS NOT NULL AND m.kind IN ({kinds}) AND {timed} GROUP BY ALL
),
fresh AS (
    SELECT template_id, period_start, count(*) AS adopters
    FROM (SELECT template_id, agent, min(period_start) AS period_start FROM used GROUP BY template_id, agent) AS f
    GROUP BY template_id, period_start
),
cell AS (
    SELECT template_id, period_start, count(DISTINCT agent) AS users,
           CAST(sum(votes) AS DOUBLE) / count(votes) AS votes
    FROM used GROUP BY template_id, period_start HAVING count(votes) > 0
)
SELECT c.template_id, c.period_start, CAST(floor(log2(c.users)) AS BIGINT) AS size, c.votes,
       CAST(coalesce(f.adopters, 0) AS DOUBLE) / a.authors AS adopted
FROM cell AS c
JOIN able AS a ON a.period_start = c.period_start + INTERVAL 1 {period}
LEFT JOIN fresh AS f ON f.template_id = c.template_id AND f.period_start = a.period_start
ORDER BY c.period_start, size, c.template_id
"""


@dataclass(frozen=True, slots=True)
class Cells:
    """Templates in periods, shape (cells,) each.

    Attributes
    ----------
    template, stratum
        Codes of the template, and of the period with the number of users; strata hold two templates or more.
    votes, adopted
        Rank of the mean votes within the stratum, and share of the authors of the next period that use the template
        for the first time, both less their mean in the stratum.
    """

    template: IntArray
    stratum: IntArray
    votes: FloatArray
    adopted: FloatArray


def read_cells(con: duckdb.DuckDBPyConnection, clock: Clock) -> Cells:
    """Return the templates in periods that can be compared; the clock must have a period."""
    import polars as pl

    query = _CELLS.format(
        start=clock.start_sql("m"), timed=clock.is_timed_sql("m"), period=clock.name.upper(),
        kinds=", ".join(f"'{kind}'" for kind in KINDS),
    )  # fmt: skip
    found = con.sql(query).pl()
    group = ["period_start", "size"]
    kept = found.filter(pl.len().over(group) > 1).with_columns(rank=pl.col("votes").rank().over(group))
    centred = kept.select(
        "template_id", *group, *((pl.col(c) - pl.col(c).mean().over(group)).alias(c) for c in ("rank", "adopted"))
    )
    codes = centred.select(pl.struct(group).rank("dense").cast(pl.Int64)).to_series() if kept.height else kept["size"]
    template = np.unique(centred["template_id"].to_numpy(), return_inverse=True)[1]
    return Cells(
        template.astype(np.int64), codes.to_numpy().astype(np.int64), centred["rank"].to_numpy().astype(np.float64),
        centred["adopted"].to_numpy().astype(np.float64),
    )  # fmt: skip


def adoption_measure(con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling, words: list[str]) -> Measure:
    """Compute the correlation of the votes of a template and its adoption in the next period.

    Parameters
    ----------
    con
        Connection with the views ``message`` and ``template`` of one corpus.
    clock
        Its period.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    Measure
        ``template_adoption_score_correlation`` within periods and numbers of users, templates drawn with replacement,
        beside votes dealt out anew within them.
    """
    if clock.period is None:
        return row(FAMILY, NAME, None, 0, "templates", level=sampling.level, warnings=[*words, str(clock.refusal)])
    if not con.sql("SELECT count(coalesce(score, upvotes)) FROM message").fetchall()[0][0]:
        return row(FAMILY, NAME, None, 0, "templates", level=sampling.level, warnings=[*words, "no_scores"])
    cells = read_cells(con, clock)
    templates = len(np.unique(cells.template))
    if len(cells.votes) < MIN_CELLS:
        return row(FAMILY, NAME, None, templates, "templates", level=sampling.level, warnings=[*words, "few_texts"])
    sums = np.column_stack([
        np.bincount(cells.template, weights=w)
        for w in (cells.votes * cells.adopted, np.square(cells.votes), np.square(cells.adopted))
    ])  # fmt: skip
    value = float(_correlation(sums.sum(axis=0)[None, :])[0])
    if not np.isfinite(value):
        return row(FAMILY, NAME, None, templates, "templates", level=sampling.level, warnings=[*words, "no_variation"])
    rng = stream(sampling.seed, NAME)
    plain = np.argsort(cells.stratum, kind="stable")
    drawn = []
    for _ in range(sampling.null_draws):
        votes = np.empty_like(cells.votes)
        votes[plain] = cells.votes[np.argsort(cells.stratum + rng.random(len(plain)))]
        drawn.append(float(votes @ cells.adopted) / float(np.sqrt(sums[:, 1].sum() * sums[:, 2].sum())))
    few = [] if templates >= FEWEST_BOOTSTRAP_UNITS else ["few_clusters"]
    interval = NO_INTERVAL if few else cluster_bootstrap(
        sums, _correlation, draws=sampling.bootstrap_draws, rng=stream(sampling.seed, f"{NAME}/interval"),
        level=sampling.level, method="cluster_bootstrap_templates",
    )  # fmt: skip
    return row(
        FAMILY, NAME, value, templates, "templates", level=sampling.level, interval=interval,
        null=against(NULL, value, np.array(drawn)), warnings=[*words, *few],
    )  # fmt: skip


def _correlation(sums: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / np.sqrt(sums[:, 1] * sums[:, 2]), dtype=np.float64)
