"""All corpus-level measures of activity, threads, networks and repeated texts, in one call."""

from __future__ import annotations

import duckdb

from pipeline.activity.concentration import activity_measures
from pipeline.activity.repetition import text_measures
from pipeline.activity.row import Sampling
from pipeline.activity.threads import thread_measures
from pipeline.network.measures import network_measures
from pipeline.schema import Measure


def corpus_measures(
    con: duckdb.DuckDBPyConnection,
    *,
    seed: int,
    bootstrap_draws: int = 1000,
    null_draws: int = 200,
    clustering_draws: int = 40,
    level: float = 0.95,
) -> list[Measure]:
    """Compute the corpus-level measures of families activity, thread, network and text for slice ``all``.

    Parameters
    ----------
    con
        Connection with views ``message`` and ``interaction`` of one corpus.
    seed
        Seed of bootstraps and nulls; each measure has its own stream.
    bootstrap_draws, null_draws, clustering_draws
        Draws of each bootstrap, of each null, and of the null of clustering.
    level
        Level of the intervals.

    Returns
    -------
    list of Measure
        One row per measure; where the data do not allow a value it is null and its warnings say why.
    """
    sampling = Sampling(
        seed=seed,
        bootstrap_draws=bootstrap_draws,
        null_draws=null_draws,
        clustering_draws=clustering_draws,
        level=level,
    )
    return [
        *activity_measures(con, sampling),
        *thread_measures(con, sampling),
        *network_measures(con, sampling),
        *text_measures(con, sampling),
    ]
